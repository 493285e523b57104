//! Their figures beside ours: a gap taken apart into causes, each of which is a sum over rows.
//!
//! `ours + every cause + what stays unexplained = theirs`, for each line and in all, in whole numbers. Modules in
//! reading order: `cause` (THE table of causes), `clock` (days of either party), `asked` (what is compared, and the
//! plans a store answers), `prices`, `book` (the sums by line), `balance` (the gap of a line, taken apart), `expand` (the
//! rows of a figure), `shift` (whose days
//! theirs are), `answer` and the forms it is printed in.

mod answer;
mod asked;
mod balance;
mod book;
mod cause;
mod clock;
mod expand;
mod prices;
mod print;
mod shift;

pub use answer::{
    Amount, Balance, CauseView, Effect, Expansion, IfShifted, LineSide, Reconciled, ReconciledLine,
    ReconciledMeasure, SentAmount, Shift,
};
pub use asked::{Ask, Asked, Party, ReconcileError, TheirLine, View};
pub use book::{Book, MissedCall};
pub use cause::{Cause, Counted, Measure, cause_of_call};
pub use clock::Clock;
pub use prices::Prices;
pub use print::{reconciled_to_csv, reconciled_to_table};
pub use shift::Proposal;
