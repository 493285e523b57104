//! Who a campaign lets in from outside: pages that report landings and events, hosts that a link may name.

use super::{CampaignRoute, RoutingTable};
use crate::page;
use crate::thing::host_is_among;

impl RoutingTable {
    /// Whether a page of this origin may report for a campaign: it is listed, or that of a lander in the campaign's flow.
    pub fn allows_origin(&self, campaign: &CampaignRoute, origin: &str) -> bool {
        let landers = self.flow_of(campaign).map_or(&[][..], |flow| &flow.origins);
        campaign.origins.iter().any(|allowed| page::is_allowed(allowed, origin))
            || landers.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

impl CampaignRoute {
    /// Whether a link may name `host` as its next hop (mode `transparent`).
    pub fn allows_host(&self, host: &str) -> bool {
        host_is_among(&self.allowed_hosts, host)
    }
}
