//! When clicks arrive in an open loop: at a fixed rate, evenly or as independent visitors do.

use std::time::Duration;

use crate::{options::ArrivalKind, random::Random};

/// An endless list of arrival times, counted from the start.
pub struct Arrivals {
    mean_gap_s: f64,
    kind: ArrivalKind,
    random: Random,
    elapsed_s: f64,
}

impl Arrivals {
    pub fn new(kind: ArrivalKind, rate_per_s: f64, seed: u64) -> Self {
        Self { mean_gap_s: 1.0 / rate_per_s, kind, random: Random::new(seed), elapsed_s: 0.0 }
    }

    pub fn next_arrival(&mut self) -> Duration {
        self.elapsed_s += match self.kind {
            ArrivalKind::Poisson => -self.mean_gap_s * self.random.fraction().ln(),
            ArrivalKind::Uniform => self.mean_gap_s,
        };
        Duration::from_secs_f64(self.elapsed_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals_of_ten_seconds(kind: ArrivalKind) -> Vec<f64> {
        let mut arrivals = Arrivals::new(kind, 5_000.0, 3);
        std::iter::from_fn(|| Some(arrivals.next_arrival().as_secs_f64()))
            .take_while(|&at| at < 10.0)
            .collect()
    }

    #[test]
    fn both_kinds_keep_the_rate() {
        for kind in [ArrivalKind::Poisson, ArrivalKind::Uniform] {
            let count = arrivals_of_ten_seconds(kind).len();
            assert!((49_000..51_000).contains(&count), "{count}");
        }
    }

    #[test]
    fn gaps_between_poisson_arrivals_vary_as_much_as_their_mean() {
        let arrivals = arrivals_of_ten_seconds(ArrivalKind::Poisson);
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "{}", variance.sqrt() / mean);
    }
}
