//! Rates of currencies: listed, set by hand, imported from the European Central Bank.

use super::auth::Caller;
use super::extract::{Json, Params, json};
use super::listing::{Page, limit, no_cursor};
use super::problem::{ApiError, Code};
use super::text::rfc3339;
use crate::app::{App, now_ms};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use http::StatusCode;
use jiff::civil::Date;
use model::money::Currency;
use model::rate::{DayRate, ECB_BYTES_MAX, Rate, RateSource, day_of, read_ecb};
use model::thing::Problem;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{RateQuery, RateRow};

/// A rate that stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RateView {
    /// The first day it holds, in UTC.
    #[schema(example = "2026-11-20")]
    pub day: String,
    /// One unit of this costs …
    pub base: Currency,
    /// … so many units of this.
    pub quote: Currency,
    /// Decimal text; null ends a manual rate.
    #[schema(value_type = Option<String>, example = "1.0823")]
    pub rate: Option<Rate>,
    /// Who says so.
    pub source: RateSource,
    /// Who wrote it here.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Rates, the newest day first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RatePage {
    /// The rates.
    pub items: Vec<RateView>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// A day as it is sent.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("`{text}` is no day such as 2026-11-20"))
    }
}

/// Which rates.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RateParams {
    /// Only those with this currency on either side.
    currency: Option<Currency>,
    /// Only those of this source.
    #[param(inline)]
    source: Option<RateSource>,
    /// Only from this day on.
    #[param(value_type = Option<String>, example = "2026-11-20")]
    from: Option<Day>,
    /// Only up to this day, which is included.
    #[param(value_type = Option<String>, example = "2026-11-20")]
    to: Option<Day>,
    /// The most rates on the page, 100 when absent, at most 1000.
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A manual rate: from a day on until the next one of the pair.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRate {
    /// The first day it holds, in UTC; today when absent.
    #[schema(value_type = Option<String>, example = "2026-11-20")]
    pub day: Option<Day>,
    /// One unit of this costs …
    pub base: Currency,
    /// … so many units of this.
    pub quote: Currency,
    /// Decimal text of at most nine digits; null ends the manual rate of the pair.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(value_type = Option<String>, example = "1.0823", required)]
    pub rate: Option<Rate>,
}

/// What an import came to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RatesImported {
    /// Rates in the text.
    pub read: usize,
    /// How many of them say something new.
    pub added: usize,
    /// The first day in the text.
    pub from: String,
    /// The last day in the text.
    pub to: String,
}

/// The rates that stand, the newest day first.
#[utoipa::path(get, operation_id = "list_rates", path = "/api/v1/rates", tag = "rates", params(RateParams),
    responses((status = 200, body = RatePage)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<RateParams>,
) -> Result<Response, ApiError> {
    let limit = limit(params.limit)?;
    let after = params.cursor.map(|cursor| cursor.parse()).transpose().map_err(|_| no_cursor())?;
    let query = RateQuery {
        currency: params.currency,
        source: params.source,
        from: params.from.map(|day| day.0),
        to: params.to.map(|day| day.0),
        after,
        limit: limit + 1,
    };
    let mut rows = app.catalog.rates(caller.workspace, query).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| store::RateKey::from(row.rate).to_string());
    let items: Vec<_> = rows.into_iter().map(view).collect();
    Ok(json(StatusCode::OK, &Page { items, next }))
}

/// Sets a manual rate. It wins over the ECB's from its day on, until the next one of the pair; `rate`
/// null ends it. What comes in from now on is converted by it; figures of the past stay.
#[utoipa::path(post, operation_id = "set_rate", path = "/api/v1/rates", tag = "rates", request_body = NewRate,
    responses((status = 201, body = RateView)))]
pub async fn set(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(new): Json<NewRate>,
) -> Result<Response, ApiError> {
    let NewRate { day, base, quote, rate } = new;
    let day = day.map_or_else(|| day_of(now_ms()), |day| day.0);
    if base == quote {
        let message = "one currency costs itself: name another one";
        return Err(ApiError::new(Code::Invalid, format!("`quote`: {message}"))
            .problems(vec![Problem::new("quote", message)])
            .remedy("name two currencies: one unit of `base` costs `rate` units of `quote`"));
    }
    let rate = DayRate { day, base, quote, source: RateSource::Manual, rate };
    app.add_rates(caller.workspace, &[rate], &caller.author).await?;
    let (author, at_ms) = (caller.author, now_ms());
    Ok(json(StatusCode::CREATED, &view(RateRow { rate, author, at_ms })))
}

/// Takes over the reference rates of the European Central Bank: the XML of `eurofxref-daily`, `-hist-90d` or
/// `-hist`. All of it or nothing; what stands already changes nothing.
#[utoipa::path(post, operation_id = "import_rates", path = "/api/v1/rates/import", tag = "rates",
    request_body(content = String, content_type = "application/xml"),
    responses((status = 200, body = RatesImported)))]
pub async fn import(
    State(app): State<Arc<App>>,
    caller: Caller,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let remedy = format!("send the ECB's XML, at most {ECB_BYTES_MAX} bytes");
    let body = body.map_err(|rejection| {
        ApiError::new(Code::TooLarge, rejection.body_text()).remedy(remedy.clone())
    })?;
    let wrong = |message: String| ApiError::new(Code::Invalid, message).remedy(remedy.clone());
    let rates = tokio::task::spawn_blocking(move || {
        let xml = str::from_utf8(&body).map_err(|_| "the text is no UTF-8".to_owned())?;
        read_ecb(xml).map_err(|error| error.to_string())
    });
    let rates = rates.await.map_err(|error| ApiError::internal(&error))?.map_err(wrong)?;
    let added = app.add_rates(caller.workspace, &rates, &caller.author).await?;
    Ok(json(StatusCode::OK, &imported(&rates, added)))
}

/// What an import came to.
fn imported(rates: &[DayRate], added: usize) -> RatesImported {
    let days = || rates.iter().map(|rate| rate.day);
    let text = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
    RatesImported { read: rates.len(), added, from: text(days().min()), to: text(days().max()) }
}

fn view(row: RateRow) -> RateView {
    let DayRate { day, base, quote, source, rate } = row.rate;
    let (author, at) = (row.author, rfc3339(row.at_ms));
    RateView { day: day.to_string(), base, quote, rate, source, author, at }
}
