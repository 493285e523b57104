//! What a simulation answers.

use super::estimate::{Difference, Estimate};
use super::place::{Place, PlaceView};
use super::simulation::{Simulation, Tally};
use crate::decimal;
use crate::finish::{Names, key_cell};
use crate::plan::Planned;
use crate::report::{Bounds, is_named, name_column};
use model::Currency;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The most ways and places that are shown of the whole; of a slice a tenth.
const SHOWN_MAX: usize = 100;

/// What a change would have done to past clicks. Bots, tests and previews are left out.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SimulationAnswer {
    /// All clicks.
    #[serde(flatten)]
    pub whole: TallyView,
    /// The clicks by the values of the fields asked for, most clicks first.
    pub slices: Vec<SliceView>,
    /// The clicks of the period that meet the filter; more than `clicks` where only a sample was tried.
    pub clicks_in_period: u64,
    /// Which part of the period was read: 1 for all of it, else so much of each of many equal pieces.
    pub read_share: f64,
    /// Of all amounts.
    pub currency: Currency,
    /// What was tried on.
    pub period: Bounds,
    /// IANA name of the zone of all times.
    pub tz: String,
}

/// The clicks of one slice.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SliceView {
    /// The values of the fields by their names; `<field>_name` beside a thing's number.
    #[schema(value_type = Object)]
    pub key: Map<String, Value>,
    /// Its clicks.
    #[serde(flatten)]
    pub tally: TallyView,
}

/// What would have become of clicks.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct TallyView {
    /// How many clicks were tried.
    pub clicks: u64,
    /// How many of them would go elsewhere, each with the draws it had.
    pub elsewhere: u64,
    /// From where to where, most clicks first; at most 100, of a slice 10.
    pub moves: Vec<MoveView>,
    /// Clicks of which nothing can be told; they are in no other figure.
    pub unknown: UnknownView,
    /// What the change would have earned.
    pub estimate: EstimateView,
}

/// Clicks of which nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UnknownView {
    /// A rule asks for something that was not kept of them.
    pub input_lost: u64,
    /// The configuration that routed them is not at hand.
    pub revision_missing: u64,
    /// Routed again by their own configuration they would have gone elsewhere; always 0 unless something is wrong.
    pub differs: u64,
}

/// Clicks that would go from one place to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MoveView {
    /// Where they went.
    pub from: PlaceView,
    /// Where they would go.
    pub to: PlaceView,
    /// How many.
    pub clicks: u64,
}

/// What a change would have earned, as far as the past can tell. Amounts are decimal text.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EstimateView {
    /// Clicks for which the change alters the chance of any ending.
    pub changed_clicks: u64,
    /// How many clicks of equal weight would say as much as those.
    pub effective_clicks: f64,
    /// What the past says nothing about.
    pub without_support: WithoutSupport,
    /// Profit of all clicks as it was: revenue − cost.
    pub profit_was: String,
    /// How many clicks the estimate covers: fractions where a click has support for some of its endings.
    pub covered_clicks: f64,
    /// Their profit as it was.
    pub covered_profit_was: String,
    /// Their profit with the change; null where there is no estimate.
    pub covered_profit: Option<String>,
    /// How their profit changes, in all; null where there is no estimate.
    pub difference: Option<DifferenceView>,
    /// The three again for each covered click.
    pub covered_profit_was_per_click: Option<String>,
    /// See above.
    pub covered_profit_per_click: Option<String>,
    /// See above.
    pub difference_per_click: Option<DifferenceView>,
    /// Why there is no estimate.
    pub no_estimate: Option<String>,
}

/// Clicks that the change may send where they could never have gone. No estimate covers them.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WithoutSupport {
    /// How many clicks may be sent there.
    pub clicks: u64,
    /// How many of them are expected to be.
    pub expected: f64,
    /// That as a share of all clicks that were tried.
    pub share: f64,
    /// Where, most clicks first; at most 100, of a slice 10.
    pub places: Vec<UnsupportedPlace>,
}

/// A place that clicks never saw.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct UnsupportedPlace {
    /// Where.
    pub place: PlaceView,
    /// How many clicks are expected to be sent there that could never have gone there.
    pub expected: f64,
}

/// A change of profit with its 95 % interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DifferenceView {
    /// The estimate.
    pub expected: String,
    /// Where the interval begins.
    pub low: String,
    /// Where it ends.
    pub high: String,
}

/// How much of the past was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coverage {
    /// Clicks of the period that meet the filter.
    pub clicks_in_period: u64,
    /// Which part of the period was read.
    pub read_share: f64,
}

/// The answer to what was planned.
pub fn finish_simulation(
    simulation: &Simulation,
    planned: &Planned,
    coverage: Coverage,
    names: &dyn Names,
) -> SimulationAnswer {
    let mut slices: Vec<_> = simulation.slices.iter().collect();
    let order = |a: &[model::query::Cell], b: &[model::query::Cell]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| a.order(b))
            .find(|o| o.is_ne())
            .unwrap_or(std::cmp::Ordering::Equal)
    };
    slices.sort_by(|(a, x), (b, y)| y.clicks().cmp(&x.clicks()).then_with(|| order(a, b)));
    let slice = |(key, tally): (&Vec<_>, &Tally)| {
        let mut map = Map::new();
        for (field, cell) in planned.fields.iter().zip(key) {
            let shown = key_cell(planned, *field, cell, names);
            map.insert(field.name().to_owned(), json!(shown.value));
            if is_named(*field) {
                map.insert(name_column(*field), json!(shown.name));
            }
        }
        SliceView { key: map, tally: tally_view(tally, SHOWN_MAX / 10, names) }
    };
    SimulationAnswer {
        whole: tally_view(&simulation.whole, SHOWN_MAX, names),
        slices: slices.into_iter().map(slice).collect(),
        clicks_in_period: coverage.clicks_in_period,
        read_share: rounded(coverage.read_share),
        currency: planned.currency,
        period: Bounds {
            from: planned.zone.print(planned.plan.from_ms),
            to: planned.zone.print(planned.plan.to_ms),
        },
        tz: planned.zone.name().to_owned(),
    }
}

fn tally_view(tally: &Tally, shown: usize, names: &dyn Names) -> TallyView {
    let mut moves: Vec<_> = tally.moves.iter().collect();
    moves.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let view = |((from, to), clicks): (&(Place, Place), &u64)| MoveView {
        from: PlaceView::of(from, names),
        to: PlaceView::of(to, names),
        clicks: *clicks,
    };
    let places = places(&tally.unsupported, shown, names);
    TallyView {
        clicks: tally.clicks(),
        elsewhere: tally.elsewhere,
        moves: moves.into_iter().take(shown).map(view).collect(),
        unknown: UnknownView {
            input_lost: tally.input_lost,
            revision_missing: tally.revision_missing,
            differs: tally.differs,
        },
        estimate: estimate_view(&tally.trial.estimate(), places),
    }
}

fn places(
    expected: &HashMap<Place, f64>,
    shown: usize,
    names: &dyn Names,
) -> Vec<UnsupportedPlace> {
    let mut places: Vec<_> = expected.iter().collect();
    places.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    let view = |(place, expected): (&Place, &f64)| UnsupportedPlace {
        place: PlaceView::of(place, names),
        expected: rounded(*expected),
    };
    places.into_iter().take(shown).map(view).collect()
}

fn estimate_view(estimate: &Estimate, places: Vec<UnsupportedPlace>) -> EstimateView {
    let clicks = estimate.clicks as f64;
    let covered = clicks - estimate.unsupported_expected;
    let share = if clicks > 0.0 { estimate.unsupported_expected / clicks } else { 0.0 };
    let (said, is_covered) = (estimate.difference.ok(), covered > 0.0);
    EstimateView {
        changed_clicks: estimate.changed,
        effective_clicks: rounded(estimate.effective),
        without_support: WithoutSupport {
            clicks: estimate.unsupported,
            expected: rounded(estimate.unsupported_expected),
            share: rounded(share),
            places,
        },
        profit_was: decimal::print(estimate.was),
        covered_clicks: rounded(covered),
        covered_profit_was: amount(estimate.was_supported),
        covered_profit: said.map(|d| amount(estimate.was_supported + to_cents(d.expected))),
        difference: said.map(|d| difference_view(d, to_cents)),
        covered_profit_was_per_click: is_covered.then(|| amount(estimate.was_supported / covered)),
        covered_profit_per_click: said
            .filter(|_| is_covered)
            .map(|d| amount((estimate.was_supported + d.expected) / covered)),
        difference_per_click: said
            .filter(|_| is_covered)
            .map(|d| difference_view(d, |micro| micro / covered)),
        no_estimate: estimate.difference.err().map(|reason| reason.to_string()),
    }
}

fn difference_view(difference: Difference, each: impl Fn(f64) -> f64) -> DifferenceView {
    let shown = |micro: f64| amount(each(micro));
    DifferenceView {
        expected: shown(difference.expected),
        low: shown(difference.low),
        high: shown(difference.high),
    }
}

/// More digits would look surer than they are.
fn to_cents(micro: f64) -> f64 {
    (micro / 10_000.0).round() * 10_000.0
}

/// Micro-units as decimal text.
fn amount(micro: f64) -> String {
    decimal::print(micro.round() as i128)
}

/// To six decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
