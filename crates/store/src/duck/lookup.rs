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

/// The rows with these keys in `tables`, by key, then sequence, then kind.
///
/// A row is dear to read (each of its columns has a block of its own, and a dictionary), a key is cheap
/// to find: so the wide rows are read only where the narrow column of keys has one.
pub fn rows_of(
    connection: &Connection,
    layout: &Layout,
    workspace: ThingId,
    tables: &[Table],
    keys: &[ClickKey],
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for (table, places) in find(connection, tables, keys)? {
        for places in pieces(&places) {
            let condition = format!("{} AND workspace = {workspace}", among(places));
            rows.extend(select(connection, layout, table, &condition)?);
        }
    }
    sort(&mut rows);
    Ok(rows)
}

/// The condition for the rows of one click.
pub fn of_one(workspace: ThingId, key: ClickKey) -> String {
    format!("key = {} AND workspace = {workspace}", key.0)
}

/// Puts rows in the order of [`crate::Events::rows_of`].
pub fn sort(rows: &mut [Row]) {
    rows.sort_by_key(|row| (row.key, row.sequence, row.kind));
}

/// The row group in which a key's first row is, and the key.
type Place = (i64, ClickKey);

/// Where rows with these keys are, table by table, in order.
fn find(
    connection: &Connection,
    tables: &[Table],
    keys: &[ClickKey],
) -> Result<Vec<(Table, Vec<Place>)>, StoreError> {
    let failed = StoreError::during("find clicks");
    let mut found: Vec<_> = tables.iter().map(|table| (*table, Vec::new())).collect();
    let mut wanted: Vec<Place> = keys.iter().map(|key| (0, *key)).collect();
    wanted.sort_unstable();
    wanted.dedup();
    if wanted.is_empty() {
        return Ok(found);
    }
    let condition = among(&wanted);
    let parts = tables.iter().enumerate().map(|(table, name)| {
        let name = name.name();
        format!("SELECT {table}, rowid // {ROW_GROUP}, key FROM {name} WHERE {condition}")
    });
    let sql = parts.collect::<Vec<_>>().join(" UNION ALL ");
    let mut statement = connection.prepare(&sql).map_err(&failed)?;
    let places = statement.query_map([], |row| {
        Ok((row.get::<_, usize>(0)?, row.get::<_, i64>(1)?, ClickKey(row.get(2)?)))
    });
    for place in places.map_err(&failed)? {
        let (table, row_group, key) = place.map_err(&failed)?;
        found[table].1.push((row_group, key));
    }
    for (_, places) in &mut found {
        places.sort_unstable_by_key(|(row_group, key)| (*key, *row_group));
        places.dedup_by_key(|(_, key)| *key);
        places.sort_unstable();
    }
    Ok(found)
}

/// Rows of a row group: DuckDB's `DEFAULT_ROW_GROUP_SIZE`.
const ROW_GROUP: usize = crate::CLICKS_AT_ONCE;

/// With so many keys in one row group, reading all of its rows costs less than reading single ones
/// (measured: 45 ms against 4 ms each).
const MANY: usize = 10;

/// The pieces in which rows are read: single keys, or all of a row group where there are many.
fn pieces(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    places
        .chunk_by(|(group, _), (other, _)| group == other)
        .flat_map(|group| group.chunks(if group.len() < MANY { 1 } else { group.len() }))
}

/// The condition for the keys of `places`, which are in order and not empty.
fn among(places: &[Place]) -> String {
    let [(_, first), .., (_, last)] = places else {
        return format!("key = {}", places.first().map_or(0, |(_, key)| key.0));
    };
    // The bounds let DuckDB skip row groups before it looks at any key.
    let list = literal::ints(places.iter().map(|(_, key)| key.0));
    format!("key >= {} AND key <= {} AND key IN {list}", first.0, last.0)
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
    let mut rows = select(connection, layout, Table::Ledger, &condition)?;
    sort(&mut rows);
    Ok(rows)
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
    let mut rows = Vec::new();
    for table in Table::ALL {
        rows.extend(select(connection, layout, table, &condition)?);
    }
    sort(&mut rows);
    rows.sort_by_key(at_ms);
    rows.drain(..usize::try_from(start.shown).unwrap_or(usize::MAX).min(rows.len()));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more);
    let next = next.map(|last| next_cursor(&start, &rows, at_ms(last), at_ms));
    Ok((rows, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_group_is_read_whole_where_many_of_its_rows_are_wanted() {
        let places = |group: i64, count: i64| (0..count).map(move |key| (group, ClickKey(key)));
        for (few, many) in [(0, 0), (1, 0), (3, 10), (9, 40)] {
            let places: Vec<Place> = places(7, few).chain(places(8, many)).collect();
            let sizes: Vec<usize> = pieces(&places).map(<[Place]>::len).collect();
            let mut expected = vec![1; few as usize];
            expected.extend((many > 0).then_some(many as usize));
            assert_eq!(sizes, expected, "{few} and {many}");
            assert_eq!(pieces(&places).flatten().copied().collect::<Vec<_>>(), places);
        }
    }
}
