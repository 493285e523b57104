//! The trail: the whole life of one click, from its id to its figures, with where each part comes from.

use super::auth::Caller;
use super::click_cost::Cost;
use super::extract::json;
use super::facts::{self, Pair, ThingRef, fields, thing};
use super::freshness::Freshness;
use super::inbox::{InboxItem, added, item};
use super::ledger::{LedgerEntry, ledger};
use super::names::AppNames;
use super::page_story::{PageEntry, pages};
use super::problem::{ApiError, Code};
use super::question::{planned, settings};
use super::text::{amount, rfc3339};
use crate::app::{App, now_ms};
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use model::event::{InboxEntry, Row, RowKind};
use model::facts::Facts;
use model::id::IdError;
use model::money::Currency;
use model::query::{Cell, Filter, FilterOp, FilterValue, Period, Query, TimeBasis};
use model::record::tag;
use model::thing::{Kind, ThingId};
use model::{ClickId, Field};
use report::{Names, finish};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// How a click id was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// As it was given out.
    Valid,
    /// It was cut off; its signature proved the rest.
    Truncated,
    /// One character was altered; its signature proved the right one.
    Altered,
    /// It stood in other characters or was encoded twice; its signature proved it.
    Wrapped,
}

/// The life of a click.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Trail {
    /// The id as it was given out.
    pub click_id: String,
    /// The id as it was asked for.
    pub asked: String,
    /// How what was asked for was read.
    pub reading: Reading,
    /// When the click came, RFC 3339: its id says so.
    pub time: String,
    /// The campaign: its id says so.
    pub campaign: ThingRef,
    /// Which node gave the id out.
    pub node: u8,
    /// The id was given out for a click that could not be written down at the time.
    pub unlogged: bool,
    /// The id is that of a test click.
    pub test: bool,
    /// The click itself; null when it is not in the store.
    pub click: Option<Click>,
    /// From the lander to an offer, in the order of time.
    pub hops: Vec<Hop>,
    /// What happened on pages, in the order of time.
    pub pages: Vec<PageEntry>,
    /// Every call that named the click, oldest first.
    pub postbacks: Vec<InboxItem>,
    /// What the calls came to, oldest first.
    pub ledger: Vec<LedgerEntry>,
    /// What it all comes to, as every report counts it.
    pub figures: Figures,
}

/// A click as it was written down.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Click {
    /// `click`, `preview` or `impression`.
    pub kind: &'static str,
    /// Its record in the journal.
    pub sequence: u64,
    /// Everything known about it, by the names of fields; a thing's name is beside its number.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
    /// What was decided.
    pub decision: Decision,
    /// What it cost.
    pub cost: Cost,
    /// The query as it came, as far as privacy keeps it.
    pub raw_query: Option<String>,
    /// Ids that platforms gave the click.
    pub platform_ids: Vec<Pair>,
    /// Signals of consent and attribution.
    pub signals: Vec<Pair>,
    /// Parameters that held a macro the source did not expand.
    pub unexpanded: Vec<String>,
    /// The query was longer than what is read.
    pub query_cut: bool,
}

/// Where a click was sent, and by which version of the rules.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Decision {
    /// The revision of the configuration that decided.
    pub revision: Option<i64>,
    /// The flow.
    pub flow: Option<ThingRef>,
    /// The rule that matched; null for the default paths.
    pub rule: Option<i64>,
    /// The path.
    pub path: Option<i64>,
    /// The lander; null for directly to the offer.
    pub lander: Option<ThingRef>,
    /// The offer behind the first link.
    pub offer: Option<ThingRef>,
    /// Who pays for the offer.
    pub network: Option<ThingRef>,
    /// The URL it was sent to.
    pub destination: Option<String>,
}

/// A click from a lander to an offer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Hop {
    /// When, RFC 3339.
    pub at: String,
    /// Its record in the journal.
    pub sequence: u64,
    /// Which link of the lander, from 1.
    pub link: Option<i64>,
    /// The lander it came from.
    pub lander: Option<ThingRef>,
    /// The offer it led to.
    pub offer: Option<ThingRef>,
    /// The URL it was sent to.
    pub destination: Option<String>,
    /// The click was not found in time, and the visitor was routed anew.
    pub rerouted: bool,
}

/// The sums over everything the click led to.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Figures {
    /// Pending and approved ones.
    pub conversions: i64,
    /// Decimal text.
    pub cost: String,
    /// Of approved conversions, decimal text.
    pub revenue: String,
    /// Revenue − cost, decimal text.
    pub profit: String,
    /// Of all amounts.
    pub currency: String,
}

/// The whole life of one click. Ids that were cut off or altered by one character are repaired where
/// their signature proves what they were.
#[utoipa::path(get, operation_id = "show_trail", path = "/api/v1/clicks/{click_id}", tag = "facts",
    params(("click_id" = String, Path, description = "the id as it was given out")),
    responses((status = 200, body = Trail)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(asked): Path<String>,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let (id, reading) = read(&names, &asked)?;
    let freshness = Freshness::now(&app);
    let rows = app.events.rows_of(caller.workspace, &[id.key]).await?;
    let calls = app.events.inbox_of(caller.workspace, &[id.key]).await?;
    if rows.is_empty() && calls.is_empty() {
        return Err(not_stored(id, freshness));
    }
    let figures = figures(&app, &names, caller.workspace, id).await?;
    let currency = settings(&app, caller.workspace).currency;
    let found = Found { id, asked, reading, rows, calls, figures, currency };
    Ok(json(StatusCode::OK, &found.trail(&names)))
}

/// Reads a click id, repaired where its signature proves what it was.
///
/// # Errors
/// When it is none of ours.
pub fn read(names: &AppNames, asked: &str) -> Result<(ClickId, Reading), ApiError> {
    match names.read_click_id(asked, now_ms()) {
        Ok(id) => Ok((id, Reading::Valid)),
        Err(IdError::Truncated { repaired }) => Ok((repaired, Reading::Truncated)),
        Err(IdError::Altered { repaired }) => Ok((repaired, Reading::Altered)),
        Err(IdError::Wrapped { repaired }) => Ok((repaired, Reading::Wrapped)),
        Err(error @ IdError::Malformed) => {
            Err(ApiError::new(Code::ClickIdMalformed, error.to_string())
                .field("click_id")
                .remedy("copy the whole id: look for it in the inbox if a network sent it"))
        }
        Err(error @ IdError::Unverified) => {
            Err(ApiError::new(Code::ClickIdUnverified, error.to_string())
                .field("click_id")
                .remedy("check where the id comes from: it may belong to another installation"))
        }
    }
}

/// What to say about a genuine id under which nothing is stored.
pub fn not_stored(id: ClickId, freshness: Freshness) -> ApiError {
    let waiting = freshness.waiting();
    let remedy = match (waiting, id.unlogged) {
        (1.., _) => format!("{waiting} records wait to be ingested: try again in a moment"),
        (0, true) => "the id says so itself: the click could not be written down".to_owned(),
        (0, false) => "it belongs to another workspace, or its data was removed".to_owned(),
    };
    let detail = "the id is genuine, but nothing is stored under it";
    ApiError::new(Code::ClickNotStored, detail).field("click_id").remedy(remedy)
}

/// The click's own row of a report.
async fn figures(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    id: ClickId,
) -> Result<Figures, ApiError> {
    const METRICS: [&str; 4] = ["conversions", "cost", "revenue", "profit"];
    let time_ms = id.key.time_ms();
    let value = FilterValue::One(Cell::Int(id.key.0));
    let query = Query {
        by: Vec::new(),
        metrics: METRICS.iter().filter_map(|name| name.parse().ok()).collect(),
        period: Period::Range { from: rfc3339(time_ms), to: rfc3339(time_ms + 1) },
        tz: Some("UTC".to_owned()),
        time: TimeBasis::Click,
        filter: vec![Filter { field: Field::ClickId, op: FilterOp::Is, value }],
        sort: Vec::new(),
        limit: None,
        offset: 0,
    };
    let planned = planned(app, names, workspace, query, false).await?;
    let report = finish(&planned, app.events.answer(&planned.plan).await?, names);
    let whole = |at: usize| report.totals.get(at).copied().flatten().unwrap_or_default();
    Ok(Figures {
        conversions: i64::try_from(whole(0)).unwrap_or(i64::MAX),
        cost: amount(whole(1)),
        revenue: amount(whole(2)),
        profit: amount(whole(3)),
        currency: report.currency.to_string(),
    })
}

/// Everything a trail is made of.
struct Found {
    id: ClickId,
    asked: String,
    reading: Reading,
    rows: Vec<Row>,
    calls: Vec<InboxEntry>,
    figures: Figures,
    currency: Currency,
}

impl Found {
    fn trail(self, names: &AppNames) -> Trail {
        let Self { id, asked, reading, rows, calls, figures, currency } = self;
        let of_kind = |kind: RowKind| rows.iter().filter(move |row| row.kind == kind);
        let click = [RowKind::Click, RowKind::Preview, RowKind::Impression]
            .into_iter()
            .find_map(|kind| of_kind(kind).next());
        let mut hops: Vec<&Row> = of_kind(RowKind::LanderClick).collect();
        hops.sort_by_key(|row| (row.event_ms, row.sequence));
        let click_id = names.click_id(id);
        let name = names.thing(Kind::Campaign, id.campaign).map(str::to_owned);
        Trail {
            asked,
            reading,
            time: rfc3339(id.key.time_ms()),
            campaign: ThingRef { id: id.campaign, name },
            node: id.key.node(),
            unlogged: id.unlogged,
            test: id.test,
            click: click.map(|row| click_of(row, currency, names)),
            hops: hops.into_iter().map(|row| hop(row, names)).collect(),
            pages: pages(&rows),
            postbacks: calls
                .iter()
                .map(|call| {
                    let added = added(call, &rows, currency, names);
                    item(call, Some(click_id.clone()), added, names)
                })
                .collect(),
            ledger: ledger(&rows, currency, names),
            figures,
            click_id,
        }
    }
}

fn click_of(row: &Row, currency: Currency, names: &AppNames) -> Click {
    let facts = &row.facts;
    let text = |tag| facts::texts(facts, tag).into_iter().next();
    Click {
        kind: row.kind.as_str(),
        sequence: row.sequence,
        fields: fields(row, names),
        decision: decision_of(facts, names),
        cost: Cost::of(row, currency),
        raw_query: text(tag::RAW_QUERY),
        platform_ids: facts::pairs(facts, tag::PLATFORM_ID),
        signals: facts::pairs(facts, tag::SIGNAL),
        unexpanded: facts::texts(facts, tag::BLANKED),
        query_cut: facts.int_at(tag::CUT) == Some(1),
    }
}

/// What was decided, as it was written down.
pub fn decision_of(facts: &Facts, names: &AppNames) -> Decision {
    Decision {
        revision: facts.int(Field::Revision),
        flow: thing(facts, Field::Flow, names),
        rule: facts.int(Field::Rule),
        path: facts.int(Field::Path),
        lander: thing(facts, Field::Lander, names),
        offer: thing(facts, Field::Offer, names),
        network: thing(facts, Field::Network, names),
        destination: facts::texts(facts, tag::DESTINATION).into_iter().next(),
    }
}

fn hop(row: &Row, names: &AppNames) -> Hop {
    Hop {
        at: rfc3339(row.event_ms),
        sequence: row.sequence,
        link: row.facts.int_at(tag::LINK),
        lander: thing(&row.facts, Field::Lander, names),
        offer: thing(&row.facts, Field::Offer, names),
        destination: facts::texts(&row.facts, tag::DESTINATION).into_iter().next(),
        rerouted: row.facts.flag(Field::Rerouted),
    }
}
