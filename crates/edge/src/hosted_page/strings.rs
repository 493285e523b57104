//! The string literals of a script, as far as the script can be read with certainty.
//!
//! Only what is needed to know code from strings: comments, templates, regular expressions (ECMA-262, section 12).
//! Where a `/` could be either a division or a regular expression the reading ends, and no token behind is filled.

use std::ops::Range;

/// Where the contents of the literals in `'` and `"` stand.
pub(super) fn contents(script: &str) -> Vec<Range<usize>> {
    let mut lexer = Lexer { text: script, at: 0, last: Last::Start, open: Vec::new() };
    let mut found = Vec::new();
    while let Some(step) = lexer.step() {
        found.extend(step);
    }
    found
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    last: Last,
    /// For each `${` that is open, how many braces are open in it.
    open: Vec<usize>,
}

/// What stood last, for what a `/` means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Start,
    /// A name, a number, a string: a `/` divides it.
    Value,
    /// A word such as `return`, or a sign between values: a `/` opens a regular expression.
    Operator(u8),
    /// `)`, `}` or `++`: it may be either.
    Unsure,
}

/// Words that stand in front of a value (ECMA-262, section 12.7.2).
const BEFORE_VALUES: [&str; 15] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "else",
    "do",
    "instanceof",
    "yield",
    "await",
    "extends",
];

impl Lexer<'_> {
    /// The next piece, with the contents of a literal if it is one; `None` at the end or where it is unclear what follows.
    fn step(&mut self) -> Option<Option<Range<usize>>> {
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        if rest.starts_with("<!--") || rest.starts_with("-->") {
            return None;
        }
        match first {
            '"' | '\'' => return self.literal(first).map(Some),
            '`' => self.template(1)?,
            '/' if rest.starts_with("//") => {
                self.at += rest.find(is_line_end).unwrap_or(rest.len());
            }
            '/' if rest.starts_with("/*") => self.at += 2 + rest[2..].find("*/")? + 2,
            '/' => self.slash()?,
            '}' if self.open.last() == Some(&0) => {
                self.open.pop();
                self.template(1)?;
            }
            _ if is_word(first) => self.word(),
            _ if first.is_whitespace() || first == '\u{feff}' => self.at += first.len_utf8(),
            _ => self.sign(first),
        }
        Some(None)
    }

    /// A literal from its opening quote to its closing one.
    fn literal(&mut self, quote: char) -> Option<Range<usize>> {
        let from = self.at + 1;
        let mut chars = self.text[from..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => _ = chars.next(),
                '\n' | '\r' => return None,
                _ if c == quote => {
                    self.at = from + at + 1;
                    self.last = Last::Value;
                    return Some(from..from + at);
                }
                _ => {}
            }
        }
        None
    }

    /// A template from `skipped` bytes on: to its end, or to a `${` in it.
    fn template(&mut self, skipped: usize) -> Option<()> {
        let from = self.at + skipped;
        let mut chars = self.text[from..].char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => _ = chars.next(),
                '`' => {
                    (self.at, self.last) = (from + at + 1, Last::Value);
                    return Some(());
                }
                '$' if self.text[from + at + 1..].starts_with('{') => {
                    (self.at, self.last) = (from + at + 2, Last::Start);
                    self.open.push(0);
                    return Some(());
                }
                _ => {}
            }
        }
        None
    }

    fn slash(&mut self) -> Option<()> {
        let rest = &self.text[self.at + 1..];
        match self.last {
            Last::Value => self.sign('/'),
            // An expression ends on its line: without another slash there this one divides.
            Last::Unsure => match rest.find(|c| c == '/' || is_line_end(c)) {
                Some(at) if rest[at..].starts_with('/') => return None,
                _ => self.sign('/'),
            },
            Last::Start | Last::Operator(_) => {
                self.at += 1 + expression_bytes(rest)?;
                self.last = Last::Value;
            }
        }
        Some(())
    }

    fn word(&mut self) {
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
        let is_member = self.last == Last::Operator(b'.');
        self.at += word.len();
        let precedes = BEFORE_VALUES.contains(&word) && !is_member;
        self.last = if precedes { Last::Operator(b' ') } else { Last::Value };
    }

    fn sign(&mut self, c: char) {
        let byte = u8::try_from(c).unwrap_or(0);
        match (c, self.open.last_mut()) {
            ('{', Some(braces)) => *braces += 1,
            ('}', Some(braces)) => *braces -= 1,
            _ => {}
        }
        let is_twice = matches!(c, '+' | '-') && self.last == Last::Operator(byte);
        self.last = match c {
            ')' | '}' => Last::Unsure,
            ']' => Last::Value,
            _ if is_twice => Last::Unsure,
            _ => Last::Operator(byte),
        };
        self.at += c.len_utf8();
    }
}

/// How long a regular expression is behind its first `/`, its last one included.
fn expression_bytes(rest: &str) -> Option<usize> {
    let mut in_class = false;
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            _ if is_line_end(c) => return None,
            '[' => in_class = true,
            ']' => in_class = false,
            '/' if !in_class => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$')
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
