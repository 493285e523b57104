//! The format of the database: its stamp, the steps from one to the next, and the fields' columns.

use super::literal;
use super::schema::{Column, Table};
use crate::error::StoreError;
use duckdb::Connection;
use std::collections::HashSet;

/// Steps, each from the format of its place to the next. A step once released never changes.
const STEPS: [&str; 1] = [include_str!("../../migrations/duckdb/0001_events.sql")];

/// The format this program writes, and the newest it reads.
pub const FORMAT: u32 = STEPS.len() as u32;

/// The format of a database; 0 when it is new.
pub fn format(connection: &Connection) -> duckdb::Result<i64> {
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'meta'";
    if connection.query_row(tables, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(0);
    }
    connection.query_row("SELECT value FROM meta WHERE name = 'format'", [], |row| row.get(0))
}

/// Brings a database up to this version, in one transaction: the steps it has not seen, then a column
/// for every field that has none yet.
pub fn migrate(connection: &Connection, columns: &[Column]) -> Result<(), StoreError> {
    let failed = StoreError::during("bring the event tables up to this version");
    connection.execute_batch("BEGIN TRANSACTION").map_err(&failed)?;
    let done = steps(connection, columns);
    let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
    done.and_then(|()| connection.execute_batch(end)).map_err(failed)
}

fn steps(connection: &Connection, columns: &[Column]) -> duckdb::Result<()> {
    let format = format(connection)?;
    for step in STEPS.iter().skip(usize::try_from(format).unwrap_or_default()) {
        connection.execute_batch(step)?;
    }
    match format {
        0 => {
            connection
                .execute("INSERT INTO meta VALUES ('format', ?), ('position', 0)", [FORMAT])?;
        }
        _ => {
            connection.execute("UPDATE meta SET value = ? WHERE name = 'format'", [FORMAT])?;
        }
    }
    for table in Table::ALL {
        let existing = existing_columns(connection, table)?;
        for column in columns.iter().filter(|column| !existing.contains(column.name)) {
            connection.execute_batch(&format!(
                "ALTER TABLE {} ADD COLUMN {} {}",
                table.name(),
                literal::name(column.name),
                column.kind.sql()
            ))?;
        }
    }
    Ok(())
}

fn existing_columns(connection: &Connection, table: Table) -> duckdb::Result<HashSet<String>> {
    let sql = "SELECT column_name FROM duckdb_columns() WHERE table_name = ?";
    let mut statement = connection.prepare(sql)?;
    statement.query_map([table.name()], |row| row.get(0))?.collect()
}
