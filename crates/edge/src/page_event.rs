//! What happens on a page after a landing: a view, a click on a link, how far and how long, what its own code reports.

use crate::cookie;
use crate::counters::Event;
use crate::direct::{Consent, refuse};
use crate::edge::Edge;
use crate::form::Form;
use crate::headers::Headers;
use crate::intake;
use crate::log::encode;
use crate::once::{Met, Role};
use crate::origins::{self, Origin};
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use http::{Method, StatusCode};
use lookup::Verdict;
use model::facts::Facts;
use model::id::{self, IdError};
use model::keys;
use model::money::{Currency, DecimalMark, Money};
use model::page::{self, Parts};
use model::record::{RecordKind, tag};
use model::table::{CampaignRoute, RoutingTable};
use model::{ClickId, Field, params};

/// The longest name of an event.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of a URL, without its query, that are kept.
const URL_BYTES_MAX: usize = 1024;
/// The event that is a step from the page to an offer.
const CLICK: &str = "click";
/// The event by which a visitor allows or forbids.
const CONSENT: &str = "consent";

/// Writes the event down. Nobody may be waiting for the answer: it is short.
pub(crate) async fn page_event(edge: &Edge, request: &Incoming<'_>, site: Site) -> Reply {
    if request.method == Method::OPTIONS {
        return origins::preflight(None);
    }
    let form = Form::read(request.body);
    let id = match named_click(edge, &form) {
        Ok(id) => id,
        Err(event) => return refuse(edge, event, None),
    };
    let table = edge.table.load_full();
    let campaign = table.campaign(id.campaign).filter(|campaign| site.serves(campaign.workspace));
    let Some(campaign) = campaign else { return refuse(edge, Event::UnknownCampaign, None) };
    let Ok(origin) = Origin::read(edge, request, site, (&table, campaign)) else {
        return refuse(edge, Event::ForeignOrigin, None);
    };
    let report = Report { edge, request, site, table: &table, campaign, form: &form, id };
    let Some(name) = form.get("e").and_then(|name| event_name(&name)) else {
        return refuse(edge, Event::EventMalformed, Some(&origin));
    };
    let mut reply = match report.store(&name).await {
        Ok(()) => reply::empty(StatusCode::NO_CONTENT),
        Err(()) => edge.unavailable(),
    };
    origin.allow(&mut reply);
    if name == CONSENT {
        report.heed(&origin, &mut reply);
    }
    reply
}

/// The click that a report names; a repairable id is one.
fn named_click(edge: &Edge, form: &Form<'_>) -> Result<ClickId, Event> {
    let text = form.get("id").ok_or(Event::ClickIdMissing)?;
    match id::read(&text, &edge.config.id_prefix, &edge.keys, edge.log.clock.now_ms()) {
        Ok(id) => Ok(id),
        Err(IdError::Malformed) => Err(Event::ClickIdMalformed),
        Err(IdError::Unverified) => Err(Event::ClickIdUnverified),
        Err(
            IdError::Truncated { repaired }
            | IdError::Altered { repaired }
            | IdError::Wrapped { repaired },
        ) => {
            edge.log.counters.count(Event::IdRepaired);
            Ok(repaired)
        }
    }
}

/// A name of an event, in lower case.
fn event_name(text: &str) -> Option<String> {
    let name = text.trim().to_ascii_lowercase();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain);
    is_name.then_some(name)
}

/// A report of a page, and what it is about.
struct Report<'a> {
    edge: &'a Edge,
    request: &'a Incoming<'a>,
    site: Site,
    table: &'a RoutingTable,
    campaign: &'a CampaignRoute,
    form: &'a Form<'a>,
    id: ClickId,
}

impl Report<'_> {
    /// Appends what the event is; what was reported before is not appended again.
    async fn store(&self, name: &str) -> Result<(), ()> {
        let edge = self.edge;
        let number = self.form.drawn_number();
        let first = match &number {
            Some(number) => {
                let name = self.number_name(number);
                match edge.once.meet(name, Role::Alone, self.id, edge.log.clock.now_ms()).await {
                    Met::Nothing(first) => Some(first),
                    Met::Known(_) | Met::Alike => {
                        edge.log.counters.count(Event::EventRepeated);
                        return Ok(());
                    }
                }
            }
            None => None,
        };
        let kind = if name == CLICK { RecordKind::LanderClick } else { RecordKind::Page };
        let mut records = vec![encode(kind, &self.facts(name, number.as_deref()))];
        let word = self.table.conversion_type(self.campaign.workspace, name);
        if kind == RecordKind::Page && word.is_some_and(|known| known.from_page) {
            records.push(self.conversion(name, number.as_deref()));
        }
        let outcome = edge.log.append_all_or_refuse(records).await;
        first.into_iter().for_each(|first| first.settle(outcome.is_ok()));
        outcome.map(|_| ())
    }

    fn number_name(&self, number: &str) -> u64 {
        let parts = [b"event", &self.id.key.0.to_le_bytes()[..], number.as_bytes()];
        keys::hash(self.edge.keys.visitor(), &parts.concat())
    }

    fn facts(&self, name: &str, number: Option<&str>) -> Facts {
        let Self { edge, form, id, campaign, .. } = self;
        let mut facts = Facts::default();
        facts.push_int(tag::KEY, id.key.0);
        facts.push_int(tag::AT, edge.log.clock.now_ms());
        facts.set_int(Field::Campaign, campaign.id);
        facts.set_int(Field::Workspace, campaign.workspace);
        if let Some(domain) = self.site.domain() {
            facts.set_int(Field::Domain, domain);
        }
        facts.set_flag(Field::Test, id.test);
        facts.set_flag(Field::Unlogged, id.unlogged);
        let headers = Headers::read(self.request.headers);
        let verdict = edge.agents.read(&headers.user_agent(), &headers.hints()).verdict;
        facts.set_flag(Field::Bot, verdict != Verdict::Human);
        facts.set_text(Field::BotReason, verdict.reason().map_or("", |reason| reason.code()));
        let url = |name| form.get(name).filter(|url| Parts::of(url).is_some());
        let bare = |url: &str| params::cut(page::bare(url), URL_BYTES_MAX).to_owned();
        facts.set_text(Field::LandingUrl, &url("u").map(|url| bare(&url)).unwrap_or_default());
        if name == CLICK {
            if let Some(to) = url("o") {
                facts.push_bytes(tag::DESTINATION, bare(&to).as_bytes());
            }
        } else {
            facts.set_text(Field::Event, name);
        }
        if let Some(number) = number {
            facts.push_bytes(tag::EVENT_ID, number.as_bytes());
        }
        let value = form.get("val").and_then(|val| Money::read(&val, DecimalMark::Auto).ok());
        if let Some(value) = value {
            facts.push_int(tag::EVENT_VALUE, value.0);
        }
        let currency = form.get("cur").and_then(|cur| cur.parse::<Currency>().ok());
        facts.set_text(Field::Currency, currency.as_ref().map_or("", Currency::as_str));
        let consent = form.get("c").and_then(|word| Consent::read(&word));
        facts.set_text(Field::Consent, consent.map_or("", Consent::as_str));
        facts
    }

    /// The event as a call of the visitor's browser that reports a conversion.
    fn conversion(&self, name: &str, number: Option<&str>) -> Vec<u8> {
        let id = self.id.text(&self.edge.config.id_prefix, &self.edge.keys);
        let mut url = format!("/e?clickid={}&type={}", id.as_str(), params::encode(name));
        for (from, to) in [("val", "payout"), ("cur", "currency"), ("tx", "txid")] {
            if let Some(value) = self.form.get(from) {
                url.push_str(&format!("&{to}={}", params::encode(&value)));
            }
        }
        if let Some(number) = number {
            url.push_str(&format!("&event_id={}", params::encode(number)));
        }
        let body = bytes::Bytes::new();
        let request = Incoming { path_and_query: &url, body: &body, ..*self.request };
        intake::pixel_record(self.edge, &request, self.table)
    }

    /// Sets the cookies that the visitor allows now, or takes them back.
    fn heed(&self, origin: &Origin<'_>, reply: &mut Reply) {
        let (Some(reach), Some(consent)) = (origin.reach(), self.form.get("c")) else { return };
        let edge = self.edge;
        match Consent::read(&consent) {
            Some(Consent::Granted) => {
                let id = self.id.text(&edge.config.id_prefix, &edge.keys);
                let headers = Headers::read(self.request.headers);
                let cookies = cookie::Cookies::read(headers.cookie);
                if cookies.visitor.is_none() {
                    let visitor = cookie::visitor_id(self.id.key, &edge.keys);
                    reply::set_cookie(reply, cookie::set_visitor(&visitor, reach));
                }
                let others = edge.clicks_of(cookies);
                let clicks = cookie::set_clicks(id.as_str(), self.campaign.id, others, reach);
                reply::set_cookie(reply, clicks);
                if let Some(domain) = origin.site() {
                    let readable = cookie::set_readable(id.as_str(), domain, origin.secure);
                    reply::set_cookie(reply, readable);
                }
            }
            Some(Consent::Denied) => {
                for line in cookie::forget(reach, origin.site()) {
                    reply::set_cookie(reply, line);
                }
            }
            Some(Consent::Unknown) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain_and_folded() {
        for (text, expected) in [
            ("Purchase", Some("purchase")),
            (" add_to.cart-2 ", Some("add_to.cart-2")),
            ("", None),
            ("two words", None),
            ("größe", None),
        ] {
            assert_eq!(event_name(text).as_deref(), expected, "{text}");
        }
        assert_eq!(event_name(&"x".repeat(65)), None);
    }
}
