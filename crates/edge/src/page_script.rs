//! `/t.js`: direct tracking on somebody's page. The same bytes for every site, so that a page may pin them by their hash.

use crate::packing::{Strength, packed, takes_gzip};
use crate::reply::{self, Reply};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What `crates/edge/script/t.js` comes to, made small (`npm run script` in `e2e`; a test compares).
const SCRIPT: &[u8] = include_bytes!("../script/t.min.js");

const TYPE: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

/// A page asks again once an hour, and then mostly hears that nothing changed.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// A page may load it, check its hash (`integrity` needs CORS), and isolate itself from everything that says nothing.
const FOR_ALL: [(HeaderName, HeaderValue); 4] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::VARY, HeaderValue::from_static("accept-encoding")),
];

/// The script, ready to be sent.
#[derive(Debug)]
pub(crate) struct PageScript {
    gzip: Option<Bytes>,
    tag: HeaderValue,
}

impl PageScript {
    /// Packs it once.
    pub fn new() -> Self {
        let mut hasher = DefaultHasher::new();
        SCRIPT.hash(&mut hasher);
        let tag = HeaderValue::try_from(format!("W/\"{:016x}\"", hasher.finish()));
        Self {
            gzip: packed(SCRIPT, Strength::Best).ok().map(Bytes::from),
            tag: tag.unwrap_or(HeaderValue::from_static("W/\"0\"")),
        }
    }

    /// The answer to a request for it.
    pub fn reply(&self, method: &Method, headers: &HeaderMap) -> Reply {
        let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == self.tag);
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let mut reply = reply::empty(status);
        let set = reply.headers_mut();
        set.insert(header::CACHE_CONTROL, KEPT);
        set.insert(header::ETAG, self.tag.clone());
        for (name, value) in FOR_ALL {
            set.insert(name, value);
        }
        if is_known {
            return reply;
        }
        set.insert(header::CONTENT_TYPE, TYPE);
        let gzip = self.gzip.clone().filter(|_| takes_gzip(headers));
        if gzip.is_some() {
            set.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        let body = gzip.unwrap_or(Bytes::from_static(SCRIPT));
        set.insert(header::CONTENT_LENGTH, body.len().into());
        if method != Method::HEAD {
            *reply.body_mut() = body;
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a page pays for it.
    const PACKED_BYTES_MAX: usize = 3 * 1024;

    fn asked(name: HeaderName, value: &str) -> Reply {
        let headers = HeaderMap::from_iter([(name, value.parse().unwrap())]);
        PageScript::new().reply(&Method::GET, &headers)
    }

    #[test]
    fn the_script_is_small() {
        let size = packed(SCRIPT, Strength::Best).unwrap().len();
        println!("result: /t.js: {size} bytes gzipped, {} plain", SCRIPT.len());
        assert!(size <= PACKED_BYTES_MAX, "{size} bytes");
    }

    #[test]
    fn it_is_packed_for_those_who_take_it() {
        for (value, packed) in [("gzip, br", true), ("br", false)] {
            let reply = asked(header::ACCEPT_ENCODING, value);
            assert_eq!(reply.headers().contains_key(header::CONTENT_ENCODING), packed, "{value}");
            assert_eq!(reply.body() == SCRIPT, !packed, "{value}");
        }
    }

    #[test]
    fn whoever_has_it_hears_that_it_is_the_same() {
        let tag = PageScript::new().tag;
        let known = asked(header::IF_NONE_MATCH, tag.to_str().unwrap());
        assert_eq!((known.status(), known.body().len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(asked(header::IF_NONE_MATCH, "W/\"1\"").status(), StatusCode::OK);
        let head = PageScript::new().reply(&Method::HEAD, &HeaderMap::new());
        assert_eq!(head.headers()[header::CONTENT_LENGTH], SCRIPT.len().to_string());
        assert!(head.body().is_empty());
    }
}
