//! What is worth knowing about a thing beside what it says: who uses it, what is odd about it, how full it is.

use super::kind::Resource;
use super::parallel_tracking;
use crate::app::{App, now_ms};
use model::table::Things;
use model::thing::{Body, Kind, Problem, Thing, ThingId};
use serde::Serialize;
use std::collections::HashMap;

/// Names of the notes: they may be sent back as they were read, and say nothing.
pub const NOTES: [&str; 3] = ["warnings", "used_by", "cap_state"];

/// Notes on a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Notes {
    /// What can be saved and is probably not meant, such as rules that nobody can reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// How many things that are not archived refer to it.
    pub used_by: usize,
    /// How much of its cap an offer has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_state: Option<CapState>,
}

/// How much of its cap an offer has taken by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CapState {
    /// Clicks or conversions, as the cap counts, of this day or in all.
    pub taken: u64,
    /// The cap.
    pub amount: u64,
    /// Whether visitors are sent elsewhere.
    pub is_over: bool,
    /// What was taken beyond the cap before that was noticed.
    pub overshoot: u64,
}

/// How often each thing is referred to by one that is not archived.
pub struct Uses(HashMap<(Kind, ThingId), usize>);

impl Uses {
    /// Counts them all.
    pub fn of(things: &Things) -> Self {
        let mut uses = Self(HashMap::new());
        uses.add(&things.offers);
        uses.add(&things.flows);
        uses.add(&things.domains);
        uses.add(&things.campaigns);
        uses
    }

    fn add<B: Body>(&mut self, things: &[Thing<B>]) {
        for thing in things.iter().filter(|thing| !thing.archived) {
            let mut references = thing.body.references();
            references.sort_unstable();
            references.dedup();
            for reference in references {
                *self.0.entry(reference).or_default() += 1;
            }
        }
    }
}

impl Notes {
    /// The notes on a thing.
    pub fn of<B: Resource>(thing: &Thing<B>, app: &App, things: &Things, uses: &Uses) -> Self {
        let mut warnings = thing.body.warnings();
        if B::KIND == Kind::Campaign {
            warnings.extend(parallel_tracking::warnings(thing.id, things, &app.templates));
        }
        Self {
            warnings,
            used_by: uses.0.get(&(B::KIND, thing.id)).copied().unwrap_or_default(),
            cap_state: (B::KIND == Kind::Offer).then(|| cap_state(app, thing.id)).flatten(),
        }
    }
}

fn cap_state(app: &App, offer: ThingId) -> Option<CapState> {
    let table = app.table.load();
    let cap = table.offer(offer)?.cap.as_ref()?;
    let taken = app.caps.load().taken(offer, cap.window(now_ms()));
    let (taken, amount) = (u64::try_from(taken).unwrap_or_default(), cap.cap.amount);
    let overshoot = taken.saturating_sub(amount);
    Some(CapState { taken, amount, is_over: taken >= amount, overshoot })
}
