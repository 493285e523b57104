//! `/config`: everything that is set up as one file, what a file would change, and changing it.

use super::auth::Caller;
use super::extract::Json;
use super::problem::{ApiError, Code};
use crate::app::App;
use crate::configuration::{self, Plan};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The configuration as a file.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationFile {
    /// TOML; see `clicktrail config export`.
    pub toml: String,
}

/// What a file changes.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigurationChanges {
    /// One sentence per change, in the order in which they are made.
    pub changes: Vec<String>,
}

/// Everything that is set up and not archived.
#[utoipa::path(get, operation_id = "export_configuration", path = "/api/v1/config", tag = "configuration", responses(
    (status = 200, description = "the file", body = ConfigurationFile),
))]
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<axum::Json<ConfigurationFile>, ApiError> {
    let toml = configuration::export(&app.things.load(), caller.workspace);
    Ok(axum::Json(ConfigurationFile {
        toml: toml.map_err(|error| ApiError::internal(&*error.into_boxed_dyn_error()))?,
    }))
}

/// What applying a file would change.
#[utoipa::path(post, operation_id = "plan_configuration", path = "/api/v1/config/plan", tag = "configuration", request_body = ConfigurationFile, responses(
    (status = 200, description = "the changes", body = ConfigurationChanges),
))]
pub async fn plan(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(file): Json<ConfigurationFile>,
) -> Result<axum::Json<ConfigurationChanges>, ApiError> {
    Ok(axum::Json(ConfigurationChanges { changes: read(&app, &caller, &file)?.words }))
}

/// Changes what is set up to what a file says: all of it or nothing.
#[utoipa::path(post, operation_id = "apply_configuration", path = "/api/v1/config/apply", tag = "configuration", request_body = ConfigurationFile, responses(
    (status = 200, description = "what was changed", body = ConfigurationChanges),
))]
pub async fn apply(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(file): Json<ConfigurationFile>,
) -> Result<axum::Json<ConfigurationChanges>, ApiError> {
    let Plan { changes, words } = read(&app, &caller, &file)?;
    if !changes.is_empty() {
        app.save(changes, &caller.author).await?;
    }
    Ok(axum::Json(ConfigurationChanges { changes: words }))
}

fn read(app: &App, caller: &Caller, file: &ConfigurationFile) -> Result<Plan, ApiError> {
    configuration::plan(&file.toml, &app.things.load(), caller.workspace).map_err(|error| {
        ApiError::new(Code::Invalid, format!("{error:#}"))
            .field("toml")
            .remedy("correct the place named and send it again")
    })
}
