//! Campaigns, domains, flows, landers, offers, sources, networks and the workspace: one set of handlers.

use super::auth::Caller;
use super::extract::{Id, Json, Params, RawJson, json};
use super::kind::{Resource, change};
use super::listing::{ListParams, Page, ThingView, page};
use super::notes::Uses;
use super::problem::{ApiError, Code};
use super::revisions;
use super::thing_input::{Given, Sent};
use super::write::{Done, Once, etag, if_match, mismatch, to_its_end};
use crate::app::App;
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri};
use model::table::Things;
use model::thing::{
    Campaign, ConversionType, Domain, Flow, Kind, Lander, Network, Offer, Problem, Revision,
    Source, Thing, ThingId, Workspace,
};
use std::sync::Arc;
use store::{Change, StoreError};

/// How often a number or key that somebody else has is chosen anew.
const CHOICE_TRIES: usize = 8;

/// The addresses of all kinds.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(routes_of::<Source>())
        .merge(routes_of::<Network>())
        .merge(routes_of::<ConversionType>())
        .merge(routes_of::<Offer>())
        .merge(routes_of::<Lander>())
        .merge(routes_of::<Flow>())
        .merge(routes_of::<Domain>())
        .merge(routes_of::<Campaign>())
        .route("/api/v1/workspace", get(show_workspace).put(replace_workspace))
        .route("/api/v1/workspace/revisions", get(revisions::list_of_workspace))
        .route("/api/v1/workspace/revisions/compare", get(revisions::compare_of_workspace))
        .route("/api/v1/workspace/restore", post(revisions::restore_workspace))
}

fn routes_of<B: Resource>() -> Router<Arc<App>> {
    let all = format!("/api/v1/{}", B::COLLECTION);
    Router::new()
        .route(&format!("{all}/{{id}}"), get(show::<B>).put(replace::<B>).delete(archive::<B>))
        .route(&format!("{all}/{{id}}/revisions"), get(revisions::list::<B>))
        .route(&format!("{all}/{{id}}/revisions/compare"), get(revisions::compare::<B>))
        .route(&format!("{all}/{{id}}/restore"), post(revisions::restore::<B>))
        .route(&all, get(list::<B>).post(create::<B>))
}

async fn list<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Response, ApiError> {
    let things = app.things.load();
    let Page { items, next } = page(B::all(&things), caller.workspace, &params)?;
    let uses = Uses::of(&things);
    let items = items.into_iter().map(|thing| ThingView::of(thing, &app, &things, &uses));
    Ok(json(StatusCode::OK, &Page { items: items.collect(), next }))
}

async fn create<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let work = {
        let app = app.clone();
        async move {
            let mut tries = 1;
            loop {
                match try_create::<B>(&app, &caller, value.clone()).await {
                    Err(Failed::Taken) if tries < CHOICE_TRIES => tries += 1,
                    Err(Failed::Taken) => {
                        return Err(ApiError::new(Code::Conflict, "others save too much")
                            .remedy("repeat it in a moment"));
                    }
                    Err(Failed::Refused(error)) => return Err(error),
                    Ok(done) => return Ok(done),
                }
            }
        }
    };
    once.carry_out(app, work).await
}

enum Failed {
    /// The number chosen for a companion, or the key that was drawn, is somebody else's.
    Taken,
    Refused(ApiError),
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

async fn try_create<B: Resource>(
    app: &App,
    caller: &Caller,
    value: serde_json::Value,
) -> Result<Done, Failed> {
    let mut sent = Sent::read::<B>(value, None)?;
    let things = app.things.load_full();
    let mut changes = B::companions(&mut sent.fields, &sent.name, caller.workspace, &things)?;
    let warnings = warnings_of(&changes);
    let chosen: Vec<_> = changes.iter().map(|change| (change.kind, change.id)).collect();
    let (name, is_drawn) = (sent.name.clone(), B::leaves_a_draw(&sent.fields));
    let body = sent.body::<B>(None, &app.templates)?;
    changes.push(change(caller.workspace, None, name.clone(), &body)?);
    let saved = app.save(changes, &caller.author).await.map_err(|error| {
        if is_choice(&error, &chosen, is_drawn) {
            return Failed::Taken;
        }
        use StoreError::{Invalid, Reference};
        let in_companion =
            matches!(&error, Invalid { kind, .. } | Reference { kind, .. } if *kind != B::KIND);
        let error = ApiError::from(error);
        Failed::Refused(if in_companion { error.within("flow") } else { error })
    })?;
    let made = saved.last().ok_or_else(|| ApiError::new(Code::Internal, "nothing was saved"))?;
    let thing = Thing {
        id: made.id,
        workspace: caller.workspace,
        name,
        revision: made.revision,
        archived: false,
        body,
    };
    Ok(done_with(app, StatusCode::CREATED, &thing, warnings)?)
}

/// What is odd about the flows among `companions`: who sends a flow with its campaign reads no other answer.
fn warnings_of(companions: &[Change]) -> Vec<Problem> {
    let flows = companions.iter().filter(|change| change.kind == Kind::Flow);
    let warnings = flows.filter_map(|change| serde_json::from_str::<Flow>(&change.body).ok());
    let within = |Problem { field, message }| Problem::new(format!("flow.{field}"), message);
    warnings.flat_map(|flow| flow.warnings()).map(within).collect()
}

/// Whether a save failed by something the server chose: the number of a companion, or a key it drew.
fn is_choice(error: &StoreError, chosen: &[(Kind, Option<ThingId>)], is_drawn: bool) -> bool {
    match error {
        StoreError::Conflict { kind, id, .. } | StoreError::NotFound { kind, id } => {
            chosen.contains(&(*kind, Some(*id)))
        }
        StoreError::KeyTaken { .. } => is_drawn,
        _ => false,
    }
}

async fn show<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, ApiError> {
    let things = app.things.load();
    show_thing(&app, &things, find::<B>(B::all(&things), caller.workspace, id)?)
}

/// The settings of the workspace.
#[utoipa::path(get, operation_id = "show_workspace", path = "/api/v1/workspace", tag = "things",
    responses((status = 200, body = super::schema::WorkspaceThing)))]
pub async fn show_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let things = app.things.load();
    let workspace = find(&things.workspaces, caller.workspace, caller.workspace)?;
    show_thing(&app, &things, workspace)
}

fn show_thing<B: Resource>(
    app: &App,
    things: &Things,
    thing: &Thing<B>,
) -> Result<Response, ApiError> {
    let view = ThingView::of(thing, app, things, &Uses::of(things));
    let mut response = json(StatusCode::OK, &view);
    response.headers_mut().extend(etag(thing.revision));
    Ok(response)
}

async fn replace<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    Json(value): Json<serde_json::Value>,
) -> Result<Response, ApiError> {
    to_its_end(replace_thing::<B>(app, caller, id, headers, value)).await
}

/// Changes the settings of the workspace.
#[utoipa::path(put, operation_id = "replace_workspace", path = "/api/v1/workspace", tag = "things",
    request_body = super::schema::WorkspaceInput,
    params(("If-Match" = Option<String>, Header, description = "the revision the change is made for")),
    responses((status = 200, body = super::schema::WorkspaceThing)))]
pub async fn replace_workspace(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    Json(value): Json<serde_json::Value>,
) -> Result<Response, ApiError> {
    let id = caller.workspace;
    to_its_end(replace_thing::<Workspace>(app, caller, id, headers, value)).await
}

async fn replace_thing<B: Resource>(
    app: Arc<App>,
    caller: Caller,
    id: ThingId,
    headers: HeaderMap,
    value: serde_json::Value,
) -> Result<Response, ApiError> {
    let things = app.things.load_full();
    let before = find::<B>(B::all(&things), caller.workspace, id)?;
    let demanded = if_match(&headers, before.revision)?;
    let given = Given::of(before, app.site(&things))?;
    let sent = Sent::read::<B>(value, Some(&given))?;
    let (name, expected) = (sent.name.clone(), demanded.or(sent.expected));
    let body = sent.body(Some(&before.body), &app.templates)?;
    // Fields that were left out were taken from the revision read here: no other may be replaced.
    let expected = Some(expected.unwrap_or(before.revision));
    let after = Thing { name, body, ..before.clone() };
    save(&app, &caller, after, expected, demanded.is_some()).await.map(Done::respond)
}

/// Archives a thing; doing so again changes nothing.
async fn archive<B: Resource>(
    State(app): State<Arc<App>>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let work = async move {
        let things = app.things.load_full();
        let before = find::<B>(B::all(&things), caller.workspace, id)?;
        let demanded = if_match(&headers, before.revision)?;
        if before.archived {
            return done(&app, StatusCode::OK, before).map(Done::respond);
        }
        let after = Thing { archived: true, ..before.clone() };
        let expected = Some(before.revision);
        save(&app, &caller, after, expected, demanded.is_some()).await.map(Done::respond)
    };
    to_its_end(work).await
}

/// The thing with this number in the workspace, archived or not.
///
/// # Errors
/// 404 when there is none.
pub fn find<B: Resource>(
    things: &[Thing<B>],
    workspace: ThingId,
    id: ThingId,
) -> Result<&Thing<B>, ApiError> {
    let found = things.binary_search_by_key(&id, |thing| thing.id).map(|at| &things[at]);
    let own = found.ok().filter(|thing| thing.workspace == workspace);
    own.ok_or_else(|| StoreError::NotFound { kind: B::KIND, id }.into())
}

/// Saves `after` over the revision `expected`; its answer names the new one.
///
/// # Errors
/// What the catalog refuses; a conflict is a failed precondition when the request `demanded` a revision.
pub async fn save<B: Resource>(
    app: &App,
    caller: &Caller,
    after: Thing<B>,
    expected: Option<Revision>,
    demanded: bool,
) -> Result<Done, ApiError> {
    let change = Change {
        archived: after.archived,
        expected,
        ..change(after.workspace, Some(after.id), after.name.clone(), &after.body)?
    };
    let saved = app.save(vec![change], &caller.author).await.map_err(|error| match error {
        StoreError::Conflict { found, .. } if demanded => mismatch(found),
        error => error.into(),
    })?;
    let revision = saved.first().map_or(after.revision, |saved| saved.revision);
    done(app, StatusCode::OK, &Thing { revision, ..after })
}

/// What a write that led to `thing` came to.
///
/// # Errors
/// When the thing cannot be written as JSON.
pub fn done<B: Resource>(
    app: &App,
    status: StatusCode,
    thing: &Thing<B>,
) -> Result<Done, ApiError> {
    done_with(app, status, thing, Vec::new())
}

/// The same, with `warnings` beside those of the thing itself.
fn done_with<B: Resource>(
    app: &App,
    status: StatusCode,
    thing: &Thing<B>,
    warnings: Vec<Problem>,
) -> Result<Done, ApiError> {
    let things = app.things.load();
    let mut view = ThingView::of(thing, app, &things, &Uses::of(&things));
    view.notes.warnings.extend(warnings);
    let body = serde_json::to_vec(&view).map_err(|error| ApiError::internal(&error))?;
    let location = format!("/api/v1/{}/{}", B::COLLECTION, thing.id);
    let location = (status == StatusCode::CREATED).then_some(location);
    Ok(Done { status, body, location, revision: Some(thing.revision) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_chose_is_chosen_anew() {
        let key = || StoreError::KeyTaken { key: "k".into(), by: 1 };
        let number = |kind| StoreError::Conflict { kind, id: 3, expected: 0, found: 1 };
        for (error, is_drawn, expected) in [
            (key(), true, true),
            (key(), false, false),
            (number(Kind::Flow), false, true),
            (number(Kind::Campaign), true, false),
            (StoreError::Closed, true, false),
        ] {
            let found = is_choice(&error, &[(Kind::Flow, Some(3))], is_drawn);
            assert_eq!(found, expected, "{error} {is_drawn}");
        }
    }
}
