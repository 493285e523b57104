//! Routing from the outside: what leads where, whether it can be repeated, and how it is explained.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as it does")]

mod chances;
mod conditions;
mod destinations;
mod draws;
mod links;
mod made_up;
mod paths;
mod refusals;
mod repeated;
mod scene;
mod visitors;
