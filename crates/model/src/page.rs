//! Pages of others: what of a URL tells where somebody is.

use memchr::{memchr, memchr2};

/// The parts of an `http` or `https` URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Name or address, as written; an IPv6 address in brackets.
    pub host: &'a str,
    /// Where it is not the scheme's own.
    pub port: Option<&'a str>,
    /// From the first `/` to the query; may be empty.
    pub path: &'a str,
    /// Behind `?`, up to `#`.
    pub query: &'a str,
}

/// The longest host name (RFC 1035, 2.3.4).
const HOST_BYTES_MAX: usize = 253;

impl<'a> Parts<'a> {
    /// Takes a URL apart; `None` for what is no absolute `http` or `https` URL of a plain host. What stands in front
    /// of an `@` is no host, so such a URL is none of ours.
    pub fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_at_checked(memchr(b':', url.as_bytes())?)?;
        let rest = rest.strip_prefix("://")?;
        let scheme = ["https", "http"].into_iter().find(|s| s.eq_ignore_ascii_case(scheme))?;
        let (rest, behind) = rest.split_at_checked(bare(rest).len())?;
        let query = behind.strip_prefix('?').map(without_fragment).unwrap_or_default();
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(at)?;
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, ""),
        };
        let is_port = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_host = match bracketed {
            Some(address) => address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
            None => {
                host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
            }
        };
        if host.is_empty() || host.len() > HOST_BYTES_MAX || !is_host || !is_port {
            return None;
        }
        let usual = if scheme == "https" { "443" } else { "80" };
        let port = Some(port).filter(|port| !port.is_empty() && *port != usual);
        Some(Self { scheme, host, port, path, query })
    }

    fn push_authority(&self, text: &mut String) {
        text.push_str(self.host);
        text.make_ascii_lowercase();
        if let Some(port) = self.port {
            text.push(':');
            text.push_str(port);
        }
    }
}

/// The origin of a URL as a browser writes it (RFC 6454, 6.2): scheme and host in lower case, the port where it is not
/// the scheme's own.
pub fn origin(url: &str) -> Option<String> {
    let parts = Parts::of(url)?;
    let mut text = format!("{}://", parts.scheme);
    parts.push_authority(&mut text);
    Some(text)
}

/// What makes two URLs the same page: host, port and path; not scheme, query, fragment, or a `/` at the end.
pub fn page(url: &str) -> Option<String> {
    let parts = Parts::of(url)?;
    let mut text = String::with_capacity(url.len());
    parts.push_authority(&mut text);
    text.push_str(parts.path.trim_end_matches('/'));
    Some(text)
}

/// Whether a page's `origin`, as its browser says it, is `allowed`, in which `*.` stands for every host below.
pub fn is_allowed(allowed: &str, origin: &str) -> bool {
    if allowed.eq_ignore_ascii_case(origin) {
        return true;
    }
    let Some((scheme, below)) = allowed.split_once("://*") else { return false };
    let Some((of, host)) = origin.split_once("://") else { return false };
    let at = host.len().saturating_sub(below.len());
    of.eq_ignore_ascii_case(scheme)
        && at > 0
        && host.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(below))
}

/// A URL without what may say who somebody is: query and fragment.
pub fn bare(url: &str) -> &str {
    &url[..memchr2(b'?', b'#', url.as_bytes()).unwrap_or(url.len())]
}

/// A URL without what stands behind `#`, which is the browser's alone.
pub fn without_fragment(url: &str) -> &str {
    &url[..memchr(b'#', url.as_bytes()).unwrap_or(url.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_do() {
        for (url, expected) in [
            ("https://Shop.Example/a?b#c", Some("https://shop.example")),
            ("HTTP://shop.example:80", Some("http://shop.example")),
            ("https://shop.example:8443?x", Some("https://shop.example:8443")),
            ("https://[2001:DB8::1]:443/", Some("https://[2001:db8::1]")),
            ("https://user@shop.example/", None),
            ("https://a b/", None),
            ("https:///x", None),
            ("javascript:alert(1)", None),
            ("//shop.example", None),
            ("null", None),
            ("", None),
        ] {
            assert_eq!(origin(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_page_is_host_and_path() {
        for (url, expected) in [
            ("https://Shop.Example/Landing/?gclid=1#top", "shop.example/Landing"),
            ("http://shop.example/Landing", "shop.example/Landing"),
            ("https://shop.example", "shop.example"),
            ("https://shop.example/?a=https://b.example/c", "shop.example"),
            ("https://shop.example:8443/a#?b", "shop.example:8443/a"),
        ] {
            assert_eq!(page(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn the_query_ends_before_the_fragment() {
        for (url, query) in [
            ("https://a.example/?x=1&y=2#z?w", "x=1&y=2"),
            ("https://a.example/#a?b=1", ""),
            ("https://a.example?x", "x"),
        ] {
            assert_eq!(Parts::of(url).unwrap().query, query, "{url}");
        }
    }

    #[test]
    fn a_url_is_cut_at_the_first_mark() {
        for (url, bare_url, with_query) in [
            ("https://a.example/?x=1#y?z", "https://a.example/", "https://a.example/?x=1"),
            ("https://a.example/#y?z#", "https://a.example/", "https://a.example/"),
            ("https://ä.example/ö", "https://ä.example/ö", "https://ä.example/ö"),
            ("", "", ""),
        ] {
            assert_eq!((bare(url), without_fragment(url)), (bare_url, with_query), "{url}");
        }
    }

    #[test]
    fn a_star_stands_for_hosts_below_and_for_nothing_else() {
        for (allowed, origin, is_well) in [
            ("https://shop.example", "https://shop.example", true),
            ("https://shop.example", "http://shop.example", false),
            ("https://shop.example", "https://shop.example.evil.example", false),
            ("https://shop.example", "https://shop.example:8443", false),
            ("https://*.shop.example", "https://www.shop.example", true),
            ("https://*.shop.example", "https://a.b.shop.example", true),
            ("https://*.shop.example", "https://shop.example", false),
            ("https://*.shop.example", "https://evilshop.example", false),
            ("https://*.shop.example", "http://www.shop.example", false),
            ("https://shop.example", "null", false),
        ] {
            assert_eq!(is_allowed(allowed, origin), is_well, "{allowed} {origin}");
        }
    }
}
