//! Whose pages may report landings and events of a campaign.

use super::{CampaignRoute, RoutingTable};
use crate::page;

impl RoutingTable {
    /// Whether a page of this origin may report for a campaign: it is listed, or that of a lander in the campaign's flow.
    pub fn allows_origin(&self, campaign: &CampaignRoute, origin: &str) -> bool {
        let landers = self.flow_of(campaign).map_or(&[][..], |flow| &flow.origins);
        campaign.origins.iter().any(|allowed| page::is_allowed(allowed, origin))
            || landers.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}
