//! What a running server is made of, and the one way in which its configuration changes.

use crate::api::Site;
use crate::config::Config;
use crate::tables::EarlierTables;
use arc_swap::ArcSwap;
use journal::Journal;
use model::KeyRing;
use model::builtin::Templates;
use model::table::{CapCounts, RoutingTable, Things};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use store::{Catalog, Change, Events, Saved, StoreError};

/// The parts that API handlers work with.
pub struct App {
    /// Settings of this process.
    pub config: Config,
    /// Secrets of the installation.
    pub keys: Arc<KeyRing>,
    /// The built-in templates.
    pub templates: Templates,
    /// Where things rest.
    pub catalog: Arc<dyn Catalog>,
    /// Where facts rest.
    pub events: Arc<dyn Events>,
    /// Where facts arrive.
    pub journal: Journal,
    /// The way facts arrive.
    pub edge: Arc<edge::Edge>,
    /// The current things.
    pub things: ArcSwap<Things>,
    /// The current things, compiled; shared with edge and ingest.
    pub table: Arc<ArcSwap<RoutingTable>>,
    /// The journal sequence up to which the store is complete.
    pub ingested: Arc<AtomicU64>,
    /// Tables of earlier configurations.
    pub earlier_tables: EarlierTables,
    /// How much of their caps offers have taken.
    pub caps: Arc<ArcSwap<CapCounts>>,
    /// Renders what `/metrics` shows.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// When the process started, Unix milliseconds.
    pub started_ms: i64,
    /// One save at a time goes through, so that the table never steps back.
    pub saving: tokio::sync::Mutex<()>,
    /// One simulation at a time is computed: each holds several configurations and pages of rows.
    pub simulating: tokio::sync::Mutex<()>,
}

impl App {
    /// Saves changes and swaps the routing table whole, before the answer: whoever saved sees his
    /// change at work.
    ///
    /// # Errors
    /// What the catalog refuses; nothing was changed then.
    pub async fn save(&self, changes: Vec<Change>, author: &str) -> Result<Vec<Saved>, StoreError> {
        let _turn = self.saving.lock().await;
        self.write(changes, author).await
    }

    /// Saves what `plan` makes of the things that stand, while nobody else saves.
    ///
    /// # Errors
    /// What the plan or the catalog refuses; nothing was changed then.
    pub async fn save_planned<T, E: From<StoreError>>(
        &self,
        author: &str,
        plan: impl FnOnce(&Things) -> Result<(Vec<Change>, T), E>,
    ) -> Result<(Vec<Saved>, T), E> {
        let _turn = self.saving.lock().await;
        let (changes, told) = plan(&self.things.load_full())?;
        let saved =
            if changes.is_empty() { Vec::new() } else { self.write(changes, author).await? };
        Ok((saved, told))
    }

    /// The one way of every save, with the turn held.
    async fn write(&self, changes: Vec<Change>, author: &str) -> Result<Vec<Saved>, StoreError> {
        let saved = self.catalog.save(changes, author, now_ms()).await?;
        self.reload().await?;
        Ok(saved)
    }

    /// What URLs of things are made with.
    pub fn site(&self) -> Site<'_> {
        Site { public_url: &self.config.public_url, templates: &self.templates }
    }

    /// Reads the catalog anew and swaps the routing table.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let things = self.catalog.things().await?;
        self.table.store(Arc::new(RoutingTable::new(&things)));
        self.things.store(Arc::new(things));
        Ok(())
    }
}

/// The wall clock, Unix milliseconds.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
