//! Templates: listed, found, and filled into new sources and networks.

use crate::api::testing::TestApi;
use serde_json::{Value, json};

fn slugs(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap_or_else(|| panic!("{page}"));
    items.iter().map(|item| item["slug"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn templates_are_listed_by_name_page_by_page_and_found_by_a_part_of_their_name() {
    let api = TestApi::new();
    for (collection, count) in [("sources", 61), ("networks", 53)] {
        let all = format!("/api/v1/{collection}/templates");
        let whole = api.get(&all).await;
        assert_eq!(whole.status, 200, "{}", whole.text);
        assert_eq!((slugs(&whole.body).len(), &whole.body["next"]), (count, &Value::Null));
        let mut paged = Vec::new();
        let mut page = api.get(&format!("{all}?limit=7")).await;
        loop {
            paged.extend(slugs(&page.body));
            let Some(next) = page.body["next"].as_str() else { break };
            page = api.get(&format!("{all}?limit=7&cursor={next}")).await;
        }
        assert_eq!(paged, slugs(&whole.body));
    }
    for (path, expected) in [
        ("sources/templates?q=richads", json!(["richads_pop", "richads_push"])),
        ("sources/templates?q=BING", json!(["microsoft"])),
        ("sources/templates?q=google_ads", json!(["google_ads"])),
        ("sources/templates?q=nothing+of+the+kind", json!([])),
        ("networks/templates?q=hasoffers", json!(["tune"])),
        ("networks/templates?q=cake&limit=1", json!(["advidi"])),
        ("networks/templates?q=advidi&cursor=cake", json!([])),
    ] {
        let page = api.get(&format!("/api/v1/{path}")).await;
        assert_eq!(json!(slugs(&page.body)), expected, "{path}: {}", page.text);
    }
    for (query, field) in [("limit=0", "limit"), ("cursor=none", "cursor"), ("sort=name", "sort")] {
        let refused = api.get(&format!("/api/v1/sources/templates?{query}")).await;
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{query}");
    }
    let stranger = api.ask("GET", "/api/v1/sources/templates", &[("Authorization", "")], "").await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn a_template_has_exactly_the_fields_that_are_described() {
    let api = TestApi::new();
    let described = api.get("/api/v1/openapi.json").await.body;
    for (collection, schema) in
        [("sources", "SourceTemplateItem"), ("networks", "NetworkTemplateItem")]
    {
        let schema = &described["components"]["schemas"][schema];
        let properties: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(schema["required"].as_array().unwrap().len(), properties.len());
        assert!(schema["additionalProperties"].is_null());
        let page = api.get(&format!("/api/v1/{collection}/templates")).await;
        for item in page.body["items"].as_array().unwrap() {
            assert_eq!(item.as_object().unwrap().keys().collect::<Vec<_>>(), properties);
        }
    }
}

#[tokio::test]
async fn a_template_shows_what_to_paste() {
    let api = TestApi::new();
    let page = api.get("/api/v1/sources/templates?q=popcash").await;
    let source = &page.body["items"][0];
    assert_eq!(
        (&source["click_id_param"], &source["cost_macro"], &source["cost_currency"]),
        (&json!("cid"), &json!("[bid]"), &json!("USD"))
    );
    assert_eq!(
        source["params"][0],
        json!({"param": "siteid", "field": "placement", "macro": "[siteid]"})
    );
    let query = source["link_query"].as_str().unwrap();
    assert!(query.starts_with("siteid=[siteid]&") && query.ends_with("&cid=[clickid]&cost=[bid]"));
    let page = api.get("/api/v1/networks/templates?q=maxbounty").await;
    assert_eq!(
        page.body["items"][0]["postback_url"],
        "https://track.example/postback?clickid=#S2#&payout=#RATE#&currency=USD"
    );
}

#[tokio::test]
async fn every_template_makes_a_thing_and_what_is_sent_holds_against_it() {
    let api = TestApi::new();
    for collection in ["sources", "networks"] {
        let all = format!("/api/v1/{collection}");
        for slug in slugs(&api.get(&format!("{all}/templates")).await.body) {
            let body = json!({"name": slug, "template": slug}).to_string();
            let made = api.post(&all, &body).await;
            assert_eq!((made.status, &made.body["template"]), (201, &json!(slug)), "{}", made.text);
            let id = made.body["id"].as_u64().unwrap();
            let read = api.get(&format!("{all}/{id}")).await;
            assert_eq!(read.body, made.body);
            // A replacement is complete by itself: nothing is filled in again.
            let body = json!({"name": slug, "template": slug}).to_string();
            let bare = api.put(&format!("{all}/{id}"), &body).await;
            assert_eq!(bare.status, 200, "{}", bare.text);
            for field in ["click_id_param", "cost_param", "offer_url_param"] {
                assert!(bare.body[field].is_null(), "{slug} {field}");
            }
        }
    }
    let sent = json!({
        "name": "Mine", "template": "propellerads", "params": [], "cost_param": null,
        "cost_currency": "EUR",
    });
    let made = api.post("/api/v1/sources", &sent.to_string()).await.body;
    assert_eq!(
        (&made["params"], &made["cost_param"], &made["cost_currency"], &made["click_id_param"]),
        (&json!([]), &Value::Null, &json!("EUR"), &json!("cid"))
    );
}

#[tokio::test]
async fn a_network_of_a_template_shows_its_url_with_its_own_macros() {
    let api = TestApi::new();
    let sent = json!({
        "name": "N", "template": "affise", "postback_key": "k1", "status_map": {"1": "pending"},
    });
    let made = api.post("/api/v1/networks", &sent.to_string()).await;
    assert_eq!(
        made.body["postback_url"],
        "https://track.example/postback/k1?clickid={sub1}&payout={sum}&currency={currency}&txid={transactionid}&status={status}&type={goal}"
    );
    assert_eq!(
        (&made.body["offer_url_param"], &made.body["status_map"]),
        (&json!("sub1"), &json!({"1": "pending"}))
    );
    let mut renamed = made.body.clone();
    renamed["params"] = json!({"payout": "summ"});
    let renamed = api.put("/api/v1/networks/1", &renamed.to_string()).await;
    let url = renamed.body["postback_url"].as_str().unwrap_or_else(|| panic!("{}", renamed.text));
    assert!(url.contains("&summ={sum}&"), "{url}");
}

#[tokio::test]
async fn an_unknown_template_is_refused_with_the_nearest_ones() {
    let api = TestApi::new();
    for (path, slug, near) in
        [("sources", "propelerads", "`propellerads`"), ("networks", "everflo", "`everflow`")]
    {
        let body = json!({"name": "A", "template": slug}).to_string();
        let refused = api.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!((refused.status, &refused.body["field"]), (422, &json!("template")), "{path}");
        let message = refused.body["problems"][0]["message"].as_str().unwrap();
        assert!(message.contains(near), "{message}");
    }
    let wrong = api.post("/api/v1/sources", r#"{"name":"A","template":7}"#).await;
    assert_eq!((wrong.status, &wrong.body["field"]), (422, &json!("template")), "{}", wrong.text);
}
