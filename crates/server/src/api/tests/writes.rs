//! Writes: once each, and never over what somebody else saved.

use crate::api::testing::{Answer, TestApi};
use serde_json::json;

const OFFER: &str = r#"{"name":"Offer","url":"https://o.example/"}"#;

async fn make(api: &TestApi, key: &str, body: &str) -> Answer {
    api.ask("POST", "/api/v1/offers", &[("Idempotency-Key", key)], body).await
}

#[tokio::test]
async fn a_repeated_request_is_carried_out_once_and_answered_alike() {
    let api = TestApi::new();
    let first = make(&api, "k-1", OFFER).await;
    let again = make(&api, "k-1", OFFER).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.text, again.text);
    for header in ["etag", "location", "content-type"] {
        assert_eq!(first.headers[header], again.headers[header]);
    }
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(api.get("/api/v1/offers").await.body["items"].as_array().unwrap().len(), 1);
    let other = make(&api, "k-1", r#"{"name":"Other","url":"https://o.example/"}"#).await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_key_reused")));
    let elsewhere = api.ask("POST", "/api/v1/landers", &[("Idempotency-Key", "k-1")], OFFER).await;
    assert_eq!(elsewhere.status, 422);
}

#[tokio::test]
async fn the_key_of_a_preview_is_not_answered_for_the_act_itself() {
    let api = TestApi::new();
    for (address, body) in
        [("/api/v1/conversions", "[]"), ("/api/v1/conversions/import", "clickid\n")]
    {
        let preview = format!("{address}?preview=true");
        let key = [("Idempotency-Key", address)];
        let tried = api.ask("POST", &preview, &key, body).await;
        assert_eq!((tried.status, &tried.body["preview"]), (200, &json!(true)), "{tried:?}");
        let done = api.ask("POST", address, &key, body).await;
        assert_eq!((done.status, &done.body["code"]), (422, &json!("idempotency_key_reused")));
    }
}

#[tokio::test]
async fn a_refused_request_may_be_corrected_under_its_key() {
    let api = TestApi::new();
    assert_eq!(make(&api, "k", r#"{"name":"Offer"}"#).await.status, 422);
    assert_eq!(make(&api, "k", OFFER).await.status, 201);
    for key in ["", &"x".repeat(256)] {
        assert_eq!(make(&api, key, OFFER).await.body["code"], "invalid_header");
    }
}

#[tokio::test]
async fn repetitions_at_the_same_time_make_one_thing() {
    let api = TestApi::new();
    let (a, b, c) =
        tokio::join!(make(&api, "k", OFFER), make(&api, "k", OFFER), make(&api, "k", OFFER));
    let statuses = [a.status, b.status, c.status];
    assert!(statuses.contains(&201), "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 409].contains(status)), "{statuses:?}");
    assert_eq!(
        api.get("/api/v1/offers?archived=all").await.body["items"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn of_changes_made_for_one_revision_one_is_saved() {
    let api = TestApi::new();
    let made = api.post("/api/v1/offers", OFFER).await;
    let tag = made.headers["etag"].to_str().unwrap();
    let change = |number: u32| {
        let body = json!({"name": format!("Offer {number}"), "url": "https://o.example/"});
        let (api, headers) = (&api, [("If-Match", tag)]);
        async move { api.ask("PUT", "/api/v1/offers/1", &headers, &body.to_string()).await }
    };
    let (a, b, c, d) = tokio::join!(change(1), change(2), change(3), change(4));
    let mut statuses = [a.status, b.status, c.status, d.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
    let refused = [a, b, c, d].into_iter().find(|answer| answer.status == 412).unwrap();
    assert_eq!(refused.body["code"], "revision_mismatch");
    assert_eq!(refused.body["field"], "If-Match");
    assert_eq!(
        api.get("/api/v1/offers/1/revisions").await.body["items"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn if_match_guards_every_write_of_a_thing() {
    let api = TestApi::new();
    let made = api.post("/api/v1/offers", OFFER).await;
    let revision = made.body["revision"].as_u64().unwrap();
    let (old, new) = (format!("\"{}\"", revision + 1), format!("\"{revision}\""));
    for (method, path, body) in [
        ("PUT", "/api/v1/offers/1", OFFER),
        ("DELETE", "/api/v1/offers/1", ""),
        ("POST", "/api/v1/offers/1/restore", "{}"),
    ] {
        let answer = api.ask(method, path, &[("If-Match", &old)], body).await;
        assert_eq!(answer.status, 412, "{method}");
    }
    assert_eq!(api.ask("DELETE", "/api/v1/offers/1", &[("If-Match", &new)], "").await.status, 200);
    assert_eq!(api.ask("DELETE", "/api/v1/offers/1", &[("If-Match", "*")], "").await.status, 200);
}
