//! Somebody's totals as people paste them: which column is what, and each cell as its column has it.

use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::reconcile_columns::Target::{self, Field as F, Measure as M};
use super::reconcile_columns::{currency_of, targets};
use crate::csv_rows;
use jiff::civil::Date;
use model::Field;
use model::field::ValueKind;
use model::money::{Currency, DecimalMark, Money, MoneyError};
use model::query::Cell;
use model::table::Things;
use model::thing::{Kind, Problem, ThingId};
use report::{Measure, TheirLine};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The most lines that are compared at a time.
const LINES_MAX: usize = 50_000;

/// Within how many lines the names of the columns must stand: some exports begin with a title.
const HEAD_WITHIN: usize = 10;

/// In which order a date between slashes is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateOrder {
    /// 22/11/2026
    DayFirst,
    /// 11/22/2026
    MonthFirst,
}

/// What was sent, as a table.
#[derive(Debug)]
pub struct Sheet {
    head: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
}

/// How a sheet is read.
pub struct Reading<'a> {
    /// What lines are told apart by.
    pub by: &'a [Field],
    /// Columns that were said to hold something: `-` for nothing.
    pub columns: &'a BTreeMap<String, String>,
    /// How amounts are written.
    pub mark: DecimalMark,
    /// How dates between slashes are written.
    pub dates: Option<DateOrder>,
    /// Of amounts without a currency of their own.
    pub currency: Currency,
    /// Whose things.
    pub workspace: ThingId,
    /// By name …
    pub names: &'a AppNames,
    /// … and by key.
    pub things: &'a Things,
}

/// A sheet that was read.
#[derive(Debug)]
pub struct TheirTotals {
    /// Its lines.
    pub lines: Vec<TheirLine>,
    /// What they have figures of.
    pub measures: Vec<Measure>,
    /// Columns that are not compared.
    pub unused_columns: Vec<String>,
    /// Lines that were left out: sums of others.
    pub skipped_lines: Vec<u64>,
}

impl Sheet {
    /// A CSV file; its head may stand behind a title.
    ///
    /// # Errors
    /// When it is no CSV, or no line has the name of a figure.
    pub fn of_csv(text: &str, columns: &BTreeMap<String, String>) -> Result<Self, ApiError> {
        let rows = csv_rows::rows(text).map_err(|error| {
            invalid(error.to_string(), "close the quote, or double it").field("csv")
        })?;
        let is_figure = |name: &String| {
            columns.get(name).map_or_else(
                || targets(name).iter().any(|target| matches!(target, M(_))),
                |word| Measure::from_word(word).is_some(),
            )
        };
        let mut rows = rows.into_iter();
        let head = rows.by_ref().take(HEAD_WITHIN).find(|(_, row)| row.iter().any(is_figure));
        let Some((_, head)) = head else {
            let detail = "no column is called clicks, conversions, cost or revenue";
            let remedy = "name the columns in the first line, or say what they hold in `columns`";
            return Err(invalid(detail, remedy).field("csv"));
        };
        Ok(Self { head, rows: rows.collect() })
    }

    /// Objects with names of columns.
    ///
    /// # Errors
    /// When a value is neither text nor number.
    pub fn of_objects(objects: Vec<Map<String, Value>>) -> Result<Self, ApiError> {
        let mut head: Vec<String> = Vec::new();
        let mut rows = Vec::with_capacity(objects.len());
        for (line, object) in (1..).zip(objects) {
            let mut row = vec![String::new(); head.len()];
            for (name, value) in object {
                let text = match value {
                    Value::Null => continue,
                    Value::String(text) => text,
                    Value::Number(number) => number.to_string(),
                    Value::Bool(truth) => truth.to_string(),
                    Value::Array(_) | Value::Object(_) => {
                        let detail = format!("line {line}, `{name}`: holds no single value");
                        return Err(invalid(detail, "send texts and numbers").field(name));
                    }
                };
                let place = head.iter().position(|known| *known == name);
                let place = place.unwrap_or_else(|| {
                    head.push(name);
                    head.len() - 1
                });
                row.resize(row.len().max(place + 1), String::new());
                row[place] = text;
            }
            rows.push((line, row));
        }
        Ok(Self { head, rows })
    }
}

impl Reading<'_> {
    /// The lines, or everything that is wrong with them.
    ///
    /// # Errors
    /// Columns that are missing or undecided; cells by line and column.
    pub fn read(&self, sheet: Sheet) -> Result<TheirTotals, ApiError> {
        if sheet.rows.len() > LINES_MAX {
            let detail = format!("{} lines are too many", sheet.rows.len());
            return Err(invalid(detail, &format!("send at most {LINES_MAX} at a time")));
        }
        let columns = self.columns(&sheet.head)?;
        let has = |measure: &Measure| columns.contains(&Some(M(*measure)));
        let measures: Vec<Measure> = Measure::ALL.into_iter().filter(has).collect();
        let unused = sheet.head.iter().zip(&columns).filter(|(_, column)| column.is_none());
        let unused_columns = unused.map(|(name, _)| name.clone()).collect();
        let (mut lines, mut skipped_lines, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (line, row) in sheet.rows {
            match self.line(line, &row, &sheet.head, &columns) {
                Ok(read) => lines.push(read),
                Err(_) if is_sum(&row, &columns) => skipped_lines.push(line),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if let Some(first) = problems.first() {
            let detail = format!("{}: {}", first.field, first.message);
            let remedy = "correct the places named and send it again";
            return Err(ApiError::new(Code::Invalid, detail).problems(problems).remedy(remedy));
        }
        Ok(TheirTotals { lines, measures, unused_columns, skipped_lines })
    }

    /// What each column holds; none for one that is not compared.
    fn columns(&self, head: &[String]) -> Result<Vec<Option<Target>>, ApiError> {
        let mut columns = Vec::with_capacity(head.len());
        for name in head {
            columns.push(match self.columns.get(name).map(String::as_str) {
                Some("-") => None,
                Some(word) => {
                    let wrong = || {
                        invalid(format!("`{word}` is no field and no figure"), "name a field such as creative_id, a figure, currency, or - for nothing")
                            .field(format!("columns.{name}"))
                    };
                    Some(Target::from_word(word).ok_or_else(wrong)?)
                }
                None => targets(name).into_iter().find(|target| self.is_wanted(*target, head)),
            });
        }
        for (place, target) in columns.iter().enumerate() {
            let first = columns[..place].iter().position(|of| of == target);
            if let (Some(target), Some(first)) = (target, first) {
                let (word, a, b) = (target.word(), &head[first], &head[place]);
                let detail = format!("the columns `{a}` and `{b}` both look like {word}");
                let remedy = format!("say which in `columns`, such as {{\"{a}\": \"-\"}}");
                return Err(invalid(detail, &remedy).field("columns"));
            }
        }
        if let Some(field) = self.by.iter().find(|field| !columns.contains(&Some(F(**field)))) {
            let detail = format!("no column holds `{field}`; there are: {}", head.join(", "));
            let remedy = format!(
                "say which in `columns`, such as {{\"Ad ID\": \"{field}\"}}, or leave it out of `by`"
            );
            return Err(invalid(detail, &remedy).field("columns"));
        }
        if !columns.iter().any(|target| matches!(target, Some(M(_)))) {
            let detail = "no column holds clicks, conversions, cost or revenue";
            return Err(invalid(detail, "say which in `columns`").field("columns"));
        }
        Ok(columns)
    }

    /// A column that another one was said to be is not guessed again.
    fn is_wanted(&self, target: Target, head: &[String]) -> bool {
        let said = |name: &String| self.columns.get(name).is_some_and(|w| w == target.word());
        let is_said = head.iter().any(said);
        let is_compared = match target {
            F(field) => self.by.contains(&field),
            M(_) | Target::Currency => true,
        };
        is_compared && !is_said
    }

    fn line(
        &self,
        line: u64,
        row: &[String],
        head: &[String],
        columns: &[Option<Target>],
    ) -> Result<TheirLine, Vec<Problem>> {
        let cell = |place: usize| row.get(place).map_or("", |text| text.trim());
        let place_of = |target: Target| columns.iter().position(|of| *of == Some(target));
        let mut problems = Vec::new();
        let mut wrong = |place: usize, message: String| {
            problems.push(Problem::new(format!("line {line}, column `{}`", head[place]), message));
        };
        let mut key = Vec::with_capacity(self.by.len());
        for field in self.by {
            let Some(place) = place_of(F(*field)) else { continue };
            match self.value(*field, cell(place)) {
                Ok(value) => key.push(value),
                Err(message) => wrong(place, message),
            }
        }
        let mut currency = None;
        if let Some(place) = place_of(Target::Currency).filter(|place| !cell(*place).is_empty()) {
            match cell(place).parse::<Currency>() {
                Ok(code) => currency = Some(code),
                Err(error) => wrong(place, error.to_string()),
            }
        }
        let mut figures = Vec::new();
        for (place, target) in columns.iter().enumerate() {
            let Some(M(measure)) = target else { continue };
            let figure = if matches!(measure, Measure::Cost | Measure::Revenue) {
                currency = currency.or_else(|| currency_of(&head[place]));
                self.amount(cell(place))
            } else {
                self.count(cell(place))
            };
            match figure {
                Ok(figure) => figures.push((*measure, figure)),
                Err(message) => wrong(place, message),
            }
        }
        let currency = currency.unwrap_or(self.currency);
        if problems.is_empty() {
            Ok(TheirLine { line, key, figures, currency })
        } else {
            Err(problems)
        }
    }

    fn value(&self, field: Field, text: &str) -> Result<Cell, String> {
        if field == Field::Day {
            return self.day(text).map(Cell::Int);
        }
        if text.is_empty() {
            return Ok(Cell::Null);
        }
        Ok(match field.row().kind {
            ValueKind::Thing => self.thing(field, text),
            ValueKind::Int => {
                Cell::Int(text.parse().map_err(|_| "expected a whole number".to_owned())?)
            }
            ValueKind::Bool => match text.to_lowercase().as_str() {
                "true" | "yes" | "1" => Cell::Bool(true),
                "false" | "no" | "0" => Cell::Bool(false),
                _ => return Err("expected true or false".to_owned()),
            },
            ValueKind::Text | ValueKind::ClickId => Cell::Text(text.to_owned()),
        })
    }

    /// The thing of a name, key or number; the text itself where there is none: that line is theirs alone.
    fn thing(&self, field: Field, text: &str) -> Cell {
        let kind = Kind::from_word(field.name());
        let by_name = kind.and_then(|kind| self.names.number(kind, self.workspace, text).ok());
        let by_key = || {
            let own = self.things.campaigns.iter().filter(|t| t.workspace == self.workspace);
            let mut own = own.filter(|_| field == Field::Campaign);
            own.find(|thing| thing.body.key == text).map(|thing| thing.id)
        };
        let number = by_name.or_else(by_key).or_else(|| text.trim_start_matches('#').parse().ok());
        number.map_or_else(|| Cell::Text(text.to_owned()), |id| Cell::Int(id.into()))
    }

    /// Days since 1970.
    fn day(&self, text: &str) -> Result<i64, String> {
        let date = self.date(text).ok_or_else(|| match (text.contains('/'), self.dates) {
            (true, None) => "say with `dates` whether day or month comes first".to_owned(),
            _ => "expected a date such as 2026-11-22".to_owned(),
        })?;
        let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
        if (0..84_000).contains(&days) {
            Ok(days)
        } else {
            Err("the date is too far away".to_owned())
        }
    }

    fn date(&self, text: &str) -> Option<Date> {
        let text = text.split([' ', 'T']).next().unwrap_or_default();
        let part = |text: &str| text.parse::<i16>().ok().filter(|_| text.len() <= 4);
        let sign = ['-', '.', '/'].into_iter().find(|sign| text.contains(*sign))?;
        let parts: Vec<i16> = text.split(sign).map(part).collect::<Option<_>>()?;
        let [a, b, c] = parts[..] else { return None };
        let (year, month, day) = match (sign, self.dates) {
            _ if a > 31 => (a, b, c),
            ('.', _) | ('/', Some(DateOrder::DayFirst)) => (c, b, a),
            ('/', Some(DateOrder::MonthFirst)) => (c, a, b),
            _ => return None,
        };
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    }

    /// Micro-units; nothing is 0.
    fn amount(&self, text: &str) -> Result<i128, String> {
        let text = text.trim_matches(|c: char| "$€£¥ \u{a0}".contains(c) || c.is_alphabetic());
        if is_nothing(text) {
            return Ok(0);
        }
        Money::read(text, self.mark).map(|money| money.0.into()).map_err(|error| match error {
            MoneyError::Ambiguous => {
                "the amount is ambiguous: say with `decimal_mark` what separates the fraction"
                    .to_owned()
            }
            other => other.to_string(),
        })
    }

    /// A whole number, in groups of three or not.
    fn count(&self, text: &str) -> Result<i128, String> {
        if is_nothing(text) {
            return Ok(0);
        }
        let plain: String = text.chars().filter(|c| !" \u{a0}'".contains(*c)).collect();
        let digits = plain.trim_start_matches('-');
        let groups: Vec<&str> = digits.split([',', '.']).collect();
        let is_grouped = groups.len() > 1
            && (1..=3).contains(&groups[0].len())
            && groups[1..].iter().all(|group| group.len() == 3);
        let number = if is_grouped { plain.replace([',', '.'], "") } else { plain };
        let whole = Money::read(&number, self.mark).ok().map(|money| money.0);
        let whole = whole.filter(|micro| micro % model::money::MICRO == 0);
        whole
            .map(|micro| i128::from(micro / model::money::MICRO))
            .ok_or_else(|| "expected a whole number".to_owned())
    }
}

/// Exports write nothing in many ways.
fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "-" | "--" | "—" | "–")
}

/// The sums that exports have below or above their lines.
fn is_sum(row: &[String], columns: &[Option<Target>]) -> bool {
    let mut keys = row.iter().zip(columns).filter(|(_, column)| matches!(column, Some(F(_))));
    let first = row.iter().find(|cell| !cell.is_empty()).map(|cell| cell.to_lowercase());
    keys.all(|(cell, _)| cell.is_empty()) || first.is_some_and(|cell| cell.starts_with("total"))
}

fn invalid(detail: impl Into<String>, remedy: &str) -> ApiError {
    ApiError::new(Code::Invalid, detail).remedy(remedy)
}
