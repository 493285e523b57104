//! Places by address: a compiled table, or a MaxMind DB file.
//!
//! A record of the table is the lengths of country, region and city (u16 each) and the three names.

use std::net::IpAddr;
use std::path::Path;

use crate::geo::Place;
use crate::mmdb::{ATTRIBUTIONS, Database, PlaceRecord};
use crate::table::{Bytes, MAGIC_BYTES, Table};
use crate::{LookupError, mapping};

/// How a compiled table of places begins.
pub const MAGIC: &[u8; MAGIC_BYTES] = b"CT-PLCS\x01";
const KIND_BYTES: usize = MAGIC_BYTES - 1;

/// One file with places.
pub enum Places {
    /// Compiled by [`crate::compile_places`].
    Table(Table),
    /// A MaxMind DB file.
    Database(Database),
}

impl Places {
    /// Opens a file; its first bytes say which kind it is.
    ///
    /// # Errors
    /// [`LookupError::Open`], [`LookupError::PlaceTable`] or [`LookupError::Database`].
    pub fn open(path: &Path) -> Result<Self, LookupError> {
        let mapped = mapping::map(path)?;
        if !mapped.starts_with(&MAGIC[..KIND_BYTES]) {
            return Database::read(mapped, path).map(Self::Database);
        }
        Table::read(Bytes::Mapped(mapped), MAGIC).map(Self::Table).map_err(|reason| {
            LookupError::PlaceTable { path: path.to_owned(), reason: reason.to_owned() }
        })
    }

    /// The place of an address.
    #[inline]
    pub fn find(&self, ip: IpAddr) -> Option<Place<'_>> {
        match self {
            Self::Table(table) => table.find(ip).map(|record| read(record).unwrap_or_default()),
            Self::Database(file) => file.find::<PlaceRecord<'_>>(ip).map(|found| Place {
                country: found.country(),
                region: found.region(),
                city: found.city(),
            }),
        }
    }

    /// The lines that the licences of the data ask for.
    pub fn attribution(&self) -> Vec<&'static str> {
        match self {
            Self::Table(table) => {
                let [set, _] = table.numbers();
                let lines = ATTRIBUTIONS.iter().enumerate();
                lines.filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, line)| *line).collect()
            }
            Self::Database(file) => file.attribution().into_iter().collect(),
        }
    }

    /// How many records did not decode: when the table was compiled, or since the file was opened.
    pub fn unreadable_records(&self) -> u64 {
        match self {
            Self::Table(table) => u64::from(table.numbers()[1]),
            Self::Database(file) => file.unreadable_records(),
        }
    }
}

/// The bytes of a record.
///
/// # Errors
/// If a name does not fit.
pub fn record(place: Place<'_>) -> Result<Vec<u8>, &'static str> {
    let names = [place.country, place.region, place.city];
    let mut record = Vec::new();
    for name in names {
        let length = u16::try_from(name.len()).map_err(|_| "a name is longer than 64 KiB")?;
        record.extend(length.to_le_bytes());
    }
    record.extend(names.concat().into_bytes());
    Ok(record)
}

#[inline]
fn read(record: &[u8]) -> Option<Place<'_>> {
    let (lengths, names) = record.split_first_chunk::<6>()?;
    let (lengths, _) = lengths.as_chunks();
    let [country, region, city] = *lengths.first_chunk()?;
    let country_end = usize::from(u16::from_le_bytes(country));
    let region_end = country_end + usize::from(u16::from_le_bytes(region));
    let city_end = region_end + usize::from(u16::from_le_bytes(city));
    let names = std::str::from_utf8(names.get(..city_end)?).ok()?;
    Some(Place {
        country: names.get(..country_end)?,
        region: names.get(country_end..region_end)?,
        city: names.get(region_end..)?,
    })
}
