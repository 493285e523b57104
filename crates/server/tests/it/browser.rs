//! The journey of a visitor in a real browser, and the report of exactly what it did.

use crate::harness::{Server, TOKEN};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[test]
fn a_browser_walks_from_ad_to_lander_to_offer_and_the_report_says_so() {
    let server = Server::start();
    let seen = play(&server, "journey.mjs");

    let id = seen["id"].as_str().unwrap();
    assert!(id.starts_with("ct_") && id.len() == 29, "{seen}");
    let lander = seen["landerUrl"].as_str().unwrap();
    assert!(
        lander.contains(&format!("clickid={id}")) && lander.contains("fbclid=FB-1"),
        "{lander}"
    );
    let offer = seen["offerUrl"].as_str().unwrap();
    assert!(
        offer.ends_with(&format!("/buy?subid={id}")),
        "platform ids do not reach offers: {offer}"
    );
    assert_eq!(server.entry(&seen["postback"])["verdict"], "recorded");
    let cookies: Vec<&str> =
        seen["cookies"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert!(cookies.contains(&"ct_v") && cookies.contains(&"ct_c"), "{seen}");
    assert!(
        seen["cookies"]
            .as_array()
            .unwrap()
            .iter()
            .all(|c| c["httpOnly"] == true && c["path"] == "/")
    );

    let metrics = [
        "clicks",
        "unique_clicks",
        "lander_views",
        "lander_clicks",
        "conversions",
        "cost",
        "revenue",
        "profit",
    ];
    let expected = json!({
        "clicks": 1, "unique_clicks": 1, "lander_views": 1, "lander_clicks": 1, "conversions": 1,
        "cost": "0.25", "revenue": "3.333333", "profit": "3.083333",
    });
    assert_eq!(server.totals(&metrics), expected);
    println!("result: browser journey: report equals what was done, to the micro-unit");
}

#[test]
fn every_redirect_mode_leads_a_browser_on_with_the_referrer_it_promises() {
    let server = Server::start();
    let answer = play(&server, "modes.mjs");
    let (ad, tracker) = (answer["ad"].as_str().unwrap(), format!("http://{}/", server.address));
    let ad = format!("{ad}/");
    for (mode, referrer) in [
        ("302", Some(&ad)),
        ("307", Some(&ad)),
        ("no_referrer", None),
        ("meta", Some(&tracker)),
        ("double_meta", None),
        ("js", Some(&tracker)),
        ("transparent", Some(&ad)),
    ] {
        let seen = &answer["seen"][mode];
        assert_eq!(seen["referrer"].as_str(), referrer.map(String::as_str), "{mode}: {answer:#}");
        let url = seen["url"].as_str().unwrap();
        let expected =
            if mode == "transparent" { "/shown?" } else { "/buy?x=%22%3Cb%3E%27%26amp%3B&id=ct_" };
        assert!(url.starts_with(expected), "{mode}: {url}");
        assert!(seen["back"].as_str().unwrap().starts_with(&ad), "{mode}: {answer:#}");
    }
}

#[test]
fn the_pixel_script_reports_each_order_once_and_a_blocked_tracker_breaks_no_page() {
    let server = Server::start();
    let answer = play(&server, "pixel.mjs");
    for (name, pixels) in [
        ("cookie", json!([200])),
        ("parameter", json!([200])),
        ("platform", json!([200])),
        ("stranger", json!([200])),
        ("blocked", json!([])),
    ] {
        let expected = json!({ "title": "shown", "errors": [], "pixels": pixels });
        assert_eq!(answer["seen"][name], expected, "{name}");
    }
    server.settle();
    let inbox = server.get("/inbox").json();
    let calls = inbox["items"].as_array().unwrap();
    let said = |name: &str| -> Vec<(&Value, &Value, &Value)> {
        let is_its =
            |call: &&Value| call["url"].as_str().unwrap().contains(&format!("txid={name}"));
        let calls = calls.iter().filter(is_its);
        calls.map(|call| (&call["verdict"], &call["reason"], &call["click_id"])).collect()
    };
    for name in ["cookie", "parameter", "platform"] {
        assert_eq!(said(name), [(&json!("recorded"), &json!(""), &answer["ids"][name])], "{name}");
    }
    let nobody = (&json!("unattributed"), &json!("click_id_missing"), &Value::Null);
    assert_eq!(said("stranger"), [nobody]);
    assert_eq!(calls.len(), 4);
    let totals = server.totals(&["conversions", "revenue"]);
    assert_eq!(totals, json!({ "conversions": 3, "revenue": "7.50" }));
}

/// Runs a script of `e2e` against the server; what it prints.
fn play(server: &Server, script: &str) -> Value {
    let root = Path::new("../..").canonicalize().unwrap();
    let chromium = root.join("deps/chromium");
    assert!(chromium.exists(), "there is no Chromium: run scripts/setup.sh test");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.address), TOKEN])
        .arg(&chromium)
        .current_dir(root.join("e2e"))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}
