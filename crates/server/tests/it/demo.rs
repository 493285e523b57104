//! Made-up traffic: children sum to their parents, and the export recomputes to the same sums.

use crate::harness::Server;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Stdio};

const METRICS: &str = "clicks,conversions,cost,revenue";

fn report(server: &Server, by: &str) -> Value {
    let text = server.run(&[
        "report",
        "--by",
        by,
        "--metrics",
        METRICS,
        "--period",
        "all",
        "--limit",
        "10000",
        "--format",
        "json",
    ]);
    serde_json::from_str(&text).unwrap()
}

/// An amount or a count in micro-units.
fn micro(value: &Value) -> i128 {
    match value {
        Value::String(text) => {
            i128::from(model::Money::read(text, model::money::DecimalMark::Point).unwrap().0)
        }
        other => i128::from(other.as_i64().unwrap()) * 1_000_000,
    }
}

#[test]
fn demo_traffic_adds_up_in_every_report_and_in_the_export() {
    let mut server = Server::start();
    server.stop();
    std::fs::remove_dir_all(server.data.path()).unwrap();
    std::fs::create_dir(server.data.path()).unwrap();
    server.run(&["demo", "--clicks", "20000", "--days", "14"]);
    server.launch();
    server.settle();
    for by in [
        "campaign",
        "country,device",
        "hour_of_day",
        "placement",
        "creative_id",
        "weekday_hour,offer",
    ] {
        let report = report(&server, by);
        let rows = report["rows"].as_array().unwrap();
        assert!(rows.len() > 1, "{by}: {rows:?}");
        assert_eq!(rows.len() as u64, report["row_count"].as_u64().unwrap(), "{by}");
        for metric in METRICS.split(',') {
            let sum: i128 = rows.iter().map(|row| micro(&row[metric])).sum();
            assert_eq!(sum, micro(&report["totals"][metric]), "{metric} by {by}");
            assert!(sum > 0, "{metric} by {by}");
        }
    }
    let compared: usize = ["campaign", "country", "placement", "creative_id"]
        .map(|by| recompute(&server, by))
        .iter()
        .sum();
    println!(
        "result: demo: {compared} groups recomputed from the export by independent Python, all equal"
    );
}

#[test]
fn demo_traffic_stays_where_it_is_when_nothing_changes_and_moves_when_weights_do() {
    let mut server = Server::start();
    server.stop();
    std::fs::remove_dir_all(server.data.path()).unwrap();
    std::fs::create_dir(server.data.path()).unwrap();
    server.run(&["demo", "--clicks", "10000", "--days", "10"]);
    server.launch();
    server.settle();
    let none = simulate(&server, "[]");
    let unknown = serde_json::json!({"input_lost": 0, "revision_missing": 0, "differs": 0});
    assert_eq!((&none["elsewhere"], &none["unknown"]), (&Value::from(0), &unknown));
    assert_eq!(
        (none["clicks"].as_u64(), none["estimate"]["difference"]["high"].as_str()),
        (none["clicks_in_period"].as_u64(), Some("0.00"))
    );
    let people = ["--filter", "bot=false", "--filter", "test=false", "--format", "json"];
    let report =
        [&["report", "--metrics", "clicks,profit", "--period", "all"], &people[..]].concat();
    let totals: Value = serde_json::from_str(&server.run(&report)).unwrap();
    assert_eq!(none["clicks"], totals["totals"]["clicks"]);
    assert_eq!(none["estimate"]["profit_was"], totals["totals"]["profit"]);
    let flow: Value = serde_json::json!({"default": [{"id": 1, "landers": [{"lander": 1, "weight": 90},
        {"lander": 2, "weight": 10}], "offers": [{"offer": 1}]}, {"id": 2, "offers": [{"offer": 1}]}]});
    let change = serde_json::json!([{"kind": "flow", "id": 1, "body": flow}]);
    let changed = simulate(&server, &change.to_string());
    let (clicks, moved) = (changed["clicks"].as_u64(), changed["elsewhere"].as_u64());
    println!(
        "result: simulate on a demo: {clicks:?} clicks, none goes elsewhere when nothing changes, {moved:?} when weights do"
    );
    assert!(moved > Some(0) && moved < clicks, "{changed}");
}

fn simulate(server: &Server, changes: &str) -> Value {
    let file = server.data.path().join("changes.json");
    std::fs::write(&file, changes).unwrap();
    let file = file.to_str().unwrap();
    let command = ["simulate", "--changes", file, "--period", "all", "--format", "json"];
    serde_json::from_str(&server.run(&command)).unwrap()
}

/// Compares a report with the same sums made from the export by a few lines of Python.
fn recompute(server: &Server, by: &str) -> usize {
    let script = Path::new("tests/it/export.py");
    let mut export =
        server.command(&["export", "--period", "all"]).stdout(Stdio::piped()).spawn().unwrap();
    let events = export.stdout.take().unwrap();
    let output = Command::new("python3").arg(script).arg(by).stdin(events).output().unwrap();
    assert!(export.wait().unwrap().success() && output.status.success(), "{output:?}");
    let sums: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = report(server, by);
    let rows = report["rows"].as_array().unwrap();
    for row in rows {
        let key = match &row[by] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        for metric in METRICS.split(',') {
            let python = sums[&key][metric].as_str().unwrap_or("0");
            let python = model::Money::read(python, model::money::DecimalMark::Point).unwrap();
            assert_eq!(i128::from(python.0), micro(&row[metric]), "{metric} of {by} {key}");
        }
    }
    rows.len()
}
