//! A journal on a simulated disk, driven step by step, and everything it gives back.
#![allow(dead_code, reason = "every test uses its own part")]
#![allow(clippy::expect_used, reason = "a test may stop")]

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::sim::SimDisk;
use journal::{Append, Journal, NotLogged, Options, Recovery, Refusal, Sequence, Stepper};

pub const FOLDER: &str = "/data/journal";

pub fn folder() -> &'static Path {
    Path::new(FOLDER)
}

/// Where frames begin, and what one adds to its payload: docs/formats/journal.md.
pub const DATA_AT: usize = 8192;
pub const OVERHEAD: usize = 24;

pub struct Rig {
    pub disk: SimDisk,
    pub options: Options,
    pub journal: Journal,
    pub stepper: Stepper,
    pub recovery: Recovery,
}

/// Small segments, no ballast, nothing removed.
pub fn options() -> Options {
    Options { segment_bytes: 64 << 10, ballast_bytes: 0, ..Options::default() }
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        Self::open(SimDisk::new(seed), options())
    }

    pub fn open(disk: SimDisk, options: Options) -> Self {
        let shared = Arc::new(disk.clone());
        let opened = Journal::open_stepped(shared, folder(), options.clone());
        let (journal, stepper, recovery) = opened.expect("a journal always opens");
        Self { disk, options, journal, stepper, recovery }
    }

    /// The process ends and starts again.
    pub fn restart(self) -> Self {
        self.disk.kill();
        Self::open(self.disk, self.options)
    }

    /// The machine ends and starts again.
    pub fn power_cut(self) -> Self {
        self.disk.power_cut();
        Self::open(self.disk, self.options)
    }

    /// Appends records that are written together.
    pub fn write(&mut self, payloads: &[Vec<u8>]) -> Vec<Outcome> {
        let appends: Vec<Append> =
            payloads.iter().map(|payload| self.journal.append(payload.clone())).collect();
        self.stepper.write();
        appends.iter().map(outcome).collect()
    }

    pub fn write_one(&mut self, payload: &[u8]) -> Outcome {
        self.write(&[payload.to_vec()])[0]
    }

    /// Lets simulated time go by as the threads would see it.
    pub fn pass(&mut self, time: Duration) {
        let step = Duration::from_millis(100);
        let mut left = time;
        while !left.is_zero() {
            self.disk.pass(step.min(left));
            left = left.saturating_sub(step);
            self.stepper.expire();
            self.stepper.write();
            self.stepper.upkeep();
        }
    }

    pub fn read(&self) -> Held {
        read(&self.journal)
    }

    pub fn segments(&self) -> Vec<PathBuf> {
        segments(&self.disk)
    }
}

/// What an append's caller knows by now.
pub type Outcome = Option<Result<u64, NotLogged>>;

pub fn outcome(append: &Append) -> Outcome {
    append.outcome().map(|known| known.map(|sequence| sequence.0))
}

pub fn withdrawn(why: Refusal) -> Outcome {
    Some(Err(NotLogged::Withdrawn { why }))
}

pub fn in_flight(why: Refusal) -> Outcome {
    Some(Err(NotLogged::InFlight { why }))
}

/// Everything a journal gives back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub records: Vec<(u64, Vec<u8>)>,
    pub gaps: Vec<RangeInclusive<u64>>,
}

impl Held {
    pub fn sequences(&self) -> Vec<u64> {
        self.records.iter().map(|record| record.0).collect()
    }

    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.records.iter().map(|record| record.1.clone()).collect()
    }
}

pub fn read(journal: &Journal) -> Held {
    let mut reader = journal.reader(Sequence(1));
    let mut held = Held::default();
    loop {
        let batch = reader.next_batch(100, 1 << 20).expect("readable");
        if batch.is_empty() {
            return held;
        }
        held.records.extend(batch.records().map(|(at, bytes)| (at.0, bytes.to_vec())));
        held.gaps.extend(batch.gaps);
    }
}

pub fn segments(disk: &SimDisk) -> Vec<PathBuf> {
    let mut files = disk.files(folder());
    files.retain(|path| path.extension().is_some_and(|suffix| suffix == "segment"));
    files
}

/// Payloads of changing sizes whose content follows from their place.
pub fn payloads(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|place| vec![place as u8 | 1; 30 + place * 37 % 300]).collect()
}
