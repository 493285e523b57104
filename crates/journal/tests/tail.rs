//! The end of the newest segment, cut or overwritten at every byte: every whole record before it
//! survives, nothing is invented, and the journal always opens.

mod rig;

use std::ops::Range;
use std::path::PathBuf;

use journal::sim::{Random, SimDisk};
use rig::{DATA_AT, OVERHEAD, Rig, folder, options, payloads};

/// One segment of 64 KiB with records, and where their frames stand.
struct Original {
    path: PathBuf,
    bytes: Vec<u8>,
    payloads: Vec<Vec<u8>>,
    frames: Vec<Range<usize>>,
}

fn original(seed: u64) -> Original {
    let mut rig = Rig::new(seed);
    let payloads = payloads(280);
    for write in payloads.chunks(7) {
        rig.write(write);
    }
    let path = rig.segments()[0].clone();
    let bytes = rig.disk.bytes(&path);
    assert_eq!((rig.segments().len(), bytes.len()), (1, 64 << 10), "one full segment");
    let mut frames = Vec::new();
    let mut start = DATA_AT;
    for payload in &payloads {
        let end = start + payload.len() + OVERHEAD;
        frames.push(start..end);
        start = end;
    }
    Original { path, bytes, payloads, frames }
}

impl Original {
    /// Opens a journal whose only segment has these bytes, and holds what it gives back against
    /// the frames that are as they were.
    fn check(&self, what: &str, bytes: &[u8]) {
        let disk = SimDisk::new(1);
        disk.put(&self.path, bytes);
        let rig = Rig::open(disk, options());
        let is_intact =
            |frame: &Range<usize>| bytes.get(frame.clone()) == Some(&self.bytes[frame.clone()]);
        let intact = self.frames.iter().take_while(|frame| is_intact(frame)).count();
        let held = rig.read();
        assert_eq!(held.payloads(), self.payloads[..intact], "{what}");
        assert_eq!(held.gaps, [], "{what}");
        let last = rig.recovery.last.map_or(0, |last| last.0);
        assert_eq!(last as usize, intact, "{what}");
        assert_eq!(rig.recovery.quarantined, [] as [PathBuf; 0], "{what}");
    }
}

#[test]
fn a_segment_cut_at_every_byte_keeps_every_whole_record_before_the_cut() {
    let original = original(1);
    // Below the identity's end nothing says what the file was: see the test after this one.
    for cut in 52..=original.bytes.len() {
        original.check(&format!("cut at {cut}"), &original.bytes[..cut]);
    }
    println!("{} cuts, every whole record before each survived", original.bytes.len() - 51);
}

#[test]
fn a_segment_cut_within_its_identity_is_put_aside_and_its_numbers_are_not_given_again() {
    let original = original(1);
    for cut in 0..52 {
        let disk = SimDisk::new(1);
        disk.put(&original.path, &original.bytes[..cut]);
        let mut rig = Rig::open(disk, options());
        assert_eq!(rig.read().records, []);
        assert_eq!(rig.recovery.quarantined, [folder().join("quarantine/000000000001.segment")]);
        let next = rig.write_one(b"next");
        assert!(matches!(next, Some(Ok(sequence)) if sequence > cut as u64 / 24), "{next:?}");
    }
}

#[test]
fn a_tail_of_zeros_garbage_or_other_records_is_dropped() {
    let original = original(1);
    let stale = self::original(2).bytes;
    let mut random = Random::new(3);
    let mut tails = 0;
    for cut in (DATA_AT..original.bytes.len()).step_by(11) {
        let kept = &original.bytes[..cut];
        let size = original.bytes.len() - cut;
        let zeros = vec![0; size];
        let garbage: Vec<u8> = (0..size).map(|_| random.any() as u8).collect();
        // What an earlier use of the same place on the disk left: valid frames of another segment.
        let recycled = &stale[cut..];
        // And the records before the cut once more, behind it.
        let again = &original.bytes[DATA_AT..DATA_AT + size.min(cut - DATA_AT)];
        for (what, tail) in [
            ("zeros", &zeros[..]),
            ("garbage", &garbage),
            ("recycled", recycled),
            ("doubled", again),
        ] {
            original.check(&format!("{what} from {cut}"), &[kept, tail].concat());
            tails += 1;
        }
    }
    println!("{tails} tails, every whole record before each survived");
}

#[test]
fn a_segment_of_which_only_the_first_blocks_are_left_is_empty() {
    let original = original(1);
    original.check("header only", &original.bytes[..DATA_AT]);
    original.check("identity only", &original.bytes[..4096]);
}

#[test]
fn records_after_a_torn_tail_are_kept_at_the_next_start() {
    let original = original(1);
    for cut in (DATA_AT..original.bytes.len()).step_by(997) {
        let disk = SimDisk::new(cut as u64);
        disk.put(&original.path, &original.bytes[..cut]);
        let mut rig = Rig::open(disk, options());
        let before = rig.read().records.len();
        assert_eq!(rig.write_one(b"after"), Some(Ok(before as u64 + 1)));
        let rig = rig.power_cut();
        let held = rig.read();
        assert_eq!(held.records.len(), before + 1);
        assert_eq!(held.records[before].1, b"after");
        assert_eq!(held.gaps, []);
    }
}
