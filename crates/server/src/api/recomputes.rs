//! `/recompute`: projections of stored facts computed again, and how far that is.

use super::auth::Caller;
use super::costs::author;
use super::extract::{RawJson, json, read_value};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::planned;
use super::text::rfc3339;
use super::write::{Done, Once};
use crate::app::App;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use model::query::{Period, Query};
use model::thing::ThingId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{NewRecompute, Recompute, What};

/// What is to be computed again.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecomputeInput {
    /// Which projection: `costs`, `bots`, or `fx` (whatever was converted by a rate, by the rates of now).
    pub what: String,
    /// Of which clicks: a word such as `last_7_days`, or `from` and `to`.
    pub period: Period,
    /// IANA name of the zone of dates; the workspace's when absent.
    #[serde(default)]
    pub tz: Option<String>,
    /// Only this campaign's.
    #[serde(default)]
    pub campaign: Option<ThingId>,
}

/// A recompute, and how far it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RecomputeView {
    /// Its number.
    pub id: i64,
    /// Which projection.
    pub what: &'static str,
    /// Only this campaign's clicks.
    pub campaign: Option<ThingId>,
    /// The first moment asked for, RFC 3339; entries and local days that reach further are computed whole.
    pub from: String,
    /// Behind the last moment asked for, RFC 3339.
    pub to: String,
    /// Who asked for it.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
    /// Whether reports show the new figures; until then they show the old ones, never a mix.
    pub done: bool,
    /// Clicks computed so far.
    pub rows_done: u64,
    /// Clicks to be computed; 0 before they are counted.
    pub rows_total: u64,
    /// Rows whose figures changed, once it is done.
    pub changed: u64,
    /// What went wrong last; it is tried again.
    pub error: Option<String>,
}

/// Asks for a recompute; it is carried out in the background.
#[utoipa::path(post, operation_id = "recompute", path = "/api/v1/recompute", tag = "costs",
    request_body = RecomputeInput, responses((status = 202, body = RecomputeView)))]
pub async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let input: RecomputeInput = read_value(value)?;
    let work = {
        let app = app.clone();
        async move { try_ask(&app, &caller, input).await }
    };
    once.carry_out(app, work).await
}

async fn try_ask(app: &App, caller: &Caller, input: RecomputeInput) -> Result<Done, ApiError> {
    let what = What::ALL.into_iter().find(|what| what.as_str() == input.what).ok_or_else(|| {
        let known = What::ALL.map(What::as_str).join(", ");
        ApiError::new(Code::Invalid, format!("`{}` cannot be computed again", input.what))
            .field("what")
            .remedy(format!("name one of: {known}"))
    })?;
    let RecomputeInput { period, tz, campaign, .. } = input;
    let query = Query { period, tz, ..empty() };
    let names = AppNames::of(app);
    let plan = planned(app, &names, caller.workspace, query, false).await?.plan;
    let wanted = NewRecompute {
        workspace: caller.workspace,
        what,
        campaign,
        from_ms: plan.from_ms,
        to_ms: plan.to_ms,
    };
    let job = app.costs.add_recompute(wanted, &author(caller, None)).await?;
    app.recomputing.notify_one();
    let view = view(&job);
    let location = Some(format!("/api/v1/recompute/{}", view.id));
    let body = serde_json::to_vec(&view).map_err(|error| ApiError::internal(&error))?;
    Ok(Done { status: StatusCode::ACCEPTED, body, location, revision: None })
}

/// How far a recompute is.
#[utoipa::path(get, operation_id = "show_recompute", path = "/api/v1/recompute/{id}", tag = "costs",
    params(("id" = i64, Path, description = "number of the recompute")),
    responses((status = 200, body = RecomputeView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let not_found = || ApiError::new(Code::NotFound, format!("there is no recompute {id}"));
    let number = id.parse().map_err(|_| not_found())?;
    let job = app.costs.recompute(caller.workspace, number).await?;
    Ok(json(StatusCode::OK, &view(&job.ok_or_else(not_found)?)))
}

fn empty() -> Query {
    Query {
        by: Vec::new(),
        metrics: Vec::new(),
        period: Period::default(),
        tz: None,
        time: Default::default(),
        filter: Vec::new(),
        sort: Vec::new(),
        limit: None,
        offset: 0,
    }
}

fn view(job: &Recompute) -> RecomputeView {
    let Recompute { id, wanted, by, progress } = job;
    RecomputeView {
        id: *id,
        what: wanted.what.as_str(),
        campaign: wanted.campaign,
        from: rfc3339(wanted.from_ms),
        to: rfc3339(wanted.to_ms),
        author: by.author.clone(),
        at: rfc3339(by.at_ms),
        done: progress.is_done,
        rows_done: progress.rows.0,
        rows_total: progress.rows.1,
        changed: progress.changed,
        error: progress.error.clone(),
    }
}
