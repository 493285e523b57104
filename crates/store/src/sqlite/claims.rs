//! Requests with an Idempotency-Key, and the answers they were given.

use crate::catalog::{Claim, IDEMPOTENCY_MS, KeptAnswer};
use crate::error::StoreError;
use model::thing::ThingId;
use sqlx::{Connection, Row, SqliteConnection};

/// Answers [`crate::Catalog::claim`].
pub async fn claim(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    key: &str,
    request_sha256: [u8; 32],
    at_ms: i64,
) -> Result<Claim, StoreError> {
    let failed = StoreError::during("claim an idempotency key");
    let mut work = connection.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    sqlx::query("DELETE FROM claims WHERE at_ms <= ?")
        .bind(at_ms.saturating_sub(IDEMPOTENCY_MS))
        .execute(&mut *work)
        .await
        .map_err(&failed)?;
    let found = sqlx::query(
        "SELECT request_sha256, status, body FROM claims WHERE workspace = ? AND key = ?",
    )
    .bind(workspace)
    .bind(key)
    .fetch_optional(&mut *work)
    .await
    .map_err(&failed)?;
    let claim = match found {
        Some(row) if row.get::<&[u8], _>("request_sha256") != request_sha256 => Claim::OtherRequest,
        Some(row) => match row.get::<Option<u16>, _>("status") {
            None => Claim::Running,
            Some(status) => Claim::Answered(KeptAnswer { status, body: row.get("body") }),
        },
        None => {
            sqlx::query(
                "INSERT INTO claims (workspace, key, request_sha256, at_ms) VALUES (?, ?, ?, ?)",
            )
            .bind(workspace)
            .bind(key)
            .bind(request_sha256.as_slice())
            .bind(at_ms)
            .execute(&mut *work)
            .await
            .map_err(&failed)?;
            Claim::New
        }
    };
    work.commit().await.map_err(failed)?;
    Ok(claim)
}

/// Answers [`crate::Catalog::settle`].
pub async fn settle(
    connection: &mut SqliteConnection,
    workspace: ThingId,
    key: &str,
    answer: Option<KeptAnswer>,
) -> Result<(), StoreError> {
    let done = match answer {
        None => {
            sqlx::query("DELETE FROM claims WHERE workspace = ? AND key = ?")
                .bind(workspace)
                .bind(key)
                .execute(connection)
                .await
        }
        Some(answer) => {
            sqlx::query("UPDATE claims SET status = ?, body = ? WHERE workspace = ? AND key = ?")
                .bind(answer.status)
                .bind(answer.body)
                .bind(workspace)
                .bind(key)
                .execute(connection)
                .await
        }
    };
    done.map_err(StoreError::during("settle an idempotency key"))?;
    Ok(())
}
