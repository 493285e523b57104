//! A click or an impression while it is being dealt with: the steps both have in common.

use crate::cookie::{self, Cookies};
use crate::counters::Event;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::Entry;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::source::{self, Pricing};
use crate::visitor::{Loaded, Visitor};
use crate::visits::{Visit, cookie_hash, foreign_hash};
use http::StatusCode;
use journal::{NotLogged, Sequence};
use model::facts::Facts;
use model::id::ClickIdText;
use model::record::{RecordKind, tag};
use model::route::{self, Decision, Hop, UrlValues};
use model::table::{CampaignRoute, RoutingTable};
use model::thing::{RedirectMode, Workspace};
use model::{ClickId, Field};

/// What somebody came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be sent on.
    Click,
    /// To load a picture that says an ad was seen.
    Impression,
}

/// Somebody who came to a campaign.
pub(crate) struct Arrival<'a> {
    edge: &'a Edge,
    request: &'a Incoming<'a>,
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
    settings: &'a Workspace,
    purpose: Purpose,
    headers: Headers<'a>,
    cookies: Cookies<'a>,
    query: Query<'a>,
    pub facts: Facts,
    visitor: Visitor,
    id: ClickId,
    /// The visitor id given out with it.
    given: Option<String>,
}

impl<'a> Arrival<'a> {
    /// Reads request and visitor, and names the click.
    pub fn read(
        edge: &'a Edge,
        request: &'a Incoming<'a>,
        table: &'a RoutingTable,
        campaign: &'a CampaignRoute,
        purpose: Purpose,
    ) -> Self {
        let settings = edge.settings(table, campaign.workspace);
        let headers = Headers::read(request.headers);
        let cookies = Cookies::read(headers.cookie);
        let query = Query::bounded(request.path_and_query, edge.config.limits.uri_kept_bytes);
        let mut facts = Facts::for_click();
        let stamp = edge.log.ids.next(edge.log.clock.now_ms());
        facts.push_int(tag::KEY, stamp.key.0);
        if stamp.is_clock_suspect {
            edge.log.counters.count(Event::ClockSuspect);
        }
        facts.set_flag(Field::ClockSuspect, stamp.is_clock_suspect);
        facts.set_int(Field::Campaign, campaign.id);
        facts.set_int(Field::Workspace, campaign.workspace);
        if let Some(source) = campaign.source {
            facts.set_int(Field::Source, source);
        }
        facts.set_int(Field::Revision, i64::try_from(table.revision()).unwrap_or(i64::MAX));
        let (kind, loaded) = match purpose {
            Purpose::Click => ("redirect", Loaded::ByNavigation),
            Purpose::Impression => ("impression", Loaded::AsPicture),
        };
        facts.set_text(Field::Kind, kind);
        let privacy = (settings.ip_privacy, loaded);
        let visitor = Visitor::read(edge, request, &headers, cookies, privacy, &mut facts);
        let id = ClickId { key: stamp.key, campaign: campaign.id, unlogged: false, test: false };
        Self {
            edge,
            request,
            table,
            campaign,
            settings,
            purpose,
            headers,
            cookies,
            query,
            facts,
            visitor,
            id,
            given: None,
        }
    }

    /// What it is recorded as.
    pub fn kind(&self) -> RecordKind {
        match self.purpose {
            Purpose::Impression => RecordKind::Impression,
            Purpose::Click if self.visitor.is_preview() => RecordKind::Preview,
            Purpose::Click => RecordKind::Click,
        }
    }

    /// Reads what the traffic source says.
    pub fn read_source(&mut self) {
        let pricing = match self.kind() {
            RecordKind::Click => Pricing::Click,
            RecordKind::Impression => Pricing::Query,
            _ => Pricing::Free,
        };
        let counters = &self.edge.log.counters;
        self.id.test = source::read(self.query, self.campaign, pricing, &mut self.facts, counters);
    }

    /// Decides where it goes and writes the decision down. A campaign that is not active routes nowhere: the click is
    /// recorded without a path, since it was paid for, and sent where the campaign says.
    pub fn route(&mut self) -> Option<Decision> {
        let draws = self.edge.keys.draw();
        let decision = self
            .campaign
            .active
            .then(|| route::route(self.table, self.campaign, self.id.key, draws))
            .flatten();
        if let Some(decision) = &decision {
            decision.record(&mut self.facts);
        }
        decision
    }

    /// Notes that this person was here. Programs, previews and tests leave no trace: they never take a first visit
    /// away from a person.
    pub fn mark_visit(&mut self) {
        if !self.visitor.is_person() || self.id.test {
            return;
        }
        if !self.visitor.has_cookie {
            self.given = Some(cookie::visitor_id(self.id.key, &self.edge.keys));
        }
        let keys = &self.edge.keys;
        let marks = self.edge.visits.enter(&Visit {
            at_ms: self.id.key.time_ms(),
            visitor: self.visitor.hash,
            given: self.given.as_deref().map(|id| cookie_hash(id, keys)),
            campaign: self.campaign.id,
            flow: self.campaign.active.then_some(self.campaign.flow),
            foreign: foreign_hash(&self.facts, self.campaign.id, keys),
        });
        self.facts.set_flag(Field::UniqueCampaign, marks.is_unique_in_campaign);
        self.facts.set_flag(Field::UniqueFlow, marks.is_unique_in_flow);
        self.facts.set_flag(Field::UniqueAll, marks.is_unique_in_all);
        self.facts.set_flag(Field::Duplicate, marks.is_duplicate);
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
    /// fixed page.
    pub fn answer(&self, decision: Option<Decision>) -> Reply {
        if self.id.unlogged && self.edge.refuses_unlogged() {
            return self.edge.unavailable();
        }
        let status = self.status(decision.map_or(RedirectMode::Found, |decision| decision.mode));
        let id = self.id.text(&self.edge.config.id_prefix, &self.edge.keys);
        if status == StatusCode::NO_CONTENT {
            return self.with_cookies(reply::no_content(), &id);
        }
        let hop = match decision {
            Some(Decision { lander: Some(lander), .. }) => Some(Hop::Lander(lander)),
            Some(decision) => Some(Hop::Offer(decision.offer)),
            None if self.campaign.active => None,
            None => self.campaign.archived_url.as_ref().map(Hop::Url),
        };
        let nowhere =
            if self.campaign.active { Event::NoDestination } else { Event::InactiveCampaign };
        let Some(url) = hop.and_then(|hop| self.url(hop, &id)) else {
            return self.edge.refuse(nowhere);
        };
        match reply::redirect(status, url) {
            Some(reply) => self.with_cookies(reply, &id),
            None => self.edge.refuse(Event::DestinationRefused),
        }
    }

    /// `302` or `307` as the path says. A `POST` gets `303`, so that the next page is fetched with `GET`; one that
    /// comes in the background (`sendBeacon`, parallel tracking) gets `204`, since nobody follows it. Background is:
    /// `Sec-Fetch-Mode` is there and not `navigate`, or it is absent and the body is `text/plain`, which forms never
    /// are by themselves.
    fn status(&self, mode: RedirectMode) -> StatusCode {
        if self.request.method == http::Method::POST {
            let is_beacon = match self.headers.sec_fetch_mode {
                Some(mode) => mode != b"navigate",
                None => {
                    self.headers.content_type.is_some_and(|kind| kind.starts_with(b"text/plain"))
                }
            };
            return if is_beacon { StatusCode::NO_CONTENT } else { StatusCode::SEE_OTHER };
        }
        match mode {
            RedirectMode::Found => StatusCode::FOUND,
            RedirectMode::Temporary => StatusCode::TEMPORARY_REDIRECT,
        }
    }

    fn url(&self, hop: Hop<'_>, id: &ClickIdText) -> Option<String> {
        let values = UrlValues {
            table: self.table,
            facts: &self.facts,
            key: self.id.key,
            click_id: id.as_str(),
            draws: self.edge.keys.draw(),
        };
        let passed = source::passed(self.query, self.campaign);
        route::destination(hop, &values, &self.settings.click_param, passed)
    }

    /// Adds the cookies; a preview gets none.
    fn with_cookies(&self, mut reply: Reply, id: &ClickIdText) -> Reply {
        if self.visitor.is_preview() {
            return reply;
        }
        let (edge, secure) = (self.edge, self.edge.is_secure(self.request));
        if let Some(given) = &self.given {
            reply::set_cookie(&mut reply, cookie::set_visitor(given, secure));
        }
        let others = edge.clicks_of(self.cookies);
        reply::set_cookie(
            &mut reply,
            cookie::set_clicks(id.as_str(), self.campaign.id, others, secure),
        );
        reply
    }
}
