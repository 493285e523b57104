//! Figures computed again: staged in tables of their own, then switched by one transaction.

use super::commit::append;
use super::commit::append_rows;
use super::expression::period;
use super::literal;
use super::platform::PlatformIds;
use super::read_rows::select_tags;
use super::rows::{Layout, Named};
use super::schema::Table;
use crate::error::StoreError;
use crate::facts_order::flag_bit;
use crate::rewrites::{Amounts, Figure, Piece, Rewrite, Scope, Span, Staged};
use arrow::array::{ArrayRef, Int64Array, StringArray};
use duckdb::Connection;
use model::Field;
use model::event::Row;
use model::query::TimeBasis;
use std::sync::Arc;

/// Answers [`crate::Rewrites::generation`].
pub fn generation(connection: &Connection) -> Result<u64, StoreError> {
    let sql = "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'generation'";
    let value = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    value.map(|value| value as u64).map_err(StoreError::during("read the generation"))
}

/// Answers [`crate::Rewrites::rows_within`].
pub fn rows_within(
    connection: &Connection,
    layout: &Layout,
    scope: &Scope,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for table in Table::ALL {
        let kinds: Vec<i64> =
            scope.kinds.iter().filter(|k| Table::of(**k) == table).map(|k| *k as i64).collect();
        if kinds.is_empty() {
            continue;
        }
        let condition = format!(
            "{} AND sequence > {} AND sequence <= {} AND row_kind IN {}",
            within(&scope.span),
            scope.after.min(i64::MAX as u64),
            scope.through.min(i64::MAX as u64),
            literal::ints(kinds.into_iter())
        );
        rows.extend(select_tags(connection, layout, table, &condition, &scope.tags)?);
    }
    super::lookup::sort(&mut rows);
    Ok(rows)
}

fn within(span: &Span) -> String {
    let campaign = span.campaign.map(|campaign| format!(" AND campaign = {campaign}"));
    format!(
        "workspace = {} AND {}{}",
        span.workspace,
        period(TimeBasis::Click, span.from_ms, span.to_ms),
        campaign.unwrap_or_default()
    )
}

/// Answers [`crate::Rewrites::stage`].
pub fn stage(
    connection: &Connection,
    piece: Piece,
    rewrites: &[Rewrite],
) -> Result<(), StoreError> {
    let failed = StoreError::during("keep new figures aside");
    let Piece { job, number, through, basis } = piece;
    let replace = format!(
        "DELETE FROM staged WHERE job = {job} AND piece >= {number}; \
         DELETE FROM staged_pieces WHERE job = {job} AND piece >= {number}; \
         INSERT INTO staged_pieces VALUES ({job}, {number}, {through}, {basis})"
    );
    in_transaction(connection, || {
        connection.execute_batch(&replace)?;
        if rewrites.is_empty() {
            Ok(())
        } else {
            append(connection, "staged", columns(piece, rewrites))
        }
    })
    .map_err(failed)
}

fn columns(piece: Piece, rewrites: &[Rewrite]) -> Named {
    let ints = |value: &dyn Fn(&Rewrite) -> Option<i64>| {
        Arc::new(rewrites.iter().map(value).collect::<Int64Array>()) as ArrayRef
    };
    let texts = |value: &dyn for<'r> Fn(&'r Rewrite) -> Option<&'r str>| {
        Arc::new(rewrites.iter().map(value).collect::<StringArray>()) as ArrayRef
    };
    let amounts = |value: &dyn Fn(&Amounts) -> Option<i64>| ints(&|r| value(amounts_of(r)?));
    vec![
        ("job", ints(&|_| Some(piece.job))),
        ("piece", ints(&|_| i64::try_from(piece.number).ok())),
        ("row_table", ints(&|rewrite| Some(place(Table::of(rewrite.kind))))),
        ("figure", ints(&|rewrite| Some(form(&rewrite.figure)))),
        ("key", ints(&|rewrite| Some(rewrite.key.0))),
        ("sequence", ints(&|rewrite| i64::try_from(rewrite.sequence).ok())),
        ("count", ints(&|rewrite| Some(rewrite.count))),
        ("entry", ints(&|rewrite| paid(&rewrite.figure).0)),
        ("cost", ints(&|rewrite| paid(&rewrite.figure).1)),
        ("revenue", amounts(&|amounts| Some(amounts.revenue))),
        ("cost_base", amounts(&|amounts| amounts.base)),
        ("cost_amount", amounts(&|amounts| amounts.received)),
        ("cost_currency", texts(&|r| amounts_of(r)?.received_currency.as_deref())),
        ("amount", amounts(&|amounts| amounts.amount)),
        ("rate", texts(&|r| amounts_of(r)?.rate.as_deref())),
        ("is_bot", ints(&|rewrite| Some(verdict(&rewrite.figure)?.0.into()))),
        ("reason", texts(&|rewrite| Some(verdict(&rewrite.figure)?.1))),
    ]
}

/// Numbers of what `staged` holds.
const COST: i64 = 0;
const VERDICT: i64 = 1;
const AMOUNTS: i64 = 2;

fn form(figure: &Figure) -> i64 {
    match figure {
        Figure::Own | Figure::Share { .. } => COST,
        Figure::Verdict { .. } => VERDICT,
        Figure::Amounts(_) => AMOUNTS,
    }
}

/// The entry that pays, and how much.
fn paid(figure: &Figure) -> (Option<i64>, Option<i64>) {
    match figure {
        Figure::Own | Figure::Verdict { .. } => (None, None),
        Figure::Share { entry, cost } => (Some(*entry), Some(*cost)),
        Figure::Amounts(amounts) => (amounts.entry, Some(amounts.cost)),
    }
}

fn amounts_of(rewrite: &Rewrite) -> Option<&Amounts> {
    match &rewrite.figure {
        Figure::Amounts(amounts) => Some(amounts),
        _ => None,
    }
}

fn verdict(figure: &Figure) -> Option<(bool, &'static str)> {
    match figure {
        Figure::Verdict { is_bot, reason } => Some((*is_bot, reason)),
        _ => None,
    }
}

/// The number of a table in `staged`: its place among all.
fn place(table: Table) -> i64 {
    Table::ALL.iter().position(|other| *other == table).map_or(-1, |place| place as i64)
}

/// Answers [`crate::Rewrites::staged`].
pub fn staged(connection: &Connection, job: i64) -> Result<Option<Staged>, StoreError> {
    let sql =
        format!("SELECT count(*), max(through), max(basis) FROM staged_pieces WHERE job = {job}");
    let found = connection.query_row(&sql, [], |row| {
        Ok((row.get::<_, i64>(0)? as u64, row.get::<_, Option<i64>>(1)?, row.get(2)?))
    });
    let failed = StoreError::during("read how far a recompute is");
    let (pieces, through, basis): (_, _, Option<i64>) = found.map_err(failed)?;
    let staged = through.zip(basis);
    Ok(staged.map(|(through, basis)| Staged { through: through as u64, basis, pieces }))
}

/// Answers [`crate::Rewrites::switch`].
pub fn switch(
    connection: &Connection,
    layout: &Layout,
    job: i64,
    span: &Span,
    spend: Option<&[Row]>,
) -> Result<u64, StoreError> {
    let failed = StoreError::during("switch to new figures");
    connection.execute_batch("BEGIN TRANSACTION").map_err(&failed)?;
    let switched = try_switch(connection, layout, job, span, spend);
    let end = if switched.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end).map_err(failed);
    switched.and_then(|changed| ended.map(|()| changed))
}

fn try_switch(
    connection: &Connection,
    layout: &Layout,
    job: i64,
    span: &Span,
    spend: Option<&[Row]>,
) -> Result<u64, StoreError> {
    let failed = StoreError::during("switch to new figures");
    let mut changed = 0;
    for table in Table::OF_CLICKS {
        for of_figure in [update_cost, update_verdict, update_amounts] {
            let sql = of_figure(table, job);
            changed += connection.execute(&sql, []).map_err(&failed)? as u64;
        }
    }
    if let Some(spend) = spend {
        let spent = Table::Spend.name();
        let delete = format!("DELETE FROM {spent} WHERE {}", within(span));
        connection.execute_batch(&delete).map_err(&failed)?;
        append_rows(connection, layout, Table::Spend, spend.iter(), &mut PlatformIds::new(0))?;
    }
    let generation = generation(connection)? + 1;
    let end = format!(
        "DELETE FROM staged; DELETE FROM staged_pieces; \
         DELETE FROM meta WHERE name = 'generation'; \
         INSERT INTO meta VALUES ('generation', {generation})"
    );
    connection.execute_batch(&end).map_err(failed)?;
    Ok(changed)
}

/// What a row was written down with stays beside its share of an entry.
fn update_cost(table: Table, job: i64) -> String {
    let name = table.name();
    let own = format!("coalesce({name}.cost_base, {name}.cost)");
    let set = format!(
        "cost = CASE WHEN s.entry IS NULL THEN {own} ELSE s.cost END, \
         cost_base = CASE WHEN s.entry IS NOT NULL THEN {own} END, cost_entry = s.entry"
    );
    update(table, job, COST, &set)
}

fn update_verdict(table: Table, job: i64) -> String {
    let bit = 1_i64 << flag_bit(Field::Bot.tag()).unwrap_or_default();
    let (name, reason) = (table.name(), Field::BotReason.name());
    let set = format!(
        "flags = ({name}.flags & ~{bit}) | ({bit} * s.is_bot), {reason} = nullif(s.reason, '')"
    );
    update(table, job, VERDICT, &set)
}

fn update_amounts(table: Table, job: i64) -> String {
    let set = "cost = s.cost, revenue = s.revenue, cost_base = s.cost_base, cost_entry = s.entry, \
               cost_amount = s.cost_amount, cost_currency = s.cost_currency, amount = s.amount, \
               rate = s.rate";
    update(table, job, AMOUNTS, set)
}

fn update(table: Table, job: i64, figure: i64, set: &str) -> String {
    let (name, number) = (table.name(), place(table));
    format!(
        "UPDATE {name} SET {set} FROM (SELECT * FROM staged \
         WHERE job = {job} AND row_table = {number} AND figure = {figure}) s \
         WHERE {name}.key = s.key AND {name}.sequence = s.sequence AND {name}.count = s.count"
    )
}

fn in_transaction(
    connection: &Connection,
    work: impl FnOnce() -> duckdb::Result<()>,
) -> duckdb::Result<()> {
    connection.execute_batch("BEGIN TRANSACTION")?;
    let done = work();
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = connection.execute_batch(end);
    done.and(ended)
}
