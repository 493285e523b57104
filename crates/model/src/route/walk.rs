//! The walk from a campaign to a target: rules, then path, lander and offer, from flow to flow.

use super::standing::Standing;
use super::trace::{Choice, Trace};
use super::{CampaignHop, Decision, Kept, Seen, Target, Undecided, Visit, memory};
use crate::condition::Inputs;
use crate::draw::{Alternative, Draw, Level, Seed};
use crate::keys::Secret;
use crate::table::{CampaignRoute, FlowRoute, PathRoute, PathTarget, RoutingTable};
use crate::thing::{HOPS_MAX, OfferChoice, Returning, ThingId};

/// Decides where a visit of `campaign` leads.
pub(super) fn walk<'a, T: Trace<'a>>(
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
    visit: &'a Visit<'a>,
    draws: &'a Secret,
    trace: &mut T,
) -> Result<Decision, Undecided> {
    if !campaign.active {
        return Err(Undecided::CampaignClosed(campaign.id));
    }
    let mut walk = Walk { table, chooser: Chooser::new(table, visit, draws), trace, inputs: None };
    let mut hops = Vec::new();
    let mut campaign = campaign;
    loop {
        let (flow, rule, path) = walk.path(campaign)?;
        let place = Place { campaign, flow, rule, path };
        let PathTarget::Campaign(next) = path.target else {
            let target = walk.target(&place)?;
            return Ok(walk.decision(&place, target, hops));
        };
        if hops.len() == HOPS_MAX {
            return Err(Undecided::TooManyHops);
        }
        hops.push(CampaignHop { campaign: campaign.id, flow: flow.id, rule, path: path.id });
        campaign = table.campaign(next).ok_or(Undecided::CampaignMissing(next))?;
        if !campaign.active {
            let place = Place { campaign, ..place };
            return Ok(walk.decision(&place, Target::Closed, hops));
        }
    }
}

struct Walk<'a, 't, T> {
    table: &'a RoutingTable,
    chooser: Chooser<'a>,
    trace: &'t mut T,
    /// Made when the first flow with rules is met.
    inputs: Option<Inputs<'a>>,
}

/// Where a walk stands.
struct Place<'a> {
    campaign: &'a CampaignRoute,
    flow: &'a FlowRoute,
    rule: Option<u32>,
    path: &'a PathRoute,
}

impl<'a, T: Trace<'a>> Walk<'a, '_, T> {
    /// The path of a campaign's flow: that of the first rule that is met, else of the default.
    fn path(
        &mut self,
        campaign: &'a CampaignRoute,
    ) -> Result<(&'a FlowRoute, Option<u32>, &'a PathRoute), Undecided> {
        let missing = Undecided::FlowMissing(campaign.flow);
        let flow = self.table.flow_of(campaign).ok_or(missing)?;
        self.trace.enter(campaign, flow);
        let (rule, paths) = met_rule(flow, self.chooser.visit, &mut self.inputs, self.trace)?;
        // In the default the scope is the flow's number alone.
        let scope = u64::from(rule.unwrap_or(0)) << 32 | u64::from(flow.id);
        let chosen = self.chooser.choose(flow, Level::Path, scope, paths, self.trace);
        let path = chosen.and_then(|id| flow.path(id));
        Ok((flow, rule, path.ok_or(Undecided::PathMissing { flow: flow.id })?))
    }

    fn target(&mut self, place: &Place<'a>) -> Result<Target, Undecided> {
        let &Place { flow, path, .. } = place;
        let (landers, offers, choice) = match &path.target {
            PathTarget::Offers { landers, offers, choice } => (landers, offers, *choice),
            PathTarget::Status(status) => return Ok(Target::Status(status.code)),
            PathTarget::Url(_) | PathTarget::Campaign(_) => return Ok(Target::Url),
        };
        let scope = path_scope(flow.id, path.id);
        let lander = self.chooser.choose(flow, Level::Lander, scope, landers, self.trace);
        match (lander, choice) {
            (Some(lander), OfferChoice::After) => Ok(Target::Lander { lander, offer: None }),
            (lander, _) => {
                let missing = Undecided::OfferMissing { flow: flow.id, path: path.id };
                let offer = self.chooser.offer(flow, scope, offers, self.trace).ok_or(missing)?;
                Ok(match lander {
                    Some(lander) => Target::Lander { lander, offer: Some(offer) },
                    None => Target::Offer(offer),
                })
            }
        }
    }

    fn decision(self, place: &Place<'a>, target: Target, hops: Vec<CampaignHop>) -> Decision {
        let Chooser { visit, kept, seen, capped, draws_from_visitor, .. } = self.chooser;
        let mut decision = Decision {
            campaign: place.campaign.id,
            flow: place.flow.id,
            rule: place.rule,
            path: place.path.id,
            mode: place.path.mode,
            pass: place.path.pass,
            target,
            network: None,
            hops,
            kept,
            seed: visit.visitor.filter(|_| draws_from_visitor),
            seen,
            capped,
            truths: self.inputs.map(Inputs::into_truths).unwrap_or_default(),
        };
        let offer = decision.offer().and_then(|offer| self.table.offer(offer));
        decision.network = offer.and_then(|offer| offer.network);
        decision
    }
}

/// The first rule of a flow that is met, or the default, with its paths.
pub(super) fn met_rule<'a, T: Trace<'a>>(
    flow: &'a FlowRoute,
    visit: &'a Visit<'a>,
    inputs: &mut Option<Inputs<'a>>,
    trace: &mut T,
) -> Result<(Option<u32>, &'a [Alternative]), Undecided> {
    if flow.rules.is_empty() {
        return Ok((None, &flow.default));
    }
    let inputs = inputs.get_or_insert_with(|| Inputs::new(visit));
    inputs.set_zone(flow.zone.as_deref());
    let is_plain = !T::WATCHES && visit.truths.is_none();
    if let Some(program) = flow.program.as_deref().filter(|_| is_plain) {
        let met = program.first_met(inputs).and_then(|place| flow.rules.get(place));
        return Ok(met.map_or((None, &flow.default), |rule| (Some(rule.id), &rule.paths)));
    }
    for rule in &flow.rules {
        let holds = rule.when.holds(inputs);
        trace.rule(rule, holds, inputs);
        match holds {
            Some(true) => return Ok((Some(rule.id), &rule.paths)),
            Some(false) => {}
            None => return Err(Undecided::InputLost { flow: flow.id, rule: rule.id }),
        }
    }
    Ok((None, &flow.default))
}

/// Keeps draws of equal path ids of different flows apart.
pub(super) fn path_scope(flow: ThingId, path: u32) -> u64 {
    u64::from(flow) << 32 | u64::from(path)
}

/// Chooses among alternatives: what the visitor had, else by a draw; notes what that depended on.
pub(super) struct Chooser<'a> {
    table: &'a RoutingTable,
    pub(super) visit: &'a Visit<'a>,
    draws: &'a Secret,
    standing: Standing<'a>,
    kept: Vec<Kept>,
    seen: Vec<Seen>,
    pub(super) capped: Vec<ThingId>,
    draws_from_visitor: bool,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(table: &'a RoutingTable, visit: &'a Visit<'a>, draws: &'a Secret) -> Self {
        let (kept, seen, capped) = (Vec::new(), Vec::new(), Vec::new());
        let standing = Standing::of(visit);
        Self { table, visit, draws, standing, kept, seen, capped, draws_from_visitor: false }
    }

    /// A draw of `flow`: from the click or, where the flow remembers visitors, from the visitor.
    pub(super) fn draw(
        &mut self,
        flow: &FlowRoute,
        level: Level,
        scope: u64,
        alternatives: &'a [Alternative],
    ) -> Draw<'a> {
        let seed = match (flow.returning, self.visit.visitor) {
            (Returning::Same | Returning::Unseen, Some(visitor)) => {
                self.draws_from_visitor = true;
                Seed(visitor as i64)
            }
            _ => self.visit.key.into(),
        };
        Draw { secret: self.draws, seed, level, scope, alternatives }
    }

    /// A path or a lander.
    fn choose(
        &mut self,
        flow: &FlowRoute,
        level: Level,
        scope: u64,
        alternatives: &'a [Alternative],
        trace: &mut impl Trace<'a>,
    ) -> Option<u32> {
        if alternatives.is_empty() {
            return None;
        }
        let draw = self.draw(flow, level, scope, alternatives);
        let excluded = self.standing.excludes(self.table, flow, level, alternatives);
        let kept = self.kept(flow, &draw, &excluded);
        let seen = if kept.is_none() { self.avoided(flow, &draw) } else { Vec::new() };
        let winner = kept
            .or_else(|| draw.best(|id| !seen.contains(&id) && !excluded.contains(&id)))
            .or_else(|| draw.best(|id| !excluded.contains(&id)));
        let is_kept = kept.is_some();
        trace.chosen(&Choice { draw, winner, is_kept, seen: &seen, capped: &[], overflow: None });
        winner
    }

    /// An offer that is not over its cap: the best of the draw, else whom it passes on to, else the
    /// next best. Where all are over their caps, the best of the draw takes it: nobody is turned away.
    pub(super) fn offer(
        &mut self,
        flow: &FlowRoute,
        scope: u64,
        alternatives: &'a [Alternative],
        trace: &mut impl Trace<'a>,
    ) -> Option<ThingId> {
        let draw = self.draw(flow, Level::Offer, scope, alternatives);
        let kept = self.kept(flow, &draw, &[]);
        let seen = if kept.is_none() { self.avoided(flow, &draw) } else { Vec::new() };
        let (winner, overflow) = match kept {
            Some(offer) => (Some(offer), None),
            None => self.below_cap(&draw, &seen),
        };
        let (is_kept, capped) = (kept.is_some(), &*self.capped);
        trace.chosen(&Choice { draw, winner, is_kept, seen: &seen, capped, overflow });
        overflow.or(winner)
    }

    /// The best offer that takes somebody, and who takes what it cannot.
    fn below_cap(&mut self, draw: &Draw<'_>, seen: &[u32]) -> (Option<ThingId>, Option<ThingId>) {
        loop {
            let best = draw
                .best(|id| !seen.contains(&id) && !self.capped.contains(&id))
                .or_else(|| draw.best(|id| !self.capped.contains(&id)));
            let Some(offer) = best else { return (draw.best(|_| true), None) };
            if !self.is_capped(offer) {
                return (Some(offer), None);
            }
            if let Some(next) = self.overflow(offer) {
                return (Some(offer), Some(next));
            }
        }
    }

    /// The first of the offers behind `offer` that takes somebody.
    pub(super) fn overflow(&mut self, offer: ThingId) -> Option<ThingId> {
        memory::overflow(self.table, offer, |offer| self.is_capped(offer))
    }

    /// Takes it that the visitor went down `path` again, if that is what they had before.
    pub(super) fn keep_path(&mut self, flow: &FlowRoute, path: u32) {
        let had = self.visit.kept.iter().any(|kept| (kept.flow, kept.path) == (flow.id, path));
        if had && flow.returning == Returning::Same {
            self.kept.push(Kept { flow: flow.id, path, lander: None, offer: None });
        }
    }

    /// Asks, and notes who is over the cap.
    pub(super) fn is_capped(&mut self, offer: ThingId) -> bool {
        let is_capped = (self.visit.capped)(offer);
        if is_capped && !self.capped.contains(&offer) {
            self.capped.push(offer);
        }
        is_capped
    }

    /// What the visitor had before and gets again; noted.
    fn kept(&mut self, flow: &FlowRoute, draw: &Draw<'_>, excluded: &[u32]) -> Option<u32> {
        let is_path_kept = self.kept.last().is_some_and(|kept| kept.flow == flow.id);
        let id =
            memory::had(self.visit, flow, draw.level, draw.alternatives, is_path_kept, excluded)?;
        match (draw.level, self.kept.last_mut()) {
            (Level::Lander, Some(kept)) => kept.lander = Some(id),
            (Level::Offer, Some(kept)) => kept.offer = Some(id),
            _ => self.kept.push(Kept { flow: flow.id, path: id, lander: None, offer: None }),
        }
        Some(id)
    }

    /// What the visitor has seen and the flow avoids; noted.
    fn avoided(&mut self, flow: &FlowRoute, draw: &Draw<'_>) -> Vec<u32> {
        let seen = memory::avoided(self.visit, flow, draw.level, draw.alternatives);
        self.seen.extend(seen.iter().map(|id| memory::seen_as(flow, draw.level, *id)));
        seen
    }
}
