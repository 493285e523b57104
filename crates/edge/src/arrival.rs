//! A click or an impression while it is being dealt with: the steps both have in common.

use crate::choices::{self, Choices};
use crate::cookie::{self, Cookies};
use crate::counters::Event;
use crate::edge::Edge;
use crate::headers::Headers;
use crate::log::Entry;
use crate::onward;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use crate::source::{self, Pricing};
use crate::visitor::{Loaded, Visitor};
use crate::visits::{Visit, cookie_hash, foreign_hash};
use http::StatusCode;
use journal::{NotLogged, Sequence};
use model::facts::Facts;
use model::id::ClickIdText;
use model::record::{RecordKind, tag};
use model::route::{self, Decision, Hop, Target, UrlValues};
use model::table::{CampaignRoute, PathTarget, RoutingTable};
use model::thing::{Pass, RedirectMode, Workspace};
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
    site: Site,
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
    settings: &'a Workspace,
    purpose: Purpose,
    headers: Headers<'a>,
    cookies: Cookies<'a>,
    query: Query<'a>,
    pub facts: Facts,
    visitor: Visitor,
    /// What the visitor had and saw before.
    choices: Choices,
    id: ClickId,
    /// The visitor id given out with it.
    given: Option<String>,
}

impl<'a> Arrival<'a> {
    /// Reads request and visitor, and names the click.
    pub fn read(
        edge: &'a Edge,
        request: &'a Incoming<'a>,
        site: Site,
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
        if let Some(domain) = site.domain() {
            facts.set_int(Field::Domain, domain);
        }
        facts.set_int(Field::Revision, i64::try_from(table.revision()).unwrap_or(i64::MAX));
        let (kind, loaded) = match purpose {
            Purpose::Click => ("redirect", Loaded::ByNavigation),
            Purpose::Impression => ("impression", Loaded::AsPicture),
        };
        facts.set_text(Field::Kind, kind);
        let privacy = (settings.ip_privacy, loaded);
        let visitor = Visitor::read(edge, request, &headers, cookies, privacy, &mut facts);
        let choices = Choices::read(cookies.choices, &edge.keys);
        let id = ClickId { key: stamp.key, campaign: campaign.id, unlogged: false, test: false };
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

    /// Decides where it goes and writes the decision down; to be asked when everything else is known. A campaign that
    /// is not active routes nowhere: the click is recorded without a path, since it was paid for, and sent where the
    /// campaign says.
    pub fn route(&mut self) -> Option<Decision> {
        let (edge, key) = (self.edge, self.id.key);
        let caps = edge.caps.load();
        let capped = |offer| caps.is_over(self.table, offer, key.time_ms());
        let visit = route::Visit {
            query: self.facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            ip: Some(self.visitor.ip),
            visitor: Some(choices::seed(key, self.visitor.recorded_hash, &edge.keys)),
            kept: &self.choices.kept,
            seen: &self.choices.seen,
            capped: &capped,
            ..route::Visit::new(key, &self.facts)
        };
        let decision = route::route(self.table, self.campaign, &visit, edge.keys.draw());
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
    /// fixed page. A `POST` that comes in the background gets `204`, since nobody follows it.
    pub fn answer(&self, decision: Option<&Decision>) -> Reply {
        if self.id.unlogged && self.edge.refuses_unlogged() {
            return self.edge.unavailable();
        }
        let id = self.id.text(&self.edge.config.id_prefix, &self.edge.keys);
        let reply = if self.is_beacon() {
            Ok(reply::no_content())
        } else {
            match decision {
                Some(decision) => self.follow(decision, &id),
                None if self.campaign.active => Err(Event::NoDestination),
                None => self.leave(self.campaign, &id),
            }
        };
        match reply {
            Ok(reply) => self.with_cookies(reply, &id, decision),
            Err(event) => self.edge.refuse(event),
        }
    }

    /// Whether it was announced in the background (`sendBeacon`, parallel tracking): a `POST` whose `Sec-Fetch-Mode` is
    /// there and not `navigate`, or is absent while the body is `text/plain`, which forms never are by themselves.
    fn is_beacon(&self) -> bool {
        let is_plain = || self.headers.content_type.is_some_and(|c| c.starts_with(b"text/plain"));
        self.request.method == http::Method::POST
            && self.headers.sec_fetch_mode.map_or_else(is_plain, |mode| mode != b"navigate")
    }

    fn follow(&self, decision: &Decision, id: &ClickIdText) -> Result<Reply, Event> {
        if decision.mode == RedirectMode::Transparent
            && let Some(url) = onward::shown_next_hop(self.edge, self.query, self.campaign)
        {
            let url = self.url(Hop::Shown(&url), decision.pass, id);
            return self.send_on(decision.mode, url);
        }
        let path = || decision.path_of(self.table).map(|path| &path.target);
        let hop = match (decision.target, path()) {
            (Target::Lander { lander, .. }, _) => Hop::Lander(lander),
            (Target::Offer(offer), _) => Hop::Offer(offer),
            (Target::Url, Some(PathTarget::Url(url))) => Hop::Url(url),
            (Target::Status(_), Some(PathTarget::Status(status))) => {
                let code = StatusCode::from_u16(status.code).map_err(|_| Event::NoDestination)?;
                return Ok(match code {
                    StatusCode::NO_CONTENT => reply::no_content(),
                    _ => reply::text(code, status.text.clone()),
                });
            }
            (Target::Closed, _) => {
                let closed = self.table.campaign(decision.campaign);
                return self.leave(closed.ok_or(Event::NoDestination)?, id);
            }
            (Target::Url | Target::Status(_), _) => return Err(Event::NoDestination),
        };
        self.send_on(decision.mode, self.url(hop, decision.pass, id))
    }

    /// To where a campaign sends what it does not take.
    fn leave(&self, campaign: &CampaignRoute, id: &ClickIdText) -> Result<Reply, Event> {
        let url = campaign.archived_url.as_ref().ok_or(Event::InactiveCampaign)?;
        self.send_on(RedirectMode::Found, self.url(Hop::Url(url), Pass::default(), id))
    }

    fn send_on(&self, mode: RedirectMode, url: Option<String>) -> Result<Reply, Event> {
        let url = url.ok_or(Event::NoDestination)?;
        let reply = onward::send_on(mode, self.request.method, url, &self.edge.keys);
        reply.ok_or(Event::DestinationRefused)
    }

    fn url(&self, hop: Hop<'_>, pass: Pass, id: &ClickIdText) -> Option<String> {
        let values = UrlValues {
            table: self.table,
            facts: &self.facts,
            key: self.id.key,
            click_id: id.as_str(),
            draws: self.edge.keys.draw(),
        };
        let passed = source::passed(self.query, self.campaign);
        route::destination(hop, &values, &self.settings.click_param, pass, passed)
    }

    /// Adds the cookies; a preview gets none.
    fn with_cookies(
        &self,
        mut reply: Reply,
        id: &ClickIdText,
        decision: Option<&Decision>,
    ) -> Reply {
        if self.visitor.is_preview() {
            return reply;
        }
        let (edge, secure) = (self.edge, self.edge.is_secure(self.request, self.site));
        if let Some(given) = &self.given {
            reply::set_cookie(&mut reply, cookie::set_visitor(given, secure));
        }
        let others = edge.clicks_of(self.cookies);
        let clicks = cookie::set_clicks(id.as_str(), self.campaign.id, others, secure);
        reply::set_cookie(&mut reply, clicks);
        let mut choices = self.choices.clone();
        if decision.is_some_and(|decision| choices.note(self.table, decision)) {
            reply::set_cookie(&mut reply, choices.set_cookie(&edge.keys, secure));
        }
        reply
    }
}
