//! Simulate: a changed configuration against the clicks of a past period, before it is saved.

use super::auth::Caller;
use super::extract::{Json, json};
use super::kind::{Resource, change};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::planned;
use super::thing_input::{Given, Sent};
use super::things::find;
use crate::app::App;
use crate::simulation::{self, SimulationError, Trying};
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use model::Field;
use model::query::{Filter, Period, Query, TimeBasis};
use model::table::{RoutingTable, Things};
use model::thing::{Campaign, Flow, Kind, Lander, Offer, ThingId};
use report::{SimulationAnswer, finish_simulation};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use store::{Change, StoreError, what_if};

/// The most things of one question.
const CHANGES_MAX: usize = 100;

/// What would be changed, and what it is tried on.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationQuery {
    /// What would be saved, on top of what stands; later ones may refer to earlier ones.
    pub changes: Vec<ChangedThing>,
    /// Which clicks: a word such as `last_7_days`, or `from` and `to`.
    #[serde(default)]
    pub period: Period,
    /// IANA name of the zone of all times; the workspace's when absent.
    #[serde(default)]
    pub tz: Option<String>,
    /// Conditions that the clicks must all meet, such as their campaign.
    #[serde(default)]
    pub filter: Vec<Filter>,
    /// Fields of the clicks to slice by.
    #[serde(default)]
    pub by: Vec<Field>,
    /// Whether pending conversions count as revenue beside approved ones.
    #[serde(default)]
    pub include_pending: bool,
}

/// A thing as it would be.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedThing {
    /// `flow`, `campaign`, `offer` or `lander`.
    pub kind: Kind,
    /// Which one; a number nobody has makes a new one.
    pub id: ThingId,
    /// What would be sent to save it; its name may be left out.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// Tries a change on the clicks of a period: which would go elsewhere, and what that would have earned.
#[utoipa::path(post, operation_id = "simulate", path = "/api/v1/simulate", tag = "reports", request_body = SimulationQuery,
    responses((status = 200, body = SimulationAnswer)))]
pub async fn simulate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(asked): Json<SimulationQuery>,
) -> Result<Response, ApiError> {
    let things = app.things.load_full();
    let changed = changed(&app, &things, caller.workspace, &asked.changes)?;
    let names = AppNames::of(&app);
    if let Some(place) = asked.by.iter().position(|field| *field == Field::ClickId) {
        return Err(ApiError::new(Code::InvalidQuery, "every click would be a slice of its own")
            .field(format!("by[{place}]"))
            .remedy("slice by fields that clicks have in common"));
    }
    let question = |by: Vec<Field>, filter: Vec<Filter>, metric: &str| Query {
        by,
        metrics: metric.parse().ok().into_iter().collect(),
        period: asked.period.clone(),
        tz: asked.tz.clone(),
        time: TimeBasis::Click,
        filter,
        sort: Vec::new(),
        limit: None,
        offset: 0,
    };
    let ask = |query| planned(&app, &names, caller.workspace, query, true);
    let planned = ask(question(asked.by.clone(), asked.filter.clone(), "clicks")).await?;
    let mut rows_in_period = 0;
    for metric in ["clicks", "bot_clicks", "impressions", "lander_clicks", "conversions"] {
        rows_in_period += count(&app, ask(question(Vec::new(), Vec::new(), metric)).await?).await?;
    }
    let filtered = ask(question(Vec::new(), asked.filter.clone(), "clicks")).await?;
    let trying = Trying {
        plan: planned.plan.clone(),
        changed: Arc::new(changed),
        include_pending: asked.include_pending,
        clicks_in_period: count(&app, filtered).await?,
        rows_in_period,
    };
    let _turn = app.simulating.lock().await;
    let (simulation, coverage) = simulation::run(&app, trying).await?;
    let answer: SimulationAnswer = finish_simulation(&simulation, &planned, coverage, &names);
    Ok(json(StatusCode::OK, &answer))
}

/// What a plan with one counter and no groups comes to.
async fn count(app: &App, planned: report::Planned) -> Result<u64, ApiError> {
    let answer = app.events.answer(&planned.plan).await?;
    let sum = answer.rows.first().and_then(|row| row.sums.first().copied()).unwrap_or_default();
    Ok(u64::try_from(sum).unwrap_or_default())
}

/// The configuration as it would be, checked as a save checks it.
fn changed(
    app: &App,
    things: &Things,
    workspace: ThingId,
    changes: &[ChangedThing],
) -> Result<RoutingTable, ApiError> {
    if changes.len() > CHANGES_MAX {
        let detail = format!("more than {CHANGES_MAX} changes");
        return Err(ApiError::new(Code::InvalidQuery, detail).field("changes"));
    }
    let read = |(place, thing): (usize, &ChangedThing)| {
        let change = match thing.kind {
            Kind::Flow => change_of::<Flow>(app, things, workspace, thing),
            Kind::Campaign => change_of::<Campaign>(app, things, workspace, thing),
            Kind::Offer => change_of::<Offer>(app, things, workspace, thing),
            Kind::Lander => change_of::<Lander>(app, things, workspace, thing),
            Kind::Workspace
            | Kind::Source
            | Kind::Network
            | Kind::ConversionType
            | Kind::Domain => {
                let detail = format!("a {} does not decide where clicks go", thing.kind);
                return Err(ApiError::new(Code::InvalidQuery, detail)
                    .field(format!("changes[{place}].kind"))
                    .remedy("change a flow, campaign, offer or lander"));
            }
        };
        change.map_err(|error| error.within(&format!("changes[{place}].body")))
    };
    let checked = changes.iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let things = what_if(things, checked).map_err(|error| within_its_change(error, changes))?;
    Ok(RoutingTable::new(&things))
}

/// What is wrong with a thing among others, with the place of its change when only one is of its kind.
fn within_its_change(error: StoreError, changes: &[ChangedThing]) -> ApiError {
    use StoreError::{Invalid, Reference};
    let of_kind = match &error {
        Invalid { kind, .. } | Reference { kind, .. } => Some(*kind),
        _ => None,
    };
    let mut places = (0..changes.len()).filter(|place| Some(changes[*place].kind) == of_kind);
    let place = places.next().filter(|_| places.next().is_none());
    let error = ApiError::from(error);
    match place {
        Some(place) => error.within(&format!("changes[{place}].body")),
        None => error,
    }
}

fn change_of<B: Resource>(
    app: &App,
    things: &Things,
    workspace: ThingId,
    thing: &ChangedThing,
) -> Result<Change, ApiError> {
    let before = match find::<B>(B::all(things), workspace, thing.id) {
        Ok(before) => Some(before),
        Err(_) if B::all(things).iter().all(|other| other.id != thing.id) => None,
        Err(error) => return Err(error),
    };
    let mut value = thing.body.clone();
    if let Some(fields) = value.as_object_mut() {
        let name = before.map_or_else(|| format!("simulated {}", thing.id), |b| b.name.clone());
        fields.entry("name").or_insert(name.into());
    }
    let given = before.map(|before| Given::of(before, app.site(things))).transpose()?;
    let sent = Sent::read::<B>(value, given.as_ref())?;
    let (name, expected) = (sent.name.clone(), sent.expected);
    let body = sent.body(before.map(|before| &before.body), &app.templates)?;
    let problems = body.problems();
    if !problems.is_empty() {
        return Err(ApiError::invalid(B::KIND, problems));
    }
    Ok(Change {
        archived: before.is_some_and(|before| before.archived),
        expected: if before.is_some() { expected } else { Some(0) },
        ..change(workspace, Some(thing.id), name, &body)?
    })
}

impl From<SimulationError> for ApiError {
    fn from(error: SimulationError) -> Self {
        match error {
            SimulationError::Store(error) => StoreError::into(error),
            SimulationError::Slices(error) => {
                Self::new(Code::InvalidQuery, error.to_string()).field("by")
            }
            SimulationError::Broken(error) => Self::internal(&error),
        }
    }
}
