//! Step *orders*: calls that an operator wants judged again join those that have just come, at the place of the order.

use crate::draft::{Call, Draft};
use crate::gather::UNREADABLE;
use crate::records::read_call;
use crate::run::Context;
use model::order::{Order, name_click};
use model::record::{Record, RecordKind, tag};
use model::thing::ThingId;
use std::collections::HashMap;

/// A call, and whose it is.
type CallOf = (ThingId, u64);

/// Reads each call that an order is about again, and notes the clicks to recall. An order about a call that is nowhere,
/// or that cannot be read, does nothing.
pub fn reopen(draft: &mut Draft, context: &Context) {
    // What earlier orders of the batch said about a call is part of it.
    let mut attached: HashMap<CallOf, Record> = HashMap::new();
    for (sequence, order) in std::mem::take(&mut draft.orders) {
        let of = (order.workspace, order.call);
        let Some(mut record) = attached.remove(&of).or_else(|| record_of(of, draft)) else {
            continue;
        };
        attach(&mut record, &order);
        attached.insert(of, record.clone());
        let call = read_call(sequence, record, Some(order), context);
        draft.wanted.extend(call.click_of());
        draft.calls.push(call);
    }
    draft.calls.sort_by_key(|call| call.sequence);
}

/// The call as it came, and as it was attached since; without what intake thought of it, for that is asked again.
fn record_of((workspace, number): CallOf, draft: &Draft) -> Option<Record> {
    let is_it = |call: &&Call| call.sequence == number && call.workspace() == workspace;
    let of_store = || {
        let entry = draft.standing.get(&(workspace, number))?;
        let is_readable = entry.reason != UNREADABLE;
        is_readable.then(|| Record { kind: entry.kind, facts: entry.facts.clone() })
    };
    let fresh = draft.calls.iter().find(is_it).map(|call| call.record.clone());
    let mut record = fresh.or_else(of_store)?;
    if record.kind != RecordKind::Report {
        // A reported line that could not be read is no better for that.
        record.facts.remove(tag::INTAKE_REFUSAL);
    }
    Some(record)
}

fn attach(record: &mut Record, order: &Order) {
    if let Some(click) = order.click {
        name_click(&mut record.facts, click);
        record.facts.replace_int(tag::ATTACHED, 1);
    }
}
