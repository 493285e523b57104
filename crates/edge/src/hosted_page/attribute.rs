//! What an attribute holds, and so how the tokens in it are filled.

use super::Place;
use super::address::{self, Verdict};
use super::slots::{self, Found};
use std::ops::Range;

/// An attribute of a tag.
pub(super) struct Attribute {
    pub name: Box<str>,
    /// As a browser decodes it.
    pub value: Box<str>,
    /// Where the value begins in the page, behind its quote.
    pub from: usize,
}

/// What an attribute holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ordinary,
    Address,
    /// Code, styles, markup, or what a library takes for code.
    Code,
}

/// Attributes that hold an address or several (HTML, index of attributes, and older ones), also behind `data-`.
const ADDRESSES: [&str; 24] = [
    "action",
    "archive",
    "attributionsrc",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "dynsrc",
    "formaction",
    "href",
    "icon",
    "imagesrcset",
    "longdesc",
    "lowsrc",
    "manifest",
    "ping",
    "poster",
    "profile",
    "src",
    "srcset",
    "uri",
    "url",
    "usemap",
];

/// Beginnings of names whose values browsers or libraries run.
const CODE: [&str; 8] = ["on", "v-", "x-", "ng-", "hx-on", "data-on-", "data-ng-", "data-bind"];

/// The kind of the attribute `name`; `content` of a tag with `http-equiv` may hold an address (`refresh`).
pub(super) fn kind(name: &str, has_http_equiv: bool) -> Kind {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let is_code = matches!(name, "style" | "srcdoc")
        || CODE.iter().any(|prefix| name.starts_with(prefix))
        || !name.bytes().all(is_plain);
    let is_address = ADDRESSES.contains(&name.strip_prefix("data-").unwrap_or(name))
        || name == "content" && has_http_equiv;
    match (is_code, is_address) {
        (true, _) => Kind::Code,
        (false, true) => Kind::Address,
        (false, false) => Kind::Ordinary,
    }
}

/// Where the value of an attribute stands in the page; `None` for one without value.
pub(super) fn written_value(html: &str, attribute: &Attribute) -> Option<Range<usize>> {
    if attribute.value.is_empty() {
        return None;
    }
    let rest = html.get(attribute.from..)?;
    let end = match quote(html, attribute.from) {
        Some(quote) => rest.find(quote)?,
        None => rest.find(['\t', '\n', '\r', '\x0c', ' ', '>'])?,
    };
    Some(attribute.from..attribute.from + end)
}

/// The quote in front of a value.
pub(super) fn quote(html: &str, from: usize) -> Option<char> {
    html.get(..from)?.chars().next_back().filter(|c| matches!(c, '"' | '\''))
}

/// How the tokens of a value are filled; `text` is the value as it stands in the page, `value` as a browser decodes it.
pub(super) fn places(kind: Kind, text: &str, value: &str, found: &[Found]) -> Vec<Option<Place>> {
    let verdicts = match kind {
        Kind::Ordinary => vec![Verdict::Encoded; found.len()],
        Kind::Address => address::verdicts(value),
        Kind::Code => Vec::new(),
    };
    if verdicts.len() != found.len() {
        // Code, or an address in which a brace is written as a character reference.
        return vec![None; found.len()];
    }
    let place = |(completes, verdict)| match (completes, kind, verdict) {
        (true, ..) | (_, _, Verdict::Kept) => None,
        (_, Kind::Address, verdict) => Some(Place::Address { may_be_raw: verdict == Verdict::Raw }),
        _ => Some(Place::Attribute),
    };
    slots::completing(text, found).into_iter().zip(verdicts).map(place).collect()
}
