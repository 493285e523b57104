//! A plan, answered row by row.

use crate::field_value::{field_value, row_time_ms, seconds_to_conversion};
use crate::filter_test::FilterTest;
use model::Field;
use model::event::{Row, RowKind};
use model::metric::{Counter, Sum};
use model::query::{Answer, AnswerRow, Cell, Plan, counts_for_median};
use model::record::tag;
use std::collections::HashMap;

#[derive(Default)]
struct Group {
    sums: Vec<i128>,
    seconds: Vec<i64>,
}

/// Answers `plan` over `rows`.
pub(super) fn answer(rows: &[Row], plan: &Plan) -> Answer {
    let tests: Vec<FilterTest> = plan.filter.iter().map(FilterTest::new).collect();
    let value = |row: &Row, field: Field| field_value(row, field, plan.time, &plan.zone);
    let new_group = || Group { sums: vec![0; plan.counters.len()], seconds: Vec::new() };
    let mut groups: HashMap<Vec<Cell>, Group> = HashMap::new();
    if plan.by.is_empty() {
        groups.insert(Vec::new(), new_group());
    }
    for row in rows {
        let time_ms = row_time_ms(row, plan.time);
        let wanted = row.workspace() == plan.workspace
            && (plan.from_ms..plan.to_ms).contains(&time_ms)
            && is_summed(plan, row.kind)
            && tests.iter().all(|test| test.accepts(&value(row, test.field)));
        if !wanted {
            continue;
        }
        let key = plan.by.iter().map(|field| value(row, *field)).collect();
        let group = groups.entry(key).or_insert_with(new_group);
        for (sum, counter) in group.sums.iter_mut().zip(&plan.counters) {
            if selects(counter, row, |field| value(row, field)) {
                *sum += i128::from(amount(counter, row));
            }
        }
        if plan.median && counts_for_median(row.kind, row.count) {
            group.seconds.extend(seconds_to_conversion(row));
        }
    }
    let all = groups.values().flat_map(|group| group.seconds.iter().copied()).collect();
    let row = |(key, group): (Vec<Cell>, Group)| AnswerRow {
        key,
        sums: group.sums,
        median_seconds: lower_median(group.seconds),
    };
    let rows = groups.into_iter().map(row).collect();
    Answer { rows, median_seconds: lower_median(all) }
}

/// Whether rows of this kind make groups.
fn is_summed(plan: &Plan, kind: RowKind) -> bool {
    (plan.median && kind == RowKind::Entry)
        || plan.counters.iter().any(|counter| {
            counter.selection.rows.is_empty() || counter.selection.rows.contains(&kind)
        })
}

fn selects(counter: &Counter, row: &Row, value: impl Fn(Field) -> Cell) -> bool {
    let selection = &counter.selection;
    let status = || row.facts.text(Field::ConversionStatus);
    (selection.rows.is_empty() || selection.rows.contains(&row.kind))
        && selection.with.iter().all(|field| row.facts.flag(*field))
        && !selection.without.iter().any(|field| row.facts.flag(*field))
        && (selection.has.is_none_or(|field| value(field) != Cell::Null)
            || selection.or.is_some_and(|field| row.facts.flag(field)))
        && (selection.statuses.is_empty()
            || selection.statuses.iter().any(|wanted| status() == Some(wanted.as_str())))
        && counter
            .conversion_type
            .as_deref()
            .is_none_or(|wanted| row.facts.text(Field::ConversionType) == Some(wanted))
        && !counter
            .without_types
            .iter()
            .any(|word| row.facts.text(Field::ConversionType) == Some(word))
}

fn amount(counter: &Counter, row: &Row) -> i64 {
    match counter.selection.sum {
        Sum::Count => row.count,
        Sum::Cost => row.cost,
        Sum::Revenue => row.revenue,
        Sum::Received => row.facts.int_at(tag::AMOUNT).unwrap_or(row.revenue),
        Sum::Apart if row.facts.text_at(tag::RATE).is_some() => 0,
        Sum::Apart => row.facts.int_at(tag::AMOUNT).unwrap_or(0),
    }
}

fn lower_median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}
