//! The next hop that a link shows in a parameter, for ad platforms that demand to see it (mode `transparent`).

use crate::params;
use crate::table::CampaignRoute;

/// The parameters in which it may stand, by preference.
const NEXT_HOP_PARAMS: [&str; 2] = ["url", "lpurl"];

/// What a link shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// No next hop.
    Nothing,
    /// One whose host the campaign does not allow, or that is no plain URL.
    Refused,
    /// One that is obeyed.
    Allowed(String),
}

/// The next hop a link shows; obeyed only if its host is among those the campaign allows.
pub(super) fn shown_next_hop(query: &str, campaign: &CampaignRoute) -> Shown {
    let value = |name: &&str| params::pairs(query).find(|(key, _)| key == name).map(|(_, v)| v);
    let Some(shown) = NEXT_HOP_PARAMS.iter().find_map(value) else { return Shown::Nothing };
    let url = clean(params::decode(shown).trim());
    let is_allowed = |url: &String| host(url).is_some_and(|host| campaign.allows_host(host));
    url.filter(is_allowed).map_or(Shown::Refused, Shown::Allowed)
}

/// The URL with what may not stand in a header encoded; `None` for what browsers would read in another
/// way than we do.
fn clean(url: &str) -> Option<String> {
    let is_odd = |c: char| c.is_control() || matches!(c, '\\' | '\u{fffd}');
    if url.contains(is_odd) {
        return None;
    }
    let mut text = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(text)
}

/// The host of an absolute http or https URL whose authority is a plain name with or without a port.
fn host(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_name = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (is_name && !host.is_empty() && port.parse::<u16>().is_ok()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_hosts_are_read_off_a_url() {
        for (url, expected) in [
            ("https://shop.example/a?b=c", Some("shop.example")),
            ("HTTP://shop.example:8080", Some("shop.example")),
            ("https://shop.example?x", Some("shop.example")),
            ("https://shop.example@evil.example/", None),
            ("https://shop.example:x@evil.example/", None),
            ("https://shop.example\\@evil.example/", None),
            ("https:\\\\evil.example", None),
            ("//evil.example", None),
            ("/path", None),
            ("javascript://shop.example/%0aalert(1)", None),
            ("https://[::1]/", None),
            ("https://évil.example/", None),
            ("https:///", None),
            ("https://sh\top.example/", None),
        ] {
            let url = clean(url);
            assert_eq!(url.as_deref().and_then(host), expected, "{url:?}");
        }
        assert_eq!(clean("https://a.example/ä b").as_deref(), Some("https://a.example/%C3%A4%20b"));
    }
}
