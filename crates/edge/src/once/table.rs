//! Names and what is known of each, bounded: a ring of entries in the order in which they came, and an index into it.
//!
//! With memory for a hundred thousand names each look beyond the caches costs more than all else. The index is a quarter
//! of the whole and says by itself that a name is new; the place behind the newest entry is that of the oldest; and who
//! put an entry finds it again without the index.

use super::Entry;

/// Bits of an index cell that say where the entry is. The others are those of its name.
const PLACE_BITS: u32 = 18;

/// Entries by name; the oldest gives way.
pub(super) struct Table {
    /// Cells by the name's lowest bits, and behind that where others are in the way; 0 is an empty one.
    index: Box<[u64]>,
    ring: Vec<Slot>,
    /// The oldest slot, once all are used.
    oldest: usize,
    names_max: usize,
}

struct Slot {
    name: u64,
    /// None of a name that was forgotten.
    entry: Option<Entry>,
}

/// Where an entry was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(usize);

impl Table {
    /// Room for `names_max` names, which the index can tell apart: fewer than 2^18. Memory is taken as it fills.
    pub fn new(names_max: usize) -> Self {
        let names_max = names_max.clamp(1, (1 << PLACE_BITS) - 1);
        let cells = (2 * names_max).next_power_of_two();
        let (index, ring) = (vec![0; cells].into_boxed_slice(), Vec::with_capacity(names_max));
        Self { index, ring, oldest: 0, names_max }
    }

    /// What is known of a name.
    pub fn get(&self, name: u64) -> Option<Entry> {
        let cell = self.cell_of(name)?;
        self.ring[place(self.index[cell])].entry
    }

    /// Puts a name, in place of the oldest if need be, and of what was known of it.
    pub fn put(&mut self, name: u64, entry: Entry) -> Place {
        self.forget(name);
        let slot = Slot { name, entry: Some(entry) };
        let at = if self.ring.len() < self.names_max {
            self.ring.push(slot);
            self.ring.len() - 1
        } else {
            let at = self.oldest;
            self.oldest = (at + 1) % self.names_max;
            // A forgotten name may stand anew in another slot.
            if self.ring[at].entry.is_some() {
                self.forget(self.ring[at].name);
            }
            self.ring[at] = slot;
            at
        };
        let mut cell = self.home(name);
        while self.index[cell] != 0 {
            cell = self.behind(cell);
        }
        self.index[cell] = name << PLACE_BITS | (at as u64 + 1);
        Place(at)
    }

    /// The entry that was put there, if it is still that of `name`.
    pub fn at(&mut self, place: Place, name: u64) -> Option<&mut Entry> {
        self.ring.get_mut(place.0).filter(|slot| slot.name == name)?.entry.as_mut()
    }

    /// Forgets a name.
    pub fn forget(&mut self, name: u64) {
        if let Some(cell) = self.cell_of(name) {
            self.ring[place(self.index[cell])].entry = None;
            self.empty(cell);
        }
    }

    fn cell_of(&self, name: u64) -> Option<usize> {
        let mut cell = self.home(name);
        loop {
            let held = self.index[cell];
            if held == 0 {
                return None;
            }
            // The slot is looked at only where all bits in the cell agree.
            if held >> PLACE_BITS == name << PLACE_BITS >> PLACE_BITS
                && self.ring[place(held)].name == name
            {
                return Some(cell);
            }
            cell = self.behind(cell);
        }
    }

    /// Empties a cell, and moves up what was put behind because this one was in the way (Knuth, The Art of Computer
    /// Programming, 6.4, algorithm R).
    fn empty(&mut self, cell: usize) {
        let (mut hole, mut cell) = (cell, self.behind(cell));
        while self.index[cell] != 0 {
            let from_home = self.distance(self.home(self.index[cell] >> PLACE_BITS), cell);
            if from_home >= self.distance(hole, cell) {
                self.index[hole] = self.index[cell];
                hole = cell;
            }
            cell = self.behind(cell);
        }
        self.index[hole] = 0;
    }

    /// Names are keyed hashes: their bits are as good as drawn.
    fn home(&self, name: u64) -> usize {
        name as usize & (self.index.len() - 1)
    }

    fn behind(&self, cell: usize) -> usize {
        (cell + 1) & (self.index.len() - 1)
    }

    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.index.len() - 1)
    }
}

/// The place in a cell that is not empty.
fn place(cell: u64) -> usize {
    (cell & ((1 << PLACE_BITS) - 1)) as usize - 1
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;
    use model::{ClickId, ClickKey};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn entry(number: i64) -> Entry {
        let id = ClickId { key: ClickKey(number), campaign: 1, unlogged: false, test: false };
        Entry { at_ms: 0, role: Role::Alone, id, is_settled: false }
    }

    #[derive(Clone, Copy, Debug)]
    enum Act {
        Put(u64),
        Forget(u64),
        Settle(u64),
    }

    /// Few names, most of which want the same cell, or differ in bits that no cell has.
    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let name = (0..6u64, 0..3u64, 0..2u64)
            .prop_map(|(low, middle, high)| low | middle << 20 | high << 60);
        let act = (name, 0..4u8).prop_map(|(name, kind)| match kind {
            0 => Act::Forget(name),
            1 => Act::Settle(name),
            _ => Act::Put(name),
        });
        prop::collection::vec(act, 0..200)
    }

    proptest! {
        #[test]
        fn it_knows_what_a_list_of_the_newest_knows(acts in acts(), names_max in 1..9usize) {
            let mut table = Table::new(names_max);
            // Slots in their order: a forgotten name keeps its slot until that is the oldest.
            let mut list: VecDeque<Option<(u64, i64, Place, bool)>> = VecDeque::new();
            for (number, act) in (1..).zip(acts) {
                let find = |list: &VecDeque<_>, name| list.iter().position(
                    |slot: &Option<(u64, i64, Place, bool)>| slot.is_some_and(|(held, ..)| held == name));
                match act {
                    Act::Put(name) => {
                        if let Some(at) = find(&list, name) {
                            list[at] = None;
                        }
                        if list.len() == names_max {
                            list.pop_front();
                        }
                        let place = table.put(name, entry(number));
                        list.push_back(Some((name, number, place, false)));
                    }
                    Act::Forget(name) => {
                        table.forget(name);
                        if let Some(at) = find(&list, name) {
                            list[at] = None;
                        }
                    }
                    Act::Settle(name) => {
                        if let Some((_, _, place, is_settled)) = find(&list, name).and_then(|at| list[at].as_mut()) {
                            table.at(*place, name).unwrap().is_settled = true;
                            *is_settled = true;
                        }
                    }
                }
                for name in (0..6).flat_map(|low| (0..3).map(move |middle| low | middle << 20))
                    .flat_map(|name| [name, name | 1 << 60])
                {
                    let known = find(&list, name).and_then(|at| list[at]);
                    let found = table.get(name).map(|entry| (entry.id.key.0, entry.is_settled));
                    prop_assert_eq!(found, known.map(|(_, number, _, is)| (number, is)), "{}", name);
                }
            }
        }
    }
}
