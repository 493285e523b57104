//! The values an operator wrote into a comparison, read as its subject has them.

use super::leaf::Fault;
use super::matcher::{Range, TEXT_BYTES_MAX};
use super::operand::Operand;
use super::version::Version;
use crate::cidr::Cidr;
use crate::query::{Cell, FilterValue};
use crate::thing::{Comparison, ConditionOp};
use jiff::civil::Date;

/// The most values of one comparison.
const VALUES_MAX: usize = 10_000;

/// The longest regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 1024;

/// The values of a comparison, as many as its operator takes.
pub(super) struct Values<'c> {
    cells: &'c [Cell],
    is_list: bool,
}

impl<'c> Values<'c> {
    pub(super) fn of(comparison: &'c Comparison) -> Result<Self, Fault> {
        use ConditionOp::{Between, In, Known, NotIn, Unknown};
        let cells = comparison.value.cells();
        let is_list = matches!(comparison.value, FilterValue::Many(_));
        let is_absent = cells == [Cell::Null] && !is_list;
        let fault = |message: String| Err(Fault::new("value", message));
        match comparison.op {
            op @ (Known | Unknown) if !is_absent => fault(format!("`{op}` takes no value")),
            Known | Unknown => Ok(Self { cells: &[], is_list }),
            _ if is_absent => fault("a value is missing".to_owned()),
            In | NotIn if cells.is_empty() => fault("needs at least one value".to_owned()),
            In | NotIn if cells.len() > VALUES_MAX => {
                fault(format!("{} values; expected at most {VALUES_MAX}", cells.len()))
            }
            In | NotIn => Ok(Self { cells, is_list }),
            Between if cells.len() == 2 => Ok(Self { cells, is_list }),
            Between => fault("`between` takes a list of two values".to_owned()),
            op if is_list => fault(format!("`{op}` takes one value; use `in` for several")),
            _ => Ok(Self { cells, is_list }),
        }
    }

    pub(super) fn all<T>(
        &self,
        read: impl Fn(&'c Cell) -> Result<T, String>,
    ) -> Result<Vec<T>, Fault> {
        let part = |i: usize| if self.is_list { format!("value[{i}]") } else { "value".to_owned() };
        let cells = self.cells.iter().enumerate();
        cells.map(|(i, cell)| read(cell).map_err(|message| Fault::new(part(i), message))).collect()
    }

    pub(super) fn only<T>(&self, read: impl Fn(&'c Cell) -> Result<T, String>) -> Result<T, Fault> {
        let missing = || Fault::new("value", "a value is missing");
        self.all(read)?.into_iter().next().ok_or_else(missing)
    }

    pub(super) fn truth(&self) -> Result<bool, Fault> {
        self.only(|cell| match cell {
            Cell::Bool(truth) => Ok(*truth),
            _ => Err("expected true or false".to_owned()),
        })
    }

    /// The first and the last value of an ordered comparison; `ends` stand where it has none.
    pub(super) fn bounds<T: Copy>(
        &self,
        op: ConditionOp,
        read: impl Fn(&'c Cell) -> Result<T, String>,
        ends: [T; 2],
    ) -> Result<(T, T), Fault> {
        let values = self.all(read)?;
        let first = values.first().copied().unwrap_or(ends[0]);
        let last = values.last().copied().unwrap_or(ends[1]);
        Ok(match op {
            ConditionOp::Between => (first, last),
            ConditionOp::LessThan | ConditionOp::AtMost => (ends[0], last),
            _ => (first, ends[1]),
        })
    }

    pub(super) fn range(&self, op: ConditionOp, operand: Operand) -> Result<Range, Fault> {
        let ends = match operand {
            Operand::Clock { first, last } => [first, last],
            _ => [i64::MIN, i64::MAX],
        };
        let (mut first, mut last) = self.bounds(op, |cell| number(cell, operand), ends)?;
        match op {
            ConditionOp::LessThan => last = last.saturating_sub(1),
            ConditionOp::GreaterThan => first = first.saturating_add(1),
            _ => {}
        }
        let goes_round = matches!(operand, Operand::Clock { .. }) && op == ConditionOp::Between;
        if first > last && !goes_round {
            return Err(Fault::new(
                "value",
                "no value lies there: the first is greater than the last",
            ));
        }
        Ok(Range { first, last })
    }
}

pub(super) fn text(cell: &Cell) -> Result<&str, String> {
    text_within(cell, TEXT_BYTES_MAX)
}

pub(super) fn pattern(cell: &Cell) -> Result<&str, String> {
    text_within(cell, PATTERN_BYTES_MAX)
}

fn text_within(cell: &Cell, bytes_max: usize) -> Result<&str, String> {
    match cell {
        Cell::Text(text) if text.is_empty() => {
            Err("an empty text is no value: use `known` or `unknown`".to_owned())
        }
        Cell::Text(text) if text.len() > bytes_max => {
            Err(format!("expected at most {bytes_max} bytes"))
        }
        Cell::Text(text) => Ok(text),
        _ => Err("expected a text".to_owned()),
    }
}

pub(super) fn version(cell: &Cell) -> Result<Version, String> {
    let expected = || "expected a version such as \"10.1\"".to_owned();
    match cell {
        Cell::Text(text) => Version::read(text.as_bytes()).ok_or_else(expected),
        Cell::Int(int) => Version::read(int.to_string().as_bytes()).ok_or_else(expected),
        _ => Err(expected()),
    }
}

pub(super) fn address(cell: &Cell) -> Result<Cidr, String> {
    match cell {
        Cell::Text(text) => text.parse().map_err(|error: crate::cidr::CidrError| error.to_string()),
        _ => Err("expected a range such as \"192.0.2.0/24\"".to_owned()),
    }
}

pub(super) fn number(cell: &Cell, operand: Operand) -> Result<i64, String> {
    match (operand, cell) {
        (Operand::Clock { first, last }, Cell::Int(int)) if (first..=last).contains(int) => {
            Ok(*int)
        }
        (Operand::Clock { first, last }, _) => {
            Err(format!("expected a number from {first} to {last}"))
        }
        (Operand::Day, Cell::Text(text)) => day(text),
        (Operand::Day, _) => Err("expected a date such as \"2026-11-22\"".to_owned()),
        (_, Cell::Int(int)) => Ok(*int),
        _ => Err("expected a whole number".to_owned()),
    }
}

/// Days since 1970-01-01.
fn day(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no date: expected something like 2026-11-22");
    if text.len() != "2026-11-22".len() {
        return Err(wrong());
    }
    let date: Date = text.parse().map_err(|_| wrong())?;
    let since = date.since(Date::constant(1970, 1, 1)).map_err(|_| wrong())?;
    Ok(i64::from(since.get_days()))
}
