//! What became of postbacks, for those who wait for it: a board between ingest and `?wait=1`.

use model::event::Verdict;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Verdicts kept for those who ask after ingest was already done.
const KEPT_MAX: usize = 4096;
/// Callers that wait at a time; further ones get the answer without a verdict.
const WAITING_MAX: usize = 1024;

/// What became of a postback, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// A stable code; empty when it was recorded as sent.
    pub reason: String,
}

/// The board: ingest publishes by journal sequence, callers wait by it.
#[derive(Default)]
pub struct Verdicts {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: HashMap<u64, Outcome>,
    order: VecDeque<u64>,
    waiting: HashMap<u64, Vec<oneshot::Sender<Outcome>>>,
}

impl Verdicts {
    /// Says what became of the postback with this journal sequence.
    pub fn publish(&self, sequence: u64, outcome: Outcome) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for waiter in state.waiting.remove(&sequence).unwrap_or_default() {
            // It may have stopped waiting.
            let _ = waiter.send(outcome.clone());
        }
        if state.kept.insert(sequence, outcome).is_none() {
            state.order.push_back(sequence);
        }
        if state.order.len() > KEPT_MAX
            && let Some(oldest) = state.order.pop_front()
        {
            state.kept.remove(&oldest);
        }
    }

    /// The outcome, as soon as it is known and within `limit`.
    pub(crate) async fn wait(&self, sequence: u64, limit: Duration) -> Option<Outcome> {
        let outcome = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = state.kept.get(&sequence) {
                return Some(outcome.clone());
            }
            state.waiting.retain(|_, waiters| {
                waiters.retain(|waiter| !waiter.is_closed());
                !waiters.is_empty()
            });
            if state.waiting.len() >= WAITING_MAX {
                return None;
            }
            let (waiter, outcome) = oneshot::channel();
            state.waiting.entry(sequence).or_default().push(waiter);
            outcome
        };
        tokio::time::timeout(limit, outcome).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn outcome(reason: &str) -> Outcome {
        Outcome { verdict: Verdict::Recorded, reason: reason.to_owned() }
    }

    #[tokio::test]
    async fn a_verdict_reaches_who_waits_and_who_comes_later() {
        let board = Arc::new(Verdicts::default());
        let waiting = Arc::clone(&board);
        let waiter = tokio::spawn(async move { waiting.wait(7, Duration::from_secs(10)).await });
        while board.state.lock().unwrap().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        board.publish(7, outcome("a"));
        assert_eq!(waiter.await.unwrap(), Some(outcome("a")));
        assert_eq!(board.wait(7, Duration::ZERO).await, Some(outcome("a")));
        assert_eq!(board.wait(8, Duration::from_millis(1)).await, None);
    }

    #[tokio::test]
    async fn the_board_stays_bounded() {
        let board = Verdicts::default();
        for sequence in 0..3 * KEPT_MAX as u64 {
            board.publish(sequence, outcome(""));
            board.wait(1_000_000 + sequence, Duration::ZERO).await;
        }
        let state = board.state.lock().unwrap();
        assert!(state.kept.len() <= KEPT_MAX && state.order.len() <= KEPT_MAX);
        assert!(state.waiting.len() <= 1, "{}", state.waiting.len());
    }
}
