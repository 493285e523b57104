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

/// The uniform number in (0, 1] of one alternative of one draw. `scope` (a flow's or a path's number)
/// keeps equal ids of different lists independent.
pub fn uniform(secret: &Secret, click: ClickKey, level: Level, scope: u64, id: u32) -> f64 {
    let mut input = [0u8; 24];
    input[..8].copy_from_slice(&click.0.to_le_bytes());
    input[8..16].copy_from_slice(&scope.to_le_bytes());
    input[16..20].copy_from_slice(&id.to_le_bytes());
    input[20] = level as u8;
    let bits = hash(secret, &input) >> 11;
    (bits + 1) as f64 / (1u64 << 53) as f64
}

/// The score of an alternative; the smallest wins. `libm` gives the same bits on every machine.
fn score(uniform: f64, weight: u32) -> f64 {
    -libm::log(uniform) / f64::from(weight)
}

/// The alternative that wins, or the `rank`-th behind it (0 is the winner); `None` when fewer than
/// `rank + 1` have a weight.
pub fn choose(
    secret: &Secret,
    click: ClickKey,
    level: Level,
    scope: u64,
    alternatives: &[Alternative],
    rank: usize,
) -> Option<u32> {
    let live = || alternatives.iter().filter(|a| a.weight > 0);
    let scored =
        |a: &Alternative| (score(uniform(secret, click, level, scope, a.id), a.weight), a.id);
    let ahead = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if rank == 0 {
        let mut live = live();
        let first = live.next()?;
        return match live.next() {
            None => Some(first.id),
            Some(second) => {
                [first, second].into_iter().chain(live).map(scored).min_by(ahead).map(|(_, id)| id)
            }
        };
    }
    let mut order: Vec<(f64, u32)> = live().map(scored).collect();
    order.sort_by(ahead);
    order.get(rank).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = [7; 16];
    const CLICKS: i64 = 200_000;

    fn alternatives(weights: &[u32]) -> Vec<Alternative> {
        weights
            .iter()
            .enumerate()
            .map(|(i, &weight)| Alternative { id: i as u32 + 1, weight })
            .collect()
    }

    fn draw(click: i64, level: Level, list: &[Alternative]) -> u32 {
        choose(&SECRET, ClickKey(click << 12), level, 9, list, 0).unwrap()
    }

    #[test]
    fn shares_follow_the_weights_and_zero_never_wins() {
        let list = alternatives(&[50, 30, 20, 0]);
        let mut counts = [0f64; 5];
        for click in 0..CLICKS {
            counts[draw(click, Level::Path, &list) as usize] += 1.0;
        }
        assert_eq!(counts[4], 0.0);
        let expected = [0.5, 0.3, 0.2].map(|share| share * CLICKS as f64);
        let chi_square: f64 =
            (0..3).map(|i| (counts[i + 1] - expected[i]).powi(2) / expected[i]).sum();
        // Two degrees of freedom: 13.8 is passed by chance once in a thousand keys; the key is fixed.
        assert!(chi_square < 13.8, "chi-square {chi_square} of {counts:?}");
    }

    #[test]
    fn levels_are_independent() {
        let list = alternatives(&[50, 50]);
        let both = (0..CLICKS)
            .filter(|&click| {
                draw(click, Level::Lander, &list) == 1 && draw(click, Level::Offer, &list) == 1
            })
            .count() as f64;
        let expected = CLICKS as f64 / 4.0;
        assert!((both - expected).abs() < 4.0 * (expected * 0.75).sqrt(), "{both} of {expected}");
    }

    #[test]
    fn a_changed_weight_moves_clicks_only_to_or_from_its_alternative() {
        let (before, after) = (alternatives(&[50, 30, 20]), alternatives(&[50, 60, 20]));
        for click in 0..CLICKS {
            let (old, new) =
                (draw(click, Level::Offer, &before), draw(click, Level::Offer, &after));
            assert!(old == new || new == 2, "click {click} moved from {old} to {new}");
        }
    }

    #[test]
    fn ranks_are_a_permutation_that_begins_with_the_winner() {
        let list = alternatives(&[5, 1, 10, 0]);
        for click in 0..1000 {
            let rank = |r| choose(&SECRET, ClickKey(click), Level::Offer, 1, &list, r);
            let mut all = [rank(0).unwrap(), rank(1).unwrap(), rank(2).unwrap()];
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3]);
            assert_eq!(rank(3), None);
        }
    }
}
