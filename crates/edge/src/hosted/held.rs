//! What was read from disk, kept within bounds: the last used stays, and what somebody still reads is never read twice.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Values by key. Visitors that read slowly keep a value alive together, not a copy each.
#[derive(Debug)]
pub struct Held<K, V> {
    bytes_max: usize,
    state: Mutex<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// Of the values that are kept whether anybody reads them or not.
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: Weak<V>,
    kept: Option<Arc<V>>,
    bytes: usize,
    last_use: u64,
}

impl<K: Hash + Eq + Clone, V> Held<K, V> {
    /// Keeps values of `bytes_max` bytes together.
    pub fn new(bytes_max: usize) -> Self {
        let state = State { entries: HashMap::new(), bytes: 0, uses: 0 };
        Self { bytes_max, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, when it is in memory.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let mut state = self.state();
        state.uses += 1;
        let now = state.uses;
        let entry = state.entries.get_mut(key)?;
        entry.last_use = now;
        entry.value.upgrade()
    }

    /// Keeps a value of so many bytes, in place of those that were not used for longest.
    pub fn put(&self, key: K, value: V, bytes: usize) -> Arc<V> {
        let value = Arc::new(value);
        let mut state = self.state();
        state.uses += 1;
        let entry = Entry {
            value: Arc::downgrade(&value),
            kept: Some(Arc::clone(&value)),
            bytes,
            last_use: state.uses,
        };
        let before = state.entries.insert(key, entry);
        let freed = before.filter(|before| before.kept.is_some()).map_or(0, |before| before.bytes);
        state.bytes = state.bytes + bytes - freed;
        while state.bytes > self.bytes_max && state.let_go() {}
        value
    }
}

impl<K: Hash + Eq + Clone, V> State<K, V> {
    /// Keeps the value no longer that was not used for longest; false when none is kept.
    fn let_go(&mut self) -> bool {
        self.entries.retain(|_, entry| entry.kept.is_some() || entry.value.strong_count() > 0);
        let kept = self.entries.values_mut().filter(|entry| entry.kept.is_some());
        let Some(oldest) = kept.min_by_key(|entry| entry.last_use) else { return false };
        oldest.kept = None;
        self.bytes -= oldest.bytes;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_used_stays_and_what_is_read_is_not_read_twice() {
        let held: Held<&str, Vec<u8>> = Held::new(10);
        let put = |key, bytes: usize| held.put(key, vec![0; bytes], bytes);
        put("a", 4);
        put("b", 4);
        assert!(held.get(&"a").is_some());
        let read = held.get(&"b").unwrap();
        held.get(&"a");
        put("c", 4);
        assert!(held.get(&"a").is_some() && held.get(&"c").is_some());
        assert!(Arc::ptr_eq(&held.get(&"b").unwrap(), &read), "somebody reads it");
        drop(read);
        assert!(held.get(&"b").is_none());
        put("large", 11);
        assert_eq!(held.state().bytes, 0);
        assert!(held.get(&"large").is_none() && held.get(&"a").is_none());
        put("a", 3);
        put("a", 5);
        assert_eq!(held.state().bytes, 5);
    }
}
