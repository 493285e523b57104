//! What the journal asks of the machine: files, their durability, time and chance.
//!
//! There are two implementations: [`crate::RealDisk`], and [`crate::sim::SimDisk`] which forgets,
//! tears and reorders whatever was not synced. Time and random bytes belong here too, so that a
//! seed reproduces a whole run.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A machine with one file system.
///
/// Names of a folder (create, rename, link, remove) are durable only after
/// [`sync_folder`](Disk::sync_folder), bytes only after [`File::sync`].
pub trait Disk: Send + Sync + Debug {
    /// Time since an arbitrary fixed point; never jumps, never goes back.
    fn monotonic(&self) -> Duration;

    /// Sixteen bytes nobody can guess.
    fn random(&self) -> io::Result<[u8; 16]>;

    /// Creates a folder and its missing parents, all durable.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Takes the folder for this process alone, without writing into it;
    /// [`io::ErrorKind::WouldBlock`] if another holds it.
    fn lock(&self, folder: &Path) -> io::Result<Box<dyn Lock>>;

    /// The names in a folder, in no order; [`io::ErrorKind::NotFound`] if it does not exist.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Creates a file for reading and writing; [`io::ErrorKind::AlreadyExists`] if it exists.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens a file for reading, and for writing if asked.
    fn open(&self, path: &Path, write: bool) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name in the same file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name in the same file system; needs no space for its bytes.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a name away; the file goes with its last name.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Bytes that this process could still allocate on the folder's file system.
    fn available(&self, folder: &Path) -> io::Result<u64>;
}

/// An open file. Reading and writing name their place; there is no cursor.
pub trait File: Send + Sync + Debug {
    /// Size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reserves the bytes up to `size` (they read as zero), so that writing them needs no space.
    fn allocate(&self, size: u64) -> io::Result<()>;

    /// Cuts the file to `size`.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Reads at `offset`; may read less than asked, 0 only at the end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at `offset`; may write less than given.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written durable, and the size if reading needs it (`fdatasync`).
    ///
    /// After an error nobody knows what reached the disk, and a second call may return success
    /// without having written anything (<https://wiki.postgresql.org/wiki/Fsync_Errors>):
    /// never call it again on this file.
    fn sync(&self) -> io::Result<()>;
}

/// Holds a folder for as long as it lives.
pub trait Lock: Send + Sync + Debug {}

/// Reads until `bytes` is full or the file ends; returns how many were read.
pub(crate) fn read_full(file: &dyn File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes everything in one call; a short write is an error, because what follows it on the disk
/// would have to be guessed.
pub(crate) fn write_all(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let written = file.write_at(bytes, offset)?;
    if written == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}
