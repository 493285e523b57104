//! Who clicks: people with and without cookies, programs, and what they send.

use crate::random::Random;
use crate::setup::{CLOSED, key};
use bytes::Bytes;
use edge::{Edge, Incoming, Reply};
use http::{HeaderMap, HeaderValue, Method, header};
use model::thing::ThingId;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const AGENTS: [&str; 7] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
];
const REFERRERS: [&str; 4] =
    ["", "https://news.example/a", "https://www.social.example/x?y=1", "not a url"];
const LANGUAGES: [&str; 4] = ["de-DE,de;q=0.9", "en-GB", "fr", ""];
/// Longer than what is kept of a query.
const LONG_BYTES: usize = 5_000;

/// Somebody, with the cookies they were given.
pub struct Person {
    ip: IpAddr,
    agent: &'static str,
    language: &'static str,
    referrer: &'static str,
    keeps_cookies: bool,
    cookies: BTreeMap<String, String>,
    /// They stand on a lander.
    is_on_lander: bool,
}

impl Person {
    pub fn new(random: &mut Random) -> Self {
        let rare = random.one_in(20);
        let agent = if rare { 5 + random.below(2) } else { random.below(5) };
        Self {
            ip: address(random),
            agent: AGENTS[agent],
            language: random.pick(&LANGUAGES),
            referrer: random.pick(&REFERRERS),
            keeps_cookies: !random.one_in(4),
            cookies: BTreeMap::new(),
            is_on_lander: false,
        }
    }

    /// Goes on from a lander, or clicks an ad.
    pub async fn act(&mut self, edge: &Edge, uri: &str, goes_on: bool) {
        if std::mem::take(&mut self.is_on_lander) && goes_on {
            let reply = self.send(edge, "/click").await;
            self.take_cookies(&reply);
        }
        let reply = self.send(edge, uri).await;
        self.take_cookies(&reply);
        let location = reply.headers().get(header::LOCATION);
        let location = location.and_then(|url| url.to_str().ok()).unwrap_or_default();
        self.is_on_lander = location.starts_with("https://lander");
    }

    async fn send(&self, edge: &Edge, uri: &str) -> Reply {
        let mut headers = HeaderMap::new();
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        for (name, value) in [
            (header::USER_AGENT, self.agent),
            (header::ACCEPT_LANGUAGE, self.language),
            (header::REFERER, self.referrer),
            (header::COOKIE, &cookies),
        ] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
        }
        let (method, body) = (Method::GET, Bytes::new());
        let request = Incoming {
            method: &method,
            path_and_query: uri,
            headers: &headers,
            peer: self.ip,
            body: &body,
            is_tls: false,
        };
        edge.handle(request).await
    }

    fn take_cookies(&mut self, reply: &Reply) {
        if !self.keeps_cookies {
            return;
        }
        for value in reply.headers().get_all(header::SET_COOKIE) {
            let pair = value.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// An address in or beside the networks that conditions name; some look as if they were cut off.
fn address(random: &mut Random) -> IpAddr {
    let last = random.pick(&[0, 1, 7, 8, 57, 113, 120, 200]);
    let [a, b, c] = random.pick(&[
        [81, 2, 69],
        [89, 160, 20],
        [216, 160, 83],
        [198, 51, 100],
        [203, 0, 113],
        [192, 0, 2],
    ]);
    let v4 = Ipv4Addr::new(a, b, c, last);
    match random.below(8) {
        0 => Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into()).into(),
        1 => Ipv6Addr::new(0x2001, 0xdb8, 2, 3, 4, 5, 6, last.into()).into(),
        2 => v4.to_ipv6_mapped().into(),
        _ => v4.into(),
    }
}

/// Where an ad leads: any campaign, the paused one too, with what sources send.
pub fn landing(random: &mut Random) -> String {
    let flow = ThingId::try_from(1 + random.below(CLOSED as usize)).unwrap();
    let mut uri = format!("/c/{}?zone=", key(flow));
    uri.push_str(random.pick(&["a1", "b22", "%62%33", "150", "999", "{zone}", "", " b4", "%FF"]));
    for (chance, pair) in [
        (2, "&kw=%C3%A4rmel"),
        (3, "&kw=shoes+red&price=0.05"),
        (4, "&gclid=Cj0KCQjw-_x&utm_source=news"),
        (5, "&late=1"),
        (9, "&zone=b1&=&x&a=%"),
        (50, "&ct_test=1"),
    ] {
        if random.one_in(chance) {
            uri.push_str(pair);
        }
    }
    if random.one_in(100) {
        uri.push_str("&fill=");
        uri.extend(std::iter::repeat_n('ä', LONG_BYTES / 2));
        uri.push_str("&late=2&kw=shoes");
    }
    uri
}
