//! THE table of metrics: counters that add, and ratios computed last from their sums.

mod asked;

pub use asked::{Metric, UnknownMetric};

use crate::event::RowKind;
use crate::field::{Field, Home};
use crate::thing::Status;
use serde::Serialize;

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

#[cfg(test)]
mod tests;
