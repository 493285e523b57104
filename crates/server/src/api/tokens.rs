//! API keys: made, listed, revoked.

use super::auth::Caller;
use super::extract::{Id, Json, json};
use super::problem::{ApiError, Code};
use super::text::rfc3339;
use super::token::new_token;
use crate::app::{App, now_ms};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::thing::{Problem, ThingId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::TokenRow;

/// The longest name of a key.
const NAME_CHARS_MAX: usize = 200;

/// A key to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
}

/// A key, without what opens anything.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenView {
    /// Its number.
    pub id: u32,
    /// What it gives access to.
    pub workspace: ThingId,
    /// What it is for.
    pub name: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// When it was revoked, RFC 3339.
    pub revoked: Option<String>,
}

/// A new key.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MadeToken {
    /// The key itself, shown this once.
    pub key: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub row: TokenView,
}

/// The keys of a workspace.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TokenList {
    /// All of them, revoked ones included, by number.
    pub items: Vec<TokenView>,
    /// Always null: there is one page.
    pub next: Option<String>,
}

/// Makes an API key; it is shown once.
#[utoipa::path(post, operation_id = "create_token", path = "/api/v1/tokens", tag = "tokens", request_body = NewToken,
    responses((status = 201, body = MadeToken)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(NewToken { name }): Json<NewToken>,
) -> Result<Response, ApiError> {
    let name = name.trim();
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        let message = format!("expected 1 to {NAME_CHARS_MAX} characters");
        return Err(ApiError::new(Code::Invalid, format!("`name`: {message}"))
            .problems(vec![Problem::new("name", message)])
            .remedy("say what the key is for"));
    }
    let (key, sha256) = new_token().map_err(|error| ApiError::internal(&error))?;
    let row = app.catalog.create_token(caller.workspace, name, sha256, now_ms()).await?;
    Ok(json(StatusCode::CREATED, &MadeToken { key, row: view(row) }))
}

/// Lists the API keys of the workspace.
#[utoipa::path(get, operation_id = "list_tokens", path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, body = TokenList)))]
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Response, ApiError> {
    let rows = app.catalog.tokens(caller.workspace).await?;
    let items = rows.into_iter().map(view).collect();
    Ok(json(StatusCode::OK, &TokenList { items, next: None }))
}

/// Revokes an API key; doing so again changes nothing.
#[utoipa::path(delete, operation_id = "revoke_token", path = "/api/v1/tokens/{id}", tag = "tokens",
    params(("id" = u32, Path, description = "number of the key")),
    responses((status = 204, description = "the key opens nothing any more")))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, ApiError> {
    let known = app.catalog.tokens(caller.workspace).await?.iter().any(|row| row.id == id);
    if !known {
        return Err(ApiError::new(Code::NotFound, format!("there is no key {id}"))
            .remedy("GET /api/v1/tokens lists the keys of the workspace"));
    }
    app.catalog.revoke_token(caller.workspace, id, now_ms()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(row: TokenRow) -> TokenView {
    TokenView {
        id: row.id,
        workspace: row.workspace,
        name: row.name,
        created: rfc3339(row.created_ms),
        revoked: row.revoked_ms.map(rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use crate::api::testing::TestApi;

    #[tokio::test]
    async fn a_key_is_shown_once_and_worth_nothing_once_revoked() {
        let api = TestApi::new();
        let made = api.post("/api/v1/tokens", r#"{"name":"ci"}"#).await;
        assert_eq!(made.status, 201);
        let token = made.body["key"].as_str().unwrap();
        let list = api.get_as(token, "/api/v1/tokens").await;
        assert_eq!(list.body["items"][0]["name"], "ci");
        assert!(!list.body.to_string().contains(token));
        for _ in 0..2 {
            assert_eq!(api.delete("/api/v1/tokens/1").await.status, 204);
        }
        assert_eq!(api.get_as(token, "/api/v1/tokens").await.status, 401);
        assert!(api.get("/api/v1/tokens").await.body["items"][0]["revoked"].is_string());
        assert_eq!(api.delete("/api/v1/tokens/9").await.status, 404);
        assert_eq!(api.post("/api/v1/tokens", r#"{"name":" "}"#).await.body["field"], "name");
    }
}
