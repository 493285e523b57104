//! Step *terms*: a call whose network intake did not know is read as that of its click's offer would be.

use crate::draft::{Call, Draft};
use crate::known::Known;
use crate::reason::Reason;
use crate::records::{read_params, sent_key};
use crate::run::Context;
use model::cidr::Cidr;
use model::postback::PostbackParam;
use model::record::{RecordKind, tag};
use model::thing::{CheckMode, Network, ThingId};
use std::net::IpAddr;

/// Reads parameters again where the network has names of its own, and collects the transaction ids to
/// recall.
pub fn settle(draft: &mut Draft, context: &Context) {
    for call in &mut draft.calls {
        if call.network.is_none() && call.record.kind != RecordKind::Report {
            let network = network_of_offer(call, &draft.known, context);
            let settings = network.and_then(|id| context.table.network(id)).map(|n| &n.body);
            if let Some(settings) = settings.filter(|settings| {
                !settings.params.is_empty() || settings.notification_secret.is_some()
            }) {
                call.params = read_params(&call.record, Some(settings));
            }
            call.read_as = network;
        }
        if let (Some((workspace, _)), Some(txid)) =
            (call.click_of(), call.params.get(PostbackParam::Txid))
        {
            draft.wanted_txids.insert((workspace, txid.to_owned()));
        }
    }
}

fn network_of_offer(call: &Call, known: &Known, context: &Context) -> Option<ThingId> {
    let offer = known.offer(call.click_of()?, call.sequence)?;
    context.table.offer(offer)?.network
}

/// What intake would have said, had it known the network: one that enforces its key or its addresses
/// is held to them however old the click is.
pub fn check_sender(call: &Call, id: ThingId, network: &Network) -> Result<(), Reason> {
    if call.record.kind != RecordKind::Postback {
        // A browser calls, which knows no key and comes from anywhere; or an operator, who has shown his own.
        return Ok(());
    }
    if call.network == Some(id) && call.order.is_none() {
        // Intake did it.
        return Ok(());
    }
    if network.key_mode == CheckMode::Enforce {
        match sent_key(&call.record) {
            None => return Err(Reason::Intake("missing_key".into())),
            Some(key) if network.postback_key.as_deref() != Some(&*key) => {
                return Err(Reason::Intake("wrong_key".into()));
            }
            Some(_) => {}
        }
    }
    let peer = call.record.facts.text_at(tag::INTAKE_PEER).and_then(|ip| ip.parse::<IpAddr>().ok());
    let holds = |range: &String| {
        peer.is_some_and(|ip| range.parse::<Cidr>().is_ok_and(|range| range.contains(ip)))
    };
    if network.address_mode == CheckMode::Enforce && !network.addresses.iter().any(holds) {
        return Err(Reason::Intake("wrong_address".into()));
    }
    Ok(())
}
