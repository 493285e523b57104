//! What one click cost, and what priced it.

use super::facts;
use super::ledger::Conversion;
use super::text::amount;
use model::cost::CostSource;
use model::event::Row;
use model::facts::Facts;
use model::money::Currency;
use model::record::tag;
use serde::Serialize;

/// What a click cost.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Cost {
    /// In the workspace's currency, decimal text.
    pub amount: String,
    /// The workspace's currency.
    pub currency: String,
    /// What priced it: `parameter`, `model` or `entry`; null where nothing did.
    pub by: Option<&'static str>,
    /// The campaign's model at the time: `cpc`, `cpm_clicks`, `cpm_impressions` (which bear the cost), `cpa`, `cpl` and
    /// `rev_share` (conversions bear it), `per_day`.
    pub model: Option<&'static str>,
    /// The cost entry that made it.
    pub entry: Option<i64>,
    /// What it cost before that entry, decimal text.
    pub before: Option<String>,
    /// What it cost as received, where that was another currency. Without a rate no sum holds it.
    pub original: Option<OriginalCost>,
    /// The text of a cost parameter that holds no amount.
    pub refused: Option<String>,
}

/// A cost in another currency than the workspace's.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct OriginalCost {
    /// Decimal text.
    pub amount: String,
    /// Its currency.
    pub currency: Option<String>,
    /// The rate by which it was converted; null where there was none.
    pub conversion: Option<Conversion>,
}

impl Cost {
    /// Reads it from the row of a click; `currency` is the workspace's.
    pub fn of(row: &Row, currency: Currency) -> Self {
        let facts = &row.facts;
        let text = |tag| facts::texts(facts, tag).into_iter().next();
        let model = CostSource::of(facts).filter(|source| *source != CostSource::Parameter);
        Self {
            amount: amount(row.cost),
            currency: currency.to_string(),
            by: priced_by(facts),
            model: model.map(CostSource::as_str),
            entry: facts.int_at(tag::COST_ENTRY).filter(|entry| *entry != 0),
            before: facts.int_at(tag::COST_BASE).map(amount),
            original: facts.int_at(tag::COST).map(|micro| OriginalCost {
                amount: amount(micro),
                currency: text(tag::COST_CURRENCY),
                conversion: Conversion::of(facts),
            }),
            refused: text(tag::COST_REFUSED),
        }
    }
}

/// What made the cost of a row; entry 0 is the model per day.
fn priced_by(facts: &Facts) -> Option<&'static str> {
    match (facts.int_at(tag::COST_ENTRY), CostSource::of(facts)) {
        (Some(1..), _) => Some("entry"),
        (Some(_), _) => Some("model"),
        (None, Some(CostSource::Parameter)) => Some("parameter"),
        (None, source) => source.map(|_| "model"),
    }
}
