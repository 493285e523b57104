//! How long an `<svg>` or `<math>` lasts, in which markup is read in another way and nothing is filled.

use super::reader::{Content, content};

/// The outermost `<svg>` or `<math>` that is open.
pub(super) struct Foreign {
    /// Its name; empty if its end is not to be told.
    root: Box<str>,
    /// How many of its name are open.
    depth: usize,
    /// The element with HTML in it that is open.
    html: Option<Box<str>>,
}

/// Elements that take in HTML (HTML, integration points), and those of HTML that end all that is foreign (HTML, the rules
/// for parsing tokens in foreign content).
const WITH_HTML: [&str; 54] = [
    "annotation-xml",
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "center",
    "code",
    "dd",
    "desc",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "font",
    "foreignobject",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "hr",
    "i",
    "img",
    "li",
    "listing",
    "menu",
    "meta",
    "mi",
    "mn",
    "mo",
    "ms",
    "mtext",
    "nobr",
    "ol",
    "p",
    "pre",
    "ruby",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "title",
    "tt",
    "u",
    "ul",
    "var",
];

impl Foreign {
    /// One that begins with a start tag of this name.
    pub fn new(root: Box<str>) -> Self {
        Self { root, depth: 1, html: None }
    }

    /// Takes a start tag in it into account.
    ///
    /// In HTML the text of a `<style>` and its like is no markup, elsewhere it is. Who cannot tell which of the two holds
    /// does not know where anything ends.
    pub fn start_tag(&mut self, name: Box<str>, is_closed: bool) {
        if self.html.is_some() && content(&name) != Content::Markup {
            self.root = "".into();
        }
        if is_closed {
            return;
        }
        self.depth += usize::from(self.root == name);
        if self.html.is_none() && WITH_HTML.contains(&&*name) {
            self.html = Some(name);
        }
    }

    /// What is left of it behind an end tag.
    pub fn without(mut self, name: &[u8]) -> Option<Self> {
        self.depth -= usize::from(self.root.as_bytes() == name);
        self.html = self.html.filter(|html| html.as_bytes() != name);
        (self.depth > 0).then_some(self)
    }
}
