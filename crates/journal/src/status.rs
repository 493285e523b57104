//! What a journal says about itself.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::append::Refusal;
use crate::options::{Durability, Sequence};
use crate::shared::Shared;

/// A journal at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What an acknowledgement means here.
    pub durability: Durability,
    /// The newest durable record; 0 if there is none.
    pub durable: Sequence,
    /// The oldest record still there, if any.
    pub oldest: Option<Sequence>,
    /// Through which record the consumer has released, in this process.
    pub released: Sequence,
    /// Segments that hold records.
    pub segments: u64,
    /// Size of their files in bytes.
    pub bytes: u64,
    /// Empty segments kept ahead.
    pub ready_segments: u64,
    /// Records are refused, since when and why.
    pub degraded: Option<Degraded>,
    /// Times [`crate::Journal::count_unlogged`] was called, in the journal's life: exact for this
    /// process, a lower bound for those that crashed.
    pub unlogged: u64,
    /// How long the newest sync took.
    pub last_sync: Duration,
    /// Damaged segments put aside, or that could not be, since this process opened the journal.
    pub quarantined: u64,
    /// Records that wait for the writer.
    pub queue_records: u64,
    /// Bytes that wait for the writer.
    pub queue_bytes: u64,
}

/// The journal refuses records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// For how long.
    pub lasting: Duration,
    /// Why.
    pub why: Refusal,
}

impl Status {
    pub(crate) fn of(shared: &Shared) -> Self {
        let queue = shared.queue.figures();
        let (segments, bytes, first) = shared.index.figures();
        let durable = shared.index.durable();
        let now = shared.now();
        Self {
            durability: shared.options.durability,
            durable: Sequence(durable),
            oldest: first.filter(|&first| first <= durable).map(Sequence),
            released: Sequence(shared.index.released()),
            segments,
            bytes,
            ready_segments: shared.maker.ready_count() as u64,
            degraded: queue.degraded.map(|degraded| Degraded {
                lasting: now.saturating_sub(degraded.since),
                why: degraded.why,
            }),
            unlogged: shared.counters.unlogged(),
            last_sync: Duration::from_nanos(shared.last_sync_ns.load(Ordering::Relaxed)),
            quarantined: shared.quarantined.load(Ordering::Relaxed),
            queue_records: queue.records,
            queue_bytes: queue.bytes,
        }
    }
}
