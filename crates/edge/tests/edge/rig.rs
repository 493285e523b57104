//! What every test needs: an edge over a journal and a small configuration, and the records it wrote.

use arc_swap::ArcSwap;
use bytes::Bytes;
use edge::{
    BoxFuture, Bundles, ClickLookup, Clock, Config, Edge, IdFloor, Incoming, Parts, RecentClick,
    Reply,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use journal::sim::SimDisk;
use journal::{Disk, Journal, Options, RealDisk, Sequence};
use lookup::{Agents, GeoFiles, GeoHandle};
use model::keys::MacKey;
use model::record::Record;
use model::table::{CapCounts, RoutingTable, Things};
use model::thing::*;
use model::{ClickId, ClickKey, Field, KeyRing, codec, id};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

pub const NOW: i64 = 1_800_000_000_000;
pub const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
pub const GOOGLEBOT: &str =
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
pub const PREVIEW: &str =
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";

pub struct SetClock(pub AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Older clicks a test puts there.
#[derive(Default)]
pub struct Shelf(pub Mutex<Vec<(ThingId, ClickKey, RecentClick)>>);

impl ClickLookup for Shelf {
    fn find(&self, workspace: ThingId, key: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
        let held = self.0.lock().unwrap();
        let found = held.iter().find(|(of, held, _)| (*of, *held) == (workspace, key));
        let found = found.map(|(_, _, click)| click.clone());
        Box::pin(async move { found })
    }
}

pub struct Rig {
    pub edge: Arc<Edge>,
    pub journal: Journal,
    pub clock: Arc<SetClock>,
    pub table: Arc<ArcSwap<RoutingTable>>,
    pub shelf: Arc<Shelf>,
    pub keys: Arc<KeyRing>,
    pub disk: Option<SimDisk>,
    /// What offers have taken, as ingest would say.
    pub caps: Arc<ArcSwap<CapCounts>>,
    pub bundles: Arc<Bundles>,
    _folder: Option<tempfile::TempDir>,
    _bundles: tempfile::TempDir,
}

pub fn keys() -> Arc<KeyRing> {
    let macs = vec![MacKey { valid_from_ms: 0, secret: [1; 16] }];
    Arc::new(KeyRing::new(macs, [2; 16], [3; 16]).unwrap())
}

fn agents() -> Arc<Agents> {
    static AGENTS: OnceLock<Arc<Agents>> = OnceLock::new();
    Arc::clone(AGENTS.get_or_init(|| Arc::new(Agents::load().unwrap())))
}

fn geo() -> Arc<GeoHandle> {
    static GEO: OnceLock<Arc<GeoHandle>> = OnceLock::new();
    let fixtures = Path::new("../lookup/fixtures/mmdb");
    let files = GeoFiles {
        city: vec![fixtures.join("GeoLite2-City-Test.mmdb")],
        asn: vec![fixtures.join("GeoLite2-ASN-Test.mmdb")],
        connection: None,
    };
    Arc::clone(GEO.get_or_init(|| Arc::new(GeoHandle::open(files).unwrap())))
}

fn options() -> Options {
    Options { segment_bytes: 1 << 20, ballast_bytes: 0, ..Options::default() }
}

impl Rig {
    /// Over a real journal in a folder of its own.
    pub fn new() -> Self {
        Self::with(Config::default(), things())
    }

    pub fn with(config: Config, things: Things) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (journal, _) =
            Journal::open(Arc::new(RealDisk::new()), folder.path(), options()).unwrap();
        Self::over(config, things, journal, None, Some(folder))
    }

    /// Over a journal on a disk that fails on demand.
    pub fn on_sim(config: Config, max_ack_wait: Duration) -> Self {
        let disk = SimDisk::ticking(7);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let options = Options { max_ack_wait, ..options() };
        let (journal, _) = Journal::open(shared, Path::new("/journal"), options).unwrap();
        Self::over(config, things(), journal, Some(disk), None)
    }

    fn over(
        config: Config,
        things: Things,
        journal: Journal,
        disk: Option<SimDisk>,
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(NOW)));
        let table = Arc::new(ArcSwap::from_pointee(RoutingTable::new(&things)));
        let (shelf, keys) = (Arc::new(Shelf::default()), keys());
        let of_landers = tempfile::tempdir().unwrap();
        let bundles = Arc::new(Bundles::new(of_landers.path().into()));
        let parts = Parts {
            keys: Arc::clone(&keys),
            table: Arc::clone(&table),
            agents: agents(),
            geo: geo(),
            journal: journal.clone(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            clicks: Arc::clone(&shelf) as Arc<dyn ClickLookup>,
            bundles: Arc::clone(&bundles),
            id_floor: IdFloor::in_memory(),
            caps: Arc::default(),
        };
        let caps = Arc::clone(&parts.caps);
        let edge = Arc::new(Edge::new(config, parts));
        Self {
            caps,
            edge,
            journal,
            clock,
            table,
            shelf,
            keys,
            disk,
            bundles,
            _folder: folder,
            _bundles: of_landers,
        }
    }

    /// Another edge over the same journal, as after a restart.
    pub fn restarted(&self) -> Arc<Edge> {
        let parts = Parts {
            keys: Arc::clone(&self.keys),
            table: Arc::clone(&self.table),
            agents: agents(),
            geo: geo(),
            journal: self.journal.clone(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            clicks: Arc::clone(&self.shelf) as Arc<dyn ClickLookup>,
            bundles: Arc::clone(&self.bundles),
            id_floor: IdFloor::in_memory(),
            caps: Arc::default(),
        };
        let edge = Edge::new(Config::default(), parts);
        self.records().iter().for_each(|record| edge.replay(record));
        Arc::new(edge)
    }

    pub fn pass_ms(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// All records so far.
    pub fn records(&self) -> Vec<Record> {
        let mut reader = self.journal.reader(Sequence(1));
        let mut records = Vec::new();
        loop {
            let batch = reader.next_batch(1000, 1 << 20).unwrap();
            if batch.is_empty() {
                return records;
            }
            records.extend(batch.records().map(|(_, bytes)| codec::decode(bytes).unwrap()));
        }
    }

    pub fn last(&self) -> Record {
        self.records().pop().unwrap()
    }

    pub fn count(&self, code: &str) -> u64 {
        let events = self.edge.status().events;
        events.iter().find(|(event, _)| event.code() == code).map_or(0, |(_, count)| *count)
    }

    pub async fn get(&self, uri: &str) -> Reply {
        self.send(Ask::get(uri)).await
    }

    pub async fn send(&self, ask: Ask<'_>) -> Reply {
        ask.to(&self.edge).await
    }

    /// The click id in the `Location` of an answer.
    pub fn id_in(&self, reply: &Reply) -> ClickId {
        read_id(&location(reply), &self.keys)
    }
}

impl Drop for Rig {
    /// A test that fails while the disk hangs must not hang with it: closing the journal waits for the disk.
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.set_fault_rates(journal::sim::FaultRates::default());
            disk.resume_syncs();
        }
    }
}

/// The first click id in a text.
pub fn read_id(text: &str, keys: &KeyRing) -> ClickId {
    let start = text.find("ct_").unwrap_or_else(|| panic!("no click id in {text}"));
    id::read(&text[start..start + 29], "ct_", keys, i64::MAX).unwrap()
}

pub fn location(reply: &Reply) -> String {
    let location = reply.headers().get("location");
    let location = location.unwrap_or_else(|| panic!("no location: {reply:?}"));
    location.to_str().unwrap().to_owned()
}

pub fn cookie(reply: &Reply, name: &str) -> Option<String> {
    let cookies = reply.headers().get_all("set-cookie").iter();
    let mut values = cookies.filter_map(|value| {
        let (key, rest) = value.to_str().unwrap().split_once('=')?;
        (key == name).then(|| rest.split(';').next().unwrap().to_owned())
    });
    values.next()
}

pub fn body(reply: &Reply) -> String {
    String::from_utf8(reply.body().to_vec()).unwrap()
}

/// A request in the making.
pub struct Ask<'a> {
    pub method: &'a str,
    pub uri: &'a str,
    pub headers: Vec<(&'a str, &'a [u8])>,
    pub peer: &'a str,
    pub body: &'a [u8],
}

impl<'a> Ask<'a> {
    pub fn get(uri: &'a str) -> Self {
        let headers =
            vec![("user-agent", CHROME.as_bytes()), ("accept-language", b"de-AT,en;q=0.5")];
        Self { method: "GET", uri, headers, peer: "81.2.69.142", body: b"" }
    }

    pub fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.retain(|(held, _)| *held != name);
        self.headers.push((name, value.as_bytes()));
        self
    }

    pub fn post(uri: &'a str, body: &'a str) -> Self {
        Self { method: "POST", body: body.as_bytes(), ..Self::get(uri) }
    }

    pub async fn to(self, edge: &Edge) -> Reply {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let body = Bytes::copy_from_slice(self.body);
        edge.handle(Incoming {
            method: &method,
            path_and_query: self.uri,
            headers: &headers,
            peer: self.peer.parse().unwrap(),
            body: &body,
            is_tls: false,
        })
        .await
    }
}

pub fn thing<B>(id: ThingId, body: B) -> Thing<B> {
    Thing { id, workspace: 1, name: format!("thing {id}"), revision: 9, archived: false, body }
}

pub fn campaign(key: &str, flow: ThingId) -> Campaign {
    Campaign { key: key.into(), source: Some(1), flow, ..Campaign::default() }
}

pub fn path(id: u32, landers: &[ThingId], offers: &[ThingId]) -> model::thing::Path {
    model::thing::Path {
        id,
        landers: landers.iter().map(|&lander| WeightedLander { lander, weight: 100 }).collect(),
        offers: offers.iter().map(|&offer| WeightedOffer { offer, weight: 100 }).collect(),
        ..model::thing::Path::default()
    }
}

fn flow(default: Vec<model::thing::Path>) -> Flow {
    Flow { default, ..Flow::default() }
}

fn offer(network: Option<ThingId>, url: &str) -> Offer {
    Offer { network, url: url.into(), ..Offer::default() }
}

/// `direct` → offer; `page` → lander → two offers; `paused`, `gone` (with a URL), `nowhere`, `other` (second workspace).
pub fn things() -> Things {
    let source = Source {
        params: vec![SourceParam { param: "zone".into(), field: Field::Placement }],
        click_id_param: Some("tid".into()),
        cost_param: Some("price".into()),
        ..Source::default()
    };
    let network = Network {
        postback_key: Some("netkey".into()),
        offer_url_param: Some("aff_sub".into()),
        ..Network::default()
    };
    let strict = Network {
        postback_key: Some("strictkey".into()),
        key_mode: CheckMode::Enforce,
        addresses: vec!["198.51.100.0/24".into()],
        address_mode: CheckMode::Enforce,
        ..Network::default()
    };
    let temporary = model::thing::Path { mode: RedirectMode::Temporary, ..path(1, &[], &[1]) };
    let paused = Campaign { status: CampaignStatus::Paused, ..campaign("paused", 1) };
    let gone = Campaign {
        status: CampaignStatus::Paused,
        archived_url: Some("https://gone.example/?k={click_id}".into()),
        ..campaign("gone", 1)
    };
    let second = Workspace {
        click_param: "xid".into(),
        ip_privacy: IpPrivacy::Truncate,
        ..Workspace::default()
    };
    Things {
        revision: 42,
        workspaces: vec![thing(1, Workspace::default()), thing(2, second)],
        sources: vec![thing(1, source)],
        networks: vec![thing(1, network), thing(2, strict)],
        offers: vec![
            thing(1, offer(Some(1), "https://offer.example/a?sub={sub1}")),
            thing(2, offer(None, "https://second.example/b?place={placement}&id={click_id}")),
            thing(3, offer(Some(2), "https://strict.example/")),
        ],
        landers: vec![thing(
            1,
            Lander {
                url: "https://lander.example/p?c={country}#top".into(),
                offers: 2,
                bundle: None,
            },
        )],
        flows: vec![
            thing(1, flow(vec![path(1, &[], &[1])])),
            thing(2, flow(vec![path(7, &[1], &[1, 2])])),
            thing(3, flow(vec![])),
            thing(4, flow(vec![temporary])),
            thing(5, flow(vec![path(1, &[], &[3])])),
        ],
        campaigns: vec![
            thing(1, campaign("direct", 1)),
            thing(2, campaign("page", 2)),
            thing(3, paused),
            thing(4, gone),
            thing(5, campaign("nowhere", 3)),
            thing(6, campaign("temporary", 4)),
            thing(7, campaign("strict", 5)),
            Thing { workspace: 2, ..thing(8, campaign("other", 2)) },
        ],
        ..Things::default()
    }
}
