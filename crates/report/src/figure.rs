//! From sums to metrics: which counters a metric needs, and its value once they are summed.
//!
//! All arithmetic is in `i128` integers: sums of 64-bit sums cannot overflow it, and neither can
//! their ratios in millionths.

use crate::report::Figure;
use model::metric::{Counter, Formula, Metric, Terms, Unit};
use model::money::divide_half_even;

/// Millionths in 1: the precision of fractions, as of money.
const MILLION: i128 = 1_000_000;

/// How a metric is computed from the sums of a plan.
#[derive(Clone, Debug)]
pub(crate) enum Recipe {
    /// A signed sum of sums.
    Sum(Vec<Term>),
    /// `factor × over ÷ under`.
    Ratio { over: Vec<Term>, under: Vec<Term>, factor: i128 },
    /// The median that the store computed.
    Median,
}

/// A sign, and the place of a counter in the plan.
type Term = (i64, usize);

impl Recipe {
    /// The recipe of a metric; counters that are not yet in `counters` are added to them.
    pub(crate) fn of(metric: &Metric, counters: &mut Vec<Counter>) -> Self {
        let row = metric.row();
        match row.formula {
            Formula::Counter(_) => Self::Sum(
                metric.counter().map(|counter| (1, place(counter, counters))).into_iter().collect(),
            ),
            Formula::Linear(terms) => Self::Sum(compile(terms, counters)),
            Formula::Ratio { over, under, times } => Self::Ratio {
                over: compile(over, counters),
                under: compile(under, counters),
                // Money above a count is in micro-units already.
                factor: i128::from(times) * if row.unit == Unit::Fraction { MILLION } else { 1 },
            },
            Formula::MedianSecondsToConversion => Self::Median,
        }
    }

    /// Whether it needs the store's median.
    pub(crate) fn is_median(&self) -> bool {
        matches!(self, Self::Median)
    }

    /// The metric's value in the parts of its unit; `None` for a ratio over zero and for a median of
    /// nothing.
    pub(crate) fn figure(&self, sum: impl Fn(usize) -> i128, median: Option<i64>) -> Figure {
        let add = |terms: &[Term]| -> i128 {
            terms.iter().map(|(sign, at)| i128::from(*sign) * sum(*at)).sum()
        };
        match self {
            Self::Sum(terms) => Some(add(terms)),
            Self::Ratio { over, under, factor } => divide_half_even(factor * add(over), add(under)),
            Self::Median => median.map(i128::from),
        }
    }
}

fn compile(terms: Terms, counters: &mut Vec<Counter>) -> Vec<Term> {
    terms.iter().map(|(sign, name)| (*sign, place(named(name), counters))).collect()
}

#[expect(clippy::expect_used, reason = "every term in the table of metrics names a counter")]
fn named(name: &str) -> Counter {
    name.parse::<Metric>().ok().and_then(|metric| metric.counter()).expect("a counter of the table")
}

fn place(counter: Counter, counters: &mut Vec<Counter>) -> usize {
    counters.iter().position(|known| *known == counter).unwrap_or_else(|| {
        counters.push(counter);
        counters.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric::METRICS;

    fn figure(name: &str, sums: &[(&str, i64)]) -> Figure {
        let mut counters = Vec::new();
        let recipe = Recipe::of(&name.parse().unwrap(), &mut counters);
        let sum = |at: usize| {
            let named = sums.iter().find(|(name, _)| {
                name.parse::<Metric>().unwrap().counter().as_ref() == Some(&counters[at])
            });
            named.map_or(0, |(_, sum)| i128::from(*sum))
        };
        recipe.figure(sum, Some(42))
    }

    #[test]
    fn metrics_are_what_their_formulas_say() {
        let sums = [
            ("impressions", 3000),
            ("clicks", 300),
            ("bot_clicks", 100),
            ("lander_views", 200),
            ("lander_clicks", 50),
            ("conversions", 7),
            ("conversions:lead", 3),
            ("conversions_approved", 5),
            ("conversions_rejected", 2),
            ("conversions_chargeback", 1),
            ("cost", 10_000_000),
            ("revenue", 12_500_000),
            ("revenue:lead", 500_000),
        ];
        for (name, expected) in [
            ("clicks", 300),
            ("conversions", 7),
            ("conversions:lead", 3),
            ("revenue:lead", 500_000),
            ("profit", 2_500_000),
            ("roi", 250_000),
            ("roas", 1_250_000),
            ("margin", 200_000),
            ("ctr", 100_000),
            ("lander_ctr", 250_000),
            ("cr", 23_333),
            ("cpc", 33_333),
            ("cpm", 3_333_333),
            ("cpa", 1_428_571),
            ("epc", 41_667),
            ("eplc", 250_000),
            ("aov", 2_500_000),
            ("approval_rate", 625_000),
            ("bot_rate", 250_000),
            ("seconds_to_conversion_p50", 42),
        ] {
            assert_eq!(figure(name, &sums), Some(expected), "{name}");
        }
    }

    #[test]
    fn a_ratio_over_zero_is_null_and_a_sum_of_nothing_is_zero() {
        for row in METRICS {
            let expected = match row.formula {
                Formula::Ratio { .. } => None,
                Formula::MedianSecondsToConversion => Some(42),
                _ => Some(0),
            };
            assert_eq!(figure(row.name, &[]), expected, "{}", row.name);
        }
    }

    #[test]
    fn ties_round_to_the_even_neighbour() {
        for (cost, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)] {
            assert_eq!(figure("cpc", &[("cost", cost), ("clicks", 2)]), Some(expected), "{cost}");
        }
    }

    #[test]
    fn the_largest_sums_do_not_overflow() {
        let sums = [("revenue", i64::MIN), ("cost", 1), ("impressions", 1)];
        assert_eq!(figure("roas", &sums), Some(i128::from(i64::MIN) * MILLION));
        let sums = [("cost", i64::MAX), ("impressions", 1)];
        assert_eq!(figure("cpm", &sums), Some(i128::from(i64::MAX) * 1000));
    }
}
