//! From the lander to an offer: `/click` and `/click/{n}`.

use crate::cookie::Cookies;
use crate::counters::Event;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::{Entry, encode};
use crate::older::RecentClick;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::visitor::{Loaded, Visitor};
use http::{Method, StatusCode};
use model::facts::Facts;
use model::id::{self, IdError};
use model::postback::{PARAMS, PostbackParam};
use model::record::{RecordKind, tag};
use model::route::{self, Hop, UrlValues};
use model::table::{CampaignRoute, RoutingTable};
use model::thing::{DEFAULT_WORKSPACE, ThingId};
use model::{ClickId, Field};

/// What a lander click takes over from its click: who decided what.
const FROM_CLICK: [Field; 5] =
    [Field::Flow, Field::Path, Field::Lander, Field::Source, Field::Revision];

/// Sends the visitor on to the offer behind link `link` of the click they come from. Like a click, it is answered when
/// the journal has decided.
pub(crate) async fn lander_click(edge: &Edge, request: &Incoming<'_>, link: usize) -> Reply {
    let table = edge.table.load_full();
    let id = match named_click(edge, request, &table) {
        Ok(id) => id,
        Err(event) => return edge.refuse(event),
    };
    let Some(campaign) = table.campaign(id.campaign) else {
        return edge.refuse(Event::UnknownCampaign);
    };
    let found = edge.recall(campaign.workspace, id.key).await;
    let Some(hop) = Passage::decide(edge, request, (&table, campaign), id, link, found) else {
        return edge.refuse(Event::NoDestination);
    };
    let entry = Entry {
        kind: RecordKind::LanderClick,
        facts: &hop.record,
        workspace: campaign.workspace,
        campaign: campaign.id,
    };
    let logged = edge.log.append(encode(entry.kind, entry.facts), &entry).await;
    if logged.is_err() && edge.refuses_unlogged() {
        return edge.unavailable();
    }
    hop.answer(edge, request, &table, campaign)
}

/// The click a request names: the first parameter that holds an id of ours, a repairable one included, else the newest
/// click in the visitor's cookie (of the campaign in `c`, if it is given).
fn named_click(
    edge: &Edge,
    request: &Incoming<'_>,
    table: &RoutingTable,
) -> Result<ClickId, Event> {
    let query = Query::bounded(request.path_and_query, edge.config.limits.uri_kept_bytes);
    let (prefix, keys) = (&edge.config.id_prefix, &edge.keys);
    let own = &edge.settings(table, DEFAULT_WORKSPACE).click_param;
    let mut wrong = Event::ClickIdMissing;
    for (name, raw) in query.pairs() {
        let value = model::params::decode(raw);
        // Other workspaces may call it otherwise; what looks like an id is tried whatever it is called.
        let looks_like_id = value.len() == prefix.len() + 26 && value.starts_with(&**prefix);
        if !(name == own || is_click_param(name) || looks_like_id) || value.is_empty() {
            continue;
        }
        match id::read(&value, prefix, keys, edge.log.clock.now_ms()) {
            Ok(id) => return Ok(id),
            Err(IdError::Truncated { repaired } | IdError::Altered { repaired }) => {
                edge.log.counters.count(Event::IdRepaired);
                return Ok(repaired);
            }
            Err(IdError::Malformed) => wrong = Event::ClickIdMalformed,
            Err(IdError::Unverified) => wrong = Event::ClickIdUnverified,
        }
    }
    let header = request.headers.get(http::header::COOKIE).map(http::HeaderValue::as_bytes);
    let campaign =
        query.get("c").and_then(|key| table.campaign_by_key(&key)).map(|campaign| campaign.id);
    let mut clicks = edge.clicks_of(Cookies::read(header)).map(|(_, id)| id);
    clicks.find(|id| campaign.is_none_or(|campaign| id.campaign == campaign)).ok_or(wrong)
}

/// The names by which a click id is handed on, as for postbacks.
pub(crate) fn is_click_param(name: &str) -> bool {
    PARAMS.iter().any(|(param, names)| *param == PostbackParam::ClickId && names.contains(&name))
}

/// A lander click that has been decided.
struct Passage {
    id: ClickId,
    offer: ThingId,
    /// Fills the tokens of the offer's URL.
    facts: Facts,
    record: Facts,
}

impl Passage {
    /// The offer of the link: as the click was routed; when the click is not known any more, or its path is gone, as a
    /// click with its key would be routed now.
    fn decide(
        edge: &Edge,
        request: &Incoming<'_>,
        (table, campaign): (&RoutingTable, &CampaignRoute),
        id: ClickId,
        link: usize,
        found: Option<RecentClick>,
    ) -> Option<Self> {
        let headers = Headers::read(request.headers);
        let privacy = (edge.settings(table, campaign.workspace).ip_privacy, Loaded::ByNavigation);
        let mut present = Facts::for_click();
        let cookies = Cookies::default();
        let visitor = Visitor::read(edge, request, &headers, cookies, privacy, &mut present);
        let known =
            found.as_ref().and_then(|click| known_offer(edge, table, id, link, &click.facts));
        let is_rerouted = known.is_none();
        let (offer, mut facts) = match (known, found) {
            (Some(offer), Some(click)) => (offer, click.facts),
            (_, found) => {
                edge.log.counters.count(Event::Rerouted);
                let decision = route::route(table, campaign, id.key, edge.keys.draw())?;
                let mut facts = found.map_or(present, |click| click.facts);
                for field in [Field::Flow, Field::Path, Field::Lander, Field::Offer, Field::Network]
                {
                    facts.remove(field.tag());
                }
                decision.record(&mut facts);
                let behind = route::offer_of_link(
                    table,
                    decision.flow,
                    decision.path,
                    id.key,
                    link,
                    edge.keys.draw(),
                );
                (behind.unwrap_or(decision.offer), facts)
            }
        };
        facts.replace_int(Field::Offer.tag(), offer.into());
        facts.remove(Field::Network.tag());
        if let Some(network) = table.offer(offer)?.network {
            facts.set_int(Field::Network, network);
        }
        let mut record = Facts::default();
        record.push_int(tag::KEY, id.key.0);
        record.push_int(tag::AT, edge.log.clock.now_ms());
        record.push_int(tag::LINK, i64::try_from(link).unwrap_or(i64::MAX));
        record.set_int(Field::Campaign, campaign.id);
        record.set_int(Field::Workspace, campaign.workspace);
        let taken = |tag: u16| {
            FROM_CLICK.iter().chain(&[Field::Offer, Field::Network]).any(|field| field.tag() == tag)
        };
        record.extend(&facts, taken);
        record.set_flag(Field::Rerouted, is_rerouted);
        record.set_flag(Field::Test, id.test);
        record.set_flag(Field::Unlogged, id.unlogged);
        // A prefetch of the offer's link is nobody's step either.
        record.set_flag(Field::Bot, !visitor.is_person());
        let reason = visitor.verdict.reason().map_or("", |reason| reason.code());
        record.set_text(Field::BotReason, reason);
        Some(Self { id, offer, facts, record })
    }

    fn answer(
        &self,
        edge: &Edge,
        request: &Incoming<'_>,
        table: &RoutingTable,
        campaign: &CampaignRoute,
    ) -> Reply {
        let text = self.id.text(&edge.config.id_prefix, &edge.keys);
        let values = UrlValues {
            table,
            facts: &self.facts,
            key: self.id.key,
            click_id: text.as_str(),
            draws: edge.keys.draw(),
        };
        let param = &edge.settings(table, campaign.workspace).click_param;
        let status =
            if request.method == Method::POST { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
        let url = route::destination(Hop::Offer(self.offer), &values, param, std::iter::empty());
        let Some(url) = url else { return edge.refuse(Event::NoDestination) };
        reply::redirect(status, url).unwrap_or_else(|| edge.refuse(Event::DestinationRefused))
    }
}

/// The offer of a link of the path that a known click took.
fn known_offer(
    edge: &Edge,
    table: &RoutingTable,
    id: ClickId,
    link: usize,
    click: &Facts,
) -> Option<ThingId> {
    let number = |field: Field| click.int(field).and_then(|id| u32::try_from(id).ok());
    let (flow, path) = (number(Field::Flow)?, number(Field::Path)?);
    let offer = route::offer_of_link(table, flow, path, id.key, link, edge.keys.draw())?;
    table.offer(offer).map(|_| offer)
}
