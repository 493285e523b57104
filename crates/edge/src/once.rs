//! What must not count twice: reports that a page repeats, and clicks that are announced by two.
//!
//! A table of bounded size by keyed hash; what is older than an hour, or beyond the bound, is forgotten. Whoever comes second
//! while the first is still being written down waits for it, so that nobody is told an id that may not last.

mod table;

use model::ClickId;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use table::{Place, Table};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long anything is remembered.
const WINDOW_MS: i64 = 60 * 60 * 1000;
/// How long the second waits for the first.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// As what something is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// By itself: whatever has the same name is the same.
    Alone,
    /// A landing that belongs to a call in the background.
    Landing,
    /// A call in the background that belongs to a landing.
    Call,
}

impl Role {
    fn meets(self, other: Self) -> bool {
        match self {
            Self::Alone => other == Self::Alone,
            Self::Landing => other == Self::Call,
            Self::Call => other == Self::Landing,
        }
    }
}

/// Everything that was announced within the window.
pub(crate) struct Once {
    table: Mutex<Table>,
    settled: Notify,
}

/// What is known of a name.
#[derive(Clone, Copy)]
struct Entry {
    at_ms: i64,
    role: Role,
    id: ClickId,
    is_settled: bool,
}

/// What an announcement meets.
pub(crate) enum Met<'a> {
    /// Nothing: it is the first, and to be kept or given up.
    Nothing(First<'a>),
    /// What it belongs to.
    Known(ClickId),
    /// Another one of its own kind: it stands for itself.
    Alike,
}

/// The first of its name, while it is being written down. Dropped, it is kept: a client that goes away does not undo
/// what is under way.
pub(crate) struct First<'a> {
    once: &'a Once,
    name: u64,
    place: Place,
    is_kept: bool,
}

impl Once {
    /// Room for `names_max` names, fewer than 2^18.
    pub fn new(names_max: usize) -> Self {
        Self { table: Mutex::new(Table::new(names_max)), settled: Notify::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Announces `id` under `name`.
    pub async fn meet(&self, name: u64, role: Role, id: ClickId, now_ms: i64) -> Met<'_> {
        match self.look(name, role, id, now_ms) {
            Look::Met(met) => met,
            // On the heap: hardly anybody waits, and everybody else would carry the room for it.
            Look::UnderWay(_) => Box::pin(self.wait(name, role, id, now_ms)).await,
        }
    }

    /// Announces it as soon as the first of its name is settled.
    async fn wait(&self, name: u64, role: Role, id: ClickId, now_ms: i64) -> Met<'_> {
        let until = Instant::now() + WAIT_MAX;
        loop {
            // Before the look, so that nothing that is settled in between is missed.
            let settled = self.settled.notified();
            match self.look(name, role, id, now_ms) {
                Look::Met(met) => return met,
                Look::UnderWay(first) => {
                    if tokio::time::timeout_at(until, settled).await.is_err() {
                        return Met::Known(first);
                    }
                }
            }
        }
    }

    fn look(&self, name: u64, role: Role, id: ClickId, now_ms: i64) -> Look<'_> {
        let mut table = self.table();
        match table.get(name).filter(|entry| now_ms - entry.at_ms < WINDOW_MS) {
            Some(entry) if !role.meets(entry.role) => Look::Met(Met::Alike),
            Some(entry) if !entry.is_settled => Look::UnderWay(entry.id),
            Some(entry) => {
                if role != Role::Alone {
                    // The pair is complete; who comes next is somebody else.
                    table.forget(name);
                }
                Look::Met(Met::Known(entry.id))
            }
            None => {
                let place = table.put(name, Entry { at_ms: now_ms, role, id, is_settled: false });
                Look::Met(Met::Nothing(First { once: self, name, place, is_kept: true }))
            }
        }
    }

    /// Takes over what was announced before a restart.
    pub fn remember(&self, name: u64, role: Role, id: ClickId) {
        let at_ms = id.key.time_ms();
        self.table().put(name, Entry { at_ms, role, id, is_settled: true });
    }

    /// Forgets a name.
    pub fn forget(&self, name: u64) {
        self.table().forget(name);
    }
}

enum Look<'a> {
    Met(Met<'a>),
    /// The first of the name is being written down.
    UnderWay(ClickId),
}

impl First<'_> {
    /// Says how writing it down went: what is not in the journal is given up, and the next one is the first.
    pub fn settle(mut self, is_logged: bool) {
        self.is_kept = is_logged;
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        if self.is_kept {
            if let Some(entry) = self.once.table().at(self.place, self.name) {
                entry.is_settled = true;
            }
        } else {
            self.once.forget(self.name);
        }
        self.once.settled.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;

    const NOW: i64 = 1_800_000_000_000;

    fn id(sequence: u16) -> ClickId {
        let key = ClickKey::new(NOW, 0, sequence);
        ClickId { key, campaign: 1, unlogged: false, test: false }
    }

    async fn known(once: &Once, name: u64, role: Role, now_ms: i64) -> Option<ClickId> {
        match once.meet(name, role, id(9), now_ms).await {
            Met::Known(id) => Some(id),
            Met::Nothing(_) | Met::Alike => None,
        }
    }

    #[tokio::test]
    async fn the_second_of_a_name_gets_the_first_within_the_hour() {
        let once = Once::new(10);
        for (now_ms, expected) in [
            (NOW, None),
            (NOW + 1, Some(id(9))),
            (NOW + WINDOW_MS, None),
            (NOW + WINDOW_MS + 1, Some(id(9))),
        ] {
            assert_eq!(known(&once, 1, Role::Alone, now_ms).await, expected, "{now_ms}");
        }
    }

    #[tokio::test]
    async fn halves_join_once_and_only_with_each_other() {
        for (first, second) in [(Role::Call, Role::Landing), (Role::Landing, Role::Call)] {
            let once = Once::new(10);
            assert_eq!(known(&once, 1, first, NOW).await, None);
            assert_eq!(known(&once, 1, first, NOW).await, None, "{first:?} again");
            assert_eq!(known(&once, 1, second, NOW).await, Some(id(9)), "{second:?}");
            assert_eq!(known(&once, 1, second, NOW).await, None, "the pair is complete");
        }
    }

    #[tokio::test]
    async fn what_was_not_written_down_is_forgotten_and_who_waits_comes_first() {
        let once = Once::new(10);
        let Met::Nothing(first) = once.meet(1, Role::Alone, id(1), NOW).await else { panic!() };
        let mut second = Box::pin(once.meet(1, Role::Alone, id(2), NOW));
        let soon = tokio::time::timeout(Duration::from_millis(20), &mut second).await;
        assert!(soon.is_err(), "waits for the first");
        first.settle(false);
        let Met::Nothing(second) = second.await else { panic!() };
        second.settle(true);
        assert_eq!(known(&once, 1, Role::Alone, NOW).await, Some(id(2)));
    }

    #[tokio::test]
    async fn the_oldest_gives_way_at_the_bound() {
        let once = Once::new(3);
        for name in 0..4 {
            assert_eq!(known(&once, name, Role::Alone, NOW).await, None);
        }
        let known_names = (0..4).filter(|name| once.table().get(*name).is_some());
        assert_eq!(known_names.collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(known(&once, 3, Role::Alone, NOW).await, Some(id(9)));
        assert_eq!(known(&once, 0, Role::Alone, NOW).await, None);
    }
}
