//! Step *identify*: reads postbacks and pixel calls, and notes which clicks the batch refers to.

use crate::draft::{Arrival, Call, Draft, NamedClick};
use crate::reason::Reason;
use crate::run::Context;
use model::Field;
use model::facts::Value;
use model::id::{self, ClickId, IdError};
use model::params;
use model::postback::{PostbackParam, PostbackParams};
use model::record::{Record, RecordKind, tag};
use model::thing::{Network, ThingId};

/// Codes of intake's refusals that are about the id, which is read again here and told apart further.
const ABOUT_ID: &str = "click_id_";

/// Turns intake records into calls and collects the clicks to recall.
pub fn identify(draft: &mut Draft, context: &Context) {
    for Arrival { sequence, record } in draft.take(&[RecordKind::Postback, RecordKind::Pixel]) {
        let call = read_call(sequence, record, context);
        draft.wanted.extend(call.click_of());
        draft.calls.push(call);
    }
    // What may have been written down twice, and what shares the fields of a click.
    let refers = |record: &Record| {
        matches!(record.kind, RecordKind::LanderClick | RecordKind::Unlogged)
            || record.facts.int_at(tag::SETTLES).is_some()
    };
    let referring = draft.arrivals.iter().map(|a| &a.record).filter(|record| refers(record));
    draft.wanted.extend(referring.filter_map(|r| Some((r.workspace(), r.key()?))));
}

fn read_call(sequence: u64, record: Record, context: &Context) -> Call {
    let network =
        record.facts.int_at(tag::INTAKE_NETWORK).and_then(|id| ThingId::try_from(id).ok());
    let settings = network.and_then(|id| context.table.network(id)).map(|n| &n.body);
    let params = read_params(&record, settings);
    let (click, foreign_id) = named_click(&record, &params, settings, context);
    Call { sequence, record, params, network, read_as: network, click, foreign_id }
}

/// Query, then form or JSON body, as the caller sent them.
pub fn read_params(record: &Record, network: Option<&Network>) -> PostbackParams {
    let text = |tag| match record.facts.get(tag) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes),
        _ => "".into(),
    };
    let (url, body) = (text(tag::INTAKE_URL), text(tag::INTAKE_BODY));
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let body = model::postback::body_pairs(&body);
    let pairs = params::pairs(query)
        .chain(body.iter().map(|(name, value)| (name.as_ref(), value.as_ref())));
    PostbackParams::read(pairs, network)
}

/// The click named by the call's parameters, or by the cookie that intake read; or an id of somebody
/// else's that is to be looked up.
fn named_click(
    record: &Record,
    params: &PostbackParams,
    network: Option<&Network>,
    context: &Context,
) -> (Result<NamedClick, Reason>, Option<String>) {
    let refusal = record.facts.text_at(tag::INTAKE_REFUSAL);
    if let Some(code) = refusal.filter(|code| !code.starts_with(ABOUT_ID)) {
        return (Err(Reason::Intake(code.to_owned())), None);
    }
    let own = params.get(PostbackParam::ClickId);
    let Some(text) = own.or_else(|| params.get(PostbackParam::ExternalId)) else {
        let is_macro = params.is_unexpanded(PostbackParam::ClickId, network);
        let missing = if is_macro { Reason::IdUnexpanded } else { Reason::IdMissing };
        return (from_cookie(record).ok_or(missing), None);
    };
    let named = |id: ClickId, repaired| NamedClick {
        key: id.key,
        campaign: Some(id.campaign),
        test: id.test,
        unlogged: id.unlogged,
        repaired,
    };
    match id::read(text, &context.id_prefix, &context.keys, record.at_ms()) {
        Ok(id) => (Ok(named(id, None)), None),
        Err(IdError::Truncated { repaired }) => {
            (Ok(named(repaired, Some(Reason::IdTruncated))), None)
        }
        Err(IdError::Altered { repaired }) => (Ok(named(repaired, Some(Reason::IdAltered))), None),
        Err(IdError::Malformed) if own.is_none() => {
            (Err(Reason::ExternalIdUnknown), Some(text.to_owned()))
        }
        Err(IdError::Malformed) => (Err(Reason::IdMalformed), None),
        Err(IdError::Unverified) => (Err(Reason::IdUnverified), None),
    }
}

/// The click that intake found in the visitor's cookie, and what its id said.
fn from_cookie(record: &Record) -> Option<NamedClick> {
    Some(NamedClick {
        key: record.key()?,
        campaign: record.facts.int(Field::Campaign).and_then(|id| ThingId::try_from(id).ok()),
        test: record.facts.flag(Field::Test),
        unlogged: record.facts.flag(Field::Unlogged),
        repaired: None,
    })
}
