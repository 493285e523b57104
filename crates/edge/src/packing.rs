//! Making answers smaller: gzip, for those who take it.

use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header;
use std::io::{self, Write};

/// How hard to try.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Strength {
    /// For what is packed once.
    Best,
    /// For what is packed for one visitor.
    Fast,
}

/// `bytes` as gzip (RFC 1952).
pub(crate) fn packed(bytes: &[u8], strength: Strength) -> io::Result<Vec<u8>> {
    let level = match strength {
        Strength::Best => Compression::best(),
        Strength::Fast => Compression::fast(),
    };
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// RFC 9110, 12.5.3, as far as it matters for one coding: named, and not with a weight of 0.
pub(crate) fn takes_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && weight.is_none_or(|weight| weight.chars().any(|c| ('1'..='9').contains(&c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_packed_for_those_who_take_it() {
        for (value, takes) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("GZIP", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
            assert_eq!(takes_gzip(&headers), takes, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
