//! Simulate: changes tried on clicks that edge routed and ingest carried over.

use crate::api::testing::TestApi;
use crate::simulation::{self, Trying};
use bytes::Bytes;
use edge::Incoming;
use http::{HeaderMap, HeaderValue, Method};
use ingest::{Ingest, Published, Settings};
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::query::{Plan, TimeBasis, ZoneOffsets};
use model::{ClickKey, Field};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

/// A click that was made: where it went, and its id.
#[derive(Debug)]
struct Made {
    language: &'static str,
    offer: u64,
    id: String,
}

/// Three offers, a flow that shares clicks between the first two, a campaign with it.
async fn with_flow(weights: [u32; 2]) -> TestApi {
    let api = TestApi::new();
    for offer in 1..=3 {
        let url = format!("https://offer{offer}.example/");
        let body = json!({"name": format!("Offer {offer}"), "url": url}).to_string();
        assert_eq!(api.post("/api/v1/offers", &body).await.status, 201);
    }
    let flow = json!({"name": "Flow", "default": shared(weights)}).to_string();
    assert_eq!(api.post("/api/v1/flows", &flow).await.status, 201);
    let campaign = json!({"name": "Campaign", "key": "k", "flow": 1}).to_string();
    assert_eq!(api.post("/api/v1/campaigns", &campaign).await.status, 201);
    api
}

fn shared(weights: [u32; 2]) -> Value {
    let [first, second] = weights;
    json!([{"id": 1, "offers": [{"offer": 1, "weight": first}, {"offer": 2, "weight": second}]}])
}

fn flow(body: Value) -> Value {
    json!([{"kind": "flow", "id": 1, "body": body}])
}

async fn send(api: &TestApi, uri: &str, language: &str, person: usize) -> edge::Reply {
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", HeaderValue::from_static(AGENT));
    headers.insert("accept-language", HeaderValue::from_str(language).unwrap());
    let peer = format!("81.2.{}.{}", person / 250, 1 + person % 250).parse().unwrap();
    let (method, body) = (Method::GET, Bytes::new());
    let path_and_query = uri;
    api.app
        .edge
        .handle(Incoming {
            method: &method,
            path_and_query,
            headers: &headers,
            peer,
            body: &body,
            is_tls: false,
        })
        .await
}

/// Clicks of as many people, half of them German; `price` is what each costs.
async fn click(api: &TestApi, people: std::ops::Range<usize>) -> Vec<Made> {
    let mut made = Vec::new();
    for person in people {
        let language = ["de", "en"][person % 2];
        let reply = send(api, "/c/k?cost=0.10", language, person).await;
        let location = reply.headers()["location"].to_str().unwrap().to_owned();
        let offer = location["https://offer".len()..].split('.').next().unwrap().parse().unwrap();
        let start = location.find("ct_").unwrap();
        made.push(Made { language, offer, id: location[start..start + 29].to_owned() });
    }
    made
}

async fn convert(api: &TestApi, made: &Made, payout: &str) {
    let uri = format!("/postback?clickid={}&payout={payout}", made.id);
    assert_eq!(send(api, &uri, "en", 0).await.status(), 200);
}

/// Carries over what edge wrote, as ingest does.
async fn carry_over(api: &TestApi) {
    let app = &api.app;
    let on_verdict: ingest::OnVerdict = Arc::new(|_| {});
    let ingested = app.ingested.clone();
    let published = Published { on_verdict, ingested, caps: app.caps.clone() };
    let (events, journal) = (app.events.clone(), app.journal.clone());
    let ingest = Ingest::resume(events, journal, app.shared(), Settings::default(), published);
    let mut ingest = ingest.await.unwrap();
    while ingest.round().await.unwrap().records > 0 {}
    assert!(app.ingested.load(Ordering::Acquire) > 0);
}

async fn simulate(api: &TestApi, changes: Value, by: Value) -> Value {
    let question = json!({"changes": changes, "period": "last_7_days", "by": by});
    let answer = api.post("/api/v1/simulate", &question.to_string()).await;
    assert_eq!(answer.status, 200, "{question}: {}", answer.text);
    answer.body
}

#[tokio::test]
async fn of_a_period_with_too_many_rows_the_same_part_of_each_piece_is_read() {
    const MINUTE_MS: i64 = 60_000;
    let (from_ms, minutes) = (1_795_390_200_000, 1000);
    let api = TestApi::new();
    let row = |minute: i64| {
        let key = ClickKey::new(from_ms + minute * MINUTE_MS + minute * 7919 % MINUTE_MS, 0, 1);
        let (event_ms, facts) = (key.time_ms(), Facts::default());
        Row {
            kind: RowKind::Click,
            key,
            event_ms,
            sequence: 1,
            count: 1,
            cost: 0,
            revenue: 0,
            facts,
        }
    };
    api.store((0..minutes).map(row).collect(), Vec::new()).await;
    let trying = |rows_in_period| Trying {
        plan: Plan {
            workspace: 1,
            from_ms,
            to_ms: from_ms + minutes * MINUTE_MS,
            time: TimeBasis::Click,
            zone: ZoneOffsets::utc(),
            by: vec![Field::Hour],
            counters: Vec::new(),
            filter: Vec::new(),
            median: false,
        },
        changed: Arc::default(),
        include_pending: false,
        clicks_in_period: 1000,
        rows_in_period,
    };
    for (rows, share, clicks) in [(1000, 1.0, 1000), (2_000_000, 0.5, 500), (10_000_000, 0.1, 100)]
    {
        let (simulation, coverage) = simulation::run(&api.app, trying(rows)).await.unwrap();
        assert_eq!(coverage.read_share, share);
        let tried = simulation.clicks();
        assert!(tried.abs_diff(clicks) <= clicks / 8, "{tried} of {clicks}");
    }
}

fn count(made: &[Made], keep: impl Fn(&Made) -> bool) -> usize {
    made.iter().filter(|made| keep(made)).count()
}

#[tokio::test]
async fn nothing_changed_moves_nobody() {
    let api = with_flow([50, 50]).await;
    let made = click(&api, 0..40).await;
    convert(&api, &made[0], "3.00").await;
    carry_over(&api).await;
    let same = json!({"default": shared([50, 50])});
    for changes in [json!([]), flow(same)] {
        let answer = simulate(&api, changes, json!([])).await;
        assert_eq!((&answer["clicks"], &answer["elsewhere"]), (&json!(40), &json!(0)));
        let none = json!({"input_lost": 0, "revision_missing": 0, "differs": 0});
        assert_eq!((&answer["unknown"], &answer["moves"]), (&none, &json!([])));
        let estimate = &answer["estimate"];
        assert_eq!(estimate["profit_was"], "-1.00", "{answer}");
        assert_eq!(estimate["covered_profit"], "-1.00");
        let nothing = json!({"expected": "0.00", "low": "0.00", "high": "0.00"});
        assert_eq!(estimate["difference"], nothing);
        assert_eq!((&answer["clicks_in_period"], &answer["read_share"]), (&json!(40), &json!(1.0)));
    }
}

#[tokio::test]
async fn changed_weights_move_clicks_and_are_weighed_by_what_they_were() {
    let api = with_flow([50, 50]).await;
    let mut made = click(&api, 0..60).await;
    // From here on another configuration routes.
    let later = json!({"name": "Flow", "default": shared([75, 25])}).to_string();
    assert_eq!(api.put("/api/v1/flows/1", &later).await.status, 200);
    made.extend(click(&api, 60..100).await);
    let second =
        |made: &[Made]| -> Vec<usize> { (0..made.len()).filter(|n| made[*n].offer == 2).collect() };
    let (early, late) = (second(&made[..60])[0], 60 + second(&made[60..])[0]);
    let first = made.iter().position(|made| made.offer == 1).unwrap();
    for (place, payout) in [(early, "3.00"), (late, "1.00"), (first, "0.50")] {
        convert(&api, &made[place], payout).await;
    }
    carry_over(&api).await;
    let answer =
        simulate(&api, flow(json!({"default": shared([0, 100])})), json!(["language"])).await;
    let on_first = count(&made, |made| made.offer == 1);
    assert_eq!(answer["elsewhere"], on_first);
    let offer =
        |id: u64| json!({"target": "offer", "offer": id, "offer_name": format!("Offer {id}")});
    let moves = json!([{"from": offer(1), "to": offer(2), "clicks": on_first}]);
    assert_eq!(answer["moves"], moves);
    assert_eq!(answer["unknown"]["differs"], 0);
    // 3.00 stands for two, 1.00 for four; the first offer's 0.50 would be gone.
    let estimate = &answer["estimate"];
    assert_eq!(estimate["profit_was"], "-5.50");
    assert_eq!(estimate["difference"]["expected"], "5.50");
    assert_eq!(estimate["covered_profit"], "0.00");
    assert_eq!(estimate["covered_profit_was_per_click"], "-0.055");
    assert_eq!(estimate["difference_per_click"]["expected"], "0.055");
    assert_eq!(estimate["without_support"]["clicks"], 0);
    assert_eq!(estimate["changed_clicks"], 100);
    let slices = answer["slices"].as_array().unwrap();
    let sum = |field: &str| slices.iter().map(|slice| slice[field].as_u64().unwrap()).sum::<u64>();
    assert_eq!((slices.len(), sum("clicks"), sum("elsewhere")), (2, 100, on_first as u64));
    for slice in slices {
        let language = slice["key"]["language"].as_str().unwrap();
        let moved = count(&made, |made| made.offer == 1 && made.language == language);
        assert_eq!(slice["elsewhere"], moved, "{slice}");
    }
}

#[tokio::test]
async fn what_clicks_never_saw_gets_no_estimate() {
    let api = with_flow([50, 50]).await;
    let made = click(&api, 0..50).await;
    convert(&api, &made[1], "3.00").await;
    carry_over(&api).await;
    let german = json!({"field": "language", "op": "is", "value": "de"});
    let third = json!([{"id": 2, "offers": [{"offer": 3}]}]);
    let rules = json!([{"when": german, "paths": third}]);
    let answer =
        simulate(&api, flow(json!({"rules": rules, "default": shared([50, 50])})), json!([])).await;
    let without = &answer["estimate"]["without_support"];
    assert_eq!(answer["elsewhere"], 25);
    assert_eq!((&without["clicks"], &without["expected"]), (&json!(25), &json!(25.0)));
    assert_eq!(without["share"], 0.5);
    assert_eq!(without["places"][0]["place"]["offer_name"], "Offer 3");
    let estimate = &answer["estimate"];
    assert_eq!(
        (&estimate["difference"], &estimate["covered_profit"]),
        (&Value::Null, &Value::Null)
    );
    assert!(estimate["no_estimate"].as_str().unwrap().contains("could have gone"), "{estimate}");
    // Half of the change is among what clicks could see: of that half something can be said.
    let mixed = json!([{"offers": [{"offer": 2}, {"offer": 3}]}]);
    let answer = simulate(&api, flow(json!({"default": mixed})), json!([])).await;
    let estimate = &answer["estimate"];
    assert_eq!(estimate["without_support"]["expected"], 25.0);
    assert_eq!(
        (&estimate["covered_clicks"], &estimate["covered_profit_was"]),
        (&json!(25.0), &json!("-1.00"))
    );
    assert!(estimate["difference"]["low"].is_string(), "{estimate}");
}

#[tokio::test]
async fn nothing_is_saved_and_several_things_may_change() {
    let api = with_flow([50, 50]).await;
    click(&api, 0..20).await;
    carry_over(&api).await;
    let before = api.app.things.load().revision;
    let changes = json!([
        {"kind": "offer", "id": 9, "body": {"url": "https://offer9.example/"}},
        {"kind": "flow", "id": 2, "body": {"default": [{"offers": [{"offer": 9}]}]}},
        {"kind": "campaign", "id": 1, "body": {"flow": 2}},
    ]);
    let answer = simulate(&api, changes, json!(["campaign"])).await;
    assert_eq!(answer["elsewhere"], 20);
    assert_eq!(answer["slices"][0]["key"], json!({"campaign": 1, "campaign_name": "Campaign"}));
    assert_eq!(answer["estimate"]["without_support"]["places"][0]["place"]["offer"], 9);
    assert_eq!(api.app.things.load().revision, before);
    assert_eq!(api.get("/api/v1/offers/9").await.status, 404);
    // A campaign that takes no clicks sends them nowhere.
    let paused = json!([{"kind": "campaign", "id": 1, "body": {"flow": 1, "status": "paused"}}]);
    let answer = simulate(&api, paused, json!([])).await;
    assert_eq!(answer["moves"][0]["to"], json!({"target": "nowhere"}));
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_names_the_place() {
    let api = with_flow([50, 50]).await;
    let empty = json!([]);
    for (changes, by, code, field) in [
        (flow(json!({"default": []})), &empty, "invalid", "changes[0].body.default"),
        (flow(json!({"default": 1})), &empty, "invalid", "changes[0].body.default"),
        (flow(json!({"colour": 1})), &empty, "invalid", "changes[0].body.colour"),
        (
            json!([{"kind": "network", "id": 1, "body": {}}]),
            &empty,
            "invalid_query",
            "changes[0].kind",
        ),
        (json!([{"kind": "flow", "id": 1}]), &empty, "invalid", "changes[0].body"),
        (empty.clone(), &json!(["colour"]), "invalid", "by[0]"),
        (empty.clone(), &json!(["click_id"]), "invalid_query", "by[0]"),
        (
            flow(json!({"default": [{"offers": [{"offer": 77}]}]})),
            &empty,
            "invalid_reference",
            "changes[0].body.default[0].offers[0].offer",
        ),
    ] {
        let question = json!({"changes": changes, "by": by});
        let answer = api.post("/api/v1/simulate", &question.to_string()).await;
        assert_eq!(answer.status, 422, "{question}: {}", answer.text);
        let named = (&answer.body["code"], &answer.body["field"]);
        assert_eq!(named, (&json!(code), &json!(field)), "{question}: {}", answer.text);
    }
}

#[tokio::test]
async fn another_workspace_sees_and_changes_nothing_of_ours() {
    let api = with_flow([50, 50]).await;
    click(&api, 0..5).await;
    carry_over(&api).await;
    let key = api.other_workspace().await;
    let headers = [("Authorization", &*format!("Bearer {key}"))];
    let question = json!({"changes": flow(json!({"default": shared([1, 1])}))}).to_string();
    let answer = api.ask("POST", "/api/v1/simulate", &headers, &question).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    let question = json!({"changes": [], "period": "last_7_days"}).to_string();
    let answer = api.ask("POST", "/api/v1/simulate", &headers, &question).await;
    assert_eq!((answer.status, &answer.body["clicks"]), (200, &json!(0)), "{}", answer.text);
}
