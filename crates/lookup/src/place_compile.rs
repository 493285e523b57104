//! From MaxMind DB files with places to the table that [`crate::places`] reads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::geo::Place;
use crate::mmdb::{ATTRIBUTIONS, Database, PlaceRecord};
use crate::mmdb_tree::{Leaf, Tree};
use crate::places::{self, MAGIC};
use crate::ranges::NONE;
use crate::table_draft::{SourceDraft, TableDraft, fingerprint, is_fresh, write};
use crate::{LookupError, mapping};

/// Compiles MaxMind DB files with places into one table that gives the same answers, for all addresses,
/// in a fraction of the time: a few cache lines instead of a walk down a tree and the decoding
/// of a record. Put it in the place of those files in [`crate::GeoFiles::city`].
///
/// It is written beside the target (`.new`), flushed and renamed, so that one in use stays whole. It
/// takes some seconds of one processor, and as much memory as the table is long: nothing for
/// a thread that answers visitors.
///
/// # Errors
/// As [`crate::Geo::open`] for a file that cannot be used, [`LookupError::PlaceTable`] for one that cannot be
/// compiled, or [`LookupError::Write`].
pub fn compile_places(city: &[PathBuf], out: &Path) -> Result<(), LookupError> {
    write(&compile(city)?, out)
}

/// Does [`compile_places`] unless the table is there, of this layout, made of these files and younger
/// than each; says whether it did.
///
/// Meant for a thread of its own after the start: serve from the files first, then
/// hand the table to [`crate::GeoHandle::reload_from`].
///
/// # Errors
/// As [`compile_places`].
pub fn refresh_places(city: &[PathBuf], out: &Path) -> Result<bool, LookupError> {
    if is_fresh(city, out, MAGIC) {
        return Ok(false);
    }
    compile_places(city, out).map(|()| true)
}

fn compile(city: &[PathBuf]) -> Result<Vec<Vec<u8>>, LookupError> {
    let made_of = fingerprint(city);
    let mut draft = TableDraft::new();
    let (mut attribution, mut unreadable) = (0_u32, 0_u64);
    for path in city {
        let failed = |reason: &str| LookupError::PlaceTable {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let database = Database::open(path)?;
        let file = mapping::map(path)?;
        let tree = Tree::new(&file, database.metadata())
            .ok_or_else(|| failed("its search tree does not fit into it"))?;
        add(&database, &tree, &mut draft).map_err(failed)?;
        for (bit, line) in ATTRIBUTIONS.iter().enumerate() {
            attribution |= u32::from(database.attribution() == Some(line)) << bit;
        }
        unreadable += database.unreadable_records();
    }
    let unreadable = u32::try_from(unreadable).unwrap_or(u32::MAX);
    Ok(draft.layout(MAGIC, made_of, [attribution, unreadable]))
}

fn add(database: &Database, tree: &Tree<'_>, draft: &mut TableDraft) -> Result<(), &'static str> {
    let mut records = Records { database, draft, known: HashMap::new(), failed: None };
    let mut source = SourceDraft::new();
    let (v4, v6, aliases) = (&mut source.v4, &mut source.v6, &mut source.aliases);
    tree.walk_v4(|start, leaf| {
        let reference = records.reference(leaf, IpAddr::V4(start.into()));
        v4.push(start, reference);
    })?;
    tree.walk_v6(|start, length, leaf| {
        if leaf == Leaf::V4 {
            aliases.push((start, length));
        }
        let reference = records.reference(leaf, IpAddr::V6(start.into()));
        v6.push(start, reference);
    })?;
    records.failed.map_or(Ok(()), Err)?;
    draft.add(source)
}

/// References to the records of one file.
struct Records<'a> {
    database: &'a Database,
    draft: &'a mut TableDraft,
    known: HashMap<u32, u32>,
    /// Why a record could not be taken in.
    failed: Option<&'static str>,
}

impl Records<'_> {
    /// The reference of what an address has. A record is decoded once, as a look-up would.
    fn reference(&mut self, leaf: Leaf, ip: IpAddr) -> u32 {
        let Leaf::Record(number) = leaf else { return NONE };
        if let Some(reference) = self.known.get(&number) {
            return *reference;
        }
        let reference = match self.database.find::<PlaceRecord<'_>>(ip) {
            Some(found) => self.keep(&found),
            None => NONE,
        };
        self.known.insert(number, reference);
        reference
    }

    fn keep(&mut self, found: &PlaceRecord<'_>) -> u32 {
        let place = Place { country: found.country(), region: found.region(), city: found.city() };
        places::record(place).and_then(|record| self.draft.record(&record)).unwrap_or_else(
            |reason| {
                self.failed = Some(reason);
                NONE
            },
        )
    }
}
