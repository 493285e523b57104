//! Step *clicks*: clicks, previews, impressions and unlogged counts become rows.

use crate::draft::{Arrival, Draft};
use crate::run::Context;
use model::ClickKey;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::record::{Record, RecordKind, tag};

/// Structural values that become columns of the row, or say nothing once the row exists.
const BECOME_COLUMNS: [u16; 5] = [tag::KEY, tag::AT, tag::COST, tag::COUNT, tag::SETTLES];

/// Makes the rows. A record that settles an unlogged answer, and a count of unlogged clicks, may be in
/// the journal twice: it counts only if it is not there already.
pub fn project(draft: &mut Draft, context: &Context) {
    let kinds =
        [RecordKind::Click, RecordKind::Preview, RecordKind::Impression, RecordKind::Unlogged];
    for Arrival { sequence, mut record } in draft.take(&kinds) {
        let Some(key) = record.key() else {
            // Written by no version of edge; there is nothing to attach the row to.
            tracing::error!(sequence, "journal record without a click key left out");
            continue;
        };
        let may_repeat =
            record.kind == RecordKind::Unlogged || record.facts.int_at(tag::SETTLES).is_some();
        if may_repeat && draft.known.is_counted((record.workspace(), key)) {
            continue;
        }
        draft.thousands.price(&mut record);
        draft.keep(row(sequence, record, key, context));
    }
}

/// The record's own facts become those of the row: what need not change is not copied.
fn row(sequence: u64, record: Record, key: ClickKey, context: &Context) -> Row {
    let (event_ms, count) = (record.at_ms(), record.facts.int_at(tag::COUNT).unwrap_or(1));
    let kind = match record.kind {
        RecordKind::Preview => RowKind::Preview,
        RecordKind::Impression => RowKind::Impression,
        RecordKind::Unlogged => RowKind::Unlogged,
        _ => RowKind::Click,
    };
    let cost = record.facts.int_at(tag::COST);
    let converted = cost.filter(|_| is_own_currency(&record, context));
    let mut facts = record.facts;
    take_columns(&mut facts);
    match (cost, converted) {
        // Kept in its own currency, summed nowhere.
        (Some(original), None) => facts.push_int(tag::COST, original),
        _ if facts.get(tag::COST_CURRENCY).is_some() => facts.remove(tag::COST_CURRENCY),
        _ => {}
    }
    Row { kind, key, event_ms, sequence, count, cost: converted.unwrap_or(0), revenue: 0, facts }
}

fn take_columns(facts: &mut Facts) {
    let mut present = [false; BECOME_COLUMNS.len()];
    for (tag, _) in facts.iter() {
        if let Some(place) = BECOME_COLUMNS.iter().position(|column| *column == tag) {
            present[place] = true;
        }
    }
    BECOME_COLUMNS.iter().zip(present).filter(|(_, there)| *there).for_each(|(tag, _)| {
        facts.remove(*tag);
    });
}

/// Whether the cost is in the workspace's currency; there are no rates to others.
fn is_own_currency(record: &Record, context: &Context) -> bool {
    let sent = record.facts.text_at(tag::COST_CURRENCY);
    sent.is_none_or(|code| code == context.currency(record.workspace()).as_str())
}
