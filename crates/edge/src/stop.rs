//! The end of serving, as connections see it: looked at with each answer, and awaited where it has to be announced.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;

/// Whether serving is ending.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    has_begun: AtomicBool,
    waiting: Notify,
}

impl Stop {
    /// Ends serving.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        let mut told = pin!(self.waiting.notified());
        // Listening before looking, so that none is missed in between.
        told.as_mut().enable();
        if !self.has_begun() {
            told.await;
        }
    }
}
