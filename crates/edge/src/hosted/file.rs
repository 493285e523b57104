//! A file of a hosted lander: asked for again when it may have changed, packed, or in parts.

use super::bundles::StoredFile;
use super::library::Whole;
use super::media_type::MediaType;
use crate::packing::takes_gzip;
use crate::reply::Reply;
use crate::request::Incoming;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use std::ops::Range;
use std::sync::Arc;

/// A visitor asks again after ten minutes, and meanwhile uses what there is (RFC 5861, 3).
const KEPT: HeaderValue =
    HeaderValue::from_static("public, max-age=600, stale-while-revalidate=86400");

/// The answer to a request for it.
pub(super) fn reply(
    request: &Incoming<'_>,
    kind: &'static MediaType,
    stored: StoredFile,
    whole: &Arc<Whole>,
) -> Reply {
    let mut reply = Response::new(Bytes::new());
    let tag = HeaderValue::try_from(format!("W/\"{}\"", stored.sha256)).ok();
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, KEPT);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.extend(tag.clone().map(|tag| (header::ETAG, tag)));
    if is_known(request.headers, tag.as_ref()) {
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        return reply;
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.name));
    let is_packed = whole.packs() && takes_gzip(request.headers);
    let mut body = whole.bytes(is_packed);
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    } else {
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        match part(request, body.len()) {
            Part::Whole => {}
            Part::Bytes(range) => {
                let said = format!("bytes {}-{}/{}", range.start, range.end - 1, body.len());
                headers.extend(HeaderValue::try_from(said).map(|v| (header::CONTENT_RANGE, v)));
                body = body.slice(range);
                *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
            Part::Beyond => {
                let said = format!("bytes */{}", body.len());
                headers.extend(HeaderValue::try_from(said).map(|v| (header::CONTENT_RANGE, v)));
                body = Bytes::new();
                *reply.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            }
        }
    }
    reply.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    if request.method != Method::HEAD {
        *reply.body_mut() = body;
    }
    reply
}

/// RFC 9110, 13.1.2: any of the tags it has, compared weakly.
fn is_known(headers: &HeaderMap, tag: Option<&HeaderValue>) -> bool {
    let Some(own) = tag.and_then(|tag| tag.to_str().ok()) else { return false };
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    known.flat_map(|tags| tags.split(',')).any(|known| opaque(known) == opaque(own))
}

/// What of a file is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Bytes(Range<usize>),
    Beyond,
}

/// One range of bytes (RFC 9110, 14.2), as players of videos ask for. Several at once, and a range of what may have
/// changed meanwhile (`If-Range`), get the whole.
fn part(request: &Incoming<'_>, length: usize) -> Part {
    let range = request.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let asked = range.and_then(|range| range.strip_prefix("bytes="));
    let is_plain = request.method == Method::GET && !request.headers.contains_key(header::IF_RANGE);
    match asked.filter(|_| is_plain).and_then(|asked| asked.trim().split_once('-')) {
        None => Part::Whole,
        Some(("", last)) => match last.parse::<usize>() {
            Ok(0) => Part::Beyond,
            Ok(last) if length > 0 => Part::Bytes(length.saturating_sub(last)..length),
            Ok(_) => Part::Beyond,
            Err(_) => Part::Whole,
        },
        Some((first, last)) => {
            let end = if last.is_empty() {
                Ok(length)
            } else {
                last.parse().map(|last: usize| last.saturating_add(1))
            };
            match (first.parse::<usize>(), end) {
                (Ok(first), Ok(end)) if first >= end && !last.is_empty() => Part::Whole,
                (Ok(first), Ok(_)) if first >= length => Part::Beyond,
                (Ok(first), Ok(end)) => Part::Bytes(first..end.min(length)),
                _ => Part::Whole,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_a_part_and_what_is_none_is_the_whole() {
        let asked = |range: &str, length| {
            let headers = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
            let request = Incoming {
                method: &Method::GET,
                path_and_query: "/",
                headers: &headers,
                peer: std::net::Ipv4Addr::LOCALHOST.into(),
                body: &Bytes::new(),
                is_tls: false,
            };
            part(&request, length)
        };
        for (range, expected) in [
            ("bytes=0-", Part::Bytes(0..10)),
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=3-5", Part::Bytes(3..6)),
            ("bytes=3-99999999999999999999", Part::Whole),
            ("bytes=3-99", Part::Bytes(3..10)),
            ("bytes=9-", Part::Bytes(9..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-30", Part::Bytes(0..10)),
            ("bytes=-0", Part::Beyond),
            ("bytes=5-3", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(asked(range, 10), expected, "{range}");
        }
        assert_eq!(asked("bytes=0-", 0), Part::Beyond);
        assert_eq!(asked("bytes=-1", 0), Part::Beyond);
    }

    #[test]
    fn any_tag_that_is_known_will_do() {
        let tag = HeaderValue::from_static("W/\"a\"");
        for (known, is) in
            [("W/\"a\"", true), ("\"a\"", true), ("\"b\", W/\"a\"", true), ("\"b\"", false)]
        {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, known.parse().unwrap())]);
            assert_eq!(is_known(&headers, Some(&tag)), is, "{known}");
        }
    }
}
