//! What the callers of the journal were told, held against what it gives back.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use journal::sim::Random;
use journal::{Append, NotLogged};

/// What a record's caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Logged, with this sequence.
    Acknowledged(u64),
    /// Certain never to appear.
    Withdrawn,
    /// Nothing certain.
    Open,
}

/// All records ever handed over, by their number in that order.
#[derive(Default)]
pub struct Ledger {
    told: Vec<Told>,
    waiting: Vec<(usize, Append)>,
}

/// A record's payload: its number and bytes that follow from it.
pub fn payload(number: usize) -> Vec<u8> {
    let mut random = Random::new(number as u64 ^ 0x5EED);
    let size = match random.below(10) {
        0 => 0,
        1 => 1500 + random.below(2000),
        _ => random.below(500),
    };
    let mut bytes = (number as u64).to_le_bytes().to_vec();
    bytes.extend((0..size).map(|_| random.any() as u8));
    bytes
}

fn number_of(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize
}

impl Ledger {
    pub fn next_number(&self) -> usize {
        self.told.len()
    }

    pub fn hand_over(&mut self, append: Append) {
        self.waiting.push((self.told.len(), append));
        self.told.push(Told::Open);
    }

    /// Notes what became of the records that wait.
    pub fn settle(&mut self) {
        let told = &mut self.told;
        self.waiting.retain(|(number, append)| {
            told[*number] = match append.outcome() {
                Some(Ok(sequence)) => Told::Acknowledged(sequence.0),
                Some(Err(NotLogged::Withdrawn { .. })) => Told::Withdrawn,
                // Asked again later, it may have become durable.
                Some(Err(NotLogged::InFlight { .. })) | None => return true,
            };
            false
        });
    }

    /// The process is gone, nobody will be told any more.
    pub fn crash(&mut self) {
        self.settle();
        self.waiting.clear();
    }

    pub fn counts(&self) -> (u64, u64) {
        let count =
            |wanted: fn(&Told) -> bool| self.told.iter().filter(|&told| wanted(told)).count();
        let acknowledged = count(|told| matches!(told, Told::Acknowledged(_)));
        (acknowledged as u64, count(|told| *told == Told::Withdrawn) as u64)
    }

    /// Checks the records of a journal that begins at `oldest`; returns how many that were
    /// acknowledged are not there.
    pub fn check(
        &self,
        found: &BTreeMap<u64, Vec<u8>>,
        gaps: &[RangeInclusive<u64>],
        oldest: u64,
    ) -> u64 {
        let mut place_of: BTreeMap<usize, u64> = BTreeMap::new();
        for (&sequence, bytes) in found {
            let number = number_of(bytes);
            assert!(number < self.told.len(), "invented record {number} at {sequence}");
            assert!(*bytes == payload(number), "record {number} at {sequence} was changed");
            let before = place_of.insert(number, sequence);
            assert!(before.is_none(), "record {number} doubled: at {before:?} and {sequence}");
            if let Some((&last, _)) = place_of.last_key_value() {
                assert!(last <= number, "record {number} at {sequence} comes after {last}");
            }
        }
        let mut lost = 0;
        for (number, told) in self.told.iter().enumerate() {
            let place = place_of.get(&number);
            match told {
                Told::Acknowledged(sequence) if *sequence < oldest => {}
                Told::Acknowledged(sequence) => match place {
                    Some(place) => assert_eq!(place, sequence, "record {number} moved"),
                    None => lost += 1,
                },
                Told::Withdrawn => assert_eq!(place, None, "withdrawn record {number} appeared"),
                Told::Open => {}
            }
        }
        for gap in gaps {
            assert!(found.range(gap.clone()).next().is_none(), "gap {gap:?} has records");
        }
        lost
    }
}
