//! What a change would have earned, from clicks that were routed without it (inverse propensity).
//!
//! A click that ended where it had the probability `p` to end, and would have `q` with the change,
//! stands for `q ÷ p` clicks (Horvitz and Thompson 1952). What it earned beyond its cost counts so
//! often; its cost was paid wherever it went. Where the change sends clicks to endings they could not
//! have had, there is nothing to stand for them: their share is counted and left out on both sides.

use super::interval::{Side, of_difference};
use std::collections::HashMap;

/// A click of the past, and what the change makes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// Whose it is: what one visitor does counts as one event.
    pub visitor: u64,
    /// `q ÷ p` of the ending it had.
    pub weight: f64,
    /// How probable it is with the change that it has an ending it could have had.
    pub supported: f64,
    /// Whether the change alters the probability of any ending.
    pub is_changed: bool,
    /// Micro-units that it cost wherever it went.
    pub cost: i64,
    /// Micro-units that came of where it went.
    pub revenue: i64,
}

/// The sums over clicks that an estimate is made of. Grows with the visitors that brought revenue and
/// not with the clicks.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    clicks: u64,
    changed: u64,
    unsupported: u64,
    supported: f64,
    changed_supported: f64,
    weights: (f64, f64),
    was: i128,
    was_supported: f64,
    /// Clicks with revenue: how many, the sum of its amounts and of their squares.
    paid: (f64, f64, f64),
    /// Clicks that count for more than they were, and for less: how many, by how much, and squared.
    more: (f64, f64, f64),
    less: (f64, f64, f64),
    /// What each visitor's revenue adds to the difference.
    changes: HashMap<u64, f64>,
}

/// What a change is expected to earn, in micro-units.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Clicks that were tried.
    pub clicks: u64,
    /// Those of them for which the change alters the probability of any ending.
    pub changed: u64,
    /// How many clicks of equal weight would say as much as those that are changed: (Σw)² ÷ Σw²
    /// (Kish 1965).
    pub effective: f64,
    /// Clicks that the change may send where they could not have gone.
    pub unsupported: u64,
    /// How many of them it is expected to send there. No estimate covers these.
    pub unsupported_expected: f64,
    /// Profit of all clicks as it was.
    pub was: i128,
    /// The part of it that the estimate covers.
    pub was_supported: f64,
    /// How the profit of the covered part changes; none where nothing can be said.
    pub difference: Result<Difference, NoEstimate>,
}

/// How profit changes, in micro-units over all the clicks that are covered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The estimate.
    pub expected: f64,
    /// Where the 95 % interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// Why there is no estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEstimate {
    /// Everything that is changed goes where it never could.
    #[error("none of the changed clicks could have gone where they are to go")]
    NoSupport,
    /// There is no revenue to learn from.
    #[error("no click brought any revenue that counts")]
    NoRevenue,
}

impl Trial {
    /// Adds a click.
    pub fn add(&mut self, click: &Tried) {
        let Tried { weight, supported, .. } = *click;
        let (cost, revenue) = (click.cost as f64, click.revenue as f64);
        self.clicks += 1;
        self.supported += supported;
        self.was += i128::from(click.revenue) - i128::from(click.cost);
        self.was_supported += supported * (revenue - cost);
        if is_below_one(supported) {
            self.unsupported += 1;
        }
        if click.revenue != 0 {
            count(&mut self.paid, revenue.abs());
        }
        if !click.is_changed {
            return;
        }
        self.changed += 1;
        self.changed_supported += supported;
        self.weights = (self.weights.0 + weight, self.weights.1 + weight * weight);
        let change = weight - supported;
        count(if change > 0.0 { &mut self.more } else { &mut self.less }, change.abs());
        if click.revenue != 0 {
            *self.changes.entry(click.visitor).or_default() += change * revenue;
        }
    }

    /// How many clicks there are.
    pub fn clicks(&self) -> u64 {
        self.clicks
    }

    /// What they say.
    pub fn estimate(&self) -> Estimate {
        let (sum, squares) = self.weights;
        Estimate {
            clicks: self.clicks,
            changed: self.changed,
            effective: if squares > 0.0 { sum * sum / squares } else { 0.0 },
            unsupported: self.unsupported,
            unsupported_expected: (self.clicks as f64 - self.supported).max(0.0),
            was: self.was,
            was_supported: self.was_supported,
            difference: self.difference(),
        }
    }

    fn difference(&self) -> Result<Difference, NoEstimate> {
        if self.changed == 0 {
            return Ok(Difference { expected: 0.0, low: 0.0, high: 0.0 });
        }
        if self.changed_supported <= 0.0 {
            return Err(NoEstimate::NoSupport);
        }
        if self.paid.0 == 0.0 {
            return Err(NoEstimate::NoRevenue);
        }
        let gains = self.side(&self.more, |change| change);
        let losses = self.side(&self.less, |change| -change);
        let (low, high) = of_difference(&gains, &losses);
        Ok(Difference { expected: gains.sum - losses.sum, low, high })
    }

    /// The changes of one sign, and what the next of them may be: the weight of a click that is drawn
    /// among those of this side, times the revenue of a click that is drawn among those with any.
    fn side(&self, clicks: &(f64, f64, f64), of: impl Fn(f64) -> f64) -> Side {
        let mut sizes: Vec<f64> = self.changes.values().map(|change| of(*change)).collect();
        sizes.retain(|size| *size > 0.0);
        // In one order, so that the same clicks give the same bits.
        sizes.sort_by(f64::total_cmp);
        let mean = |sums: &(f64, f64, f64)| (sums.1 / sums.0.max(1.0), sums.2 / sums.0.max(1.0));
        let ((weight, weight_square), (revenue, revenue_square)) = (mean(clicks), mean(&self.paid));
        Side {
            sum: sizes.iter().sum(),
            squares: sizes.iter().map(|size| size * size).sum(),
            next: weight * revenue,
            next_square: weight_square * revenue_square,
        }
    }
}

/// Whether a probability is below one by more than rounding.
fn is_below_one(probability: f64) -> bool {
    probability < 1.0 - 1e-9
}

fn count(sums: &mut (f64, f64, f64), value: f64) {
    *sums = (sums.0 + 1.0, sums.1 + value, sums.2 + value * value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(visitor: u64, weight: f64, revenue: i64) -> Tried {
        Tried { visitor, weight, supported: 1.0, is_changed: weight != 1.0, cost: 10, revenue }
    }

    fn estimate(clicks: &[Tried]) -> Estimate {
        let mut trial = Trial::default();
        clicks.iter().for_each(|click| trial.add(click));
        trial.estimate()
    }

    #[test]
    fn nothing_changed_is_no_difference() {
        let same = estimate(&[tried(1, 1.0, 500), tried(2, 1.0, 0)]);
        let nothing = Difference { expected: 0.0, low: 0.0, high: 0.0 };
        assert_eq!((same.was, same.changed, same.difference), (480, 0, Ok(nothing)));
    }

    #[test]
    fn a_click_stands_for_as_many_as_its_weight_says() {
        let found = estimate(&[tried(1, 2.0, 500), tried(2, 0.0, 300), tried(3, 0.0, 0)]);
        let difference = found.difference.unwrap();
        assert_eq!((found.was, difference.expected), (770, 200.0));
        assert!(difference.low < 200.0 && difference.high > 200.0, "{difference:?}");
        assert_eq!(found.effective, 1.0);
    }

    #[test]
    fn what_has_no_support_is_counted_and_left_out_on_both_sides() {
        let half = Tried { supported: 0.5, weight: 0.5, ..tried(1, 0.5, 400) };
        let found = estimate(&[half, half]);
        assert_eq!((found.unsupported, found.unsupported_expected), (2, 1.0));
        assert_eq!((found.was, found.was_supported), (780, 390.0));
        assert_eq!(found.difference.unwrap().expected, 0.0);
        let none = Tried { supported: 0.0, weight: 0.0, ..half };
        assert_eq!(estimate(&[none]).difference, Err(NoEstimate::NoSupport));
    }

    #[test]
    fn without_revenue_nothing_is_said_of_profit() {
        let found = estimate(&[tried(1, 2.0, 0), tried(2, 0.0, 0)]);
        assert_eq!(found.difference, Err(NoEstimate::NoRevenue));
    }

    #[test]
    fn one_visitor_is_one_event() {
        let apart: Vec<_> =
            (0..40).map(|n| tried(n, if n % 2 == 0 { 1.5 } else { 0.5 }, 100)).collect();
        let together: Vec<_> = apart
            .iter()
            .map(|t| Tried { visitor: t.visitor / 8 * 2 + t.visitor % 2, ..*t })
            .collect();
        let width = |clicks: &[Tried]| {
            let Difference { low, high, .. } = estimate(clicks).difference.unwrap();
            high - low
        };
        assert!(width(&together) > 1.5 * width(&apart));
    }
}
