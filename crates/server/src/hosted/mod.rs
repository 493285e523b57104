//! Hosted landers: from an archive or folder to files that are served, and what has to hold when a lander names them.
//!
//! Modules in reading order: `names` (which files), `unpack` (from an archive), `pack` (into one), `rules` (what a save
//! must hold).

mod names;
mod pack;
mod rules;
mod unpack;

pub use pack::{pack_files, pack_folder};
pub use rules::check;
pub use unpack::{ARCHIVE_BYTES_MAX, LeftOut, unpack};
