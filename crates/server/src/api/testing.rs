//! An API over stores in memory, with a real journal and edge in a folder of its own.

use super::{router, token};
use crate::app::App;
use crate::config::Config;
use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use edge::{BoxFuture, ClickLookup, Edge, IdFloor, RecentClick, WallClock};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use journal::{Journal, RealDisk};
use metrics_exporter_prometheus::PrometheusBuilder;
use model::builtin::Templates;
use model::event::{InboxEntry, Row};
use model::keys::MacKey;
use model::table::RoutingTable;
use model::thing::{Kind, ThingId};
use model::{ClickId, ClickKey, KeyRing};
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use store::{Batch, Change, MemoryCatalog, MemoryEvents};
use tower_service::Service;

/// The key of the installation.
pub const ADMIN_TOKEN: &str = "an-admin-token-for-tests";

/// Where links begin.
pub const PUBLIC_URL: &str = "https://track.example";

/// Compiling the patterns takes most of a second; no test changes them.
static AGENTS: LazyLock<Arc<lookup::Agents>> =
    LazyLock::new(|| Arc::new(lookup::Agents::load().unwrap()));

/// An API to be asked.
pub struct TestApi {
    pub app: Arc<App>,
    router: Router,
    _folder: tempfile::TempDir,
}

/// What it answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
    /// The body as JSON; null when it is none.
    pub body: Value,
}

struct NoClicks;

impl ClickLookup for NoClicks {
    fn find(&self, _: ThingId, _: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
        Box::pin(async { None })
    }
}

impl TestApi {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!("admin_token = \"{ADMIN_TOKEN}\"\npublic_url = \"{PUBLIC_URL}\"");
        let config = Config::from_text(&settings, std::iter::empty()).unwrap();
        let mac = MacKey { valid_from_ms: 0, secret: [1; 16] };
        let keys = Arc::new(KeyRing::new(vec![mac], [2; 16], [3; 16]).unwrap());
        let options =
            journal::Options { segment_bytes: 1 << 16, ballast_bytes: 0, ..Default::default() };
        let disk = Arc::new(RealDisk::new());
        let (journal, _) = Journal::open(disk, &folder.path().join("journal"), options).unwrap();
        let table = Arc::new(ArcSwap::from_pointee(RoutingTable::default()));
        let geo = lookup::GeoFiles { city: Vec::new(), asn: Vec::new(), connection: None };
        let bundles = Arc::new(edge::Bundles::new(folder.path().join("bundles")));
        let parts = edge::Parts {
            keys: keys.clone(),
            table: table.clone(),
            agents: AGENTS.clone(),
            geo: Arc::new(lookup::GeoHandle::open(geo).unwrap()),
            journal: journal.clone(),
            clock: Arc::new(WallClock),
            clicks: Arc::new(NoClicks),
            bundles: bundles.clone(),
            id_floor: IdFloor::in_memory(),
            caps: Arc::default(),
        };
        let public_host = config.public_host.as_str().into();
        let edge_config = edge::Config { public_host, ..edge::Config::default() };
        let (catalog, events) = (Arc::new(MemoryCatalog::new()), Arc::new(MemoryEvents::new()));
        let app = Arc::new(App {
            config,
            keys,
            templates: Templates::load().unwrap(),
            costs: catalog.clone(),
            catalog,
            rewrites: events.clone(),
            events,
            recomputing: Default::default(),
            journal,
            bundles,
            edge: Arc::new(Edge::new(edge_config, parts)),
            things: ArcSwap::default(),
            table,
            rates: Arc::default(),
            turn: Arc::default(),
            earlier_tables: Default::default(),
            ingested: Arc::new(AtomicU64::new(0)),
            caps: Arc::default(),
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            started_ms: 1_795_348_800_000,
            saving: tokio::sync::Mutex::new(()),
            simulating: tokio::sync::Mutex::new(()),
            unpacking: tokio::sync::Mutex::new(()),
            kept_lines: tokio::sync::Mutex::default(),
        });
        Self { router: router(app.clone()), app, _folder: folder }
    }

    pub async fn send(&self, request: Request<String>) -> Answer {
        {
            // With the turn held: a request that saves meanwhile must not be overwritten by what was read before.
            let _turn = self.app.saving.lock().await;
            if self.app.things.load().workspaces.is_empty() {
                self.app.reload().await.unwrap();
            }
        }
        let response = self.router.clone().call(request.map(Body::from)).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, body }
    }

    pub async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "Authorization") {
            request = request.header("Authorization", format!("Bearer {ADMIN_TOKEN}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.to_owned()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.ask("GET", path, &[("Authorization", &format!("Bearer {token}"))], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, &[], body).await
    }

    pub async fn put(&self, path: &str, body: &str) -> Answer {
        self.ask("PUT", path, &[], body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], "").await
    }

    /// A key of another workspace, which is made for it.
    pub async fn other_workspace(&self) -> String {
        let body = serde_json::to_string(&model::thing::Workspace::default()).unwrap();
        let change = Change {
            workspace: 0,
            kind: Kind::Workspace,
            id: None,
            name: "other".to_owned(),
            archived: false,
            body,
            expected: None,
        };
        let saved = self.app.save(vec![change], "test").await.unwrap();
        let (token, sha256) = token::new_token().unwrap();
        self.app.catalog.create_token(saved[0].id, "other", sha256, 0).await.unwrap();
        token
    }

    /// Puts facts into the store, as ingest would.
    pub async fn store(&self, rows: Vec<Row>, inbox: Vec<InboxEntry>) {
        let after = self.app.events.position().await.unwrap();
        let through = after + 1000;
        self.app.events.commit(Batch { after, through, rows, inbox }).await.unwrap();
        self.app.ingested.store(through, Ordering::Release);
    }

    /// A click id as it is given out.
    pub fn click_id(&self, key: ClickKey, campaign: ThingId) -> String {
        let id = ClickId { key, campaign, unlogged: false, test: false };
        id.text(&self.app.config.id_prefix, &self.app.keys).to_string()
    }
}
