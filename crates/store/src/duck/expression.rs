//! Fields, filters and times as SQL: the same meaning as `field_value` and `FilterTest`.

use super::literal;
use super::schema::Table;
use crate::filter_test::{FilterTest, Test, stored_kind};
use model::Field;
use model::event::RowKind;
use model::field::{Home, ValueKind};
use model::id::{ClickKey, EPOCH_MS};
use model::query::{Cell, Plan, TimeBasis};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Bits of a key below its time: 8 for the node, 12 for the sequence.
const KEY_TIME_SHIFT: u32 = 20;

/// The time of a row's click, Unix milliseconds.
pub fn click_ms() -> String {
    format!("((key >> {KEY_TIME_SHIFT}) + {EPOCH_MS})")
}

/// The time of a row that counts.
pub fn time_ms(time: TimeBasis) -> String {
    match time {
        TimeBasis::Click => click_ms(),
        TimeBasis::Event => "event_ms".to_owned(),
    }
}

/// The condition that the time of a row lies in a period, on the stored column itself, so that row
/// groups outside are skipped.
pub fn period(time: TimeBasis, from_ms: i64, to_ms: i64) -> String {
    let (column, from, to) = match time {
        TimeBasis::Event => ("event_ms", i128::from(from_ms), i128::from(to_ms)),
        TimeBasis::Click => {
            let bound = |ms: i64| (i128::from(ms) - i128::from(EPOCH_MS)) << KEY_TIME_SHIFT;
            ("key", bound(from_ms), bound(to_ms))
        }
    };
    // A bound that no number passes is left out, one that every number passes leaves nothing.
    let least = match i64::try_from(from) {
        Ok(i64::MIN) => None,
        Ok(from) => Some(format!("{column} >= {from}")),
        Err(_) if from < 0 => None,
        Err(_) => return "FALSE".to_owned(),
    };
    let below = match i64::try_from(to) {
        Ok(i64::MIN) => return "FALSE".to_owned(),
        Ok(to) => Some(format!("{column} < {to}")),
        Err(_) if to < 0 => return "FALSE".to_owned(),
        Err(_) => None,
    };
    all(least.into_iter().chain(below))
}

/// Writes the fields of one plan for one table.
#[derive(Clone, Copy, Debug)]
pub struct Expressions<'a> {
    plan: &'a Plan,
    table: Table,
}

impl<'a> Expressions<'a> {
    /// For rows of `table` that lie in the plan's period.
    pub fn new(plan: &'a Plan, table: Table) -> Self {
        Self { plan, table }
    }

    /// The value of a field: `BIGINT`, `VARCHAR` or `BOOLEAN` as [`stored_kind`] says.
    pub fn field(&self, field: Field) -> String {
        if let Some(bucket) = self.bucket(field) {
            return bucket;
        }
        let name = literal::name(field.name());
        match (field, field.row().home) {
            (Field::ClickId, _) if self.table == Table::Spend => "NULL::BIGINT".to_owned(),
            (Field::ClickId, _) => "key".to_owned(),
            (Field::IpNet, _) => ip_net(),
            (Field::SecondsToConversion, _) => self.seconds_to_conversion(),
            (_, Home::Flag(bit)) => format!("((flags & {}) <> 0)", 1i64 << bit),
            (_, Home::Rest) => {
                format!("map_extract_value(rest, {})", literal::text(field.name()))
            }
            (_, Home::Column | Home::Derived) => name,
        }
    }

    /// Seconds from click to ledger entry; only ledger entries have any.
    pub fn seconds_to_conversion(&self) -> String {
        if self.table.kinds().contains(&RowKind::Entry) {
            floor_div(&format!("(event_ms - {})", click_ms()), 1000, false)
        } else {
            "NULL::BIGINT".to_owned()
        }
    }

    /// The condition that a filter accepts the row.
    pub fn filter(&self, test: &FilterTest) -> String {
        let value = self.field(test.field);
        match &test.test {
            Test::OneOf { values, absent } => {
                let among = (!values.is_empty()).then(|| format!("{value} IN ({})", cells(values)));
                let none = absent.then(|| format!("{value} IS NULL"));
                any(among.into_iter().chain(none))
            }
            Test::NoneOf { values, absent: true } => {
                let others =
                    (!values.is_empty()).then(|| format!("{value} NOT IN ({})", cells(values)));
                all([format!("{value} IS NOT NULL")].into_iter().chain(others))
            }
            Test::NoneOf { values, absent: false } if values.is_empty() => "TRUE".to_owned(),
            Test::NoneOf { values, absent: false } => {
                format!("({value} IS NULL OR {value} NOT IN ({}))", cells(values))
            }
            Test::Contains(texts) => self.text_test("contains", test.field, texts),
            Test::StartsWith(texts) => self.text_test("starts_with", test.field, texts),
            Test::AtLeast(bound) => comparison(&value, ">=", bound.as_ref()),
            Test::AtMost(bound) => comparison(&value, "<=", bound.as_ref()),
        }
    }

    fn text_test(&self, function: &str, field: Field, texts: &[String]) -> String {
        let value = self.field(field);
        let text = match stored_kind(field) {
            ValueKind::Text => format!("lower({value})"),
            ValueKind::Bool => format!("CASE WHEN {value} THEN 'true' ELSE 'false' END"),
            _ => format!("CAST({value} AS VARCHAR)"),
        };
        any(texts.iter().map(|part| format!("{function}({text}, {})", literal::text(part))))
    }

    /// A time field, as `TimeBucket` numbers it.
    fn bucket(&self, field: Field) -> Option<String> {
        let (time, offset) = (time_ms(self.plan.time), self.offset());
        let local = if offset == "0" { time } else { format!("({time} + {offset})") };
        let day = || self.divide(&local, DAY_MS);
        let weekday = || {
            let day = day();
            if self.is_early() {
                format!("((({day} + 3) % 7 + 7) % 7 + 1)")
            } else {
                format!("(({day} + 3) % 7 + 1)")
            }
        };
        let hour = || format!("({} - {} * 24)", self.divide(&local, HOUR_MS), day());
        Some(match field {
            Field::Minute => {
                format!("({} * {MINUTE_MS} - {offset})", self.divide(&local, MINUTE_MS))
            }
            Field::Hour => format!("({} * {HOUR_MS} - {offset})", self.divide(&local, HOUR_MS)),
            Field::Day => day(),
            Field::Week => format!("({} - ({} - 1))", day(), weekday()),
            Field::Month => month(&day()),
            Field::Weekday => weekday(),
            Field::HourOfDay => hour(),
            Field::WeekdayHour => format!("(({} - 1) * 24 + {})", weekday(), hour()),
            _ => return None,
        })
    }

    fn divide(&self, dividend: &str, divisor: i64) -> String {
        floor_div(dividend, divisor, !self.is_early())
    }

    /// Whether local times before 1970 can occur, where division must round down by hand.
    fn is_early(&self) -> bool {
        let first_ms = match self.plan.time {
            TimeBasis::Click => self.plan.from_ms.max(ClickKey(i64::MIN).time_ms()),
            TimeBasis::Event => self.plan.from_ms,
        };
        first_ms < 2 * DAY_MS
    }

    /// Milliseconds to add to UTC, for the moments of the period.
    fn offset(&self) -> String {
        let zone = &self.plan.zone;
        let mut last = zone.at(self.plan.from_ms);
        let mut whens = String::new();
        for (from, offset) in zone.transitions() {
            let within = *from > self.plan.from_ms && *from < self.plan.to_ms;
            if within && *offset != last {
                whens.push_str(&format!(" WHEN {} < {from} THEN {last}", time_ms(self.plan.time)));
                last = *offset;
            }
        }
        if whens.is_empty() { last.to_string() } else { format!("(CASE{whens} ELSE {last} END)") }
    }
}

/// `dividend ÷ divisor` rounded down. SQL rounds towards zero, which is the same from zero on.
fn floor_div(dividend: &str, divisor: i64, never_negative: bool) -> String {
    if never_negative {
        format!("({dividend} // {divisor})")
    } else {
        format!("(({dividend} - (({dividend} % {divisor} + {divisor}) % {divisor})) // {divisor})")
    }
}

/// `year × 12 + month − 1` of a day number. Dates of any row's time are dates of DuckDB, which has
/// them from 5.8 million years before to 5.8 million years after 1970; a time outside has no month.
fn month(day: &str) -> String {
    let date = format!("(DATE '1970-01-01' + TRY_CAST({day} AS INTEGER))");
    format!("(year({date}) * 12 + month({date}) - 1)")
}

/// The network of the address: plain IPv4 is cut here, anything else was when it was stored.
fn ip_net() -> String {
    const BYTE: &str = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    format!(
        "CASE WHEN regexp_full_match(ip, '{BYTE}(\\.{BYTE}){{3}}') \
         THEN regexp_replace(ip, '[0-9]+$', '0/24') ELSE ip_net END"
    )
}

fn cells(values: &[Cell]) -> String {
    values.iter().map(cell).collect::<Vec<_>>().join(", ")
}

fn cell(value: &Cell) -> String {
    match value {
        Cell::Null => "NULL".to_owned(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Int(int) => format!("({int})::BIGINT"),
        Cell::Text(text) => literal::text(text),
    }
}

fn comparison(value: &str, operator: &str, bound: Option<&Cell>) -> String {
    bound.map_or_else(|| "FALSE".to_owned(), |bound| format!("{value} {operator} {}", cell(bound)))
}

fn any(conditions: impl Iterator<Item = String>) -> String {
    joined(conditions, " OR ", "FALSE")
}

fn all(conditions: impl Iterator<Item = String>) -> String {
    joined(conditions, " AND ", "TRUE")
}

fn joined(conditions: impl Iterator<Item = String>, word: &str, none: &str) -> String {
    let conditions: Vec<String> = conditions.collect();
    match conditions.len() {
        0 => none.to_owned(),
        _ => format!("({})", conditions.join(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter_test::fold;
    use duckdb::Connection;
    use std::collections::HashMap;

    #[test]
    fn a_key_has_its_time_in_its_upper_bits() {
        let connection = Connection::open_in_memory().unwrap();
        for key in [ClickKey(0), ClickKey::new(EPOCH_MS + 123_456_789, 255, 4095), ClickKey(-1)] {
            let sql = format!("SELECT {} FROM (SELECT {}::BIGINT AS key)", click_ms(), key.0);
            let time: i64 = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
            assert_eq!(time, key.time_ms());
        }
    }

    #[test]
    fn every_character_is_folded_as_the_database_does() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "SELECT chr(i::INTEGER), lower(chr(i::INTEGER)) FROM range(1, 1114112) t(i) \
            WHERE NOT i BETWEEN 55296 AND 57343 AND lower(chr(i::INTEGER)) <> chr(i::INTEGER)";
        let mut statement = connection.prepare(sql).unwrap();
        let pairs = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let lower: HashMap<String, String> = pairs.map(Result::unwrap).collect();
        assert!(lower.len() > 1000);
        let different = ('\u{1}'..=char::MAX)
            .map(String::from)
            .filter(|c| fold(c) != *lower.get(c).unwrap_or(c));
        // Letters that came into Unicode after the database's tables were made.
        let (newer, wrong): (Vec<_>, Vec<_>) = different.partition(|c| !lower.contains_key(c));
        assert!(newer.len() < 100, "{newer:?}");
        assert_eq!(wrong, [""; 0]);
    }
}
