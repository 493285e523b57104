//! Opening the database file: refuse what is newer, limit what it may use, bring it up to date.

use super::migrate::{self, FORMAT};
use super::schema::Column;
use crate::error::StoreError;
use duckdb::{AccessMode, Config, Connection};
use std::path::Path;

/// What DuckDB may use.
#[derive(Clone, Copy, Debug)]
pub struct DuckOptions {
    /// Memory for buffers and the work of queries; what exceeds it spills into a folder beside the file.
    pub memory_bytes: u64,
    /// Threads for the work of queries.
    pub threads: usize,
}

/// The write-ahead log is folded into the database when it is this large: larger is less writing,
/// smaller is a faster start after a crash.
const CHECKPOINT_BYTES: u64 = 128 << 20;

/// The size of a block of a new database, bytes: one click's row is spread over one block for each of
/// its columns, so that small blocks make it quick to find (a quarter of DuckDB's 256 KiB saves a third
/// of the time and costs 1 % of size; smaller ones cost much of both).
const BLOCK_BYTES: u64 = 64 << 10;

/// Opens or creates the database at `path` for this version.
pub fn open(
    path: &Path,
    options: DuckOptions,
    columns: &[Column],
) -> Result<Connection, StoreError> {
    if path.exists() {
        refuse_newer(path)?;
    }
    let connection =
        Connection::open_with_flags(path, config(path, options).map_err(failed(path))?)
            .map_err(failed(path))?;
    migrate::migrate(&connection, columns)?;
    Ok(connection)
}

/// Looks at the format stamp without writing anything: read-only, so not even the write-ahead log of a
/// crash is folded in.
fn refuse_newer(path: &Path) -> Result<(), StoreError> {
    let look = || {
        let config = Config::default()
            .access_mode(AccessMode::ReadOnly)?
            .with("threads", "1")?
            .enable_autoload_extension(false)?
            .enable_external_access(false)?;
        migrate::format(&Connection::open_with_flags(path, config)?)
    };
    let found = look().map_err(failed(path))?;
    if found > i64::from(FORMAT) {
        let (path, found) = (path.to_owned(), found.to_string());
        return Err(StoreError::NewerVersion { path, found, known: FORMAT });
    }
    Ok(())
}

fn config(path: &Path, options: DuckOptions) -> duckdb::Result<Config> {
    let spill = path.with_extension("tmp");
    Config::default()
        .with("memory_limit", format!("{}B", options.memory_bytes))?
        .with("threads", options.threads.max(1).to_string())?
        .with("temp_directory", spill.to_string_lossy())?
        .with("wal_autocheckpoint", format!("{CHECKPOINT_BYTES}B"))?
        .with("default_block_size", BLOCK_BYTES.to_string())?
        .with("storage_compatibility_version", "latest")?
        .enable_autoload_extension(false)?
        .with("allow_community_extensions", "false")?
        .enable_external_access(false)?
        .with("lock_configuration", "true")
}

/// What DuckDB's refusal to open means.
fn failed(path: &Path) -> impl Fn(duckdb::Error) -> StoreError {
    let path = path.to_owned();
    move |error| {
        let (path, text) = (path.clone(), error.to_string());
        if text.contains("Could not set lock on file") {
            StoreError::Locked { path, source: error.into() }
        } else if text.contains("Trying to read a database file with version number") {
            StoreError::NewerVersion { path, found: "of a newer DuckDB".to_owned(), known: FORMAT }
        } else {
            StoreError::Open { path, source: error.into() }
        }
    }
}
