//! Tracking domains: how they are kept, and how links begin with them.

use crate::api::testing::TestApi;
use serde_json::json;

async fn with_campaign(api: &TestApi) {
    api.post("/api/v1/offers", r#"{"name":"Offer","url":"https://o.example/"}"#).await;
    let body = r#"{"name":"C","key":"c","flow":{"default":[{"offers":[{"offer":1}]}]}}"#;
    let made = api.post("/api/v1/campaigns", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

#[tokio::test]
async fn a_host_is_kept_in_one_form_and_belongs_to_one_domain() {
    let api = TestApi::new();
    let body = r#"{"name":"Main","host":" GO.Example. "}"#;
    let made = api.post("/api/v1/domains", body).await;
    assert_eq!((made.status, &made.body["host"]), (201, &json!("go.example")), "{}", made.text);
    assert_eq!(made.body["url"], "https://go.example");
    assert_eq!((&made.body["root"], &made.body["scheme"]), (&json!({}), &json!("https")));
    let again = api.post("/api/v1/domains", r#"{"name":"Other","host":"go.example"}"#).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("host_taken")), "{}", again.text);
    assert_eq!(again.body["field"], "host");
    for (body, field) in [
        (json!({"name": "X"}), "host"),
        (json!({"name": "X", "host": "https://x.example/"}), "host"),
        (json!({"name": "X", "host": "x.example:8080"}), "host"),
        (json!({"name": "X", "host": "bücher.example"}), "host"),
        (json!({"name": "X", "host": "192.0.2.1"}), "host"),
        (json!({"name": "X", "host": "x.example", "root": {"url": "x"}}), "root.url"),
        (
            json!({"name": "X", "host": "x.example", "not_found": {"status": {"code": 302}}}),
            "not_found.status.code",
        ),
        // What serves the API is no tracking domain.
        (json!({"name": "X", "host": "localhost"}), "host"),
        (json!({"name": "X", "host": "track.example"}), "host"),
    ] {
        let refused = api.post("/api/v1/domains", &body.to_string()).await;
        assert_eq!(refused.status, 422, "{body}: {}", refused.text);
        let place = refused.body["field"].as_str().unwrap_or_default();
        assert_eq!(place, field, "{body}: {}", refused.text);
    }
    let refused = api.post("/api/v1/domains", r#"{"name":"X","host":"bücher.example"}"#).await;
    assert!(refused.text.contains("xn--"), "{}", refused.text);
    let other = api.other_workspace().await;
    let theirs = [("Authorization", &*format!("Bearer {other}"))];
    let taken = api.ask("POST", "/api/v1/domains", &theirs, body).await;
    assert_eq!(taken.body["code"], "host_taken", "{}", taken.text);
    assert_eq!(api.delete("/api/v1/domains/1").await.status, 200);
    let moved = api.ask("POST", "/api/v1/domains", &theirs, body).await;
    assert_eq!(moved.status, 201, "given up by one, free for the other: {}", moved.text);
    assert_eq!(api.post("/api/v1/domains/1/restore", "").await.body["code"], "host_taken");
}

#[tokio::test]
async fn a_campaigns_link_begins_with_its_domain() {
    let api = TestApi::new();
    with_campaign(&api).await;
    api.post("/api/v1/domains", r#"{"name":"A","host":"a.example"}"#).await;
    api.post("/api/v1/domains", r#"{"name":"B","host":"b.example","scheme":"http"}"#).await;
    let network = api.post("/api/v1/networks", r#"{"name":"N"}"#).await;
    let postback_url = network.body["postback_url"].as_str().unwrap();
    assert!(postback_url.starts_with("https://track.example/postback?"), "{postback_url}");
    for (domain, url) in [
        (json!(null), "https://track.example/c/c"),
        (json!(1), "https://a.example/c/c"),
        (json!(2), "http://b.example/c/c"),
    ] {
        let body = json!({"name": "C", "flow": 1, "domain": domain}).to_string();
        let saved = api.put("/api/v1/campaigns/1", &body).await;
        assert_eq!((saved.status, &saved.body["url"]), (200, &json!(url)), "{}", saved.text);
        assert_eq!(api.get("/api/v1/campaigns").await.body["items"][0]["url"], url);
        let read = api.get("/api/v1/campaigns/1").await;
        assert_eq!(read.body["url"], url);
        let back = api.put("/api/v1/campaigns/1", &read.text).await;
        assert_eq!(back.status, 200, "what was read may be sent back: {}", back.text);
    }
    let used = api.delete("/api/v1/domains/2").await;
    assert_eq!((used.status, &used.body["code"]), (409, &json!("in_use")));
    let body = json!({"name": "C", "flow": 1, "domain": 9}).to_string();
    let unknown = api.put("/api/v1/campaigns/1", &body).await;
    assert_eq!((unknown.status, &unknown.body["field"]), (422, &json!("domain")));
}

#[tokio::test]
async fn a_domain_leads_to_campaigns_of_its_workspace() {
    let api = TestApi::new();
    with_campaign(&api).await;
    let body = r#"{"name":"A","host":"a.example","root":{"campaign":1}}"#;
    assert_eq!(api.post("/api/v1/domains", body).await.status, 201);
    let kept = api.delete("/api/v1/campaigns/1").await;
    assert_eq!((kept.status, &kept.body["code"]), (409, &json!("in_use")), "{}", kept.text);
    let other = api.other_workspace().await;
    let theirs = [("Authorization", &*format!("Bearer {other}"))];
    let body = r#"{"name":"B","host":"b.example","not_found":{"campaign":1}}"#;
    let refused = api.ask("POST", "/api/v1/domains", &theirs, body).await;
    assert_eq!(refused.body["code"], "invalid_reference", "{}", refused.text);
    let table = api.app.table.load();
    assert_eq!(table.domain_by_host("a.example").unwrap().root.campaign, Some(1));
}
