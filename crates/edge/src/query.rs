//! The query of a request within its bound, and the single parameters an endpoint asks for.

use memchr::{memchr, memchr2};
use model::params;
use std::borrow::Cow;

/// A query, cut behind the last whole parameter that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    /// What is read of it, still encoded.
    pub text: &'a str,
    /// Whether parameters were cut off.
    pub is_cut: bool,
}

/// More parameters than this are not looked at; no ad platform sends as many.
const PARAMS_MAX: usize = 256;

impl<'a> Query<'a> {
    /// The query of `path_and_query`, of which `bytes_max` bytes are read.
    pub fn bounded(path_and_query: &'a str, bytes_max: usize) -> Self {
        let Some(mark) = path_and_query.find('?') else { return Self { text: "", is_cut: false } };
        let text = &path_and_query[mark + 1..];
        if path_and_query.len() <= bytes_max {
            return Self { text, is_cut: false };
        }
        let kept = params::cut(text, bytes_max.saturating_sub(mark + 1));
        // A parameter that was cut in its middle is cut as a whole: half an id is a wrong id.
        let end = if text.as_bytes().get(kept.len()) == Some(&b'&') {
            kept.len()
        } else {
            kept.rfind('&').unwrap_or(0)
        };
        Self { text: &text[..end], is_cut: true }
    }

    /// Its pairs, still encoded.
    pub fn pairs(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.raw_pairs().map(|pair| match memchr(b'=', pair.as_bytes()) {
            Some(equals) => (&pair[..equals], &pair[equals + 1..]),
            None => (pair, ""),
        })
    }

    /// The pairs as they stand in the query.
    pub fn raw_pairs(self) -> impl Iterator<Item = &'a str> {
        let mut rest = self.text;
        let pairs = std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = memchr(b'&', rest.as_bytes());
            let pair = &rest[..end.unwrap_or(rest.len())];
            rest = end.map_or("", |end| &rest[end + 1..]);
            Some(pair)
        });
        pairs.filter(|pair| !pair.is_empty()).take(PARAMS_MAX)
    }

    /// The decoded value of the first parameter called `name`.
    pub fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
    }

    /// Whether the parameter `name` is `1`.
    pub fn is_set(self, name: &str) -> bool {
        self.pairs().find(|(key, _)| *key == name).is_some_and(|(_, value)| value == "1")
    }
}

/// As [`params::decode`], which deals with what is foreign; most names and values are plain ASCII with an escape or two.
pub(crate) fn decode(raw: &str) -> Cow<'_, str> {
    // Without an early end the loop runs on whole vectors.
    let is_plain =
        raw.bytes().fold(true, |plain, b| plain & b.is_ascii_graphic() & (b != b'%') & (b != b'+'));
    if is_plain {
        return Cow::Borrowed(raw);
    }
    decode_ascii(raw).map_or_else(|| params::decode(raw), Cow::Owned)
}

/// The value when it is printable ASCII and every escape is whole. What stands between escapes is taken over in one piece.
fn decode_ascii(raw: &str) -> Option<String> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some(at) = memchr2(b'%', b'+', rest) {
        let (plain, escape) = rest.split_at_checked(at)?;
        out.extend_from_slice(plain);
        rest = match escape {
            [b'+', behind @ ..] => {
                out.push(b' ');
                behind
            }
            [_, high, low, behind @ ..] => {
                out.push((hex(*high)? << 4) | hex(*low)?);
                behind
            }
            _ => return None,
        };
    }
    out.extend_from_slice(rest);
    let is_printable = out.iter().fold(true, |plain, b| plain & (0x20..0x7f).contains(b));
    if is_printable { String::from_utf8(out).ok() } else { None }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_cut_between_parameters() {
        for (uri, bytes_max, text, is_cut) in [
            ("/c/a", 8, "", false),
            ("/c/a?x=1&y=2", 12, "x=1&y=2", false),
            ("/c/a?x=1&y=2", 11, "x=1", true),
            ("/c/a?x=1&y=2", 8, "x=1", true),
            ("/c/a?x=1&y=2", 7, "", true),
            ("/c/a?x=1&y=2", 2, "", true),
            ("/c/a?ä=1&y=2", 6, "", true),
            ("/c/a?", 4, "", true),
        ] {
            assert_eq!(Query::bounded(uri, bytes_max), Query { text, is_cut }, "{uri} {bytes_max}");
        }
    }

    #[test]
    fn the_first_of_a_repeated_parameter_counts() {
        let query = Query::bounded("/?a=1%202&a=3&b=1", 100);
        assert_eq!(query.get("a").as_deref(), Some("1 2"));
        assert!(query.is_set("b") && !query.is_set("a") && !query.is_set("c"));
    }

    proptest! {
        #[test]
        fn values_decode_as_the_model_says(raw in "[a-z%0-9A-F+ä ]{0,20}|(%[0-9a-fA-F]{2}|[a-z+]){0,12}|[\\x00-\\x7f]{0,20}") {
            prop_assert_eq!(decode(&raw), params::decode(&raw));
        }

        #[test]
        fn a_cut_query_is_a_list_of_whole_parameters(uri in "/[a-z]{0,3}\\?([a-zä]{0,3}=?[0-9]{0,3}&){0,9}", bytes_max in 0usize..60) {
            let whole: Vec<&str> = Query::bounded(&uri, usize::MAX).raw_pairs().collect();
            let cut: Vec<&str> = Query::bounded(&uri, bytes_max).raw_pairs().collect();
            prop_assert_eq!(&whole[..cut.len()], &cut[..]);
        }
    }
}
