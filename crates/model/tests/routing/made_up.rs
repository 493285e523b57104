//! Made-up flows and visitors, from a seed: every kind of condition, target and memory.

use crate::scene::{key, things};
use model::facts::Facts;
use model::id::EPOCH_MS;
use model::keys;
use model::record::{RAW_QUERY_BYTES_MAX, tag};
use model::route::{DIRECT, Kept, Seen};
use model::table::Things;
use model::thing::{IpPrivacy, ThingId};
use model::{ClickKey, Field};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

const COUNTRIES: [&str; 6] = ["DE", "AT", "CH", "FR", "US", "JP"];
const VERSIONS: [&str; 6] = ["9", "10.1", "10.0.22000", "17", "17.4.1", "XP"];
const ADDRESSES: [&str; 9] = [
    "198.51.100.0",
    "198.51.100.7",
    "198.51.100.9",
    "203.0.113.200",
    "10.1.2.3",
    "10.1.2.0",
    "2001:db8::",
    "2001:db8::7",
    "2001:db8:1:2:3::4",
];
const RANGES: [&str; 8] = [
    "198.51.100.0/28",
    "198.51.100.8/29",
    "198.51.100.0/24",
    "203.0.0.0/8",
    "10.1.2.3",
    "2001:db8::/64",
    "2001:db8::/32",
    "0.0.0.0/0",
];
const ZONES: [&str; 5] = ["news", "games", "news-7", "", "{zone}"];

fn leaf(chance: &mut Chance) -> Value {
    let (country, version) = (chance.pick(&COUNTRIES), chance.pick(&VERSIONS[..5]));
    let range = json!([chance.pick(&RANGES), chance.pick(&RANGES)]);
    let truth = chance.one_in(2);
    chance.pick(&[
        json!({"field": "country", "op": "is", "value": country}),
        json!({"field": "country", "op": "not_in", "value": [country, "GB"]}),
        json!({"field": "os_version", "op": "at_least", "value": version}),
        json!({"field": "os_version", "op": "less_than", "value": version}),
        json!({"field": "user_agent", "op": "contains", "value": "iphone"}),
        json!({"field": "user_agent", "op": "regex", "value": "(?i)iphone|pixel \\d"}),
        json!({"field": "isp", "op": "unknown"}),
        json!({"field": "asn", "op": "between", "value": [1000, 5000]}),
        json!({"field": "bot", "op": "is", "value": truth}),
        json!({"field": "unique_campaign", "op": "is", "value": truth}),
        json!({"field": "weekday", "op": "between", "value": [6, 1]}),
        json!({"field": "hour_of_day", "op": "between", "value": [8, 19]}),
        json!({"field": "day", "op": "at_least", "value": "2026-11-23"}),
        json!({"field": "sub1", "op": "greater_than", "value": 18}),
        json!({"field": "ip", "op": "in", "value": range}),
        json!({"field": "ip", "op": "not_in", "value": range}),
        json!({"field": "ip", "op": "known"}),
        json!({"param": "zone", "op": "starts_with", "value": "news"}),
        json!({"param": "late", "op": "is", "value": "yes"}),
        json!({"param": "late", "op": "known"}),
    ])
}

fn condition(chance: &mut Chance, depth: usize) -> Value {
    if depth == 0 || chance.one_in(2) {
        return leaf(chance);
    }
    let below: Vec<Value> = (0..=chance.below(2)).map(|_| condition(chance, depth - 1)).collect();
    if chance.one_in(2) { json!({"all": below}) } else { json!({"any": below}) }
}

fn paths(chance: &mut Chance, campaigns: usize) -> Value {
    let path = |chance: &mut Chance| {
        let things = |chance: &mut Chance, kind: &str, least: usize| -> Vec<Value> {
            let weight =
                |chance: &mut Chance, i| if i == 0 { 50 } else { chance.pick(&[0, 1, 30, 100]) };
            (0..least + chance.below(3))
                .map(|i| json!({kind: 1 + (i + chance.below(3) * 3) % 9, "weight": weight(chance, i)}))
                .collect()
        };
        let mut path = match chance.below(12) {
            0 => json!({"url": "https://own.example/{click_id}"}),
            1 => json!({"status": {"code": 404}}),
            2 | 3 => json!({"campaign": 1 + chance.below(campaigns)}),
            _ => {
                json!({"landers": things(chance, "lander", 0), "offers": things(chance, "offer", 1),
                        "offer_choice": chance.pick(&["before", "before", "after"])})
            }
        };
        path["weight"] = json!(chance.pick(&[1, 20, 100]));
        path
    };
    (0..=chance.below(3)).map(|_| path(chance)).collect()
}

/// Campaigns with flows, offers that pass on to others, some things archived.
pub fn world(chance: &mut Chance) -> Things {
    let campaigns = 1 + chance.below(4);
    let flow = |chance: &mut Chance| {
        let rule = |chance: &mut Chance| json!({"when": condition(chance, 3), "paths": paths(chance, campaigns)});
        let rules: Vec<Value> = (0..chance.below(6)).map(|_| rule(chance)).collect();
        json!({
            "time_zone": chance.pick(&[None, Some("UTC"), Some("Asia/Tokyo"), Some("America/New_York")]),
            "returning": chance.pick(&["draw_again", "same", "unseen"]),
            "rules": rules,
            "default": paths(chance, campaigns),
        })
    };
    let flows: Vec<Value> = (0..campaigns).map(|_| flow(chance)).collect();
    let mut things = things(&flows);
    for offer in &mut things.offers {
        offer.archived = chance.one_in(8);
        offer.body.next = chance.one_in(3).then(|| 1 + chance.below(9) as ThingId);
    }
    things.landers[0].archived = chance.one_in(2);
    things
}

/// A visitor, and the facts that are stored of them.
pub struct Somebody {
    pub key: ClickKey,
    pub facts: Facts,
    pub query: String,
    pub ip: IpAddr,
    pub visitor: Option<u64>,
    pub kept: Vec<Kept>,
    pub seen: Vec<Seen>,
    pub full: Vec<ThingId>,
}

pub fn somebody(chance: &mut Chance, privacy: IpPrivacy, n: i64) -> Somebody {
    let at_ms = EPOCH_MS + chance.below(4 * 365 * 86_400) as i64 * 1000;
    let key = key(at_ms, n & 0xff);
    let ip: IpAddr = chance.pick(&ADDRESSES).parse().unwrap();
    let query = query(chance);
    let mut facts = Facts::for_click();
    facts.push_int(tag::KEY, key.0);
    facts.set_int(Field::Campaign, 1u32);
    facts.set_text(Field::Country, chance.pick(&COUNTRIES));
    facts.set_text(Field::OsVersion, chance.pick(&VERSIONS));
    facts.set_text(Field::Ip, &kept_address(ip, privacy));
    let agents = ["Mozilla/5.0 (iPhone)", "Mozilla/5.0 (Pixel 8)", "curl/8", ""];
    facts.set_text(Field::UserAgent, chance.pick(&agents));
    facts.set_text(Field::Isp, chance.pick(&["", "Example Telecom"]));
    facts.set_int(Field::Asn, chance.pick(&[64, 3320, 64500]));
    facts.set_text(Field::Sub1, chance.pick(&["", "17", "30", "x"]));
    facts.set_flag(Field::Bot, chance.one_in(5));
    facts.set_flag(Field::UniqueCampaign, chance.one_in(2));
    if chance.one_in(3) {
        // On a page already: that of a lander, or of nobody.
        facts.set_text(Field::Kind, DIRECT);
        facts.set_text(
            Field::LandingUrl,
            &format!("https://lander{}.example/", 1 + chance.below(10)),
        );
    }
    let raw = model::params::cut(&query, RAW_QUERY_BYTES_MAX);
    if !raw.is_empty() {
        facts.push_bytes(tag::RAW_QUERY, raw.as_bytes());
    }
    let some =
        |chance: &mut Chance| (0..chance.below(4)).map(|_| chance.below(10) as u32).collect();
    let kept = |chance: &mut Chance, flow| Kept {
        flow,
        path: 1 + chance.below(4) as u32,
        lander: chance.one_in(2).then(|| 1 + chance.below(9) as u32),
        offer: chance.one_in(2).then(|| 1 + chance.below(9) as u32),
    };
    let kept = (1..=4).map(|flow| kept(chance, flow)).collect::<Vec<_>>();
    let kept = kept.into_iter().filter(|_| chance.one_in(2)).collect();
    let seen = |chance: &mut Chance| match chance.below(3) {
        0 => Seen::Path { flow: 1 + chance.below(4) as u32, path: 1 + chance.below(6) as u32 },
        1 => Seen::Lander(1 + chance.below(9) as u32),
        _ => Seen::Offer(1 + chance.below(9) as u32),
    };
    let seen = (0..chance.below(8)).map(|_| seen(chance)).collect();
    let visitor = (!chance.one_in(4)).then(|| chance.next());
    Somebody { key, facts, query, ip, visitor, kept, seen, full: some(chance) }
}

/// Now and then longer than what is stored, with a parameter behind the cut.
fn query(chance: &mut Chance) -> String {
    let mut query = match chance.pick(&ZONES) {
        "" => String::new(),
        zone => format!("zone={zone}"),
    };
    if chance.one_in(10) {
        let filler = RAW_QUERY_BYTES_MAX - 20 + chance.below(30);
        query.push_str(&format!("&filler={}", "ä".repeat(filler / 2)));
    }
    if chance.one_in(3) {
        query.push_str(chance.pick(&["&late=yes", "&late=no"]));
    }
    query
}

/// What is kept of an address, as the redirect path does it.
fn kept_address(ip: IpAddr, privacy: IpPrivacy) -> String {
    match (privacy, ip) {
        (IpPrivacy::Full, ip) => ip.to_string(),
        (IpPrivacy::Truncate, IpAddr::V4(ip)) => {
            Ipv4Addr::from_bits(ip.to_bits() & !0xff).to_string()
        }
        (IpPrivacy::Truncate, IpAddr::V6(ip)) => {
            Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80).to_string()
        }
        (IpPrivacy::Hash, ip) => {
            format!("{:016x}", keys::hash(&[3; 16], ip.to_string().as_bytes()))
        }
        (IpPrivacy::None, _) => String::new(),
    }
}
