//! What a walk tells whoever watches it.

use crate::condition::Inputs;
use crate::draw::Draw;
use crate::table::{CampaignRoute, FlowRoute, RuleRoute};
use crate::thing::ThingId;

/// Watches a walk. The walk does not depend on what it does.
pub(super) trait Trace<'a> {
    /// Whether it looks at every rule.
    const WATCHES: bool = true;

    /// A campaign's flow decides next.
    fn enter(&mut self, _campaign: &'a CampaignRoute, _flow: &'a FlowRoute) {}

    /// A rule was looked at; `holds` is `None` where an input was not kept.
    fn rule(&mut self, _rule: &'a RuleRoute, _holds: Option<bool>, _inputs: &mut Inputs<'a>) {}

    /// Something was chosen.
    fn chosen(&mut self, _choice: &Choice<'_>) {}
}

/// Nobody watches: costs nothing.
pub(super) struct Silent;

impl Trace<'_> for Silent {
    const WATCHES: bool = false;
}

/// How something was chosen.
#[derive(Debug)]
pub(super) struct Choice<'c> {
    /// The draw, whether it was needed or not.
    pub(super) draw: Draw<'c>,
    /// What was chosen among its alternatives.
    pub(super) winner: Option<u32>,
    /// It was taken over from an earlier visit.
    pub(super) is_kept: bool,
    /// Alternatives left out because the visitor had seen them.
    pub(super) seen: &'c [u32],
    /// Offers left out because they were over their caps.
    pub(super) capped: &'c [ThingId],
    /// Who takes what the winner cannot.
    pub(super) overflow: Option<ThingId>,
}
