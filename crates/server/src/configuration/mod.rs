//! Everything that is set up as one file, and what would have to be saved to make a file come true.
//!
//! A file has one list per kind (`[[campaign]]` …), each thing with `id`, `name` and the kind's own
//! fields as the API has them, and names where the API has numbers. `docs/formats/configuration.md`
//! says what counts when. Modules in reading order: the text, the fields of a thing on their way there
//! and back, differences and their words, which thing is which, the plan.

mod brief;
mod order;
mod references;
mod standing;
mod text;

mod difference;
mod step;
mod words;

mod identity;
mod plan;

#[cfg(test)]
mod generated;
#[cfg(test)]
mod tests;

pub use difference::{FieldChange, Version, difference};
pub use plan::{FormerName, Plan, PlanError, plan};
pub use standing::export;
pub use step::Step;
pub use text::Syntax;
