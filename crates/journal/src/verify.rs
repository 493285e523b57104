//! Reads a whole journal and says what is wrong with it; changes nothing.

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, File};
use crate::frame::{Frame, Kind, Seed};
use crate::index::Segment;
use crate::inspect::inspect;
use crate::options::Sequence;
use crate::recover::{OpenError, lock};
use crate::scan::{Scanner, Step};
use crate::segment::path_of;

/// What a journal holds, and what it lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments that hold records.
    pub segments: u64,
    /// Valid records.
    pub records: u64,
    /// Bytes of their payloads.
    pub payload_bytes: u64,
    /// The oldest and the newest valid record.
    pub first: Option<Sequence>,
    /// The newest valid record.
    pub last: Option<Sequence>,
    /// Sequences between them that are lost to damage.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Sequences between them that were never given to an acknowledged record: a crash tore the
    /// write they were in, or numbering went on above a floor.
    pub skipped: Vec<RangeInclusive<u64>>,
    /// Segments with damaged bytes between valid ones, or that cannot be read at all.
    pub damaged: Vec<PathBuf>,
    /// Bytes at the very end that are no record: a write that a crash cut short.
    pub torn_tail_bytes: u64,
}

impl Report {
    /// Whether nothing is missing or damaged. A torn tail is what a crash leaves, not damage.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.damaged.is_empty()
    }
}

/// Reads every record in `folder`. The folder is held meanwhile, nothing in it is changed.
///
/// # Errors
/// If another process has the folder, a newer version wrote it, or a file cannot be opened.
pub fn verify(disk: &dyn Disk, folder: &Path) -> Result<Report, OpenError> {
    let _held = lock(disk, folder)?;
    let names = disk.list(folder).map_err(OpenError::on("list", folder))?;
    let inspected = inspect(disk, folder, &names)?;
    let mut report = Report { segments: inspected.segments.len() as u64, ..Report::default() };
    let unreadable = inspected.unreadable.iter().map(|one| path_of(folder, one.ordinal));
    report.damaged.extend(unreadable);
    let first = inspected.segments.first().map_or(0, |segment| segment.first_sequence);
    let mut walk = Walk { report, next: first };
    for (place, segment) in inspected.segments.iter().enumerate() {
        let path = path_of(folder, segment.ordinal);
        let next = inspected.segments.get(place + 1);
        let read = disk.open(&path, false).and_then(|file| walk.read(file, segment, next));
        if read.map_err(OpenError::on("read the segment", &path))? {
            walk.report.damaged.push(path);
        }
    }
    Ok(walk.report)
}

struct Walk {
    report: Report,
    /// Everything below was read or noted.
    next: u64,
}

impl Walk {
    /// Reads one segment; returns whether it is damaged.
    fn read(
        &mut self,
        file: Arc<dyn File>,
        segment: &Segment,
        successor: Option<&Segment>,
    ) -> io::Result<bool> {
        let mut scanner = Scanner::new(file, Seed::new(&segment.uuid), segment.end);
        let below = successor.map_or(u64::MAX, |next| next.first_sequence).min(segment.below);
        let (mut is_damaged, mut is_after_damage) = (false, false);
        self.pass(segment.first_sequence, false);
        let mut lowest = segment.first_sequence;
        loop {
            match scanner.step(lowest, below)? {
                Step::Frame(frame) => {
                    self.pass(frame.sequence, std::mem::take(&mut is_after_damage));
                    self.count(&frame);
                    lowest = self.next;
                }
                Step::Bad if lowest < below => {
                    let damaged_at = scanner.position();
                    let content_end = scanner.content_end()?;
                    if content_end > damaged_at && scanner.resync(lowest, below)? {
                        (is_damaged, is_after_damage) = (true, true);
                    } else if successor.is_none() {
                        self.report.torn_tail_bytes = content_end - damaged_at;
                        return Ok(is_damaged);
                    } else {
                        break;
                    }
                }
                Step::Bad | Step::End => break,
            }
        }
        // Records should follow, up to those of the successor.
        let is_cut = lowest < below && successor.is_some();
        if is_cut {
            self.pass(below, true);
        }
        // If the successor does not know this segment, it is one between them that is not there.
        Ok(is_damaged || (is_cut && segment.below == below))
    }

    fn count(&mut self, frame: &Frame) {
        let sequence = Sequence(frame.sequence);
        self.report.first.get_or_insert(sequence);
        self.report.last = Some(sequence);
        self.next = frame.sequence + 1;
        if frame.kind == Kind::Record {
            self.report.records += 1;
            self.report.payload_bytes += frame.payload.len() as u64;
        }
    }

    /// Notes what is not there before `sequence`.
    fn pass(&mut self, sequence: u64, is_damage: bool) {
        if self.next < sequence {
            let range = self.next..=sequence - 1;
            let noted = if is_damage { &mut self.report.missing } else { &mut self.report.skipped };
            noted.push(range);
            self.next = sequence;
        }
    }
}
