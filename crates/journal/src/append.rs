//! The future an append returns, and the group whose fate it shares.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::options::Sequence;

/// Why a record was not logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The disk did not answer within [`crate::Options::max_ack_wait`].
    Slow,
    /// No space is left; the journal tries again by itself.
    DiskFull,
    /// Writing or syncing failed; the journal tries again by itself.
    Io,
    /// [`crate::Options::queue_bytes_max`] bytes already wait.
    QueueFull,
    /// The journal is closed.
    Closed,
    /// The payload does not fit into a segment, or is longer than 1 MiB.
    TooLarge,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Slow => "the disk did not answer in time",
            Self::DiskFull => "the disk is full",
            Self::Io => "writing failed",
            Self::QueueFull => "too much waits to be written",
            Self::Closed => "the journal is closed",
            Self::TooLarge => "the record is too large",
        })
    }
}

/// The record was not acknowledged. Which of the two it is decides what the caller owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLogged {
    /// It is certain that the record never appears in the log.
    #[error("record withdrawn: {why}")]
    Withdrawn {
        /// What stood in the way.
        why: Refusal,
    },
    /// The record was being written when the wait ended; it may yet become durable, so the caller
    /// has to append a record that settles what it counts as.
    #[error("record not acknowledged, it may yet appear: {why}")]
    InFlight {
        /// What stood in the way.
        why: Refusal,
    },
}

/// An append under way: resolves to the record's number once it is durable.
///
/// Works under any executor. The record is written whether or not this is polled; polled late it
/// knows what happened. Dropping it withdraws nothing.
#[must_use = "an append is acknowledged only by awaiting it"]
#[derive(Debug)]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Refused(NotLogged),
    Queued { group: Arc<Group>, place: u32 },
}

impl Append {
    pub(crate) fn refused(why: Refusal) -> Self {
        Self(State::Refused(NotLogged::Withdrawn { why }))
    }

    pub(crate) fn queued(group: Arc<Group>, place: u32) -> Self {
        Self(State::Queued { group, place })
    }

    /// What became of the record, if that is known by now.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<Sequence, NotLogged>> {
        match &self.0 {
            State::Refused(refused) => Some(Err(*refused)),
            State::Queued { group, place } => group.outcome(*place),
        }
    }

    /// Blocks the calling thread until the outcome is known.
    ///
    /// # Errors
    /// As awaiting it would.
    pub fn wait(mut self) -> Result<Sequence, NotLogged> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Future for Append {
    type Output = Result<Sequence, NotLogged>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            State::Refused(refused) => Poll::Ready(Err(*refused)),
            State::Queued { group, place } => group.poll(*place, context.waker()),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Records that are written, synced and acknowledged together.
///
/// Records stand in the order they were appended, so that every state is a prefix: the first
/// `withdrawn` were too late to be taken, those below `durable` are safe, those below `overdue`
/// are answered as in flight. One atomic per state, instead of one allocation per record.
#[derive(Debug, Default)]
pub(crate) struct Group {
    withdrawn: AtomicU32,
    durable: AtomicU32,
    overdue: AtomicU32,
    /// 0, or the code of the refusal that ended the group, plus `TAKEN`.
    ended: AtomicU8,
    /// The number of the first record that was not withdrawn; set before `durable` is.
    first_sequence: AtomicU64,
    wakers: Mutex<Vec<Option<Waker>>>,
}

/// Set in `ended` if the writer had taken the group.
const TAKEN: u8 = 0x80;

impl Group {
    /// A group that reuses the memory of an earlier one's list of wakers.
    pub(crate) fn with_memory(wakers: Vec<Option<Waker>>) -> Arc<Self> {
        Arc::new(Self { wakers: Mutex::new(wakers), ..Self::default() })
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Option<Waker>>> {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self, place: u32) -> Option<Result<Sequence, NotLogged>> {
        let durable = self.durable.load(Ordering::Acquire);
        let withdrawn = self.withdrawn.load(Ordering::Acquire);
        if place < withdrawn {
            return Some(Err(NotLogged::Withdrawn { why: Refusal::Slow }));
        }
        if place < durable {
            let first = self.first_sequence.load(Ordering::Relaxed);
            return Some(Ok(Sequence(first + u64::from(place - withdrawn))));
        }
        let ended = self.ended.load(Ordering::Acquire);
        if ended != 0 {
            let why = refusal_of(ended & !TAKEN);
            let in_flight = ended & TAKEN != 0;
            return Some(Err(if in_flight {
                NotLogged::InFlight { why }
            } else {
                NotLogged::Withdrawn { why }
            }));
        }
        let overdue = place < self.overdue.load(Ordering::Acquire);
        overdue.then_some(Err(NotLogged::InFlight { why: Refusal::Slow }))
    }

    fn poll(&self, place: u32, waker: &Waker) -> Poll<Result<Sequence, NotLogged>> {
        if let Some(outcome) = self.outcome(place) {
            return Poll::Ready(outcome);
        }
        let mut wakers = self.wakers();
        // Whoever changes the state takes the wakers afterwards, so looking again under the lock
        // cannot miss it.
        if let Some(outcome) = self.outcome(place) {
            return Poll::Ready(outcome);
        }
        let place = place as usize;
        if wakers.len() <= place {
            wakers.resize_with(place + 1, || None);
        }
        match &mut wakers[place] {
            Some(present) if present.will_wake(waker) => {}
            slot => *slot = Some(waker.clone()),
        }
        Poll::Pending
    }

    /// The first `count` records waited too long and are not written.
    pub(crate) fn withdraw(&self, count: u32) {
        self.withdrawn.store(count, Ordering::Release);
        self.wake_below(count);
    }

    /// Numbers the records that were not withdrawn.
    pub(crate) fn number(&self, first_sequence: u64) {
        self.first_sequence.store(first_sequence, Ordering::Relaxed);
    }

    /// The records below `place` are durable. Unless they are all, which ends in
    /// [`Group::wake_all`], those who wait for them are woken.
    pub(crate) fn acknowledge(&self, place: u32, are_all: bool) {
        self.durable.store(place, Ordering::Release);
        if !are_all {
            self.wake_below(place);
        }
    }

    /// The first `count` records waited too long, but are being written.
    pub(crate) fn overdue(&self, count: u32) {
        self.overdue.store(count, Ordering::Release);
        self.wake_below(count);
    }

    /// Ends the group: no record that is not durable by now will be acknowledged.
    pub(crate) fn end(&self, why: Refusal, taken: bool) {
        let taken = if taken { TAKEN } else { 0 };
        self.ended.store(code_of(why) | taken, Ordering::Release);
    }

    pub(crate) fn wake_below(&self, count: u32) {
        let mut woken = Vec::new();
        for slot in self.wakers().iter_mut().take(count as usize) {
            woken.extend(slot.take());
        }
        woken.into_iter().for_each(Waker::wake);
    }

    /// Wakes all who wait; returns the emptied list for the next group.
    pub(crate) fn wake_all(&self) -> Vec<Option<Waker>> {
        let mut wakers = std::mem::take(&mut *self.wakers());
        for waker in wakers.drain(..).flatten() {
            waker.wake();
        }
        wakers
    }
}

fn code_of(why: Refusal) -> u8 {
    match why {
        Refusal::Slow => 1,
        Refusal::DiskFull => 2,
        Refusal::Io => 3,
        Refusal::QueueFull => 4,
        Refusal::Closed => 5,
        Refusal::TooLarge => 6,
    }
}

fn refusal_of(code: u8) -> Refusal {
    match code {
        1 => Refusal::Slow,
        2 => Refusal::DiskFull,
        4 => Refusal::QueueFull,
        5 => Refusal::Closed,
        6 => Refusal::TooLarge,
        _ => Refusal::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(group: &Group, count: u32) -> Vec<Option<Result<u64, NotLogged>>> {
        (0..count).map(|place| group.outcome(place).map(|known| known.map(|s| s.0))).collect()
    }

    const SLOW: Option<Result<u64, NotLogged>> =
        Some(Err(NotLogged::Withdrawn { why: Refusal::Slow }));

    #[test]
    fn numbers_start_after_the_withdrawn() {
        let group = Group::with_memory(Vec::new());
        group.withdraw(2);
        group.number(41);
        assert_eq!(outcomes(&group, 4), [SLOW, SLOW, None, None]);
        group.acknowledge(3, false);
        assert_eq!(outcomes(&group, 4), [SLOW, SLOW, Some(Ok(41)), None]);
        group.acknowledge(4, true);
        assert_eq!(outcomes(&group, 4), [SLOW, SLOW, Some(Ok(41)), Some(Ok(42))]);
    }

    #[test]
    fn polled_late_an_overdue_record_that_became_durable_is_acknowledged() {
        let group = Group::with_memory(Vec::new());
        group.number(7);
        group.overdue(1);
        let in_flight = Some(Err(NotLogged::InFlight { why: Refusal::Slow }));
        assert_eq!(outcomes(&group, 2), [in_flight, None]);
        group.acknowledge(2, true);
        assert_eq!(outcomes(&group, 2), [Some(Ok(7)), Some(Ok(8))]);
    }

    #[test]
    fn what_ends_a_group_tells_taken_from_waiting() {
        for why in [Refusal::DiskFull, Refusal::Io, Refusal::Closed] {
            let (taken, waiting) = (Group::default(), Group::default());
            taken.acknowledge(1, false);
            taken.end(why, true);
            waiting.end(why, false);
            assert_eq!(taken.outcome(0), Some(Ok(Sequence(0))));
            assert_eq!(taken.outcome(1), Some(Err(NotLogged::InFlight { why })));
            assert_eq!(waiting.outcome(0), Some(Err(NotLogged::Withdrawn { why })));
        }
    }

    #[test]
    fn a_future_polled_twice_keeps_one_waker_and_is_woken_once() {
        struct Count(AtomicU32);
        impl Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let group = Group::with_memory(Vec::new());
        let count = Arc::new(Count(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut append = Append::queued(Arc::clone(&group), 0);
        for _ in 0..3 {
            let polled = Pin::new(&mut append).poll(&mut Context::from_waker(&waker));
            assert_eq!(polled, Poll::Pending);
        }
        group.number(1);
        group.acknowledge(1, true);
        group.wake_all();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert_eq!(append.wait(), Ok(Sequence(1)));
    }
}
