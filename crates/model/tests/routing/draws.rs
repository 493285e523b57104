//! A million clicks: shares, independence, and who moves when a weight changes.

use crate::scene::DRAWS;
use model::draw::{Alternative, Draw, Level, Seed};

const CLICKS: i64 = 1_000_000;
const LEVELS: [Level; 3] = [Level::Path, Level::Lander, Level::Offer];

/// The value that chi-square exceeds by chance once in a thousand keys, by degrees of freedom. The key
/// is fixed, so a test passes always or never.
fn critical(freedom: usize) -> f64 {
    match freedom {
        2 => 13.82,
        3 => 16.27,
        4 => 18.47,
        9 => 27.88,
        freedom => panic!("no value for {freedom} degrees of freedom"),
    }
}

fn alternatives(weights: &[u32]) -> Vec<Alternative> {
    (1..).zip(weights).map(|(id, &weight)| Alternative { id, weight }).collect()
}

/// Keys as they are given out: a few a millisecond, on some node.
fn seed(click: i64) -> Seed {
    Seed((click / 3) << 20 | (5 << 12) | (click % 3))
}

fn winner(click: i64, level: Level, scope: u64, alternatives: &[Alternative]) -> usize {
    let draw = Draw { secret: &DRAWS, seed: seed(click), level, scope, alternatives };
    draw.best(|_| true).unwrap() as usize - 1
}

fn chi_square(counts: &[f64], expected: &[f64]) -> f64 {
    counts.iter().zip(expected).map(|(count, expected)| (count - expected).powi(2) / expected).sum()
}

#[test]
fn shares_are_the_weights_at_every_level() {
    let weights = [40, 30, 20, 10, 0];
    let list = alternatives(&weights);
    let expected = [0.4, 0.3, 0.2, 0.1].map(|share| share * CLICKS as f64);
    for level in LEVELS {
        let mut counts = [0.0; 5];
        for click in 0..CLICKS {
            counts[winner(click, level, 7 << 32 | 1, &list)] += 1.0;
        }
        let chi_square = chi_square(&counts[..4], &expected);
        println!(
            "result: draws: {CLICKS} clicks at level {level:?}: {counts:?} of weights {weights:?}, chi-square {chi_square:.2} (bound {})",
            critical(3)
        );
        assert_eq!(counts[4], 0.0, "weight 0 never wins");
        assert!(chi_square < critical(3));
    }
}

#[test]
fn levels_rules_and_lists_are_independent() {
    let list = alternatives(&[1, 1, 1, 1]);
    // A level, and a list: the same path ids behind another rule, in another flow, under another path.
    let draws = [
        (Level::Path, 7),
        (Level::Path, 1 << 32 | 7),
        (Level::Path, 8),
        (Level::Lander, 7 << 32 | 1),
        (Level::Offer, 7 << 32 | 1),
        (Level::Offer, 7 << 32 | 2),
    ];
    let outcomes: Vec<Vec<u8>> = draws
        .iter()
        .map(|(level, scope)| (0..CLICKS).map(|c| winner(c, *level, *scope, &list) as u8).collect())
        .collect();
    let expected = [CLICKS as f64 / 16.0; 16];
    let (mut pairs, mut largest) = (0, 0.0f64);
    for (i, one) in outcomes.iter().enumerate() {
        for other in &outcomes[..i] {
            let mut counts = [0.0; 16];
            for (a, b) in one.iter().zip(other) {
                counts[usize::from(4 * a + b)] += 1.0;
            }
            // The shares are right (another test), so 9 of the 15 degrees are left to dependence.
            let dependence = chi_square(&counts, &expected) - margins(&counts);
            assert!(dependence < critical(9), "{:?} and another: {dependence}", draws[i]);
            largest = largest.max(dependence);
            pairs += 1;
        }
    }
    println!(
        "result: draws: {pairs} pairs of lists independent over {CLICKS} clicks, chi-square at most {largest:.2} (bound {})",
        critical(9)
    );
}

/// The part of chi-square that rows and columns have by themselves.
fn margins(counts: &[f64; 16]) -> f64 {
    let expected = [CLICKS as f64 / 4.0; 4];
    let rows: Vec<f64> = (0..4).map(|a| (0..4).map(|b| counts[4 * a + b]).sum()).collect();
    let columns: Vec<f64> = (0..4).map(|b| (0..4).map(|a| counts[4 * a + b]).sum()).collect();
    chi_square(&rows, &expected) + chi_square(&columns, &expected)
}

#[test]
fn a_changed_weight_moves_only_what_must_move() {
    let weights = [50, 30, 20];
    for (changed, weight) in [(1, 60), (1, 10), (0, 0), (2, 1000)] {
        let mut after = weights;
        after[changed] = weight;
        let (before, after) = (alternatives(&weights), alternatives(&after));
        let (mut moved, mut wrongly) = (0i64, 0);
        for click in 0..CLICKS {
            let old = winner(click, Level::Offer, 9, &before);
            let new = winner(click, Level::Offer, 9, &after);
            moved += i64::from(old != new);
            let grows = weight > weights[changed];
            let may_move = if grows { new == changed } else { old == changed };
            wrongly += i64::from(old != new && !may_move);
        }
        let share = |list: &[Alternative]| {
            f64::from(list[changed].weight) / list.iter().map(|a| f64::from(a.weight)).sum::<f64>()
        };
        let must = (share(&after) - share(&before)).abs() * CLICKS as f64;
        println!(
            "result: draws: weight {} of {weights:?} to {weight}: {moved} of {CLICKS} clicks moved ({must:.0} must), {wrongly} others",
            weights[changed]
        );
        assert_eq!(wrongly, 0);
        assert!((moved as f64 - must).abs() < 5.0 * must.sqrt(), "{moved} moved, {must} must");
    }
}
