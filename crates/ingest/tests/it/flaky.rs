//! A store that fails, loses the answer of a commit that went through, and can be left at any point.

use async_trait::async_trait;
use journal::sim::Random;
use model::ClickKey;
use model::event::{InboxEntry, Row};
use model::query::{Answer, Plan, TimeBasis};
use model::thing::ThingId;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use store::{Batch, Cursor, EventStats, Events, ExportPage, InboxQuery, MemoryEvents, StoreError};

/// What it holds survives every crash.
pub struct Flaky {
    pub inner: Arc<MemoryEvents>,
    random: Mutex<Random>,
    /// Calls that fail, in a thousand.
    failures: AtomicU64,
}

impl Flaky {
    pub fn new(inner: Arc<MemoryEvents>, seed: u64, failures: u64) -> Self {
        Self { inner, random: Mutex::new(Random::new(seed)), failures: AtomicU64::new(failures) }
    }

    /// From now on this many calls fail, in a thousand.
    pub fn set_failures(&self, failures: u64) {
        self.failures.store(failures, Ordering::Relaxed);
    }

    /// Lets go of the thread once, so that a crash can come here; then perhaps fails.
    async fn step(&self) -> Result<(), StoreError> {
        let mut is_second = false;
        poll_fn(|context| {
            context.waker().wake_by_ref();
            if std::mem::replace(&mut is_second, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let failures = self.failures.load(Ordering::Relaxed);
        let fails = self.random.lock().unwrap().per_mille(failures);
        if fails {
            let source = "out of order".into();
            return Err(StoreError::Database { operation: "do anything", source });
        }
        Ok(())
    }
}

#[async_trait]
impl Events for Flaky {
    async fn position(&self) -> Result<u64, StoreError> {
        self.step().await?;
        self.inner.position().await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.step().await?;
        self.inner.commit(batch).await?;
        self.step().await
    }

    async fn rows_of(&self, workspace: ThingId, keys: &[ClickKey]) -> Result<Vec<Row>, StoreError> {
        self.step().await?;
        self.inner.rows_of(workspace, keys).await
    }

    async fn entries_with_txid(
        &self,
        workspace: ThingId,
        txids: &[String],
    ) -> Result<Vec<Row>, StoreError> {
        self.step().await?;
        self.inner.entries_with_txid(workspace, txids).await
    }

    async fn find_platform_id(
        &self,
        workspace: ThingId,
        kind: &str,
        value: &str,
    ) -> Result<Vec<ClickKey>, StoreError> {
        self.step().await?;
        self.inner.find_platform_id(workspace, kind, value).await
    }

    async fn answer(&self, plan: &Plan) -> Result<Answer, StoreError> {
        self.inner.answer(plan).await
    }

    async fn export(
        &self,
        workspace: ThingId,
        from_ms: i64,
        to_ms: i64,
        time: TimeBasis,
        page: ExportPage,
    ) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
        self.inner.export(workspace, from_ms, to_ms, time, page).await
    }

    async fn inbox(
        &self,
        workspace: ThingId,
        query: InboxQuery,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.inner.inbox(workspace, query).await
    }

    async fn inbox_of(
        &self,
        workspace: ThingId,
        keys: &[ClickKey],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.inner.inbox_of(workspace, keys).await
    }

    async fn inbox_entries(
        &self,
        workspace: ThingId,
        sequences: &[u64],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.step().await?;
        self.inner.inbox_entries(workspace, sequences).await
    }

    async fn stats(&self) -> Result<EventStats, StoreError> {
        self.inner.stats().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.inner.close().await
    }
}
