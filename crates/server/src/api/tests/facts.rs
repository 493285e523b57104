//! Facts: trails, lists, the inbox and the export.

use crate::api::testing::TestApi;
use crate::app::now_ms;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::{ClickKey, Field};
use serde_json::json;

/// A click with a hop, a conversion that moved from pending to approved, and its two calls.
struct Story {
    api: TestApi,
    key: ClickKey,
    id: String,
}

fn row(kind: RowKind, key: ClickKey, sequence: u64, facts: Facts) -> Row {
    let event_ms = key.time_ms() + i64::try_from(sequence).unwrap() * 1000;
    Row { kind, key, event_ms, sequence, count: 1, cost: 0, revenue: 0, facts }
}

fn call(key: ClickKey, sequence: u64, verdict: Verdict, url: &str) -> InboxEntry {
    let mut facts = Facts::default();
    facts.push_bytes(tag::INTAKE_METHOD, b"GET");
    facts.push_bytes(tag::INTAKE_URL, url.as_bytes());
    facts.push_bytes(tag::INTAKE_BODY, b"\xff");
    facts.push_bytes(tag::INTAKE_HEADER, b"user-agent: n");
    facts.push_bytes(tag::INTAKE_PEER, b"192.0.2.1");
    InboxEntry {
        sequence,
        workspace: 1,
        kind: RecordKind::Postback,
        received_ms: key.time_ms() + 1000,
        key: Some(key),
        verdict,
        reason: String::new(),
        message: String::new(),
        facts,
    }
}

fn entry(key: ClickKey, sequence: u64, count: i64, status: &str) -> Row {
    let mut facts = Facts::default();
    facts.set_int(Field::Campaign, 1);
    facts.set_text(Field::ConversionType, "sale");
    facts.set_text(Field::ConversionStatus, status);
    facts.set_text(Field::Txid, "T");
    facts.set_text(Field::Currency, "USD");
    Row { count, revenue: count * 2_000_000, ..row(RowKind::Entry, key, sequence, facts) }
}

async fn story() -> Story {
    let api = TestApi::new();
    api.post("/api/v1/offers", r#"{"name":"Offer","url":"https://o.example/"}"#).await;
    let flow = json!({"default": [{"offers": [{"offer": 1}]}]});
    api.post("/api/v1/campaigns", &json!({"name": "Push", "flow": flow}).to_string()).await;
    let key = ClickKey::new(now_ms() - 60_000, 0, 1);
    let mut facts = Facts::default();
    for (field, id) in [
        (Field::Campaign, 1),
        (Field::Flow, 1),
        (Field::Path, 1),
        (Field::Offer, 1),
        (Field::Revision, 4),
    ] {
        facts.set_int(field, id);
    }
    facts.set_text(Field::Country, "DE");
    facts.set_text(Field::Sub1, "=1+1");
    facts.set_flag(Field::UniqueCampaign, true);
    facts.push_bytes(tag::RAW_QUERY, b"gclid=g&sub1==1+1");
    facts.push_bytes(tag::PLATFORM_ID, b"gclid=g");
    let click =
        Row { cost: 250_000, event_ms: key.time_ms(), ..row(RowKind::Click, key, 1, facts) };
    let mut hop = Facts::default();
    hop.set_int(Field::Offer, 1);
    hop.push_int(tag::LINK, 2);
    let rows = vec![
        click,
        row(RowKind::LanderClick, key, 2, hop),
        entry(key, 3, 1, "pending"),
        entry(key, 4, -1, "pending"),
        entry(key, 4, 1, "approved"),
    ];
    let calls = vec![
        call(key, 3, Verdict::Recorded, "/postback?txid=T&status=pending"),
        call(key, 4, Verdict::Updated, "/postback?txid=T&status=approved"),
    ];
    api.store(rows, calls).await;
    let id = api.click_id(key, 1);
    Story { api, key, id }
}

#[tokio::test]
async fn a_trail_tells_the_whole_life_of_a_click() {
    let Story { api, id, .. } = story().await;
    let trail = api.get(&format!("/api/v1/clicks/{id}")).await;
    assert_eq!(trail.status, 200, "{}", trail.text);
    let trail = trail.body;
    assert_eq!((&trail["click_id"], &trail["reading"]), (&json!(id), &json!("valid")));
    assert_eq!(trail["campaign"], json!({"id": 1, "name": "Push"}));
    let click = &trail["click"];
    assert_eq!(click["fields"]["country"], "DE");
    assert_eq!(click["fields"]["campaign_name"], "Push");
    assert_eq!(click["fields"]["unique_campaign"], true);
    assert_eq!(click["decision"]["offer"], json!({"id": 1, "name": "Offer"}));
    assert_eq!((&click["decision"]["revision"], &click["sequence"]), (&json!(4), &json!(1)));
    assert_eq!(
        (&click["cost"]["amount"], &click["cost"]["currency"]),
        (&json!("0.25"), &json!("USD"))
    );
    assert_eq!(click["platform_ids"], json!([{"name": "gclid", "value": "g"}]));
    assert_eq!((&trail["hops"][0]["link"], &trail["hops"][0]["sequence"]), (&json!(2), &json!(2)));
    let calls = trail["postbacks"].as_array().unwrap();
    assert_eq!((calls.len(), &calls[1]["verdict"]), (2, &json!("updated")));
    assert_eq!(
        (&calls[0]["url"], &calls[0]["body"]),
        (&json!("/postback?txid=T&status=pending"), &json!("\u{fffd}"))
    );
    let ledger = trail["ledger"].as_array().unwrap();
    assert_eq!((&ledger[0]["superseded_by"], &ledger[1]["supersedes"]), (&json!(4), &json!([3])));
    assert_eq!((&ledger[2]["status"], &ledger[2]["amount"]), (&json!("approved"), &json!("2.00")));
    assert_eq!(
        trail["figures"],
        json!({"conversions": 1, "cost": "0.25", "revenue": "2.00", "profit": "1.75", "currency": "USD"})
    );
}

#[tokio::test]
async fn an_id_is_repaired_where_that_is_certain_and_otherwise_refused_with_its_class() {
    let Story { api, id, key } = story().await;
    let last = if id.ends_with('0') { "1" } else { "0" };
    let altered = format!("{}{last}", &id[..id.len() - 1]);
    let absent = api.click_id(ClickKey::new(key.time_ms(), 0, 9), 1);
    for (asked, status, reading, code) in [
        (id.to_uppercase(), 200, Some("valid"), None),
        (id[..id.len() - 3].to_owned(), 200, Some("truncated"), None),
        (altered, 200, Some("altered"), None),
        ("hello".to_owned(), 404, None, Some("click_id_malformed")),
        ("ct_00000000000000000000000000".to_owned(), 404, None, Some("click_id_unverified")),
        (absent, 404, None, Some("click_not_stored")),
    ] {
        let answer = api.get(&format!("/api/v1/clicks/{asked}")).await;
        assert_eq!(answer.status, status, "{asked}: {}", answer.text);
        assert_eq!(answer.body["reading"].as_str(), reading, "{asked}");
        assert_eq!(answer.body["code"].as_str(), code, "{asked}");
        if status == 200 {
            assert_eq!(
                (&answer.body["click_id"], &answer.body["asked"]),
                (&json!(id), &json!(asked))
            );
        }
    }
    let other = api.other_workspace().await;
    assert_eq!(api.get_as(&other, &format!("/api/v1/clicks/{id}")).await.status, 404);
}

#[tokio::test]
async fn clicks_and_conversions_are_listed_newest_first() {
    let Story { api, id, .. } = story().await;
    for (query, found) in [
        ("period=all", 1),
        ("period=all&country=DE&country=FR", 1),
        ("period=all&campaign=Push&bot=false", 1),
        ("period=all&country=FR", 0),
        ("period=all&sub2=", 1),
        ("from=2026-01-01&to=2026-01-02", 0),
    ] {
        let list = api.get(&format!("/api/v1/clicks?{query}")).await;
        assert_eq!(list.status, 200, "{query}: {}", list.text);
        let items = list.body["items"].as_array().unwrap();
        assert_eq!(items.len(), found, "{query}");
        assert!(items.iter().all(|item| item["click_id"] == id && item["cost"] == "0.25"));
    }
    let list = api.get("/api/v1/conversions?period=all&limit=2").await;
    let items = list.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{}", list.text);
    assert_eq!((&items[0]["status"], &items[0]["click_id"]), (&json!("approved"), &json!(id)));
    let next = list.body["next"].as_str().unwrap();
    let rest = api.get(&format!("/api/v1/conversions?period=all&limit=2&cursor={next}")).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 1);
    assert!(rest.body["next"].is_null());
    let unknown = api.get("/api/v1/clicks?colour=red").await;
    assert_eq!((unknown.status, &unknown.body["field"]), (400, &json!("colour")));
}

#[tokio::test]
async fn the_inbox_keeps_every_call_as_it_came() {
    let Story { api, id, .. } = story().await;
    for (query, ids) in [
        ("", vec!["4", "3"]),
        ("verdict=updated", vec!["4"]),
        ("verdict=refused", vec![]),
        ("q=PENDING", vec!["3"]),
        ("limit=1", vec!["4"]),
        ("limit=1&cursor=4", vec!["3"]),
    ] {
        let list = api.get(&format!("/api/v1/inbox?{query}")).await;
        assert_eq!(list.status, 200, "{}", list.text);
        let items = list.body["items"].as_array().unwrap();
        assert_eq!(
            items.iter().map(|item| item["id"].as_str().unwrap()).collect::<Vec<_>>(),
            ids,
            "{query}"
        );
        assert_eq!(list.body["next"].is_string(), query == "limit=1");
    }
    let own = api.get(&format!("/api/v1/inbox?click_id={id}")).await;
    assert_eq!(own.body["items"].as_array().unwrap().len(), 2);
    let one = api.get("/api/v1/inbox/3").await;
    assert_eq!((&one.body["click_id"], &one.body["peer"]), (&json!(id), &json!("192.0.2.1")));
    assert_eq!(one.body["headers"], json!(["user-agent: n"]));
    for path in ["/api/v1/inbox/9", "/api/v1/inbox/x"] {
        assert_eq!(api.get(path).await.status, 404);
    }
    assert_eq!(api.get("/api/v1/inbox?click_id=x").await.body["field"], "click_id");
    assert_eq!(api.get("/api/v1/inbox?verdict=lost").await.body["field"], "verdict");
    let other = api.other_workspace().await;
    assert_eq!(api.get_as(&other, "/api/v1/inbox/3").await.status, 404);
}

#[tokio::test]
async fn the_export_holds_every_row_with_every_field() {
    let Story { api, id, key } = story().await;
    let file = api.get("/api/v1/events/export?period=all&tz=Asia/Kathmandu").await;
    assert_eq!(file.status, 200, "{}", file.text);
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    let mut lines = file.text.split_terminator("\r\n");
    let head: Vec<_> = lines.next().unwrap().split(',').collect();
    let rows: Vec<Vec<_>> = lines.map(|line| line.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == head.len()));
    let column = |name: &str| -> Vec<&str> {
        let at = head.iter().position(|column| *column == name).unwrap_or_else(|| panic!("{name}"));
        rows.iter().map(|row| row[at]).collect()
    };
    assert_eq!(column("row"), ["click", "lander_click", "entry", "entry", "entry"]);
    assert_eq!(column("click_id")[0], id);
    assert_eq!(column("count"), ["1", "1", "1", "-1", "1"]);
    assert_eq!(column("cost"), ["0.25", "0.00", "0.00", "0.00", "0.00"]);
    assert_eq!(column("revenue"), ["0.00", "0.00", "2.00", "-2.00", "2.00"]);
    assert_eq!(column("campaign_name")[0], "Push");
    assert_eq!((column("sub1")[0], column("unique_campaign")[0]), ("'=1+1", "true"));
    let time: jiff::Timestamp = column("click_time")[0].parse().unwrap();
    assert_eq!(time.as_millisecond(), key.time_ms());
    assert!(column("click_time")[0].ends_with("+05:45"));
    for (query, field) in [
        ("format=json", "format"),
        ("period=soon", "period"),
        ("tz=Mars", "tz"),
        ("colour=1", "colour"),
    ] {
        let refused = api.get(&format!("/api/v1/events/export?{query}")).await;
        assert!((400..500).contains(&refused.status), "{query}");
        assert_eq!(refused.body["field"], field, "{}", refused.text);
    }
}
