//! Rotten bits, lost blocks and lost files: what is lost is exactly what was touched, by number.
#![expect(clippy::expect_used, reason = "a test may stop")]

mod rig;

use std::ops::Range;

use journal::sim::SimDisk;
use journal::{Report, Sequence, verify};
use rig::{DATA_AT, OVERHEAD, Rig, folder, options, payloads, segments};

/// A journal of several segments; where the frames of the first one stand.
fn build(count: usize) -> (SimDisk, Vec<Range<usize>>, usize) {
    let mut rig = Rig::new(5);
    let payloads = payloads(count);
    for write in payloads.chunks(7) {
        rig.write(write);
    }
    let sizes = payloads.iter().map(|payload| payload.len() + OVERHEAD);
    let mut frames = Vec::new();
    let mut start = DATA_AT;
    for size in sizes {
        if start + size > 64 << 10 {
            break;
        }
        frames.push(start..start + size);
        start += size;
    }
    let disk = rig.disk.clone();
    drop(rig);
    (disk, frames, payloads.len())
}

fn whole(disk: &SimDisk) -> Report {
    verify(disk, folder()).expect("a report")
}

#[test]
fn every_single_bit_of_a_segment_costs_at_most_its_own_record_and_is_named() {
    let (disk, frames, count) = build(300);
    let first = segments(&disk)[0].clone();
    let before = whole(&disk);
    assert!(before.is_whole() && before.records == count as u64, "{before:?}");
    let mut harmless = 0;
    for bit in 0..(64 << 10) * 8 {
        disk.flip_bit(&first, bit);
        let report = whole(&disk);
        disk.flip_bit(&first, bit);
        let byte = (bit / 8) as usize;
        match frames.iter().position(|frame| frame.contains(&byte)) {
            Some(place) => {
                let sequence = place as u64 + 1;
                assert_eq!(report.missing, [sequence..=sequence], "bit {bit}");
                assert_eq!(report.damaged, *std::slice::from_ref(&first), "bit {bit}");
                assert_eq!(report.records, count as u64 - 1, "bit {bit}");
            }
            // Both first blocks say whose the segment is; the rest of them is unused.
            None => {
                assert_eq!(report, before, "bit {bit}");
                harmless += 1;
            }
        }
    }
    println!("{} bits: each cost its own record, {harmless} cost nothing", (64 << 10) * 8);
}

#[test]
fn readers_pass_over_damage_name_the_gap_and_put_the_segment_aside() {
    let (disk, frames, count) = build(900);
    let first = segments(&disk)[0].clone();
    for place in [0, 1, 99, frames.len() - 1] {
        let bit = frames[place].start as u64 * 8 + 77;
        disk.flip_bit(&first, bit);
        let rig = Rig::open(disk.clone(), options());
        let held = rig.read();
        let sequence = place as u64 + 1;
        assert_eq!(held.gaps, [sequence..=sequence]);
        assert_eq!(held.records.len(), count - 1);
        assert_eq!(rig.journal.status().quarantined, 1);
        let kept = folder().join("quarantine/000000000001.segment");
        assert_eq!(disk.bytes(&kept), disk.bytes(&first), "the evidence is as it was found");
        disk.flip_bit(&first, bit);
        disk.kill();
    }
}

#[test]
fn damage_in_the_newest_segment_is_found_at_start_and_kept() {
    let mut rig = Rig::new(6);
    for write in payloads(40).chunks(4) {
        rig.write(write);
    }
    let path = rig.segments()[0].clone();
    rig.disk.flip_bit(&path, (DATA_AT as u64 + 30) * 8);
    let rig = rig.restart();
    assert_eq!(rig.recovery.missing, [1..=1]);
    assert_eq!(rig.recovery.quarantined, [folder().join("quarantine/000000000001.segment")]);
    assert_eq!(rig.recovery.last, Some(Sequence(40)));
    let held = rig.read();
    assert_eq!((held.records.len(), held.gaps), (39, vec![1..=1]));
}

#[test]
fn a_missing_segment_is_named_by_its_numbers() {
    let (disk, frames, count) = build(900);
    let files = segments(&disk);
    let second = frames.len() as u64 + 1;
    journal::Disk::remove(&disk, &files[1]).expect("removed");
    let rig = Rig::open(disk.clone(), options());
    let held = rig.read();
    let [gap] = &held.gaps[..] else { panic!("one gap: {:?}", held.gaps) };
    assert_eq!(*gap.start(), second);
    assert_eq!(held.records.len() as u64, count as u64 - (gap.end() - gap.start() + 1));
    drop(rig);
    disk.kill();
    assert_eq!(whole(&disk).missing, held.gaps);
}

#[test]
fn a_misplaced_block_costs_the_records_it_covers_and_no_others() {
    let (disk, frames, count) = build(900);
    let first = segments(&disk)[0].clone();
    for (from, to) in [(3_u64, 9_u64), (9, 3), (0, 7), (7, 8)] {
        let copy = disk.bytes(&first);
        disk.misdirect((&first, from), (&first, to));
        let covered = to as usize * 4096..(to as usize + 1) * 4096;
        let touched =
            |frame: &&Range<usize>| frame.start < covered.end && covered.start < frame.end;
        let lost = frames.iter().filter(touched).count();
        let report = whole(&disk);
        assert_eq!(report.records as usize, count - lost, "{from} over {to}");
        assert_eq!(report.missing.len(), 1);
        disk.put(&first, &copy);
    }
}

#[test]
fn a_block_that_cannot_be_read_costs_the_records_in_it() {
    let (disk, frames, count) = build(900);
    let first = segments(&disk)[0].clone();
    disk.make_unreadable(&first, 5);
    let covered = 5 * 4096..6 * 4096;
    let touched =
        frames.iter().filter(|frame| frame.start < covered.end && covered.start < frame.end);
    assert_eq!(whole(&disk).records as usize, count - touched.count());
}

#[test]
fn either_first_block_may_be_lost() {
    let (disk, _, count) = build(900);
    for file in segments(&disk) {
        for block in [0, 1] {
            let bytes = disk.bytes(&file);
            let mut damaged = bytes.clone();
            damaged[block * 4096..(block + 1) * 4096].fill(0xEE);
            disk.put(&file, &damaged);
            assert_eq!(whole(&disk).records as usize, count, "{file:?} block {block}");
            disk.put(&file, &bytes);
        }
    }
}
