//! Visitors who come back, and offers that are full.

use crate::scene::{SUNDAY_MS, decide, facts, key, table, things};
use model::facts::Facts;
use model::route::{Decision, Kept, Seen, Visit};
use model::table::{RoutingTable, Things};
use serde_json::{Value, json};

fn paths() -> Value {
    json!([
        {"landers": [{"lander": 1}, {"lander": 2}], "offers": [{"offer": 1}, {"offer": 2}, {"offer": 3}]},
        {"landers": [{"lander": 3}, {"lander": 4}], "offers": [{"offer": 4}, {"offer": 5}, {"offer": 6}]},
    ])
}

fn flow(returning: &str) -> Value {
    json!({"returning": returning, "default": paths()})
}

fn nth(n: i64, facts: &Facts) -> Visit<'_> {
    Visit::new(key(SUNDAY_MS, n), facts)
}

/// Everything a visitor saw of a decision.
fn seen(decision: &Decision) -> Vec<Seen> {
    let path = Seen::Path { flow: decision.flow, path: decision.path };
    let lander = decision.lander().map(Seen::Lander);
    [Some(path), lander, decision.offer().map(Seen::Offer)].into_iter().flatten().collect()
}

#[test]
fn a_sticky_flow_gives_a_visitor_the_same_without_a_cookie() {
    let (table, nothing) = (table(&[flow("same")]), facts(&[]));
    for visitor in 0..200 {
        let at = |n| decide(&table, &Visit { visitor: Some(visitor), ..nth(n, &nothing) });
        let first = at(1);
        assert_eq!(first.seed, Some(visitor));
        assert_eq!((at(2).path, at(2).target), (first.path, first.target));
    }
    let anonymous = decide(&table, &nth(1, &nothing));
    assert_eq!(anonymous.seed, None, "whoever is nobody is drawn by the click");
}

#[test]
fn a_kept_choice_survives_weights_until_it_cannot_be_had() {
    let nothing = facts(&[]);
    let kept = [Kept { flow: 1, path: 2, lander: Some(4), offer: Some(6) }];
    let with = |change: &dyn Fn(&mut Things), full: &[u32]| {
        let mut world = things(&[flow("same")]);
        change(&mut world);
        let table = RoutingTable::new(&world);
        let capped = |offer| full.contains(&offer);
        let visits = (0..50).map(|n| Visit { kept: &kept, capped: &capped, ..nth(n, &nothing) });
        visits.map(|visit| decide(&table, &visit)).collect::<Vec<_>>()
    };
    let path = |world: &mut Things, weight| world.flows[0].body.default[1].weight = weight;
    for decision in with(&|world| path(world, 1), &[]) {
        assert_eq!(decision.keepsake(), kept[0]);
        assert_eq!(decision.kept, kept);
    }
    for decision in with(&|world| path(world, 0), &[]) {
        assert_eq!((decision.path, &*decision.kept), (1, &[][..]));
    }
    let lander_archived = with(&|world| world.landers[3].archived = true, &[]);
    for decision in lander_archived {
        assert_eq!((decision.path, decision.lander(), decision.offer()), (2, Some(3), Some(6)));
        assert_eq!(decision.kept, [Kept { lander: None, ..kept[0] }]);
    }
    let without_offer = with(&|world| world.flows[0].body.default[1].offers[2].weight = 0, &[]);
    let full = with(&|_| {}, &[6]);
    for decision in without_offer.into_iter().chain(full) {
        assert_eq!((decision.path, decision.lander()), (2, Some(4)));
        assert_ne!(decision.offer(), Some(6));
        assert_eq!(decision.kept, [Kept { offer: None, ..kept[0] }]);
    }
    let other_flow = decide(
        &table(&[flow("draw_again")]),
        &Visit { kept: &kept, visitor: Some(5), ..nth(1, &nothing) },
    );
    assert_eq!((other_flow.kept, other_flow.seed), (vec![], None));
}

#[test]
fn rules_come_before_what_was_kept() {
    let table = table(&[json!({
        "returning": "same",
        "rules": [{"when": {"field": "os", "op": "is", "value": "iOS"}, "paths": [{"id": 9, "offers": [{"offer": 9}]}]}],
        "default": paths(),
    })]);
    let kept = [Kept { flow: 1, path: 2, lander: Some(4), offer: Some(6) }];
    let facts = facts(&[(model::Field::Os, "iOS")]);
    let decision = decide(&table, &Visit { kept: &kept, ..nth(1, &facts) });
    assert_eq!((decision.rule, decision.path, &*decision.kept), (Some(1), 9, &[][..]));
}

#[test]
fn a_visitor_sees_everything_once_before_anything_twice() {
    let (table, nothing) = (table(&[flow("unseen")]), facts(&[]));
    for visitor in 0..100 {
        let mut had: Vec<Seen> = Vec::new();
        let at = |n, had: &[Seen]| {
            decide(&table, &Visit { visitor: Some(visitor), seen: had, ..nth(n, &nothing) })
        };
        let first = at(1, &had);
        had.extend(seen(&first));
        let second = at(2, &had);
        assert_ne!(first.path, second.path);
        assert_eq!(second.seen, [Seen::Path { flow: 1, path: first.path }]);
        had.extend(seen(&second));
        // Both paths are seen: it begins again, with other landers and offers.
        let third = at(3, &had);
        assert_eq!(third.path, first.path);
        assert_ne!(third.lander(), first.lander());
        assert_ne!(third.offer(), first.offer());
        assert_eq!(at(3, &[]).target, first.target, "the best of the draw is the visitor's");
    }
}

#[test]
fn what_is_over_a_cap_goes_to_the_next_offer_else_to_the_next_of_the_draw() {
    let flow = json!({"default": [{"offers": [{"offer": 1, "weight": 1000000}, {"offer": 2, "weight": 1}]}]});
    let mut world = things(&[flow]);
    let nothing = facts(&[]);
    let at = |world: &Things, full: &[u32]| {
        let capped = |offer| full.contains(&offer);
        decide(&RoutingTable::new(world), &Visit { capped: &capped, ..nth(1, &nothing) })
    };
    let outcome = |decision: &Decision| (decision.offer().unwrap(), decision.capped.clone());
    assert_eq!(outcome(&at(&world, &[])), (1, vec![]));
    assert_eq!(outcome(&at(&world, &[1])), (2, vec![1]));
    assert_eq!(outcome(&at(&world, &[1, 2])), (1, vec![1, 2]), "nobody is turned away");
    world.offers[0].body.next = Some(7);
    world.offers[6].body.next = Some(8);
    assert_eq!(outcome(&at(&world, &[1])), (7, vec![1]));
    assert_eq!(outcome(&at(&world, &[1, 7])), (8, vec![1, 7]));
    assert_eq!(outcome(&at(&world, &[1, 7, 8])), (2, vec![1, 7, 8]));
    world.offers[6].archived = true;
    assert_eq!(outcome(&at(&world, &[1])), (8, vec![1]), "who is archived only passes on");
    world.offers[7].body.next = Some(1);
    assert_eq!(outcome(&at(&world, &[1, 8])), (2, vec![1, 8]), "a circle ends");
}
