//! A flow: the paths a visitor may take, reusable by many campaigns.

use super::{Body, Kind, Problem, ThingId};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Where visitors go and in what shares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// The paths of whoever matches no rule.
    pub default: Vec<Path>,
}

/// Lander(s), then offer(s); without a lander, directly to the offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// Unique in its flow; given by the server when 0 or absent, and kept by edits.
    #[serde(default)]
    pub id: u32,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
    /// How the visitor is sent on.
    #[serde(default)]
    pub mode: RedirectMode,
    /// Pages in front of the offer, one is drawn.
    #[serde(default)]
    pub landers: Vec<WeightedLander>,
    /// Offers, one is drawn for each link of the lander.
    pub offers: Vec<WeightedOffer>,
}

/// How a visitor is sent to the next hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum RedirectMode {
    /// `302 Found`: followed everywhere, the method becomes GET (RFC 9110, 15.4.3).
    #[default]
    #[serde(rename = "302")]
    Found,
    /// `307 Temporary Redirect`: the method stays (RFC 9110, 15.4.8).
    #[serde(rename = "307")]
    Temporary,
}

/// A lander and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedLander {
    /// Which lander.
    pub lander: ThingId,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
}

/// An offer and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedOffer {
    /// Which offer.
    pub offer: ThingId,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
}

const fn hundred() -> u32 {
    100
}

/// The largest weight: shares finer than a millionth are noise.
const WEIGHT_MAX: u32 = 1_000_000;

impl Flow {
    /// Gives every path without an id the next free one.
    pub fn number_paths(&mut self) {
        let used: HashSet<u32> = self.default.iter().map(|path| path.id).collect();
        let mut free = (1..=u32::MAX).filter(|id| !used.contains(id));
        for path in self.default.iter_mut().filter(|path| path.id == 0) {
            path.id = free.next().unwrap_or_default();
        }
    }
}

impl Body for Flow {
    const KIND: Kind = Kind::Flow;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        check_weights(
            &mut problems,
            "default",
            "path",
            self.default.iter().map(|path| path.weight),
        );
        let mut seen = HashSet::new();
        for (i, path) in self.default.iter().enumerate() {
            if path.id != 0 && !seen.insert(path.id) {
                problems.push(Problem::new(
                    format!("default[{i}].id"),
                    format!("path id {} is used twice", path.id),
                ));
            }
            let offers = format!("default[{i}].offers");
            check_weights(&mut problems, &offers, "offer", path.offers.iter().map(|o| o.weight));
            if !path.landers.is_empty() {
                let landers = format!("default[{i}].landers");
                check_weights(
                    &mut problems,
                    &landers,
                    "lander",
                    path.landers.iter().map(|l| l.weight),
                );
            }
        }
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let landers =
            |path: &Path| path.landers.iter().map(|l| (Kind::Lander, l.lander)).collect::<Vec<_>>();
        let offers =
            |path: &Path| path.offers.iter().map(|o| (Kind::Offer, o.offer)).collect::<Vec<_>>();
        self.default.iter().flat_map(|path| [landers(path), offers(path)].concat()).collect()
    }
}

/// At least one alternative, none too heavy, not all weights zero.
fn check_weights(
    problems: &mut Vec<Problem>,
    at: &str,
    what: &str,
    weights: impl Iterator<Item = u32>,
) {
    let weights: Vec<u32> = weights.collect();
    if weights.is_empty() {
        problems.push(Problem::new(at, format!("needs at least one {what}")));
    } else if weights.iter().all(|&weight| weight == 0) {
        problems.push(Problem::new(at, "all weights are 0: nobody could be sent anywhere"));
    }
    for (i, _) in weights.iter().enumerate().filter(|(_, weight)| **weight > WEIGHT_MAX) {
        problems
            .push(Problem::new(format!("{at}[{i}].weight"), format!("expected 0 to {WEIGHT_MAX}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(id: u32, weight: u32) -> Path {
        let offers = vec![WeightedOffer { offer: 1, weight: 100 }];
        Path { id, weight, mode: RedirectMode::Found, landers: Vec::new(), offers }
    }

    #[test]
    fn new_paths_get_free_ids_and_old_ones_keep_theirs() {
        let mut flow =
            Flow { default: vec![path(0, 1), path(2, 1), path(u32::MAX, 1), path(0, 1)] };
        flow.number_paths();
        assert_eq!(flow.default.iter().map(|p| p.id).collect::<Vec<_>>(), [1, 2, u32::MAX, 3]);
    }

    #[test]
    fn a_flow_that_leads_nowhere_names_the_place() {
        let places = |flow: &Flow| flow.problems().into_iter().map(|p| p.field).collect::<Vec<_>>();
        assert_eq!(places(&Flow::default()), ["default"]);
        assert_eq!(places(&Flow { default: vec![path(1, 0)] }), ["default"]);
        let mut empty = path(1, 1);
        empty.offers.clear();
        empty.landers = vec![WeightedLander { lander: 1, weight: 0 }];
        assert_eq!(
            places(&Flow { default: vec![empty] }),
            ["default[0].offers", "default[0].landers"]
        );
        assert_eq!(places(&Flow { default: vec![path(1, 1), path(1, 1)] }), ["default[1].id"]);
    }
}
