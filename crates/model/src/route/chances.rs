//! How likely each ending of a decision is, over all the seeds its draws could have had.
//!
//! A draw gives an alternative the share of its weight among those that take part. So the chance of an
//! ending is the sum, over the ways that lead there, of the products of shares. What a visitor had
//! before and gets again is certain: it is not drawn.

use super::record::Stored;
use super::standing::Standing;
use super::walk::{Chooser, met_rule, path_scope, walk};
use super::{Decision, Target, Undecided, Visit, memory, trace};
use crate::condition::Inputs;
use crate::draw::{Alternative, Level};
use crate::keys::Secret;
use crate::table::{CampaignRoute, FlowRoute, PathRoute, PathTarget, RoutingTable};
use crate::template::Template;
use crate::thing::{HOPS_MAX, OfferChoice, ThingId};

/// The most campaigns that are looked at for one click.
const CAMPAIGNS_MAX: usize = 10_000;

/// What a visitor meets in the end: as far as what they do next can depend on the decision. Two ways
/// to the same ending are the same to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ending<'t> {
    /// A lander.
    Lander {
        /// Which one.
        lander: ThingId,
        /// The offer behind its first link, also where that is drawn at the click on the lander.
        offer: Option<ThingId>,
    },
    /// An offer.
    Offer(ThingId),
    /// A path's own URL.
    Url(&'t Template),
    /// An answer with this status.
    Status(u16),
    /// What a campaign that takes no clicks answers.
    Closed(ThingId),
    /// There is no decision.
    Nowhere,
}

/// An ending, and how likely it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance<'t> {
    /// Where the click ends.
    pub ending: Ending<'t>,
    /// Above 0, at most 1; those of one click add up to 1.
    pub probability: f64,
}

/// What a table makes of a stored click.
#[derive(Clone, Debug, PartialEq)]
pub struct Prospect<'t> {
    /// What is decided with the click's own draws.
    pub decision: Option<Decision>,
    /// Where that ends.
    pub ending: Ending<'t>,
    /// Where it could have ended. Each ending is there once.
    pub chances: Vec<Chance<'t>>,
}

impl Prospect<'_> {
    /// How likely an ending is; 0 for one that cannot be.
    pub fn probability(&self, ending: Ending<'_>) -> f64 {
        self.chances.iter().find(|c| c.ending == ending).map_or(0.0, |c| c.probability)
    }
}

/// What `table` makes of a stored click, with `capped` saying which offers were over their caps then.
///
/// # Errors
/// [`Undecided::InputLost`], when a decision hangs on something that was not kept; every other reason
/// for which there is no decision is an ending.
pub fn prospect<'t>(
    table: &'t RoutingTable,
    stored: &Stored<'_>,
    capped: &dyn Fn(ThingId) -> bool,
    draws: &Secret,
) -> Result<Prospect<'t>, Undecided> {
    let visit = stored.visit(capped);
    let Ok(campaign) = stored.campaign(table) else {
        let ending = Ending::Nowhere;
        let chances = vec![Chance { ending, probability: 1.0 }];
        return Ok(Prospect { decision: None, ending, chances });
    };
    let chances = chances(table, campaign, &visit)?;
    let decision = match walk(table, campaign, &visit, draws, &mut trace::Silent) {
        Err(lost @ Undecided::InputLost { .. }) => return Err(lost),
        decision => decision.ok(),
    };
    let ending = decision.as_ref().map_or(Ending::Nowhere, |d| ending(table, &visit, d, draws));
    Ok(Prospect { decision, ending, chances })
}

/// Every ending that a click of `campaign` may have, with its probability over the seeds of the draws:
/// what the visitor had and saw, and which offers are over their caps, being as `visit` says.
///
/// # Errors
/// As [`prospect`].
pub fn chances<'t>(
    table: &'t RoutingTable,
    campaign: &'t CampaignRoute,
    visit: &Visit<'_>,
) -> Result<Vec<Chance<'t>>, Undecided> {
    let mut spread = Spread {
        table,
        visit,
        standing: Standing::of(visit),
        inputs: None,
        flows: Vec::new(),
        chances: Vec::new(),
        campaigns: 0,
    };
    if campaign.active {
        spread.campaign(campaign, 1.0)?;
    } else {
        spread.add(Ending::Nowhere, 1.0);
    }
    Ok(spread.chances)
}

/// Where a decision of a visit ends, with the offer that is drawn later.
pub fn ending<'t>(
    table: &'t RoutingTable,
    visit: &Visit<'_>,
    decision: &Decision,
    draws: &Secret,
) -> Ending<'t> {
    let flow = table.flow(decision.flow);
    let path = flow.and_then(|flow| flow.path(decision.path));
    match (decision.target, flow.zip(path)) {
        (Target::Lander { lander, offer: None }, Some((flow, path))) => {
            Ending::Lander { lander, offer: later_offer(table, visit, flow, path, draws) }
        }
        (Target::Lander { lander, offer }, _) => Ending::Lander { lander, offer },
        (Target::Offer(offer), _) => Ending::Offer(offer),
        (Target::Status(code), _) => Ending::Status(code),
        (Target::Closed, _) => Ending::Closed(decision.campaign),
        (Target::Url, Some((_, PathRoute { target: PathTarget::Url(url), .. }))) => {
            Ending::Url(url)
        }
        (Target::Url, _) => Ending::Nowhere,
    }
}

/// The offer that the first link of a lander leads to, the caps being those of the click.
fn later_offer(
    table: &RoutingTable,
    visit: &Visit<'_>,
    flow: &FlowRoute,
    path: &PathRoute,
    draws: &Secret,
) -> Option<ThingId> {
    let PathTarget::Offers { offers, .. } = &path.target else { return None };
    let mut chooser = Chooser::new(table, visit, draws);
    chooser.keep_path(flow, path.id);
    chooser.offer(flow, path_scope(flow.id, path.id), offers, &mut trace::Silent)
}

/// Spreads the probability of a click over its endings.
struct Spread<'t, 'v> {
    table: &'t RoutingTable,
    visit: &'v Visit<'v>,
    standing: Standing<'v>,
    inputs: Option<Inputs<'v>>,
    /// Those that led on to the one that is looked at.
    flows: Vec<ThingId>,
    chances: Vec<Chance<'t>>,
    /// Campaigns looked at; there may be many ways to one.
    campaigns: usize,
}

impl<'t: 'v, 'v> Spread<'t, 'v> {
    fn campaign(&mut self, campaign: &'t CampaignRoute, probability: f64) -> Result<(), Undecided> {
        self.campaigns += 1;
        if self.campaigns > CAMPAIGNS_MAX {
            return Err(Undecided::TooManyWays);
        }
        // A flow that is met again draws the same again, and so on until nobody is led on any more.
        let flow = self.table.flow(campaign.flow).filter(|flow| !self.flows.contains(&flow.id));
        let Some(flow) = flow else {
            self.add(Ending::Nowhere, probability);
            return Ok(());
        };
        let (_, paths) = met_rule(flow, self.visit, &mut self.inputs, &mut trace::Silent)?;
        let excluded = self.standing.excludes(self.table, flow, Level::Path, paths);
        let kept = memory::had(self.visit, flow, Level::Path, paths, false, &excluded);
        let shares = self.shares(flow, Level::Path, paths, kept);
        if shares.is_empty() {
            self.add(Ending::Nowhere, probability);
        }
        for (id, share) in shares {
            match flow.path(id) {
                Some(path) => self.path(flow, path, kept.is_some(), probability * share)?,
                None => self.add(Ending::Nowhere, probability * share),
            }
        }
        Ok(())
    }

    fn path(
        &mut self,
        flow: &'t FlowRoute,
        path: &'t PathRoute,
        is_kept: bool,
        probability: f64,
    ) -> Result<(), Undecided> {
        match &path.target {
            PathTarget::Url(url) => self.add(Ending::Url(url), probability),
            PathTarget::Status(status) => self.add(Ending::Status(status.code), probability),
            PathTarget::Campaign(next) => match self.table.campaign(*next) {
                _ if self.flows.len() == HOPS_MAX => self.add(Ending::Nowhere, probability),
                None => self.add(Ending::Nowhere, probability),
                Some(next) if !next.active => self.add(Ending::Closed(next.id), probability),
                Some(next) => {
                    self.flows.push(flow.id);
                    let spread = self.campaign(next, probability);
                    self.flows.pop();
                    spread?;
                }
            },
            PathTarget::Offers { landers, offers, choice } => {
                let offers = self.offers(flow, offers, is_kept);
                let excluded = self.standing.excludes(self.table, flow, Level::Lander, landers);
                let kept =
                    memory::had(self.visit, flow, Level::Lander, landers, is_kept, &excluded);
                let landers = self.shares(flow, Level::Lander, landers, kept);
                self.lander_and_offer(&landers, &offers, *choice, probability);
            }
        }
        Ok(())
    }

    /// Lander and offer are drawn independently of each other.
    fn lander_and_offer(
        &mut self,
        landers: &[(u32, f64)],
        offers: &[(ThingId, f64)],
        choice: OfferChoice,
        probability: f64,
    ) {
        for &(lander, share) in landers {
            for &(offer, of_offer) in offers {
                let ending = Ending::Lander { lander, offer: Some(offer) };
                self.add(ending, probability * share * of_offer);
            }
            if offers.is_empty() {
                let ending = match choice {
                    OfferChoice::After => Ending::Lander { lander, offer: None },
                    OfferChoice::Before => Ending::Nowhere,
                };
                self.add(ending, probability * share);
            }
        }
        if landers.is_empty() {
            offers.iter().for_each(|(id, share)| self.add(Ending::Offer(*id), probability * share));
            if offers.is_empty() {
                self.add(Ending::Nowhere, probability);
            }
        }
    }

    /// What may be chosen of paths or landers, with the share of each.
    fn shares(
        &self,
        flow: &FlowRoute,
        level: Level,
        alternatives: &[Alternative],
        kept: Option<u32>,
    ) -> Vec<(u32, f64)> {
        if let Some(kept) = kept {
            return vec![(kept, 1.0)];
        }
        let excluded = self.standing.excludes(self.table, flow, level, alternatives);
        let seen = memory::avoided(self.visit, flow, level, alternatives);
        let unseen = shares_of(alternatives, |id| !seen.contains(&id) && !excluded.contains(&id));
        match unseen.is_empty() {
            false => unseen,
            true => shares_of(alternatives, |id| !excluded.contains(&id)),
        }
    }

    /// Who may take the visitor, with the share of each: an offer over its cap hands its share to who
    /// takes over for it, or leaves it to the others.
    fn offers(
        &self,
        flow: &FlowRoute,
        alternatives: &[Alternative],
        is_path_kept: bool,
    ) -> Vec<(ThingId, f64)> {
        let (visit, level) = (self.visit, Level::Offer);
        if let Some(kept) = memory::had(visit, flow, level, alternatives, is_path_kept, &[]) {
            return vec![(kept, 1.0)];
        }
        let seen = memory::avoided(visit, flow, level, alternatives);
        let taker = |id: ThingId| {
            if (visit.capped)(id) {
                memory::overflow(self.table, id, visit.capped)
            } else {
                Some(id)
            }
        };
        let unseen = shares_of(alternatives, |id| !seen.contains(&id) && taker(id).is_some());
        let shares = match unseen.is_empty() {
            false => unseen,
            true => shares_of(alternatives, |id| taker(id).is_some()),
        };
        if shares.is_empty() {
            return shares_of(alternatives, |_| true);
        }
        shares.into_iter().filter_map(|(id, share)| Some((taker(id)?, share))).collect()
    }

    fn add(&mut self, ending: Ending<'t>, probability: f64) {
        match self.chances.iter_mut().find(|chance| chance.ending == ending) {
            Some(chance) => chance.probability += probability,
            None => self.chances.push(Chance { ending, probability }),
        }
    }
}

/// The shares of the alternatives that have a weight and that `accepts` lets take part.
fn shares_of(alternatives: &[Alternative], accepts: impl Fn(u32) -> bool) -> Vec<(u32, f64)> {
    let live = || alternatives.iter().filter(|a| a.weight > 0 && accepts(a.id));
    let total: f64 = live().map(|a| f64::from(a.weight)).sum();
    live().map(|a| (a.id, f64::from(a.weight) / total)).collect()
}
