//! A request as the endpoints see it, free of any transport.

use bytes::Bytes;
use http::{HeaderMap, Method};
use std::net::IpAddr;

/// A request: what a connection, or a simulation, hands to [`crate::Edge::handle`].
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    /// `GET`, `POST` …
    pub method: &'a Method,
    /// Path and query as they came, still encoded.
    pub path_and_query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The other end of the connection; a proxy's address when there is one.
    pub peer: IpAddr,
    /// The body, within [`crate::Limits::body_bytes_max`].
    pub body: &'a Bytes,
    /// Whether it came by our own https.
    pub is_tls: bool,
}

impl<'a> Incoming<'a> {
    /// The part in front of `?`.
    pub fn path(&self) -> &'a str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }

    /// The part behind `?`.
    pub fn query(&self) -> &'a str {
        self.path_and_query.split_once('?').map_or("", |(_, query)| query)
    }
}

/// The endpoints, by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint<'a> {
    /// `/c/{key}`
    Click { key: &'a str },
    /// `/click`, `/click/{n}`
    LanderClick { link: usize },
    /// `/postback`, `/postback/{key}`
    Postback { key: Option<&'a str> },
    /// `/pixel.gif`
    Pixel,
    /// `/pixel.js`
    PixelScript,
    /// `/t.js`
    PageScript,
    /// `/imp/{key}`
    Impression { key: &'a str },
    /// `/d/{key}`
    Landing { key: &'a str },
    /// `/e`
    PageEvent,
    /// `/l/{name}/…`
    Hosted { path: &'a str },
    /// `/healthz`
    Live,
    /// `/readyz`
    Ready,
}

impl<'a> Endpoint<'a> {
    /// The endpoint of a path. A link number that is none counts as 1: a visitor never sees an error for a typing
    /// mistake in a lander.
    pub fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix('/')?;
        if let Some(key) = rest.strip_prefix("c/") {
            return Some(Self::Click { key });
        }
        if let Some(key) = rest.strip_prefix("d/") {
            return Some(Self::Landing { key });
        }
        if let Some(path) = rest.strip_prefix("l/") {
            return Some(Self::Hosted { path });
        }
        if let Some(key) = rest.strip_prefix("imp/") {
            return Some(Self::Impression { key });
        }
        if let Some(link) = rest.strip_prefix("click/") {
            return Some(Self::LanderClick { link: link.parse().unwrap_or(1) });
        }
        if let Some(key) = rest.strip_prefix("postback/") {
            return Some(Self::Postback { key: Some(key).filter(|key| !key.is_empty()) });
        }
        Some(match rest {
            "click" => Self::LanderClick { link: 1 },
            "postback" => Self::Postback { key: None },
            "e" => Self::PageEvent,
            "pixel.gif" => Self::Pixel,
            "pixel.js" => Self::PixelScript,
            "t.js" => Self::PageScript,
            "healthz" => Self::Live,
            "readyz" => Self::Ready,
            _ => return None,
        })
    }

    /// What an `Allow` header says.
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Click { .. } | Self::LanderClick { .. } => "GET, HEAD, POST",
            Self::Postback { .. } => "GET, POST",
            Self::Landing { .. } | Self::PageEvent => "OPTIONS, POST",
            Self::Pixel | Self::PixelScript | Self::Impression { .. } => "GET",
            Self::Hosted { .. } | Self::PageScript | Self::Live | Self::Ready => "GET, HEAD",
        }
    }

    /// Whether the endpoint knows the method.
    pub fn allows(self, method: &Method) -> bool {
        self.methods().split(',').any(|allowed| allowed.trim_ascii_start() == method.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_endpoints() {
        for (path, expected) in [
            ("/c/abc", Some(Endpoint::Click { key: "abc" })),
            ("/c/", Some(Endpoint::Click { key: "" })),
            ("/c/a/b", Some(Endpoint::Click { key: "a/b" })),
            ("/c", None),
            ("/click", Some(Endpoint::LanderClick { link: 1 })),
            ("/click/3", Some(Endpoint::LanderClick { link: 3 })),
            ("/click/x", Some(Endpoint::LanderClick { link: 1 })),
            ("/click/99999999999999999999999", Some(Endpoint::LanderClick { link: 1 })),
            ("/clicks", None),
            ("/postback", Some(Endpoint::Postback { key: None })),
            ("/postback/", Some(Endpoint::Postback { key: None })),
            ("/postback/s3cret", Some(Endpoint::Postback { key: Some("s3cret") })),
            ("/pixel.gif", Some(Endpoint::Pixel)),
            ("/pixel.js", Some(Endpoint::PixelScript)),
            ("/t.js", Some(Endpoint::PageScript)),
            ("/imp/abc", Some(Endpoint::Impression { key: "abc" })),
            ("/d/abc", Some(Endpoint::Landing { key: "abc" })),
            ("/d", None),
            ("/e", Some(Endpoint::PageEvent)),
            ("/e/", None),
            ("/l/quiz", Some(Endpoint::Hosted { path: "quiz" })),
            ("/l/quiz/a/b.png", Some(Endpoint::Hosted { path: "quiz/a/b.png" })),
            ("/l", None),
            ("/healthz", Some(Endpoint::Live)),
            ("/readyz", Some(Endpoint::Ready)),
            ("/", None),
            ("", None),
            ("*", None),
            ("/api/v1/campaigns", None),
            ("//c/abc", None),
        ] {
            assert_eq!(Endpoint::of(path), expected, "{path}");
        }
    }

    #[test]
    fn methods_are_allowed_by_endpoint() {
        let click = Endpoint::Click { key: "a" };
        for (method, allowed) in
            [("GET", true), ("HEAD", true), ("POST", true), ("PUT", false), ("get", false)]
        {
            assert_eq!(click.allows(&Method::from_bytes(method.as_bytes()).unwrap()), allowed);
        }
        assert!(!Endpoint::Postback { key: None }.allows(&Method::HEAD));
    }
}
