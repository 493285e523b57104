//! A small demo on real stores: what reports show is what was played, to the micro-unit.

use super::play::SimulatedClock;
use super::world::{Span, World};
use super::{Ledger, check_empty, fill, play, set_up};
use crate::app::App;
use crate::bridge;
use crate::config::Config;
use arc_swap::ArcSwap;
use edge::{Edge, IdFloor};
use ingest::{Ingest, Published, Settings};
use journal::{Durability, Journal, RealDisk};
use lookup::Geo;
use metrics_exporter_prometheus::PrometheusBuilder;
use model::keys::MacKey;
use model::query::{Period, PeriodWord, Plan, Query};
use model::table::RoutingTable;
use model::thing::{DEFAULT_WORKSPACE, Status};
use model::{Currency, Field, KeyRing};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use store::{Catalog, DuckEvents, DuckOptions, Events, InboxQuery, SqliteCatalog};
use tokio::runtime::Handle;

const END_MS: i64 = 1_795_348_800_000;

/// An installation in a folder of its own, under a simulated clock.
struct Installation {
    app: App,
    clock: Arc<SimulatedClock>,
    stop: Arc<AtomicBool>,
    ingest: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Installation {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut config = Config::from_text("", std::iter::empty()).unwrap();
        config.data = folder.path().to_owned();
        config.geo = lookup::GeoFiles::default();
        let mac = MacKey { valid_from_ms: 0, secret: [1; 16] };
        let keys = Arc::new(KeyRing::new(vec![mac], [2; 16], [3; 16]).unwrap());
        let options =
            journal::Options { durability: Durability::Os, ballast_bytes: 0, ..Default::default() };
        let (journal, _) =
            Journal::open(Arc::new(RealDisk::new()), &path("journal"), options).unwrap();
        let duck = DuckOptions { memory_bytes: 256 << 20, threads: 1 };
        let store = Arc::new(DuckEvents::open(path("events.duckdb"), duck).unwrap());
        let events: Arc<dyn Events> = store.clone();
        let catalog = Arc::new(SqliteCatalog::open(&path("catalog.sqlite")).await.unwrap());
        let things = catalog.things().await.unwrap();
        let table = Arc::new(ArcSwap::from_pointee(RoutingTable::new(&things)));
        let clock = Arc::new(SimulatedClock::at(END_MS));
        let bundles = Arc::new(edge::Bundles::new(path("bundles")));
        let parts = edge::Parts {
            keys: keys.clone(),
            table: table.clone(),
            agents: Arc::new(lookup::Agents::load().unwrap()),
            geo: Arc::new(lookup::GeoHandle::open(config.geo.clone()).unwrap()),
            journal: journal.clone(),
            clock: clock.clone(),
            clicks: Arc::new(bridge::StoredClicks { events: events.clone() }),
            bundles: bundles.clone(),
            id_floor: IdFloor::in_memory(),
            caps: Arc::default(),
        };
        let app = App {
            templates: model::builtin::Templates::load().unwrap(),
            config,
            keys,
            costs: catalog.clone(),
            catalog,
            rewrites: store,
            events,
            recomputing: Default::default(),
            journal,
            bundles,
            edge: Arc::new(Edge::new(edge::Config::default(), parts)),
            things: ArcSwap::from_pointee(things),
            table,
            rates: Arc::default(),
            turn: Arc::default(),
            earlier_tables: Default::default(),
            ingested: Arc::new(AtomicU64::new(0)),
            caps: Arc::default(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            started_ms: END_MS,
            saving: tokio::sync::Mutex::new(()),
            simulating: tokio::sync::Mutex::new(()),
            unpacking: tokio::sync::Mutex::new(()),
            kept_lines: tokio::sync::Mutex::default(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let ingest = Some(start_ingest(&app, stop.clone()).await);
        Self { app, clock, stop, ingest, _folder: folder }
    }

    /// What a report shows for one counter.
    async fn sum(&self, metric: &str) -> i128 {
        let answer = self.app.events.answer(&plan(metric, Vec::new())).await.unwrap();
        answer.rows[0].sums[0]
    }
}

async fn start_ingest(app: &App, stop: Arc<AtomicBool>) -> JoinHandle<()> {
    let ingest = Ingest::resume(
        app.events.clone(),
        app.journal.clone(),
        app.shared(),
        Settings::default(),
        Published {
            on_verdict: bridge::verdict_board(app.edge.clone()),
            ingested: app.ingested.clone(),
            caps: app.caps.clone(),
        },
    );
    let (ingest, runtime) = (ingest.await.unwrap(), Handle::current());
    std::thread::spawn(move || ingest.run(&runtime, &stop))
}

impl Drop for Installation {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let ingest = self.ingest.take().unwrap();
        // The runtime has to go on meanwhile: ingest may be in the middle of a batch.
        tokio::task::block_in_place(|| ingest.join()).unwrap();
    }
}

fn plan(metric: &str, by: Vec<Field>) -> Plan {
    let query = Query {
        by,
        metrics: vec![metric.parse().unwrap()],
        period: Period::Word(PeriodWord::All),
        tz: None,
        time: Default::default(),
        filter: Vec::new(),
        sort: Vec::new(),
        limit: None,
        offset: 0,
    };
    let context = report::Context {
        workspace: DEFAULT_WORKSPACE,
        workspace_tz: "UTC".to_owned(),
        currency: Currency::USD,
        now_ms: END_MS,
        first_event_ms: Some(END_MS - 90 * 86_400_000),
        uncounted: Vec::new(),
        export: false,
    };
    report::plan(&query, &context).unwrap().plan
}

fn span(clicks: u64, days: u32, with_ids: bool) -> Span {
    Span { clicks, end_ms: END_MS, days, seed: 1, with_ids }
}

async fn play_in(installation: &Installation, span: Span) -> Ledger {
    let Installation { app, clock, .. } = installation;
    let scenario = set_up(app, Currency::USD).await.unwrap();
    let world = World::new(scenario, span, &Geo::default(), "clickid").unwrap();
    play(app, clock, &world).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_show_exactly_what_was_played() {
    let installation = Installation::new().await;
    let ledger = play_in(&installation, span(6_000, 20, true)).await;
    assert_eq!(ledger.landings(), 6_000);
    let (approved, revenue) = ledger.standing(Status::Approved);
    let (pending, held) = ledger.standing(Status::Pending);
    let (rejected, lost) = ledger.standing(Status::Rejected);
    let (charged_back, _) = ledger.standing(Status::Chargeback);
    let count = |count: u64| i64::try_from(count).unwrap();
    for (metric, played) in [
        ("clicks", count(ledger.people)),
        ("bot_clicks", count(ledger.bots)),
        ("preview_hits", count(ledger.previews)),
        ("test_clicks", count(ledger.tests)),
        ("impressions", count(ledger.impressions)),
        ("lander_views", count(ledger.lander_views)),
        ("lander_clicks", count(ledger.lander_clicks)),
        ("conversions_approved", count(approved)),
        ("conversions_pending", count(pending)),
        ("conversions_rejected", count(rejected)),
        ("conversions_chargeback", count(charged_back)),
        ("revenue", revenue.0),
        ("revenue_pending", held.0),
        ("revenue_rejected", lost.0),
        ("cost", ledger.cost),
        ("unlogged_clicks", 0),
    ] {
        assert_eq!(installation.sum(metric).await, i128::from(played), "{metric}");
    }
    // Plausible: people buy, twice the same is seen, most come for the first time, some conversions are undecided.
    assert!(ledger.lander_clicks > 500 && approved > 20 && pending + rejected > 3, "{ledger:?}");
    let (unique, twice) =
        (installation.sum("unique_clicks").await, installation.sum("duplicate_clicks").await);
    assert!(
        unique * 100 > i128::from(count(ledger.people)) * 88 && twice > 30,
        "{unique} unique, {twice} twice"
    );
    for (by, groups) in
        [(Field::Campaign, 25), (Field::Placement, 500), (Field::Device, 3), (Field::Browser, 8)]
    {
        let answer = installation.app.events.answer(&plan("clicks", vec![by])).await.unwrap();
        assert!(answer.rows.len() >= groups, "{by}: {} groups", answer.rows.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_postback_is_in_the_inbox_and_only_the_bad_ones_came_to_nothing() {
    let installation = Installation::new().await;
    let ledger = play_in(&installation, span(8_000, 10, true)).await;
    let query = InboxQuery { limit: 100_000, ..InboxQuery::default() };
    let inbox = installation.app.events.inbox(DEFAULT_WORKSPACE, query).await.unwrap();
    assert_eq!(inbox.len() as u64, ledger.postbacks);
    let bad: Vec<_> = inbox
        .iter()
        .filter(|e| matches!(e.verdict.as_str(), "refused" | "unattributed" | "held"))
        .collect();
    assert_eq!(bad.len() as u64, ledger.bad_postbacks, "{bad:#?}");
    assert!(bad.len() >= 3, "{}", bad.len());
    let repeated = inbox.iter().filter(|e| e.verdict.as_str() == "duplicate").count();
    assert!(repeated > 0, "some networks call twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_in_the_order_of_their_time() {
    let installation = Installation::new().await;
    play_in(&installation, span(3_000, 2, true)).await;
    let page = store::ExportPage { cursor: None, limit: 100_000 };
    let (from_ms, to_ms) = (END_MS - 3 * 86_400_000, END_MS + 1);
    let events = &installation.app.events;
    let (rows, _) = events
        .export(DEFAULT_WORKSPACE, from_ms, to_ms, model::query::TimeBasis::Event, page)
        .await
        .unwrap();
    assert!(rows.len() > 3_500, "{}", rows.len());
    let mut by_sequence: Vec<(u64, i64)> =
        rows.iter().map(|row| (row.sequence, row.event_ms)).collect();
    by_sequence.sort_unstable();
    let back_ms = by_sequence.windows(2).map(|pair| pair[0].1 - pair[1].1).max();
    assert!(
        back_ms.is_some_and(|ms| ms <= 0),
        "a record is {back_ms:?} ms older than the one before it"
    );
    assert!(
        rows.iter()
            .all(|row| !row.facts.flag(Field::ClockSuspect) && !row.facts.flag(Field::Rerouted))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_of_sources_can_be_left_out() {
    let installation = Installation::new().await;
    play_in(&installation, span(500, 2, false)).await;
    let answer = installation
        .app
        .events
        .answer(&plan("clicks", vec![Field::PlatformIdKind, Field::ExternalId]))
        .await
        .unwrap();
    assert_eq!(answer.rows.len(), 1, "{:?}", answer.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_tells_what_it_did_and_refuses_an_installation_in_use() {
    let installation = Installation::new().await;
    let Installation { app, clock, .. } = &installation;
    check_empty(app).await.unwrap();
    let summary = fill(app, clock, span(300, 3, true)).await.unwrap();
    assert!(
        summary.contains("Played 300 clicks") && summary.contains("clicktrail serve"),
        "{summary}"
    );
    let refused = fill(app, clock, span(300, 3, true)).await.unwrap_err().to_string();
    assert!(refused.contains("in use already") && refused.contains("--data"), "{refused}");
}
