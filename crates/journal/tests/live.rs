//! The journal with its threads, on this machine's disk and on one that stalls.

mod rig;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use journal::sim::SimDisk;
use journal::{Durability, Journal, NotLogged, OpenError, Options, RealDisk, Refusal, Sequence};
use rig::{folder, read};

const PATIENCE: Duration = Duration::from_secs(20);

fn small() -> Options {
    Options { segment_bytes: 256 << 10, ballast_bytes: 1 << 20, ..Options::default() }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::yield_now();
    }
}

#[test]
fn records_of_many_threads_are_read_back_once_and_in_order_while_they_come() {
    for durability in [Durability::Sync, Durability::Os] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let options = Options { durability, ..small() };
        let (journal, _) =
            Journal::open(Arc::new(RealDisk::new()), &path, options.clone()).unwrap();
        let (threads, each) = (8, 500);
        let mut reader = journal.reader(Sequence(1));
        let found = thread::scope(|scope| {
            let reading = scope.spawn(move || {
                let mut found = Vec::new();
                while found.len() < threads * each && reader.wait(Instant::now() + PATIENCE) {
                    let batch = reader.next_batch(100, 1 << 20).unwrap();
                    assert_eq!(batch.gaps, []);
                    found.extend(batch.records().map(|(at, bytes)| (at.0, bytes.to_vec())));
                }
                found
            });
            for thread in 0..threads {
                let journal = &journal;
                scope.spawn(move || {
                    for number in 0..each {
                        let payload = format!("{thread} {number} {}", "x".repeat(number % 700));
                        journal.append(payload.into_bytes()).wait().unwrap();
                    }
                });
            }
            reading.join().unwrap()
        });
        let sequences: Vec<u64> = found.iter().map(|record| record.0).collect();
        assert_eq!(sequences, (1..=(threads * each) as u64).collect::<Vec<_>>());
        journal.close().unwrap();
        let (journal, recovery) = Journal::open(Arc::new(RealDisk::new()), &path, options).unwrap();
        assert_eq!(recovery.last, Some(Sequence((threads * each) as u64)));
        assert_eq!(read(&journal).records, found);
    }
}

#[test]
fn a_stalled_sync_is_answered_in_time_bounded_in_memory_and_overcome() {
    let disk = SimDisk::ticking(1);
    let wait = Duration::from_millis(50);
    let options = Options { max_ack_wait: wait, queue_bytes_max: 10_000, ..rig::options() };
    let (journal, _) = Journal::open(Arc::new(disk.clone()), folder(), options).unwrap();
    assert_eq!(journal.append(b"before".to_vec()).wait(), Ok(Sequence(1)));
    disk.stall_syncs();
    let begun = Instant::now();
    let taken = journal.append(b"taken".to_vec());
    wait_until("the writer takes it", || journal.status().queue_records == 0);
    let flood: Vec<_> = (0..200).map(|_| journal.append(vec![0; 100])).collect();
    assert_eq!(taken.wait(), Err(NotLogged::InFlight { why: Refusal::Slow }));
    let answered_after = begun.elapsed();
    assert!(answered_after >= wait && answered_after < wait * 20, "{answered_after:?}");
    let answers: Vec<_> = flood.into_iter().map(journal::Append::wait).collect();
    let count = |why| {
        let told = Err(NotLogged::Withdrawn { why });
        answers.iter().filter(|answer| **answer == told).count()
    };
    assert_eq!(count(Refusal::QueueFull), 200 - 10_000 / 124);
    assert_eq!(count(Refusal::Slow), 10_000 / 124);
    let status = journal.status();
    assert_eq!(status.degraded.map(|degraded| degraded.why), Some(Refusal::Slow));
    assert_eq!(status.queue_bytes, 0, "what was withdrawn takes no memory");
    let refused = journal.append(b"refused".to_vec());
    assert_eq!(refused.outcome(), Some(Err(NotLogged::Withdrawn { why: Refusal::Slow })));
    disk.resume_syncs();
    wait_until("the disk is well", || journal.status().degraded.is_none());
    assert_eq!(journal.append(b"after".to_vec()).wait(), Ok(Sequence(3)));
    let held = read(&journal);
    assert_eq!(held.records[1].1, b"taken", "in flight, and it became durable");
    assert_eq!(held.sequences(), [1, 2, 3]);
}

#[test]
fn one_process_at_a_time_has_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Journal::open(Arc::new(RealDisk::new()), folder.path(), small());
    let (journal, _) = open().unwrap();
    assert!(matches!(open(), Err(OpenError::Locked { .. })));
    let reader = journal.reader(Sequence(1));
    journal.close().unwrap();
    let (journal, _) = open().unwrap();
    drop(reader);
    drop(journal);
    open().unwrap();
}

#[test]
fn closing_writes_what_was_appended_and_refuses_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let disk = || Arc::new(RealDisk::new());
    let (journal, _) = Journal::open(disk(), folder.path(), small()).unwrap();
    let other = journal.clone();
    for number in 0..100_u8 {
        // Nobody waits for these.
        drop(journal.append(vec![number; 10]));
    }
    other.count_unlogged();
    journal.close().unwrap();
    let refused = other.append(b"late".to_vec()).wait();
    assert_eq!(refused, Err(NotLogged::Withdrawn { why: Refusal::Closed }));
    let (journal, _) = Journal::open(disk(), folder.path(), small()).unwrap();
    assert_eq!(read(&journal).records.len(), 100);
    assert_eq!(journal.status().unlogged, 1);
}

#[test]
fn closing_on_a_failing_disk_says_what_is_not_durable() {
    let disk = SimDisk::ticking(1);
    let (journal, _) = Journal::open(Arc::new(disk.clone()), folder(), rig::options()).unwrap();
    journal.append(b"good".to_vec()).wait().unwrap();
    disk.set_fault_rates(journal::sim::FaultRates { sync: 1000, ..Default::default() });
    let failed = journal.append(b"bad".to_vec()).wait();
    assert_eq!(failed, Err(NotLogged::InFlight { why: Refusal::Io }));
    let error = journal.close().unwrap_err();
    assert_eq!((error.records, error.why), (1, Refusal::Io));
}

#[test]
fn a_probe_is_durable_has_a_number_and_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Arc::new(RealDisk::new()), folder.path(), small()).unwrap();
    assert_eq!(journal.append(b"one".to_vec()).wait(), Ok(Sequence(1)));
    assert_eq!(journal.probe().wait(), Ok(Sequence(2)));
    assert_eq!(journal.append(Vec::new()).wait(), Ok(Sequence(3)));
    let held = read(&journal);
    assert_eq!(held.sequences(), [1, 3]);
    assert_eq!(held.gaps, [], "a probe is no gap");
    let mut reader = journal.reader(Sequence(2));
    assert_eq!(reader.next_batch(10, 100).unwrap().next, Sequence(4));
}
