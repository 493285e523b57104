//! Direct tracking in a real browser: sites on registrable names over HTTPS, the tracker behind each of them the three
//! ways operators put it there, and for every journey a report of exactly what was done.

use crate::browser::{chromium, node};
use crate::harness::{Server, TOKEN};
use rcgen::{CertifiedKey, KeyPair, PublicKeyData};
use serde_json::{Map, Value, json};
use std::path::Path;

/// Whoever the sites of a town are.
const NAMES: [&str; 6] =
    ["shop.test", "*.shop.test", "offer.test", "*.offer.test", "tracker.example", "localhost"];

/// A certificate for all sites, beside the server's data; its files, and the hash that a browser trusts its key by.
pub fn certificate(folder: &Path) -> [String; 3] {
    let names = NAMES.map(str::to_owned).to_vec();
    let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(names).unwrap();
    let hash = key_hash(&signing_key);
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    [write("town.crt", cert.pem()), write("town.key", signing_key.serialize_pem()), hash]
}

/// As `--ignore-certificate-errors-spki-list` has it: the SHA-256 of the key's SubjectPublicKeyInfo.
fn key_hash(key: &KeyPair) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::STANDARD
        .encode(sha2::Sha256::digest(key.subject_public_key_info()))
}

/// Walks every journey; what each saw.
fn walk(server: &Server) -> Map<String, Value> {
    let [cert, key, hash] = certificate(server.data.path());
    let tracker = format!("http://{}", server.address);
    let chromium = chromium();
    let chromium = chromium.to_str().unwrap();
    let seen = node("direct.mjs", &[&tracker, TOKEN, chromium, &cert, &key, &hash]);
    seen.as_object().unwrap().clone()
}

/// The figures of every campaign.
fn figures(server: &Server, metrics: &[&str]) -> Map<String, Value> {
    let query = json!({ "by": ["campaign"], "period": "today", "metrics": metrics, "limit": 1000 });
    let answer = server.post("/reports", &query).json();
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| (row["campaign_name"].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// The cookie of a name among those that a browser holds.
fn cookie<'a>(held: &'a Value, name: &str) -> Option<&'a Value> {
    held["cookies"].as_array().unwrap().iter().find(|cookie| cookie["name"] == name)
}

#[test]
fn a_page_tracks_its_visitors_and_the_report_says_exactly_what_they_did() {
    let server = Server::start();
    let seen = walk(&server);
    server.settle();
    let metrics = [
        "clicks",
        "unique_clicks",
        "lander_views",
        "lander_clicks",
        "conversions",
        "cost",
        "revenue",
        "bot_clicks",
        "duplicate_clicks",
    ];
    let figures = figures(&server, &metrics);
    let mut wrong = Vec::new();
    for (name, saw) in &seen {
        let expected = saw["expected"].as_object().unwrap();
        for (metric, value) in expected {
            let found = figures.get(name).map_or(&Value::Null, |row| &row[metric]);
            let is_none = found.is_null() && *value == 0;
            if found != value && !is_none {
                wrong.push(format!("{name}: {metric} is {found}, not {value}"));
            }
        }
        if !saw["errors"].as_array().unwrap().is_empty() {
            wrong.push(format!("{name}: the page broke: {}", saw["errors"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}\n{seen:#?}");
    check_storage(&seen);
    assert_eq!(seen["the_way_back_is_no_second_click"]["shown"], json!([false, true]));
    println!("result: direct tracking: {} journeys, reports equal what was done", seen.len());
}

/// What each variant leaves with a browser, and what none of them does.
fn check_storage(seen: &Map<String, Value>) {
    let path = &seen["walk_path"]["kept"];
    let subdomain = &seen["walk_subdomain"]["kept"];
    let foreign = &seen["walk_foreign"]["kept"];
    for (variant, held) in [("path", path), ("subdomain", subdomain), ("foreign", foreign)] {
        let id = cookie(held, "ct_d").unwrap_or_else(|| panic!("{variant}: {held:#}"));
        assert_eq!(
            (&id["domain"], &id["secure"]),
            (&json!(".shop.test"), &json!(true)),
            "{variant}"
        );
        assert_eq!(id["days"], 90, "{variant}");
        let visitor = cookie(held, "ct_v").unwrap_or_else(|| panic!("{variant}: {held:#}"));
        assert_eq!((&visitor["httpOnly"], &visitor["secure"]), (&json!(true), &json!(true)));
        let is_foreign = variant == "foreign";
        let same_site = if is_foreign { "None" } else { "Lax" };
        assert_eq!(visitor["sameSite"], same_site, "{variant}");
        assert_eq!(visitor["isPartitioned"], is_foreign, "{variant}");
    }
    for (journey, moment) in [
        ("nothing_is_kept_of_who_refuses", "before"),
        ("nothing_is_kept_of_who_refuses", "after"),
        ("what_was_kept_goes_when_it_is_refused", "after"),
        ("what_is_granted_later_is_kept_from_then_on", "before"),
    ] {
        let held = &seen[journey][moment];
        assert_eq!((&held["cookies"], &held["storage"]), (&json!([]), &Value::Null), "{journey}");
    }
    let kept = &seen["what_was_kept_goes_when_it_is_refused"]["before"];
    assert!(cookie(kept, "ct_d").is_some() && cookie(kept, "ct_v").is_some(), "{kept:#}");
    let granted = &seen["what_is_granted_later_is_kept_from_then_on"]["after"];
    assert!(cookie(granted, "ct_d").is_some() && cookie(granted, "ct_v").is_some(), "{granted:#}");
}

#[test]
fn the_small_script_is_what_its_source_comes_to() {
    let made = node("small.mjs", &[]);
    let kept = std::fs::read_to_string("../edge/script/t.min.js").unwrap();
    let remedy = "run `npm run script` in e2e after a change of crates/edge/script/t.js";
    assert_eq!(made.as_str().unwrap().trim(), kept.trim(), "{remedy}");
}
