//! Ways that never end: campaigns that lead to each other through their flows, offers that pass on
//! what is over their cap in a circle.

use super::{Flow, Kind, Problem, ThingId};
use crate::table::Things;
use std::collections::{BTreeSet, HashMap};

/// The most campaigns a click is led on to, and the most offers that what is over a cap is passed on
/// to.
pub const HOPS_MAX: usize = 8;

/// The ways among things, found once for all that is asked about them.
pub struct Loops<'a> {
    /// The flows that lead on to campaigns.
    flows: HashMap<ThingId, &'a Flow>,
    /// The campaigns of each of them.
    users: HashMap<ThingId, BTreeSet<ThingId>>,
    campaigns: BothWays,
    offers: BothWays,
}

impl<'a> Loops<'a> {
    /// Of `things`, as they are to be saved.
    pub fn among(things: &'a Things) -> Self {
        let leads_on = |flow: &Flow| flow.paths().any(|path| path.campaign.is_some());
        let flows = things.flows.iter().filter(|flow| leads_on(&flow.body));
        let flows: HashMap<_, _> = flows.map(|flow| (flow.id, &flow.body)).collect();
        let mut users: HashMap<_, BTreeSet<_>> = HashMap::new();
        for campaign in things.campaigns.iter().filter(|c| flows.contains_key(&c.body.flow)) {
            users.entry(campaign.body.flow).or_default().insert(campaign.id);
        }
        let campaigns = Ways::of_campaigns(&flows, &users).into();
        Self { flows, users, campaigns, offers: Ways::of_offers(things).into() }
    }

    /// What is wrong with the ways through thing `id` of `kind`: loops, and ways longer than [`HOPS_MAX`]. Other kinds
    /// than flows, campaigns and offers have none.
    pub fn problems(&self, kind: Kind, id: ThingId) -> Vec<Problem> {
        match kind {
            Kind::Flow => self.flow_problems(id),
            Kind::Campaign => self.campaign_problems(id),
            Kind::Offer => self.offer_problems(id),
            _ => Vec::new(),
        }
    }

    /// Every path to a campaign from which a way leads back to this flow; else ways that are too long.
    fn flow_problems(&self, id: ThingId) -> Vec<Problem> {
        let Some(flow) = self.flows.get(&id) else { return Vec::new() };
        let mut exits: Vec<(String, ThingId)> = Vec::new();
        for (list, paths) in flow.lists() {
            let next = paths.iter().enumerate().filter_map(|(i, path)| Some((i, path.campaign?)));
            exits.extend(next.map(|(i, next)| (format!("{list}[{i}].campaign"), next)));
        }
        let BothWays { ways, reversed } = &self.campaigns;
        let users = self.users.get(&id).cloned().unwrap_or_default();
        let comes_back = |next: ThingId| users.contains(&next) || ways.lead(next, &users);
        let loops = exits.iter().filter(|(_, next)| comes_back(*next)).map(|(place, next)| {
            let message =
                format!("a loop: campaign {next} leads back to this flow; choose another target");
            Problem::new(place, message)
        });
        let loops: Vec<Problem> = loops.collect();
        if !loops.is_empty() {
            return loops;
        }
        let before = reversed.steps(&users);
        let fits = |next: ThingId| match (before, ways.steps(&[next].into())) {
            (Some(before), Some(after)) => before + 1 + after <= HOPS_MAX,
            _ => false,
        };
        let long = exits.iter().filter(|(_, next)| !fits(*next));
        let message = format!("a click would be led on more than {HOPS_MAX} times");
        long.map(|(place, _)| Problem::new(place, &*message)).collect()
    }

    /// A flow that leads back to the campaign that uses it, and ways that are too long.
    fn campaign_problems(&self, id: ThingId) -> Vec<Problem> {
        self.campaigns.problems(
            id,
            "flow",
            "a loop: this flow leads back to this campaign; choose another",
            "a click would be led on",
        )
    }

    /// An offer whose overflow comes back to it, or is passed on too often.
    fn offer_problems(&self, id: ThingId) -> Vec<Problem> {
        self.offers.problems(
            id,
            "next",
            "a loop: what goes to the next offer comes back to this one",
            "what is over the cap would be passed on",
        )
    }
}

/// Who leads to whom, and who is led to by whom.
struct BothWays {
    ways: Ways,
    reversed: Ways,
}

impl From<Ways> for BothWays {
    fn from(ways: Ways) -> Self {
        Self { reversed: ways.reversed(), ways }
    }
}

impl BothWays {
    /// What is wrong with the ways through `id`; `field` is what leads on.
    fn problems(&self, id: ThingId, field: &str, comes_back: &str, goes_on: &str) -> Vec<Problem> {
        if !self.ways.0.contains_key(&id) {
            return Vec::new();
        }
        let start = [id].into();
        if self.ways.lead(id, &start) {
            return vec![Problem::new(field, comes_back)];
        }
        match (self.reversed.steps(&start), self.ways.steps(&start)) {
            (Some(before), Some(after)) if before + after <= HOPS_MAX => Vec::new(),
            _ => vec![Problem::new(field, format!("{goes_on} more than {HOPS_MAX} times"))],
        }
    }
}

/// Who leads to whom.
#[derive(Default)]
struct Ways(HashMap<ThingId, BTreeSet<ThingId>>);

impl Ways {
    /// From each campaign to those that paths of its flow name.
    fn of_campaigns(
        flows: &HashMap<ThingId, &Flow>,
        users: &HashMap<ThingId, BTreeSet<ThingId>>,
    ) -> Self {
        let mut ways = Self::default();
        for (flow, users) in users {
            let paths = flows.get(flow).into_iter().flat_map(|flow| flow.paths());
            let next: BTreeSet<ThingId> = paths.filter_map(|path| path.campaign).collect();
            ways.0.extend(users.iter().map(|user| (*user, next.clone())));
        }
        ways
    }

    /// From each offer to the next.
    fn of_offers(things: &Things) -> Self {
        let next = things.offers.iter().filter_map(|o| Some((o.id, [o.body.next?].into())));
        Self(next.collect())
    }

    fn reversed(&self) -> Self {
        let mut reversed = Self::default();
        for (from, next) in &self.0 {
            for to in next {
                reversed.0.entry(*to).or_default().insert(*from);
            }
        }
        reversed
    }

    /// How many steps the longest way from `start` has; `None` when it goes
    /// on for more than [`HOPS_MAX`].
    fn steps(&self, start: &BTreeSet<ThingId>) -> Option<usize> {
        let mut level = start.clone();
        for step in 0..=HOPS_MAX {
            level = level.iter().filter_map(|from| self.0.get(from)).flatten().copied().collect();
            if level.is_empty() {
                return Some(step);
            }
        }
        None
    }

    /// Whether a way leads from `from` to one of `to` in at least one step.
    fn lead(&self, from: ThingId, to: &BTreeSet<ThingId>) -> bool {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(from) = open.pop() {
            for &next in self.0.get(&from).into_iter().flatten() {
                if to.contains(&next) {
                    return true;
                }
                if reached.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::{Campaign, Offer, Thing};

    fn thing<B>(id: ThingId, body: B) -> Thing<B> {
        Thing { id, workspace: 1, name: id.to_string(), revision: 1, archived: false, body }
    }

    /// Campaign n uses flow n, whose second path leads to the campaigns of the list.
    fn things(ways: &[(ThingId, &[ThingId])]) -> Things {
        let mut things = Things::default();
        for (id, next) in ways {
            let to = |next: &ThingId| serde_json::json!({"campaign": next});
            let paths: Vec<_> = next.iter().map(to).collect();
            let flow = serde_json::json!({"default": [{"url": "https://a.example/"}], "rules": [
                {"when": {"field": "os", "op": "known"}, "paths": paths}]});
            things.flows.push(thing(*id, serde_json::from_value::<Flow>(flow).unwrap()));
            let campaign = serde_json::json!({"flow": id});
            things
                .campaigns
                .push(thing(*id, serde_json::from_value::<Campaign>(campaign).unwrap()));
        }
        things
    }

    fn places(things: &Things, kind: Kind, id: ThingId) -> Vec<String> {
        Loops::among(things).problems(kind, id).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn every_path_of_a_loop_is_named() {
        let things = things(&[(1, &[2, 3]), (2, &[1]), (3, &[]), (4, &[4]), (5, &[1])]);
        assert_eq!(places(&things, Kind::Flow, 1), ["rules[0].paths[0].campaign"]);
        assert_eq!(places(&things, Kind::Flow, 2), ["rules[0].paths[0].campaign"]);
        assert_eq!(places(&things, Kind::Flow, 3), [""; 0]);
        assert_eq!(places(&things, Kind::Flow, 4), ["rules[0].paths[0].campaign"]);
        assert_eq!(places(&things, Kind::Campaign, 2), ["flow"]);
        assert_eq!(places(&things, Kind::Campaign, 3), [""; 0]);
    }

    #[test]
    fn a_way_has_at_most_eight_hops_wherever_it_is_made_longer() {
        let chain = |length: ThingId| {
            let next: Vec<[ThingId; 1]> = (1..=length).map(|id| [id + 1]).collect();
            let mut ways: Vec<(ThingId, &[ThingId])> =
                (1..=length).zip(next.iter().map(|next| &next[..])).collect();
            ways.push((length + 1, &[]));
            things(&ways)
        };
        let (fits, long) = (chain(8), chain(9));
        for id in 1..=8 {
            assert_eq!(places(&fits, Kind::Flow, id), [""; 0], "{id}");
            assert_eq!(places(&fits, Kind::Campaign, id), [""; 0], "{id}");
            assert_eq!(places(&long, Kind::Flow, id), ["rules[0].paths[0].campaign"], "{id}");
            assert_eq!(places(&long, Kind::Campaign, id), ["flow"], "{id}");
        }
    }

    #[test]
    fn offers_do_not_pass_on_in_a_circle() {
        let offer = |id, next| thing(id, Offer { next, ..Offer::default() });
        let offers = vec![
            offer(1, Some(2)),
            offer(2, Some(3)),
            offer(3, Some(1)),
            offer(4, Some(5)),
            offer(5, None),
        ];
        let things = Things { offers, ..Things::default() };
        assert_eq!(places(&things, Kind::Offer, 2), ["next"]);
        assert_eq!(places(&things, Kind::Offer, 4), [""; 0]);
        assert_eq!(places(&things, Kind::Offer, 5), [""; 0]);
    }
}
