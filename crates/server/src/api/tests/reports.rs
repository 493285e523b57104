//! Reports: what is asked, what is answered, and how fresh it is.

use crate::api::testing::TestApi;
use crate::app::now_ms;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::{ClickKey, Field};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// A campaign, two clicks of it from different countries, and a conversion.
async fn with_clicks() -> (TestApi, ClickKey) {
    let api = TestApi::new();
    api.post("/api/v1/offers", r#"{"name":"Offer","url":"https://o.example/"}"#).await;
    let flow = json!({"default": [{"offers": [{"offer": 1}]}]});
    api.post("/api/v1/campaigns", &json!({"name": "US push", "flow": flow}).to_string()).await;
    let row = |kind, number: u16, country: &str, cost, revenue| {
        let mut facts = Facts::default();
        facts.set_int(Field::Campaign, 1);
        facts.set_text(Field::Country, country);
        if kind == RowKind::Entry {
            facts.set_text(Field::ConversionStatus, "approved");
            facts.set_text(Field::ConversionType, "sale");
        }
        let key = ClickKey::new(now_ms(), 0, number);
        Row { kind, key, event_ms: now_ms(), sequence: 1, count: 1, cost, revenue, facts }
    };
    let click = row(RowKind::Click, 1, "DE", 50_000, 0);
    let key = click.key;
    let entry = Row { key, ..row(RowKind::Entry, 1, "DE", 0, 1_500_000) };
    api.store(vec![click, row(RowKind::Click, 2, "=cmd", 50_000, 0), entry], Vec::new()).await;
    (api, key)
}

async fn ask(api: &TestApi, query: Value) -> Value {
    let answer = api.post("/api/v1/reports", &query.to_string()).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.body
}

#[tokio::test]
async fn a_question_is_answered_with_names_totals_and_decimal_text() {
    let (api, _) = with_clicks().await;
    let report = ask(&api, json!({
        "by": ["campaign"], "metrics": ["clicks", "cost", "revenue", "roi"], "period": "last_7_days",
    }))
    .await;
    assert_eq!(
        report["rows"],
        json!([{"campaign": 1, "campaign_name": "US push", "clicks": 2, "cost": "0.10", "revenue": "1.50", "roi": 14.0}])
    );
    assert_eq!(report["totals"]["cost"], "0.10");
    assert_eq!(
        (&report["row_count"], &report["currency"], &report["tz"]),
        (&json!(1), &json!("USD"), &json!("UTC"))
    );
}

#[tokio::test]
async fn a_type_that_does_not_count_is_under_its_own_name_alone_and_may_count_again() {
    let (api, _) = with_clicks().await;
    let figures = async || {
        let metrics = [
            "conversions",
            "conversions_approved",
            "conversions:sale",
            "revenue",
            "revenue:sale",
            "cr",
            "clicks",
        ];
        let report = ask(&api, json!({ "metrics": metrics, "period": "last_7_days" })).await;
        let totals = report["totals"].clone();
        metrics.map(|metric| totals[metric].clone())
    };
    let counted =
        [json!(1), json!(1), json!(1), json!("1.50"), json!("1.50"), json!(0.5), json!(2)];
    assert_eq!(figures().await, counted);
    let made = api.post("/api/v1/conversion-types", r#"{"name":"Sale","counts":false}"#).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let apart = [json!(0), json!(0), json!(1), json!("1.50"), json!("1.50"), json!(0.0), json!(2)];
    assert_eq!(figures().await, apart);
    let put = api.put("/api/v1/conversion-types/1", r#"{"name":"Sale","counts":true}"#).await;
    assert_eq!(put.status, 200, "{}", put.text);
    assert_eq!(figures().await, counted);
}

#[tokio::test]
async fn filters_take_names_and_printed_ids() {
    let (api, key) = with_clicks().await;
    let id = api.click_id(key, 1);
    for (field, op, value, clicks) in [
        ("campaign", "is", json!("US push"), 2),
        ("campaign", "is", json!("1"), 2),
        ("campaign", "in", json!(["US push", 7]), 2),
        ("campaign", "is_not", json!("US push"), 0),
        ("click_id", "is", json!(id), 1),
        ("click_id", "is", json!(id.to_uppercase()), 1),
        ("click_id", "is", json!(id[..id.len() - 1]), 1),
        ("click_id", "is", json!(key.0), 1),
        ("click_id", "not_in", json!([id]), 1),
    ] {
        let filter = json!([{"field": field, "op": op, "value": value}]);
        let report =
            ask(&api, json!({"metrics": ["clicks"], "period": "all", "filter": filter})).await;
        assert_eq!(report["totals"]["clicks"], clicks, "{filter}");
    }
    let report =
        ask(&api, json!({"by": ["click_id"], "metrics": ["revenue"], "period": "all"})).await;
    assert_eq!(report["rows"][0]["click_id"], id);
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_names_the_place() {
    let (api, _) = with_clicks().await;
    for (query, code, field) in [
        (json!({"by": ["colour"]}), "invalid", "by[0]"),
        (json!({"metrics": ["clickz"]}), "invalid", "metrics[0]"),
        (json!({"period": "fortnight"}), "invalid", "period"),
        (json!({"colour": 1}), "invalid", "colour"),
        (json!({"tz": "Berlin"}), "invalid_query", "tz"),
        (json!({"limit": 10_001}), "invalid_query", "limit"),
        (json!({"by": ["os", "os"]}), "invalid_query", "by[1]"),
        (
            json!({"filter": [{"field": "campaign", "op": "is", "value": "nobody's"}]}),
            "invalid_query",
            "filter[0].value",
        ),
        (
            json!({"filter": [{"field": "click_id", "op": "in", "value": ["x"]}]}),
            "invalid_query",
            "filter[0].value[0]",
        ),
        (
            json!({"filter": [{"field": "asn", "op": "contains", "value": 1}]}),
            "invalid_query",
            "filter[0].op",
        ),
    ] {
        let answer = api.post("/api/v1/reports", &query.to_string()).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
        assert_eq!(
            (&answer.body["code"], &answer.body["field"]),
            (&json!(code), &json!(field)),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_report_is_fresh_to_now_once_everything_is_ingested() {
    let (api, _) = with_clicks().await;
    let fresh_to = |report: &Value| -> i64 {
        report["fresh_to"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_millisecond()
    };
    let before = now_ms();
    assert!(fresh_to(&ask(&api, json!({})).await) >= before);
    api.app.ingested.store(0, Ordering::Release);
    api.app.journal.append(vec![1]).await.unwrap();
    assert!(fresh_to(&ask(&api, json!({})).await) <= before, "a record waits for ingest");
}

#[tokio::test]
async fn exports_hold_every_row_as_a_file() {
    let (api, _) = with_clicks().await;
    let query = json!({"by": ["country"], "metrics": ["clicks"], "period": "all"}).to_string();
    let csv = api.post("/api/v1/reports/export", &query).await;
    assert_eq!(csv.text, "country,clicks\r\n'=cmd,1\r\nDE,1\r\n");
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"report.csv\"");
    let file = api.post("/api/v1/reports/export?format=json", &query).await;
    assert_eq!(file.body["row_count"], 2);
    for format in ["parquet", "xlsx"] {
        let refused = api.post(&format!("/api/v1/reports/export?format={format}"), &query).await;
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!("not_supported")));
    }
    let unknown = api.post("/api/v1/reports/export?format=docx", &query).await;
    assert_eq!(
        (unknown.status, &unknown.body["field"]),
        (400, &json!("format")),
        "{}",
        unknown.text
    );
}

#[tokio::test]
async fn the_tables_of_fields_and_metrics_are_listed() {
    let api = TestApi::new();
    let fields = api.get("/api/v1/reports/fields").await;
    assert_eq!(fields.body["items"].as_array().unwrap().len(), model::field::FIELDS.len());
    assert_eq!(
        fields.body["items"][0],
        json!({"name": "campaign", "label": "Campaign", "group": "ours", "kind": "thing"})
    );
    let metrics = api.get("/api/v1/reports/metrics").await;
    assert_eq!(metrics.body["items"].as_array().unwrap().len(), model::metric::METRICS.len());
    assert_eq!(
        metrics.body["items"][1],
        json!({"name": "clicks", "label": "Clicks", "unit": "count", "by_type": false})
    );
}
