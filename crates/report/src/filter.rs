//! Conditions as a store gets them: the comparison fits the field, the values are of its type.
//!
//! Things are named by their number, `click_id` by its key (an integer): whoever asks resolves names
//! and printed ids first. Time fields take what a report prints for them, and become the number of
//! their [`model::query::TimeBucket`]. Text that reads as the field's type (`"7"`, `"true"`) is taken
//! as it, since query strings and command lines have nothing but text.

use crate::error::{QueryError, excerpt, op_word};
use crate::time_key;
use model::Field;
use model::field::ValueKind;
use model::query::{Cell, Filter, FilterOp, FilterValue, ZoneOffsets};

/// `filter` in the form a store computes; `index` is its place in the query.
pub(crate) fn check(
    index: usize,
    filter: &Filter,
    zone: &ZoneOffsets,
) -> Result<Filter, QueryError> {
    let (field, op) = (filter.field, filter.op);
    let allowed = allowed_ops(field);
    if !allowed.split(", ").any(|word| word == op_word(op)) {
        return Err(QueryError::FilterOp {
            position: format!("filter[{index}].op"),
            field,
            op,
            allowed,
        });
    }
    let wrong = |place: Option<usize>, expected: String, found: String| {
        let item = place.map(|item| format!("[{item}]")).unwrap_or_default();
        QueryError::FilterValue {
            position: format!("filter[{index}].value{item}"),
            field,
            expected,
            found,
        }
    };
    let convert = |place: Option<usize>, cell: &Cell| {
        value(field, op, cell, zone)
            .ok_or_else(|| wrong(place, expected(field, op), describe(cell)))
    };
    let several = matches!(op, FilterOp::In | FilterOp::NotIn);
    let value = match &filter.value {
        FilterValue::One(cell) if several => FilterValue::Many(vec![convert(None, cell)?]),
        FilterValue::One(cell) => FilterValue::One(convert(None, cell)?),
        FilterValue::Many(cells) if several && !cells.is_empty() => FilterValue::Many(
            cells
                .iter()
                .enumerate()
                .map(|(i, cell)| convert(Some(i), cell))
                .collect::<Result<_, _>>()?,
        ),
        FilterValue::Many(cells) => {
            let number =
                if several { "at least one value" } else { "one value (use `in` for several)" };
            return Err(wrong(None, number.to_owned(), format!("a list of {}", cells.len())));
        }
    };
    Ok(Filter { field, op, value })
}

/// The comparisons a field has: order needs an order, and parts of a text need a text.
fn allowed_ops(field: Field) -> &'static str {
    match field.row().kind {
        _ if time_key::expected(field).is_some() => "is, is_not, in, not_in, at_least, at_most",
        ValueKind::Int => "is, is_not, in, not_in, at_least, at_most",
        ValueKind::Text => "is, is_not, in, not_in, contains, starts_with",
        ValueKind::Thing | ValueKind::Bool | ValueKind::ClickId => "is, is_not, in, not_in",
    }
}

/// The value as its field has it; `None` when it cannot have it.
fn value(field: Field, op: FilterOp, cell: &Cell, zone: &ZoneOffsets) -> Option<Cell> {
    let is_bucket = time_key::expected(field).is_some();
    match (field.row().kind, cell) {
        (_, Cell::Null) => may_be_null(field, op).then_some(Cell::Null),
        (_, Cell::Text(text)) if is_bucket => time_key::read(field, text, zone).map(Cell::Int),
        (_, _) if is_bucket => None,
        (ValueKind::Text, Cell::Text(text)) => {
            let part = matches!(op, FilterOp::Contains | FilterOp::StartsWith);
            (!(part && text.is_empty())).then(|| cell.clone())
        }
        (ValueKind::Bool, Cell::Bool(_)) => Some(cell.clone()),
        (ValueKind::Bool, Cell::Text(text)) => text.parse().ok().map(Cell::Bool),
        (ValueKind::Thing | ValueKind::Int | ValueKind::ClickId, Cell::Int(_)) => {
            Some(cell.clone())
        }
        (ValueKind::Thing | ValueKind::Int, Cell::Text(text)) => text.parse().ok().map(Cell::Int),
        _ => None,
    }
}

/// Every row has its time buckets and its truths; other fields may have no value.
fn may_be_null(field: Field, op: FilterOp) -> bool {
    let always_there = field.row().kind == ValueKind::Bool
        || model::query::TimeBucket::of(field, 0, &ZoneOffsets::utc()).is_some();
    let equality = matches!(op, FilterOp::Is | FilterOp::IsNot | FilterOp::In | FilterOp::NotIn);
    equality && !always_there
}

fn expected(field: Field, op: FilterOp) -> String {
    if let Some(form) = time_key::expected(field) {
        return form.to_owned();
    }
    let form = match field.row().kind {
        ValueKind::Thing => "a number of a thing",
        ValueKind::Int => "a whole number",
        ValueKind::Bool => "true or false",
        ValueKind::ClickId => "a click id of this installation",
        ValueKind::Text if matches!(op, FilterOp::Contains | FilterOp::StartsWith) => {
            "a text that is not empty"
        }
        ValueKind::Text => "a text in quotes",
    };
    let or_null = if may_be_null(field, op) { " or null" } else { "" };
    format!("{form}{or_null}")
}

fn describe(cell: &Cell) -> String {
    match cell {
        Cell::Null => "null".to_owned(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => format!("the text \"{}\"", excerpt(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(FilterOp, FilterValue), String> {
        let filter: Filter = serde_json::from_str(json).unwrap();
        match check(0, &filter, &ZoneOffsets::utc()) {
            Ok(filter) => Ok((filter.op, filter.value)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn values_take_the_type_of_their_field() {
        let one = FilterValue::One;
        let many = |cells: &[Cell]| FilterValue::Many(cells.to_vec());
        for (json, op, value) in [
            (
                r#"{"field":"os","op":"is","value":"iOS"}"#,
                FilterOp::Is,
                one(Cell::Text("iOS".into())),
            ),
            (r#"{"field":"os","op":"is"}"#, FilterOp::Is, one(Cell::Null)),
            (
                r#"{"field":"os","op":"in","value":"iOS"}"#,
                FilterOp::In,
                many(&[Cell::Text("iOS".into())]),
            ),
            (
                r#"{"field":"os","op":"not_in","value":["",null]}"#,
                FilterOp::NotIn,
                many(&[Cell::Text("".into()), Cell::Null]),
            ),
            (r#"{"field":"campaign","op":"is","value":"7"}"#, FilterOp::Is, one(Cell::Int(7))),
            (
                r#"{"field":"asn","op":"at_least","value":3320}"#,
                FilterOp::AtLeast,
                one(Cell::Int(3320)),
            ),
            (r#"{"field":"bot","op":"is","value":"false"}"#, FilterOp::Is, one(Cell::Bool(false))),
            (r#"{"field":"click_id","op":"is","value":9}"#, FilterOp::Is, one(Cell::Int(9))),
            (
                r#"{"field":"sub1","op":"contains","value":"x"}"#,
                FilterOp::Contains,
                one(Cell::Text("x".into())),
            ),
            (
                r#"{"field":"day","op":"at_most","value":"1970-01-03"}"#,
                FilterOp::AtMost,
                one(Cell::Int(2)),
            ),
            (
                r#"{"field":"month","op":"is","value":"2026-11"}"#,
                FilterOp::Is,
                one(Cell::Int(2026 * 12 + 10)),
            ),
            (
                r#"{"field":"hour","op":"in","value":["1970-01-01T01:00Z"]}"#,
                FilterOp::In,
                many(&[Cell::Int(3_600_000)]),
            ),
            (
                r#"{"field":"hour_of_day","op":"at_least","value":"8"}"#,
                FilterOp::AtLeast,
                one(Cell::Int(8)),
            ),
        ] {
            assert_eq!(read(json), Ok((op, value)), "{json}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        for (json, message) in [
            (
                r#"{"field":"asn","op":"contains","value":"3"}"#,
                "`filter[0].op`: `asn` cannot be compared with `contains`; expected one of is, is_not, in, not_in, at_least, at_most",
            ),
            (
                r#"{"field":"os_version","op":"at_least","value":"17"}"#,
                "`filter[0].op`: `os_version` cannot be compared with `at_least`; expected one of is, is_not, in, not_in, contains, starts_with",
            ),
            (
                r#"{"field":"bot","op":"at_most","value":true}"#,
                "`filter[0].op`: `bot` cannot be compared with `at_most`; expected one of is, is_not, in, not_in",
            ),
            (
                r#"{"field":"campaign","op":"in","value":[1,"US push"]}"#,
                "`filter[0].value[1]`: expected a number of a thing or null for `campaign`, not the text \"US push\"",
            ),
            (
                r#"{"field":"sub1","op":"is","value":123}"#,
                "`filter[0].value`: expected a text in quotes or null for `sub1`, not 123",
            ),
            (
                r#"{"field":"bot","op":"is","value":null}"#,
                "`filter[0].value`: expected true or false for `bot`, not null",
            ),
            (
                r#"{"field":"asn","op":"at_least","value":null}"#,
                "`filter[0].value`: expected a whole number for `asn`, not null",
            ),
            (
                r#"{"field":"os","op":"is","value":["iOS","Android"]}"#,
                "`filter[0].value`: expected one value (use `in` for several) for `os`, not a list of 2",
            ),
            (
                r#"{"field":"os","op":"in","value":[]}"#,
                "`filter[0].value`: expected at least one value for `os`, not a list of 0",
            ),
            (
                r#"{"field":"os","op":"contains","value":""}"#,
                "`filter[0].value`: expected a text that is not empty for `os`, not the text \"\"",
            ),
            (
                r#"{"field":"day","op":"is","value":"today"}"#,
                "`filter[0].value`: expected a date such as 2026-11-22 for `day`, not the text \"today\"",
            ),
            (
                r#"{"field":"click_id","op":"is","value":"ct_x"}"#,
                "`filter[0].value`: expected a click id of this installation or null for `click_id`, not the text \"ct_x\"",
            ),
        ] {
            assert_eq!(read(json), Err(message.to_owned()), "{json}");
        }
    }
}
