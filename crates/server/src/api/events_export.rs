//! The facts themselves as a file, streamed: every row of the event table with every field.
//!
//! `docs/formats/export.md` says what each column means and how reports are recomputed from them.

use super::auth::Caller;
use super::clicks::PeriodParts;
use super::extract::Params;
use super::facts::click_id;
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::{planned, settings};
use super::reports::{Format, attachment, not_supported};
use super::text::amount;
use crate::app::App;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use hyper::body::Frame;
use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::Field;
use model::event::{Row, RowKind};
use model::field::{FIELDS, FieldRow, Group, ValueKind};
use model::query::{Cell, TimeBasis, ZoneOffsets};
use model::record::tag;
use model::thing::{Kind, ThingId};
use report::Names;
use serde::Deserialize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use store::{ExportPage, StoreError, field_value};
use tokio::sync::mpsc;

/// Rows read and sent at a time.
const PAGE_ROWS: usize = 5_000;

/// Columns in front of the fields.
const COLUMNS: [&str; 12] = [
    "row",
    "sequence",
    "click_id",
    "click_time",
    "event_time",
    "count",
    "cost",
    "revenue",
    "report_currency",
    "received",
    "received_currency",
    "rate",
];

/// Which facts, and in which form.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventExportParams {
    /// A period's word such as `last_7_days`; `today` when absent.
    period: Option<String>,
    /// In place of a word: the first moment, RFC 3339 or a date.
    from: Option<String>,
    /// With `from`: the moment behind the last.
    to: Option<String>,
    /// IANA name of the zone of all times; the workspace's when absent.
    tz: Option<String>,
    /// Which time of a row lies in the period, `click` when absent.
    #[serde(default)]
    #[param(inline)]
    time: TimeBasis,
    /// The form of the file, `csv` when absent.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// Every row of a period as CSV, oldest first.
#[utoipa::path(get, operation_id = "export_events", path = "/api/v1/events/export", tag = "facts", params(EventExportParams),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn export(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<EventExportParams>,
) -> Result<Response, ApiError> {
    if params.format != Format::Csv {
        return Err(not_supported(&["csv"]));
    }
    let mut parts = PeriodParts::default();
    let given =
        [("period", params.period), ("from", params.from), ("to", params.to), ("tz", params.tz)];
    for (name, value) in given {
        if let Some(value) = value {
            parts.take(name, &value);
        }
    }
    let query = model::query::Query { time: params.time, ..parts.query()? };
    let names = AppNames::of(&app);
    let zone = query.tz.clone().unwrap_or_else(|| settings(&app, caller.workspace).time_zone);
    let plan = planned(&app, &names, caller.workspace, query, true).await?.plan;
    let zone = TimeZoneDatabase::bundled().get(&zone).map_err(|_| {
        ApiError::new(Code::InvalidQuery, format!("there is no time zone `{zone}`")).field("tz")
    })?;
    let currency = settings(&app, caller.workspace).currency.to_string();
    let printer = Printer { names, zone, currency };
    let span = (plan.from_ms, plan.to_ms);
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(send_pages(app, caller.workspace, span, params.time, printer, sender));
    let mut response = Response::new(Body::new(Pages { receiver }));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, attachment("events.csv"));
    Ok(response)
}

/// Reads page after page until the end, or until nobody listens any more.
async fn send_pages(
    app: Arc<App>,
    workspace: ThingId,
    (from_ms, to_ms): (i64, i64),
    time: TimeBasis,
    printer: Printer,
    sender: mpsc::Sender<Result<Bytes, StoreError>>,
) {
    let mut text = head();
    let mut cursor = None;
    loop {
        let page = ExportPage { cursor, limit: PAGE_ROWS };
        match app.events.export(workspace, from_ms, to_ms, time, page).await {
            Ok((rows, next)) => {
                rows.iter().for_each(|row| printer.push(&mut text, row));
                let listening = sender.send(Ok(std::mem::take(&mut text).into())).await.is_ok();
                cursor = next;
                if !listening || cursor.is_none() {
                    return;
                }
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export broke off");
                // The connection is cut, so that nobody takes the part for the whole.
                drop(sender.send(Err(error)).await);
                return;
            }
        }
    }
}

/// The pages as a body.
struct Pages {
    receiver: mpsc::Receiver<Result<Bytes, StoreError>>,
}

impl hyper::body::Body for Pages {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        self.receiver.poll_recv(context).map(|page| page.map(|page| page.map(Frame::data)))
    }
}

/// The fields that are columns: buckets of time follow from the times themselves.
fn columns() -> impl Iterator<Item = &'static FieldRow> {
    FIELDS.iter().filter(|row| {
        row.field != Field::ClickId
            && (row.group != Group::Time || row.field == Field::SecondsToConversion)
    })
}

fn head() -> String {
    let mut cells: Vec<String> = COLUMNS.map(str::to_owned).to_vec();
    for row in columns() {
        cells.push(row.name.to_owned());
        if row.kind == ValueKind::Thing {
            cells.push(format!("{}_name", row.name));
        }
    }
    cells.join(",") + "\r\n"
}

/// Writes rows as lines.
struct Printer {
    names: AppNames,
    zone: TimeZone,
    currency: String,
}

impl Printer {
    fn push(&self, csv: &mut String, row: &Row) {
        let own = [
            row.kind.as_str().to_owned(),
            row.sequence.to_string(),
            click_id(row, &self.names),
            self.moment(row.key.time_ms()),
            self.moment(row.event_ms),
            row.count.to_string(),
            amount(row.cost),
            amount(row.revenue),
            self.currency.clone(),
        ];
        csv.push_str(&own.join(","));
        let [received, currency, rate] = received(row);
        csv.push(',');
        csv.push_str(&received);
        for text in [currency, rate] {
            csv.push(',');
            push_text(csv, &text);
        }
        let utc = ZoneOffsets::utc();
        for column in columns() {
            let value = field_value(row, column.field, TimeBasis::Click, &utc);
            csv.push(',');
            push_cell(csv, &value);
            if column.kind == ValueKind::Thing {
                csv.push(',');
                push_text(csv, self.name(column.field, &value).unwrap_or_default());
            }
        }
        csv.push_str("\r\n");
    }

    fn moment(&self, ms: i64) -> String {
        let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
        format!("{:.3}", moment.display_with_offset(self.zone.to_offset(moment)))
    }

    fn name(&self, field: Field, value: &Cell) -> Option<&str> {
        let Cell::Int(id) = value else { return None };
        self.names.thing(Kind::from_word(field.name())?, ThingId::try_from(*id).ok()?)
    }
}

/// What came in, where that was another currency: amount, currency, and the rate it was converted by.
fn received(row: &Row) -> [String; 3] {
    let facts = &row.facts;
    let (micro, currency) = match row.kind {
        RowKind::Entry => (facts.int_at(tag::AMOUNT), facts.text(Field::Currency)),
        _ => (facts.int_at(tag::COST), facts.text_at(tag::COST_CURRENCY)),
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    match micro {
        Some(micro) => [amount(micro), text(currency), text(facts.text_at(tag::RATE))],
        None => Default::default(),
    }
}

fn push_cell(csv: &mut String, value: &Cell) {
    match value {
        Cell::Null => {}
        Cell::Bool(truth) => csv.push_str(if *truth { "true" } else { "false" }),
        Cell::Int(number) => csv.push_str(&number.to_string()),
        Cell::Text(text) => push_text(csv, text),
    }
}

/// Text as text: what a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
/// Injection"), as in the CSV of reports.
fn push_text(csv: &mut String, text: &str) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let mark = if is_formula { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        csv.push('"');
        csv.push_str(mark);
        csv.push_str(&text.replace('"', "\"\""));
        csv.push('"');
    } else {
        csv.push_str(mark);
        csv.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_one_cell_and_never_become_formulas() {
        for (text, cell) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("-1", "'-1"),
            ("a,b", "\"a,b\""),
            ("=\"x\"\n", "\"'=\"\"x\"\"\n\""),
        ] {
            let mut csv = String::new();
            push_text(&mut csv, text);
            assert_eq!(csv, cell);
        }
    }

    #[test]
    fn no_two_columns_have_one_name() {
        let head = head();
        let names: Vec<_> = head.trim_end().split(',').collect();
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
