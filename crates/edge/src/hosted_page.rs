//! A page of a hosted lander: its tokens filled in for a click, and the page script put in.
//!
//! Where a token stands decides how its value is written, and whether it is: text and ordinary attributes
//! get character references, addresses percent-encoding, whole strings of a script `\uXXXX`. Elsewhere (event handlers,
//! styles, comments, `<svg>`, code around a string) a token stays as it is, because nothing that a visitor writes into a
//! URL may become markup or code (OWASP, Cross Site Scripting Prevention Cheat Sheet). All else of a page stays byte for
//! byte.
//!
//! Modules in reading order: `reader` goes through the markup (`foreign`: how long an `<svg>` lasts), `slots` finds the tokens of a stretch, `attribute`,
//! `address` and `strings` say which of them may be filled, `escape` writes the values.

mod address;
mod attribute;
mod escape;
mod foreign;
mod reader;
mod slots;
mod strings;

#[cfg(test)]
mod tests;

use escape::{push_attribute, push_script, push_text};
use model::template::{Slot, TokenValues};
use std::ops::Range;

/// A page, read once when its lander is loaded.
#[derive(Clone, Debug)]
pub struct HostedPage {
    html: Box<str>,
    pieces: Vec<Piece>,
    unfilled: Vec<Box<str>>,
    has_script: bool,
}

/// What is written in place of `at`. Pieces stand in the page's order and do not overlap.
#[derive(Clone, Debug)]
struct Piece {
    at: Range<usize>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Value(Slot, Place),
    Quote,
    Script,
}

/// Where a value stands, as far as it matters for writing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Text that is shown, also that of `<title>` and `<textarea>`.
    Text,
    /// The value of an ordinary attribute.
    Attribute,
    /// The value of an attribute that holds an address; raw where it cannot change where the address leads.
    Address { may_be_raw: bool },
    /// All of a string in a script.
    Script,
}

/// The tag of the page script on a page of ours.
#[derive(Clone, Copy, Debug)]
pub struct ScriptTag<'a> {
    /// The key of the campaign.
    pub campaign: &'a str,
    /// The parameter in which the landing finds its click id, if it does not go by the usual name.
    pub param: Option<&'a str>,
}

impl HostedPage {
    /// Reads a page (UTF-8; a byte order mark in front is dropped).
    pub fn parse(html: &str) -> Self {
        reader::read(html.strip_prefix('\u{feff}').unwrap_or(html))
    }

    /// The tokens that are filled, as written between the braces, sorted, each once.
    pub fn tokens(&self) -> Vec<&str> {
        let slots = self.pieces.iter().filter_map(|piece| match &piece.what {
            What::Value(slot, _) => Some(slot.written()),
            What::Quote | What::Script => None,
        });
        sorted(slots)
    }

    /// The tokens that stand where no value may and stay as they are, sorted, each once.
    pub fn unfilled_tokens(&self) -> Vec<&str> {
        sorted(self.unfilled.iter().map(|written| &**written))
    }

    /// Whether it loads the page script by itself: a script from a file named `t.js`.
    pub fn has_script(&self) -> bool {
        self.has_script
    }

    /// The page for a click: its tokens filled, and `script` put in unless the page has it.
    pub fn fill(&self, values: &impl TokenValues, script: Option<&ScriptTag<'_>>) -> String {
        let mut page = String::with_capacity(self.html.len() + 512);
        let mut written = 0;
        for Piece { at, what } in &self.pieces {
            page.push_str(&self.html[written..at.start]);
            written = at.end;
            match (what, script) {
                (What::Value(slot, place), _) => push_value(&mut page, slot, *place, values),
                (What::Quote, _) => page.push('"'),
                (What::Script, Some(tag)) if !self.has_script => tag.push(&mut page),
                (What::Script, _) => {}
            }
        }
        page.push_str(&self.html[written..]);
        page
    }
}

impl ScriptTag<'_> {
    fn push(&self, page: &mut String) {
        page.push_str("<script src=\"/t.js\" data-campaign=\"");
        push_attribute(page, self.campaign);
        if let Some(param) = self.param {
            page.push_str("\" data-param=\"");
            push_attribute(page, param);
        }
        page.push_str("\" defer></script>");
    }
}

fn push_value(page: &mut String, slot: &Slot, place: Place, values: &impl TokenValues) {
    match place {
        Place::Text => push_text(page, &slot.text(values)),
        Place::Attribute => push_attribute(page, &slot.text(values)),
        Place::Script => push_script(page, &slot.text(values)),
        Place::Address { may_be_raw } => {
            let mut encoded = String::new();
            slot.push_url(&mut encoded, values, may_be_raw);
            push_attribute(page, &encoded);
        }
    }
}

fn sorted<'a>(tokens: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut tokens: Vec<_> = tokens.collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}
