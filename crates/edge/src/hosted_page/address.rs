//! Which tokens of an address may be filled: none that could change its scheme or its host, none of an address that is
//! code.
//!
//! Browsers read addresses as the WHATWG URL Standard says: they leave out tabs, line ends and white space around, take
//! `\` for `/`, and slashes behind `https:` are optional. A token may be empty, so what stands around it moves together.

use super::slots;

/// What may be done with a token of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Kept,
    /// Its value is percent-encoded.
    Encoded,
    /// As `Encoded`, and `:raw` is heeded.
    Raw,
}

/// The verdict on each token of an attribute's value, decoded as the browser does.
pub(super) fn verdicts(value: &str) -> Vec<Verdict> {
    let is_heeded = |c: &char| !c.is_ascii_whitespace() && !c.is_ascii_control();
    let value: String = value.chars().filter(is_heeded).collect();
    let (text, tokens) = slots::without(&value, &slots::find(&value));
    let start = start_of_address(&text);
    let address = &text[start..];
    let mark = address.find([':', '/', '?', '#', '\\']);
    let scheme_end = mark.filter(|at| address[*at..].starts_with(':'));
    let scheme = address[..scheme_end.unwrap_or(0)].to_ascii_lowercase();
    let is_code = scheme.ends_with("script") || scheme == "data";
    let host_from = start + scheme_end.map_or(0, |at| at + 1);
    let (host_end, free_from) = host_and_path(&text[host_from..], &scheme);
    // In front of an address, and behind its first slash, a value is a part of the path, or empty.
    let host = if scheme_end.is_none() { host_from + 2 } else { host_from };
    let verdict = |&at: &usize| {
        let in_scheme = scheme_end.is_some_and(|end| at <= start + end);
        let in_host = at >= host && host_end.is_some_and(|end| at <= host_from + end);
        if is_code || in_scheme || in_host {
            Verdict::Kept
        } else if free_from.is_some_and(|from| at > host_from + from) {
            Verdict::Raw
        } else {
            Verdict::Encoded
        }
    };
    tokens.iter().map(verdict).collect()
}

/// Behind `5;url='` of a refresh; 0 where nothing of that kind is.
fn start_of_address(text: &str) -> usize {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let Some(rest) = rest.strip_prefix([';', ',']) else { return 0 };
    let rest = match rest.get(..4) {
        Some(word) if word.eq_ignore_ascii_case("url=") => &rest[4..],
        _ => rest,
    };
    text.len() - rest.trim_start_matches(['\'', '"']).len()
}

/// Where the host of what stands behind the scheme ends, if it has one, and from where a raw value can do no harm.
fn host_and_path(rest: &str, scheme: &str) -> (Option<usize>, Option<usize>) {
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let slashes = rest.len() - rest.trim_start_matches(is_slash).len();
    let is_web = matches!(scheme, "http" | "https" | "ws" | "wss" | "ftp");
    let next = |from: usize| rest[from..].find(['/', '\\', '?', '#']).map(|at| from + at);
    let behind_slashes = next(slashes);
    if is_web || slashes >= 2 {
        return (Some(behind_slashes.unwrap_or(rest.len())), behind_slashes);
    }
    (None, behind_slashes)
}
