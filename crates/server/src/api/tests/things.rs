//! Things: made, read, listed, replaced, archived, restored.

use crate::api::testing::TestApi;
use serde_json::json;

async fn with_offer(api: &TestApi) {
    let offer = api.post("/api/v1/offers", r#"{"name":"Offer","url":"https://o.example/"}"#).await;
    assert_eq!(offer.status, 201, "{}", offer.text);
}

#[tokio::test]
async fn every_kind_is_made_read_replaced_archived_and_restored_alike() {
    let api = TestApi::new();
    for (collection, fields) in [
        ("sources", json!({})),
        ("networks", json!({})),
        ("offers", json!({"url": "https://o.example/"})),
        ("landers", json!({"url": "https://l.example/"})),
        ("flows", json!({"default": [{"offers": [{"offer": 1}]}]})),
        ("domains", json!({"host": "go.example"})),
        ("campaigns", json!({"flow": 1, "domain": 1})),
    ] {
        let all = format!("/api/v1/{collection}");
        let one = format!("{all}/1");
        let mut body = fields.clone();
        body["name"] = json!("First");
        let made = api.post(&all, &body.to_string()).await;
        assert_eq!(made.status, 201, "{collection}: {}", made.text);
        assert_eq!(made.headers["location"], one);
        let revision = made.body["revision"].as_u64().unwrap();
        assert_eq!(made.headers["etag"], format!("\"{revision}\""));
        let read = api.get(&one).await;
        assert_eq!((read.status, &read.body), (200, &made.body), "{collection}");
        assert_eq!(read.headers["etag"], made.headers["etag"]);
        // What was read may be sent back as it is, with a change.
        let mut changed = read.body.clone();
        changed["name"] = json!("Second");
        let replaced = api.put(&one, &changed.to_string()).await;
        assert_eq!(replaced.status, 200, "{collection}: {}", replaced.text);
        assert_eq!(replaced.body["name"], "Second");
        assert!(replaced.body["revision"].as_u64().unwrap() > revision);
    }
    for collection in ["campaigns", "domains", "flows", "offers"] {
        let one = format!("/api/v1/{collection}/1");
        let archived = api.delete(&one).await;
        assert_eq!((archived.status, &archived.body["archived"]), (200, &json!(true)));
        let again = api.delete(&one).await;
        assert_eq!(again.body, archived.body, "archiving twice changes nothing");
        assert_eq!(api.get(&format!("/api/v1/{collection}")).await.body["items"], json!([]));
        let with = api.get(&format!("/api/v1/{collection}?archived=true")).await;
        assert_eq!(with.body["items"][0]["name"], "Second");
    }
    for collection in ["offers", "flows", "domains", "campaigns"] {
        let one = format!("/api/v1/{collection}/1");
        let restored = api.post(&format!("{one}/restore"), "").await;
        assert_eq!((restored.status, &restored.body["archived"]), (200, &json!(false)));
        let again = api.post(&format!("{one}/restore"), "{}").await;
        assert_eq!(again.body, restored.body, "restoring twice changes nothing");
        let history = api.get(&format!("{one}/revisions")).await;
        let items = history.body["items"].as_array().unwrap();
        assert_eq!(items.len(), 4);
        assert_eq!(items[0]["author"], "admin token");
        let first = items[3]["revision"].as_u64().unwrap();
        let back =
            api.post(&format!("{one}/restore"), &json!({"revision": first}).to_string()).await;
        assert_eq!(back.body["name"], "First", "{}", back.text);
        let unknown = api.post(&format!("{one}/restore"), r#"{"revision":999}"#).await;
        assert_eq!((unknown.status, &unknown.body["field"]), (404, &json!("revision")));
    }
    let page = api.get("/api/v1/offers/1/revisions?limit=2").await;
    let next = page.body["next"].as_str().unwrap();
    let rest = api.get(&format!("/api/v1/offers/1/revisions?limit=100&cursor={next}")).await;
    assert_eq!(rest.body["items"].as_array().unwrap().len(), 3);
    assert!(rest.body["next"].is_null());
}

#[tokio::test]
async fn a_campaign_brings_its_own_flow_in_the_same_save() {
    let api = TestApi::new();
    with_offer(&api).await;
    let body = r#"{"name":"Push","flow":{"default":[{"offers":[{"offer":1}]}]}}"#;
    let made = api.post("/api/v1/campaigns", body).await;
    assert_eq!((made.status, &made.body["flow"]), (201, &json!(1)), "{}", made.text);
    let key = made.body["key"].as_str().unwrap();
    assert_eq!(key.len(), 8);
    assert_eq!(made.body["url"], format!("https://track.example/c/{key}"));
    let flow = api.get("/api/v1/flows/1").await;
    assert_eq!((&flow.body["name"], &flow.body["default"][0]["id"]), (&json!("Push"), &json!(1)));
    assert!(api.app.table.load().campaign_by_key(key).is_some(), "it is in use at once");
    // A second one of this name is refused as a whole: no flow is left behind.
    let again = api.post("/api/v1/campaigns", body).await;
    assert_eq!((again.status, &again.body["code"]), (409, &json!("name_taken")));
    assert_eq!(api.get("/api/v1/flows").await.body["items"].as_array().unwrap().len(), 1);
    for (flow, field) in [
        (json!({"default": []}), "flow.default"),
        (json!({"default": [{"offers": []}]}), "flow.default[0].offers"),
        (json!({"default": [], "colour": 1}), "flow.colour"),
        (json!("x"), "flow"),
    ] {
        let body = json!({"name": "Other", "flow": flow}).to_string();
        let refused = api.post("/api/v1/campaigns", &body).await;
        assert_eq!(
            (refused.status, &refused.body["field"]),
            (422, &json!(field)),
            "{}",
            refused.text
        );
    }
}

#[tokio::test]
async fn campaigns_made_at_the_same_time_get_flows_of_their_own() {
    let api = TestApi::new();
    with_offer(&api).await;
    let make = |number: u32| {
        let flow = json!({"default": [{"offers": [{"offer": 1}]}]});
        let body = json!({"name": format!("Campaign {number}"), "flow": flow}).to_string();
        let api = &api;
        async move { api.post("/api/v1/campaigns", &body).await }
    };
    let (a, b, c, d) = tokio::join!(make(1), make(2), make(3), make(4));
    let mut flows: Vec<_> = [&a, &b, &c, &d]
        .map(|made| made.body["flow"].as_u64().unwrap_or_else(|| panic!("{}", made.text)))
        .to_vec();
    flows.sort_unstable();
    assert_eq!(flows, [1, 2, 3, 4]);
}

#[tokio::test]
async fn links_with_a_former_key_keep_working() {
    let api = TestApi::new();
    with_offer(&api).await;
    let flow = json!({"default": [{"offers": [{"offer": 1}]}]});
    let body = json!({"name": "C", "key": "one", "flow": flow}).to_string();
    assert_eq!(api.post("/api/v1/campaigns", &body).await.status, 201);
    let put = |key: Option<&str>| {
        let mut body = json!({"name": "C", "flow": 1});
        key.inspect(|key| body["key"] = json!(key));
        let api = &api;
        async move { api.put("/api/v1/campaigns/1", &body.to_string()).await }
    };
    assert_eq!(put(Some("two")).await.body["aliases"], json!(["one"]));
    let silent = put(None).await;
    assert_eq!((&silent.body["key"], &silent.body["aliases"]), (&json!("two"), &json!(["one"])));
    let back = put(Some("one")).await;
    assert_eq!((&back.body["key"], &back.body["aliases"]), (&json!("one"), &json!(["two"])));
    assert_eq!(put(Some("three")).await.body["aliases"], json!(["two", "one"]));
    let history = api.get("/api/v1/campaigns/1/revisions").await;
    let first = history.body["items"].as_array().unwrap().last().unwrap()["revision"].clone();
    let restored =
        api.post("/api/v1/campaigns/1/restore", &json!({"revision": first}).to_string()).await;
    assert_eq!(restored.body["aliases"], json!(["two", "three"]));
    for key in ["one", "two", "three"] {
        assert!(api.app.table.load().campaign_by_key(key).is_some(), "{key}");
    }
    let body = json!({"name": "D", "key": "two", "flow": 1}).to_string();
    let taken = api.post("/api/v1/campaigns", &body).await;
    assert_eq!((taken.status, &taken.body["code"]), (409, &json!("key_taken")));
}

#[tokio::test]
async fn what_is_wrong_is_named_with_what_to_do() {
    let api = TestApi::new();
    with_offer(&api).await;
    for (method, path, body, status, code, field) in [
        ("POST", "/api/v1/offers", "{", 400, "malformed_json", None),
        ("POST", "/api/v1/offers", "", 422, "invalid", Some("body")),
        ("POST", "/api/v1/offers", "[]", 422, "invalid", Some("body")),
        ("POST", "/api/v1/offers", r#"{"url":"https://a.example/"}"#, 422, "invalid", Some("name")),
        ("POST", "/api/v1/offers", r#"{"name":"A"}"#, 422, "invalid", Some("url")),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":" ","url":"https://a.example/"}"#,
            422,
            "invalid",
            Some("name"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"A","url":"ftp://a.example/"}"#,
            422,
            "invalid",
            Some("url"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"A","url":"https://a.example/{colour}"}"#,
            422,
            "invalid",
            Some("url"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"A","url":"https://a.example/","colour":1}"#,
            422,
            "invalid",
            Some("colour"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"A","url":"https://a.example/","id":7}"#,
            422,
            "invalid",
            Some("id"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"A","url":"https://a.example/","network":7}"#,
            422,
            "invalid_reference",
            Some("network"),
        ),
        (
            "POST",
            "/api/v1/offers",
            r#"{"name":"Offer","url":"https://a.example/"}"#,
            409,
            "name_taken",
            Some("name"),
        ),
        (
            "PUT",
            "/api/v1/offers/1",
            r#"{"name":"Offer","url":"https://a.example/","archived":true}"#,
            422,
            "invalid",
            Some("archived"),
        ),
        (
            "PUT",
            "/api/v1/offers/1",
            r#"{"name":"Offer","url":"https://a.example/","revision":1}"#,
            409,
            "conflict",
            None,
        ),
        (
            "PUT",
            "/api/v1/offers/9",
            r#"{"name":"Offer","url":"https://a.example/"}"#,
            404,
            "not_found",
            None,
        ),
        (
            "PUT",
            "/api/v1/workspace",
            r#"{"name":"main","currency":"EUR","time_zone":"Mars/Base","ip_privacy":"full","attribution_window_days":90,"click_param":"clickid"}"#,
            422,
            "invalid",
            Some("time_zone"),
        ),
        ("GET", "/api/v1/offers/x", "", 404, "not_found", None),
        ("GET", "/api/v1/offers?limit=0", "", 400, "invalid_parameter", Some("limit")),
        ("GET", "/api/v1/offers?limit=x", "", 400, "invalid_parameter", Some("limit")),
        ("GET", "/api/v1/offers?cursor=x", "", 400, "invalid_parameter", Some("cursor")),
        ("GET", "/api/v1/offers?colour=red", "", 400, "invalid_parameter", Some("colour")),
        ("GET", "/api/v1/colours", "", 404, "no_endpoint", None),
        ("GET", "/colours", "", 404, "no_endpoint", None),
        ("PATCH", "/api/v1/offers/1", "", 405, "method_not_allowed", None),
    ] {
        let answer = api.ask(method, path, &[], body).await;
        let at = format!("{method} {path} {body}: {}", answer.text);
        assert_eq!(answer.status, status, "{at}");
        assert_eq!(answer.body["code"], code, "{at}");
        assert_eq!(answer.body["field"].as_str(), field, "{at}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.body["status"], status, "{at}");
        assert!(answer.body["title"].is_string() && answer.body["type"].is_string(), "{at}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{at}");
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(api.ask("POST", "/api/v1/offers", &form, "name=A").await.status, 415);
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(api.post("/api/v1/offers", &large).await.status, 413);
}

#[tokio::test]
async fn what_is_wrong_within_a_flow_is_named_by_its_place() {
    let api = TestApi::new();
    with_offer(&api).await;
    let flow = |default: &str| format!(r#"{{"name":"F","default":{default}}}"#);
    let campaign = |default: &str| format!(r#"{{"name":"C","flow":{{"default":{default}}}}}"#);
    let missing = r#"[{"offers":[{"offer":1},{"offer":9}]}]"#;
    for (path, body, field) in [
        ("/api/v1/flows", flow(missing), "default[0].offers[1].offer"),
        ("/api/v1/campaigns", campaign(missing), "flow.default[0].offers[1].offer"),
        ("/api/v1/campaigns", campaign(r#"[{"campaign":1}]"#), "flow.default[0].campaign"),
        ("/api/v1/campaigns", campaign(r#"[{"url":"a.example"}]"#), "flow.default[0].url"),
        ("/api/v1/campaigns", campaign(r#"[{"url":7}]"#), "flow.default[0].url"),
        (
            "/api/v1/offers",
            r#"{"name":"B","url":"https://b.example/","next":9}"#.to_owned(),
            "next",
        ),
        (
            "/api/v1/offers",
            r#"{"name":"B","url":"https://b.example/","network":9}"#.to_owned(),
            "network",
        ),
    ] {
        let answer = api.post(path, &body).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        assert_eq!(answer.body["field"], field, "{body}: {}", answer.text);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.contains(field), "{body}: {}", answer.text);
        assert!(answer.body["remedy"].is_string(), "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn who_sends_a_flow_with_its_campaign_is_told_what_is_odd_about_it() {
    let api = TestApi::new();
    with_offer(&api).await;
    let rule =
        r#"{"when":{"field":"os","op":"is","value":"iOS"},"paths":[{"offers":[{"offer":1}]}]}"#;
    let body = format!(
        r#"{{"name":"C","flow":{{"rules":[{rule},{rule}],"default":[{{"offers":[{{"offer":1}}]}}]}}}}"#
    );
    let made = api.post("/api/v1/campaigns", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["warnings"][0]["field"], "flow.rules[1]", "{}", made.text);
}

#[tokio::test]
async fn what_others_depend_on_is_not_archived() {
    let api = TestApi::new();
    with_offer(&api).await;
    let flow = r#"{"name":"F","default":[{"offers":[{"offer":1}]}]}"#;
    api.post("/api/v1/flows", flow).await;
    let refused = api.delete("/api/v1/offers/1").await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("in_use")));
    assert!(refused.body["detail"].as_str().unwrap().contains("`F`"), "{}", refused.text);
}

#[tokio::test]
async fn a_network_shows_where_it_reports_to() {
    let api = TestApi::new();
    let made = api.post("/api/v1/networks", r#"{"name":"N","postback_key":"k1"}"#).await;
    let url = made.body["postback_url"].as_str().unwrap();
    assert!(url.starts_with("https://track.example/postback/k1?clickid={clickid}&"), "{url}");
}

#[tokio::test]
async fn a_workspace_has_settings() {
    let api = TestApi::new();
    let mut settings = api.get("/api/v1/workspace").await;
    assert_eq!(settings.body["currency"], "USD");
    settings.body["currency"] = json!("EUR");
    settings.body["time_zone"] = json!("Europe/Berlin");
    let saved = api.put("/api/v1/workspace", &settings.body.to_string()).await;
    assert_eq!((saved.status, &saved.body["currency"]), (200, &json!("EUR")), "{}", saved.text);
    assert_eq!(api.get("/api/v1/workspace").await.body, saved.body);
}
