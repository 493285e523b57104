//! What led somebody to us: the link of a campaign, or a path beside all links on a tracking domain.

use crate::counters::Event;
use crate::edge::Edge;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use http::{HeaderValue, Method, StatusCode, header};
use model::table::{CampaignRoute, RoutingTable};
use model::thing::DomainAnswer;

/// Paths that programs ask for by themselves: nobody clicked there, whatever a domain answers beside its links.
const UNASKED: [&str; 5] =
    ["/favicon.ico", "/robots.txt", "/apple-touch-icon", "/.well-known/", "/sitemap.xml"];

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link<'a> {
    /// The campaign with this key.
    Key(&'a str),
    /// `/` of a tracking domain.
    Root,
    /// A path of a tracking domain that is no endpoint.
    Beside,
}

impl<'a> Link<'a> {
    /// What a path of a tracking domain that is no endpoint asks for; `None` where only a program asks.
    pub fn beside(path: &str) -> Option<Self> {
        match path {
            "/" | "" => Some(Self::Root),
            _ if UNASKED.iter().any(|unasked| path.starts_with(unasked)) => None,
            _ => Some(Self::Beside),
        }
    }

    /// The campaign it leads to on this site: a key leads to campaigns of the site's workspace alone, and where it leads
    /// nowhere the domain may name another campaign.
    ///
    /// # Errors
    /// What is answered instead.
    pub fn campaign<'t>(
        self,
        edge: &Edge,
        table: &'t RoutingTable,
        site: Site,
    ) -> Result<&'t CampaignRoute, Instead<'t>> {
        let of_key = |key| table.campaign_by_key(key).filter(|c| site.serves(c.workspace));
        let event = match self {
            Self::Key(key) => match of_key(key) {
                Some(campaign) => return Ok(campaign),
                None => Event::UnknownCampaign,
            },
            Self::Root | Self::Beside => Event::NoEndpoint,
        };
        let domain = site.domain().and_then(|id| table.domain(id));
        let answer = domain.map(|domain| match self {
            Self::Root => &domain.root,
            Self::Key(_) | Self::Beside => &domain.not_found,
        });
        let named = answer.and_then(|answer| table.campaign(answer.campaign?));
        match named {
            Some(campaign) => {
                // A wrong key stays worth counting, even where the click is saved.
                if self != Self::Root {
                    edge.log.counters.count(event);
                }
                Ok(campaign)
            }
            None => Err(Instead { event, answer }),
        }
    }
}

/// What somebody gets who asked for no campaign.
#[derive(Debug)]
pub(crate) struct Instead<'t> {
    event: Event,
    answer: Option<&'t DomainAnswer>,
}

impl Instead<'_> {
    /// The domain's own answer, else a fixed page; counted by its reason.
    pub fn reply(self, edge: &Edge, request: &Incoming<'_>) -> Reply {
        let Self { event, answer } = self;
        let own = answer.and_then(|answer| own(answer, request.method));
        match own {
            Some(reply) => {
                edge.log.counters.count(event);
                reply
            }
            None => edge.refuse(event),
        }
    }
}

fn own(answer: &DomainAnswer, method: &Method) -> Option<Reply> {
    if let Some(url) = &answer.url {
        let is_post = method == Method::POST;
        let status = if is_post { StatusCode::SEE_OTHER } else { StatusCode::FOUND };
        return reply::redirect(status, url.clone());
    }
    let status = answer.status.as_ref()?;
    let code = StatusCode::from_u16(status.code).ok()?;
    Some(match code {
        StatusCode::NO_CONTENT => reply::empty(code),
        _ => reply::text(code, status.text.clone()),
    })
}

/// What a path beside the endpoints allows.
pub(crate) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST");

/// Whether a path beside the endpoints knows the method.
pub(crate) fn allows(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::POST].contains(method)
}

/// The answer to a method that a path does not know.
pub(crate) fn no_method(edge: &Edge, allowed: HeaderValue) -> Reply {
    let mut reply = edge.refuse(Event::Method);
    reply.headers_mut().insert(header::ALLOW, allowed);
    reply
}
