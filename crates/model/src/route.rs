//! Where a click goes: a pure function of the routing table and what is known about the visitor.
//!
//! One walk decides: for a visitor who is here ([`route()`]), for a stored click ([`replay`]) and for
//! somebody who asks why ([`explain()`]). What it depended on beyond the facts is recorded
//! ([`Decision::record`]), so that it can be repeated from the facts alone.

mod chances;
mod destination;
mod explain;
mod explanation;
mod link;
mod memory;
mod onward;
mod origin;
mod record;
mod shown;
mod standing;
mod trace;
mod walk;

pub use chances::{Chance, Ending, Prospect, chances, ending, prospect};
pub use destination::{Hop, UrlValues, destination, passed};
pub use explain::{explain, explain_stored};
pub use explanation::{
    AlternativeStep, ConditionStep, DecisionStep, DrawStep, Explanation, FlowStep, Fortune,
    Overflow, Reached, RuleStep, SeedKind,
};
pub use link::{LinkOffer, offer_of_link};
pub use onward::{Onward, onward};
pub use origin::{DestinationStep, Origin, TokenStep, destination_origins};
pub use record::{Stored, agrees, replay};
pub use standing::DIRECT;

use crate::facts::Facts;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::table::{CampaignRoute, RoutingTable};
use crate::thing::{HOPS_MAX, Pass, RedirectMode, ThingId};
use std::fmt;
use std::net::IpAddr;

/// Everything a decision may depend on.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The click: every draw is made from it, unless the flow remembers visitors.
    pub key: ClickKey,
    /// What is known so far, as it will be stored: fields of the visitor, of the source and verdicts.
    /// What a condition cannot find here it takes for unknown.
    pub facts: &'a Facts,
    /// The query of the landing URL as it came, for conditions on parameters.
    pub query: &'a str,
    /// The visitor's address in full, whatever part of it is stored.
    pub ip: Option<IpAddr>,
    /// Who the visitor is, hashed; flows that remember visitors draw from it, and it is recorded where
    /// one did. Without it they draw from the click.
    pub visitor: Option<u64>,
    /// What the visitor got earlier, at most one for each flow.
    pub kept: &'a [Kept],
    /// What the visitor saw earlier.
    pub seen: &'a [Seen],
    /// Whether an offer is over its cap.
    pub capped: &'a dyn Fn(ThingId) -> bool,
    /// Of a stored click: truths that were recorded with it ([`crate::record::tag::TRUTH`]); inputs
    /// that are not stored exactly are then taken for lost. `None` for a visitor who is here.
    pub truths: Option<&'a [i64]>,
}

/// What a visitor got earlier from a flow that gives the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kept {
    /// Which flow.
    pub flow: ThingId,
    /// The path.
    pub path: u32,
    /// The lander, if there was one.
    pub lander: Option<ThingId>,
    /// The offer, if it was drawn.
    pub offer: Option<ThingId>,
}

/// Something a visitor saw earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// A path of a flow.
    Path {
        /// Which flow.
        flow: ThingId,
        /// Which path.
        path: u32,
    },
    /// A lander.
    Lander(ThingId),
    /// An offer.
    Offer(ThingId),
}

/// What was decided for a click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The campaign whose flow decided: the click's own, or the last it was led on to.
    pub campaign: ThingId,
    /// The flow that decided.
    pub flow: ThingId,
    /// The rule that was met; `None` for the default.
    pub rule: Option<u32>,
    /// The path that was drawn.
    pub path: u32,
    /// How the visitor is sent on.
    pub mode: RedirectMode,
    /// Whether what the ad platform passed goes on.
    pub pass: Pass,
    /// Where to.
    pub target: Target,
    /// Who pays for the offer.
    pub network: Option<ThingId>,
    /// The choices that led on to another campaign, in order.
    pub hops: Vec<CampaignHop>,
    /// What was taken over from an earlier visit, per flow.
    pub kept: Vec<Kept>,
    /// The visitor, where draws were made from it.
    pub seed: Option<u64>,
    /// Alternatives passed over because the visitor had seen them.
    pub seen: Vec<Seen>,
    /// Offers passed over because they were over their caps.
    pub capped: Vec<ThingId>,
    /// Whether conditions held whose inputs are not stored exactly.
    pub truths: Vec<i64>,
}

/// Where a decision leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a lander.
    Lander {
        /// Which one.
        lander: ThingId,
        /// The offer behind its first link, unless that is drawn at the click on the lander.
        offer: Option<ThingId>,
    },
    /// Directly to an offer.
    Offer(ThingId),
    /// To the path's own URL ([`Decision::path_of`]).
    Url,
    /// Nowhere: an answer with this status ([`Decision::path_of`] has its text).
    Status(u16),
    /// To a campaign that takes no clicks: where that campaign sends them.
    Closed,
}

/// A choice that led on to another campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CampaignHop {
    /// The campaign that led on.
    pub campaign: ThingId,
    /// Its flow.
    pub flow: ThingId,
    /// The rule that was met; `None` for the default.
    pub rule: Option<u32>,
    /// The path that was drawn.
    pub path: u32,
}

/// Why there is no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// The click's campaign, or one that a path leads to, is gone.
    #[error("there is no campaign {0}")]
    CampaignMissing(ThingId),
    /// The click's campaign is paused or archived.
    #[error("campaign {0} is not active")]
    CampaignClosed(ThingId),
    /// The flow is gone, or was left out of the table.
    #[error("there is no flow {0}, or it could not be compiled")]
    FlowMissing(ThingId),
    /// No path has a weight.
    #[error("flow {flow} has no path with a weight where the click belongs")]
    PathMissing {
        /// Which flow.
        flow: ThingId,
    },
    /// No offer of the path has a weight.
    #[error("path {path} of flow {flow} has no offer with a weight")]
    OfferMissing {
        /// Which flow.
        flow: ThingId,
        /// Which path.
        path: u32,
    },
    /// Campaigns lead on and on.
    #[error("a click is led on at most {HOPS_MAX} times")]
    TooManyHops,
    /// Campaigns lead on to each other in more ways than can be followed.
    #[error("there are more ways from campaign to campaign than can be followed")]
    TooManyWays,
    /// A stored click: the rule hangs on an input of which only a part was kept.
    #[error("whether rule {rule} of flow {flow} holds hangs on an input that was not kept")]
    InputLost {
        /// Which flow.
        flow: ThingId,
        /// Which rule.
        rule: u32,
    },
}

/// Decides where a click of `campaign` goes; `None` when its flow leads nowhere (it is gone, every
/// alternative has weight 0), or the campaign takes no clicks.
pub fn route(
    table: &RoutingTable,
    campaign: &CampaignRoute,
    visit: &Visit<'_>,
    draws: &Secret,
) -> Option<Decision> {
    walk::walk(table, campaign, visit, draws, &mut trace::Silent).ok()
}

impl<'a> Visit<'a> {
    /// A visitor of whom nothing but the facts is known; the rest is set field by field.
    pub fn new(key: ClickKey, facts: &'a Facts) -> Self {
        Self {
            key,
            facts,
            query: "",
            ip: None,
            visitor: None,
            kept: &[],
            seen: &[],
            capped: &|_| false,
            truths: None,
        }
    }
}

impl fmt::Debug for Visit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit")
            .field("key", &self.key)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Decision {
    /// The lander the visitor goes to, if any.
    pub fn lander(&self) -> Option<ThingId> {
        match self.target {
            Target::Lander { lander, .. } => Some(lander),
            _ => None,
        }
    }

    /// The offer the visitor goes to, or that stands behind the first link of the lander.
    pub fn offer(&self) -> Option<ThingId> {
        match self.target {
            Target::Lander { offer, .. } => offer,
            Target::Offer(offer) => Some(offer),
            _ => None,
        }
    }

    /// What a returning visitor is to get again from a flow that remembers visitors.
    pub fn keepsake(&self) -> Kept {
        let (lander, offer) = (self.lander(), self.offer());
        Kept { flow: self.flow, path: self.path, lander, offer }
    }

    /// The path that was drawn, with its URL or the text of its answer.
    pub fn path_of<'t>(&self, table: &'t RoutingTable) -> Option<&'t crate::table::PathRoute> {
        table.flow(self.flow)?.path(self.path)
    }
}
