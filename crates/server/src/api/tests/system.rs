//! The server about itself.

use crate::api::testing::TestApi;
use serde_json::json;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn the_journal_and_ingest_say_how_far_they_are() {
    let api = TestApi::new();
    for _ in 0..3 {
        api.app.journal.append(vec![1]).await.unwrap();
    }
    api.app.ingested.store(1, Ordering::Release);
    let system = api.get("/api/v1/system").await;
    assert_eq!(system.status, 200, "{}", system.text);
    assert_eq!(system.body["journal"]["sequence"], 3);
    assert_eq!(system.body["journal"]["durability"], "sync");
    assert_eq!(system.body["ingest"]["sequence"], 1);
    assert_eq!(system.body["ingest"]["waiting"], 2);
    api.app.ingested.store(3, Ordering::Release);
    let system = api.get("/api/v1/system").await;
    assert_eq!(
        (&system.body["ingest"]["waiting"], &system.body["ingest"]["lag_ms"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn prometheus_gets_its_text_without_a_key() {
    let api = TestApi::new();
    let request = http::Request::get("/metrics").body(String::new()).unwrap();
    let metrics = api.send(request).await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics
            .text
            .contains("# TYPE clicktrail_journal_sequence gauge\nclicktrail_journal_sequence 0\n")
    );
    for line in metrics.text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit_once(' ').unwrap().1;
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_description_is_served() {
    let api = TestApi::new();
    let request = http::Request::get("/api/v1/openapi.json").body(String::new()).unwrap();
    let answer = api.send(request).await;
    assert_eq!((answer.status, &answer.body["openapi"]), (200, &json!("3.1.0")));
}
