//! What each comparison means, field by field.

use crate::scene::{SUNDAY_MS, facts, key, table};
use model::Field;
use model::facts::Facts;
use model::route::{Visit, route};
use serde_json::{Value, json};

/// Whether a visitor meets `when`: offer 1 is behind the rule, offer 2 in the default.
fn meets(when: &Value, zone: Option<&str>, visit: &Visit<'_>) -> bool {
    let flow = json!({
        "time_zone": zone,
        "rules": [{"when": when, "paths": [{"offers": [{"offer": 1}]}]}],
        "default": [{"offers": [{"offer": 2}]}],
    });
    let table = table(&[flow]);
    let decision = route(&table, table.campaign(1).unwrap(), visit, &[1; 16]).unwrap();
    assert_eq!(decision.rule.is_some(), decision.offer() == Some(1));
    decision.rule.is_some()
}

fn leaf(field: Field, op: &str, value: Value) -> Value {
    json!({"field": field, "op": op, "value": value})
}

#[test]
fn texts_are_compared_without_regard_to_case() {
    let known =
        facts(&[(Field::Country, "DE"), (Field::UserAgent, "Mozilla/5.0 (iPhone; X) Safari")]);
    let nothing = facts(&[]);
    let many: Vec<String> = (0..20).map(|i| format!("x{i}")).chain(["de".into()]).collect();
    for (field, op, value, expected, unknown) in [
        (Field::Country, "is", json!("de"), true, false),
        (Field::Country, "is", json!("D"), false, false),
        (Field::Country, "is_not", json!("De"), false, true),
        (Field::Country, "is_not", json!("AT"), true, true),
        (Field::Country, "in", json!(["AT", "DE"]), true, false),
        (Field::Country, "in", json!(many), true, false),
        (Field::Country, "not_in", json!(["AT", "DE"]), false, true),
        (Field::Country, "not_in", json!(["AT"]), true, true),
        (Field::UserAgent, "contains", json!("IPHONE"), true, false),
        (Field::UserAgent, "contains", json!("android"), false, false),
        (Field::UserAgent, "not_contains", json!("iphone"), false, true),
        (Field::UserAgent, "starts_with", json!("mozilla/"), true, false),
        (Field::UserAgent, "starts_with", json!("safari"), false, false),
        (Field::UserAgent, "regex", json!(r"\(iPhone;.*Safari$"), true, false),
        (Field::UserAgent, "regex", json!("iphone"), false, false),
        (Field::UserAgent, "regex", json!("(?i)iphone"), true, false),
        (Field::Country, "known", Value::Null, true, false),
        (Field::Country, "unknown", Value::Null, false, true),
    ] {
        let when = leaf(field, op, value);
        assert_eq!(meets(&when, None, &Visit::new(key(SUNDAY_MS, 1), &known)), expected, "{when}");
        assert_eq!(meets(&when, None, &Visit::new(key(SUNDAY_MS, 1), &nothing)), unknown, "{when}");
    }
}

#[test]
fn numbers_versions_and_truths_are_what_they_are() {
    let mut known =
        facts(&[(Field::OsVersion, "10.1"), (Field::BrowserVersion, "XP"), (Field::Sub1, "25")]);
    known.set_int(Field::Asn, 3320);
    known.set_int(Field::Domain, 4u32);
    known.set_flag(Field::UniqueCampaign, true);
    for (field, op, value, expected) in [
        (Field::OsVersion, "greater_than", json!("9"), true),
        (Field::OsVersion, "less_than", json!("9"), false),
        (Field::OsVersion, "at_least", json!("10.1"), true),
        (Field::OsVersion, "at_most", json!("10.1.0"), true),
        (Field::OsVersion, "greater_than", json!("10.1"), false),
        (Field::OsVersion, "less_than", json!("10.1"), false),
        (Field::OsVersion, "less_than", json!("10.1.1"), true),
        (Field::OsVersion, "between", json!(["9", 11]), true),
        (Field::OsVersion, "between", json!(["10.2", "11"]), false),
        (Field::OsVersion, "starts_with", json!("10."), true),
        (Field::BrowserVersion, "at_least", json!("0"), false),
        (Field::BrowserVersion, "is", json!("xp"), true),
        (Field::Asn, "in", json!([1, 3320]), true),
        (Field::Asn, "less_than", json!(3320), false),
        (Field::Asn, "at_most", json!(3320), true),
        (Field::Asn, "between", json!([3000, 4000]), true),
        (Field::Sub1, "at_least", json!(18), true),
        (Field::Sub1, "greater_than", json!(25), false),
        (Field::Sub2, "at_most", json!(18), false),
        (Field::Domain, "is", json!(4), true),
        (Field::Domain, "not_in", json!([4]), false),
        (Field::Campaign, "is", json!(1), true),
        (Field::UniqueCampaign, "is", json!(true), true),
        (Field::UniqueCampaign, "is_not", json!(true), false),
        (Field::UniqueFlow, "is", json!(false), true),
        (Field::Bot, "is", json!(true), false),
    ] {
        let when = leaf(field, op, value);
        assert_eq!(meets(&when, None, &Visit::new(key(SUNDAY_MS, 1), &known)), expected, "{when}");
    }
}

#[test]
fn addresses_lie_in_ranges_whatever_of_them_is_stored() {
    let nothing = facts(&[]);
    for (ip, op, value, expected) in [
        ("10.1.2.3", "in", json!(["192.0.2.0/24", "10.0.0.0/8"]), true),
        ("10.1.2.3", "cidr", json!(["10.1.2.3"]), true),
        ("10.1.2.3", "is", json!("10.1.2.4"), false),
        ("10.1.2.3", "not_in", json!(["10.0.0.0/8"]), false),
        ("2001:db8::7", "in", json!(["2001:db8::/32"]), true),
        ("2001:db8::7", "not_in", json!(["10.0.0.0/8"]), true),
    ] {
        let visit =
            Visit { ip: Some(ip.parse().unwrap()), ..Visit::new(key(SUNDAY_MS, 1), &nothing) };
        let when = leaf(Field::Ip, op, value);
        assert_eq!(meets(&when, None, &visit), expected, "{ip} {when}");
    }
    let nobody = Visit::new(key(SUNDAY_MS, 1), &nothing);
    assert!(!meets(&leaf(Field::Ip, "in", json!(["0.0.0.0/0"])), None, &nobody));
    assert!(meets(&leaf(Field::Ip, "unknown", Value::Null), None, &nobody));
}

#[test]
fn parameters_are_read_from_the_query() {
    let nothing = facts(&[]);
    let query = "utm_x=1&zone=N%C3%A4ws+7&zone=second&empty=&macro={zone}&age=25&a%62=c";
    let visit = Visit { query, ..Visit::new(key(SUNDAY_MS, 1), &nothing) };
    for (name, op, value, expected) in [
        ("zone", "is", json!("näws 7"), true),
        ("zone", "contains", json!("WS"), true),
        ("zone", "is", json!("second"), false),
        ("Zone", "known", Value::Null, false),
        ("empty", "known", Value::Null, false),
        ("macro", "unknown", Value::Null, true),
        ("age", "between", json!([18, 25]), true),
        ("ab", "is", json!("c"), true),
        ("nothing", "is_not", json!("x"), true),
    ] {
        let when = json!({"param": name, "op": op, "value": value});
        assert_eq!(meets(&when, None, &visit), expected, "{when}");
    }
}

#[test]
fn the_clock_is_that_of_the_flow_else_of_the_workspace() {
    let nothing = facts(&[]);
    let visit = Visit::new(key(SUNDAY_MS, 1), &nothing);
    let (utc, berlin) = (Some("UTC"), None);
    for (zone, field, op, value, expected) in [
        (utc, Field::Weekday, "is", json!(7), true),
        (berlin, Field::Weekday, "is", json!(1), true),
        (berlin, Field::Weekday, "between", json!([1, 5]), true),
        (utc, Field::Weekday, "between", json!([1, 5]), false),
        (utc, Field::Weekday, "between", json!([6, 1]), true),
        (utc, Field::HourOfDay, "between", json!([8, 19]), false),
        (utc, Field::HourOfDay, "between", json!([22, 5]), true),
        (berlin, Field::HourOfDay, "less_than", json!(1), true),
        (berlin, Field::HourOfDay, "greater_than", json!(0), false),
        (berlin, Field::WeekdayHour, "is", json!(0), true),
        (utc, Field::WeekdayHour, "in", json!([167]), true),
        (utc, Field::Day, "is", json!("2026-11-22"), true),
        (berlin, Field::Day, "is", json!("2026-11-22"), false),
        (berlin, Field::Day, "between", json!(["2026-11-23", "2026-12-24"]), true),
        (utc, Field::Day, "at_least", json!("2026-11-23"), false),
        (utc, Field::Day, "less_than", json!("2026-11-23"), true),
    ] {
        let when = leaf(field, op, value);
        assert_eq!(meets(&when, zone, &visit), expected, "{zone:?} {when}");
    }
}

#[test]
fn trees_hold_as_their_words_say() {
    let known = facts(&[(Field::Os, "iOS"), (Field::Country, "DE")]);
    let visit = Visit::new(key(SUNDAY_MS, 1), &known);
    let yes = leaf(Field::Os, "is", json!("iOS"));
    let no = leaf(Field::Os, "is", json!("Android"));
    for (when, expected) in [
        (json!({"all": [yes, yes]}), true),
        (json!({"all": [yes, no]}), false),
        (json!({"any": [no, yes]}), true),
        (json!({"any": [no, no]}), false),
        (json!({"all": [yes, {"any": [no, {"all": [yes]}]}]}), true),
        (json!({"any": [no, {"all": [yes, no]}]}), false),
    ] {
        assert_eq!(meets(&when, None, &visit), expected, "{when}");
    }
}

#[test]
fn a_click_with_very_many_facts_is_read_alike() {
    let mut many = Facts::default();
    for i in 0..400 {
        many.push_bytes(model::record::tag::SIGNAL, format!("s{i}=1").as_bytes());
    }
    many.set_text(Field::Os, "iOS");
    assert!(meets(
        &leaf(Field::Os, "is", json!("iOS")),
        None,
        &Visit::new(key(SUNDAY_MS, 1), &many)
    ));
}
