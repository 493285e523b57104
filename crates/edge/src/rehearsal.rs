//! A click that nobody made: what would be known, decided and answered, while nothing is written down, counted or
//! remembered.

use crate::arrival::{Arrival, Purpose};
use crate::counters::Counters;
use crate::edge::Edge;
use crate::request::Incoming;
use model::facts::Facts;
use model::route::{DestinationStep, Explanation};
use model::thing::ThingId;
use model::{ClickKey, Field};

/// What would become of a click.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// What would be written down.
    pub facts: Facts,
    /// Why it would go where it goes.
    pub explanation: Explanation,
    /// The URL it would be sent to; absent where it is answered without one.
    pub destination: Option<DestinationStep>,
}

impl Edge {
    /// What would become of `request` as a first visit to a campaign, named `key` and therefore made at its time;
    /// without `knows_ip` the address of the request stands for none; `alter` may change what is known of the visitor
    /// before it is decided upon. `None` when there is no such campaign.
    pub fn rehearse(
        &self,
        request: &Incoming<'_>,
        campaign: ThingId,
        key: ClickKey,
        knows_ip: bool,
        alter: impl FnOnce(&mut Facts),
    ) -> Option<Rehearsal> {
        let table = self.table.load_full();
        let campaign = table.campaign(campaign)?;
        let (site, place) = (self.site(request.headers, request.peer), (&*table, campaign));
        let mut arrival = Arrival::named(self, request, site, place, Purpose::Click, key);
        arrival.read_source(&Counters::silent());
        if !knows_ip {
            arrival.forget_address();
        }
        for unique in [Field::UniqueCampaign, Field::UniqueFlow, Field::UniqueAll] {
            arrival.facts.set_flag(unique, true);
        }
        alter(&mut arrival.facts);
        Some(arrival.explain())
    }
}
