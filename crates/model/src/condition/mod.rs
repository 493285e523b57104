//! Conditions as the redirect path evaluates them: compiled once, then a few comparisons per click.
//!
//! [`operand`] says which fields may be compared and how, [`leaf`] makes a comparison out of what the
//! operator wrote, [`matcher`] holds what is compared with, [`inputs`] what is known about the click, and
//! [`program`] is the conditions of a whole list of rules.

mod inputs;
mod leaf;
mod matcher;
mod operand;
mod program;
mod values;
mod version;

pub use inputs::Inputs;
pub use leaf::Leaf;
pub use program::Program;

use crate::query::Cell;
use crate::thing::{Comparison, Condition, Problem};
use leaf::{Fault, Patterns, Source};
use operand::Operand;
use std::collections::HashMap;
use std::sync::Arc;

/// How deep conditions may be nested; a table of rules is deeper than anybody reads long before.
const DEPTH_MAX: usize = 8;

/// The most comparisons of one rule.
const COMPARISONS_MAX: usize = 200;

/// A compiled tree of comparisons.
#[derive(Clone, Debug)]
pub enum Node {
    /// Every one holds.
    All(Box<[Node]>),
    /// At least one holds.
    Any(Box<[Node]>),
    /// A comparison.
    Leaf(Arc<Leaf>),
}

/// Turns conditions into [`Node`]s. Equal comparisons, and equal regular expressions, are made once:
/// thousands of flows share a few.
#[derive(Debug, Default)]
pub struct Compiler {
    leaves: HashMap<Comparison, Arc<Leaf>>,
    patterns: Patterns,
}

impl Compiler {
    /// The compiled form of `condition`; a problem names its place within it.
    pub fn compile(&mut self, condition: &Condition) -> Result<Node, Vec<Problem>> {
        let mut problems = Vec::new();
        let node = self.node(condition, "", 0, &mut problems);
        match node {
            Some(node) if problems.is_empty() => Ok(node),
            _ => Err(problems),
        }
    }

    fn node(
        &mut self,
        condition: &Condition,
        at: &str,
        depth: usize,
        problems: &mut Vec<Problem>,
    ) -> Option<Node> {
        let (word, below) = match condition {
            Condition::Leaf(comparison) => {
                return match self.leaf(comparison) {
                    Ok(leaf) => Some(Node::Leaf(leaf)),
                    Err(Fault { part, message }) => {
                        problems.push(Problem::new(join(at, &part), message));
                        None
                    }
                };
            }
            Condition::All { all } => ("all", all),
            Condition::Any { any } => ("any", any),
        };
        let at = join(at, word);
        if below.is_empty() {
            problems.push(Problem::new(at, "needs at least one condition"));
            return None;
        }
        if depth == DEPTH_MAX {
            problems
                .push(Problem::new(at, format!("conditions are nested deeper than {DEPTH_MAX}")));
            return None;
        }
        let mut nodes = Vec::with_capacity(below.len());
        for (i, condition) in below.iter().enumerate() {
            nodes.extend(self.node(condition, &format!("{at}[{i}]"), depth + 1, problems));
        }
        let nodes = nodes.into_boxed_slice();
        Some(if word == "all" { Node::All(nodes) } else { Node::Any(nodes) })
    }

    fn leaf(&mut self, comparison: &Comparison) -> Result<Arc<Leaf>, Fault> {
        if let Some(leaf) = self.leaves.get(comparison) {
            return Ok(leaf.clone());
        }
        let leaf = Arc::new(self.patterns.leaf(comparison)?);
        self.leaves.insert(comparison.clone(), leaf.clone());
        Ok(leaf)
    }
}

/// What is wrong with a condition; places are within it, empty for the whole.
pub(crate) fn problems(condition: &Condition) -> Vec<Problem> {
    let comparisons = count(condition);
    if comparisons > COMPARISONS_MAX {
        let message = format!("{comparisons} comparisons; expected at most {COMPARISONS_MAX}");
        return vec![Problem::new("", message)];
    }
    Compiler::default().compile(condition).err().unwrap_or_default()
}

/// Whether a comparison of the clock holds at every time.
pub(crate) fn is_met_on_every_clock(comparison: &Comparison) -> bool {
    let Some(Operand::Clock { first, last }) = operand::of(&comparison.subject) else {
        return false;
    };
    let leaf = Patterns::default().leaf(comparison);
    leaf.is_ok_and(|leaf| {
        (first..=last).all(|at| leaf.matcher.meets_number(Some(at)) != leaf.is_negated)
    })
}

/// Whether a comparison holds for each of these values; `false` where that cannot be told.
pub(crate) fn is_met_by_every_value(comparison: &Comparison, values: &[Cell]) -> bool {
    let Ok(leaf) = Patterns::default().leaf(comparison) else { return false };
    let is_met = |value: &Cell| match value {
        Cell::Text(text) if matches!(leaf.source, Source::Text(_) | Source::Param(_)) => {
            leaf.matcher.meets_text(Some(text.as_bytes())) != leaf.is_negated
        }
        Cell::Int(int) if !matches!(leaf.source, Source::Text(_) | Source::Param(_)) => {
            leaf.matcher.meets_number(Some(*int)) != leaf.is_negated
        }
        _ => false,
    };
    values.iter().all(is_met)
}

fn count(condition: &Condition) -> usize {
    match condition {
        Condition::All { all: below } | Condition::Any { any: below } => {
            below.iter().map(count).sum()
        }
        Condition::Leaf(_) => 1,
    }
}

fn join(at: &str, part: &str) -> String {
    match (at, part) {
        ("", part) => part.to_owned(),
        (at, "") => at.to_owned(),
        (at, part) => format!("{at}.{part}"),
    }
}

impl Node {
    /// Whether the condition holds; `None` when that hangs on an input that was not kept. Notes the
    /// truths that have to be recorded.
    pub fn holds<'a>(&'a self, inputs: &mut Inputs<'a>) -> Option<bool> {
        self.evaluate(&mut |leaf| inputs.decide(leaf))
    }

    /// Whether the condition holds when `judge` says what its comparisons come to.
    pub fn evaluate<'a>(
        &'a self,
        judge: &mut impl FnMut(&'a Leaf) -> Option<bool>,
    ) -> Option<bool> {
        match self {
            Self::Leaf(leaf) => judge(leaf),
            Self::All(nodes) => unless(nodes, false, judge),
            Self::Any(nodes) => unless(nodes, true, judge),
        }
    }

    /// Whether it looks at the clock of the flow.
    pub fn uses_clock(&self) -> bool {
        match self {
            Self::Leaf(leaf) => leaf.uses_clock(),
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(Self::uses_clock),
        }
    }
}

/// `decisive` as soon as one node is it, else its opposite: the three-valued logic of Kleene, in
/// which one that is not known leaves the whole unknown only where the others do not decide it.
fn unless<'a>(
    nodes: &'a [Node],
    decisive: bool,
    judge: &mut impl FnMut(&'a Leaf) -> Option<bool>,
) -> Option<bool> {
    let mut whole = Some(!decisive);
    for node in nodes {
        match node.evaluate(judge) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => whole = None,
        }
    }
    whole
}
