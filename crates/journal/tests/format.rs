//! The files of format 1: written byte for byte as ever, read exactly, refused if newer.
//!
//! `CLICKTRAIL_WRITE_FIXTURES=1` writes `fixtures/v1` anew, which only a new format may need.
#![expect(clippy::expect_used, reason = "a test may stop")]

mod rig;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use journal::sim::SimDisk;
use journal::{Journal, OpenError, Options, Sequence, verify};
use rig::{Rig, folder, options};

const NAMES: [&str; 2] = ["000000000001.segment", "000000000002.segment"];

fn fixture(name: &str) -> PathBuf {
    Path::new("fixtures/v1").join(name)
}

fn options_v1() -> Options {
    Options { segment_bytes: 16 << 10, ..options() }
}

/// 40 records of 250 bytes in writes of 3, and a probe as number 4: two segments.
fn build() -> Rig {
    let mut rig = Rig::open(SimDisk::new(1), options_v1());
    for write in 0..13_u8 {
        let payloads: Vec<_> = (0..3).map(|place| payload(write * 3 + place)).collect();
        rig.write(&payloads);
        if write == 0 {
            drop(rig.journal.probe());
            rig.stepper.write();
        }
    }
    rig.write(&[payload(39)]);
    rig
}

fn payload(number: u8) -> Vec<u8> {
    (0..250).map(|place: u8| number.wrapping_mul(7).wrapping_add(place)).collect()
}

fn opened(names: &[&str]) -> Rig {
    let disk = SimDisk::new(2);
    for (name, target) in names.iter().zip(NAMES) {
        disk.put(&folder().join(target), &fs::read(fixture(name)).expect("a fixture"));
    }
    Rig::open(disk, options_v1())
}

#[test]
fn segments_are_written_byte_for_byte_as_version_1() {
    let rig = build();
    let files = rig.segments();
    assert_eq!(files.len(), 2);
    for (file, name) in files.iter().zip(["valid-1.segment", "valid-2.segment"]) {
        let bytes = rig.disk.bytes(file);
        if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
            fs::write(fixture(name), &bytes).expect("written");
        }
        assert!(bytes == fs::read(fixture(name)).expect("a fixture"), "{name} differs");
    }
    if std::env::var_os("CLICKTRAIL_WRITE_FIXTURES").is_some() {
        let mut torn = rig.disk.bytes(&files[1]);
        // In the middle of the last but one record.
        torn[8192 + 9 * 274 + 100..].fill(0);
        fs::write(fixture("torn-2.segment"), torn).expect("written");
        let mut corrupt = rig.disk.bytes(&files[0]);
        // In the payload of record 10, and the head of record 20.
        corrupt[8192 + 3 * 274 + 24 + 5 * 274 + 60] ^= 0x10;
        corrupt[8192 + 3 * 274 + 24 + 15 * 274 + 2] ^= 0x80;
        fs::write(fixture("corrupt-1.segment"), corrupt).expect("written");
    }
}

fn expected(sequences: impl IntoIterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    // The probe is number 4.
    let number_of = |sequence: u64| if sequence < 4 { sequence - 1 } else { sequence - 2 };
    sequences.into_iter().map(|at| (at, payload(number_of(at) as u8))).collect()
}

#[test]
fn a_valid_journal_of_version_1_is_read_exactly() {
    let rig = opened(&["valid-1.segment", "valid-2.segment"]);
    let held = rig.read();
    assert_eq!(held.records, expected((1..=3).chain(5..=41)));
    assert_eq!(held.gaps, []);
    assert_eq!(rig.recovery.last, Some(Sequence(41)));
    assert_eq!(rig.recovery.rewritten, 1);
}

#[test]
fn a_torn_journal_of_version_1_keeps_the_records_before_the_tear() {
    let rig = opened(&["valid-1.segment", "torn-2.segment"]);
    let held = rig.read();
    let first_of_second = rig.recovery.last.expect("records").0 - 8;
    assert_eq!(held.records, expected((1..=3).chain(5..=first_of_second + 8)));
    assert_eq!(held.gaps, []);
    assert_eq!(rig.recovery.torn_tail_bytes, 100);
}

#[test]
fn a_corrupt_journal_of_version_1_loses_the_damaged_records_alone() {
    let rig = opened(&["corrupt-1.segment", "valid-2.segment"]);
    let held = rig.read();
    let left = (1..=3).chain(5..=41).filter(|at| ![10, 20].contains(at));
    assert_eq!(held.records, expected(left));
    assert_eq!(held.gaps, [10..=10, 20..=20]);
}

#[test]
fn a_newer_version_is_refused_and_nothing_is_touched() {
    let rig = build();
    let disk = rig.disk.clone();
    drop(rig);
    let newer = folder().join(NAMES[1]);
    let mut bytes = disk.bytes(&newer);
    bytes[8] = 2;
    let check = crc32c::crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&check.to_le_bytes());
    disk.put(&newer, &bytes);
    disk.put(&folder().join("000000000009.new"), b"unfinished");
    let contents = || {
        let files = disk.files(folder());
        files.into_iter().map(|path| (disk.bytes(&path), path)).collect::<Vec<_>>()
    };
    let (before, counts) = (contents(), disk.counts());
    let refused = Journal::open(Arc::new(disk.clone()), folder(), options_v1());
    let Err(OpenError::Newer { path, found: 2, supported: 1 }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(path, newer);
    assert!(matches!(verify(&disk, folder()), Err(OpenError::Newer { .. })));
    assert!(contents() == before && disk.counts() == counts, "nothing was touched");
}
