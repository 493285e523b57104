//! Answers: redirects, fixed pages, a picture, the word about a postback.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use model::thing::StatusAnswer;

/// An answer, ready to be sent.
pub type Reply = Response<Bytes>;

/// Nothing we answer may be kept by anybody: a click that a cache answers is a click nobody counts.
const NO_STORE: HeaderValue =
    HeaderValue::from_static("no-store, no-cache, must-revalidate, private, max-age=0");
const NO_INDEX: HeaderValue = HeaderValue::from_static("noindex, nofollow");
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// Hints a Chromium browser sends with its next click (WICG "User-Agent Client Hints").
const ACCEPT_CH: HeaderName = HeaderName::from_static("accept-ch");
const HINTS: HeaderValue = HeaderValue::from_static(
    "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model, Sec-CH-UA-Full-Version-List",
);

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
const GIF: HeaderValue = HeaderValue::from_static("image/gif");

/// As many as a page is told at most: a map that grows is filled twice.
const HEADERS: usize = 12;

/// One transparent pixel (GIF89a).
const PIXEL: &[u8; 43] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Bytes::new());
    *reply.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    headers.insert(ROBOTS, NO_INDEX);
    *reply.headers_mut() = headers;
    reply
}

/// A redirect to `url`; `None` when that cannot stand in a header.
pub(crate) fn redirect(status: StatusCode, url: String) -> Option<Reply> {
    let location = HeaderValue::from_maybe_shared(Bytes::from(url)).ok()?;
    let mut reply = empty(status);
    reply.headers_mut().insert(header::LOCATION, location);
    ask_for_hints(&mut reply);
    Some(reply)
}

/// `204 No Content`, for a click announced in the background.
pub(crate) fn no_content() -> Reply {
    let mut reply = empty(StatusCode::NO_CONTENT);
    ask_for_hints(&mut reply);
    reply
}

pub(crate) fn ask_for_hints(reply: &mut Reply) {
    reply.headers_mut().insert(ACCEPT_CH, HINTS);
}

/// A fixed sentence.
pub(crate) fn page(status: StatusCode, sentence: &'static str) -> Reply {
    with_body(status, TEXT, Bytes::from_static(sentence.as_bytes()))
}

/// The fixed answer of a path.
pub(crate) fn fixed(answer: &StatusAnswer) -> Option<Reply> {
    let code = StatusCode::from_u16(answer.code).ok()?;
    Some(match code {
        StatusCode::NO_CONTENT => no_content(),
        _ => text(code, answer.text.clone()),
    })
}

/// A short text.
pub(crate) fn text(status: StatusCode, text: String) -> Reply {
    with_body(status, TEXT, Bytes::from(text))
}

/// A page.
pub(crate) fn html(status: StatusCode, page: String) -> Reply {
    let mut reply = with_body(status, HTML, Bytes::from(page));
    ask_for_hints(&mut reply);
    reply
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, document: String) -> Reply {
    with_body(status, JSON, Bytes::from(document))
}

/// The transparent pixel.
pub(crate) fn pixel() -> Reply {
    with_body(StatusCode::OK, GIF, Bytes::from_static(PIXEL))
}

/// A script for a page of somebody else's.
pub(crate) fn script(text: String) -> Reply {
    with_body(StatusCode::OK, SCRIPT, Bytes::from(text))
}

fn with_body(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Reply {
    let mut reply = empty(status);
    reply.headers_mut().insert(header::CONTENT_TYPE, content_type);
    *reply.body_mut() = body;
    reply
}

/// The journal cannot take it: senders try again, visitors reload.
pub(crate) fn unavailable() -> Reply {
    let mut reply = page(StatusCode::SERVICE_UNAVAILABLE, "Not stored; please try again.\n");
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// Adds a cookie.
pub(crate) fn set_cookie(reply: &mut Reply, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        reply.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_may_be_kept_or_indexed() {
        let redirect = redirect(StatusCode::FOUND, "https://a.example/".into()).unwrap();
        for reply in
            [redirect, no_content(), page(StatusCode::NOT_FOUND, "x"), pixel(), unavailable()]
        {
            assert!(reply.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("no-store"));
            assert_eq!(reply.headers()["x-robots-tag"], "noindex, nofollow");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_redirect() {
        for url in ["https://a.example/\r\nSet-Cookie: x=y", "https://a.example/\0", "\u{7f}"] {
            assert!(redirect(StatusCode::FOUND, url.to_owned()).is_none());
        }
    }

    #[test]
    fn the_pixel_is_one_pixel() {
        let body = pixel().into_body();
        assert_eq!(body.len(), 43);
        assert!(body.starts_with(b"GIF89a\x01\x00\x01\x00") && body.ends_with(b";"));
    }
}
