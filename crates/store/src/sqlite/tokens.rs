//! API tokens, known by the hash of their secret.

use crate::catalog::TokenRow;
use crate::error::StoreError;
use model::thing::ThingId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// Answers [`crate::Catalog::create_token`].
pub async fn create(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    name: &str,
    sha256: [u8; 32],
    at_ms: i64,
) -> Result<TokenRow, StoreError> {
    let sql = "INSERT INTO tokens (workspace, name, sha256, created_ms) VALUES (?, ?, ?, ?) \
        RETURNING id, workspace, name, created_ms, revoked_ms";
    let row = sqlx::query(sql)
        .bind(workspace)
        .bind(name)
        .bind(sha256.as_slice())
        .bind(at_ms)
        .fetch_one(connection)
        .await
        .map_err(StoreError::during("create a token"))?;
    Ok(token(&row))
}

/// Answers [`crate::Catalog::token`].
pub async fn find(
    connection: &mut SqliteConnection,
    sha256: [u8; 32],
) -> Result<Option<TokenRow>, StoreError> {
    let sql = "SELECT id, workspace, name, created_ms, revoked_ms FROM tokens \
        WHERE sha256 = ? AND revoked_ms IS NULL";
    let row = sqlx::query(sql).bind(sha256.as_slice()).fetch_optional(connection).await;
    Ok(row.map_err(StoreError::during("look a token up"))?.as_ref().map(token))
}

/// Answers [`crate::Catalog::tokens`].
pub async fn list(
    connection: &mut SqliteConnection,
    workspace: ThingId,
) -> Result<Vec<TokenRow>, StoreError> {
    let sql = "SELECT id, workspace, name, created_ms, revoked_ms FROM tokens \
        WHERE workspace = ? ORDER BY id";
    let rows = sqlx::query(sql).bind(workspace).fetch_all(connection).await;
    Ok(rows.map_err(StoreError::during("list tokens"))?.iter().map(token).collect())
}

/// Answers [`crate::Catalog::revoke_token`].
pub async fn revoke(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    id: u32,
    at_ms: i64,
) -> Result<bool, StoreError> {
    let sql =
        "UPDATE tokens SET revoked_ms = ? WHERE workspace = ? AND id = ? AND revoked_ms IS NULL";
    let done = sqlx::query(sql).bind(at_ms).bind(workspace).bind(id).execute(connection).await;
    Ok(done.map_err(StoreError::during("revoke a token"))?.rows_affected() > 0)
}

fn token(row: &SqliteRow) -> TokenRow {
    TokenRow {
        id: row.get("id"),
        workspace: row.get("workspace"),
        name: row.get("name"),
        created_ms: row.get("created_ms"),
        revoked_ms: row.get("revoked_ms"),
    }
}
