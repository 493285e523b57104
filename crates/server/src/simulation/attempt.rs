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

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::event::RowKind;
    use model::query::Plan;
    use model::route::{Visit, route};
    use model::table::Things;
    use model::thing::{Body, Campaign, Flow, Offer, Thing};
    use serde_json::{Value as Json, json};

    const DRAWS: Secret = [7; 16];
    const CLICKS: i64 = 30_000;

    fn table(weights: [u32; 3]) -> RoutingTable {
        fn thing<B: Body>(id: ThingId, body: Json) -> Thing<B> {
            let body = serde_json::from_value(body).unwrap();
            Thing { id, workspace: 1, name: format!("{id}"), revision: 1, archived: false, body }
        }
        let offer = |id| thing::<Offer>(id, json!({"url": format!("https://o{id}.example/")}));
        let of = |(id, weight)| json!({"offer": id, "weight": weight});
        let offers: Vec<Json> = (1..).zip(weights).map(of).collect();
        RoutingTable::new(&Things {
            revision: 1,
            offers: (1..=3).map(offer).collect(),
            flows: vec![thing::<Flow>(1, json!({"default": [{"id": 1, "offers": offers}]}))],
            campaigns: vec![thing::<Campaign>(1, json!({"key": "k", "flow": 1}))],
            ..Things::default()
        })
    }

    /// A click that the first offer may not take; wherever it goes, it earns the same.
    fn story(table: &RoutingTable, number: i64, is_full: bool) -> Story {
        let key = ClickKey(number << 20);
        let mut facts = Facts::default();
        facts.push_int(tag::KEY, key.0);
        facts.set_int(Field::Campaign, 1u32);
        facts.set_int(Field::Revision, 1u32);
        let capped = |offer| is_full && offer == 1;
        let visit = Visit { capped: &capped, ..Visit::new(key, &facts) };
        let decision = route(table, table.campaign(1).unwrap(), &visit, &DRAWS).unwrap();
        decision.record(&mut facts);
        let event_ms = key.time_ms();
        let (kind, sequence, count, cost, revenue) = (RowKind::Click, 1, 1, 0, 0);
        let click = Row { kind, key, event_ms, sequence, count, cost, revenue, facts };
        Story { click, cost: 0, revenue: 1_000_000 }
    }

    #[test]
    fn an_offer_that_was_full_for_a_time_does_not_bend_the_estimate() {
        let before = Arc::new(table([100, 100, 100]));
        let plan = Plan {
            workspace: 1,
            from_ms: 0,
            to_ms: i64::MAX,
            time: TimeBasis::Click,
            zone: ZoneOffsets::utc(),
            by: Vec::new(),
            counters: Vec::new(),
            filter: Vec::new(),
            median: false,
        };
        let (changed, include_pending) = (Arc::new(table([10, 190, 100])), false);
        let (clicks_in_period, rows_in_period) = (0, 0);
        let trying = Trying { plan, changed, include_pending, clicks_in_period, rows_in_period };
        let full = CLICKS / 3..CLICKS;
        let stories = (0..CLICKS).map(|n| story(&before, n, full.contains(&n))).collect();
        let held = Held::from([(1, before.clone())]);
        let attempt = Attempt::new(&trying, DRAWS).all(stories, &held).unwrap();
        let (estimate, tried) = (attempt.simulation.estimate(), attempt.simulation.clicks());
        assert_eq!((estimate.clicks, tried), (CLICKS as u64, CLICKS as u64));
        let difference = estimate.difference.unwrap();
        let share = difference.expected / 1e6 / CLICKS as f64;
        println!(
            "result: simulate, an offer full for two thirds of the time: estimate off by {:.2} %",
            100.0 * share
        );
        assert!(
            difference.low < 0.0 && difference.high > 0.0 && share.abs() < 0.02,
            "{difference:?}"
        );
    }
}
