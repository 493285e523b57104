//! A map of bounded size, in entries and in bytes, that several threads read at once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, PoisonError};

/// Locks that look-ups spread over, so that threads rarely wait for each other.
const SHARDS: usize = 16;

/// Keeps what was used lately. The keys are keyed hashes made by the caller, so that nobody outside
/// can aim at one shard or bucket.
///
/// Each shard has two generations. New and used entries go to the young one; when that is full it becomes
/// the old one and the former old one is dropped. What is used at least once per turn stays.
pub struct Cache<V> {
    shards: Vec<Mutex<Shard<V>>>,
    entries_per_generation: usize,
    bytes_per_generation: usize,
}

struct Shard<V> {
    young: Generation<V>,
    old: Generation<V>,
}

struct Generation<V> {
    map: HashMap<u64, (V, usize), BuildHasherDefault<AlreadyHashed>>,
    bytes: usize,
}

impl<V> Default for Generation<V> {
    fn default() -> Self {
        Self { map: HashMap::default(), bytes: 0 }
    }
}

impl<V: Clone> Cache<V> {
    /// A cache that never holds more than this, whatever is put in.
    pub fn new(limit_entries: usize, limit_bytes: usize) -> Self {
        let shard = || Shard { young: Generation::default(), old: Generation::default() };
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(),
            entries_per_generation: limit_entries / SHARDS / 2,
            bytes_per_generation: limit_bytes / SHARDS / 2,
        }
    }

    /// What was put in under a key, if it is still there.
    pub fn get(&self, key: u64) -> Option<V> {
        let mut shard = self.shard(key)?;
        if let Some((value, _)) = shard.young.map.get(&key) {
            return Some(value.clone());
        }
        let (value, bytes) = shard.old.map.remove(&key)?;
        shard.old.bytes -= bytes;
        self.put_young(&mut shard, key, value.clone(), bytes);
        Some(value)
    }

    /// Puts a value in; `bytes` is what it weighs. One that is heavier than a generation is not kept.
    pub fn put(&self, key: u64, value: V, bytes: usize) {
        if let Some(mut shard) = self.shard(key) {
            self.put_young(&mut shard, key, value, bytes);
        }
    }

    fn put_young(&self, shard: &mut Shard<V>, key: u64, value: V, bytes: usize) {
        if bytes > self.bytes_per_generation || self.entries_per_generation == 0 {
            return;
        }
        let full = shard.young.map.len() >= self.entries_per_generation
            || shard.young.bytes + bytes > self.bytes_per_generation;
        if full {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.bytes += bytes;
        if let Some((_, replaced)) = shard.young.map.insert(key, (value, bytes)) {
            shard.young.bytes -= replaced;
        }
    }

    fn shard(&self, key: u64) -> Option<std::sync::MutexGuard<'_, Shard<V>>> {
        let index = (key >> 32) as usize % SHARDS;
        Some(self.shards.get(index)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Entries and bytes held now.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let entries = shard.young.map.len() + shard.old.map.len();
            (entries, shard.young.bytes + shard.old.bytes)
        });
        sizes.fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1))
    }
}

/// Takes a key that is a keyed hash already.
#[derive(Default)]
pub struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Spreads small numbers over the shards.
    fn key(number: u64) -> u64 {
        number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    #[test]
    fn what_was_put_in_comes_back_until_two_generations_have_passed() {
        let cache = Cache::new(64 * SHARDS, 1 << 20);
        cache.put(key(1), "one", 10);
        assert_eq!(cache.get(key(1)), Some("one"));
        assert_eq!(cache.get(key(2)), None);
        for number in 10..10 + 64 * SHARDS as u64 * 4 {
            cache.put(key(number), "other", 10);
        }
        assert_eq!(cache.get(key(1)), None);
    }

    #[test]
    fn what_is_used_stays_while_others_pass_through() {
        let cache = Cache::new(64 * SHARDS, 1 << 20);
        cache.put(key(1), "used", 10);
        for number in 10..20_000 {
            cache.put(key(number), "passing", 10);
            assert_eq!(cache.get(key(1)), Some("used"));
        }
    }

    proptest! {
        #[test]
        fn entries_and_bytes_stay_within_their_limits(
            puts in prop::collection::vec((any::<u64>(), 0_usize..5_000, any::<bool>()), 0..2_000)
        ) {
            let (limit_entries, limit_bytes) = (8 * SHARDS, 64 * 1024);
            let cache = Cache::new(limit_entries, limit_bytes);
            for (key, bytes, again) in puts {
                cache.put(key, (), bytes);
                if again {
                    cache.get(key);
                }
                let (entries, held) = cache.size();
                prop_assert!(entries <= limit_entries && held <= limit_bytes);
            }
        }
    }
}
