//! What a page's script sends: a form, or a JSON object of the same names.

use crate::query::{Query, decode};
use bytes::Bytes;
use std::borrow::Cow;

/// The values of a report, by name.
#[derive(Debug)]
pub(crate) enum Form<'a> {
    /// `name=value&…`: the pairs, still encoded.
    Encoded(Vec<(&'a str, &'a str)>),
    /// `{"name":"value"}`
    Object(serde_json::Map<String, serde_json::Value>),
}

impl<'a> Form<'a> {
    /// Reads a body, whatever content type it names; what is neither holds nothing.
    pub fn read(body: &'a Bytes) -> Self {
        let text = str::from_utf8(body).unwrap_or_default().trim();
        if text.starts_with('{')
            && let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text)
        {
            return Self::Object(object);
        }
        Self::Encoded(Query { text, is_cut: false }.pairs().collect())
    }

    /// The first value of a name; an empty one is none.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = match self {
            Self::Encoded(pairs) => {
                pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| decode(value))
            }
            Self::Object(object) => match object.get(name)? {
                serde_json::Value::String(text) => Some(Cow::Borrowed(text.as_str())),
                serde_json::Value::Number(number) => Some(Cow::Owned(number.to_string())),
                _ => None,
            },
        };
        value.filter(|value| !value.is_empty())
    }

    /// A number that the page drew for this report: 8 to 64 letters, digits, `_` and `-`.
    pub fn drawn_number(&self) -> Option<Cow<'_, str>> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        self.get("n").filter(|n| (8..=64).contains(&n.len()) && n.bytes().all(is_plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        for body in [
            "u=https%3A%2F%2Fa.example%2F%3Fx%3D1&val=1.5&r=&n=abcdefgh",
            r#" {"u":"https://a.example/?x=1","val":1.5,"r":"","n":"abcdefgh","more":[1]}"#,
        ] {
            let bytes = Bytes::from_static(body.as_bytes());
            let form = Form::read(&bytes);
            assert_eq!(form.get("u").as_deref(), Some("https://a.example/?x=1"), "{body}");
            assert_eq!(form.get("val").as_deref(), Some("1.5"));
            assert_eq!(form.drawn_number().as_deref(), Some("abcdefgh"));
            assert_eq!((form.get("r"), form.get("more")), (None, None));
        }
    }

    #[test]
    fn what_is_no_report_holds_nothing() {
        for body in [&b""[..], b"\xff\xfe", b"{\"u\":", b"[1]", b"&&&", b"u"] {
            let bytes = Bytes::copy_from_slice(body);
            assert_eq!(Form::read(&bytes).get("u"), None, "{body:?}");
        }
    }

    #[test]
    fn a_drawn_number_is_plain_and_of_some_length() {
        for (n, is_well) in [("abcdefgh", true), ("short", false), ("with%20space", false)] {
            let bytes = Bytes::from(format!("n={n}"));
            assert_eq!(Form::read(&bytes).drawn_number().is_some(), is_well, "{n}");
        }
        let bytes = Bytes::from(format!("n={}", "x".repeat(65)));
        assert_eq!(Form::read(&bytes).drawn_number(), None);
    }
}
