//! Keys of new clicks: unique and growing on this node, across threads, restarts and jumps of the clock.
//!
//! A file holds a *lease*: a moment up to which keys may have been given out. A thread of its own moves it ahead while
//! clicks come in; a start continues behind the lease, behind the largest key in the journal and behind the clock,
//! whichever is latest. Giving out a key never waits for the file.

use model::ClickKey;
use model::id::KeySequence;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// How far the lease lies ahead of the newest key when it is written.
const LEASE_MS: i64 = 2_000;
/// The lease is renewed when the newest key comes this close to it.
const RENEW_MS: i64 = 1_000;
/// The clock may lie this far behind a time already seen before a click is suspect.
const BEHIND_MS: i64 = 1_000;
/// The clock may leap this far ahead from one click to the next before it is suspect: a quiet day is no leap.
const AHEAD_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// A new key, and whether the clock it was made from can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub key: ClickKey,
    pub is_clock_suspect: bool,
}

/// Gives keys out.
pub(crate) struct Ids {
    node: u8,
    last: AtomicI64,
    /// The latest wall clock seen; what a jump is measured against.
    seen_ms: AtomicI64,
    floor: IdFloor,
}

impl Ids {
    pub fn new(node: u8, floor: IdFloor) -> Self {
        let lease_ms = floor.lease.current_ms();
        let start = KeySequence::after(ClickKey::new(lease_ms, node, 0), node).last();
        // The lease lies ahead of the last key: a start right behind a crash is no reason for suspicion.
        let seen_ms = lease_ms.saturating_sub(LEASE_MS);
        Self { node, last: AtomicI64::new(start.0), seen_ms: AtomicI64::new(seen_ms), floor }
    }

    /// A key at wall-clock time `now_ms`.
    pub fn next(&self, now_ms: i64) -> Stamp {
        let mut last = self.last.load(Ordering::Relaxed);
        let key = loop {
            let key = KeySequence::after(ClickKey(last), self.node).next(now_ms);
            match self.last.compare_exchange_weak(last, key.0, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => break key,
                Err(current) => last = current,
            }
        };
        self.floor.lease.extend(key.time_ms());
        let seen_ms = self.seen_ms.fetch_max(now_ms, Ordering::Relaxed);
        let is_known = seen_ms > model::id::EPOCH_MS;
        let is_clock_suspect =
            is_known && (now_ms < seen_ms - BEHIND_MS || now_ms > seen_ms.saturating_add(AHEAD_MS));
        Stamp { key, is_clock_suspect }
    }

    /// Never goes back behind `key`, which was given out before.
    pub fn raise(&self, key: ClickKey) {
        if key.node() == self.node {
            self.last.fetch_max(key.0, Ordering::Relaxed);
            self.seen_ms.fetch_max(key.time_ms(), Ordering::Relaxed);
        }
    }

    /// The newest key.
    pub fn last(&self) -> ClickKey {
        ClickKey(self.last.load(Ordering::Relaxed))
    }
}

impl Drop for Ids {
    /// The lease left by a clean end lies behind the very last key, also one that needed no new lease.
    fn drop(&mut self) {
        let newest_ms = ClickKey(*self.last.get_mut()).time_ms();
        self.floor.lease.newest_ms.fetch_max(newest_ms, Ordering::Relaxed);
    }
}

/// Why the file of the lease cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep the click-id floor in {}", path.display())]
pub struct FloorError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Where the lease is kept.
pub struct IdFloor {
    lease: Arc<Lease>,
    keeper: Option<JoinHandle<()>>,
}

/// The lease in memory and the thread's reasons to act.
struct Lease {
    /// What the file says.
    written_ms: AtomicI64,
    /// The time of the newest key.
    newest_ms: AtomicI64,
    is_asked: AtomicBool,
    wake: (Mutex<bool>, Condvar),
}

impl IdFloor {
    /// Keeps the lease in `path`. A file that does not hold one, or is missing, counts as none: the journal's largest
    /// key and the clock remain.
    ///
    /// # Errors
    /// If the file can be neither opened nor made.
    pub fn open(path: &Path) -> Result<Self, FloorError> {
        let failed = |source| FloorError { path: path.to_owned(), source };
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(failed)?;
        let lease = Lease::at(read_lease(&file));
        let keeper = thread::Builder::new().name("id-floor".to_owned());
        let kept = Arc::clone(&lease);
        let keeper = keeper.spawn(move || kept.keep(&file)).map_err(failed)?;
        Ok(Self { lease, keeper: Some(keeper) })
    }

    /// A floor that is not kept: for a simulation, whose clock is its own.
    pub fn in_memory() -> Self {
        Self { lease: Lease::at(i64::MAX), keeper: None }
    }
}

impl Drop for IdFloor {
    fn drop(&mut self) {
        let (stop, wake) = &self.lease.wake;
        *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_all();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

impl Lease {
    fn at(written_ms: i64) -> Arc<Self> {
        Arc::new(Self {
            written_ms: AtomicI64::new(written_ms),
            newest_ms: AtomicI64::new(0),
            is_asked: AtomicBool::new(false),
            wake: (Mutex::new(false), Condvar::new()),
        })
    }

    /// Where keys have to start; nothing when the lease is not kept.
    fn current_ms(&self) -> i64 {
        Some(self.written_ms.load(Ordering::Relaxed)).filter(|ms| *ms != i64::MAX).unwrap_or(0)
    }

    /// A key of `time_ms` was given out: asks the thread for a new lease when this one runs out.
    fn extend(&self, time_ms: i64) {
        if time_ms <= self.written_ms.load(Ordering::Relaxed).saturating_sub(RENEW_MS) {
            return;
        }
        self.newest_ms.fetch_max(time_ms, Ordering::Relaxed);
        if !self.is_asked.swap(true, Ordering::Relaxed) {
            // Not under the lock, so that a click never waits: a request that is missed is asked again by the wait's
            // end in the thread.
            self.wake.1.notify_one();
        }
    }

    fn keep(&self, file: &File) {
        let (stop, wake) = &self.wake;
        let mut stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            if !self.is_asked.load(Ordering::Relaxed) {
                let waited = wake.wait_timeout(stopped, std::time::Duration::from_millis(250));
                stopped = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            drop(stopped);
            self.write(file, LEASE_MS);
            stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
        }
        // A clean end needs no lead: the next start continues at the clock.
        self.write(file, 1);
    }

    fn write(&self, file: &File, lead_ms: i64) {
        self.is_asked.store(false, Ordering::Relaxed);
        let newest_ms = self.newest_ms.load(Ordering::Relaxed);
        if newest_ms == 0 {
            return;
        }
        let lease_ms = newest_ms.saturating_add(lead_ms);
        // One write within one sector: it is there as a whole or not at all.
        let written = file
            .write_all_at(format!("{lease_ms:020}\n").as_bytes(), 0)
            .and_then(|()| file.sync_data());
        match written {
            Ok(()) => self.written_ms.store(lease_ms, Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "the click-id floor could not be written"),
        }
    }
}

fn read_lease(file: &File) -> i64 {
    let mut text = [0u8; 20];
    let read = file.read_exact_at(&mut text, 0);
    let number =
        read.ok().and_then(|()| str::from_utf8(&text).ok()).and_then(|text| text.parse().ok());
    number.filter(|ms| (0..=model::id::TIME_MAX_MS).contains(ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const NOW: i64 = 1_800_000_000_000;

    fn wait_for_lease(ids: &Ids, least_ms: i64) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while ids.floor.lease.current_ms() < least_ms {
            assert!(std::time::Instant::now() < deadline, "the lease was not written");
            thread::yield_now();
        }
    }

    #[test]
    fn keys_are_unique_across_threads_and_grow_within_each() {
        let ids = Ids::new(3, IdFloor::in_memory());
        let keys = thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        (0..20_000).map(|i| ids.next(NOW + i / 5_000).key).collect::<Vec<_>>()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|own| own.is_sorted() && own.iter().all(|key| key.node() == 3)));
        assert_eq!(keys.iter().flatten().collect::<HashSet<_>>().len(), 80_000);
    }

    #[test]
    fn a_restart_continues_behind_every_key_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id-floor");
        let mut last = ClickKey(0);
        for now_ms in [NOW, NOW - 86_400_000, NOW + 5, 0, NOW - 1] {
            let ids = Ids::new(0, IdFloor::open(&path).unwrap());
            for _ in 0..5_000 {
                let key = ids.next(now_ms).key;
                assert!(key > last, "{key:?} behind {last:?} at {now_ms}");
                last = key;
            }
        }
    }

    #[test]
    fn a_clean_end_leaves_a_lease_behind_keys_that_asked_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id-floor");
        let ids = Ids::new(0, IdFloor::open(&path).unwrap());
        ids.next(NOW);
        wait_for_lease(&ids, NOW + LEASE_MS);
        let last = ids.next(NOW + RENEW_MS - 1).key;
        drop(ids);
        let after = Ids::new(0, IdFloor::open(&path).unwrap());
        assert!(after.next(0).key > last);
    }

    #[test]
    fn the_lease_lies_ahead_of_the_keys_while_the_process_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id-floor");
        let ids = Ids::new(0, IdFloor::open(&path).unwrap());
        ids.next(NOW);
        wait_for_lease(&ids, NOW + RENEW_MS);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.trim().parse::<i64>().unwrap() >= NOW + RENEW_MS, "{text}");
        // As if the process had been killed now: another one reads the same file.
        let after = Ids::new(0, IdFloor::open(&path).unwrap());
        assert!(after.next(NOW - 5_000).key > ids.last());
    }

    #[test]
    fn a_file_that_holds_no_lease_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "x", "99999999999999999999\n", "-1"] {
            let path = folder.path().join("id-floor");
            std::fs::write(&path, content).unwrap();
            assert_eq!(Ids::new(0, IdFloor::open(&path).unwrap()).next(NOW).key.time_ms(), NOW);
        }
    }

    #[test]
    fn a_clock_that_jumps_makes_its_clicks_suspect() {
        const DAY: i64 = 86_400_000;
        let ids = Ids::new(0, IdFloor::in_memory());
        for (now_ms, suspect) in [
            (NOW, false),
            (NOW - 900, false),
            (NOW - 1_100, true),
            (NOW + DAY, false),
            (NOW + 9 * DAY, true),
            (NOW + 9 * DAY, false),
            (NOW + DAY, true),
        ] {
            assert_eq!(ids.next(now_ms).is_clock_suspect, suspect, "{now_ms}");
        }
    }

    #[test]
    fn a_replayed_key_raises_the_floor_of_its_own_node_only() {
        let ids = Ids::new(1, IdFloor::in_memory());
        ids.raise(ClickKey::new(NOW + 10_000, 2, 0));
        assert_eq!(ids.next(NOW).key.time_ms(), NOW);
        ids.raise(ClickKey::new(NOW + 10_000, 1, 7));
        assert_eq!(ids.next(NOW).key, ClickKey::new(NOW + 10_000, 1, 8));
    }
}
