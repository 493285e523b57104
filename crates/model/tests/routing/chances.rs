//! What may become of a click, and how likely: agrees with what becomes of many.

use crate::made_up::{Chance, Somebody, somebody, world};
use crate::scene::{DRAWS, SUNDAY_MS, facts, key, table};
use model::codec;
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::route::{
    Ending, Kept, Seen, Stored, Undecided, Visit, chances, ending, prospect, route,
};
use model::table::RoutingTable;
use model::thing::IpPrivacy;
use model::{ClickKey, Field};
use serde_json::json;

const WORLDS: u64 = 150;
const KEYS: i64 = 3000;

fn visit<'a>(
    person: &'a Somebody,
    key: ClickKey,
    visitor: Option<u64>,
    capped: &'a dyn Fn(u32) -> bool,
) -> Visit<'a> {
    Visit {
        query: &person.query,
        ip: Some(person.ip),
        visitor,
        kept: &person.kept,
        seen: &person.seen,
        capped,
        ..Visit::new(key, &person.facts)
    }
}

/// Pearson's statistic over cells of at least five, the others pooled, and its degrees of freedom.
fn chi_square(cells: &[(f64, f64)]) -> (f64, f64) {
    type Cells = Vec<(f64, f64)>;
    let (large, small): (Cells, Cells) = cells.iter().partition(|(expected, _)| *expected >= 5.0);
    let pooled = small.iter().fold((0.0, 0.0), |sum, cell| (sum.0 + cell.0, sum.1 + cell.1));
    let cells = large.into_iter().chain((pooled.0 >= 5.0).then_some(pooled));
    let parts: Vec<f64> = cells.map(|(e, o)| (o - e) * (o - e) / e).collect();
    (parts.iter().sum(), parts.len().saturating_sub(1) as f64)
}

#[test]
fn probabilities_add_up_to_one_and_are_those_of_the_draws() {
    let (mut sets, mut endings, mut score) = (0, 0, 0.0f64);
    for seed in 0..WORLDS {
        let mut chance = Chance(seed);
        let table = RoutingTable::new(&world(&mut chance));
        let campaign = table.campaign(1).unwrap();
        let person = somebody(&mut chance, IpPrivacy::Full, 0);
        let full = person.full.clone();
        let capped = |offer| full.contains(&offer);
        let of_person = visit(&person, person.key, person.visitor, &capped);
        let chances = chances(&table, campaign, &of_person).unwrap();
        let sum: f64 = chances.iter().map(|c| c.probability).sum();
        assert!((sum - 1.0).abs() < 1e-9, "world {seed}: {sum}");
        let mut counts = vec![0.0; chances.len()];
        for n in 0..KEYS {
            let visitor = person.visitor.map(|_| chance.next());
            let visit = visit(&person, ClickKey(person.key.0 & !0xfffff | n), visitor, &capped);
            let decision = route(&table, campaign, &visit, &DRAWS);
            let end = decision.map_or(Ending::Nowhere, |d| ending(&table, &visit, &d, &DRAWS));
            let place = chances.iter().position(|c| c.ending == end);
            counts[place.unwrap_or_else(|| panic!("world {seed}: {end:?} had no chance"))] += 1.0;
        }
        let expected = chances.iter().map(|c| c.probability * KEYS as f64);
        let cells: Vec<_> = expected.zip(counts).collect();
        let (statistic, freedom) = chi_square(&cells);
        // Standard deviations above what is expected.
        let above = (statistic - freedom) / (2.0 * freedom).sqrt().max(1.0);
        assert!(above < 7.0, "world {seed}: {statistic} with {freedom} degrees: {cells:?}");
        (sets, endings, score) = (sets + 1, endings + chances.len(), score.max(above));
    }
    println!(
        "result: chances: {sets} flows of {endings} endings agree with {KEYS} draws each, at most {score:.1} deviations off"
    );
}

#[test]
fn what_was_decided_for_a_stored_click_had_a_chance() {
    let mut clicks = 0;
    for privacy in [IpPrivacy::Full, IpPrivacy::Truncate, IpPrivacy::None] {
        for seed in 0..WORLDS {
            let mut chance = Chance(seed);
            let table = RoutingTable::new(&world(&mut chance));
            let campaign = table.campaign(1).unwrap();
            for n in 0..40 {
                let mut person = somebody(&mut chance, privacy, n);
                let full = person.full.clone();
                let capped = |offer| full.contains(&offer);
                let visit = visit(&person, person.key, person.visitor, &capped);
                let Some(made) = route(&table, campaign, &visit, &DRAWS) else { continue };
                made.record(&mut person.facts);
                let facts = back(&person.facts);
                let stored = Stored::read(&facts);
                let was_capped = |offer| stored.was_capped(offer);
                match prospect(&table, &stored, &was_capped, &DRAWS) {
                    Ok(found) => {
                        assert_eq!(found.decision.as_ref(), Some(&made), "world {seed}");
                        assert!(found.probability(found.ending) > 0.0, "world {seed}: {found:?}");
                        clicks += 1;
                    }
                    Err(lost) => assert!(matches!(lost, Undecided::InputLost { .. }), "{lost}"),
                }
            }
        }
    }
    println!("result: chances: {clicks} stored clicks went where they had a chance to go");
    assert!(clicks > 10_000);
}

/// The facts as they come back from the journal.
fn back(facts: &Facts) -> Facts {
    let mut bytes = Vec::new();
    codec::encode(RecordKind::Click, facts, &mut bytes);
    codec::decode(&bytes).unwrap().facts
}

#[test]
fn ways_to_one_ending_count_together() {
    let table = table(&[
        json!({"default": [
            {"weight": 60, "offers": [{"offer": 1, "weight": 1}, {"offer": 2, "weight": 3}]},
            {"weight": 30, "offers": [{"offer": 2}]},
            {"weight": 10, "campaign": 2},
        ]}),
        json!({"default": [{"offers": [{"offer": 2}, {"offer": 3}]}, {"weight": 0, "offers": [{"offer": 4}]}]}),
    ]);
    let facts = facts(&[]);
    let visit = Visit::new(key(SUNDAY_MS, 1), &facts);
    let chances = chances(&table, table.campaign(1).unwrap(), &visit).unwrap();
    let probability = |offer| {
        let found = chances.iter().find(|c| c.ending == Ending::Offer(offer));
        found.map(|c| (c.probability * 1e9).round() / 1e9)
    };
    assert_eq!([1, 2, 3, 4].map(probability), [Some(0.15), Some(0.8), Some(0.05), None]);
}

#[test]
fn what_was_kept_is_certain_and_what_was_seen_or_full_has_no_chance() {
    let paths = json!([{"offers": [{"offer": 1}, {"offer": 2}, {"offer": 3}]}]);
    let of = |returning: &str| table(&[json!({"returning": returning, "default": paths})]);
    let facts = facts(&[]);
    let kept = [Kept { flow: 1, path: 1, lander: None, offer: Some(2) }];
    let seen = [Seen::Offer(1)];
    let full = |offer| offer == 3;
    for (returning, expected) in [
        ("draw_again", vec![(1, 0.5), (2, 0.5)]),
        ("same", vec![(2, 1.0)]),
        ("unseen", vec![(2, 1.0)]),
    ] {
        let table = of(returning);
        let visit = Visit {
            visitor: Some(7),
            kept: &kept,
            seen: &seen,
            capped: &full,
            ..Visit::new(key(SUNDAY_MS, 1), &facts)
        };
        let chances = chances(&table, table.campaign(1).unwrap(), &visit).unwrap();
        let found: Vec<_> = chances.iter().map(|c| (c.ending, c.probability)).collect();
        let expected: Vec<_> = expected.into_iter().map(|(o, p)| (Ending::Offer(o), p)).collect();
        assert_eq!(found, expected, "{returning}");
    }
}

#[test]
fn an_offer_that_is_drawn_later_belongs_to_the_ending() {
    let table = table(&[json!({"default": [{
        "landers": [{"lander": 1}], "offer_choice": "after",
        "offers": [{"offer": 1, "weight": 25}, {"offer": 2, "weight": 75}],
    }]})]);
    let mut facts = facts(&[]);
    facts.replace_int(tag::KEY, key(SUNDAY_MS, 5).0);
    let stored = Stored::read(&facts);
    let found = prospect(&table, &stored, &|_| false, &DRAWS).unwrap();
    assert_eq!(found.decision.as_ref().unwrap().offer(), None);
    let Ending::Lander { lander: 1, offer: Some(offer) } = found.ending else {
        panic!("{found:?}")
    };
    assert_eq!(found.probability(found.ending), if offer == 1 { 0.25 } else { 0.75 });
}

#[test]
fn a_lost_input_is_no_chance_at_all() {
    let rule = json!({"when": {"field": "ip", "op": "in", "value": ["192.0.2.7"]},
        "paths": [{"offers": [{"offer": 1}]}]});
    let table = table(&[json!({"rules": [rule], "default": [{"offers": [{"offer": 2}]}]})]);
    let facts = facts(&[(Field::Ip, "192.0.2.0")]);
    let stored = Stored::read(&facts);
    let found = prospect(&table, &stored, &|_| false, &DRAWS);
    assert_eq!(found, Err(Undecided::InputLost { flow: 1, rule: 1 }));
}
