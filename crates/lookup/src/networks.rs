//! Which autonomous system an address belongs to: a table of address ranges that is read where it lies,
//! so that it can be mapped.
//!
//! Layout (see [`crate::compile_asn`] for how it is made), all numbers little-endian: magic (8
//! bytes); counts of v4 ranges, v6 ranges, systems and name bytes (u32 each); v4 starts (u32 each),
//! v4 ends, v4 systems (u32, an index); v6 starts (u128 each), v6 ends, v6 systems; per system its
//! number and where its name ends (u32, u32); the names. Ranges are sorted and do not overlap.

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

use maxminddb::Mmap;

use crate::LookupError;
use crate::mapping;
use crate::network_csv;

/// How a compiled table begins; the last byte is the version of the layout.
pub const MAGIC: &[u8; 8] = b"CT-ASN\x00\x01";
const HEADER_BYTES: usize = 24;

/// A table of address ranges and their autonomous systems.
pub struct Networks {
    bytes: Bytes,
    v4: Family,
    v6: Family,
    systems: Range<usize>,
    names: Range<usize>,
}

/// Compiled in memory from CSV, or mapped.
enum Bytes {
    Owned(Vec<u8>),
    Mapped(Mmap),
}

impl Bytes {
    fn get(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

/// Where the ranges of one address family lie.
struct Family {
    count: usize,
    starts: usize,
    ends: usize,
    systems: usize,
    end: usize,
}

impl Networks {
    /// Opens one compiled file, or CSV files (`start,end,number,organisation` per line, no header).
    ///
    /// # Errors
    /// [`LookupError::Open`] or [`LookupError::NetworkTable`].
    pub fn open(paths: &[PathBuf]) -> Result<Self, LookupError> {
        let unusable = |reason: &str| LookupError::NetworkTable {
            path: paths.first().cloned().unwrap_or_default(),
            reason: reason.to_owned(),
        };
        if let [path] = paths {
            let mapped = mapping::map(path)?;
            if mapped.starts_with(MAGIC) {
                return Self::read(Bytes::Mapped(mapped)).map_err(unusable);
            }
        }
        Self::read(Bytes::Owned(network_csv::compile(paths)?)).map_err(unusable)
    }

    /// Checks that the layout fills the bytes exactly.
    fn read(bytes: Bytes) -> Result<Self, &'static str> {
        const DAMAGED: &str = "its length differs from what its header says; compile it again";
        let all = bytes.get();
        if !all.starts_with(MAGIC) || all.len() < HEADER_BYTES {
            return Err("it does not begin as a compiled network table does");
        }
        let count = |field: usize| u32_at(all, 8 + 4 * field) as usize;
        let v4 = Family::at(HEADER_BYTES, count(0), 4).ok_or(DAMAGED)?;
        let v6 = Family::at(v4.end, count(1), 16).ok_or(DAMAGED)?;
        let systems_end = count(2).checked_mul(8).and_then(|size| v6.end.checked_add(size));
        let systems = v6.end..systems_end.ok_or(DAMAGED)?;
        let names = systems.end..systems.end.checked_add(count(3)).ok_or(DAMAGED)?;
        if names.end != all.len() {
            return Err(DAMAGED);
        }
        Ok(Self { v4, v6, systems, names, bytes })
    }

    /// Number and organisation of the autonomous system that announces an address.
    pub fn find(&self, ip: IpAddr) -> Option<(u32, &str)> {
        let all = self.bytes.get();
        let system = match ip {
            IpAddr::V4(ip) => self.v4.find(u32::from(ip), |at| u32_at(all, at), 4),
            IpAddr::V6(ip) => self.v6.find(u128::from(ip), |at| u128_at(all, at), 16),
        }?;
        let index = u32_at(all, system) as usize;
        let entry = |index: usize| self.systems.start + 8 * index;
        if entry(index) >= self.systems.end {
            return None;
        }
        let name_start = index.checked_sub(1).map_or(0, |before| u32_at(all, entry(before) + 4));
        let name_end = u32_at(all, entry(index) + 4);
        let name = all.get(self.names.clone())?.get(name_start as usize..name_end as usize)?;
        Some((u32_at(all, entry(index)), std::str::from_utf8(name).unwrap_or("")))
    }
}

impl Family {
    fn at(starts: usize, count: usize, width: usize) -> Option<Self> {
        let size = count.checked_mul(width)?;
        let ends = starts.checked_add(size)?;
        let systems = ends.checked_add(size)?;
        let end = systems.checked_add(count.checked_mul(4)?)?;
        Some(Self { count, starts, ends, systems, end })
    }

    /// Where the system index of the range stands that holds an address.
    fn find<T: Ord>(&self, ip: T, read: impl Fn(usize) -> T, width: usize) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if read(self.starts + middle * width) <= ip {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let found = low.checked_sub(1)?;
        (ip <= read(self.ends + found * width)).then_some(self.systems + 4 * found)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk.map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u128_at(bytes: &[u8], at: usize) -> u128 {
    let chunk = bytes.get(at..).and_then(|rest| rest.first_chunk());
    chunk.map_or(0, |chunk| u128::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(csv: &str) -> Networks {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("asn.csv");
        std::fs::write(&path, csv).unwrap();
        Networks::open(&[path]).unwrap()
    }

    fn find<'a>(table: &'a Networks, ip: &str) -> Option<(u32, &'a str)> {
        table.find(ip.parse().unwrap())
    }

    #[test]
    fn an_address_belongs_to_the_range_that_holds_it() {
        let table = table(
            "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n\
             1.0.4.0,1.0.7.255,38803,Gtelecom\n\
             255.255.255.255,255.255.255.255,1,Last\n\
             2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,2,\"A \"\"quoted\"\" name\"\n",
        );
        let cases = [
            ("0.255.255.255", None),
            ("1.0.0.0", Some((13335, "Cloudflare, Inc."))),
            ("1.0.0.255", Some((13335, "Cloudflare, Inc."))),
            ("1.0.1.0", None),
            ("1.0.5.1", Some((38803, "Gtelecom"))),
            ("1.0.8.0", None),
            ("255.255.255.255", Some((1, "Last"))),
            ("2001:db8::1", Some((2, "A \"quoted\" name"))),
            ("2001:db7::", None),
            ("::", None),
        ];
        for (ip, expected) in cases {
            assert_eq!(find(&table, ip), expected, "{ip}");
        }
    }

    #[test]
    fn a_table_cut_short_or_changed_in_its_counts_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, out) = (folder.path().join("asn.csv"), folder.path().join("asn.bin"));
        std::fs::write(&csv, "1.0.0.0,1.0.0.255,1,One\n2001::,2001::1,2,Two\n").unwrap();
        crate::compile_asn(&[csv], &out).unwrap();
        let whole = std::fs::read(&out).unwrap();
        assert!(Networks::read(Bytes::Owned(whole.clone())).is_ok());
        for length in 0..whole.len() {
            assert!(Networks::read(Bytes::Owned(whole[..length].to_vec())).is_err(), "{length}");
        }
        for at in 8..HEADER_BYTES {
            let mut changed = whole.clone();
            changed[at] ^= 0xFF;
            assert!(Networks::read(Bytes::Owned(changed)).is_err(), "byte {at}");
        }
    }
}
