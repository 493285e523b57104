//! The configuration as one file over the API, and what is told of every save.

use crate::api::testing::TestApi;
use serde_json::{Value, json};

async fn thing(api: &TestApi, path: &str, body: Value) {
    let made = api.post(&format!("/api/v1/{path}"), &body.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text);
}

async fn api() -> TestApi {
    let api = TestApi::new();
    thing(&api, "offers", json!({"name": "Shoes", "url": "https://shop.example/"})).await;
    let flow = json!({"name": "Main", "default": [{"offers": [{"offer": 1, "weight": 50}]}]});
    thing(&api, "flows", flow).await;
    thing(&api, "campaigns", json!({"name": "Autumn", "key": "a", "flow": 1})).await;
    api
}

async fn export(api: &TestApi, format: &str) -> String {
    let file = api.get(&format!("/api/v1/config?format={format}")).await;
    assert_eq!((file.status, &file.body["format"]), (200, &json!(format)));
    file.body["text"].as_str().unwrap().to_owned()
}

async fn send(api: &TestApi, verb: &str, text: &str, force: bool) -> (u16, Value) {
    let body = json!({"text": text, "force": force}).to_string();
    let answer = api.post(&format!("/api/v1/config/{verb}"), &body).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_file_is_planned_then_applied_and_says_nothing_the_second_time() {
    let api = api().await;
    for (format, old, new) in
        [("toml", "weight = 50", "weight = 70"), ("yaml", "weight: 70", "weight: 50")]
    {
        let text = export(&api, format).await;
        assert_eq!(send(&api, "plan", &text, false).await.1["changes"], json!([]));
        let changed = text.replace(old, new);
        let (_, plan) = send(&api, "plan", &changed, false).await;
        let (status, applied) = send(&api, "apply", &changed, false).await;
        assert_eq!((status, &applied["changes"]), (200, &plan["changes"]));
        assert_eq!(applied["revision"], json!(plan["revision"].as_u64().unwrap() + 1));
        let [before, after] = [old, new].map(|text| text[text.len() - 2..].parse::<u32>().unwrap());
        let words = format!("path 1 offer 1 \"Shoes\": weight {before} → {after}");
        let field = json!({"field": "default[0].offers[0].weight", "before": before, "after": after, "words": words});
        let step = json!({"action": "change", "kind": "flow", "id": 1, "name": "Main",
            "words": "change flow 1 \"Main\"", "fields": [field]});
        assert_eq!(plan["changes"], json!([step]));
        assert_eq!(send(&api, "apply", &changed, false).await.1["changes"], json!([]));
    }
}

#[tokio::test]
async fn a_stale_file_is_refused_until_somebody_insists() {
    let api = api().await;
    let old = export(&api, "toml").await;
    let shoes = json!({"name": "Shoes", "url": "https://other.example/"}).to_string();
    assert_eq!(api.put("/api/v1/offers/1", &shoes).await.status, 200);
    let (status, refusal) = send(&api, "apply", &old, false).await;
    assert_eq!(
        (status, &refusal["code"], &refusal["field"]),
        (409, &json!("conflict"), &json!("revision"))
    );
    assert!(
        refusal["detail"].as_str().unwrap().contains("offer 1 \"Shoes\" was saved as revision 5")
    );
    assert_eq!(api.get("/api/v1/offers/1").await.body["url"], "https://other.example/");
    assert_eq!(send(&api, "apply", &old, true).await.0, 200);
    assert_eq!(api.get("/api/v1/offers/1").await.body["url"], "https://shop.example/");
}

#[tokio::test]
async fn nothing_is_applied_when_anything_is_wrong_and_every_place_is_named() {
    let api = api().await;
    let text = export(&api, "toml").await;
    let wrong =
        text.replace("weight = 50", "weight = 1").replace("offer = \"Shoes\"", "offer = \"Sohes\"")
            + "\n[[source]]\nname = \"s\"\ntemplate = \"metta\"\n";
    let (status, refusal) = send(&api, "apply", &wrong, false).await;
    let fields: Vec<_> = refusal["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["field"].clone())
        .collect();
    assert_eq!(status, 422, "{refusal}");
    assert_eq!(fields, ["source[0].template", "flow[0].default[0].offers[0].offer"]);
    assert_eq!(export(&api, "toml").await, text);
    let (status, refusal) = send(&api, "plan", "format = 1\n[[offer]]\nname =", false).await;
    assert_eq!((status, &refusal["field"]), (422, &json!("text")));
}

#[tokio::test]
async fn every_save_tells_what_it_changed_and_any_two_can_be_compared() {
    let api = api().await;
    for weight in [60, 70] {
        let flow = json!({"name": "Main", "default": [{"id": 1, "offers": [{"offer": 1, "weight": weight}]}]});
        assert_eq!(api.put("/api/v1/flows/1", &flow.to_string()).await.status, 200);
    }
    api.put(
        "/api/v1/flows/1",
        &json!({"name": "Better", "default": [{"id": 1, "url": "https://x.example/"}]}).to_string(),
    )
    .await;
    let history = api.get("/api/v1/flows/1/revisions?limit=3").await.body;
    let words = |item: &Value| -> Vec<String> {
        let changes = item["changes"].as_array().unwrap().iter();
        changes.map(|change| change["words"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        words(&history["items"][0]),
        [
            "name \"Main\" → \"Better\"",
            "path 1: url nothing → \"https://x.example/\"",
            "path 1: without offer 1 \"Shoes\""
        ]
    );
    // The last of a page is compared with the first of the next.
    assert_eq!(words(&history["items"][2]), ["path 1 offer 1 \"Shoes\": weight 50 → 60"]);
    let first = api
        .get(&format!("/api/v1/flows/1/revisions?cursor={}", history["next"].as_str().unwrap()))
        .await
        .body;
    assert_eq!(words(&first["items"][0]), [""; 0]);
    let (oldest, newest) =
        (first["items"][0]["revision"].clone(), history["items"][1]["revision"].clone());
    let compared =
        api.get(&format!("/api/v1/flows/1/revisions/compare?from={oldest}&to={newest}")).await.body;
    assert_eq!((&compared["from"], &compared["to"]), (&oldest, &newest));
    assert_eq!(words(&compared), ["path 1 offer 1 \"Shoes\": weight 50 → 70"]);
    let newest = api.get("/api/v1/flows/1/revisions/compare").await.body;
    assert_eq!(newest["changes"], history["items"][0]["changes"]);
    let unknown = api.get("/api/v1/flows/1/revisions/compare?from=1").await;
    assert_eq!((unknown.status, &unknown.body["field"]), (404, &json!("from")));
}

#[tokio::test]
async fn the_log_tells_all_saves_and_the_workspace_has_a_history_too() {
    let api = api().await;
    let mut settings = api.get("/api/v1/workspace").await.body;
    settings["attribution_window_days"] = 30.into();
    assert_eq!(api.put("/api/v1/workspace", &settings.to_string()).await.status, 200);
    assert_eq!(api.delete("/api/v1/campaigns/1").await.status, 200);
    let log = api.get("/api/v1/config/log?limit=5").await.body;
    let words: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|save| save["change"]["words"].clone())
        .collect();
    assert_eq!(
        words,
        [
            "archive campaign 1 \"Autumn\"",
            "change workspace 1 \"main\"",
            "create campaign \"Autumn\"",
            "create flow \"Main\"",
            "create offer \"Shoes\""
        ]
    );
    let rest =
        api.get(&format!("/api/v1/config/log?cursor={}", log["next"].as_str().unwrap())).await.body;
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    let history = api.get("/api/v1/workspace/revisions").await.body;
    assert_eq!(history["items"][0]["changes"][0]["words"], "attribution_window_days 90 → 30");
    let compared = api.get("/api/v1/workspace/revisions/compare?from=1").await.body;
    assert_eq!(compared["changes"], history["items"][0]["changes"]);
    let restored = api.post("/api/v1/workspace/restore", r#"{"revision": 1}"#).await;
    assert_eq!((restored.status, &restored.body["attribution_window_days"]), (200, &json!(90)));
}
