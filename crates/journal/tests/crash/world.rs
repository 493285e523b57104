//! One life after another of one journal on one simulated disk, with a consumer of its records.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::sim::{FaultRates, Random, SimDisk};
use journal::{Durability, Journal, Options, Reader, Recovery, Sequence, Stepper, verify};

use crate::ledger::{Ledger, payload};

const FOLDER: &str = "/data/journal";

/// What goes wrong in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Kills and power cuts.
    Crashes,
    /// And syncs that fail.
    SyncFaults,
    /// And writes, creations and folder syncs that fail or write part.
    WriteFaults,
    /// And a disk that is full at times.
    FullDisk,
    /// All of these.
    All,
    /// Crashes, and single bits that turn over.
    Rot,
    /// Crashes, and one block that was written over another.
    Misdirected,
    /// `Durability::Os`, and kills.
    OsKills,
    /// `Durability::Os`, and power cuts too: what was not synced may be gone.
    OsPowerCuts,
}

/// What a run went through.
#[derive(Default)]
pub struct Totals {
    acknowledged: u64,
    withdrawn: u64,
    kills: u64,
    power_cuts: u64,
    cuts_while_opening: u64,
    rewritten: u64,
    holes: u64,
    damage: u64,
    lost_to_damage: u64,
    removed: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.withdrawn += other.withdrawn;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.cuts_while_opening += other.cuts_while_opening;
        self.rewritten += other.rewritten;
        self.holes += other.holes;
        self.damage += other.damage;
        self.lost_to_damage += other.lost_to_damage;
        self.removed += other.removed;
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} acknowledged, {} withdrawn, {} kills, {} power cuts ({} while opening), \
             {} rewritten, {} torn holes, {} removed by retention",
            self.acknowledged,
            self.withdrawn,
            self.kills,
            self.power_cuts,
            self.cuts_while_opening,
            self.rewritten,
            self.holes,
            self.removed,
        )?;
        if self.damage > 0 {
            write!(
                formatter,
                ", {} places damaged, {} records lost to that",
                self.damage, self.lost_to_damage
            )?;
        }
        Ok(())
    }
}

pub struct World {
    kind: Kind,
    random: Random,
    disk: SimDisk,
    options: Options,
    ledger: Ledger,
    consumer: Consumer,
    /// How many records damage can have cost.
    damage_limit: u64,
    totals: Totals,
}

/// A store that commits what it reads, and the position with it.
#[derive(Default)]
struct Consumer {
    records: BTreeMap<u64, Vec<u8>>,
    next: u64,
    released: u64,
}

struct Life {
    journal: Journal,
    stepper: Stepper,
    reader: Reader,
}

impl World {
    pub fn new(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(seed);
        let keep = if random.below(2) == 0 { 0 } else { 3600 };
        let options = Options {
            segment_bytes: [16 << 10, 24 << 10, 64 << 10][random.below(3) as usize],
            durability: match kind {
                Kind::OsKills | Kind::OsPowerCuts => Durability::Os,
                _ => Durability::Sync,
            },
            keep: Duration::from_secs(keep),
            queue_bytes_max: 40_000,
            ballast_bytes: [0, 8 << 10][random.below(2) as usize],
            ..Options::default()
        };
        Self {
            kind,
            disk: SimDisk::new(random.any()),
            random,
            options,
            ledger: Ledger::default(),
            consumer: Consumer { next: 1, ..Consumer::default() },
            damage_limit: if kind == Kind::OsPowerCuts { u64::MAX } else { 0 },
            totals: Totals::default(),
        }
    }

    pub fn live(mut self) -> Totals {
        for _ in 0..2 + self.random.below(4) {
            if let Some(life) = self.open(true) {
                self.run(life);
            }
            self.crash();
        }
        self.disk.set_free(u64::MAX);
        let mut life = self.open(false).expect("nothing is wrong any more");
        life.stepper.upkeep();
        for _ in 0..4 {
            self.disk.pass(Duration::from_secs(1));
            life.stepper.write();
        }
        let last = life.journal.append(payload(self.ledger.next_number()));
        self.ledger.hand_over(last);
        life.stepper.write();
        self.consume(&mut life, usize::MAX);
        self.check(&life.journal);
        let (found, _) = read_all(&life.journal);
        drop(life);
        let report = verify(&self.disk, Path::new(FOLDER)).expect("a report");
        assert_eq!(report.records, found.len() as u64, "{report:?}");
        self.finish()
    }

    /// Everything ends in the consumer, once.
    fn finish(mut self) -> Totals {
        self.ledger.crash();
        let lost = self.ledger.check(&self.consumer.records, &[], 1);
        assert!(
            lost <= self.damage_limit,
            "{lost} acknowledged records never reached the consumer"
        );
        assert_eq!(self.disk.touched_after_failure(), 0, "a failed file was used again");
        (self.totals.acknowledged, self.totals.withdrawn) = self.ledger.counts();
        self.totals.lost_to_damage = lost;
        self.totals
    }

    /// Starts the journal and its consumer; `None` if the power went off meanwhile.
    fn open(&mut self, with_faults: bool) -> Option<Life> {
        self.disk.set_fault_rates(FaultRates::default());
        if with_faults && self.random.per_mille(150) {
            self.disk.power_off_in(1 + self.random.below(12));
        }
        let mut options = self.options.clone();
        if matches!(self.kind, Kind::Rot | Kind::Misdirected | Kind::OsPowerCuts) {
            options.sequence_floor = self.consumer.next - 1;
        }
        let disk = Arc::new(self.disk.clone());
        let opened = Journal::open_stepped(disk, Path::new(FOLDER), options);
        if self.disk.is_off() {
            self.totals.cuts_while_opening += 1;
            return None;
        }
        let (journal, stepper, recovery) = opened.expect("a journal always opens");
        self.disk.power_off_in(0);
        self.note(&recovery);
        self.check(&journal);
        if with_faults {
            self.set_faults();
        }
        let reader = journal.reader(Sequence(self.consumer.next));
        journal.release(Sequence(self.consumer.released));
        Some(Life { journal, stepper, reader })
    }

    fn note(&mut self, recovery: &Recovery) {
        self.totals.rewritten += recovery.rewritten;
        self.totals.holes += recovery.unsettled.len() as u64;
        if self.damage_limit == 0 {
            assert_eq!(recovery.missing, [], "nothing was damaged");
            assert_eq!(recovery.quarantined, [] as [PathBuf; 0]);
        }
    }

    fn set_faults(&mut self) {
        let mut rates = FaultRates::default();
        let rate = [5, 30, 100, 400][self.random.below(4) as usize];
        if matches!(self.kind, Kind::SyncFaults | Kind::All) {
            rates.sync = rate;
        }
        if matches!(self.kind, Kind::WriteFaults | Kind::All) {
            (rates.write, rates.short_write, rates.name) = (rate / 2, rate / 2, rate / 2);
        }
        self.disk.set_fault_rates(rates);
        if self.random.per_mille(500) {
            self.disk.power_off_in(1 + self.random.below(60));
        }
    }

    fn run(&mut self, mut life: Life) {
        for _ in 0..5 + self.random.below(30) {
            self.step(&mut life);
            self.ledger.settle();
            if self.disk.is_off() {
                break;
            }
        }
        self.ledger.settle();
    }

    fn step(&mut self, life: &mut Life) {
        match self.random.below(12) {
            0..=4 => {
                for _ in 0..=self.random.below(6) {
                    let append = life.journal.append(payload(self.ledger.next_number()));
                    self.ledger.hand_over(append);
                }
                if self.random.below(4) > 0 {
                    life.stepper.write();
                }
            }
            5 | 6 => {
                life.stepper.write();
            }
            7 => life.stepper.upkeep(),
            8 => {
                self.disk.pass(Duration::from_millis(self.random.below(600)));
                life.stepper.expire();
            }
            9 => {
                drop(life.journal.probe());
            }
            10 => {
                let max_records = 1 + self.random.below(40) as usize;
                self.consume(life, max_records);
            }
            _ => self.fill_or_free(),
        }
    }

    fn fill_or_free(&mut self) {
        if matches!(self.kind, Kind::FullDisk | Kind::All) {
            let free = [0, 0, 5_000, 20_000, 50_000, u64::MAX];
            self.disk.set_free(free[self.random.below(6) as usize]);
        }
    }

    /// The consumer reads and commits, and allows what it has to be removed.
    fn consume(&mut self, life: &mut Life, max_records: usize) {
        loop {
            let batch = life.reader.next_batch(max_records, 10_000).expect("readable");
            if batch.is_empty() {
                return;
            }
            for (sequence, bytes) in batch.records() {
                assert!(sequence.0 >= self.consumer.next, "given twice");
                self.consumer.records.insert(sequence.0, bytes.to_vec());
            }
            self.consumer.next = batch.next.0;
            self.consumer.released = self.consumer.next - 1;
            life.journal.release(Sequence(self.consumer.released));
            if max_records < usize::MAX {
                return;
            }
        }
    }

    /// Holds what the journal gives back against what was said, and what the consumer has.
    fn check(&mut self, journal: &Journal) {
        let (found, gaps) = read_all(journal);
        let status = journal.status();
        let oldest = status.oldest.map_or(status.durable.0 + 1, |oldest| oldest.0);
        self.totals.removed = self.totals.removed.max(oldest - 1);
        // On a full disk, what recovery has to write again is not to be read yet.
        let lost = self.ledger.check(&found, &gaps, oldest);
        let is_owed = status.degraded.is_some();
        assert!(is_owed || lost <= self.damage_limit, "{lost} acknowledged records lost");
        for (sequence, bytes) in &self.consumer.records {
            if let Some(now) = found.get(sequence) {
                assert_eq!(now, bytes, "record {sequence} is another one than was read before");
            } else if *sequence >= oldest && self.damage_limit == 0 {
                assert!(is_owed && *sequence > status.durable.0, "{sequence} was read and is gone");
            }
        }
    }

    fn crash(&mut self) {
        self.ledger.crash();
        if self.disk.is_off() || (self.kind != Kind::OsKills && self.random.below(3) > 0) {
            if self.kind == Kind::OsKills {
                self.disk.kill();
            } else {
                self.disk.power_cut();
            }
            self.totals.power_cuts += 1;
        } else {
            self.disk.kill();
            self.totals.kills += 1;
        }
        self.damage();
    }

    fn damage(&mut self) {
        let folder = Path::new(FOLDER);
        let mut files = self.disk.files(folder);
        files.retain(|path| path.extension().is_some_and(|suffix| suffix == "segment"));
        if files.is_empty() {
            return;
        }
        let mut any = |limit: u64| self.random.below(limit);
        let file = files[any(files.len() as u64) as usize].clone();
        match self.kind {
            Kind::Rot => {
                for _ in 0..=any(3) {
                    let bits = self.disk.bytes(&file).len() as u64 * 8;
                    let bit = any(bits);
                    self.disk.flip_bit(&file, bit);
                    self.damage_limit += 1;
                    self.totals.damage += 1;
                }
            }
            Kind::Misdirected if self.damage_limit == 0 => {
                let other = files[any(files.len() as u64) as usize].clone();
                let blocks = any(6);
                self.disk.misdirect((&other, any(6)), (&file, blocks));
                // The shortest frame has 32 bytes; two more may reach into the block.
                self.damage_limit += 4096 / 32 + 2;
                self.totals.damage += 1;
            }
            _ => {}
        }
    }
}

type Found = (BTreeMap<u64, Vec<u8>>, Vec<RangeInclusive<u64>>);

/// Everything a journal holds, read in batches of changing size.
fn read_all(journal: &Journal) -> Found {
    let mut reader = journal.reader(Sequence(1));
    let (mut found, mut gaps) = Found::default();
    let mut next = 1;
    for size in (1..).map(|round| 1 + round * 7 % 50) {
        let batch = reader.next_batch(size, 1 << 20).expect("readable");
        if batch.is_empty() {
            break;
        }
        for (sequence, bytes) in batch.records() {
            assert!(sequence.0 >= next, "out of order");
            next = sequence.0 + 1;
            found.insert(sequence.0, bytes.to_vec());
        }
        gaps.extend(batch.gaps);
    }
    (found, gaps)
}
