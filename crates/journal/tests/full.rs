//! A full disk: refused at once, counted, and well again by itself when there is space.

mod rig;

use std::time::Duration;

use journal::sim::SimDisk;
use journal::{NotLogged, Options, Refusal};
use rig::{Rig, folder, options, payloads, withdrawn};

const BALLAST: u64 = 32 << 10;

fn rig() -> Rig {
    let options = Options { segment_bytes: 16 << 10, ballast_bytes: BALLAST, ..options() };
    Rig::open(SimDisk::new(1), options)
}

fn has_ballast(rig: &Rig) -> bool {
    rig.disk.files(folder()).contains(&folder().join("ballast"))
}

#[test]
fn fifty_times_full_and_free_again_loses_nothing_acknowledged_and_counts_the_rest() {
    let mut rig = rig();
    let payloads = payloads(200);
    let (mut acknowledged, mut unlogged) = (Vec::new(), 0);
    for cycle in 0..50_u8 {
        rig.disk.set_free(if cycle % 2 == 0 { 0 } else { 40_000 });
        for payload in &payloads {
            let mut payload = payload.clone();
            payload[0] = cycle;
            match rig.write_one(&payload) {
                Some(Ok(sequence)) => acknowledged.push((sequence, payload)),
                Some(Err(NotLogged::InFlight { why } | NotLogged::Withdrawn { why })) => {
                    assert_eq!(why, Refusal::DiskFull);
                    rig.journal.count_unlogged();
                    unlogged += 1;
                }
                None => panic!("nobody is left without an answer"),
            }
            rig.stepper.upkeep();
        }
        rig.disk.set_free(u64::MAX >> 1);
        rig.pass(Duration::from_secs(2));
        assert_eq!(rig.journal.status().degraded, None, "well again within two seconds");
    }
    assert!(unlogged > 100, "the disk was full: {unlogged}");
    assert_eq!(rig.journal.status().unlogged, unlogged);
    let rig = rig.power_cut();
    let held = rig.read();
    assert!(acknowledged.iter().all(|record| held.records.contains(record)));
    // What was taken when the disk filled up may come later; what was withdrawn never.
    let appeared = held.records.len() - acknowledged.len();
    assert!(appeared <= 50, "{appeared} unacknowledged records appeared");
    assert_eq!(held.gaps, []);
    assert_eq!(rig.journal.status().unlogged, unlogged, "the figure was in its file");
    println!("50 cycles, {} acknowledged, 0 lost, {unlogged} counted", acknowledged.len());
}

#[test]
fn once_the_disk_is_known_to_be_full_records_are_withdrawn_at_once() {
    let mut rig = rig();
    rig.disk.set_free(0);
    assert_eq!(rig.write_one(b"first"), rig::in_flight(Refusal::DiskFull));
    let refused = rig.journal.append(b"second".to_vec());
    assert_eq!(rig::outcome(&refused), withdrawn(Refusal::DiskFull), "without a step");
}

#[test]
fn the_ballast_makes_room_for_the_operator_and_comes_back_later() {
    let mut rig = rig();
    for _ in 0..4 {
        rig.stepper.upkeep();
    }
    assert!(has_ballast(&rig));
    rig.disk.set_free(0);
    for payload in payloads(400) {
        rig.write_one(&payload);
    }
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.journal.status().degraded.map(|degraded| degraded.why), Some(Refusal::DiskFull));
    assert!(!has_ballast(&rig));
    let available = journal::Disk::available(&rig.disk, folder()).expect("a figure");
    assert!(available >= BALLAST, "the room is not used for records: {available}");
    rig.disk.set_free(BALLAST + (16 << 10) * 4);
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.journal.status().degraded, None);
    rig.pass(Duration::from_secs(60));
    assert!(has_ballast(&rig));
}

#[test]
fn a_journal_opens_with_no_byte_free_and_gives_back_what_it_can() {
    let mut rig = Rig::open(
        SimDisk::new(1),
        Options { segment_bytes: 16 << 10, ballast_bytes: 0, ..options() },
    );
    for write in payloads(30).chunks(3) {
        rig.write(write);
    }
    rig.disk.set_free(0);
    let mut rig = rig.power_cut();
    assert_eq!(rig.read().records.len(), 27, "the last write waits to be written again");
    let degraded = rig.journal.status().degraded.expect("degraded");
    assert_eq!(degraded.why, Refusal::DiskFull);
    rig.disk.set_free(100_000);
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.read().payloads(), payloads(30));
}
