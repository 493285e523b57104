//! Opening the catalog's file: refuse what is newer, set it up for durability, bring it up to date.

use crate::error::StoreError;
use crate::thing_body;
use model::thing::{DEFAULT_WORKSPACE, Kind};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

/// Steps, each from the format of its place to the next. A step once released never changes.
const STEPS: [&str; 2] = [
    include_str!("../../migrations/sqlite/0001_catalog.sql"),
    include_str!("../../migrations/sqlite/0002_kinds.sql"),
];

/// The format this program writes, and the newest it reads.
const FORMAT: u32 = STEPS.len() as u32;

/// The first release without the WAL-reset bug, which can corrupt a database
/// (sqlite.org/wal.html, "The WAL-Reset Bug").
const SQLITE_MIN: [u32; 3] = [3, 51, 3];

/// Opens or creates the catalog at `path` for this version.
pub async fn open(path: &Path) -> Result<SqliteConnection, StoreError> {
    refuse_newer(path)?;
    let failed =
        |source: sqlx::Error| StoreError::Open { path: path.to_owned(), source: source.into() };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("mmap_size", "0")
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed)?;
    check_library(&mut connection).await?;
    migrate(&mut connection, path).await?;
    Ok(connection)
}

/// Looks at the format stamp in the file's head (`user_version`, SQLite's file format, 1.3.14) without
/// SQLite, which would write beside it.
fn refuse_newer(path: &Path) -> Result<(), StoreError> {
    let mut head = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        Ok(()) => {
            let stamp = [head[60], head[61], head[62], head[63]];
            check_format(path, u32::from_be_bytes(stamp))
        }
        // Absent, or just created and still empty.
        Err(e) if [ErrorKind::NotFound, ErrorKind::UnexpectedEof].contains(&e.kind()) => Ok(()),
        Err(source) => Err(StoreError::Open { path: path.to_owned(), source: source.into() }),
    }
}

fn check_format(path: &Path, found: u32) -> Result<(), StoreError> {
    if found <= FORMAT {
        return Ok(());
    }
    let (path, found) = (path.to_owned(), found.to_string());
    Err(StoreError::NewerVersion { path, found, known: FORMAT })
}

async fn check_library(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT sqlite_version()").fetch_one(connection).await;
    let row = row.map_err(StoreError::during("ask SQLite for its version"))?;
    let found: String = row.get(0);
    if is_safe(&found) { Ok(()) } else { Err(StoreError::OldSqlite { found }) }
}

fn is_safe(version: &str) -> bool {
    let numbers: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).collect();
    numbers.as_slice() >= SQLITE_MIN.as_slice()
}

/// The steps the file has not seen, the workspace that always exists, and an end to requests that a
/// stop left unfinished; in one transaction.
async fn migrate(connection: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let failed = StoreError::during("bring the catalog up to this version");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *work).await.map_err(&failed)?;
    let format = u32::try_from(row.get::<i64, _>(0)).unwrap_or(u32::MAX);
    check_format(path, format)?;
    for step in STEPS.into_iter().skip(format as usize) {
        sqlx::raw_sql(step).execute(&mut *work).await.map_err(&failed)?;
    }
    if format < FORMAT {
        let stamp = AssertSqlSafe(format!("PRAGMA user_version = {FORMAT}"));
        sqlx::raw_sql(stamp).execute(&mut *work).await.map_err(&failed)?;
    }
    let workspace = "INSERT INTO revisions (kind, id, workspace, name, archived, author, at_ms, body) \
        SELECT ?1, ?2, ?2, 'main', 0, 'clicktrail', 0, ?3 WHERE NOT EXISTS (SELECT 1 FROM revisions)";
    sqlx::query(workspace)
        .bind(Kind::Workspace.as_str())
        .bind(DEFAULT_WORKSPACE)
        .bind(thing_body::default_workspace())
        .execute(&mut *work)
        .await
        .map_err(&failed)?;
    let unfinished = "DELETE FROM claims WHERE status IS NULL";
    sqlx::query(unfinished).execute(&mut *work).await.map_err(&failed)?;
    work.commit().await.map_err(&failed)?;
    // Into the file itself, so that an older program finds the stamp there.
    let fold = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await;
    fold.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that does not know a kind must say that it is too old, not that a row is unreadable.
    #[test]
    fn the_format_rises_with_the_kinds_that_are_kept() {
        assert_eq!((Kind::ALL.len(), FORMAT), (9, 2), "a new kind needs a new step");
    }

    #[tokio::test]
    async fn a_catalog_of_the_format_before_is_kept_and_stamped_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut old = options.connect().await.unwrap();
        sqlx::raw_sql(STEPS[0]).execute(&mut old).await.unwrap();
        let saved = "INSERT INTO revisions (kind, id, workspace, name, archived, author, at_ms, body) \
            VALUES ('source', 1, 1, 'Kept', 0, 'a', 0, '{}'); PRAGMA user_version = 1";
        sqlx::raw_sql(saved).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        let mut new = open(&path).await.unwrap();
        let rows = sqlx::query("SELECT name FROM revisions").fetch_all(&mut new).await.unwrap();
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(names, ["Kept"]);
        new.close().await.unwrap();
        let head = std::fs::read(&path).unwrap();
        assert_eq!(head[60..64], FORMAT.to_be_bytes());
    }

    #[test]
    fn releases_with_the_wal_reset_bug_are_refused() {
        for (version, safe) in [
            ("3.51.2", false),
            ("3.40.1", false),
            ("3.51.3", true),
            ("3.52.0", true),
            ("4.0", true),
            ("", false),
        ] {
            assert_eq!(is_safe(version), safe, "{version}");
        }
    }
}
