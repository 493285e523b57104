//! Makes segments before they are needed, and gives up the ballast when the disk is full.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::append::Refusal;
use crate::disk::{Disk, File, write_all};
use crate::options::{Durability, Options};
use crate::segment::{DATA_AT, Identity, Uuid, new_path_of, path_of};

/// How many empty segments are kept ahead of the one being written.
const READY: usize = 2;
/// Zeros written in one go when a segment is prepared.
const ZEROS_STEP: usize = 1 << 20;
const BALLAST: &str = "ballast";

/// An empty segment: durable in name and identity, without a link.
#[derive(Clone, Debug)]
pub(crate) struct Blank {
    pub(crate) ordinal: u64,
    pub(crate) uuid: Uuid,
    pub(crate) size: u64,
    pub(crate) file: Arc<dyn File>,
}

/// Makes segments one at a time, in the order in which they will be used.
#[derive(Debug)]
pub(crate) struct Maker {
    folder: PathBuf,
    segment_bytes: u64,
    ballast_bytes: u64,
    /// Whether segments made ahead are written once with zeros.
    with_zeros: bool,
    /// The writer waits for the segment being made.
    is_awaited: AtomicBool,
    /// Not locked while one is being made: the writer takes what is ready without waiting.
    ready: Mutex<VecDeque<Blank>>,
    making: Mutex<Making>,
}

#[derive(Debug)]
struct Making {
    next_ordinal: u64,
    has_ballast: bool,
    /// The disk was full, and there was not yet room enough to restore the ballast.
    is_short: bool,
}

impl Maker {
    /// A maker for segments from `next_ordinal` on, with the blanks that were found.
    pub(crate) fn new(
        folder: &Path,
        options: &Options,
        next_ordinal: u64,
        ready: VecDeque<Blank>,
        has_ballast: bool,
    ) -> Self {
        Self {
            folder: folder.to_owned(),
            segment_bytes: options.segment_bytes,
            ballast_bytes: options.ballast_bytes,
            // Only a sync gains by it.
            with_zeros: options.durability == Durability::Sync,
            is_awaited: AtomicBool::new(false),
            ready: Mutex::new(ready),
            making: Mutex::new(Making { next_ordinal, has_ballast, is_short: false }),
        }
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<Blank>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many segments are ready.
    pub(crate) fn ready_count(&self) -> usize {
        self.ready().len()
    }

    /// The next segment to write, with room for at least `room` bytes of frames. Made now if none
    /// is ready.
    pub(crate) fn take(&self, disk: &dyn Disk, room: u64) -> io::Result<Blank> {
        if let Some(blank) = self.take_ready(disk, room) {
            return Ok(blank);
        }
        self.is_awaited.store(true, Ordering::Relaxed);
        let mut making = self.making();
        self.is_awaited.store(false, Ordering::Relaxed);
        // One may have become ready while we waited for the maker.
        match self.take_ready(disk, room) {
            Some(blank) => Ok(blank),
            None => self.make(&mut making, disk, self.segment_bytes.max(DATA_AT + room), false),
        }
    }

    fn take_ready(&self, disk: &dyn Disk, room: u64) -> Option<Blank> {
        loop {
            let blank = self.ready().pop_front()?;
            if blank.size >= DATA_AT + room {
                return Some(blank);
            }
            // Left from smaller segments, before their size was changed.
            let _ = disk.remove(&path_of(&self.folder, blank.ordinal));
        }
    }

    /// Makes one segment ahead if one is missing; returns whether it did.
    pub(crate) fn make_ahead(&self, disk: &dyn Disk) -> io::Result<bool> {
        let mut making = self.making();
        if self.ready_count() >= READY {
            return Ok(false);
        }
        let blank = self.make(&mut making, disk, self.segment_bytes, self.with_zeros)?;
        self.ready().push_back(blank);
        Ok(true)
    }

    /// Creates the ballast if it is missing and there is room for it and a segment.
    pub(crate) fn restore_ballast(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut making = self.making();
        if making.has_ballast {
            return Ok(());
        }
        if self.ballast_bytes == 0 {
            making.is_short = false;
            return Ok(());
        }
        if disk.available(&self.folder)? < self.ballast_bytes + self.segment_bytes {
            return Ok(());
        }
        let path = self.folder.join(BALLAST);
        if let Err(error) = disk.create(&path)?.allocate(self.ballast_bytes) {
            disk.remove(&path)?;
            return Err(error);
        }
        (making.has_ballast, making.is_short) = (true, false);
        Ok(())
    }

    fn make(
        &self,
        making: &mut Making,
        disk: &dyn Disk,
        size: u64,
        with_zeros: bool,
    ) -> io::Result<Blank> {
        // The room the ballast gave is for the operator and the databases, not for more records.
        let reserve = self.segment_bytes + self.ballast_bytes;
        if making.is_short && disk.available(&self.folder)? < reserve {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let ordinal = making.next_ordinal;
        // A name is used once: one that failed half-way is not relied on again.
        making.next_ordinal += 1;
        let made = self.make_file(disk, ordinal, size, with_zeros);
        if let Err(error) = &made {
            let _ = disk.remove(&new_path_of(&self.folder, ordinal));
            let _ = disk.remove(&path_of(&self.folder, ordinal));
            if refusal_for(error) == Refusal::DiskFull {
                self.give_up_ballast(making, disk);
            }
        }
        made
    }

    fn make_file(
        &self,
        disk: &dyn Disk,
        ordinal: u64,
        size: u64,
        with_zeros: bool,
    ) -> io::Result<Blank> {
        let uuid = disk.random()?;
        let new_path = new_path_of(&self.folder, ordinal);
        let file = disk.create(&new_path)?;
        file.allocate(size)?;
        if with_zeros {
            self.write_zeros(&*file, size)?;
        }
        write_all(&*file, &Identity { uuid, ordinal, size }.encode(), 0)?;
        file.sync()?;
        disk.rename(&new_path, &path_of(&self.folder, ordinal))?;
        disk.sync_folder(&self.folder)?;
        Ok(Blank { ordinal, uuid, size, file })
    }

    /// Writes the reserved bytes once, so that a sync of records has no extents to convert: a
    /// third less time per sync on an idle ext4. Stops when the writer waits.
    fn write_zeros(&self, file: &dyn File, size: u64) -> io::Result<()> {
        let zeros = vec![0; ZEROS_STEP.min(size as usize)];
        let mut at = DATA_AT;
        while at < size && !self.is_awaited.load(Ordering::Relaxed) {
            let count = zeros.len().min((size - at) as usize);
            write_all(file, &zeros[..count], at)?;
            at += count as u64;
            // In steps, so that a long queue of zeros does not stand before a visitor's record.
            file.sync()?;
        }
        Ok(())
    }

    fn give_up_ballast(&self, making: &mut Making, disk: &dyn Disk) {
        making.is_short = true;
        if std::mem::take(&mut making.has_ballast) {
            let _ = disk.remove(&self.folder.join(BALLAST));
        }
    }
}

/// What a caller is told about an error of the disk.
pub(crate) fn refusal_for(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Refusal::DiskFull,
        _ => Refusal::Io,
    }
}

/// Whether this is the name of the ballast.
pub(crate) fn is_ballast(name: &str) -> bool {
    name == BALLAST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimDisk;

    const FOLDER: &str = "/journal";

    fn maker(disk: &SimDisk) -> Maker {
        let folder = Path::new(FOLDER);
        disk.create_folder(folder).unwrap();
        let options = Options { segment_bytes: 16 << 10, ballast_bytes: 0, ..Options::default() };
        Maker::new(folder, &options, 1, VecDeque::new(), false)
    }

    #[test]
    fn what_is_ready_is_taken_without_waiting_for_the_one_being_made() {
        let disk = SimDisk::new(1);
        let maker = maker(&disk);
        assert!(maker.make_ahead(&disk).unwrap());
        let _being_made = maker.making();
        assert_eq!(maker.take(&disk, 100).unwrap().ordinal, 1);
    }

    #[test]
    fn segments_are_taken_in_the_order_of_their_ordinals() {
        let disk = SimDisk::new(1);
        let maker = maker(&disk);
        while maker.make_ahead(&disk).unwrap() {}
        let taken: Vec<u64> = (0..4).map(|_| maker.take(&disk, 100).unwrap().ordinal).collect();
        assert_eq!(taken, [1, 2, 3, 4]);
    }

    #[test]
    fn a_segment_survives_a_power_cut_as_soon_as_it_is_made() {
        for seed in 0..100 {
            let disk = SimDisk::new(seed);
            let blank = maker(&disk).take(&disk, 100).unwrap();
            disk.power_cut();
            let bytes = disk.bytes(&path_of(Path::new(FOLDER), blank.ordinal));
            assert_eq!(Identity::decode(&bytes).unwrap().uuid, blank.uuid);
            assert_eq!(bytes.len(), 16 << 10);
        }
    }

    #[test]
    fn what_failed_half_way_leaves_nothing_behind() {
        for count in 1..=3 {
            let disk = SimDisk::new(1);
            let maker = maker(&disk);
            disk.fail_name_in(count);
            maker.take(&disk, 100).unwrap_err();
            assert_eq!(disk.files(Path::new(FOLDER)), [] as [PathBuf; 0]);
            assert!(maker.take(&disk, 100).is_ok());
        }
    }
}
