//! Where data rests, and all SQL: what happened ([`Events`]) and what the operator decided
//! ([`Catalog`]).
//!
//! Each trait has an embedded backend ([`DuckEvents`], [`SqliteCatalog`]) and a naive one in memory
//! ([`MemoryEvents`], [`MemoryCatalog`]), which says what is right: the same [`conformance`] suites
//! run on all of them. Modules in reading order: errors, the two traits, the rules that hold on every
//! backend, the backends, the suites.

mod error;

mod catalog;
mod costs;
mod events;
mod rewrites;

mod facts_order;
mod field_value;
mod filter_test;
mod inbox_text;

mod changes;
mod rates;
mod reference_place;
mod thing_body;
mod what_if;

mod duck;
mod memory;
mod sqlite;

pub mod conformance;

pub use catalog::{
    Catalog, Change, Claim, IDEMPOTENCY_MS, KeptAnswer, LogRow, Replaced, RevisionRow, Saved,
    TokenRow,
};
pub use changes::{Standing, StoredThing, check_changes};
pub use costs::{
    Author, CostAdded, CostQuery, CostRow, Costs, NewCost, NewRecompute, Progress, Recompute, What,
};
pub use duck::{DuckEvents, DuckOptions};
pub use error::{Cause, ReferenceProblem, StoreError, User};
pub use events::{
    Batch, CLICKS_AT_ONCE, Cursor, EXTERNAL_ID_KIND, EventStats, Events, ExportPage, InboxQuery,
    NoCursor, PLATFORM_ID_MATCHES_MAX,
};
pub use facts_order::normal_facts;
pub use field_value::{field_value, ip_net, seconds_to_conversion};
pub use filter_test::{FilterTest, Test, fold};
pub use memory::{MemoryCatalog, MemoryEvents};
pub use rates::{NoRateKey, RateKey, RateQuery, RateRow};
pub use rewrites::{Amounts, Figure, Piece, Rewrite, Rewrites, Scope, Span, Staged};
pub use sqlite::SqliteCatalog;
pub use what_if::what_if;
