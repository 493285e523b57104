//! The conversion ledger of a click as people read it: what each entry added, and what took it back.

use super::facts::{ThingRef, thing};
use super::names::AppNames;
use super::text::{amount, rfc3339};
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::money::Currency;
use model::rate::{Exchange, RateSource};
use model::record::tag;
use serde::Serialize;

/// The rate that an amount was converted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Conversion {
    /// What one unit is worth in the workspace's currency, decimal text; rounded after twelve decimals.
    #[schema(example = "1.0823")]
    pub rate: String,
    /// The day of the rate, in UTC.
    #[schema(example = "2026-11-20")]
    pub day: String,
    /// Who says so.
    pub source: RateSource,
}

impl Conversion {
    /// The rate that a row's amount was converted by; none where there was nothing to convert, or no rate.
    pub fn of(facts: &Facts) -> Option<Self> {
        facts.text_at(tag::RATE)?.parse().ok().map(Exchange::into)
    }
}

impl From<Exchange> for Conversion {
    fn from(exchange: Exchange) -> Self {
        let (rate, day) = (exchange.decimal(), exchange.day().to_string());
        Self { rate, day, source: exchange.source() }
    }
}

/// An entry of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LedgerEntry {
    /// When it was reported, RFC 3339.
    pub at: String,
    /// Journal sequence of the call that made it: its number in the inbox.
    pub sequence: u64,
    /// 1 adds a conversion, −1 takes one back, 0 changes the amount alone.
    pub count: i64,
    /// The conversion's type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The status it counts under.
    pub status: Option<String>,
    /// The transaction id.
    pub txid: Option<String>,
    /// The amount as it came, signed decimal text.
    pub amount: String,
    /// The currency of the amount.
    pub currency: String,
    /// What of it the reports sum, in the workspace's currency.
    pub revenue: String,
    /// What it cost, signed, in the workspace's currency: under models by conversion.
    pub cost: String,
    /// The rate that made revenue of the amount: that of the conversion's first report. Null where both
    /// have one currency, and where there was no rate.
    pub conversion: Option<Conversion>,
    /// The offer it was earned with.
    pub offer: Option<ThingRef>,
    /// Who pays.
    pub network: Option<ThingRef>,
    /// The call whose entries took this one back.
    pub superseded_by: Option<u64>,
    /// The calls whose entries this one takes back.
    pub supersedes: Vec<u64>,
}

/// The entries among `rows`, in their order, with what superseded what.
pub fn ledger(rows: &[Row], currency: Currency, names: &AppNames) -> Vec<LedgerEntry> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.kind == RowKind::Entry).collect();
    let mut entries: Vec<_> = rows.iter().map(|row| entry(row, currency, names)).collect();
    for (at, by) in superseded(&rows).into_iter().enumerate() {
        let Some(by) = by else { continue };
        let taken = entries[at].sequence;
        entries[at].superseded_by = Some(entries[by].sequence);
        entries[by].supersedes.push(taken);
    }
    entries
}

/// An entry by itself.
pub fn entry(row: &Row, currency: Currency, names: &AppNames) -> LedgerEntry {
    let text = |field| row.facts.text(field).map(str::to_owned);
    LedgerEntry {
        at: rfc3339(row.event_ms),
        sequence: row
            .facts
            .int_at(tag::CALL)
            .and_then(|call| u64::try_from(call).ok())
            .unwrap_or(row.sequence),
        count: row.count,
        kind: text(Field::ConversionType),
        status: text(Field::ConversionStatus),
        txid: text(Field::Txid),
        amount: amount(row.facts.int_at(tag::AMOUNT).unwrap_or(row.revenue)),
        currency: text(Field::Currency).unwrap_or_else(|| currency.to_string()),
        revenue: amount(row.revenue),
        cost: amount(row.cost),
        conversion: Conversion::of(&row.facts),
        offer: thing(&row.facts, Field::Offer, names),
        network: thing(&row.facts, Field::Network, names),
        superseded_by: None,
        supersedes: Vec::new(),
    }
}

/// For each entry the place of the reversal that took it back. A reversal takes back what stands under
/// the same type, transaction id, status and currency.
fn superseded(rows: &[&Row]) -> Vec<Option<usize>> {
    let terms = |row: &Row| {
        let text = |field| row.facts.text(field).map(str::to_owned);
        [Field::ConversionType, Field::Txid, Field::ConversionStatus, Field::Currency].map(text)
    };
    let mut by = vec![None; rows.len()];
    for (reversal, row) in rows.iter().enumerate().filter(|(_, row)| row.count < 0) {
        for earlier in 0..reversal {
            let stands = by[earlier].is_none() && rows[earlier].count >= 0;
            if stands && terms(rows[earlier]) == terms(row) {
                by[earlier] = Some(reversal);
            }
        }
    }
    by
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::facts::Facts;

    fn entry(sequence: u64, count: i64, status: &str, txid: &str) -> Row {
        let mut facts = Facts::default();
        facts.set_text(Field::ConversionType, "sale");
        facts.set_text(Field::ConversionStatus, status);
        facts.set_text(Field::Txid, txid);
        Row {
            kind: RowKind::Entry,
            key: ClickKey(1),
            event_ms: 0,
            sequence,
            count,
            cost: 0,
            revenue: 0,
            facts,
        }
    }

    #[test]
    fn a_reversal_supersedes_what_stands_under_its_terms() {
        let rows = [
            entry(1, 1, "pending", "T"),
            entry(2, 1, "pending", "U"),
            entry(3, 0, "pending", "T"),
            entry(4, -1, "pending", "T"),
            entry(4, 1, "approved", "T"),
            entry(5, -1, "approved", "T"),
            entry(5, 1, "pending", "T"),
            entry(6, -1, "pending", "T"),
        ];
        let rows: Vec<&Row> = rows.iter().collect();
        let expected = [Some(3), None, Some(3), None, Some(5), None, Some(7), None];
        assert_eq!(superseded(&rows), expected);
    }
}
