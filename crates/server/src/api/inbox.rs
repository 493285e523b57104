//! The inbox: every postback and pixel call as it came, and what became of it.

use super::auth::Caller;
use super::extract::{Params, json};
use super::facts::{ThingRef, click_id, texts};
use super::ledger::{self, LedgerEntry};
use super::listing::{Page, limit, no_cursor};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::settings;
use super::text::rfc3339;
use crate::app::{App, now_ms};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::id::IdError;
use model::judged::Judged;
use model::money::Currency;
use model::record::tag;
use model::thing::{Kind, ThingId};
use model::{ClickId, ClickKey};
use report::Names;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use store::InboxQuery;

/// A call, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct InboxItem {
    /// Its number, as the answer to the call named it: a journal sequence.
    pub id: String,
    /// When it came, RFC 3339.
    pub received: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, as a stable code; empty when recorded as sent.
    pub reason: String,
    /// Why, and what to do about it.
    pub message: String,
    /// The click it names, when the id was ours and the click is known.
    pub click_id: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// Path and query as they came.
    pub url: String,
    /// The body as it came.
    pub body: String,
    /// Headers that matter, `name: value`.
    pub headers: Vec<String>,
    /// The address of the caller, as far as privacy keeps it.
    pub peer: Option<String>,
    /// The network whose key it carried.
    pub network: Option<ThingRef>,
    /// Codes of what was noted about it without refusing it.
    pub notes: Vec<String>,
    /// What it added to the ledger of its click.
    pub ledger: Vec<LedgerEntry>,
    /// What it says about the customer: `name=SHA-256`. Plain values were hashed as they arrived.
    pub first_party: Vec<String>,
    /// Whether an operator named the click.
    pub attached: bool,
    /// Every judgement, oldest first; empty for a call that was judged on arrival alone.
    pub history: Vec<JudgedView>,
}

/// One judgement of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct JudgedView {
    /// When the call came, or was ordered to be judged again, RFC 3339.
    pub at: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, as a stable code.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Who had it judged again; null for the judgement on arrival.
    pub author: Option<String>,
    /// What for, in the author's words.
    pub note: Option<String>,
}

/// Which part of the inbox.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxParams {
    /// Only calls with this verdict.
    #[param(inline)]
    verdict: Option<Verdict>,
    /// Only calls with this code of a reason, such as status_unmapped.
    reason: Option<String>,
    /// Only calls whose reason, message, URL or body contains this.
    q: Option<String>,
    /// Only calls that name this click.
    click_id: Option<String>,
    /// The most calls on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

impl InboxParams {
    /// Whether it says which calls, and not only how many.
    pub fn selects(&self) -> bool {
        let texts = [&self.reason, &self.q, &self.click_id];
        self.verdict.is_some() || texts.into_iter().any(Option::is_some)
    }
}

/// A page of the inbox.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InboxPage {
    /// The calls, newest first.
    pub items: Vec<InboxItem>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// Postbacks and pixel calls, newest first.
#[utoipa::path(get, operation_id = "list_inbox", path = "/api/v1/inbox", tag = "facts", params(InboxParams),
    responses((status = 200, body = InboxPage)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<InboxParams>,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let (entries, next) = find(&app, caller.workspace, &names, params).await?;
    let items = items(&app, caller.workspace, &names, entries).await?;
    Ok(json(StatusCode::OK, &Page { items, next }))
}

/// A page of the calls that `params` ask for, and where the next one begins.
pub async fn find(
    app: &App,
    workspace: ThingId,
    names: &AppNames,
    params: InboxParams,
) -> Result<(Vec<InboxEntry>, Option<String>), ApiError> {
    let limit = limit(params.limit)?;
    let key = params.click_id.map(|text| click_named(names, &text)).transpose()?.map(|id| id.key);
    let before = params.cursor.map(|cursor| cursor.parse()).transpose().map_err(|_| no_cursor())?;
    let InboxParams { verdict, reason, q: text, .. } = params;
    let limits = InboxQuery { before, limit: limit + 1, ..InboxQuery::default() };
    let query = InboxQuery { verdict, reason, key, text, ..limits };
    let mut entries = app.events.inbox(workspace, query).await?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| entry.sequence.to_string());
    Ok((entries, next))
}

/// One call by its number.
#[utoipa::path(get, operation_id = "show_call", path = "/api/v1/inbox/{id}", tag = "facts",
    params(("id" = String, Path, description = "number of the call")),
    responses((status = 200, body = InboxItem)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    Ok(json(
        StatusCode::OK,
        &shown(&app, caller.workspace, entry(&app, &caller, &id).await?).await?,
    ))
}

/// The call with this number.
pub async fn entry(app: &App, caller: &Caller, id: &str) -> Result<InboxEntry, ApiError> {
    let not_found = || {
        ApiError::new(Code::NotFound, "there is no call with this number in the inbox").remedy(
            "a call shows up once it was ingested, within a second: GET /api/v1/inbox lists them",
        )
    };
    let sequence = id.parse().map_err(|_| not_found())?;
    app.events.inbox_entry(caller.workspace, sequence).await?.ok_or_else(not_found)
}

/// A call as it is shown.
pub async fn shown(
    app: &App,
    workspace: ThingId,
    entry: InboxEntry,
) -> Result<InboxItem, ApiError> {
    let items = items(app, workspace, &AppNames::of(app), vec![entry]).await?;
    items.into_iter().next().ok_or_else(|| ApiError::new(Code::Internal, "the call is not there"))
}

/// The click that a text names, repaired if need be.
pub fn click_named(names: &AppNames, text: &str) -> Result<ClickId, ApiError> {
    match names.read_click_id(text, now_ms()) {
        Ok(id)
        | Err(
            IdError::Truncated { repaired: id }
            | IdError::Altered { repaired: id }
            | IdError::Wrapped { repaired: id },
        ) => Ok(id),
        Err(error @ (IdError::Malformed | IdError::Unverified)) => {
            Err(ApiError::new(Code::InvalidParameter, error.to_string())
                .field("click_id")
                .remedy("copy the whole click id; search for a part of the call with `q`"))
        }
    }
}

/// Entries as they are shown, with the ids of the clicks they name.
async fn items(
    app: &App,
    workspace: ThingId,
    names: &AppNames,
    entries: Vec<InboxEntry>,
) -> Result<Vec<InboxItem>, ApiError> {
    let mut keys: Vec<ClickKey> = entries.iter().filter_map(|entry| entry.key).collect();
    keys.sort_unstable();
    keys.dedup();
    let rows =
        if keys.is_empty() { Vec::new() } else { app.events.rows_of(workspace, &keys).await? };
    let mut ids = HashMap::new();
    // An entry knows the campaign even where its click is not stored; the click itself knows better.
    for row in rows.iter().filter(|row| matches!(row.kind, RowKind::Entry | RowKind::Click)) {
        if row.kind == RowKind::Click || !ids.contains_key(&row.key) {
            ids.insert(row.key, click_id(row, names));
        }
    }
    let id = |entry: &InboxEntry| entry.key.and_then(|key| ids.get(&key).cloned());
    let currency = settings(app, workspace).currency;
    let item = |call: &InboxEntry| item(call, id(call), added(call, &rows, currency, names), names);
    Ok(entries.iter().map(item).collect())
}

/// What a call added to the ledger, among the rows of its click.
pub fn added(
    call: &InboxEntry,
    rows: &[Row],
    currency: Currency,
    names: &AppNames,
) -> Vec<LedgerEntry> {
    let is_its = |row: &&Row| row.sequence == call.sequence && row.kind == RowKind::Entry;
    rows.iter().filter(is_its).map(|row| ledger::entry(row, currency, names)).collect()
}

/// An entry as it is shown.
pub fn item(
    entry: &InboxEntry,
    click_id: Option<String>,
    ledger: Vec<LedgerEntry>,
    names: &AppNames,
) -> InboxItem {
    let facts = &entry.facts;
    let first = |tag| texts(facts, tag).into_iter().next();
    let network = facts.int_at(tag::INTAKE_NETWORK).and_then(|id| ThingId::try_from(id).ok());
    InboxItem {
        id: entry.sequence.to_string(),
        received: rfc3339(entry.received_ms),
        verdict: entry.verdict,
        reason: entry.reason.clone(),
        message: entry.message.clone(),
        click_id,
        method: first(tag::INTAKE_METHOD),
        url: first(tag::INTAKE_URL).unwrap_or_default(),
        body: first(tag::INTAKE_BODY).unwrap_or_default(),
        headers: texts(facts, tag::INTAKE_HEADER),
        peer: first(tag::INTAKE_PEER),
        network: network
            .map(|id| ThingRef { id, name: names.thing(Kind::Network, id).map(str::to_owned) }),
        notes: texts(facts, tag::INTAKE_NOTE),
        ledger,
        first_party: texts(facts, tag::FIRST_PARTY),
        attached: facts.int_at(tag::ATTACHED).is_some(),
        history: Judged::all(facts).into_iter().map(judged).collect(),
    }
}

fn judged(judged: Judged) -> JudgedView {
    let Judged { at_ms, verdict, reason, message, author, note } = judged;
    JudgedView { at: rfc3339(at_ms), verdict, reason, message, author, note }
}
