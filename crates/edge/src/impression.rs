//! An impression: a picture that says an ad was seen.

use crate::arrival::{Arrival, Purpose};
use crate::counters::Event;
use crate::edge::Edge;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;

/// Records the impression, then answers with the picture. An ad's page has no use for an error, so only an unknown key
/// gets one.
pub(crate) async fn impression(
    edge: &Edge,
    request: &Incoming<'_>,
    site: Site,
    key: &str,
) -> Reply {
    let table = edge.table.load_full();
    let campaign = table.campaign_by_key(key).filter(|campaign| site.serves(campaign.workspace));
    let Some(campaign) = campaign else {
        return edge.refuse(Event::UnknownCampaign);
    };
    let mut arrival = Arrival::read(edge, request, site, &table, campaign, Purpose::Impression);
    arrival.read_source(&edge.log.counters);
    match arrival.log().await {
        Err(_) if edge.refuses_unlogged() => edge.unavailable(),
        _ => reply::pixel(),
    }
}
