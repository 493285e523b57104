//! Host names: of tracking domains as they are saved, and of requests as they are looked up.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The longest name (RFC 1035, 2.3.4, without the root's dot).
const NAME_BYTES_MAX: usize = 253;
/// The longest label (RFC 1035, 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// The name of a host as DNS has it: lower case, without port and without a dot at its end. An international name is
/// in its ASCII form, label by label (A-labels, RFC 5890, 2.3.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Box<str>);

/// Why a text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Something in front, behind or between that belongs to no name.
    #[error("expected a host name such as go.example.com, without scheme, port and path")]
    Form,
    /// Letters beyond ASCII.
    #[error(
        "expected a host name in ASCII: write an international one as DNS has it, such as xn--bcher-kva.example"
    )]
    International,
    /// An IP address.
    #[error("expected a host name such as go.example.com, not an address")]
    Address,
}

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HostName {
    type Err = HostError;

    /// Reads a name in any case, with or without the root's dot. A last label of digits alone would be read as an
    /// IPv4 address by browsers (URL Standard, "ends in a number").
    fn from_str(text: &str) -> Result<Self, HostError> {
        let name = text.trim();
        let name = name.strip_suffix('.').unwrap_or(name);
        if !name.is_ascii() {
            return Err(HostError::International);
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_number =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit());
        if bare.parse::<IpAddr>().is_ok() || name.rsplit('.').next().is_some_and(is_number) {
            return Err(HostError::Address);
        }
        if name.len() > NAME_BYTES_MAX || !name.split('.').all(is_label) {
            return Err(HostError::Form);
        }
        Ok(Self(name.to_ascii_lowercase().into()))
    }
}

/// Letters, digits and hyphens, these not at the ends (RFC 1123, 2.1).
fn is_label(label: &str) -> bool {
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl TryFrom<String> for HostName {
    type Error = HostError;

    fn try_from(text: String) -> Result<Self, HostError> {
        text.parse()
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0.into()
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host that a request names (`Host`, RFC 9110, 7.2), in the form in which hosts are compared: lower case, without
/// port and the root's dot; an address as it is written shortest, without brackets. `None` when it names none.
pub fn requested(host_and_port: &str) -> Option<Cow<'_, str>> {
    let text = host_and_port.trim_ascii();
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        let address: Ipv6Addr = inside.parse().ok()?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| Cow::Owned(address.to_canonical().to_string()));
    }
    let (host, port) = text.split_once(':').unwrap_or((text, ""));
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let fits = (1..=NAME_BYTES_MAX).contains(&host.len()) && host.bytes().all(is_plain);
    if !fits || !is_port(port) {
        return None;
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some(Cow::Owned(host.to_ascii_lowercase()));
    }
    Some(Cow::Borrowed(host))
}

fn is_port(port: &str) -> bool {
    port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a host as [`requested`] gives it is this machine itself: `localhost`, 127.0.0.0/8 or `::1`.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_in_one_form() {
        for (text, expected) in [
            ("go.example.com", Ok("go.example.com")),
            (" GO.Example.COM. ", Ok("go.example.com")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("t1.localhost", Ok("t1.localhost")),
            ("tracker", Ok("tracker")),
            ("bücher.example", Err(HostError::International)),
            ("https://go.example.com", Err(HostError::Form)),
            ("go.example.com:8080", Err(HostError::Form)),
            ("go.example.com/", Err(HostError::Form)),
            ("go..example", Err(HostError::Form)),
            ("-go.example", Err(HostError::Form)),
            ("go_1.example", Err(HostError::Form)),
            ("*.example.com", Err(HostError::Form)),
            ("user@go.example", Err(HostError::Form)),
            ("", Err(HostError::Form)),
            (".", Err(HostError::Form)),
            ("192.0.2.1", Err(HostError::Address)),
            ("0x7f.1", Err(HostError::Address)),
            ("[2001:db8::1]", Err(HostError::Address)),
        ] {
            let name: Result<HostName, _> = text.parse();
            assert_eq!(name.as_ref().map(HostName::as_str), expected.as_ref().copied(), "{text}");
        }
        let label = "a".repeat(63);
        let long = [&*label, &label, &label, &"b".repeat(61)].join(".");
        assert!(long.len() == 253 && long.parse::<HostName>().is_ok());
        assert!(format!("{long}b").parse::<HostName>().is_err());
        assert!(format!("a{label}.example").parse::<HostName>().is_err());
    }

    #[test]
    fn the_host_of_a_request_is_read_whatever_its_form() {
        for (text, expected) in [
            ("go.example.com", Some("go.example.com")),
            ("Go.Example.Com:8080", Some("go.example.com")),
            ("go.example.com.", Some("go.example.com")),
            ("go.example.com.:443", Some("go.example.com")),
            ("go.example.com:", Some("go.example.com")),
            (" go.example.com ", Some("go.example.com")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("[::1]", Some("::1")),
            ("[0:0:0:0:0:0:0:1]:8080", Some("::1")),
            ("[2001:DB8::1]:443", Some("2001:db8::1")),
            ("[::ffff:127.0.0.1]", Some("127.0.0.1")),
            ("", None),
            (".", None),
            (":80", None),
            ("go.example.com:port", None),
            ("go.example.com:123456", None),
            ("a:b:c", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]80", None),
            ("[go.example.com]", None),
            ("user@go.example.com", None),
            ("go.example.com, evil.example", None),
            ("go.example.com/", None),
            ("bücher.example", None),
        ] {
            assert_eq!(requested(text).as_deref(), expected, "{text}");
        }
        assert_eq!(requested(&"a".repeat(254)), None);
    }

    #[test]
    fn loopback_hosts_are_this_machine() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.8.8.8", true),
            ("::1", true),
            ("t1.localhost", false),
            ("localhost.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
