//! Lists of facts, newest first: clicks, and the entries of the conversion ledger.

use super::auth::Caller;
use super::extract::json;
use super::facts::{click_id, fields};
use super::ledger::{LedgerEntry, entry};
use super::listing::{limit, no_cursor};
use super::names::AppNames;
use super::newest::Search;
use super::problem::{ApiError, Code};
use super::question::{planned, settings};
use super::text::{amount, rfc3339};
use crate::app::App;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use model::event::{Row, RowKind};
use model::query::{Cell, Filter, FilterOp, FilterValue, Period, Query, TimeBasis};
use model::{Field, params};
use serde::Serialize;
use serde_json::{Map, Value, json as json_value};
use std::sync::Arc;
use store::{Cursor, FilterTest, field_value};

/// A click in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClickItem {
    /// Its id.
    pub click_id: String,
    /// When it came, RFC 3339.
    pub time: String,
    /// What it cost, decimal text in the workspace's currency.
    pub cost: String,
    /// Everything known about it, by the names of fields.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
}

/// A page of clicks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ClickPage {
    /// The clicks, newest first.
    pub items: Vec<ClickItem>,
    /// `cursor` of the page behind it, which may be empty; null on the last one.
    pub next: Option<String>,
}

/// An entry of the ledger in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConversionItem {
    /// The click it belongs to.
    pub click_id: String,
    /// When that came, RFC 3339.
    pub click_time: String,
    /// The entry.
    #[serde(flatten)]
    pub entry: LedgerEntry,
    /// Everything known about its click, by the names of fields.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
}

/// A page of the ledger.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConversionPage {
    /// The entries, newest first.
    pub items: Vec<ConversionItem>,
    /// `cursor` of the page behind it, which may be empty; null on the last one.
    pub next: Option<String>,
}

/// Parameters of both lists, for the description of the API.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the description alone; fields are parameters too, see `read`")]
pub struct FactParams {
    /// A period's word such as `last_7_days`; `today` when absent.
    period: Option<String>,
    /// In place of a word: the first moment, RFC 3339 or a date.
    from: Option<String>,
    /// With `from`: the moment behind the last.
    to: Option<String>,
    /// IANA name of the zone of days; the workspace's when absent.
    tz: Option<String>,
    /// The most items on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Any field with a value that rows must have, such as `country=DE`; several times for any of the
    /// values; empty for no value.
    #[param(value_type = Option<std::collections::BTreeMap<String, String>>, style = Form, explode)]
    field: Option<()>,
}

/// Clicks, newest first.
#[utoipa::path(get, operation_id = "list_clicks", path = "/api/v1/clicks", tag = "facts", params(FactParams),
    responses((status = 200, body = ClickPage)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let asked = Asked::read(query.as_deref(), TimeBasis::Click)?;
    let (rows, next) = find(&app, &caller, &names, asked, RowKind::Click).await?;
    let item = |row: &Row| ClickItem {
        click_id: click_id(row, &names),
        time: rfc3339(row.key.time_ms()),
        cost: amount(row.cost),
        fields: fields(row, &names),
    };
    Ok(json(StatusCode::OK, &ClickPage { items: rows.iter().map(item).collect(), next }))
}

/// Entries of the conversion ledger by the time they were reported, newest first.
#[utoipa::path(get, operation_id = "list_conversions", path = "/api/v1/conversions", tag = "facts", params(FactParams),
    responses((status = 200, body = ConversionPage)))]
pub async fn conversions(
    State(app): State<Arc<App>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let names = AppNames::of(&app);
    let asked = Asked::read(query.as_deref(), TimeBasis::Event)?;
    let (rows, next) = find(&app, &caller, &names, asked, RowKind::Entry).await?;
    let currency = settings(&app, caller.workspace).currency;
    let item = |row: &Row| ConversionItem {
        click_id: click_id(row, &names),
        click_time: rfc3339(row.key.time_ms()),
        entry: entry(row, currency, &names),
        fields: fields(row, &names),
    };
    Ok(json(StatusCode::OK, &ConversionPage { items: rows.iter().map(item).collect(), next }))
}

async fn find(
    app: &App,
    caller: &Caller,
    names: &AppNames,
    asked: Asked,
    kind: RowKind,
) -> Result<(Vec<Row>, Option<String>), ApiError> {
    let Asked { query, limit, cursor } = asked;
    let plan = planned(app, names, caller.workspace, query, true).await?.plan;
    let tests: Vec<FilterTest> = plan.filter.iter().map(FilterTest::new).collect();
    let search = Search {
        events: &*app.events,
        workspace: caller.workspace,
        from_ms: plan.from_ms,
        to_ms: plan.to_ms,
        time: plan.time,
        after: cursor,
    };
    let accepts = |row: &Row| {
        let value = |field| field_value(row, field, plan.time, &plan.zone);
        row.kind == kind && tests.iter().all(|test| test.accepts(&value(test.field)))
    };
    let (rows, next) = search.page(limit, accepts).await?;
    Ok((rows, next.map(|cursor| cursor.to_string())))
}

/// What a list is asked for.
#[derive(Debug)]
pub struct Asked {
    /// Period, zone and filter.
    pub query: Query,
    /// The most items.
    pub limit: usize,
    /// Where to go on.
    pub cursor: Option<Cursor>,
}

impl Asked {
    /// Reads the query of a URL: the parameters of [`FactParams`], and fields with their values.
    ///
    /// # Errors
    /// When a parameter is unknown or does not fit.
    pub fn read(text: Option<&str>, time: TimeBasis) -> Result<Self, ApiError> {
        let (mut limit_text, mut cursor) = (None, None);
        let mut parts = PeriodParts::default();
        let mut filters: Vec<(Field, Vec<Cell>)> = Vec::new();
        for (name, raw) in params::pairs(text.unwrap_or_default()) {
            let (name, value) = (params::decode(name), params::decode(raw).into_owned());
            match &*name {
                "limit" => limit_text = Some(value),
                "cursor" => cursor = Some(value),
                name if parts.take(name, &value) => {}
                name => {
                    let field: Field = name.parse().map_err(|_| unknown(name))?;
                    let cell = if value.is_empty() { Cell::Null } else { Cell::Text(value) };
                    match filters.iter_mut().find(|(known, _)| *known == field) {
                        Some((_, cells)) => cells.push(cell),
                        None => filters.push((field, vec![cell])),
                    }
                }
            }
        }
        let asked = limit_text.map(|text| text.parse::<usize>()).transpose();
        let limit = limit(asked.map_err(|_| no_number("limit"))?)?;
        let cursor = cursor.map(|text| text.parse::<Cursor>()).transpose();
        let cursor = cursor.map_err(|_| no_cursor())?;
        let filter = filters.into_iter().map(|(field, cells)| Filter {
            field,
            op: FilterOp::In,
            value: FilterValue::Many(cells.into_iter().map(|cell| typed(field, cell)).collect()),
        });
        let query = Query { filter: filter.collect(), time, ..parts.query()? };
        Ok(Self { query, limit, cursor })
    }
}

/// Click ids and things may be written in ways that the report resolves; the rest reads as text.
fn typed(field: Field, cell: Cell) -> Cell {
    use model::field::ValueKind;
    match (field.row().kind, cell) {
        (ValueKind::Int | ValueKind::Thing, Cell::Text(text)) => {
            text.parse().map_or(Cell::Text(text), Cell::Int)
        }
        (_, cell) => cell,
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::new(Code::InvalidParameter, format!("there is no parameter or field `{name}`"))
        .field(name)
        .remedy("use period, from, to, tz, limit, cursor, or a field of GET /api/v1/reports/fields")
}

fn no_number(name: &str) -> ApiError {
    ApiError::new(Code::InvalidParameter, format!("`{name}` is no whole number")).field(name)
}

/// The parameters that say which days are meant.
#[derive(Debug, Default)]
pub struct PeriodParts {
    period: Option<String>,
    from: Option<String>,
    to: Option<String>,
    tz: Option<String>,
}

impl PeriodParts {
    /// Takes a parameter, if it is one of these.
    pub fn take(&mut self, name: &str, value: &str) -> bool {
        let slot = match name {
            "period" => &mut self.period,
            "from" => &mut self.from,
            "to" => &mut self.to,
            "tz" => &mut self.tz,
            _ => return false,
        };
        *slot = Some(value.to_owned());
        true
    }

    /// A question about these days and nothing else.
    ///
    /// # Errors
    /// When the parameters contradict each other or name no period.
    pub fn query(self) -> Result<Query, ApiError> {
        let period = match (self.period, self.from, self.to) {
            (None, None, None) => Period::default(),
            (None, Some(from), Some(to)) => Period::Range { from, to },
            (Some(word), None, None) => {
                serde_json::from_value(json_value!(word)).map_err(|_| {
                    ApiError::new(Code::InvalidParameter, format!("there is no period `{word}`"))
                        .field("period")
                        .remedy("use a word such as today or last_7_days, or from and to")
                })?
            }
            _ => {
                let detail = "`from` and `to` go together, and without `period`";
                return Err(ApiError::new(Code::InvalidParameter, detail).field("period"));
            }
        };
        Ok(Query {
            by: Vec::new(),
            metrics: Vec::new(),
            period,
            tz: self.tz,
            time: TimeBasis::Click,
            filter: Vec::new(),
            sort: Vec::new(),
            limit: None,
            offset: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_parameters_and_everything_else_is_named() {
        let asked = Asked::read(
            Some("period=all&limit=5&country=DE&country=FR&campaign=7&sub1="),
            TimeBasis::Click,
        );
        let asked = asked.unwrap();
        assert_eq!(asked.limit, 5);
        let filters: Vec<_> =
            asked.query.filter.iter().map(|f| (f.field, f.value.cells().to_vec())).collect();
        let text = |text: &str| Cell::Text(text.into());
        assert_eq!(
            filters,
            [
                (Field::Country, vec![text("DE"), text("FR")]),
                (Field::Campaign, vec![Cell::Int(7)]),
                (Field::Sub1, vec![Cell::Null]),
            ]
        );
        for query in [
            "colour=red",
            "limit=x",
            "limit=0",
            "cursor=x",
            "period=soon",
            "from=2026-01-01",
            "period=all&from=1&to=2",
        ] {
            assert!(Asked::read(Some(query), TimeBasis::Click).is_err(), "{query}");
        }
    }
}
