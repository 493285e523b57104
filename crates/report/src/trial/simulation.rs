//! A change tried click by click: who would go elsewhere, from where to where, and what that would earn.

use super::estimate::{Estimate, Trial, Tried};
use super::place::Place;
use model::query::Cell;
use model::route::{Ending, Prospect};
use std::collections::HashMap;

/// The most values of the fields that clicks are sliced by.
pub const SLICES_MAX: usize = 1_000;

/// The most ways from one place to another that are told apart in a slice.
const MOVES_MAX: usize = 1_000;

/// Two probabilities that differ by less are the same.
const ROUNDING: f64 = 1e-9;

/// What a change makes of one click.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'t> {
    /// That cannot be told.
    Unknown(Unknown),
    /// Where it ended and would end with its own draws, and what it says of profit.
    Known {
        /// Where it ended.
        from: Ending<'t>,
        /// Where it would.
        to: Ending<'t>,
        /// Where it may end and never could, with the probability.
        unsupported: Vec<(Ending<'t>, f64)>,
        /// What it says of profit.
        tried: Tried,
    },
}

/// Why it cannot be told what a change makes of a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A rule asks for something that was not kept of it.
    InputLost,
    /// The configuration that routed it is not at hand.
    RevisionMissing,
    /// Routed again by its own configuration it would have gone elsewhere.
    Differs,
}

/// Whose a click is, and what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brought {
    /// What one visitor does counts as one event.
    pub visitor: u64,
    /// Micro-units that it cost wherever it went.
    pub cost: i64,
    /// Micro-units that came of where it went.
    pub revenue: i64,
}

impl<'t> Outcome<'t> {
    /// From what the configuration of its time and the changed one make of a click.
    pub fn of(before: &Prospect<'t>, after: &Prospect<'t>, brought: Brought) -> Self {
        let had = before.probability(before.ending);
        if had <= 0.0 {
            return Self::Unknown(Unknown::Differs);
        }
        let weight = after.probability(before.ending) / had;
        let new = after.chances.iter().filter(|c| before.probability(c.ending) == 0.0);
        let unsupported: Vec<_> = new.map(|c| (c.ending, c.probability)).collect();
        let lost: f64 = unsupported.iter().map(|(_, probability)| probability).sum();
        let differs = |at: &Prospect<'_>, c: &model::route::Chance<'_>| {
            (at.probability(c.ending) - c.probability).abs() > ROUNDING
        };
        let is_changed = after.chances.iter().any(|c| differs(before, c))
            || before.chances.iter().any(|c| differs(after, c));
        let Brought { visitor, cost, revenue } = brought;
        let tried = if is_changed {
            // Without rounding, a click that only goes where it never could counts for nothing.
            let supported = if unsupported.len() == after.chances.len() { 0.0 } else { 1.0 - lost };
            Tried { visitor, weight, supported, is_changed, cost, revenue }
        } else {
            Tried { visitor, weight: 1.0, supported: 1.0, is_changed, cost, revenue }
        };
        Self::Known { from: before.ending, to: after.ending, unsupported, tried }
    }
}

/// Everything that was tried.
#[derive(Debug, Default)]
pub struct Simulation {
    pub(super) whole: Tally,
    pub(super) slices: HashMap<Vec<Cell>, Tally>,
}

/// Clicks that belong together.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) elsewhere: u64,
    pub(super) input_lost: u64,
    pub(super) revision_missing: u64,
    pub(super) differs: u64,
    pub(super) moves: HashMap<(Place, Place), u64>,
    /// How many clicks are expected to end where they never could.
    pub(super) unsupported: HashMap<Place, f64>,
    pub(super) trial: Trial,
}

/// There are more than [`SLICES_MAX`] slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {SLICES_MAX} slices; ask for fields with fewer values")]
pub struct TooManySlices;

impl Simulation {
    /// How many clicks were tried.
    pub fn clicks(&self) -> u64 {
        self.whole.clicks()
    }

    /// What all of them say of profit.
    pub fn estimate(&self) -> Estimate {
        self.whole.trial.estimate()
    }

    /// Adds a click of a slice; an empty one stands for no slices.
    ///
    /// # Errors
    /// When there are too many slices.
    pub fn add(&mut self, slice: Vec<Cell>, outcome: &Outcome<'_>) -> Result<(), TooManySlices> {
        self.whole.add(outcome);
        if slice.is_empty() {
            return Ok(());
        }
        if self.slices.len() == SLICES_MAX && !self.slices.contains_key(&slice) {
            return Err(TooManySlices);
        }
        self.slices.entry(slice).or_default().add(outcome);
        Ok(())
    }
}

impl Tally {
    /// How many clicks there are.
    pub(super) fn clicks(&self) -> u64 {
        self.trial.clicks() + self.input_lost + self.revision_missing + self.differs
    }

    fn add(&mut self, outcome: &Outcome<'_>) {
        match outcome {
            Outcome::Unknown(Unknown::InputLost) => self.input_lost += 1,
            Outcome::Unknown(Unknown::RevisionMissing) => self.revision_missing += 1,
            Outcome::Unknown(Unknown::Differs) => self.differs += 1,
            Outcome::Known { from, to, unsupported, tried } => {
                self.trial.add(tried);
                for (ending, probability) in unsupported {
                    *self.unsupported.entry((*ending).into()).or_default() += probability;
                }
                if from != to {
                    self.elsewhere += 1;
                    self.count_move((*from).into(), (*to).into());
                }
            }
        }
    }

    fn count_move(&mut self, from: Place, to: Place) {
        let way = (from, to);
        if self.moves.len() < MOVES_MAX || self.moves.contains_key(&way) {
            *self.moves.entry(way).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::route::Chance;

    fn prospect(ending: Ending<'static>, chances: &[(Ending<'static>, f64)]) -> Prospect<'static> {
        let chance = |(ending, probability): &(Ending<'static>, f64)| Chance {
            ending: *ending,
            probability: *probability,
        };
        Prospect { decision: None, ending, chances: chances.iter().map(chance).collect() }
    }

    const NOBODY: Brought = Brought { visitor: 1, cost: 0, revenue: 0 };

    #[test]
    fn a_click_is_weighed_by_its_chances_before_and_after() {
        use Ending::Offer;
        let before = prospect(Offer(1), &[(Offer(1), 0.25), (Offer(2), 0.75)]);
        for (after, weight, supported, lost) in [
            (vec![(Offer(1), 0.25), (Offer(2), 0.75)], 1.0, 1.0, vec![]),
            (vec![(Offer(1), 0.5), (Offer(2), 0.5)], 2.0, 1.0, vec![]),
            (vec![(Offer(2), 1.0)], 0.0, 1.0, vec![]),
            (vec![(Offer(1), 0.5), (Offer(3), 0.5)], 2.0, 0.5, vec![(Offer(3), 0.5)]),
            (vec![(Offer(3), 1.0)], 0.0, 0.0, vec![(Offer(3), 1.0)]),
        ] {
            let is_same = after.len() == 2 && after[0].1 == 0.25;
            let Outcome::Known { unsupported, tried, .. } =
                Outcome::of(&before, &prospect(after[0].0, &after), NOBODY)
            else {
                unreachable!()
            };
            assert_eq!((tried.weight, tried.supported), (weight, supported), "{after:?}");
            assert_eq!((tried.is_changed, unsupported), (!is_same, lost));
        }
    }

    #[test]
    fn moves_are_counted_in_the_whole_and_in_their_slice() {
        use Ending::{Offer, Status};
        let before = prospect(Offer(1), &[(Offer(1), 1.0)]);
        let after = prospect(Status(404), &[(Status(404), 1.0)]);
        let mut simulation = Simulation::default();
        let moved = Outcome::of(&before, &after, NOBODY);
        let stays = Outcome::of(&before, &before, NOBODY);
        let slice = |country: &str| vec![Cell::Text(country.into())];
        for (country, outcome) in [("DE", &moved), ("DE", &stays), ("US", &stays)] {
            simulation.add(slice(country), outcome).unwrap();
        }
        simulation.add(slice("US"), &Outcome::Unknown(Unknown::InputLost)).unwrap();
        let counts = |tally: &Tally| (tally.clicks(), tally.elsewhere, tally.input_lost);
        assert_eq!(counts(&simulation.whole), (4, 1, 1));
        assert_eq!(counts(&simulation.slices[&slice("DE")]), (2, 1, 0));
        assert_eq!(counts(&simulation.slices[&slice("US")]), (2, 0, 1));
        let way = (Place::Offer(1), Place::Status(404));
        assert_eq!(simulation.whole.moves, HashMap::from([(way, 1)]));
        assert_eq!(simulation.whole.unsupported, HashMap::from([(Place::Status(404), 1.0)]));
    }

    #[test]
    fn too_many_slices_are_refused() {
        let mut simulation = Simulation::default();
        let lost = Outcome::Unknown(Unknown::InputLost);
        for number in 0..SLICES_MAX as i64 {
            simulation.add(vec![Cell::Int(number)], &lost).unwrap();
        }
        assert_eq!(simulation.add(vec![Cell::Int(0)], &lost), Ok(()));
        assert_eq!(simulation.add(vec![Cell::Int(-1)], &lost), Err(TooManySlices));
    }
}
