//! Looks at every segment's first blocks, without changing anything.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, File, read_full};
use crate::frame::Seed;
use crate::index::Segment;
use crate::maker::Blank;
use crate::recover::OpenError;
use crate::scan::{Scanner, Step};
use crate::segment::{
    DATA_AT, Identity, LINK_AT, Link, NoIdentity, Uuid, VERSION, WRITE_MAX, ordinal_of, path_of,
};

/// A segment file and what its first blocks say.
#[derive(Debug)]
struct Found {
    ordinal: u64,
    size: u64,
    identity: Option<Identity>,
    link: Option<Link>,
}

/// The segment files of a folder, by what they are good for; each list in order.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// Hold records, or were opened to hold some.
    pub(crate) segments: Vec<Segment>,
    /// Never written.
    pub(crate) blanks: Vec<Blank>,
    /// Hold nothing: a first write that did not reach the disk.
    pub(crate) useless: Vec<u64>,
    /// Whatever they hold cannot be told any more.
    pub(crate) unreadable: Vec<Unreadable>,
    /// The highest ordinal seen.
    pub(crate) last_ordinal: u64,
}

/// A segment whose blocks at the beginning are lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unreadable {
    pub(crate) ordinal: u64,
    pub(crate) size: u64,
}

/// Sorts the segments among `names` by what they are good for.
pub(crate) fn inspect(
    disk: &dyn Disk,
    folder: &Path,
    names: &[String],
) -> Result<Inspected, OpenError> {
    let mut ordinals: Vec<u64> = names.iter().filter_map(|name| ordinal_of(name)).collect();
    ordinals.sort_unstable();
    // All first: a segment of a newer version must be found before anything is done.
    let found = ordinals
        .iter()
        .map(|&ordinal| look(disk, folder, ordinal))
        .collect::<Result<Vec<_>, _>>()?;
    let opened = found.iter().filter_map(|one| Some(one.link.as_ref()?.opened_at_ms));
    let latest_ms = opened.max().unwrap_or(0);
    let mut inspected =
        Inspected { last_ordinal: ordinals.last().copied().unwrap_or(0), ..Inspected::default() };
    for (place, one) in found.iter().enumerate() {
        let next_link = found[place + 1..].iter().find_map(|next| next.link.as_ref());
        let path = path_of(folder, one.ordinal);
        inspected
            .sort_in(&|| disk.open(&path, true), one, next_link, latest_ms)
            .map_err(OpenError::on("read the segment", &path))?;
    }
    inspected.drop_passed_blanks();
    inspected.set_ends(&found);
    Ok(inspected)
}

/// Opens the file that is being sorted in.
type Open<'a> = &'a dyn Fn() -> io::Result<Arc<dyn File>>;

fn look(disk: &dyn Disk, folder: &Path, ordinal: u64) -> Result<Found, OpenError> {
    let path = path_of(folder, ordinal);
    // Not kept open: there may be more segments than descriptors.
    let opened = disk.open(&path, false).and_then(|file| Ok((file.size()?, file)));
    let (size, file) = opened.map_err(OpenError::on("open the segment", &path))?;
    let identity = match Identity::decode(&read_block(&*file, 0)) {
        // A block of another segment, put here by a disk gone astray, says nothing about this one.
        Ok(identity) => Some(identity).filter(|identity| identity.ordinal == ordinal),
        Err(NoIdentity::Damaged) => None,
        Err(NoIdentity::Newer(found)) => {
            return Err(OpenError::Newer { path, found, supported: VERSION });
        }
    };
    let link = Link::decode(&read_block(&*file, LINK_AT));
    let link = link.filter(|link| identity.as_ref().is_none_or(|known| known.uuid == link.uuid));
    Ok(Found { ordinal, size, identity, link })
}

/// A block, or what there is of it: one that cannot be read is as good as damaged.
fn read_block(file: &dyn File, at: u64) -> Vec<u8> {
    let mut block = vec![0; LINK_AT as usize];
    let filled = read_full(file, &mut block, at).unwrap_or(0);
    block.truncate(filled);
    block
}

impl Inspected {
    fn sort_in(
        &mut self,
        open: Open<'_>,
        found: &Found,
        next_link: Option<&Link>,
        latest_ms: u64,
    ) -> io::Result<()> {
        let Found { ordinal, size, .. } = *found;
        if let Some(link) = &found.link {
            self.segments.push(segment(found, link.uuid, link.first_sequence, link.opened_at_ms));
            return Ok(());
        }
        let file = open()?;
        if is_blank(&file, found)? {
            match &found.identity {
                Some(identity) if size == identity.size => {
                    self.blanks.push(Blank { ordinal, uuid: identity.uuid, size, file });
                }
                _ => self.useless.push(ordinal),
            }
            return Ok(());
        }
        // The link is lost, or the identity, or both: the frames still say whose they are.
        let known = found.identity.as_ref().map(|identity| identity.uuid);
        let told = next_link.and_then(|link| Some(link.previous?.uuid));
        let Some(uuid) = known.or(told) else {
            self.unreadable.push(Unreadable { ordinal, size });
            return Ok(());
        };
        match first_frame(file, found, uuid)? {
            Some(first) => self.segments.push(segment(found, uuid, first, latest_ms)),
            None if known.is_some() => self.useless.push(ordinal),
            None => self.unreadable.push(Unreadable { ordinal, size }),
        }
        Ok(())
    }

    /// A blank before a segment in use was tried and given up: used now, it would be out of order.
    fn drop_passed_blanks(&mut self) {
        let last = self.segments.last().map_or(0, |segment| segment.ordinal);
        let (passed, ahead) = self.blanks.drain(..).partition(|blank: &Blank| blank.ordinal < last);
        self.blanks = ahead;
        self.useless.extend(passed.iter().map(|blank: &Blank| blank.ordinal));
    }

    /// Ends every segment where the next one says its valid bytes end.
    fn set_ends(&mut self, found: &[Found]) {
        for one in found {
            let Some(before) = one.link.as_ref().and_then(|link| link.previous) else { continue };
            if let Some(segment) = self.segments.iter_mut().find(|s| s.uuid == before.uuid) {
                segment.end = segment.end.min(before.valid_end);
                segment.below = before.last_sequence + 1;
            }
        }
    }
}

fn segment(found: &Found, uuid: Uuid, first_sequence: u64, opened_at_ms: u64) -> Segment {
    Segment {
        ordinal: found.ordinal,
        uuid,
        first_sequence,
        end: found.size,
        below: u64::MAX,
        size: found.size,
        opened_at_ms,
        is_damaged: false,
    }
}

/// Whether a segment without a link was never written: its first write would show within the
/// first megabyte. If the identity is lost too, all of it must be empty, and not cut off.
fn is_blank(file: &Arc<dyn File>, found: &Found) -> io::Result<bool> {
    let end = match &found.identity {
        Some(_) => found.size.min(DATA_AT + WRITE_MAX),
        None if found.size < DATA_AT => return Ok(false),
        None => found.size,
    };
    let mut scanner = Scanner::new(Arc::clone(file), Seed::new(&[0; 16]), end);
    scanner.seek(LINK_AT.min(end));
    Ok(scanner.content_end()? <= LINK_AT)
}

/// The first sequence of the first write of which something is left.
fn first_frame(file: Arc<dyn File>, found: &Found, uuid: Uuid) -> io::Result<Option<u64>> {
    let mut scanner = Scanner::new(file, Seed::new(&uuid), found.size);
    loop {
        match scanner.step(0, u64::MAX)? {
            Step::Frame(frame) => return Ok(Some(frame.write_first())),
            Step::End => return Ok(None),
            Step::Bad => {
                if !scanner.resync(0, u64::MAX)? {
                    return Ok(None);
                }
            }
        }
    }
}
