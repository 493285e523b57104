//! Their totals beside ours, and the gap by cause. Nothing of it is stored.

use super::auth::Caller;
use super::extract::{Json, json};
use super::freshness::Freshness;
use super::names::AppNames;
use super::problem::{ApiError, Code};
use super::question::{planned, settings};
use super::reconcile_calls::missed;
use super::reconcile_sheet::{DateOrder, Reading, Sheet, TheirTotals};
use crate::app::App;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use model::Field;
use model::money::{Currency, DecimalMark};
use model::query::{Answer, Cell, Filter, Period, PeriodWord, Query, TimeBasis};
use model::rate::Rate;
use model::thing::{Kind, ThingId};
use report::{Ask, Asked, Book, Clock, Counted, Party, Prices, ReconcileError, Reconciled, View};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most bytes of a request.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// What to compare with whom.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileInput {
    /// Name or number of the source whose totals these are …
    #[serde(default)]
    pub source: Option<String>,
    /// … or of the network.
    #[serde(default)]
    pub network: Option<String>,
    /// What lines are told apart by: `day`, and fields such as `ad_campaign_id`, `creative_id`, `campaign`, `offer`.
    pub by: Vec<Field>,
    /// Their totals as objects: values by fields and figures (`clicks`, `conversions`, `cost`, `revenue`, `currency`) …
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub lines: Vec<Map<String, Value>>,
    /// … or as the text of a CSV file.
    #[serde(default)]
    pub csv: Option<String>,
    /// What columns hold whose names do not say so: a field, a figure, or `-` for nothing.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// How amounts are written; the network's mark when absent.
    #[serde(default)]
    pub decimal_mark: Option<DecimalMark>,
    /// How dates between slashes are written.
    #[serde(default)]
    pub dates: Option<DateOrder>,
    /// Of their amounts where lines do not say; the workspace's when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub currency: Option<Currency>,
    /// What one unit of a currency was worth to them in the workspace's; our rates of each day when absent.
    #[serde(default)]
    pub rates: BTreeMap<String, String>,
    /// The first day; that of the lines when absent.
    #[serde(default)]
    pub from: Option<String>,
    /// The day behind the last; that behind the last of the lines when absent.
    #[serde(default)]
    pub to: Option<String>,
    /// The clock of our days: a zone, or an offset such as `+03:00`; the workspace's when absent.
    #[serde(default)]
    pub tz: Option<String>,
    /// The clock of theirs; ours when absent.
    #[serde(default)]
    pub their_tz: Option<String>,
    /// Which time of ours counts.
    #[serde(default)]
    pub time: TimeBasis,
    /// Which time theirs count; that of the click for a source, of the event for a network when absent.
    #[serde(default)]
    pub their_time: Option<TimeBasis>,
    /// Causes that theirs hold though they usually would not, such as `tests` or `clicks:duplicates`.
    #[serde(default)]
    pub they_count: Vec<String>,
    /// Causes that theirs do not hold though they usually would, such as `bots` or `revenue:rejected`.
    #[serde(default)]
    pub they_leave_out: Vec<String>,
    /// Further conditions on our rows.
    #[serde(default)]
    pub filter: Vec<Filter>,
    /// Whether each figure comes with questions that list its rows.
    #[serde(default)]
    pub expand: bool,
}

/// What came of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ReconcileAnswer {
    /// The comparison.
    #[serde(flatten)]
    pub reconciled: Reconciled,
    /// Columns that were not compared.
    pub unused_columns: Vec<String>,
    /// Lines that were left out: sums of others.
    pub skipped_lines: Vec<u64>,
    /// RFC 3339: everything written down before this moment is in our figures.
    pub fresh_to: String,
}

/// Holds somebody's totals against ours, and takes the gap apart by cause.
#[utoipa::path(post, operation_id = "reconcile", path = "/api/v1/reconcile", tag = "reports",
    request_body = ReconcileInput, responses((status = 200, body = ReconcileAnswer)))]
pub async fn reconcile(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(input): Json<ReconcileInput>,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let own = settings(&app, caller.workspace).currency;
    let given = rates(&input.rates)?;
    let (asked, unused_columns, skipped_lines) =
        asked(&app, &names, caller.workspace, input).await?;
    let freshness = Freshness::now(&app);
    let missed = missed(&app, own, &asked).await?;
    let table = app.rates.load_full();
    let prices = Prices::new(caller.workspace, own, &table, given);
    let mut book = Book::new(&asked, &prices).map_err(refused)?;
    for (ask, answer) in answers(&app, asked.asks()).await? {
        book.take(&ask, answer);
    }
    book.calls(&missed.calls);
    let hours = answers(&app, asked.hour_asks()).await?;
    let proposal = book.propose(&hours, &missed.calls);
    let mut reconciled = match &proposal {
        None => book.finish(None, &names),
        Some(proposal) => {
            let shifted = asked.by_clock(proposal.clock.clone());
            let mut other = Book::new(&shifted, &prices).map_err(refused)?;
            for (ask, answer) in answers(&app, shifted.asks()).await? {
                other.take(&ask, answer);
            }
            other.calls(&missed.calls);
            book.finish(Some((proposal, &other)), &names)
        }
    };
    if missed.of_unknown_network > 0 {
        reconciled.notes.push(format!(
            "{} calls that no sum holds name no network, and may be theirs: GET /api/v1/inbox lists them",
            missed.of_unknown_network
        ));
    }
    let fresh_to = freshness.fresh_to(&app).await?;
    let answer = ReconcileAnswer { reconciled, unused_columns, skipped_lines, fresh_to };
    Ok(json(StatusCode::OK, &answer))
}

async fn answers(app: &App, asks: Vec<Ask>) -> Result<Vec<(Ask, Answer)>, ApiError> {
    let mut answers = Vec::with_capacity(asks.len());
    for ask in asks {
        let answer = app.events.answer(&ask.plan).await?;
        answers.push((ask, answer));
    }
    Ok(answers)
}

/// What is asked, checked and resolved; columns and lines that are left out.
async fn asked(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    input: ReconcileInput,
) -> Result<(Asked, Vec<String>, Vec<u64>), ApiError> {
    let settings = settings(app, workspace);
    let party = party(app, names, workspace, &input)?;
    Asked::check_by(&input.by).map_err(refused)?;
    let ours = clock("tz", input.tz.as_deref().unwrap_or(&settings.time_zone))?;
    let theirs = match &input.their_tz {
        Some(text) => clock("their_tz", text)?,
        None => ours.clone(),
    };
    let their_time = input.their_time.unwrap_or(match party {
        Party::Source(_) => TimeBasis::Click,
        Party::Network(_) => TimeBasis::Event,
    });
    let mark = input.decimal_mark.unwrap_or_else(|| mark_of(app, party));
    let totals = totals(app, names, workspace, &input, (mark, settings.currency))?;
    let TheirTotals { lines, measures, unused_columns, skipped_lines } = totals;
    let days = days(&input, &lines.iter().map(|line| &line.key[..]).collect::<Vec<_>>())?;
    let is_network = matches!(party, Party::Network(_));
    let (more, less) = (&input.they_count, &input.they_leave_out);
    let (more, less) = (more.iter().map(String::as_str), less.iter().map(String::as_str));
    let counted = Counted::read(is_network, more, less);
    let counted =
        counted.map_err(|detail| ApiError::new(Code::Invalid, detail).field("they_count"))?;
    let asked = Asked {
        workspace,
        currency: settings.currency,
        party,
        by: input.by,
        days,
        ours: View { clock: ours, time: input.time },
        theirs: View { clock: theirs, time: their_time },
        filter: filter(app, names, workspace, input.filter).await?,
        measures,
        counted,
        uncounted: app.table.load().uncounted_types(workspace).to_vec(),
        lines,
        expand: input.expand,
    };
    asked.check_days().map_err(refused)?;
    Ok((asked, unused_columns, skipped_lines))
}

fn totals(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    input: &ReconcileInput,
    (mark, own): (DecimalMark, Currency),
) -> Result<TheirTotals, ApiError> {
    let sheet = match (&input.csv, input.lines.is_empty()) {
        (Some(text), true) => Sheet::of_csv(text, &input.columns)?,
        (None, false) => Sheet::of_objects(input.lines.clone())?,
        _ => {
            let detail = "expected their totals either in `lines` or in `csv`";
            return Err(ApiError::new(Code::Invalid, detail).field("lines"));
        }
    };
    let things = app.things.load_full();
    let reading = Reading {
        by: &input.by,
        columns: &input.columns,
        mark,
        dates: input.dates,
        currency: input.currency.unwrap_or(own),
        workspace,
        names,
        things: &things,
    };
    reading.read(sheet)
}

fn party(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    input: &ReconcileInput,
) -> Result<Party, ApiError> {
    let (kind, text) = match (&input.source, &input.network) {
        (Some(text), None) => (Kind::Source, text),
        (None, Some(text)) => (Kind::Network, text),
        _ => {
            let detail = "expected either `source` or `network`: whose totals these are";
            return Err(ApiError::new(Code::Invalid, detail).field("source"));
        }
    };
    let by_number = text.parse().ok().filter(|id| {
        let things = app.things.load();
        match kind {
            Kind::Source => things.sources.iter().any(|t| t.id == *id && t.workspace == workspace),
            _ => things.networks.iter().any(|t| t.id == *id && t.workspace == workspace),
        }
    });
    let found = names.number(kind, workspace, text).ok().or(by_number);
    let id = found.ok_or_else(|| {
        let word = kind.as_str();
        ApiError::new(Code::InvalidReference, format!("there is no {word} `{text}`"))
            .field(word)
            .remedy(format!("GET /api/v1/{word}s lists them"))
    })?;
    Ok(if kind == Kind::Source { Party::Source(id) } else { Party::Network(id) })
}

fn mark_of(app: &App, party: Party) -> DecimalMark {
    let Party::Network(id) = party else { return DecimalMark::default() };
    let table = app.table.load();
    table.network(id).map(|network| network.body.decimal_mark).unwrap_or_default()
}

fn clock(field: &str, text: &str) -> Result<Clock, ApiError> {
    Clock::read(text).ok_or_else(|| {
        ApiError::new(Code::Invalid, format!("`{text}` is no time zone"))
            .field(field)
            .remedy("name one such as Europe/Berlin, or an offset such as +03:00")
    })
}

fn rates(sent: &BTreeMap<String, String>) -> Result<BTreeMap<Currency, Rate>, ApiError> {
    let mut rates = BTreeMap::new();
    for (code, rate) in sent {
        let wrong = |error: String| {
            ApiError::new(Code::Invalid, format!("`{code}`: {error}")).field("rates")
        };
        let currency = code.parse::<Currency>().map_err(|error| wrong(error.to_string()))?;
        rates.insert(currency, rate.parse::<Rate>().map_err(|error| wrong(error.to_string()))?);
    }
    Ok(rates)
}

/// From the first day to behind the last: as asked for, else those of the lines.
fn days(input: &ReconcileInput, keys: &[&[Cell]]) -> Result<(i64, i64), ApiError> {
    let invalid = |field: &str, detail: &str| ApiError::new(Code::Invalid, detail).field(field);
    let day = |field: &str, text: &Option<String>| {
        let read = |text: &String| {
            let date: Result<Date, _> = text.parse();
            let date = date.map_err(|_| invalid(field, "expected a date such as 2026-11-22"))?;
            Ok::<i64, ApiError>(date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24)
        };
        text.as_ref().map(read).transpose()
    };
    let (from, to) = (day("from", &input.from)?, day("to", &input.to)?);
    let place = input.by.iter().position(|field| *field == Field::Day);
    let of_line = |key: &&[Cell]| match key.get(place?) {
        Some(Cell::Int(day)) => Some(*day),
        _ => None,
    };
    let of_lines: Vec<i64> = keys.iter().filter_map(of_line).collect();
    let (first, last) = (of_lines.iter().min().copied(), of_lines.iter().max().copied());
    let (Some(from), Some(to)) = (from.or(first), to.or(last.map(|last| last + 1))) else {
        let detail = "lines without `day` need `from` and `to`: which days their totals are of";
        return Err(invalid("from", detail));
    };
    if from >= to || first.is_some_and(|day| day < from) || last.is_some_and(|day| day >= to) {
        let detail = "`from` and `to` must hold every day of the lines; `to` itself is excluded";
        return Err(invalid("to", detail));
    }
    Ok((from, to))
}

/// Conditions as a report takes them.
async fn filter(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    filter: Vec<Filter>,
) -> Result<Vec<Filter>, ApiError> {
    let query = Query {
        by: Vec::new(),
        metrics: Vec::new(),
        period: Period::Word(PeriodWord::Today),
        tz: None,
        time: TimeBasis::default(),
        filter,
        sort: Vec::new(),
        limit: None,
        offset: 0,
    };
    Ok(planned(app, names, workspace, query, false).await?.plan.filter)
}

fn refused(error: ReconcileError) -> ApiError {
    let remedy = match &error {
        ReconcileError::By(_) | ReconcileError::Repeated(_) => {
            "GET /api/v1/reports/fields lists all fields"
        }
        ReconcileError::Days { .. } => "compare a month at a time",
        ReconcileError::NoRate { .. } => "import rates for that day, or give theirs as `rates`",
    };
    ApiError::new(Code::Invalid, error.to_string()).field(error.position()).remedy(remedy)
}
