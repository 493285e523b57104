//! Reports: the question, its answer, and what can be asked.

use super::auth::Caller;
use super::extract::{Json, Params, json};
use super::freshness::Freshness;
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::planned;
use crate::app::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use model::field::{FIELDS, Group, ValueKind};
use model::metric::{METRICS, Unit};
use model::query::Query;
use model::thing::ThingId;
use report::{Report, finish, to_csv};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A report, and how fresh it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReportAnswer {
    /// The report.
    #[serde(flatten)]
    pub report: Report,
    /// RFC 3339: everything written down before this moment is in the figures.
    pub fresh_to: String,
}

/// Answers a question about the figures.
#[utoipa::path(post, operation_id = "ask_report", path = "/api/v1/reports", tag = "reports", request_body = Query,
    responses((status = 200, body = ReportAnswer)))]
pub async fn ask(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(query): Json<Query>,
) -> Result<Response, ApiError> {
    let answer = answer(&app, caller.workspace, query, false).await?;
    Ok(json(StatusCode::OK, &answer))
}

/// The form of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Comma-separated values with a head (RFC 4180).
    #[default]
    Csv,
    /// What `POST /reports` answers.
    Json,
    /// Not yet.
    Parquet,
    /// Not yet.
    Xlsx,
}

/// How a report is exported.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportParams {
    /// The form of the file, `csv` when absent.
    #[serde(default)]
    #[param(inline)]
    pub format: Format,
}

/// The same answer as a file; every row unless the question limits them.
#[utoipa::path(post, operation_id = "export_report", path = "/api/v1/reports/export", tag = "reports", params(ExportParams),
    request_body = Query,
    responses((status = 200, content((String = "text/csv"), (ReportAnswer = "application/json")))))]
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(ExportParams { format }): Params<ExportParams>,
    Json(query): Json<Query>,
) -> Result<Response, ApiError> {
    if !matches!(format, Format::Csv | Format::Json) {
        return Err(not_supported(&["csv", "json"]));
    }
    let answer = answer(&app, caller.workspace, query, true).await?;
    let mut response = match format {
        Format::Json => json(StatusCode::OK, &answer),
        _ => csv(to_csv(&answer.report)),
    };
    let name = if format == Format::Json { "report.json" } else { "report.csv" };
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(name));
    Ok(response)
}

/// What to say of a form that is not written yet.
pub fn not_supported(forms: &[&str]) -> ApiError {
    ApiError::new(Code::NotSupported, "this version does not write files of this form")
        .field("format")
        .remedy(format!("ask for {}", forms.join(" or ")))
}

/// Offers the answer as a file of this name.
pub fn attachment(name: &str) -> HeaderValue {
    let value = format!("attachment; filename=\"{name}\"");
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

fn csv(text: String) -> Response {
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = (StatusCode::OK, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn answer(
    app: &App,
    workspace: ThingId,
    query: Query,
    export: bool,
) -> Result<ReportAnswer, ApiError> {
    let names = AppNames::of(app);
    let planned = planned(app, &names, workspace, query, export).await?;
    // Looked at first: what comes in while the store answers may or may not be in the answer.
    let freshness = Freshness::now(app);
    let answer = app.events.answer(&planned.plan).await?;
    let report = finish(&planned, answer, &names);
    Ok(ReportAnswer { report, fresh_to: freshness.fresh_to(app).await? })
}

/// A field that can be grouped and filtered by.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FieldInfo {
    /// Its name in queries and answers.
    pub name: &'static str,
    /// Its name on a screen.
    pub label: &'static str,
    /// What it describes.
    pub group: Group,
    /// The type of its values.
    pub kind: ValueKind,
}

/// Every field.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FieldList {
    /// In the order in which they are shown.
    pub items: Vec<FieldInfo>,
}

/// What reports can be grouped and filtered by.
#[utoipa::path(get, operation_id = "list_fields", path = "/api/v1/reports/fields", tag = "reports",
    responses((status = 200, body = FieldList)))]
pub async fn fields(_: Caller) -> Response {
    let info = |row: &model::field::FieldRow| FieldInfo {
        name: row.name,
        label: row.label,
        group: row.group,
        kind: row.kind,
    };
    json(StatusCode::OK, &FieldList { items: FIELDS.iter().map(info).collect() })
}

/// A metric that can be asked for.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MetricInfo {
    /// Its name in queries and answers.
    pub name: &'static str,
    /// Its name on a screen.
    pub label: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// Whether `name:TYPE` asks for one conversion type.
    pub by_type: bool,
}

/// Every metric.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MetricList {
    /// In the order in which they are shown.
    pub items: Vec<MetricInfo>,
}

/// What reports can show.
#[utoipa::path(get, operation_id = "list_metrics", path = "/api/v1/reports/metrics", tag = "reports",
    responses((status = 200, body = MetricList)))]
pub async fn metrics(_: Caller) -> Response {
    let info = |row: &model::metric::MetricRow| MetricInfo {
        name: row.name,
        label: row.label,
        unit: row.unit,
        by_type: row.by_type,
    };
    json(StatusCode::OK, &MetricList { items: METRICS.iter().map(info).collect() })
}
