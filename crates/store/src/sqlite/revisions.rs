//! The log of revisions: what stands, what stood, and the next save.

use crate::catalog::{Change, LogRow, Replaced, RevisionRow, Saved};
use crate::changes::{Standing, StoredThing, check_changes};
use crate::error::StoreError;
use model::thing::{Kind, Revision, ThingId};
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

/// What stood right after `revision`.
pub async fn standing(
    connection: &mut SqliteConnection,
    revision: Revision,
) -> Result<Standing, StoreError> {
    // Of a bare column beside max(), SQLite takes the value of the row that has the maximum
    // (sqlite.org/lang_select.html, "Bare columns in an aggregate query").
    let sql = "SELECT kind, id, workspace, name, max(revision) AS revision, archived, body \
        FROM revisions WHERE revision <= ? GROUP BY kind, id";
    let until = i64::try_from(revision).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql).bind(until).fetch_all(connection).await;
    let rows = rows.map_err(StoreError::during("read the catalog"))?;
    rows.iter().map(thing).collect()
}

fn thing(row: &SqliteRow) -> Result<((Kind, ThingId), StoredThing), StoreError> {
    let stored = StoredThing {
        workspace: row.get("workspace"),
        name: row.get("name"),
        revision: row.get::<i64, _>("revision") as Revision,
        archived: row.get("archived"),
        body: row.get("body"),
    };
    Ok(((kind(row)?, row.get("id")), stored))
}

fn kind(row: &SqliteRow) -> Result<Kind, StoreError> {
    let word: &str = row.get("kind");
    let kind = Kind::from_word(word);
    kind.ok_or_else(|| StoreError::unreadable(format!("thing of kind `{word}`")))
}

/// Saves all changes or none.
pub async fn save(
    connection: &mut SqliteConnection,
    changes: Vec<Change>,
    author: &str,
    at_ms: i64,
) -> Result<Vec<Saved>, StoreError> {
    let failed = StoreError::during("save to the catalog");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let standing = standing(&mut work, Revision::MAX).await?;
    let mut saved = Vec::with_capacity(changes.len());
    let insert = "INSERT INTO revisions (kind, id, workspace, name, archived, author, at_ms, body) \
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    for ((kind, id), thing) in check_changes(&standing, changes)? {
        let done = sqlx::query(insert)
            .bind(kind.as_str())
            .bind(id)
            .bind(thing.workspace)
            .bind(thing.name)
            .bind(thing.archived)
            .bind(author)
            .bind(at_ms)
            .bind(thing.body)
            .execute(&mut *work)
            .await
            .map_err(&failed)?;
        saved.push(Saved { kind, id, revision: done.last_insert_rowid() as Revision });
    }
    work.commit().await.map_err(failed)?;
    Ok(saved)
}

/// Every revision of one thing, newest first.
pub async fn of_thing(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    kind: Kind,
    id: ThingId,
) -> Result<Vec<RevisionRow>, StoreError> {
    let sql = "SELECT revision, author, at_ms, name, archived, body FROM revisions \
        WHERE kind = ? AND id = ? AND workspace = ? ORDER BY revision DESC";
    let rows = sqlx::query(sql)
        .bind(kind.as_str())
        .bind(id)
        .bind(workspace)
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("read revisions"))?;
    Ok(rows.iter().map(revision).collect())
}

fn revision(row: &SqliteRow) -> RevisionRow {
    RevisionRow {
        revision: row.get::<i64, _>("revision") as Revision,
        author: row.get("author"),
        at_ms: row.get("at_ms"),
        name: row.get("name"),
        archived: row.get("archived"),
        body: row.get("body"),
    }
}

/// The newest saves of a workspace, each with what it replaced.
pub async fn log(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    before: Option<Revision>,
    limit: usize,
) -> Result<Vec<LogRow>, StoreError> {
    let sql = "SELECT r.*, p.name AS old_name, p.archived AS old_archived, p.body AS old_body \
        FROM revisions r LEFT JOIN revisions p ON p.revision = \
            (SELECT max(revision) FROM revisions o WHERE o.kind = r.kind AND o.id = r.id AND o.revision < r.revision) \
        WHERE r.workspace = ? AND r.revision < ? ORDER BY r.revision DESC LIMIT ?";
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let rows = sqlx::query(sql)
        .bind(workspace)
        .bind(before)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await
        .map_err(StoreError::during("read the log of revisions"))?;
    let entry = |row: &SqliteRow| {
        let old = row.get::<Option<String>, _>("old_name");
        let before = old.map(|name| Replaced {
            name,
            archived: row.get("old_archived"),
            body: row.get("old_body"),
        });
        Ok(LogRow { kind: kind(row)?, id: row.get("id"), row: revision(row), before })
    };
    rows.iter().map(entry).collect()
}

/// Every name of every thing of a workspace.
pub async fn names(
    connection: &mut SqliteConnection,
    workspace: ThingId,
) -> Result<Vec<(Kind, ThingId, String)>, StoreError> {
    let sql =
        "SELECT DISTINCT kind, id, name FROM revisions WHERE workspace = ? ORDER BY kind, id, name";
    let rows = sqlx::query(sql).bind(workspace).fetch_all(connection).await;
    let rows = rows.map_err(StoreError::during("read names"))?;
    rows.iter().map(|row| Ok((kind(row)?, row.get("id"), row.get("name")))).collect()
}
