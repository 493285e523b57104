//! Step *clicks*: clicks, previews, impressions and unlogged counts become rows.

use crate::draft::{Arrival, Draft};
use crate::run::Context;
use crate::worth::Worth;
use model::ClickKey;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::record::{Record, RecordKind, tag};

/// Structural values that become columns of the row, or say nothing once the row exists.
const BECOME_COLUMNS: [u16; 6] =
    [tag::KEY, tag::AT, tag::COST, tag::COUNT, tag::SETTLES, tag::LANDING_NUMBER];

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
    let cost = cost(&record, event_ms, context);
    let mut facts = record.facts;
    take_columns(&mut facts);
    match cost.foreign {
        Some((received, worth)) => {
            facts.push_int(tag::COST, received);
            if let Some(exchange) = worth.exchange() {
                facts.push_bytes(tag::RATE, exchange.to_string().as_bytes());
            }
        }
        None if facts.get(tag::COST_CURRENCY).is_some() => facts.remove(tag::COST_CURRENCY),
        None => {}
    }
    Row { kind, key, event_ms, sequence, count, cost: cost.summed, revenue: 0, facts }
}

/// What a click cost.
struct Cost {
    /// In the workspace's currency.
    summed: i64,
    /// As received, where that is another currency.
    foreign: Option<(i64, Worth)>,
}

fn cost(record: &Record, at_ms: i64, context: &Context) -> Cost {
    let Some(received) = record.facts.int_at(tag::COST) else {
        return Cost { summed: 0, foreign: None };
    };
    let worth = match record.facts.text_at(tag::COST_CURRENCY).map(str::parse) {
        None => Worth::Own,
        Some(Ok(currency)) => context.worth(record.workspace(), currency, at_ms),
        Some(Err(_)) => Worth::Apart,
    };
    match (worth, worth.of(received)) {
        (Worth::Own, _) => Cost { summed: received, foreign: None },
        (_, Some(summed)) => Cost { summed, foreign: Some((received, worth)) },
        (_, None) => Cost { summed: 0, foreign: Some((received, Worth::Apart)) },
    }
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
