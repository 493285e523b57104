//! Names, locks, time and chance of a simulated disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::file::SimFile;
use super::{Inner, SimDisk};
use crate::disk::{Disk, File, Lock};

impl Disk for SimDisk {
    fn monotonic(&self) -> Duration {
        self.state().now + self.inner.started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    fn random(&self) -> io::Result<[u8; 16]> {
        let mut state = self.state();
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&state.random.any().to_le_bytes());
        bytes[8..].copy_from_slice(&state.random.any().to_le_bytes());
        Ok(bytes)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.folders.contains(folder) {
            state.change()?;
            state.folders.extend(folder.ancestors().map(Path::to_owned));
        }
        Ok(())
    }

    fn lock(&self, folder: &Path) -> io::Result<Box<dyn Lock>> {
        let mut state = self.state();
        if !state.locks.insert(folder.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (inner, boot) = (Arc::clone(&self.inner), state.boot);
        Ok(Box::new(SimLock { inner, folder: folder.to_owned(), boot }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.folders.contains(folder) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(state.image.names_in(folder))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.change_name()?;
        if state.image.find(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.image.create(path);
        Ok(Arc::new(SimFile { inner: Arc::clone(&self.inner), inode, boot: state.boot }))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Arc<dyn File>> {
        let state = self.state();
        let inode = state.image.find(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { inner: Arc::clone(&self.inner), inode, boot: state.boot }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_name()?;
        let is_done = state.image.rename(from, to);
        if is_done { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_name()?;
        if state.image.find(to).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.image.find(from).ok_or(io::ErrorKind::NotFound)?;
        state.image.set_name(to, inode);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        let is_done = state.image.remove(path);
        if is_done { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change_name()?;
        state.image.sync_folder(folder);
        Ok(())
    }

    fn available(&self, _folder: &Path) -> io::Result<u64> {
        Ok(self.state().free())
    }
}

#[derive(Debug)]
struct SimLock {
    inner: Arc<Inner>,
    folder: PathBuf,
    boot: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.inner.state();
        if state.boot == self.boot {
            state.locks.remove(&self.folder);
        }
    }
}
