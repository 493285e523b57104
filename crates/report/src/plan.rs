//! The question as a store gets it, and what is needed to finish its answer.

use crate::error::{QueryError, excerpt};
use crate::figure::Recipe;
use crate::order::{self, Criterion};
use crate::zone::{END_MS, FIRST_MS, Zone};
use crate::{filter, period};
use model::metric::{Counter, Metric};
use model::query::{Plan, Query};
use model::thing::ThingId;
use model::{Currency, Field};
use std::collections::HashSet;
use std::fmt;

/// Rows of an answer when the query does not say how many.
pub const LIMIT_DEFAULT: usize = 100;

/// The most rows a query may ask for at a time; exports have no such limit.
pub const LIMIT_MAX: usize = 10_000;

/// The metrics of a query that names none.
const METRICS_DEFAULT: [&str; 6] = ["clicks", "conversions", "cost", "revenue", "profit", "roi"];

/// Further fields without which a click id does not print (see [`model::ClickId`]).
const CLICK_ID_PARTS: [Field; 3] = [Field::Campaign, Field::Unlogged, Field::Test];

/// Where and when a question is asked.
#[derive(Clone, Debug)]
pub struct Context {
    /// Whose figures.
    pub workspace: ThingId,
    /// IANA name of the zone when the query names none.
    pub workspace_tz: String,
    /// Of all amounts.
    pub currency: Currency,
    /// Unix milliseconds.
    pub now_ms: i64,
    /// Unix milliseconds of the workspace's first event, where the period `all` begins.
    pub first_event_ms: Option<i64>,
    /// Conversion types whose conversions are under their own names alone.
    pub uncounted: Vec<String>,
    /// Every row is wanted unless the query limits them itself.
    pub export: bool,
}

/// A plan, and how to finish its answer.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What a store has to compute. When grouped by click id, the key has further fields behind
    /// those asked for: the parts that a click id prints from.
    pub plan: Plan,
    pub(crate) fields: Vec<Field>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) recipes: Vec<Recipe>,
    pub(crate) criteria: Vec<Criterion>,
    pub(crate) offset: usize,
    pub(crate) limit: Option<usize>,
    pub(crate) zone: Zone,
    pub(crate) currency: Currency,
}

/// Checks a query and names what a store has to compute for it.
///
/// # Errors
/// The first thing in the query that cannot be answered, with its place.
pub fn plan(query: &Query, context: &Context) -> Result<Planned, QueryError> {
    let zone = zone(query, context)?;
    let now_ms = context.now_ms.clamp(FIRST_MS, END_MS);
    let span = period::resolve(&query.period, &zone, now_ms, context.first_event_ms)?;
    let offsets = zone.offsets(span.from_ms, span.to_ms);
    distinct("by", &query.by)?;
    distinct("metrics", &query.metrics)?;
    let checked = |(index, condition)| filter::check(index, condition, &offsets);
    let filter = query.filter.iter().enumerate().map(checked).collect::<Result<_, _>>()?;
    let limit = limit(query.limit, context.export)?;
    let metrics = metrics(query);
    let mut counters = Vec::new();
    let recipes: Vec<_> = metrics.iter().map(|m| Recipe::of(m, &mut counters)).collect();
    let criteria = order::criteria(query, &metrics, &mut counters)?;
    // Behind the recipes, which tell counters apart by what the table says.
    let counters =
        counters.into_iter().map(|counter: Counter| counter.counting(&context.uncounted)).collect();
    let plan = Plan {
        workspace: context.workspace,
        from_ms: span.from_ms,
        to_ms: span.to_ms,
        time: query.time,
        zone: offsets,
        by: key_fields(&query.by),
        counters,
        filter,
        median: recipes.iter().any(Recipe::is_median) || criteria.iter().any(Criterion::is_median),
    };
    let (fields, offset, currency) = (query.by.clone(), query.offset, context.currency);
    Ok(Planned { plan, fields, metrics, recipes, criteria, offset, limit, zone, currency })
}

fn zone(query: &Query, context: &Context) -> Result<Zone, QueryError> {
    let name = query.tz.as_ref().unwrap_or(&context.workspace_tz);
    Zone::named(name).ok_or_else(|| QueryError::UnknownZone { name: excerpt(name) })
}

fn distinct<T: fmt::Display>(list: &str, names: &[T]) -> Result<(), QueryError> {
    let mut seen = HashSet::new();
    for (index, name) in names.iter().map(ToString::to_string).enumerate() {
        if !seen.insert(name.clone()) {
            return Err(QueryError::Repeated { position: format!("{list}[{index}]"), name });
        }
    }
    Ok(())
}

/// The most rows to return; `None` for all.
fn limit(asked: Option<usize>, export: bool) -> Result<Option<usize>, QueryError> {
    match asked {
        _ if export => Ok(asked),
        Some(limit) if limit > LIMIT_MAX => Err(QueryError::Limit { limit, max: LIMIT_MAX }),
        _ => Ok(Some(asked.unwrap_or(LIMIT_DEFAULT))),
    }
}

fn metrics(query: &Query) -> Vec<Metric> {
    if query.metrics.is_empty() {
        METRICS_DEFAULT.iter().filter_map(|name| name.parse().ok()).collect()
    } else {
        query.metrics.clone()
    }
}

/// The fields of a row's key: those asked for, then what a click id needs besides.
fn key_fields(by: &[Field]) -> Vec<Field> {
    let mut fields = by.to_vec();
    if by.contains(&Field::ClickId) {
        fields.extend(CLICK_ID_PARTS.into_iter().filter(|part| !by.contains(part)));
    }
    fields
}
