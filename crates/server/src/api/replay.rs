//! Calls judged again with the settings of today, one by its number or many by a filter.

use super::auth::Caller;
use super::extract::{Params, RawJson, json, read_value};
use super::inbox::{InboxItem, InboxParams, click_named, entry, find, shown};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::write::{Done, Once};
use crate::app::{App, now_ms};
use crate::orders::{NotTaken, carried_out, give};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use model::ClickId;
use model::event::InboxEntry;
use model::order::Order;
use model::params;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits for the new verdict.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest reason that is kept, in bytes.
const REASON_BYTES_MAX: usize = 1024;

/// What is to be done with a call.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayInput {
    /// The click the call is to count for; what the call itself names when absent.
    click_id: Option<String>,
    /// What for; kept with the call.
    reason: Option<String>,
}

/// What is to be done with calls.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayManyInput {
    /// What for; kept with each call.
    reason: Option<String>,
}

/// What came of an order about many calls.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Replayed {
    /// Calls of this page that were ordered to be judged again.
    pub ordered: usize,
    /// Calls of this page that count already, and were left alone.
    pub counted: usize,
    /// Whether the new verdicts are in the inbox by now.
    pub done: bool,
    /// `cursor` for the calls behind this page; null when there are no more.
    pub next: Option<String>,
}

/// Judges a call again with the settings of today, or counts it for a click it does not name. A call that counts already
/// is left as it is. 202 when the new verdict is not there yet.
#[utoipa::path(post, operation_id = "replay_call", path = "/api/v1/inbox/{id}/replay", tag = "facts",
    params(("id" = String, Path, description = "number of the call")), request_body = Option<ReplayInput>,
    responses((status = 200, body = InboxItem), (status = 202, body = InboxItem)))]
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let input: ReplayInput = if value.is_null() { Default::default() } else { read_value(value)? };
    let click = input.click_id.map(|text| click_named(&AppNames::of(&app), &text)).transpose()?;
    let work = {
        let app = app.clone();
        async move {
            let before = entry(&app, &caller, &id).await?;
            if before.verdict.is_counted() {
                refuse_move(&before, click)?;
                return done(StatusCode::OK, &shown(&app, caller.workspace, before).await?);
            }
            let order = order(&caller, &before, click, input.reason.as_deref());
            let sequence = give(&app, &order).await.map_err(not_taken)?;
            let is_done = carried_out(&app, sequence, PATIENCE).await;
            let status = if is_done { StatusCode::OK } else { StatusCode::ACCEPTED };
            let after = entry(&app, &caller, &id).await?;
            done(status, &shown(&app, caller.workspace, after).await?)
        }
    };
    once.carry_out(app, work).await
}

/// Judges the calls of a page of the inbox again, oldest first. At least one filter must say which; `limit` and `cursor`
/// page as in the list.
#[utoipa::path(post, operation_id = "replay_calls", path = "/api/v1/inbox/replay", tag = "facts",
    params(InboxParams), request_body = Option<ReplayManyInput>, responses((status = 200, body = Replayed)))]
pub async fn many(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<InboxParams>,
    RawJson { value, .. }: RawJson,
) -> Result<Response, ApiError> {
    let input: ReplayManyInput =
        if value.is_null() { Default::default() } else { read_value(value)? };
    if !params.selects() {
        return Err(ApiError::new(Code::InvalidParameter, "nothing says which calls")
            .remedy("filter by verdict, reason, q or click_id"));
    }
    let (mut entries, next) = find(&app, caller.workspace, &AppNames::of(&app), params).await?;
    let found = entries.len();
    entries.retain(|entry| !entry.verdict.is_counted());
    let mut last = 0;
    // In the order in which they came, so that what they say about one conversion keeps its order.
    for entry in entries.iter().rev() {
        let order = order(&caller, entry, None, input.reason.as_deref());
        last = give(&app, &order).await.map_err(not_taken)?;
    }
    let done = carried_out(&app, last, PATIENCE).await;
    let (ordered, counted) = (entries.len(), found - entries.len());
    Ok(json(StatusCode::OK, &Replayed { ordered, counted, done, next }))
}

/// A call that counts for one click is not moved to another: its entries would have to be taken back first.
fn refuse_move(entry: &InboxEntry, click: Option<ClickId>) -> Result<(), ApiError> {
    match click {
        Some(click) if entry.key != Some(click.key) => {
            Err(ApiError::new(Code::Conflict, "the call counts for another click already")
                .field("click_id")
                .remedy("report the conversion of that click as rejected, then send a new one"))
        }
        _ => Ok(()),
    }
}

fn order(caller: &Caller, call: &InboxEntry, click: Option<ClickId>, why: Option<&str>) -> Order {
    Order {
        at_ms: now_ms(),
        workspace: caller.workspace,
        call: call.sequence,
        click,
        author: caller.author.clone(),
        reason: params::cut(why.unwrap_or_default().trim(), REASON_BYTES_MAX).to_owned(),
    }
}

fn not_taken(error: NotTaken) -> ApiError {
    tracing::warn!(error = &error as &dyn std::error::Error, "an order was not given");
    ApiError::new(Code::Unavailable, error.to_string()).remedy("try again in a moment")
}

fn done(status: StatusCode, item: &InboxItem) -> Result<Done, ApiError> {
    let body = serde_json::to_vec(item).map_err(|error| ApiError::internal(&error))?;
    Ok(Done { status, body, location: None, revision: None })
}
