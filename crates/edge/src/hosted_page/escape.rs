//! Values as text, as attributes and as strings of a script: whatever is in one, it stays a value.

use std::fmt::Write as _;

/// Appends `value` as text between tags.
///
/// A brace before a brace, or at the end, gets a zero-width space behind it: libraries that read their templates from the
/// page take `{{` for the beginning of code.
pub(super) fn push_text(page: &mut String, value: &str) {
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            ' ' => page.push(' '),
            _ => push_character(page, c),
        }
        if c == '{' && chars.peek().is_none_or(|next| *next == '{') {
            page.push_str("&#8203;");
        }
    }
}

/// Appends `value` as an attribute's value or a part of it, quoted or not.
pub(super) fn push_attribute(page: &mut String, value: &str) {
    for c in value.chars() {
        push_character(page, c);
    }
}

/// Letters, digits and signs that mean nothing in HTML as they are, all else as a character reference. Control
/// characters cannot be written in HTML and are left out (HTML, numeric character reference end state).
fn push_character(page: &mut String, c: char) {
    match c {
        '-' | '_' | '.' | ',' | '~' | '%' => page.push(c),
        _ if c.is_alphanumeric() => page.push(c),
        '\t' | '\n' | '\r' => push_reference(page, c),
        _ if c.is_control() => {}
        _ => push_reference(page, c),
    }
}

fn push_reference(page: &mut String, c: char) {
    let _ = write!(page, "&#{};", u32::from(c));
}

/// Appends `value` as a string of JavaScript or JSON: ASCII letters and digits as they are, all else as `\uXXXX`.
pub(super) fn push_script(page: &mut String, value: &str) {
    for unit in value.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => page.push(char::from(byte)),
            _ => {
                let _ = write!(page, "\\u{unit:04x}");
            }
        }
    }
}
