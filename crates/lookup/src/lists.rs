//! Lists of names and expressions in `data/`: one per line, `#` starts a comment line.

use std::collections::HashMap;

/// The lines that say something.
pub fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Name and expression, which two or more blanks keep apart.
pub fn pairs(text: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    lines(text).filter_map(pair)
}

/// Name and expression of one line.
pub fn pair(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, expression) = line.split_once("  ")?;
    Some((name, expression.trim_start()))
}

/// Names and what stands behind each.
pub type Names = HashMap<&'static str, &'static str>;

/// The pairs of a list, to be looked up by name.
pub fn names(text: &'static str) -> Names {
    pairs(text).collect()
}

/// The lines of one `[section]`.
pub fn section(text: &'static str, name: &str) -> impl Iterator<Item = &'static str> {
    let heading = format!("[{name}]");
    lines(text)
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !is_heading(line))
}

/// Expressions begin with a bracket too; a heading has nothing but words in it.
fn is_heading(line: &str) -> bool {
    let inside = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|words| {
        words.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b' ' | b'_'))
    })
}

/// The expression of a line with `{v}` replaced by a version, which is captured.
pub fn with_version(expression: &str) -> String {
    expression.replace("{v}", r"[vV]?(\d+(?:[._]\d+)*)?")
}
