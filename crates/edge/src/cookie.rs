//! Our cookies: who the visitor is (`ct_v`), which clicks were the last ones (`ct_c`), and the one that a page's scripts
//! may read (`ct_d`). What `ct_s` holds is told by `choices`.

use crate::digits::push_hex;
use http::HeaderValue;
use model::ClickKey;
use model::id::{self, ClickId};
use model::keys::{self, KeyRing};

/// Campaigns whose last click is remembered.
const CLICKS_MAX: usize = 5;
/// The cookie that a page's scripts may read: the id of its last click.
const READABLE: &str = "ct_d";

/// What a request brought along.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cookies<'a> {
    /// The visitor id, when it has the form of one.
    pub visitor: Option<&'a str>,
    /// What was chosen for the visitor before, unread.
    pub choices: Option<&'a str>,
    clicks: Option<&'a str>,
}

impl<'a> Cookies<'a> {
    /// Reads a `Cookie` header (RFC 6265, 5.4); the first cookie of a name counts.
    pub fn read(header: Option<&'a [u8]>) -> Self {
        let mut cookies = Self::default();
        let text = header.and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default();
        for pair in text.split(';') {
            match pair.trim().split_once('=') {
                Some(("ct_v", value)) if is_visitor_id(value) => {
                    cookies.visitor.get_or_insert(value);
                }
                Some(("ct_s", value)) => {
                    cookies.choices.get_or_insert(value);
                }
                Some(("ct_c", value)) => {
                    cookies.clicks.get_or_insert(value);
                }
                _ => {}
            }
        }
        cookies
    }

    /// The last clicks, newest first. A cookie with a forged id in it is not believed from there on, which also bounds
    /// what reading it costs.
    pub fn clicks(
        self,
        prefix: &str,
        keys: &KeyRing,
        now_ms: i64,
    ) -> impl Iterator<Item = (&'a str, ClickId)> {
        let texts = self.clicks.into_iter().flat_map(|value| value.split('.')).take(CLICKS_MAX);
        texts.map_while(move |text| Some((text, id::read(text, prefix, keys, now_ms).ok()?)))
    }
}

/// 128 bits in hexadecimal digits, lower case.
pub(crate) fn is_visitor_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The visitor id given out with a click: 128 bits of keyed hash of the click's key, so that it can be told again from
/// the record of the click, and guessed by nobody.
pub(crate) fn visitor_id(key: ClickKey, keys: &KeyRing) -> String {
    let mut text = String::with_capacity(32);
    for half in 0..2 {
        let mut input = [0u8; 10];
        input[..8].copy_from_slice(&key.0.to_le_bytes());
        input[8..].copy_from_slice(&[b'v', half]);
        push_hex(&mut text, keys::hash(keys.visitor(), &input));
    }
    text
}

/// From where a cookie comes back to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From pages of its own site, without encryption.
    Plain,
    /// From pages of its own site.
    Site,
    /// From everywhere: browsers refuse `SameSite=None` without `Secure`.
    Everywhere,
    /// From everywhere, but apart for every site it is set on (CHIPS, draft-cutler-httpbis-partitioned-cookies).
    Partitioned,
}

impl From<bool> for Reach {
    /// Of a host that people are led through: everywhere, if it is reached by https.
    fn from(secure: bool) -> Self {
        if secure { Self::Everywhere } else { Self::Plain }
    }
}

impl Reach {
    const fn attributes(self) -> &'static str {
        match self {
            Self::Plain => "; Path=/; HttpOnly; SameSite=Lax",
            Self::Site => "; Path=/; HttpOnly; SameSite=Lax; Secure",
            Self::Everywhere => "; Path=/; HttpOnly; SameSite=None; Secure",
            Self::Partitioned => "; Path=/; HttpOnly; SameSite=None; Secure; Partitioned",
        }
    }
}

/// How long a visitor is remembered: a year.
const VISITOR_AGE: &str = "; Max-Age=31536000";
/// How long clicks are: 90 days.
const CLICKS_AGE: &str = "; Max-Age=7776000";
/// Not any more.
const NO_AGE: &str = "; Max-Age=0";

/// Ends a cookie of a visitor: how long it lives and where it goes back to, which is our host only, and never scripts.
pub(crate) fn push_visitor_attributes(text: &mut String, reach: Reach) {
    text.push_str(VISITOR_AGE);
    text.push_str(reach.attributes());
}

/// `Set-Cookie` for a new visitor.
pub(crate) fn set_visitor(id: &str, reach: impl Into<Reach>) -> Option<HeaderValue> {
    header(["ct_v=", id, VISITOR_AGE, reach.into().attributes()].concat())
}

/// `Set-Cookie` with the click a page's own scripts may read, on all hosts of `domain`, else on this one.
pub(crate) fn set_readable(click: &str, domain: Option<&str>, secure: bool) -> Option<HeaderValue> {
    readable(click, CLICKS_AGE, domain, secure)
}

fn readable(value: &str, age: &str, domain: Option<&str>, secure: bool) -> Option<HeaderValue> {
    let (named, domain) = domain.map_or(("", ""), |domain| ("; Domain=", domain));
    let end = if secure { "; Path=/; SameSite=Lax; Secure" } else { "; Path=/; SameSite=Lax" };
    header([READABLE, "=", value, age, named, domain, end].concat())
}

/// `Set-Cookie` lines that take everything back that was set; what scripts may read only on our own site.
pub(crate) fn forget(reach: Reach, site: Option<Option<&str>>) -> Vec<Option<HeaderValue>> {
    let hidden = ["ct_v=", "ct_c=", "ct_s="];
    let mut lines: Vec<_> =
        hidden.iter().map(|name| header([name, NO_AGE, reach.attributes()].concat())).collect();
    lines.extend(site.map(|domain| readable("", NO_AGE, domain, reach == Reach::Site)));
    lines
}

fn header(text: String) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
}

/// `Set-Cookie` with `click` in front of the last clicks of other campaigns.
pub(crate) fn set_clicks<'a>(
    click: &str,
    campaign: u32,
    others: impl Iterator<Item = (&'a str, ClickId)>,
    reach: impl Into<Reach>,
) -> Option<HeaderValue> {
    let mut text = String::with_capacity(5 + CLICKS_MAX * 33 + 80);
    text.push_str("ct_c=");
    text.push_str(click);
    for (other, _) in others.filter(|(_, id)| id.campaign != campaign).take(CLICKS_MAX - 1) {
        text.push('.');
        text.push_str(other);
    }
    text.push_str(CLICKS_AGE);
    text.push_str(reach.into().attributes());
    header(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::keys::MacKey;

    const NOW: i64 = 1_800_000_000_000;

    fn keys() -> KeyRing {
        KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16]).unwrap()
    }

    fn click(campaign: u32, sequence: u16) -> String {
        let key = ClickKey::new(NOW, 0, sequence);
        ClickId { key, campaign, unlogged: false, test: false }.text("ct_", &keys()).to_string()
    }

    #[test]
    fn cookies_are_found_among_others_and_only_in_their_form() {
        let id = "0123456789abcdef0123456789abcdef";
        for (header, visitor) in [
            (format!("a=b; ct_v={id}; ct_v=x"), Some(id)),
            (format!("ct_v={id}"), Some(id)),
            (format!("ct_v={id}0"), None),
            (format!("ct_v={}", id.to_uppercase()), None),
            (format!("xct_v={id}"), None),
            (String::new(), None),
        ] {
            assert_eq!(Cookies::read(Some(header.as_bytes())).visitor, visitor, "{header}");
        }
        assert!(Cookies::read(Some(b"ct_v=\xff")).visitor.is_none());
    }

    #[test]
    fn the_last_click_of_five_campaigns_is_kept_newest_first() {
        let (keys, mut value) = (keys(), String::new());
        for campaign in 1..=7 {
            let header = format!("ct_c={value}");
            let cookies = Cookies::read(Some(header.as_bytes()));
            let new = click(campaign, campaign as u16);
            let set = set_clicks(&new, campaign, cookies.clicks("ct_", &keys, NOW), false).unwrap();
            value = set.to_str().unwrap()["ct_c=".len()..].split(';').next().unwrap().to_owned();
        }
        let header = format!("ct_c={value}");
        let campaigns = |header: &str| -> Vec<u32> {
            let cookies = Cookies::read(Some(header.as_bytes()));
            cookies.clicks("ct_", &keys, NOW).map(|(_, id)| id.campaign).collect()
        };
        assert_eq!(campaigns(&header), [7, 6, 5, 4, 3]);
        let again = click(5, 99);
        let cookies = Cookies::read(Some(header.as_bytes()));
        let set = set_clicks(&again, 5, cookies.clicks("ct_", &keys, NOW), false).unwrap();
        let kept = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(campaigns(&kept), [5, 7, 6, 4, 3]);
        assert!(kept.contains(&again));
    }

    #[test]
    fn a_forged_click_ends_the_list() {
        let header = format!("ct_c={}.ct_00000000000000000000000000.{}", click(1, 1), click(2, 2));
        let cookies = Cookies::read(Some(header.as_bytes()));
        assert_eq!(cookies.clicks("ct_", &keys(), NOW).count(), 1);
    }

    #[test]
    fn https_decides_secure_and_same_site() {
        for (secure, expected) in [
            (true, "ct_v=x; Max-Age=31536000; Path=/; HttpOnly; SameSite=None; Secure"),
            (false, "ct_v=x; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax"),
        ] {
            assert_eq!(set_visitor("x", secure).unwrap(), expected);
        }
    }

    #[test]
    fn visitor_ids_have_their_form_and_depend_on_the_key() {
        let (one, two) = (visitor_id(ClickKey(1), &keys()), visitor_id(ClickKey(2), &keys()));
        assert!(is_visitor_id(&one) && is_visitor_id(&two) && one != two);
    }
}
