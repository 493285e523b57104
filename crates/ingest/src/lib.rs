//! Journal → store: what arrived becomes rows whose plain sums are every figure of every report.
//!
//! [`STEPS`] is the list; a batch of journal records passes it in order, and the last step commits
//! rows, inbox and journal position in one transaction. After any crash the next batch starts at the
//! committed position, so nothing is lost and nothing counts twice.

mod error;
mod reason;

mod reconvert;
mod worth;

mod draft;
mod known;

mod caps;

mod clicks;
mod conversions;
mod cost;
mod foreign_ids;
mod lander_clicks;
mod ledger;
mod ledger_row;
mod orders;
mod pages;
mod recall;
mod records;
mod terms;
mod verdicts;

mod gather;
mod rehearse;
mod run;

mod recompute;

pub use cost::Thousands;
pub use draft::{Arrival, Call, ClickOf, Draft, NamedClick};
pub use error::IngestError;
pub use known::Known;
pub use ledger::{Addition, Entry, Incoming, Judgement, judge};
pub use reason::Reason;
pub use recompute::{Judged, REFRESH_AUTHOR, Recomputer, refreshes};
pub use reconvert::reconvert;
pub use records::read_params;
pub use rehearse::rehearse;
pub use run::{Context, Ingest, OnVerdict, Progress, Published, Settings, Shared};
pub use worth::Worth;

/// One step of the way from record to row.
#[derive(Clone, Copy)]
pub enum Step {
    /// A pure function of what is in the draft.
    Think(fn(&mut Draft, &Context)),
    /// Asks the store for the calls that orders in the draft are about.
    RecallCalls,
    /// Asks the store for the clicks the draft refers to, and all that happened to them.
    Recall,
    /// Asks the store whose the transaction ids in the draft are.
    RecallTransactions,
    /// Hands the rows over, with the position, in one transaction.
    Commit,
}

/// The way of a batch, in order. Each step is timed under its name.
pub const STEPS: [(&str, Step); 11] = [
    ("identify", Step::Think(records::identify)),
    ("recall_calls", Step::RecallCalls),
    ("orders", Step::Think(orders::reopen)),
    ("recall", Step::Recall),
    ("clicks", Step::Think(clicks::project)),
    ("lander_clicks", Step::Think(lander_clicks::project)),
    ("pages", Step::Think(pages::project)),
    ("terms", Step::Think(terms::settle)),
    ("recall_transactions", Step::RecallTransactions),
    ("conversions", Step::Think(conversions::project)),
    ("commit", Step::Commit),
];
