//! The 95 % interval of a sum over few events of unequal size.
//!
//! Profit changes at conversions, and conversions are rare: an interval from the normal distribution
//! would be too narrow on the side where the next conversion may come. Each side is therefore taken for
//! a Poisson number of events with sizes of their own, whose interval comes from the gamma distribution
//! (Fay and Feuer, "Confidence intervals for directly standardized rates", Statistics in Medicine 16,
//! 1997; its upper limit as modified by Tiwari, Clegg and Zou, Statistical Methods in Medical Research
//! 15, 2006), and the interval of the difference from those of its sides (Zou and Donner, "Construction
//! of confidence limits about effect measures", Statistics in Medicine 27, 2008).

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// One side of a difference: events that add up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Side {
    /// Sum of the sizes of the events that were seen.
    pub(super) sum: f64,
    /// Sum of their squares.
    pub(super) squares: f64,
    /// Mean size of an event that could as well have been seen.
    pub(super) next: f64,
    /// Mean of the square of that.
    pub(super) next_square: f64,
}

impl Side {
    /// Between what the sum is expected to lie.
    fn bounds(&self) -> (f64, f64) {
        let low = match self.sum > 0.0 {
            true => gamma_quantile(self.sum, self.squares, -Z),
            false => 0.0,
        };
        let (sum, squares) = (self.sum + self.next, self.squares + self.next_square);
        let high = if sum > 0.0 { gamma_quantile(sum, squares, Z) } else { 0.0 };
        (low, high)
    }
}

/// The interval of `gains − losses`.
pub(super) fn of_difference(gains: &Side, losses: &Side) -> (f64, f64) {
    let difference = gains.sum - losses.sum;
    let ((gain_low, gain_high), (loss_low, loss_high)) = (gains.bounds(), losses.bounds());
    let below = (gains.sum - gain_low).hypot(loss_high - losses.sum);
    let above = (gain_high - gains.sum).hypot(losses.sum - loss_low);
    (difference - below, difference + above)
}

/// The quantile of the gamma distribution with this mean and variance, by the cube root (Wilson and
/// Hilferty 1931): accurate to a few percent from one event on.
fn gamma_quantile(mean: f64, variance: f64, z: f64) -> f64 {
    let shape = mean * mean / variance;
    let root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt());
    mean * root.max(0.0).powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 0.02 * expected.max(1.0), "{found} for {expected}");
    }

    #[test]
    fn events_of_one_size_have_the_interval_of_a_poisson_number() {
        // Exact limits of Garwood (Biometrika 28, 1936).
        for (events, low, high) in
            [(0.0, 0.0, 3.689), (1.0, 0.025, 5.572), (4.0, 1.090, 10.242), (100.0, 81.36, 121.63)]
        {
            let side = Side { sum: events, squares: events, next: 1.0, next_square: 1.0 };
            let bounds = side.bounds();
            near(bounds.0, low);
            near(bounds.1, high);
        }
    }

    #[test]
    fn nothing_that_could_happen_is_no_doubt() {
        assert_eq!(of_difference(&Side::default(), &Side::default()), (0.0, 0.0));
    }

    #[test]
    fn a_difference_of_many_is_as_wide_as_the_normal_distribution_says() {
        let side = |events: f64| Side {
            sum: 2.0 * events,
            squares: 4.0 * events,
            next: 2.0,
            next_square: 4.0,
        };
        let (low, high) = of_difference(&side(40_000.0), &side(10_000.0));
        let half = Z * (4.0f64 * 50_000.0).sqrt();
        near(60_000.0 - low, half);
        near(high - 60_000.0, half);
    }
}
