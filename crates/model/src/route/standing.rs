//! What is left to choose for somebody who landed on a page: its lander is the page itself.
//!
//! A redirect takes a visitor to the lander that was drawn. Whoever came by a direct link is on a page already, so paths
//! with a lander that is this page are preferred, and no other lander is taken.

use super::Visit;
use crate::draw::{Alternative, Level};
use crate::field::Field;
use crate::page;
use crate::table::{FlowRoute, PathTarget, RoutingTable};
use std::cell::LazyCell;

/// The word of [`Field::Kind`] for a landing that a page reported.
pub const DIRECT: &str = "direct";

/// The URL of the page a visitor is on; `None` for whoever is yet to be sent somewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a>(Option<&'a str>);

impl<'a> Standing<'a> {
    /// Reads it from the facts of a click.
    pub fn of(visit: &Visit<'a>) -> Self {
        let is_direct = visit.facts.text(Field::Kind) == Some(DIRECT);
        Self(is_direct.then(|| visit.facts.text(Field::LandingUrl).unwrap_or_default()))
    }

    /// The alternatives that are out of the question, of those that have a weight: landers that are another page, and
    /// paths without the page where another one has it.
    pub fn excludes(
        &self,
        table: &RoutingTable,
        flow: &FlowRoute,
        level: Level,
        alternatives: &[Alternative],
    ) -> Vec<u32> {
        let Some(url) = self.0 else { return Vec::new() };
        // Many flows have no lander to compare it with.
        let page = LazyCell::new(|| page::page(url).unwrap_or_default());
        let is_here =
            |lander: u32| table.lander(lander).is_some_and(|lander| *lander.page == **page);
        let has_it = |path: u32| match flow.path(path).map(|path| &path.target) {
            Some(PathTarget::Offers { landers, .. }) => {
                landers.iter().any(|a| a.weight > 0 && is_here(a.id))
            }
            _ => false,
        };
        let live = || alternatives.iter().filter(|a| a.weight > 0).map(|a| a.id);
        match level {
            Level::Lander => live().filter(|id| !is_here(*id)).collect(),
            Level::Path if live().any(has_it) => live().filter(|id| !has_it(*id)).collect(),
            Level::Path | Level::Offer | Level::Random => Vec::new(),
        }
    }
}
