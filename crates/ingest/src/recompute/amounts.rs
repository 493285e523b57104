//! What rows cost and earn by today's rates: pure, row by row and, for conversions, entry by entry.

use crate::cost::cost_by;
use crate::ledger::{Entry, changed_by};
use crate::reconvert::reconvert;
use crate::worth::Worth;
use model::event::{Row, RowKind};
use model::money::Currency;
use model::rate::RateTable;
use model::record::tag;
use std::ops::Range;

/// The rows of a piece as these rates have them, in their order and without what entries pay. Whatever came of a click
/// has its key, and so lies in the same piece.
pub(super) fn converted(rows: &[Row], rates: &RateTable, own: Currency) -> Vec<Row> {
    let convert = |row: &Row| {
        let unpaid = unpaid(row);
        reconvert(&unpaid, rates, own, own).unwrap_or(unpaid)
    };
    let mut converted: Vec<Row> = rows.iter().map(convert).collect();
    for click in clicks(rows) {
        price_entries(&mut converted[click], rates, own);
    }
    converted
}

/// A row as it was before a cost entry paid for it.
fn unpaid(row: &Row) -> Row {
    let mut unpaid = row.clone();
    unpaid.cost = row.facts.int_at(tag::COST_BASE).unwrap_or(row.cost);
    unpaid.facts.remove(tag::COST_BASE);
    unpaid.facts.remove(tag::COST_ENTRY);
    unpaid
}

/// Where the rows of each click are.
fn clicks(rows: &[Row]) -> Vec<Range<usize>> {
    let mut clicks: Vec<Range<usize>> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        match clicks.last_mut() {
            Some(last) if rows[last.start].key == row.key => last.end = place + 1,
            _ => clicks.push(place..place + 1),
        }
    }
    clicks
}

/// What the conversions of one click cost, in the order in which the ledger came to be.
fn price_entries(rows: &mut [Row], rates: &RateTable, own: Currency) {
    let is_landing = |row: &&Row| matches!(row.kind, RowKind::Click | RowKind::Preview);
    let Some(landing) = rows.iter().find(is_landing).cloned() else { return };
    let is_entry = |row: &Row| row.kind == RowKind::Entry;
    let mut places: Vec<usize> = (0..rows.len()).filter(|place| is_entry(&rows[*place])).collect();
    places.sort_by_key(|place| (rows[*place].sequence, rows[*place].count));
    let workspace = landing.workspace();
    let worth =
        |currency: Currency, at_ms: i64| Worth::find(rates, workspace, currency, own, at_ms);
    let (mut known, mut history): (Vec<Row>, Vec<Entry>) = (Vec::new(), Vec::new());
    for place in places {
        let row = &mut rows[place];
        let entry = Entry::of(row, own);
        let standing = changed_by(&history, &entry).and_then(|from| known.get(from..));
        if landing.sequence < row.sequence
            && let Some(cost) = cost_by(row, &landing, standing.unwrap_or_default(), &worth)
        {
            row.cost = cost;
        }
        known.push(row.clone());
        history.push(entry);
    }
}
