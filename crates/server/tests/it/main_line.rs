//! The main line as a stranger walks it: click, redirect, postback, report, trail.

use crate::harness::{Server, TOKEN};
use serde_json::json;

#[test]
fn a_click_is_redirected_converted_reported_and_told() {
    let server = Server::start();
    let click = server.visit("/c/example?placement=homepage&creative_id=banner-1&cost=0.12");
    assert_eq!(click.status, 302, "{click:?}");
    let id = click.location_param("clickid");
    assert_eq!(id.len(), 29);
    assert!(click.header("cache-control").contains("no-store"));

    let offer = server.visit(click.header("location").split_once(&server.address).unwrap().1);
    assert!(offer.body.contains(&id), "the example offer shows the id");

    let postback = server.request(
        "GET",
        &format!("/postback?clickid={id}&payout=2.50&txid=1&wait=1"),
        &[],
        "",
    );
    assert_eq!(postback.status, 200);
    assert_eq!(postback.json()["result"], "accepted");
    assert_eq!(server.entry(&postback.json())["verdict"], "recorded", "{postback:?}");

    let metrics = ["clicks", "cost", "conversions", "revenue", "profit", "epc", "roi", "roas"];
    let query = json!({ "by": ["placement"], "period": "today", "metrics": metrics });
    server.settle();
    let report = server.post("/reports", &query).json();
    let expected = json!({
        "placement": "homepage", "clicks": 1, "cost": "0.12", "conversions": 1, "revenue": "2.50", "profit": "2.38",
        "epc": "2.50", "roi": 19.833333, "roas": 20.833333,
    });
    assert_eq!(report["rows"][0], expected);
    assert_eq!(report["row_count"], 1);

    let table = server.run(&["report", "--by", "placement,offer", "--metrics", "clicks,revenue"]);
    assert!(table.contains("homepage") && table.contains("2.50"), "{table}");
    let story = server.run(&["trail", &id]);
    for part in ["homepage", "2.50", "recorded", &id] {
        assert!(story.contains(part), "`{part}` is missing in:\n{story}");
    }
}

#[test]
fn a_report_can_be_asked_for_every_field_and_every_metric() {
    let server = Server::start();
    let id = server.visit("/c/example?sub1=a&gclid=G1&cost=0.1").location_param("clickid");
    server.request("GET", &format!("/postback?clickid={id}&payout=1&p1=x&wait=1"), &[], "");
    server.settle();
    for row in model_names("fields", &server) {
        let answer = server.post(
            "/reports",
            &json!({ "by": [row], "period": "all", "metrics": ["clicks", "conversions"] }),
        );
        assert_eq!(answer.status, 200, "{row}: {answer:?}");
        let rows = answer.json()["rows"].as_array().unwrap().clone();
        let clicks: i64 = rows.iter().map(|r| r["clicks"].as_i64().unwrap()).sum();
        assert_eq!(clicks, 1, "{row}: {rows:?}");
    }
    let metrics = model_names("metrics", &server);
    let answer = server.post("/reports", &json!({ "period": "all", "metrics": metrics }));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["totals"].as_object().unwrap().len(), metrics.len());
}

fn model_names(table: &str, server: &Server) -> Vec<String> {
    let answer = server.get(&format!("/reports/{table}")).json();
    let items = answer["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn commands_work_with_and_without_a_server() {
    let mut server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    server.settle();
    let with =
        server.run(&["report", "--by", "campaign", "--metrics", "clicks", "--format", "json"]);
    server.stop();
    let without =
        server.run(&["report", "--by", "campaign", "--metrics", "clicks", "--format", "json"]);
    let rows =
        |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["rows"].clone();
    assert_eq!(rows(&with), rows(&without));
    assert!(server.run(&["trail", &id]).contains(&id));
    let check = server.run(&["check"]);
    assert!(check.contains("journal") && !check.contains("PROBLEM"), "{check}");
    let key = server.run(&["token", "create", "--name", "automation"]);
    server.launch();
    let answer = server.request(
        "GET",
        "/api/v1/campaigns",
        &[("authorization", &format!("Bearer {}", key.trim()))],
        "",
    );
    assert_eq!(answer.status, 200);
    assert_ne!(key.trim(), TOKEN);
}

#[test]
fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::start();
    let output = server.command(&["serve"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(
        complaint.contains("another process") && complaint.contains(&server.address),
        "{complaint}"
    );
}

#[test]
fn wrong_usage_exits_with_two() {
    let server = Server::start();
    for arguments in [&["nonsense"][..], &["report", "--format", "xml"], &["serve", "--nonsense"]] {
        assert_eq!(
            server.command(arguments).output().unwrap().status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
    let output = server.command(&["report"]).env("CLICKTRAIL_NODE", "many").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
