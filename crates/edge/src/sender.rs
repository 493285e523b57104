//! Whether a postback comes from whom its network says: by its key, by its address.

use crate::counters::Event;
use model::cidr::Cidr;
use model::thing::{CheckMode, Network, Thing};
use std::net::IpAddr;

/// Checks key and address as the networks demand: the one the key names, and the one the click went to, so that nobody
/// reports conversions of one network with the key of another. When no network is known yet, what was sent is noted, and
/// ingest checks it against the network of the click.
pub(crate) fn check_sender(
    named: Option<&Thing<Network>>,
    clicked: Option<&Thing<Network>>,
    sent: (Option<&str>, IpAddr),
    notes: &mut Vec<&'static str>,
) -> Result<(), Event> {
    if named.is_none() && clicked.is_none() {
        notes.extend(sent.0.map(|_| "unknown_key"));
        return Ok(());
    }
    let other = clicked.filter(|clicked| named.is_none_or(|named| named.id != clicked.id));
    for network in named.into_iter().chain(other) {
        for (wrong, mode) in wrongs(&network.body, sent) {
            match (wrong, mode) {
                (Some(wrong), CheckMode::Enforce) => return Err(wrong),
                (Some(wrong), _) => notes.push(wrong.code()),
                (None, _) => {}
            }
        }
    }
    Ok(())
}

/// What is wrong with key and address, and how much that matters to the network.
fn wrongs(
    network: &Network,
    (key, peer): (Option<&str>, IpAddr),
) -> [(Option<Event>, CheckMode); 2] {
    let wrong_key = match key {
        _ if network.key_mode == CheckMode::Off => None,
        None => Some(Event::MissingKey),
        Some(key) => (network.postback_key.as_deref() != Some(key)).then_some(Event::WrongKey),
    };
    let is_own = |range: &String| range.parse::<Cidr>().is_ok_and(|range| range.contains(peer));
    let is_checked = network.address_mode != CheckMode::Off;
    let wrong_address =
        (is_checked && !network.addresses.iter().any(is_own)).then_some(Event::WrongAddress);
    [(wrong_key, network.key_mode), (wrong_address, network.address_mode)]
}
