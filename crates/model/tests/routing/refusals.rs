//! What is refused when a condition is saved: the place and the reason.

use model::thing::{Body, Flow};
use serde_json::{Value, json};

fn refusal(when: &Value) -> (String, String) {
    let flow = json!({
        "rules": [{"when": when, "paths": [{"campaign": 1}]}], "default": [{"campaign": 1}]});
    let flow: Flow = serde_json::from_value(flow).unwrap();
    let mut problems = flow.problems();
    assert_eq!(problems.len(), 1, "{when}: {problems:?}");
    let problem = problems.remove(0);
    (problem.field, problem.message)
}

#[test]
fn values_of_the_wrong_type_name_their_place() {
    for (when, place, reason) in [
        (json!({"field": "os", "op": "is", "value": 7}), "value", "expected a text"),
        (json!({"field": "os", "op": "is"}), "value", "a value is missing"),
        (json!({"field": "os", "op": "is", "value": ""}), "value", "an empty text"),
        (json!({"field": "os", "op": "is", "value": ["a"]}), "value", "use `in`"),
        (json!({"field": "os", "op": "in", "value": []}), "value", "at least one"),
        (json!({"field": "os", "op": "in", "value": ["a", null]}), "value[1]", "expected a text"),
        (json!({"field": "os", "op": "known", "value": true}), "value", "takes no value"),
        (
            json!({"field": "os", "op": "contains", "value": "x".repeat(513)}),
            "value",
            "at most 512",
        ),
        (json!({"field": "asn", "op": "contains", "value": "1"}), "op", "use is, is_not"),
        (json!({"field": "asn", "op": "is", "value": "1"}), "value", "whole number"),
        (json!({"field": "asn", "op": "between", "value": [1]}), "value", "two values"),
        (json!({"field": "asn", "op": "between", "value": [2, 1]}), "value", "no value lies there"),
        (json!({"field": "bot", "op": "is", "value": "yes"}), "value", "true or false"),
        (json!({"field": "weekday", "op": "is", "value": 0}), "value", "from 1 to 7"),
        (json!({"field": "hour_of_day", "op": "in", "value": [1, 24]}), "value[1]", "from 0 to 23"),
        (json!({"field": "day", "op": "is", "value": "22.11.2026"}), "value", "no date"),
        (json!({"field": "day", "op": "is", "value": "2026-11-22T10:00"}), "value", "no date"),
        (json!({"field": "os_version", "op": "at_least", "value": "XP"}), "value", "a version"),
        (
            json!({"field": "os_version", "op": "between", "value": ["2", "1"]}),
            "value",
            "no version",
        ),
        (
            json!({"field": "ip", "op": "in", "value": ["10.0.0.0/33"]}),
            "value[0]",
            "no address range",
        ),
        (json!({"field": "ip", "op": "contains", "value": "10."}), "op", "use is"),
        (json!({"field": "offer", "op": "is", "value": 1}), "field", "not known when"),
        (json!({"param": "", "op": "known"}), "param", "the name of a parameter"),
        (json!({"field": "isp", "op": "regex", "value": "(a"}), "value", "no regular expression"),
        (
            json!({"field": "isp", "op": "regex", "value": r"(a)\1"}),
            "value",
            "no regular expression",
        ),
        (json!({"field": "isp", "op": "regex", "value": r"(\w{90}){90}"}), "value", "too large"),
        (
            json!({"field": "isp", "op": "regex", "value": "a".repeat(1025)}),
            "value",
            "at most 1024",
        ),
    ] {
        let (field, message) = refusal(&when);
        assert_eq!(field, format!("rules[0].when.{place}"), "{when}");
        assert!(message.contains(reason), "{when}: {message}");
    }
}

#[test]
fn trees_are_bounded() {
    let leaf = json!({"field": "os", "op": "known"});
    let deep = (0..9).fold(leaf.clone(), |below, _| json!({"all": [below]}));
    assert!(refusal(&deep).1.contains("nested deeper"));
    let wide = json!({"any": vec![leaf; 201]});
    assert_eq!(
        refusal(&wide),
        ("rules[0].when".into(), "201 comparisons; expected at most 200".into())
    );
}
