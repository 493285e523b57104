//! The raw query in brief: a value that another column of its row holds is named, not kept twice.
//!
//! A query is mostly values that have a column of their own: ids of campaigns and ads, the platform's click id. What
//! remains is the same for most clicks of a source, which compresses to next to nothing. The query comes back byte for
//! byte. docs/formats/events.md describes the marks.

use model::Field;
use model::facts::{Facts, Value};
use model::record::tag;
use std::fmt::Write;

/// In front of a tag's number: the text of that field, as it is.
const PLAIN: char = '\u{1}';
/// In front of a tag's number: the text of that field, percent-encoded.
const ENCODED: char = '\u{2}';
/// The row's first platform id, whose name is this parameter's.
const PLATFORM: char = '\u{3}';
/// At the beginning: what follows is the query as it came, because it holds a mark itself.
const WHOLE: char = '\u{4}';

/// A shorter value takes no more room than its mark.
const VALUE_BYTES_MIN: usize = 3;

/// The query of a row with these facts, in brief.
pub fn brief(raw: &str, facts: &Facts) -> String {
    let mut text = String::with_capacity(raw.len() + 1);
    if raw.contains([PLAIN, ENCODED, PLATFORM, WHOLE]) {
        text.push(WHOLE);
        text.push_str(raw);
        return text;
    }
    let platform = facts.text_at(tag::PLATFORM_ID).and_then(|pair| pair.split_once('='));
    for (place, pair) in raw.split('&').enumerate() {
        if place > 0 {
            text.push('&');
        }
        match pair.split_once('=') {
            Some(pair) if platform == Some(pair) => {
                text.push_str(pair.0);
                text.push('=');
                text.push(PLATFORM);
            }
            Some((name, value)) if value.len() >= VALUE_BYTES_MIN => {
                text.push_str(name);
                text.push('=');
                push_value(&mut text, value, facts);
            }
            _ => text.push_str(pair),
        }
    }
    text
}

fn push_value(text: &mut String, value: &str, facts: &Facts) {
    if let Some((mark, tag)) = holder(value, facts) {
        text.push(mark);
        // Writing to a String cannot fail.
        let _ = write!(text, "{tag}");
    } else {
        text.push_str(value);
    }
}

/// The field that holds a value, and how.
fn holder(value: &str, facts: &Facts) -> Option<(char, u16)> {
    let is_encoded = value.contains('%');
    facts.iter().find_map(|(tag, held)| {
        let Value::Bytes(bytes) = held else { return None };
        if !Field::from_tag(tag).is_some_and(Field::from_source) {
            return None;
        }
        let mark = if bytes == value.as_bytes() {
            PLAIN
        } else if is_encoded && is_encoded_as(bytes, value) && str::from_utf8(bytes).is_ok() {
            ENCODED
        } else {
            return None;
        };
        // Reading back finds the first value of a tag.
        (facts.get(tag) == Some(held)).then_some((mark, tag))
    })
}

/// The query that [`brief`] shortened; `first` gives the first text under a tag. `None` when it names a text that is
/// not there: the row is damaged.
pub fn full<'a>(brief: &str, first: impl Fn(u16) -> Option<&'a str>) -> Option<String> {
    if let Some(whole) = brief.strip_prefix(WHOLE) {
        return Some(whole.to_owned());
    }
    let mut raw = String::with_capacity(brief.len() * 2);
    for (place, pair) in brief.split('&').enumerate() {
        if place > 0 {
            raw.push('&');
        }
        let Some((name, value)) = pair.split_once('=') else {
            raw.push_str(pair);
            continue;
        };
        raw.push_str(name);
        raw.push('=');
        if value.starts_with(PLATFORM) {
            raw.push_str(first(tag::PLATFORM_ID)?.split_once('=')?.1);
        } else if let Some(tag) = value.strip_prefix(PLAIN) {
            raw.push_str(first(tag.parse().ok()?)?);
        } else if let Some(tag) = value.strip_prefix(ENCODED) {
            raw.push_str(&encoded(first(tag.parse().ok()?)?));
        } else {
            raw.push_str(value);
        }
    }
    Some(raw)
}

/// Percent-encoded as browsers' `encodeURIComponent` and most ad platforms do it: all but unreserved characters
/// (RFC 3986, 2.3), digits in upper case (2.1).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() + 16), |mut out, byte| {
        if is_unreserved(byte) {
            out.push(byte.into());
        } else {
            let digits = digits(byte);
            out.extend(['%', digits[0].into(), digits[1].into()]);
        }
        out
    })
}

/// Whether [`encoded`] makes `value` of `text`, which is asked of every text of a row and mostly denied at once.
fn is_encoded_as(text: &[u8], value: &str) -> bool {
    let mut rest = value.as_bytes();
    for &byte in text {
        rest = match *rest {
            [first, ref behind @ ..] if is_unreserved(byte) && first == byte => behind,
            [b'%', high, low, ref behind @ ..]
                if !is_unreserved(byte) && [high, low] == digits(byte) =>
            {
                behind
            }
            _ => return false,
        };
    }
    rest.is_empty()
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn digits(byte: u8) -> [u8; 2] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts(texts: &[(u16, &str)]) -> Facts {
        let mut facts = Facts::default();
        texts.iter().for_each(|(tag, text)| facts.push_bytes(*tag, text.as_bytes()));
        facts
    }

    #[test]
    fn values_that_have_a_column_are_named() {
        let facts = facts(&[
            (Field::AdCampaignId.tag(), "120558096978048"),
            (Field::AdCampaignName.tag(), "UK · 20%"),
            (Field::Os.tag(), "iOS"),
            (tag::PLATFORM_ID, "gclid=Cj0KCQjw-_x"),
        ]);
        for (raw, expected) in [
            ("campaign_id=120558096978048&x=1", "campaign_id=\u{1}20&x=1"),
            ("name=UK%20%C2%B7%2020%25", "name=\u{2}21"),
            ("gclid=Cj0KCQjw-_x", "gclid=\u{3}"),
            // A value that is there by chance, or under another name, stays.
            ("os=iOS&other=Cj0KCQjw-_x", "os=iOS&other=Cj0KCQjw-_x"),
            ("a&&=&b=", "a&&=&b="),
            ("a=\u{1}20", "\u{4}a=\u{1}20"),
        ] {
            let short = brief(raw, &facts);
            assert_eq!(short, expected);
            assert_eq!(full(&short, |tag| facts.text_at(tag)).as_deref(), Some(raw));
        }
    }

    #[test]
    fn a_name_without_its_text_is_damage() {
        assert_eq!(full("a=\u{1}20", |_| None), None);
        assert_eq!(full("a=\u{1}x", |_| Some("y")), None);
        assert_eq!(full("a=\u{3}", |_| None), None);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_known_without_encoding(text in "[a-z =&%é~]{0,8}", other in "[a-z%20é]{0,8}") {
            prop_assert!(is_encoded_as(text.as_bytes(), &encoded(&text)));
            prop_assert_eq!(is_encoded_as(text.as_bytes(), &other), encoded(&text) == other);
        }

        #[test]
        fn every_query_comes_back_byte_for_byte(
            texts in prop::collection::vec((prop_oneof![20u16..31, 41u16..63, Just(tag::PLATFORM_ID)], "[a-z =&%é\u{1}-\u{5}]{0,6}"), 0..8),
            parts in prop::collection::vec((any::<prop::sample::Index>(), 0..4), 0..8),
            noise in "[a-z=&%\u{1}-\u{5}]{0,12}",
        ) {
            let texts: Vec<(u16, &str)> = texts.iter().map(|(tag, text)| (*tag, text.as_str())).collect();
            let facts = facts(&texts);
            let part = |(at, how): &(prop::sample::Index, i32)| {
                let text = if texts.is_empty() { "none" } else { at.get(&texts).1 };
                match how {
                    0 => format!("n={text}"),
                    1 => format!("n={}", encoded(text)),
                    2 => text.to_owned(),
                    _ => noise.clone(),
                }
            };
            let raw = parts.iter().map(part).collect::<Vec<_>>().join("&");
            prop_assert_eq!(full(&brief(&raw, &facts), |tag| facts.text_at(tag)), Some(raw));
        }
    }
}
