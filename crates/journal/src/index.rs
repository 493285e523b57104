//! Which segments there are and up to where they are durable: what readers go by.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::segment::Uuid;

/// One segment that holds records, or held some when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) ordinal: u64,
    pub(crate) uuid: Uuid,
    pub(crate) first_sequence: u64,
    /// Offset up to which frames count.
    pub(crate) end: u64,
    /// Sequences from here on are not in it, as far as its successor says; those up to the
    /// successor's first one are nowhere.
    pub(crate) below: u64,
    /// Size of the file in bytes.
    pub(crate) size: u64,
    /// Running time of the journal when it was opened, in milliseconds.
    pub(crate) opened_at_ms: u64,
    pub(crate) is_damaged: bool,
}

/// The list of segments and the durable position.
#[derive(Debug)]
pub(crate) struct Index {
    state: Mutex<State>,
    newer: Condvar,
}

#[derive(Debug)]
struct State {
    segments: VecDeque<Segment>,
    /// The last durable sequence.
    durable: u64,
    released: u64,
    /// All records found at start stand where this index says.
    is_settled: bool,
    /// This process made a segment durable. One that was only found may stand in the page cache
    /// alone, and must not be all that is left.
    has_own: bool,
    waiting: u32,
    closed: bool,
}

/// The part of the journal a reader stands in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) segment: Segment,
    /// The first sequence that is not to be found in this segment.
    pub(crate) below: u64,
    /// The first sequence of what follows.
    pub(crate) next_first: u64,
    /// Nothing follows yet.
    pub(crate) is_last: bool,
}

impl Index {
    /// An index of what was found at start. Until [`Index::settle`], some records may stand only
    /// behind the end of a segment, waiting to be written again.
    pub(crate) fn new(segments: VecDeque<Segment>, durable: u64) -> Self {
        let state = State {
            segments,
            durable,
            released: 0,
            is_settled: false,
            has_own: false,
            waiting: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), newer: Condvar::new() }
    }

    /// Recovery is done: segments may be removed.
    pub(crate) fn settle(&self) {
        self.state().is_settled = true;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A write into a segment is durable up to `end` and sequence `durable`. `segment` is new, or
    /// the newest so far.
    pub(crate) fn advance(&self, segment: &Segment, durable: u64) {
        let mut state = self.state();
        match state.segments.back_mut() {
            Some(last) if last.ordinal == segment.ordinal => last.end = segment.end,
            _ => {
                state.segments.push_back(*segment);
                state.has_own = true;
            }
        }
        state.durable = durable;
        if state.waiting > 0 {
            self.newer.notify_all();
        }
    }

    pub(crate) fn durable(&self) -> u64 {
        self.state().durable
    }

    pub(crate) fn released(&self) -> u64 {
        self.state().released
    }

    pub(crate) fn release(&self, through: u64) {
        let mut state = self.state();
        state.released = state.released.max(through.min(state.durable));
    }

    /// Where the record with this sequence is to be found; `None` if it is not durable yet.
    pub(crate) fn view(&self, sequence: u64) -> Option<View> {
        let state = self.state();
        if sequence > state.durable {
            return None;
        }
        // Segments are in order; of several with the same first sequence only the last has records.
        let after = state.segments.partition_point(|segment| segment.first_sequence <= sequence);
        let place = after.saturating_sub(1);
        let segment = *state.segments.get(place)?;
        let next = state.segments.get(place + 1);
        let next_first = next.map_or(state.durable + 1, |next| next.first_sequence);
        let below = next_first.min(segment.below);
        Some(View { segment, below, next_first, is_last: next.is_none() })
    }

    /// Blocks until a sequence from `from` on is durable, the index is closed or time is up.
    pub(crate) fn wait(&self, from: u64, deadline: Instant) -> bool {
        let mut state = self.state();
        while state.durable < from && !state.closed {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            state.waiting += 1;
            let waited = self.newer.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
        state.durable >= from
    }

    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.newer.notify_all();
    }

    /// Marks a segment as damaged; returns whether it was not yet.
    pub(crate) fn mark_damaged(&self, uuid: Uuid) -> bool {
        let mut state = self.state();
        let found = state.segments.iter_mut().find(|segment| segment.uuid == uuid);
        found.is_some_and(|segment| !std::mem::replace(&mut segment.is_damaged, true))
    }

    pub(crate) fn set_size(&self, ordinal: u64, size: u64) {
        let mut state = self.state();
        if let Some(segment) = state.segments.iter_mut().find(|entry| entry.ordinal == ordinal) {
            segment.size = size;
        }
    }

    /// Takes out the oldest segment if all its records are released and it was left, for the next
    /// one, before `opened_before_ms`. The newest always stays, and all do until recovery is done
    /// and this process has made one durable.
    pub(crate) fn pop_expired(&self, opened_before_ms: u64) -> Option<Segment> {
        let mut state = self.state();
        let next = state.segments.get(1)?;
        let is_over =
            state.is_settled && state.has_own && next.first_sequence <= state.released + 1;
        if is_over && next.opened_at_ms <= opened_before_ms {
            state.segments.pop_front()
        } else {
            None
        }
    }

    /// Number and size in bytes of the segments, and the first sequence.
    pub(crate) fn figures(&self) -> (u64, u64, Option<u64>) {
        let state = self.state();
        let bytes = state.segments.iter().map(|segment| segment.size).sum();
        let first = state.segments.front().map(|segment| segment.first_sequence);
        (state.segments.len() as u64, bytes, first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(ordinal: u64, first_sequence: u64, opened_at_ms: u64) -> Segment {
        let uuid = [ordinal as u8; 16];
        let (end, below, size, is_damaged) = (9000, u64::MAX, 65536, false);
        Segment { ordinal, uuid, first_sequence, end, below, size, opened_at_ms, is_damaged }
    }

    fn index() -> Index {
        let index = Index::new([segment(1, 1, 0), segment(2, 10, 100)].into(), 19);
        index.advance(&segment(3, 20, 200), 25);
        index
    }

    #[test]
    fn a_sequence_is_found_in_its_segment() {
        let found = |sequence| index().view(sequence).map(|v| (v.segment.ordinal, v.below));
        assert_eq!(found(1), Some((1, 10)));
        assert_eq!(found(9), Some((1, 10)));
        assert_eq!(found(10), Some((2, 20)));
        assert_eq!(found(25), Some((3, 26)));
        assert_eq!(found(26), None);
    }

    #[test]
    fn of_segments_with_one_first_sequence_the_last_has_the_records() {
        let index = Index::new([segment(1, 1, 0), segment(2, 5, 0), segment(3, 5, 0)].into(), 7);
        assert_eq!(index.view(5).unwrap().segment.ordinal, 3);
        assert_eq!(index.view(4).unwrap().below, 5);
    }

    #[test]
    fn a_segment_goes_when_released_and_old_and_the_newest_never() {
        let index = index();
        index.release(9);
        assert_eq!(index.pop_expired(1000), None, "recovery is not done");
        let index = Index::new([segment(1, 1, 0), segment(2, 10, 100)].into(), 19);
        index.settle();
        index.release(9);
        assert_eq!(index.pop_expired(1000), None, "nothing is known to be durable");
        let index = self::index();
        index.settle();
        assert_eq!(index.pop_expired(1000), None, "nothing is released");
        index.release(8);
        assert_eq!(index.pop_expired(1000), None, "record 9 is not");
        index.release(9);
        assert_eq!(index.pop_expired(99), None, "it is not old enough");
        assert_eq!(index.pop_expired(100).unwrap().ordinal, 1);
        index.release(1000);
        assert_eq!(index.released(), 25, "only what is durable can be released");
        assert_eq!(index.pop_expired(1000).unwrap().ordinal, 2);
        assert_eq!(index.pop_expired(1000), None);
    }

    #[test]
    fn waiting_ends_when_something_newer_is_durable() {
        let index = index();
        assert!(index.wait(25, Instant::now()));
        assert!(!index.wait(26, Instant::now()));
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| index.wait(26, deadline));
            index.advance(&segment(3, 20, 200), 26);
            assert!(waiting.join().unwrap());
        });
    }
}
