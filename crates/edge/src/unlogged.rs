//! What the journal is owed: counts of clicks it refused, and records that settle what it left undecided.

use model::thing::ThingId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Records that wait to be appended; about 10 MiB.
const RECORDS_MAX: usize = 10_000;
/// Counts are kept by campaign and minute, so that a report by the hour stays right; beyond this many by campaign.
const COUNTS_MAX: usize = 100_000;
const MINUTE_MS: i64 = 60_000;

/// Something the journal is owed.
pub(crate) enum Owed {
    /// A click that certainly is not in the journal.
    Count { workspace: ThingId, campaign: ThingId, at_ms: i64 },
    /// A record for one that may yet appear in it.
    Settling(Vec<u8>),
}

/// Clicks of one campaign that were not written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub workspace: ThingId,
    pub campaign: ThingId,
    pub first_ms: i64,
    pub clicks: u64,
}

/// All that is owed.
#[derive(Default)]
pub(crate) struct Debts {
    is_owed: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By workspace, campaign and minute.
    counts: BTreeMap<(ThingId, ThingId, i64), Count>,
    records: VecDeque<Vec<u8>>,
    is_paying: bool,
    /// Unlogged clicks by campaign since the start.
    in_all: BTreeMap<ThingId, u64>,
}

impl Debts {
    /// Whether anything is; a look at one atomic.
    pub fn is_owed(&self) -> bool {
        self.is_owed.load(Ordering::Relaxed)
    }

    /// Notes a debt; `false` when there are too many and it is dropped.
    pub fn add(&self, owed: Owed) -> bool {
        let mut state = self.state();
        match owed {
            Owed::Count { workspace, campaign, at_ms } => {
                *state.in_all.entry(campaign).or_default() += 1;
                let minute =
                    if state.counts.len() < COUNTS_MAX { at_ms.div_euclid(MINUTE_MS) } else { 0 };
                let fresh = Count { workspace, campaign, first_ms: at_ms, clicks: 0 };
                state.counts.entry((workspace, campaign, minute)).or_insert(fresh).clicks += 1;
            }
            Owed::Settling(_) if state.records.len() >= RECORDS_MAX => return false,
            Owed::Settling(record) => state.records.push_back(record),
        }
        self.is_owed.store(true, Ordering::Relaxed);
        true
    }

    /// Whether the caller is the one to pay now.
    pub fn start_paying(&self) -> bool {
        !std::mem::replace(&mut self.state().is_paying, true)
    }

    /// Takes everything as records; `encode` makes one of a count.
    pub fn take(&self, encode: impl Fn(Count) -> Vec<u8>) -> VecDeque<Vec<u8>> {
        let mut state = self.state();
        let mut records = std::mem::take(&mut state.records);
        records.extend(std::mem::take(&mut state.counts).into_values().map(encode));
        self.is_owed.store(false, Ordering::Relaxed);
        records
    }

    /// Paying ended; what is left is owed further on, exactly as it was encoded.
    pub fn stop_paying(&self, outcome: Result<(), Vec<Vec<u8>>>) {
        let mut state = self.state();
        state.is_paying = false;
        if let Err(left) = outcome {
            left.into_iter().rev().for_each(|record| state.records.push_front(record));
            self.is_owed.store(true, Ordering::Relaxed);
        }
    }

    /// Unlogged clicks by campaign since the start.
    pub fn by_campaign(&self) -> Vec<(ThingId, u64)> {
        self.state().in_all.iter().map(|(campaign, clicks)| (*campaign, *clicks)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click(campaign: ThingId, at_ms: i64) -> Owed {
        Owed::Count { workspace: 1, campaign, at_ms }
    }

    #[test]
    fn counts_add_up_by_campaign_and_minute_and_are_taken_once() {
        let debts = Debts::default();
        for (campaign, at_ms) in [(1, 5), (1, 59_999), (1, 60_000), (2, 7)] {
            assert!(debts.add(click(campaign, at_ms)));
        }
        let text = |count: Count| {
            format!("{} {} {}", count.campaign, count.first_ms, count.clicks).into_bytes()
        };
        assert!(debts.is_owed() && debts.start_paying() && !debts.start_paying());
        let taken: Vec<String> =
            debts.take(text).into_iter().map(|b| String::from_utf8(b).unwrap()).collect();
        assert_eq!(taken, ["1 5 2", "1 60000 1", "2 7 1"]);
        assert!(!debts.is_owed() && debts.take(text).is_empty());
        assert_eq!(debts.by_campaign(), [(1, 3), (2, 1)]);
    }

    #[test]
    fn what_could_not_be_paid_is_owed_in_its_old_order() {
        let debts = Debts::default();
        debts.add(Owed::Settling(vec![1]));
        debts.add(Owed::Settling(vec![2]));
        assert!(debts.start_paying());
        let taken = debts.take(|_| Vec::new());
        debts.add(Owed::Settling(vec![3]));
        debts.stop_paying(Err(taken.into()));
        assert!(debts.is_owed() && debts.start_paying());
        assert_eq!(debts.take(|_| Vec::new()), [vec![1], vec![2], vec![3]]);
    }

    #[test]
    fn settling_records_are_bounded() {
        let debts = Debts::default();
        let kept = (0..RECORDS_MAX + 5).filter(|_| debts.add(Owed::Settling(Vec::new()))).count();
        assert_eq!(kept, RECORDS_MAX);
    }
}
