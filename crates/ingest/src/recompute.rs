//! Recompute: projections of stored facts are computed again, staged piece by piece, and switched whole.
//!
//! The way of a job: `basis` finds what it computes with and widens its span until nothing outside depends on what is
//! inside; `amounts` converts by today's rates, where that is asked for; `costs` counts, prices, stages and switches;
//! `bots` judges anew; `late` finds what came meanwhile. The same facts, entries and rates give the same figures, however often a job was killed and begun
//! again.

mod amounts;
mod basis;
mod bots;
mod costs;
mod late;
mod refresh;

use crate::error::IngestError;
use model::rate::RateTable;
use model::table::RoutingTable;
use store::{Costs, Events, Progress, Recompute, Rewrites, What};

use tokio::sync::Mutex;

pub use refresh::{REFRESH_AUTHOR, refreshes};

/// What a job works on.
#[derive(Clone, Copy)]
pub struct Recomputer<'s> {
    /// The facts.
    pub events: &'s dyn Events,
    /// The same store, by the side on which figures change.
    pub rewrites: &'s dyn Rewrites,
    /// Cost entries and jobs.
    pub costs: &'s dyn Costs,
    /// The current configuration.
    pub table: &'s RoutingTable,
    /// What currencies are worth in each other.
    pub rates: &'s RateTable,
    /// Held from the last look at rows to the switch, and by ingest for each batch: no conversion meets a click that
    /// changes at that moment.
    pub turn: &'s Mutex<()>,
    /// What a click is taken for today, by its user agent.
    pub judge: &'s (dyn Fn(&str) -> Judged + Sync),
}

/// What a user agent is taken for: the code of the reason why it is a program; none for a person.
pub type Judged = Option<&'static str>;

impl Recomputer<'_> {
    /// Carries a job out, or on where it was killed, and notes how far it is. Jobs must not overlap: one at a time.
    ///
    /// # Errors
    /// When a store fails; figures are as they were, and the job may be run again.
    pub async fn run(self, job: &Recompute) -> Result<Progress, IngestError> {
        match job.wanted.what {
            What::Costs | What::Fx => costs::run(self, job).await,
            What::Bots => bots::run(self, job).await,
        }
    }
}
