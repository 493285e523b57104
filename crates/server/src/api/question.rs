//! From a question as people ask it to the plan of a report: names become numbers, ids become keys.

use super::names::AppNames;
use super::problem::{ApiError, Code};
use crate::app::{App, now_ms};
use model::Field;
use model::field::ValueKind;
use model::id::IdError;
use model::query::{Cell, Filter, FilterValue, Period, PeriodWord, Query, TimeBasis};
use model::thing::{Kind, ThingId, Workspace};
use report::{Context, Planned, plan};
use store::ExportPage;

/// 2200-01-01T00:00:00Z in Unix milliseconds: no event comes later.
const TIME_END_MS: i64 = 7_258_118_400_000;

/// The plan of a query in a workspace.
///
/// # Errors
/// The first thing that cannot be answered, with its place in the query.
pub async fn planned(
    app: &App,
    names: &AppNames,
    workspace: ThingId,
    mut query: Query,
    export: bool,
) -> Result<Planned, ApiError> {
    let now_ms = now_ms();
    resolve(&mut query.filter, names, workspace, now_ms)?;
    let settings = settings(app, workspace);
    let context = Context {
        workspace,
        workspace_tz: settings.time_zone,
        currency: settings.currency,
        now_ms,
        first_event_ms: first_event_ms(app, workspace, &query).await?,
        uncounted: app.table.load().uncounted_types(workspace).to_vec(),
        export,
    };
    Ok(plan(&query, &context)?)
}

/// The settings of a workspace; the usual ones when there is none.
pub fn settings(app: &App, workspace: ThingId) -> Workspace {
    app.table.load().workspace(workspace).cloned().unwrap_or_default()
}

/// Where the period `all` begins; nothing else needs to know.
async fn first_event_ms(
    app: &App,
    workspace: ThingId,
    query: &Query,
) -> Result<Option<i64>, ApiError> {
    if query.period != Period::Word(PeriodWord::All) {
        return Ok(None);
    }
    let page = ExportPage { cursor: None, limit: 1 };
    let (rows, _) = app.events.export(workspace, 0, TIME_END_MS, query.time, page).await?;
    Ok(rows.first().map(|row| match query.time {
        TimeBasis::Click => row.key.time_ms(),
        TimeBasis::Event => row.event_ms,
    }))
}

/// Puts numbers in place of names of things, and keys in place of click ids.
fn resolve(
    filters: &mut [Filter],
    names: &AppNames,
    workspace: ThingId,
    now_ms: i64,
) -> Result<(), ApiError> {
    for (index, filter) in filters.iter_mut().enumerate() {
        let field = filter.field;
        let cells: Vec<(String, &mut Cell)> = match &mut filter.value {
            FilterValue::One(cell) => vec![(format!("filter[{index}].value"), cell)],
            FilterValue::Many(cells) => {
                let place = |(i, cell)| (format!("filter[{index}].value[{i}]"), cell);
                cells.iter_mut().enumerate().map(place).collect()
            }
        };
        for (place, cell) in cells {
            let Cell::Text(text) = &*cell else { continue };
            let number = match field.row().kind {
                ValueKind::ClickId => click_key(names, text, now_ms),
                ValueKind::Thing => thing_number(names, workspace, field, text),
                ValueKind::Int | ValueKind::Text | ValueKind::Bool => continue,
            };
            *cell = Cell::Int(number.map_err(|error| error.field(place))?);
        }
    }
    Ok(())
}

fn click_key(names: &AppNames, text: &str, now_ms: i64) -> Result<i64, ApiError> {
    match names.read_click_id(text, now_ms) {
        Ok(id)
        | Err(
            IdError::Truncated { repaired: id }
            | IdError::Altered { repaired: id }
            | IdError::Wrapped { repaired: id },
        ) => Ok(id.key.0),
        Err(error @ (IdError::Malformed | IdError::Unverified)) => {
            Err(ApiError::new(Code::InvalidQuery, error.to_string())
                .remedy("copy the whole click id, as the report or the offer's URL shows it"))
        }
    }
}

fn thing_number(
    names: &AppNames,
    workspace: ThingId,
    field: Field,
    text: &str,
) -> Result<i64, ApiError> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let kind = Kind::from_word(field.name());
    let found = kind.map_or(Err(0), |kind| names.number(kind, workspace, text));
    found.map(i64::from).map_err(|several| {
        let what = if several == 0 { "no" } else { "more than one archived" };
        ApiError::new(Code::InvalidQuery, format!("{what} {field} has this name"))
            .remedy(format!("name the {field} by its number, or as its list spells it"))
    })
}
