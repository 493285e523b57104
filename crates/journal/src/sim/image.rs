//! What a simulated disk holds: what was written, what is durable, and what a crash makes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::random::Random;

/// What a disk writes whole or not at all.
pub(super) const SECTOR: usize = 512;
/// What it loses or misplaces at once.
pub(super) const BLOCK: usize = 4096;

/// The bytes of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// What a process reads.
    pub(super) current: Vec<u8>,
    /// What is on the disk for certain.
    durable: Vec<u8>,
    /// Every version of a sector since it was last synced; the last one is what is read.
    dirty: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    /// Sizes since the last sync.
    dirty_sizes: Vec<usize>,
    /// Bytes of space it takes.
    pub(super) allocated: u64,
    /// A write or sync of it failed.
    pub(super) has_failed: bool,
    /// Blocks that cannot be read.
    pub(super) unreadable: BTreeSet<u64>,
}

/// A change of a folder that is not durable yet.
#[derive(Clone, Debug)]
enum NameChange {
    Set(PathBuf, u64),
    Remove(PathBuf),
    Rename { from: PathBuf, to: PathBuf, inode: u64 },
}

/// All files and their names.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    changes: Vec<NameChange>,
    next_inode: u64,
}

impl Inode {
    pub(super) fn resize(&mut self, size: usize) {
        if size < self.current.len() {
            self.dirty.retain(|&sector, _| sector * SECTOR < size);
        }
        self.current.resize(size, 0);
        self.dirty_sizes.push(size);
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: usize) {
        let end = at + bytes.len();
        if end > self.current.len() {
            self.resize(end);
        }
        self.current[at..end].copy_from_slice(bytes);
        for sector in at / SECTOR..end.div_ceil(SECTOR) {
            let version = sector_of(&self.current, sector);
            self.dirty.entry(sector).or_default().push(version);
        }
    }

    /// Everything written is durable now.
    pub(super) fn sync(&mut self) {
        if let Some(size) = self.dirty_sizes.last() {
            self.durable.resize(*size, 0);
        }
        self.dirty_sizes.clear();
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            if let Some(version) = versions.last() {
                put_sector(&mut self.durable, sector, version);
            }
        }
    }

    /// A sync that failed: some of it reached the disk, the rest never will, and the system takes
    /// all of it for written.
    pub(super) fn sync_in_part(&mut self, random: &mut Random) {
        self.settle(random);
        self.has_failed = true;
    }

    /// Of everything not durable, any part becomes so; the rest is forgotten.
    fn settle(&mut self, random: &mut Random) {
        let often = [0, 300, 500, 900, 1000][random.below(5) as usize];
        let sizes = std::mem::take(&mut self.dirty_sizes);
        if !sizes.is_empty() && random.per_mille(often) {
            self.durable.resize(sizes[random.below(sizes.len() as u64) as usize], 0);
        }
        for (sector, versions) in std::mem::take(&mut self.dirty) {
            if random.per_mille(often) {
                let version = &versions[random.below(versions.len() as u64) as usize];
                put_sector(&mut self.durable, sector, version);
            }
        }
    }

    fn lose_power(&mut self, random: &mut Random) {
        self.settle(random);
        self.current.clone_from(&self.durable);
        self.allocated = self.allocated.max(self.durable.len() as u64);
    }

    /// Changes what is on the disk, behind everybody's back.
    pub(super) fn damage(&mut self, change: impl Fn(&mut [u8])) {
        change(&mut self.current);
        let size = self.current.len();
        let durable = self.durable.len();
        self.durable.resize(size.max(durable), 0);
        change(&mut self.durable[..size]);
        self.durable.truncate(durable);
    }
}

fn sector_of(bytes: &[u8], sector: usize) -> [u8; SECTOR] {
    let mut version = [0; SECTOR];
    let start = sector * SECTOR;
    let end = bytes.len().min(start + SECTOR);
    version[..end - start].copy_from_slice(&bytes[start..end]);
    version
}

/// A sector that reaches the disk beyond the file's size is not seen.
fn put_sector(bytes: &mut [u8], sector: usize, version: &[u8; SECTOR]) {
    let start = (sector * SECTOR).min(bytes.len());
    let end = bytes.len().min(start + SECTOR);
    bytes[start..end].copy_from_slice(&version[..end - start]);
}

impl Image {
    pub(super) fn find(&self, path: &Path) -> Option<u64> {
        self.names.get(path).copied()
    }

    pub(super) fn names_in(&self, folder: &Path) -> Vec<String> {
        let inside = self.names.keys().filter(|path| path.parent() == Some(folder));
        inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }

    pub(super) fn used(&self) -> u64 {
        self.inodes.values().map(|inode| inode.allocated).sum()
    }

    pub(super) fn create(&mut self, path: &Path) -> u64 {
        self.next_inode += 1;
        self.inodes.insert(self.next_inode, Inode::default());
        self.set_name(path, self.next_inode);
        self.next_inode
    }

    pub(super) fn set_name(&mut self, path: &Path, inode: u64) {
        self.names.insert(path.to_owned(), inode);
        self.changes.push(NameChange::Set(path.to_owned(), inode));
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> bool {
        let Some(inode) = self.names.remove(from) else { return false };
        let (from, to) = (from.to_owned(), to.to_owned());
        self.names.insert(to.clone(), inode);
        self.changes.push(NameChange::Rename { from, to, inode });
        self.drop_nameless(false);
        true
    }

    pub(super) fn remove(&mut self, path: &Path) -> bool {
        let is_there = self.names.remove(path).is_some();
        self.changes.push(NameChange::Remove(path.to_owned()));
        self.drop_nameless(false);
        is_there
    }

    pub(super) fn sync_folder(&mut self, folder: &Path) {
        let (here, elsewhere) = std::mem::take(&mut self.changes)
            .into_iter()
            .partition(|change: &NameChange| change.is_in(folder));
        self.changes = elsewhere;
        self.make_durable(here);
        self.drop_nameless(false);
    }

    /// What a power cut leaves: any part of what was not synced.
    pub(super) fn lose_power(&mut self, random: &mut Random) {
        let often = [0, 500, 900, 1000][random.below(4) as usize];
        let mut kept = std::mem::take(&mut self.changes);
        kept.retain(|_| random.per_mille(often));
        self.make_durable(kept);
        self.names.clone_from(&self.durable_names);
        self.drop_nameless(true);
        for inode in self.inodes.values_mut() {
            inode.lose_power(random);
        }
    }

    fn make_durable(&mut self, changes: Vec<NameChange>) {
        for change in changes {
            match change {
                NameChange::Set(path, inode) => {
                    self.durable_names.insert(path, inode);
                }
                NameChange::Remove(path) => {
                    self.durable_names.remove(&path);
                }
                NameChange::Rename { from, to, inode } => {
                    self.durable_names.remove(&from);
                    self.durable_names.insert(to, inode);
                }
            }
        }
    }

    /// A file goes with its last name, also with the last one a crash could bring back.
    fn drop_nameless(&mut self, is_final: bool) {
        let mut named: BTreeSet<u64> = self.names.values().copied().collect();
        named.extend(self.durable_names.values());
        if !is_final {
            named.extend(self.changes.iter().filter_map(|change| match change {
                NameChange::Set(_, inode) | NameChange::Rename { inode, .. } => Some(*inode),
                NameChange::Remove(_) => None,
            }));
        }
        self.inodes.retain(|inode, _| named.contains(inode));
        let current: BTreeSet<u64> = self.names.values().copied().collect();
        for (inode, file) in &mut self.inodes {
            if !current.contains(inode) {
                file.allocated = 0;
            }
        }
    }
}

impl NameChange {
    fn is_in(&self, folder: &Path) -> bool {
        let path = match self {
            Self::Set(path, _) | Self::Remove(path) | Self::Rename { to: path, .. } => path,
        };
        path.parent() == Some(folder)
    }
}
