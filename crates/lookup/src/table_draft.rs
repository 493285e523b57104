//! Puts a compiled table together, writes it, and says when it has to be made anew.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::LookupError;
use crate::range_draft::{V4Draft, V6Draft};
use crate::ranges::CUT;
use crate::table::{ALIGNMENT_BYTES, HEADER_BYTES, MAGIC_BYTES, RECORD_UNIT_BYTES, Sizes};

/// A table as it is collected.
pub struct TableDraft {
    records: Vec<u8>,
    known: HashMap<Box<[u8]>, u32>,
    sizes: Vec<Sizes>,
    parts: Vec<Vec<u8>>,
}

/// The ranges of one source as they are collected.
pub struct SourceDraft {
    /// Its v4 ranges.
    pub v4: V4Draft,
    /// Its v6 ranges.
    pub v6: V6Draft,
    /// v6 prefixes (with their lengths in bits, 96 at most) that hold the v4 ranges.
    pub aliases: Vec<(u128, u8)>,
}

impl SourceDraft {
    /// No ranges.
    pub fn new() -> Self {
        Self { v4: V4Draft::new(), v6: V6Draft::new(), aliases: Vec::new() }
    }
}

impl TableDraft {
    /// No sources.
    pub fn new() -> Self {
        // Reference 0 means that there is no record.
        let records = vec![0; RECORD_UNIT_BYTES];
        Self { records, known: HashMap::new(), sizes: Vec::new(), parts: Vec::new() }
    }

    /// Reference to a record, which is stored once.
    ///
    /// # Errors
    /// If the records need more than references can tell apart (64 MiB).
    pub fn record(&mut self, record: &[u8]) -> Result<u32, &'static str> {
        if let Some(reference) = self.known.get(record) {
            return Ok(*reference);
        }
        let reference = u32::try_from(self.records.len() / RECORD_UNIT_BYTES).unwrap_or(CUT);
        if reference >= CUT {
            return Err("its names need more than 64 MiB");
        }
        self.known.insert(record.into(), reference);
        self.records.extend(record);
        self.records.resize(self.records.len().next_multiple_of(RECORD_UNIT_BYTES), 0);
        Ok(reference)
    }

    /// Adds a source, which is asked after those added before.
    ///
    /// # Errors
    /// If a part needs more than 4 GiB.
    pub fn add(&mut self, source: SourceDraft) -> Result<(), &'static str> {
        let v4 = source.v4.layout()?;
        let v6 = source.v6.layout()?;
        let mut aliases = Vec::new();
        for (prefix, length) in source.aliases {
            aliases.extend(prefix.to_le_bytes());
            aliases.extend(u32::from(length).to_le_bytes());
        }
        let size = |part: &Vec<u8>| u32::try_from(part.len()).map_err(|_| "it needs over 4 GiB");
        self.sizes.push(Sizes {
            v4: size(&v4)?,
            v6_heads: size(&v6.heads)?,
            v6_groups: size(&v6.groups)?,
            v6_cut: size(&v6.cut)?,
            aliases: size(&aliases)?,
        });
        self.parts.extend([v4, v6.heads, v6.index, v6.groups, v6.cut, aliases]);
        Ok(())
    }

    /// The bytes of the table, to be written one after the other.
    pub fn layout(
        self,
        magic: &[u8; MAGIC_BYTES],
        fingerprint: u64,
        numbers: [u32; 2],
    ) -> Vec<Vec<u8>> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend(magic);
        header.extend(fingerprint.to_le_bytes());
        let counts = [self.records.len(), self.sizes.len()];
        let counts = counts.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let sizes = self.sizes.iter().flat_map(|sizes| sizes.to_array());
        let numbers = numbers.into_iter().chain(counts).chain(sizes);
        header.extend(numbers.flat_map(u32::to_le_bytes));
        header.resize(header.len().next_multiple_of(ALIGNMENT_BYTES), 0);
        let mut layout = vec![header];
        layout.extend(self.parts);
        layout.push(self.records);
        layout
    }
}

/// Writes a table beside its path and renames it, so that one in use stays whole.
///
/// # Errors
/// [`LookupError::Write`].
pub fn write(table: &[Vec<u8>], out: &Path) -> Result<(), LookupError> {
    let fresh = out.with_extension("new");
    let failed = |source| LookupError::Write { path: fresh.clone(), source };
    let mut file = File::create(&fresh).map_err(failed)?;
    for part in table {
        file.write_all(part).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    fs::rename(&fresh, out).map_err(failed)
}

/// Whether a table is there, of this layout, of these sources and younger than each.
pub fn is_fresh(sources: &[PathBuf], out: &Path, magic: &[u8; MAGIC_BYTES]) -> bool {
    let mut head = [0; MAGIC_BYTES + 8];
    let readable = File::open(out).and_then(|mut file| file.read_exact(&mut head)).is_ok();
    let (layout, made_of) = head.split_at(MAGIC_BYTES);
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = sources.iter().map(|path| changed(path)).max().flatten();
    readable
        && layout == magic
        && made_of == fingerprint(sources).to_le_bytes()
        && changed(out) > newest
}

/// Tells sources apart by path, length and time of change. Times alone do not: files of npm packages
/// are all of 1985, so a newer edition is not younger than a table of the one before. It
/// may differ between builds of the product, which costs one more compilation.
pub fn fingerprint(sources: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in sources {
        let metadata = path.metadata().ok();
        let length = metadata.as_ref().map(fs::Metadata::len);
        let changed = metadata.and_then(|metadata| metadata.modified().ok());
        (path.canonicalize().ok(), length, changed).hash(&mut hasher);
    }
    hasher.finish()
}
