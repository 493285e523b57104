//! Clicks as browsers send them: rendered once, then made fresh in place for every request.
//!
//! A request is a template (user agent, campaign, query) in which the visitor's address and the ad
//! platform's click id are overwritten with new draws, so that no two requests are the same click.

use std::{fmt::Write, path::Path};

use crate::{LoadError, options::TrafficOptions, random::Random};

/// Enough for every user agent to meet several campaigns and placements, and still few megabytes.
const TEMPLATES: usize = 16_384;
/// The longest IPv4 address; shorter ones are padded in front, where HTTP ignores white space.
const ADDRESS_BYTES: usize = 15;
/// Characters of the platform's click id that change: 66 bits.
const FRESH_ID_BYTES: usize = 11;
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Used when no list is given, so that the generator works on its own.
const BUILT_IN_USER_AGENTS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
];

/// Ad platforms: `utm_source`, parameter and first characters of their click id.
const PLATFORMS: [(&str, &str, &str); 4] = [
    ("google", "gclid", "Cj0KCQjw"),
    ("google", "gclid", "EAIaIQob"),
    ("facebook", "fbclid", "IwZXh0bgNhZW0CMTAA"),
    ("tiktok", "ttclid", "E.C.P."),
];
/// Length of a whole platform click id; Google's and Meta's have about this size.
const PLATFORM_ID_BYTES: usize = 91;

const LANGUAGES: [&str; 4] = ["en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "pt-BR,pt;q=0.9", "fr"];

/// An endless supply of requests.
pub struct Traffic {
    templates: Vec<Template>,
    random: Random,
}

struct Template {
    bytes: Vec<u8>,
    address_at: usize,
    fresh_id_at: usize,
    /// Where a page's own number stands, which is to be as fresh.
    number_at: Option<usize>,
}

impl Traffic {
    pub fn new(options: &TrafficOptions) -> Result<Self, LoadError> {
        let user_agents = match &options.user_agents {
            Some(path) => lines(path)?,
            None => BUILT_IN_USER_AGENTS.map(str::to_owned).to_vec(),
        };
        let user_agents = varied(&user_agents, options.user_agent_count);
        let keys = match &options.keys {
            Some(path) => lines(path)?,
            None => {
                (1..=options.campaigns.max(1)).map(|number| format!("bench-{number}")).collect()
            }
        };
        let mut random = Random::new(options.seed);
        // Most campaigns are met, however many there are.
        let templates = (0..TEMPLATES.max(keys.len()))
            .map(|index| {
                let user_agent = &user_agents[index % user_agents.len()];
                let key = random.pick(&keys).clone();
                match options.landing {
                    true => Template::landing(options, &key, user_agent, &mut random),
                    false => {
                        let path = format!("{}{key}", options.path);
                        Template::render(options, &path, user_agent, &mut random)
                    }
                }
            })
            .collect();
        Ok(Self { templates, random })
    }

    /// Appends the next request.
    pub fn write_next(&mut self, out: &mut Vec<u8>) {
        let template = &self.templates[self.random.below(self.templates.len())];
        let start = out.len();
        out.extend_from_slice(&template.bytes);
        let address = &mut out[start + template.address_at..][..ADDRESS_BYTES];
        write_address(public_ipv4(&mut self.random), address);
        let id = &mut out[start + template.fresh_id_at..][..FRESH_ID_BYTES];
        write_url_safe(&mut self.random, id);
        if let Some(number_at) = template.number_at {
            let number = &mut out[start + number_at..][..FRESH_ID_BYTES];
            write_url_safe(&mut self.random, number);
        }
    }
}

impl Template {
    fn render(options: &TrafficOptions, path: &str, user_agent: &str, random: &mut Random) -> Self {
        let head = format!("GET {path}?{}", query(random));
        let fresh_id_at = head.len() - FRESH_ID_BYTES;
        let mut text = head + " HTTP/1.1\r\nX-Forwarded-For:";
        let address_at = text.len();
        text.extend(std::iter::repeat_n(' ', ADDRESS_BYTES));
        let language = random.pick(&LANGUAGES);
        let connection = if options.connection_per_request { "close" } else { "keep-alive" };
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "\r\nHost: {}\r\nConnection: {connection}\r\nUser-Agent: {user_agent}\r\n\
             Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n\
             Accept-Encoding: gzip, deflate, br\r\nAccept-Language: {language}\r\n\
             Referer: https://site{}.example/articles/{}\r\nSec-Fetch-Dest: document\r\n\
             Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: cross-site\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
            options.target,
            random.below(50_000),
            random.below(1_000_000),
        );
        Self { bytes: text.into_bytes(), address_at, fresh_id_at, number_at: None }
    }

    /// The same visitor, whose browser went to the page at once.
    fn landing(options: &TrafficOptions, key: &str, user_agent: &str, random: &mut Random) -> Self {
        let page = encoded(&format!("https://shop.example/sale/shoes?{}", query(random)));
        let (site, article) = (random.below(50_000), random.below(1_000_000));
        let referrer = encoded(&format!("https://site{site}.example/articles/{article}"));
        let page = format!("u={page}");
        let rest = format!("&r={referrer}&n=");
        let length = page.len() + rest.len() + FRESH_ID_BYTES;
        let language = random.pick(&LANGUAGES);
        let connection = if options.connection_per_request { "close" } else { "keep-alive" };
        let mut text = format!("POST /d/{key} HTTP/1.1\r\nX-Forwarded-For:");
        let address_at = text.len();
        text.extend(std::iter::repeat_n(' ', ADDRESS_BYTES));
        // Writing into a String cannot fail.
        let _ = write!(
            text,
            "\r\nHost: {}\r\nConnection: {connection}\r\nContent-Length: {length}\r\nUser-Agent: {user_agent}\r\n\
             Content-Type: text/plain;charset=UTF-8\r\nAccept: */*\r\nOrigin: https://shop.example\r\n\
             Accept-Encoding: gzip, deflate, br\r\nAccept-Language: {language}\r\nReferer: https://shop.example/\r\n\
             Sec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\n\r\n{page}",
            options.target,
        );
        let fresh_id_at = text.len() - FRESH_ID_BYTES;
        text.push_str(&rest);
        let number_at = Some(text.len());
        text.extend(std::iter::repeat_n('0', FRESH_ID_BYTES));
        Self { bytes: text.into_bytes(), address_at, fresh_id_at, number_at }
    }
}

/// What an ad's link says; it ends in the platform's click id.
fn query(random: &mut Random) -> String {
    let (source, id_name, id_start) = *random.pick(&PLATFORMS);
    let mut id = id_start.as_bytes().to_vec();
    id.resize(PLATFORM_ID_BYTES, 0);
    write_url_safe(random, &mut id[id_start.len()..]);
    format!(
        "utm_source={source}&utm_medium=cpc&utm_campaign=summer_{}&utm_content=creative_{}\
         &ad_id={}&placement=site{}.example&keyword=running%20shoes%20{}&cost=0.{:04}&{id_name}={}",
        random.below(40),
        random.below(400),
        120_000_000_000 + random.below(5_000) as u64,
        random.below(50_000),
        random.below(300),
        random.below(10_000),
        String::from_utf8_lossy(&id),
    )
}

/// As `URLSearchParams` writes a value; what is plain stays.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The entries of a list, one a line, without empty lines and without a weight in front.
fn lines(path: &Path) -> Result<Vec<String>, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadError::ReadList { path: path.to_owned(), source })?;
    let entries: Vec<String> = text
        .lines()
        .map(|line| line.split_once('\t').map_or(line, |(_, entry)| entry).trim())
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect();
    if entries.is_empty() {
        return Err(LoadError::EmptyList { path: path.to_owned() });
    }
    Ok(entries)
}

/// `count` different user agents: the given ones, then the same with other last version numbers.
fn varied(user_agents: &[String], count: usize) -> Vec<String> {
    (0..count.max(1))
        .map(|index| {
            let text = &user_agents[index % user_agents.len()];
            match index / user_agents.len() {
                0 => text.clone(),
                round => {
                    let stem = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
                    format!("{stem}{}", 1_000 + round)
                }
            }
        })
        .collect()
}

/// Evenly among the addresses that visitors can have: no private, reserved or multicast ranges
/// (IANA IPv4 Special-Purpose Address Registry).
fn public_ipv4(random: &mut Random) -> [u8; 4] {
    loop {
        let address @ [a, b, c, _] = (random.bits() as u32).to_be_bytes();
        let special = matches!(a, 0 | 10 | 127 | 224..)
            || matches!((a, b), (100, 64..128) | (169, 254) | (172, 16..32) | (192, 168))
            || matches!(
                (a, b, c),
                (192, 0, 0 | 2) | (192, 31, 196) | (192, 52, 193) | (192, 88, 99)
            )
            || matches!(
                (a, b, c),
                (192, 175, 48) | (198, 18..20, _) | (198, 51, 100) | (203, 0, 113)
            );
        if !special {
            return address;
        }
    }
}

/// Right-aligned with spaces in front.
fn write_address(address: [u8; 4], out: &mut [u8]) {
    out.fill(b' ');
    let mut at = out.len();
    for (index, octet) in address.iter().enumerate().rev() {
        let mut rest = *octet;
        loop {
            at -= 1;
            out[at] = b'0' + rest % 10;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if index > 0 {
            at -= 1;
            out[at] = b'.';
        }
    }
}

fn write_url_safe(random: &mut Random, out: &mut [u8]) {
    for chunk in out.chunks_mut(10) {
        let mut bits = random.bits();
        for letter in chunk {
            *letter = URL_SAFE[(bits % 64) as usize];
            bits /= 64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn options(seed: u64) -> TrafficOptions {
        TrafficOptions {
            target: "127.0.0.1:8080".parse().unwrap(),
            path: "/c/".to_owned(),
            landing: false,
            keys: None,
            campaigns: 500,
            user_agents: None,
            user_agent_count: 2_000,
            seed,
            connection_per_request: false,
        }
    }

    fn requests(seed: u64, count: usize) -> Vec<String> {
        requests_of(&options(seed), count)
    }

    fn requests_of(options: &TrafficOptions, count: usize) -> Vec<String> {
        let mut traffic = Traffic::new(options).unwrap();
        (0..count)
            .map(|_| {
                let mut bytes = Vec::new();
                traffic.write_next(&mut bytes);
                String::from_utf8(bytes).unwrap()
            })
            .collect()
    }

    fn header<'a>(request: &'a str, name: &str) -> &'a str {
        let line = request.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len() + 1..].trim()
    }

    #[test]
    fn the_same_seed_gives_the_same_requests_and_another_seed_others() {
        assert_eq!(requests(1, 50), requests(1, 50));
        assert_ne!(requests(1, 50), requests(2, 50));
    }

    #[test]
    fn every_request_is_whole_and_its_address_public() {
        for request in requests(5, 5_000) {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut parsed = httparse::Request::new(&mut headers);
            assert_eq!(
                parsed.parse(request.as_bytes()).unwrap(),
                httparse::Status::Complete(request.len())
            );
            assert!(parsed.path.unwrap().starts_with("/c/bench-"));
            let address: std::net::Ipv4Addr = header(&request, "X-Forwarded-For").parse().unwrap();
            assert!(
                !address.is_private() && !address.is_loopback() && !address.is_multicast(),
                "{address}"
            );
        }
    }

    #[test]
    fn a_landing_holds_the_query_of_a_link_and_a_number_of_its_own() {
        let requests = requests_of(&TrafficOptions { landing: true, ..options(5) }, 2_000);
        let body = |request: &str| request.split_once("\r\n\r\n").unwrap().1.to_owned();
        for request in &requests {
            let body = body(request);
            assert_eq!(header(request, "Content-Length"), body.len().to_string());
            assert!(request.starts_with("POST /d/bench-"), "{request}");
            assert!(
                body.starts_with("u=https%3A%2F%2Fshop.example%2Fsale%2Fshoes%3Futm_source%3D")
            );
        }
        let number = |request: &String| body(request).rsplit_once("&n=").unwrap().1.to_owned();
        assert_eq!(requests.iter().map(number).collect::<HashSet<_>>().len(), requests.len());
    }

    #[test]
    fn requests_differ_in_click_id_and_cover_campaigns_and_user_agents() {
        let requests = requests(9, 40_000);
        let count = |part: &dyn Fn(&str) -> String| {
            requests.iter().map(|request| part(request)).collect::<HashSet<_>>().len()
        };
        let target = |request: &str| request.split(' ').nth(1).unwrap().to_owned();
        assert_eq!(count(&target), requests.len());
        assert_eq!(count(&|request| target(request).split('?').next().unwrap().to_owned()), 500);
        assert!(count(&|request| header(request, "User-Agent").to_owned()) > 1_950);
        assert!(count(&|request| header(request, "X-Forwarded-For").to_owned()) > 39_990);
    }

    #[test]
    fn user_agents_are_varied_up_to_the_count_and_all_different() {
        let few = ["A/1.0".to_owned(), "B (x)".to_owned()];
        let many = varied(&few, 7);
        assert_eq!(many[..4], ["A/1.0", "B (x)", "A/1.1001", "B (x)1001"]);
        assert_eq!(many.iter().collect::<HashSet<_>>().len(), 7);
    }

    #[test]
    fn addresses_are_padded_in_front() {
        let mut text = [0; ADDRESS_BYTES];
        write_address([8, 0, 10, 255], &mut text);
        assert_eq!(&text, b"     8.0.10.255");
        write_address([100, 200, 150, 255], &mut text);
        assert_eq!(&text, b"100.200.150.255");
    }

    #[test]
    fn lists_may_carry_weights() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "0.5\tMozilla/5.0\n\nplain\n").unwrap();
        assert_eq!(lines(file.path()).unwrap(), ["Mozilla/5.0", "plain"]);
        std::fs::write(file.path(), "\n").unwrap();
        assert!(matches!(lines(file.path()), Err(LoadError::EmptyList { .. })));
    }
}
