//! Comparisons with words that no click has: `mobile` for a device, `Germany` for a country.

use super::{Comparison, Condition, ConditionOp, Problem, Rule, Subject};
use crate::field::Field;
use crate::query::{Cell, FilterValue};

/// The classes of device, as lookups name them.
const DEVICES: [&str; 6] = ["phone", "tablet", "desktop", "tv", "console", "other"];

/// What a click can be.
const KINDS: [&str; 3] = ["redirect", "direct", "impression"];

/// One warning for each value that nobody has.
pub(super) fn warnings(rules: &[Rule]) -> Vec<Problem> {
    let mut warnings = Vec::new();
    for (i, rule) in rules.iter().enumerate() {
        look(&rule.when, &format!("rules[{i}].when"), &mut warnings);
    }
    warnings
}

fn look(condition: &Condition, at: &str, warnings: &mut Vec<Problem>) {
    let (parts, name) = match condition {
        Condition::All { all } => (all, "all"),
        Condition::Any { any } => (any, "any"),
        Condition::Leaf(comparison) => return look_at(comparison, at, warnings),
    };
    for (i, part) in parts.iter().enumerate() {
        look(part, &format!("{at}.{name}[{i}]"), warnings);
    }
}

fn look_at(comparison: &Comparison, at: &str, warnings: &mut Vec<Problem>) {
    use ConditionOp::{In, Is, IsNot, NotIn};
    let Comparison { subject: Subject::Field(field), op, value } = comparison else { return };
    if !matches!(op, Is | In | IsNot | NotIn) {
        return;
    }
    let is_list = matches!(value, FilterValue::Many(_));
    for (i, cell) in value.cells().iter().enumerate() {
        let Cell::Text(text) = cell else { continue };
        let Some(expected) = expected_instead(*field, text) else { continue };
        let place = if is_list { format!("{at}.value[{i}]") } else { format!("{at}.value") };
        let message = format!("no click has the {field} `{text}`: {expected}");
        warnings.push(Problem::new(place, message));
    }
}

/// What the values of `field` look like, when `text` is none of them.
fn expected_instead(field: Field, text: &str) -> Option<String> {
    let one_of = |known: &[&str]| {
        let is_known = known.iter().any(|word| word.eq_ignore_ascii_case(text));
        (!is_known).then(|| format!("use {}", known.join(", ")))
    };
    match field {
        Field::Country => {
            let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            (!is_code).then(|| "use two letters (ISO 3166-1), such as DE".to_owned())
        }
        Field::Device => one_of(&DEVICES),
        Field::Kind => one_of(&KINDS),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(when: &str) -> Vec<(String, String)> {
        let when = serde_json::from_str(when).unwrap();
        let rule = Rule { id: 1, name: String::new(), when, paths: Vec::new() };
        warnings(&[rule]).into_iter().map(|warning| (warning.field, warning.message)).collect()
    }

    #[test]
    fn a_word_that_no_click_has_is_warned_of_with_its_place() {
        for (when, place, hint) in [
            (
                r#"{"field":"country","op":"is","value":"Germany"}"#,
                "rules[0].when.value",
                "the country `Germany`: use two letters",
            ),
            (
                r#"{"all":[{"field":"os","op":"is","value":"iOS"},{"field":"country","op":"in","value":["DE","AUT"]}]}"#,
                "rules[0].when.all[1].value[1]",
                "`AUT`",
            ),
            (
                r#"{"any":[{"field":"device","op":"is_not","value":"mobile"}]}"#,
                "rules[0].when.any[0].value",
                "use phone, tablet",
            ),
            (r#"{"field":"kind","op":"is","value":"click"}"#, "rules[0].when.value", "redirect"),
        ] {
            let found = warned(when);
            assert_eq!(found.len(), 1, "{when}: {found:?}");
            assert_eq!(found[0].0, place, "{when}");
            assert!(found[0].1.contains(hint), "{when}: {found:?}");
        }
    }

    #[test]
    fn words_that_clicks_have_are_not_warned_of() {
        for when in [
            r#"{"field":"country","op":"in","value":["DE","at"]}"#,
            r#"{"field":"country","op":"contains","value":"D"}"#,
            r#"{"field":"country","op":"unknown"}"#,
            r#"{"field":"device","op":"is","value":"Phone"}"#,
            r#"{"param":"country","op":"is","value":"Germany"}"#,
            r#"{"field":"city","op":"is","value":"Bern"}"#,
        ] {
            assert_eq!(warned(when), [], "{when}");
        }
    }
}
