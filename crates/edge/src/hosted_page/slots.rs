//! The tokens of a stretch of a page, and which of them the signs around them allow to be filled.

use model::template::Slot;
use std::ops::Range;

/// The longest that may stand between two braces and is looked at.
const WRITTEN_BYTES_MAX: usize = 200;

/// The longest name of a character reference (HTML, named character references), with room.
const REFERENCE_BYTES_MAX: usize = 40;

/// A token and where it stands in its stretch, braces included.
#[derive(Debug)]
pub(super) struct Found {
    pub at: Range<usize>,
    pub slot: Slot,
}

/// The known tokens of `text` in order. Between double braces stand the templates of other libraries, no tokens of ours.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        from = open + 1;
        let Some(length) = text[from..].find(['{', '}']) else { break };
        let close = from + length;
        let is_doubled = text[..open].ends_with('{') || text[close + 1..].starts_with('}');
        if text[close..].starts_with('{') || length > WRITTEN_BYTES_MAX || is_doubled {
            continue;
        }
        if let Ok(slot) = Slot::parse(&text[from..close]) {
            from = close + 1;
            found.push(Found { at: open..from, slot });
        }
    }
    found
}

/// What is left of `text` without its tokens, each of which may turn out empty, and where in it they stood.
pub(super) fn without(text: &str, found: &[Found]) -> (String, Vec<usize>) {
    let (mut rest, mut stood, mut from) = (String::with_capacity(text.len()), Vec::new(), 0);
    for Found { at, .. } in found {
        rest.push_str(&text[from..at.start]);
        stood.push(rest.len());
        from = at.end;
    }
    rest.push_str(&text[from..]);
    (rest, stood)
}

/// For each token whether it would complete something that begins in front of it: a tag, a character reference, an
/// expression in a template of a library.
pub(super) fn completing(text: &str, found: &[Found]) -> Vec<bool> {
    let (rest, stood) = without(text, found);
    let (mut in_template, mut from) = (false, 0);
    let one = |(Found { at, .. }, stood): (&Found, usize)| {
        let between = &text[from..at.start];
        from = at.end;
        in_template = match (between.rfind("{{"), between.rfind("}}")) {
            (None, None) => in_template,
            (opened, closed) => opened > closed,
        };
        between.ends_with('<') || in_template || is_in_reference(rest.as_bytes(), stood)
    };
    found.iter().zip(stood).map(one).collect()
}

/// `&…TOKEN…;` and `&#…TOKEN`.
fn is_in_reference(rest: &[u8], stood: usize) -> bool {
    let is_part = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'#';
    let before = rest[..stood].iter().rev().take(REFERENCE_BYTES_MAX).take_while(is_part).count();
    let behind = rest[stood..].iter().take(REFERENCE_BYTES_MAX).take_while(is_part).count();
    let begun = stood - before;
    begun > 0
        && rest[begun - 1] == b'&'
        && (rest.get(begun) == Some(&b'#') || rest.get(stood + behind) == Some(&b';'))
}
