//! The links of a lander: what was promised, what is drawn later, what is full by then.

use crate::scene::{DRAWS, SUNDAY_MS, decide, facts, key, things};
use model::facts::Facts;
use model::record::tag;
use model::route::{Stored, Visit, offer_of_link};
use model::table::RoutingTable;
use serde_json::json;
use std::collections::BTreeSet;

fn table(choice: &str) -> RoutingTable {
    RoutingTable::new(&things(&[json!({"returning": "same", "default": [{
        "landers": [{"lander": 1}], "offer_choice": choice,
        "offers": [{"offer": 1}, {"offer": 2}, {"offer": 3}, {"offer": 4, "weight": 0}]}]})]))
}

/// The facts of the n-th click, its decision among them.
fn clicked(table: &RoutingTable, n: i64) -> Facts {
    let mut facts = facts(&[]);
    facts.replace_int(tag::KEY, key(SUNDAY_MS, n).0);
    let visit = Visit { visitor: Some(n as u64 % 7), ..Visit::new(key(SUNDAY_MS, n), &facts) };
    let decision = decide(table, &visit);
    decision.record(&mut facts);
    facts
}

fn offers(table: &RoutingTable, facts: &Facts, full: &[u32]) -> Vec<u32> {
    let stored = Stored::read(facts);
    let capped = |offer| full.contains(&offer);
    let visit = stored.visit(&capped);
    (1..=4).map(|link| offer_of_link(table, &visit, link, &DRAWS).unwrap().offer).collect()
}

#[test]
fn links_lead_to_different_offers_and_then_begin_again() {
    for choice in ["before", "after"] {
        let table = table(choice);
        for n in 0..100 {
            let facts = clicked(&table, n);
            let offers = offers(&table, &facts, &[]);
            assert_eq!(offers[..3].iter().collect::<BTreeSet<_>>().len(), 3);
            assert_eq!(offers[3], offers[0]);
            let promised = facts.int(model::Field::Offer);
            assert_eq!(promised.is_some(), choice == "before");
            assert!(promised.is_none_or(|offer| offer == i64::from(offers[0])));
        }
    }
}

#[test]
fn both_moments_draw_the_same_while_nothing_is_full() {
    let (before, after) = (table("before"), table("after"));
    for n in 0..100 {
        let early = offers(&before, &clicked(&before, n), &[]);
        assert_eq!(early, offers(&after, &clicked(&after, n), &[]));
    }
}

#[test]
fn a_promise_is_kept_and_other_links_avoid_what_is_full() {
    let (before, after) = (table("before"), table("after"));
    for n in 0..100 {
        let facts = clicked(&before, n);
        let free = offers(&before, &facts, &[]);
        let full = [free[0], free[1]];
        assert_eq!(offers(&before, &facts, &full)[..2], [free[0], free[2]]);
        let facts = clicked(&after, n);
        assert_eq!(offers(&after, &facts, &full)[0], free[2]);
        let stored = Stored::read(&facts);
        let capped = |offer| full.contains(&offer);
        let visit = stored.visit(&capped);
        assert_eq!(offer_of_link(&after, &visit, 1, &DRAWS).unwrap().capped, full);
    }
}
