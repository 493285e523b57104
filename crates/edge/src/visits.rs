//! Who was here within a day: first visits, and clicks that came twice.
//!
//! A table of entries of 16 bytes: who, when last, on which campaign, in which flow. All entries of one visitor stand in
//! one bucket of eight (two cache lines), or in the next one where that is full, so that a click costs one look per
//! name it is known by. An entry older than a day is free again; nothing sweeps. The table doubles when it is 45 % full
//! of entries within the day, until it reaches its bound; then the oldest entry of a full bucket gives way.
//!
//! Errors. *Known by mistake*: two visitors agree in 36 bits of hash; with half a million entries in a shard that
//! happens to one in 8,000. *Forgotten*: a bucket and its neighbour are both full; at 45 % (3.6 of 8 expected) to fewer
//! than one in 10,000. Together under 0.1 %, as long as the bound suffices: a click that sets a cookie needs two
//! entries, three with a foreign id, 36 bytes each with the room that stays free, so 128 MiB last for 1.2 million new
//! visitors a day.

use crate::cookie;
use model::facts::Facts;
use model::keys::{self, KeyRing};
use model::record::tag;
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::sync::{Mutex, PoisonError};

/// How long a visitor is known.
const WINDOW_TICKS: u32 = (24 * 60 * 60 * 1_000 / TICK_MS) as u32;
/// Two clicks of one visitor on one campaign within 2 s are one click that was sent twice.
const TWICE_TICKS: u32 = (2_000 / TICK_MS) as u32;
/// The unit of time in an entry.
const TICK_MS: i64 = 250;

const SHARDS: usize = 16;
const BUCKET: usize = 8;
/// Buckets of a shard at first: 128 KiB in all.
const BUCKETS_MIN: usize = 64;
/// Of the entries, in per cent: more of them within the day, and the table grows.
const FULL_PERCENT: usize = 45;

/// What earlier visits say about a click.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub is_unique_in_campaign: bool,
    pub is_unique_in_flow: bool,
    pub is_unique_in_all: bool,
    pub is_duplicate: bool,
}

/// A click as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub at_ms: i64,
    /// Keyed hash of the visitor.
    pub visitor: u64,
    /// Keyed hash of the visitor id that is given out with this click, by which the visitor will be known next time.
    pub given: Option<u64>,
    pub campaign: ThingId,
    pub flow: Option<ThingId>,
    /// Keyed hash of campaign and foreign click id.
    pub foreign: Option<u64>,
}

/// Everyone who was here within a day.
pub(crate) struct Visits {
    shards: Vec<Mutex<Shard>>,
    buckets_max: usize,
}

impl Visits {
    /// A table that never grows beyond `bytes_max`.
    pub fn new(bytes_max: usize) -> Self {
        let buckets = bytes_max / SHARDS / size_of::<Entry>() / BUCKET;
        let buckets_max = buckets.checked_ilog2().map_or(BUCKETS_MIN, |power| 1 << power);
        let shard = || Mutex::new(Shard::new(BUCKETS_MIN));
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            buckets_max: buckets_max.max(BUCKETS_MIN),
        }
    }

    /// Enters a click and says what it is.
    pub fn enter(&self, visit: &Visit) -> Marks {
        let at = Place {
            tick: tick(visit.at_ms),
            campaign: visit.campaign,
            flow: visit.flow.unwrap_or_default(),
        };
        let seen = self.touch(visit.visitor, at);
        if let Some(given) = visit.given {
            self.touch(given, at);
        }
        let is_duplicate = match visit.foreign {
            // Its hash names the campaign already.
            Some(foreign) => self.touch(foreign, Place { campaign: 0, flow: 0, ..at }).in_all,
            None => {
                seen.in_campaign.is_some_and(|before| at.tick.saturating_sub(before) <= TWICE_TICKS)
            }
        };
        Marks {
            is_unique_in_campaign: seen.in_campaign.is_none(),
            is_unique_in_flow: visit.flow.is_some() && !seen.in_flow,
            is_unique_in_all: !seen.in_all,
            is_duplicate,
        }
    }

    /// Where `who` was within the window; from now on also at `at`.
    fn touch(&self, who: u64, at: Place) -> Seen {
        let Some(shard) = self.shards.get((who >> 60) as usize % SHARDS) else {
            return Seen::default();
        };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.touch(who as u32, at, self.buckets_max)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let entries = |shard: &Mutex<Shard>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).entries.len()
        };
        self.shards.iter().map(entries).sum::<usize>() * size_of::<Entry>()
    }
}

/// The hash of a foreign click id in its campaign: the source's own, or else a platform's.
pub(crate) fn foreign_hash(facts: &Facts, campaign: ThingId, keys: &KeyRing) -> Option<u64> {
    let id = facts.text(Field::ExternalId).or_else(|| facts.text_at(tag::PLATFORM_ID))?;
    let mut input = [0u8; 12];
    input[..8].copy_from_slice(&keys::hash(keys.visitor(), id.as_bytes()).to_le_bytes());
    input[8..].copy_from_slice(&campaign.to_le_bytes());
    Some(keys::hash(keys.visitor(), &input))
}

/// The hash by which the visitor with this id is known.
pub(crate) fn cookie_hash(visitor_id: &str, keys: &KeyRing) -> u64 {
    keys::hash(keys.visitor(), visitor_id.as_bytes())
}

/// The hash of the visitor id that was given out with the click `key`.
pub(crate) fn given_hash(key: ClickKey, keys: &KeyRing) -> u64 {
    cookie_hash(&cookie::visitor_id(key, keys), keys)
}

/// Where and when somebody is.
#[derive(Clone, Copy)]
struct Place {
    tick: u32,
    campaign: ThingId,
    flow: ThingId,
}

/// Where somebody was within the window.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// When last on this campaign.
    in_campaign: Option<u32>,
    in_flow: bool,
    in_all: bool,
}

/// Somebody's last visit to a campaign; free while `tick` is 0.
#[derive(Clone, Copy, Default)]
struct Entry {
    who: u32,
    tick: u32,
    campaign: ThingId,
    flow: ThingId,
}

/// A part of the table with a lock of its own.
struct Shard {
    entries: Vec<Entry>,
    /// Entries that are not free.
    used: usize,
}

impl Shard {
    fn new(buckets: usize) -> Self {
        Self { entries: vec![Entry::default(); buckets * BUCKET], used: 0 }
    }

    fn touch(&mut self, who: u32, at: Place, buckets_max: usize) -> Seen {
        let since = at.tick.saturating_sub(WINDOW_TICKS).max(1);
        let mut seen = Seen::default();
        let (mut same, mut oldest) = (None, None::<(usize, u32)>);
        let home = home(who, self.entries.len());
        for start in [home, next(home, self.entries.len())] {
            let mut is_full = true;
            for (place, entry) in self.entries.iter().enumerate().skip(start).take(BUCKET) {
                is_full &= entry.tick != 0;
                if entry.who == who && entry.tick >= since {
                    seen.in_all = true;
                    seen.in_flow |= entry.flow == at.flow;
                    if entry.campaign == at.campaign {
                        seen.in_campaign = seen.in_campaign.max(Some(entry.tick));
                        same = same.or((entry.flow == at.flow).then_some(place));
                    }
                }
                if oldest.is_none_or(|(_, tick)| entry.tick < tick) {
                    oldest = Some((place, entry.tick));
                }
            }
            if !is_full {
                break;
            }
        }
        if let Some(entry) =
            same.or(oldest.map(|(place, _)| place)).and_then(|place| self.entries.get_mut(place))
        {
            self.used += usize::from(entry.tick == 0);
            // The clock may have gone back; of one's own visits the latest stays.
            let tick = if same.is_some() { at.tick.max(entry.tick) } else { at.tick };
            *entry = Entry { who, tick, campaign: at.campaign, flow: at.flow };
        }
        if self.used * 100 > self.entries.len() * FULL_PERCENT
            && self.entries.len() / BUCKET < buckets_max
        {
            self.grow(since);
        }
        seen
    }

    /// Forgets what is older than the window; doubles when that was not enough.
    fn grow(&mut self, since: u32) {
        let known: Vec<Entry> =
            self.entries.iter().copied().filter(|entry| entry.tick >= since).collect();
        let is_full = known.len() * 100 > self.entries.len() * (FULL_PERCENT - 5);
        let length = if is_full { self.entries.len() * 2 } else { self.entries.len() };
        self.entries = vec![Entry::default(); length];
        self.used = known.len();
        for entry in known {
            let home = home(entry.who, length);
            let places =
                (home..home + BUCKET).chain(next(home, length)..next(home, length) + BUCKET);
            for place in places {
                if let Some(slot) = self.entries.get_mut(place).filter(|slot| slot.tick == 0) {
                    *slot = entry;
                    break;
                }
            }
        }
    }
}

/// Where the bucket of `who` begins; the hash is keyed, so its lower bits will do.
fn home(who: u32, entries: usize) -> usize {
    (who as usize & (entries / BUCKET - 1)) * BUCKET
}

/// Where the bucket behind begins.
fn next(bucket: usize, entries: usize) -> usize {
    (bucket + BUCKET) & (entries - 1)
}

/// Quarters of a second since the epoch of click ids, never 0.
fn tick(at_ms: i64) -> u32 {
    let ticks = (at_ms - model::id::EPOCH_MS).div_euclid(TICK_MS);
    u32::try_from(ticks.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::keys::MacKey;
    use std::collections::HashMap;

    const NOW: i64 = 1_800_000_000_000;
    const DAY: i64 = 86_400_000;

    fn keys() -> KeyRing {
        KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16]).unwrap()
    }

    fn visit(at_ms: i64, visitor: u64, campaign: ThingId, flow: ThingId) -> Visit {
        let visitor = keys::hash(&[9; 16], &visitor.to_le_bytes());
        Visit { at_ms, visitor, given: None, campaign, flow: Some(flow), foreign: None }
    }

    fn flags(marks: Marks) -> [bool; 4] {
        let Marks { is_unique_in_campaign, is_unique_in_flow, is_unique_in_all, is_duplicate } =
            marks;
        [is_unique_in_campaign, is_unique_in_flow, is_unique_in_all, is_duplicate]
    }

    #[test]
    fn a_visit_is_the_first_per_campaign_per_flow_and_in_all() {
        let visits = Visits::new(1 << 20);
        for (at_ms, visitor, campaign, flow, expected) in [
            (NOW, 1, 1, 1, [true, true, true, false]),
            (NOW + 10_000, 1, 1, 1, [false, false, false, false]),
            (NOW + 10_000, 1, 2, 1, [true, false, false, false]),
            (NOW + 10_000, 1, 3, 3, [true, true, false, false]),
            (NOW + 10_000, 2, 1, 1, [true, true, true, false]),
            (NOW + DAY + 20_001, 1, 1, 1, [true, true, true, false]),
            (NOW + 2 * DAY + 20_000, 1, 1, 1, [false, false, false, false]),
        ] {
            let marks = visits.enter(&visit(at_ms, visitor, campaign, flow));
            assert_eq!(flags(marks), expected, "{at_ms} {visitor} {campaign} {flow}");
        }
    }

    #[test]
    fn the_cookie_given_with_a_click_makes_the_next_one_no_first_visit() {
        let visits = Visits::new(1 << 20);
        let given = given_hash(ClickKey(1), &keys());
        visits.enter(&Visit { given: Some(given), ..visit(NOW, 1, 1, 1) });
        let next = Visit { visitor: given, ..visit(NOW + 60_000, 0, 1, 1) };
        assert_eq!(flags(visits.enter(&next)), [false; 4]);
    }

    #[test]
    fn a_click_that_came_twice_is_a_duplicate() {
        let visits = Visits::new(1 << 20);
        let foreign = |at_ms, visitor, foreign| Visit { foreign, ..visit(at_ms, visitor, 1, 1) };
        for (click, duplicate) in [
            (foreign(NOW, 1, None), false),
            (foreign(NOW + 1_900, 1, None), true),
            (foreign(NOW + 4_500, 1, None), false),
            (foreign(NOW + 5_000, 2, Some(77)), false),
            (foreign(NOW + 6_000, 2, Some(78)), false),
            (foreign(NOW + DAY, 3, Some(77)), true),
            (foreign(NOW + 3 * DAY, 3, Some(77)), false),
        ] {
            assert_eq!(visits.enter(&click).is_duplicate, duplicate, "{click:?}");
        }
    }

    #[test]
    fn foreign_ids_differ_by_campaign_case_and_every_byte() {
        let keys = keys();
        let hash = |id: &str, campaign| {
            let mut facts = Facts::default();
            facts.set_text(Field::ExternalId, id);
            foreign_hash(&facts, campaign, &keys)
        };
        let (long, longer) = ("a".repeat(1024), "a".repeat(1023) + "b");
        assert_eq!(hash("x", 1), hash("x", 1));
        assert_ne!(hash("x", 1), hash("x", 2));
        assert_ne!(hash("x", 1), hash("X", 1));
        assert_ne!(hash(&long, 1), hash(&longer, 1));
        assert_eq!(hash("", 1), None);
    }

    /// Random visitors over three days against an exact map.
    fn wrong_answers(visits: &Visits, visitors: u64, clicks: u64) -> f64 {
        let mut exact: HashMap<u64, i64> = HashMap::new();
        let (mut wrong, mut state) = (0u64, 1u64);
        for click in 0..clicks {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at_ms = NOW + (click as i64) * 3 * DAY / (clicks as i64);
            let visitor = (state >> 33) % visitors;
            let last = exact.insert(visitor, at_ms);
            let is_first = last.is_none_or(|last| at_ms - last > DAY);
            // What lies within one tick of the window's end may fall either way.
            let is_edge = last.is_some_and(|last| (at_ms - last - DAY).abs() <= TICK_MS);
            let marks = visits.enter(&visit(at_ms, visitor, 1, 1));
            wrong += u64::from(marks.is_unique_in_campaign != is_first && !is_edge);
        }
        wrong as f64 / clicks as f64
    }

    #[test]
    fn at_most_one_answer_in_a_thousand_is_wrong_while_the_bound_suffices() {
        let visits = Visits::new(64 << 20);
        let share = wrong_answers(&visits, 400_000, 1_200_000);
        println!("result: first visits judged wrong {:.4} % of 1,200,000 clicks", share * 100.0);
        assert!(share <= 0.001, "{share}");
        assert!(visits.bytes() <= 64 << 20, "{}", visits.bytes());
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let visits = Visits::new(1 << 20);
        wrong_answers(&visits, 400_000, 400_000);
        assert!(visits.bytes() <= 1 << 20, "{}", visits.bytes());
    }
}
