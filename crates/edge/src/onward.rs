//! How a visitor is sent on: a redirect, or a page that leads on by itself.

use crate::counters::Event;
use crate::digits::push_hex;
use crate::edge::Edge;
use crate::query::Query;
use crate::reply::{self, Reply};
use http::{HeaderValue, Method, StatusCode, header};
use model::keys::{self, KeyRing};
use model::params;
use model::thing::RedirectMode;

/// The parameters of the second page of mode `double_meta`.
const TO_PARAM: &str = "ct_to";
const SIGNATURE_PARAM: &str = "ct_sig";
/// Keeps these hashes apart from others made with the same key.
const SIGNATURE_CONTEXT: &[u8] = b"ct_to";

/// Sends a visitor to `url`; `None` when it cannot be written. A `POST` that is redirected gets `303`, so that the next
/// page is fetched with `GET` (RFC 9110, 15.4.4).
pub(crate) fn send_on(
    mode: RedirectMode,
    method: &Method,
    url: String,
    keys: &KeyRing,
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
            page(&second_page(&url, keys), Leads::ByMeta).map(without_referrer)
        }
        RedirectMode::Js => page(&url, Leads::ByScript),
    }
}

/// The second page of mode `double_meta`, when that is what the request asks for: it leads where a signed parameter
/// says, so that it leads nowhere but where we sent somebody.
pub(crate) fn second_hop(edge: &Edge, query: Query<'_>) -> Option<Reply> {
    let url = query.get(TO_PARAM)?;
    let signed =
        query.get(SIGNATURE_PARAM).is_some_and(|given| *given == signature(&url, &edge.keys));
    if !signed {
        return Some(edge.refuse(Event::NextHopRefused));
    }
    let reply = page(&url, Leads::ByMeta).map(without_referrer);
    Some(reply.unwrap_or_else(|| edge.refuse(Event::DestinationRefused)))
}

fn second_page(url: &str, keys: &KeyRing) -> String {
    let mut page = String::from("/click?");
    let pairs = [(TO_PARAM, url), (SIGNATURE_PARAM, &signature(url, keys))];
    for (place, (name, value)) in pairs.into_iter().enumerate() {
        page.push_str(if place == 0 { "" } else { "&" });
        page.push_str(name);
        page.push('=');
        page.push_str(&params::encode(value));
    }
    page
}

fn signature(url: &str, keys: &KeyRing) -> String {
    let mut text = String::with_capacity(16);
    push_hex(&mut text, keys::hash(keys.visitor(), &[SIGNATURE_CONTEXT, url.as_bytes()].concat()));
    text
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
        send_on(mode, method, "https://a.example/?x=1&y=\"<2>'".to_owned(), &keys()).unwrap()
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
        assert!(send_on(RedirectMode::Meta, &Method::GET, broken, &keys()).is_none());
    }
}
