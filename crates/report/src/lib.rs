//! Question → plan → answer: what a report needs from a store, and what it makes of the sums; pure.
//!
//! The way of a question: [`plan`] checks a [`model::query::Query`], resolves its period in its time
//! zone and names the sums a store has to compute; the store answers groups in no order; [`finish`]
//! orders and pages them, adds the totals over everything, and computes ratios from the summed
//! counters; [`to_csv`], [`to_table`] and serde print the [`Report`].
//!
//! Modules in reading order: `plan` with what it asks (`zone`, `period`, `time_key`, `filter`,
//! `order`, `figure`), `finish`, `report` and the forms it is printed in (`decimal`, `csv`, `table`); `trial`, a
//! change tried on the past; `reconcile`, somebody else's totals beside ours.

mod error;
mod plan;

mod filter;
mod order;
mod period;
mod time_key;
mod zone;

mod figure;
mod finish;

mod report;

mod trial;

mod reconcile;

mod csv;
mod decimal;
mod table;

pub use csv::to_csv;
pub use decimal::print as amount_text;
pub use error::QueryError;
pub use finish::{Names, finish};
pub use plan::{Context, LIMIT_DEFAULT, LIMIT_MAX, Planned, plan};
pub use reconcile::{
    Amount, Ask, Asked, Balance, Book, Cause, CauseView, Clock, Counted, Effect, Expansion,
    IfShifted, LineSide, Measure, MissedCall, Party, Prices, Proposal, ReconcileError, Reconciled,
    ReconciledLine, ReconciledMeasure, SentAmount, Shift, TheirLine, View, cause_of_call,
    reconciled_to_csv, reconciled_to_table,
};
pub use report::{Bounds, Figure, KeyCell, Report, ReportRow};
pub use table::to_table;
pub use trial::{
    Brought, Coverage, Difference, DifferenceView, Estimate, EstimateView, MoveView, NoEstimate,
    Outcome, PlaceView, SLICES_MAX, Simulation, SimulationAnswer, SliceView, TallyView,
    TooManySlices, Trial, Tried, Unknown, UnknownView, UnsupportedPlace, WithoutSupport,
    finish_simulation,
};
