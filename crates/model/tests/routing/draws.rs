//! A million clicks: shares, independence, and who moves when a weight changes.

use crate::scene::{DRAWS, facts, things};
use model::draw::{Alternative, Draw, Level, Seed};
use model::route::{Visit, route};
use model::table::RoutingTable;
use model::{ClickKey, Field};
use serde_json::{Value, json};

const CLICKS: i64 = 1_000_000;
const LEVELS: [Level; 3] = [Level::Path, Level::Lander, Level::Offer];

/// The value that chi-square exceeds by chance once in a thousand keys, by degrees of freedom. The key
/// is fixed, so a test passes always or never.
fn critical(freedom: usize) -> f64 {
    match freedom {
        3 => 16.27,
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
    let (mut pairs, mut largest) = (0, 0.0f64);
    for (i, one) in outcomes.iter().enumerate() {
        for other in &outcomes[..i] {
            let dependence = dependence(one, other);
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

/// Chi-square of the contingency table of two choices among four, without the part that its rows and
/// columns have by themselves (their shares are another test's): 9 degrees of freedom.
fn dependence(one: &[u8], other: &[u8]) -> f64 {
    let mut counts = [0.0; 16];
    for (a, b) in one.iter().zip(other) {
        counts[usize::from(4 * a + b)] += 1.0;
    }
    let all = one.len() as f64;
    let rows: Vec<f64> = (0..4).map(|a| (0..4).map(|b| counts[4 * a + b]).sum()).collect();
    let columns: Vec<f64> = (0..4).map(|b| (0..4).map(|a| counts[4 * a + b]).sum()).collect();
    let quarters = [all / 4.0; 4];
    chi_square(&counts, &[all / 16.0; 16])
        - chi_square(&rows, &quarters)
        - chi_square(&columns, &quarters)
}

/// Equal numbers wherever they may be, in flow 1 even of the paths of rule and default, which saving
/// would refuse: only the scopes keep the choices apart.
#[test]
fn the_choices_of_decisions_are_independent() {
    const DECISIONS: i64 = 200_000;
    let list = |kind: &str| (1..=4).map(|id| json!({kind: id})).collect::<Vec<Value>>();
    let path = json!({"landers": list("lander"), "offers": list("offer")});
    let paths = json!([path, path, path, path]);
    let ios = json!({"field": "os", "op": "is", "value": "iOS"});
    let flow = json!({"rules": [{"when": ios, "paths": paths}], "default": paths});
    let mut world = things(&[flow.clone(), flow]);
    for (flow, first_of_default) in world.flows.iter_mut().zip([1, 5]) {
        let of_rule = flow.body.rules[0].paths.iter_mut().zip(1..);
        let of_default = flow.body.default.iter_mut().zip(first_of_default..);
        of_rule.chain(of_default).for_each(|(path, id)| path.id = id);
    }
    let table = RoutingTable::new(&world);
    let visitors = [facts(&[(Field::Os, "iOS")]), facts(&[(Field::Os, "Android")])];
    let mut choices: Vec<(String, Vec<u8>)> = Vec::new();
    for campaign in [1, 2] {
        for facts in &visitors {
            let decide = |click: i64| {
                let visit = Visit::new(ClickKey(seed(click).0), facts);
                let campaign = table.campaign(campaign).unwrap();
                let decision = route(&table, campaign, &visit, &DRAWS).unwrap();
                [decision.path, decision.lander().unwrap(), decision.offer().unwrap()]
            };
            let decisions: Vec<[u32; 3]> = (0..DECISIONS).map(decide).collect();
            let os = facts.text(Field::Os).unwrap();
            // Landers and offers hang on the path: where paths are equal, so are they.
            for level in 0..if (campaign, os) == (1, "Android") { 1 } else { 3 } {
                let column = decisions.iter().map(|choice| (choice[level] - 1) as u8 % 4).collect();
                choices.push((format!("flow {campaign} {os} {:?}", LEVELS[level]), column));
            }
        }
    }
    let mut largest = 0.0f64;
    for (i, (name, one)) in choices.iter().enumerate() {
        for (other_name, other) in &choices[..i] {
            let dependence = dependence(one, other);
            assert!(dependence < critical(9), "{name} and {other_name}: {dependence}");
            largest = largest.max(dependence);
        }
    }
    let pairs = choices.len() * (choices.len() - 1) / 2;
    println!(
        "result: draws: {pairs} pairs of choices independent over {DECISIONS} decisions, chi-square at most {largest:.2} (bound {})",
        critical(9)
    );
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
