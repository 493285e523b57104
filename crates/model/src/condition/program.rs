//! The rules of a flow as one list of steps, and each comparison made at most once a click: operators
//! ask for the same country in rule after rule.

use super::{Inputs, Leaf, Node};
use std::collections::HashMap;
use std::sync::Arc;

/// The conditions of a list of rules.
#[derive(Debug, Default)]
pub struct Program {
    /// What is compared; equal comparisons of several rules once. Copies, so that they lie in a row: to
    /// follow a pointer to each takes as long as to compare.
    leaves: Box<[Leaf]>,
    steps: Box<[Step]>,
    first: u32,
}

/// One comparison, and where to go on: to another step, or to the end.
#[derive(Clone, Copy, Debug)]
struct Step {
    leaf: u32,
    met: u32,
    unmet: u32,
    /// Where the outcome is kept; nowhere from [`KEPT`] on.
    kept: u32,
}

/// Places from here on are ends: the rule whose number is added to it is met …
const RULES: u32 = 1 << 31;

/// … or none is.
const NONE: u32 = u32::MAX;

/// So many comparisons that stand in several places have their outcomes kept; others are made again.
const KEPT: usize = 64;

impl Program {
    /// The program of `rules`, in their order.
    pub fn new<'n>(rules: impl DoubleEndedIterator<Item = &'n Node> + ExactSizeIterator) -> Self {
        let mut writer = Writer::default();
        let numbered = (RULES..).zip(rules).collect::<Vec<_>>();
        let first =
            numbered.into_iter().rfold(NONE, |next, (end, rule)| writer.write(rule, end, next));
        writer.keep_what_is_repeated();
        Self { leaves: writer.leaves.into(), steps: writer.steps.into(), first }
    }

    /// The place of the first rule that is met, from 0. Of a visit whose inputs are all there: what was
    /// not kept is taken for unmet.
    pub fn first_met<'a>(&'a self, inputs: &mut Inputs<'a>) -> Option<usize> {
        let mut outcomes = [None; KEPT];
        let mut at = self.first;
        while let Some(step) = self.steps.get(at as usize) {
            let mut compare = || {
                let leaf = self.leaves.get(step.leaf as usize);
                leaf.is_some_and(|leaf| inputs.decide(leaf) == Some(true))
            };
            let holds = match outcomes.get_mut(step.kept as usize) {
                None => compare(),
                Some(outcome) => *outcome.get_or_insert_with(compare),
            };
            at = if holds { step.met } else { step.unmet };
        }
        (at != NONE).then_some((at ^ RULES) as usize)
    }
}

#[derive(Default)]
struct Writer {
    leaves: Vec<Leaf>,
    places: HashMap<*const Leaf, u32>,
    steps: Vec<Step>,
}

impl Writer {
    /// Writes the steps of `node` and answers where they begin: they end at `met` or at `unmet`.
    fn write(&mut self, node: &Node, met: u32, unmet: u32) -> u32 {
        match node {
            Node::All(nodes) => nodes.iter().rfold(met, |next, node| self.write(node, next, unmet)),
            Node::Any(nodes) => nodes.iter().rfold(unmet, |next, node| self.write(node, met, next)),
            Node::Leaf(leaf) => {
                let leaf = self.place(leaf);
                self.steps.push(Step { leaf, met, unmet, kept: NONE });
                self.steps.len() as u32 - 1
            }
        }
    }

    fn keep_what_is_repeated(&mut self) {
        let mut uses = vec![0; self.leaves.len()];
        self.steps.iter().for_each(|step| uses[step.leaf as usize] += 1);
        let repeated = (0..NONE).zip(uses).filter(|(_, uses)| *uses > 1).map(|(leaf, _)| leaf);
        let kept: HashMap<u32, u32> = repeated.zip(0..).collect();
        for step in &mut self.steps {
            step.kept = kept.get(&step.leaf).copied().unwrap_or(NONE);
        }
    }

    fn place(&mut self, leaf: &Arc<Leaf>) -> u32 {
        *self.places.entry(Arc::as_ptr(leaf)).or_insert_with(|| {
            self.leaves.push(Leaf::clone(leaf));
            self.leaves.len() as u32 - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Compiler;
    use super::*;
    use crate::facts::Facts;
    use crate::route::Visit;
    use crate::thing::Condition;
    use crate::{ClickKey, Field};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn comparison() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0..3u8)
                .prop_map(|n| json!({"field": "country", "op": "is", "value": format!("C{n}")})),
            (0..3u8).prop_map(|n| json!({"field": "os", "op": "is_not", "value": format!("O{n}")})),
            (0..300u16).prop_map(|n| json!({"param": "zone", "op": "is", "value": n.to_string()})),
            Just(json!({"field": "ip", "op": "in", "value": ["192.0.2.0/24"]})),
        ]
    }

    fn condition() -> impl Strategy<Value = Value> {
        comparison().prop_recursive(4, 24, 4, |below| {
            prop_oneof![
                proptest::collection::vec(below.clone(), 1..4).prop_map(|all| json!({"all": all})),
                proptest::collection::vec(below, 1..4).prop_map(|any| json!({"any": any})),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_program_meets_the_first_rule_that_holds_and_notes_the_same_truths(
            rules in proptest::collection::vec(condition(), 0..40),
            (country, os, zone, ip) in (0..4u8, 0..4u8, 0..300u16, 1..4u8),
        ) {
            let mut compiler = Compiler::default();
            let mut compile = |rule| {
                let condition: Condition = serde_json::from_value(rule).unwrap();
                compiler.compile(&condition).unwrap()
            };
            let nodes: Vec<Node> = rules.into_iter().map(&mut compile).collect();
            let mut facts = Facts::for_click();
            facts.set_text(Field::Country, &format!("C{country}"));
            facts.set_text(Field::Os, &format!("O{os}"));
            let query = format!("zone={zone}");
            let ip = Some([192, 0, ip, 7].into());
            // Neither query nor address is among the facts, so that truths have to be noted.
            let visit = Visit { query: &query, ip, ..Visit::new(ClickKey(1 << 61), &facts) };

            let program = Program::new(nodes.iter());
            let mut inputs = Inputs::new(&visit);
            let met = program.first_met(&mut inputs);
            let mut naive = Inputs::new(&visit);
            let expected = nodes.iter().position(|node| node.holds(&mut naive) == Some(true));
            prop_assert_eq!(met, expected);
            prop_assert_eq!(inputs.into_truths(), naive.into_truths());
        }
    }

    #[test]
    fn equal_comparisons_of_all_rules_are_one() {
        let mut compiler = Compiler::default();
        let mut rule = |n: u32| {
            let condition = json!({"all": [
                {"field": "country", "op": "in", "value": ["DE", "AT"]},
                {"param": "zone", "op": "is", "value": n.to_string()},
            ]});
            compiler.compile(&serde_json::from_value(condition).unwrap()).unwrap()
        };
        let rules: Vec<Node> = (0..400).map(&mut rule).collect();
        let program = Program::new(rules.iter());
        assert_eq!((program.leaves.len(), program.steps.len()), (401, 800));
    }
}
