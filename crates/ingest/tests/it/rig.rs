//! A journal, an ingest and a store that a test drives step by step; and records as edge writes them.

use crate::catalog::{PREFIX, keys, rates, table};
use arc_swap::ArcSwap;
use ingest::{Ingest, IngestError, OnVerdict, Published, Settings, Shared};
use journal::sim::SimDisk;
use journal::{Journal, Options, Stepper};
use model::event::InboxEntry;
use model::facts::Facts;
use model::rate::RateTable;
use model::record::{RecordKind, tag};
use model::table::CapCounts;
use model::thing::ThingId;
use model::{ClickKey, Field, codec};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use store::{Events, InboxQuery, MemoryEvents};

pub const FOLDER: &str = "/data/journal";

pub fn options() -> Options {
    Options { segment_bytes: 64 << 10, ballast_bytes: 0, ..Options::default() }
}

/// Everything in one place, without threads.
pub struct Rig {
    pub disk: SimDisk,
    pub journal: Journal,
    pub stepper: Stepper,
    pub events: Arc<MemoryEvents>,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        let disk = SimDisk::new(seed);
        let (journal, stepper, _) =
            Journal::open_stepped(Arc::new(disk.clone()), Path::new(FOLDER), options()).unwrap();
        Self { disk, journal, stepper, events: Arc::new(MemoryEvents::new()) }
    }

    /// Appends a record; its number.
    pub fn write(&mut self, bytes: Vec<u8>) -> u64 {
        let append = self.journal.append(bytes);
        self.stepper.write();
        append.outcome().unwrap().unwrap().0
    }

    pub fn ingest(&self, batch_records_max: usize) -> Ingest {
        block_on(resume(self.events.clone(), &self.journal, batch_records_max)).unwrap()
    }

    /// The same, by the rates of a phase.
    pub fn ingest_by(&self, batch_records_max: usize, phase: usize) -> Ingest {
        let rates = rates(phase);
        block_on(resume_by(self.events.clone(), &self.journal, batch_records_max, rates)).unwrap()
    }

    /// Carries over everything there is.
    pub fn carry_over(&self, batch_records_max: usize) {
        let mut ingest = self.ingest(batch_records_max);
        while block_on(ingest.round()).unwrap().records > 0 {}
    }

    /// The whole inbox of a workspace.
    pub fn inbox(&self, workspace: ThingId) -> Vec<InboxEntry> {
        let query = InboxQuery { limit: usize::MAX, ..InboxQuery::default() };
        block_on(self.events.inbox(workspace, query)).unwrap()
    }
}

/// An ingest that continues where the store stands.
pub async fn resume(
    events: Arc<dyn Events>,
    journal: &Journal,
    batch_records_max: usize,
) -> Result<Ingest, IngestError> {
    resume_within(events, journal, Settings { batch_records_max, ..Settings::default() }).await
}

/// The same, with other bounds.
pub async fn resume_within(
    events: Arc<dyn Events>,
    journal: &Journal,
    settings: Settings,
) -> Result<Ingest, IngestError> {
    resume_with(events, journal, settings, Arc::default()).await
}

/// The same, by these rates.
pub async fn resume_by(
    events: Arc<dyn Events>,
    journal: &Journal,
    batch_records_max: usize,
    rates: RateTable,
) -> Result<Ingest, IngestError> {
    let settings = Settings { batch_records_max, ..Settings::default() };
    let shared = Shared { rates: Arc::new(ArcSwap::from_pointee(rates)), ..shared() };
    let on_verdict: OnVerdict = Arc::new(|_| {});
    let published = Published { on_verdict, ingested: Arc::default(), caps: Arc::default() };
    Ingest::resume(events, journal.clone(), shared, settings, published).await
}

/// The same; what offers have taken of their caps is published to `caps`.
pub async fn resume_with(
    events: Arc<dyn Events>,
    journal: &Journal,
    settings: Settings,
    caps: Arc<ArcSwap<CapCounts>>,
) -> Result<Ingest, IngestError> {
    let on_verdict: OnVerdict = Arc::new(|_| {});
    Ingest::resume(
        events,
        journal.clone(),
        shared(),
        settings,
        Published { on_verdict, ingested: Arc::default(), caps },
    )
    .await
}

/// What the tests' ingest looks things up in.
pub fn shared() -> Shared {
    Shared {
        table: Arc::new(ArcSwap::from_pointee(table())),
        rates: Arc::new(ArcSwap::from_pointee(rates(0))),
        keys: keys(),
        id_prefix: PREFIX.into(),
        turn: Arc::default(),
    }
}

/// Runs a future that waits for nobody but itself.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

pub fn encode(kind: RecordKind, facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(kind, facts, &mut bytes);
    bytes
}

/// The facts every record about a click begins with.
pub fn about(key: ClickKey, workspace: ThingId, campaign: ThingId) -> Facts {
    let mut facts = Facts::default();
    facts.push_int(tag::KEY, key.0);
    facts.set_int(Field::Workspace, workspace);
    facts.set_int(Field::Campaign, campaign);
    facts
}

/// A click of workspace 1, campaign 1 that was routed to `offer`.
pub fn click(key: ClickKey, offer: ThingId) -> Vec<u8> {
    let mut facts = about(key, 1, 1);
    facts.set_int(Field::Offer, offer);
    encode(RecordKind::Click, &facts)
}

/// A postback as intake writes it down.
pub fn postback(at_ms: i64, workspace: ThingId, url: &str) -> Facts {
    let mut facts = Facts::default();
    facts.push_int(tag::AT, at_ms);
    facts.set_int(Field::Workspace, workspace);
    facts.push_bytes(tag::INTAKE_METHOD, b"GET");
    facts.push_bytes(tag::INTAKE_URL, url.as_bytes());
    facts.push_bytes(tag::INTAKE_PEER, b"198.51.100.1");
    facts
}

/// The seeds of a run, or the one that is asked for.
pub fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("CLICKTRAIL_SEED") {
        Ok(seed) => vec![seed.parse().expect("CLICKTRAIL_SEED is a number")],
        Err(_) => (1..=count).collect(),
    }
}

/// Says which seed it was when a test fails within it.
pub struct Named(pub u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("failed with CLICKTRAIL_SEED={}", self.0);
        }
    }
}
