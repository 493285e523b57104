//! What is set up: flows with every feature, and how they change from revision to revision.

use crate::random::Random;
use model::thing::{IpPrivacy, Kind, ThingId, Workspace};
use serde_json::{Value, json};
use store::Change;

/// Flows are numbered from 1, and the campaign of the same number uses each.
const FLOWS: ThingId = 10;
/// A campaign that is always paused.
pub const CLOSED: ThingId = 11;
const OFFERS: ThingId = 12;
const LANDERS: ThingId = 3;

/// The parts that conditions on addresses are about; the visitors come from there too.
pub const NETWORKS: [&str; 6] = [
    "81.2.69.0/24",
    "89.160.20.112/28",
    "216.160.83.56/29",
    "198.51.100.0/25",
    "2001:db8:1::/48",
    "203.0.113.7",
];

/// How many rules the flows have together.
pub const RULES: usize = 24;

/// The key of a flow's campaign.
pub fn key(flow: ThingId) -> String {
    format!("way-{flow}")
}

/// The first save.
pub fn first(privacy: IpPrivacy, random: &mut Random) -> Vec<Change> {
    let workspace = Workspace { ip_privacy: privacy, ..Workspace::default() };
    let mut changes =
        vec![Change { expected: None, ..change(Kind::Workspace, 1, json!(workspace)) }];
    let source = json!({
        "params": [{"param": "zone", "field": "placement"}, {"param": "kw", "field": "keyword"}],
        "click_id_param": "tid", "cost_param": "price"
    });
    changes.push(change(Kind::Source, 1, source));
    changes.push(change(Kind::Network, 1, json!({})));
    for id in 1..=LANDERS {
        let url = format!("https://lander{id}.example/?c={{country}}");
        changes.push(change(Kind::Lander, id, json!({"url": url, "offers": 2})));
    }
    // From behind, since each may name the next.
    changes.extend((1..=OFFERS).rev().map(|id| change(Kind::Offer, id, offer(id, random))));
    // Flows that lead on name campaigns, which need a flow to begin with.
    let plain = json!({"default": [{"id": 1, "offers": [{"offer": 1}]}]});
    changes.extend((1..=FLOWS + 1).map(|id| change(Kind::Flow, id, plain.clone())));
    changes.extend((1..=FLOWS + 1).map(|id| change(Kind::Campaign, id, campaign(id, random))));
    let flows = (1..=FLOWS).map(|id| change(Kind::Flow, id, flow(id, random)));
    changes.extend(flows.map(|change| Change { expected: None, ..change }));
    changes
}

/// A later save: some flows, offers and campaigns are changed.
pub fn later(random: &mut Random) -> Vec<Change> {
    let mut changes = Vec::new();
    for _ in 0..=random.below(3) {
        let id = ThingId::try_from(1 + random.below(FLOWS as usize)).unwrap();
        changes.push(change(Kind::Flow, id, flow(id, random)));
    }
    if random.one_in(3) {
        let id = ThingId::try_from(1 + random.below(OFFERS as usize)).unwrap();
        changes.push(change(Kind::Offer, id, offer(id, random)));
    }
    if random.one_in(4) {
        let id = ThingId::try_from(1 + random.below(FLOWS as usize)).unwrap();
        changes.push(change(Kind::Campaign, id, campaign(id, random)));
    }
    changes.into_iter().map(|change| Change { expected: None, ..change }).collect()
}

fn change(kind: Kind, id: ThingId, body: Value) -> Change {
    let name = format!("{kind} {id}");
    let body = body.to_string();
    Change { workspace: 1, kind, id: Some(id), name, archived: false, body, expected: Some(0) }
}

fn campaign(id: ThingId, random: &mut Random) -> Value {
    let is_paused = id == CLOSED || random.one_in(12);
    json!({
        "key": key(id), "source": 1, "flow": id, "status": if is_paused { "paused" } else { "active" },
        "archived_url": "https://closed.example/"
    })
}

/// Every other one has a cap, and most of those hand on what is over it.
fn offer(id: ThingId, random: &mut Random) -> Value {
    let cap = id.is_multiple_of(2).then(|| {
        let (of, per) = (random.pick(&["clicks", "conversions"]), random.pick(&["day", "total"]));
        json!({"of": of, "per": per, "amount": 100, "time_zone": "Asia/Tokyo"})
    });
    // No row of them is longer than what may be saved.
    let next = (!id.is_multiple_of(6) && !random.one_in(3)).then_some(id + 1);
    json!({"url": format!("https://offer{id}.example/"), "network": 1, "cap": cap, "next": next})
}

fn flow(id: ThingId, random: &mut Random) -> Value {
    let returning = match id {
        5 | 9 => "same",
        6 => "unseen",
        10 => random.pick(&["same", "unseen", "draw_again"]),
        _ => "draw_again",
    };
    let mut rules = conditions(id, random);
    shuffle(&mut rules, random);
    let rules: Vec<Value> = rules
        .into_iter()
        .map(|(rule, when)| {
            let paths = paths(id, rule * 10, random);
            json!({"id": rule, "name": format!("rule {rule}"), "when": when, "paths": paths})
        })
        .collect();
    let time_zone = random.pick(&["Europe/Berlin", "America/New_York", "Asia/Kolkata"]);
    let default = paths(id, 100, random);
    json!({"time_zone": time_zone, "returning": returning, "rules": rules, "default": default})
}

/// The rules of a flow by their ids; each flow asks for something else.
fn conditions(flow: ThingId, random: &mut Random) -> Vec<(u32, Value)> {
    let network = random.pick(&NETWORKS);
    let hour = random.below(24);
    let rules = match flow {
        2 => vec![
            json!({"all": [
                {"field": "country", "op": "in", "value": ["GB", "SE"]},
                {"field": "device", "op": "is_not", "value": "desktop"}
            ]}),
            json!({"all": [
                {"field": "os", "op": "is", "value": "ios"},
                {"field": "os_version", "op": "at_least", "value": "17.2"}
            ]}),
            json!({"any": [
                {"field": "browser", "op": "contains", "value": "fire"},
                {"field": "referrer_host", "op": "starts_with", "value": "news"},
                {"field": "user_agent", "op": "regex", "value": "Android 1[0-4]"}
            ]}),
            json!({"any": [
                {"field": "isp", "op": "known"},
                {"field": "asn", "op": "between", "value": [1, 30000]},
                {"field": "city", "op": "is", "value": "London"},
                {"field": "language", "op": "not_in", "value": ["de", "en"]}
            ]}),
        ],
        3 | 9 => vec![
            json!({"field": "ip", "op": "in", "value": [network]}),
            json!({"all": [
                {"field": "ip", "op": "not_in", "value": [random.pick(&NETWORKS), "10.0.0.0/8"]},
                {"param": "zone", "op": "regex", "value": "^(a|b)[0-9]+$"}
            ]}),
            json!({"any": [
                {"all": [
                    {"param": "late", "op": "known"},
                    {"field": "ip", "op": "is_not", "value": "198.51.100.7"}
                ]},
                {"param": "kw", "op": "is", "value": "ärmel"},
                {"all": [
                    {"field": "country", "op": "is", "value": "US"},
                    {"field": "ip", "op": "unknown"}
                ]}
            ]}),
        ],
        4 => vec![
            json!({"field": "hour_of_day", "op": "between", "value": [hour, (hour + 5) % 24]}),
            json!({"field": "weekday_hour", "op": "at_least", "value": 140}),
            json!({"all": [
                {"field": "day", "op": "between", "value": ["2026-10-24", "2026-10-25"]},
                {"field": "weekday", "op": "in", "value": [6, 7]}
            ]}),
        ],
        5 | 6 | 10 => vec![
            json!({"field": "unique_flow", "op": "is", "value": random.one_in(2)}),
            json!({"field": "ip", "op": "in", "value": [network]}),
        ],
        7 => vec![
            json!({"field": "ip", "op": "in", "value": [network]}),
            json!({"all": [
                {"field": "unique_all", "op": "is", "value": false},
                {"field": "campaign", "op": "is", "value": 7}
            ]}),
        ],
        8 => vec![
            json!({"any": [
                {"field": "bot", "op": "is", "value": true},
                {"field": "test", "op": "is", "value": true},
                {"field": "duplicate", "op": "is", "value": true}
            ]}),
            json!({"param": "zone", "op": "between", "value": [100, 400]}),
            json!({"field": "placement", "op": "starts_with", "value": "b"}),
        ],
        _ => Vec::new(),
    };
    (1..).zip(rules).collect()
}

/// Paths of a list; their ids begin behind `first`.
fn paths(flow: ThingId, first: u32, random: &mut Random) -> Vec<Value> {
    let count = 1 + random.below(3);
    let mut paths: Vec<Value> = (0..count).map(|_| path(flow, random)).collect();
    for (place, path) in paths.iter_mut().enumerate() {
        path["id"] = json!(first as usize + place + 1);
        // One weight at least is not zero.
        path["weight"] = json!(if place == 0 { 50 } else { random.below(4) * 40 });
    }
    paths
}

fn path(flow: ThingId, random: &mut Random) -> Value {
    // Ways lead only to campaigns of a higher number, so that none comes back.
    let beyond = match flow {
        7 => Some(random.pick(&[8, 9])),
        9 => Some(random.pick(&[10, CLOSED])),
        2 => Some(random.pick(&[3, 5, 6])),
        _ => None,
    };
    match (beyond, random.below(6)) {
        (Some(campaign), 0..3) => return json!({"campaign": campaign}),
        (_, 0) if flow == 8 => return json!({"status": {"code": 404, "text": "nothing here"}}),
        (_, 1) if flow == 8 => return json!({"url": "https://own.example/?id={click_id}"}),
        _ => {}
    }
    let offers = alternatives("offer", OFFERS, 1 + random.below(4), random);
    if random.one_in(2) {
        return json!({"offers": offers});
    }
    let landers = alternatives("lander", LANDERS, 1 + random.below(3), random);
    let choice = random.pick(&["before", "after"]);
    json!({"landers": landers, "offers": offers, "offer_choice": choice})
}

/// Puts a list into another order.
pub fn shuffle<T>(list: &mut [T], random: &mut Random) {
    for end in (1..list.len()).rev() {
        list.swap(end, random.below(end + 1));
    }
}

fn alternatives(name: &str, end: ThingId, count: usize, random: &mut Random) -> Vec<Value> {
    let mut ids: Vec<ThingId> = (1..=end).collect();
    shuffle(&mut ids, random);
    let weighted = |(place, id): (usize, &ThingId)| {
        let weight = if place == 0 { 30 } else { random.below(4) * 30 };
        json!({name: id, "weight": weight})
    };
    ids.iter().take(count).enumerate().map(weighted).collect()
}
