//! From the lander to an offer: `/click` and `/click/{n}`.

use crate::arrival::identify;
use crate::choices::{self, Choices};
use crate::cookie::Cookies;
use crate::counters::Event;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::{Entry, encode};
use crate::older::RecentClick;
use crate::onward::{self, Seal};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use crate::visitor::{Loaded, Visitor};
use model::facts::Facts;
use model::id::{self, IdError};
use model::postback::{PARAMS, PostbackParam};
use model::record::{RecordKind, tag};
use model::route::{self, Hop, LinkOffer, Stored, Target, UrlValues};
use model::table::{CampaignRoute, PathTarget, RoutingTable};
use model::thing::{DEFAULT_WORKSPACE, ThingId};
use model::{ClickId, Field};

/// What a lander click takes over from its click: who decided what.
const FROM_CLICK: [Field; 6] =
    [Field::Flow, Field::Rule, Field::Path, Field::Lander, Field::Source, Field::Revision];

/// What a decision leaves among the facts; routing anew replaces it.
const DECIDED: [u16; 12] = [
    Field::Flow.tag(),
    Field::Rule.tag(),
    Field::Path.tag(),
    Field::Lander.tag(),
    Field::Offer.tag(),
    Field::Network.tag(),
    tag::HOP,
    tag::KEPT,
    tag::SEED,
    tag::SEEN,
    tag::CAPPED,
    tag::TRUTH,
];

/// Sends the visitor on to the offer behind link `link` of the click they come from. Like a click, it is answered when
/// the journal has decided.
pub(crate) async fn lander_click(
    edge: &Edge,
    request: &Incoming<'_>,
    site: Site,
    link: usize,
) -> Reply {
    let query = Query::bounded(request.path_and_query, edge.config.limits.uri_kept_bytes);
    if let Some(page) = onward::second_hop(edge, site, query) {
        return page;
    }
    let table = edge.table.load_full();
    let id = match named_click(edge, request, query, &table) {
        Ok(id) => id,
        Err(event) => return edge.refuse(event),
    };
    let campaign = table.campaign(id.campaign).filter(|campaign| site.serves(campaign.workspace));
    let Some(campaign) = campaign else {
        return edge.refuse(Event::UnknownCampaign);
    };
    let found = edge.recall(campaign.workspace, id.key).await;
    let place = Place { edge, request, site, table: &table, campaign };
    let Some(hop) = place.decide(id, link, found) else {
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
    place.answer(&hop)
}

/// The click a request names: the first parameter that holds an id of ours, a repairable one included, else the newest
/// click in the visitor's cookie (of the campaign in `c`, if it is given).
pub(crate) fn named_click(
    edge: &Edge,
    request: &Incoming<'_>,
    query: Query<'_>,
    table: &RoutingTable,
) -> Result<ClickId, Event> {
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
            Err(IdError::Malformed) => wrong = Event::ClickIdMalformed,
            Err(IdError::Unverified) => wrong = Event::ClickIdUnverified,
            Err(
                IdError::Truncated { repaired }
                | IdError::Altered { repaired }
                | IdError::Wrapped { repaired },
            ) => {
                edge.log.counters.count(Event::IdRepaired);
                return Ok(repaired);
            }
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

/// Where a lander click is dealt with.
#[derive(Clone, Copy)]
struct Place<'a> {
    edge: &'a Edge,
    request: &'a Incoming<'a>,
    site: Site,
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
}

/// A lander click that has been decided.
struct Passage {
    id: ClickId,
    /// Where it leads; to the own URL of the click's path when absent.
    offer: Option<ThingId>,
    /// Fills the tokens of the destination.
    facts: Facts,
    record: Facts,
    /// What the visitor had and saw, this click included, when a flow remembers that.
    choices: Option<Choices>,
}

impl<'a> Place<'a> {
    /// The offer of the link: as the click was routed; when the click is not known any more, or its path is gone, as a
    /// click with its key would be routed now.
    fn decide(self, id: ClickId, link: usize, found: Option<RecentClick>) -> Option<Passage> {
        let Self { edge, request, site, table, campaign } = self;
        let headers = Headers::read(request.headers);
        let cookies = Cookies::read(headers.cookie);
        let privacy = (edge.settings(table, campaign.workspace).ip_privacy, Loaded::ByNavigation);
        let mut present = Facts::for_click();
        identify(&mut present, id.key, site, table, campaign);
        let visitor = Visitor::read(edge, request, &headers, cookies, privacy, &mut present);
        let mut choices = Choices::read(cookies.choices, &edge.keys);
        let known =
            found.as_ref().and_then(|click| self.offer_behind(&click.facts, &choices, id, link));
        let is_rerouted = known.is_none();
        let (behind, mut facts) = match (known, found) {
            (Some(behind), Some(click)) => (Some(behind), click.facts),
            (_, found) => {
                let mut facts = found.map_or(present, |click| click.facts);
                self.route_anew(id, &visitor, &choices, &mut facts)?;
                (self.offer_behind(&facts, &choices, id, link), facts)
            }
        };
        let offer = behind.as_ref().map(|behind| behind.offer);
        facts.remove(Field::Offer.tag());
        facts.remove(Field::Network.tag());
        if let Some(behind) = &behind {
            facts.set_int(Field::Offer, behind.offer);
            if let Some(network) = behind.network {
                facts.set_int(Field::Network, network);
            }
        }
        let record = self.record(&facts, &visitor, id, link, is_rerouted, behind.as_ref());
        let number = |field: Field| facts.int(field).and_then(|id| u32::try_from(id).ok());
        let noted = number(Field::Flow).zip(number(Field::Path)).zip(offer);
        let is_noted =
            noted.is_some_and(|((flow, path), offer)| choices.note_offer(table, flow, path, offer));
        let choices = (is_noted && visitor.is_person()).then_some(choices);
        Some(Passage { id, offer, facts, record, choices })
    }

    /// Decides for a click that is not known, or whose path is gone; `None` when it leads nowhere.
    fn route_anew(
        self,
        id: ClickId,
        visitor: &Visitor,
        choices: &Choices,
        facts: &mut Facts,
    ) -> Option<()> {
        let Self { edge, table, campaign, .. } = self;
        edge.log.counters.count(Event::Rerouted);
        for tag in DECIDED {
            facts.remove(tag);
        }
        let (caps, now_ms) = (edge.caps.load(), edge.log.clock.now_ms());
        let visit = route::Visit {
            query: facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            ip: visitor.ip,
            visitor: Some(choices::seed(id.key, visitor.recorded_hash, &edge.keys)),
            kept: &choices.kept,
            seen: &choices.seen,
            capped: &|offer| caps.is_over(table, offer, now_ms),
            ..route::Visit::new(id.key, facts)
        };
        let decision = route::route(table, campaign, &visit, edge.keys.draw())?;
        let leads_on =
            matches!(decision.target, Target::Lander { .. } | Target::Offer(_) | Target::Url);
        leads_on.then(|| decision.record(facts))
    }

    /// The offer behind a link of the path that a click took. What it was promised stands; what is drawn only now hangs
    /// on caps, choices and sights of now.
    fn offer_behind(
        self,
        click: &Facts,
        choices: &Choices,
        id: ClickId,
        link: usize,
    ) -> Option<LinkOffer> {
        let Self { edge, table, .. } = self;
        let (caps, now_ms) = (edge.caps.load(), edge.log.clock.now_ms());
        let capped = |offer| caps.is_over(table, offer, now_ms);
        let stored = Stored::read(click);
        let (kept, seen) = (&*choices.kept, &*choices.seen);
        let visit = route::Visit { key: id.key, kept, seen, ..stored.visit(&capped) };
        let behind = route::offer_of_link(table, &visit, link, edge.keys.draw())?;
        table.offer(behind.offer).is_some().then_some(behind)
    }

    fn record(
        self,
        facts: &Facts,
        visitor: &Visitor,
        id: ClickId,
        link: usize,
        is_rerouted: bool,
        behind: Option<&LinkOffer>,
    ) -> Facts {
        let mut record = Facts::default();
        record.push_int(tag::KEY, id.key.0);
        record.push_int(tag::AT, self.edge.log.clock.now_ms());
        record.push_int(tag::LINK, i64::try_from(link).unwrap_or(i64::MAX));
        record.set_int(Field::Campaign, self.campaign.id);
        record.set_int(Field::Workspace, self.campaign.workspace);
        let taken = |tag: u16| {
            FROM_CLICK.iter().chain(&[Field::Offer, Field::Network]).any(|field| field.tag() == tag)
        };
        record.extend(facts, taken);
        for offer in behind.into_iter().flat_map(|behind| &behind.capped) {
            record.push_int(tag::CAPPED, (*offer).into());
        }
        record.set_flag(Field::Rerouted, is_rerouted);
        record.set_flag(Field::Test, id.test);
        record.set_flag(Field::Unlogged, id.unlogged);
        // A prefetch of the offer's link is nobody's step either.
        record.set_flag(Field::Bot, !visitor.is_person());
        let reason = visitor.verdict.reason().map_or("", |reason| reason.code());
        record.set_text(Field::BotReason, reason);
        record
    }

    /// Sends the visitor on, as the path of the click says.
    fn answer(self, hop: &Passage) -> Reply {
        let Self { edge, request, site, table, campaign } = self;
        let text = hop.id.text(&edge.config.id_prefix, &edge.keys);
        let values = UrlValues {
            table,
            campaign,
            facts: &hop.facts,
            query: hop.facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            key: hop.id.key,
            click_id: text.as_str(),
            click_param: &edge.settings(table, campaign.workspace).click_param,
            draws: edge.keys.draw(),
        };
        let number = |field: Field| hop.facts.int(field).and_then(|id| u32::try_from(id).ok());
        let path = number(Field::Flow).and_then(|id| table.flow(id)).zip(number(Field::Path));
        let path = path.and_then(|(flow, id)| flow.path(id));
        let (mode, pass) = path.map(|path| (path.mode, path.pass)).unwrap_or_default();
        let to = match (hop.offer, path.map(|path| &path.target)) {
            (Some(offer), _) => Hop::Offer(offer),
            (None, Some(PathTarget::Url(url))) => Hop::Url(url),
            (None, _) => return edge.refuse(Event::NoDestination),
        };
        let Some(url) = route::destination(&to, pass, &values) else {
            return edge.refuse(Event::NoDestination);
        };
        let Some(mut reply) = onward::send_on(
            mode,
            request.method,
            url,
            Seal::of(edge, campaign.workspace, edge.log.clock.now_ms()),
        ) else {
            return edge.refuse(Event::DestinationRefused);
        };
        if let Some(choices) = &hop.choices {
            let secure = edge.is_secure(request, site);
            reply::set_cookie(&mut reply, choices.set_cookie(&edge.keys, secure));
        }
        reply
    }
}
