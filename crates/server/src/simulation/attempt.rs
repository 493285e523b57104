//! The change tried on click after click.

use super::Trying;
use super::story::Story;
use super::tables::Held;
use model::Field;
use model::event::Row;
use model::facts::{Facts, Value};
use model::keys::Secret;
use model::query::{Cell, TimeBasis, ZoneOffsets};
use model::record::tag;
use model::route::{Decision, Prospect, Stored, prospect};
use model::table::RoutingTable;
use model::thing::ThingId;
use report::{Brought, Outcome, Simulation, TooManySlices, Unknown};
use std::collections::HashMap;
use std::sync::Arc;
use store::{FilterTest, field_value};

/// What is tried, and what came of it so far.
pub struct Attempt {
    /// What came of it.
    pub simulation: Simulation,
    changed: Arc<RoutingTable>,
    draws: Secret,
    filter: Vec<FilterTest>,
    by: Vec<Field>,
    zone: ZoneOffsets,
    /// Whether an offer was over its cap when a click last showed it. A click records full offers
    /// only as far as it met them; what the others met before it tells the rest.
    caps: HashMap<ThingId, bool>,
}

impl Attempt {
    /// Nothing tried yet.
    pub fn new(trying: &Trying, draws: Secret) -> Self {
        Self {
            simulation: Simulation::default(),
            changed: trying.changed.clone(),
            draws,
            filter: trying.plan.filter.iter().map(FilterTest::new).collect(),
            by: trying.plan.by.clone(),
            zone: trying.plan.zone.clone(),
            caps: HashMap::new(),
        }
    }

    /// Tries it on clicks in the order of their time.
    pub fn all(mut self, stories: Vec<Story>, held: &Held) -> Result<Self, TooManySlices> {
        for story in &stories {
            self.note_caps(&story.click.facts);
            if self.filter.iter().all(|test| test.accepts(&self.value(&story.click, test.field))) {
                let slice = self.by.iter().map(|field| self.value(&story.click, *field)).collect();
                let before = story.revision().and_then(|revision| held.get(&revision));
                let outcome = match before {
                    Some(before) => outcome(story, before, &self.changed, &self.draws, &self.caps),
                    None => Outcome::Unknown(Unknown::RevisionMissing),
                };
                self.simulation.add(slice, &outcome)?;
            }
        }
        Ok(self)
    }

    fn value(&self, row: &Row, field: Field) -> Cell {
        field_value(row, field, TimeBasis::Click, &self.zone)
    }

    /// The offer that took the click was below its cap, unless all of them were over.
    fn note_caps(&mut self, facts: &Facts) {
        let id = |value| match value {
            Value::Int(id) => ThingId::try_from(id).ok(),
            Value::Bytes(_) => None,
        };
        self.caps.extend(facts.get(Field::Offer.tag()).and_then(id).map(|offer| (offer, false)));
        self.caps.extend(facts.all(tag::CAPPED).filter_map(id).map(|offer| (offer, true)));
    }
}

fn outcome<'t>(
    story: &Story,
    before: &'t RoutingTable,
    changed: &'t RoutingTable,
    draws: &Secret,
    caps: &HashMap<ThingId, bool>,
) -> Outcome<'t> {
    let facts = &story.click.facts;
    let stored = Stored::read(facts);
    let capped = |offer| caps.get(&offer).copied().unwrap_or(false);
    let Ok(before) = prospect(before, &stored, &capped, draws) else {
        return Outcome::Unknown(Unknown::InputLost);
    };
    if !is_as_stored(&before, facts) {
        return Outcome::Unknown(Unknown::Differs);
    }
    let Ok(after) = prospect(changed, &stored, &capped, draws) else {
        return Outcome::Unknown(Unknown::InputLost);
    };
    let visitor = facts.int_at(tag::SEED).or(facts.int_at(tag::VISITOR));
    let visitor = visitor.unwrap_or(story.click.key.0) as u64;
    Outcome::of(&before, &after, Brought { visitor, cost: story.cost, revenue: story.revenue })
}

/// Whether the decision is the one that was made.
fn is_as_stored(prospect: &Prospect<'_>, facts: &Facts) -> bool {
    let made = prospect.decision.as_ref();
    let agrees = |field, of: fn(&Decision) -> Option<u32>| {
        facts.int(field) == made.and_then(of).map(i64::from)
    };
    agrees(Field::Flow, |d| Some(d.flow))
        && agrees(Field::Rule, |d| d.rule)
        && agrees(Field::Path, |d| Some(d.path))
        && agrees(Field::Lander, Decision::lander)
        && agrees(Field::Offer, Decision::offer)
}
