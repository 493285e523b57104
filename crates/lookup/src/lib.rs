//! Facts about a visitor from tables: place, network, device, system, browser, and whether it is a person at all.
//!
//! Two halves that know nothing of each other. [`Agents`] reads what the browser says about itself
//! (the user agent and the client hints); [`Geo`] reads what the address says (country, city,
//! network). Both are pure over the bytes and files given to them: no network, no clock, and no
//! state but a bounded cache.

mod agent;
mod agents;
mod bots;
mod browser;
mod cache;
mod device;
mod hints;
mod lists;
mod os;
mod patterns;
mod verdict;

mod geo;
mod hosting;
mod mapping;
mod mmdb;
mod mmdb_tree;
mod network_csv;
mod networks;
mod place_compile;
mod places;
mod range_draft;
mod ranges;
mod table;
mod table_draft;

mod error;

pub use agent::{Agent, Device};
pub use agents::{Agents, USER_AGENT_LIMIT_BYTES};
pub use error::LookupError;
pub use geo::{Geo, GeoFiles, GeoHandle, Network, Place};
pub use hints::Hints;
pub use network_csv::{compile_asn, refresh_asn};
pub use place_compile::{compile_places, refresh_places};
pub use verdict::{Reason, Verdict, request_verdict};
