//! Why a click went where it went, and where a made-up visitor would go.

use super::auth::Caller;
use super::extract::{Json, json};
use super::facts::fields;
use super::made_up::{MadeUpExplanation, MadeUpVisitor};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::trail::{self, Decision, decision_of};
use crate::app::App;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::record::{RAW_QUERY_BYTES_MAX, tag};
use model::route::{self, DestinationStep, Explanation, Onward, UrlValues};
use model::table::RoutingTable;
use model::{ClickId, Field};
use report::Names;
use serde::Serialize;
use std::sync::Arc;

/// Why a click went where it went: decided again from what was written down, with the configuration of its moment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClickExplanation {
    /// The id as it was given out.
    pub click_id: String,
    /// What was decided when the click came.
    pub recorded: Decision,
    /// Whether deciding again gives what was recorded.
    pub agrees: bool,
    /// Each rule with each condition, each choice with its numbers.
    pub explanation: Explanation,
    /// The URL it was sent to, and where its parts came from; null where it was answered without one.
    pub destination: Option<DestinationStep>,
    /// The query was longer than what is kept: what was passed on may be missing in the destination.
    pub query_cut: bool,
}

/// Why a click went where it went.
#[utoipa::path(get, operation_id = "explain_click", path = "/api/v1/clicks/{click_id}/explain", tag = "facts",
    params(("click_id" = String, Path, description = "the id as it was given out")),
    responses((status = 200, body = ClickExplanation)))]
pub async fn click(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(asked): Path<String>,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let (id, _) = trail::read(&names, &asked)?;
    let rows = app.events.rows_of(caller.workspace, &[id.key]).await?;
    let click = rows.into_iter().find(|row| row.kind == RowKind::Click);
    let click =
        click.ok_or_else(|| trail::not_stored(id, super::freshness::Freshness::now(&app)))?;
    let revision =
        click.facts.int(Field::Revision).and_then(|revision| u64::try_from(revision).ok());
    let revision = revision.ok_or_else(|| {
        ApiError::new(Code::NotFound, "the click does not say which configuration decided it")
            .field("click_id")
    })?;
    let table = app.table_at(revision).await?;
    Ok(json(StatusCode::OK, &explained(&app, &names, &table, id, &click)))
}

fn explained(
    app: &App,
    names: &AppNames,
    table: &RoutingTable,
    id: ClickId,
    click: &Row,
) -> ClickExplanation {
    let mut facts = Facts::for_click();
    facts.push_int(tag::KEY, click.key.0);
    facts.extend(&click.facts, |_| true);
    let draws = app.keys.draw();
    let (outcome, explanation) = route::explain_stored(table, &facts, draws);
    let decision = outcome.ok();
    let agrees = route::agrees(&facts, decision.as_ref());
    let click_id = names.click_id(id);
    let query = facts.text_at(tag::RAW_QUERY).unwrap_or_default();
    let click_param = table.workspace(click.workspace()).map(|w| &*w.click_param);
    let destination = table.campaign(id.campaign).and_then(|campaign| {
        let values = UrlValues {
            table,
            campaign,
            facts: &facts,
            query,
            key: click.key,
            click_id: &click_id,
            click_param: click_param.unwrap_or_default(),
            draws,
        };
        match route::onward(table, campaign, decision.as_ref(), query) {
            Onward::To { hop, pass, .. } => route::destination_origins(&hop, pass, &values),
            _ => None,
        }
    });
    ClickExplanation {
        recorded: decision_of(&facts, names),
        agrees,
        explanation,
        destination,
        query_cut: facts.int_at(tag::CUT) == Some(1) || query.len() + 4 > RAW_QUERY_BYTES_MAX,
        click_id,
    }
}

/// Where a made-up visitor would go, and why. Nothing is written down, counted or remembered.
#[utoipa::path(post, operation_id = "explain_visitor", path = "/api/v1/explain", tag = "facts",
    request_body = MadeUpVisitor, responses((status = 200, body = MadeUpExplanation)))]
pub async fn visitor(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(visitor): Json<MadeUpVisitor>,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let rehearsal = visitor.rehearse(&app, caller.workspace)?;
    let row = Row {
        kind: RowKind::Click,
        key: rehearsal.facts.int_at(tag::KEY).map(model::ClickKey).unwrap_or_default(),
        event_ms: 0,
        sequence: 0,
        count: 1,
        cost: 0,
        revenue: 0,
        facts: rehearsal.facts,
    };
    let answer = MadeUpExplanation {
        fields: fields(&row, &names),
        explanation: rehearsal.explanation,
        destination: rehearsal.destination,
    };
    Ok(json(StatusCode::OK, &answer))
}
