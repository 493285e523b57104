//! What the newest segment says about the end of the journal.
//!
//! Everything before the last write had been synced, since the next write only begins after the
//! sync. The last write itself is in doubt: it may have been acknowledged, or stand in the page
//! cache alone. So its records are written again, to a new segment, before anybody reads them.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, File};
use crate::frame::{self, Frame, Kind, Seed};
use crate::index::Segment;
use crate::queue::Frames;
use crate::scan::{Scanner, Step};
use crate::segment::{DATA_AT, path_of};

/// The end of the journal.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// Where the writes that are certain end in the newest segment.
    pub(crate) valid_end: u64,
    /// The last sequence before the write in doubt.
    pub(crate) last_certain: u64,
    /// The sequence after the last valid record.
    pub(crate) next_sequence: u64,
    /// Records of the last write, by sequence.
    pub(crate) doubtful: BTreeMap<u64, (Kind, Vec<u8>)>,
    /// Sequences that were durable and are damaged.
    pub(crate) missing: Vec<RangeInclusive<u64>>,
    /// Sequences of the last write that are damaged: perhaps never acknowledged.
    pub(crate) unsettled: Vec<RangeInclusive<u64>>,
    /// Bytes behind the last valid frame.
    pub(crate) torn_tail_bytes: u64,
}

/// Reads the newest of `segments`, and of those before it what its first write may have replaced.
pub(crate) fn read_tail(
    disk: &dyn Disk,
    folder: &Path,
    segments: &[Segment],
) -> io::Result<Option<Tail>> {
    let Some((last, before)) = segments.split_last() else { return Ok(None) };
    let open = |segment: &Segment| disk.open(&path_of(folder, segment.ordinal), false);
    let mut walk = Walk::new(last.first_sequence);
    walk.read(open(last)?, last)?;
    if walk.write_first.is_none_or(|first| first == last.first_sequence) {
        // The newest segment's only write is in doubt, and so is what its link says about the
        // segment before: that may hold records this write was to replace.
        for segment in before.iter().rev() {
            walk.collect_replaced(open(segment)?, segment, last.first_sequence)?;
            if segment.first_sequence < last.first_sequence {
                break;
            }
        }
    }
    Ok(Some(walk.into_tail()))
}

#[derive(Debug)]
struct Walk {
    expected: u64,
    /// First sequence of the write being read.
    write_first: Option<u64>,
    holes: Vec<RangeInclusive<u64>>,
    tail: Tail,
}

impl Walk {
    fn new(first_sequence: u64) -> Self {
        let last_certain = first_sequence - 1;
        let tail = Tail { valid_end: DATA_AT, last_certain, ..Tail::default() };
        Self { expected: first_sequence, write_first: None, holes: Vec::new(), tail }
    }

    fn read(&mut self, file: Arc<dyn File>, segment: &Segment) -> io::Result<()> {
        let mut scanner = Scanner::new(file, Seed::new(&segment.uuid), segment.size);
        let mut is_after_damage = false;
        let mut frame_end = scanner.position();
        loop {
            match scanner.step(self.expected, u64::MAX)? {
                Step::Frame(frame) => {
                    self.accept(&frame, scanner.payload(&frame), frame_end, is_after_damage);
                    frame_end = scanner.position();
                    is_after_damage = false;
                }
                Step::Bad => {
                    let damaged_at = scanner.position();
                    let content_end = scanner.content_end()?;
                    if content_end > damaged_at && scanner.resync(self.expected, u64::MAX)? {
                        is_after_damage = true;
                    } else {
                        self.tail.torn_tail_bytes = content_end - damaged_at;
                        return Ok(());
                    }
                }
                Step::End => return Ok(()),
            }
        }
    }

    fn accept(&mut self, frame: &Frame, payload: &[u8], start: u64, is_after_damage: bool) {
        if self.write_first != Some(frame.write_first()) {
            self.write_first = Some(frame.write_first());
            self.tail.doubtful.clear();
            self.tail.valid_end = start;
            self.tail.last_certain = frame.write_first() - 1;
        }
        if is_after_damage && frame.sequence > self.expected {
            self.holes.push(self.expected..=frame.sequence - 1);
        }
        self.tail.doubtful.insert(frame.sequence, (frame.kind, payload.to_vec()));
        self.expected = frame.sequence + 1;
    }

    /// Finds records from `first_sequence` on behind the valid end of an older segment, or
    /// anywhere in it if its successor lost the block that says where it ends.
    fn collect_replaced(
        &mut self,
        file: Arc<dyn File>,
        segment: &Segment,
        first_sequence: u64,
    ) -> io::Result<()> {
        let mut scanner = Scanner::new(file, Seed::new(&segment.uuid), segment.size);
        if segment.end < segment.size {
            scanner.seek(segment.end);
        }
        let mut lowest = segment.first_sequence;
        loop {
            match scanner.step(lowest, u64::MAX)? {
                Step::Frame(frame) if frame.sequence < first_sequence => {
                    lowest = frame.sequence + 1;
                }
                Step::Frame(frame) => {
                    lowest = frame.sequence + 1;
                    let payload = scanner.payload(&frame);
                    let entry = self.tail.doubtful.entry(frame.sequence);
                    entry.or_insert_with(|| (frame.kind, payload.to_vec()));
                }
                Step::Bad if scanner.resync(lowest, u64::MAX)? => {}
                Step::Bad | Step::End => return Ok(()),
            }
        }
    }

    fn into_tail(self) -> Tail {
        let Self { expected, write_first, holes, mut tail } = self;
        let doubt_from = write_first.unwrap_or(u64::MAX);
        for hole in holes {
            let (first, last) = hole.into_inner();
            if first < doubt_from {
                tail.missing.push(first..=last.min(doubt_from - 1));
            }
            // What the segment before still had is not missing.
            let found = &tail.doubtful;
            let mut lost = (first.max(doubt_from)..=last).filter(|at| !found.contains_key(at));
            if let Some(first) = lost.next() {
                tail.unsettled.push(first..=lost.next_back().unwrap_or(first));
            }
        }
        let last_doubtful = tail.doubtful.last_key_value().map_or(0, |(&sequence, _)| sequence);
        tail.next_sequence = expected.max(last_doubtful + 1);
        tail
    }
}

impl Tail {
    /// The records in doubt as frames to be written again.
    pub(crate) fn take_doubtful(&mut self) -> Option<Frames> {
        let mut frames = Frames::default();
        for (sequence, (kind, payload)) in std::mem::take(&mut self.doubtful) {
            let start = frames.bytes.len();
            frames.push(kind, &payload);
            frame::number(&mut frames.bytes[start..], sequence);
        }
        (!frames.ends.is_empty()).then_some(frames)
    }
}
