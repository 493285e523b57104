//! A click on a campaign link, from request to redirect.

use crate::arrival::{Arrival, Purpose};
use crate::counters::Event;
use crate::edge::Edge;
use crate::reply::Reply;
use crate::request::Incoming;

/// The life of a click. Nothing is answered before the journal has decided; only an unknown key is not recorded, since
/// it belongs to nobody.
pub(crate) async fn click(edge: &Edge, request: &Incoming<'_>, key: &str) -> Reply {
    let table = edge.table.load_full();
    let Some(campaign) = table.campaign_by_key(key) else {
        return edge.refuse(Event::UnknownCampaign);
    };
    let mut arrival = Arrival::read(edge, request, &table, campaign, Purpose::Click);
    arrival.read_source(&edge.log.counters);
    arrival.mark_visit();
    let decision = arrival.route();
    // The outcome stands in the click's id, and what is owed to the journal has been noted.
    let _ = arrival.log().await;
    arrival.answer(decision.as_ref())
}
