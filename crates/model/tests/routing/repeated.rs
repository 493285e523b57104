//! A decision can be made again from what is stored, and explained without being changed.

use crate::made_up::{Chance, Somebody, somebody, world};
use crate::scene::{DRAWS, SUNDAY_MS, facts, key, table};
use model::Field;
use model::codec;
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::route::{
    Decision, Fortune, Kept, Reached, SeedKind, Undecided, Visit, explain, explain_stored, replay,
    route,
};
use model::table::RoutingTable;
use model::thing::IpPrivacy;
use serde_json::json;

const WORLDS: u64 = 400;
const VISITORS: i64 = 100;
const MODES: [IpPrivacy; 4] =
    [IpPrivacy::Full, IpPrivacy::Truncate, IpPrivacy::Hash, IpPrivacy::None];

fn visit<'a>(somebody: &'a Somebody, capped: &'a dyn Fn(u32) -> bool) -> Visit<'a> {
    Visit {
        query: &somebody.query,
        ip: Some(somebody.ip),
        visitor: somebody.visitor,
        kept: &somebody.kept,
        seen: &somebody.seen,
        capped,
        ..Visit::new(somebody.key, &somebody.facts)
    }
}

/// The facts as they come back from the journal.
fn stored(facts: &Facts) -> Facts {
    let mut bytes = Vec::new();
    codec::encode(RecordKind::Click, facts, &mut bytes);
    codec::decode(&bytes).unwrap().facts
}

#[test]
fn a_stored_click_is_decided_as_it_was_under_every_privacy() {
    let (mut differ, mut hidden, mut kept, mut full, mut seen, mut hops) = (0, 0, 0, 0, 0, 0);
    for privacy in MODES {
        let mut decided = 0;
        for seed in 0..WORLDS {
            let mut chance = Chance(seed);
            let table = RoutingTable::new(&world(&mut chance));
            let campaign = table.campaign(1).unwrap();
            for n in 0..VISITORS {
                let mut person = somebody(&mut chance, privacy, n);
                let list = person.full.clone();
                let capped = |offer| list.contains(&offer);
                let made = route(&table, campaign, &visit(&person, &capped), &DRAWS);
                if let Some(decision) = &made {
                    decision.record(&mut person.facts);
                    decided += 1;
                    hidden += usize::from(!decision.truths.is_empty());
                    kept += usize::from(!decision.kept.is_empty());
                    full += usize::from(!decision.capped.is_empty());
                    seen += usize::from(!decision.seen.is_empty());
                    hops += usize::from(!decision.hops.is_empty());
                    let again = replay(&table, &stored(&person.facts), &DRAWS);
                    differ += usize::from(again.as_ref() != Ok(decision));
                }
            }
        }
        println!("result: replay, ip_privacy {privacy:?}: {decided} stored clicks decided again");
    }
    println!(
        "result: replay: {differ} differences; {hidden} clicks had truths, {kept} kept choices, {full} full offers, {seen} seen alternatives, {hops} hops"
    );
    assert_eq!(differ, 0);
    assert!([hidden, kept, full, seen, hops].iter().all(|count| *count > 1000));
}

#[test]
fn explaining_changes_nothing() {
    let mut explained = 0;
    for seed in 0..WORLDS {
        let mut chance = Chance(seed ^ 0xabcd);
        let table = RoutingTable::new(&world(&mut chance));
        let campaign = table.campaign(1).unwrap();
        for n in 0..VISITORS {
            let privacy = chance.pick(&MODES);
            let mut person = somebody(&mut chance, privacy, n);
            let list = person.full.clone();
            let capped = |offer| list.contains(&offer);
            let made = route(&table, campaign, &visit(&person, &capped), &DRAWS);
            let (why, _) = explain(&table, campaign, &visit(&person, &capped), &DRAWS);
            assert_eq!(why.as_ref().ok(), made.as_ref());
            if let Some(decision) = made {
                decision.record(&mut person.facts);
                assert_eq!(explain_stored(&table, &stored(&person.facts), &DRAWS).0, Ok(decision));
            }
            explained += 1;
        }
    }
    println!("result: explain: {explained} decisions, each the same as without explaining");
}

fn office() -> RoutingTable {
    table(&[json!({
        "rules": [
            {"name": "office", "when": {"field": "ip", "op": "in", "value": ["198.51.100.8/29"]},
             "paths": [{"status": {"code": 404}}]},
            {"name": "news", "when": {"any": [
                {"param": "zone", "op": "is", "value": "news"}, {"field": "os", "op": "is", "value": "iOS"}]},
             "paths": [{"offers": [{"offer": 1, "weight": 3}, {"offer": 2, "weight": 1}, {"offer": 3, "weight": 0}]}]},
            {"name": "never", "when": {"field": "os", "op": "known"}, "paths": [{"campaign": 1}]},
        ],
        "default": [{"url": "https://a.example/"}],
    })])
}

#[test]
fn a_condition_whose_input_was_lost_is_unknown_until_its_truth_is_stored() {
    let table = office();
    let mut facts = facts(&[(Field::Ip, "198.51.100.0"), (Field::Os, "iOS")]);
    let lost = Undecided::InputLost { flow: 1, rule: 1 };
    assert_eq!(replay(&table, &facts, &DRAWS), Err(lost));
    let ip = Some("198.51.100.9".parse().unwrap());
    let decision = {
        let visit = Visit { ip, ..Visit::new(key(SUNDAY_MS, 1), &facts) };
        route(&table, table.campaign(1).unwrap(), &visit, &DRAWS).unwrap()
    };
    assert_eq!((decision.rule, decision.truths.len()), (Some(1), 1));
    decision.record(&mut facts);
    assert_eq!(replay(&table, &facts, &DRAWS), Ok(decision));
}

#[test]
fn what_is_stored_in_full_needs_no_truth() {
    let table = office();
    let mut facts = facts(&[(Field::Ip, "198.51.100.9")]);
    facts.push_bytes(tag::RAW_QUERY, b"zone=news");
    let decision: Decision = {
        let ip = Some("198.51.100.9".parse().unwrap());
        let visit = Visit { ip, query: "zone=news", ..Visit::new(key(SUNDAY_MS, 1), &facts) };
        route(&table, table.campaign(1).unwrap(), &visit, &DRAWS).unwrap()
    };
    assert_eq!((decision.rule, &*decision.truths), (Some(1), &[][..]));
}

#[test]
fn a_query_that_was_not_stored_leaves_the_truths_of_its_parameters() {
    let table = office();
    let mut facts = facts(&[(Field::Ip, "203.0.113.5")]);
    facts.push_bytes(tag::RAW_QUERY, b"zone=filtered");
    let decision = {
        let ip = Some("203.0.113.5".parse().unwrap());
        let visit = Visit { ip, query: "zone=news", ..Visit::new(key(SUNDAY_MS, 1), &facts) };
        route(&table, table.campaign(1).unwrap(), &visit, &DRAWS).unwrap()
    };
    assert_eq!((decision.rule, decision.truths.len()), (Some(2), 1));
    decision.record(&mut facts);
    assert_eq!(replay(&table, &facts, &DRAWS), Ok(decision));
}

#[test]
fn an_explanation_names_every_rule_condition_and_number() {
    let table = office();
    let facts = facts(&[(Field::Ip, "203.0.113.5"), (Field::Os, "iOS")]);
    let ip = Some("203.0.113.5".parse().unwrap());
    let visit = Visit { ip, ..Visit::new(key(SUNDAY_MS, 1), &facts) };
    let (outcome, why) = explain(&table, table.campaign(1).unwrap(), &visit, &DRAWS);
    let flow = &why.flows[0];
    let rules: Vec<_> = flow.rules.iter().map(|rule| (&*rule.name, rule.reached)).collect();
    let expected =
        [("office", Reached::NotMet), ("news", Reached::Met), ("never", Reached::NotReached)];
    assert_eq!(rules, expected);
    let office = flow.rules[0].when.as_ref().unwrap();
    assert_eq!(office.text, "ip in 198.51.100.8/29");
    assert_eq!((office.holds, office.seen.as_deref()), (Some(false), Some("203.0.113.5")));
    let news = flow.rules[1].when.as_ref().unwrap();
    assert_eq!((&*news.text, news.holds, news.parts.len()), ("any", Some(true), 2));
    assert_eq!((news.parts[0].holds, &news.parts[0].seen), (Some(false), &None));
    assert_eq!(news.parts[1].seen.as_deref(), Some("iOS"));
    let levels: Vec<_> = flow.draws.iter().map(|draw| &*draw.level).collect();
    assert_eq!(levels, ["path", "offer"]);
    let offers = &flow.draws[1];
    assert_eq!((offers.seed, offers.winner), (SeedKind::Click, outcome.unwrap().offer()));
    assert_eq!(offers.alternatives.iter().map(|a| a.share).collect::<Vec<_>>(), [0.75, 0.25, 0.0]);
    assert_eq!(offers.alternatives[2].fortune, Fortune::NoWeight);
    let best = offers.alternatives.iter().filter(|a| a.score.is_some());
    let best = best.min_by(|a, b| a.score.unwrap().total_cmp(&b.score.unwrap())).unwrap();
    assert_eq!((Some(best.id), best.fortune), (offers.winner, Fortune::Won));
    let json = serde_json::to_value(&why).unwrap();
    assert_eq!(json["decision"]["target"], "offer");
    assert_eq!(json["revision"], 7);
}

#[test]
fn an_explanation_says_who_was_full_and_who_was_kept() {
    let flow = json!({"returning": "same", "default": [{"offers": [{"offer": 1}, {"offer": 2}]}]});
    let mut world = crate::scene::things(&[flow]);
    world.offers[0].body.next = Some(5);
    let table = RoutingTable::new(&world);
    let facts = facts(&[]);
    let kept = [Kept { flow: 1, path: 1, lander: None, offer: Some(1) }];
    let why = |capped: &dyn Fn(u32) -> bool| {
        let base = Visit::new(key(SUNDAY_MS, 1), &facts);
        let visit = Visit { visitor: Some(9), kept: &kept, capped, ..base };
        explain(&table, table.campaign(1).unwrap(), &visit, &DRAWS).1.flows.remove(0).draws
    };
    let free = why(&|_| false);
    assert!(free[0].is_kept && free[1].is_kept);
    assert_eq!((free[1].winner, free[1].seed), (Some(1), SeedKind::Visitor));
    let full = why(&|offer| offer < 3);
    assert!(full[0].is_kept && !full[1].is_kept);
    let overflow = full[1].overflow.as_ref();
    if let Some(overflow) = overflow {
        assert_eq!((overflow.from, overflow.to, &*overflow.name), (1, 5, "thing 5"));
    }
    assert!(full[1].alternatives.iter().any(|a| a.fortune == Fortune::Capped));
}
