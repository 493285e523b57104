//! Two figures that outlive the process: what was not logged, and how long the journal ran.
//!
//! They stand in a file of 4 KiB that is allocated once, so that counting needs no space. It has
//! two slots, written in turn: a write that is torn leaves the other one.
//!
//! ```text
//! at  size  field (little endian); slot 0 at byte 0, slot 1 at byte 2048
//! 0   8     magic "CTJRCNTR"
//! 8   8     generation: the slot with the higher one counts
//! 16  8     records not logged
//! 24  8     running time in milliseconds
//! 32  4     CRC32C over bytes 0 to 31
//! ```

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crc32c::crc32c;

use crate::disk::{Disk, File, read_full, write_all};
use crate::frame::{u32_at, u64_at};

const NAME: &str = "counters";
const NEW_NAME: &str = "counters.new";
const MAGIC: &[u8; 8] = b"CTJRCNTR";
const FILE_BYTES: u64 = 4096;
const SLOT_BYTES: u64 = 2048;
/// How old the running time in the file may get; a crash makes the journal that much younger.
const RUNNING_TIME_STEP: Duration = Duration::from_secs(60);

/// The figures, in memory and in their file.
#[derive(Debug)]
pub(crate) struct Counters {
    /// Exact while the process lives; in the file at most one pass of upkeep old.
    unlogged: AtomicU64,
    /// The running time when this process opened the journal, and when that was.
    ran_before_ms: u64,
    opened_at: Duration,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    file: Option<Arc<dyn File>>,
    generation: u64,
    unlogged: u64,
    running_ms: u64,
}

/// The figures found at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Slot {
    generation: u64,
    unlogged: u64,
    running_ms: u64,
}

impl Counters {
    /// Reads the figures; `running_ms_min` is what the segments say about the running time. A
    /// missing or damaged file never keeps a journal from starting.
    pub(crate) fn open(disk: &dyn Disk, folder: &Path, running_ms_min: u64) -> Self {
        let file = disk.open(&folder.join(NAME), true).ok();
        let slot = file.as_deref().map(newest_slot).unwrap_or_default();
        let running_ms = slot.running_ms.max(running_ms_min);
        Self {
            unlogged: AtomicU64::new(slot.unlogged),
            ran_before_ms: running_ms,
            opened_at: disk.monotonic(),
            written: Mutex::new(Written {
                file,
                generation: slot.generation,
                unlogged: slot.unlogged,
                running_ms,
            }),
        }
    }

    pub(crate) fn count_unlogged(&self) {
        self.unlogged.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn unlogged(&self) -> u64 {
        self.unlogged.load(Ordering::Relaxed)
    }

    /// How long the journal has been open in its life: a clock that cannot jump. It stands still
    /// while the journal is closed, so it can only make things younger than they are.
    pub(crate) fn running_ms(&self, now: Duration) -> u64 {
        self.ran_before_ms + now.saturating_sub(self.opened_at).as_millis() as u64
    }

    /// Brings the file up to date if it is behind, or anyway if `exactly`.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        now: Duration,
        exactly: bool,
    ) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (unlogged, running_ms) = (self.unlogged(), self.running_ms(now));
        let step_ms = if exactly { 1 } else { RUNNING_TIME_STEP.as_millis() as u64 };
        let is_current =
            unlogged == written.unlogged && running_ms < written.running_ms.saturating_add(step_ms);
        if is_current && written.file.is_some() {
            return Ok(());
        }
        let slot = Slot { generation: written.generation + 1, unlogged, running_ms };
        written.generation = slot.generation;
        // After an error the file is not touched again: what it holds stays the lower bound until
        // the next try has put a new one in its place.
        let file = match written.file.take() {
            Some(file) => file,
            None => create(disk, folder, slot)?,
        };
        write_slot(&*file, slot)?;
        written.file = Some(file);
        (written.unlogged, written.running_ms) = (unlogged, running_ms);
        Ok(())
    }
}

/// Writes the slot that is not the newest: it stays whole if this is torn.
fn write_slot(file: &dyn File, slot: Slot) -> io::Result<()> {
    write_all(file, &slot.encode(), slot.generation % 2 * SLOT_BYTES)?;
    file.sync()
}

/// Puts a new file in the place of the old one, if any.
fn create(disk: &dyn Disk, folder: &Path, slot: Slot) -> io::Result<Arc<dyn File>> {
    let (path, new_path) = (folder.join(NAME), folder.join(NEW_NAME));
    // Left behind by a crash or an error.
    let _ = disk.remove(&new_path);
    let file = disk.create(&new_path)?;
    file.allocate(FILE_BYTES)?;
    write_slot(&*file, slot)?;
    disk.rename(&new_path, &path)?;
    disk.sync_folder(folder)?;
    Ok(file)
}

fn newest_slot(file: &dyn File) -> Slot {
    let slots = [0, SLOT_BYTES].map(|at| {
        let mut bytes = [0; 36];
        let filled = read_full(file, &mut bytes, at).unwrap_or(0);
        Slot::decode(&bytes[..filled]).unwrap_or_default()
    });
    slots.into_iter().max_by_key(|slot| slot.generation).unwrap_or_default()
}

impl Slot {
    fn encode(self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&self.generation.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.unlogged.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.running_ms.to_le_bytes());
        let check = crc32c(&bytes[..32]);
        bytes[32..].copy_from_slice(&check.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let is_whole = bytes.len() == 36
            && bytes.starts_with(MAGIC)
            && crc32c(&bytes[..32]) == u32_at(bytes, 32);
        is_whole.then(|| Self {
            generation: u64_at(bytes, 8),
            unlogged: u64_at(bytes, 16),
            running_ms: u64_at(bytes, 24),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDisk;

    const FOLDER: &str = "/journal";

    fn open(disk: &SimDisk) -> Counters {
        Counters::open(disk, Path::new(FOLDER), 0)
    }

    fn write(counters: &Counters, disk: &SimDisk) -> io::Result<()> {
        counters.write(disk, Path::new(FOLDER), disk.monotonic(), false)
    }

    fn disk() -> SimDisk {
        let disk = SimDisk::new(1);
        disk.create_folder(Path::new(FOLDER)).unwrap();
        disk
    }

    #[test]
    fn figures_survive_a_power_cut_once_written() {
        let disk = disk();
        for round in 1..=5 {
            let counters = open(&disk);
            assert_eq!(counters.unlogged(), round - 1);
            counters.count_unlogged();
            write(&counters, &disk).unwrap();
            counters.count_unlogged();
            disk.power_cut();
        }
    }

    #[test]
    fn counting_needs_no_space() {
        let disk = disk();
        let counters = open(&disk);
        write(&counters, &disk).unwrap();
        disk.set_free(0);
        for _ in 0..10 {
            counters.count_unlogged();
            write(&counters, &disk).unwrap();
        }
        disk.power_cut();
        assert_eq!(open(&disk).unlogged(), 10);
    }

    #[test]
    fn after_an_error_a_new_file_takes_over() {
        let disk = disk();
        let counters = open(&disk);
        counters.count_unlogged();
        write(&counters, &disk).unwrap();
        counters.count_unlogged();
        disk.fail_sync_in(1);
        write(&counters, &disk).unwrap_err();
        write(&counters, &disk).unwrap();
        assert_eq!(disk.touched_after_failure(), 0);
        disk.power_cut();
        assert_eq!(open(&disk).unlogged(), 2);
    }

    #[test]
    fn a_damaged_slot_leaves_the_other() {
        let disk = disk();
        let counters = open(&disk);
        for _ in 0..2 {
            counters.count_unlogged();
            write(&counters, &disk).unwrap();
        }
        disk.flip_bit(&Path::new(FOLDER).join(NAME), 16 * 8);
        let found = open(&disk).unlogged();
        assert!(found == 1 || found == 2, "{found}");
    }

    #[test]
    fn running_time_goes_on_where_it_was_and_never_jumps() {
        let disk = disk();
        let counters = open(&disk);
        disk.pass(Duration::from_secs(100));
        write(&counters, &disk).unwrap();
        assert_eq!(counters.running_ms(disk.monotonic()), 100_000);
        let counters = open(&disk);
        assert_eq!(counters.running_ms(disk.monotonic()), 100_000);
        disk.pass(Duration::from_secs(5));
        assert_eq!(counters.running_ms(disk.monotonic()), 105_000);
    }
}
