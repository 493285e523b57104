//! Sending: requests from operations, by many connections at once, and what was answered.

use super::play::{Amount, Call, IdForm, Op, Parcel, Play, Visit, Way};
use super::random::Random;
use super::wire::{Reply, Wire};
use super::world::{World, decimal};
use crate::harness::TOKEN;
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub const CONNECTIONS: usize = 32;

/// Browsers and a program, by their user agents.
pub const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];
/// Addresses of the geo fixture.
pub const ADDRESSES: [&str; 4] = ["81.2.69.142", "216.160.83.56", "89.160.20.112", "127.0.0.9"];

/// A visit that was answered: its id, and the cookie with it.
#[derive(Clone)]
pub struct Answered {
    pub id: String,
    cookie: String,
}

/// What became of an operation on the way.
#[derive(Clone, Default)]
pub struct Fate {
    pub sent: usize,
    pub answered: usize,
    /// Its numbers in the inbox, as they were answered.
    pub inbox: BTreeSet<u64>,
    pub url: String,
}

/// Everything that was sent and answered.
#[derive(Default)]
pub struct Post {
    pub visits: Mutex<HashMap<usize, Answered>>,
    pub fates: Mutex<HashMap<usize, Fate>>,
    pub requests: AtomicUsize,
    pub unanswered: AtomicUsize,
}

impl Post {
    /// How many operations were sent, repeats included.
    pub fn sent(&self) -> usize {
        self.fates.lock().unwrap().values().map(|fate| fate.sent).sum()
    }

    /// Sends a wave from all connections; `done` counts the requests behind it.
    pub fn send(
        &self,
        address: &str,
        world: &World,
        play: &Play,
        queue: &[Parcel],
        seed: u64,
        done: &AtomicUsize,
    ) {
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for worker in 0..CONNECTIONS {
                let next = &next;
                scope.spawn(move || {
                    let mut chance = Random(seed ^ (worker as u64) << 40);
                    let mut wire = Wire::to(address);
                    while let Some(parcel) = queue.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // Who gets no answer asks again, or does not; a visitor who does is another one.
                        while !self.deliver(&mut wire, world, play, parcel)
                            && parcel.way != Way::Visit
                            && chance.one_in(2)
                        {}
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
    }

    /// Sends a request once; whether it was answered, or could not be made.
    fn deliver(&self, wire: &mut Wire, world: &World, play: &Play, parcel: &Parcel) -> bool {
        let Some(request) = self.request(world, play, parcel) else { return true };
        let url = request.split(' ').nth(1).unwrap().to_owned();
        for op in &parcel.ops {
            let mut fates = self.fates.lock().unwrap();
            let fate = fates.entry(*op).or_default();
            fate.sent += 1;
            fate.url.clone_from(&url);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let Some(reply) = wire.send(&request) else {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.note(parcel, &reply);
        true
    }

    fn note(&self, parcel: &Parcel, reply: &Reply) {
        if parcel.way == Way::Visit {
            let id = param(&reply.location, "clickid").or_else(|| param(&reply.location, "subid"));
            let id = id.unwrap_or_else(|| panic!("{} {}", reply.status, reply.location));
            let cookie = reply.cookies.iter().find(|cookie| cookie.starts_with("ct_c=")).cloned();
            let answered = Answered { id, cookie: cookie.unwrap_or_default() };
            self.visits.lock().unwrap().insert(parcel.ops[0], answered);
        }
        let expected: &[u16] = match parcel.way {
            Way::Visit | Way::Hop => &[302],
            way if way.is_postback() => &[200, 403],
            _ => &[200],
        };
        assert!(expected.contains(&reply.status), "{parcel:?}: {} {}", reply.status, reply.body);
        let document: Value = serde_json::from_str(&reply.body).unwrap_or_default();
        for (place, op) in parcel.ops.iter().enumerate() {
            let told = match parcel.way {
                Way::Batch | Way::Api | Way::Csv => &document["items"][place]["inbox"],
                _ => &document["inbox"],
            };
            let mut fates = self.fates.lock().unwrap();
            let fate = fates.get_mut(op).unwrap();
            fate.answered += 1;
            fate.inbox.extend(told.as_str().map(|number| number.parse::<u64>().unwrap()));
        }
    }

    /// The bytes of a request; none while its visit has no id.
    fn request(&self, world: &World, play: &Play, parcel: &Parcel) -> Option<String> {
        let first = parcel.ops[0];
        let visits = self.visits.lock().unwrap();
        match &play.ops[first] {
            Op::Visit(visit) => Some(click(world, first, visit)),
            Op::Hop { visit } => {
                let url = format!("/click?clickid={}", visits.get(visit)?.id);
                let Op::Visit(of) = &play.ops[*visit] else { return None };
                let headers = visitor(of);
                Some(get(&url, &headers))
            }
            Op::Call(call) => {
                let mut lists = Vec::with_capacity(parcel.ops.len());
                for op in &parcel.ops {
                    let Op::Call(call) = &play.ops[*op] else { return None };
                    lists.push(pairs(*op, call, visits.get(&call.visit)?));
                }
                Some(written(parcel.way, call, &lists, visits.get(&call.visit)?))
            }
        }
    }
}

fn visitor(visit: &Visit) -> String {
    format!(
        "user-agent: {}\r\naccept-language: en-US,en;q=0.9\r\nx-forwarded-for: {}\r\n",
        AGENTS[visit.agent], ADDRESSES[visit.address]
    )
}

fn click(world: &World, op: usize, visit: &Visit) -> String {
    let campaign = &world.campaigns[visit.campaign];
    let mut url = format!("/c/{}?sub4={op}", campaign.key);
    let mut add = |name: &str, value: Option<String>| {
        value.into_iter().for_each(|value| write!(url, "&{name}={value}").unwrap());
    };
    add("placement", visit.placement.map(|n| format!("p{n}")));
    add("creative_id", visit.creative.map(|n| format!("c{n}")));
    add("sub1", visit.sub1.map(|n| format!("s{n}")));
    let cost = if campaign.source.is_some() { "price" } else { "cost" };
    add(cost, visit.cost.map(decimal));
    add("external_id", visit.external.map(|n| format!("ext{n}")));
    add("gclid", visit.gclid.map(|n| format!("g{n}")));
    add("ct_test", visit.is_test.then(|| "1".to_owned()));
    get(&url, &visitor(visit))
}

/// Names and values of a call.
fn pairs(op: usize, call: &Call, visit: &Answered) -> Vec<(&'static str, String)> {
    let own = call.has_own_names;
    let amount = match call.amount {
        Amount::Absent => None,
        Amount::Sent(micro) => Some(decimal(micro)),
        Amount::Comma(micro) => {
            Some(format!("{},{:02}", micro / 1_000_000, micro % 1_000_000 / 10_000))
        }
        Amount::Thousands => Some("1,500".to_owned()),
        Amount::Literal => Some("{payout}".to_owned()),
        Amount::Word => Some("much".to_owned()),
        Amount::Huge => Some("99999999999999".to_owned()),
    };
    let text = |value: Option<&str>| value.map(str::to_owned);
    let name = |names: &[&'static str]| names[op % names.len()];
    let id = id_text(call, &visit.id).map(|id| match call.id {
        IdForm::OursAsExternal | IdForm::External => ("external_id", id),
        IdForm::Gclid => ("gclid", id),
        _ => (name(&["clickid", "cid", "sub_id", "aff_sub"]), id),
    });
    let others = [
        (if own { "summ" } else { name(&["payout", "amount", "sum"]) }, amount),
        (name(&["currency", "cur"]), text(call.currency)),
        (name(&["status", "cnv_status"]), text(call.status)),
        (name(&["type", "goal"]), text(call.kind)),
        (if own { "ref" } else { name(&["txid", "order_id"]) }, call.txid.clone()),
        ("event_id", call.event_id.clone()),
        ("p1", call.p1.map(|n| format!("x{n}"))),
        ("p4", Some(op.to_string())),
        ("p5", call.after_visit_ms.map(|after| time_text(visit_ms(&visit.id) + after))),
        ("time", call.after_visit_ms.map(|after| time_text(visit_ms(&visit.id) + after))),
    ];
    let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
    id.into_iter().chain(others).collect()
}

fn id_text(call: &Call, id: &str) -> Option<String> {
    let changed = |places: &[usize]| {
        let mut bytes = id.as_bytes().to_vec();
        for place in places {
            // Another digit of Crockford's alphabet.
            bytes[*place] = if bytes[*place] == b'7' { b'k' } else { b'7' };
        }
        String::from_utf8(bytes).unwrap()
    };
    Some(match call.id {
        IdForm::Exact | IdForm::OursAsExternal => id.to_owned(),
        IdForm::UpperCase => id.to_uppercase(),
        IdForm::Truncated => id[..id.len() - 3].to_owned(),
        IdForm::Altered => changed(&[24]),
        IdForm::Wrapped => format!("{{{id}}}"),
        IdForm::Forged => changed(&[20, 22, 24, 26, 28]),
        IdForm::Malformed => "nobody".to_owned(),
        IdForm::Macro => "{clickid}".to_owned(),
        IdForm::External => format!("ext{}", call.visit % 220),
        IdForm::Gclid => format!("g{}", call.visit % 220),
        IdForm::Missing | IdForm::Cookie => return None,
    })
}

/// Milliseconds since 1970 that an id's first 42 bits tell.
pub fn visit_ms(id: &str) -> i64 {
    let digits = "0123456789abcdefghjkmnpqrstvwxyz";
    let value = |c: char| digits.find(c).unwrap() as i64;
    let bits = id[3..12].chars().fold(0, |bits, c| bits << 5 | value(c));
    (bits >> 3) + 1_704_067_200_000
}

fn time_text(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => all.push(byte.into()),
            _ => write!(all, "%{byte:02X}").unwrap(),
        }
        all
    })
}

fn get(url: &str, headers: &str) -> String {
    format!("GET {url} HTTP/1.1\r\nhost: t\r\n{headers}\r\n")
}

fn post(url: &str, headers: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {url} HTTP/1.1\r\nhost: t\r\n{headers}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

type Pairs = Vec<(&'static str, String)>;

/// The request of a call, or of several.
fn written(way: Way, call: &Call, lists: &[Pairs], visit: &Answered) -> String {
    let query = |pairs: &Pairs| {
        let pairs = pairs.iter().filter(|(name, _)| *name != "time");
        pairs
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&")
    };
    let object = |pairs: &Pairs| -> Value {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), v.clone().into())).collect::<Map<_, _>>().into()
    };
    let (in_path, in_header) = match (call.key, call.visit % 2) {
        (Some(key), 0) => (format!("/{key}"), String::new()),
        (Some(key), _) => (String::new(), format!("x-postback-key: {key}\r\n")),
        (None, _) => (String::new(), String::new()),
    };
    let url = format!("/postback{in_path}");
    let admin = format!("authorization: Bearer {TOKEN}\r\n");
    match way {
        Way::Form => post(&url, &in_header, "application/x-www-form-urlencoded", &query(&lists[0])),
        Way::Json => post(&url, &in_header, "application/json", &object(&lists[0]).to_string()),
        Way::Batch => {
            let list: Value = lists.iter().map(object).collect();
            post(&url, &in_header, "application/json", &list.to_string())
        }
        Way::Pixel => {
            let cookie = match call.id {
                IdForm::Cookie => format!("cookie: {}\r\n", visit.cookie),
                _ => String::new(),
            };
            get(&format!("/pixel.gif?{}", query(&lists[0])), &cookie)
        }
        Way::Api => {
            let list: Value = lists.iter().map(object).collect();
            post("/api/v1/conversions", &admin, "application/json", &list.to_string())
        }
        Way::Csv => post("/api/v1/conversions/import", &admin, "text/csv", &csv(lists)),
        _ => get(&format!("{url}?{}", query(&lists[0])), &in_header),
    }
}

/// Lines under the names of all their columns.
fn csv(lists: &[Pairs]) -> String {
    let mut names: Vec<&str> = lists.iter().flatten().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    let mut text = names.join(";");
    for pairs in lists {
        let value = |name: &&str| pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
        text.push('\n');
        text += &names.iter().map(value).collect::<Vec<_>>().join(";");
    }
    text + "\n"
}

/// The value of a parameter of a URL.
pub fn param(url: &str, name: &str) -> Option<String> {
    let pairs = url.split_once('?')?.1.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}
