//! What a running server is made of, and the one way in which its configuration changes.

use crate::api::{KeptLines, Site};
use crate::config::Config;
use crate::hosted;
use crate::tables::{EarlierTables, compile};
use arc_swap::ArcSwap;
use journal::Journal;
use model::KeyRing;
use model::builtin::Templates;
use model::rate::{DayRate, RateTable};
use model::table::{CapCounts, RoutingTable, Things};
use model::thing::{Domain, Kind, Problem, ThingId};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use store::{Catalog, Change, Costs, Events, Rewrites, Saved, StoreError};

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
    /// The same store, by the side on which figures are computed again.
    pub rewrites: Arc<dyn Rewrites>,
    /// What was spent, and what is to be computed again; rests beside the things.
    pub costs: Arc<dyn Costs>,
    /// Wakes the worker that computes figures again.
    pub recomputing: tokio::sync::Notify,
    /// Where facts arrive.
    pub journal: Journal,
    /// The files of hosted landers; shared with edge.
    pub bundles: Arc<edge::Bundles>,
    /// The way facts arrive.
    pub edge: Arc<edge::Edge>,
    /// The current things.
    pub things: ArcSwap<Things>,
    /// The current things, compiled; shared with edge and ingest.
    pub table: Arc<ArcSwap<RoutingTable>>,
    /// What currencies are worth in each other; shared with ingest.
    pub rates: Arc<ArcSwap<RateTable>>,
    /// Whose turn it is to change figures: that of ingest, or of a recompute.
    pub turn: Arc<tokio::sync::Mutex<()>>,
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
    /// One archive at a time is unpacked: it is in memory.
    pub unpacking: tokio::sync::Mutex<()>,
    /// Lines of imports that did not count: one import at a time adds to them.
    pub kept_lines: tokio::sync::Mutex<KeptLines>,
}

impl App {
    /// Saves changes and swaps the routing table whole, before the answer: whoever saved sees his
    /// change at work.
    ///
    /// # Errors
    /// What the catalog refuses, and domains whose host serves the API, hosted landers without files; nothing was changed then.
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
        plan: impl AsyncFnOnce(Arc<Things>) -> Result<(Vec<Change>, T), E>,
    ) -> Result<(Vec<Saved>, T), E> {
        let _turn = self.saving.lock().await;
        let (changes, told) = plan(self.things.load_full()).await?;
        let saved =
            if changes.is_empty() { Vec::new() } else { self.write(changes, author).await? };
        Ok((saved, told))
    }

    /// The one way of every save, with the turn held.
    async fn write(&self, changes: Vec<Change>, author: &str) -> Result<Vec<Saved>, StoreError> {
        changes.iter().try_for_each(|change| self.check_host(change))?;
        hosted::check(&self.things.load(), &changes, &self.bundles)?;
        let saved = self.catalog.save(changes, author, now_ms()).await?;
        let had_domains = self.table.load().has_domains();
        self.reload().await?;
        if !had_domains && self.table.load().has_domains() {
            let hosts = self.config.admin_hosts.as_deref();
            let hosts = hosts.unwrap_or(std::slice::from_ref(&self.config.public_host));
            tracing::info!(
                ?hosts,
                "the first tracking domain: the API is on these and on loopback hosts alone"
            );
        }
        Ok(saved)
    }

    /// What URLs of `things` are made with.
    pub fn site<'a>(&'a self, things: &'a Things) -> Site<'a> {
        Site { public_url: &self.config.public_url, templates: &self.templates, things }
    }

    /// A tracking domain never serves the API, so its host must not be one by which the operator comes.
    fn check_host(&self, change: &Change) -> Result<(), StoreError> {
        if change.kind != Kind::Domain || change.archived {
            return Ok(());
        }
        // What is no domain is refused by the catalog, which says why.
        let Ok(domain) = serde_json::from_str::<Domain>(&change.body) else { return Ok(()) };
        if !self.edge.serves_api_on(domain.host.as_str()) {
            return Ok(());
        }
        let message =
            "this host serves the API: choose another, or name other `admin_hosts` in the settings";
        let problems = vec![Problem::new("host", message)];
        Err(StoreError::Invalid { kind: Kind::Domain, problems })
    }

    /// What ingest looks things up in.
    pub fn shared(&self) -> ingest::Shared {
        ingest::Shared {
            table: self.table.clone(),
            rates: self.rates.clone(),
            keys: self.keys.clone(),
            id_prefix: self.config.id_prefix.as_str().into(),
            turn: self.turn.clone(),
        }
    }

    /// Adds rates to those of a workspace and swaps the table, before the answer; how many were new.
    ///
    /// # Errors
    /// When the catalog cannot keep them; nothing was changed then.
    pub async fn add_rates(
        &self,
        workspace: ThingId,
        rates: &[DayRate],
        author: &str,
    ) -> Result<usize, StoreError> {
        let _turn = self.saving.lock().await;
        let added = self.catalog.add_rates(workspace, rates, author, now_ms()).await?;
        if added > 0 {
            // As the catalog has them: what is written later counts.
            let mut table = RateTable::clone(&self.rates.load());
            table.extend(rates.iter().map(|rate| (workspace, *rate)));
            self.rates.store(Arc::new(table));
        }
        Ok(added)
    }

    /// Reads the catalog anew and swaps the routing table.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let things = Arc::new(self.catalog.things().await?);
        self.table.store(compile(&things).await);
        self.things.store(things);
        Ok(())
    }
}

/// The wall clock, Unix milliseconds.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
