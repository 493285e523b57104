//! Opens a folder: finds the end of the journal and gets ready to append, whatever state it is in.
//!
//! Only first blocks and the newest segment are read, so a large backlog costs nothing; older
//! segments are verified when they are read. Nothing here needs space on the disk, or memory that
//! grows with the backlog.

use std::collections::VecDeque;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use crate::counters::Counters;
use crate::disk::{Disk, Lock};
use crate::frame::{OVERHEAD, number_of};
use crate::index::{Index, Segment};
use crate::inspect::{Inspected, Unreadable, inspect};
use crate::maker::{Maker, is_ballast};
use crate::options::{Options, Sequence};
use crate::queue::Queue;
use crate::segment::{Previous, SEGMENT_BYTES_MIN, is_unfinished, path_of, payload_max};
use crate::shared::{Chore, Shared};
use crate::tail::{Tail, read_tail};
use crate::writer::{Outgoing, Writer};

/// The folder, inside the journal's, for damaged segments.
pub(crate) const QUARANTINE: &str = "quarantine";

/// Why a journal was not opened. Damaged records are no reason, see [`Recovery`].
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("journal {folder} is in use by another process")]
    Locked {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// The folder was written by a newer version; nothing in it was touched.
    #[error("{path} has format version {found}, this version reads up to {supported}: upgrade")]
    Newer {
        /// The segment that says so.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version this code reads.
        supported: u32,
    },
    /// An option makes no sense.
    #[error("segment size of {segment_bytes} bytes is below the smallest, {smallest}")]
    SegmentTooSmall {
        /// What was asked for.
        segment_bytes: u64,
        /// What is possible.
        smallest: u64,
    },
    /// The disk or its permissions do not let us.
    #[error("could not {operation} {path}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A thread could not be started.
    #[error("could not start a thread of the journal")]
    Thread {
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl OpenError {
    /// Makes the error for `operation` on `path`.
    pub(crate) fn on(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}

/// What was found when the journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The oldest record still there, if any.
    pub first: Option<Sequence>,
    /// The newest record, if any.
    pub last: Option<Sequence>,
    /// Segments that hold records.
    pub segments: u64,
    /// Bytes at the end that are no record: a write that a crash cut short. Dropped.
    pub torn_tail_bytes: u64,
    /// Records of the last write, written again because nobody can tell whether the write had
    /// reached the disk.
    pub rewritten: u64,
    /// Damaged segments, as they are kept in `quarantine/`; only the newest segment is read at
    /// start, see [`crate::verify`] for all.
    pub quarantined: Vec<PathBuf>,
    /// Sequences that were durable and are lost to damage.
    pub missing: Vec<RangeInclusive<u64>>,
    /// Sequences of the last write that did not survive: after a power cut these were never
    /// acknowledged; otherwise they are lost to damage.
    pub unsettled: Vec<RangeInclusive<u64>>,
}

/// A journal ready to append, without its threads.
pub(crate) struct Opened {
    pub(crate) shared: Arc<Shared>,
    pub(crate) writer: Writer,
    pub(crate) recovery: Recovery,
}

/// A folder that is ours alone.
struct Held {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    lock: Box<dyn Lock>,
    names: Vec<String>,
}

/// Opens the journal in `folder`; creates it if there is none.
pub(crate) fn open(
    disk: Arc<dyn Disk>,
    folder: &Path,
    options: Options,
) -> Result<Opened, OpenError> {
    check(&options)?;
    let held = hold(disk, folder)?;
    let inspected = inspect(held.disk.as_ref(), folder, &held.names)?;
    let mut tail = read_tail(held.disk.as_ref(), folder, &inspected.segments)
        .map_err(OpenError::on("read the newest segment of", folder))?
        .unwrap_or_default();
    let mut recovery = report(&inspected, &tail);
    let mut floor = options.sequence_floor;
    keep_damaged(&held, &inspected, &tail, &mut recovery, &mut floor);

    let pending = tail.take_doubtful();
    recovery.rewritten = pending.as_ref().map_or(0, |frames| frames.ends.len() as u64);
    let durable = match &pending {
        Some(frames) => number_of(&frames.bytes) - 1,
        None => tail.next_sequence.saturating_sub(1),
    };
    let last = inspected.segments.last().copied();
    let shared = share(held, options, inspected, &tail, durable);
    let previous = last.map(|last| Previous {
        uuid: last.uuid,
        valid_end: tail.valid_end,
        last_sequence: tail.last_certain,
    });
    let pending = pending.map(Outgoing::new);
    let next_sequence = tail.next_sequence.max(1);
    let mut writer = Writer::new(Arc::clone(&shared), previous, next_sequence, pending);
    writer.settle(floor);
    let is_whole = tail.missing.is_empty() && tail.unsettled.is_empty();
    if let Some(last) = last.filter(|_| is_whole && writer.retry_in().is_none()) {
        // Only now: until they were written again, its last records stood there alone.
        shared.add_chore(Chore::Trim { ordinal: last.ordinal, size: tail.valid_end });
    }
    Ok(Opened { shared, writer, recovery })
}

fn check(options: &Options) -> Result<(), OpenError> {
    let (segment_bytes, smallest) = (options.segment_bytes, SEGMENT_BYTES_MIN);
    if segment_bytes < smallest {
        return Err(OpenError::SegmentTooSmall { segment_bytes, smallest });
    }
    Ok(())
}

fn hold(disk: Arc<dyn Disk>, folder: &Path) -> Result<Held, OpenError> {
    disk.create_folder(folder).map_err(OpenError::on("create", folder))?;
    let lock = lock(disk.as_ref(), folder)?;
    let names = disk.list(folder).map_err(OpenError::on("list", folder))?;
    Ok(Held { disk, folder: folder.to_owned(), lock, names })
}

pub(crate) fn lock(disk: &dyn Disk, folder: &Path) -> Result<Box<dyn Lock>, OpenError> {
    disk.lock(folder).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { folder: folder.to_owned() },
        _ => OpenError::Io { operation: "lock", path: folder.to_owned(), source },
    })
}

fn report(inspected: &Inspected, tail: &Tail) -> Recovery {
    let last = tail.next_sequence.checked_sub(1).filter(|&last| last > 0);
    let first = inspected.segments.first().map(|segment| segment.first_sequence);
    Recovery {
        first: first.filter(|first| last.is_some_and(|last| *first <= last)).map(Sequence),
        last: last.map(Sequence),
        segments: inspected.segments.len() as u64,
        torn_tail_bytes: tail.torn_tail_bytes,
        rewritten: 0,
        quarantined: Vec::new(),
        missing: tail.missing.clone(),
        unsettled: tail.unsettled.clone(),
    }
}

/// Puts damaged segments aside. Numbers that an unreadable newest segment may have used are not
/// given again: `floor` is raised above them.
fn keep_damaged(
    held: &Held,
    inspected: &Inspected,
    tail: &Tail,
    recovery: &mut Recovery,
    floor: &mut u64,
) {
    let (disk, folder) = (held.disk.as_ref(), held.folder.as_path());
    let last = inspected.segments.last();
    if let Some(last) = last.filter(|_| !tail.missing.is_empty()) {
        recovery.quarantined.extend(quarantine(disk, folder, last.ordinal));
    }
    let mut next = tail.next_sequence.max(1);
    for &Unreadable { ordinal, size } in &inspected.unreadable {
        if let Some(path) = quarantine(disk, folder, ordinal) {
            recovery.quarantined.push(path);
            let _ = disk.remove(&path_of(folder, ordinal));
        }
        if last.is_none_or(|last| last.ordinal < ordinal) {
            let used_at_most = size / OVERHEAD as u64;
            recovery.missing.push(next..=next + used_at_most);
            next += used_at_most + 1;
            *floor = (*floor).max(next - 1);
        }
    }
}

fn share(
    held: Held,
    options: Options,
    inspected: Inspected,
    tail: &Tail,
    durable: u64,
) -> Arc<Shared> {
    let Held { disk, folder, lock, names } = held;
    for name in names.iter().filter(|name| is_unfinished(name)) {
        let _ = disk.remove(&folder.join(name));
    }
    let Inspected { mut segments, blanks, useless, last_ordinal, unreadable } = inspected;
    end_last(&mut segments, tail);
    let damaged = unreadable.len() + usize::from(!tail.missing.is_empty());
    let running_ms_min = segments.iter().map(|segment| segment.opened_at_ms).max().unwrap_or(0);
    let counters = Counters::open(disk.as_ref(), &folder, running_ms_min);
    let maker = Maker::new(
        &folder,
        &options,
        last_ordinal + 1,
        VecDeque::from(blanks),
        names.iter().any(|name| is_ballast(name)),
    );
    let queue = Queue::new(
        payload_max(options.segment_bytes),
        options.queue_bytes_max,
        options.max_ack_wait,
    );
    let useless = useless.into_iter().map(|ordinal| Chore::Remove { ordinal });
    Arc::new(Shared {
        queue,
        index: Index::new(segments.into(), durable),
        counters,
        maker,
        last_sync_ns: AtomicU64::new(0),
        quarantined: AtomicU64::new(damaged as u64),
        chores: Mutex::new(useless.collect()),
        lock: Mutex::new(Some(lock)),
        disk,
        folder,
        options,
    })
}

/// Readers go as far as the writes that are certain.
fn end_last(segments: &mut [Segment], tail: &Tail) {
    if let Some(last) = segments.last_mut() {
        last.end = tail.valid_end;
        last.below = tail.last_certain + 1;
        last.is_damaged = !tail.missing.is_empty();
    }
}

/// Gives a segment one more name, in `quarantine/`: it is kept as it is, whatever happens to the
/// journal, and that takes no space. Returns the name if that was possible.
pub(crate) fn quarantine(disk: &dyn Disk, folder: &Path, ordinal: u64) -> Option<PathBuf> {
    let kept = folder.join(QUARANTINE);
    let path = path_of(&kept, ordinal);
    disk.create_folder(&kept).ok()?;
    match disk.link(&path_of(folder, ordinal), &path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return None,
        _ => {}
    }
    disk.sync_folder(&kept).ok()?;
    Some(path)
}
