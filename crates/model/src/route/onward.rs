//! What a decision means for the visitor: a hop and how to take it, a fixed answer, or nothing.

use super::shown::{Shown, shown_next_hop};
use super::{Decision, Hop, Target};
use crate::table::{CampaignRoute, PathTarget, RoutingTable};
use crate::thing::{Pass, RedirectMode, StatusAnswer};

/// Where a visitor goes in the end.
#[derive(Clone, Debug)]
pub enum Onward<'a> {
    /// To a URL.
    To {
        /// Which one.
        hop: Hop<'a>,
        /// How.
        mode: RedirectMode,
        /// Whether what the ad platform passed goes on.
        pass: Pass,
        /// The link showed a next hop that the campaign does not allow.
        is_shown_refused: bool,
    },
    /// Nowhere: a fixed answer.
    Answer(&'a StatusAnswer),
    /// Nowhere: the campaign takes no clicks and does not say where they go instead.
    Closed,
    /// Nowhere: nothing was decided, or what was decided is gone.
    Nowhere,
}

/// Where a click of `campaign` goes after a decision; `query` is that of its landing URL. A campaign that
/// takes no clicks sends them where it says.
pub fn onward<'a>(
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
    decision: Option<&Decision>,
    query: &str,
) -> Onward<'a> {
    let Some(decision) = decision else {
        return if campaign.active { Onward::Nowhere } else { left(campaign) };
    };
    let to = |hop, is_shown_refused| {
        let Decision { mode, pass, .. } = *decision;
        Onward::To { hop, mode, pass, is_shown_refused }
    };
    let mut is_shown_refused = false;
    if decision.mode == RedirectMode::Transparent {
        match shown_next_hop(query, campaign) {
            Shown::Allowed(url) => return to(Hop::Shown(url), false),
            Shown::Refused => is_shown_refused = true,
            Shown::Nothing => {}
        }
    }
    match decision.target {
        Target::Lander { lander, .. } => to(Hop::Lander(lander), is_shown_refused),
        Target::Offer(offer) => to(Hop::Offer(offer), is_shown_refused),
        Target::Closed => table.campaign(decision.campaign).map_or(Onward::Nowhere, left),
        Target::Url | Target::Status(_) => match decision.path_of(table).map(|path| &path.target) {
            Some(PathTarget::Url(url)) => to(Hop::Url(url), is_shown_refused),
            Some(PathTarget::Status(status)) => Onward::Answer(status),
            _ => Onward::Nowhere,
        },
    }
}

/// Where a campaign sends what it does not take.
fn left(campaign: &CampaignRoute) -> Onward<'_> {
    let url = campaign.archived_url.as_deref();
    url.map_or(Onward::Closed, |url| Onward::To {
        hop: Hop::Url(url),
        mode: RedirectMode::Found,
        pass: Pass::default(),
        is_shown_refused: false,
    })
}
