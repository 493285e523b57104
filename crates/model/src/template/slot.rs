//! A token where it stands: what it means, how its value is written, and what is written without one.

use super::TemplateError;
use crate::field::{Field, UnknownField};
use std::borrow::Cow;
use std::fmt::Write as _;

/// What stands between two braces: a token and its functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    written: Box<str>,
    token: Token,
    encoding: Encoding,
    default: Box<str>,
}

/// What a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// A field of the click.
    Field(Field),
    /// The name of the thing a field points to (`{campaign.name}`); of a domain its host (`{domain.host}`).
    Name(Field),
    /// The amount of a conversion.
    Payout,
    /// A number drawn for the click.
    Random,
    /// Unix time of the event in seconds.
    Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// No function: in a URL a component, elsewhere what the place asks for.
    Place,
    Component,
    Raw,
    Sha256,
}

/// Gives tokens their values.
pub trait TokenValues {
    /// The value of `token`; empty when it has none.
    fn value(&self, token: Token) -> Cow<'_, str>;
}

impl Slot {
    /// Reads what stands between the braces: a name, then `:function` any number of times.
    pub fn parse(inner: &str) -> Result<Self, TemplateError> {
        let mut pieces = inner.split(':');
        let name = pieces.next().unwrap_or_default();
        let token = token(name).map_err(|_| TemplateError::Unknown(name.to_owned()))?;
        let (mut encoding, mut default) = (Encoding::Place, "");
        for function in pieces {
            match function {
                "urlencode" => encoding = Encoding::Component,
                "raw" => encoding = Encoding::Raw,
                "sha256" => encoding = Encoding::Sha256,
                other => {
                    let argument =
                        other.strip_prefix("default(").and_then(|rest| rest.strip_suffix(')'));
                    default = argument.ok_or_else(|| TemplateError::Function(other.to_owned()))?;
                }
            }
        }
        Ok(Self { written: inner.into(), token, encoding, default: default.into() })
    }

    /// As it stands between the braces.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// What it stands for.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Its value before any function but `default(…)`, and whether it is that default.
    pub fn value<'a>(&'a self, values: &'a impl TokenValues) -> (Cow<'a, str>, bool) {
        let value = values.value(self.token);
        if value.is_empty() && !self.default.is_empty() {
            return (Cow::Borrowed(&self.default), true);
        }
        (value, false)
    }

    /// Its value where no URL is: as it is, but for the functions `urlencode` and `sha256`.
    pub fn text<'a>(&'a self, values: &'a impl TokenValues) -> Cow<'a, str> {
        let (value, _) = self.value(values);
        match self.encoding {
            Encoding::Place | Encoding::Raw => value,
            Encoding::Component | Encoding::Sha256 => {
                let mut text = String::new();
                encode(&mut text, &value, self.encoding);
                Cow::Owned(text)
            }
        }
    }

    /// Appends its value to a URL; without `may_be_raw` as a component also where the function is `raw`.
    pub fn push_url(&self, url: &mut String, values: &impl TokenValues, may_be_raw: bool) {
        let is_tamed = self.encoding == Encoding::Raw && !may_be_raw;
        let encoding = if is_tamed { Encoding::Component } else { self.encoding };
        encode(url, &self.value(values).0, encoding);
    }
}

/// The token of a name, or of one of the names other trackers use for it.
fn token(name: &str) -> Result<Token, UnknownField> {
    Ok(match name {
        "payout" => Token::Payout,
        "random" => Token::Random,
        "timestamp" => Token::Timestamp,
        "status" => Token::Field(Field::ConversionStatus),
        "type" => Token::Field(Field::ConversionType),
        "clickid" | "cid" | "subid" => Token::Field(Field::ClickId),
        "campaign.id" => Token::Field(Field::Campaign),
        "campaign.name" => Token::Name(Field::Campaign),
        "domain.host" => Token::Name(Field::Domain),
        "lander.id" => Token::Field(Field::Lander),
        "offer.id" => Token::Field(Field::Offer),
        _ => Token::Field(name.parse()?),
    })
}

fn encode(url: &mut String, value: &str, encoding: Encoding) {
    match encoding {
        Encoding::Place | Encoding::Component => push_component(url, value),
        Encoding::Raw => push_encoded(url, value, is_url_byte),
        Encoding::Sha256 => {
            use sha2::Digest as _;
            for byte in sha2::Sha256::digest(value.as_bytes()) {
                let _ = write!(url, "{byte:02x}");
            }
        }
    }
}

/// Appends `value` so that it stays one part of a URL: every byte that is not unreserved (RFC 3986, section 2.3) as `%XX`.
pub(super) fn push_component(url: &mut String, value: &str) {
    push_encoded(url, value, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~')
    });
}

/// Whether a byte may stand unencoded somewhere in a URL: visible ASCII but the delimiters that
/// browsers rewrite or that end an HTML attribute.
pub(super) fn is_url_byte(b: u8) -> bool {
    b.is_ascii_graphic()
        && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Appends `value` with every byte that `keep` refuses as `%XX`.
pub(super) fn push_encoded(url: &mut String, value: &str, keep: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value.as_bytes() {
        if keep(byte) {
            url.push(char::from(byte));
        } else {
            url.push('%');
            url.push(char::from(HEX[usize::from(byte >> 4)]));
            url.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}
