//! What became of calls, into the inbox: a new entry, or another verdict of one that was there.

use crate::draft::{Call, Draft};
use crate::reason::Reason;
use model::event::{InboxEntry, Verdict};
use model::facts::Facts;
use model::judged::Judged;
use model::params;
use model::postback::{PostbackParam, Sent};
use model::record::tag;

/// The most bytes of a parameter's value that a sentence names.
const VALUE_BYTES_MAX: usize = 128;

/// Whether a call is to be judged: one that is in the ledger is not judged again.
pub fn is_open(call: &Call, draft: &Draft) -> bool {
    call.order.is_none() || standing(call, draft).is_some_and(|entry| !entry.verdict.is_counted())
}

/// Enters what became of a call. The same verdict again, for the same click, leaves the entry as it is.
pub fn enter(call: Call, verdict: Verdict, reasons: &[Reason], draft: &mut Draft) {
    let sentences: Vec<_> = reasons.iter().map(|reason| sentence(reason, &call)).collect();
    let received_ms = call.record.facts.int_at(tag::RECEIVED);
    let mut entry = InboxEntry {
        sequence: call.number(),
        workspace: call.workspace(),
        kind: call.record.kind,
        received_ms: received_ms.unwrap_or(call.record.at_ms()),
        key: call.click.as_ref().map(|click| Some(click.key)).unwrap_or(call.record.key()),
        verdict,
        reason: reasons.first().map(|r| r.code().to_owned()).unwrap_or_default(),
        message: sentences.join("; "),
        facts: Facts::default(),
    };
    if !verdict.is_counted() {
        entry.message.insert_str(0, &place(&call.record.facts));
    }
    let Some(before) = standing(&call, draft) else {
        entry.facts = call.record.facts;
        draft.inbox.push(entry);
        return;
    };
    let said = |e: &InboxEntry| (e.verdict, e.key, e.reason.clone(), e.message.clone());
    let is_attached = call.order.as_ref().is_some_and(|order| order.click.is_some());
    if said(before) == said(&entry) && !is_attached {
        return;
    }
    let mut history = Judged::all(&before.facts);
    if history.is_empty() {
        history.push(judged(before));
    }
    history.push(match &call.order {
        Some(order) => Judged {
            at_ms: order.at_ms,
            author: Some(order.author.clone()),
            note: Some(order.reason.clone()).filter(|reason| !reason.is_empty()),
            ..judged(&entry)
        },
        None => judged(&entry),
    });
    entry.facts = call.record.facts;
    entry.facts.remove(tag::JUDGED);
    history.iter().for_each(|judged| judged.push(&mut entry.facts));
    match draft.inbox.iter_mut().find(|e| e.sequence == entry.sequence) {
        Some(of_batch) => *of_batch = entry,
        None => draft.inbox.push(entry),
    }
}

/// Why, naming the parameter and what it holds where that is what is wrong.
fn sentence(reason: &Reason, call: &Call) -> String {
    let message = reason.message();
    let Some(param) = reason.param() else { return message.into_owned() };
    if let Some(Sent { name, value }) = call.params.unexpanded(param)
        && reason.is_about_macro()
    {
        return format!("parameter `{name}` holds the literal `{value}`: {message}");
    }
    let own = call.params.sent(param).or_else(|| call.params.sent(PostbackParam::ExternalId));
    match own.filter(|_| !reason.is_about_macro()) {
        Some(Sent { name, value }) => {
            let value = params::cut(value, VALUE_BYTES_MAX);
            format!("parameter `{name}` holds `{value}`: {message}")
        }
        None => message.into_owned(),
    }
}

/// Where in its file a line stands that does not count, and the column to blame.
fn place(facts: &Facts) -> String {
    let (Some(column), Some(line)) = (facts.text_at(tag::BLAMED), facts.int_at(tag::ELEMENT))
    else {
        return String::new();
    };
    if column.is_empty() {
        format!("line {line}: ")
    } else {
        format!("line {line}, column {column}: ")
    }
}

/// The judgement on arrival, as an entry tells it.
fn judged(entry: &InboxEntry) -> Judged {
    Judged {
        at_ms: entry.received_ms,
        verdict: entry.verdict,
        reason: entry.reason.clone(),
        message: entry.message.clone(),
        author: None,
        note: None,
    }
}

/// The entry of a call that is judged again, as it stands.
fn standing<'a>(call: &Call, draft: &'a Draft) -> Option<&'a InboxEntry> {
    let number = call.order.as_ref()?.call;
    let of_batch = draft.inbox.iter().find(|entry| entry.sequence == number);
    of_batch.or_else(|| draft.standing.get(&(call.workspace(), number)))
}
