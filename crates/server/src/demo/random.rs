//! Chance that can be repeated: a generator from a seed, and draws of weighted and long-tailed shares.

use std::f64::consts::TAU;

/// A generator of SplitMix64 (Steele, Lea and Flood, 2014): small enough that every click has one of its own, so that
/// what becomes of one click never shifts the luck of another.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The generator number `number` of the kind `stream` of a seed; all are independent.
    pub fn of(seed: u64, stream: u64, number: u64) -> Self {
        Self { state: mix(mix(mix(seed) ^ stream) ^ number) }
    }

    /// The generator that belongs to a text.
    pub fn of_text(seed: u64, stream: u64, text: &str) -> Self {
        // FNV-1a, 64 bits (Fowler, Noll and Vo).
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self::of(seed, stream, text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Uniform in `from..to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.unit()
    }

    /// Uniform in `0..n`; 0 when there is nothing to choose from.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// One of a list.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }

    /// Log-normal around a median: delays and prices look like that.
    pub fn lognormal(&mut self, median: f64, sigma: f64) -> f64 {
        median * (sigma * self.normal()).exp()
    }

    /// Log-normal with mean 1: a factor that changes the parts and not the whole.
    pub fn factor(&mut self, sigma: f64) -> f64 {
        (sigma * self.normal() - sigma * sigma / 2.0).exp()
    }

    /// Text of `length` characters of an alphabet of ASCII.
    pub fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| self.one_of(alphabet).copied().map_or('0', char::from)).collect()
    }
}

/// The finalizer of SplitMix64.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Weighted alternatives, drawn by their places.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Running sums of the weights.
    ends: Vec<f64>,
}

impl Shares {
    /// From weights, none of them negative.
    pub fn new(weights: impl IntoIterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let add = |weight: f64| {
            sum += weight.max(0.0);
            sum
        };
        Self { ends: weights.into_iter().map(add).collect() }
    }

    /// A long tail: the weight of place `r` is `(r + 1)^-exponent` (Zipf's law).
    pub fn zipf(count: usize, exponent: f64) -> Self {
        Self::new((1..=count).map(|rank| (rank as f64).powf(-exponent)))
    }

    /// The sum of all weights.
    pub fn sum(&self) -> f64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// The running sums of the weights.
    pub fn ends(&self) -> &[f64] {
        &self.ends
    }

    /// A place, each by its weight; 0 when there is none.
    pub fn draw(&self, random: &mut Random) -> usize {
        let at = random.unit() * self.sum();
        self.ends.partition_point(|end| *end <= at).min(self.ends.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 200_000;

    fn counts(shares: &Shares, places: usize) -> Vec<f64> {
        let mut random = Random::of(1, 2, 3);
        let mut counts = vec![0.0; places];
        for _ in 0..DRAWS {
            counts[shares.draw(&mut random)] += 1.0 / DRAWS as f64;
        }
        counts
    }

    #[test]
    fn shares_are_drawn_by_weight_and_zero_never() {
        let found = counts(&Shares::new([5.0, 0.0, 3.0, 2.0]), 4);
        for (found, expected) in found.iter().zip([0.5, 0.0, 0.3, 0.2]) {
            assert!((found - expected).abs() < 0.01, "{found} {expected}");
        }
        assert_eq!(Shares::new([]).draw(&mut Random::of(0, 0, 0)), 0);
    }

    #[test]
    fn a_long_tail_falls_by_its_exponent() {
        let found = counts(&Shares::zipf(1000, 1.0), 1000);
        for (rank, other) in [(1, 2), (1, 10), (2, 20)] {
            let ratio = found[rank - 1] / found[other - 1];
            let expected = other as f64 / rank as f64;
            assert!((ratio / expected - 1.0).abs() < 0.1, "{rank} {other}: {ratio} {expected}");
        }
        assert!(found.iter().skip(100).sum::<f64>() > 0.2, "the tail matters");
    }

    #[test]
    fn the_moments_are_those_of_the_distributions() {
        let mut random = Random::of(7, 0, 0);
        let mean =
            |draw: &mut dyn FnMut() -> f64| (0..DRAWS).map(|_| draw()).sum::<f64>() / DRAWS as f64;
        assert!((mean(&mut || random.unit()) - 0.5).abs() < 0.005);
        assert!(mean(&mut || random.normal()).abs() < 0.01);
        assert!((mean(&mut || random.normal().powi(2)) - 1.0).abs() < 0.02);
        assert!((mean(&mut || random.factor(0.5)) - 1.0).abs() < 0.01);
        let below = mean(&mut || f64::from(u8::from(random.lognormal(30.0, 0.8) < 30.0)));
        assert!((below - 0.5).abs() < 0.01, "{below}");
    }

    #[test]
    fn generators_repeat_and_differ() {
        let first = |seed, stream, number| Random::of(seed, stream, number).bits();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let all = [first(1, 2, 3), first(2, 2, 3), first(1, 3, 3), first(1, 2, 4), first(0, 0, 0)];
        let distinct: std::collections::HashSet<_> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_ne!(Random::of_text(1, 1, "a").bits(), Random::of_text(1, 1, "b").bits());
    }
}
