//! Entries of the ledger as the store has them: from an entry to its row, and back.

use crate::draft::{Call, ClickOf};
use crate::ledger::Entry;
use crate::worth::Worth;
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::money::Currency;
use model::record::tag;
use model::thing::Status;

/// The type of a conversion whose postback names none.
pub const DEFAULT_TYPE: &str = "sale";

impl Entry {
    /// A stored entry as the ledger sees it; `own` is the currency of its workspace's sums.
    pub fn of(row: &Row, own: Currency) -> Self {
        let received = row.facts.int_at(tag::AMOUNT);
        let rate = row.facts.text_at(tag::RATE).and_then(|rate| rate.parse().ok());
        let worth = match (received, rate) {
            (None, _) => Worth::Own,
            (Some(_), Some(exchange)) => Worth::At(exchange),
            (Some(_), None) => Worth::Apart,
        };
        let currency = row.facts.text(Field::Currency).and_then(|code| code.parse().ok());
        let status = row.facts.text(Field::ConversionStatus).and_then(Status::from_word);
        Self {
            count: row.count,
            amount: received.unwrap_or(row.revenue),
            before: row.facts.int_at(tag::AMOUNT_BEFORE).unwrap_or(0),
            currency: currency.unwrap_or(own),
            worth,
            worth_at_ms: row.facts.int_at(tag::RATE_AT).unwrap_or(row.event_ms),
            summed: row.revenue,
            status: status.unwrap_or(Status::Approved),
            kind: row.facts.text(Field::ConversionType).unwrap_or(DEFAULT_TYPE).to_owned(),
            txid: row.facts.text(Field::Txid).map(str::to_owned),
            event_id: row.facts.text_at(tag::EVENT_ID).map(str::to_owned),
        }
    }
}

/// The row of an entry that a call makes, with the fields of its conversion.
pub fn of(entry: Entry, mut facts: Facts, call: &Call, of: ClickOf) -> Row {
    facts.set_text(Field::ConversionType, &entry.kind);
    facts.set_text(Field::ConversionStatus, entry.status.as_str());
    facts.set_text(Field::Txid, entry.txid.as_deref().unwrap_or_default());
    facts.set_text(Field::Currency, entry.currency.as_str());
    if entry.worth != Worth::Own {
        push_received(&entry, call.record.at_ms(), &mut facts);
    }
    if let Some(event_id) = &entry.event_id {
        facts.push_bytes(tag::EVENT_ID, event_id.as_bytes());
    }
    if entry.count > 0 {
        // With the conversion as it stands, for those who are told of it.
        facts.extend(&call.record.facts, |t| t == tag::FIRST_PARTY);
    }
    if call.order.is_some() {
        facts.push_int(tag::CALL, call.number() as i64);
    }
    Row {
        kind: RowKind::Entry,
        key: of.1,
        event_ms: call.record.at_ms(),
        sequence: call.sequence,
        count: entry.count,
        cost: 0,
        revenue: entry.summed,
        facts,
    }
}

/// What a foreign amount was, and what it takes to convert it again.
fn push_received(entry: &Entry, at_ms: i64, facts: &mut Facts) {
    facts.push_int(tag::AMOUNT, entry.amount);
    if let Some(exchange) = entry.worth.exchange() {
        facts.push_bytes(tag::RATE, exchange.to_string().as_bytes());
    }
    if entry.worth_at_ms != at_ms {
        facts.push_int(tag::RATE_AT, entry.worth_at_ms);
    }
    // A new conversion begins with nothing, and a reversal takes back all there is.
    if entry.count == 0 {
        facts.push_int(tag::AMOUNT_BEFORE, entry.before);
    }
}
