//! Which record an address range refers to, read where the ranges lie in a compiled table.
//!
//! An address ought to touch few cache lines and pages, because every look-up is at a random place
//! in tens of megabytes: so ranges are grouped by the address's upper bits, only the lower bits of
//! their starts are kept, and the references of a group lie right behind its starts. A group is
//! `n` starts in ascending order, then `n` references (3 bytes each); all numbers are little-endian.
//!
//! - v4: an index by the upper 16 bits (65,537 offsets, u32, of groups), then the groups, with the
//!   lower 16 bits as starts. The first start of a group that is not empty is 0.
//! - v6: the upper 32 bits that occur (u32, ascending), the offset of each one's group and of the end
//!   (u32), then the groups, with the next 32 bits as starts, the first of each group 0. A range
//!   of /64s that are not whole refers to [`CUT`], and is divided in one more group with
//!   whole addresses as starts.

use std::ops::Range;

/// The reference of ranges without a record.
pub const NONE: u32 = 0;
/// The reference of v6 ranges whose parts are below /64; not a record either.
pub const CUT: u32 = 0xFF_FFFF;
/// Bytes of a reference.
pub const REFERENCE_BYTES: usize = 3;
/// Bytes of the v4 index.
pub const V4_INDEX_BYTES: usize = 4 * (0x1_0000 + 1);

/// Where the v4 ranges lie; both are empty where there are none.
pub struct V4 {
    /// Offsets by the upper 16 bits.
    pub index: Range<usize>,
    /// The groups.
    pub groups: Range<usize>,
}

impl V4 {
    /// The reference of the range that holds an address. Damaged bytes give wrong references.
    #[inline]
    pub fn find(&self, all: &[u8], ip: u32) -> u32 {
        let low = ip as u16;
        group(all, &self.index, &self.groups, (ip >> 16) as usize)
            .and_then(|group| last_by_count(group, low))
            .unwrap_or(NONE)
    }
}

/// Where the v6 ranges lie.
pub struct V6 {
    /// The upper 32 bits that occur.
    pub heads: Range<usize>,
    /// The offsets of their groups.
    pub index: Range<usize>,
    /// The groups.
    pub groups: Range<usize>,
    /// The group of ranges below /64.
    pub cut: Range<usize>,
}

impl V6 {
    /// The reference of the range that holds an address. Damaged bytes give wrong references.
    pub fn find(&self, all: &[u8], ip: u128) -> u32 {
        match self.find_whole(all, (ip >> 64) as u64) {
            Some(CUT) => all
                .get(self.cut.clone())
                .and_then(|cut| last(cut, |start| u128::from_le_bytes(start) <= ip))
                .unwrap_or(NONE),
            found => found.unwrap_or(NONE),
        }
    }

    fn find_whole(&self, all: &[u8], high: u64) -> Option<u32> {
        let head = (high >> 32) as u32;
        let (heads, _) = all.get(self.heads.clone())?.as_chunks();
        let number = heads.partition_point(|at| u32::from_le_bytes(*at) <= head).checked_sub(1)?;
        // What follows a group's last start belongs to it until the next head that occurs.
        let inside = heads.get(number).is_some_and(|at| u32::from_le_bytes(*at) == head);
        let low = if inside { high as u32 } else { u32::MAX };
        let group = group(all, &self.index, &self.groups, number)?;
        last(group, |start| u32::from_le_bytes(start) <= low)
    }
}

fn group<'a>(
    all: &'a [u8],
    index: &Range<usize>,
    groups: &Range<usize>,
    number: usize,
) -> Option<&'a [u8]> {
    let (offsets, _) = all.get(index.clone())?.as_chunks();
    let [start, end] = [number, number + 1].map(|at| offsets.get(at));
    let [start, end] = [*start?, *end?].map(|offset| u32::from_le_bytes(offset) as usize);
    all.get(groups.clone())?.get(start..end)
}

/// The reference of the last start of a group that is not behind an address.
fn last<const WIDTH: usize>(group: &[u8], reached: impl Fn([u8; WIDTH]) -> bool) -> Option<u32> {
    let (starts, references) = split(group)?;
    reference(references, starts.partition_point(|start| reached(*start)))
}

/// The same where starts are small: to count them all is faster than to search, because
/// no memory access waits for the one before.
fn last_by_count(group: &[u8], low: u16) -> Option<u32> {
    let (starts, references) = split(group)?;
    let mut end = starts.len();
    let mut start = 0;
    while end - start > COUNTED {
        let middle = start.midpoint(end);
        if starts.get(middle).is_some_and(|at| u16::from_le_bytes(*at) <= low) {
            start = middle;
        } else {
            end = middle;
        }
    }
    let counted = starts.get(start..end)?.iter();
    let reached = counted.map(|at| u16::from(u16::from_le_bytes(*at) <= low));
    // Wrapping, because a check in each step would keep it from taking many starts at once.
    let count = reached.fold(0, u16::wrapping_add);
    reference(references, start + usize::from(count))
}

/// How many starts are counted at most; more are halved first.
const COUNTED: usize = 512;

/// Starts and references of a group.
type Group<'a, const WIDTH: usize> = (&'a [[u8; WIDTH]], &'a [[u8; REFERENCE_BYTES]]);

fn split<const WIDTH: usize>(group: &[u8]) -> Option<Group<'_, WIDTH>> {
    let count = group.len() / (WIDTH + REFERENCE_BYTES);
    let (starts, references) = group.split_at_checked(count * WIDTH)?;
    Some((starts.as_chunks().0, references.as_chunks().0))
}

/// The last of the references to the starts reached.
fn reference(references: &[[u8; REFERENCE_BYTES]], reached: usize) -> Option<u32> {
    let [low, middle, high] = *references.get(reached.checked_sub(1)?)?;
    Some(u32::from_le_bytes([low, middle, high, 0]))
}
