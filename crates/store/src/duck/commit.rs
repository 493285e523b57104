//! A batch into the database: rows as Arrow batches, in one transaction with the journal position.

use super::inbox;
use super::literal;
use super::platform::PlatformIds;
use super::rows::{Layout, Named, TableRows};
use super::schema::Table;
use crate::error::StoreError;
use crate::events::Batch;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};
use duckdb::Connection;
use model::ClickKey;
use model::event::Row;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most rows of one Arrow batch.
const ROWS_MAX: usize = 65_536;

/// The most bytes of one column of an Arrow batch, whose offsets have 31 bits.
const COLUMN_BYTES_MAX: usize = 1 << 28;

/// What the table `meta` says, kept by the one thread that writes.
#[derive(Debug, Default)]
pub struct Meta {
    /// The last journal sequence committed.
    pub position: u64,
    /// The newest time of a row.
    pub newest_ms: Option<i64>,
    /// The largest key by node.
    pub largest_keys: BTreeMap<u8, ClickKey>,
}

impl Meta {
    /// Reads the table.
    pub fn read(connection: &Connection) -> duckdb::Result<Self> {
        let mut statement = connection.prepare("SELECT name, value FROM meta")?;
        let mut meta = Self::default();
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        for row in rows {
            let (name, value) = row?;
            match name.as_str() {
                "position" => meta.position = value as u64,
                "newest_ms" => meta.newest_ms = Some(value),
                _ => {
                    let node = name.strip_prefix(LARGEST_KEY).and_then(|node| node.parse().ok());
                    meta.largest_keys.extend(node.map(|node: u8| (node, ClickKey(value))));
                }
            }
        }
        Ok(meta)
    }

    /// What it will be after `batch`.
    fn after(&self, batch: &Batch) -> Self {
        let newest_ms = batch.rows.iter().map(|row| row.event_ms).max();
        let mut largest_keys = self.largest_keys.clone();
        for row in &batch.rows {
            let key = largest_keys.entry(row.key.node()).or_insert(row.key);
            *key = row.key.max(*key);
        }
        Self { position: batch.through, newest_ms: self.newest_ms.max(newest_ms), largest_keys }
    }

    /// Writes what differs from `before`.
    fn write(&self, before: &Self, connection: &Connection) -> duckdb::Result<()> {
        set(connection, "position", true, self.position as i64)?;
        if let Some(newest_ms) = self.newest_ms.filter(|_| self.newest_ms != before.newest_ms) {
            set(connection, "newest_ms", before.newest_ms.is_some(), newest_ms)?;
        }
        for (node, key) in &self.largest_keys {
            let known = before.largest_keys.get(node);
            if known != Some(key) {
                set(connection, &format!("{LARGEST_KEY}{node}"), known.is_some(), key.0)?;
            }
        }
        Ok(())
    }
}

const LARGEST_KEY: &str = "largest_key:";

fn set(connection: &Connection, name: &str, exists: bool, value: i64) -> duckdb::Result<()> {
    let name = literal::text(name);
    connection.execute_batch(&if exists {
        format!("UPDATE meta SET value = {value} WHERE name = {name}")
    } else {
        format!("INSERT INTO meta VALUES ({name}, {value})")
    })
}

/// Commits `batch`, or nothing of it.
pub fn commit(
    connection: &Connection,
    layout: &Layout,
    meta: &mut Meta,
    batch: &Batch,
) -> Result<(), StoreError> {
    if batch.after != meta.position || batch.through < batch.after {
        return Err(StoreError::OutOfStep { after: batch.after, position: meta.position });
    }
    let failed = StoreError::during("commit a batch of events");
    let after = meta.after(batch);
    connection.execute_batch("BEGIN TRANSACTION").map_err(&failed)?;
    let written = write(connection, layout, batch)
        .and_then(|()| after.write(meta, connection).map_err(&failed))
        .and_then(|()| connection.execute_batch("COMMIT").map_err(&failed));
    match written {
        Ok(()) => *meta = after,
        Err(_) => {
            // A failed COMMIT has rolled back already; then there is nothing to roll back.
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
    written
}

fn write(connection: &Connection, layout: &Layout, batch: &Batch) -> Result<(), StoreError> {
    let failed = StoreError::during("append events");
    let mut platform_ids = PlatformIds::new(batch.rows.len());
    for table in Table::ALL {
        let rows = batch.rows.iter().filter(|row| Table::of(row.kind) == table);
        append_rows(connection, layout, table, rows, &mut platform_ids)?;
    }
    if let Some(columns) = platform_ids.finish() {
        append(connection, "platform_ids", columns).map_err(failed)?;
    }
    inbox::write(connection, batch)
}

/// Appends rows of one table.
pub fn append_rows<'r>(
    connection: &Connection,
    layout: &Layout,
    table: Table,
    rows: impl Iterator<Item = &'r Row>,
    platform_ids: &mut PlatformIds,
) -> Result<(), StoreError> {
    let failed = StoreError::during("append rows");
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let capacity = rows.size_hint().1.unwrap_or_default().min(ROWS_MAX);
        let mut columns = TableRows::new(layout, capacity);
        while columns.len() < ROWS_MAX && columns.widest() < COLUMN_BYTES_MAX {
            let Some(row) = rows.next() else { break };
            columns.push(row, platform_ids);
        }
        let columns = columns.finish().map_err(StoreError::during("lay rows out as columns"))?;
        append(connection, table.name(), columns).map_err(&failed)?;
    }
    Ok(())
}

/// Appends columns to a table; columns that are not named stay empty.
pub fn append(connection: &Connection, table: &str, columns: Named) -> duckdb::Result<()> {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays: Vec<ArrayRef> = columns.iter().map(|(_, array)| array.clone()).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| duckdb::Error::ToSqlConversionFailure(error.into()))?;
    let mut appender = connection.appender_with_columns(table, &names)?;
    appender.append_record_batch(batch)?;
    appender.flush()
}
