//! Everything beside the way of the data: segments ahead, retention, tidying, the counter file.

use std::sync::Arc;
use std::time::Duration;

use crate::index::Segment;
use crate::segment::path_of;
use crate::shared::{Chore, Shared};

/// How often upkeep looks for something to do.
pub(crate) const UPKEEP_INTERVAL: Duration = Duration::from_millis(200);
/// How long the journal must have been well before the ballast is put back.
const BALLAST_AFTER: Duration = Duration::from_secs(30);
/// What trimming leaves of a file is a multiple of this.
const BLOCK: u64 = 4096;

/// Does the work that must not stand in the way of a record.
#[derive(Debug)]
pub(crate) struct Upkeep {
    shared: Arc<Shared>,
    /// When the ballast may be put back.
    ballast_at: Duration,
    /// A name was removed and that is not durable yet.
    owes_sync: bool,
    /// After an error, when to try again to make a segment.
    make_at: Duration,
}

impl Upkeep {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, ballast_at: Duration::ZERO, owes_sync: false, make_at: Duration::ZERO }
    }

    /// Does what there is to do. Errors are not returned: what failed is tried again, and what
    /// matters to a visitor (no segment to write to) shows where the record is written.
    pub(crate) fn step(&mut self) {
        let now = self.shared.now();
        let Shared { disk, folder, counters, .. } = &*self.shared;
        let _ = counters.write(disk.as_ref(), folder, now, false);
        for chore in self.shared.take_chores() {
            self.tidy(chore);
        }
        self.remove_expired(now);
        self.prepare(now);
    }

    /// Leaves exact figures behind.
    pub(crate) fn close(&mut self) {
        for chore in self.shared.take_chores() {
            self.tidy(chore);
        }
        let Shared { disk, folder, counters, .. } = &*self.shared;
        let _ = counters.write(disk.as_ref(), folder, self.shared.now(), true);
    }

    fn prepare(&mut self, now: Duration) {
        if now < self.make_at {
            return;
        }
        let maker = &self.shared.maker;
        match maker.make_ahead(self.shared.disk.as_ref()) {
            Ok(true) => {}
            // Only once the journal itself has all it needs.
            Ok(false) if now >= self.ballast_at => {
                let _ = maker.restore_ballast(self.shared.disk.as_ref());
            }
            Ok(false) => {}
            Err(_) => {
                self.make_at = now + crate::writer::PROBE_INTERVAL;
                self.ballast_at = now + BALLAST_AFTER;
            }
        }
    }

    /// Removes segments, oldest first, that are released and were left long enough ago by the
    /// journal's own running time. The wall clock is not asked: one that jumps would remove
    /// everything at once.
    fn remove_expired(&mut self, now: Duration) {
        let keep_ms = self.shared.options.keep.as_millis() as u64;
        let Some(before) = self.shared.counters.running_ms(now).checked_sub(keep_ms) else {
            return;
        };
        // One name at a time, each made durable before the next: a crash must not bring an older
        // segment back and take a newer one.
        while self.sync_removed()
            && let Some(Segment { ordinal, .. }) = self.shared.index.pop_expired(before)
        {
            self.remove(ordinal);
        }
    }

    /// Makes the last removal durable; returns whether it is.
    fn sync_removed(&mut self) -> bool {
        let Shared { disk, folder, .. } = &*self.shared;
        self.owes_sync = self.owes_sync && disk.sync_folder(folder).is_err();
        !self.owes_sync
    }

    fn tidy(&mut self, chore: Chore) {
        let Shared { disk, folder, index, .. } = &*self.shared;
        match chore {
            Chore::Remove { ordinal } => self.remove(ordinal),
            Chore::Trim { ordinal, size } => {
                let size = size.next_multiple_of(BLOCK);
                let opened = disk.open(&path_of(folder, ordinal), true);
                let trimmed = opened.and_then(|file| match file.size()? {
                    present if present > size => file.truncate(size),
                    _ => Ok(()),
                });
                if trimmed.is_ok() {
                    index.set_size(ordinal, size);
                }
            }
            Chore::Sync { ordinal } => {
                let _ = disk.open(&path_of(folder, ordinal), true).and_then(|file| file.sync());
            }
        }
    }

    fn remove(&mut self, ordinal: u64) {
        let Shared { disk, folder, .. } = &*self.shared;
        let _ = disk.remove(&path_of(folder, ordinal));
        self.owes_sync = true;
        self.sync_removed();
    }
}
