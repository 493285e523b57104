//! A click on a campaign link, from request to redirect.

use crate::arrival::{Arrival, Purpose};
use crate::edge::Edge;
use crate::joined::Half;
use crate::link::Link;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;

/// The life of a click. Nothing is answered before the journal has decided; only what leads to no campaign is not
/// recorded, since it belongs to nobody.
pub(crate) async fn click(
    edge: &Edge,
    request: &Incoming<'_>,
    site: Site,
    link: Link<'_>,
) -> Reply {
    let table = edge.table.load_full();
    let campaign = match link.campaign(edge, &table, site) {
        Ok(campaign) => campaign,
        Err(instead) => return instead.reply(edge, request),
    };
    let mut arrival = Arrival::read(edge, request, site, &table, campaign, Purpose::Click);
    arrival.read_source(&edge.log.counters);
    let half = if arrival.is_beacon() { Half::of_call(&arrival).await } else { Half::Whole };
    if let Half::Second(first) = half {
        arrival.join(first).await;
        return reply::no_content();
    }
    arrival.mark_visit();
    let decision = arrival.route();
    // The outcome stands in the click's id, and what is owed to the journal has been noted.
    let outcome = arrival.log().await;
    half.settle(outcome.is_ok());
    arrival.answer(decision.as_ref())
}
