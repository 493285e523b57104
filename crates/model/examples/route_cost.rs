//! What a decision costs: nanoseconds per route, by rules and by campaigns, and how long a table takes
//! to build. `cargo run --release -p model --example route_cost`

#![expect(clippy::print_stdout, reason = "a measuring tool talks to its user")]

use model::facts::Facts;
use model::record::tag;
use model::route::{Visit, route};
use model::table::{RoutingTable, Things};
use model::thing::{Body, Campaign, Flow, Lander, Offer, Thing, ThingId, Workspace};
use model::{ClickKey, Field};
use serde_json::{Value, json};
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

const DRAWS: [u8; 16] = [7; 16];
const ROUTES: usize = 300_000;

fn main() {
    println!(
        "{:>10} {:>7} {:>12} {:>12} {:>12}  rules",
        "campaigns", "rules", "ns/route", "ns/rule", "build ms"
    );
    for campaigns in [10, 1_000, 100_000] {
        for (rules, kind) in [(0, "none"), (1, "country"), (200, "country")] {
            if campaigns * rules <= 1_000_000 {
                measure(campaigns, rules, kind);
            }
        }
    }
    for kind in
        ["version", "contains", "regex", "param", "hour", "address", "list of 1000", "mixed"]
    {
        measure(10, 200, kind);
    }
    share_flows();
}

/// Campaigns with private flows; no visitor meets a rule, so that each is looked at.
fn measure(campaigns: usize, rules: usize, kind: &str) {
    let things = things(campaigns, campaigns, rules, kind);
    let start = Instant::now();
    let table = RoutingTable::new(&things);
    let build_ms = start.elapsed().as_secs_f64() * 1e3;
    assert!(table.left_out().is_empty());
    let ns = ns_per_route(&table, campaigns as ThingId);
    let per_rule = if rules > 0 { format!("{:.1}", ns / rules as f64) } else { "–".to_owned() };
    println!("{campaigns:>10} {rules:>7} {ns:>12.1} {per_rule:>12} {build_ms:>12.1}  {kind}");
}

fn share_flows() {
    let mut things = things(100_000, 100, 1, "mixed");
    for campaign in &mut things.campaigns {
        campaign.body.flow = campaign.id % 100 + 1;
    }
    let start = Instant::now();
    let table = RoutingTable::new(&things);
    let build_ms = start.elapsed().as_secs_f64() * 1e3;
    let ns = ns_per_route(&table, 100_000);
    println!("{:>10} {:>7} {ns:>12.1} {:>12} {build_ms:>12.1}  100 shared flows", 100_000, 1, "–");
}

fn ns_per_route(table: &RoutingTable, campaigns: ThingId) -> f64 {
    let facts = facts();
    let ip: IpAddr = "198.51.100.7".parse().unwrap_or(IpAddr::from([0; 4]));
    let mut offers = 0u64;
    let mut best = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        for n in 0..ROUTES / 5 {
            // A stride that visits campaigns in no order the cache could guess.
            let id = (n as u32).wrapping_mul(2_654_435_761) % campaigns + 1;
            let Some(campaign) = table.campaign(id) else { continue };
            let key = ClickKey((n as i64) << 20 | 1 << 61);
            let base = Visit::new(key, &facts);
            let visit =
                Visit { query: "zone=games&utm_source=push&cost=0.02", ip: Some(ip), ..base };
            let decision = route(table, campaign, black_box(&visit), &DRAWS);
            offers += u64::from(decision.and_then(|decision| decision.offer()).unwrap_or(0));
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / (ROUTES / 5) as f64);
    }
    black_box(offers);
    best
}

/// A click with as many facts as usual ones have.
fn facts() -> Facts {
    let mut facts = Facts::for_click();
    facts.push_int(tag::KEY, 1 << 61);
    for (field, text) in [
        (Field::Device, "phone"),
        (Field::Brand, "Apple"),
        (Field::Model, "iPhone"),
        (Field::Os, "iOS"),
        (Field::OsVersion, "17.4.1"),
        (Field::Browser, "Safari"),
        (Field::BrowserVersion, "17.4"),
        (Field::Language, "de"),
        (Field::Country, "DE"),
        (Field::Region, "Bavaria"),
        (Field::City, "Munich"),
        (Field::Isp, "Example Telecom"),
        (Field::Connection, "cellular"),
        (Field::Ip, "198.51.100.7"),
        (
            Field::UserAgent,
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
        ),
        (Field::Referrer, "https://news.example/article/17"),
        (Field::ReferrerHost, "news.example"),
        (Field::Method, "GET"),
        (Field::Publisher, "push"),
    ] {
        facts.set_text(field, text);
    }
    facts.set_int(Field::Asn, 3320);
    facts.set_flag(Field::UniqueCampaign, true);
    facts.push_bytes(tag::RAW_QUERY, b"zone=games&utm_source=push&cost=0.02");
    facts
}

fn things(campaigns: usize, flows: usize, rules: usize, kind: &str) -> Things {
    let paths = |n: usize| json!([{"landers": [{"lander": 1}], "offers": [{"offer": n % 9 + 1}, {"offer": n % 7 + 2}]}]);
    let flow = |id: usize| {
        let rules: Vec<Value> = (0..rules)
            .map(|n| json!({"when": condition(kind, n + id), "paths": paths(n)}))
            .collect();
        json!({"time_zone": "Europe/Berlin", "rules": rules, "default": paths(id)})
    };
    let flows = (1..=flows).map(|id| {
        let mut flow = thing::<Flow>(id as ThingId, flow(id));
        flow.body.number_paths();
        flow
    });
    let url = |id: u32| json!({"url": format!("https://page{id}.example/?c={{click_id}}")});
    Things {
        workspaces: vec![thing::<Workspace>(1, json!(Workspace::default()))],
        flows: flows.collect(),
        landers: vec![thing::<Lander>(1, url(1))],
        offers: (1..10).map(|id| thing::<Offer>(id, url(id))).collect(),
        campaigns: (1..=campaigns as ThingId)
            .map(|id| thing::<Campaign>(id, json!({"key": format!("key{id}"), "flow": id})))
            .collect(),
        ..Things::default()
    }
}

fn condition(kind: &str, n: usize) -> Value {
    let kinds = ["country", "version", "contains", "param", "hour", "address", "list of 1000"];
    match kind {
        "country" => {
            json!({"field": "country", "op": "in", "value": ["FR", "US", format!("x{n}")]})
        }
        "version" => {
            json!({"field": "os_version", "op": "less_than", "value": format!("{}.{n}", n % 17)})
        }
        "contains" => {
            json!({"field": "user_agent", "op": "contains", "value": format!("Android {n}")})
        }
        "regex" => {
            json!({"field": "user_agent", "op": "regex", "value": format!("Android {}[0-9.]+;", n % 50)})
        }
        "param" => json!({"param": "zone", "op": "is", "value": format!("news{n}")}),
        "hour" => {
            json!({"field": "hour_of_day", "op": "in", "value": [n % 3 + 9]})
        }
        "address" => {
            json!({"field": "ip", "op": "in", "value": [format!("10.{}.0.0/16", n % 256)]})
        }
        "list of 1000" => {
            let list: Vec<String> = (0..1000).map(|i| format!("publisher{i}-{n}")).collect();
            json!({"field": "publisher", "op": "in", "value": list})
        }
        _ => json!({"all": [condition("country", n), condition(kinds[n % kinds.len()], n)]}),
    }
}

fn thing<B: Body>(id: ThingId, body: Value) -> Thing<B> {
    match serde_json::from_value(body) {
        Ok(body) => Thing {
            id,
            workspace: 1,
            name: format!("thing {id}"),
            revision: 1,
            archived: false,
            body,
        },
        Err(error) => unreachable!("{error}"),
    }
}
