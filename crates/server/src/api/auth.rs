//! Who asks: an API key in `Authorization: Bearer …`, and the workspace it belongs to.
//!
//! A key is the installation's admin token, which works in the default workspace, or one the catalog
//! knows by its SHA-256, which works in its own workspace alone.

use super::problem::{ApiError, Code};
use super::token;
use crate::app::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use model::thing::{DEFAULT_WORKSPACE, ThingId};
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Who asks, and for which workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The workspace whose things and facts he sees.
    pub workspace: ThingId,
    /// Whom revisions name as their author.
    pub author: String,
}

/// Lets a request with a valid key through, with its [`Caller`]; refuses every other one.
///
/// # Errors
/// 401 without a valid key; 500 when the catalog cannot be asked.
pub async fn require_caller(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = caller(&app, request.headers()).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let key = bearer(headers).ok_or_else(|| {
        let detail = "the request carries no `Authorization: Bearer <key>`";
        refused(Code::TokenMissing, detail, "Bearer realm=\"clicktrail\"").remedy(
            "make a key with `clicktrail token create` and send it in the header Authorization",
        )
    })?;
    let sha256 = token::sha256(key);
    if let Some(admin) = &app.config.admin_token
        && bool::from(token::sha256(admin).ct_eq(&sha256))
    {
        return Ok(Caller { workspace: DEFAULT_WORKSPACE, author: "admin token".to_owned() });
    }
    let invalid = "Bearer realm=\"clicktrail\", error=\"invalid_token\"";
    if !token::is_well_formed(key) {
        let detail = "the key does not have the form of one: it is misspelt or cut off";
        return Err(refused(Code::TokenMalformed, detail, invalid)
            .remedy("copy the whole key, `ct_live_` included"));
    }
    let row = app.catalog.token(sha256).await?.ok_or_else(|| {
        let detail = "the key is unknown here, or was revoked";
        refused(Code::TokenUnknown, detail, invalid)
            .remedy("make a new one with `clicktrail token create`")
    })?;
    let author = format!("token {} `{}`", row.id, row.name);
    Ok(Caller { workspace: row.workspace, author })
}

/// The key behind the scheme, which is case-insensitive (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

fn refused(code: Code, detail: &str, challenge: &'static str) -> ApiError {
    ApiError::new(code, detail)
        .field("Authorization")
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    /// Fails closed: an address that was not put behind [`require_caller`] knows no caller.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            refused(Code::TokenMissing, "nobody is known to ask", "Bearer realm=\"clicktrail\"")
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::api::testing::{ADMIN_TOKEN, TestApi};
    use crate::api::token;
    use model::thing::DEFAULT_WORKSPACE;

    #[tokio::test]
    async fn a_key_opens_the_api_and_everything_else_is_refused_with_its_reason() {
        let api = TestApi::new();
        let (live, live_hash) = token::new_token().unwrap();
        let (revoked, revoked_hash) = token::new_token().unwrap();
        let catalog = &api.app.catalog;
        catalog.create_token(DEFAULT_WORKSPACE, "ci", live_hash, 0).await.unwrap();
        let row = catalog.create_token(DEFAULT_WORKSPACE, "old", revoked_hash, 0).await.unwrap();
        catalog.revoke_token(DEFAULT_WORKSPACE, row.id, 1).await.unwrap();
        let unknown = token::new_token().unwrap().0;
        let typo = format!("{}x", &live[..live.len() - 1]);
        for (authorization, status, code) in [
            (Some(format!("Bearer {ADMIN_TOKEN}")), 200, None),
            (Some(format!("bearer  {live}")), 200, None),
            (None, 401, Some("token_missing")),
            (Some("Bearer ".to_owned()), 401, Some("token_missing")),
            (Some(format!("Basic {live}")), 401, Some("token_missing")),
            (Some(format!("Bearer {ADMIN_TOKEN}x")), 401, Some("token_malformed")),
            (Some(format!("Bearer {typo}")), 401, Some("token_malformed")),
            (Some(format!("Bearer {unknown}")), 401, Some("token_unknown")),
            (Some(format!("Bearer {revoked}")), 401, Some("token_unknown")),
        ] {
            let mut request = http::Request::get("/api/v1/campaigns");
            if let Some(value) = &authorization {
                request = request.header("Authorization", value);
            }
            let answer = api.send(request.body(String::new()).unwrap()).await;
            assert_eq!(answer.status, status, "{authorization:?}");
            assert_eq!(answer.body["code"].as_str(), code, "{authorization:?}");
            assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
        }
    }

    #[tokio::test]
    async fn no_address_but_the_description_answers_without_a_key() {
        let api = TestApi::new();
        for (path, item) in &crate::api::openapi::openapi().paths.paths {
            let methods = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            for (method, _) in methods.into_iter().filter(|(_, exists)| *exists) {
                let path = path.replace("{id}", "1").replace("{click_id}", "x");
                let request = http::Request::builder().method(method).uri(&path);
                let answer = api.send(request.body(String::new()).unwrap()).await;
                let open = ["/api/v1/openapi.json", "/metrics"].contains(&path.as_str());
                assert_eq!(answer.status == 401, !open, "{method} {path}: {}", answer.status);
            }
        }
    }

    #[tokio::test]
    async fn a_key_sees_its_own_workspace_alone() {
        let api = TestApi::new();
        let other = api.other_workspace().await;
        api.post("/api/v1/offers", r#"{"name":"mine","url":"https://a.example/"}"#).await;
        let answer = api.get_as(&other, "/api/v1/offers").await;
        assert_eq!(answer.body["items"].as_array().unwrap().len(), 0);
        assert_eq!(api.get_as(&other, "/api/v1/offers/1").await.status, 404);
    }
}
