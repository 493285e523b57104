//! Totals of a source and a network held against a real server's: what was put in comes out, cause by cause.

use crate::harness::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// How many clicks of some groups never reached us.
const LOST: i64 = 3;

fn number(value: &Value) -> i64 {
    match value {
        Value::String(_) => serde_json::from_value::<model::Money>(value.clone()).unwrap().0,
        other => other.as_i64().unwrap(),
    }
}

/// The causes of a measure, by word.
fn causes(of: &Value) -> BTreeMap<String, i64> {
    let pair =
        |effect: &Value| (effect["cause"].as_str().unwrap().to_owned(), number(&effect["amount"]));
    of["causes"].as_array().unwrap().iter().map(pair).collect()
}

fn expected(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs.iter().map(|(word, amount)| ((*word).to_owned(), *amount)).collect()
}

/// A server with four days of made-up traffic.
fn with_traffic() -> Server {
    let mut server = Server::start();
    server.stop();
    std::fs::remove_dir_all(server.data.path()).unwrap();
    std::fs::create_dir(server.data.path()).unwrap();
    server.run(&["demo", "--clicks", "6000", "--days", "4"]);
    server.launch();
    server.settle();
    server
}

/// What the source would say, by a few lines of Python over the exported events.
fn theirs(server: &Server) -> Value {
    let export = server.command(&["export", "--period", "all", "--tz", "UTC"]);
    let mut export = { export }.stdout(Stdio::piped()).spawn().unwrap();
    let events = export.stdout.take().unwrap();
    let mut script = Command::new("python3");
    let script = script.args(["tests/it/reconcile.py", "3", &LOST.to_string()]).stdin(events);
    let output = script.output().unwrap();
    assert!(export.wait().unwrap().success() && output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn totals_of_a_source_are_taken_apart_to_the_click() {
    let server = with_traffic();
    let campaign = server.get("/campaigns?limit=1").json()["items"][0]["key"].clone();
    let link = format!("/c/{}?creative_id=seen", campaign.as_str().unwrap());
    // Previews and a test, which the made-up traffic has none of.
    for _ in 0..3 {
        server.request("HEAD", &link, &[("user-agent", "Mozilla/5.0 Chrome/140.0.0.0")], "");
    }
    server.visit(&format!("{link}&ct_test=1"));
    server.settle();
    let theirs = theirs(&server);
    let file = server.data.path().join("theirs.csv");
    std::fs::write(&file, theirs["csv"].as_str().unwrap()).unwrap();
    let file = file.to_str().unwrap();
    let against = format!("source={}", theirs["source"].as_str().unwrap());
    let compare = |more: &[&str]| {
        let command = ["reconcile", file, "--against", &against, "--by", "day,creative_id"];
        server.run(&[&command[..], more].concat())
    };
    let blind = compare(&[]);
    let hint = blind.lines().find(|line| line.starts_with("Their days look like +03:00"));
    assert!(hint.is_some_and(|line| line.contains("--their-tz +03:00")), "{blind}");
    let told = compare(&["--their-tz", "+03:00", "--format", "json"]);
    let answer: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&answer["shift"], &answer["skipped_lines"].as_array().unwrap().len()),
        (&Value::Null, &1)
    );
    let mut lines: BTreeMap<(String, String), &Value> = BTreeMap::new();
    for line in answer["lines"].as_array().unwrap() {
        let part = |name: &str| line["key"][name].as_str().unwrap_or_default().to_owned();
        lines.insert((part("day"), part("creative_id")), &line["measures"][0]);
    }
    let groups = theirs["expected"].as_array().unwrap();
    let mut found: BTreeMap<String, i64> = BTreeMap::new();
    for group in groups {
        let part = |name: &str| group[name].as_str().unwrap().to_owned();
        let of = lines.remove(&(part("day"), part("creative_id")));
        let of = of.unwrap_or_else(|| panic!("{group}"));
        for figure in ["theirs", "ours", "unexplained"] {
            assert_eq!(number(&of[figure]), group[figure].as_i64().unwrap_or(0), "{group}: {of}");
        }
        let put_in = group.as_object().unwrap().iter().filter(|(name, amount)| {
            !["theirs", "ours", "unexplained", "day", "creative_id"].contains(&name.as_str())
                && **amount != 0
        });
        let put_in: BTreeMap<String, i64> =
            put_in.map(|(name, amount)| (name.clone(), amount.as_i64().unwrap())).collect();
        assert_eq!(causes(of), put_in, "{group}");
        put_in
            .iter()
            .for_each(|(name, amount)| *found.entry(name.clone()).or_default() += amount.abs());
    }
    assert!(lines.is_empty(), "{lines:?}");
    println!(
        "result: reconcile: {} lines of a source taken apart to the click, found in all: {found:?}",
        groups.len()
    );
    assert!(["bots", "duplicates", "time_zone"].iter().all(|cause| found[*cause] > 5), "{found:?}");
    let csv = compare(&["--their-tz", "+03:00", "--format", "csv"]);
    assert!(
        csv.starts_with("day,creative_id,side,clicks_theirs,clicks_ours,clicks_gap,clicks_"),
        "{csv}"
    );
    assert_eq!(csv.lines().count(), groups.len() + 1);
}

/// A network with an offer and a campaign of its own; the link's key is `paid`.
fn paid(server: &Server) {
    let network = json!({ "name": "Paid", "postback_key": "paid-key-for-tests" });
    let network = server.create("/networks", network);
    let offer = json!({ "name": "Paid shoes", "url": "https://paid.example/?clickid={click_id}", "network": network });
    let offer = server.create("/offers", offer);
    let flow = json!({ "name": "paid", "default": [{ "offers": [{ "offer": offer }] }] });
    let flow = server.create("/flows", flow);
    server.create("/campaigns", json!({ "name": "paid", "key": "paid", "flow": flow }));
}

#[test]
fn totals_of_a_network_are_taken_apart_to_the_micro_unit() {
    let server = with_traffic();
    let day = server.get("/system").json()["started"].as_str().unwrap()[..10].to_owned();
    let oldest = server.run(&["export", "--period", "all"]);
    let mut lines = oldest.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |wanted: &str| head.iter().position(|name| *name == wanted).unwrap();
    let (id, network) = (place("click_id"), place("network"));
    // Networks that enforce their keys take no call with that of another one.
    let networks = server.get("/networks?limit=1000").json();
    let networks = networks["items"].as_array().unwrap().iter();
    let strict: Vec<String> = networks
        .filter(|network| network["key_mode"] == "enforce")
        .map(|network| network["id"].to_string())
        .collect();
    let rows = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let open = rows.filter(|row| !strict.iter().any(|id| id == row[network]));
    let mut oldest: Vec<String> = open.take(20).map(|row| row[id].to_owned()).collect();
    oldest.dedup();
    oldest.truncate(3);
    assert!(oldest.iter().all(|id| id.starts_with("ct_")), "{oldest:?}");
    paid(&server);
    let bearer = format!("Bearer {}", crate::harness::TOKEN);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut window = server.get("/workspace").json();
    let names = ["name", "currency", "time_zone", "ip_privacy", "click_param"];
    window.as_object_mut().unwrap().retain(|name, _| names.contains(&name.as_str()));
    window["attribution_window_days"] = json!(1);
    let put = server.request("PUT", "/api/v1/workspace", &headers, &window.to_string());
    assert_eq!(put.status, 200, "{put:?}");
    assert!(server.run(&["rates", "set", "EUR", "USD", "1.1"]).contains("1 EUR = 1.1 USD"));
    let call = |query: &str, verdict: &str| {
        let answer =
            server.request("GET", &format!("/postback/paid-key-for-tests?{query}"), &[], "");
        let entry = server.entry(&answer.json());
        assert_eq!(entry["verdict"], verdict, "{query}: {entry}");
    };
    let click = || server.visit("/c/paid").location_param("clickid");
    let new = |query: &str, verdict: &str| call(&format!("clickid={}&{query}", click()), verdict);
    let first = click();
    call(&format!("clickid={first}&payout=2"), "recorded");
    (0..4).for_each(|_| new("payout=2", "recorded"));
    (0..2).for_each(|_| new("payout=3&status=rejected", "recorded"));
    new("payout=4&status=pending&txid=P", "recorded");
    (0..3).for_each(|_| call(&format!("clickid={first}&payout=2"), "duplicate"));
    new("payout=2&txid=T", "recorded");
    (0..2).for_each(|_| new("payout=1&currency=EURO", "refused"));
    // The same conversion refused again and again is one; and one that was refused and then taken is none.
    (0..3).for_each(|_| {
        call(&format!("clickid={first}&payout=1&currency=EURO&txid=again"), "refused")
    });
    call(&format!("clickid={first}&payout=3&currency=EURO&txid=mended"), "refused");
    call(&format!("clickid={first}&payout=3&currency=USD&txid=mended"), "recorded");
    (0..4).for_each(|n| call(&format!("clickid=ct_{n}&payout=5"), "unattributed"));
    oldest.iter().for_each(|id| call(&format!("clickid={id}&payout=6&txid=late"), "unattributed"));
    (0..2).for_each(|_| new("payout=7&status=odd", "held"));
    (0..2).for_each(|_| new("payout=10&currency=EUR", "recorded"));
    server.settle();
    // Theirs: a euro was 1.08 dollars to them, and one conversion of 9 dollars never reached us.
    let conversions = 5 + 2 + 1 + 3 + 1 + 3 + 1 + 4 + 3 + 2 + 2 + 1;
    let revenue = "116.60";
    let (from, to) = (day.clone(), next_days(&day, 3));
    let question = json!({
        "network": "Paid", "by": [], "from": from, "to": to, "rates": { "EUR": "1.08" },
        "lines": [{ "conversions": conversions, "revenue": revenue }],
    });
    let answer = server.post("/reconcile", &question);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let [of_conversions, of_revenue] = [0, 1].map(|at| answer["totals"][at].clone());
    const DOLLAR: i64 = 1_000_000;
    assert_eq!(
        causes(&of_conversions),
        expected(&[
            ("rejected", 2),
            ("duplicates", 3),
            ("refused", 3),
            ("unattributed", 4),
            ("late", 3),
            ("held", 2)
        ])
    );
    assert_eq!((number(&of_conversions["ours"]), number(&of_conversions["unexplained"])), (10, 1));
    assert_eq!(
        causes(&of_revenue),
        expected(&[
            ("pending", 4 * DOLLAR),
            ("rejected", 6 * DOLLAR),
            ("duplicates", 6 * DOLLAR),
            ("refused", 3 * DOLLAR),
            ("unattributed", 20 * DOLLAR),
            ("late", 18 * DOLLAR),
            ("held", 14 * DOLLAR),
            ("currency", -400_000),
        ])
    );
    assert_eq!(number(&of_revenue["ours"]), 10 * DOLLAR + 2 * DOLLAR + 3 * DOLLAR + 22 * DOLLAR);
    assert_eq!(number(&of_revenue["unexplained"]), 9 * DOLLAR);
    println!(
        "result: reconcile: a network's 28 conversions taken apart: {:?}",
        causes(&of_revenue)
    );
}

/// The date some days later.
fn next_days(date: &str, days: i64) -> String {
    use jiff::ToSpan;
    let date: jiff::civil::Date = date.parse().unwrap();
    date.saturating_add(days.days()).to_string()
}
