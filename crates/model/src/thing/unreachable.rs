//! Rules that nobody can reach, since the ones in front of them take everybody first.
//!
//! What is said is certain, and not everything that is certain is said: conditions are compared by
//! their form, comparisons of one subject by their values.

use super::{Comparison, Condition, ConditionOp, Problem, Rule, Subject};
use crate::condition::{is_met_by_every_value, is_met_on_every_clock};
use crate::query::{Cell, FilterValue};

/// Pairs of comparisons above which two conditions are only tested for being the same.
const PAIRS_MAX: usize = 1000;

/// The same for all the conditions of a flow: a list of flows is shown by the threads that answer clicks.
const PAIRS_OF_FLOW_MAX: usize = 1_000_000;

/// One warning for each rule that cannot be reached, and one for the default.
pub(super) fn warnings(rules: &[Rule]) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let takes_all = rules.iter().position(|rule| is_always(&rule.when));
    let mut pairs_left = PAIRS_OF_FLOW_MAX;
    for (i, rule) in rules.iter().enumerate() {
        let mut is_behind =
            |before: &Rule| implies_within(&mut pairs_left, &rule.when, &before.when);
        if let Some(first) = takes_all.filter(|first| *first < i) {
            warnings.push(behind_everybody(format!("rules[{i}]"), first));
        } else if let Some(first) = rules[..i].iter().position(&mut is_behind) {
            let message = format!(
                "nobody reaches this rule: whoever meets it meets rules[{first}] first; put it in front, or change one of them"
            );
            warnings.push(Problem::new(format!("rules[{i}]"), message));
        }
    }
    if let Some(first) = takes_all {
        warnings.push(behind_everybody("default".to_owned(), first));
    }
    warnings
}

fn behind_everybody(place: String, first: usize) -> Problem {
    Problem::new(place, format!("nobody comes here: everybody meets rules[{first}]"))
}

/// Whether every click meets `condition`.
fn is_always(condition: &Condition) -> bool {
    match condition {
        Condition::All { all } => all.iter().all(is_always),
        Condition::Any { any } => {
            any.iter().any(is_always)
                || any
                    .iter()
                    .enumerate()
                    .any(|(i, one)| any[..i].iter().any(|other| is_opposite(one, other)))
        }
        Condition::Leaf(comparison) => is_met_on_every_clock(comparison),
    }
}

/// Whether exactly one of two comparisons holds for any click.
fn is_opposite(one: &Condition, other: &Condition) -> bool {
    let (Condition::Leaf(one), Condition::Leaf(other)) = (one, other) else { return false };
    let truths = |a: &Comparison, b: &Comparison| {
        use FilterValue::One;
        matches!((&a.value, &b.value), (One(Cell::Bool(x)), One(Cell::Bool(y))) if x != y)
    };
    one.subject == other.subject
        && (one.op.negation() == Some(other.op) && one.value == other.value
            || one.op == other.op && truths(one, other))
}

/// Whether whoever meets `narrow` meets `wide`, as far as the pairs of comparisons that are left tell.
fn implies_within(pairs_left: &mut usize, narrow: &Condition, wide: &Condition) -> bool {
    let pairs = size(narrow).saturating_mul(size(wide));
    if pairs > PAIRS_MAX.min(*pairs_left) {
        return narrow == wide;
    }
    *pairs_left -= pairs;
    implies(narrow, wide)
}

fn size(condition: &Condition) -> usize {
    match condition {
        Condition::All { all: below } | Condition::Any { any: below } => {
            1 + below.iter().map(size).sum::<usize>()
        }
        Condition::Leaf(_) => 1,
    }
}

/// Whether whoever meets `narrow` meets `wide`.
fn implies(narrow: &Condition, wide: &Condition) -> bool {
    let by_parts_of_wide = match wide {
        Condition::All { all } => all.iter().all(|part| implies(narrow, part)),
        Condition::Any { any } => any.iter().any(|part| implies(narrow, part)),
        Condition::Leaf(_) => false,
    };
    by_parts_of_wide
        || match (narrow, wide) {
            (Condition::All { all }, _) => all.iter().any(|part| implies(part, wide)),
            (Condition::Any { any }, _) => any.iter().all(|part| implies(part, wide)),
            (Condition::Leaf(narrow), Condition::Leaf(wide)) => leaf_implies(narrow, wide),
            _ => false,
        }
}

fn leaf_implies(narrow: &Comparison, wide: &Comparison) -> bool {
    use ConditionOp::{In, Is, IsNot, Known, NotIn, Unknown};
    if narrow == wide {
        return true;
    }
    if narrow.subject != wide.subject {
        return false;
    }
    let holds = |cells: &[Cell], cell: &Cell| cells.iter().any(|held| is_same(held, cell));
    let (few, many) = (narrow.value.cells(), wide.value.cells());
    match (narrow.op, wide.op) {
        (Is | In, Is | In) => {
            few.iter().all(|cell| holds(many, cell)) || values_imply(narrow, wide)
        }
        (IsNot | NotIn, IsNot | NotIn) => many.iter().all(|cell| holds(few, cell)),
        (Unknown, _) => false,
        (op, Known) => op.negation().is_none() || matches!(op, Is | In | ConditionOp::Contains),
        (Is | In, _) => values_imply(narrow, wide),
        _ => false,
    }
}

/// A regular expression regards case, which the values of other comparisons do not tell; addresses
/// are ranges, whose parts may differ.
fn values_imply(narrow: &Comparison, wide: &Comparison) -> bool {
    let is_address = narrow.subject == Subject::Field(crate::Field::Ip);
    wide.op != ConditionOp::Regex
        && !is_address
        && is_met_by_every_value(wide, narrow.value.cells())
}

fn is_same(one: &Cell, other: &Cell) -> bool {
    match (one, other) {
        (Cell::Text(one), Cell::Text(other)) => one.eq_ignore_ascii_case(other),
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(conditions: &[&str]) -> Vec<Rule> {
        let rule = |when: &&str| Rule {
            id: 0,
            name: String::new(),
            when: serde_json::from_str(when).unwrap(),
            paths: Vec::new(),
        };
        conditions.iter().map(rule).collect()
    }

    fn places(conditions: &[&str]) -> Vec<String> {
        warnings(&rules(conditions)).into_iter().map(|warning| warning.field).collect()
    }

    const IOS: &str = r#"{"field":"os","op":"is","value":"iOS"}"#;
    const DACH: &str = r#"{"field":"country","op":"in","value":["DE","AT","CH"]}"#;

    #[test]
    fn a_rule_behind_a_wider_one_is_never_reached() {
        let both = format!(r#"{{"all":[{IOS},{DACH}]}}"#);
        let either = format!(r#"{{"any":[{IOS},{DACH}]}}"#);
        let swapped = format!(r#"{{"all":[{DACH},{IOS}]}}"#);
        for (first, second) in [
            (IOS, IOS),
            (IOS, r#"{"field":"os","op":"is","value":"ios"}"#),
            (IOS, &*both),
            (&*both, &*swapped),
            (&*either, IOS),
            (&*either, &*both),
            (DACH, r#"{"field":"country","op":"is","value":"at"}"#),
            (
                DACH,
                r#"{"any":[{"field":"country","op":"is","value":"AT"},{"field":"country","op":"in","value":["CH"]}]}"#,
            ),
            (r#"{"field":"os","op":"known"}"#, IOS),
            (r#"{"field":"os","op":"is_not","value":"Android"}"#, IOS),
            (
                r#"{"field":"os","op":"is_not","value":"Android"}"#,
                r#"{"field":"os","op":"not_in","value":["Windows","android"]}"#,
            ),
            (
                r#"{"field":"hour_of_day","op":"between","value":[8,20]}"#,
                r#"{"field":"hour_of_day","op":"in","value":[9,10]}"#,
            ),
            (
                r#"{"field":"os_version","op":"at_least","value":"9"}"#,
                r#"{"field":"os_version","op":"is","value":"10.1"}"#,
            ),
            (
                r#"{"param":"zone","op":"starts_with","value":"news"}"#,
                r#"{"param":"zone","op":"is","value":"News-7"}"#,
            ),
        ] {
            assert_eq!(places(&[first, second]), ["rules[1]"], "{first} {second}");
        }
    }

    #[test]
    fn a_rule_that_can_be_reached_is_not_warned_of() {
        let both = format!(r#"{{"all":[{IOS},{DACH}]}}"#);
        for (first, second) in [
            (IOS, DACH),
            (&*both, IOS),
            (r#"{"field":"country","op":"is","value":"AT"}"#, DACH),
            (IOS, r#"{"field":"browser","op":"is","value":"iOS"}"#),
            (r#"{"field":"os","op":"regex","value":"^iOS$"}"#, IOS),
            (r#"{"field":"os","op":"is_not","value":"iOS"}"#, IOS),
            (
                r#"{"field":"os","op":"is_not","value":"iOS"}"#,
                r#"{"field":"os","op":"is_not","value":"Android"}"#,
            ),
            (r#"{"field":"os","op":"known"}"#, r#"{"field":"os","op":"is_not","value":"iOS"}"#),
            (
                r#"{"field":"ip","op":"not_in","value":["10.0.0.0/8"]}"#,
                r#"{"field":"ip","op":"in","value":["0.0.0.0/0"]}"#,
            ),
        ] {
            assert_eq!(places(&[first, second]), [""; 0], "{first} {second}");
        }
    }

    #[test]
    fn a_flow_of_very_many_rules_is_compared_by_sameness_once_it_took_enough() {
        let parts = |i: usize| {
            let part = |j| format!(r#"{{"field":"sub1","op":"is","value":"v{i}-{j}"}}"#);
            (0..14).map(part).collect::<Vec<_>>().join(",")
        };
        let both = |i: usize| format!(r#"{{"all":[{}]}}"#, parts(i));
        let narrower = |i: usize| format!(r#"{{"all":[{},{IOS}]}}"#, parts(i));
        for (count, expected) in [(10, &["rules[10]", "rules[11]"][..]), (150, &["rules[150]"])] {
            let mut conditions: Vec<String> = (0..count).map(both).collect();
            conditions.extend([both(1), narrower(2)]);
            let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
            assert_eq!(places(&conditions), expected, "{count} rules");
        }
    }

    #[test]
    fn nobody_comes_behind_a_rule_that_everybody_meets() {
        for always in [
            r#"{"any":[{"field":"isp","op":"known"},{"field":"isp","op":"unknown"}]}"#,
            r#"{"any":[{"field":"os","op":"is","value":"iOS"},{"field":"os","op":"is_not","value":"iOS"}]}"#,
            r#"{"any":[{"field":"bot","op":"is","value":true},{"field":"bot","op":"is","value":false}]}"#,
            r#"{"field":"weekday","op":"in","value":[1,2,3,4,5,6,7]}"#,
            r#"{"field":"hour_of_day","op":"between","value":[6,5]}"#,
        ] {
            assert_eq!(places(&[always, IOS]), ["rules[1]", "default"], "{always}");
        }
        assert_eq!(places(&[r#"{"field":"weekday","op":"at_least","value":2}"#]), [""; 0]);
    }
}
