//! Postbacks and pixel calls: writing and reading the inbox.

use super::builder::{BytesColumn, IntColumn};
use super::commit::append;
use super::literal;
use crate::error::StoreError;
use crate::events::{Batch, InboxQuery};
use crate::filter_test::fold;
use crate::inbox_text::search_text;
use duckdb::Connection;
use model::ClickKey;
use model::codec;
use model::event::{InboxEntry, Verdict};
use model::thing::ThingId;

/// Adds the entries of a batch; one that changes an entry of an earlier batch replaces it.
pub fn write(connection: &Connection, batch: &Batch) -> Result<(), StoreError> {
    if batch.inbox.is_empty() {
        return Ok(());
    }
    let failed = StoreError::during("write the inbox");
    // Sequences behind `after` are new: only earlier ones can stand there already.
    let earlier = batch.inbox.iter().map(|entry| entry.sequence).filter(|s| *s <= batch.after);
    let earlier: Vec<i64> = earlier.map(|sequence| sequence as i64).collect();
    if !earlier.is_empty() {
        let list = literal::ints(earlier.into_iter());
        connection
            .execute_batch(&format!("DELETE FROM inbox WHERE sequence IN {list}"))
            .map_err(&failed)?;
    }
    let rows = batch.inbox.len();
    let [mut sequence, mut workspace, mut received, mut key] =
        std::array::from_fn(|_| IntColumn::new(rows));
    let [mut verdict, mut reason, mut message, mut facts, mut search] =
        std::array::from_fn(|_| BytesColumn::new(rows));
    let mut record = Vec::new();
    for (row, entry) in batch.inbox.iter().enumerate() {
        sequence.set(row, entry.sequence as i64);
        workspace.set(row, entry.workspace.into());
        received.set(row, entry.received_ms);
        if let Some(ClickKey(value)) = entry.key {
            key.set(row, value);
        }
        verdict.set(row, entry.verdict.as_str().as_bytes());
        reason.set(row, entry.reason.as_bytes());
        message.set(row, entry.message.as_bytes());
        record.clear();
        codec::encode(entry.kind, &entry.facts, &mut record);
        facts.set(row, &record);
        search.set(row, search_text(entry).as_bytes());
    }
    let layout = StoreError::during("lay inbox entries out as columns");
    let mut columns = Vec::with_capacity(9);
    let ints =
        [("sequence", sequence), ("workspace", workspace), ("received_ms", received), ("key", key)];
    columns.extend(ints.into_iter().filter_map(|(name, c)| Some((name, c.finish(rows)?))));
    columns.push(("facts", facts.finish_bytes(rows).map_err(&layout)?));
    for (name, column) in
        [("verdict", verdict), ("reason", reason), ("message", message), ("search", search)]
    {
        columns.extend(column.finish_text(rows).map_err(&layout)?.map(|array| (name, array)));
    }
    append(connection, "inbox", columns).map_err(failed)
}

/// Entries that a condition on the table selects.
fn read(
    connection: &Connection,
    workspace: ThingId,
    condition: &str,
    order_and_limit: &str,
) -> Result<Vec<InboxEntry>, StoreError> {
    let failed = StoreError::during("read the inbox");
    let sql = format!(
        "SELECT sequence, received_ms, key, verdict, reason, message, facts FROM inbox \
         WHERE workspace = {workspace} AND {condition} ORDER BY sequence {order_and_limit}"
    );
    let mut statement = connection.prepare(&sql).map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        entries.push(entry(workspace, row)?);
    }
    Ok(entries)
}

fn entry(workspace: ThingId, row: &duckdb::Row<'_>) -> Result<InboxEntry, StoreError> {
    let failed = StoreError::during("read the inbox");
    let sequence = row.get::<_, i64>(0).map_err(&failed)? as u64;
    let unreadable = || StoreError::unreadable(format!("inbox entry {sequence}"));
    let verdict: String = row.get(3).map_err(&failed)?;
    let record: Vec<u8> = row.get(6).map_err(&failed)?;
    let record = codec::decode(&record).map_err(|_| unreadable())?;
    Ok(InboxEntry {
        sequence,
        workspace,
        kind: record.kind,
        received_ms: row.get(1).map_err(&failed)?,
        key: row.get::<_, Option<i64>>(2).map_err(&failed)?.map(ClickKey),
        verdict: Verdict::from_word(&verdict).ok_or_else(unreadable)?,
        reason: row.get(4).map_err(&failed)?,
        message: row.get(5).map_err(&failed)?,
        facts: record.facts,
    })
}

/// Answers [`crate::Events::inbox`].
pub fn search(
    connection: &Connection,
    workspace: ThingId,
    query: &InboxQuery,
) -> Result<Vec<InboxEntry>, StoreError> {
    let mut conditions = vec!["TRUE".to_owned()];
    conditions.extend(query.verdict.map(|v| format!("verdict = {}", literal::text(v.as_str()))));
    conditions.extend(query.reason.as_ref().map(|r| format!("reason = {}", literal::text(r))));
    conditions.extend(query.key.map(|key| format!("key = {}", key.0)));
    conditions.extend(
        query.received.map(|(from, to)| format!("received_ms >= {from} AND received_ms < {to}")),
    );
    conditions.extend(
        query
            .before
            .map(|before| format!("sequence < {}", i64::try_from(before).unwrap_or(i64::MAX))),
    );
    conditions.extend(
        query.text.as_ref().map(|t| format!("contains(search, {})", literal::text(&fold(t)))),
    );
    let newest_first = format!("DESC LIMIT {}", query.limit);
    read(connection, workspace, &conditions.join(" AND "), &newest_first)
}

/// Answers [`crate::Events::inbox_of`].
pub fn of_clicks(
    connection: &Connection,
    workspace: ThingId,
    keys: &[ClickKey],
) -> Result<Vec<InboxEntry>, StoreError> {
    let keys = literal::ints(keys.iter().map(|key| key.0));
    read(connection, workspace, &format!("key IN {keys}"), "ASC")
}

/// Answers [`crate::Events::inbox_entries`].
pub fn by_sequence(
    connection: &Connection,
    workspace: ThingId,
    sequences: &[u64],
) -> Result<Vec<InboxEntry>, StoreError> {
    if sequences.is_empty() {
        return Ok(Vec::new());
    }
    let list = literal::ints(sequences.iter().map(|sequence| *sequence as i64));
    read(connection, workspace, &format!("sequence IN {list}"), "ASC")
}
