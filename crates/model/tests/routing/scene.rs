//! A small world to route in: things from JSON, visitors from fields.

use model::facts::Facts;
use model::id::EPOCH_MS;
use model::keys::Secret;
use model::record::tag;
use model::route::{Decision, Visit, route};
use model::table::{RoutingTable, Things};
use model::thing::{Body, Campaign, Flow, Lander, Network, Offer, Thing, ThingId, Workspace};
use model::{ClickKey, Field};
use serde_json::{Value, json};

pub const DRAWS: Secret = [42; 16];

/// 2026-11-22T23:30:00Z, a Sunday; in Berlin it is Monday, half past midnight.
pub const SUNDAY_MS: i64 = 1_795_390_200_000;

pub fn thing<B: Body>(id: ThingId, body: Value) -> Thing<B> {
    let body = serde_json::from_value(body).unwrap();
    Thing { id, workspace: 1, name: format!("thing {id}"), revision: 1, archived: false, body }
}

/// Campaign and flow n for each of `flows`; landers and offers 1 to 9, all of network 1; time in
/// Berlin.
pub fn things(flows: &[Value]) -> Things {
    let workspace = Workspace { time_zone: "Europe/Berlin".into(), ..Workspace::default() };
    let url = |what: &str, id: u32| json!({"url": format!("https://{what}{id}.example/")});
    let offer = |id: u32| json!({"url": format!("https://offer{id}.example/"), "network": 1});
    let mut things = Things {
        revision: 7,
        workspaces: vec![Thing { body: workspace, ..thing(1, json!(Workspace::default())) }],
        networks: vec![thing::<Network>(1, json!(Network::default()))],
        landers: (1..10).map(|id| thing::<Lander>(id, url("lander", id))).collect(),
        offers: (1..10).map(|id| thing::<Offer>(id, offer(id))).collect(),
        ..Things::default()
    };
    for (id, flow) in (1..).zip(flows) {
        let mut flow: Thing<Flow> = thing(id, flow.clone());
        flow.body.number_paths();
        assert_eq!(flow.body.problems(), [], "flow {id}");
        things.flows.push(flow);
        things.campaigns.push(thing::<Campaign>(id, json!({"key": format!("k{id}"), "flow": id})));
    }
    things
}

pub fn table(flows: &[Value]) -> RoutingTable {
    let table = RoutingTable::new(&things(flows));
    assert_eq!(table.left_out(), []);
    table
}

/// The key of the n-th click at a moment.
pub fn key(at_ms: i64, n: i64) -> ClickKey {
    ClickKey((at_ms - EPOCH_MS) << 20 | n)
}

/// Facts of a click of campaign 1 on that Sunday.
pub fn facts(texts: &[(Field, &str)]) -> Facts {
    let mut facts = Facts::for_click();
    facts.push_int(tag::KEY, key(SUNDAY_MS, 1).0);
    facts.set_int(Field::Campaign, 1);
    for (field, text) in texts {
        facts.set_text(*field, text);
    }
    facts
}

pub fn decide(table: &RoutingTable, visit: &Visit<'_>) -> Decision {
    route(table, table.campaign(1).unwrap(), visit, &DRAWS).unwrap()
}
