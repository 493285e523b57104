//! How far ingest is behind the journal, and what that says about figures.

use super::text::rfc3339;
use crate::app::{App, now_ms};
use std::sync::atomic::Ordering;
use store::StoreError;

/// Journal and store at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was looked at, Unix milliseconds.
    pub at_ms: i64,
    /// The newest durable record of the journal.
    pub journaled: u64,
    /// The journal sequence up to which the store is complete.
    pub ingested: u64,
}

impl Freshness {
    /// Looks at the clock first, the journal second and the store last, so that nothing written down
    /// before the moment named can be missing from what the store holds.
    pub fn now(app: &App) -> Self {
        let at_ms = now_ms();
        let journaled = app.journal.status().durable.0;
        Self { at_ms, journaled, ingested: app.ingested.load(Ordering::Acquire) }
    }

    /// Records that wait for ingest.
    pub fn waiting(&self) -> u64 {
        self.journaled.saturating_sub(self.ingested)
    }

    /// RFC 3339: the newest moment such that everything written down before it is in the store.
    ///
    /// # Errors
    /// When the store cannot say how new it is.
    pub async fn fresh_to(self, app: &App) -> Result<String, StoreError> {
        if self.waiting() == 0 {
            return Ok(rfc3339(self.at_ms));
        }
        let newest_ms = app.events.stats().await?.newest_ms;
        Ok(rfc3339(newest_ms.unwrap_or_default().min(self.at_ms)))
    }
}
