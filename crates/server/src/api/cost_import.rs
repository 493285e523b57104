//! Cost entries from a CSV file: all of its lines or none, each told what it does; with `preview`, what it would do.

use super::auth::Caller;
use super::cost_input::{CostInput, Desk};
use super::costs::author;
use super::extract::{File, Params, file_text};
use super::problem::{ApiError, Code};
use super::write::{Done, Once};
use crate::app::{App, now_ms};
use crate::csv_rows::{self, Row};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use model::Field;
use model::spend::SpendKey;
use model::thing::{Problem, ThingId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use store::{CostAdded, CostQuery, NewCost};

/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The most lines of a file.
const LINES_MAX: usize = 50_000;

/// Columns with a meaning of their own; every other one is a field of the slice.
const COLUMNS: [&str; 8] = ["campaign", "date", "hour", "from", "to", "tz", "amount", "currency"];

/// Whether anything is to be changed.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CostImportParams {
    /// Only say what each line would do.
    #[serde(default)]
    preview: bool,
}

/// What came of a file.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CostsImported {
    /// Whether nothing was changed, and `items` say what would be.
    pub preview: bool,
    /// The name of the import: entries have it as `batch`.
    pub batch: Option<String>,
    /// How many lines are new entries.
    pub added: usize,
    /// How many replace an entry for the same traffic.
    pub replaced: usize,
    /// How many stand already.
    pub unchanged: usize,
    /// How many are wrong; only a preview has any.
    pub wrong: usize,
    /// Each line, in order.
    pub items: Vec<CostLine>,
}

/// What came of a line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CostLine {
    /// The line of the file, from 1.
    pub line: u64,
    /// `added`, `replaced`, `unchanged` or `wrong`.
    pub result: &'static str,
    /// The entry; null in a preview where it is not there yet.
    pub id: Option<i64>,
    /// The entry that it replaces.
    pub replaces: Option<i64>,
    /// What is wrong, by column.
    pub problems: Vec<Problem>,
}

/// A CSV file of cost entries. The first line names the columns: `campaign`, `date` (and `hour`) or `from` and `to`,
/// `amount`, `currency`, and fields of the slice such as `creative_id`, of which an empty cell means: any value.
#[utoipa::path(post, operation_id = "import_costs", path = "/api/v1/costs/import", tag = "costs",
    params(CostImportParams), request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = CostsImported)))]
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<CostImportParams>,
    headers: HeaderMap,
    uri: Uri,
    File(bytes): File<FILE_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let lines = lines_of(file_text(&bytes)?)?;
    let work = {
        let app = app.clone();
        async move { take(&app, &caller, lines, params.preview).await }
    };
    once.carry_out(app, work).await
}

/// A line as an entry may be made of it.
type Line = (u64, CostInput);

fn lines_of(text: &str) -> Result<Vec<Line>, ApiError> {
    let invalid =
        |detail: String, remedy: &str| ApiError::new(Code::Invalid, detail).remedy(remedy);
    let rows = csv_rows::rows(text)
        .map_err(|error| invalid(error.to_string(), "close the quote, or double it"))?;
    let mut rows = rows.into_iter();
    let Some((line, head)) = rows.next() else {
        return Err(invalid("the file is empty".to_owned(), "name the columns in its first line"));
    };
    let head = head.into_iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let is_known = |name: &&String| {
        COLUMNS.contains(&name.as_str()) || name.parse().is_ok_and(Field::from_source)
    };
    if let Some(unknown) = head.iter().find(|name| !is_known(name)) {
        let columns = COLUMNS.join(", ");
        let detail = format!("line {line}, column `{unknown}`: there is no such column");
        let remedy = format!("columns are {columns}, and fields such as creative_id or sub1");
        return Err(invalid(detail, &remedy).field(unknown));
    }
    for (place, name) in head.iter().enumerate() {
        if head[..place].contains(name) {
            let detail = format!("line {line}, column `{name}`: it is there twice");
            return Err(invalid(detail, "leave one of them out").field(name));
        }
    }
    let rows: Vec<Row> = rows.collect();
    if rows.len() > LINES_MAX {
        let detail = format!("the file has {} lines", rows.len());
        return Err(invalid(detail, &format!("send at most {LINES_MAX} at a time")));
    }
    Ok(rows.into_iter().map(|(line, fields)| (line, input(&head, fields))).collect())
}

fn input(head: &[String], fields: Vec<String>) -> CostInput {
    let mut input = CostInput::default();
    for (name, value) in head.iter().zip(fields).filter(|(_, value)| !value.is_empty()) {
        match name.as_str() {
            "campaign" => input.campaign = value,
            "date" => input.date = Some(value),
            "hour" => input.hour = Some(value),
            "from" => input.from = Some(value),
            "to" => input.to = Some(value),
            "tz" => input.tz = Some(value),
            "amount" => input.amount = value,
            "currency" => input.currency = Some(value),
            _ => {
                input.slice.insert(name.clone(), value);
            }
        }
    }
    input
}

async fn take(
    app: &App,
    caller: &Caller,
    lines: Vec<Line>,
    preview: bool,
) -> Result<Done, ApiError> {
    let desk = Desk::of(app, caller.workspace);
    let mut read: Vec<(u64, Result<NewCost, Vec<Problem>>)> =
        lines.into_iter().map(|(line, input)| (line, desk.read(&input))).collect();
    refuse_repeated(&mut read);
    let imported = if preview {
        let added = would_add(app, caller.workspace, &read).await?;
        told(read, added, None)
    } else {
        refuse_wrong(&read)?;
        let batch = format!("import {}", now_ms());
        let costs = read.iter().filter_map(|(_, cost)| cost.as_ref().ok().cloned()).collect();
        let by = author(caller, Some(batch.clone()));
        let added = app.costs.add_costs(caller.workspace, costs, &by).await?;
        app.recomputing.notify_one();
        let added = added.into_iter().map(|added| (Some(added.id), added));
        told(read, added.collect(), Some(batch))
    };
    let body = serde_json::to_vec(&imported).map_err(|error| ApiError::internal(&error))?;
    Ok(Done { status: StatusCode::OK, body, location: None, revision: None })
}

/// Two lines for the same traffic: which of them is meant, nobody knows.
fn refuse_repeated(read: &mut [(u64, Result<NewCost, Vec<Problem>>)]) {
    let mut first: HashMap<SpendKey, u64> = HashMap::new();
    for (line, cost) in read {
        let Ok(NewCost { key, .. }) = cost else { continue };
        let before = *first.entry(key.clone()).or_insert(*line);
        if before != *line {
            let message = format!("line {before} is for the same campaign, period and slice");
            *cost = Err(vec![Problem::new("amount", message)]);
        }
    }
}

fn refuse_wrong(read: &[(u64, Result<NewCost, Vec<Problem>>)]) -> Result<(), ApiError> {
    let wrong = read.iter().filter_map(|(line, cost)| Some((line, cost.as_ref().err()?)));
    let place = |line: &u64, problem: &Problem| {
        let column = problem.field.trim_start_matches("slice.");
        Problem::new(format!("line {line}, column `{column}`"), problem.message.clone())
    };
    let problems: Vec<Problem> = wrong
        .flat_map(|(line, problems)| problems.iter().map(move |problem| place(line, problem)))
        .collect();
    let Some(first) = problems.first() else { return Ok(()) };
    let detail = format!("{}: {}", first.field, first.message);
    Err(ApiError::new(Code::Invalid, detail)
        .problems(problems)
        .remedy("nothing was imported: correct the places named and send the file again"))
}

/// What lines that can be read would become; the entry is known where it stands already.
async fn would_add(
    app: &App,
    workspace: ThingId,
    read: &[(u64, Result<NewCost, Vec<Problem>>)],
) -> Result<Vec<(Option<i64>, CostAdded)>, ApiError> {
    let costs: Vec<&NewCost> = read.iter().filter_map(|(_, cost)| cost.as_ref().ok()).collect();
    let from_ms = costs.iter().map(|cost| cost.key.from_ms).min().unwrap_or_default();
    let to_ms = costs.iter().map(|cost| cost.key.to_ms).max().unwrap_or_default();
    let period = Some((from_ms, to_ms));
    let query = CostQuery { period, standing_only: true, ..CostQuery::default() };
    let rows = app.costs.costs(workspace, &query).await?;
    let standing: HashMap<&SpendKey, _> = rows.iter().map(|row| (&row.cost.key, row)).collect();
    let would = |cost: &&NewCost| match standing.get(&cost.key) {
        Some(row) if row.cost == **cost => {
            (Some(row.id), CostAdded { id: row.id, is_unchanged: true, replaced: None })
        }
        row => {
            let replaced = row.map(|row| row.id);
            (None, CostAdded { id: 0, is_unchanged: false, replaced })
        }
    };
    Ok(costs.iter().map(would).collect())
}

fn told(
    read: Vec<(u64, Result<NewCost, Vec<Problem>>)>,
    added: Vec<(Option<i64>, CostAdded)>,
    batch: Option<String>,
) -> CostsImported {
    let mut added = added.into_iter();
    let item = |(line, cost): (u64, Result<NewCost, Vec<Problem>>)| {
        let (result, id, replaces, problems) = match cost {
            Err(problems) => ("wrong", None, None, problems),
            Ok(_) => match added.next() {
                Some((id, made)) if made.is_unchanged => ("unchanged", id, None, Vec::new()),
                Some((id, made)) if made.replaced.is_some() => {
                    ("replaced", id, made.replaced, Vec::new())
                }
                made => ("added", made.and_then(|(id, _)| id), None, Vec::new()),
            },
        };
        CostLine { line, result, id, replaces, problems }
    };
    let items: Vec<CostLine> = read.into_iter().map(item).collect();
    let count = |result| items.iter().filter(|item| item.result == result).count();
    CostsImported {
        preview: batch.is_none(),
        batch,
        added: count("added"),
        replaced: count("replaced"),
        unchanged: count("unchanged"),
        wrong: count("wrong"),
        items,
    }
}
