//! THE table of metrics: counters that add, and ratios computed last from their sums.

use crate::event::RowKind;
use crate::field::{Field, Home};
use crate::thing::Status;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of rows.
    Count,
    /// Micro-units of the workspace's currency.
    Money,
    /// A fraction: 0.25 is 25 %.
    Fraction,
    /// Seconds.
    Seconds,
}

/// Which column a counter sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sum {
    /// `count`.
    Count,
    /// `cost`.
    Cost,
    /// `revenue`.
    Revenue,
    /// What a ledger entry amounts to in the currency it came in: add up those of one currency only.
    Received,
    /// The same, of entries in another currency for which there was no rate.
    Apart,
}

/// Which rows a counter sums, and which of their columns; sums of parts add up to that of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Rows of these kinds; empty for all.
    pub rows: &'static [RowKind],
    /// Truths that must hold.
    pub with: &'static [Field],
    /// Truths that must not hold.
    pub without: &'static [Field],
    /// A field that must have a value.
    pub has: Option<Field>,
    /// A truth that does instead.
    pub or: Option<Field>,
    /// Statuses of an entry; empty for all.
    pub statuses: &'static [Status],
    /// The column summed.
    pub sum: Sum,
}

impl Selection {
    const fn new(rows: &'static [RowKind], sum: Sum) -> Self {
        Self { rows, with: &[], without: &[], has: None, or: None, statuses: &[], sum }
    }

    /// Ledger entries of these statuses, tests left out.
    pub const fn entries(statuses: &'static [Status], sum: Sum) -> Self {
        Self { statuses, without: &[Field::Test], ..Self::new(&[RowKind::Entry], sum) }
    }

    /// The bits of the column `flags` that must be set, and those that must not.
    pub fn flag_masks(&self) -> (i64, i64) {
        let bit = |field: &Field| if let Home::Flag(bit) = field.row().home { 1 << bit } else { 0 };
        (self.with.iter().map(bit).sum(), self.without.iter().map(bit).sum())
    }
}

/// A sum a store computes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Counter {
    /// Over which rows.
    pub selection: Selection,
    /// Of entries, only those of this conversion type.
    pub conversion_type: Option<Box<str>>,
    /// Of entries, none of these conversion types.
    pub without_types: Box<[Box<str>]>,
}

impl Counter {
    /// Over these rows, of any type.
    pub fn of(selection: Selection) -> Self {
        Self { selection, conversion_type: None, without_types: Box::default() }
    }

    /// Leaves conversions of types out that do not count. Where one type is asked for, or money, all of it is meant.
    #[must_use]
    pub fn counting(mut self, uncounted: &[String]) -> Self {
        let is_count = self.selection.rows == [RowKind::Entry] && self.selection.sum == Sum::Count;
        if is_count && self.conversion_type.is_none() {
            self.without_types = uncounted.iter().map(|word| word.as_str().into()).collect();
        }
        self
    }
}

/// A signed sum of counters, by the names of their metrics.
pub type Terms = &'static [(i64, &'static str)];

/// How a metric comes about.
#[derive(Clone, Copy, Debug)]
pub enum Formula {
    /// A sum over rows.
    Counter(Selection),
    /// A signed sum of counters.
    Linear(Terms),
    /// `times × over ÷ under`; null when `under` is 0.
    Ratio {
        /// Above the line.
        over: Terms,
        /// Below it.
        under: Terms,
        /// Factor.
        times: i64,
    },
    /// The median of seconds from click to conversion, from the facts of each row.
    MedianSecondsToConversion,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct MetricRow {
    /// Its name in queries and columns.
    pub name: &'static str,
    /// Its name on a screen.
    pub label: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// How it comes about.
    pub formula: Formula,
    /// Whether `name:TYPE` asks for one conversion type.
    pub by_type: bool,
}

const fn counter(
    name: &'static str,
    label: &'static str,
    unit: Unit,
    selection: Selection,
) -> MetricRow {
    MetricRow { name, label, unit, formula: Formula::Counter(selection), by_type: false }
}

const fn ratio(
    name: &'static str,
    label: &'static str,
    unit: Unit,
    over: Terms,
    under: Terms,
) -> MetricRow {
    MetricRow {
        name,
        label,
        unit,
        formula: Formula::Ratio { over, under, times: 1 },
        by_type: false,
    }
}

use RowKind::{Click, Impression, LanderClick, PageEvent, Preview, Unlogged, View};
use Status::{Approved, Chargeback, Pending, Rejected};
use Unit::{Count, Fraction, Seconds};

const CLICK: Selection = Selection::new(&[Click], Sum::Count);
const HUMAN: Selection = Selection { without: &[Field::Bot, Field::Test], ..CLICK };

/// The table, in the order in which metrics are shown.
pub const METRICS: &[MetricRow] = &[
    counter(
        "impressions",
        "Impressions",
        Count,
        Selection { without: &[Field::Bot], ..Selection::new(&[Impression], Sum::Count) },
    ),
    counter("clicks", "Clicks", Count, HUMAN),
    counter(
        "unique_clicks",
        "Unique clicks",
        Count,
        Selection { with: &[Field::UniqueCampaign], ..HUMAN },
    ),
    counter(
        "bot_clicks",
        "Bot clicks",
        Count,
        Selection { with: &[Field::Bot], without: &[Field::Test], ..CLICK },
    ),
    counter("preview_hits", "Preview hits", Count, Selection::new(&[Preview], Sum::Count)),
    counter("test_clicks", "Test clicks", Count, Selection { with: &[Field::Test], ..CLICK }),
    counter(
        "duplicate_clicks",
        "Duplicate clicks",
        Count,
        Selection { with: &[Field::Duplicate], ..HUMAN },
    ),
    counter("unlogged_clicks", "Unlogged clicks", Count, Selection::new(&[Unlogged], Sum::Count)),
    counter(
        "lander_views",
        "Lander views",
        Count,
        Selection {
            rows: &[Click, View],
            has: Some(Field::Lander),
            or: Some(Field::Viewed),
            ..HUMAN
        },
    ),
    counter(
        "lander_clicks",
        "Lander clicks",
        Count,
        Selection {
            without: &[Field::Bot, Field::Test],
            ..Selection::new(&[LanderClick], Sum::Count)
        },
    ),
    counter(
        "page_events",
        "Page events",
        Count,
        Selection {
            without: &[Field::Bot, Field::Test],
            ..Selection::new(&[PageEvent], Sum::Count)
        },
    ),
    MetricRow {
        by_type: true,
        ..counter(
            "conversions",
            "Conversions",
            Count,
            Selection::entries(&[Pending, Approved], Sum::Count),
        )
    },
    counter(
        "conversions_pending",
        "Pending conversions",
        Count,
        Selection::entries(&[Pending], Sum::Count),
    ),
    counter(
        "conversions_approved",
        "Approved conversions",
        Count,
        Selection::entries(&[Approved], Sum::Count),
    ),
    counter(
        "conversions_rejected",
        "Rejected conversions",
        Count,
        Selection::entries(&[Rejected], Sum::Count),
    ),
    counter(
        "conversions_chargeback",
        "Chargebacks",
        Count,
        Selection::entries(&[Chargeback], Sum::Count),
    ),
    counter("cost", "Cost", Unit::Money, Selection::new(&[], Sum::Cost)),
    MetricRow {
        by_type: true,
        ..counter("revenue", "Revenue", Unit::Money, Selection::entries(&[Approved], Sum::Revenue))
    },
    counter(
        "revenue_pending",
        "Pending revenue",
        Unit::Money,
        Selection::entries(&[Pending], Sum::Revenue),
    ),
    counter(
        "revenue_rejected",
        "Rejected revenue",
        Unit::Money,
        Selection::entries(&[Rejected], Sum::Revenue),
    ),
    counter(
        "revenue_chargeback",
        "Charged-back revenue",
        Unit::Money,
        Selection::entries(&[Chargeback], Sum::Revenue),
    ),
    MetricRow {
        name: "profit",
        label: "Profit",
        unit: Unit::Money,
        formula: Formula::Linear(PROFIT),
        by_type: false,
    },
    ratio("roi", "ROI", Fraction, PROFIT, &[(1, "cost")]),
    ratio("roas", "ROAS", Fraction, &[(1, "revenue")], &[(1, "cost")]),
    ratio("margin", "Margin", Fraction, PROFIT, &[(1, "revenue")]),
    ratio("ctr", "CTR", Fraction, &[(1, "clicks")], &[(1, "impressions")]),
    ratio("lander_ctr", "Lander CTR", Fraction, &[(1, "lander_clicks")], &[(1, "lander_views")]),
    ratio("cr", "CR", Fraction, &[(1, "conversions")], &[(1, "clicks")]),
    ratio("cpc", "CPC", Unit::Money, &[(1, "cost")], &[(1, "clicks")]),
    MetricRow {
        name: "cpm",
        label: "CPM",
        unit: Unit::Money,
        formula: Formula::Ratio { over: &[(1, "cost")], under: &[(1, "impressions")], times: 1000 },
        by_type: false,
    },
    ratio("cpa", "CPA", Unit::Money, &[(1, "cost")], &[(1, "conversions")]),
    ratio("epc", "EPC", Unit::Money, &[(1, "revenue")], &[(1, "clicks")]),
    ratio("eplc", "EPLC", Unit::Money, &[(1, "revenue")], &[(1, "lander_clicks")]),
    ratio("aov", "AOV", Unit::Money, &[(1, "revenue")], &[(1, "conversions_approved")]),
    ratio(
        "approval_rate",
        "Approval rate",
        Fraction,
        &[(1, "conversions_approved")],
        &[(1, "conversions_approved"), (1, "conversions_rejected"), (1, "conversions_chargeback")],
    ),
    ratio(
        "bot_rate",
        "Bot rate",
        Fraction,
        &[(1, "bot_clicks")],
        &[(1, "clicks"), (1, "bot_clicks")],
    ),
    MetricRow {
        name: "seconds_to_conversion_p50",
        label: "Median seconds to conversion",
        unit: Seconds,
        formula: Formula::MedianSecondsToConversion,
        by_type: false,
    },
];

const PROFIT: Terms = &[(1, "revenue"), (-1, "cost")];

/// A metric of the table, for one conversion type where it may have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    position: usize,
    conversion_type: Option<Box<str>>,
}

impl Metric {
    /// The metric's row.
    pub fn row(&self) -> &'static MetricRow {
        &METRICS[self.position]
    }

    /// The conversion type behind the colon.
    pub fn conversion_type(&self) -> Option<&str> {
        self.conversion_type.as_deref()
    }

    /// The sum it stands for, when it is one.
    pub fn counter(&self) -> Option<Counter> {
        match &self.row().formula {
            Formula::Counter(selection) => Some(Counter {
                conversion_type: self.conversion_type.clone(),
                ..Counter::of(*selection)
            }),
            _ => None,
        }
    }
}

/// A name that no metric has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric `{0}`; GET /api/v1/reports/metrics lists them")]
pub struct UnknownMetric(pub String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let unknown = || UnknownMetric(text.to_owned());
        let (name, conversion_type) =
            text.split_once(':').map_or((text, None), |(n, t)| (n, Some(t)));
        let position = METRICS.iter().position(|row| row.name == name).ok_or_else(unknown)?;
        if conversion_type.is_some_and(|t| t.is_empty() || !METRICS[position].by_type) {
            return Err(unknown());
        }
        Ok(Self { position, conversion_type: conversion_type.map(Into::into) })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        self.conversion_type.as_ref().map_or(Ok(()), |t| write!(f, ":{t}"))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Metric {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("name of a metric; conversions and revenue also as `name:TYPE`"))
            .examples(METRICS.iter().map(|row| row.name))
            .into()
    }
}

impl utoipa::ToSchema for Metric {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_of_a_formula_is_a_counter() {
        for row in METRICS {
            let terms: Vec<_> = match &row.formula {
                Formula::Linear(terms) => terms.to_vec(),
                Formula::Ratio { over, under, .. } => [*over, *under].concat(),
                _ => Vec::new(),
            };
            for (_, name) in terms {
                let metric: Metric = name.parse().unwrap();
                assert!(metric.counter().is_some(), "{} uses {name}", row.name);
            }
        }
    }

    #[test]
    fn names_parse_and_print() {
        for name in ["clicks", "roi", "conversions:sale", "revenue:lead"] {
            assert_eq!(name.parse::<Metric>().unwrap().to_string(), name);
        }
        for name in ["", "clickz", "clicks:sale", "conversions:"] {
            assert!(name.parse::<Metric>().is_err(), "{name}");
        }
    }

    #[test]
    fn bots_are_no_clicks() {
        let clicks = "clicks".parse::<Metric>().unwrap().counter().unwrap();
        assert_eq!(clicks.selection.flag_masks(), (0, 1 << 1 | 1 << 6));
    }
}
