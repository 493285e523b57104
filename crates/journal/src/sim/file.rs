//! An open file of a simulated disk.

use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::image::{BLOCK, Inode};
use super::{Inner, State, counts_down, eio};
use crate::disk::File;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) inner: Arc<Inner>,
    pub(super) inode: u64,
    /// The process that opened it.
    pub(super) boot: u64,
}

impl SimFile {
    /// The disk, if it has not crashed since the file was opened.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.inner.state();
        if state.boot == self.boot && !state.is_off { Ok(state) } else { Err(eio()) }
    }

    fn inode<'a>(&self, state: &'a mut State) -> io::Result<&'a mut Inode> {
        state.image.inodes.get_mut(&self.inode).ok_or_else(eio)
    }

    /// How many of `bytes` there is space for.
    fn reserve(&self, state: &mut State, at: u64, bytes: u64) -> io::Result<u64> {
        let free = state.free();
        let inode = self.inode(state)?;
        let missing = (at + bytes).saturating_sub(inode.allocated);
        let granted = missing.min(free);
        inode.allocated += granted;
        let fits = bytes - (missing - granted);
        if fits == 0 && bytes > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
    }
}

impl File for SimFile {
    fn size(&self) -> io::Result<u64> {
        let mut state = self.state()?;
        Ok(self.inode(&mut state)?.current.len() as u64)
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.change()?;
        let missing = size.saturating_sub(self.inode(&mut state)?.allocated);
        if missing > state.free() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = self.inode(&mut state)?;
        inode.allocated += missing;
        if (inode.current.len() as u64) < size {
            inode.resize(size as usize);
        }
        Ok(())
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut state = self.state()?;
        state.change()?;
        let inode = self.inode(&mut state)?;
        inode.resize(size as usize);
        inode.allocated = inode.allocated.min(size);
        Ok(())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        let inode = self.inode(&mut state)?;
        let start = (offset as usize).min(inode.current.len());
        let end = (start + bytes.len()).min(inode.current.len());
        let blocks = start as u64 / BLOCK as u64..(end as u64).div_ceil(BLOCK as u64);
        if inode.unreadable.range(blocks).next().is_some() {
            return Err(eio());
        }
        bytes[..end - start].copy_from_slice(&inode.current[start..end]);
        state.bytes_read += (end - start) as u64;
        Ok(end - start)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        state.writes += 1;
        let off = state.change();
        let is_due = state.fail_write_in > 0 && counts_down(&mut state.fail_write_in);
        let rates = state.rates;
        let fails = off.is_err() || is_due || state.random.per_mille(rates.write);
        let is_short = state.random.per_mille(rates.short_write);
        let count = if fails || is_short {
            state.random.below(bytes.len() as u64)
        } else {
            bytes.len() as u64
        };
        let count = self.reserve(&mut state, offset, count)? as usize;
        let was_touched = self.inode(&mut state)?.has_failed;
        state.touched_after_failure += u64::from(was_touched);
        let inode = self.inode(&mut state)?;
        inode.write(&bytes[..count], offset as usize);
        inode.has_failed |= count < bytes.len();
        if fails { Err(eio()) } else { Ok(count) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state()?;
        let takes = state.sync_takes;
        state.now += takes;
        while state.are_syncs_stalled {
            let waited = self.inner.resumed.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.syncs += 1;
        state.change()?;
        let was_touched = self.inode(&mut state)?.has_failed;
        state.touched_after_failure += u64::from(was_touched);
        let is_due = state.fail_sync_in > 0 && counts_down(&mut state.fail_sync_in);
        let rate = state.rates.sync;
        if is_due || state.random.per_mille(rate) {
            let State { image, random, .. } = &mut *state;
            let inode = image.inodes.get_mut(&self.inode).ok_or_else(eio)?;
            inode.sync_in_part(random);
            return Err(eio());
        }
        self.inode(&mut state)?.sync();
        Ok(())
    }
}
