//! Collects address ranges in ascending order and lays them out as [`crate::ranges`] reads them.

use crate::ranges::{CUT, NONE};

/// Starts and references of one group.
struct Group<T> {
    starts: Vec<T>,
    references: Vec<u32>,
}

impl<T: PartialEq> Group<T> {
    const fn new() -> Self {
        Self { starts: Vec::new(), references: Vec::new() }
    }

    fn push(&mut self, start: T, reference: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.references.pop();
        }
        self.starts.push(start);
        self.references.push(reference);
    }

    fn flush<const WIDTH: usize>(&mut self, out: &mut Vec<u8>, bytes: impl Fn(T) -> [u8; WIDTH]) {
        out.extend(self.starts.drain(..).flat_map(bytes));
        for reference in self.references.drain(..) {
            let [low, middle, high, _] = reference.to_le_bytes();
            out.extend([low, middle, high]);
        }
    }
}

/// The v4 ranges of a table.
pub struct V4Draft {
    index: Vec<u32>,
    groups: Vec<u8>,
    group: Group<u16>,
    /// Reference of the addresses from the last start on.
    current: u32,
}

impl V4Draft {
    /// No ranges.
    pub fn new() -> Self {
        Self { index: vec![0], groups: Vec::new(), group: Group::new(), current: NONE }
    }

    /// From `start`, which is behind the one before, addresses refer to `reference`.
    pub fn push(&mut self, start: u32, reference: u32) {
        if reference == self.current {
            return;
        }
        let (number, low) = ((start >> 16) as usize, start as u16);
        self.finish_groups(number);
        if self.group.starts.is_empty() && low != 0 {
            self.group.push(0, self.current);
        }
        self.group.push(low, reference);
        self.current = reference;
    }

    /// Ends the groups before `number`.
    fn finish_groups(&mut self, number: usize) {
        while self.index.len() <= number {
            if self.group.starts.is_empty() && self.current != NONE {
                self.group.push(0, self.current);
            }
            self.group.flush(&mut self.groups, u16::to_le_bytes);
            self.index.push(offset(self.groups.len()));
        }
    }

    /// Index and groups; nothing if no address refers to a record.
    pub fn layout(mut self) -> Result<Vec<u8>, &'static str> {
        self.finish_groups(0x1_0000);
        check_size(self.groups.len())?;
        if self.groups.is_empty() {
            return Ok(Vec::new());
        }
        let mut out: Vec<u8> = self.index.into_iter().flat_map(u32::to_le_bytes).collect();
        out.append(&mut self.groups);
        Ok(out)
    }
}

/// The v6 ranges of a table.
pub struct V6Draft {
    heads: Vec<u32>,
    index: Vec<u32>,
    groups: Vec<u8>,
    group: Group<u32>,
    cut: Group<u128>,
    /// Reference of the addresses from the last start on.
    current: u32,
    /// The same among the whole /64s, where it may be [`CUT`].
    current_whole: u32,
    /// The /64 that is being divided.
    dividing: Option<u64>,
}

/// The v6 ranges of a table, laid out.
pub struct V6Layout {
    /// The upper 32 bits that occur.
    pub heads: Vec<u8>,
    /// The offsets of their groups.
    pub index: Vec<u8>,
    /// The groups.
    pub groups: Vec<u8>,
    /// The group of ranges below /64.
    pub cut: Vec<u8>,
}

impl V6Draft {
    /// No ranges.
    pub fn new() -> Self {
        Self {
            heads: Vec::new(),
            index: Vec::new(),
            groups: Vec::new(),
            group: Group::new(),
            cut: Group::new(),
            current: NONE,
            current_whole: NONE,
            dividing: None,
        }
    }

    /// From `start`, which is behind the one before, addresses refer to `reference`.
    pub fn push(&mut self, start: u128, reference: u32) {
        if reference == self.current {
            return;
        }
        let high = (start >> 64) as u64;
        let whole = start as u64 == 0;
        if let Some(divided) = self.dividing.filter(|divided| *divided < high) {
            self.dividing = None;
            self.push_whole(divided + 1, self.current);
        }
        if whole {
            self.push_whole(high, reference);
        } else {
            if self.dividing.is_none() {
                self.dividing = Some(high);
                self.cut.push(u128::from(high) << 64, self.current);
                self.push_whole(high, CUT);
            }
            self.cut.push(start, reference);
        }
        self.current = reference;
    }

    fn push_whole(&mut self, high: u64, reference: u32) {
        if reference == self.current_whole {
            return;
        }
        let (head, low) = ((high >> 32) as u32, high as u32);
        if self.heads.last() != Some(&head) {
            self.finish_group();
            self.heads.push(head);
            if low != 0 {
                self.group.push(0, self.current_whole);
            }
        }
        self.group.push(low, reference);
        self.current_whole = reference;
    }

    fn finish_group(&mut self) {
        self.index.push(offset(self.groups.len()));
        self.group.flush(&mut self.groups, u32::to_le_bytes);
    }

    /// The parts of the layout; all empty if no address refers to a record.
    pub fn layout(mut self) -> Result<V6Layout, &'static str> {
        if let Some(after) = self.dividing.and_then(|divided| divided.checked_add(1)) {
            self.push_whole(after, self.current);
        }
        self.finish_group();
        check_size(self.groups.len())?;
        // The group before the first head is empty.
        let index = self.index.into_iter().skip(1).chain([offset(self.groups.len())]);
        let mut cut = Vec::new();
        self.cut.flush(&mut cut, u128::to_le_bytes);
        if self.heads.is_empty() {
            return Ok(V6Layout { heads: Vec::new(), index: Vec::new(), groups: Vec::new(), cut });
        }
        Ok(V6Layout {
            index: index.flat_map(u32::to_le_bytes).collect(),
            heads: self.heads.into_iter().flat_map(u32::to_le_bytes).collect(),
            groups: self.groups,
            cut,
        })
    }
}

/// An offset within the groups; sizes that do not fit are refused by [`check_size`] in the end.
fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn check_size(length: usize) -> Result<(), &'static str> {
    u32::try_from(length).map(drop).map_err(|_| "its ranges need more than 4 GiB")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ranges::{V4, V4_INDEX_BYTES, V6};

    fn naive<T: Ord>(ranges: &[(T, u32)], ip: T) -> u32 {
        let last = ranges.iter().rev().find(|(start, _)| *start <= ip);
        last.map_or(NONE, |(_, reference)| *reference)
    }

    fn v4_finds(ranges: &[(u32, u32)], ips: impl Iterator<Item = u32>) {
        let mut draft = V4Draft::new();
        ranges.iter().for_each(|(start, reference)| draft.push(*start, *reference));
        let all = draft.layout().unwrap();
        let index_end = all.len().min(V4_INDEX_BYTES);
        let table = V4 { index: 0..index_end, groups: index_end..all.len() };
        for ip in ips {
            assert_eq!(table.find(&all, ip), naive(ranges, ip), "{ip:x} in {ranges:x?}");
        }
    }

    fn v6_finds(ranges: &[(u128, u32)], ips: impl Iterator<Item = u128>) {
        let mut draft = V6Draft::new();
        ranges.iter().for_each(|(start, reference)| draft.push(*start, *reference));
        let V6Layout { heads, index, groups, cut } = draft.layout().unwrap();
        let mut all = Vec::new();
        let [heads, index, groups, cut] = [heads, index, groups, cut].map(|part| {
            let start = all.len();
            all.extend(part);
            start..all.len()
        });
        let table = V6 { heads, index, groups, cut };
        for ip in ips {
            assert_eq!(table.find(&all, ip), naive(ranges, ip), "{ip:x} in {ranges:x?}");
        }
    }

    #[test]
    fn without_ranges_there_is_nothing_to_store() {
        assert!(V4Draft::new().layout().unwrap().is_empty());
        let V6Layout { heads, index, groups, cut } = V6Draft::new().layout().unwrap();
        assert!([heads, index, groups, cut].iter().all(Vec::is_empty));
    }

    #[test]
    fn a_group_with_a_start_at_every_address_is_searched() {
        let ranges: Vec<(u32, u32)> = (0..0x1_0001).map(|n| (0x0505_0000 + n, n % 7 + 1)).collect();
        v4_finds(&ranges, 0x0504_FFF0..0x0506_0010);
    }

    proptest! {
        #[test]
        fn every_v4_address_finds_the_last_start_before_it(
            // Few values for each part, so that ranges meet at the edges of groups.
            starts in prop::collection::btree_map(
                (prop::sample::select(vec![0_u32, 1, 2, 0x7FFF, 0xFFFE, 0xFFFF]),
                    prop_oneof![0_u32..3, 0xFFFD_u32..=0xFFFF, 0_u32..=0xFFFF])
                    .prop_map(|(high, low)| high << 16 | low),
                0_u32..4, 0..40),
            others in prop::collection::vec(any::<u32>(), 20),
        ) {
            let ranges: Vec<(u32, u32)> = starts.into_iter().collect();
            let near = ranges.iter().flat_map(|(start, _)| {
                [*start, start.wrapping_sub(1), start.wrapping_add(1), start | 0xFFFF, start & !0xFFFF]
            });
            v4_finds(&ranges, near.chain(others).chain([0, u32::MAX]));
        }

        #[test]
        fn every_v6_address_finds_the_last_start_before_it(
            starts in prop::collection::btree_map(
                (prop::sample::select(vec![0_u128, 1, 0x2001_0db8, 0xFFFF_FFFF]),
                    prop::sample::select(vec![0_u128, 1, 2, 3, 0xFFFF_FFFF]),
                    prop::sample::select(vec![0_u128, 0, 0, 1, 2, 0xFFFF_FFFF_FFFF_FFFF]))
                    .prop_map(|(head, middle, low)| head << 96 | middle << 64 | low),
                0_u32..4, 0..40),
            others in prop::collection::vec(any::<u128>(), 20),
        ) {
            let ranges: Vec<(u128, u32)> = starts.into_iter().collect();
            let near = ranges.iter().flat_map(|(start, _)| {
                let whole = start >> 64 << 64;
                [*start, start.wrapping_sub(1), start.wrapping_add(1), whole, whole.wrapping_add(1 << 64)]
            });
            v6_finds(&ranges, near.chain(others).chain([0, u128::MAX]));
        }
    }
}
