//! Totals of others beside ours: what was put in as a cause comes out as that cause, to the unit.

use crate::api::testing::TestApi;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::money::MICRO;
use model::record::{RecordKind, tag};
use model::{ClickKey, Field};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-11-20T00:00:00Z.
const START_MS: i64 = 1_795_132_800_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// A source 1, a network 1, offers 1 (of the network) and 2, and campaign 1 of the source.
async fn api() -> TestApi {
    let api = TestApi::new();
    let made = async |path: &str, body: Value| {
        let answer = api.post(path, &body.to_string()).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text);
    };
    made("/api/v1/sources", json!({ "name": "Push" })).await;
    made("/api/v1/networks", json!({ "name": "Net" })).await;
    let url = "https://offer.example/?c={click_id}";
    made("/api/v1/offers", json!({ "name": "Shoes", "url": url, "network": 1 })).await;
    made("/api/v1/offers", json!({ "name": "Hats", "url": url })).await;
    let flow = json!({ "default": [{ "offers": [{ "offer": 1 }] }] });
    made("/api/v1/campaigns", json!({ "name": "c", "key": "c", "flow": flow, "source": 1 })).await;
    api
}

async fn ask(api: &TestApi, question: &Value) -> Value {
    let answer = api.post("/api/v1/reconcile", &question.to_string()).await;
    assert_eq!(answer.status, 200, "{question}: {}", answer.text);
    answer.body
}

/// Rows with numbers of their own.
#[derive(Default)]
struct Rows(Vec<Row>);

impl Rows {
    fn add(&mut self, kind: RowKind, ms: i64, ad: &str, flags: &[Field]) -> &mut Row {
        let mut facts = Facts::for_click();
        facts.set_int(Field::Campaign, 1);
        facts.set_int(Field::Source, 1);
        facts.set_int(Field::Offer, 1);
        facts.set_int(Field::Network, 1);
        facts.set_text(Field::AdCampaignId, ad);
        flags.iter().for_each(|flag| facts.set_flag(*flag, true));
        let number = self.0.len() as u16;
        let key = ClickKey::new(ms, 0, number);
        let sequence = u64::from(number) + 1;
        let (count, cost, revenue) = (1, 0, 0);
        self.0.push(Row { kind, key, event_ms: ms, sequence, count, cost, revenue, facts });
        self.0.last_mut().unwrap()
    }

    /// A conversion of a click at `click_ms`.
    fn entry(&mut self, click_ms: i64, ms: i64, status: &str, micro: i64) -> &mut Row {
        let entry = self.add(RowKind::Entry, click_ms, "a", &[]);
        entry.event_ms = ms;
        entry.revenue = micro;
        entry.facts.set_text(Field::ConversionStatus, status);
        entry.facts.set_text(Field::ConversionType, "sale");
        entry.facts.set_text(Field::Currency, "USD");
        entry
    }
}

fn call(sequence: u64, ms: i64, verdict: Verdict, reason: &str, query: &str) -> InboxEntry {
    let mut facts = Facts::default();
    facts.push_bytes(tag::INTAKE_URL, format!("/postback?{query}").as_bytes());
    facts.push_int(tag::INTAKE_NETWORK, 1);
    InboxEntry {
        sequence,
        workspace: 1,
        kind: RecordKind::Postback,
        received_ms: ms,
        key: None,
        verdict,
        reason: reason.to_owned(),
        message: String::new(),
        facts,
    }
}

/// Micro-units of an amount, or a count.
fn number(value: &Value) -> i64 {
    match value {
        Value::String(_) => serde_json::from_value::<model::Money>(value.clone()).unwrap().0,
        other => other.as_i64().unwrap(),
    }
}

/// What each cause of a measure adds, by word.
fn causes(measures: &Value, measure: &str) -> BTreeMap<String, i64> {
    let measures = measures.as_array().unwrap();
    let of = measures.iter().find(|of| of["measure"] == measure).unwrap();
    let pair =
        |effect: &Value| (effect["cause"].as_str().unwrap().to_owned(), number(&effect["amount"]));
    of["causes"].as_array().unwrap().iter().map(pair).collect()
}

fn figures(measures: &Value, measure: &str) -> [i64; 4] {
    let measures = measures.as_array().unwrap();
    let of = measures.iter().find(|of| of["measure"] == measure).unwrap();
    ["theirs", "ours", "gap", "unexplained"].map(|name| number(&of[name]))
}

/// In every line and in all: ours, the causes and the rest are theirs; and lines add up to the totals.
fn adds_up(answer: &Value) {
    let mut sums: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    let lines = answer["lines"].as_array().unwrap();
    for measures in lines.iter().map(|line| &line["measures"]).chain([&answer["totals"]]) {
        for of in measures.as_array().unwrap() {
            let measure = of["measure"].as_str().unwrap();
            let [theirs, ours, gap, unexplained] = figures(measures, measure);
            let effects: i64 = causes(measures, measure).values().sum();
            assert_eq!(gap, theirs - ours, "{of}");
            assert_eq!(ours + effects + unexplained, theirs, "{of}");
            if measures != &answer["totals"] {
                let sum = sums.entry(measure.to_owned()).or_default();
                let figures = [theirs, ours, gap, unexplained];
                sum.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += figure);
            }
        }
    }
    for (measure, sum) in sums {
        assert_eq!(figures(&answer["totals"], &measure), sum, "{measure}");
    }
}

/// Every figure that comes with questions is the sum of what they answer.
async fn expands(api: &TestApi, answer: &Value) -> usize {
    let mut asked = 0;
    let lines = answer["lines"].as_array().unwrap();
    for measures in lines.iter().map(|line| &line["measures"]).chain([&answer["totals"]]) {
        for of in measures.as_array().unwrap() {
            let own = (&of["rows"], number(&of["ours"]));
            let effects = of["causes"].as_array().unwrap().iter();
            let effects = effects.map(|effect| (&effect["rows"], number(&effect["amount"])));
            for (rows, expected) in effects.chain([own]) {
                let rows = rows.as_array().unwrap();
                if rows.is_empty() || rows.iter().any(|row| row["times"] == 0) {
                    continue;
                }
                let mut sum = 0;
                for row in rows {
                    let mut query = row["query"].clone();
                    query["limit"] = json!(10_000);
                    let report = api.post("/api/v1/reports", &query.to_string()).await;
                    assert_eq!(report.status, 200, "{query}: {}", report.text);
                    let metric = query["metrics"][0].as_str().unwrap();
                    let listed = report.body["rows"].as_array().unwrap().iter();
                    let total: i64 = listed.map(|row| number(&row[metric])).sum();
                    sum += row["times"].as_i64().unwrap() * total;
                    asked += 1;
                }
                assert_eq!(sum, expected, "{rows:?}");
            }
        }
    }
    asked
}

#[tokio::test]
async fn a_sources_clicks_are_taken_apart_to_the_unit() {
    let api = api().await;
    let mut rows = Rows::default();
    // Three days; every third hour, `a` has five clicks by people and `b` one.
    for hour in (0..72).step_by(3) {
        let ms = START_MS + hour * HOUR_MS + 60_000;
        (0..5).for_each(|_| rows.add(RowKind::Click, ms, "a", &[]).cost = 100_000);
        rows.add(RowKind::Click, ms, "b", &[]).cost = 100_000;
    }
    let noon = |day: i64| START_MS + day * DAY_MS + 12 * HOUR_MS;
    for _ in 0..7 {
        rows.add(RowKind::Click, noon(0), "a", &[Field::Bot]).cost = 100_000;
    }
    // A bot's click that came twice is a bot's.
    rows.add(RowKind::Click, noon(0), "a", &[Field::Bot, Field::Duplicate]);
    for _ in 0..4 {
        rows.add(RowKind::Preview, noon(1), "a", &[Field::Bot]);
    }
    rows.add(RowKind::Unlogged, noon(1), "a", &[]).count = 6;
    for _ in 0..3 {
        rows.add(RowKind::Click, noon(2), "b", &[Field::Duplicate]).cost = 100_000;
    }
    // A test that looks like a duplicate is a test.
    rows.add(RowKind::Click, noon(2), "b", &[Field::Test, Field::Duplicate]).cost = 100_000;
    api.store(rows.0, Vec::new()).await;
    // Theirs are three hours ahead: the last click of each day, at 21 o'clock, is on the next one. On the first day five
    // more came than ever reached us.
    let csv = "Title of an export\nDay,Campaign ID,Link clicks,Amount spent (USD),Reach\n\
        2026-11-20,a,48,4.20,1\n2026-11-20,b,7,0.70,1\n2026-11-21,a,50,4.00,1\n2026-11-21,b,8,0.80,1\n\
        2026-11-22,a,40,4.00,1\n2026-11-22,b,8,0.80,1\n2026-11-23,a,5,0.50,1\n2026-11-23,b,1,0.10,1\n\
        2026-11-21,zzz,9,0.90,1\nTotal,,176,16.00,\n";
    let mut question = json!({
        "source": "Push", "by": ["day", "ad_campaign_id"], "csv": csv, "expand": true,
    });
    let blind = ask(&api, &question).await;
    adds_up(&blind);
    let shift = &blind["shift"];
    assert_eq!((&shift["their_tz"], &shift["measure"]), (&json!("+03:00"), &json!("clicks")));
    assert_eq!(causes(&blind["totals"], "clicks").get("time_zone"), None);

    question["their_tz"] = json!("+03:00");
    let answer = ask(&api, &question).await;
    adds_up(&answer);
    assert_eq!(answer["shift"], Value::Null);
    assert_eq!(answer["unused_columns"], json!(["Reach"]));
    assert_eq!(answer["skipped_lines"], json!([12]));
    let line = |day: &str, ad: &str| {
        let lines = answer["lines"].as_array().unwrap();
        let is_it = |line: &&Value| line["key"] == json!({ "day": day, "ad_campaign_id": ad });
        lines.iter().find(is_it).unwrap_or_else(|| panic!("{day} {ad}"))
    };
    let expected = |pairs: &[(&str, i64)]| {
        pairs.iter().map(|(word, amount)| ((*word).to_owned(), *amount)).collect::<BTreeMap<_, _>>()
    };
    let first = line("2026-11-20", "a");
    assert_eq!((&first["side"], &first["lines"]), (&json!("both"), &json!([3])));
    assert_eq!(figures(&first["measures"], "clicks"), [48, 40, 8, 5]);
    assert_eq!(causes(&first["measures"], "clicks"), expected(&[("bots", 8), ("time_zone", -5)]));
    // What a day gives away, the blind answer said already.
    let hint = |answer: &Value| {
        let lines = answer["lines"].as_array().unwrap();
        lines[0]["measures"][0]["if_shifted"].clone()
    };
    assert_eq!(hint(&blind), json!({ "time_zone": -5, "unexplained": 5 }));
    for (day, ad, figures_expected, causes_expected) in [
        ("2026-11-20", "b", [7, 8, -1, 0], expected(&[("time_zone", -1)])),
        ("2026-11-21", "a", [50, 40, 10, 0], expected(&[("previews", 4), ("unlogged", 6)])),
        ("2026-11-22", "b", [8, 11, -3, 0], expected(&[("duplicates", -3)])),
        ("2026-11-23", "a", [5, 0, 5, 0], expected(&[("time_zone", 5)])),
        ("2026-11-21", "zzz", [9, 0, 9, 9], expected(&[])),
    ] {
        let measures = &line(day, ad)["measures"];
        assert_eq!(figures(measures, "clicks"), figures_expected, "{day} {ad}");
        assert_eq!(causes(measures, "clicks"), causes_expected, "{day} {ad}");
    }
    assert_eq!(line("2026-11-21", "zzz")["side"], "theirs_only");
    let totals = &answer["totals"];
    assert_eq!(
        causes(totals, "clicks"),
        expected(&[("bots", 8), ("previews", 4), ("unlogged", 6), ("duplicates", -3)])
    );
    assert_eq!(figures(totals, "clicks"), [176, 147, 29, 14]);
    assert_eq!(figures(totals, "cost"), [16_000_000, 15_500_000, 500_000, 900_000]);
    assert_eq!(causes(totals, "cost"), expected(&[("duplicates", -300_000), ("tests", -100_000)]));
    let asked = expands(&api, &answer).await;
    assert!(asked >= 40, "{asked}");
    // Who knows better says so.
    question["they_count"] = json!(["clicks:duplicates", "tests"]);
    question["they_leave_out"] = json!(["bots"]);
    let told = ask(&api, &question).await;
    adds_up(&told);
    assert_eq!(
        causes(&told["totals"], "clicks"),
        expected(&[("previews", 4), ("unlogged", 6), ("tests", 1)])
    );
    assert_eq!(
        causes(&told["totals"], "cost"),
        expected(&[("bots", -700_000), ("duplicates", -300_000)])
    );
}

#[tokio::test]
async fn a_networks_conversions_and_revenue_are_taken_apart_to_the_micro_unit() {
    let api = api().await;
    let noon = START_MS + 12 * HOUR_MS;
    let (yesterday, tomorrow) = (noon - DAY_MS, noon + DAY_MS);
    let mut rows = Rows::default();
    for _ in 0..10 {
        rows.entry(noon, noon, "approved", 2 * MICRO);
    }
    for _ in 0..2 {
        rows.entry(noon, noon, "pending", 3 * MICRO);
    }
    for _ in 0..3 {
        rows.entry(noon, noon, "rejected", 5 * MICRO);
    }
    rows.entry(noon, noon, "chargeback", 7 * MICRO);
    // Clicked the day before, converted today; and clicked today, converted tomorrow.
    for _ in 0..4 {
        rows.entry(yesterday, noon, "approved", 2 * MICRO);
    }
    rows.entry(noon, tomorrow, "approved", 2 * MICRO);
    // Ten euros each, converted by another rate than theirs; and one that no rate was there for.
    for _ in 0..3 {
        let entry = rows.entry(noon, noon, "approved", 11_500_000);
        entry.facts.remove(Field::Currency.tag());
        entry.facts.set_text(Field::Currency, "EUR");
        entry.facts.push_int(tag::AMOUNT, 10 * MICRO);
        entry.facts.push_bytes(tag::RATE, b"23/20 manual 2026-11-20");
    }
    let apart = rows.entry(noon, noon, "approved", 0);
    apart.facts.remove(Field::Currency.tag());
    apart.facts.set_text(Field::Currency, "EUR");
    apart.facts.push_int(tag::AMOUNT, 10 * MICRO);
    // In the ledger: what a call that was refused at first was about.
    rows.entry(noon, noon, "approved", 2 * MICRO).facts.set_text(Field::Txid, "KNOWN");
    use Verdict::{Duplicate, Held, Refused, Unattributed};
    let mut calls = vec![
        call(1, noon, Duplicate, "first_only", "clickid=x&payout=1"),
        call(2, noon, Duplicate, "first_only", "clickid=x&payout=1"),
        call(3, noon, Duplicate, "repeated", "clickid=x&txid=1&payout=1"),
        call(4, noon, Refused, "payout_ambiguous", "txid=R&payout=1,500"),
        // The network tries again: one conversion.
        call(5, noon, Refused, "wrong_key", "txid=S&payout=4"),
        call(6, noon, Refused, "wrong_key", "txid=S&payout=4"),
        call(7, noon, Refused, "wrong_key", "txid=KNOWN&payout=2"),
        call(8, noon, Refused, "not_a_conversion", "ct_ignore=TEST"),
        call(9, noon, Held, "status_unmapped", "txid=H&payout=6&status=odd"),
        call(10, noon, Unattributed, "click_id_unverified", "clickid=u&payout=8"),
        call(11, noon, Unattributed, "click_id_unverified", "clickid=v&payout=10&currency=EUR"),
        call(12, noon, Unattributed, "outside_window", "txid=L&payout=9"),
        call(13, tomorrow, Unattributed, "outside_window", "txid=M&payout=9"),
        call(14, noon, Unattributed, "click_id_unverified", "clickid=w&payout=5"),
    ];
    // Another network's.
    calls[13].facts = calls[13].facts.clone();
    calls[13].facts.remove(tag::INTAKE_NETWORK);
    calls[13].facts.push_int(tag::INTAKE_NETWORK, 2);
    api.store(rows.0, calls).await;
    let made = api.post("/api/v1/networks", r#"{"name":"Other"}"#).await;
    assert_eq!(made.status, 201);
    // Theirs, at 1.10 dollars a euro: 25 in the ledger that day by their count, and 9 that never got there.
    let dollars = 10 * 2 + 2 * 3 + 3 * 5 + 7 + 4 * 2 + 2 + 2 + 4 + 6 + 8 + 9;
    let euros = (4 + 1) * 10;
    let revenue = format!("{}.00", dollars + euros * 11 / 10);
    let question = json!({
        "network": "Net", "by": ["day"], "rates": { "EUR": "1.10" }, "expand": true,
        "lines": [{ "day": "2026-11-20", "conversions": 34, "revenue": revenue }],
    });
    let answer = ask(&api, &question).await;
    adds_up(&answer);
    let expected = |pairs: &[(&str, i64)]| {
        pairs.iter().map(|(word, amount)| ((*word).to_owned(), *amount)).collect::<BTreeMap<_, _>>()
    };
    let measures = &answer["lines"][0]["measures"];
    // 10 approved, 2 pending, 1 of tomorrow, 4 in euros, 1 known.
    assert_eq!(figures(measures, "conversions"), [34, 18, 16, 1]);
    assert_eq!(
        causes(measures, "conversions"),
        expected(&[
            ("conversion_day", 4 - 1),
            ("rejected", 3),
            ("chargebacks", 1),
            ("duplicates", 2),
            ("refused", 2),
            ("held", 1),
            ("unattributed", 2),
            ("late", 1),
        ])
    );
    let ours = 20 + 2 + 2;
    let ours = ours * MICRO + 3 * 11_500_000;
    let theirs = number(&json!(revenue));
    assert_eq!(figures(measures, "revenue"), [theirs, ours, theirs - ours, 0]);
    assert_eq!(
        causes(measures, "revenue"),
        expected(&[
            ("conversion_day", (4 - 1) * 2 * MICRO),
            ("pending", 6 * MICRO),
            ("rejected", 15 * MICRO),
            ("chargebacks", 7 * MICRO),
            ("duplicates", 2 * MICRO),
            ("refused", 4 * MICRO),
            ("held", 6 * MICRO),
            ("unattributed", 19 * MICRO),
            ("late", 9 * MICRO),
            ("without_rate", 11 * MICRO),
            ("currency", 3 * (11_000_000 - 11_500_000)),
        ])
    );
    let of = |cause: &str| {
        let effects = measures[0]["causes"].as_array().unwrap();
        effects.iter().find(|effect| effect["cause"] == cause).unwrap()["calls"].clone()
    };
    assert_eq!((of("refused"), of("late")), (json!(["4", "5"]), json!(["12"])));
    assert!(expands(&api, &answer).await >= 8);
}

#[tokio::test]
async fn amounts_sent_in_another_currency_are_held_against_what_was_received() {
    let api = api().await;
    let noon = START_MS + 12 * HOUR_MS;
    let mut rows = Rows::default();
    for rate in [(1_083_333, "13/12 ecb 2026-11-20"), (1_100_000, "11/10 manual 2026-11-19")] {
        let entry = rows.entry(noon, noon, "approved", rate.0);
        entry.facts.remove(Field::Currency.tag());
        entry.facts.set_text(Field::Currency, "EUR");
        entry.facts.push_int(tag::AMOUNT, MICRO);
        entry.facts.push_bytes(tag::RATE, rate.1.as_bytes());
    }
    api.store(rows.0, Vec::new()).await;
    let mut question = json!({
        "network": "Net", "by": ["day", "offer"],
        "csv": "Date;Offer name;Payout\n20.11.2026;Shoes;2,50 €\n", "currency": "EUR",
    });
    let refused = api.post("/api/v1/reconcile", &question.to_string()).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(refused.body["field"], "line 2, column `currency`");
    let rate = json!({ "base": "EUR", "quote": "USD", "rate": "1.0823", "day": "2026-11-01" });
    let set = api.post("/api/v1/rates", &rate.to_string()).await;
    assert!(set.status < 300, "{}", set.text);
    let answer = ask(&api, &question).await;
    adds_up(&answer);
    let line = &answer["lines"][0];
    assert_eq!(line["key"], json!({ "day": "2026-11-20", "offer": 1, "offer_name": "Shoes" }));
    let measures = &line["measures"];
    assert_eq!(measures[0]["sent"], json!([{ "amount": "2.50", "currency": "EUR" }]));
    // 2.50 euros at the day's rate; ours, two euros at two others; what is left is half a euro that never came.
    assert_eq!(figures(measures, "revenue"), [2_705_750, 2_183_333, 522_417, 541_150]);
    assert_eq!(causes(measures, "revenue")["currency"], 2_164_600 - 2_183_333);
    question["they_leave_out"] = json!(["colours"]);
    let refused = api.post("/api/v1/reconcile", &question.to_string()).await;
    assert_eq!((refused.status, &refused.body["field"]), (422, &json!("they_count")));
}

#[tokio::test]
async fn ours_are_what_reports_show_types_that_do_not_count_left_out() {
    let api = api().await;
    let mut rows = Rows::default();
    rows.entry(START_MS, START_MS, "approved", MICRO);
    let lead = rows.entry(START_MS, START_MS, "approved", MICRO);
    lead.facts.remove(Field::ConversionType.tag());
    lead.facts.set_text(Field::ConversionType, "lead");
    api.store(rows.0, Vec::new()).await;
    let made = api.post("/api/v1/conversion-types", r#"{"name":"Lead","counts":false}"#).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let question = json!({
        "network": "Net", "by": ["day"], "expand": true,
        "lines": [{ "day": "2026-11-20", "conversions": 1, "revenue": 2 }],
    });
    let answer = ask(&api, &question).await;
    adds_up(&answer);
    assert_eq!(figures(&answer["totals"], "conversions"), [1, 1, 0, 0]);
    assert_eq!(figures(&answer["totals"], "revenue"), [2 * MICRO, 2 * MICRO, 0, 0]);
    assert!(expands(&api, &answer).await > 0);
}

#[tokio::test]
async fn what_cannot_be_compared_is_named() {
    let api = api().await;
    let line = json!({ "day": "2026-11-20", "clicks": 1 });
    for (question, field) in [
        (json!({ "by": ["day"], "lines": [line] }), "source"),
        (json!({ "source": "Push", "network": "Net", "by": ["day"], "lines": [line] }), "source"),
        (json!({ "source": "Pop", "by": ["day"], "lines": [line] }), "source"),
        (json!({ "source": "Push", "by": ["day"] }), "lines"),
        (json!({ "source": "Push", "by": ["hour"], "lines": [{ "hour": 1, "clicks": 1 }] }), "by"),
        (
            json!({ "source": "Push", "by": ["offer"], "lines": [{ "offer": 1, "clicks": 1 }] }),
            "from",
        ),
        (json!({ "source": "Push", "by": ["day", "offer"], "lines": [line] }), "columns"),
        (
            json!({ "source": "Push", "by": ["day"], "lines": [line], "their_tz": "Mars" }),
            "their_tz",
        ),
        (
            json!({ "source": "Push", "by": ["day"], "lines": [line], "rates": { "EUR": "x" } }),
            "rates",
        ),
        (json!({ "source": "Push", "by": ["day"], "lines": [line], "to": "2026-11-20" }), "to"),
        (
            json!({ "source": "Push", "by": ["day"], "lines": [line], "columns": { "clicks": "hits" } }),
            "columns.clicks",
        ),
        (json!({ "source": "Push", "by": ["day"], "csv": "day,visitors\n" }), "csv"),
        (
            json!({ "source": "Push", "by": ["day"], "csv": "day,clicks,visits\n2026-11-20,1,2\n" }),
            "columns",
        ),
        (
            json!({ "source": "Push", "by": ["day"], "csv": "day,clicks\n20/11/2026,1\n" }),
            "line 2, column `day`",
        ),
        (
            json!({ "source": "Push", "by": ["day"], "csv": "day,clicks\n2026-11-20,1.5\n" }),
            "line 2, column `clicks`",
        ),
        (
            json!({ "source": "Push", "by": ["day"], "csv": "day,cost\n2026-11-20,\"1,500\"\n" }),
            "line 2, column `cost`",
        ),
    ] {
        let answer = api.post("/api/v1/reconcile", &question.to_string()).await;
        let (status, named) = (answer.status, &answer.body["field"]);
        assert_eq!((status, named), (422, &json!(field)), "{question}: {}", answer.text);
    }
    for (csv, more, clicks, cost) in [
        (
            "day,clicks,visits,spend\n20/11/2026,\"1,234\",2,-\n",
            json!({ "columns": { "visits": "-" }, "dates": "day_first" }),
            1234,
            0,
        ),
        (
            "Stat date\tClicks\tCost (USD)\n2026-11-20 00:00:00\t1.234\t$1,500\n",
            json!({ "decimal_mark": "point" }),
            1234,
            1_500_000_000,
        ),
    ] {
        let mut question = json!({ "source": "1", "by": ["day"], "csv": csv });
        more.as_object().unwrap().iter().for_each(|(name, value)| question[name] = value.clone());
        let answer = ask(&api, &question).await;
        assert_eq!(figures(&answer["totals"], "clicks")[0], clicks);
        assert_eq!(figures(&answer["totals"], "cost")[0], cost);
    }
}

/// A click by chance: hour, ad, what it is, cost.
fn any_clicks() -> impl Strategy<Value = Vec<(i64, usize, usize, i64)>> {
    proptest::collection::vec((0i64..96, 0usize..3, 0usize..6, 0i64..1000), 0..80)
}

/// Any of theirs: day, ad, clicks, cost.
fn any_lines() -> impl Strategy<Value = Vec<(i64, usize, i64, i64)>> {
    proptest::collection::vec((0i64..4, 0usize..4, 0i64..50, 0i64..5000), 1..8)
}

const ADS: [&str; 4] = ["a", "b", "", "d"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_compared_adds_up_and_every_cause_is_counted_by_hand(
        clicks in any_clicks(), lines in any_lines(), minutes in -24i64..=28,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let api = api().await;
            let offset = minutes * 30;
            let (mut rows, mut counts) = (Rows::default(), BTreeMap::<&str, i64>::new());
            let first = lines.iter().map(|line| line.0).min().unwrap();
            let last = lines.iter().map(|line| line.0).max().unwrap();
            for (hour, ad, what, cost) in clicks {
                let (kind, flags, word): (_, &[Field], _) = match what {
                    0 => (RowKind::Click, &[Field::Bot, Field::Duplicate], "bots"),
                    1 => (RowKind::Preview, &[Field::Bot], "previews"),
                    2 => (RowKind::Click, &[Field::Duplicate], "duplicates"),
                    3 => (RowKind::Click, &[Field::Test, Field::Bot], "tests"),
                    4 => (RowKind::Unlogged, &[], "unlogged"),
                    _ => (RowKind::Click, &[], "people"),
                };
                let ms = START_MS + hour * HOUR_MS + 1;
                rows.add(kind, ms, ADS[ad], flags).cost = cost;
                let day = (ms - START_MS + offset * 60_000).div_euclid(DAY_MS);
                if (first..=last).contains(&day) {
                    *counts.entry(word).or_default() += 1;
                }
            }
            api.store(rows.0, Vec::new()).await;
            let line = |(day, ad, clicks, cost): &(i64, usize, i64, i64)| json!({
                "day": format!("2026-11-{}", 20 + day), "ad_campaign_id": ADS[*ad], "clicks": clicks,
                "cost": model::Money(*cost),
            });
            let sign = if offset < 0 { '-' } else { '+' };
            let their_tz = format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60);
            let question = json!({
                "source": "Push", "by": ["ad_campaign_id", "day"], "their_tz": their_tz,
                "lines": lines.iter().map(line).collect::<Vec<_>>(),
            });
            let answer = ask(&api, &question).await;
            adds_up(&answer);
            let found = causes(&answer["totals"], "clicks");
            for (word, sign) in [("bots", 1), ("previews", 1), ("unlogged", 1), ("duplicates", -1)] {
                let count = counts.get(word).copied().unwrap_or_default();
                assert_eq!(found.get(word).copied().unwrap_or_default(), sign * count, "{word}");
            }
            let people = counts.get("people").copied().unwrap_or_default()
                + counts.get("duplicates").copied().unwrap_or_default();
            let ours = figures(&answer["totals"], "clicks")[1];
            assert_eq!(ours + found.get("time_zone").copied().unwrap_or_default(), people);
        });
    }
}
