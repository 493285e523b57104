//! The history of a thing: every saved version, and the way back to one.

use super::auth::Caller;
use super::extract::{Id, Params, RawJson, json, read_value};
use super::kind::Resource;
use super::listing::{Page, limit, no_cursor};
use super::problem::{ApiError, Code};
use super::text::rfc3339;
use super::things::{done, find, save};
use super::write::{Done, Once, if_match};
use crate::app::App;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use model::thing::{Revision, Thing, ThingId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::RevisionRow;

/// Which part of a history.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryParams {
    /// The most versions on the page.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A saved version of a thing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RevisionView {
    /// Its number.
    pub revision: Revision,
    /// Who saved it.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
    /// The name the thing had.
    pub name: String,
    /// Whether it was archived.
    pub archived: bool,
    /// The fields of its kind.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// What is to be restored.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// The version whose name and fields come back; absent to keep those that stand.
    #[serde(default)]
    pub revision: Option<Revision>,
}

/// Every version of a thing, newest first.
///
/// # Errors
/// 404 when there is no such thing; 400 when the parameters do not fit.
pub async fn list<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Params(params): Params<HistoryParams>,
) -> Result<Response, ApiError> {
    let limit = limit(params.limit)?;
    let before = params.cursor.map(|cursor| cursor.parse::<Revision>()).transpose();
    let before = before.map_err(|_| no_cursor())?;
    find::<B>(B::all(&app.things.load()), caller.workspace, id)?;
    let rows = app.catalog.revisions(caller.workspace, B::KIND, id).await?;
    let mut rows: Vec<_> =
        rows.into_iter().filter(|row| before.is_none_or(|before| row.revision < before)).collect();
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.revision.to_string());
    let items = rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(json(StatusCode::OK, &Page { items, next }))
}

fn view(row: RevisionRow) -> Result<RevisionView, ApiError> {
    let RevisionRow { revision, author, at_ms, name, archived, body } = row;
    let body = serde_json::from_str(&body).map_err(|error| ApiError::internal(&error))?;
    Ok(RevisionView { revision, author, at: rfc3339(at_ms), name, archived, body })
}

/// Takes a thing out of the archive, or brings an earlier version of it back; either is a new save.
///
/// # Errors
/// 404 when there is no such thing or version; what a save of it would be refused for.
pub async fn restore<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, uri.path(), &bytes)?;
    let restore = if value.is_null() { Restore::default() } else { read_value::<Restore>(value)? };
    let work = restore_thing::<B>(app.clone(), caller, id, headers, restore);
    once.carry_out(app, work).await
}

async fn restore_thing<B: Resource>(
    app: Arc<App>,
    caller: Caller,
    id: ThingId,
    headers: HeaderMap,
    restore: Restore,
) -> Result<Done, ApiError> {
    let things = app.things.load_full();
    let before = find::<B>(B::all(&things), caller.workspace, id)?;
    let demanded = if_match(&headers, before.revision)?.is_some();
    let after = match restore.revision {
        None => Thing { archived: false, ..before.clone() },
        Some(revision) => {
            let rows = app.catalog.revisions(caller.workspace, B::KIND, id).await?;
            let row = rows.into_iter().find(|row| row.revision == revision);
            let row = row.ok_or_else(|| {
                let detail = format!("{} {id} has no revision {revision}", B::KIND);
                ApiError::new(Code::NotFound, detail)
                    .field("revision")
                    .remedy("its `revisions` list those it has")
            })?;
            let mut body: B =
                serde_json::from_str(&row.body).map_err(|error| ApiError::internal(&error))?;
            body.keep_promises(&before.body);
            body.complete(Some(&before.body))?;
            Thing { name: row.name, archived: false, body, ..before.clone() }
        }
    };
    if after == *before {
        return done(&app, StatusCode::OK, before);
    }
    save(&app, &caller, after, Some(before.revision), demanded).await
}
