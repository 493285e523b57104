//! A change tried on the past: which clicks it would have moved, and what it would have earned.
//!
//! Modules in reading order: `simulation` takes clicks one by one, `estimate` weighs what they earned,
//! `interval` says how sure that is, `place` and `answer` show it.

mod simulation;

mod estimate;
mod interval;

mod answer;
mod place;

pub use answer::{
    Coverage, DifferenceView, EstimateView, MoveView, SimulationAnswer, SliceView, TallyView,
    UnknownView, UnsupportedPlace, WithoutSupport, finish_simulation,
};
pub use estimate::{Difference, Estimate, NoEstimate, Trial, Tried};
pub use place::PlaceView;
pub use simulation::{Brought, Outcome, SLICES_MAX, Simulation, TooManySlices, Unknown};
