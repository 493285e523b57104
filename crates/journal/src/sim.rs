//! A disk that forgets, tears and reorders what was not synced, and fails on demand.
//!
//! It lives in memory; its whole behaviour follows from a seed. [`SimDisk::kill`] ends the process
//! that uses it: what was written stays. [`SimDisk::power_cut`] ends the machine: of what was not
//! synced, any sectors in any order stay, of names likewise. A sync that fails leaves part of the
//! data on the disk and takes the rest for written, as Linux file systems do.

mod file;
mod image;
mod names;
mod random;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use random::Random;

use self::image::{BLOCK, Image, Inode};

/// A simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    resumed: Condvar,
    started: Option<Instant>,
}

/// How often an operation goes wrong, in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// A file's sync returns EIO.
    pub sync: u64,
    /// A write returns EIO, having written nothing or part.
    pub write: u64,
    /// A write takes only part of the bytes.
    pub short_write: u64,
    /// Creating, renaming or syncing a folder returns EIO.
    pub name: u64,
}

#[derive(Debug)]
struct State {
    random: Random,
    image: Image,
    capacity: u64,
    folders: BTreeSet<PathBuf>,
    locks: BTreeSet<PathBuf>,
    now: Duration,
    /// Files opened before the last crash are gone.
    boot: u64,
    rates: FaultRates,
    fail_sync_in: u64,
    fail_write_in: u64,
    fail_name_in: u64,
    /// The power goes off at this many more changes; 0 for never.
    off_in: u64,
    is_off: bool,
    are_syncs_stalled: bool,
    sync_takes: Duration,
    syncs: u64,
    writes: u64,
    bytes_read: u64,
    touched_after_failure: u64,
}

impl SimDisk {
    /// An empty disk without end, whose time stands still but for [`SimDisk::pass`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_clock(seed, None)
    }

    /// As [`SimDisk::new`], but its time is the machine's: for a journal with its threads.
    #[must_use]
    pub fn ticking(seed: u64) -> Self {
        Self::with_clock(seed, Some(Instant::now()))
    }

    fn with_clock(seed: u64, started: Option<Instant>) -> Self {
        let state = State {
            random: Random::new(seed),
            image: Image::default(),
            capacity: u64::MAX,
            folders: BTreeSet::from([PathBuf::from("/")]),
            locks: BTreeSet::new(),
            now: Duration::from_secs(1),
            boot: 0,
            rates: FaultRates::default(),
            fail_sync_in: 0,
            fail_write_in: 0,
            fail_name_in: 0,
            off_in: 0,
            is_off: false,
            are_syncs_stalled: false,
            sync_takes: Duration::ZERO,
            syncs: 0,
            writes: 0,
            bytes_read: 0,
            touched_after_failure: 0,
        };
        let (state, resumed) = (Mutex::new(state), Condvar::new());
        Self { inner: Arc::new(Inner { state, resumed, started }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state()
    }

    /// Lets time go by.
    pub fn pass(&self, time: Duration) {
        self.state().now += time;
    }

    /// Ends the process: files are closed, locks given free; everything written stays.
    pub fn kill(&self) {
        self.state().reboot();
    }

    /// Ends the machine and starts it again: of what was not synced, any part stays.
    pub fn power_cut(&self) {
        let mut state = self.state();
        let State { image, random, .. } = &mut *state;
        image.lose_power(random);
        state.reboot();
    }

    /// Leaves room for this many bytes from now on.
    pub fn set_free(&self, bytes: u64) {
        let mut state = self.state();
        state.capacity = state.image.used().saturating_add(bytes);
    }

    /// From now on operations fail this often.
    pub fn set_fault_rates(&self, rates: FaultRates) {
        self.state().rates = rates;
    }

    /// The `count`-th file sync from now on fails, 1 being the next; 0 takes that back.
    pub fn fail_sync_in(&self, count: u64) {
        self.state().fail_sync_in = count;
    }

    /// The `count`-th write from now on fails.
    pub fn fail_write_in(&self, count: u64) {
        self.state().fail_write_in = count;
    }

    /// The `count`-th create, rename or folder sync from now on fails.
    pub fn fail_name_in(&self, count: u64) {
        self.state().fail_name_in = count;
    }

    /// The power goes off in the middle of the `count`-th change from now on: everything fails
    /// until [`SimDisk::power_cut`].
    pub fn power_off_in(&self, count: u64) {
        self.state().off_in = count;
    }

    /// Whether the power went off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Every sync takes this long, by the simulated clock.
    pub fn set_sync_time(&self, time: Duration) {
        self.state().sync_takes = time;
    }

    /// Syncs hang until [`SimDisk::resume_syncs`].
    pub fn stall_syncs(&self) {
        self.state().are_syncs_stalled = true;
    }

    /// Ends [`SimDisk::stall_syncs`].
    pub fn resume_syncs(&self) {
        self.state().are_syncs_stalled = false;
        self.inner.resumed.notify_all();
    }

    /// File syncs and writes so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.syncs, state.writes)
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.state().bytes_read
    }

    /// How often a file was written or synced by a process that had seen a write or sync of it
    /// fail.
    #[must_use]
    pub fn touched_after_failure(&self) -> u64 {
        self.state().touched_after_failure
    }

    /// The paths of all files in a folder, in order.
    #[must_use]
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.state().image.names_in(folder).iter().map(|name| folder.join(name)).collect()
    }

    /// The bytes of a file; empty if there is none.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        let mut state = self.state();
        state.file(path).map(|file| file.current.clone()).unwrap_or_default()
    }

    /// Puts a durable file in place.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        if let Some(folder) = path.parent() {
            state.folders.insert(folder.to_owned());
            let inode = match state.image.find(path) {
                Some(inode) => inode,
                None => state.image.create(path),
            };
            state.image.sync_folder(folder);
            if let Some(file) = state.image.inodes.get_mut(&inode) {
                file.resize(bytes.len());
                file.write(bytes, 0);
                file.sync();
                file.allocated = bytes.len() as u64;
            }
        }
    }

    /// Turns one bit over, counted from the file's beginning.
    pub fn flip_bit(&self, path: &Path, bit: u64) {
        self.damage(path, |bytes| {
            if let Some(byte) = bytes.get_mut((bit / 8) as usize) {
                *byte ^= 1 << (bit % 8);
            }
        });
    }

    /// Overwrites a block of 4 KiB with one from elsewhere: a write that went astray.
    pub fn misdirect(&self, from: (&Path, u64), to: (&Path, u64)) {
        let source = self.bytes(from.0);
        let start = (from.1 as usize * BLOCK).min(source.len());
        let block = source[start..source.len().min(start + BLOCK)].to_vec();
        self.damage(to.0, |bytes| {
            let start = (to.1 as usize * BLOCK).min(bytes.len());
            let count = block.len().min(bytes.len() - start);
            bytes[start..start + count].copy_from_slice(&block[..count]);
        });
    }

    /// Reading this block of 4 KiB fails from now on.
    pub fn make_unreadable(&self, path: &Path, block: u64) {
        if let Some(file) = self.state().file(path) {
            file.unreadable.insert(block);
        }
    }

    fn damage(&self, path: &Path, change: impl Fn(&mut [u8])) {
        if let Some(file) = self.state().file(path) {
            file.damage(change);
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())
}

fn counts_down(counter: &mut u64) -> bool {
    *counter = counter.saturating_sub(1);
    *counter == 0
}

impl State {
    fn reboot(&mut self) {
        self.boot += 1;
        // Only the process that saw an operation fail can know.
        self.image.inodes.values_mut().for_each(|inode| inode.has_failed = false);
        self.locks.clear();
        self.is_off = false;
        self.off_in = 0;
    }

    fn file(&mut self, path: &Path) -> Option<&mut Inode> {
        let inode = self.image.find(path)?;
        self.image.inodes.get_mut(&inode)
    }

    /// Counts a change; an error if the power is off, or goes off now.
    fn change(&mut self) -> io::Result<()> {
        if self.off_in > 0 && counts_down(&mut self.off_in) {
            self.is_off = true;
        }
        if self.is_off { Err(eio()) } else { Ok(()) }
    }

    fn change_name(&mut self) -> io::Result<()> {
        self.change()?;
        let is_due = self.fail_name_in > 0 && counts_down(&mut self.fail_name_in);
        let rate = self.rates.name;
        if is_due || self.random.per_mille(rate) { Err(eio()) } else { Ok(()) }
    }

    fn free(&self) -> u64 {
        self.capacity.saturating_sub(self.image.used())
    }
}
