//! From CSV files of address ranges to the table that [`crate::networks`] reads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::networks::MAGIC;
use crate::{LookupError, mapping};

/// Compiles CSV files of address ranges (v4 and v6 in any mix of files; a line is
/// `start,end,number,organisation`) into one table that is mapped instead of parsed: it loads at once
/// and its idle pages cost no memory. It is written beside the target and renamed, so that one in use
/// stays whole.
///
/// # Errors
/// [`LookupError::Open`], [`LookupError::NetworkTable`] with file and line, or [`LookupError::Write`].
pub fn compile_asn(csv: &[PathBuf], out: &Path) -> Result<(), LookupError> {
    let bytes = compile(csv)?;
    let fresh = out.with_extension("new");
    let write = |source| LookupError::Write { path: fresh.clone(), source };
    let mut file = File::create(&fresh).map_err(write)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(write)?;
    std::fs::rename(&fresh, out).map_err(write)
}

/// Does [`compile_asn`] unless the table is there, of this layout and younger than every CSV file;
/// says whether it did.
///
/// # Errors
/// As [`compile_asn`].
pub fn refresh_asn(csv: &[PathBuf], out: &Path) -> Result<bool, LookupError> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let newest = csv.iter().map(|path| changed(path)).max().flatten();
    let mut magic = [0; MAGIC.len()];
    let readable = File::open(out).and_then(|mut file| file.read_exact(&mut magic)).is_ok();
    if readable && magic == *MAGIC && changed(out) > newest {
        return Ok(false);
    }
    compile_asn(csv, out).map(|()| true)
}

/// The bytes of a table.
///
/// # Errors
/// [`LookupError::Open`] or [`LookupError::NetworkTable`].
pub fn compile(paths: &[PathBuf]) -> Result<Vec<u8>, LookupError> {
    let files = paths.iter().map(|path| mapping::map(path)).collect::<Result<Vec<_>, _>>()?;
    let mut draft = Draft::default();
    for (path, file) in paths.iter().zip(&files) {
        draft.add(file).map_err(|(line, reason)| LookupError::NetworkTable {
            path: path.clone(),
            reason: format!("line {line}: {reason}"),
        })?;
    }
    Ok(draft.layout())
}

/// An address as a number.
trait Address: Copy + Ord {
    const LAST: Self;
    fn before(self) -> Option<Self>;
    fn after(self) -> Option<Self>;
}

impl Address for u32 {
    const LAST: Self = Self::MAX;
    fn before(self) -> Option<Self> {
        self.checked_sub(1)
    }
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
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

    #[expect(
        clippy::cast_possible_truncation,
        reason = "they count what stands in files far below 4 GiB"
    )]
    fn layout(self) -> Vec<u8> {
        let (v4, v6) = (disjoint(self.v4), disjoint(self.v6));
        let names: Vec<Cow<'_, str>> =
            self.systems.iter().map(|(_, name)| unquoted(name)).collect();
        let name_bytes: usize = names.iter().map(|name| name.len()).sum();
        let size = MAGIC.len() + 16 + 12 * v4.len() + 36 * v6.len() + 8 * names.len() + name_bytes;
        let mut out = Vec::with_capacity(size);
        out.extend(MAGIC);
        for count in [v4.len(), v6.len(), names.len(), name_bytes] {
            out.extend((count as u32).to_le_bytes());
        }
        out.extend(v4.iter().flat_map(|range| range.0.to_le_bytes()));
        out.extend(v4.iter().flat_map(|range| range.1.to_le_bytes()));
        out.extend(v4.iter().flat_map(|range| range.2.to_le_bytes()));
        out.extend(v6.iter().flat_map(|range| range.0.to_le_bytes()));
        out.extend(v6.iter().flat_map(|range| range.1.to_le_bytes()));
        out.extend(v6.iter().flat_map(|range| range.2.to_le_bytes()));
        let mut name_end = 0;
        for ((number, _), name) in self.systems.iter().zip(&names) {
            name_end += name.len() as u32;
            out.extend(number.to_le_bytes());
            out.extend(name_end.to_le_bytes());
        }
        out.extend(names.iter().flat_map(|name| name.bytes()));
        out
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
    fn a_table_is_compiled_anew_only_when_it_is_missing_older_or_not_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let (csv, out) = ([folder.path().join("asn.csv")], folder.path().join("asn.table"));
        let age = |path: &Path, seconds| {
            let time = std::time::SystemTime::now() - std::time::Duration::from_secs(seconds);
            File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
        };
        std::fs::write(&csv[0], "1.0.0.0,1.0.0.1,1,One\n").unwrap();
        age(&csv[0], 100);
        assert!(refresh_asn(&csv, &out).unwrap(), "it was missing");
        assert!(!refresh_asn(&csv, &out).unwrap(), "it is fresh");
        age(&out, 200);
        assert!(refresh_asn(&csv, &out).unwrap(), "it was older");
        std::fs::write(&out, "something else").unwrap();
        assert!(refresh_asn(&csv, &out).unwrap(), "it was something else");
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
