//! Goes through a page's markup once and notes where values and the page script go.

use super::attribute::{self, Attribute, Kind};
use super::foreign::Foreign;
use super::slots::{self, Found};
use super::{HostedPage, Piece, Place, What, strings};
use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, State, Tokenizer};
use std::convert::Infallible;
use std::ops::Range;

/// Reads a page.
pub(super) fn read(html: &str) -> HostedPage {
    let mut reader = Reader::new(html);
    // A carriage return counts as a line end; with one byte for one byte all positions stay.
    let lines = html.replace('\r', "\n");
    let switching = Switching(CallbackEmitter::new(&mut reader));
    let Ok(()) = Tokenizer::new_with_emitter(&*lines, switching).finish();
    reader.finish()
}

struct Reader<'a> {
    html: &'a str,
    /// Where the text begins that no tag has ended yet.
    text_from: usize,
    content: Content,
    foreign: Option<Foreign>,
    tag: Tag,
    front: Front,
    script_at: usize,
    has_script: bool,
    pieces: Vec<Piece>,
    unfilled: Vec<Box<str>>,
}

/// What the text is until the next tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Shown, with tags in it.
    Markup,
    /// Shown, up to the end tag (`<title>`).
    Plain,
    Script,
    /// Styles and what no browser shows.
    Hidden,
    /// All the rest of the page.
    Rest,
}

/// How far the front of the page is read, where the page script goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Front {
    Open,
    Head,
    Behind,
}

#[derive(Default)]
struct Tag {
    name: Box<str>,
    attributes: Vec<Attribute>,
}

/// Tells the tokenizer what kind of text follows a tag, as a browser's tree construction would.
struct Switching<'r, 'a>(CallbackEmitter<&'r mut Reader<'a>, Infallible, usize>);

impl ForwardingEmitter for Switching<'_, '_> {
    type Token = Infallible;

    fn inner(&mut self) -> &mut impl Emitter<Token = Infallible> {
        &mut self.0
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        let _ = self.0.emit_current_tag();
        match self.0.callback_mut().content {
            Content::Markup => None,
            Content::Plain => Some(State::RcData),
            Content::Script => Some(State::ScriptData),
            Content::Hidden => Some(State::RawText),
            Content::Rest => Some(State::PlainText),
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.0.callback_mut().foreign.is_some()
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }
}

impl Callback<Infallible, usize> for &mut Reader<'_> {
    fn handle_event(&mut self, event: CallbackEvent<'_>, span: Span<usize>) -> Option<Infallible> {
        let text = |bytes| Box::from(String::from_utf8_lossy(bytes));
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.text_to(span.start);
                // A tag that the page's end cuts off is never closed, and no text.
                self.text_from = self.html.len();
                self.tag = Tag { name: text(name), attributes: Vec::new() };
            }
            CallbackEvent::AttributeName { name } => {
                let attribute = Attribute { name: text(name), value: "".into(), from: span.end };
                self.tag.attributes.push(attribute);
            }
            CallbackEvent::AttributeValue { value } => {
                if let Some(attribute) = self.tag.attributes.last_mut() {
                    (attribute.value, attribute.from) = (text(value), span.start);
                }
            }
            CallbackEvent::CloseStartTag { self_closing } => self.start_tag(self_closing, span.end),
            CallbackEvent::EndTag { name } => {
                self.text_to(span.start);
                self.end_tag(name);
                self.text_from = span.end;
            }
            CallbackEvent::Comment { .. } => self.pass(span),
            CallbackEvent::Doctype { .. } => {
                self.pass(span);
                self.script_behind(Front::Open, span.end);
            }
            CallbackEvent::String { .. } | CallbackEvent::Error(_) => {}
        }
        None
    }
}

impl<'a> Reader<'a> {
    fn new(html: &'a str) -> Self {
        Self {
            html,
            text_from: 0,
            content: Content::Markup,
            foreign: None,
            tag: Tag::default(),
            front: Front::Open,
            script_at: 0,
            has_script: false,
            pieces: Vec::new(),
            unfilled: Vec::new(),
        }
    }

    fn finish(mut self) -> HostedPage {
        self.text_to(self.html.len());
        let place = self.pieces.partition_point(|piece| piece.at.start < self.script_at);
        let at = self.script_at..self.script_at;
        self.pieces.insert(place, Piece { at, what: What::Script });
        HostedPage {
            html: self.html.into(),
            pieces: self.pieces,
            unfilled: self.unfilled,
            has_script: self.has_script,
        }
    }

    fn pass(&mut self, span: Span<usize>) {
        self.text_to(span.start);
        self.text_from = span.end;
    }

    /// Notes the tokens of the text that ends at `end`.
    fn text_to(&mut self, end: usize) {
        let Some(text) = self.html.get(self.text_from..end) else { return };
        let found = slots::find(text);
        if found.is_empty() {
            return;
        }
        let places = match self.content {
            Content::Script => string_places(text, &found),
            Content::Markup if self.foreign.is_none() => text_places(text, &found, cut_off(text)),
            // A tag in here would be one if the element stood where a browser ignores it.
            Content::Plain => text_places(text, &found, text.find('<')),
            _ => vec![None; found.len()],
        };
        self.note(self.text_from, found, places);
    }

    fn note(&mut self, from: usize, found: Vec<Found>, places: Vec<Option<Place>>) {
        for (Found { at, slot }, place) in found.into_iter().zip(places) {
            match place {
                Some(place) => self.pieces.push(Piece {
                    at: from + at.start..from + at.end,
                    what: What::Value(slot, place),
                }),
                None => self.unfilled.push(slot.written().into()),
            }
        }
    }

    fn start_tag(&mut self, is_closed: bool, end: usize) {
        self.text_from = end;
        let tag = std::mem::take(&mut self.tag);
        let is_foreign = matches!(&*tag.name, "svg" | "math");
        let has_http_equiv = tag.attribute("http-equiv").is_some();
        for attribute in &tag.attributes {
            self.attribute(attribute, has_http_equiv);
        }
        if let Some(foreign) = &mut self.foreign {
            foreign.start_tag(tag.name, is_closed);
            return;
        }
        if is_foreign && !is_closed {
            self.foreign = Some(Foreign::new(tag.name));
            return;
        }
        self.content = content(&tag.name);
        self.has_script |= tag.is_page_script();
        match &*tag.name {
            "html" => self.script_behind(Front::Open, end),
            "head" => self.script_behind(Front::Head, end),
            "meta" if self.front != Front::Behind && tag.says_charset() => self.script_at = end,
            _ => {}
        }
        if !matches!(&*tag.name, "html" | "head") {
            self.front = Front::Behind;
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        self.content = Content::Markup;
        self.tag = Tag::default();
        self.foreign = self.foreign.take().and_then(|foreign| foreign.without(name));
    }

    /// The page script goes behind what ends at `end`, if nothing has come yet but the front of a page.
    fn script_behind(&mut self, front: Front, end: usize) {
        if self.front == Front::Open {
            (self.front, self.script_at) = (front, end);
        }
    }

    /// Notes the tokens of an attribute's value.
    fn attribute(&mut self, attribute: &Attribute, has_http_equiv: bool) {
        let Some(at) = attribute::written_value(self.html, attribute) else { return };
        let text = &self.html[at.clone()];
        let found = slots::find(text);
        if found.is_empty() {
            return;
        }
        let kind = match self.foreign {
            Some(_) => Kind::Code,
            None => attribute::kind(&attribute.name, has_http_equiv),
        };
        let mut places = attribute::places(kind, text, &attribute.value, &found);
        // Without quotes an empty value would make what comes next the value, or a quote in it open one.
        let is_bare = attribute::quote(self.html, at.start).is_none();
        let rest = slots::without(text, &found).0;
        if is_bare && rest.starts_with(['"', '\'']) {
            places.fill(None);
        }
        let gets_quotes = is_bare && rest.is_empty() && places.iter().all(Option::is_some);
        let quote = |at| Piece { at: at..at, what: What::Quote };
        self.pieces.extend(gets_quotes.then(|| quote(at.start)));
        self.note(at.start, found, places);
        self.pieces.extend(gets_quotes.then(|| quote(at.end)));
    }
}

/// The places of the tokens of a text, in front of `end`.
fn text_places(text: &str, found: &[Found], end: Option<usize>) -> Vec<Option<Place>> {
    let end = end.unwrap_or(text.len());
    let places = slots::completing(text, found).into_iter().zip(found);
    places.map(|(it, found)| (!it && found.at.end <= end).then_some(Place::Text)).collect()
}

/// The places of the tokens of a script: those that are a whole string.
fn string_places(script: &str, found: &[Found]) -> Vec<Option<Place>> {
    let strings = strings::contents(script);
    let is_string = |at: &Range<usize>| {
        strings.binary_search_by_key(&at.start, |s| s.start).is_ok_and(|n| strings[n] == *at)
    };
    found.iter().map(|found| is_string(&found.at).then_some(Place::Script)).collect()
}

/// What follows the start tag of an element outside `<svg>` and `<math>` (HTML, parsing of the tokens "in body" and
/// "in head"). With scripts off a `<noscript>` holds markup; with scripts on nobody sees it.
pub(super) fn content(name: &str) -> Content {
    match name {
        "title" | "textarea" => Content::Plain,
        "script" => Content::Script,
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => Content::Hidden,
        "plaintext" => Content::Rest,
        _ => Content::Markup,
    }
}

/// Where in the last text a tag begins that the page's end cuts off.
fn cut_off(text: &str) -> Option<usize> {
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
    text.match_indices('<').map(|(at, _)| at).find(|at| text[at + 1..].starts_with(begins))
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| &*a.name == name).map(|a| &*a.value)
    }

    fn is_page_script(&self) -> bool {
        let path = self.attribute("src").and_then(|src| src.split(['?', '#']).next());
        &*self.name == "script" && path.is_some_and(|p| p.trim().rsplit('/').next() == Some("t.js"))
    }

    fn says_charset(&self) -> bool {
        self.attributes.iter().any(|a| &*a.name == "charset")
            || self.attribute("http-equiv").is_some_and(|v| v.eq_ignore_ascii_case("content-type"))
    }
}
