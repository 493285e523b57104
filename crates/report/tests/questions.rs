//! What is asked of a store for a question, and what is refused.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::metric::Metric;
use model::query::{Cell, FilterValue, Query};
use model::{Currency, Field};
use report::{Context, LIMIT_MAX, Planned, QueryError, plan};

/// 2026-11-22T12:00:00Z.
const NOW_MS: i64 = 1_795_348_800_000;

fn context() -> Context {
    Context {
        workspace: 3,
        workspace_tz: "Europe/Berlin".into(),
        currency: Currency::USD,
        now_ms: NOW_MS,
        first_event_ms: None,
        uncounted: Vec::new(),
        export: false,
    }
}

fn ask(json: &str) -> Result<Planned, QueryError> {
    plan(&serde_json::from_str::<Query>(json).unwrap(), &context())
}

fn counters(json: &str) -> Vec<Metric> {
    let planned = ask(json).unwrap();
    let named = |counter: &model::metric::Counter| {
        let names = model::metric::METRICS.iter().map(|row| row.name.to_owned());
        let typed = ["conversions:lead", "revenue:lead"].map(ToOwned::to_owned);
        let mut metrics = names.chain(typed).map(|name| name.parse::<Metric>().unwrap());
        metrics.find(|metric| metric.counter().as_ref() == Some(counter)).unwrap()
    };
    planned.plan.counters.iter().map(named).collect()
}

fn metrics(names: &[&str]) -> Vec<Metric> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn a_question_without_metrics_shows_the_usual_ones() {
    assert_eq!(counters("{}"), metrics(&["clicks", "conversions", "cost", "revenue"]));
}

#[test]
fn every_sum_is_asked_for_once() {
    assert_eq!(counters(r#"{"metrics":["roi","profit","cost"]}"#), metrics(&["revenue", "cost"]));
    assert_eq!(
        counters(r#"{"metrics":["conversions:lead","conversions"],"sort":[{"metric":"cr"}]}"#),
        metrics(&["conversions:lead", "conversions", "clicks"])
    );
}

#[test]
fn the_median_is_asked_for_when_shown_or_sorted_by() {
    for (json, median) in [
        ("{}", false),
        (r#"{"metrics":["seconds_to_conversion_p50"]}"#, true),
        (r#"{"by":["os"],"sort":[{"metric":"seconds_to_conversion_p50"}]}"#, true),
    ] {
        assert_eq!(ask(json).unwrap().plan.median, median, "{json}");
    }
}

#[test]
fn a_plan_carries_the_question() {
    let planned = ask(
        r#"{"by":["day","click_id","test"],"time":"event","period":{"from":"2026-11-20","to":"2026-11-22T12:00:00Z"},
            "filter":[{"field":"day","op":"at_least","value":"2026-11-21"}]}"#,
    )
    .unwrap()
    .plan;
    assert_eq!(planned.workspace, 3);
    assert_eq!(planned.time, model::query::TimeBasis::Event);
    // Midnight in Berlin is 23:00 UTC of the day before.
    assert_eq!((planned.from_ms, planned.to_ms), (NOW_MS - 61 * 3_600_000, NOW_MS));
    assert_eq!(planned.zone.transitions(), [(planned.from_ms, 3_600_000)]);
    // A click id prints from its campaign and flags.
    let key = [Field::Day, Field::ClickId, Field::Test, Field::Campaign, Field::Unlogged];
    assert_eq!(planned.by, key);
    assert_eq!(planned.filter[0].value, FilterValue::One(Cell::Int(20_778)));
}

#[test]
fn what_cannot_be_answered_names_its_place() {
    for (json, position) in [
        (r#"{"tz":"Mars/Olympus"}"#, "tz"),
        (r#"{"by":["os","day","os"]}"#, "by[2]"),
        (r#"{"metrics":["clicks","conversions:a","conversions:a"]}"#, "metrics[2]"),
        (r#"{"period":{"from":"2026-11-22","to":"soon"}}"#, "period.to"),
        (r#"{"period":{"from":"2026-11-22","to":"2026-11-21"}}"#, "period"),
        (r#"{"sort":[{}]}"#, "sort[0]"),
        (r#"{"by":["os"],"sort":[{"field":"os"},{"field":"os","metric":"clicks"}]}"#, "sort[1]"),
        (r#"{"by":["os"],"sort":[{"field":"country"}]}"#, "sort[0].field"),
        (r#"{"limit":10001}"#, "limit"),
        (
            r#"{"filter":[{"field":"os","op":"is","value":"iOS"},{"field":"asn","op":"contains","value":"1"}]}"#,
            "filter[1].op",
        ),
        (r#"{"filter":[{"field":"asn","op":"is","value":"many"}]}"#, "filter[0].value"),
        (r#"{"filter":[{"field":"asn","op":"in","value":[1,true]}]}"#, "filter[0].value[1]"),
    ] {
        let error = ask(json).unwrap_err();
        assert_eq!(error.position(), position, "{json}");
        assert!(error.to_string().starts_with(&format!("`{position}`: ")), "{error}");
    }
}

#[test]
fn a_long_value_is_not_repeated_in_full() {
    let text = "x".repeat(100_000);
    for json in [
        format!(r#"{{"tz":"{text}"}}"#),
        format!(r#"{{"period":{{"from":"{text}","to":"{text}"}}}}"#),
        format!(r#"{{"filter":[{{"field":"asn","op":"is","value":"{text}"}}]}}"#),
    ] {
        assert!(ask(&json).unwrap_err().to_string().len() < 300);
    }
}

#[test]
fn only_exports_have_no_limit() {
    let query: Query = serde_json::from_str(&format!(r#"{{"limit":{}}}"#, LIMIT_MAX + 1)).unwrap();
    assert!(plan(&query, &context()).is_err());
    assert!(plan(&query, &Context { export: true, ..context() }).is_ok());
}

#[test]
fn no_clock_is_too_wrong_for_an_answer() {
    use model::query::{Period, PeriodWord};
    for now_ms in [i64::MIN, -1, 0, i64::MAX] {
        for word in [PeriodWord::All, PeriodWord::Last24Hours, PeriodWord::LastMonth] {
            let query = Query { period: Period::Word(word), ..serde_json::from_str("{}").unwrap() };
            let context = Context { now_ms, first_event_ms: Some(now_ms), ..context() };
            assert!(plan(&query, &context).is_ok(), "{word:?} at {now_ms}");
        }
    }
}
