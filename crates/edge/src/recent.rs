//! The newest clicks in memory, as their records: what `/click` comes back to.
//!
//! Records are written one behind the other into rings of bytes and overwritten when a ring comes round, so that keeping
//! a click allocates nothing. An index of bounded size says where each one lies.

use model::ClickKey;
use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 16;
/// Index entries of a bucket; a new one takes the place of the oldest.
const BUCKET: usize = 4;
/// Bytes of a usual record with all it may carry.
const RECORD_BYTES: usize = 640;

/// A table of bounded size; nothing is moved or searched beyond one bucket.
pub(crate) struct Recents {
    shards: Vec<Mutex<Shard>>,
}

struct Shard {
    ring: Vec<u8>,
    /// How many bytes were ever written; the next one goes to this place modulo the ring's length.
    written: u64,
    index: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    key: ClickKey,
    /// Where the record begins, counted as `written` is.
    start: u64,
    length: u32,
}

impl Recents {
    /// Room for about `clicks_max` clicks.
    pub fn new(clicks_max: usize) -> Self {
        let clicks = clicks_max / SHARDS;
        let shard = || {
            let index = vec![Entry::default(); (clicks * 2).next_multiple_of(BUCKET).max(BUCKET)];
            Mutex::new(Shard { ring: vec![0; clicks * RECORD_BYTES], written: 0, index })
        };
        Self { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Keeps the encoded record of a click.
    pub fn put(&self, key: ClickKey, record: &[u8]) {
        let (number, mixed) = spread(key);
        if let Some(shard) = self.shards.get(number) {
            shard.lock().unwrap_or_else(PoisonError::into_inner).put(key, mixed, record);
        }
    }

    /// The encoded record of a click, if it is still here.
    pub fn get(&self, key: ClickKey) -> Option<Vec<u8>> {
        let (number, mixed) = spread(key);
        let shard = self.shards.get(number)?;
        shard.lock().unwrap_or_else(PoisonError::into_inner).get(key, mixed)
    }
}

/// The shard of a key and a number for its bucket. Keys are ours, so nobody can aim at one; the multiplication (by the
/// golden ratio; Knuth, 6.4) spreads neighbours.
fn spread(key: ClickKey) -> (usize, usize) {
    let mixed = (key.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 60) as usize % SHARDS, (mixed >> 28) as u32 as usize)
}

impl Shard {
    fn bucket(&mut self, mixed: usize) -> &mut [Entry] {
        let start = mixed % (self.index.len() / BUCKET) * BUCKET;
        &mut self.index[start..start + BUCKET]
    }

    fn put(&mut self, key: ClickKey, mixed: usize, record: &[u8]) {
        let length = self.ring.len();
        if record.len() > length {
            return;
        }
        // A record does not wrap: what does not fit behind goes to the beginning.
        let mut place = (self.written % length as u64) as usize;
        if place + record.len() > length {
            self.written += (length - place) as u64;
            place = 0;
        }
        self.ring[place..place + record.len()].copy_from_slice(record);
        let entry = Entry { key, start: self.written, length: record.len() as u32 };
        self.written += record.len() as u64;
        if let Some(oldest) =
            self.bucket(mixed).iter_mut().min_by_key(|entry| entry.start + u64::from(entry.length))
        {
            *oldest = entry;
        }
    }

    fn get(&mut self, key: ClickKey, mixed: usize) -> Option<Vec<u8>> {
        let found = self
            .bucket(mixed)
            .iter()
            .find(|entry| entry.key == key && entry.length > 0)
            .copied()?;
        let length = self.ring.len() as u64;
        // The ring came round over it?
        if self.written - found.start > length {
            return None;
        }
        let place = (found.start % length) as usize;
        Some(self.ring.get(place..place + found.length as usize)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn key(i: u32) -> ClickKey {
        ClickKey::new(1_800_000_000_000 + i64::from(i / 50), 0, (i % 50) as u16)
    }

    fn record(i: u32) -> Vec<u8> {
        i.to_le_bytes().repeat(40 + (i as usize * 7919) % 120)
    }

    #[test]
    fn the_newest_clicks_are_there_as_they_were_and_older_ones_gave_way() {
        let recents = Recents::new(1 << 12);
        for i in 0..40_000 {
            recents.put(key(i), &record(i));
        }
        let there = |range: std::ops::Range<u32>| -> HashMap<u32, Vec<u8>> {
            range.filter_map(|i| Some((i, recents.get(key(i))?))).collect()
        };
        let newest = there(37_000..40_000);
        assert!(newest.len() > 2_950, "{}", newest.len());
        let all = there(0..40_000);
        assert!(
            all.iter().all(|(i, bytes)| *bytes == record(*i)),
            "a record was mixed up with another"
        );
        assert!(all.len() < 10_000 && !all.contains_key(&0), "{}", all.len());
    }

    #[test]
    fn what_does_not_fit_is_not_kept_and_nothing_is_found_in_an_empty_table() {
        for clicks_max in [0, 1, 16] {
            let recents = Recents::new(clicks_max);
            recents.put(ClickKey(1), &[1; 100_000]);
            assert_eq!(recents.get(ClickKey(1)), None);
            assert_eq!(recents.get(ClickKey(0)), None);
        }
    }
}
