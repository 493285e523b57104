//! The headers an endpoint looks at, picked in one pass.

use http::HeaderMap;
use lookup::Hints;
use memchr::memchr;
use model::params;
use std::borrow::Cow;

/// Bytes of a user agent that are kept.
const USER_AGENT_BYTES_MAX: usize = 512;
/// Bytes of a referrer that are kept.
const REFERRER_BYTES_MAX: usize = 1024;

/// The first value of each header that matters; bytes, since nothing forces a client to send text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Headers<'a> {
    user_agent: Option<&'a [u8]>,
    referrer: Option<&'a [u8]>,
    accept_language: Option<&'a [u8]>,
    pub cookie: Option<&'a [u8]>,
    pub content_type: Option<&'a [u8]>,
    sec_purpose: Option<&'a [u8]>,
    purpose: Option<&'a [u8]>,
    x_purpose: Option<&'a [u8]>,
    x_moz: Option<&'a [u8]>,
    sec_fetch_dest: Option<&'a [u8]>,
    pub sec_fetch_mode: Option<&'a [u8]>,
    ch_ua: Option<&'a [u8]>,
    ch_mobile: Option<&'a [u8]>,
    ch_platform: Option<&'a [u8]>,
    ch_platform_version: Option<&'a [u8]>,
    ch_model: Option<&'a [u8]>,
    ch_full_version_list: Option<&'a [u8]>,
    ch_form_factors: Option<&'a [u8]>,
    x_requested_with: Option<&'a [u8]>,
}

impl<'a> Headers<'a> {
    pub fn read(map: &'a HeaderMap) -> Self {
        let mut headers = Self::default();
        for (name, value) in map {
            let slot = match name.as_str() {
                "user-agent" => &mut headers.user_agent,
                "referer" => &mut headers.referrer,
                "accept-language" => &mut headers.accept_language,
                "cookie" => &mut headers.cookie,
                "content-type" => &mut headers.content_type,
                "sec-purpose" => &mut headers.sec_purpose,
                "purpose" => &mut headers.purpose,
                "x-purpose" => &mut headers.x_purpose,
                "x-moz" => &mut headers.x_moz,
                "sec-fetch-dest" => &mut headers.sec_fetch_dest,
                "sec-fetch-mode" => &mut headers.sec_fetch_mode,
                "sec-ch-ua" => &mut headers.ch_ua,
                "sec-ch-ua-mobile" => &mut headers.ch_mobile,
                "sec-ch-ua-platform" => &mut headers.ch_platform,
                "sec-ch-ua-platform-version" => &mut headers.ch_platform_version,
                "sec-ch-ua-model" => &mut headers.ch_model,
                "sec-ch-ua-full-version-list" => &mut headers.ch_full_version_list,
                "sec-ch-ua-form-factors" => &mut headers.ch_form_factors,
                "x-requested-with" => &mut headers.x_requested_with,
                _ => continue,
            };
            slot.get_or_insert(value.as_bytes());
        }
        headers
    }

    /// The user agent as text without control characters.
    pub fn user_agent(&self) -> Cow<'a, str> {
        text(self.user_agent, USER_AGENT_BYTES_MAX)
    }

    /// Takes it that the visitor came from `referrer`; the header of a script's request names the script's page.
    pub fn refer_to(&mut self, referrer: Option<&'a str>) {
        self.referrer = referrer.map(str::as_bytes);
    }

    /// The referrer as text without control characters.
    pub fn referrer(&self) -> Cow<'a, str> {
        text(self.referrer, REFERRER_BYTES_MAX)
    }

    /// The primary tag of the first language accepted, lower case (`en` of `en-US,de;q=0.9`; RFC 9110, 12.5.4), put
    /// into `buffer`; empty when there is none.
    pub fn language<'b>(&self, buffer: &'b mut [u8; 8]) -> &'b str {
        let header = self.accept_language.unwrap_or_default();
        let end = header
            .iter()
            .position(|b| matches!(b, b',' | b';' | b'-' | b'_'))
            .unwrap_or(header.len());
        let tag = header[..end].trim_ascii();
        if !(2..=8).contains(&tag.len()) || !tag.iter().all(u8::is_ascii_alphabetic) {
            return "";
        }
        let lower = &mut buffer[..tag.len()];
        lower.copy_from_slice(tag);
        lower.make_ascii_lowercase();
        str::from_utf8(lower).unwrap_or_default()
    }

    /// The client hints.
    pub fn hints(&self) -> Hints<'a> {
        Hints {
            ua: ascii(self.ch_ua),
            mobile: ascii(self.ch_mobile),
            platform: ascii(self.ch_platform),
            platform_version: ascii(self.ch_platform_version),
            model: ascii(self.ch_model),
            full_version_list: ascii(self.ch_full_version_list),
            form_factors: ascii(self.ch_form_factors),
            requested_with: ascii(self.x_requested_with),
        }
    }

    /// What [`lookup::request_verdict`] asks for.
    pub fn by_name(&self, name: &str) -> Option<&'a str> {
        ascii(match name {
            "sec-purpose" => self.sec_purpose,
            "purpose" => self.purpose,
            "x-purpose" => self.x_purpose,
            "x-moz" => self.x_moz,
            "sec-fetch-dest" => self.sec_fetch_dest,
            "sec-fetch-mode" => self.sec_fetch_mode,
            _ => None,
        })
    }
}

fn ascii(value: Option<&[u8]>) -> Option<&str> {
    str::from_utf8(value?).ok()
}

/// Foreign bytes as text of at most `bytes_max` bytes.
fn text(value: Option<&[u8]>, bytes_max: usize) -> Cow<'_, str> {
    let value = value.unwrap_or_default();
    let value = &value[..value.len().min(bytes_max)];
    // Without an early end the loop runs on whole vectors.
    let is_plain = value.iter().fold(true, |plain, b| plain & (0x20..0x7f).contains(b));
    if is_plain && let Ok(text) = str::from_utf8(value) {
        return Cow::Borrowed(text);
    }
    match params::clean(value) {
        Cow::Owned(text) if text.len() > bytes_max => {
            Cow::Owned(params::cut(&text, bytes_max).to_owned())
        }
        text => text,
    }
}

/// The host of a referrer, lower case, without port and credentials; empty when there is none.
pub(crate) fn host_of(url: &str) -> Cow<'_, str> {
    let host = host(url).unwrap_or_default();
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

fn host(url: &str) -> Option<&str> {
    let scheme_end = memchr(b':', url.as_bytes())?;
    let rest = url[scheme_end..].strip_prefix("://")?;
    let end =
        rest.bytes().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')).unwrap_or(rest.len());
    let host_and_port = rest[..end].rsplit('@').next()?;
    let host = match host_and_port.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => host_and_port.split(':').next()?,
    };
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':') || b >= 0x80;
    (host.len() <= 253 && host.bytes().all(plain)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn map(pairs: &[(&'static str, &[u8])]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &[u8])| {
            (http::HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            map.append(name, value);
        }
        map
    }

    #[test]
    fn the_first_value_of_a_repeated_header_counts() {
        let map = map(&[("user-agent", b"one"), ("user-agent", b"two")]);
        assert_eq!(Headers::read(&map).user_agent(), "one");
    }

    #[test]
    fn foreign_bytes_become_text_within_the_limit() {
        let long = [0xffu8; 600];
        let map = map(&[("user-agent", &long), ("referer", b"https://a.example/\tx\xe2\x80\xae")]);
        let headers = Headers::read(&map);
        assert!(headers.user_agent().len() <= USER_AGENT_BYTES_MAX);
        assert!(headers.user_agent().chars().all(|c| c == '\u{fffd}'));
        assert_eq!(headers.referrer(), "https://a.example/ x ");
        assert_eq!(Headers::default().user_agent(), "");
    }

    #[test]
    fn the_language_is_the_primary_tag_of_the_first() {
        for (value, expected) in [
            ("en-US,de;q=0.9", "en"),
            ("DE", "de"),
            (" fr ;q=0.8", "fr"),
            ("zh_CN", "zh"),
            ("*", ""),
            ("", ""),
            ("x", ""),
            ("e1", ""),
        ] {
            let map = map(&[("accept-language", value.as_bytes())]);
            assert_eq!(Headers::read(&map).language(&mut [0; 8]), expected, "{value}");
        }
    }

    #[test]
    fn the_host_of_a_referrer_is_plain_or_absent() {
        for (url, expected) in [
            ("https://News.Example:8443/a?b#c", "news.example"),
            ("https://user:pass@a.example/", "a.example"),
            ("http://[2001:db8::1]:80/", "2001:db8::1"),
            ("android-app://com.google.android.gm/", "com.google.android.gm"),
            ("https://a.example\\@evil.example", "a.example"),
            ("about:blank", ""),
            ("https:///x", ""),
            ("https://a b/", ""),
            ("", ""),
        ] {
            assert_eq!(host_of(url), expected, "{url}");
        }
    }
}
