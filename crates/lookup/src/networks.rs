//! Which autonomous system an address belongs to.
//!
//! A record of the table (see [`crate::table`]; [`crate::compile_asn`] makes it) is the system's number
//! (u32), the length of its name (u16) and the name.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::table::{Bytes, MAGIC_BYTES, Table};
use crate::{LookupError, mapping, network_csv};

/// How a compiled table begins; the last byte is the version of the layout.
pub const MAGIC: &[u8; MAGIC_BYTES] = b"CT-ASN\x00\x02";
const KIND_BYTES: usize = MAGIC_BYTES - 1;

/// A table of address ranges and their autonomous systems.
pub struct Networks(Table);

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
            if mapped.starts_with(&MAGIC[..KIND_BYTES]) {
                return Table::read(Bytes::Mapped(mapped), MAGIC).map(Self).map_err(unusable);
            }
        }
        let compiled = Bytes::Owned(network_csv::compile(paths)?.concat());
        Table::read(compiled, MAGIC).map(Self).map_err(unusable)
    }

    /// Number and organisation of the autonomous system that announces an address.
    #[inline]
    pub fn find(&self, ip: IpAddr) -> Option<(u32, &str)> {
        read(self.0.find(ip)?)
    }
}

/// The bytes of a record.
///
/// # Errors
/// If the name does not fit.
pub fn record(number: u32, name: &str) -> Result<Vec<u8>, &'static str> {
    let length = u16::try_from(name.len()).map_err(|_| "a name is longer than 64 KiB")?;
    Ok([&number.to_le_bytes()[..], &length.to_le_bytes(), name.as_bytes()].concat())
}

#[inline]
fn read(record: &[u8]) -> Option<(u32, &str)> {
    let (number, rest) = record.split_first_chunk()?;
    let (length, name) = rest.split_first_chunk()?;
    let name = name.get(..usize::from(u16::from_le_bytes(*length)))?;
    Some((u32::from_le_bytes(*number), std::str::from_utf8(name).unwrap_or("")))
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
    fn a_table_of_another_version_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("asn.table");
        std::fs::write(&path, b"CT-ASN\x00\x01rest").unwrap();
        let message = Networks::open(&[path]).err().unwrap().to_string();
        assert!(message.contains("another version; compile it again"), "{message}");
    }
}
