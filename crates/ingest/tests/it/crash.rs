//! Exactly once: processes that end between any two steps, machines that lose power, a store that fails
//! or lies. Every record that was acknowledged counts once in the end, every other at most once.

use crate::catalog::{PLAIN, START_MS, id_text};
use crate::flaky::Flaky;
use crate::rig::{FOLDER, Named, about, block_on, encode, options, postback, resume, seeds};
use ingest::Ingest;
use journal::sim::{FaultRates, Random, SimDisk};
use journal::{Append, Journal, NotLogged, Options, Stepper};
use model::event::{Row, RowKind, Verdict};
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::{ClickKey, Field};
use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use store::{Events, ExportPage, InboxQuery, MemoryEvents};

#[test]
fn every_acknowledged_record_counts_once_whatever_crashes_when() {
    let count = std::env::var("CLICKTRAIL_SEEDS").ok().and_then(|count| count.parse().ok());
    let (mut schedules, mut totals) = (0, Totals::default());
    for seed in seeds(count.unwrap_or(4_000)) {
        let named = Named(seed);
        World::new(seed).live(&mut totals);
        schedules += 1;
        drop(named);
    }
    let Totals { acknowledged, other, crashes, left_midway, failed_rounds, lost, doubled } = totals;
    println!(
        "result: ingest exactly once: {schedules} schedules, {crashes} crashes ({left_midway} within a batch), \
         {failed_rounds} batches failed and were tried again; {acknowledged} records acknowledged, \
         {other} not: {lost} lost, {doubled} doubled"
    );
    assert_eq!((lost, doubled), (0, 0));
}

#[derive(Default)]
struct Totals {
    acknowledged: u64,
    other: u64,
    crashes: u64,
    left_midway: u64,
    failed_rounds: u64,
    lost: u64,
    doubled: u64,
}

/// What was handed to the journal, by a number of its own.
struct Sent {
    number: i64,
    /// Clicks count 1 as such, calls one conversion of their number in micro-units.
    kind: RecordKind,
    facts: Facts,
    append: Option<Append>,
    is_acknowledged: bool,
}

struct World {
    random: Random,
    disk: SimDisk,
    events: Arc<MemoryEvents>,
    sent: Vec<Sent>,
    settling: Vec<Vec<u8>>,
    /// Failures of the store, in a thousand.
    failures: u64,
}

struct Life {
    journal: Journal,
    stepper: Stepper,
    ingest: Option<Ingest>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            disk: SimDisk::new(random.any()),
            failures: [0, 50, 300][random.below(3) as usize],
            random,
            events: Arc::new(MemoryEvents::new()),
            sent: Vec::new(),
            settling: Vec::new(),
        }
    }

    fn live(mut self, totals: &mut Totals) {
        for _ in 0..2 + self.random.below(4) {
            let mut life = self.open();
            for _ in 0..3 + self.random.below(20) {
                self.step(&mut life, totals);
            }
            self.crash(life, totals);
        }
        // Nothing is wrong any more: everything is carried over.
        (self.failures, _) = (0, self.disk.set_fault_rates(FaultRates::default()));
        let mut life = self.open();
        for _ in 0..4 {
            self.disk.pass(std::time::Duration::from_secs(1));
            self.pay(&mut life);
        }
        assert_eq!(self.settling.len(), 0, "the journal works again");
        let mut ingest = self.resume(&life).unwrap();
        while block_on(ingest.round()).unwrap().records > 0 {}
        self.check(totals);
    }

    /// Starts the journal as the server does: numbering goes on above what the store has.
    fn open(&mut self) -> Life {
        self.disk.set_fault_rates(FaultRates::default());
        let sequence_floor = block_on(self.events.position()).unwrap();
        let options = Options { sequence_floor, segment_bytes: 16 << 10, ..options() };
        let disk = Arc::new(self.disk.clone());
        let opened = Journal::open_stepped(disk, Path::new(FOLDER), options);
        let (journal, stepper, _) = opened.unwrap();
        if self.random.per_mille(300) {
            self.disk.set_fault_rates(FaultRates { sync: 60, write: 30, short_write: 30, name: 0 });
        }
        Life { journal, stepper, ingest: None }
    }

    fn resume(&mut self, life: &Life) -> Option<Ingest> {
        let flaky = Flaky::new(self.events.clone(), self.random.any(), self.failures);
        let batch_records_max = 1 + self.random.below(12) as usize;
        block_on(resume(Arc::new(flaky), &life.journal, batch_records_max)).ok()
    }

    fn step(&mut self, life: &mut Life, totals: &mut Totals) {
        match self.random.below(10) {
            0..4 => {
                for _ in 0..=self.random.below(5) {
                    self.send(life);
                }
            }
            4 | 5 => {
                life.stepper.write();
                self.note_outcomes();
                self.pay(life);
            }
            6 => self.disk.pass(std::time::Duration::from_millis(400)),
            7 => {
                life.stepper.expire();
                life.stepper.upkeep();
            }
            _ => {
                let Some(mut ingest) = life.ingest.take().or_else(|| self.resume(life)) else {
                    return;
                };
                let polls =
                    if self.random.per_mille(400) { self.random.below(9) } else { u64::MAX };
                match drive(ingest.round(), polls) {
                    None => totals.left_midway += 1,
                    Some(outcome) => {
                        totals.failed_rounds += u64::from(outcome.is_err());
                        life.ingest = Some(ingest);
                    }
                }
            }
        }
    }

    /// A click, or a conversion of an earlier click that is sent up to three times.
    fn send(&mut self, life: &Life) {
        let number = self.sent.len() as i64 + 1;
        let clicks = self.sent.iter().filter(|s| s.kind == RecordKind::Click).count() as u64;
        if clicks == 0 || self.random.below(2) == 0 {
            let key = ClickKey::new(START_MS + number, 0, 0);
            let mut facts = about(key, 1, 1);
            facts.set_text(Field::Sub1, &number.to_string());
            facts.set_int(Field::Offer, PLAIN);
            return self.hand_over(life, number, RecordKind::Click, facts);
        }
        let of = self.random.below(clicks) as usize;
        let click = self.sent.iter().filter(|s| s.kind == RecordKind::Click).nth(of).unwrap();
        let id = id_text(ClickKey(click.facts.int_at(tag::KEY).unwrap()), 1, false);
        let url = format!("/postback?clickid={id}&txid=T{number}&payout=0.{number:06}");
        let facts = postback(START_MS + 10_000, 1, &url);
        for _ in 0..=self.random.below(3) {
            self.hand_over(life, number, RecordKind::Postback, facts.clone());
        }
    }

    fn hand_over(&mut self, life: &Life, number: i64, kind: RecordKind, facts: Facts) {
        let append = Some(life.journal.append(encode(kind, &facts)));
        self.sent.push(Sent { number, kind, facts, append, is_acknowledged: false });
    }

    fn note_outcomes(&mut self) {
        for sent in &mut self.sent {
            let Some(outcome) = sent.append.as_ref().and_then(Append::outcome) else { continue };
            sent.append = None;
            sent.is_acknowledged = outcome.is_ok();
            // As edge does: a click that may yet appear is settled by a copy.
            if matches!(outcome, Err(NotLogged::InFlight { .. })) && sent.kind == RecordKind::Click
            {
                let mut facts = sent.facts.clone();
                facts.push_int(tag::SETTLES, 1);
                self.settling.push(encode(sent.kind, &facts));
            }
        }
    }

    /// Appends the copies that are owed; one whose outcome is not known is appended again.
    fn pay(&mut self, life: &mut Life) {
        let owed = std::mem::take(&mut self.settling);
        for record in owed {
            let append = life.journal.append(record.clone());
            life.stepper.write();
            if !matches!(append.outcome(), Some(Ok(_))) {
                self.settling.push(record);
            }
        }
    }

    fn crash(&mut self, life: Life, totals: &mut Totals) {
        totals.crashes += 1;
        self.note_outcomes();
        if self.random.below(2) == 0 {
            self.disk.kill()
        } else {
            self.disk.power_cut()
        }
        drop(life);
        self.sent.iter_mut().for_each(|sent| sent.append = None);
    }

    /// Counts each thing in the store.
    fn check(&self, totals: &mut Totals) {
        let page = ExportPage { cursor: None, limit: usize::MAX };
        let exported =
            self.events.export(1, i64::MIN, i64::MAX, model::query::TimeBasis::Click, page);
        let (rows, _) = block_on(exported).unwrap();
        let mut clicks: HashMap<i64, i64> = HashMap::new();
        let mut conversions: HashMap<i64, (i64, i64)> = HashMap::new();
        for row in &rows {
            match row.kind {
                RowKind::Click => {
                    *clicks.entry(number_of(row, Field::Sub1, "")).or_default() += row.count
                }
                _ => {
                    let sums = conversions.entry(number_of(row, Field::Txid, "T")).or_default();
                    *sums = (sums.0 + row.count, sums.1 + row.revenue);
                }
            }
        }
        let mut acknowledged: HashMap<i64, (RecordKind, bool)> = HashMap::new();
        for sent in &self.sent {
            let one = acknowledged.entry(sent.number).or_insert((sent.kind, false));
            one.1 |= sent.is_acknowledged;
            if sent.is_acknowledged { totals.acknowledged += 1 } else { totals.other += 1 }
        }
        for (number, (kind, is_acknowledged)) in acknowledged {
            let (count, money) = match kind {
                RecordKind::Click => (clicks.get(&number).copied().unwrap_or(0), 0),
                _ => conversions.get(&number).copied().unwrap_or_default(),
            };
            totals.lost += u64::from(is_acknowledged && count == 0);
            totals.doubled += u64::from(count > 1 || money > number);
            assert!(
                count == 0 || kind == RecordKind::Click || money == number,
                "T{number}: {money}"
            );
        }
        self.check_inbox();
    }

    /// Every call that is in the journal has one verdict; one of each conversion's is the first.
    fn check_inbox(&self) {
        let query = InboxQuery { limit: usize::MAX, ..InboxQuery::default() };
        let inbox = block_on(self.events.inbox(1, query)).unwrap();
        let recorded = inbox.iter().filter(|entry| entry.verdict == Verdict::Recorded).count();
        let duplicates = inbox.iter().filter(|entry| entry.verdict == Verdict::Duplicate).count();
        assert_eq!(recorded + duplicates, inbox.len());
        let calls = self.sent.iter().filter(|s| s.kind != RecordKind::Click);
        assert!(inbox.len() >= calls.filter(|s| s.is_acknowledged).count());
    }
}

fn number_of(row: &Row, field: Field, prefix: &str) -> i64 {
    row.facts.text(field).and_then(|text| text.strip_prefix(prefix)?.parse().ok()).unwrap()
}

/// Polls a future up to so many times, then leaves it where it is: the process has ended.
fn drive<T>(future: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
    }
    None
}
