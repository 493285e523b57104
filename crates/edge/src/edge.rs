//! The edge as a whole: what it is made of, and which endpoint a request goes to.

use crate::config::{Config, OnLogFailure};
use crate::cookie::Cookies;
use crate::counters::{Counters, Event};
use crate::hosted::{self, Bundles, Library};
use crate::ids::{IdFloor, Ids};
use crate::joined;
use crate::link::{self, Link};
use crate::log::Log;
use crate::older::{ClickLookup, Older, RecentClick};
use crate::once::Once;
use crate::page_script::PageScript;
use crate::recent::Recents;
use crate::reply::{self, Reply};
use crate::request::{Endpoint, Incoming};
use crate::site::Site;
use crate::unlogged::Debts;
use crate::verdicts::Verdicts;
use crate::visits::{Visit, Visits, foreign_hash, given_hash};
use crate::{click, direct, health, impression, intake, lander_click, page_event, pixel_script};
use arc_swap::ArcSwap;
use http::{HeaderValue, StatusCode};
use journal::Journal;
use lookup::{Agents, GeoHandle};
use model::codec;
use model::record::{Record, RecordKind, tag};
use model::table::{CapCounts, RoutingTable};
use model::thing::{ThingId, Workspace};
use model::{ClickId, ClickKey, Field, KeyRing};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Landings, events and halves of clicks that are remembered: within 10 MB.
const ONCE_MAX: usize = 1 << 17;

/// What time it is; a simulation has its own.
pub trait Clock: Send + Sync {
    /// Unix milliseconds.
    fn now_ms(&self) -> i64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// What an edge works with.
pub struct Parts {
    /// The installation's secrets.
    pub keys: Arc<KeyRing>,
    /// The configuration; swapped whole when it changes.
    pub table: Arc<ArcSwap<RoutingTable>>,
    /// Reads user agents.
    pub agents: Arc<Agents>,
    /// Places and networks of addresses.
    pub geo: Arc<GeoHandle>,
    /// Where everything is written down.
    pub journal: Journal,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Clicks that are not in memory any more.
    pub clicks: Arc<dyn ClickLookup>,
    /// The files of hosted landers.
    pub bundles: Arc<Bundles>,
    /// Where the floor of click ids is kept.
    pub id_floor: IdFloor,
    /// How much of their caps offers have taken, as ingest counts.
    pub caps: Arc<ArcSwap<CapCounts>>,
}

/// The hot path.
pub struct Edge {
    pub(crate) config: Config,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) table: Arc<ArcSwap<RoutingTable>>,
    pub(crate) agents: Arc<Agents>,
    pub(crate) geo: Arc<GeoHandle>,
    pub(crate) log: Arc<Log>,
    pub(crate) visits: Visits,
    pub(crate) recents: Recents,
    pub(crate) once: Once,
    older: Older,
    pub(crate) verdicts: Verdicts,
    pub(crate) caps: Arc<ArcSwap<CapCounts>>,
    page_script: PageScript,
    pub(crate) library: Library,
    default_settings: Workspace,
}

/// An edge at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// How often what was refused or noted, since the start.
    pub events: Vec<(Event, u64)>,
    /// Clicks answered as unlogged by campaign, since the start.
    pub unlogged: Vec<(ThingId, u64)>,
    /// Whether the journal is owed anything for them.
    pub is_owed: bool,
    /// The newest click key.
    pub newest_key: ClickKey,
    /// Bytes of memory about who was here within a day.
    pub visits_bytes: usize,
}

impl Edge {
    /// An edge with nothing in its memory; [`Edge::replay`] fills it.
    pub fn new(config: Config, parts: Parts) -> Self {
        let log = Log {
            journal: parts.journal,
            debts: Debts::default(),
            ids: Ids::new(config.node, parts.id_floor),
            clock: parts.clock,
            counters: Counters::new(),
            on_failure: config.on_log_failure,
        };
        Self {
            keys: parts.keys,
            table: parts.table,
            agents: parts.agents,
            geo: parts.geo,
            log: Arc::new(log),
            visits: Visits::new(config.visits_bytes_max),
            recents: Recents::new(config.recent_clicks_max),
            once: Once::new(ONCE_MAX),
            older: Older::new(parts.clicks, config.lookups_max, config.lookup_deadline),
            verdicts: Verdicts::default(),
            caps: parts.caps,
            page_script: PageScript::new(),
            library: Library::new(parts.bundles),
            default_settings: Workspace::default(),
            config,
        }
    }

    /// Answers a request. Every request has an answer, and what is refused is counted by its reason.
    pub async fn handle(&self, request: Incoming<'_>) -> Reply {
        let site = self.site(request.headers, request.peer);
        self.answer(&request, site, Endpoint::of(request.path())).await
    }

    /// Answers a request whose host and path were looked at.
    pub(crate) async fn answer(
        &self,
        request: &Incoming<'_>,
        site: Site,
        endpoint: Option<Endpoint<'_>>,
    ) -> Reply {
        if site.turns_away(endpoint) {
            return self.refuse(Event::UnknownHost);
        }
        let Some(endpoint) = endpoint else {
            return match Link::beside(request.path()).filter(|_| site.domain().is_some()) {
                None => self.refuse(Event::NoEndpoint),
                Some(_) if !link::allows(request.method) => link::no_method(self, link::METHODS),
                Some(link) => click::click(self, request, site, link).await,
            };
        };
        if !endpoint.allows(request.method) {
            return link::no_method(self, HeaderValue::from_static(endpoint.methods()));
        }
        match endpoint {
            Endpoint::Click { key } => click::click(self, request, site, Link::Key(key)).await,
            Endpoint::LanderClick { link } => {
                lander_click::lander_click(self, request, site, link).await
            }
            Endpoint::Postback { key } => intake::postback(self, request, key).await,
            Endpoint::Pixel => intake::pixel(self, request).await,
            Endpoint::PixelScript => pixel_script::pixel_script(),
            Endpoint::PageScript => self.page_script.reply(request.method, request.headers),
            Endpoint::Impression { key } => impression::impression(self, request, site, key).await,
            Endpoint::Landing { key } => direct::landing(self, request, site, key).await,
            Endpoint::PageEvent => page_event::page_event(self, request, site).await,
            Endpoint::Hosted { path } => hosted::hosted(self, request, site, path).await,
            Endpoint::Live => health::live(),
            Endpoint::Ready => health::ready(self).await,
        }
    }

    /// Takes over what a record of the journal says, after a start: recent clicks, first visits, the floor of ids.
    pub fn replay(&self, record: &Record) {
        let Some(key) = record.key() else { return };
        if !matches!(
            record.kind,
            RecordKind::Postback
                | RecordKind::Pixel
                | RecordKind::Order
                | RecordKind::Report
                | RecordKind::LanderClick
                | RecordKind::Page
                | RecordKind::Joined
        ) {
            self.log.ids.raise(key);
        }
        joined::replay(self, record, key);
        if record.kind != RecordKind::Click {
            return;
        }
        let facts = &record.facts;
        let mut bytes = Vec::with_capacity(512);
        codec::encode(record.kind, facts, &mut bytes);
        self.recents.put(key, &bytes);
        let number = |field: Field| facts.int(field).and_then(|id| ThingId::try_from(id).ok());
        let Some(campaign) = number(Field::Campaign) else { return };
        // Whether the visitor got an id with it is not recorded; if not, nobody will ever ask by it.
        let given = given_hash(key, &self.keys);
        let table = self.table.load();
        if !facts.flag(Field::Bot) && !facts.flag(Field::Test) {
            self.visits.enter(&Visit {
                at_ms: key.time_ms(),
                visitor: facts.int_at(tag::VISITOR).map_or(given, |visitor| visitor as u64),
                given: Some(given),
                campaign,
                // Not the flow that decided in the end, which may be that of a campaign it was led on to.
                flow: table.campaign(campaign).map(|campaign| campaign.flow),
                foreign: foreign_hash(facts, campaign, &self.keys),
            });
        }
    }

    /// The board on which ingest says what became of postbacks.
    pub fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// How the edge is.
    pub fn status(&self) -> Status {
        Status {
            events: self.log.counters.all(),
            unlogged: self.log.debts.by_campaign(),
            is_owed: self.log.debts.is_owed(),
            newest_key: self.log.ids.last(),
            visits_bytes: self.visits.bytes(),
        }
    }

    /// Pays what is owed to a journal that works again, when no click came by to do it. To be called now and then within
    /// a runtime; [`crate::serve`] does.
    pub fn upkeep(&self) {
        if self.log.debts.is_owed() && self.log.journal.status().degraded.is_none() {
            self.log.pay_if_owed();
        }
    }

    /// The counted answer to what cannot be honoured.
    pub(crate) fn refuse(&self, event: Event) -> Reply {
        self.log.counters.count(event);
        let (status, sentence) = match event {
            Event::UnknownCampaign => (StatusCode::NOT_FOUND, "This link does not exist.\n"),
            Event::InactiveCampaign => (StatusCode::GONE, "This link is no longer in use.\n"),
            Event::NoDestination | Event::DestinationRefused => {
                (StatusCode::NOT_FOUND, "This link leads nowhere.\n")
            }
            Event::ClickIdMissing => (StatusCode::NOT_FOUND, "This link needs a click id.\n"),
            Event::ClickIdMalformed | Event::ClickIdUnverified | Event::ClickIdUnexpanded => {
                (StatusCode::NOT_FOUND, "The click id of this link is not valid.\n")
            }
            Event::ForeignOrigin => (StatusCode::FORBIDDEN, "Pages of this site are not known.\n"),
            Event::PageMissing | Event::EventMalformed => {
                (StatusCode::BAD_REQUEST, "The report is not understood.\n")
            }
            Event::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "This method is not supported here.\n")
            }
            Event::HeadersTooMany | Event::HeadTooLarge => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "The request has too many headers.\n")
            }
            Event::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.\n"),
            Event::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "The body did not come in time.\n"),
            Event::BodyEncoded => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the body without compression.\n")
            }
            Event::RequestMalformed | Event::RequestAborted => {
                (StatusCode::BAD_REQUEST, "The request is not understood.\n")
            }
            _ => (StatusCode::NOT_FOUND, "There is nothing here.\n"),
        };
        reply::page(status, sentence)
    }

    /// The answer when the journal cannot take what must not be lost.
    pub(crate) fn unavailable(&self) -> Reply {
        self.log.counters.count(Event::NotLogged);
        reply::unavailable()
    }

    /// Whether a visitor whose click is not logged is refused.
    pub(crate) fn refuses_unlogged(&self) -> bool {
        self.log.on_failure == OnLogFailure::Refuse
    }

    /// A click that is still in memory.
    pub(crate) fn recall_at_hand(&self, key: ClickKey) -> Option<RecentClick> {
        let bytes = self.recents.get(key)?;
        codec::decode(&bytes).ok().map(|record| RecentClick { facts: record.facts })
    }

    /// A click, from memory or from where older ones are.
    pub(crate) async fn recall(&self, workspace: ThingId, key: ClickKey) -> Option<RecentClick> {
        match self.recall_at_hand(key) {
            Some(click) => Some(click),
            None => self.older.find(workspace, key, &self.log.counters).await,
        }
    }

    /// The settings of a workspace; the defaults for one that is not in the table.
    pub(crate) fn settings<'a>(
        &'a self,
        table: &'a RoutingTable,
        workspace: ThingId,
    ) -> &'a Workspace {
        table.workspace(workspace).unwrap_or(&self.default_settings)
    }

    /// The last clicks in a visitor's cookie, newest first.
    pub(crate) fn clicks_of<'a>(
        &self,
        cookies: Cookies<'a>,
    ) -> impl Iterator<Item = (&'a str, ClickId)> {
        cookies.clicks(&self.config.id_prefix, &self.keys, self.log.clock.now_ms())
    }
}
