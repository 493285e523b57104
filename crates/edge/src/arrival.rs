//! A click or an impression while it is being dealt with: the steps both have in common.

use crate::choices::{self, Choices};
use crate::cookie::{self, Cookies, Reach};
use crate::counters::{Counters, Event};
use crate::direct::Landing;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::Entry;
use crate::onward::{self, Seal};
use crate::price::Pricing;
use crate::query::Query;
use crate::rehearsal::Rehearsal;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use crate::source;
use crate::visitor::{Loaded, Visitor};
use crate::visits::{Marks, Visit, cookie_hash, foreign_hash};
use journal::{NotLogged, Sequence};
use model::facts::Facts;
use model::id::ClickIdText;
use model::record::{RecordKind, tag};
use model::route::{self, Decision, Onward, UrlValues};
use model::table::{CampaignRoute, RoutingTable};
use model::thing::{ThingId, Workspace};
use model::{ClickId, ClickKey, Field};

/// What somebody came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// To be sent on.
    Click,
    /// To be named: a page says that somebody landed on it.
    Landing(&'a Landing<'a>),
    /// To load a picture that says an ad was seen.
    Impression,
}

/// Somebody who came to a campaign.
pub(crate) struct Arrival<'a> {
    pub edge: &'a Edge,
    request: &'a Incoming<'a>,
    site: Site,
    table: &'a RoutingTable,
    pub campaign: &'a CampaignRoute,
    pub settings: &'a Workspace,
    purpose: Purpose<'a>,
    headers: Headers<'a>,
    cookies: Cookies<'a>,
    query: Query<'a>,
    pub facts: Facts,
    visitor: Visitor,
    /// What the visitor had and saw before.
    choices: Choices,
    pub id: ClickId,
    /// The visitor id given out with it.
    given: Option<String>,
}

/// Writes down what a click is by its link.
pub(crate) fn identify(
    facts: &mut Facts,
    key: ClickKey,
    site: Site,
    table: &RoutingTable,
    campaign: &CampaignRoute,
) {
    facts.push_int(tag::KEY, key.0);
    facts.set_int(Field::Campaign, campaign.id);
    facts.set_int(Field::Workspace, campaign.workspace);
    if let Some(source) = campaign.source {
        facts.set_int(Field::Source, source);
    }
    if let Some(domain) = site.domain() {
        facts.set_int(Field::Domain, domain);
    }
    facts.set_int(Field::Revision, i64::try_from(table.revision()).unwrap_or(i64::MAX));
}

impl<'a> Arrival<'a> {
    /// Reads request and visitor, and names the click.
    pub fn read(
        edge: &'a Edge,
        request: &'a Incoming<'a>,
        site: Site,
        table: &'a RoutingTable,
        campaign: &'a CampaignRoute,
        purpose: Purpose<'a>,
    ) -> Self {
        let stamp = edge.log.ids.next(edge.log.clock.now_ms());
        if stamp.is_clock_suspect {
            edge.log.counters.count(Event::ClockSuspect);
        }
        let mut arrival = Self::named(edge, request, site, (table, campaign), purpose, stamp.key);
        arrival.facts.set_flag(Field::ClockSuspect, stamp.is_clock_suspect);
        arrival
    }

    /// The same with a name that exists already.
    pub fn named(
        edge: &'a Edge,
        request: &'a Incoming<'a>,
        site: Site,
        (table, campaign): (&'a RoutingTable, &'a CampaignRoute),
        purpose: Purpose<'a>,
        key: ClickKey,
    ) -> Self {
        let settings = edge.settings(table, campaign.workspace);
        let mut headers = Headers::read(request.headers);
        let mut cookies = Cookies::read(headers.cookie);
        let mut facts = Facts::for_click();
        identify(&mut facts, key, site, table, campaign);
        let (kind, loaded, url) = match purpose {
            Purpose::Click => ("redirect", Loaded::ByNavigation, request.path_and_query),
            Purpose::Impression => ("impression", Loaded::AsPicture, request.path_and_query),
            Purpose::Landing(landing) => {
                landing.describe(&mut headers, &mut cookies, &mut facts);
                (route::DIRECT, Loaded::ByScript, landing.url)
            }
        };
        let query = Query::bounded(url, edge.config.limits.uri_kept_bytes);
        facts.set_text(Field::Kind, kind);
        let privacy = (settings.ip_privacy, loaded);
        let visitor = Visitor::read(edge, request, &headers, cookies, privacy, &mut facts);
        let choices = Choices::read(cookies.choices, &edge.keys);
        let id = ClickId { key, campaign: campaign.id, unlogged: false, test: false };
        Self {
            edge,
            request,
            site,
            table,
            campaign,
            settings,
            purpose,
            headers,
            cookies,
            query,
            facts,
            visitor,
            choices,
            id,
            given: None,
        }
    }

    /// Takes it that the visitor's address is not known.
    pub fn forget_address(&mut self) {
        self.visitor.ip = None;
    }

    /// Who the visitor is, as a page may keep it.
    pub fn visitor_id(&self) -> Option<&str> {
        self.given.as_deref().or(self.cookies.visitor).filter(|_| self.may_remember())
    }

    /// What it is recorded as.
    pub fn kind(&self) -> RecordKind {
        match self.purpose {
            Purpose::Impression => RecordKind::Impression,
            _ if self.visitor.is_preview() => RecordKind::Preview,
            Purpose::Click | Purpose::Landing(_) => RecordKind::Click,
        }
    }

    /// Reads what the traffic source says.
    pub fn read_source(&mut self, counters: &Counters) {
        let pricing = match self.kind() {
            RecordKind::Click => Pricing::Click,
            RecordKind::Impression => Pricing::Impression,
            _ => Pricing::Free,
        };
        self.id.test = source::read(self.query, self.campaign, pricing, &mut self.facts, counters);
    }

    /// Decides where it goes and writes the decision down; to be asked when everything else is known. A campaign that
    /// is not active routes nowhere: the click is recorded without a path, since it was paid for, and sent where the
    /// campaign says.
    pub fn route(&mut self) -> Option<Decision> {
        let caps = self.edge.caps.load();
        let capped = |offer| caps.is_over(self.table, offer, self.id.key.time_ms());
        let draws = self.edge.keys.draw();
        let decision = route::route(self.table, self.campaign, &self.visit(&capped), draws);
        if let Some(decision) = &decision {
            decision.record(&mut self.facts);
        }
        decision
    }

    /// Decides the same, and says why and where that leads.
    pub fn explain(mut self) -> Rehearsal {
        let caps = self.edge.caps.load();
        let capped = |offer| caps.is_over(self.table, offer, self.id.key.time_ms());
        let draws = self.edge.keys.draw();
        let visit = self.visit(&capped);
        let (outcome, explanation) = route::explain(self.table, self.campaign, &visit, draws);
        if let Ok(decision) = &outcome {
            decision.record(&mut self.facts);
        }
        let (decision, query) = (outcome.ok(), self.query.text);
        let id = self.id.text(&self.edge.config.id_prefix, &self.edge.keys);
        let destination = match route::onward(self.table, self.campaign, decision.as_ref(), query) {
            Onward::To { hop, pass, .. } => {
                route::destination_origins(&hop, pass, &self.url_values(&id))
            }
            _ => None,
        };
        Rehearsal { facts: self.facts, explanation, destination }
    }

    fn visit<'v>(&'v self, capped: &'v dyn Fn(ThingId) -> bool) -> route::Visit<'v> {
        let recorded_hash = self.visitor.recorded_hash;
        route::Visit {
            query: self.facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            ip: self.visitor.ip,
            visitor: Some(choices::seed(self.id.key, recorded_hash, &self.edge.keys)),
            kept: &self.choices.kept,
            seen: &self.choices.seen,
            capped,
            ..route::Visit::new(self.id.key, &self.facts)
        }
    }

    /// Notes that this person was here. Programs, previews and tests leave no trace: they never take a first visit
    /// away from a person.
    pub fn mark_visit(&mut self) {
        let Some(marks) = self.enter_visit() else { return };
        self.facts.set_flag(Field::UniqueCampaign, marks.is_unique_in_campaign);
        self.facts.set_flag(Field::UniqueFlow, marks.is_unique_in_flow);
        self.facts.set_flag(Field::UniqueAll, marks.is_unique_in_all);
        self.facts.set_flag(Field::Duplicate, marks.is_duplicate);
    }

    /// Remembers this person, and says what is known of earlier visits.
    pub fn enter_visit(&mut self) -> Option<Marks> {
        if !self.visitor.is_person() || self.id.test {
            return None;
        }
        if !self.visitor.has_cookie && self.may_remember() {
            self.given = Some(cookie::visitor_id(self.id.key, &self.edge.keys));
        }
        let keys = &self.edge.keys;
        Some(self.edge.visits.enter(&Visit {
            at_ms: self.id.key.time_ms(),
            visitor: self.visitor.hash,
            given: self.given.as_deref().map(|id| cookie_hash(id, keys)),
            campaign: self.campaign.id,
            flow: self.campaign.active.then_some(self.campaign.flow),
            foreign: foreign_hash(&self.facts, self.campaign.id, keys),
        }))
    }

    /// Whether anything may be kept with the visitor.
    pub fn may_remember(&self) -> bool {
        match self.purpose {
            Purpose::Landing(landing) => landing.may_remember(),
            Purpose::Click | Purpose::Impression => true,
        }
    }

    /// Writes it down; the id says whether that succeeded.
    pub async fn log(&mut self) -> Result<Sequence, NotLogged> {
        let kind = self.kind();
        let record = crate::log::encode(kind, &self.facts);
        if kind == RecordKind::Click {
            self.edge.recents.put(self.id.key, &record);
        }
        let Arrival { facts, campaign, .. } = &*self;
        let entry = Entry { kind, facts, workspace: campaign.workspace, campaign: campaign.id };
        let outcome = self.edge.log.append(record, &entry).await;
        self.id.unlogged = outcome.is_err();
        outcome
    }

    /// The answer to a click: where the decision says, else where the campaign sends what it no longer takes, else a
    /// fixed page. A `POST` that comes in the background gets `204`, since nobody follows it.
    pub fn answer(&self, decision: Option<&Decision>) -> Reply {
        if self.id.unlogged && self.edge.refuses_unlogged() {
            return self.edge.unavailable();
        }
        let id = self.id.text(&self.edge.config.id_prefix, &self.edge.keys);
        let reply =
            if self.is_beacon() { Ok(reply::no_content()) } else { self.follow(decision, &id) };
        match reply {
            Ok(reply) => self.with_cookies(reply, &id, decision),
            Err(event) => self.edge.refuse(event),
        }
    }

    /// Whether it was announced in the background (`sendBeacon`, parallel tracking): a `POST` whose `Sec-Fetch-Mode` is
    /// there and not `navigate`, or is absent while the body is `text/plain`, which forms never are by themselves.
    pub fn is_beacon(&self) -> bool {
        let is_plain = || self.headers.content_type.is_some_and(|c| c.starts_with(b"text/plain"));
        self.request.method == http::Method::POST
            && self.headers.sec_fetch_mode.map_or_else(is_plain, |mode| mode != b"navigate")
    }

    fn follow(&self, decision: Option<&Decision>, id: &ClickIdText) -> Result<Reply, Event> {
        match route::onward(self.table, self.campaign, decision, self.query.text) {
            Onward::To { hop, mode, pass, is_shown_refused } => {
                if is_shown_refused {
                    self.edge.log.counters.count(Event::NextHopRefused);
                }
                let url = route::destination(&hop, pass, &self.url_values(id));
                let (url, method) = (url.ok_or(Event::NoDestination)?, self.request.method);
                let seal = Seal::of(self.edge, self.campaign.workspace, self.id.key.time_ms());
                let reply = onward::send_on(mode, method, url, seal);
                reply.ok_or(Event::DestinationRefused)
            }
            Onward::Answer(answer) => reply::fixed(answer).ok_or(Event::NoDestination),
            Onward::Closed => Err(Event::InactiveCampaign),
            Onward::Nowhere => Err(Event::NoDestination),
        }
    }

    fn url_values<'v>(&'v self, id: &'v ClickIdText) -> UrlValues<'v> {
        UrlValues {
            table: self.table,
            campaign: self.campaign,
            facts: &self.facts,
            query: self.query.text,
            key: self.id.key,
            click_id: id.as_str(),
            click_param: &self.settings.click_param,
            draws: self.edge.keys.draw(),
        }
    }

    fn with_cookies(
        &self,
        mut reply: Reply,
        id: &ClickIdText,
        decision: Option<&Decision>,
    ) -> Reply {
        let reach = self.edge.is_secure(self.request, self.site).into();
        self.set_cookies(&mut reply, id, decision, reach);
        reply
    }

    /// Adds the cookies; a preview gets none, nor who wants none.
    pub fn set_cookies(
        &self,
        reply: &mut Reply,
        id: &ClickIdText,
        decision: Option<&Decision>,
        reach: Reach,
    ) {
        if self.visitor.is_preview() || !self.may_remember() {
            return;
        }
        if let Some(given) = &self.given {
            reply::set_cookie(reply, cookie::set_visitor(given, reach));
        }
        let others = self.edge.clicks_of(self.cookies);
        let clicks = cookie::set_clicks(id.as_str(), self.campaign.id, others, reach);
        reply::set_cookie(reply, clicks);
        let mut choices = self.choices.clone();
        if decision.is_some_and(|decision| choices.note(self.table, decision)) {
            reply::set_cookie(reply, choices.set_cookie(&self.edge.keys, reach));
        }
    }
}
