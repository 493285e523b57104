//! The loop with its threads: it stops when told, tries again, and lets the journal go behind it.

use crate::catalog::{PLAIN, START_MS, id_text};
use crate::flaky::Flaky;
use crate::rig::{FOLDER, Rig, block_on, click, encode, options, postback, resume_within, shared};
use ingest::{Ingest, OnVerdict, Published, Settings};
use journal::sim::SimDisk;
use journal::{Journal, Options, Sequence};
use model::ClickKey;
use model::event::Verdict;
use model::record::RecordKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::{Events, MemoryEvents};

const PATIENCE: Duration = Duration::from_secs(60);

fn key(number: i64) -> ClickKey {
    ClickKey::new(START_MS + number, 0, 0)
}

/// An ingest on a thread of its own.
struct Running {
    runtime: tokio::runtime::Runtime,
    journal: Journal,
    events: Arc<MemoryEvents>,
    ingested: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    verdicts: mpsc::Receiver<(u64, Verdict)>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(failures: u64, batch_wait: Duration) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_time().build().unwrap();
        let disk = Arc::new(SimDisk::ticking(1));
        // Some machines are busy: nothing here is about slow disks.
        let options = Options { max_ack_wait: PATIENCE, ..options() };
        let (journal, _) = Journal::open(disk, Path::new(FOLDER), options).unwrap();
        let events = Arc::new(MemoryEvents::new());
        let (sender, verdicts) = mpsc::channel();
        let on_verdict: OnVerdict =
            Arc::new(move |entry| sender.send((entry.sequence, entry.verdict)).unwrap());
        let ingested = Arc::new(AtomicU64::new(77));
        let settings = Settings {
            batch_records_max: 7,
            batch_wait,
            retry_wait: Duration::from_millis(1),
            ..Settings::default()
        };
        let flaky = Arc::new(Flaky::new(events.clone(), 3, 0));
        let ingest = runtime.block_on(Ingest::resume(
            flaky.clone(),
            journal.clone(),
            shared(),
            settings,
            Published { on_verdict, ingested: ingested.clone(), caps: Arc::default() },
        ));
        let ingest = ingest.unwrap();
        flaky.set_failures(failures);
        assert_eq!(ingested.load(Ordering::Acquire), 0, "it says at once where the store stands");
        let stop = Arc::new(AtomicBool::new(false));
        let (handle, stopped) = (runtime.handle().clone(), stop.clone());
        let thread = std::thread::spawn(move || ingest.run(&handle, &stopped));
        Self { runtime, journal, events, ingested, stop, verdicts, thread }
    }

    fn write(&self, bytes: Vec<u8>) -> u64 {
        self.journal.append(bytes).wait().unwrap().0
    }

    fn wait_until_ingested(&self, sequence: u64) {
        let deadline = Instant::now() + PATIENCE;
        while self.ingested.load(Ordering::Acquire) < sequence {
            assert!(Instant::now() < deadline, "at {}", self.ingested.load(Ordering::Acquire));
            std::thread::yield_now();
        }
    }

    fn stop(self) -> Arc<MemoryEvents> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap();
        drop(self.runtime);
        self.events
    }
}

#[test]
fn what_is_left_when_told_to_stop_is_carried_over() {
    let running = Running::start(0, Duration::from_millis(50));
    let last = (1..=100).map(|number| running.write(click(key(number), PLAIN))).last().unwrap();
    let stats = block_on(running.stop().stats()).unwrap();
    assert_eq!((stats.clicks, stats.position), (100, last));
}

#[test]
fn a_store_that_fails_is_tried_again_until_everything_counts_once() {
    let running = Running::start(300, Duration::from_millis(1));
    let id = id_text(key(1), 1, false);
    running.write(click(key(1), PLAIN));
    // Judged a second time, a call would be the duplicate of itself.
    let calls: Vec<u64> = (0..300)
        .map(|number| {
            let url = format!("/postback?clickid={id}&payout=1&txid=T{number}");
            let facts = postback(START_MS + 1000, 1, &url);
            running.write(encode(RecordKind::Postback, &facts))
        })
        .collect();
    running.wait_until_ingested(*calls.last().unwrap());
    let answers: Vec<_> =
        calls.iter().map(|_| running.verdicts.recv_timeout(PATIENCE).unwrap()).collect();
    let expected: Vec<_> = calls.iter().map(|call| (*call, Verdict::Recorded)).collect();
    assert_eq!(answers, expected, "each is answered once, in order");
    let rows = block_on(running.stop().rows_of(1, &[key(1)])).unwrap();
    assert_eq!(rows.iter().map(|row| row.revenue).sum::<i64>(), 300_000_000);
}

#[test]
fn what_the_journal_passes_over_by_itself_does_not_keep_ingest_behind() {
    let running = Running::start(0, Duration::from_millis(1));
    let last = running.write(click(key(1), PLAIN));
    running.wait_until_ingested(last);
    let probe = running.journal.probe().wait().unwrap().0;
    running.wait_until_ingested(probe);
    assert_eq!(block_on(running.stop().position()).unwrap(), last);
}

#[test]
fn a_closed_journal_ends_nothing_before_it_is_told_to_stop() {
    let running = Running::start(0, Duration::from_millis(1));
    let last = running.write(click(key(1), PLAIN));
    running.wait_until_ingested(last);
    running.journal.clone().close().unwrap();
    assert!(!running.thread.is_finished());
    assert_eq!(block_on(running.stop().position()).unwrap(), last);
}

#[test]
fn the_journal_lets_go_of_what_is_committed_and_of_nothing_else() {
    let disk = SimDisk::new(1);
    let options = Options { segment_bytes: 16 << 10, keep: Duration::ZERO, ..options() };
    let opened = Journal::open_stepped(Arc::new(disk.clone()), Path::new(FOLDER), options);
    let (journal, stepper, _) = opened.unwrap();
    let mut rig = Rig { disk, journal, stepper, events: Arc::new(MemoryEvents::new()) };
    let mut padded = model::facts::Facts::default();
    padded.set_text(model::Field::UserAgent, &"x".repeat(400));
    for number in 1..=200 {
        let mut facts = crate::rig::about(key(number), 1, 1);
        facts.extend(&padded, |_| true);
        rig.write(encode(RecordKind::Click, &facts));
    }
    let segments = |rig: &mut Rig| {
        for _ in 0..20 {
            rig.disk.pass(Duration::from_secs(60));
            rig.stepper.upkeep();
        }
        let files = rig.disk.files(Path::new(FOLDER));
        files.iter().filter(|path| path.extension().is_some_and(|e| e == "segment")).count()
    };
    let before = segments(&mut rig);
    assert!(before >= 5, "{before}");
    let mut ingest = rig.ingest(90);
    block_on(ingest.round()).unwrap();
    let halfway = segments(&mut rig);
    let rest = rig.journal.reader(Sequence(91)).next_batch(1000, 1 << 20).unwrap();
    assert_eq!((rest.len(), rest.gaps.len()), (110, 0), "what is not committed stays");
    block_on(ingest.round()).unwrap();
    block_on(ingest.round()).unwrap();
    let after = segments(&mut rig);
    assert!(before > halfway && halfway > after, "{before} {halfway} {after}");
}

#[test]
fn a_backlog_is_cut_where_its_clicks_fill_a_batch_whatever_lies_between() {
    let mut rig = Rig::new(5);
    for number in 1..=20 {
        rig.write(click(key(number), PLAIN));
        for _ in 0..number % 3 {
            let call = postback(START_MS, 1, "/postback?clickid=none");
            rig.write(encode(RecordKind::Postback, &call));
        }
    }
    let settings = |batch_records_max, batch_bytes_max| Settings {
        batch_clicks_max: 8,
        batch_records_max,
        batch_bytes_max,
        ..Settings::default()
    };
    let rounds = |settings| {
        let events = Arc::new(MemoryEvents::new());
        let mut ingest = block_on(resume_within(events.clone(), &rig.journal, settings)).unwrap();
        let mut clicks = Vec::new();
        loop {
            let progress = block_on(ingest.round()).unwrap();
            clicks.push((block_on(events.stats()).unwrap().clicks, progress.is_full));
            if !progress.is_full {
                assert_eq!(progress.through, 41);
                return clicks;
            }
        }
    };
    assert_eq!(rounds(settings(100, usize::MAX)), [(8, true), (16, true), (20, false)]);
    // Other bounds hold as well.
    assert_eq!(rounds(settings(10, usize::MAX)).len(), 5);
    assert_eq!(rounds(settings(100, 1)).len(), 42);
}
