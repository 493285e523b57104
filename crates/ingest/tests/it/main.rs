//! Ingest as a whole: a journal on a simulated disk, carried into a store in memory.
//!
//! Chance comes from seeds, which a failure prints; `CLICKTRAIL_SEED` runs one of them alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails says so"
)]

mod catalog;
mod rig;

mod caps;
mod costs;
mod hearing;
mod oracle;
mod play;
mod property;
mod recompute;
mod reconvert;
mod writing;

mod crash;
mod flaky;

mod damage;
mod orders;
mod pages;
mod running;
mod verdicts;
