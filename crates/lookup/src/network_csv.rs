//! From CSV files of address ranges to the table that [`crate::networks`] reads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::networks::{self, MAGIC};
use crate::ranges::NONE;
use crate::table_draft::{SourceDraft, TableDraft, fingerprint, is_fresh, write};
use crate::{LookupError, mapping};

/// Compiles CSV files of address ranges (v4 and v6 in any mix of files; a line is
/// `start,end,number,organisation`) into one table that is mapped instead of parsed: it loads at once
/// and its idle pages cost no memory. It is written beside the target and renamed, so that one in use
/// stays whole.
///
/// # Errors
/// [`LookupError::Open`], [`LookupError::NetworkTable`] with file and line, or [`LookupError::Write`].
pub fn compile_asn(csv: &[PathBuf], out: &Path) -> Result<(), LookupError> {
    write(&compile(csv)?, out)
}

/// Does [`compile_asn`] unless the table is there, of this layout, made of these files and younger
/// than each; says whether it did.
///
/// # Errors
/// As [`compile_asn`].
pub fn refresh_asn(csv: &[PathBuf], out: &Path) -> Result<bool, LookupError> {
    if is_fresh(csv, out, MAGIC) {
        return Ok(false);
    }
    compile_asn(csv, out).map(|()| true)
}

/// The bytes of a table, in parts.
///
/// # Errors
/// [`LookupError::Open`] or [`LookupError::NetworkTable`].
pub fn compile(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, LookupError> {
    let made_of = fingerprint(paths);
    let files = paths.iter().map(|path| mapping::map(path)).collect::<Result<Vec<_>, _>>()?;
    let mut draft = Draft::default();
    let unusable =
        |path: &Path, reason| LookupError::NetworkTable { path: path.to_owned(), reason };
    for (path, file) in paths.iter().zip(&files) {
        draft
            .add(file)
            .map_err(|(line, reason)| unusable(path, format!("line {line}: {reason}")))?;
    }
    draft.layout(made_of).map_err(|reason| {
        unusable(paths.first().map_or(Path::new(""), PathBuf::as_path), reason.to_owned())
    })
}

/// An address as a number.
trait Address: Copy + Ord {
    const FIRST: Self;
    const LAST: Self;
    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
}

impl Address for u32 {
    const FIRST: Self = 0;
    const LAST: Self = Self::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    const FIRST: Self = 0;
    const LAST: Self = Self::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// First address, last address, index of the system.
type Range<T> = (T, T, u32);

/// Ranges and systems as they are collected; the texts stay in the files.
#[derive(Default)]
struct Draft<'a> {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
    /// Number and quoted name.
    systems: Vec<(u32, &'a str)>,
    /// The end of a line, which names the system, and its index.
    known: HashMap<&'a str, u32>,
}

impl<'a> Draft<'a> {
    fn add(&mut self, csv: &'a [u8]) -> Result<(), (usize, &'static str)> {
        let mut rest = csv;
        let mut line = 0;
        while !rest.is_empty() {
            line += 1;
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let text = std::str::from_utf8(&rest[..end]).map_err(|_| (line, "not UTF-8"))?;
            self.add_line(text.trim_end_matches('\r')).map_err(|reason| (line, reason))?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Ok(())
    }

    fn add_line(&mut self, line: &'a str) -> Result<(), &'static str> {
        if line.is_empty() {
            return Ok(());
        }
        let mut fields = line.splitn(3, ',');
        let mut field = || fields.next().ok_or("fewer than four fields");
        let (start, end, system) = (field()?, field()?, field()?);
        let start: IpAddr = start.parse().map_err(|_| "the range's start is not an address")?;
        let end: IpAddr = end.parse().map_err(|_| "the range's end is not an address")?;
        if start > end || start.is_ipv4() != end.is_ipv4() {
            return Err("the range ends before it starts");
        }
        let system = self.system(system)?;
        match (start, end) {
            (IpAddr::V4(start), IpAddr::V4(end)) => {
                self.v4.push((start.into(), end.into(), system));
            }
            (IpAddr::V6(start), IpAddr::V6(end)) => {
                self.v6.push((start.into(), end.into(), system));
            }
            _ => {}
        }
        Ok(())
    }

    /// Index of a system, which is stored once however many ranges it has.
    fn system(&mut self, text: &'a str) -> Result<u32, &'static str> {
        if let Some(index) = self.known.get(text) {
            return Ok(*index);
        }
        let (number, name) = text.split_once(',').ok_or("fewer than four fields")?;
        let number = number.parse().map_err(|_| "the system's number is not a number")?;
        if name.starts_with('"') && (name.len() == 1 || !name.ends_with('"')) {
            return Err("a quote is not closed");
        }
        let index = u32::try_from(self.systems.len()).map_err(|_| "too many systems")?;
        self.systems.push((number, name));
        self.known.insert(text, index);
        Ok(index)
    }

    fn layout(self, made_of: u64) -> Result<Vec<Vec<u8>>, &'static str> {
        let mut table = TableDraft::new();
        let mut references = Vec::with_capacity(self.systems.len());
        for (number, name) in self.systems {
            references.push(table.record(&networks::record(number, &unquoted(name))?)?);
        }
        let mut source = SourceDraft::new();
        push(disjoint(self.v4), &references, |start, reference| source.v4.push(start, reference));
        push(disjoint(self.v6), &references, |start, reference| source.v6.push(start, reference));
        table.add(source)?;
        Ok(table.layout(MAGIC, made_of, [0, 0]))
    }
}

/// Says from which address on which record holds, with the gaps between the ranges.
fn push<T: Address>(ranges: Vec<Range<T>>, references: &[u32], mut from: impl FnMut(T, u32)) {
    let mut next = Some(T::FIRST);
    for (start, end, system) in ranges {
        if let Some(gap) = next.filter(|gap| *gap < start) {
            from(gap, NONE);
        }
        from(start, references.get(system as usize).copied().unwrap_or(NONE));
        next = end.after();
    }
    if let Some(gap) = next {
        from(gap, NONE);
    }
}

/// A field without the quotes that CSV puts around it when it has a comma in it.
fn unquoted(field: &str) -> Cow<'_, str> {
    let inside = field.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.map_or(Cow::Borrowed(field), |inside| inside.replace("\"\"", "\"").into())
}

/// Sorts ranges and cuts those that overlap: where two networks announce the same address, the range
/// that starts later holds, which is the more specific one when they are nested.
fn disjoint<T: Address>(mut ranges: Vec<Range<T>>) -> Vec<Range<T>> {
    ranges.sort_unstable_by_key(|range| (range.0, std::cmp::Reverse(range.1)));
    let mut out = Vec::with_capacity(ranges.len());
    // Ranges that have begun, the latest start on top, and the first address not given to one yet.
    let mut open: Vec<Range<T>> = Vec::new();
    let mut next = None;
    for range in ranges {
        if let (Some(from), Some(before)) = (next, range.0.before()) {
            next = give(&mut open, from, before, &mut out);
        }
        next = next.max(Some(range.0));
        open.push(range);
    }
    if let Some(from) = next {
        give(&mut open, from, T::LAST, &mut out);
    }
    out
}

/// Gives the addresses from `next` to `until` to the open ranges; answers with the first one not given.
fn give<T: Address>(
    open: &mut Vec<Range<T>>,
    mut next: T,
    until: T,
    out: &mut Vec<Range<T>>,
) -> Option<T> {
    while let Some((_, end, system)) = open.last().copied() {
        if next <= end && next <= until {
            out.push((next, end.min(until), system));
            next = end.min(until).after()?;
        }
        if end > until {
            break;
        }
        open.pop();
    }
    Some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refuses(csv: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("asn.csv");
        std::fs::write(&path, csv).unwrap();
        compile(&[path]).unwrap_err().to_string()
    }

    #[test]
    fn a_faulty_line_is_named() {
        let cases: [(&[u8], &str); 7] = [
            (b"1.0.0.0,1.0.0.1\n", "line 1: fewer than four fields"),
            (
                b"1.0.0.0,1.0.0.1,1,A\n\n1.0.0.9,x,1,A\n",
                "line 3: the range's end is not an address",
            ),
            (b"1.0.0,1.0.0.1,1,A\n", "line 1: the range's start is not an address"),
            (b"1.0.0.2,1.0.0.1,1,A\n", "line 1: the range ends before it starts"),
            (b"1.0.0.2,2001::,1,A\n", "line 1: the range ends before it starts"),
            (b"1.0.0.0,1.0.0.1,AS1,A\n", "line 1: the system's number is not a number"),
            (b"1.0.0.0,1.0.0.1,1,\"A\n", "line 1: a quote is not closed"),
        ];
        for (csv, expected) in cases {
            let message = refuses(csv);
            assert!(message.contains(expected), "{message}");
        }
        assert!(refuses(b"1.0.0.0,1.0.0.1,1,\xFF\n").contains("line 1: not UTF-8"));
    }

    #[test]
    fn a_table_is_compiled_anew_only_when_it_is_missing_older_of_other_files_or_not_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, out) = ([folder.path().join("asn.csv")], folder.path().join("asn.table"));
        let age = |path: &Path, seconds| {
            let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
            std::fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        std::fs::write(&csv[0], "1.0.0.0,1.0.0.1,1,One\n").unwrap();
        age(&csv[0], 100);
        assert!(refresh_asn(&csv, &out).unwrap(), "it was missing");
        assert!(!refresh_asn(&csv, &out).unwrap(), "it is fresh");
        age(&out, 200);
        assert!(refresh_asn(&csv, &out).unwrap(), "it was older");
        std::fs::write(&out, "something else").unwrap();
        assert!(refresh_asn(&csv, &out).unwrap(), "it was something else");
        let other = [folder.path().join("other.csv")];
        std::fs::copy(&csv[0], &other[0]).unwrap();
        age(&other[0], 100);
        assert!(refresh_asn(&other, &out).unwrap(), "it was made of another file");
        std::fs::write(&other[0], "1.0.0.0,1.0.0.1,1,Another\n").unwrap();
        age(&other[0], 100);
        assert!(refresh_asn(&other, &out).unwrap(), "the file is another, though not younger");
        assert!(!refresh_asn(&other, &out).unwrap(), "it is fresh");
    }

    proptest! {
        #[test]
        fn every_address_keeps_the_latest_start_that_covers_it(
            ranges in prop::collection::vec((0_u32..60, 0_u32..20), 0..12)
        ) {
            let ranges: Vec<Range<u32>> = ranges
                .into_iter()
                .zip(0..)
                .map(|((start, length), system)| (start, start + length, system))
                .collect();
            let cut = disjoint(ranges.clone());
            prop_assert!(cut.windows(2).all(|pair| pair[0].1 < pair[1].0));
            for address in 0..90 {
                let covers = |range: &&Range<u32>| range.0 <= address && address <= range.1;
                let latest = ranges.iter().filter(covers).map(|range| range.0).max();
                let found = cut.iter().find(covers).map(|range| range.2);
                let start = found.and_then(|system| ranges.get(system as usize)).map(|range| range.0);
                prop_assert_eq!(start, latest, "address {}", address);
            }
        }
    }
}
