//! The page that a report comes from: whether it may, what its browser is to be told, and where cookies go.

use crate::cookie::Reach;
use crate::edge::Edge;
use crate::reply::{self, Reply};
use crate::request::Incoming;
use crate::site::Site;
use http::{HeaderValue, StatusCode, header};
use model::page::Parts;
use model::table::{CampaignRoute, RoutingTable};

/// How long a browser may remember what it was allowed.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The page of a report, and how it stands to the host the report came to.
#[derive(Clone, Debug)]
pub(crate) struct Origin<'a> {
    /// As the browser says it; none where no browser sent the report.
    said: Option<&'a HeaderValue>,
    relation: Relation,
    /// The tracker is reached by https.
    pub secure: bool,
}

/// How a page stands to the tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Relation {
    /// Of one site; the registrable domain, where the host has one.
    Site(Option<String>),
    /// Of different ones.
    Foreign,
}

/// A page that may not report for the campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranger;

impl<'a> Origin<'a> {
    /// Reads it; the campaign says who may report. A page of the tracker's own host always may: whoever sends by its
    /// reverse proxy holds the host anyway.
    ///
    /// # Errors
    /// When it may not.
    pub fn read(
        edge: &Edge,
        request: &Incoming<'a>,
        site: Site,
        (table, campaign): (&RoutingTable, &CampaignRoute),
    ) -> Result<Self, Stranger> {
        let secure = edge.is_secure(request, site);
        let said = request.headers.get(header::ORIGIN);
        let Some((said, text)) = said.and_then(|said| Some((said, said.to_str().ok()?))) else {
            return Ok(Self { said: None, relation: Relation::Foreign, secure });
        };
        let page = Parts::of(text).ok_or(Stranger)?;
        let own = edge.requested_host(request.headers, request.peer).unwrap_or_default();
        let is_own = own.eq_ignore_ascii_case(page.host.trim_matches(['[', ']']));
        if !is_own && !table.allows_origin(campaign, text) {
            return Err(Stranger);
        }
        let is_same_scheme = (page.scheme == "https") == secure;
        let relation = if is_same_scheme { relation(page.host, &own) } else { Relation::Foreign };
        Ok(Self { said: Some(said), relation, secure })
    }

    /// Tells the page's browser that it may read the answer, cookies and all.
    pub fn allow(&self, reply: &mut Reply) {
        let headers = reply.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        let Some(said) = self.said else { return };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, said.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }

    /// From where cookies set with the answer come back; none where no browser would take them.
    pub fn reach(&self) -> Option<Reach> {
        match (&self.relation, self.secure) {
            _ if self.said.is_none() => None,
            (Relation::Site(_), true) => Some(Reach::Site),
            (Relation::Site(_), false) => Some(Reach::Plain),
            (Relation::Foreign, true) => Some(Reach::Partitioned),
            (Relation::Foreign, false) => None,
        }
    }

    /// Whether page and tracker are of one site, and the domain that all its hosts share.
    pub fn site(&self) -> Option<Option<&str>> {
        match &self.relation {
            Relation::Site(domain) if self.said.is_some() => Some(domain.as_deref()),
            _ => None,
        }
    }
}

/// The answer to a browser that asks before it sends.
pub(crate) fn preflight(origin: Option<&Origin<'_>>) -> Reply {
    let mut reply = reply::empty(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    match origin {
        Some(origin) => origin.allow(&mut reply),
        None => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
    reply
}

/// Two hosts are of one site when they share a registrable domain (Public Suffix List), or are the same.
fn relation(page: &str, own: &str) -> Relation {
    let (page, own) = (page.to_ascii_lowercase(), own.to_ascii_lowercase());
    let domain = |host: &str| {
        let is_address =
            host.starts_with('[') || host.contains(':') || host.parse::<std::net::IpAddr>().is_ok();
        if is_address { None } else { psl::domain_str(host).map(str::to_owned) }
    };
    let own_domain = domain(&own);
    if page == own || page.trim_matches(['[', ']']) == own {
        return Relation::Site(own_domain);
    }
    match (domain(&page), own_domain) {
        (Some(page), Some(own)) if page == own => Relation::Site(Some(own)),
        _ => Relation::Foreign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_site_is_one_registrable_domain_or_one_host() {
        let site = |domain: &str| Relation::Site(Some(domain.to_owned()));
        for (page, own, expected) in [
            ("www.shop.example.com", "t.shop.example.com", site("example.com")),
            ("shop.co.uk", "t.shop.co.uk", site("shop.co.uk")),
            ("a.co.uk", "b.co.uk", Relation::Foreign),
            ("a.github.io", "b.github.io", Relation::Foreign),
            ("a.github.io", "t.a.github.io", site("a.github.io")),
            ("WWW.Example.com", "example.com", site("example.com")),
            ("shop.example", "t.shop.example", site("shop.example")),
            ("shop.example", "track.other.example", Relation::Foreign),
            ("localhost", "localhost", Relation::Site(None)),
            ("127.0.0.1", "127.0.0.1", Relation::Site(None)),
            ("[::1]", "::1", Relation::Site(None)),
            ("192.0.2.1", "192.1.2.1", Relation::Foreign),
            ("co.uk", "co.uk", Relation::Site(None)),
        ] {
            assert_eq!(relation(page, own), expected, "{page} {own}");
        }
    }
}
