//! Cost entries: added, listed, replaced, undone, imported; and recomputes asked for.

use crate::api::testing::{Answer, TestApi};
use serde_json::{Value, json};

/// An API with a campaign 1 of the key `shoes`.
async fn api() -> TestApi {
    let api = TestApi::new();
    let offer = r#"{"name":"o","url":"https://offer.example/?c={click_id}"}"#;
    assert_eq!(api.post("/api/v1/offers", offer).await.status, 201);
    let campaign = json!({ "name": "Shoes", "key": "shoes", "flow": { "default": [{ "offers": [{ "offer": 1 }] }] } });
    let made = api.post("/api/v1/campaigns", &campaign.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    api
}

async fn add(api: &TestApi, cost: Value) -> Answer {
    api.post("/api/v1/costs", &cost.to_string()).await
}

fn day(amount: &str) -> Value {
    json!({ "campaign": 1, "date": "2026-11-22", "amount": amount })
}

async fn import(api: &TestApi, query: &str, file: &str) -> Answer {
    let path = format!("/api/v1/costs/import{query}");
    api.ask("POST", &path, &[("Content-Type", "text/csv")], file).await
}

#[tokio::test]
async fn an_entry_is_added_replaced_undone_and_listed() {
    let api = api().await;
    let made = add(&api, day("10.5")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.headers["location"], "/api/v1/costs/1");
    let expected = json!({
        "unchanged": false, "replaced": null, "id": 1, "campaign": { "id": 1, "name": "Shoes" }, "slice": {},
        "from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z", "amount": "10.50", "currency": "USD",
        "worth": "10.50", "conversion": null,
        "state": "pending", "is_pending": true, "author": "admin token", "at": made.body["at"], "batch": null,
        "undone_by": null, "undone_at": null,
    });
    assert_eq!(made.body, expected);
    let again = add(&api, day("10.50")).await;
    assert_eq!((again.status, &again.body["unchanged"]), (200, &json!(true)));
    let newer = add(&api, day("11")).await;
    assert_eq!((newer.status, &newer.body["replaced"]), (201, &json!(1)));
    let slice = json!({
        "campaign": "shoes", "from": "2026-11-22", "to": "2026-11-22T12:00:00+02:00",
        "slice": { "creative_id": "b1" }, "amount": "1", "currency": "USD",
    });
    let part = add(&api, slice).await;
    assert_eq!(
        (part.status, &part.body["to"]),
        (201, &json!("2026-11-22T10:00:00Z")),
        "{}",
        part.text
    );
    let states = async || {
        let list = api.get("/api/v1/costs").await.body;
        let items = list["items"].as_array().unwrap().clone();
        let state = |item: &Value| {
            (item["id"].as_i64().unwrap(), item["state"].as_str().unwrap().to_owned())
        };
        items.iter().map(state).collect::<Vec<_>>()
    };
    let pair = |id, state: &str| (id, state.to_owned());
    assert_eq!(states().await, [pair(3, "pending"), pair(2, "pending"), pair(1, "replaced")]);
    let undone = api.delete("/api/v1/costs/2").await;
    assert_eq!((undone.status, &undone.body["state"]), (200, &json!("undone")));
    assert_eq!(undone.body["undone_by"], "admin token");
    assert_eq!(states().await, [pair(3, "pending"), pair(2, "undone"), pair(1, "pending")]);
    let page = api.get("/api/v1/costs?limit=1&standing=true").await.body;
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(3), &json!("3")));
    let page = api.get("/api/v1/costs?limit=1&standing=true&cursor=3").await.body;
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!(1), &json!(null)));
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let api = api().await;
    for (cost, field) in [
        (json!({ "campaign": 9, "date": "2026-11-22", "amount": "1" }), "campaign"),
        (json!({ "campaign": 1, "date": "22.11.2026", "amount": "1" }), "date"),
        (json!({ "campaign": 1, "date": "2026-11-22", "hour": 24, "amount": "1" }), "hour"),
        (json!({ "campaign": 1, "amount": "1" }), "date"),
        (json!({ "campaign": 1, "from": "2026-11-22", "to": "2026-11-22", "amount": "1" }), "to"),
        (json!({ "campaign": 1, "from": "2020-11-22", "to": "2020-11-23", "amount": "1" }), "from"),
        (json!({ "campaign": 1, "date": "2026-11-22", "amount": "-1" }), "amount"),
        (json!({ "campaign": 1, "date": "2026-11-22", "amount": "1,500" }), "amount"),
        (
            json!({ "campaign": 1, "date": "2026-11-22", "amount": "1", "currency": "EUR" }),
            "currency",
        ),
        (
            json!({ "campaign": 1, "date": "2026-11-22", "amount": "1", "currency": "X" }),
            "currency",
        ),
        (json!({ "campaign": 1, "date": "2026-11-22", "amount": "1", "tz": "Berlin" }), "tz"),
        (
            json!({ "campaign": 1, "date": "2026-11-22", "amount": "1", "slice": { "country": "DE" } }),
            "slice.country",
        ),
        (
            json!({ "campaign": 1, "date": "2026-11-22", "amount": "1", "slice": { "x": "1" } }),
            "slice.x",
        ),
    ] {
        let answer = add(&api, cost.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["field"]),
            (422, &json!(field)),
            "{cost}: {}",
            answer.text
        );
    }
    assert_eq!(api.get("/api/v1/costs").await.body["items"], json!([]));
    assert_eq!(api.get("/api/v1/costs/7").await.status, 404);
    assert_eq!(api.delete("/api/v1/costs/7").await.status, 404);
}

#[tokio::test]
async fn a_file_is_previewed_imported_and_harmless_when_repeated() {
    let api = api().await;
    let file =
        "campaign,date,hour,creative_id,amount\nshoes,2026-11-22,5,b1,1.25\n1,2026-11-22,,,7\n";
    let preview = import(&api, "?preview=true", file).await;
    assert_eq!((preview.status, &preview.body["added"]), (200, &json!(2)), "{}", preview.text);
    assert_eq!(api.get("/api/v1/costs").await.body["items"], json!([]));
    let first = import(&api, "", file).await;
    assert_eq!((&first.body["added"], &first.body["items"][0]["id"]), (&json!(2), &json!(1)));
    let shown = api.get("/api/v1/costs/1").await.body;
    assert_eq!(shown["slice"], json!({ "creative_id": "b1" }));
    assert_eq!(
        (&shown["from"], &shown["batch"]),
        (&json!("2026-11-22T05:00:00Z"), &first.body["batch"])
    );
    let jobs = api.app.costs.unfinished().await.unwrap().len();
    let second = import(&api, "", file).await;
    assert_eq!((&second.body["added"], &second.body["unchanged"]), (&json!(0), &json!(2)));
    assert_eq!(api.app.costs.unfinished().await.unwrap().len(), jobs);
    let other = file.replace(",7", ",8");
    let preview = import(&api, "?preview=true", &other).await;
    assert_eq!(
        preview.body["items"][1],
        json!({ "line": 3, "result": "replaced", "id": null, "replaces": 2, "problems": [] })
    );
    assert_eq!(import(&api, "", &other).await.body["replaced"], 1);
}

#[tokio::test]
async fn a_file_with_a_wrong_line_changes_nothing_and_says_where() {
    let api = api().await;
    let file = "campaign;date;creative_id;amount\nshoes;2026-11-22;b1;1\nshoes;2026-11-31;b2;x\nshoes;2026-11-22;b1;2\n";
    let refused = import(&api, "", file).await;
    let places: Vec<&str> = refused.body["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["field"].as_str().unwrap())
        .collect();
    assert_eq!(refused.status, 422);
    assert_eq!(
        places,
        ["line 3, column `date`", "line 3, column `amount`", "line 4, column `amount`"]
    );
    assert_eq!(api.get("/api/v1/costs").await.body["items"], json!([]));
    let preview = import(&api, "?preview=true", file).await.body;
    assert_eq!((&preview["wrong"], &preview["added"]), (&json!(2), &json!(1)));
    assert_eq!(preview["items"][1]["problems"][0]["field"], "date");
    for (file, part) in [
        ("", "empty"),
        ("campaign,colour\n1,red\n", "column `colour`"),
        ("campaign,amount,amount\n", "column `amount`"),
        ("campaign,amount\n1,\"2\n", "line 2"),
    ] {
        let refused = import(&api, "", file).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(part), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_recompute_is_asked_for_and_shown() {
    let api = api().await;
    let question = json!({ "what": "costs", "period": { "from": "2026-11-01", "to": "2026-11-03" }, "campaign": 1 });
    let asked = api.post("/api/v1/recompute", &question.to_string()).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    let shown = api.get(asked.headers["location"].to_str().unwrap()).await.body;
    assert_eq!((&shown["what"], &shown["done"]), (&json!("costs"), &json!(false)));
    assert_eq!(shown["to"], "2026-11-03T00:00:00Z");
    for (question, field) in [
        (json!({ "what": "clicks", "period": "today" }), "what"),
        (json!({ "what": "costs", "period": { "from": "x", "to": "y" } }), "period.from"),
    ] {
        let refused = api.post("/api/v1/recompute", &question.to_string()).await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (422, &json!(field)),
            "{}",
            refused.text
        );
    }
    assert_eq!(api.get("/api/v1/recompute/99").await.status, 404);
    let other = api.other_workspace().await;
    assert_eq!(api.get_as(&other, "/api/v1/recompute/1").await.status, 404);
}
