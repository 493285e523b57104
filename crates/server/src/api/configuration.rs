//! `/config`: everything that is set up as one file, what a file would change, changing it, and the log of saves.

use super::auth::Caller;
use super::extract::{Json, Params};
use super::listing::{limit, no_cursor};
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::text::rfc3339;
use super::write::to_its_end;
use crate::app::App;
use crate::configuration::{self, FormerName, Plan, PlanError, Step, Syntax, Version};
use axum::extract::State;
use model::table::Things;
use model::thing::Revision;
use report::Names;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::LogRow;

/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// The most things a refusal names.
const NAMED_MAX: usize = 5;

/// How the file is to be written.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ConfigurationParams {
    /// `toml` when absent.
    #[serde(default)]
    #[param(inline)]
    format: Syntax,
}

/// The configuration as a file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigurationFile {
    /// What it is written in.
    pub format: Syntax,
    /// The newest save among what it says.
    pub revision: Revision,
    /// The file.
    pub text: String,
}

/// A file to be held against what is set up.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationInput {
    /// What it is written in; told from the text when absent.
    #[serde(default)]
    pub format: Option<Syntax>,
    /// The file.
    pub text: String,
    /// Whether it is applied although it overwrites what was saved since it was exported.
    #[serde(default)]
    pub force: bool,
}

/// What a file changes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigurationChanges {
    /// Step by step, in the order in which they are made.
    pub changes: Vec<Step>,
    /// What was saved since the file was exported and is overwritten by it, in words.
    pub stale: Vec<String>,
    /// What can be saved and is probably not meant, in words: rules that nobody can reach and the like.
    pub warnings: Vec<String>,
    /// The newest save: of what the plan was made for, or the one that applying made.
    pub revision: Revision,
}

/// Everything that is set up and not archived.
#[utoipa::path(get, operation_id = "export_configuration", path = "/api/v1/config", tag = "configuration",
    params(ConfigurationParams), responses((status = 200, description = "the file", body = ConfigurationFile)))]
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ConfigurationParams>,
) -> Result<axum::Json<ConfigurationFile>, ApiError> {
    let things = app.things.load();
    let text = configuration::export(&things, caller.workspace, params.format);
    let text = text.map_err(|error| ApiError::internal(&*error.into_boxed_dyn_error()))?;
    Ok(axum::Json(ConfigurationFile { format: params.format, revision: things.revision, text }))
}

/// What applying a file would change.
#[utoipa::path(post, operation_id = "plan_configuration", path = "/api/v1/config/plan", tag = "configuration", request_body = ConfigurationInput, responses(
    (status = 200, description = "the changes", body = ConfigurationChanges),
))]
pub async fn plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(file): Json<ConfigurationInput>,
) -> Result<axum::Json<ConfigurationChanges>, ApiError> {
    let former = app.catalog.names(caller.workspace).await?;
    let things = app.things.load_full();
    let revision = things.revision;
    let Plan { steps, stale, warnings, .. } =
        apart(move || plan_for(&app, &caller, &file, &things, former)).await?;
    Ok(axum::Json(ConfigurationChanges { changes: steps, stale, warnings, revision }))
}

/// Changes what is set up to what a file says: all of it or nothing.
#[utoipa::path(post, operation_id = "apply_configuration", path = "/api/v1/config/apply", tag = "configuration", request_body = ConfigurationInput, responses(
    (status = 200, description = "what was changed", body = ConfigurationChanges),
))]
pub async fn apply(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(file): Json<ConfigurationInput>,
) -> Result<axum::Json<ConfigurationChanges>, ApiError> {
    to_its_end(async move {
        let former = app.catalog.names(caller.workspace).await?;
        let author = caller.author.clone();
        let planner = app.clone();
        let plan = async move |things: Arc<Things>| {
            let force = file.force;
            let plan = apart(move || plan_for(&planner, &caller, &file, &things, former)).await?;
            if !force && !plan.stale.is_empty() {
                return Err(refused(&plan.stale));
            }
            Ok((plan.changes, (plan.steps, plan.stale, plan.warnings)))
        };
        let (_, (changes, stale, warnings)) = app.save_planned(&author, plan).await?;
        let revision = app.things.load().revision;
        Ok(axum::Json(ConfigurationChanges { changes, stale, warnings, revision }))
    })
    .await
}

/// Plans off the threads that answer clicks: a large file takes a second to read.
async fn apart(
    plan: impl FnOnce() -> Result<Plan, ApiError> + Send + 'static,
) -> Result<Plan, ApiError> {
    let planned = tokio::task::spawn_blocking(plan).await;
    planned.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// Which part of the log.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// The most saves on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A save.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Save {
    /// Its number.
    pub revision: Revision,
    /// Who saved.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
    /// What became of which thing; null when it was saved as it was.
    pub change: Option<Step>,
}

/// A page of the log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SavePage {
    /// Saves, newest first.
    pub items: Vec<Save>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// Every save of every thing, newest first.
#[utoipa::path(get, operation_id = "list_saves", path = "/api/v1/config/log", tag = "configuration",
    params(LogParams), responses((status = 200, body = SavePage)))]
pub async fn log(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<LogParams>,
) -> Result<axum::Json<SavePage>, ApiError> {
    let limit = limit(params.limit)?;
    let before = params.cursor.map(|cursor| cursor.parse::<Revision>()).transpose();
    let before = before.map_err(|_| no_cursor())?;
    let mut rows = app.catalog.log(caller.workspace, before, limit + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|entry| entry.row.revision.to_string());
    let names = AppNames::of(&app);
    let items = rows.into_iter().map(|entry| save(entry, &names)).collect::<Result<_, _>>();
    Ok(axum::Json(SavePage { items: items.map_err(|error| ApiError::internal(&error))?, next }))
}

fn save(entry: LogRow, names: &AppNames) -> serde_json::Result<Save> {
    let LogRow { kind, id, row, before } = entry;
    let body: Value = serde_json::from_str(&row.body)?;
    let old: Option<Value> =
        before.as_ref().map(|before| serde_json::from_str(&before.body)).transpose()?;
    let before = before.as_ref().zip(old.as_ref()).map(|(before, body)| Version {
        name: &before.name,
        archived: before.archived,
        body,
    });
    let after = Version { name: &row.name, archived: row.archived, body: &body };
    let name = |kind, id| names.thing(kind, id).map(str::to_owned);
    let change = Step::between(kind, id, before, after, &name);
    Ok(Save { revision: row.revision, author: row.author, at: rfc3339(row.at_ms), change })
}

fn plan_for(
    app: &App,
    caller: &Caller,
    file: &ConfigurationInput,
    things: &Things,
    former: Vec<FormerName>,
) -> Result<Plan, ApiError> {
    let syntax = file.format.unwrap_or_else(|| Syntax::detect(&file.text));
    let plan =
        configuration::plan(&file.text, syntax, things, caller.workspace, &app.templates, former);
    plan.map_err(|error| match error {
        PlanError::Unreadable(_) => ApiError::new(Code::Invalid, error.to_string())
            .field("text")
            .remedy("correct the place named and send it again"),
        PlanError::Invalid(problems) => {
            let detail = PlanError::Invalid(problems.clone()).to_string();
            ApiError::new(Code::Invalid, detail)
                .problems(problems)
                .remedy("correct the places listed in `problems` and send it again")
        }
        PlanError::Standing(error) => ApiError::internal(&error),
    })
}

fn refused(stale: &[String]) -> ApiError {
    let named = stale.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join("; ");
    let more = match stale.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        count => format!("; and {count} more"),
    };
    let detail = format!("the file overwrites what was saved after it was exported: {named}{more}");
    ApiError::new(Code::Conflict, detail)
        .field("revision")
        .remedy("export anew and repeat the change, or apply it all the same with `force`")
}
