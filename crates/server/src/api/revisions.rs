//! The history of a thing: every saved version, and the way back to one.

use super::auth::Caller;
use super::extract::{Id, Params, RawJson, json, read_value};
use super::kind::Resource;
use super::listing::{Page, limit, no_cursor};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::text::rfc3339;
use super::things::{done, find, save};
use super::write::{Done, Once, if_match};
use crate::app::App;
use crate::configuration::{FieldChange, Version, difference};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use model::thing::{Kind, Revision, Thing, ThingId, Workspace};
use report::Names;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::RevisionRow;

/// Which part of a history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
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
    /// What differs from the version before; nothing for the first.
    pub changes: Vec<FieldChange>,
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

/// What differs between two versions of a thing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RevisionComparison {
    /// The version that is compared.
    pub from: Revision,
    /// The version it is compared with.
    pub to: Revision,
    /// Every difference.
    pub changes: Vec<FieldChange>,
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
    list_of::<B>(&app, &caller, id, params).await
}

/// Every version of the workspace's settings, newest first.
#[utoipa::path(get, operation_id = "list_revisions_of_workspace", path = "/api/v1/workspace/revisions", tag = "things",
    params(HistoryParams), responses((status = 200, body = ref("#/components/schemas/RevisionPage"))))]
pub async fn list_of_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<HistoryParams>,
) -> Result<Response, ApiError> {
    list_of::<Workspace>(&app, &caller, caller.workspace, params).await
}

async fn list_of<B: Resource>(
    app: &App,
    caller: &Caller,
    id: ThingId,
    params: HistoryParams,
) -> Result<Response, ApiError> {
    let limit = limit(params.limit)?;
    let before = params.cursor.map(|cursor| cursor.parse::<Revision>()).transpose();
    let before = before.map_err(|_| no_cursor())?;
    find::<B>(B::all(&app.things.load()), caller.workspace, id)?;
    let rows = app.catalog.revisions(caller.workspace, B::KIND, id).await?;
    let start = rows.partition_point(|row| before.is_some_and(|before| row.revision >= before));
    let end = rows.len().min(start.saturating_add(limit));
    let names = AppNames::of(app);
    let view = |i: usize| view(B::KIND, &rows[i], rows.get(i + 1), &names);
    let items = (start..end).map(view).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| end < rows.len()).map(|item| item.revision.to_string());
    Ok(json(StatusCode::OK, &Page { items, next }))
}

fn view(
    kind: Kind,
    row: &RevisionRow,
    before: Option<&RevisionRow>,
    names: &AppNames,
) -> Result<RevisionView, ApiError> {
    let changes = before.map(|before| compared(kind, before, row, names)).transpose()?;
    let RevisionRow { revision, ref author, at_ms, ref name, archived, .. } = *row;
    let (author, name, at) = (author.clone(), name.clone(), rfc3339(at_ms));
    let changes = changes.unwrap_or_default();
    Ok(RevisionView { revision, author, at, name, archived, changes, body: body_of(row)? })
}

fn body_of(row: &RevisionRow) -> Result<Value, ApiError> {
    serde_json::from_str(&row.body).map_err(|error| ApiError::internal(&error))
}

fn compared(
    kind: Kind,
    from: &RevisionRow,
    to: &RevisionRow,
    names: &AppNames,
) -> Result<Vec<FieldChange>, ApiError> {
    let bodies = (body_of(from)?, body_of(to)?);
    let name = |kind, id| names.thing(kind, id).map(str::to_owned);
    let from = Version { name: &from.name, archived: from.archived, body: &bodies.0 };
    let to = Version { name: &to.name, archived: to.archived, body: &bodies.1 };
    Ok(difference(kind, from, to, &name))
}

/// Which two versions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompareParams {
    /// The version that is compared; the one before `to` when absent.
    from: Option<Revision>,
    /// The version it is compared with; the newest when absent.
    to: Option<Revision>,
}

/// What differs between any two versions of a thing.
///
/// # Errors
/// 404 when there is no such thing or version.
pub async fn compare<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    Params(params): Params<CompareParams>,
) -> Result<Response, ApiError> {
    compare_of::<B>(&app, &caller, id, params).await
}

/// What differs between any two versions of the workspace's settings.
#[utoipa::path(get, operation_id = "compare_revisions_of_workspace", path = "/api/v1/workspace/revisions/compare", tag = "things",
    params(CompareParams), responses((status = 200, body = RevisionComparison)))]
pub async fn compare_of_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CompareParams>,
) -> Result<Response, ApiError> {
    compare_of::<Workspace>(&app, &caller, caller.workspace, params).await
}

async fn compare_of<B: Resource>(
    app: &App,
    caller: &Caller,
    id: ThingId,
    CompareParams { from, to }: CompareParams,
) -> Result<Response, ApiError> {
    find::<B>(B::all(&app.things.load()), caller.workspace, id)?;
    let rows = app.catalog.revisions(caller.workspace, B::KIND, id).await?;
    let at = |name, revision| {
        let at = rows.iter().position(|row| row.revision == revision);
        at.ok_or_else(|| no_revision(B::KIND, id, revision, name))
    };
    let to = to.map_or(Ok(0), |to| at("to", to))?;
    // The first version is compared with itself: nothing was before it.
    let from = from.map_or(Ok((to + 1).min(rows.len() - 1)), |from| at("from", from))?;
    let changes = compared(B::KIND, &rows[from], &rows[to], &AppNames::of(app))?;
    let (from, to) = (rows[from].revision, rows[to].revision);
    Ok(json(StatusCode::OK, &RevisionComparison { from, to, changes }))
}

fn no_revision(kind: Kind, id: ThingId, revision: Revision, field: &str) -> ApiError {
    ApiError::new(Code::NotFound, format!("{kind} {id} has no revision {revision}"))
        .field(field)
        .remedy("its `revisions` list those it has")
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
    body: RawJson,
) -> Result<Response, ApiError> {
    restore_of::<B>(app, caller, id, headers, uri, body).await
}

/// Brings an earlier version of the workspace's settings back.
#[utoipa::path(post, operation_id = "restore_workspace", path = "/api/v1/workspace/restore", tag = "things",
    request_body = Restore, responses((status = 200, body = super::schema::WorkspaceThing)))]
pub async fn restore_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    body: RawJson,
) -> Result<Response, ApiError> {
    let id = caller.workspace;
    restore_of::<Workspace>(app, caller, id, headers, uri, body).await
}

async fn restore_of<B: Resource>(
    app: Arc<App>,
    caller: Caller,
    id: ThingId,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
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
            let row = row.ok_or_else(|| no_revision(B::KIND, id, revision, "revision"))?;
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
