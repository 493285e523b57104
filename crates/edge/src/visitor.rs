//! Who clicks: address, place, device, and whether it is a person, written among the facts.

use crate::cookie::Cookies;
use crate::digits::{push_address, push_hex};
use crate::edge::Edge;
use crate::headers::{Headers, host_of};
use crate::peer::client_address;
use crate::request::Incoming;
use crate::visits::cookie_hash;
use lookup::{GeoHandle, Hints, Verdict, request_verdict};
use model::Field;
use model::facts::Facts;
use model::keys::{self, KeyRing};
use model::record::tag;
use model::thing::IpPrivacy;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the steps behind need to know about a visitor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visitor {
    pub verdict: Verdict,
    /// Keyed hash: of the visitor cookie, or else of address and user agent.
    pub hash: u64,
    /// The visitor brought the cookie along.
    pub has_cookie: bool,
    /// The address in full, whatever part of it is kept.
    pub ip: Option<IpAddr>,
    /// The hash, where privacy lets it be recorded.
    pub recorded_hash: Option<u64>,
}

/// How a request reaches an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// A person goes there, so what says otherwise makes it a preview.
    ByNavigation,
    /// A page's script reports it; what runs before anybody looks at the page makes it a preview.
    ByScript,
    /// A page loads it as a picture by its nature.
    AsPicture,
}

impl Visitor {
    /// Reads the visitor of a request; the facts get what `privacy` lets through.
    pub fn read(
        edge: &Edge,
        request: &Incoming<'_>,
        headers: &Headers<'_>,
        cookies: Cookies<'_>,
        (privacy, loaded): (IpPrivacy, Loaded),
        facts: &mut Facts,
    ) -> Self {
        let ip = client_address(request.peer, request.headers, &edge.config.trusted_proxies);
        let user_agent = headers.user_agent();
        let agent = edge.agents.read(&user_agent, &headers.hints());
        describe_agent(&agent, facts);
        facts.set_text(Field::Language, headers.language(&mut [0; 8]));
        describe_place(&edge.geo, ip, facts);
        facts.set_text(Field::Ip, &kept_address(ip, privacy, &edge.keys));
        facts.set_text(Field::UserAgent, &user_agent);
        let referrer = headers.referrer();
        facts.set_text(Field::Referrer, &referrer);
        facts.set_text(Field::ReferrerHost, &host_of(&referrer));
        facts.set_text(Field::Method, request.method.as_str());

        let spoken = match loaded {
            Loaded::ByNavigation | Loaded::ByScript => {
                request_verdict(request.method.as_str(), |name| headers.by_name(name))
            }
            Loaded::AsPicture => None,
        };
        let verdict = spoken.unwrap_or(agent.verdict);
        facts.set_flag(Field::Bot, matches!(verdict, Verdict::Bot(_)));
        facts.set_text(Field::BotReason, verdict.reason().map_or("", |reason| reason.code()));
        let hash = match cookies.visitor {
            Some(id) => cookie_hash(id, &edge.keys),
            None => address_hash(ip, &user_agent, &edge.keys),
        };
        let has_cookie = cookies.visitor.is_some();
        let is_recorded = has_cookie || matches!(privacy, IpPrivacy::Full | IpPrivacy::Hash);
        let recorded_hash = is_recorded.then_some(hash);
        if let Some(hash) = recorded_hash {
            facts.push_int(tag::VISITOR, hash as i64);
        }
        Self { verdict, hash, has_cookie, ip: Some(ip), recorded_hash }
    }

    /// Whether this counts as somebody's visit: programs and previews do not.
    pub fn is_person(&self) -> bool {
        self.verdict == Verdict::Human
    }

    /// Whether the request is answered like a click that is none.
    pub fn is_preview(&self) -> bool {
        matches!(self.verdict, Verdict::Preview(_))
    }
}

impl Edge {
    /// What a user agent is taken for today: the code of the reason why it is a program, or a preview; none for a
    /// person.
    pub fn judge(&self, user_agent: &str) -> Option<&'static str> {
        let agent = self.agents.read(user_agent, &Hints::default());
        agent.verdict.reason().map(|reason| reason.code())
    }
}

fn describe_agent(agent: &lookup::Agent, facts: &mut Facts) {
    facts.set_text(Field::Device, agent.device.as_str());
    facts.set_text(Field::Brand, &agent.brand);
    facts.set_text(Field::Model, &agent.model);
    facts.set_text(Field::Os, &agent.os);
    facts.set_text(Field::OsVersion, &agent.os_version);
    facts.set_text(Field::Browser, &agent.browser);
    facts.set_text(Field::BrowserVersion, &agent.browser_version);
}

fn describe_place(geo: &GeoHandle, ip: IpAddr, facts: &mut Facts) {
    let geo = geo.get();
    let (place, network) = (geo.place(ip), geo.network(ip));
    facts.set_text(Field::Country, place.country);
    facts.set_text(Field::Region, place.region);
    facts.set_text(Field::City, place.city);
    if network.asn > 0 {
        facts.set_int(Field::Asn, network.asn);
    }
    facts.set_text(Field::Isp, network.isp);
    facts.set_text(Field::Connection, network.connection);
}

/// What is kept of an address: all, the /24 or /48 it lies in, a keyed hash, or nothing.
pub(crate) fn kept_address(ip: IpAddr, privacy: IpPrivacy, keys: &KeyRing) -> String {
    let mut text = String::with_capacity(16);
    match privacy {
        IpPrivacy::Full => push_address(&mut text, ip),
        IpPrivacy::Truncate => push_address(&mut text, truncated(ip)),
        IpPrivacy::Hash => {
            let mut input = [0u8; 18];
            input[..2].copy_from_slice(b"ip");
            input[2..].copy_from_slice(&sixteen_bytes(ip));
            push_hex(&mut text, keys::hash(keys.visitor(), &input));
        }
        IpPrivacy::None => {}
    }
    text
}

/// The /24 or /48 an address lies in.
fn truncated(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & !0xff).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80).into(),
    }
}

/// Keyed hash of address and user agent: who somebody without a cookie is.
fn address_hash(ip: IpAddr, user_agent: &str, keys: &KeyRing) -> u64 {
    let mut input = [0u8; 24];
    input[..16].copy_from_slice(&sixteen_bytes(ip));
    input[16..].copy_from_slice(&keys::hash(keys.visitor(), user_agent.as_bytes()).to_le_bytes());
    keys::hash(keys.visitor(), &input)
}

fn sixteen_bytes(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::keys::MacKey;

    #[test]
    fn an_address_is_kept_as_privacy_says() {
        let keys =
            KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16])
                .unwrap();
        let kept = |ip: &str, privacy| kept_address(ip.parse().unwrap(), privacy, &keys);
        for (ip, privacy, expected) in [
            ("198.51.100.77", IpPrivacy::Full, "198.51.100.77"),
            ("198.51.100.77", IpPrivacy::Truncate, "198.51.100.0"),
            ("198.51.100.77", IpPrivacy::None, ""),
            ("2001:db8:1:2:3::4", IpPrivacy::Full, "2001:db8:1:2:3::4"),
            ("2001:db8:1:2:3::4", IpPrivacy::Truncate, "2001:db8:1::"),
        ] {
            assert_eq!(kept(ip, privacy), expected);
        }
        let hashed = kept("198.51.100.77", IpPrivacy::Hash);
        assert_eq!(hashed.len(), 16);
        assert_eq!(hashed, kept("198.51.100.77", IpPrivacy::Hash));
        assert_ne!(hashed, kept("198.51.100.78", IpPrivacy::Hash));
    }

    #[test]
    fn a_visitor_without_a_cookie_is_address_and_user_agent() {
        let keys =
            KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16])
                .unwrap();
        let hash = |ip: &str, agent: &str| address_hash(ip.parse().unwrap(), agent, &keys);
        assert_eq!(hash("192.0.2.1", "a"), hash("192.0.2.1", "a"));
        assert_ne!(hash("192.0.2.1", "a"), hash("192.0.2.2", "a"));
        assert_ne!(hash("192.0.2.1", "a"), hash("192.0.2.1", "b"));
    }
}
