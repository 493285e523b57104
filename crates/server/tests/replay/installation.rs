//! Edge over a real journal and a real catalog, and the way of its records through ingest and DuckDB and back.

use crate::random::Random;
use crate::setup;
use arc_swap::ArcSwap;
use edge::{BoxFuture, ClickLookup, Clock, Edge, IdFloor, Parts, RecentClick};
use ingest::{Ingest, Published, Settings, Shared};
use journal::{Durability, Journal, Options, RealDisk, Sequence};
use lookup::{Agents, GeoFiles, GeoHandle};
use model::event::RowKind;
use model::facts::Facts;
use model::keys::MacKey;
use model::query::TimeBasis;
use model::record::{Record, RecordKind, tag};
use model::table::{CapCounts, RoutingTable};
use model::thing::{DEFAULT_WORKSPACE, IpPrivacy, ThingId};
use model::{ClickKey, Field, KeyRing, codec};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::{Catalog, DuckEvents, DuckOptions, Events, ExportPage, SqliteCatalog};

/// The eve of the end of summer time in Europe: 2026-10-24, noon.
const START_MS: i64 = 1_792_843_200_000;

pub struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whoever is asked for an older click knows none.
struct Nobody;

impl ClickLookup for Nobody {
    fn find(&self, _: ThingId, _: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
        Box::pin(std::future::ready(None))
    }
}

pub struct Installation {
    pub edge: Arc<Edge>,
    pub keys: Arc<KeyRing>,
    clock: Arc<SetClock>,
    journal: Journal,
    catalog: SqliteCatalog,
    table: Arc<ArcSwap<RoutingTable>>,
    caps: Arc<ArcSwap<CapCounts>>,
    folder: tempfile::TempDir,
}

impl Installation {
    pub async fn new(privacy: IpPrivacy, random: &mut Random) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = open_journal(&folder.path().join("journal"));
        let catalog = SqliteCatalog::open(folder.path().join("catalog.sqlite")).await.unwrap();
        let mac = MacKey { valid_from_ms: 0, secret: [1; 16] };
        let keys = Arc::new(KeyRing::new(vec![mac], [2; 16], [3; 16]).unwrap());
        let clock = Arc::new(SetClock(AtomicI64::new(START_MS)));
        let (table, caps) = (Arc::<ArcSwap<RoutingTable>>::default(), Arc::default());
        let parts = Parts {
            keys: Arc::clone(&keys),
            table: Arc::clone(&table),
            agents: Arc::new(Agents::load().unwrap()),
            geo: geo(),
            journal: journal.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            clicks: Arc::new(Nobody),
            bundles: Arc::new(edge::Bundles::new(folder.path().join("bundles"))),
            id_floor: IdFloor::in_memory(),
            caps: Arc::clone(&caps),
        };
        let edge = Arc::new(Edge::new(edge::Config::default(), parts));
        let made = Self { edge, keys, clock, journal, catalog, table, caps, folder };
        made.save(setup::first(privacy, random)).await;
        made
    }

    /// Saves, and swaps the table whole, as the server does.
    pub async fn save(&self, changes: Vec<store::Change>) {
        self.catalog.save(changes, "somebody", START_MS).await.unwrap();
        let things = self.catalog.things().await.unwrap();
        let table = RoutingTable::new(&things);
        assert_eq!(table.left_out(), []);
        self.table.store(Arc::new(table));
    }

    /// Lets time pass, and offers reach their caps or not.
    pub fn pass(&self, random: &mut Random) {
        let ms = 1 + random.below(20 * 60_000);
        let now = self.clock.0.fetch_add(i64::try_from(ms).unwrap(), Ordering::Relaxed);
        let mut counts = CapCounts::default();
        for (offer, cap) in self.table.load().capped_offers() {
            for day in [0, 1] {
                let window = cap.window(now + day * 86_400_000);
                counts.add(offer, window, random.pick(&[0, 99, 100, 5_000]));
            }
        }
        self.caps.store(Arc::new(counts));
    }

    /// The table of an earlier configuration, as the catalog still has it.
    pub async fn table_at(&self, revision: u64) -> RoutingTable {
        RoutingTable::new(&self.catalog.things_at(revision).await.unwrap())
    }

    /// Hands every click, preview included, to `see`: its record and its bytes.
    pub fn each_click(&self, mut see: impl FnMut(Record, &[u8])) {
        let mut reader = self.journal.reader(Sequence(1));
        loop {
            let batch = reader.next_batch(4_096, 4 << 20).unwrap();
            if batch.is_empty() {
                return;
            }
            for (_, bytes) in batch.records() {
                let record = codec::decode(bytes).unwrap();
                if matches!(record.kind, RecordKind::Click | RecordKind::Preview) {
                    see(record, bytes);
                }
            }
        }
    }

    /// The facts of these records after their way through ingest into DuckDB and back.
    pub async fn stored(&self, records: Vec<Vec<u8>>) -> Vec<Facts> {
        let journal = open_journal(&self.folder.path().join("some"));
        let appends: Vec<_> = records.into_iter().map(|bytes| journal.append(bytes)).collect();
        for append in appends {
            append.await.unwrap();
        }
        let options = DuckOptions { memory_bytes: 256 << 20, threads: 1 };
        let path = self.folder.path().join("events.duckdb");
        let events: Arc<dyn Events> = Arc::new(DuckEvents::open(path, options).unwrap());
        let (table, keys) = (Arc::clone(&self.table), Arc::clone(&self.keys));
        let (id_prefix, turn) = ("ct_".into(), Arc::default());
        let shared = Shared { table, rates: Arc::default(), keys, id_prefix, turn };
        let published = Published {
            on_verdict: Arc::new(|_| {}),
            ingested: Arc::default(),
            caps: Arc::default(),
        };
        let ingest =
            Ingest::resume(events.clone(), journal, shared, Settings::default(), published);
        let mut ingest = ingest.await.unwrap();
        while ingest.round().await.unwrap().records > 0 {}
        let page = ExportPage { cursor: None, limit: usize::MAX >> 1 };
        let all = events.export(DEFAULT_WORKSPACE, 0, i64::MAX >> 1, TimeBasis::Event, page);
        let (rows, _) = all.await.unwrap();
        events.close().await.unwrap();
        rows.into_iter()
            .filter(|row| matches!(row.kind, RowKind::Click | RowKind::Preview))
            .map(|row| {
                let mut facts = Facts::for_click();
                facts.push_int(tag::KEY, row.key.0);
                facts.extend(&row.facts, |_| true);
                facts
            })
            .collect()
    }
}

/// Tables by revision, read when they are first asked for.
#[derive(Default)]
pub struct Tables(HashMap<u64, RoutingTable>);

impl Tables {
    /// The table that decided a click.
    pub async fn of(&mut self, installation: &Installation, facts: &Facts) -> &RoutingTable {
        let revision = u64::try_from(facts.int(Field::Revision).unwrap()).unwrap();
        match self.0.entry(revision) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(installation.table_at(revision).await),
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

fn open_journal(folder: &Path) -> Journal {
    let options = Options {
        durability: Durability::Os,
        ballast_bytes: 0,
        // However slow the machine, no click goes unlogged.
        max_ack_wait: Duration::from_secs(120),
        ..Options::default()
    };
    Journal::open(Arc::new(RealDisk::new()), folder, options).unwrap().0
}

fn geo() -> Arc<GeoHandle> {
    let fixtures = Path::new("../lookup/fixtures/mmdb");
    let files = GeoFiles {
        city: vec![fixtures.join("GeoLite2-City-Test.mmdb")],
        asn: vec![fixtures.join("GeoLite2-ASN-Test.mmdb")],
        connection: None,
    };
    Arc::new(GeoHandle::open(files).unwrap())
}
