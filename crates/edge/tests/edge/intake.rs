//! Postbacks and pixels: stored as they came, answered as their senders expect.

use crate::rig::*;
use edge::Outcome;
use http::StatusCode;
use model::event::Verdict;
use model::facts::Value;
use model::record::{Record, RecordKind, tag};
use model::{ClickId, ClickKey, Field};

fn id(rig: &Rig, campaign: u32) -> String {
    let key = ClickKey::new(NOW - 1000, 0, 7);
    ClickId { key, campaign, unlogged: false, test: false }.text("ct_", &rig.keys).to_string()
}

fn texts(record: &Record, tag: u16) -> Vec<String> {
    let text = |value: Value<'_>| match value {
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Int(int) => int.to_string(),
    };
    record.facts.all(tag).map(text).collect()
}

#[tokio::test]
async fn a_postback_is_stored_as_it_came_and_answered_with_its_number() {
    let rig = Rig::new();
    let uri = format!("/postback/netkey?clickid={}&payout=1.50&txid=A%201", id(&rig, 2));
    let reply = rig.get(&uri).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.headers()["content-type"], "application/json");
    assert_eq!(body(&reply), r#"{"inbox":"1","result":"accepted"}"#);
    let record = rig.last();
    assert_eq!(record.kind, RecordKind::Postback);
    assert_eq!(record.key(), Some(ClickKey::new(NOW - 1000, 0, 7)));
    assert_eq!(record.at_ms(), NOW);
    assert_eq!(record.facts.int(Field::Campaign), Some(2));
    for (tag, expected) in [
        (tag::INTAKE_METHOD, "GET"),
        (tag::INTAKE_URL, uri.as_str()),
        (tag::INTAKE_PEER, "81.2.69.142"),
        (tag::INTAKE_NETWORK, "1"),
    ] {
        assert_eq!(texts(&record, tag), [expected]);
    }
    assert!(texts(&record, tag::INTAKE_HEADER)[0].starts_with("user-agent: Mozilla"));
    for absent in [tag::INTAKE_BODY, tag::INTAKE_REFUSAL, tag::INTAKE_NOTE] {
        assert!(texts(&record, absent).is_empty());
    }
}

#[tokio::test]
async fn the_id_is_read_from_query_form_and_json_under_every_name() {
    let rig = Rig::new();
    let id = id(&rig, 1);
    let json = format!(r#"{{"click_id":"{id}","payout":1.5}}"#);
    let form = format!("subid={id}&payout=1");
    for ask in [
        Ask::get(&format!("/postback?cid={id}")),
        Ask::get(&format!("/postback?external_id={id}")),
        Ask::post("/postback", &form).with("content-type", "application/x-www-form-urlencoded"),
        Ask::post("/postback", &json).with("content-type", "application/json"),
        Ask::post(&format!("/postback?clickid={id}"), "clickid=other"),
    ] {
        let sent = String::from_utf8(ask.body.to_vec()).unwrap();
        let reply = rig.send(ask).await;
        assert!(body(&reply).contains(r#""result":"accepted""#), "{}", body(&reply));
        let record = rig.last();
        assert!(record.key().is_some());
        assert_eq!(texts(&record, tag::INTAKE_BODY).concat(), sent);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_id_is_said_stored_and_still_answered_200() {
    let rig = Rig::new();
    let good = id(&rig, 1);
    let cut = &good[..27];
    for (query, reason) in [
        ("payout=1".to_owned(), "click_id_missing"),
        ("clickid=".to_owned(), "click_id_missing"),
        ("clickid=%7Bclickid%7D".to_owned(), "click_id_unexpanded"),
        ("clickid=abc".to_owned(), "click_id_malformed"),
        ("clickid=%00%0d%0a".to_owned(), "click_id_missing"),
        ("clickid=ct_zzzzzzzzzzzzzzzzzzzzzzzzzz".to_owned(), "click_id_unverified"),
    ] {
        let reply = rig.get(&format!("/postback?{query}")).await;
        assert_eq!(reply.status(), 200, "{query}");
        assert!(
            body(&reply).contains(&format!(r#""reason":"{reason}""#)),
            "{query} {}",
            body(&reply)
        );
        assert!(body(&reply).contains(r#""result":"refused""#));
        assert_eq!(texts(&rig.last(), tag::INTAKE_REFUSAL), [reason]);
        let strict = rig.get(&format!("/postback?{query}&strict=1")).await;
        assert_eq!(strict.status(), StatusCode::BAD_REQUEST, "{query}");
        let text = rig.get(&format!("/postback?{query}&format=text")).await;
        assert_eq!((text.status().as_u16(), body(&text)), (200, "OK\n".to_owned()));
    }
    let reply = rig.get(&format!("/postback?clickid={cut}")).await;
    assert!(body(&reply).contains("accepted"));
    assert_eq!(texts(&rig.last(), tag::INTAKE_NOTE), ["click_id_truncated"]);
    assert!(rig.last().key().is_some());
    // The source's own id is for ingest to find.
    let reply = rig.get("/postback?external_id=T-77").await;
    assert!(body(&reply).contains("accepted"));
    assert_eq!(texts(&rig.last(), tag::INTAKE_NOTE), ["external_id"]);
    assert_eq!(rig.last().key(), None);
}

#[tokio::test]
async fn payouts_of_any_kind_are_stored_for_ingest_to_judge() {
    let rig = Rig::new();
    for payout in [
        "{payout}",
        "%7Bpayout%7D",
        "1,50",
        "-3",
        "1000000000000000000000000000000",
        "NaN",
        "%00",
        "",
    ] {
        let uri = format!("/postback?clickid={}&payout={payout}", id(&rig, 1));
        assert_eq!(rig.get(&uri).await.status(), 200, "{payout}");
        assert_eq!(texts(&rig.last(), tag::INTAKE_URL), [uri]);
    }
}

#[tokio::test]
async fn key_and_address_count_as_the_network_demands() {
    let rig = Rig::new();
    // A click whose offer belongs to the strict network, still in memory.
    let click = rig.get("/c/strict").await;
    let id = rig.id_in(&click).text("ct_", &rig.keys).to_string();
    let (inside, outside) = ("198.51.100.9", "203.0.113.9");
    for (path, query_key, peer, status, refusal) in [
        ("/postback/strictkey", "", inside, 200, None),
        ("/postback", "&key=strictkey", inside, 200, None),
        ("/postback/strictkey", "", outside, 403, Some("wrong_address")),
        ("/postback", "", inside, 403, Some("missing_key")),
        ("/postback/wrong", "", inside, 403, Some("wrong_key")),
        ("/postback", "&key=wrong", outside, 403, Some("wrong_key")),
        // The key of another network does not open this one's door.
        ("/postback/netkey", "", inside, 403, Some("wrong_key")),
    ] {
        let uri = format!("{path}?clickid={id}{query_key}");
        let reply = rig.send(Ask { peer, ..Ask::get(&uri) }).await;
        assert_eq!(reply.status().as_u16(), status, "{uri} {peer}");
        let record = rig.last();
        assert_eq!(
            texts(&record, tag::INTAKE_REFUSAL).first().map(String::as_str),
            refusal,
            "{uri} {peer}"
        );
        assert_eq!(record.kind, RecordKind::Postback);
    }
    assert_eq!(rig.get("/postback/unknown?clickid=x").await.status(), 200);
    assert_eq!(texts(&rig.last(), tag::INTAKE_NOTE), ["unknown_key"]);
}

#[tokio::test]
async fn a_network_in_mode_report_is_noted_and_counted_all_the_same() {
    let mut things = things();
    things.networks[1].body.key_mode = model::thing::CheckMode::Report;
    things.networks[1].body.address_mode = model::thing::CheckMode::Report;
    let rig = Rig::with(edge::Config::default(), things);
    let click = rig.get("/c/strict").await;
    let uri = format!("/postback?key=wrong&clickid={}", rig.id_in(&click).text("ct_", &rig.keys));
    let reply = rig.send(Ask { peer: "203.0.113.9", ..Ask::get(&uri) }).await;
    assert!(body(&reply).contains("accepted"));
    assert_eq!(texts(&rig.last(), tag::INTAKE_NOTE), ["wrong_key", "wrong_address"]);
}

#[tokio::test]
async fn who_waits_gets_the_verdict() {
    let rig = Rig::new();
    for (sequence, verdict, reason, query, status) in [
        (1, Verdict::Recorded, "", "wait=1", 200),
        (2, Verdict::Refused, "payout_not_a_number", "wait=1", 200),
        (3, Verdict::Refused, "payout_not_a_number", "wait=1&strict=1", 422),
    ] {
        rig.edge.verdicts().publish(sequence, Outcome { verdict, reason: reason.into() });
        let uri = format!("/postback?clickid={}&{query}", id(&rig, 1));
        let reply = rig.get(&uri).await;
        assert_eq!(reply.status().as_u16(), status);
        let said = body(&reply);
        assert!(said.contains(&format!(r#""verdict":"{}""#, verdict.as_str())), "{said}");
        assert_eq!(
            said.contains("refused\",\"verdict") || said.contains(r#""result":"refused""#),
            verdict == Verdict::Refused
        );
        assert_eq!(said.contains(r#""reason""#), !reason.is_empty());
    }
    let started = std::time::Instant::now();
    let reply = rig.get(&format!("/postback?wait=1&clickid={}", id(&rig, 1))).await;
    assert!(body(&reply).contains("accepted") && !body(&reply).contains("verdict"));
    assert!(started.elapsed() < std::time::Duration::from_secs(3));
}

#[tokio::test]
async fn a_pixel_knows_its_click_from_parameter_or_cookie() {
    let rig = Rig::new();
    let (one, two) = (id(&rig, 1), id(&rig, 2));
    let cookie = format!("ct_c={two}.{one}");
    for (uri, cookie, campaign) in [
        (format!("/pixel.gif?clickid={one}&payout=3"), "", Some(1)),
        ("/pixel.gif".to_owned(), cookie.as_str(), Some(2)),
        ("/pixel.gif?campaign=direct".to_owned(), cookie.as_str(), Some(1)),
        ("/pixel.gif?campaign=unknown".to_owned(), cookie.as_str(), None),
        ("/pixel.gif".to_owned(), "", None),
    ] {
        let reply = rig.send(Ask::get(&uri).with("cookie", cookie)).await;
        assert_eq!((reply.status().as_u16(), reply.body().len()), (200, 43), "{uri}");
        assert!(reply.headers()["cache-control"].to_str().unwrap().contains("no-store"));
        let record = rig.last();
        assert_eq!(record.kind, RecordKind::Pixel);
        assert_eq!(record.facts.int(Field::Campaign), campaign, "{uri}");
        assert_eq!(texts(&record, tag::INTAKE_REFUSAL).is_empty(), campaign.is_some(), "{uri}");
    }
}
