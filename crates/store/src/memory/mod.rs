//! The naive backends: no files, no cleverness; what they answer is what is right.

mod answer;
mod catalog;
mod costs;
mod events;

pub use catalog::MemoryCatalog;
pub use events::MemoryEvents;
pub(crate) use events::next_cursor;
