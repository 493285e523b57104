//! Rates over the API: set, imported, listed, and what does not fit.

use crate::api::testing::TestApi;
use model::money::Currency;
use model::rate::day_of;

const DAILY: &str = "<Envelope>\n<Cube>\n<Cube time='2026-11-20'>\n<Cube currency='USD' rate='1.0823'/>\n\
    <Cube currency='JPY' rate='162.50'/>\n</Cube>\n</Cube>\n</Envelope>";

async fn import(api: &TestApi, xml: &str) -> crate::api::testing::Answer {
    let headers = [("content-type", "application/xml")];
    api.ask("POST", "/api/v1/rates/import", &headers, xml).await
}

#[tokio::test]
async fn an_import_is_taken_over_at_once_and_once() {
    let api = TestApi::new();
    let done = import(&api, DAILY).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let expected =
        serde_json::json!({ "read": 2, "added": 2, "from": "2026-11-20", "to": "2026-11-20" });
    assert_eq!(done.body, expected);
    assert_eq!(import(&api, DAILY).await.body["added"], 0);
    let rates = api.app.rates.load();
    let day = "2026-11-22".parse().unwrap();
    let exchange = rates.exchange(1, Currency::EUR, Currency::USD, day).unwrap();
    assert_eq!(exchange.to_string(), "10823/10000 ecb 2026-11-20");
    let list = api.get("/api/v1/rates?currency=USD&source=ecb&from=2026-11-20&to=2026-11-20").await;
    let rate = &list.body["items"][0];
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1, "{}", list.text);
    assert_eq!(
        (&rate["base"], &rate["quote"], &rate["rate"]),
        (&"EUR".into(), &"USD".into(), &"1.0823".into())
    );
    assert_eq!((&rate["source"], &rate["author"]), (&"ecb".into(), &"admin token".into()));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_as_a_whole_with_its_line() {
    let api = TestApi::new();
    for (xml, told) in [
        (DAILY.replace("162.50", "many"), "line 5: the rate of JPY is `many`"),
        ("not found".to_owned(), "there are no rates in it"),
    ] {
        let answer = import(&api, &xml).await;
        assert_eq!((answer.status, &answer.body["code"]), (422, &"invalid".into()));
        assert!(answer.body["detail"].as_str().unwrap().starts_with(told), "{}", answer.text);
    }
    assert_eq!(api.get("/api/v1/rates").await.body["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_manual_rate_holds_until_it_ends() {
    let api = TestApi::new();
    import(&api, DAILY).await;
    let made = api.post("/api/v1/rates", r#"{"base":"USD","quote":"EUR","rate":"0.9"}"#).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["day"], day_of(crate::app::now_ms()).to_string());
    let end = r#"{"base":"eur","quote":"usd","rate":null,"day":"2999-01-01"}"#;
    assert_eq!(api.post("/api/v1/rates", end).await.status, 201);
    let rates = api.app.rates.load();
    let on = |day: &str| rates.exchange(1, Currency::EUR, Currency::USD, day.parse().unwrap());
    assert_eq!(on("2998-12-31").unwrap().decimal(), "1.111111111111");
    assert_eq!(on("2999-01-01"), None);
    let stored = api.app.catalog.rate_table().await.unwrap();
    for day in ["2026-11-20", "2998-12-31", "2999-01-01"] {
        let exchange = stored.exchange(1, Currency::EUR, Currency::USD, day.parse().unwrap());
        assert_eq!(exchange, on(day), "the table at work is that of the catalog: {day}");
    }
    let mut listed = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/api/v1/rates?limit=1{cursor}")).await;
        listed.push(page.body["items"][0]["source"].as_str().unwrap().to_owned());
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(listed, ["manual", "manual", "ecb", "ecb"]);
}

#[tokio::test]
async fn a_rate_that_makes_no_sense_is_refused_by_its_field() {
    let api = TestApi::new();
    for (body, field) in [
        (r#"{"base":"EUR","quote":"EUR","rate":"1"}"#, "quote"),
        (r#"{"base":"EURO","quote":"USD","rate":"1"}"#, "base"),
        (r#"{"base":"EUR","quote":"USD","rate":"0"}"#, "rate"),
        (r#"{"base":"EUR","quote":"USD","rate":1.1}"#, "rate"),
        (r#"{"base":"EUR","quote":"USD"}"#, "rate"),
        (r#"{"base":"EUR","quote":"USD","rate":"1","day":"today"}"#, "day"),
        (r#"{"base":"EUR","quote":"USD","rate":"1","until":"today"}"#, "until"),
    ] {
        let answer = api.post("/api/v1/rates", body).await;
        assert_eq!((answer.status, &answer.body["field"]), (422, &field.into()), "{}", answer.text);
    }
    for (query, field) in [
        ("from=1.1.2026", "from"),
        ("currency=E", "currency"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ] {
        let answer = api.get(&format!("/api/v1/rates?{query}")).await;
        assert_eq!((answer.status, &answer.body["field"]), (400, &field.into()), "{}", answer.text);
    }
}

#[tokio::test]
async fn rates_are_those_of_the_callers_workspace() {
    let api = TestApi::new();
    import(&api, DAILY).await;
    let other = api.other_workspace().await;
    let list = api.get_as(&other, "/api/v1/rates").await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 0);
}
