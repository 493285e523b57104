//! Query strings and forms: pairs as they came, and their decoded values.

use std::borrow::Cow;

/// The `name=value` pairs of a query or form, still encoded; empty pairs are skipped.
pub fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The value behind its encoding: `+` is a space, `%XX` a byte; a `%` without two digits stays. What
/// is no UTF-8 reads as U+FFFD, control characters as spaces: no stored value can end a line.
pub fn decode(raw: &str) -> Cow<'_, str> {
    if raw.bytes().all(|b| b.is_ascii_graphic() && b != b'%' && b != b'+') {
        return Cow::Borrowed(raw);
    }
    let bytes = raw.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digits = (bytes.get(i + 1).and_then(hex), bytes.get(i + 2).and_then(hex));
        let (byte, width) = match (bytes[i], digits) {
            (b'%', (Some(high), Some(low))) => (high << 4 | low, 3),
            (b'+', _) => (b' ', 1),
            (byte, _) => (byte, 1),
        };
        out.push(byte);
        i += width;
    }
    clean(&out)
}

/// `value` as it stands in a query: everything but letters, digits and `-._~` as `%XX`.
pub fn encode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for &byte in value.as_bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Foreign bytes as text: U+FFFD for what is no UTF-8, a space for a control character.
pub fn clean(bytes: &[u8]) -> Cow<'static, str> {
    let text = String::from_utf8_lossy(bytes);
    Cow::Owned(text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect())
}

/// Characters that can end or reorder a line of a log or a table.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn hex(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).map(|digit| digit as u8)
}

/// The longest prefix of `text` of at most `bytes_max` bytes that ends at a character.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_decode_and_what_cannot_be_decoded_stays_visible() {
        for (raw, expected) in [
            ("abc", "abc"),
            ("a+b%20c", "a b c"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%84", "Ä"),
            ("%ff", "\u{fffd}"),
            ("a%0d%0ab%00", "a  b "),
            ("%E2%80%AE", " "),
        ] {
            assert_eq!(decode(raw), expected, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn encoded_text_decodes_to_itself(text in "[^\\pC\\p{Zl}\\p{Zp}]*") {
            let encoded = encode(&text);
            prop_assert_eq!(decode(&encoded), text);
        }
    }

    #[test]
    fn pairs_keep_their_order_and_repeats() {
        let query: Vec<_> = pairs("a=1&&b&a=2=3").collect();
        assert_eq!(query, [("a", "1"), ("b", ""), ("a", "2=3")]);
    }

    proptest! {
        #[test]
        fn decoded_text_has_no_control_character(raw in "\\PC*|[\\x00-\\x7f]*") {
            prop_assert!(!decode(&raw).chars().any(is_control) || raw.chars().all(|c| c.is_ascii_graphic()));
        }
    }
}
