//! What depends on what came before or after a click: its share of a thousand, and what its conversions cost.

use crate::draft::Arrival;
use crate::error::{IngestError, store_error};
use crate::run::Context;
use crate::worth::Worth;
use model::Field;
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::facts::{Facts, Value};
use model::metric::{Counter, Selection, Sum};
use model::money::Currency;
use model::query::{Cell, Filter, FilterOp, FilterValue, Plan, TimeBasis, ZoneOffsets};
use model::record::{Record, RecordKind, tag};
use model::thing::{CostModel, Percent, Status, ThingId};
use std::collections::{BTreeMap, HashMap, HashSet};
use store::Events;

/// How many make the unit of a price per thousand.
const THOUSAND: i64 = 1000;

/// Half a micro-unit: with it at the start, what is carried is never more than half a micro-unit off.
const HALF: i64 = THOUSAND / 2;

/// The type of conversion that a cost per lead is paid for.
const LEAD: &str = "lead";

/// Prices per thousand: what is left over from each click or impression is carried on to the next of its campaign, so
/// that n of them cost n thousandths of the price, to half a micro-unit.
#[derive(Clone, Debug, Default)]
pub struct Thousands {
    /// What is left over, in thousandths of a micro-unit, by campaign and price.
    carried: HashMap<(i64, i64), i64>,
    /// Campaigns that record impressions.
    with_impressions: HashSet<i64>,
    /// Campaigns of which it is known whether they do.
    asked: HashSet<i64>,
}

impl Thousands {
    /// Asks the store which campaigns among new ones have recorded impressions.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn follow(
        &mut self,
        arrivals: &[Arrival],
        events: &dyn Events,
    ) -> Result<(), IngestError> {
        let mut new: BTreeMap<ThingId, Vec<i64>> = BTreeMap::new();
        for Arrival { record, .. } in arrivals {
            let campaign = record.facts.int(Field::Campaign).filter(|_| is_by_thousand(record));
            if let Some(campaign) = campaign.filter(|id| self.asked.insert(*id)) {
                new.entry(record.workspace()).or_default().push(campaign);
            }
        }
        for (workspace, campaigns) in new {
            let answer = events.answer(&impressions_of(workspace, &campaigns)).await;
            let answer = answer.map_err(store_error("count impressions"))?;
            let seen = answer.rows.iter().filter(|row| row.sums.iter().any(|sum| *sum > 0));
            self.with_impressions.extend(seen.filter_map(|row| match &*row.key {
                [Cell::Int(campaign)] => Some(*campaign),
                _ => None,
            }));
        }
        Ok(())
    }

    /// Puts the cost of one in place of the price of a thousand. A campaign's clicks are paid for until its first
    /// impression, its impressions from then on.
    pub(crate) fn price(&mut self, record: &mut Record) {
        let Some(campaign) = record.facts.int(Field::Campaign) else { return };
        if record.kind == RecordKind::Impression {
            self.with_impressions.insert(campaign);
        }
        if !is_by_thousand(record) {
            return;
        }
        let facts = &mut record.facts;
        let Some(rate) = facts.int_at(tag::COST_RATE) else { return };
        if record.kind != RecordKind::Impression && self.with_impressions.contains(&campaign) {
            facts.replace_int(tag::COST_SOURCE, CostSource::CpmImpressions as i64);
            return;
        }
        let carried = self.carried.entry((campaign, rate)).or_insert(HALF);
        let sum = rate.saturating_add(*carried);
        *carried = sum.rem_euclid(THOUSAND);
        let currency = facts.text_at(tag::COST_RATE_CURRENCY).map(str::to_owned);
        facts.push_int(tag::COST, sum.div_euclid(THOUSAND));
        facts.push_bytes(tag::COST_CURRENCY, currency.unwrap_or_default().as_bytes());
    }
}

fn is_by_thousand(record: &Record) -> bool {
    let source = CostSource::of(&record.facts);
    matches!(source, Some(CostSource::CpmClicks | CostSource::CpmImpressions))
}

fn impressions_of(workspace: ThingId, campaigns: &[i64]) -> Plan {
    let selection = Selection {
        rows: &[RowKind::Impression],
        with: &[],
        without: &[],
        has: None,
        or: None,
        statuses: &[],
        sum: Sum::Count,
    };
    let campaigns = campaigns.iter().map(|id| Cell::Int(*id)).collect();
    Plan {
        workspace,
        from_ms: i64::MIN / 2,
        to_ms: i64::MAX / 2,
        time: TimeBasis::Click,
        zone: ZoneOffsets::utc(),
        by: vec![Field::Campaign],
        counters: vec![Counter::of(selection)],
        filter: vec![Filter {
            field: Field::Campaign,
            op: FilterOp::In,
            value: FilterValue::Many(campaigns),
        }],
        median: false,
    }
}

/// What a conversion costs under the terms its click came under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terms {
    /// Micro-units for each conversion that counts.
    Each { amount: i64, currency: Currency, leads_only: bool },
    /// A share of approved revenue.
    Share(Percent),
}

/// Prices a new entry of the ledger. `standing` are the entries of the click from that on whose conversion this one
/// changes. A reversal takes back what the conversion cost, to the micro-unit; nothing else knows what that was.
pub(crate) fn price_entry(
    entry: &mut Row,
    landing: Option<&Row>,
    standing: &[Row],
    context: &Context,
) {
    let terms = match landing {
        Some(click) => terms_of_click(&click.facts),
        None => terms_of_campaign(entry, context),
    };
    let Some((source, terms)) = terms else { return };
    let workspace = entry.workspace();
    let worth = |currency, at_ms| context.worth(workspace, currency, at_ms);
    entry.cost = terms.cost(entry, standing, &worth);
    entry.facts.push_int(tag::COST_SOURCE, source as i64);
    // What a cost entry paid for, conversions do not cost again.
    let paid_by = landing.and_then(|click| click.facts.int_at(tag::COST_ENTRY));
    if let Some(paid_by) = paid_by {
        entry.facts.push_int(tag::COST_BASE, entry.cost);
        entry.facts.push_int(tag::COST_ENTRY, paid_by);
        entry.cost = 0;
    }
}

/// What an entry of a stored click costs, by other rates than it was written down with; none where conversions of that
/// click cost nothing.
pub(crate) fn cost_by(
    entry: &Row,
    landing: &Row,
    standing: &[Row],
    worth: &dyn Fn(Currency, i64) -> Worth,
) -> Option<i64> {
    let (_, terms) = terms_of_click(&landing.facts)?;
    Some(terms.cost(entry, standing, worth))
}

/// The entry that made a conversion what it is, and those that changed its amount since.
fn of_conversion(standing: &[Row]) -> Vec<&Row> {
    let Some((made, later)) = standing.split_first() else { return Vec::new() };
    let same = |row: &&Row| {
        let alike = [Field::ConversionType, Field::Txid, Field::ConversionStatus, Field::Currency];
        row.count == 0 && alike.iter().all(|f| row.facts.text(*f) == made.facts.text(*f))
    };
    std::iter::once(made).chain(later.iter().filter(same)).collect()
}

impl Terms {
    fn cost(self, entry: &Row, standing: &[Row], worth: &dyn Fn(Currency, i64) -> Worth) -> i64 {
        let of_conversion = of_conversion(standing);
        let base = |row: &Row| row.facts.int_at(tag::COST_BASE).unwrap_or(row.cost);
        let costed = of_conversion.iter().map(|row| base(row)).fold(0, i64::saturating_add);
        match (entry.count, self) {
            (..=-1, _) => costed.saturating_neg(),
            (0, Self::Each { .. }) => 0,
            (0, Self::Share(percent)) if status(entry) == Some(Status::Approved) => {
                let before = of_conversion.iter().map(|row| row.revenue);
                let revenue = before.fold(entry.revenue, i64::saturating_add);
                percent.of(revenue).saturating_sub(costed)
            }
            (_, Self::Share(percent)) if status(entry) == Some(Status::Approved) => {
                percent.of(entry.revenue)
            }
            (_, Self::Share(_)) => 0,
            (count, Self::Each { .. }) => self.each(entry, worth).saturating_mul(count),
        }
    }

    /// What one conversion costs in sums, by the rate of its day.
    fn each(self, entry: &Row, worth: &dyn Fn(Currency, i64) -> Worth) -> i64 {
        let Self::Each { amount, currency, leads_only } = self else { return 0 };
        let counts = matches!(status(entry), Some(Status::Pending | Status::Approved))
            && (!leads_only || entry.facts.text(Field::ConversionType) == Some(LEAD));
        let at_ms = entry.facts.int_at(tag::RATE_AT).unwrap_or(entry.event_ms);
        let cost = || worth(currency, at_ms).of(amount);
        if counts { cost().unwrap_or(0) } else { 0 }
    }
}

fn status(entry: &Row) -> Option<Status> {
    entry.facts.text(Field::ConversionStatus).and_then(Status::from_word)
}

/// Where a click is not stored, the terms of its campaign now.
fn terms_of_campaign(entry: &Row, context: &Context) -> Option<(CostSource, Terms)> {
    let campaign = entry.facts.int(Field::Campaign)?;
    let campaign = context.table.campaign(ThingId::try_from(campaign).ok()?)?;
    terms_of_model(campaign.cost)
}

/// The terms that a click was written down with.
fn terms_of_click(facts: &Facts) -> Option<(CostSource, Terms)> {
    let source = CostSource::of(facts)?;
    let rate = facts.int_at(tag::COST_RATE)?;
    let each = |leads_only| {
        let Some(Value::Bytes(code)) = facts.get(tag::COST_RATE_CURRENCY) else { return None };
        let currency = str::from_utf8(code).ok()?.parse().ok()?;
        Some(Terms::Each { amount: rate, currency, leads_only })
    };
    let terms = match source {
        CostSource::Cpa => each(false)?,
        CostSource::Cpl => each(true)?,
        CostSource::RevShare => Terms::Share(Percent(rate)),
        _ => return None,
    };
    Some((source, terms))
}

fn terms_of_model(model: CostModel) -> Option<(CostSource, Terms)> {
    let each = |amount: model::Money, currency, leads_only| Terms::Each {
        amount: amount.0,
        currency,
        leads_only,
    };
    Some(match model {
        CostModel::Cpa { amount, currency } => (CostSource::Cpa, each(amount, currency, false)),
        CostModel::Cpl { amount, currency } => (CostSource::Cpl, each(amount, currency, true)),
        CostModel::RevShare { percent } => (CostSource::RevShare, Terms::Share(percent)),
        _ => return None,
    })
}
