//! Rows by click, by transaction id, by platform id, by time.

use super::expression::{period, time_ms};
use super::literal;
use super::platform::platform_hash;
use super::read_rows::select;
use super::rows::Layout;
use super::schema::Table;
use crate::error::StoreError;
use crate::events::{Cursor, ExportPage, PLATFORM_ID_MATCHES_MAX};
use crate::field_value::row_time_ms;
use crate::memory::next_cursor;
use duckdb::Connection;
use model::ClickKey;
use model::event::Row;
use model::query::TimeBasis;
use model::thing::ThingId;

/// Answers [`crate::Events::rows_of`].
pub fn rows_of(
    connection: &Connection,
    layout: &Layout,
    workspace: ThingId,
    keys: &[ClickKey],
) -> Result<Vec<Row>, StoreError> {
    let (Some(first), Some(last)) = (keys.iter().min(), keys.iter().max()) else {
        return Ok(Vec::new());
    };
    let condition = if first == last {
        format!("key = {} AND workspace = {workspace}", first.0)
    } else {
        // The bounds let DuckDB skip row groups before it looks at any key.
        let (first, last) = (first.0, last.0);
        let keys = literal::ints(keys.iter().map(|key| key.0));
        format!("key >= {first} AND key <= {last} AND key IN {keys} AND workspace = {workspace}")
    };
    select(connection, layout, &Table::ALL, &condition)
}

/// Answers [`crate::Events::entries_with_txid`].
pub fn entries_with_txid(
    connection: &Connection,
    layout: &Layout,
    workspace: ThingId,
    txids: &[String],
) -> Result<Vec<Row>, StoreError> {
    if txids.is_empty() {
        return Ok(Vec::new());
    }
    let txids = literal::texts(txids.iter().map(String::as_str));
    let condition = format!("txid IN {txids} AND workspace = {workspace}");
    select(connection, layout, &[Table::Ledger], &condition)
}

/// Answers [`crate::Events::find_platform_id`].
pub fn find_platform_id(
    connection: &Connection,
    workspace: ThingId,
    kind: &str,
    value: &str,
) -> Result<Vec<ClickKey>, StoreError> {
    let failed = StoreError::during("look a platform id up");
    let hash = platform_hash(workspace, kind.as_bytes(), value.as_bytes());
    let sql = format!(
        "SELECT DISTINCT key FROM platform_ids WHERE hash = {hash} \
         ORDER BY key DESC LIMIT {PLATFORM_ID_MATCHES_MAX}"
    );
    let mut statement = connection.prepare(&sql).map_err(&failed)?;
    let keys = statement.query_map([], |row| row.get(0).map(ClickKey)).map_err(&failed)?;
    keys.collect::<duckdb::Result<_>>().map_err(failed)
}

/// Answers [`crate::Events::export`]. The times of the page's rows are found first, from one column;
/// whole rows are then read for these times alone.
pub fn export(
    connection: &Connection,
    layout: &Layout,
    workspace: ThingId,
    (from_ms, to_ms): (i64, i64),
    time: TimeBasis,
    page: ExportPage,
) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
    let failed = StoreError::during("export rows");
    let start = page.cursor.unwrap_or(Cursor { time_ms: from_ms, shown: 0 });
    let from_ms = start.time_ms.max(from_ms);
    let limit = page.limit.max(1);
    let wanted = start.shown.saturating_add(limit as u64).min(i64::MAX as u64 - 1) + 1;
    let at = time_ms(time);
    let condition = format!("workspace = {workspace} AND {}", period(time, from_ms, to_ms));
    let times: Vec<String> = Table::ALL
        .iter()
        .map(|table| format!("SELECT {at} AS time_ms FROM {} WHERE {condition}", table.name()))
        .collect();
    let last = format!(
        "SELECT max(time_ms) FROM (SELECT time_ms FROM ({}) ORDER BY time_ms LIMIT {wanted})",
        times.join(" UNION ALL ")
    );
    let last: Option<i64> = connection.query_row(&last, [], |row| row.get(0)).map_err(failed)?;
    let Some(last) = last else { return Ok((Vec::new(), None)) };
    let condition = format!(
        "workspace = {workspace} AND {}",
        period(time, from_ms, last.saturating_add(1).min(to_ms))
    );
    let at_ms = |row: &Row| row_time_ms(row, time);
    let mut rows = select(connection, layout, &Table::ALL, &condition)?;
    rows.sort_by_key(at_ms);
    rows.drain(..usize::try_from(start.shown).unwrap_or(usize::MAX).min(rows.len()));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| next_cursor(&start, &rows, at_ms(last), at_ms));
    Ok((rows, next))
}
