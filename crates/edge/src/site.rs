//! The host a request came to, and what is served there.

use crate::edge::Edge;
use crate::peer;
use crate::request::{Endpoint, Incoming};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::host;
use model::thing::{Scheme, ThingId};
use std::borrow::Cow;
use std::net::IpAddr;

/// The host the visitor used, said by a proxy.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// The scheme the visitor used, said by a proxy.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What is served where a request came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Everything: every endpoint for every workspace, the API and the dashboard.
    Whole,
    /// Every endpoint for every workspace.
    Endpoints,
    /// A tracking domain: the endpoints for its workspace, and its own answers beside them.
    Domain {
        /// Which one.
        id: ThingId,
        /// Whose it is.
        workspace: ThingId,
        /// Whether visitors reach it by https.
        is_https: bool,
    },
    /// Nothing of ours: a host that nobody set up.
    Unknown,
}

impl Site {
    /// Whether what is no endpoint belongs to the API and the dashboard.
    pub fn serves_api(self) -> bool {
        self == Self::Whole
    }

    /// Whether links of a workspace lead on from here.
    pub fn serves(self, workspace: ThingId) -> bool {
        match self {
            Self::Whole | Self::Endpoints => true,
            Self::Domain { workspace: own, .. } => own == workspace,
            Self::Unknown => false,
        }
    }

    /// The tracking domain.
    pub fn domain(self) -> Option<ThingId> {
        match self {
            Self::Domain { id, .. } => Some(id),
            Self::Whole | Self::Endpoints | Self::Unknown => None,
        }
    }

    /// Whether a request gets nothing but the fixed 404. Whether the process is well may be asked by any name.
    pub fn turns_away(self, endpoint: Option<Endpoint<'_>>) -> bool {
        self == Self::Unknown && !matches!(endpoint, Some(Endpoint::Live | Endpoint::Ready))
    }
}

impl Edge {
    /// Where a request came to. While there is neither a tracking domain nor a list of admin hosts, no header is looked
    /// at. A domain wins over a name of the installation's own, so that it never serves the API.
    pub(crate) fn site(&self, headers: &HeaderMap, peer: IpAddr) -> Site {
        let table = self.table.load();
        let public = &*self.config.public_host;
        if !table.has_domains() && self.config.admin_hosts.is_none() {
            return Site::Whole;
        }
        let host = self.requested_host(headers, peer);
        let host = host.as_deref();
        if let Some(domain) = host.and_then(|host| table.domain_by_host(host)) {
            let is_https = domain.scheme == Scheme::Https;
            return Site::Domain { id: domain.id, workspace: domain.workspace, is_https };
        }
        match host {
            Some(host) if self.serves_api_on(host) => Site::Whole,
            _ if host == Some(public) || !table.has_domains() => Site::Endpoints,
            _ => Site::Unknown,
        }
    }

    /// Whether a host that is no tracking domain serves the API once there is one. Loopback hosts always do: the commands
    /// of this machine come by them.
    pub fn serves_api_on(&self, host: &str) -> bool {
        let is_listed = match &self.config.admin_hosts {
            Some(hosts) => hosts.iter().any(|admin| **admin == *host),
            None => *self.config.public_host == *host,
        };
        is_listed || host::is_loopback(host)
    }

    /// The host by which the visitor knows us: what the nearest trusted proxy says, else `Host`. A request with
    /// several of the latter has none (RFC 9112, 3.2).
    pub(crate) fn requested_host<'a>(
        &self,
        headers: &'a HeaderMap,
        peer: IpAddr,
    ) -> Option<Cow<'a, str>> {
        if let Some(said) = self.said_by_proxy(headers, &FORWARDED_HOST, peer) {
            return host::requested(str::from_utf8(said).ok()?);
        }
        let mut hosts = headers.get_all(header::HOST).iter();
        let only = hosts.next().filter(|_| hosts.next().is_none())?;
        host::requested(only.to_str().ok()?)
    }

    /// Whether the visitor speaks https: by configuration, or because a trusted proxy says so.
    pub(crate) fn is_secure(&self, request: &Incoming<'_>, site: Site) -> bool {
        let is_configured = match site {
            Site::Domain { is_https, .. } => is_https,
            Site::Whole | Site::Endpoints | Site::Unknown => self.config.secure,
        };
        let said = || self.said_by_proxy(request.headers, &FORWARDED_PROTO, request.peer);
        is_configured || request.is_tls || said() == Some(b"https")
    }

    /// The last value of a header that proxies add to; nothing from peers that are not trusted.
    fn said_by_proxy<'a>(
        &self,
        headers: &'a HeaderMap,
        name: &HeaderName,
        peer: IpAddr,
    ) -> Option<&'a [u8]> {
        if !peer::is_trusted(peer, &self.config.trusted_proxies) {
            return None;
        }
        let last = headers.get_all(name).iter().next_back().map(HeaderValue::as_bytes)?;
        last.rsplit(|b| *b == b',').next().map(<[u8]>::trim_ascii)
    }
}
