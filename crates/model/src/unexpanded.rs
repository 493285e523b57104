//! Macros a traffic source or a network failed to expand: recognised by their delimiters.

/// The delimiter pairs in use (fourteen styles of the field's ad platforms and networks), longest first.
const DELIMITERS: &[(&str, &str)] = &[
    ("*|", "|*"),
    ("{$", "}"),
    ("[[[", "]]]"),
    ("{{", "}}"),
    ("[[", "]]"),
    ("${", "}"),
    ("%%", "%%"),
    ("##", "##"),
    ("__", "__"),
    ("{", "}"),
    ("[", "]"),
    ("$", "$"),
    ("%", "%"),
    ("#", "#"),
    ("<", ">"),
    ("!", "!"),
    ("(", ")"),
];

/// Texts between delimiters that are values after all: an IPv6 host, a Chinese bracket habit, an
/// empty list. They consist of no letter.
fn is_name(inner: &str) -> bool {
    inner.len() <= 64
        && inner.bytes().any(|b| b.is_ascii_alphabetic())
        && inner.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b':' | b' ' | b'(' | b')')
        })
}

/// Whether the whole of `value` is a macro that was left as it stood in the template, such as
/// `{campaign}`, `__CLICKID__` or `##SUB_ID_SHORT(action)##`.
pub fn is_macro(value: &str) -> bool {
    // A cheap look at the first byte: nearly every value is none.
    let Some(first) = value.bytes().next() else { return false };
    if !matches!(first, b'{' | b'[' | b'$' | b'%' | b'#' | b'<' | b'_' | b'!' | b'(' | b'*') {
        return false;
    }
    let value = value.trim();
    DELIMITERS.iter().any(|(open, close)| {
        value.len() > open.len() + close.len()
            && value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).is_some_and(
                |inner| match *open {
                    // One word only: `(US) (mobile)` and `#1 offer#` are names people give.
                    "(" | "!" | "#" => is_name(inner) && !inner.contains(' '),
                    _ => is_name(inner),
                },
            )
    })
}

#[cfg(test)]
mod tests {
    use super::is_macro;

    #[test]
    fn every_style_is_recognised() {
        for value in [
            "{campaign}",
            "{{campaign.id}}",
            "[CLICK_ID]",
            "[[subid]]",
            "[[[subid]]]",
            "$zone$",
            "${SUBID}",
            "%campaign%",
            "%%SITE%%",
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
}
