//! Destination URLs with tokens: parsed once when saved, expanded for each click.
//!
//! Tokens stand behind the authority only, so scheme and host are always those configured; values
//! are percent-encoded for a URL component, so they cannot add parameters, and no byte of a value
//! can end a header line.

mod slot;

pub use slot::{Slot, Token, TokenValues};

use crate::field::Field;
use slot::{is_url_byte, push_component, push_encoded};
use std::fmt;

/// A parsed URL with tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    parts: Vec<Part>,
    has_click_id: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Slot(Slot),
}

/// Why a text is no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No `http://` or `https://` in front.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
    /// No host, credentials, odd characters or a token where the host stands.
    #[error(
        "the host must be a plain name, without tokens or credentials; tokens may stand after the first `/` or `?`"
    )]
    Authority,
    /// White space, control characters, `\` or non-ASCII.
    #[error("character {0:?} must be percent-encoded in a URL")]
    Character(char),
    /// `{` without `}`.
    #[error("a token is not closed with `}}`")]
    Unclosed,
    /// A token nobody knows.
    #[error(
        "unknown token `{{{0}}}`: use {{click_id}}, a field such as {{country}} or {{sub1}}, {{campaign.name}}, {{payout}}, {{random}} or {{timestamp}}"
    )]
    Unknown(String),
    /// Something behind the colon that is no function.
    #[error("unknown function `:{0}`: use urlencode, raw, sha256 or default(…)")]
    Function(String),
    /// Longer than a browser reliably follows.
    #[error("the URL is longer than {URL_BYTES_MAX} bytes")]
    TooLong,
}

/// The longest URL we send: many servers refuse more than 8,190 bytes of request line.
pub const URL_BYTES_MAX: usize = 8_000;

impl Template {
    /// Reads a destination as the operator wrote it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.len() > URL_BYTES_MAX {
            return Err(TemplateError::TooLong);
        }
        let rest = strip_scheme(text).ok_or(TemplateError::Scheme)?;
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        check_authority(authority)?;
        if let Some(c) = text
            .chars()
            .find(|&c| !c.is_ascii_graphic() || matches!(c, '\\' | '"' | '<' | '>' | '`'))
        {
            return Err(TemplateError::Character(c));
        }
        let mut parts = Vec::new();
        let mut remaining = text;
        while let Some(open) = remaining.find('{') {
            let close = remaining[open..].find('}').ok_or(TemplateError::Unclosed)? + open;
            if open > 0 {
                parts.push(Part::Literal(remaining[..open].into()));
            }
            parts.push(Part::Slot(Slot::parse(&remaining[open + 1..close])?));
            remaining = &remaining[close + 1..];
        }
        if !remaining.is_empty() {
            parts.push(Part::Literal(remaining.into()));
        }
        let is_click_id =
            |p: &Part| matches!(p, Part::Slot(s) if s.token() == Token::Field(Field::ClickId));
        let has_click_id = parts.iter().any(is_click_id);
        Ok(Self { text: text.into(), parts, has_click_id })
    }

    /// As the operator wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its tokens in order: what stands between the braces, what that means, the value it is filled with,
    /// not yet encoded, and whether that is the token's own default.
    pub fn tokens(
        &self,
        values: &impl TokenValues,
    ) -> impl Iterator<Item = (&str, Token, String, bool)> {
        self.parts.iter().filter_map(|part| {
            let Part::Slot(slot) = part else { return None };
            let (value, is_default) = slot.value(values);
            Some((slot.written(), slot.token(), value.into_owned(), is_default))
        })
    }

    /// Whether the click id is among the tokens, so that it need not be appended.
    pub fn has_click_id(&self) -> bool {
        self.has_click_id
    }

    /// The URL for one click.
    pub fn expand(&self, values: &impl TokenValues) -> String {
        let mut url = String::with_capacity(256);
        for part in &self.parts {
            match part {
                Part::Literal(text) => url.push_str(text),
                Part::Slot(slot) => slot.push_url(&mut url, values, true),
            }
        }
        url
    }
}

impl fmt::Display for Template {
    /// The URL as the operator wrote it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn strip_scheme(text: &str) -> Option<&str> {
    let strip = |scheme: &str| {
        text.get(..scheme.len())
            .filter(|s| s.eq_ignore_ascii_case(scheme))
            .map(|s| &text[s.len()..])
    };
    strip("https://").or_else(|| strip("http://"))
}

/// `host[:port]` of letters, digits, `-`, `.`, or a bracketed IPv6 address.
fn check_authority(authority: &str) -> Result<(), TemplateError> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, "0"),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_is_fine = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(plain),
    };
    (host_is_fine && port.parse::<u16>().is_ok()).then_some(()).ok_or(TemplateError::Authority)
}

/// Appends `name=value` to the query of `url`, in front of a fragment, with `value` encoded.
pub fn append_param(url: &mut String, name: &str, value: &str) {
    let mut pair = String::with_capacity(name.len() + value.len() + 2);
    pair.push_str(name);
    pair.push('=');
    push_component(&mut pair, value);
    append_pair(url, &pair);
}

/// Appends a `name=value` pair as it came, still encoded, unless `url` already has a parameter of
/// that name; bytes that may not stand in a URL are encoded.
pub fn pass_param(url: &mut String, pair: &str) {
    let name = pair.split('=').next().unwrap_or_default();
    if name.is_empty() || pair.contains(['&', '#']) || has_param(url, name) {
        return;
    }
    let mut clean = String::with_capacity(pair.len());
    push_encoded(&mut clean, pair, is_url_byte);
    append_pair(url, &clean);
}

fn append_pair(url: &mut String, pair: &str) {
    let end = url.find('#').unwrap_or(url.len());
    let separator = match url[..end].find('?') {
        None => "?",
        Some(mark) if mark + 1 == end || url[..end].ends_with('&') => "",
        Some(_) => "&",
    };
    url.insert_str(end, pair);
    url.insert_str(end, separator);
}

fn has_param(url: &str, name: &str) -> bool {
    let query =
        url.split('#').next().and_then(|u| u.split_once('?')).map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair.split('=').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::Cow;

    /// Every token has the same value.
    struct Always(&'static str);

    impl TokenValues for Always {
        fn value(&self, _: Token) -> Cow<'_, str> {
            Cow::Borrowed(self.0)
        }
    }

    #[test]
    fn a_printed_template_reads_back() {
        for text in [
            "https://a.example/",
            "https://a.example/{click_id}?c={campaign.name:raw}&k={keyword:sha256:default(x)}#{random}",
            "https://a.example/?p={payout}&t={timestamp}&o={offer.id:urlencode}",
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(Template::parse(&template.to_string()), Ok(template), "{text}");
        }
    }

    fn expand(template: &str, value: &'static str) -> String {
        Template::parse(template).unwrap().expand(&Always(value))
    }

    #[test]
    fn tokens_expand_with_their_functions() {
        for (template, value, expected) in [
            ("https://a.example/?c={click_id}", "x y", "https://a.example/?c=x%20y"),
            ("https://a.example/{cid}/{sub1:raw}", "a/b", "https://a.example/a%2Fb/a/b"),
            ("https://a.example/?k={keyword:default(none)}", "", "https://a.example/?k=none"),
            ("https://a.example/?k={keyword:raw}", "a\r\nb&c", "https://a.example/?k=a%0D%0Ab&c"),
            ("HTTPS://a.example:8443?x={campaign.name}", "Ä", "HTTPS://a.example:8443?x=%C3%84"),
            (
                "https://a.example/?h={sub1:sha256}",
                "abc",
                "https://a.example/?h=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
        ] {
            assert_eq!(expand(template, value), expected);
        }
    }

    #[test]
    fn what_is_no_destination_says_why() {
        for (text, expected) in [
            ("javascript:alert(1)", TemplateError::Scheme),
            ("//a.example", TemplateError::Scheme),
            ("https://{sub1}/", TemplateError::Authority),
            ("https://a.example{sub1}", TemplateError::Authority),
            ("https://user@a.example/", TemplateError::Authority),
            ("https:///x", TemplateError::Authority),
            ("https://a.example:x/", TemplateError::Authority),
            ("https://a.example/a b", TemplateError::Character(' ')),
            ("https://a.example/\r\nx", TemplateError::Character('\r')),
            ("https://a.example/{sub1", TemplateError::Unclosed),
            ("https://a.example/{colour}", TemplateError::Unknown("colour".into())),
            ("https://a.example/{sub1:upper}", TemplateError::Function("upper".into())),
        ] {
            assert_eq!(Template::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn parameters_go_into_the_query_and_stay_in_front_of_the_fragment() {
        for (url, expected) in [
            ("https://a.example", "https://a.example?id=1"),
            ("https://a.example/?", "https://a.example/?id=1"),
            ("https://a.example/?a=b", "https://a.example/?a=b&id=1"),
            ("https://a.example/?a=b&", "https://a.example/?a=b&id=1"),
            ("https://a.example/#top", "https://a.example/?id=1#top"),
            ("https://a.example/#top?x", "https://a.example/?id=1#top?x"),
        ] {
            let mut url = url.to_owned();
            append_param(&mut url, "id", "1");
            assert_eq!(url, expected);
        }
    }

    #[test]
    fn passed_parameters_keep_their_bytes_and_do_not_repeat() {
        let mut url = "https://a.example/?utm_source=x".to_owned();
        pass_param(&mut url, "gclid=Cj0+a%20b");
        pass_param(&mut url, "utm_source=y");
        pass_param(&mut url, "fbclid=a\"b");
        assert_eq!(url, "https://a.example/?utm_source=x&gclid=Cj0+a%20b&fbclid=a%22b");
    }

    proptest! {
        #[test]
        fn no_value_changes_the_authority_or_ends_a_header(value in "\\PC*|[\\x00-\\x7f]*") {
            let leaked: &'static str = Box::leak(value.into_boxed_str());
            for template in ["https://a.example/{sub1}", "https://a.example/?x={sub1:raw}#f", "https://a.example?{sub1:raw}"] {
                let url = expand(template, leaked);
                prop_assert!(url.bytes().all(|b| (0x21..0x7f).contains(&b)), "{url}");
                let rest = &url["https://".len()..];
                prop_assert_eq!(&rest[..rest.find(['/', '?', '#']).unwrap()], "a.example");
            }
        }
    }
}
