//! The disk of this machine.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::disk::{Disk, File, Lock};

/// How many file descriptors are held back for the journal: when visitors have used up the
/// process's limit, a segment must still be opened, read or rotated.
const SPARE_DESCRIPTORS: usize = 8;

/// The file system and the clock of this machine.
#[derive(Debug)]
pub struct RealDisk {
    started: Instant,
    spare: Mutex<Vec<fs::File>>,
}

impl RealDisk {
    /// A handle on this machine's disk; holds a few spare file descriptors.
    #[must_use]
    pub fn new() -> Self {
        let disk = Self { started: Instant::now(), spare: Mutex::new(Vec::new()) };
        disk.refill();
        disk
    }

    fn spare(&self) -> MutexGuard<'_, Vec<fs::File>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refill(&self) {
        let mut spare = self.spare();
        while spare.len() < SPARE_DESCRIPTORS {
            match fs::File::open("/dev/null") {
                Ok(file) => spare.push(file),
                Err(_) => break,
            }
        }
    }

    /// Runs `open`; if the process or the system has no descriptor left, gives up a spare one.
    fn with_descriptor<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        match open() {
            Err(error) if is_out_of_descriptors(&error) && self.spare().pop().is_some() => open(),
            Ok(value) => {
                self.refill();
                Ok(value)
            }
            Err(error) => Err(error),
        }
    }

    fn open_folder(&self, folder: &Path) -> io::Result<fs::File> {
        self.with_descriptor(|| fs::File::open(folder))
    }
}

impl Default for RealDisk {
    fn default() -> Self {
        Self::new()
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

impl Disk for RealDisk {
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(bytes)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        let parent = match folder.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        self.create_folder(parent)?;
        match fs::create_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.sync_folder(parent)
    }

    fn lock(&self, folder: &Path) -> io::Result<Box<dyn Lock>> {
        // A lock on the folder itself: no lock file to write, none left behind by a kill.
        let file = self.open_folder(folder)?;
        file.try_lock().map_err(io::Error::from)?;
        Ok(Box::new(FolderLock { _file: file }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.with_descriptor(|| fs::read_dir(folder))? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        Ok(Arc::new(RealFile(self.with_descriptor(|| options.open(path))?)))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(write);
        Ok(Arc::new(RealFile(self.with_descriptor(|| options.open(path))?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.open_folder(folder)?.sync_all()
    }

    fn available(&self, folder: &Path) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(folder)?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }
}

#[derive(Debug)]
struct FolderLock {
    _file: fs::File,
}

impl Lock for FolderLock {}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, size) {
            // A file system without reservations: the size at least, space shows when writing.
            Err(Errno::OPNOTSUPP) => self.0.set_len(size),
            result => Ok(result?),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, bytes, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new();
        let held = disk.lock(folder.path()).unwrap();
        let refused = disk.lock(folder.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "locking writes nothing");
        drop(held);
        disk.lock(folder.path()).unwrap();
    }

    #[test]
    fn a_spare_descriptor_is_given_up_when_none_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new();
        let tries = std::cell::Cell::new(0);
        let opened = disk.with_descriptor(|| {
            tries.set(tries.get() + 1);
            if tries.get() == 1 {
                Err(Errno::MFILE.into())
            } else {
                assert_eq!(disk.spare().len(), SPARE_DESCRIPTORS - 1);
                fs::File::open(folder.path())
            }
        });
        opened.unwrap();
        assert_eq!(tries.get(), 2);
        disk.open_folder(folder.path()).unwrap();
        assert_eq!(disk.spare().len(), SPARE_DESCRIPTORS, "refilled once there is room again");
    }

    #[test]
    fn missing_parents_are_created() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        RealDisk::new().create_folder(&deep).unwrap();
        assert!(deep.is_dir());
    }

    #[test]
    fn allocated_bytes_read_as_zero() {
        let folder = tempfile::tempdir().unwrap();
        let disk = RealDisk::new();
        let file = disk.create(&folder.path().join("file")).unwrap();
        file.allocate(8192).unwrap();
        assert_eq!(file.size().unwrap(), 8192);
        file.write_at(b"end", 8189).unwrap();
        let mut bytes = [1; 4];
        assert_eq!(file.read_at(&mut bytes, 8188).unwrap(), 4);
        assert_eq!(&bytes, b"\0end");
    }
}
