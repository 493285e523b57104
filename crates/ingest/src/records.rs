//! Step *identify*: reads postbacks and pixel calls, and notes which clicks the batch refers to.

use crate::draft::{Arrival, Call, Draft, NamedClick};
use crate::reason::Reason;
use crate::run::Context;
use model::facts::Value;
use model::id::{ClickId, IdError};
use model::order::{Order, named_click as named_id};
use model::params;
use model::postback::{Named, NotNamed, PostbackParams};
use model::record::{Record, RecordKind, tag};
use model::thing::{Network, ThingId};
use store::EXTERNAL_ID_KIND;

/// Codes of intake's refusals that are about the id, which is read again here and told apart further.
const ABOUT_ID: &str = "click_id_";

/// What reports a conversion.
const CALLS: [RecordKind; 3] = [RecordKind::Postback, RecordKind::Pixel, RecordKind::Report];

/// The header that carries a network's key.
const KEY_HEADER: &str = "x-postback-key";

/// Turns intake records into calls and collects the clicks to recall.
pub fn identify(draft: &mut Draft, context: &Context) {
    for Arrival { sequence, record } in draft.take(&CALLS) {
        let call = read_call(sequence, record, None, context);
        draft.wanted.extend(call.click_of());
        draft.calls.push(call);
    }
    for Arrival { sequence, record } in draft.take(&[RecordKind::Order]) {
        draft.orders.extend(Order::read(&record).map(|order| (sequence, order)));
    }
    // What may have been written down twice, and what shares the fields of a click.
    let refers = |record: &Record| {
        use RecordKind::{Joined, LanderClick, Page, Unlogged};
        matches!(record.kind, LanderClick | Unlogged | Page | Joined)
            || record.facts.int_at(tag::SETTLES).is_some()
    };
    let referring = draft.arrivals.iter().map(|a| &a.record).filter(|record| refers(record));
    draft.wanted.extend(referring.filter_map(|r| Some((r.workspace(), r.key()?))));
}

/// Reads a call; one that an order is about with the settings of today.
pub fn read_call(sequence: u64, record: Record, order: Option<Order>, context: &Context) -> Call {
    let of_intake =
        record.facts.int_at(tag::INTAKE_NETWORK).and_then(|id| ThingId::try_from(id).ok());
    let by_key = || {
        let key = sent_key(&record).filter(|_| order.is_some())?;
        Some(context.table.network_by_postback_key(&key)?.id)
    };
    let network = by_key().or(of_intake);
    let settings = network.and_then(|id| context.table.network(id)).map(|n| &n.body);
    let params = read_params(&record, settings);
    let (click, foreign_ids) = named_click(&record, &params, context);
    Call { sequence, record, params, network, read_as: network, click, foreign_ids, order }
}

/// The key in the path, else in the query, else in its header.
pub fn sent_key(record: &Record) -> Option<String> {
    let Some(Value::Bytes(url)) = record.facts.get(tag::INTAKE_URL) else { return None };
    let url = String::from_utf8_lossy(url);
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let in_path = path.strip_prefix("/postback/").filter(|key| !key.is_empty());
    let in_query = || params::pairs(query).find(|(name, _)| *name == "key").map(|(_, key)| key);
    let in_url = in_path.or_else(in_query).map(|key| params::decode(key).into_owned());
    in_url.or_else(|| header(record, KEY_HEADER))
}

/// The value of a header that was kept.
fn header(record: &Record, name: &str) -> Option<String> {
    record.facts.all(tag::INTAKE_HEADER).find_map(|value| match value {
        Value::Bytes(line) => {
            let (found, value) = str::from_utf8(line).ok()?.split_once(": ")?;
            (found == name).then(|| value.to_owned())
        }
        Value::Int(_) => None,
    })
}

/// Query, then form or JSON body, as the caller sent them.
pub fn read_params(record: &Record, network: Option<&Network>) -> PostbackParams {
    let text = |tag| match record.facts.get(tag) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes),
        _ => "".into(),
    };
    let (url, body) = (text(tag::INTAKE_URL), text(tag::INTAKE_BODY));
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let body = model::notification::read_body(&body, network);
    let pairs = params::pairs(query)
        .chain(body.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    PostbackParams::read(pairs, network)
}

/// The click named by the call's parameters, or by the cookie that intake read; or ids of somebody
/// else's that are to be looked up, and what is to be said when nobody carries them.
fn named_click(
    record: &Record,
    params: &PostbackParams,
    context: &Context,
) -> (Result<NamedClick, Reason>, Vec<(String, String)>) {
    let nothing = Vec::new();
    let refusal = record.facts.text_at(tag::INTAKE_REFUSAL);
    if let Some(code) = refusal.filter(|code| !code.starts_with(ABOUT_ID)) {
        return (Err(Reason::Intake(code.to_owned())), nothing);
    }
    if record.facts.int_at(tag::ATTACHED).is_some() {
        return (from_record(record).ok_or(Reason::IdMissing), nothing);
    }
    // What is reported by hand may have happened long before it came.
    let received_ms = record.facts.int_at(tag::RECEIVED).unwrap_or(record.at_ms());
    let why = match params.named_click(&context.id_prefix, &context.keys, received_ms) {
        Ok(Named { id, repair }) => {
            let ClickId { key, campaign, test, unlogged } = id;
            let repaired = repair.and_then(repair_reason);
            let campaign = Some(campaign);
            return (Ok(NamedClick { key, campaign, test, unlogged, repaired }), nothing);
        }
        Err(why) => why,
    };
    let by_cookie = matches!(why, NotNamed::Missing | NotNamed::Unexpanded);
    if let Some(click) = from_record(record).filter(|_| by_cookie) {
        return (Ok(click), nothing);
    }
    let platform_ids = params.platform_ids().iter().map(|id| (id.name.clone(), id.value.clone()));
    let mut foreign: Vec<_> = platform_ids.collect();
    let reason = match why {
        NotNamed::Missing if !foreign.is_empty() => Reason::PlatformIdUnknown,
        NotNamed::Missing => Reason::IdMissing,
        NotNamed::Unexpanded => Reason::IdUnexpanded,
        NotNamed::Malformed => Reason::IdMalformed,
        NotNamed::Foreign(id) => {
            foreign.insert(0, (EXTERNAL_ID_KIND.to_owned(), id));
            Reason::ExternalIdUnknown
        }
        NotNamed::Unverified => {
            // A forged id is not to be looked up by other means.
            foreign.clear();
            Reason::IdUnverified
        }
    };
    (Err(reason), foreign)
}

fn repair_reason(error: IdError) -> Option<Reason> {
    match error {
        IdError::Truncated { .. } => Some(Reason::IdTruncated),
        IdError::Altered { .. } => Some(Reason::IdAltered),
        IdError::Wrapped { .. } => Some(Reason::IdWrapped),
        IdError::Malformed | IdError::Unverified => None,
    }
}

/// The click that intake found in the visitor's cookie or an operator named, and what its id said.
fn from_record(record: &Record) -> Option<NamedClick> {
    let ClickId { key, campaign, test, unlogged } = named_id(&record.facts)?;
    let campaign = (campaign != 0).then_some(campaign);
    Some(NamedClick { key, campaign, test, unlogged, repaired: None })
}
