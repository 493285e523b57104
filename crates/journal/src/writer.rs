//! The one writer: takes what waits, writes it, syncs it, acknowledges it.
//!
//! A segment whose write or sync failed is poisoned: nothing is written or synced there again.
//! What was not acknowledged goes, with the same sequences, to the next segment, whose link says
//! where the poisoned one's valid bytes end. If that fails too, the journal is degraded: it
//! refuses records, keeps those it has taken, and tries again by itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::append::{Group, Refusal};
use crate::disk::{File, write_all};
use crate::frame::{self, Seed};
use crate::index::Segment;
use crate::journal::CloseError;
use crate::maker::refusal_for;
use crate::options::Durability;
use crate::queue::{Frames, Queue, Work};
use crate::segment::{DATA_AT, LINK_AT, Link, Previous, WRITE_MAX};
use crate::shared::{Chore, Shared};

/// How often a degraded journal tries to write.
pub(crate) const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How many failures one group may meet before the journal is degraded.
const FAILURES_MAX: u32 = 2;

/// The only one who writes records.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: Option<Active>,
    /// The newest segment with records that is not written any more.
    previous: Option<Previous>,
    next_sequence: u64,
    /// Taken but not durable, because the disk failed.
    pending: Option<Outgoing>,
    /// Why, if anything is pending.
    failed_with: Refusal,
    next_probe: Duration,
    /// Memory for the next group.
    memory: Frames,
}

/// The segment being written.
#[derive(Debug)]
struct Active {
    segment: Segment,
    seed: Seed,
    file: Arc<dyn File>,
    /// The last durable sequence in it.
    last_sequence: u64,
    /// To be written with the first records; none afterwards.
    link: Option<Link>,
}

/// Why a segment is not used any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    /// It is full, or another has to begin.
    Whole,
    /// A write or sync failed: it must never be synced again.
    Poisoned,
}

/// Frames with their sequences, on their way to the disk.
#[derive(Debug)]
pub(crate) struct Outgoing {
    frames: Frames,
    /// The next frame to write.
    next: usize,
}

impl Outgoing {
    /// Frames that carry their sequences already.
    pub(crate) fn new(frames: Frames) -> Self {
        Self { frames, next: 0 }
    }

    fn is_done(&self) -> bool {
        self.next == self.frames.ends.len()
    }

    fn next_sequence(&self) -> u64 {
        frame::number_of(&self.frames.bytes[self.frames.start(self.next)..])
    }

    fn next_size(&self) -> u64 {
        (self.frames.ends[self.next] - self.frames.start(self.next)) as u64
    }
}

impl Writer {
    /// A writer that goes on after `previous` with `next_sequence`, and first of all writes what
    /// recovery found in doubt.
    pub(crate) fn new(
        shared: Arc<Shared>,
        previous: Option<Previous>,
        next_sequence: u64,
        pending: Option<Outgoing>,
    ) -> Self {
        Self {
            shared,
            active: None,
            previous,
            next_sequence,
            pending,
            failed_with: Refusal::Io,
            next_probe: Duration::ZERO,
            memory: Frames::default(),
        }
    }

    /// Writes what recovery found in doubt. The numbers go on above `floor`, in a new segment.
    pub(crate) fn settle(&mut self, floor: u64) {
        self.retry_pending();
        if self.next_sequence <= floor {
            let active = self.active.take();
            self.leave(active, Leaving::Whole);
            self.next_sequence = floor + 1;
        }
    }

    /// The number the next record gets.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Waits for work until `timeout` has passed, and does it.
    pub(crate) fn wait_and_step(&mut self, timeout: Duration) -> bool {
        if self.pending.is_some() {
            return self.step();
        }
        let shared = Arc::clone(&self.shared);
        let work = shared.queue.wait_and_take(&mut self.memory, timeout, || shared.now());
        work.is_some_and(|work| self.write(work))
    }

    /// Does what there is to do; returns whether anything was.
    pub(crate) fn step(&mut self) -> bool {
        let now = self.shared.now();
        if self.pending.is_some() {
            if now < self.next_probe {
                return false;
            }
            self.retry_pending();
            return true;
        }
        let work = self.shared.queue.take(&mut self.memory, now);
        work.is_some_and(|work| self.write(work))
    }

    /// Whether the journal refuses records until a retry succeeds, and how long until that.
    pub(crate) fn retry_in(&self) -> Option<Duration> {
        self.pending.as_ref().map(|_| self.next_probe.saturating_sub(self.shared.now()))
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    /// Tries one last time to write what is owed.
    pub(crate) fn finish(&mut self) -> Result<(), CloseError> {
        self.retry_pending();
        match &self.pending {
            None => Ok(()),
            Some(outgoing) => {
                let records = (outgoing.frames.ends.len() - outgoing.next) as u64;
                Err(CloseError { records, why: self.failed_with })
            }
        }
    }

    fn write(&mut self, work: Work) -> bool {
        let Work { mut frames, group, withdrawn } = work;
        group.number(self.next_sequence);
        for place in withdrawn as usize..frames.ends.len() {
            let start = frames.start(place);
            frame::number(&mut frames.bytes[start..], self.next_sequence);
            self.next_sequence += 1;
        }
        let mut outgoing = Outgoing { frames, next: withdrawn as usize };
        let result = self.flush(&mut outgoing, Some(&group));
        match result {
            Ok(()) => {
                self.memory = outgoing.frames;
                self.memory.clear();
            }
            Err(why) => {
                group.end(why, true);
                self.degrade(why, outgoing);
            }
        }
        let wakers = group.wake_all();
        self.shared.queue.finish(wakers);
        true
    }

    fn degrade(&mut self, why: Refusal, outgoing: Outgoing) {
        let now = self.shared.now();
        self.pending = Some(outgoing);
        self.failed_with = why;
        self.next_probe = now + PROBE_INTERVAL;
        self.shared.queue.degrade(why, now);
    }

    fn retry_pending(&mut self) {
        if let Some(mut outgoing) = self.pending.take() {
            if let Err(why) = self.flush(&mut outgoing, None) {
                return self.degrade(why, outgoing);
            }
            self.shared.queue.recover();
        }
        self.shared.index.settle();
    }

    /// Writes all frames and makes them durable, in as many writes as the segments need. A failure
    /// is answered by the next segment, a second one ends it.
    fn flush(&mut self, outgoing: &mut Outgoing, group: Option<&Group>) -> Result<(), Refusal> {
        let mut failures = 0;
        while !outgoing.is_done() {
            match self.write_next(outgoing) {
                Ok(()) => {
                    if let Some(group) = group {
                        group.acknowledge(outgoing.next as u32, outgoing.is_done());
                    }
                }
                Err(error) => {
                    failures += 1;
                    let why = refusal_for(&error);
                    if failures == FAILURES_MAX || why == Refusal::DiskFull {
                        return Err(why);
                    }
                }
            }
        }
        Ok(())
    }

    /// One write and sync into the active segment, or the next if that is full.
    fn write_next(&mut self, outgoing: &mut Outgoing) -> io::Result<()> {
        let mut active = match self.active.take() {
            Some(active) if active.has_room_for(outgoing.next_size()) => active,
            full => {
                self.leave(full, Leaving::Whole);
                self.open_next(outgoing.next_sequence(), outgoing.next_size())?
            }
        };
        if let Err(error) = self.write_once(&mut active, outgoing) {
            self.leave(Some(active), Leaving::Poisoned);
            return Err(error);
        }
        self.shared.index.advance(&active.segment, active.last_sequence);
        self.active = Some(active);
        Ok(())
    }

    /// One write of as many frames as fit, and one sync.
    fn write_once(&self, active: &mut Active, outgoing: &mut Outgoing) -> io::Result<()> {
        let from = outgoing.frames.start(outgoing.next);
        let (next, to) = active.seal_frames(outgoing);
        if let Some(link) = &active.link {
            write_all(&*active.file, &link.encode(), LINK_AT)?;
        }
        write_all(&*active.file, &outgoing.frames.bytes[from..to], active.segment.end)?;
        // A segment's beginning always: older ones may be removed on the strength of it.
        if self.shared.options.durability == Durability::Sync || active.link.is_some() {
            let begun = self.shared.now();
            active.file.sync()?;
            let took = self.shared.now().saturating_sub(begun);
            self.shared.last_sync_ns.store(took.as_nanos() as u64, Ordering::Relaxed);
        }
        active.link = None;
        active.segment.end += (to - from) as u64;
        outgoing.next = next;
        active.last_sequence = outgoing.last_written();
        Ok(())
    }

    fn open_next(&mut self, first_sequence: u64, room: u64) -> io::Result<Active> {
        let blank = self.shared.maker.take(self.shared.disk.as_ref(), room)?;
        let opened_at_ms = self.shared.counters.running_ms(self.shared.now());
        let (uuid, previous) = (blank.uuid, self.previous);
        Ok(Active {
            segment: Segment {
                ordinal: blank.ordinal,
                uuid,
                first_sequence,
                end: DATA_AT,
                below: u64::MAX,
                size: blank.size,
                opened_at_ms,
                is_damaged: false,
            },
            seed: Seed::new(&uuid),
            file: blank.file,
            last_sequence: 0,
            link: Some(Link { uuid, first_sequence, previous, opened_at_ms }),
        })
    }

    /// Stops using a segment.
    fn leave(&mut self, active: Option<Active>, leaving: Leaving) {
        let Some(Active { segment, last_sequence, link, .. }) = active else { return };
        if link.is_some() {
            // Nothing in it was ever durable, and what it may hold is written elsewhere.
            self.shared.add_chore(Chore::Remove { ordinal: segment.ordinal });
            return;
        }
        let (uuid, valid_end) = (segment.uuid, segment.end);
        self.previous = Some(Previous { uuid, valid_end, last_sequence });
        let is_synced = self.shared.options.durability == Durability::Sync;
        if leaving == Leaving::Whole && !is_synced {
            self.shared.add_chore(Chore::Sync { ordinal: segment.ordinal });
        }
    }
}

impl Outgoing {
    /// The sequence of the last frame that was written.
    fn last_written(&self) -> u64 {
        frame::number_of(&self.frames.bytes[self.frames.start(self.next - 1)..])
    }
}

impl Active {
    fn room(&self) -> u64 {
        self.segment.size.saturating_sub(self.segment.end)
    }

    fn has_room_for(&self, size: u64) -> bool {
        size <= self.room()
    }

    /// Completes as many frames as one write takes; returns the first frame after them and where
    /// they end.
    fn seal_frames(&self, outgoing: &mut Outgoing) -> (usize, usize) {
        let Frames { bytes, ends } = &mut outgoing.frames;
        let from = if outgoing.next == 0 { 0 } else { ends[outgoing.next - 1] };
        let limit = from + self.room().min(WRITE_MAX) as usize;
        let write_first = frame::number_of(&bytes[from..]);
        let (mut next, mut start) = (outgoing.next, from);
        // The first one always fits into the segment; it may be longer than a usual write.
        while next < ends.len() && (ends[next] <= limit || next == outgoing.next) {
            let frame = &mut bytes[start..ends[next]];
            let place = (frame::number_of(frame) - write_first) as u32;
            let offset = self.segment.end + (start - from) as u64;
            frame::seal(frame, self.seed, offset, place);
            start = ends[next];
            next += 1;
        }
        (next, start)
    }
}
