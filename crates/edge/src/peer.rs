//! Whose request it is: the rightmost address of `X-Forwarded-For` that no trusted proxy wrote.

use http::{HeaderMap, HeaderName};
use model::cidr::Cidr;
use std::net::{IpAddr, SocketAddr};

/// The hops of a request, added to by each proxy.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The visitor's address: the peer, unless the peer is a trusted proxy. Then the hops of all `X-Forwarded-For` lines
/// are read from the right; the first one that is no trusted proxy is the visitor. What stands left of it was written
/// by strangers. A hop that is no address ends the search at the proxy that wrote it.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let mut nearest = peer;
    for line in headers.get_all(FORWARDED_FOR).iter().rev() {
        for hop in line.as_bytes().rsplit(|b| *b == b',') {
            let Some(address) = address(hop) else { return nearest };
            if !is_trusted(address, trusted) {
                return address;
            }
            nearest = address;
        }
    }
    nearest
}

/// Whether an address is a trusted proxy's.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[Cidr]) -> bool {
    trusted.iter().any(|range| range.contains(address))
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:443`; a zone (`%eth0`) is dropped.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop.trim_ascii()).ok()?.trim_matches('"');
    if let Some(rest) = text.strip_prefix('[') {
        let (inside, _port) = rest.split_once(']')?;
        return without_zone(inside).parse().ok().map(|ip: IpAddr| ip.to_canonical());
    }
    if let Ok(address) = without_zone(text).parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    text.parse::<SocketAddr>().ok().map(|address| address.ip().to_canonical())
}

fn without_zone(text: &str) -> &str {
    text.split('%').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<Cidr> =
            ["10.0.0.0/8", "127.0.0.1", "fd00::/8"].iter().map(|c| c.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_strangers_header_changes_nothing() {
        for lines in [&[][..], &["1.2.3.4"], &["10.0.0.1"], &["1.2.3.4, 10.0.0.1"]] {
            assert_eq!(client("203.0.113.7", lines), "203.0.113.7");
            assert_eq!(client("::ffff:203.0.113.7", lines), "203.0.113.7");
        }
    }

    #[test]
    fn behind_trusted_proxies_the_rightmost_untrusted_hop_is_the_visitor() {
        for (lines, expected) in [
            (&[][..], "10.0.0.9"),
            (&["198.51.100.1"], "198.51.100.1"),
            (&["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
            (&["198.51.100.1, 10.2.3.4, 127.0.0.1, fd00::1"], "198.51.100.1"),
            (&["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1", "10.0.0.1", "10.0.0.2"], "198.51.100.1"),
            (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["\"[2001:db8::1]:443\""], "2001:db8::1"),
            (&["fe80::1%eth0"], "fe80::1"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["::ffff:10.0.0.1"], "10.0.0.1"),
            (&["198.51.100.1, unknown"], "10.0.0.9"),
            (&["198.51.100.1, unknown, 10.0.0.3"], "10.0.0.3"),
            (&["198.51.100.1,"], "10.0.0.9"),
            (&[""], "10.0.0.9"),
            (&["1.2.3.4.5"], "10.0.0.9"),
            (&["\u{fffd}"], "10.0.0.9"),
        ] {
            assert_eq!(client("10.0.0.9", lines), expected, "{lines:?}");
        }
    }
}
