//! How a visitor is sent on: a redirect, or a page that leads on by itself.

use crate::counters::Event;
use crate::digits::push_hex;
use crate::edge::Edge;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::site::Site;
use http::{HeaderValue, Method, StatusCode, header};
use model::keys::{self, KeyRing};
use model::params;
use model::thing::{RedirectMode, ThingId};

/// The parameters of the second page of mode `double_meta`.
const TO_PARAM: &str = "ct_to";
const WORKSPACE_PARAM: &str = "ct_for";
const SIGNATURE_PARAM: &str = "ct_sig";
/// Longer queries than this are cut ([`crate::Limits`]).
const SECOND_PAGE_BYTES_MAX: usize = 8_000;
/// Keeps these hashes apart from others made with the same key.
const SIGNATURE_CONTEXT: &[u8] = b"ct_to";

/// How second pages are signed: for the hosts of one workspace, and for this day and the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal<'a> {
    keys: &'a KeyRing,
    workspace: ThingId,
    day: i64,
}

impl<'a> Seal<'a> {
    /// The seal of a workspace on the day of a moment.
    pub fn of(edge: &'a Edge, workspace: ThingId, at_ms: i64) -> Self {
        let day = at_ms.div_euclid(24 * 60 * 60 * 1000);
        Self { keys: &edge.keys, workspace, day }
    }

    fn sign(self, url: &str) -> String {
        let (workspace, day) = (self.workspace.to_le_bytes(), self.day.to_le_bytes());
        let signed = [SIGNATURE_CONTEXT, &workspace, &day, url.as_bytes()].concat();
        let mut text = String::with_capacity(16);
        push_hex(&mut text, keys::hash(self.keys.visitor(), &signed));
        text
    }

    fn is_on(self, url: &str, signature: &str) -> bool {
        [self.day, self.day - 1].iter().any(|day| Self { day: *day, ..self }.sign(url) == signature)
    }

    /// Where the second page to `url` is.
    fn second_page(self, url: &str) -> String {
        let (to, workspace, signature) = (params::encode(url), self.workspace, self.sign(url));
        format!(
            "/click?{TO_PARAM}={to}&{WORKSPACE_PARAM}={workspace}&{SIGNATURE_PARAM}={signature}"
        )
    }
}

/// Sends a visitor to `url`; `None` when it cannot be written. A `POST` that is redirected gets `303`, so that the next
/// page is fetched with `GET` (RFC 9110, 15.4.4).
pub(crate) fn send_on(
    mode: RedirectMode,
    method: &Method,
    url: String,
    seal: Seal<'_>,
) -> Option<Reply> {
    let status = match mode {
        _ if method == Method::POST => StatusCode::SEE_OTHER,
        RedirectMode::Temporary => StatusCode::TEMPORARY_REDIRECT,
        _ => StatusCode::FOUND,
    };
    match mode {
        RedirectMode::Found | RedirectMode::Temporary | RedirectMode::Transparent => {
            reply::redirect(status, url)
        }
        RedirectMode::NoReferrer => reply::redirect(status, url).map(without_referrer),
        RedirectMode::Meta => page(&url, Leads::ByMeta),
        RedirectMode::DoubleMeta => {
            let second = seal.second_page(&url);
            // One page without referrer is better than a second one that would be cut off.
            let first = if second.len() > SECOND_PAGE_BYTES_MAX { &url } else { &second };
            page(first, Leads::ByMeta).map(without_referrer)
        }
        RedirectMode::Js => page(&url, Leads::ByScript),
    }
}

/// The second page of mode `double_meta`, when that is what the request asks for: it leads where a signed parameter
/// says, so that it leads nowhere but where we sent somebody, and on no host of anybody else.
pub(crate) fn second_hop(edge: &Edge, site: Site, query: Query<'_>) -> Option<Reply> {
    let url = query.get(TO_PARAM)?;
    let workspace = query.get(WORKSPACE_PARAM).and_then(|id| id.parse().ok());
    let is_ours = workspace.is_some_and(|workspace| {
        let signature = query.get(SIGNATURE_PARAM).unwrap_or_default();
        let seal = Seal::of(edge, workspace, edge.log.clock.now_ms());
        site.serves(workspace) && seal.is_on(&url, &signature)
    });
    if !is_ours {
        return Some(edge.refuse(Event::NextHopRefused));
    }
    let reply = page(&url, Leads::ByMeta).map(without_referrer);
    Some(reply.unwrap_or_else(|| edge.refuse(Event::DestinationRefused)))
}

fn without_referrer(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leads {
    ByMeta,
    ByScript,
}

/// A page that leads on by itself, with a link for whoever is not led. The URL stands in attributes only, so that
/// there is one way to escape it; the script is always the same and the policy names it by its hash.
fn page(url: &str, leads: Leads) -> Option<Reply> {
    if url.chars().any(char::is_control) {
        return None;
    }
    let mut escaped = String::with_capacity(url.len() + 16);
    for c in url.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    let meta = format!("<meta http-equiv=\"refresh\" content=\"0;url={escaped}\">");
    let (head, script) = match leads {
        Leads::ByMeta => (meta, String::new()),
        Leads::ByScript => {
            (format!("<noscript>{meta}</noscript>"), format!("<script>{SCRIPT}</script>"))
        }
    };
    let body = format!(
        "<!doctype html><meta charset=\"utf-8\"><title>…</title>{head}<a id=\"next\" href=\"{escaped}\">Continue</a>{script}\n"
    );
    let mut reply = reply::html(StatusCode::OK, body);
    reply.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Some(reply)
}

/// Goes where the link leads, and leaves no entry in the history.
const SCRIPT: &str = "location.replace(document.getElementById(\"next\").href)";
/// Nothing but [`SCRIPT`] runs.
const POLICY: &str =
    "default-src 'none'; script-src 'sha256-D7zBTId0i/8SjcCbXegeY71m7THTSLDuivAfDEjQY3w='";

#[cfg(test)]
mod tests {
    use super::*;
    use model::keys::MacKey;

    fn keys() -> KeyRing {
        KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16]).unwrap()
    }

    fn sent(mode: RedirectMode, method: &Method) -> Reply {
        let keys = keys();
        let seal = Seal { keys: &keys, workspace: 1, day: 20_000 };
        send_on(mode, method, "https://a.example/?x=1&y=\"<2>'".to_owned(), seal).unwrap()
    }

    #[test]
    fn modes_lead_on_in_their_own_ways() {
        for (mode, status, location, policy) in [
            (RedirectMode::Found, 302, true, None),
            (RedirectMode::Temporary, 307, true, None),
            (RedirectMode::Transparent, 302, true, None),
            (RedirectMode::NoReferrer, 302, true, Some("no-referrer")),
            (RedirectMode::Meta, 200, false, None),
            (RedirectMode::DoubleMeta, 200, false, Some("no-referrer")),
            (RedirectMode::Js, 200, false, None),
        ] {
            let reply = sent(mode, &Method::GET);
            assert_eq!(reply.status().as_u16(), status, "{mode:?}");
            assert_eq!(reply.headers().contains_key(header::LOCATION), location, "{mode:?}");
            let found = reply.headers().get(header::REFERRER_POLICY);
            assert_eq!(found.map(|value| value.to_str().unwrap()), policy, "{mode:?}");
            assert!(reply.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("no-store"));
        }
        assert_eq!(sent(RedirectMode::Temporary, &Method::POST).status(), StatusCode::SEE_OTHER);
    }

    #[test]
    fn a_url_cannot_leave_its_attribute() {
        for mode in [RedirectMode::Meta, RedirectMode::Js] {
            let body = sent(mode, &Method::GET).into_body();
            let text = str::from_utf8(&body).unwrap();
            assert!(text.contains("https://a.example/?x=1&amp;y=&quot;&lt;2&gt;&#39;"), "{text}");
            assert!(!text.contains("<2>"), "{text}");
        }
        let broken = "https://a.example/\r\nx".to_owned();
        let keys = keys();
        let seal = Seal { keys: &keys, workspace: 1, day: 20_000 };
        assert!(send_on(RedirectMode::Meta, &Method::GET, broken, seal).is_none());
    }

    #[test]
    fn a_seal_holds_for_its_workspace_and_for_two_days() {
        let keys = keys();
        let seal = |workspace, day| Seal { keys: &keys, workspace, day };
        let signature = seal(1, 100).sign("https://a.example/");
        for (workspace, day, url, holds) in [
            (1, 100, "https://a.example/", true),
            (1, 101, "https://a.example/", true),
            (1, 102, "https://a.example/", false),
            (1, 99, "https://a.example/", false),
            (2, 100, "https://a.example/", false),
            (1, 100, "https://b.example/", false),
        ] {
            assert_eq!(
                seal(workspace, day).is_on(url, &signature),
                holds,
                "{workspace} {day} {url}"
            );
        }
    }

    #[test]
    fn a_url_too_long_for_a_second_page_gets_one_page() {
        let keys = keys();
        let seal = Seal { keys: &keys, workspace: 1, day: 20_000 };
        let url = format!("https://a.example/?x={}", "%20".repeat(2_000));
        let reply = send_on(RedirectMode::DoubleMeta, &Method::GET, url.clone(), seal).unwrap();
        assert!(str::from_utf8(reply.body()).unwrap().contains(&format!("url={url}")));
    }
}
