//! A plan as one statement: each table is read once, its sums are made there and added up outside.

use super::expression::{Expressions, period};
use super::literal;
use super::schema::Table;
use crate::filter_test::FilterTest;
use model::Field;
use model::event::RowKind;
use model::metric::{Counter, Sum};
use model::query::Plan;

/// The statement that answers `plan`: columns of the fields grouped by, then the sums, then the median
/// when it is asked for. None when no table has rows the plan sums.
pub fn statement(plan: &Plan) -> Option<String> {
    let tests: Vec<FilterTest> = plan.filter.iter().map(FilterTest::new).collect();
    let branches: Vec<String> =
        Table::ALL.into_iter().filter_map(|table| branch(plan, table, &tests)).collect();
    if branches.is_empty() {
        return None;
    }
    let groups = (0..plan.by.len()).map(|i| format!("g{i}"));
    let sums = (0..plan.counters.len())
        .map(|i| format!("CASE WHEN sum(s{i}) IS NULL THEN 0 ELSE sum(s{i}) END AS s{i}"));
    let median = plan.median.then(|| "max(median) AS median".to_owned());
    let columns: Vec<String> = groups.clone().chain(sums).chain(median).collect();
    let group_by = group_by(plan);
    Some(format!("SELECT {} FROM ({}){group_by}", columns.join(", "), branches.join(" UNION ALL ")))
}

/// The statement for the median over everything.
pub fn median_statement(plan: &Plan) -> Option<String> {
    let all = Plan { by: Vec::new(), counters: Vec::new(), ..plan.clone() };
    statement(&all).filter(|_| plan.median)
}

fn group_by(plan: &Plan) -> String {
    let groups: Vec<String> = (0..plan.by.len()).map(|i| format!("g{i}")).collect();
    if groups.is_empty() { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) }
}

/// What one table contributes; none when the plan sums none of its rows.
fn branch(plan: &Plan, table: Table, tests: &[FilterTest]) -> Option<String> {
    let kinds: Vec<RowKind> =
        table.kinds().iter().copied().filter(|kind| is_summed(plan, *kind)).collect();
    if kinds.is_empty() {
        return None;
    }
    let expressions = Expressions::new(plan, table);
    let mut columns: Vec<String> = Vec::new();
    columns.extend(
        plan.by.iter().enumerate().map(|(i, f)| format!("{} AS g{i}", expressions.field(*f))),
    );
    columns.extend(
        plan.counters
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{} AS s{i}", sum(c, &kinds, &expressions))),
    );
    if plan.median {
        let seconds = expressions.seconds_to_conversion();
        columns.push(if kinds.contains(&RowKind::Entry) {
            format!("quantile_disc({seconds}, 0.5) FILTER (WHERE count > 0) AS median")
        } else {
            "NULL::BIGINT AS median".to_owned()
        });
    }
    let mut conditions = vec![
        format!("workspace = {}", plan.workspace),
        period(plan.time, plan.from_ms, plan.to_ms),
    ];
    if kinds.len() < table.kinds().len() {
        conditions.push(kind_is_among(&kinds));
    }
    conditions.extend(tests.iter().map(|test| expressions.filter(test)));
    let group_by = group_by(plan);
    Some(format!(
        "SELECT {} FROM {} WHERE {}{group_by}",
        columns.join(", "),
        table.name(),
        conditions.join(" AND ")
    ))
}

/// Whether rows of this kind make groups.
fn is_summed(plan: &Plan, kind: RowKind) -> bool {
    (plan.median && kind == RowKind::Entry)
        || plan.counters.iter().any(|counter| {
            counter.selection.rows.is_empty() || counter.selection.rows.contains(&kind)
        })
}

fn kind_is_among(kinds: &[RowKind]) -> String {
    format!("row_kind IN {}", literal::ints(kinds.iter().map(|kind| *kind as i64)))
}

/// A counter over the rows of `kinds`.
fn sum(counter: &Counter, kinds: &[RowKind], expressions: &Expressions<'_>) -> String {
    let selection = &counter.selection;
    let selected: Vec<RowKind> = kinds
        .iter()
        .copied()
        .filter(|kind| selection.rows.is_empty() || selection.rows.contains(kind))
        .collect();
    if selected.is_empty() {
        return "NULL::HUGEINT".to_owned();
    }
    let mut conditions = Vec::new();
    if selected.len() < kinds.len() {
        conditions.push(kind_is_among(&selected));
    }
    let (with, without) = selection.flag_masks();
    if with | without != 0 {
        conditions.push(format!("(flags & {}) = {with}", with | without));
    }
    let either = selection.or.map_or_else(String::new, |f| format!(" OR {}", expressions.field(f)));
    let has = selection.has.map(|f| format!("({} IS NOT NULL{either})", expressions.field(f)));
    conditions.extend(has);
    if !selection.statuses.is_empty() {
        let statuses = literal::texts(selection.statuses.iter().map(|status| status.as_str()));
        conditions.push(format!("{} IN {statuses}", literal::name(Field::ConversionStatus.name())));
    }
    if let Some(wanted) = &counter.conversion_type {
        let name = literal::name(Field::ConversionType.name());
        conditions.push(format!("{name} = {}", literal::text(wanted)));
    }
    if !counter.without_types.is_empty() {
        let name = literal::name(Field::ConversionType.name());
        let types = literal::texts(counter.without_types.iter().map(AsRef::as_ref));
        conditions.push(format!("({name} IS NULL OR {name} NOT IN {types})"));
    }
    let column = match selection.sum {
        Sum::Count => "count",
        Sum::Cost => "cost",
        Sum::Revenue => "revenue",
        Sum::Received => "coalesce(amount, revenue)",
        Sum::Apart => "CASE WHEN rate IS NULL THEN amount END",
    };
    if conditions.is_empty() {
        return format!("sum({column})");
    }
    format!("sum({column}) FILTER (WHERE {})", conditions.join(" AND "))
}
