//! A changed configuration tried on the clicks of a period, read a piece at a time, oldest first.
//!
//! Modules in reading order: `pieces` says which parts of the period are read, `story` puts the rows of
//! a click together, `tables` holds the configurations that routed them, `attempt` tries the change.

mod attempt;
mod pieces;
mod story;
mod tables;

use crate::app::App;
use attempt::Attempt;
use model::query::{Plan, TimeBasis};
use model::table::RoutingTable;
use pieces::Pieces;
use report::{Coverage, Simulation, TooManySlices};
use std::sync::Arc;
use store::{ExportPage, StoreError};
use story::Stories;
use tables::Tables;

/// Rows read at a time.
const PAGE_ROWS: usize = 4_000;

/// The most rows read for one answer; of a longer period a part is read.
const ROWS_MAX: u64 = 1_000_000;

/// What is tried.
#[derive(Debug)]
pub struct Trying {
    /// The period, whose, the filter, and what to slice by.
    pub plan: Plan,
    /// The configuration as it would be.
    pub changed: Arc<RoutingTable>,
    /// Whether pending conversions count as revenue beside approved ones.
    pub include_pending: bool,
    /// Clicks of the period that meet the filter.
    pub clicks_in_period: u64,
    /// Rows of the period, whatever the filter.
    pub rows_in_period: u64,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The stores do not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer would be too large.
    #[error(transparent)]
    Slices(#[from] TooManySlices),
    /// The thread that computed is gone.
    #[error("the computation broke off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Tries it.
///
/// # Errors
/// See [`SimulationError`].
pub async fn run(app: &App, trying: Trying) -> Result<(Simulation, Coverage), SimulationError> {
    let plan = &trying.plan;
    let pieces = Pieces::new((plan.from_ms, plan.to_ms), trying.rows_in_period, ROWS_MAX);
    let coverage =
        Coverage { clicks_in_period: trying.clicks_in_period, read_share: pieces.share() };
    let workspace = plan.workspace;
    let mut attempt = Attempt::new(&trying, *app.keys.draw());
    let mut tables = Tables::new(app);
    for (from_ms, to_ms) in pieces {
        let (mut stories, mut cursor) = (Stories::new(trying.include_pending), None);
        loop {
            let page = ExportPage { cursor, limit: PAGE_ROWS };
            let export = app.events.export(workspace, from_ms, to_ms, TimeBasis::Click, page);
            let (rows, next) = export.await?;
            rows.into_iter().for_each(|row| stories.add(row));
            for run in tables.runs(stories.take(next.is_none())) {
                let held = tables.load(&run).await?;
                // Seconds of arithmetic must not keep a thread from answering others.
                attempt = tokio::task::spawn_blocking(move || attempt.all(run, &held)).await??;
            }
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok((attempt.simulation, coverage))
}
