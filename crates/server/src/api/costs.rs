//! `/costs`: what was spent on which traffic, added, listed and undone.

use super::auth::Caller;
use super::cost_input::{CostInput, Desk};
use super::extract::{Params, RawJson, json, read_value};
use super::facts::ThingRef;
use super::ledger::Conversion;
use super::listing::{Page, limit, no_cursor};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::settings;
use super::text::{amount, rfc3339};
use super::write::{Done, Once, to_its_end};
use crate::app::{App, now_ms};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use ingest::Worth;
use model::thing::{Kind, Problem, ThingId};
use report::Names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Author, CostQuery, CostRow, Recompute};

/// A cost entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CostView {
    /// Its number.
    pub id: i64,
    /// Whose clicks bear it.
    pub campaign: ThingRef,
    /// Values that these clicks have; empty for all clicks of the campaign.
    pub slice: BTreeMap<String, String>,
    /// The first moment, RFC 3339.
    pub from: String,
    /// Behind the last moment, RFC 3339.
    pub to: String,
    /// Decimal text.
    pub amount: String,
    /// Its currency.
    pub currency: String,
    /// What it comes to in the workspace's currency, decimal text; null without a rate, and then it pays for nothing.
    pub worth: Option<String>,
    /// By which rate, where it is another currency.
    pub conversion: Option<Conversion>,
    /// `pending` until reports show it (or show it no more), then `applied`; `replaced` by a newer entry for the same
    /// traffic; `undone`.
    pub state: CostState,
    /// Whether reports lag behind its state.
    pub is_pending: bool,
    /// Who made it.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
    /// The import it came with.
    pub batch: Option<String>,
    /// Who took it back.
    pub undone_by: Option<String>,
    /// When, RFC 3339.
    pub undone_at: Option<String>,
}

/// How an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostState {
    /// Reports do not show it yet.
    Pending,
    /// Reports show it.
    Applied,
    /// A newer entry for the same traffic counts.
    Replaced,
    /// It was taken back.
    Undone,
}

/// An entry as it stands after it was sent.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CostMade {
    /// Whether it stood already, and nothing was changed.
    pub unchanged: bool,
    /// The entry that it replaces.
    pub replaced: Option<i64>,
    /// The entry.
    #[serde(flatten)]
    pub entry: CostView,
}

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CostParams {
    /// Only this campaign's.
    campaign: Option<ThingId>,
    /// Only those that count: neither undone nor replaced.
    #[serde(default)]
    standing: bool,
    /// The most entries on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A page of entries.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CostPage {
    /// The entries, newest first.
    pub items: Vec<CostView>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// Adds an entry: an amount that is spread over the clicks of a campaign, or of a slice of it, in a period. One for the
/// same campaign, slice and period replaces the one before.
#[utoipa::path(post, operation_id = "add_cost", path = "/api/v1/costs", tag = "costs", request_body = CostInput,
    responses((status = 201, body = CostMade), (status = 200, description = "it stood already", body = CostMade)))]
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let input: CostInput = read_value(value)?;
    let work = {
        let app = app.clone();
        async move { try_add(&app, &caller, &input).await }
    };
    once.carry_out(app, work).await
}

async fn try_add(app: &App, caller: &Caller, input: &CostInput) -> Result<Done, ApiError> {
    let cost = Desk::of(app, caller.workspace).read(input).map_err(refused)?;
    let added = app.costs.add_costs(caller.workspace, vec![cost], &author(caller, None)).await?;
    app.recomputing.notify_one();
    let made = added.first().ok_or_else(|| not_found(0))?;
    let entry = find(app, caller, made.id).await?;
    let made = CostMade { unchanged: made.is_unchanged, replaced: made.replaced, entry };
    let status = if made.unchanged { StatusCode::OK } else { StatusCode::CREATED };
    let body = serde_json::to_vec(&made).map_err(|error| ApiError::internal(&error))?;
    let location = Some(format!("/api/v1/costs/{}", made.entry.id));
    Ok(Done { status, body, location, revision: None })
}

/// What is wrong with an entry.
pub fn refused(problems: Vec<Problem>) -> ApiError {
    let first = problems.first().map(|problem| format!("`{}`: {}", problem.field, problem.message));
    ApiError::new(Code::Invalid, first.unwrap_or_default())
        .problems(problems)
        .remedy("correct what is named in `problems` and send it again")
}

/// Who sends a request now.
pub fn author(caller: &Caller, batch: Option<String>) -> Author {
    Author { author: caller.author.clone(), at_ms: now_ms(), batch }
}

/// Cost entries, newest first.
#[utoipa::path(get, operation_id = "list_costs", path = "/api/v1/costs", tag = "costs", params(CostParams),
    responses((status = 200, body = CostPage)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CostParams>,
) -> Result<Response, ApiError> {
    let limit = limit(params.limit)?;
    let before = params.cursor.map(|cursor| cursor.parse()).transpose().map_err(|_| no_cursor())?;
    let query = CostQuery {
        campaign: params.campaign,
        standing_only: params.standing,
        before,
        limit: Some(limit + 1),
        ..CostQuery::default()
    };
    let mut rows = app.costs.costs(caller.workspace, &query).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    let (names, unfinished) = (AppNames::of(&app), app.costs.unfinished().await?);
    let view = |row: &CostRow| view(&app, row, caller.workspace, &unfinished, &names);
    Ok(json(StatusCode::OK, &Page { items: rows.iter().map(view).collect(), next }))
}

/// One entry by its number.
#[utoipa::path(get, operation_id = "show_cost", path = "/api/v1/costs/{id}", tag = "costs",
    params(("id" = i64, Path, description = "number of the entry")),
    responses((status = 200, body = CostView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = id.parse().map_err(|_| not_found(0))?;
    Ok(json(StatusCode::OK, &find(&app, &caller, id).await?))
}

/// Takes an entry back: it stays in the list, and the one before it for the same traffic counts again.
#[utoipa::path(delete, operation_id = "undo_cost", path = "/api/v1/costs/{id}", tag = "costs",
    params(("id" = i64, Path, description = "number of the entry")),
    responses((status = 200, description = "the entry, undone", body = CostView)))]
pub async fn undo(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = id.parse().map_err(|_| not_found(0))?;
    to_its_end(async move {
        find(&app, &caller, id).await?;
        // Undone again, it is undone.
        app.costs.undo_cost(caller.workspace, id, &author(&caller, None)).await?;
        app.recomputing.notify_one();
        Ok(json(StatusCode::OK, &find(&app, &caller, id).await?))
    })
    .await
}

async fn find(app: &App, caller: &Caller, id: i64) -> Result<CostView, ApiError> {
    let query = CostQuery { id: Some(id), ..CostQuery::default() };
    let rows = app.costs.costs(caller.workspace, &query).await?;
    let (names, unfinished) = (AppNames::of(app), app.costs.unfinished().await?);
    let row = rows.first().map(|row| view(app, row, caller.workspace, &unfinished, &names));
    row.ok_or_else(|| not_found(id))
}

fn not_found(id: i64) -> ApiError {
    ApiError::new(Code::NotFound, format!("there is no cost entry {id}"))
        .remedy("GET /api/v1/costs lists the entries of the workspace")
}

fn view(
    app: &App,
    row: &CostRow,
    workspace: ThingId,
    unfinished: &[Recompute],
    names: &AppNames,
) -> CostView {
    let key = &row.cost.key;
    let own = settings(app, workspace).currency;
    let worth = Worth::find(&app.rates.load(), workspace, row.cost.currency, own, key.from_ms);
    let in_sums = worth.of(row.cost.amount.0).filter(|_| worth != Worth::Apart);
    let is_pending =
        unfinished.iter().any(|job| job.wanted.workspace == workspace && job.wanted.touches(key));
    let state = match (&row.undone, row.is_standing) {
        (Some(_), _) => CostState::Undone,
        (None, false) => CostState::Replaced,
        (None, true) if is_pending => CostState::Pending,
        (None, true) => CostState::Applied,
    };
    let name = names.thing(Kind::Campaign, key.campaign).map(str::to_owned);
    let slice = key.slice.0.iter().map(|(field, value)| (field.to_string(), value.clone()));
    CostView {
        id: row.id,
        campaign: ThingRef { id: key.campaign, name },
        slice: slice.collect(),
        from: rfc3339(key.from_ms),
        to: rfc3339(key.to_ms),
        amount: amount(row.cost.amount.0),
        currency: row.cost.currency.to_string(),
        worth: in_sums.map(amount),
        conversion: worth.exchange().map(Conversion::from),
        state,
        is_pending,
        author: row.by.author.clone(),
        at: rfc3339(row.by.at_ms),
        batch: row.by.batch.clone(),
        undone_by: row.undone.as_ref().map(|(who, _)| who.clone()),
        undone_at: row.undone.as_ref().map(|(_, at_ms)| rfc3339(*at_ms)),
    }
}
