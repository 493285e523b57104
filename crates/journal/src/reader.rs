//! Streams durable records in order, with bounded memory.

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::frame::{Frame, Kind, Seed};
use crate::index::View;
use crate::options::Sequence;
use crate::scan::{Scanner, Step};
use crate::segment::path_of;
use crate::shared::Shared;

/// A place in the journal, moving forward. Several may be used at once, each on its own.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    next: u64,
    cursor: Option<Cursor>,
}

#[derive(Debug)]
struct Cursor {
    ordinal: u64,
    scanner: Scanner,
    /// Frames below this were passed, or belong before this segment.
    lowest: u64,
    is_after_damage: bool,
}

/// Some records in order, and what is missing between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<(Sequence, usize)>,
    /// Sequences that will never come: lost to damage, or skipped because the journal had lost its
    /// end. In order. They lie before, between or behind the records.
    pub gaps: Vec<RangeInclusive<u64>>,
    /// Where the next batch begins: everything below is in this batch, an earlier one, or a gap.
    pub next: Sequence,
}

impl Batch {
    /// The records with their sequences, in order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = (Sequence, &[u8])> {
        self.records.iter().enumerate().map(|(place, &(sequence, end))| {
            let start = if place == 0 { 0 } else { self.records[place - 1].1 };
            (sequence, &self.bytes[start..end])
        })
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is neither a record nor a gap: nothing is new.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.gaps.is_empty()
    }

    fn push(&mut self, sequence: u64, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.records.push((Sequence(sequence), self.bytes.len()));
    }

    fn push_gap(&mut self, first: u64, last: u64) {
        match self.gaps.last_mut() {
            Some(gap) if *gap.end() + 1 == first => *gap = *gap.start()..=last,
            _ => self.gaps.push(first..=last),
        }
    }

    fn is_full(&self, max_records: usize, max_bytes: usize) -> bool {
        self.records.len() >= max_records || self.bytes.len() >= max_bytes
    }
}

/// A segment could not be read. Trying again may help; damaged bytes are no error but a gap.
#[derive(Debug, thiserror::Error)]
#[error("could not read journal segment {path}")]
pub struct ReadError {
    /// The segment.
    pub path: PathBuf,
    /// What the disk said.
    #[source]
    pub source: io::Error,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, from: Sequence) -> Self {
        Self { shared, next: from.0.max(1), cursor: None }
    }

    /// The next durable records: at most `max_records`, and no more once `max_bytes` of payload
    /// are reached. Empty if nothing is new.
    ///
    /// # Errors
    /// If a segment cannot be opened or read; the reader stays where it was.
    pub fn next_batch(&mut self, max_records: usize, max_bytes: usize) -> Result<Batch, ReadError> {
        let mut batch = Batch::default();
        while !batch.is_full(max_records, max_bytes) {
            let Some(view) = self.shared.index.view(self.next) else { break };
            match self.read(&view, &mut batch, max_records, max_bytes) {
                Ok(()) => {}
                // What was read before the error is good; the error comes again if it lasts.
                Err(_) if !batch.is_empty() => break,
                // The segment went by retention since we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_gone(&view) => {}
                Err(source) => {
                    self.cursor = None;
                    let path = path_of(&self.shared.folder, view.segment.ordinal);
                    return Err(ReadError { path, source });
                }
            }
        }
        batch.next = Sequence(self.next);
        Ok(batch)
    }

    /// Blocks the calling thread until [`Reader::next_batch`] has something new, the journal is
    /// closed, or `deadline` is reached. Returns whether there is something new.
    #[must_use]
    pub fn wait(&self, deadline: Instant) -> bool {
        self.shared.index.wait(self.next, deadline)
    }

    fn is_gone(&self, view: &View) -> bool {
        let now = self.shared.index.view(self.next);
        now.is_none_or(|now| now.segment.ordinal != view.segment.ordinal)
    }

    /// Reads on in one segment until it ends or the batch is full.
    fn read(
        &mut self,
        view: &View,
        batch: &mut Batch,
        max_records: usize,
        max_bytes: usize,
    ) -> io::Result<()> {
        if self.next < view.segment.first_sequence {
            // Nothing older is there.
            batch.push_gap(self.next, view.segment.first_sequence - 1);
            self.next = view.segment.first_sequence;
        }
        let mut cursor = self.take_cursor(view)?;
        while !batch.is_full(max_records, max_bytes) {
            match cursor.scanner.step(cursor.lowest, view.below)? {
                Step::Frame(frame) => self.accept(&mut cursor, &frame, view, batch),
                Step::Bad if cursor.lowest < view.below => {
                    cursor.is_after_damage = true;
                    cursor.scanner.resync(cursor.lowest, view.below)?;
                }
                Step::Bad | Step::End => {
                    self.leave(&mut cursor, view, batch);
                    break;
                }
            }
        }
        self.cursor = Some(cursor);
        Ok(())
    }

    fn accept(&mut self, cursor: &mut Cursor, frame: &Frame, view: &View, batch: &mut Batch) {
        let is_after_damage = std::mem::take(&mut cursor.is_after_damage);
        if is_after_damage && frame.sequence > cursor.lowest {
            self.shared.quarantine(view.segment.ordinal, view.segment.uuid);
        }
        cursor.lowest = frame.sequence + 1;
        if frame.sequence < self.next {
            return;
        }
        if frame.sequence > self.next {
            batch.push_gap(self.next, frame.sequence - 1);
        }
        self.next = frame.sequence + 1;
        if frame.kind == Kind::Record {
            batch.push(frame.sequence, cursor.scanner.payload(frame));
        }
    }

    /// At the end of what this segment has; what should follow below the next one is lost.
    fn leave(&mut self, cursor: &mut Cursor, view: &View, batch: &mut Batch) {
        if cursor.lowest < view.below && (cursor.is_after_damage || view.is_last) {
            self.shared.quarantine(view.segment.ordinal, view.segment.uuid);
        }
        cursor.lowest = view.next_first;
        cursor.is_after_damage = false;
        if self.next < view.next_first {
            batch.push_gap(self.next, view.next_first - 1);
            self.next = view.next_first;
        }
    }

    /// The place in the segment of `view`; its beginning if we come from another.
    fn take_cursor(&mut self, view: &View) -> io::Result<Cursor> {
        let segment = &view.segment;
        match self.cursor.take() {
            Some(mut cursor) if cursor.ordinal == segment.ordinal => {
                cursor.scanner.extend(segment.end);
                Ok(cursor)
            }
            _ => {
                let path = path_of(&self.shared.folder, segment.ordinal);
                let file = self.shared.disk.open(&path, false)?;
                let scanner = Scanner::new(file, Seed::new(&segment.uuid), segment.end);
                let (ordinal, lowest) = (segment.ordinal, segment.first_sequence);
                Ok(Cursor { ordinal, scanner, lowest, is_after_damage: false })
            }
        }
    }
}
