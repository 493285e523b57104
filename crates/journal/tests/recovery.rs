//! Starting: what is read, what is kept, where numbering goes on, what retention removes.

mod rig;

use std::time::Duration;

use journal::sim::SimDisk;
use journal::{Options, Sequence};
use rig::{Rig, options, payloads};

fn small_segments() -> Options {
    Options { segment_bytes: 16 << 10, ..options() }
}

#[test]
fn a_large_backlog_costs_one_segment_and_the_first_blocks_of_the_others() {
    let mut rig = Rig::open(SimDisk::new(1), small_segments());
    for write in payloads(6000).chunks(20) {
        rig.write(write);
    }
    let segments = rig.segments().len() as u64;
    assert!(segments > 70);
    let before = rig.disk.bytes_read();
    let rig = rig.restart();
    let read = rig.disk.bytes_read() - before;
    // The newest is looked at twice: for its frames, and for the end of what is not zero.
    assert!(read <= segments * 8192 + 3 * (16 << 10), "{read} bytes read of {segments} segments");

    let before = rig.disk.bytes_read();
    let batch = rig.journal.reader(Sequence(3000)).next_batch(1, 1).expect("a batch");
    assert_eq!(batch.records().next().expect("a record").0, Sequence(3000));
    assert!(rig.disk.bytes_read() - before <= 16 << 10, "a reader starts with one segment");
}

#[test]
fn a_reader_stops_at_its_bounds_and_goes_on_there() {
    let mut rig = Rig::new(1);
    rig.write(&vec![vec![7; 100]; 50]);
    let mut reader = rig.journal.reader(Sequence(1));
    assert_eq!(reader.next_batch(7, 1 << 20).expect("a batch").len(), 7);
    let by_bytes = reader.next_batch(50, 250).expect("a batch");
    assert_eq!((by_bytes.len(), by_bytes.next), (3, Sequence(11)));
    assert_eq!(reader.next_batch(1000, 1 << 20).expect("a batch").len(), 40);
    assert!(reader.next_batch(1000, 1 << 20).expect("a batch").is_empty());
    rig.write_one(b"more");
    assert_eq!(reader.next_batch(1000, 1 << 20).expect("a batch").next, Sequence(52));
}

#[test]
fn numbers_go_on_above_what_the_consumer_has_committed() {
    let mut rig = Rig::new(1);
    rig.write(&payloads(5));
    rig.options.sequence_floor = 100;
    let mut rig = rig.restart();
    assert_eq!(rig.write_one(b"next"), Some(Ok(101)));
    let held = rig.read();
    assert_eq!(held.sequences(), [1, 2, 3, 4, 5, 101]);
    assert_eq!(held.gaps, [6..=100]);
    let rig = rig.power_cut();
    assert_eq!(rig.read(), held);
    assert_eq!(rig.journal.status().quarantined, 0, "skipped on purpose is no damage");
    assert!(journal::verify(&rig.restart().disk, rig::folder()).is_err(), "held by the journal");
}

#[test]
fn numbers_start_above_the_floor_in_a_folder_that_lost_everything() {
    let mut rig = Rig::open(SimDisk::new(1), Options { sequence_floor: 100, ..options() });
    assert_eq!(rig.write_one(b"next"), Some(Ok(101)));
}

#[test]
fn a_record_as_large_as_allowed_is_kept_and_a_larger_one_refused() {
    let options = Options { segment_bytes: 4 << 20, ..options() };
    let mut rig = Rig::open(SimDisk::new(1), options);
    let large = vec![9; 1 << 20];
    assert_eq!(rig.write(&[large.clone(), large.clone(), large.clone()]).len(), 3);
    assert_eq!(rig.write_one(&large), Some(Ok(4)));
    let refused = rig.write_one(&vec![9; (1 << 20) + 1]);
    assert_eq!(refused, rig::withdrawn(journal::Refusal::TooLarge));
    let mut rig = rig.power_cut();
    assert_eq!(rig.read().payloads(), vec![large; 4]);
    // Segments became smaller than the last record: it is kept all the same.
    rig.options.segment_bytes = 16 << 10;
    let rig = rig.restart().restart();
    assert_eq!(rig.read().sequences(), [1, 2, 3, 4]);
}

#[test]
fn segments_go_when_released_and_old_by_running_time_only() {
    let keep = Duration::from_secs(3600);
    let mut rig = Rig::open(SimDisk::new(1), Options { keep, ..small_segments() });
    let write = |rig: &mut Rig| {
        for group in payloads(200).chunks(20) {
            rig.write(group);
        }
    };
    write(&mut rig);
    let count = rig.journal.status().segments;
    rig.journal.release(Sequence(150));
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.journal.status().segments, count, "released, but young");
    rig.disk.pass(keep);
    write(&mut rig);
    rig.stepper.upkeep();
    let oldest = rig.journal.status().oldest.expect("records").0;
    assert!((100..=151).contains(&oldest), "oldest is {oldest}");
    rig.disk.pass(keep * 24);
    rig.stepper.upkeep();
    let still = rig.journal.status().oldest.expect("records").0;
    assert_eq!(still, oldest, "old, but not released");
    let mut rig = rig.restart();
    rig.disk.pass(keep * 24);
    write(&mut rig);
    rig.stepper.upkeep();
    assert_eq!(rig.journal.status().oldest.expect("records").0, oldest, "not released again yet");
    assert_eq!(rig.read().gaps, [1..=oldest - 1], "what is gone is named to who asks for it");
}

#[test]
fn restarting_again_and_again_takes_little_space() {
    let mut rig = Rig::new(1);
    rig.write(&payloads(20));
    for _ in 0..50 {
        rig.stepper.upkeep();
        rig = rig.restart();
    }
    rig.stepper.upkeep();
    let bytes = rig.journal.status().bytes;
    assert!(bytes < 52 * 20_000 + (64 << 10), "{bytes} bytes");
    assert_eq!(rig.read().payloads(), payloads(20));
}
