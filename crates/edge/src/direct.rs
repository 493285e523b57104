//! A landing that a page reports: a click without a redirect. The answer is its id.

use crate::arrival::{Arrival, Purpose};
use crate::cookie::{self, Cookies, is_visitor_id};
use crate::counters::Event;
use crate::edge::Edge;
use crate::form::Form;
use crate::headers::Headers;
use crate::joined::{Half, number_name};
use crate::once::{Met, Role};
use crate::origins::{self, Origin};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use http::{Method, StatusCode};
use memchr::memmem;
use model::facts::Facts;
use model::page::{self, Parts};
use model::record::{RecordKind, tag};
use model::route::Decision;
use model::table::CampaignRoute;
use model::{ClickId, Field, id, params};

/// Bytes of a page's URL, without its query, that are kept.
const PAGE_BYTES_MAX: usize = 1024;

/// What a page says about a landing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landing<'a> {
    /// The page, without what stands behind `#`.
    pub url: &'a str,
    referrer: Option<&'a str>,
    visitor: Option<&'a str>,
    number: Option<&'a str>,
    consent: Option<Consent>,
}

/// What the visitor says to being remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Granted,
    Denied,
    /// Nobody has asked yet.
    Unknown,
}

impl Consent {
    /// Reads the word; any other says nothing.
    pub fn read(word: &str) -> Option<Self> {
        Some(match word {
            "granted" => Self::Granted,
            "denied" => Self::Denied,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl<'a> Landing<'a> {
    /// Whether anything may be kept with the visitor.
    pub fn may_remember(&self) -> bool {
        !matches!(self.consent, Some(Consent::Denied | Consent::Unknown))
    }

    /// Puts what the page says in the place of what the request's headers say, and notes the rest.
    pub fn describe(
        &self,
        headers: &mut Headers<'a>,
        cookies: &mut Cookies<'a>,
        facts: &mut Facts,
    ) {
        headers.refer_to(self.referrer);
        if self.may_remember() {
            cookies.visitor = cookies.visitor.or(self.visitor);
        } else {
            *cookies = Cookies::default();
        }
        facts.set_text(Field::LandingUrl, params::cut(page::bare(self.url), PAGE_BYTES_MAX));
        facts.set_flag(Field::Viewed, true);
        facts.set_text(Field::Consent, self.consent.map_or("", Consent::as_str));
        if let Some(number) = self.number {
            facts.push_bytes(tag::LANDING_NUMBER, number.as_bytes());
        }
    }
}

/// Records the landing like a click, and answers its id. What is a click already is answered with that one's.
pub(crate) async fn landing(edge: &Edge, request: &Incoming<'_>, site: Site, key: &str) -> Reply {
    let table = edge.table.load_full();
    let campaign = table.campaign_by_key(key).filter(|campaign| site.serves(campaign.workspace));
    let Some(campaign) = campaign else { return refuse(edge, Event::UnknownCampaign, None) };
    let Ok(origin) = Origin::read(edge, request, site, (&table, campaign)) else {
        return refuse(edge, Event::ForeignOrigin, None);
    };
    if request.method == Method::OPTIONS {
        return origins::preflight(Some(&origin));
    }
    let form = Form::read(request.body);
    let text = |name| form.get(name);
    let (url, referrer, visitor) = (text("u"), text("r"), text("v"));
    let (number, consent) = (form.drawn_number(), text("c"));
    let url = url.as_deref().map(page::without_fragment);
    let Some(url) = url.filter(|url| Parts::of(url).is_some()) else {
        return refuse(edge, Event::PageMissing, Some(&origin));
    };
    let landing = Landing {
        url,
        referrer: referrer.as_deref(),
        visitor: visitor.as_deref().filter(|id| is_visitor_id(id)),
        number: number.as_deref(),
        consent: consent.as_deref().and_then(Consent::read),
    };
    let purpose = Purpose::Landing(&landing);
    let mut arrival = Arrival::read(edge, request, site, &table, campaign, purpose);
    land(&mut arrival, &landing, &origin).await
}

/// The life of a landing.
async fn land(arrival: &mut Arrival<'_>, landing: &Landing<'_>, origin: &Origin<'_>) -> Reply {
    let edge = arrival.edge;
    if let Some(id) = passed_on(edge, landing.url, arrival.campaign) {
        return known(arrival, id, origin);
    }
    let name = landing.number.filter(|_| arrival.kind() == RecordKind::Click);
    let name = name.map(|number| number_name(number, arrival.campaign.id, &edge.keys));
    let came_ms = arrival.id.key.time_ms();
    let first = match name {
        Some(name) => match edge.once.meet(name, Role::Alone, arrival.id, came_ms).await {
            Met::Known(id) => return known(arrival, id, origin),
            Met::Nothing(first) => Some(first),
            Met::Alike => None,
        },
        None => None,
    };
    arrival.read_source(&edge.log.counters);
    let half = Half::of_landing(arrival).await;
    if let Half::Second(click) = half {
        arrival.enter_visit();
        arrival.join(click).await;
        if let (Some(first), Some(name)) = (first, name) {
            first.settle(false);
            edge.once.remember(name, Role::Alone, click);
        }
        return told(arrival, None, origin);
    }
    arrival.mark_visit();
    let decision = arrival.route();
    let is_logged = arrival.log().await.is_ok();
    half.settle(is_logged);
    first.into_iter().for_each(|first| first.settle(is_logged));
    if arrival.id.unlogged && edge.refuses_unlogged() {
        return edge.unavailable();
    }
    told(arrival, decision.as_ref(), origin)
}

/// The id in the URL of a page that somebody was redirected to.
fn passed_on(edge: &Edge, url: &str, campaign: &CampaignRoute) -> Option<ClickId> {
    let (prefix, keys) = (&*edge.config.id_prefix, &edge.keys);
    let query = Query::bounded(url, edge.config.limits.uri_kept_bytes);
    // Few pages are reached by a redirect, and one search says so.
    memmem::find(query.text.as_bytes(), prefix.as_bytes())?;
    let ids = query.pairs().filter_map(|(_, raw)| {
        // Nothing in an id is ever encoded.
        let looks_like_id = raw.len() == prefix.len() + 26 && raw.starts_with(prefix);
        looks_like_id.then(|| id::read(raw, prefix, keys, edge.log.clock.now_ms()).ok())?
    });
    ids.into_iter().find(|id| id.campaign == campaign.id)
}

/// The answer to a landing that is a click already.
fn known(arrival: &mut Arrival<'_>, id: ClickId, origin: &Origin<'_>) -> Reply {
    arrival.edge.log.counters.count(Event::LandingKnown);
    arrival.id = id;
    told(arrival, None, origin)
}

/// The answer to the page, with the cookies that its browser takes.
fn told(arrival: &Arrival<'_>, decision: Option<&Decision>, origin: &Origin<'_>) -> Reply {
    let edge = arrival.edge;
    let id = arrival.id.text(&edge.config.id_prefix, &edge.keys);
    let visitor = arrival.visitor_id();
    let may_remember = arrival.may_remember();
    let site = origin.site().filter(|_| may_remember);
    // None of the values needs an escape: ids of ours, a name of a parameter. Each piece ends the text in front of it.
    let visitor = visitor.map(|id| [r#"","visitor":""#, id].concat()).unwrap_or_default();
    let param = &*arrival.settings.click_param;
    let kept = if site.is_some() { r#"","kept":true}"# } else { r#"","kept":false}"# };
    let text = [r#"{"click_id":""#, id.as_str(), r#"","param":""#, param, &visitor, kept].concat();
    let mut reply = reply::json(StatusCode::OK, text);
    origin.allow(&mut reply);
    reply::ask_for_hints(&mut reply);
    if let Some(reach) = origin.reach() {
        arrival.set_cookies(&mut reply, &id, decision, reach);
    }
    if let Some(domain) = site {
        let readable = cookie::set_readable(id.as_str(), domain, origin.secure);
        reply::set_cookie(&mut reply, readable);
    }
    reply
}

/// The counted answer to a report that cannot be honoured.
pub(crate) fn refuse(edge: &Edge, event: Event, origin: Option<&Origin<'_>>) -> Reply {
    let status = match event {
        // Of a report these are mistakes of the sender; a visitor who follows a link finds nothing there.
        Event::ClickIdMissing | Event::ClickIdMalformed | Event::ClickIdUnverified => {
            edge.log.counters.count(event);
            StatusCode::BAD_REQUEST
        }
        event => edge.refuse(event).status(),
    };
    let mut reply = reply::json(status, format!(r#"{{"error":"{}"}}"#, event.code()));
    origin.into_iter().for_each(|origin| origin.allow(&mut reply));
    reply
}
