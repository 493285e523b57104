//! Opens everything in the order in which it depends on each other, and closes it in the reverse one.

use crate::app::{App, now_ms};
use crate::bridge;
use crate::config::Config;
use crate::folder::{BUNDLES_FOLDER, Folder};
use crate::tables::EarlierTables;
use crate::{first_start, geo_tables, keys, recompute, telemetry};
use anyhow::Context;
use arc_swap::ArcSwap;
use edge::{Clock, Edge, IdFloor};
use ingest::{Ingest, IngestError, Published, Settings};
use journal::{Journal, RealDisk, Sequence};
use model::builtin::Templates;
use model::codec::{self, CodecError};
use model::table::{CapCounts, RoutingTable, Things};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use store::{Catalog, DuckEvents, DuckOptions, Events, SqliteCatalog};
use tokio::runtime::Handle;

/// A started installation.
pub struct Running {
    /// Its parts.
    pub app: Arc<App>,
    folder: Folder,
    geo: Arc<lookup::GeoHandle>,
    geo_files: lookup::GeoFiles,
    stop: Arc<AtomicBool>,
    workers: Vec<JoinHandle<()>>,
}

/// What the parts of an installation are started with, besides its configuration.
pub struct Start {
    /// The wall clock, or a simulated one.
    pub clock: Arc<dyn Clock>,
    /// Where the lease of click ids is kept.
    pub id_floor: Option<IdFloor>,
    /// Whether a first start gets a campaign to try.
    pub with_example: bool,
}

/// Opens the data folder and starts what works in the background. The folder must be held.
///
/// # Errors
/// When something cannot be opened; nothing was changed that a later start would miss.
pub async fn start(config: Config, folder: Folder, start: Start) -> anyhow::Result<Running> {
    let catalog = Arc::new(SqliteCatalog::open(&folder.join("catalog.sqlite")).await?);
    let started = start_with(config, folder, start, Arc::clone(&catalog)).await;
    if started.is_err() {
        // What is not closed leaves files of its own behind. Why the start failed is worth more than why this does.
        let _ = catalog.close().await;
    }
    started
}

async fn start_with(
    config: Config,
    folder: Folder,
    start: Start,
    catalog: Arc<SqliteCatalog>,
) -> anyhow::Result<Running> {
    // Before anything counts: counters bind to the recorder that is there when they are made.
    let metrics = telemetry::start_metrics()?;
    let keys = Arc::new(keys::load_or_create(&config.data)?);
    first_start::prepare(&config, &folder, &*catalog, start.with_example).await?;
    let store = Arc::new(open_events(&config, &folder)?);
    let events: Arc<dyn Events> = store.clone();
    let position = events.position().await?;
    let journal = open_journal(&config, &folder, position)?;
    refuse_newer_records(&journal, position)?;
    let things = catalog.things().await?;
    let table = Arc::new(ArcSwap::from_pointee(RoutingTable::new(&things)));
    let rates = Arc::new(ArcSwap::from_pointee(catalog.rate_table().await?));
    let id_floor = match start.id_floor {
        Some(floor) => floor,
        None => IdFloor::open(&folder.join("id-floor"))?,
    };
    let caps = Arc::new(ArcSwap::from_pointee(CapCounts::default()));
    let geo_files = geo_tables::at_start(&config, &folder);
    let geo = Arc::new(lookup::GeoHandle::open(geo_files.clone())?);
    let bundles = Arc::new(edge::Bundles::new(folder.join(BUNDLES_FOLDER)));
    let parts = edge::Parts {
        keys: keys.clone(),
        table: table.clone(),
        agents: Arc::new(lookup::Agents::load()?),
        geo: geo.clone(),
        journal: journal.clone(),
        clock: start.clock,
        clicks: Arc::new(bridge::StoredClicks { events: events.clone() }),
        bundles: bundles.clone(),
        id_floor,
        caps: caps.clone(),
    };
    let edge = Arc::new(Edge::new(edge_config(&config), parts));
    warn_of_hidden_api(&edge, &things);
    let app = Arc::new(App {
        metrics,
        keys,
        templates: Templates::load()?,
        costs: catalog.clone(),
        catalog,
        rewrites: store,
        events,
        recomputing: tokio::sync::Notify::new(),
        journal,
        bundles,
        edge,
        things: ArcSwap::from_pointee(things),
        table,
        rates,
        turn: Arc::default(),
        caps,
        earlier_tables: EarlierTables::default(),
        ingested: Arc::new(AtomicU64::new(position)),
        started_ms: now_ms(),
        saving: tokio::sync::Mutex::new(()),
        simulating: tokio::sync::Mutex::new(()),
        unpacking: tokio::sync::Mutex::new(()),
        kept_lines: tokio::sync::Mutex::default(),
        config,
    });
    let stop = Arc::new(AtomicBool::new(false));
    let workers = start_workers(&app, &stop).await?;
    Ok(Running { app, folder, geo, geo_files, stop, workers })
}

async fn start_workers(
    app: &Arc<App>,
    stop: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut workers = vec![spawn("replay", replay(app.clone(), stop.clone()))?];
    if app.config.ingest {
        workers.push(start_ingest(app, stop).await?);
        let (runtime, work) = (Handle::current(), recompute::run(app.clone(), stop.clone()));
        workers.push(spawn("recompute", move || runtime.block_on(work))?);
    }
    Ok(workers)
}

impl Running {
    /// The held folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Compiles geo tables in the background, for a process that will answer clicks.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn compile_geo_tables(&self) -> std::io::Result<()> {
        geo_tables::compile_places(self.geo.clone(), self.geo_files.clone(), &self.folder)
    }

    /// Carries over what is in the journal, then closes everything.
    ///
    /// # Errors
    /// When the journal or the store cannot be closed; what was acknowledged is safe all the same.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Release);
        let workers = self.workers;
        tokio::task::spawn_blocking(move || {
            workers.into_iter().for_each(|worker| drop(worker.join()))
        })
        .await?;
        self.app.journal.clone().close().context("cannot close the journal")?;
        self.app.events.close().await.context("cannot close the event store")?;
        self.app.catalog.close().await.context("cannot close the catalog")?;
        drop(self.folder);
        Ok(())
    }
}

fn edge_config(config: &Config) -> edge::Config {
    edge::Config {
        node: config.node,
        id_prefix: config.id_prefix.as_str().into(),
        on_log_failure: if config.refuse_unlogged {
            edge::OnLogFailure::Refuse
        } else {
            edge::OnLogFailure::Redirect
        },
        trusted_proxies: config.trusted_proxies.clone(),
        public_host: config.public_host.as_str().into(),
        admin_hosts: config
            .admin_hosts
            .as_ref()
            .map(|hosts| hosts.iter().map(|host| host.as_str().into()).collect()),
        secure: config.public_url.starts_with("https://"),
        ..edge::Config::default()
    }
}

/// Settings may have changed since a domain was saved.
fn warn_of_hidden_api(edge: &Edge, things: &Things) {
    let live = things.domains.iter().filter(|domain| !domain.archived);
    for domain in live.filter(|domain| edge.serves_api_on(domain.body.host.as_str())) {
        tracing::warn!(
            domain = domain.id,
            host = domain.body.host.as_str(),
            "a tracking domain has a host of `admin_hosts` or `public_url`: it serves no API there"
        );
    }
}

fn open_events(config: &Config, folder: &Folder) -> anyhow::Result<DuckEvents> {
    let options =
        DuckOptions { memory_bytes: config.duckdb.memory_bytes, threads: config.duckdb.threads };
    Ok(DuckEvents::open(folder.join("events.duckdb"), options)?)
}

fn open_journal(config: &Config, folder: &Folder, position: u64) -> anyhow::Result<Journal> {
    let options = journal::Options {
        segment_bytes: config.segment_bytes,
        durability: config.durability,
        max_ack_wait: Duration::from_millis(config.max_ack_wait_ms),
        keep: Duration::from_secs(config.keep_hours * 3600),
        sequence_floor: position,
        ..journal::Options::default()
    };
    let (journal, recovery) =
        Journal::open(Arc::new(RealDisk::new()), &folder.join("journal"), options)?;
    if recovery.torn_tail_bytes > 0 {
        tracing::info!(
            torn_tail_bytes = recovery.torn_tail_bytes,
            "an unacknowledged write at the journal's end was dropped"
        );
    }
    for missing in &recovery.missing {
        tracing::error!(
            first = missing.start(),
            last = missing.end(),
            "journal records lost to damage; see quarantine/"
        );
    }
    Ok(journal)
}

/// A newer program may have left records that this one cannot carry over. They would be the first that ingest has not
/// seen, or the last.
fn refuse_newer_records(journal: &Journal, position: u64) -> anyhow::Result<()> {
    for sequence in [Sequence(position + 1), journal.status().durable] {
        let batch = journal.reader(sequence).next_batch(1, 1)?;
        for (sequence, bytes) in batch.records() {
            if let Err(source @ (CodecError::NewerVersion(_) | CodecError::UnknownKind(_))) =
                codec::decode(bytes)
            {
                return Err(IngestError::Newer { sequence: sequence.0, source }.into());
            }
        }
    }
    Ok(())
}

/// Refills what edge keeps in memory: recent clicks, who was here, the newest id.
fn replay(app: Arc<App>, stop: Arc<AtomicBool>) -> impl FnOnce() + Send {
    move || {
        let end = app.journal.status().durable;
        let mut reader = app.journal.reader(Sequence(1));
        while !stop.load(Ordering::Acquire) {
            let batch = match reader.next_batch(4096, 4 << 20) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "cannot replay the journal: visitors may count as new"
                    );
                    return;
                }
            };
            for (_, bytes) in batch.records() {
                if let Ok(record) = codec::decode(bytes) {
                    app.edge.replay(&record);
                }
            }
            if batch.is_empty() || batch.next > end {
                return;
            }
        }
    }
}

async fn start_ingest(app: &Arc<App>, stop: &Arc<AtomicBool>) -> anyhow::Result<JoinHandle<()>> {
    let published = Published {
        on_verdict: bridge::verdict_board(app.edge.clone()),
        ingested: app.ingested.clone(),
        caps: app.caps.clone(),
    };
    let (events, journal) = (app.events.clone(), app.journal.clone());
    let ingest = Ingest::resume(events, journal, app.shared(), Settings::default(), published);
    let (ingest, stop, runtime) = (ingest.await?, stop.clone(), Handle::current());
    spawn("ingest", move || ingest.run(&runtime, &stop))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> anyhow::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).with_context(|| format!("cannot start the thread `{name}`"))
}
