//! Conversions by hand: one or many in a request, or a file, each told what it does; with `preview`, what it would do.

use super::auth::Caller;
use super::extract::{File, Params, RawJson, file_text, read_value};
use super::problem::{ApiError, Code};
use super::reported::{
    Line, UNREADABLE_LINE, Wrong, blame, encoded, is_column, name_events, would_count,
};
use super::write::{Done, Once};
use super::wrong_lines::{is_wrong, said};
use crate::app::{App, now_ms};
use crate::csv_rows;
use crate::orders::carried_out;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use ingest::Context;
use model::event::{InboxEntry, Verdict};
use model::record::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The most conversions of a request or a file.
const LINES_MAX: usize = 20_000;

/// How long an answer waits for the ledger.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether anything is to be changed.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportParams {
    /// Only say what each conversion would do.
    #[serde(default)]
    preview: bool,
}

/// What came of the conversions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Imported {
    /// Whether nothing was changed, and `items` say what would be.
    pub preview: bool,
    /// How many are new.
    pub recorded: usize,
    /// How many changed a known conversion.
    pub updated: usize,
    /// How many were known already.
    pub duplicate: usize,
    /// How many are wrong: they count nothing, and are kept in the inbox.
    pub wrong: usize,
    /// Whether reports hold them by now.
    pub done: bool,
    /// Each one, in order.
    pub items: Vec<ImportedLine>,
}

/// What came of one conversion.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ImportedLine {
    /// The line of the file, or the element of the request, from 1.
    pub line: u64,
    /// What becomes of it; null when it cannot even be read.
    pub verdict: Option<Verdict>,
    /// Why, as a stable code.
    pub reason: String,
    /// Why, and what to do.
    pub message: String,
    /// The column to blame.
    pub column: Option<String>,
    /// Its number in the inbox, when it was written down, now or before.
    pub inbox: Option<String>,
}

/// Conversions by hand: an object with the parameters of a postback and `time`, or an array of such. What is wrong is
/// said, and kept in the inbox; nothing else of the request suffers.
#[utoipa::path(post, operation_id = "report_conversions", path = "/api/v1/conversions", tag = "facts", params(ImportParams),
    request_body = Value, responses((status = 200, body = Imported)))]
pub async fn report(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ImportParams>,
    headers: HeaderMap,
    uri: Uri,
    RawJson { value, bytes }: RawJson,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let objects = match value {
        Value::Array(objects) => objects,
        one => vec![one],
    };
    let lines = (1..).zip(objects).map(|(number, object)| line(number, object));
    let lines = lines.collect::<Result<Vec<Line>, ApiError>>()?;
    let work = {
        let app = app.clone();
        async move { take(&app, &caller, "API", lines, params.preview).await }
    };
    once.carry_out(app, work).await
}

/// A CSV file of conversions. The first line names the columns: the parameters of a postback, and `time`. The same file
/// again changes nothing: each line without `event_id` has one that follows from what it says.
#[utoipa::path(post, operation_id = "import_conversions", path = "/api/v1/conversions/import", tag = "facts",
    params(ImportParams), request_body(content = String, content_type = "text/csv"),
    responses((status = 200, body = Imported)))]
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ImportParams>,
    headers: HeaderMap,
    uri: Uri,
    File(bytes): File<FILE_BYTES_MAX>,
) -> Result<Response, ApiError> {
    let once = Once::read(&caller, &headers, &uri, &bytes)?;
    let mut lines = lines_of(file_text(&bytes)?)?;
    name_events(&mut lines);
    let work = {
        let app = app.clone();
        async move { take(&app, &caller, "CSV", lines, params.preview).await }
    };
    once.carry_out(app, work).await
}

/// An object of a request: texts, numbers and truths.
fn line(number: u64, object: Value) -> Result<Line, ApiError> {
    let object: serde_json::Map<String, Value> = read_value(object)?;
    let mut columns = Vec::with_capacity(object.len());
    for (name, value) in object {
        let value = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null => continue,
            Value::Array(_) | Value::Object(_) => {
                return Err(ApiError::new(
                    Code::Invalid,
                    format!("`{name}` holds no single value"),
                )
                .field(name)
                .remedy("send texts and numbers"));
            }
        };
        columns.push((name, value));
    }
    Ok(Line { number, columns })
}

/// The lines of a file under the names of its columns.
fn lines_of(text: &str) -> Result<Vec<Line>, ApiError> {
    let refused = |detail: String| ApiError::new(Code::Invalid, detail);
    let mut rows = csv_rows::rows(text).map_err(|error| refused(error.to_string()))?.into_iter();
    let (line, names) = rows.next().ok_or_else(|| {
        refused("the file is empty".to_owned())
            .remedy("its first line names the columns, such as clickid,payout,txid,status,time")
    })?;
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    if let Some(name) = names.iter().find(|name| !is_column(name)) {
        return Err(refused(format!("line {line}: `{name}` is no column of a conversion"))
            .field(name)
            .remedy(
                "expected `time` and parameters of a postback, such as clickid, payout, txid",
            ));
    }
    rows.map(|(number, fields)| {
        if fields.len() > names.len() {
            return Err(refused(format!(
                "line {number}: {} fields under {} columns",
                fields.len(),
                names.len()
            ))
            .remedy("put quotes around fields that hold the separator"));
        }
        let columns = names.iter().cloned().zip(fields).filter(|(_, value)| !value.is_empty());
        Ok(Line { number, columns: columns.collect() })
    })
    .collect()
}

/// Tries all lines, writes down those that count, and says what came of each.
async fn take(
    app: &App,
    caller: &Caller,
    method: &str,
    lines: Vec<Line>,
    preview: bool,
) -> Result<Done, ApiError> {
    if lines.len() > LINES_MAX {
        return Err(ApiError::new(Code::TooLarge, format!("{} conversions", lines.len()))
            .remedy(format!("send at most {LINES_MAX} at a time")));
    }
    let now_ms = now_ms();
    let read: Vec<_> = lines.iter().map(|line| line.record(method, caller, now_ms)).collect();
    let records: Vec<_> = read.iter().filter_map(|record| record.as_ref().ok().cloned()).collect();
    let context = Context {
        table: app.table.load_full(),
        rates: app.rates.load_full(),
        keys: app.keys.clone(),
        id_prefix: app.config.id_prefix.as_str().into(),
    };
    let tried = ingest::rehearse(&*app.events, &context, records).await;
    let tried = tried.map_err(|error| ApiError::internal(&error))?;
    let mut entries = tried.iter();
    let (mut items, mut written) = (Vec::with_capacity(lines.len()), Vec::new());
    for (line, record) in lines.iter().zip(read) {
        match record {
            Err(wrong) => {
                written.push((items.len(), line.refused(&wrong, method, caller, now_ms)));
                items.push(misread(line, &wrong));
            }
            Ok(mut record) => {
                let Some(entry) = entries.next() else { continue };
                let item = told(line, entry);
                if would_be_wrong(entry) {
                    blame(&mut record, item.column.as_deref());
                }
                if would_count(entry) || would_be_wrong(entry) {
                    written.push((items.len(), record));
                }
                items.push(item);
            }
        }
    }
    let is_done = !preview && write_down(app, caller, written, &mut items).await?;
    let body = serde_json::to_vec(&summed(preview, is_done, items));
    let body = body.map_err(|error| ApiError::internal(&error))?;
    Ok(Done { status: StatusCode::OK, body, location: None, revision: None })
}

/// Writes down in order what counts, and what is wrong and was not kept before; whether the reports hold it.
async fn write_down(
    app: &App,
    caller: &Caller,
    records: Vec<(usize, Record)>,
    items: &mut [ImportedLine],
) -> Result<bool, ApiError> {
    let (mut turn, mut nothing) = (None, HashMap::new());
    let kept = if records.iter().any(|(_, record)| is_wrong(record)) {
        // One import at a time, so that none keeps what another one is about to keep.
        turn.insert(app.kept_lines.lock().await).of(app, caller.workspace, PATIENCE).await?
    } else {
        &mut nothing
    };
    let (mut appends, mut on_the_way) = (Vec::with_capacity(records.len()), HashMap::new());
    for (place, record) in records {
        let said = is_wrong(&record).then(|| said(&record.facts));
        let known = said.filter(|said| kept.contains_key(said) || on_the_way.contains_key(said));
        if let Some(said) = known {
            on_the_way.entry(said).or_insert_with(Vec::new).push(place);
        } else {
            on_the_way.extend(said.map(|said| (said, Vec::new())));
            appends.push((place, said, app.journal.append(encoded(&record))));
        }
    }
    let mut last = 0;
    for (place, said, append) in appends {
        last = append.await.map_err(not_taken)?.0;
        kept.extend(said.map(|said| (said, last)));
        items[place].inbox = Some(last.to_string());
    }
    for (said, places) in on_the_way {
        let number = kept.get(&said).map(u64::to_string);
        places.into_iter().for_each(|place| items[place].inbox.clone_from(&number));
    }
    Ok(carried_out(app, last, PATIENCE).await)
}

/// Whether a line neither counts nor says what is known already.
fn would_be_wrong(entry: &InboxEntry) -> bool {
    !would_count(entry) && entry.verdict != Verdict::Duplicate
}

fn told(line: &Line, entry: &InboxEntry) -> ImportedLine {
    ImportedLine {
        line: line.number,
        verdict: Some(entry.verdict),
        reason: entry.reason.clone(),
        message: entry.message.clone(),
        column: if would_count(entry) { None } else { line.blamed(&entry.reason) },
        inbox: None,
    }
}

fn misread(line: &Line, wrong: &Wrong) -> ImportedLine {
    ImportedLine {
        line: line.number,
        verdict: None,
        reason: UNREADABLE_LINE.to_owned(),
        message: wrong.message.clone(),
        column: Some(wrong.column.clone()),
        inbox: None,
    }
}

fn summed(preview: bool, done: bool, items: Vec<ImportedLine>) -> Imported {
    let count = |verdict| items.iter().filter(|item| item.verdict == Some(verdict)).count();
    let (recorded, updated) = (count(Verdict::Recorded), count(Verdict::Updated));
    let duplicate = count(Verdict::Duplicate);
    let wrong = items.len() - recorded - updated - duplicate;
    Imported { preview, recorded, updated, duplicate, wrong, done, items }
}

fn not_taken(error: journal::NotLogged) -> ApiError {
    tracing::warn!(error = &error as &dyn std::error::Error, "conversions were not written down");
    ApiError::new(Code::Unavailable, "the journal could not take all of them")
        .remedy("send the same again in a moment: what was written down is not counted twice where lines have an event_id or txid")
}
