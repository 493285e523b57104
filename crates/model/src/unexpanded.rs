//! Macros a traffic source or a network failed to expand: recognised by their delimiters.

use std::net::Ipv6Addr;

/// How a macro is written.
struct Style {
    open: &'static str,
    close: &'static str,
    /// Whether names of several words are in use. Between other delimiters, two words are something
    /// people write: `[red shoes]`, `(US) (mobile)`, `#1 offer#`.
    has_words: bool,
}

const fn style(open: &'static str, close: &'static str, has_words: bool) -> Style {
    Style { open, close, has_words }
}

/// The styles in use by ad platforms and networks, longer delimiters first.
const STYLES: &[Style] = &[
    style("*|", "|*", true),
    style("{$", "}", true),
    style("[=", "=]", false),
    style("[[[", "]]]", true),
    style("{{", "}}", true),
    style("[[", "]]", true),
    style("${", "}", true),
    style("%%", "%%", true),
    style("##", "##", false),
    style("__", "__", false),
    style("{", "}", true),
    style("[", "]", false),
    style("$", "$", false),
    style("%", "%", false),
    style("#", "#", false),
    style("<", ">", false),
    style("!", "!", false),
    style("(", ")", false),
];

/// Macros without delimiters (Start.io), and of a style that would catch names of sites (`xx…xx`,
/// Jumbleberry): they are known by their whole text.
const WHOLE: &[&str] = &[
    "startapp_click_id_placeholder",
    "startapp_pub_id",
    "campaign_id",
    "creative_name",
    "bid_cost",
    "xxc1xx",
    "xxpayoutxx",
];

/// Words that stand between delimiters for "nothing", whatever the delimiters.
const NOTHING: &[&str] = &[
    "none",
    "null",
    "nil",
    "undefined",
    "unknown",
    "empty",
    "blank",
    "nan",
    "n.a.",
    "na",
    "true",
    "false",
];

/// Values of Google Analytics' source, medium and campaign that it writes in parentheses.
const IN_PARENTHESES: &[&str] = &["direct", "other", "organic", "referral"];

/// The longest name of a macro.
const NAME_BYTES_MAX: usize = 64;

/// Whether the value of a parameter is a macro: `value` as it reads after decoding, `raw` as it stood in
/// the URL. Decoding eats the beginning of `%campaign%`, since `%ca` is a byte.
pub fn is_unexpanded(raw: &str, value: &str) -> bool {
    is_macro(value) || (raw.starts_with('%') && is_macro(raw))
}

/// Whether the whole of `value` is a macro that was left as it stood in the template, such as
/// `{campaign}`, `__CLICKID__` or `##SUB_ID_SHORT(action)##`.
pub fn is_macro(value: &str) -> bool {
    let value = value.trim();
    // A cheap look at the first byte: nearly every value is none.
    let Some(first) = value.bytes().next() else { return false };
    if !matches!(first, b'{' | b'[' | b'$' | b'%' | b'#' | b'<' | b'_' | b'!' | b'(' | b'*') {
        return WHOLE.contains(&value);
    }
    STYLES.iter().any(|style| {
        value.len() > style.open.len() + style.close.len()
            && value
                .strip_prefix(style.open)
                .and_then(|rest| rest.strip_suffix(style.close))
                .is_some_and(|inner| is_name(inner, style))
    })
}

/// Whether a text between delimiters is a name rather than a value. Names begin with a letter, so a
/// size (`[320x50]`), a date or a number is a value.
fn is_name(inner: &str, style: &Style) -> bool {
    let is_part = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'_' | b'.' | b'-' | b':' | b'(' | b')')
            || (b == b' ' && style.has_words)
    };
    inner.len() <= NAME_BYTES_MAX
        && inner.bytes().all(is_part)
        && inner
            .bytes()
            .find(u8::is_ascii_alphanumeric)
            .is_some_and(|first| first.is_ascii_alphabetic())
        && !is_value(inner, style)
}

/// Texts that are values although they look like names.
fn is_value(inner: &str, style: &Style) -> bool {
    let is_one_of = |words: &[&str]| words.iter().any(|word| inner.eq_ignore_ascii_case(word));
    is_one_of(NOTHING)
        || (style.open == "(" && is_one_of(IN_PARENTHESES))
        || is_hex_id(inner)
        || inner.parse::<Ipv6Addr>().is_ok()
}

/// A GUID or a hash, which some programs put in braces.
fn is_hex_id(inner: &str) -> bool {
    inner.len() >= 16 && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::decode;

    #[test]
    fn every_style_is_recognised() {
        for value in [
            "{campaign}",
            "{{campaign.id}}",
            "[CLICK_ID]",
            "[[subid]]",
            "[[[subid]]]",
            "[=XID1=]",
            "$zone$",
            "${SUBID}",
            "%campaign%",
            "%%SITE%%",
            "%%First Name%%",
            "#price#",
            "##SUB_ID_SHORT(action)##",
            "<click_id>",
            "__CLICKID__",
            "!aff_sub!",
            "(campaign)",
            "*|EMAIL|*",
            "{:click_id}",
            "{$click}",
            "{keyword:default}",
            "{Sub Param 1}",
            " {campaign} ",
            "xxpayoutxx",
            "bid_cost",
        ] {
            assert!(is_macro(value), "{value}");
        }
    }

    #[test]
    fn values_people_use_are_kept() {
        for value in [
            "",
            "campaign",
            "{",
            "{}",
            "__",
            "#1",
            "50%",
            "[2001:db8::1]:80x",
            "(US) (mobile)",
            "$5",
            "<3",
            "!important",
            "a{b}",
            "{a}b",
            "_private_",
            "[]",
            "{1}",
            "(1)",
            "%20",
            "100%",
        ] {
            assert!(!is_macro(value), "{value}");
        }
    }

    #[test]
    fn a_macro_between_percent_signs_is_recognised_though_decoding_eats_its_beginning() {
        for (raw, expected) in [
            ("%campaign%", true),
            ("%ad_id%", true),
            ("%%CACHEBUSTER%%", true),
            ("%subid1%", true),
            ("%7Bcampaign%7D", true),
            ("%25campaign%25", true),
            ("%C3%84pfel", false),
            ("%41bc", false),
            ("100%", false),
            ("%20", false),
            ("%", false),
            ("%%", false),
        ] {
            assert_eq!(is_unexpanded(raw, &decode(raw)), expected, "{raw}");
        }
    }
}
