//! A question about the figures, and the part of it that a store computes.

use crate::event::RowKind;
use crate::field::Field;
use crate::metric::{Counter, Metric};
use crate::thing::ThingId;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A report as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Fields to group by; none for the totals alone.
    #[serde(default)]
    pub by: Vec<Field>,
    /// What to show; `clicks`, `conversions`, `cost`, `revenue`, `profit`, `roi` when absent.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// A word such as `last_7_days`, or `from` and `to`.
    #[serde(default)]
    pub period: Period,
    /// IANA name of the zone of all times; the workspace's when absent.
    #[serde(default)]
    pub tz: Option<String>,
    /// Which time counts: that of the click or that of the event.
    #[serde(default)]
    pub time: TimeBasis,
    /// Conditions that rows must all meet.
    #[serde(default)]
    pub filter: Vec<Filter>,
    /// The order of the rows; by the first metric, largest first, when absent.
    #[serde(default)]
    pub sort: Vec<Sort>,
    /// The most rows to return.
    #[serde(default)]
    pub limit: Option<usize>,
    /// Rows to skip.
    #[serde(default)]
    pub offset: usize,
}

/// Which days a report covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(
    untagged,
    expecting = "expected a word such as today, yesterday, last_7_days, last_30_days, this_month or all, or an object with `from` and `to`"
)]
pub enum Period {
    /// Relative to now.
    Word(PeriodWord),
    /// From a moment (inclusive) to another (exclusive), as RFC 3339 or dates.
    Range {
        /// The first moment.
        from: String,
        /// The moment behind the last.
        to: String,
    },
}

/// Periods with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words say it")]
pub enum PeriodWord {
    Today,
    Yesterday,
    #[serde(rename = "last_24_hours")]
    Last24Hours,
    #[serde(rename = "last_7_days")]
    Last7Days,
    #[serde(rename = "last_14_days")]
    Last14Days,
    #[serde(rename = "last_30_days")]
    Last30Days,
    ThisWeek,
    LastWeek,
    ThisMonth,
    LastMonth,
    All,
}

impl Default for Period {
    fn default() -> Self {
        Self::Word(PeriodWord::Today)
    }
}

/// Which time of a row counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimeBasis {
    /// When its click came.
    #[default]
    Click,
    /// When it happened itself.
    Event,
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// The field.
    pub field: Field,
    /// The comparison.
    pub op: FilterOp,
    /// What it is compared with: one value, or several for `in` and `not_in`. `null` is "no value".
    #[serde(default)]
    pub value: FilterValue,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilterOp {
    /// Is the value.
    #[serde(alias = "eq")]
    Is,
    /// Is not the value (rows without a value are not it either).
    #[serde(alias = "ne")]
    IsNot,
    /// Is one of the values.
    In,
    /// Is none of the values.
    NotIn,
    /// Text contains the value; upper and lower case are alike.
    Contains,
    /// Text begins with the value; upper and lower case are alike.
    StartsWith,
    /// At least the value.
    AtLeast,
    /// At most the value.
    AtMost,
}

/// One value or several.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(
    untagged,
    expecting = "expected a text, a whole number, true, false or null, or a list of these"
)]
pub enum FilterValue {
    /// One.
    One(Cell),
    /// Several.
    Many(Vec<Cell>),
}

impl Default for FilterValue {
    fn default() -> Self {
        Self::One(Cell::Null)
    }
}

impl FilterValue {
    /// The values, however many.
    pub fn cells(&self) -> &[Cell] {
        match self {
            Self::One(cell) => std::slice::from_ref(cell),
            Self::Many(cells) => cells,
        }
    }
}

/// The value of a field in a row of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Cell {
    /// No value.
    #[default]
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
}

impl Cell {
    /// Order of cells in an answer: no value first, then truths, numbers, texts by their bytes.
    pub fn order(&self, other: &Self) -> Ordering {
        let rank = |cell: &Self| match cell {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Text(_) => 3,
        };
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

/// One criterion of the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// A metric …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<Metric>,
    /// … or a field that is grouped by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Field>,
    /// Which end comes first.
    #[serde(default)]
    pub dir: Direction,
}

/// Which end of an order comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The smallest.
    Asc,
    /// The largest.
    #[default]
    Desc,
}

/// What a store has to compute for a query: sums of counters over groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Whose rows.
    pub workspace: ThingId,
    /// First moment, Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Behind the last moment, exclusive.
    pub to_ms: i64,
    /// Which time of a row lies in the period and fills the time fields.
    pub time: TimeBasis,
    /// Offsets of the query's zone.
    pub zone: ZoneOffsets,
    /// Fields to group by. Time fields come back as numbers, see [`TimeBucket`].
    pub by: Vec<Field>,
    /// Sums, in this order.
    pub counters: Vec<Counter>,
    /// Conditions rows must all meet.
    pub filter: Vec<Filter>,
    /// Whether the median of seconds from click to first-time conversions is wanted for each group.
    pub median: bool,
}

/// Offsets from UTC that hold within a period: from each moment on, milliseconds to add to UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneOffsets(Vec<(i64, i64)>);

impl ZoneOffsets {
    /// `transitions`: (Unix milliseconds, offset in milliseconds), ascending; the first offset also
    /// holds for all time before it. `None` when empty.
    pub fn new(transitions: Vec<(i64, i64)>) -> Option<Self> {
        (!transitions.is_empty() && transitions.is_sorted()).then_some(Self(transitions))
    }

    /// UTC all the time.
    pub fn utc() -> Self {
        Self(vec![(i64::MIN, 0)])
    }

    /// The transitions, ascending.
    pub fn transitions(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// The offset in force at a moment.
    pub fn at(&self, ms: i64) -> i64 {
        let after = self.0.partition_point(|(from, _)| *from <= ms);
        self.0[after.saturating_sub(1)].1
    }
}

/// The number a time field has in an [`Answer`], so that every store buckets alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBucket;

impl TimeBucket {
    /// The number of `field` for a moment; `None` when it is no time field.
    ///
    /// `minute` and `hour`: Unix milliseconds at which the local minute or hour begins (an hour that a
    /// clock change repeats stays two). `day`: days of the local date since 1970-01-01. `week`: the day
    /// number of its Monday. `month`: `year × 12 + month − 1`. `weekday`: 1 (Monday) to 7.
    /// `hour_of_day`: 0 to 23. `weekday_hour`: `(weekday − 1) × 24 + hour_of_day`.
    pub fn of(field: Field, ms: i64, zone: &ZoneOffsets) -> Option<i64> {
        const HOUR_MS: i64 = 3_600_000;
        let offset = zone.at(ms);
        let local = ms + offset;
        let day = local.div_euclid(24 * HOUR_MS);
        let weekday = (day + 3).rem_euclid(7) + 1;
        let hour = local.rem_euclid(24 * HOUR_MS) / HOUR_MS;
        Some(match field {
            Field::Minute => local.div_euclid(60_000) * 60_000 - offset,
            Field::Hour => local.div_euclid(HOUR_MS) * HOUR_MS - offset,
            Field::Day => day,
            Field::Week => day - (weekday - 1),
            Field::Month => month_of(day),
            Field::Weekday => weekday,
            Field::HourOfDay => hour,
            Field::WeekdayHour => (weekday - 1) * 24 + hour,
            _ => return None,
        })
    }
}

/// `year × 12 + month − 1` of a day number, by the proleptic Gregorian calendar (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn month_of(day: i64) -> i64 {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (month, carry) = if shifted < 10 { (shifted + 3, 0) } else { (shifted - 9, 1) };
    (year_of_era + era * 400 + carry) * 12 + month - 1
}

/// What a store answers to a [`Plan`]: one row per group, in no order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The groups.
    pub rows: Vec<AnswerRow>,
    /// The median over everything, when asked for.
    pub median_seconds: Option<i64>,
}

/// The sums of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerRow {
    /// Values of the fields grouped by.
    pub key: Vec<Cell>,
    /// Sums in the order of the plan's counters. Wide enough for any number of rows: whoever may send clicks and
    /// postbacks must not be able to make a report fail.
    pub sums: Vec<i128>,
    /// The median of seconds to conversion, when asked for and there is one: the lower of the two
    /// middle values when their number is even.
    pub median_seconds: Option<i64>,
}

/// The rows a median of seconds to conversion is taken over: entries that add a conversion.
pub fn counts_for_median(kind: RowKind, count: i64) -> bool {
    kind == RowKind::Entry && count > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T23:30:00Z, a Sunday.
    const SUNDAY_MS: i64 = 1_795_390_200_000;

    #[test]
    fn moments_fall_into_their_local_buckets() {
        let berlin = ZoneOffsets::new(vec![(0, 3_600_000)]).unwrap();
        for (field, utc, local) in [
            (Field::Minute, SUNDAY_MS, SUNDAY_MS),
            (Field::Hour, SUNDAY_MS - 1_800_000, SUNDAY_MS - 1_800_000),
            (Field::Day, 20_779, 20_780),
            (Field::Week, 20_773, 20_780),
            (Field::Month, 2026 * 12 + 10, 2026 * 12 + 10),
            (Field::Weekday, 7, 1),
            (Field::HourOfDay, 23, 0),
            (Field::WeekdayHour, 6 * 24 + 23, 0),
        ] {
            assert_eq!(TimeBucket::of(field, SUNDAY_MS, &ZoneOffsets::utc()), Some(utc), "{field}");
            assert_eq!(TimeBucket::of(field, SUNDAY_MS, &berlin), Some(local), "{field}");
        }
        assert_eq!(TimeBucket::of(Field::Country, 0, &berlin), None);
    }

    #[test]
    fn months_turn_at_their_ends() {
        for (day, month) in [
            (0, 1970 * 12),
            (30, 1970 * 12),
            (31, 1970 * 12 + 1),
            (-1, 1969 * 12 + 11),
            (19_782, 2024 * 12 + 1),
        ] {
            assert_eq!(month_of(day), month, "{day}");
        }
    }

    #[test]
    fn questions_read_as_documented() {
        let text = r#"{"by":["country","device"],"metrics":["clicks","cr"],"period":"last_7_days","tz":"Europe/Berlin",
            "time":"event","filter":[{"field":"os","op":"in","value":["iOS"]}],"sort":[{"metric":"cost","dir":"desc"}],"limit":100}"#;
        let query: Query = serde_json::from_str(text).unwrap();
        assert_eq!(query.by, [Field::Country, Field::Device]);
        assert_eq!(query.period, Period::Word(PeriodWord::Last7Days));
        assert!(serde_json::from_str::<Query>(r#"{"bye":[]}"#).is_err());
        assert!(serde_json::from_str::<Query>(r#"{"period":"fortnight"}"#).is_err());
    }
}
