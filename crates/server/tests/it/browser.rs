//! The journey of a visitor in a real browser, and the report of exactly what it did.

use crate::harness::{Server, TOKEN};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

#[test]
fn a_browser_walks_from_ad_to_lander_to_offer_and_the_report_says_so() {
    let root = Path::new("../..").canonicalize().unwrap();
    let chromium = root.join("deps/chromium");
    assert!(chromium.exists(), "there is no Chromium: run scripts/setup.sh test");
    let server = Server::start();
    let tracker = format!("http://{}", server.address);
    let output = Command::new("node")
        .args(["journey.mjs", &tracker, TOKEN])
        .arg(&chromium)
        .current_dir(root.join("e2e"))
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();

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
