//! What of the past counts in a choice: what a visitor had, what they saw, and who takes over for a full offer.

use super::{Seen, Visit};
use crate::draw::{Alternative, Level};
use crate::table::{FlowRoute, RoutingTable};
use crate::thing::{HOPS_MAX, Returning, ThingId};

/// What the visitor had before, if the flow gives the same again and it can still be had: it has a
/// weight (what is archived has none), and an offer is not over its cap. Lander and offer belong to
/// the path: `is_path_kept` says whether it was taken over too. What is excluded is out of the question.
pub(super) fn had(
    visit: &Visit<'_>,
    flow: &FlowRoute,
    level: Level,
    alternatives: &[Alternative],
    is_path_kept: bool,
    excluded: &[u32],
) -> Option<u32> {
    if flow.returning != Returning::Same {
        return None;
    }
    let before = visit.kept.iter().find(|kept| kept.flow == flow.id)?;
    let id = match level {
        Level::Path => Some(before.path),
        _ if !is_path_kept => None,
        Level::Lander => before.lander,
        Level::Offer => before.offer.filter(|offer| !(visit.capped)(*offer)),
        Level::Random => None,
    }?;
    let is_live = |a: &Alternative| a.id == id && a.weight > 0 && !excluded.contains(&id);
    alternatives.iter().any(is_live).then_some(id)
}

/// What the visitor has seen, if the flow avoids that and something else is left.
pub(super) fn avoided(
    visit: &Visit<'_>,
    flow: &FlowRoute,
    level: Level,
    alternatives: &[Alternative],
) -> Vec<u32> {
    if flow.returning != Returning::Unseen || visit.seen.is_empty() {
        return Vec::new();
    }
    let live = || alternatives.iter().filter(|a| a.weight > 0).map(|a| a.id);
    let is_seen = |id: &u32| visit.seen.contains(&seen_as(flow, level, *id));
    if live().all(|id| is_seen(&id)) {
        return Vec::new();
    }
    live().filter(is_seen).collect()
}

/// How an alternative is remembered.
pub(super) fn seen_as(flow: &FlowRoute, level: Level, id: u32) -> Seen {
    match level {
        Level::Path => Seen::Path { flow: flow.id, path: id },
        Level::Lander => Seen::Lander(id),
        Level::Offer | Level::Random => Seen::Offer(id),
    }
}

/// The first of the offers behind `offer` that takes somebody.
pub(super) fn overflow(
    table: &RoutingTable,
    offer: ThingId,
    mut is_capped: impl FnMut(ThingId) -> bool,
) -> Option<ThingId> {
    let mut at = offer;
    for _ in 0..HOPS_MAX {
        at = table.offer(at)?.next?;
        let is_live = table.offer(at).is_some_and(|offer| !offer.is_archived);
        if is_live && !is_capped(at) {
            return Some(at);
        }
    }
    None
}
