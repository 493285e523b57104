//! A compiled table: address ranges of one or more sources and the records they refer to, read where
//! they lie, so that the file can be mapped.
//!
//! Layout, all numbers little-endian: magic (8 bytes); fingerprint of what it was compiled from
//! (u64); two numbers whose meaning the kind of table decides (u32 each); bytes of the
//! records and number of sources (u32 each); per source the sizes of its parts (u32 each, see
//! [`Sizes`]); zeros up to a multiple of 64; per source its parts (see [`crate::ranges`]) and its
//! aliases (prefix u128, length in bits u32); the records. A reference is the place of a
//! record among the records in units of four bytes.

use std::net::IpAddr;
use std::ops::Range;

use maxminddb::Mmap;

use crate::ranges::{NONE, V4, V4_INDEX_BYTES, V6};

/// Bytes of a table's magic; the last one is the version of the layout.
pub const MAGIC_BYTES: usize = 8;
/// Bytes before the sizes of the sources' parts.
pub const HEADER_BYTES: usize = 32;
/// The parts begin at a multiple of this, a cache line.
pub const ALIGNMENT_BYTES: usize = 64;
/// Bytes of an alias.
pub const ALIAS_BYTES: usize = 20;
/// Records begin at multiples of this.
pub const RECORD_UNIT_BYTES: usize = 4;

/// Compiled in memory, or mapped.
pub enum Bytes {
    /// In memory.
    Owned(Vec<u8>),
    /// A file.
    Mapped(Mmap),
}

impl Bytes {
    #[inline]
    fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

/// Sizes in bytes of a source's parts, in the order of the parts.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sizes {
    /// Index and groups of v4, or nothing.
    pub v4: u32,
    /// The upper 32 bits that occur in v6 (the index has one offset more).
    pub v6_heads: u32,
    /// The groups of v6.
    pub v6_groups: u32,
    /// The v6 ranges below /64.
    pub v6_cut: u32,
    /// v6 prefixes that hold the v4 ranges.
    pub aliases: u32,
}

impl Sizes {
    /// How many bytes the sizes take in the header.
    pub const BYTES: usize = 20;

    /// In the order of the header.
    pub fn to_array(self) -> [u32; 5] {
        [self.v4, self.v6_heads, self.v6_groups, self.v6_cut, self.aliases]
    }

    fn read(header: &[u8], at: usize) -> Self {
        let size = |field: usize| u32_at(header, at + 4 * field);
        Self {
            v4: size(0),
            v6_heads: size(1),
            v6_groups: size(2),
            v6_cut: size(3),
            aliases: size(4),
        }
    }
}

/// A table whose sizes agree with its length. What else may be damaged makes answers wrong, no more.
pub struct Table {
    bytes: Bytes,
    sources: Vec<Source>,
    records: Range<usize>,
}

/// Where the parts of one source lie.
struct Source {
    v4: V4,
    v6: V6,
    aliases: Range<usize>,
}

impl Table {
    /// Checks that the parts fill the bytes exactly.
    ///
    /// # Errors
    /// What is wrong, in words for an operator.
    pub fn read(bytes: Bytes, magic: &[u8; MAGIC_BYTES]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its length differs from what its header says; compile it again";
        let all = bytes.get();
        if !all.starts_with(magic) {
            return Err("it has the layout of another version; compile it again");
        }
        let source_count = u32_at(all, 28) as usize;
        let header_end = Sizes::BYTES
            .checked_mul(source_count)
            .and_then(|size| size.checked_add(HEADER_BYTES))
            .and_then(|size| size.checked_next_multiple_of(ALIGNMENT_BYTES));
        let mut rest = Rest(header_end.filter(|end| *end <= all.len()).ok_or(DAMAGED)?);
        let sizes = |number| Sizes::read(all, HEADER_BYTES + Sizes::BYTES * number);
        let sources = (0..source_count).map(|number| Source::at(sizes(number), &mut rest));
        let sources = sources.collect::<Option<_>>().ok_or(DAMAGED)?;
        let records = rest.take(u32_at(all, 24) as usize).ok_or(DAMAGED)?;
        if records.end != all.len() {
            return Err(DAMAGED);
        }
        Ok(Self { bytes, sources, records })
    }

    /// The record of an address, from the first source that has one; what follows it in the file
    /// follows it in the slice.
    #[inline]
    pub fn find(&self, ip: IpAddr) -> Option<&[u8]> {
        let all = self.bytes.get();
        let reference = match ip {
            IpAddr::V4(ip) => self.first(|source| source.v4.find(all, ip.into())),
            IpAddr::V6(ip) => self.first(|source| source.find_v6(all, ip.into())),
        }?;
        all.get(self.records.clone())?.get(RECORD_UNIT_BYTES * reference as usize..)
    }

    #[inline]
    fn first(&self, find: impl Fn(&Source) -> u32) -> Option<u32> {
        for source in &self.sources {
            let reference = find(source);
            if reference != NONE {
                return Some(reference);
            }
        }
        None
    }

    /// The numbers whose meaning the kind of table decides.
    pub fn numbers(&self) -> [u32; 2] {
        [16, 20].map(|at| u32_at(self.bytes.get(), at))
    }
}

impl Source {
    fn at(sizes: Sizes, rest: &mut Rest) -> Option<Self> {
        let mut take = |size: u32| rest.take(size as usize);
        let v4 = take(sizes.v4)?;
        let v4_groups = if v4.is_empty() { v4.end } else { v4.start + V4_INDEX_BYTES };
        if v4_groups > v4.end {
            return None;
        }
        let heads = take(sizes.v6_heads)?;
        let index_bytes = if heads.is_empty() { 0 } else { sizes.v6_heads.checked_add(4)? };
        Some(Self {
            v4: V4 { index: v4.start..v4_groups, groups: v4_groups..v4.end },
            v6: V6 {
                heads,
                index: take(index_bytes)?,
                groups: take(sizes.v6_groups)?,
                cut: take(sizes.v6_cut)?,
            },
            aliases: take(sizes.aliases)?,
        })
    }

    fn find_v6(&self, all: &[u8], ip: u128) -> u32 {
        match self.v4_of_alias(all, ip) {
            Some(ip) => self.v4.find(all, ip),
            None => self.v6.find(all, ip),
        }
    }

    /// The v4 address that an address means which begins with an alias (such as 2002::/16, RFC 3056).
    fn v4_of_alias(&self, all: &[u8], ip: u128) -> Option<u32> {
        let (aliases, _) = all.get(self.aliases.clone())?.as_chunks::<ALIAS_BYTES>();
        aliases.iter().find_map(|alias| {
            let (prefix, length) = alias.split_first_chunk()?;
            let length = u32::from_le_bytes(*length.first_chunk()?);
            let differs = (u128::from_le_bytes(*prefix) ^ ip).checked_shr(128 - length.min(96))?;
            (differs == 0).then_some(((ip << length.min(96)) >> 96) as u32)
        })
    }
}

/// Where the part after those already taken begins.
struct Rest(usize);

impl Rest {
    fn take(&mut self, size: usize) -> Option<Range<usize>> {
        let start = self.0;
        self.0 = start.checked_add(size)?;
        Some(start..self.0)
    }
}

/// A number of the header; what is behind the end reads as 0.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk.map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geo::{Geo, GeoFiles};

    const NAMES: [&str; 2] = ["GeoLite2-City-Test.mmdb", "flat-city-ipv6.mmdb"];

    fn compiled() -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("places.table");
        let city = NAMES.map(|name| std::path::Path::new("fixtures/mmdb").join(name));
        crate::compile_places(&city, &out).unwrap();
        std::fs::read(out).unwrap()
    }

    fn open(bytes: &[u8]) -> Option<Geo> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("places.table");
        std::fs::write(&path, bytes).unwrap();
        Geo::open(&GeoFiles { city: vec![path], ..GeoFiles::default() }).ok()
    }

    #[test]
    fn a_table_cut_short_or_changed_in_its_sizes_is_refused() {
        let whole = compiled();
        let magic = crate::places::MAGIC;
        let read = |bytes: &[u8]| Table::read(Bytes::Owned(bytes.to_vec()), magic).is_ok();
        assert!(read(&whole));
        let lengths = (0..whole.len()).filter(|at| *at < 200 || at % 1021 == 0);
        for length in lengths.chain([whole.len() - 1]) {
            assert!(!read(&whole[..length]), "{length}");
        }
        assert!(!read(&[&whole[..], b"x"].concat()));
        for at in (0..MAGIC_BYTES).chain(24..HEADER_BYTES + NAMES.len() * Sizes::BYTES) {
            let mut changed = whole.clone();
            changed[at] ^= 0xFF;
            assert!(!read(&changed), "byte {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn a_damaged_table_is_refused_or_answers_without_a_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
            // Most of the bytes are the v4 index; the rest is what has the structure.
            at_the_end in any::<bool>(),
            kept in prop_oneof![4 => Just(1.0), 1 => 0.0_f64..1.0],
        ) {
            let mut bytes = compiled();
            let spared = if at_the_end { HEADER_BYTES + V4_INDEX_BYTES } else { 0 };
            for (at, byte) in damage {
                let at = spared + at.index(bytes.len() - spared);
                bytes[at] = byte;
            }
            bytes.truncate((bytes.len() as f64 * kept) as usize);
            if let Some(geo) = open(&bytes) {
                let ips = [
                    "81.2.69.142", "216.160.83.56", "2001:218::1", "2002:5102:458e::1", "::5102:458e",
                    "2001:db8::1", "0.0.0.0", "255.255.255.255", "::", "ffff:ffff::",
                ];
                for ip in ips {
                    geo.place(ip.parse().unwrap());
                }
                for n in 0..2000_u32 {
                    geo.place(std::net::Ipv4Addr::from(n.wrapping_mul(0x9E37_79B9)).into());
                }
            }
        }
    }
}
