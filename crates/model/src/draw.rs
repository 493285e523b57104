//! Draws: every choice among weighted alternatives is a keyed hash of the click, not a generator.
//!
//! Weighted rendezvous hashing: each alternative gets its own uniform number `u` from the click, and
//! the smallest `-ln(u) ÷ weight` wins (an exponential race: alternative `i` wins with probability
//! `weight_i ÷ Σ weight`). Changing one weight moves only clicks to or from that alternative, the
//! losers in order are the second, third … choice, and replaying a click draws the same again.

use crate::id::ClickKey;
use crate::keys::{Secret, hash};

/// What is drawn; each level is independent of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One of the paths of a flow.
    Path = 1,
    /// One of the landers of a path.
    Lander = 2,
    /// One of the offers of a path.
    Offer = 3,
    /// The `{random}` token.
    Random = 4,
}

/// An alternative of a draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// What it stands for; its luck depends on this number, not on its place in the list.
    pub id: u32,
    /// Its share; 0 never wins.
    pub weight: u32,
}

/// What a draw is made from: the click or, where a flow remembers visitors, the visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub i64);

impl From<ClickKey> for Seed {
    fn from(key: ClickKey) -> Self {
        Self(key.0)
    }
}

/// One draw among alternatives.
#[derive(Clone, Copy, Debug)]
pub struct Draw<'a> {
    /// The key of every draw of the installation.
    pub secret: &'a Secret,
    /// What it is made from.
    pub seed: Seed,
    /// What is drawn.
    pub level: Level,
    /// Keeps equal ids of different lists independent: a list's number.
    pub scope: u64,
    /// What may win.
    pub alternatives: &'a [Alternative],
}

impl Draw<'_> {
    /// The alternative that wins among those that have a weight and that `accepts` lets take part;
    /// `None` when there is none.
    pub fn best(&self, accepts: impl Fn(u32) -> bool) -> Option<u32> {
        let mut live = self.alternatives.iter().filter(|a| a.weight > 0 && accepts(a.id));
        let first = live.next()?;
        let Some(second) = live.next() else { return Some(first.id) };
        let scored = |a: &Alternative| (self.score(a), a.id);
        [first, second].into_iter().chain(live).map(scored).min_by(ahead).map(|(_, id)| id)
    }

    /// Everything that has a weight, the winner first, then who would win without it, and so on.
    pub fn ranked(&self) -> Vec<u32> {
        let live = self.alternatives.iter().filter(|a| a.weight > 0);
        let mut order: Vec<(f64, u32)> = live.map(|a| (self.score(a), a.id)).collect();
        order.sort_by(ahead);
        order.into_iter().map(|(_, id)| id).collect()
    }

    /// The uniform number in (0, 1] of one alternative.
    pub fn uniform(&self, id: u32) -> f64 {
        uniform(self.secret, self.seed, self.level, self.scope, id)
    }

    /// The score of an alternative that has a weight; the smallest wins. `libm` gives the same bits
    /// on every machine.
    pub fn score(&self, alternative: &Alternative) -> f64 {
        -libm::log(self.uniform(alternative.id)) / f64::from(alternative.weight)
    }
}

/// The uniform number in (0, 1] of one alternative of one draw.
pub fn uniform(secret: &Secret, seed: Seed, level: Level, scope: u64, id: u32) -> f64 {
    let mut input = [0u8; 24];
    input[..8].copy_from_slice(&seed.0.to_le_bytes());
    input[8..16].copy_from_slice(&scope.to_le_bytes());
    input[16..20].copy_from_slice(&id.to_le_bytes());
    input[20] = level as u8;
    let bits = hash(secret, &input) >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}

fn ahead(a: &(f64, u32), b: &(f64, u32)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = [42; 16];

    fn draw(seed: i64, alternatives: &[Alternative]) -> Draw<'_> {
        Draw { secret: &SECRET, seed: Seed(seed), level: Level::Offer, scope: 1, alternatives }
    }

    fn alternatives(weights: &[u32]) -> Vec<Alternative> {
        (1..).zip(weights).map(|(id, &weight)| Alternative { id, weight }).collect()
    }

    #[test]
    fn ranks_are_a_permutation_that_begins_with_the_winner() {
        let list = alternatives(&[5, 1, 10, 0]);
        for seed in 0..1000 {
            let draw = draw(seed, &list);
            let mut ranked = draw.ranked();
            assert_eq!(draw.best(|_| true), ranked.first().copied());
            assert_eq!(draw.best(|id| id != ranked[0]), ranked.get(1).copied());
            ranked.sort_unstable();
            assert_eq!(ranked, [1, 2, 3]);
        }
    }

    #[test]
    fn nobody_wins_where_nobody_may() {
        assert_eq!(draw(1, &[]).best(|_| true), None);
        assert_eq!(draw(1, &alternatives(&[0, 0])).best(|_| true), None);
        assert_eq!(draw(1, &alternatives(&[1, 0])).best(|id| id == 2), None);
        assert_eq!(draw(1, &alternatives(&[1, 1])).best(|id| id == 2), Some(2));
    }
}
