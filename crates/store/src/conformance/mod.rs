//! Suites that every backend of a trait must pass, generic over the backend.
//!
//! Each takes a function that makes a fresh, empty store. They assert, so they are for tests.

mod catalog;
mod catalog_rates;
mod catalog_rules;
mod costs;
mod events;
mod rewrites;
mod sample;

pub use catalog::catalog;
pub use costs::costs;
pub use events::events;
pub use rewrites::{Both, rewrites};
