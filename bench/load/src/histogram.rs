//! Counts durations in buckets whose width grows with the value, so that each keeps two digits and more.

use std::time::Duration;

/// Values below 2^7 ns have a bucket each; above, every doubling is cut into 2^7 buckets.
const SUB_BITS: u32 = 7;
const SUB_COUNT: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB_COUNT;

/// A histogram of durations with an error below 1/128 at any size.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0, max: 0 }
    }

    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.max = self.max.max(nanoseconds);
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    /// The value that `share` (0 to 1) of all durations do not exceed, in microseconds; none without any.
    ///
    /// It is the upper end of the bucket, so a figure is never better than the truth.
    pub fn quantile_us(&self, share: f64) -> Option<f64> {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        let reached = self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        })?;
        Some(upper_end(reached).min(self.max) as f64 / 1_000.0)
    }
}

fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(SUB_BITS + 1);
    shift as usize * SUB_COUNT + (value >> shift) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let shift = (bucket / SUB_COUNT).saturating_sub(1) as u32;
    let first = ((bucket - shift as usize * SUB_COUNT) as u64) << shift;
    first + ((1u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        let mut next = 0u64;
        for index in 0..BUCKETS {
            assert_eq!(bucket(next), index, "first value of bucket {index}");
            assert_eq!(bucket(upper_end(index)), index, "last value of bucket {index}");
            next = upper_end(index).wrapping_add(1);
        }
        assert_eq!(next, 0, "the last bucket ends at the largest value");
    }

    #[test]
    fn an_empty_histogram_has_no_quantile() {
        assert_eq!(Histogram::new().quantile_us(0.5), None);
    }

    #[test]
    fn the_highest_quantile_is_the_exact_maximum() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::from_nanos(1_234_567));
        assert_eq!(histogram.quantile_us(1.0), Some(1_234.567));
    }

    proptest! {
        #[test]
        fn quantiles_agree_with_a_sorted_list(
            mut values in prop::collection::vec(0u64..10_000_000_000, 1..500),
            share in 0.001f64..=1.0,
        ) {
            let mut histogram = Histogram::new();
            for &value in &values {
                histogram.record(Duration::from_nanos(value));
            }
            values.sort_unstable();
            let exact = values[(values.len() as f64 * share).ceil() as usize - 1] as f64;
            let found = histogram.quantile_us(share).unwrap() * 1_000.0;
            prop_assert!(found >= exact - 0.5 && found <= exact * (1.0 + 1.0 / 128.0) + 1.0);
        }
    }
}
