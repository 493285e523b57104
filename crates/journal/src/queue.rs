//! Where appended records wait for the writer: one buffer, one short lock.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::append::{Append, Group, Refusal};
use crate::frame::{self, Kind};

/// Records on their way from the callers to the writer.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Tells the writer that something waits.
    work: Condvar,
    /// Tells the watchdog that there is a deadline again.
    deadline: Condvar,
    payload_max: usize,
    bytes_max: usize,
    pub(crate) max_ack_wait: Duration,
}

#[derive(Debug)]
struct State {
    waiting: Waiting,
    taken: Option<Taken>,
    degraded: Option<Degraded>,
    /// The writer has been at one group for longer than a caller may wait.
    slow_since: Option<Duration>,
    closed: bool,
    /// The thread waits and has to be told.
    writer_idle: bool,
    watchdog_idle: bool,
    spare_wakers: Vec<Option<Waker>>,
    spare_arrivals: Vec<Duration>,
}

/// What was appended since the writer last took.
#[derive(Debug, Default)]
struct Waiting {
    frames: Frames,
    arrivals: Vec<Duration>,
    group: Arc<Group>,
    /// How many of them were too late.
    withdrawn: u32,
}

/// What the writer is at.
#[derive(Debug)]
struct Taken {
    group: Arc<Group>,
    since: Duration,
    /// When its records arrived, and how many of them are overdue; the withdrawn are included.
    arrivals: Vec<Duration>,
    overdue: u32,
}

/// Frames behind each other, and where each one ends.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

impl Frames {
    pub(crate) fn push(&mut self, kind: Kind, payload: &[u8]) {
        frame::put(&mut self.bytes, kind, payload);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Where a frame begins.
    pub(crate) fn start(&self, place: usize) -> usize {
        if place == 0 { 0 } else { self.ends[place - 1] }
    }
}

/// The journal refuses records since then, because of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Degraded {
    pub(crate) why: Refusal,
    pub(crate) since: Duration,
}

/// A group handed to the writer.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) frames: Frames,
    pub(crate) group: Arc<Group>,
    /// How many frames at the beginning are not to be written.
    pub(crate) withdrawn: u32,
}

impl Queue {
    pub(crate) fn new(payload_max: usize, bytes_max: u64, max_ack_wait: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                waiting: Waiting::default(),
                taken: None,
                degraded: None,
                slow_since: None,
                closed: false,
                writer_idle: false,
                watchdog_idle: false,
                spare_wakers: Vec::new(),
                spare_arrivals: Vec::new(),
            }),
            work: Condvar::new(),
            deadline: Condvar::new(),
            payload_max,
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            max_ack_wait,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn append(&self, kind: Kind, payload: &[u8], now: Duration) -> Append {
        if payload.len() > self.payload_max {
            return Append::refused(Refusal::TooLarge);
        }
        let mut state = self.state();
        if let Some(why) = state.refuses() {
            return Append::refused(why);
        }
        let waiting = &mut state.waiting;
        if waiting.frames.bytes.len() + payload.len() + frame::OVERHEAD > self.bytes_max {
            return Append::refused(Refusal::QueueFull);
        }
        waiting.frames.push(kind, payload);
        waiting.arrivals.push(now);
        let place = (waiting.arrivals.len() - 1) as u32;
        let append = Append::queued(Arc::clone(&waiting.group), place);
        let wake_writer = std::mem::take(&mut state.writer_idle);
        let wake_watchdog = std::mem::take(&mut state.watchdog_idle);
        drop(state);
        if wake_writer {
            self.work.notify_one();
        }
        if wake_watchdog {
            self.deadline.notify_one();
        }
        append
    }

    /// Takes everything that waits; `memory` is what the frames of the next group are kept in.
    pub(crate) fn take(&self, memory: &mut Frames, now: Duration) -> Option<Work> {
        self.state().take(memory, now)
    }

    /// As [`Queue::take`], but waits for something to take until `timeout` has passed. `None` also
    /// when the queue was closed.
    pub(crate) fn wait_and_take(
        &self,
        memory: &mut Frames,
        timeout: Duration,
        now: impl Fn() -> Duration,
    ) -> Option<Work> {
        let mut state = self.state();
        if state.waiting.is_empty() && !state.closed {
            state.writer_idle = true;
            let waited = self.work.wait_timeout(state, timeout);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.writer_idle = false;
        }
        state.take(memory, now())
    }

    /// Waits until `timeout` has passed or the queue is closed.
    pub(crate) fn wait_closed(&self, timeout: Duration) {
        let state = self.state();
        if !state.closed {
            drop(self.work.wait_timeout(state, timeout));
        }
    }

    /// Whether nothing will ever be taken again.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.state();
        state.closed && state.waiting.is_empty()
    }

    /// The writer is done with the group it took.
    pub(crate) fn finish(&self, wakers: Vec<Option<Waker>>) {
        let mut state = self.state();
        state.slow_since = None;
        if let Some(mut taken) = state.taken.take() {
            taken.arrivals.clear();
            state.spare_arrivals = taken.arrivals;
        }
        state.spare_wakers = wakers;
    }

    /// Refuses records from now on, and those that wait: nothing of them will be written.
    pub(crate) fn degrade(&self, why: Refusal, now: Duration) {
        let mut state = self.state();
        if state.degraded.is_none_or(|degraded| degraded.why != why) {
            let since = state.degraded.map_or(now, |degraded| degraded.since);
            state.degraded = Some(Degraded { why, since });
        }
        let waiting = state.renew_waiting();
        drop(state);
        waiting.group.end(why, false);
        waiting.group.wake_all();
    }

    /// Accepts records again.
    pub(crate) fn recover(&self) {
        self.state().degraded = None;
    }

    /// Accepts nothing any more; what waits will still be taken.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.work.notify_all();
        self.deadline.notify_all();
    }

    /// Answers all who waited too long. Returns when to look again, if anything waits.
    pub(crate) fn expire(&self, now: Duration) -> Option<Duration> {
        let limit = self.max_ack_wait;
        let mut state = self.state();
        let mut overdue = None;
        if let Some(taken) = &mut state.taken {
            let count = expired(&taken.arrivals, taken.overdue, limit, now);
            if count > taken.overdue {
                taken.overdue = count;
                overdue = Some((Arc::clone(&taken.group), count));
            }
            if taken.since + limit <= now {
                let since = taken.since;
                state.slow_since.get_or_insert(since);
            }
        }
        let withdrawn = state.withdraw(limit, now);
        let next = state.next_deadline(limit);
        drop(state);
        if let Some((group, count)) = overdue {
            group.overdue(count);
        }
        if let Some((group, count)) = withdrawn {
            group.wake_below(count);
        }
        next
    }

    /// As [`Queue::expire`], again and again until the queue is closed.
    pub(crate) fn expire_until_closed(&self, now: impl Fn() -> Duration) {
        loop {
            self.expire(now());
            let mut state = self.state();
            if state.closed && state.taken.is_none() && state.waiting.is_empty() {
                return;
            }
            // Closing: look often, the writer does not tell when it is done.
            let longest =
                if state.closed { Duration::from_millis(10) } else { Duration::from_secs(60) };
            // Under the lock: a record that comes from here on sees that it has to tell us.
            let next = state.next_deadline(self.max_ack_wait);
            state.watchdog_idle = next.is_none();
            let timeout = next.map_or(longest, |at| at.saturating_sub(now()).min(longest));
            let waited = self.deadline.wait_timeout(state, timeout);
            waited.unwrap_or_else(PoisonError::into_inner).0.watchdog_idle = false;
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let state = self.state();
        let slow = state.slow_since.map(|since| Degraded { why: Refusal::Slow, since });
        Figures {
            records: state.waiting.arrivals.len() as u64 - u64::from(state.waiting.withdrawn),
            bytes: state.waiting.frames.bytes.len() as u64,
            degraded: state.degraded.or(slow),
        }
    }
}

/// What the queue looks like at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) degraded: Option<Degraded>,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.arrivals.len() as u32 == self.withdrawn
    }
}

impl State {
    fn refuses(&self) -> Option<Refusal> {
        if self.closed {
            return Some(Refusal::Closed);
        }
        if let Some(degraded) = self.degraded {
            return Some(degraded.why);
        }
        self.slow_since.map(|_| Refusal::Slow)
    }

    /// Starts a new group and returns the one before.
    fn renew_waiting(&mut self) -> Waiting {
        let next = Waiting {
            frames: Frames::default(),
            arrivals: std::mem::take(&mut self.spare_arrivals),
            group: Group::with_memory(std::mem::take(&mut self.spare_wakers)),
            withdrawn: 0,
        };
        std::mem::replace(&mut self.waiting, next)
    }

    fn take(&mut self, memory: &mut Frames, now: Duration) -> Option<Work> {
        if self.waiting.is_empty() {
            return None;
        }
        let waiting = self.renew_waiting();
        self.waiting.frames = std::mem::take(memory);
        let group = Arc::clone(&waiting.group);
        self.taken = Some(Taken {
            group: waiting.group,
            since: now,
            arrivals: waiting.arrivals,
            overdue: waiting.withdrawn,
        });
        Some(Work { frames: waiting.frames, group, withdrawn: waiting.withdrawn })
    }

    /// Withdraws what waited too long. The memory is free again once nothing else waits.
    fn withdraw(&mut self, limit: Duration, now: Duration) -> Option<(Arc<Group>, u32)> {
        let waiting = &mut self.waiting;
        let count = expired(&waiting.arrivals, waiting.withdrawn, limit, now);
        if count == waiting.withdrawn {
            return None;
        }
        waiting.withdrawn = count;
        let group = Arc::clone(&waiting.group);
        // Under the queue's lock: the writer must not number a record that is withdrawn.
        group.withdraw(count);
        if waiting.is_empty() {
            let mut gone = self.renew_waiting();
            gone.frames.clear();
            self.waiting.frames = gone.frames;
        }
        Some((group, count))
    }

    fn next_deadline(&self, limit: Duration) -> Option<Duration> {
        let waiting = self.waiting.arrivals.get(self.waiting.withdrawn as usize);
        let taken = self.taken.as_ref();
        let overdue = taken.and_then(|taken| taken.arrivals.get(taken.overdue as usize));
        // Once nobody waits for the group under way, its own age still says that the disk is slow.
        let slow = taken.filter(|_| self.slow_since.is_none()).map(|taken| taken.since);
        let oldest = [waiting.copied(), overdue.copied(), slow].into_iter().flatten().min();
        oldest.map(|at| at + limit)
    }
}

/// How many arrivals, counted from the beginning, are too long ago.
fn expired(arrivals: &[Duration], already: u32, limit: Duration, now: Duration) -> u32 {
    let late = arrivals[already as usize..].iter().take_while(|&&at| at + limit <= now);
    already + late.count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::NotLogged;

    const LIMIT: Duration = Duration::from_millis(250);

    fn queue(bytes_max: u64) -> Queue {
        Queue::new(1000, bytes_max, LIMIT)
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn append(queue: &Queue, now: Duration) -> Append {
        queue.append(Kind::Record, b"click", now)
    }

    fn take(queue: &Queue, now: Duration) -> Option<Work> {
        queue.take(&mut Frames::default(), now)
    }

    #[test]
    fn a_record_nobody_took_in_time_is_withdrawn_and_never_handed_out() {
        let queue = queue(10_000);
        let (early, late) = (append(&queue, ms(0)), append(&queue, ms(100)));
        assert_eq!(queue.expire(ms(249)), Some(ms(250)));
        assert_eq!(early.outcome(), None);
        assert_eq!(queue.expire(ms(250)), Some(ms(350)));
        let withdrawn = Some(Err(NotLogged::Withdrawn { why: Refusal::Slow }));
        assert_eq!(early.outcome(), withdrawn);
        let work = take(&queue, ms(260)).unwrap();
        assert_eq!((work.withdrawn, work.frames.ends.len()), (1, 2));
        assert_eq!(late.outcome(), None);
    }

    #[test]
    fn a_record_under_way_is_in_flight_and_what_comes_then_is_refused_at_once() {
        let queue = queue(10_000);
        let taken = append(&queue, ms(0));
        let _work = take(&queue, ms(1)).unwrap();
        let waiting = append(&queue, ms(200));
        queue.expire(ms(251));
        assert_eq!(taken.outcome(), Some(Err(NotLogged::InFlight { why: Refusal::Slow })));
        let withdrawn = Some(Err(NotLogged::Withdrawn { why: Refusal::Slow }));
        assert_eq!(append(&queue, ms(252)).outcome(), withdrawn, "the disk hangs");
        assert_eq!(waiting.outcome(), None);
        assert_eq!(queue.expire(ms(450)), None);
        assert_eq!(waiting.outcome(), withdrawn);
        queue.finish(Vec::new());
        assert_eq!(append(&queue, ms(460)).outcome(), None, "the disk answered");
    }

    #[test]
    fn the_queue_is_bounded_and_withdrawn_records_free_their_bytes() {
        let queue = queue(60);
        let first = append(&queue, ms(0));
        let second = append(&queue, ms(0));
        let full = Some(Err(NotLogged::Withdrawn { why: Refusal::QueueFull }));
        assert_eq!(append(&queue, ms(0)).outcome(), full);
        queue.expire(ms(250));
        assert!(first.outcome().is_some() && second.outcome().is_some());
        assert_eq!(append(&queue, ms(251)).outcome(), None);
        assert_eq!(queue.figures().bytes, 29);
    }

    #[test]
    fn what_does_not_fit_into_a_segment_is_refused() {
        let refused = queue(10_000).append(Kind::Record, &[0; 1001], ms(0)).outcome();
        assert_eq!(refused, Some(Err(NotLogged::Withdrawn { why: Refusal::TooLarge })));
    }

    #[test]
    fn degrading_withdraws_what_waits_and_refuses_what_comes() {
        let queue = queue(10_000);
        let taken = append(&queue, ms(0));
        let _work = take(&queue, ms(0)).unwrap();
        let waiting = append(&queue, ms(1));
        queue.degrade(Refusal::DiskFull, ms(2));
        let full = Some(Err(NotLogged::Withdrawn { why: Refusal::DiskFull }));
        assert_eq!(taken.outcome(), None, "the writer answers for what it took");
        assert_eq!(waiting.outcome(), full);
        assert_eq!(append(&queue, ms(3)).outcome(), full);
        assert!(take(&queue, ms(3)).is_none());
        queue.recover();
        assert_eq!(append(&queue, ms(4)).outcome(), None);
    }

    #[test]
    fn closing_refuses_what_comes_and_keeps_what_waits() {
        let queue = queue(10_000);
        let waiting = append(&queue, ms(0));
        queue.close();
        let closed = Some(Err(NotLogged::Withdrawn { why: Refusal::Closed }));
        assert_eq!(append(&queue, ms(0)).outcome(), closed);
        assert_eq!(waiting.outcome(), None);
        assert_eq!(take(&queue, ms(0)).unwrap().frames.ends.len(), 1);
    }
}
