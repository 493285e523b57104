//! Open connections: how many, what each one is at, and which have taken too long.
//!
//! Deadlines cost a request one store and no timer: a request marks what its connection is at, and one sweep a second
//! ends those that have been at it for too long.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first head is awaited.
    Opening = 0,
    /// A request is being dealt with; that has deadlines of its own.
    Busy = 1,
    /// It was answered and the next head is awaited.
    Idle = 2,
    /// It is being encrypted.
    Securing = 3,
    /// A piece of a long answer was handed over, and the next one awaits its turn.
    Sending = 4,
}

/// What one connection is at, and since when.
pub(crate) struct Pulse {
    /// Milliseconds since `started`, times eight, plus the phase.
    state: AtomicU64,
    started: Instant,
    /// Requests under way, where a connection may have several.
    streams: AtomicUsize,
}

impl Pulse {
    fn new(started: Instant) -> Self {
        let pulse = Self { state: AtomicU64::new(0), started, streams: AtomicUsize::new(0) };
        pulse.mark(Phase::Opening);
        pulse
    }

    /// The connection is at `phase` from now on.
    pub fn mark(&self, phase: Phase) {
        let since_ms = match phase {
            // No deadline is measured from here, so the clock need not be read.
            Phase::Busy => 0,
            _ => self.started.elapsed().as_millis() as u64,
        };
        self.state.store(since_ms << 3 | phase as u64, Ordering::Relaxed);
    }

    /// One of several requests begins.
    pub fn begin(&self) {
        self.streams.fetch_add(1, Ordering::AcqRel);
        self.mark(Phase::Busy);
    }

    /// A request is over, the only one or one of several.
    pub fn end(&self) {
        let before = self.streams.load(Ordering::Acquire);
        if before > 0 && self.streams.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        self.mark(Phase::Idle);
        // One may have begun in between, and must not be taken for idle.
        if self.streams.load(Ordering::Acquire) > 0 {
            self.mark(Phase::Busy);
        }
    }

    fn read(&self) -> (Phase, Duration) {
        let state = self.state.load(Ordering::Relaxed);
        let phase = match state & 7 {
            0 => Phase::Opening,
            1 => Phase::Busy,
            2 => Phase::Idle,
            3 => Phase::Securing,
            _ => Phase::Sending,
        };
        (phase, Duration::from_millis(state >> 3))
    }
}

/// The open connections of one listener.
pub(crate) struct Connections {
    started: Instant,
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    slots: Vec<Option<Open>>,
    free: Vec<usize>,
    count: usize,
}

struct Open {
    pulse: Arc<Pulse>,
    task: Option<AbortHandle>,
}

/// A connection's place in the list; given back when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    number: usize,
    /// What the connection is at.
    pub pulse: Arc<Pulse>,
}

impl Connections {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), list: Mutex::default() })
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, unless there are `max`.
    pub fn enter(self: &Arc<Self>, max: usize) -> Option<Place> {
        let pulse = Arc::new(Pulse::new(self.started));
        let open = Open { pulse: Arc::clone(&pulse), task: None };
        let mut list = self.list();
        if list.count >= max {
            return None;
        }
        list.count += 1;
        let number = match list.free.pop() {
            Some(number) => number,
            None => {
                list.slots.push(None);
                list.slots.len() - 1
            }
        };
        list.slots[number] = Some(open);
        Some(Place { connections: Arc::clone(self), number, pulse })
    }

    /// The task that deals with the connection at `number`, unless it is gone already.
    pub fn attach(&self, number: usize, pulse: &Arc<Pulse>, task: AbortHandle) {
        let mut list = self.list();
        let open = list.slots.get_mut(number).and_then(Option::as_mut);
        if let Some(open) = open.filter(|open| Arc::ptr_eq(&open.pulse, pulse)) {
            open.task = Some(task);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list().count
    }

    /// How many are dealing with a request.
    pub fn busy(&self) -> usize {
        self.list().slots.iter().flatten().filter(|open| open.pulse.read().0 == Phase::Busy).count()
    }

    /// Ends the connections that `is_late` says have been at their phase for too long. Returns their phases.
    pub fn sweep(&self, is_late: impl Fn(Phase, Duration) -> bool) -> Vec<Phase> {
        let now = self.started.elapsed();
        let mut ended = Vec::new();
        for open in self.list().slots.iter().flatten() {
            let (phase, since) = open.pulse.read();
            if is_late(phase, now.saturating_sub(since))
                && let Some(task) = &open.task
            {
                task.abort();
                ended.push(phase);
            }
        }
        ended
    }
}

impl Place {
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut list = self.connections.list();
        if let Some(slot) = list.slots.get_mut(self.number)
            && slot.take().is_some()
        {
            list.count -= 1;
            list.free.push(self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_given_back() {
        let connections = Connections::new();
        let places: Vec<_> = (0..3).map(|_| connections.enter(3).unwrap()).collect();
        assert!(connections.enter(3).is_none());
        assert_eq!(connections.count(), 3);
        drop(places);
        assert_eq!(connections.count(), 0);
        assert_eq!(connections.enter(3).unwrap().number(), 2);
    }

    #[test]
    fn a_connection_is_busy_until_the_last_of_its_requests_is_over() {
        let connections = Connections::new();
        let place = connections.enter(1).unwrap();
        let pulse = &place.pulse;
        pulse.begin();
        pulse.begin();
        pulse.end();
        assert_eq!(connections.busy(), 1);
        pulse.end();
        assert_eq!(connections.busy(), 0);
        pulse.mark(Phase::Busy);
        pulse.end();
        assert_eq!(pulse.read().0, Phase::Idle);
    }

    #[tokio::test]
    async fn a_sweep_ends_what_is_late_in_its_phase_and_nothing_else() {
        let connections = Connections::new();
        let mut tasks = Vec::new();
        for phase in [Phase::Opening, Phase::Busy, Phase::Idle] {
            let place = connections.enter(9).unwrap();
            place.pulse.mark(phase);
            let (number, pulse) = (place.number(), Arc::clone(&place.pulse));
            let task = tokio::spawn(async move {
                let _place = place;
                std::future::pending::<()>().await;
            });
            connections.attach(number, &pulse, task.abort_handle());
            tasks.push(task);
        }
        assert_eq!(connections.busy(), 1);
        let ended = connections.sweep(|phase, _| phase != Phase::Busy);
        assert_eq!(ended, [Phase::Opening, Phase::Idle]);
        let busy = tasks.remove(1);
        for task in tasks {
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert_eq!(connections.count(), 1);
        busy.abort();
    }
}
