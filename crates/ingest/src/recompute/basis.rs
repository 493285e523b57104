//! What costs are computed with: the entries and prices per day that touch a span, and the span that they cover whole.

use super::Recomputer;
use crate::error::{IngestError, store_error};
use crate::worth::Worth;
use model::Field;
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::money::Currency;
use model::query::ZoneOffsets;
use model::record::tag;
use model::spend::{DAILY, Slice, Spend, SpendKey};
use model::thing::ThingId;
use model::{ClickKey, zone};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use store::{CostQuery, NewCost, NewRecompute, Scope, Span, What};

/// A span of clicks and all that pays for them.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// Every entry that touches it lies within it, and so does every local day.
    pub span: Span,
    /// What pays for its clicks.
    pub spends: Vec<Spend>,
    /// The currency of the workspace's sums.
    pub currency: Currency,
    /// Stands for all rates, where amounts are to be converted again.
    pub rates: Option<u64>,
}

/// How much of a span is looked at once, so that memory is bounded by the traffic of an hour.
const PIECE_MS: i64 = 60 * 60 * 1000;

impl Basis {
    /// Finds what pays for the clicks of a job among the rows up to `through`.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn find(
        stores: Recomputer<'_>,
        wanted: &NewRecompute,
        through: u64,
    ) -> Result<Self, IngestError> {
        let workspace = stores.table.workspace(wanted.workspace).cloned().unwrap_or_default();
        let zone = zone::offsets(&workspace.time_zone).unwrap_or_else(ZoneOffsets::utc);
        let currency = workspace.currency;
        let (span, mut spends) = widened(stores, wanted, &zone, currency).await?;
        spends.extend(daily(stores, &span, through, &zone, currency).await?);
        let rates = (wanted.what == What::Fx).then(|| hash_of(stores.rates));
        Ok(Self { span, spends, currency, rates })
    }

    /// Stands for all of it. Another build may hash otherwise: then a killed job begins anew, and no more.
    pub fn hash(&self, through: u64) -> i64 {
        let Span { workspace, campaign, from_ms, to_ms } = self.span;
        let span = (workspace, campaign, from_ms, to_ms);
        hash_of(&(span, through, &self.spends, self.currency, self.rates)).cast_signed()
    }

    /// The span cut into pieces of an hour.
    pub fn pieces(&self) -> Vec<Span> {
        pieces(&self.span)
    }
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A span cut into pieces of an hour.
pub(super) fn pieces(span: &Span) -> Vec<Span> {
    let starts = (0..).map(|hour| span.from_ms.saturating_add(PIECE_MS * hour));
    let starts = starts.take_while(|from| *from < span.to_ms);
    starts
        .map(|from| Span { from_ms: from, to_ms: span.to_ms.min(from + PIECE_MS), ..*span })
        .collect()
}

/// The entries that touch what is wanted, and those that touch them: whoever shares a click with another is computed
/// with it.
async fn widened(
    stores: Recomputer<'_>,
    wanted: &NewRecompute,
    zone: &ZoneOffsets,
    currency: Currency,
) -> Result<(Span, Vec<Spend>), IngestError> {
    let (mut from_ms, mut to_ms) = (wanted.from_ms, wanted.to_ms);
    loop {
        from_ms = zone::day_around(zone, from_ms).0;
        to_ms = zone::day_around(zone, to_ms.saturating_sub(1)).1;
        let query = CostQuery {
            campaign: wanted.campaign,
            period: Some((from_ms, to_ms)),
            standing_only: true,
            ..CostQuery::default()
        };
        let entries = stores.costs.costs(wanted.workspace, &query).await;
        let entries = entries.map_err(store_error("list cost entries"))?;
        let first = entries.iter().map(|entry| entry.cost.key.from_ms).fold(from_ms, i64::min);
        let last = entries.iter().map(|entry| entry.cost.key.to_ms).fold(to_ms, i64::max);
        if (first, last) != (from_ms, to_ms) {
            (from_ms, to_ms) = (first, last);
            continue;
        }
        let NewRecompute { workspace, campaign, .. } = *wanted;
        let spends = entries.into_iter().filter_map(|entry| {
            let NewCost { key, amount, currency: sent } = entry.cost;
            let worth = Worth::find(stores.rates, workspace, sent, currency, key.from_ms);
            Some(Spend { entry: entry.id, amount: in_sums(worth, amount.0)?, key })
        });
        return Ok((Span { workspace, campaign, from_ms, to_ms }, spends.collect()));
    }
}

/// What an amount is worth in sums; one that stands apart pays for nothing.
fn in_sums(worth: Worth, amount: i64) -> Option<i64> {
    if worth == Worth::Apart { None } else { worth.of(amount) }
}

/// Prices per day: what the last click of a local day was priced with is the price of that day.
async fn daily(
    stores: Recomputer<'_>,
    span: &Span,
    through: u64,
    zone: &ZoneOffsets,
    currency: Currency,
) -> Result<Vec<Spend>, IngestError> {
    let mut last: BTreeMap<(ThingId, (i64, i64)), ClickKey> = BTreeMap::new();
    for piece in pieces(span) {
        let tags = vec![Field::Campaign.tag(), Field::Test.tag(), tag::COST_SOURCE];
        let kinds = vec![RowKind::Click];
        let scope = Scope { span: piece, after: 0, through, kinds, tags };
        let rows = stores.rewrites.rows_within(&scope).await;
        for row in
            rows.map_err(store_error("look for prices per day"))?.iter().filter(|row| is_daily(row))
        {
            let day = zone::day_around(zone, row.key.time_ms());
            last.insert((campaign_of(row), day), row.key);
        }
    }
    let mut spends = Vec::with_capacity(last.len());
    for ((campaign, (from_ms, to_ms)), key) in last {
        let rows = stores.events.rows_of(span.workspace, &[key]).await;
        let rows = rows.map_err(store_error("look a price per day up"))?;
        let facts = rows.iter().find(|row| row.kind == RowKind::Click).map(|row| &row.facts);
        let rate = facts.and_then(|facts| {
            let sent: Currency = facts.text_at(tag::COST_RATE_CURRENCY)?.parse().ok()?;
            let worth = Worth::find(stores.rates, span.workspace, sent, currency, from_ms);
            in_sums(worth, facts.int_at(tag::COST_RATE)?)
        });
        let key = SpendKey { campaign, slice: Slice::default(), from_ms, to_ms };
        spends.extend(rate.map(|amount| Spend { entry: DAILY, key, amount }));
    }
    Ok(spends)
}

/// Whether a row is a click that the model per day pays for; a test is no traffic.
pub(super) fn is_daily(row: &Row) -> bool {
    row.kind == RowKind::Click
        && !row.facts.flag(Field::Test)
        && CostSource::of(&row.facts) == Some(CostSource::PerDay)
}

pub(super) fn campaign_of(row: &Row) -> ThingId {
    let campaign = row.facts.int(Field::Campaign);
    campaign.and_then(|id| ThingId::try_from(id).ok()).unwrap_or_default()
}
