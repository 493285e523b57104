//! One comparison, made ready: what is looked at, what it is compared with, and whether it is turned
//! around.

use super::matcher::{Matcher, Part, Texts, folded};
use super::operand::{self, Operand};
use super::values::{Values, address, number, pattern, text, version};
use super::version::Version;
use crate::field::Field;
use crate::keys::{Secret, hash};
use crate::query::Cell;
use crate::thing::{Comparison, ConditionOp, Subject};
use regex::bytes::{Regex, RegexBuilder};
use std::collections::HashMap;
use std::sync::Arc;

/// Memory that a compiled regular expression may take, in bytes.
const REGEX_BYTES_MAX: usize = 256 << 10;

/// A compiled comparison.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub(crate) source: Source,
    pub(crate) matcher: Matcher,
    /// Holds when the matcher is not met.
    pub(crate) is_negated: bool,
    /// Names the comparison in the record of a click; 0 where its input is always kept exactly.
    pub(crate) digest: i64,
    /// As the operator wrote it, for an explanation.
    pub(crate) text: Arc<str>,
}

/// Where the value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A text or version among the facts.
    Text(Field),
    /// A number among the facts.
    Number(Field),
    /// A truth among the facts; absent is false.
    Truth(Field),
    /// A parameter of the landing URL.
    Param(Box<str>),
    /// The visitor's address, of which the facts may hold only a part.
    Address,
    /// The local time of the click.
    Clock(Field),
}

/// Why a comparison cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Which part of it.
    pub(super) part: String,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(part: impl Into<String>, message: impl Into<String>) -> Self {
        Self { part: part.into(), message: message.into() }
    }
}

/// Regular expressions by their text.
#[derive(Debug, Default)]
pub(super) struct Patterns(HashMap<String, Regex>);

impl Patterns {
    /// Makes `comparison` ready.
    pub(super) fn leaf(&mut self, comparison: &Comparison) -> Result<Leaf, Fault> {
        let Comparison { subject, op, .. } = comparison;
        let operand = check_subject(subject)?;
        if !operand.ops().contains(op) {
            let words: Vec<_> = operand.ops().iter().map(|op| op.word()).collect();
            let message =
                format!("{subject} cannot be compared with `{op}`: use {}", words.join(", "));
            return Err(Fault::new("op", message));
        }
        let (matcher, turned) = self.matcher(comparison, operand)?;
        let source = source(subject, operand);
        let hides = matches!(source, Source::Address | Source::Param(_));
        Ok(Leaf {
            is_negated: op.is_negative() != turned,
            digest: if hides { digest(comparison) } else { 0 },
            text: print(comparison),
            source,
            matcher,
        })
    }

    /// What the comparison compares with, and whether a truth turns it around.
    fn matcher(
        &mut self,
        comparison: &Comparison,
        operand: Operand,
    ) -> Result<(Matcher, bool), Fault> {
        use ConditionOp::{Contains, Known, NotContains, Regex, StartsWith, Unknown};
        let values = Values::of(comparison)?;
        Ok((
            match (comparison.op, operand) {
                (Known | Unknown, _) => Matcher::Known,
                (_, Operand::Truth) => {
                    return Ok((Matcher::Numbers([1].into()), !values.truth()?));
                }
                (_, Operand::Address) => Matcher::Addresses(values.all(address)?.into()),
                (Contains | NotContains, _) => Matcher::Contains(Part::new(values.only(text)?)),
                (StartsWith, _) => Matcher::StartsWith(folded(values.only(text)?)),
                (Regex, _) => Matcher::Regex(self.regex(values.only(pattern)?)?),
                (op, Operand::Text | Operand::Version) if !op.is_ordered() => {
                    Matcher::Texts(Texts::new(values.all(text)?.into_iter()))
                }
                (op, Operand::Version) => {
                    let (first, last) =
                        values.bounds(op, version, [Version::FIRST, Version::LAST])?;
                    return versions(op, first, last);
                }
                (op, operand) if op.is_ordered() => Matcher::Range(values.range(op, operand)?),
                (_, operand) => {
                    let mut numbers = values.all(|cell| number(cell, operand))?;
                    numbers.sort_unstable();
                    Matcher::Numbers(numbers.into())
                }
            },
            false,
        ))
    }

    fn regex(&mut self, pattern: &str) -> Result<Regex, Fault> {
        if let Some(regex) = self.0.get(pattern) {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build();
        let regex = built.map_err(|error| {
            let reason = match error {
                regex::Error::CompiledTooBig(_) => {
                    "the regular expression is too large: use fewer or smaller repetitions"
                        .to_owned()
                }
                error => {
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or_default();
                    format!("no regular expression: {}", last.trim_start_matches("error: "))
                }
            };
            Fault::new("value", reason)
        })?;
        self.0.insert(pattern.to_owned(), regex.clone());
        Ok(regex)
    }
}

impl Leaf {
    pub(super) fn uses_clock(&self) -> bool {
        matches!(self.source, Source::Clock(_))
    }
}

fn check_subject(subject: &Subject) -> Result<Operand, Fault> {
    match subject {
        Subject::Param(name) if name.is_empty() || name.len() > 64 => {
            Err(Fault::new("param", "expected the name of a parameter, 1 to 64 bytes"))
        }
        _ => operand::of(subject).ok_or_else(|| {
            let message =
                format!("`{subject}` is not known when a click is routed; use another field");
            Fault::new("field", message)
        }),
    }
}

fn source(subject: &Subject, operand: Operand) -> Source {
    let field = match subject {
        Subject::Param(name) => return Source::Param(name.as_str().into()),
        Subject::Field(field) => *field,
    };
    match operand {
        Operand::Text | Operand::Version => Source::Text(field),
        Operand::Number | Operand::Thing => Source::Number(field),
        Operand::Truth => Source::Truth(field),
        Operand::Address => Source::Address,
        Operand::Clock { .. } | Operand::Day => Source::Clock(field),
    }
}

/// A name of the comparison that stays the same as long as it says the same, in whatever flow and at
/// whatever place: 62 bits of a hash of its JSON, above one bit for the truth.
fn digest(comparison: &Comparison) -> i64 {
    const NO_SECRET: Secret = [0; 16];
    let json = serde_json::to_vec(comparison).unwrap_or_default();
    (hash(&NO_SECRET, &json) >> 2 << 1) as i64
}

/// The comparison in words, its values cut.
fn print(comparison: &Comparison) -> Arc<str> {
    const SHOWN: usize = 8;
    let Comparison { subject, op, value } = comparison;
    let cells = value.cells();
    let mut text = format!("{subject} {op}");
    for (i, cell) in cells.iter().take(SHOWN).enumerate() {
        text.push_str(if i == 0 { " " } else { ", " });
        match cell {
            Cell::Null => {}
            Cell::Bool(truth) => text.push_str(&truth.to_string()),
            Cell::Int(int) => text.push_str(&int.to_string()),
            Cell::Text(value) => text.push_str(value),
        }
    }
    if cells.len() > SHOWN {
        text.push_str(&format!(" and {} more", cells.len() - SHOWN));
    }
    text.trim_end().into()
}

impl ConditionOp {
    const fn is_negative(self) -> bool {
        matches!(self, Self::IsNot | Self::NotIn | Self::NotContains | Self::Unknown)
    }

    const fn is_ordered(self) -> bool {
        matches!(
            self,
            Self::LessThan | Self::AtMost | Self::GreaterThan | Self::AtLeast | Self::Between
        )
    }
}

/// Versions are whole numbers of 128 bits, so the one next to a bound exists.
fn versions(op: ConditionOp, first: Version, last: Version) -> Result<(Matcher, bool), Fault> {
    if first > last {
        return Err(Fault::new("value", "no version lies there: the first is newer than the last"));
    }
    let (first, last) = match op {
        ConditionOp::LessThan => (first, last.before()),
        ConditionOp::GreaterThan => (first.after(), last),
        _ => (first, last),
    };
    Ok((Matcher::Versions { first, last }, false))
}
