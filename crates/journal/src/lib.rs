//! A durable, append-only log of byte records: append, wait for the group commit, stream back.
//!
//! The journal knows nothing about what the bytes mean. It promises three things:
//!
//! 1. a record whose [`Append`] resolved to a [`Sequence`] survives what its [`Durability`] says,
//!    is read back exactly once and in order;
//! 2. a record that was [`NotLogged::Withdrawn`] never appears;
//! 3. whatever a crash, a full disk or a rotten block took away is named by sequence, never
//!    guessed and never a reason to refuse to start.
//!
//! The way of the data: [`Journal::append`] puts a frame into the `queue`; the one `writer` takes
//! everything queued, writes it with one `pwrite`, makes it durable with one `fdatasync` and wakes
//! all who wait; a [`Reader`] streams what is durable. Beside that way: the watchdog of the `queue`
//! (deadlines), `upkeep` (segments made ahead by the `maker`, retention, the `counters` file),
//! `recover` (start: `inspect` the first blocks, read the `tail`), `verify`.
//!
//! The files are described in `docs/formats/journal.md`.

mod options;

mod append;
mod frame;
mod index;
mod pace;
mod queue;
mod segment;
mod shared;
mod writer;

mod reader;

mod counters;
mod maker;
mod status;
mod upkeep;

mod inspect;
mod recover;
mod scan;
mod tail;
mod verify;

mod disk;
mod real;
pub mod sim;

mod journal;

pub use append::{Append, NotLogged, Refusal};
pub use disk::{Disk, File, Lock};
pub use journal::{CloseError, Journal, Stepper};
pub use options::{Durability, Options, Sequence};
pub use reader::{Batch, ReadError, Reader};
pub use real::RealDisk;
pub use recover::{OpenError, Recovery};
pub use status::{Degraded, Status};
pub use verify::{Report, verify};
