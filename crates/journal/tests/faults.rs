//! Writes, syncs and folder operations that fail, one at a time and several: nothing acknowledged
//! is lost, nothing withdrawn appears, no failed file is used again, service comes back.

mod rig;

use std::time::Duration;

use journal::sim::SimDisk;
use journal::{NotLogged, Refusal};
use rig::{Outcome, Rig, options, payloads, withdrawn};

/// Writes records one group after another while one operation fails, cuts the power, and checks.
/// Returns whether the fault struck.
fn live_through(what: &str, fault: impl Fn(&SimDisk)) -> bool {
    let mut rig =
        Rig::open(SimDisk::new(11), journal::Options { segment_bytes: 16 << 10, ..options() });
    let payloads = payloads(150);
    fault(&rig.disk);
    let mut told: Vec<Outcome> = Vec::new();
    let mut refused_for = Duration::ZERO;
    for (round, write) in payloads.chunks(3).enumerate() {
        let outcomes = rig.write(write);
        if matches!(outcomes[0], Some(Err(_))) {
            refused_for += Duration::from_millis(100);
        }
        told.extend(outcomes);
        rig.disk.pass(Duration::from_millis(100));
        if round % 4 == 0 {
            rig.stepper.upkeep();
        }
    }
    assert!(refused_for <= Duration::from_secs(1), "{what}: refused for {refused_for:?}");
    assert!(matches!(told.last(), Some(Some(Ok(_)))), "{what}: service came back");
    let struck = rig.disk.touched_after_failure();
    assert_eq!(struck, 0, "{what}: a failed file was used again");
    let rig = rig.power_cut();
    let held = rig.read();
    let mut found = held.records.iter().peekable();
    for (payload, outcome) in payloads.iter().zip(&told) {
        let is_next = found.peek().is_some_and(|record| record.1 == *payload);
        match outcome {
            Some(Ok(sequence)) => {
                assert!(is_next, "{what}: record {sequence} was acknowledged and is lost");
            }
            Some(Err(NotLogged::Withdrawn { .. })) => {
                assert!(!is_next, "{what}: a withdrawn record appeared");
            }
            Some(Err(NotLogged::InFlight { .. })) | None => {}
        }
        if is_next {
            found.next();
        }
    }
    assert_eq!(found.next(), None, "{what}: a record appeared that nobody wrote");
    assert_eq!(held.gaps, [], "{what}");
    told.iter().any(|outcome| !matches!(outcome, Some(Ok(_))))
}

#[test]
fn an_error_at_every_sync_loses_nothing_and_no_failed_file_is_used_again() {
    for count in 1..=90 {
        let struck = live_through(&format!("sync {count}"), |disk| disk.fail_sync_in(count));
        assert!(!struck, "one failure is overcome without anybody being refused");
    }
    println!("90 syncs failed one by one, 0 lost");
}

#[test]
fn an_error_at_every_write_loses_nothing() {
    for count in 1..=120 {
        let struck = live_through(&format!("write {count}"), |disk| disk.fail_write_in(count));
        assert!(!struck, "one failure is overcome without anybody being refused");
    }
    println!("120 writes failed one by one, 0 lost");
}

#[test]
fn an_error_at_every_name_loses_nothing() {
    for count in 1..=60 {
        live_through(&format!("name {count}"), |disk| disk.fail_name_in(count));
    }
    println!("60 folder operations failed one by one, 0 lost");
}

#[test]
fn a_failed_sync_is_answered_by_the_next_segment() {
    let mut rig = Rig::new(1);
    rig.stepper.upkeep();
    assert_eq!(rig.write_one(b"one"), Some(Ok(1)));
    rig.disk.fail_sync_in(1);
    assert_eq!(rig.write_one(b"two"), Some(Ok(2)));
    let rig = rig.power_cut();
    assert_eq!(rig.read().payloads(), [b"one", b"two"]);
}

#[test]
fn when_the_next_segment_fails_too_the_record_is_in_flight_and_comes_later() {
    let mut rig = Rig::new(1);
    rig.stepper.upkeep();
    rig.write_one(b"one");
    rig.disk.set_fault_rates(journal::sim::FaultRates { sync: 1000, ..Default::default() });
    let waiting = rig.journal.append(b"two".to_vec());
    rig.stepper.write();
    assert_eq!(rig::outcome(&waiting), rig::in_flight(Refusal::Io));
    assert_eq!(rig.write_one(b"refused"), withdrawn(Refusal::Io));
    let degraded = rig.journal.status().degraded.expect("degraded");
    assert_eq!(degraded.why, Refusal::Io);
    rig.disk.set_fault_rates(journal::sim::FaultRates::default());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.journal.status().degraded, None);
    assert_eq!(rig.write_one(b"three"), Some(Ok(3)));
    let rig = rig.power_cut();
    assert_eq!(rig.read().payloads(), [&b"one"[..], b"two", b"three"]);
}

#[test]
fn a_disk_that_fails_for_long_does_not_fill_with_poisoned_segments() {
    let mut rig = Rig::new(1);
    rig.write_one(b"one");
    rig.disk.set_fault_rates(journal::sim::FaultRates { sync: 1000, ..Default::default() });
    drop(rig.journal.append(b"two".to_vec()));
    rig.pass(Duration::from_secs(60));
    let files = rig.segments().len();
    assert!(files <= 3, "{files} segments after a minute of failures");
    rig.disk.set_fault_rates(journal::sim::FaultRates::default());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.read().payloads(), [b"one", b"two"]);
}
