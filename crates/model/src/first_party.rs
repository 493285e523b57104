//! What a call says about the customer: hashed as it arrives, so that nothing plain is ever written down.
//!
//! Platforms match customers by SHA-256 of a normal form, and do not agree on the form everywhere. As the plain value is
//! gone afterwards, each form is kept: Meta's (`em`, `ph`, `external_user_id`), which most others share, and those of
//! Google where they differ (`em_google`, without dots and `+…` in Gmail's names; `ph_e164`, with `+` in front).

use crate::params;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;

/// A kind of such a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Email,
    Phone,
    UserId,
}

/// The names such values come under.
const NAMES: [(&str, Kind); 7] = [
    ("em", Kind::Email),
    ("email", Kind::Email),
    ("ph", Kind::Phone),
    ("phone", Kind::Phone),
    ("phone_number", Kind::Phone),
    ("external_user_id", Kind::UserId),
    ("customer_id", Kind::UserId),
];

/// The fewest and the most digits of a phone number with its country code (ITU-T E.164 allows 15).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// What stands in place of a value that has no normal form, and of a body that cannot be read.
const REMOVED: &str = "removed";

/// A hash under the name of its form: `em`, `em_google`, `ph`, `ph_e164`, `external_user_id`.
pub type Hashed = (&'static str, String);

/// Whether a parameter of this name holds such a value.
pub fn is_name(name: &str) -> bool {
    kind_of(name).is_some()
}

/// `query` or a form with hashes in place of plain values; what was hashed goes to `found`.
pub fn hide_in_pairs<'a>(query: &'a str, found: &mut Vec<Hashed>) -> Cow<'a, str> {
    let of = |pair: &str| kind_of(&params::decode(pair.split('=').next().unwrap_or_default()));
    if query.split('&').all(|pair| of(pair).is_none()) {
        return Cow::Borrowed(query);
    }
    let hidden = query.split('&').map(|pair| match (of(pair), pair.split_once('=')) {
        (Some(kind), Some((name, value))) => {
            Cow::Owned(format!("{name}={}", hide(kind, &params::decode(value), found)))
        }
        _ => Cow::Borrowed(pair),
    });
    Cow::Owned(hidden.collect::<Vec<_>>().join("&"))
}

/// A URL with hashes in the place of plain values of its query.
pub fn hide_in_url<'a>(url: &'a str, found: &mut Vec<Hashed>) -> Cow<'a, str> {
    let Some((path, query)) = url.split_once('?') else { return Cow::Borrowed(url) };
    match hide_in_pairs(query, found) {
        Cow::Borrowed(_) => Cow::Borrowed(url),
        Cow::Owned(query) => Cow::Owned(format!("{path}?{query}")),
    }
}

/// A body, JSON or a form, with hashes in place of plain values, however deep they lie. One that names such a value and is
/// neither is removed.
pub fn hide_in_body<'a>(body: &'a str, found: &mut Vec<Hashed>) -> Cow<'a, str> {
    let folded = body.to_ascii_lowercase();
    let names = |(name, _): &(&str, Kind)| folded.contains(&format!("\"{name}\""));
    if !NAMES.iter().any(names) {
        return hide_in_pairs(body, found);
    }
    match serde_json::from_str::<Value>(body.trim()) {
        Ok(mut value) => {
            hide_in_value(&mut value, found);
            Cow::Owned(value.to_string())
        }
        Err(_) => Cow::Owned(REMOVED.to_owned()),
    }
}

fn hide_in_value(value: &mut Value, found: &mut Vec<Hashed>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                match (kind_of(name), &*value) {
                    (Some(kind), Value::String(text)) => *value = hide(kind, text, found).into(),
                    (Some(kind), Value::Number(number)) => {
                        *value = hide(kind, &number.to_string(), found).into();
                    }
                    _ => hide_in_value(value, found),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| hide_in_value(value, found)),
        _ => {}
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    let found = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, kind)| *kind)
}

/// What stands in the value's place: the hash of its first form.
fn hide(kind: Kind, value: &str, found: &mut Vec<Hashed>) -> String {
    if value.trim().is_empty() {
        return String::new();
    }
    let hashed = hashed(kind, value);
    let shown = hashed.first().map_or_else(|| REMOVED.to_owned(), |(_, hash)| hash.clone());
    for hash in hashed {
        if !found.contains(&hash) {
            found.push(hash);
        }
    }
    shown
}

/// The hashes of a value; none when it has no normal form. One that is a hash already stays what it is.
fn hashed(kind: Kind, value: &str) -> Vec<Hashed> {
    let value = value.trim();
    let name = match kind {
        Kind::Email => "em",
        Kind::Phone => "ph",
        Kind::UserId => "external_user_id",
    };
    if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return vec![(name, value.to_ascii_lowercase())];
    }
    let forms = match kind {
        Kind::Email => email(value),
        Kind::Phone => phone(value),
        Kind::UserId => vec![(name, value.to_lowercase().split_whitespace().collect())],
    };
    forms.into_iter().map(|(name, form)| (name, sha256(&form))).collect()
}

/// Lower case without the spaces around it; for Google, Gmail's names also without dots and what follows `+`.
fn email(value: &str) -> Vec<(&'static str, String)> {
    let value = value.to_lowercase();
    let Some((user, domain)) = value.split_once('@') else { return Vec::new() };
    let is_host = domain.contains('.') && !domain.contains('@');
    if user.is_empty() || !is_host || value.contains(char::is_whitespace) {
        return Vec::new();
    }
    let mut forms = vec![("em", value.clone())];
    if ["gmail.com", "googlemail.com"].contains(&domain) {
        let user = user.split('+').next().unwrap_or_default().replace('.', "");
        forms.push(("em_google", format!("{user}@{domain}")));
    }
    forms
}

/// Digits from the country code on; for Google with `+` in front.
fn phone(value: &str) -> Vec<(&'static str, String)> {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    if !PHONE_DIGITS.contains(&digits.len()) {
        return Vec::new();
    }
    vec![("ph", digits.to_owned()), ("ph_e164", format!("+{digits}"))]
}

fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The normal form of a value by Meta, and by Google where that is another; none where the vendors' libraries have
    /// none or do not agree.
    const FORMS: [(Kind, &str, &[&str]); 24] = [
        (Kind::Email, "john.smith@gmail.com", &["john.smith@gmail.com", "johnsmith@gmail.com"]),
        (Kind::Email, "  John.Smith@Gmail.COM  ", &["john.smith@gmail.com", "johnsmith@gmail.com"]),
        (
            Kind::Email,
            "john.smith+x@googlemail.com",
            &["john.smith+x@googlemail.com", "johnsmith@googlemail.com"],
        ),
        (Kind::Email, "User.Name+tag@Domain.co.uk", &["user.name+tag@domain.co.uk"]),
        (Kind::Email, "\tTest@Example.com\n", &["test@example.com"]),
        (Kind::Email, "user_name@example.com", &["user_name@example.com"]),
        (Kind::Email, "m\u{fc}ller@example.de", &["m\u{fc}ller@example.de"]),
        (Kind::Email, "invalid-email", &[]),
        (Kind::Email, "a@b", &[]),
        (Kind::Phone, "16505551212", &["16505551212", "+16505551212"]),
        (Kind::Phone, "(650) 555-1212", &["6505551212", "+6505551212"]),
        (Kind::Phone, "0016505551212", &["16505551212", "+16505551212"]),
        (Kind::Phone, "+44 20 7946 0958", &["442079460958", "+442079460958"]),
        (Kind::Phone, "+44 (0)20 7946 0958", &["4402079460958", "+4402079460958"]),
        (Kind::Phone, "+49 30 12345678", &["493012345678", "+493012345678"]),
        (Kind::Phone, "+86 138 0013 8000", &["8613800138000", "+8613800138000"]),
        (Kind::Phone, "+91-98765-43210", &["919876543210", "+919876543210"]),
        (Kind::Phone, "1.650.555.1212", &["16505551212", "+16505551212"]),
        (Kind::Phone, "tel:+16505551212", &["16505551212", "+16505551212"]),
        (Kind::Phone, "12345", &[]),
        (Kind::Phone, "abc", &[]),
        (Kind::UserId, " User 123 ", &["user123"]),
        (Kind::UserId, "ABC-DEF", &["abc-def"]),
        (Kind::UserId, "a1b2c3d4", &["a1b2c3d4"]),
    ];

    #[test]
    fn values_are_hashed_in_the_vendors_normal_forms() {
        for (kind, value, forms) in FORMS {
            let hashes: Vec<String> =
                hashed(kind, value).into_iter().map(|(_, hash)| hash).collect();
            let expected: Vec<String> = forms.iter().map(|form| sha256(form)).collect();
            assert_eq!(hashes, expected, "{value}");
        }
        // Hashes as the platforms' documentation and libraries print them.
        for (kind, value, hash) in [
            (
                Kind::Email,
                "Person@Example.com",
                "542d240129883c019e106e3b1b2d3f3cb3537c43c425364de8e951d5a3083345",
            ),
            (
                Kind::Email,
                "john.smith@gmail.com",
                "d0c648bc36f12061bec770df216cea2ab95851b9350fd54b658de53b0407767a",
            ),
            (
                Kind::Email,
                " Test@Example.com ",
                "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
            ),
            (
                Kind::Phone,
                "+44 844 412 4653",
                "dc008fda46e2e64002cf2f82a4906236282d431c4f75e5b60bfe79fc48546383",
            ),
            (
                Kind::Phone,
                "+1 (650) 555-1212",
                "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176",
            ),
            (
                Kind::UserId,
                "User-123",
                "fcdec6df4d44dbc637c7c5b58efface52a7f8a88535423430255be0bb89bedd8",
            ),
        ] {
            assert_eq!(hashed(kind, value)[0].1, hash, "{value}");
        }
        let google = hashed(Kind::Email, "john.smith@gmail.com")[1].clone();
        assert_eq!(
            google,
            (
                "em_google",
                "3586de92bb3636d0885a12eff961429a32e4ebd764b96f50d85d016f9338d586".into()
            )
        );
        let tiktok = hashed(Kind::Phone, "+1 (650) 555-1212")[1].clone();
        assert_eq!(
            tiktok,
            ("ph_e164", "1e231c66011e7a2d867a9cfae267a6aff103cf4913640b6e71a99850fc0ffbc8".into())
        );
    }

    #[test]
    fn a_hash_is_not_hashed_again() {
        for hash in [
            "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b",
            "55E79200C1635B37AD31A378C39FEB12F120F116625093A19BC32FFF15041149",
        ] {
            assert_eq!(hashed(Kind::Email, hash), [("em", hash.to_lowercase())]);
        }
    }

    #[test]
    fn nothing_plain_is_left_wherever_it_stands() {
        let plain = "jane.doe@example.com";
        for text in [
            format!("clickid=a&em={plain}&x=1"),
            "email=jane.doe%40example.com".to_owned(),
            format!("%65m={plain}"),
            format!("EMAIL={plain}"),
            format!(r#"{{"clickid":"a","user":{{"Email":"{plain}","n":[{{"em":"{plain}"}}]}}}}"#),
            format!(r#"[{{"em":"{plain}"}}]"#),
            format!(r#"{{"em":"{plain}""#),
            format!("--b\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n{plain}"),
        ] {
            let mut found = Vec::new();
            let hidden = hide_in_body(&text, &mut found);
            assert!(!params::decode(&hidden).contains("jane"), "{hidden}");
            assert!(hidden.contains(&sha256(plain)) || hidden == REMOVED, "{hidden}");
        }
        let mut found = Vec::new();
        assert_eq!(hide_in_body("em=&ph=1&clickid=a", &mut found), "em=&ph=removed&clickid=a");
        assert_eq!(hide_in_url("/postback?a=1", &mut found), "/postback?a=1");
        assert_eq!(found, []);
    }
}
