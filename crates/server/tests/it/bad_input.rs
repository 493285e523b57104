//! Bad input: each kind gets a clear answer, is counted, and nothing is lost.

use crate::harness::{Answer, Server, wait_for};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// What the server answers to bytes no client library would send.
fn raw(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    // A server that has refused may close before everything is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn postback(server: &Server, query: &str) -> Answer {
    server.request("GET", &format!("/postback?{query}&wait=1"), &[], "")
}

/// How often an event was counted.
fn count(server: &Server, code: &str) -> u64 {
    let system = server.get("/system").json();
    let events = system["edge"]["events"].as_array().unwrap();
    let event = events
        .iter()
        .find(|e| e["code"] == code)
        .unwrap_or_else(|| panic!("no event {code}: {system}"));
    event["count"].as_u64().unwrap()
}

/// The newest entry of the inbox.
fn newest(server: &Server) -> Value {
    server.settle();
    server.get("/inbox?limit=1").json()["items"][0].clone()
}

#[test]
fn an_unknown_campaign_key_gets_a_fixed_page_and_is_counted() {
    let server = Server::start();
    let answer = server.visit("/c/nobody-knows-me");
    assert_eq!(answer.status, 404);
    assert!(!answer.body.contains("nobody-knows-me"), "nothing of the request comes back");
    assert_eq!(count(&server, "unknown_campaign"), 1);
}

#[test]
fn every_way_an_id_fails_has_its_reason_and_stays_in_the_inbox() {
    let server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    let foreign = Server::start().visit("/c/example").location_param("clickid");
    let mut altered = id.clone().into_bytes();
    altered[20] = if altered[20] == b'7' { b'8' } else { b'7' };
    let altered = String::from_utf8(altered).unwrap();
    for (query, verdict, reason) in [
        ("payout=1".to_owned(), "unattributed", "click_id_missing"),
        ("clickid=%7Bclickid%7D&payout=1".to_owned(), "unattributed", "click_id_unexpanded"),
        ("clickid=hello&payout=1".to_owned(), "unattributed", "click_id_malformed"),
        (format!("clickid={foreign}&payout=1"), "unattributed", "click_id_unverified"),
        (format!("clickid={}&payout=1&txid=cut", &id[..26]), "recorded", "click_id_truncated"),
        (format!("clickid={altered}&payout=1&txid=altered"), "recorded", "click_id_altered"),
    ] {
        let answer = postback(&server, &query);
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let entry = newest(&server);
        assert_eq!(
            (&entry["verdict"], &entry["reason"]),
            (&json!(verdict), &json!(reason)),
            "{query}: {entry}"
        );
        assert!(!entry["message"].as_str().unwrap().is_empty(), "{entry}");
    }
    assert_eq!(server.totals(&["clicks", "conversions"]), json!({ "clicks": 1, "conversions": 2 }));
}

#[test]
fn amounts_that_cannot_be_read_are_refused_with_what_to_change() {
    let server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    for (payout, verdict, reason) in [
        ("%7Bpayout%7D", "refused", "payout_unexpanded"),
        ("NaN", "refused", "payout_not_a_number"),
        ("1,500", "refused", "payout_ambiguous"),
        ("1000000000000000000000000000000", "refused", "payout_too_large"),
        ("-5", "refused", "reversal_of_nothing"),
    ] {
        postback(&server, &format!("clickid={id}&txid=t&payout={payout}"));
        let entry = newest(&server);
        assert_eq!(
            (&entry["verdict"], &entry["reason"]),
            (&json!(verdict), &json!(reason)),
            "{payout}"
        );
    }
    assert_eq!(
        server.entry(&postback(&server, &format!("clickid={id}&txid=t&payout=1,50")).json())["verdict"],
        "recorded"
    );
    assert_eq!(
        server.totals(&["conversions", "revenue"]),
        json!({ "conversions": 1, "revenue": "1.50" })
    );
}

#[test]
fn a_long_query_is_cut_and_flagged_and_the_click_goes_on() {
    let server = Server::start();
    let answer =
        server.visit(&format!("/c/example?placement=kept&sub1={}&sub2=late", "x".repeat(10_000)));
    assert_eq!(answer.status, 302, "{answer:?}");
    let id = answer.location_param("clickid");
    server.settle();
    let trail = server.get(&format!("/clicks/{id}")).json().to_string();
    assert!(trail.contains("kept") && trail.contains("cut"), "{trail}");
}

#[test]
fn what_no_request_may_be_is_refused_and_counted_by_reason() {
    let server = Server::start();
    let host = &server.address;
    let long = format!(
        "GET /c/example?x={} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "x".repeat(100_000)
    );
    let answer = raw(&server, long.as_bytes());
    assert!(!answer.contains(" 302 "), "{answer}");
    let headers: String = (0..1000).map(|i| format!("X-H{i}: v\r\n")).collect();
    let answer = raw(
        &server,
        format!("GET /c/example HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes(),
    );
    assert!(!answer.contains(" 302 "), "{answer}");
    let answer = raw(&server, b"NONSENSE\r\n\r\n");
    assert!(answer.is_empty() || answer.contains(" 400 "), "{answer}");
    let counts = wait_for("three counted refusals", || {
        let system = server.get("/system").json();
        let events = system["edge"]["events"].as_array()?.clone();
        let count = |code: &str| {
            events.iter().find(|e| e["code"] == code).and_then(|e| e["count"].as_u64()).unwrap_or(0)
        };
        let large = count("head_too_large") + count("too_many_headers");
        Some([large, count("malformed_request")]).filter(|counts| counts.iter().sum::<u64>() >= 3)
    });
    assert_eq!(counts, [2, 1], "each by its own reason");
    assert_eq!(server.totals(&["clicks"])["clicks"], 0);
}

#[test]
fn odd_bytes_go_through_every_endpoint_without_harm() {
    let server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    let odd = [
        "%ff%fe",
        "%00",
        "%0d%0aSet-Cookie:%20x=1",
        "%E2%80%AE",
        "a%0Db",
        "'\"><script>",
        "../../etc",
        "%",
        "%zz",
    ];
    for value in odd {
        for path in [
            "/c/example?sub1=",
            "/imp/example?sub1=",
            "/pixel.gif?clickid=",
            "/postback?clickid=",
            "/click?clickid=",
        ] {
            let answer = raw(
                &server,
                format!("GET {path}{value} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
            assert!(answer.starts_with("HTTP/1.1 "), "{path}{value}: {answer}");
            assert!(
                !answer.contains(" 500 ") && !answer.to_lowercase().contains("\nset-cookie: x=1"),
                "{answer}"
            );
        }
    }
    let twice = server.visit("/c/example?sub1=first&sub1=second");
    server.settle();
    let trail =
        server.get(&format!("/clicks/{}", twice.location_param("clickid"))).json().to_string();
    assert!(trail.contains("first"), "{trail}");
    assert_eq!(server.get(&format!("/clicks/{id}")).status, 200);
    assert_eq!(server.visit("/readyz").status, 200);
}
