//! What the threads of one journal share.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::counters::Counters;
use crate::disk::{Disk, Lock};
use crate::index::Index;
use crate::maker::Maker;
use crate::options::Options;
use crate::queue::Queue;
use crate::recover::quarantine;
use crate::segment::Uuid;

/// One open journal.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) index: Index,
    pub(crate) counters: Counters,
    /// Makes segments ahead; the writer takes them here.
    pub(crate) maker: Maker,
    /// How long the newest sync took, in nanoseconds.
    pub(crate) last_sync_ns: AtomicU64,
    /// Files put into quarantine.
    pub(crate) quarantined: AtomicU64,
    pub(crate) chores: Mutex<Vec<Chore>>,
    /// Held until the journal is closed.
    pub(crate) lock: Mutex<Option<Box<dyn Lock>>>,
}

/// Something to be tidied beside the way of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Give back the reserved but unused end of a segment that is not written any more.
    Trim { ordinal: u64, size: u64 },
    /// Remove a segment that holds no record.
    Remove { ordinal: u64 },
    /// Make a segment durable that was written under [`crate::Durability::Os`].
    Sync { ordinal: u64 },
}

impl Shared {
    pub(crate) fn now(&self) -> Duration {
        self.disk.monotonic()
    }

    pub(crate) fn add_chore(&self, chore: Chore) {
        self.chores.lock().unwrap_or_else(PoisonError::into_inner).push(chore);
    }

    pub(crate) fn take_chores(&self) -> Vec<Chore> {
        std::mem::take(&mut *self.chores.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a damaged segment aside, once.
    pub(crate) fn quarantine(&self, ordinal: u64, uuid: Uuid) {
        if self.index.mark_damaged(uuid) {
            // Whether or not the file could be kept, the damage is counted.
            let _ = quarantine(self.disk.as_ref(), &self.folder, ordinal);
            self.quarantined.fetch_add(1, Ordering::Relaxed);
        }
    }
}
