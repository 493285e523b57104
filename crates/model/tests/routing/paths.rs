//! Where paths lead: rules in order, other campaigns, URLs, fixed answers, things that are gone.

use crate::scene::{DRAWS, SUNDAY_MS, decide, facts, key, table, things};
use model::Field;
use model::facts::Facts;
use model::record::tag;
use model::route::{Target, Undecided, Visit, explain, route};
use model::table::RoutingTable;
use model::thing::{CampaignStatus, Kind, Pass, RedirectMode};
use serde_json::{Value, json};

fn to(offer: u32) -> Value {
    json!([{"offers": [{"offer": offer}]}])
}

fn visit(facts: &Facts) -> Visit<'_> {
    Visit::new(key(SUNDAY_MS, 1), facts)
}

fn undecided(table: &RoutingTable) -> Undecided {
    let nothing = facts(&[]);
    let campaign = table.campaign(1).unwrap();
    assert_eq!(route(table, campaign, &visit(&nothing), &DRAWS), None);
    explain(table, campaign, &visit(&nothing), &DRAWS).0.unwrap_err()
}

#[test]
fn the_first_rule_that_is_met_decides() {
    let ios = json!({"field": "os", "op": "is", "value": "iOS"});
    let dach = json!({"field": "country", "op": "in", "value": ["DE", "AT", "CH"]});
    let table = table(&[json!({
        "rules": [
            {"when": {"all": [ios, dach]}, "paths": to(1)},
            {"when": dach, "paths": to(2)},
            {"when": ios, "paths": to(3)},
        ],
        "default": to(4),
    })]);
    for (os, country, rule, offer) in [
        ("iOS", "AT", Some(1), 1),
        ("Android", "AT", Some(2), 2),
        ("iOS", "FR", Some(3), 3),
        ("Android", "FR", None, 4),
        ("", "", None, 4),
    ] {
        let facts = facts(&[(Field::Os, os), (Field::Country, country)]);
        let decision = decide(&table, &visit(&facts));
        assert_eq!((decision.rule, decision.offer()), (rule, Some(offer)), "{os} {country}");
        assert_eq!(decision.network, Some(1));
    }
}

#[test]
fn a_path_leads_where_it_says_and_as_it_says() {
    let flow = |path: Value| json!({"default": [path]});
    for (path, target) in [
        (json!({"offers": [{"offer": 3}]}), Target::Offer(3)),
        (
            json!({"landers": [{"lander": 2}], "offers": [{"offer": 3}]}),
            Target::Lander { lander: 2, offer: Some(3) },
        ),
        (
            json!({"landers": [{"lander": 2}], "offers": [{"offer": 3}], "offer_choice": "after"}),
            Target::Lander { lander: 2, offer: None },
        ),
        (json!({"offers": [{"offer": 3}], "offer_choice": "after"}), Target::Offer(3)),
        (json!({"url": "https://a.example/"}), Target::Url),
        (json!({"status": {"code": 404, "text": "gone"}}), Target::Status(404)),
    ] {
        let table = table(&[flow(path.clone())]);
        let nothing = facts(&[]);
        assert_eq!(decide(&table, &visit(&nothing)).target, target, "{path}");
    }
    let table = table(&[flow(json!({
        "url": "https://a.example/", "mode": "no_referrer", "pass": {"landers": false, "offers": true}}))]);
    let nothing = facts(&[]);
    let decision = decide(&table, &visit(&nothing));
    assert_eq!(decision.mode, RedirectMode::NoReferrer);
    assert_eq!(decision.pass, Pass { landers: false, offers: true });
    assert_eq!(decision.path_of(&table).unwrap().id, 1);
}

#[test]
fn a_path_to_a_campaign_goes_on_there_and_every_hop_is_recorded() {
    let table = table(&[
        json!({"rules": [{"when": {"field": "os", "op": "known"}, "paths": [{"campaign": 2}]}],
               "default": to(1)}),
        json!({"default": [{"campaign": 3}]}),
        json!({"rules": [{"when": {"field": "campaign", "op": "is", "value": 1}, "paths": to(3)}],
               "default": to(2)}),
    ]);
    let mut facts = facts(&[(Field::Os, "iOS")]);
    let decision = decide(&table, &visit(&facts));
    assert_eq!((decision.campaign, decision.flow, decision.offer()), (3, 3, Some(3)));
    assert_eq!(decision.rule, Some(1), "conditions see the campaign that was clicked");
    let hops: Vec<_> = decision.hops.iter().map(|hop| (hop.campaign, hop.rule)).collect();
    assert_eq!(hops, [(1, Some(1)), (2, None)]);
    decision.record(&mut facts);
    assert_eq!(facts.int(Field::Campaign), Some(1));
    let led_on: Vec<_> = facts.all(tag::HOP).collect();
    assert_eq!(led_on, [model::facts::Value::Int(2), model::facts::Value::Int(3)]);
}

#[test]
fn campaigns_that_lead_to_each_other_end_after_eight_hops() {
    let table =
        table(&[json!({"default": [{"campaign": 2}]}), json!({"default": [{"campaign": 1}]})]);
    assert_eq!(undecided(&table), Undecided::TooManyHops);
    let chain = |hops: u32| {
        let mut chain: Vec<Value> =
            (0..hops).map(|at| json!({"default": [{"campaign": at + 2}]})).collect();
        chain.push(json!({"default": to(1)}));
        crate::scene::table(&chain)
    };
    let nothing = facts(&[]);
    assert_eq!(decide(&chain(8), &visit(&nothing)).hops.len(), 8);
    assert_eq!(undecided(&chain(9)), Undecided::TooManyHops);
}

#[test]
fn a_campaign_that_takes_no_clicks_ends_the_way() {
    let mut world = things(&[json!({"default": [{"campaign": 2}]}), json!({"default": to(1)})]);
    world.campaigns[1].body.status = CampaignStatus::Paused;
    let table = RoutingTable::new(&world);
    let nothing = facts(&[]);
    let decision = decide(&table, &visit(&nothing));
    assert_eq!((decision.campaign, decision.target), (2, Target::Closed));
    world.campaigns[0].archived = true;
    assert_eq!(undecided(&RoutingTable::new(&world)), Undecided::CampaignClosed(1));
    world.campaigns[0].archived = false;
    world.campaigns.pop();
    assert_eq!(undecided(&RoutingTable::new(&world)), Undecided::CampaignMissing(2));
}

#[test]
fn a_flow_that_cannot_be_compiled_does_not_stop_the_others() {
    let bad = json!({"rules": [{"when": {"field": "os", "op": "regex", "value": "x"}, "paths": to(1)}], "default": to(2)});
    let mut world = things(&[bad, json!({"default": to(3)})]);
    let broken = json!({"field": "os", "op": "regex", "value": "("});
    world.flows[0].body.rules[0].when = serde_json::from_value(broken).unwrap();
    world.offers[4].body.url = "nowhere".into();
    let table = RoutingTable::new(&world);
    assert_eq!(undecided(&table), Undecided::FlowMissing(1));
    let left: Vec<_> = table.left_out().iter().map(|l| (l.kind, l.id, &*l.problem.field)).collect();
    assert_eq!(left, [(Kind::Flow, 1, "rules[0].when.value"), (Kind::Offer, 5, "url")]);
    let nothing = facts(&[]);
    let second = route(&table, table.campaign(2).unwrap(), &visit(&nothing), &DRAWS).unwrap();
    assert_eq!(second.offer(), Some(3));
}

#[test]
fn the_archived_get_nobody_while_another_is_left() {
    let flow = json!({"default": [{
        "landers": [{"lander": 1}, {"lander": 2}], "offers": [{"offer": 1}, {"offer": 2}]}]});
    let mut world = things(&[flow]);
    (world.landers[0].archived, world.offers[1].archived) = (true, true);
    let targets = |table: &RoutingTable| {
        let nothing = facts(&[]);
        let target = |n| decide(table, &Visit::new(key(SUNDAY_MS, n), &nothing)).target;
        (0..100).map(target).collect::<Vec<_>>()
    };
    let only = Target::Lander { lander: 2, offer: Some(1) };
    assert!(targets(&RoutingTable::new(&world)).iter().all(|target| *target == only));
    world.offers[0].archived = true;
    let both = targets(&RoutingTable::new(&world));
    let goes_to = |offer| both.contains(&Target::Lander { lander: 2, offer: Some(offer) });
    assert!(goes_to(1) && goes_to(2), "a link leads somewhere when everything is archived");
}
