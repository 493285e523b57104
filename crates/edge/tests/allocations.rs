//! How often the redirect path allocates: a counted number of times per click, whatever is set up.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test fail as it does")]

#[path = "edge/rig.rs"]
#[expect(dead_code, reason = "other tests need the rest")]
mod rig;

use bytes::Bytes;
use edge::{Config, Incoming, Reply};
use http::{HeaderMap, HeaderValue, Method};
use model::table::Things;
use model::thing::{Flow, Thing};
use rig::{CHROME, Rig, campaign, cookie, path, thing, things};
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of it.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from the system's allocator with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Parameters as ad platforms send them.
const USUAL: &str = "utm_source=news&utm_campaign=120211234567890&ad_id=c-981&zone=site-48213&price=0.042&sub1=blue&sub2=v%207&gclid=Cj0KCQjw-_x";

/// The most allocations of each kind of request, in the order of [`Counted::kinds`].
const MOST: [usize; 6] = [14, 20, 17, 23, 30, 18];

/// The usual things, `count` campaigns with a flow each, and `/c/ruled`, whose `rules` rules nobody here meets.
fn many(count: u32, rules: u32) -> Things {
    let mut things = things();
    for id in 1_000..1_000 + count {
        things.flows.push(flow(id, json!({"default": [{"id": 1, "offers": [{"offer": 1}]}]})));
        things.campaigns.push(thing(id, campaign(&format!("campaign-{id}"), id)));
    }
    let when = json!({"all": [
        {"field": "country", "op": "not_in", "value": ["GB"]},
        {"any": [
            {"field": "hour_of_day", "op": "between", "value": [8, 19]},
            {"param": "zone", "op": "is", "value": "elsewhere"}
        ]}
    ]});
    let rule = |id| json!({"id": id, "name": "r", "when": when, "paths": [to_offer(id + 1)]});
    let rules: Vec<_> = (1..=rules).map(rule).collect();
    things.flows.push(flow(900, json!({"rules": rules, "default": [to_offer(1)]})));
    things.campaigns.push(thing(900, campaign("ruled", 900)));
    for (id, returning) in [(901, "same"), (902, "unseen")] {
        let default = json!([
            {"id": 1, "offers": [{"offer": 1}, {"offer": 2}]},
            {"id": 2, "landers": [{"lander": 1}], "offers": [{"offer": 1}, {"offer": 2}]}
        ]);
        things.flows.push(flow(id, json!({"returning": returning, "default": default})));
        things.campaigns.push(thing(id, campaign(returning, id)));
    }
    things
}

fn flow(id: u32, body: serde_json::Value) -> Thing<Flow> {
    thing(id, serde_json::from_value(body).unwrap())
}

fn to_offer(id: u32) -> serde_json::Value {
    json!(path(id, &[], &[1]))
}

/// An edge and somebody who counts.
struct Counted {
    rig: Rig,
    runtime: tokio::runtime::Runtime,
}

impl Counted {
    fn new(campaigns: u32, rules: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rig = {
            let _within = runtime.enter();
            Rig::with(Config::default(), many(campaigns, rules))
        };
        Self { rig, runtime }
    }

    /// Answers a request; how often that allocated.
    fn handle(&self, uri: &str, cookies: &str) -> (Reply, usize) {
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", HeaderValue::from_static(CHROME));
        headers.insert("accept-language", HeaderValue::from_static("de-AT,en;q=0.5"));
        headers.insert("referer", HeaderValue::from_static("https://news.example/politics/1"));
        if !cookies.is_empty() {
            headers.insert("cookie", cookies.parse().unwrap());
        }
        let (method, body) = (Method::GET, Bytes::new());
        let peer = "81.2.69.142".parse().unwrap();
        let request = Incoming {
            method: &method,
            path_and_query: uri,
            headers: &headers,
            peer,
            body: &body,
            is_tls: false,
        };
        self.rig.pass_ms(40);
        self.runtime.block_on(async {
            let before = ALLOCATIONS.get();
            let reply = self.rig.edge.handle(request).await;
            (reply, ALLOCATIONS.get() - before)
        })
    }

    /// The most allocations of one of many such requests.
    fn most(&self, uri: &str, cookies: &str) -> usize {
        let count = |_| {
            let (reply, count) = self.handle(uri, cookies);
            assert!(reply.status().is_redirection(), "{uri}: {reply:?}");
            count
        };
        // The first ones read a user agent, an address and a rule for the first time.
        (0..200).map(count).skip(20).max().unwrap()
    }

    /// The cookies of somebody who has clicked there before.
    fn cookies(&self, uri: &str) -> String {
        let (reply, _) = self.handle(uri, "");
        let named = |name| cookie(&reply, name).map(|value| format!("{name}={value}"));
        ["ct_v", "ct_c", "ct_s"].into_iter().filter_map(named).collect::<Vec<_>>().join("; ")
    }

    /// The most allocations of each kind of request.
    fn kinds(&self) -> [(&'static str, usize); 6] {
        let usual = |key: &str| format!("/c/{key}?{USUAL}");
        let returning = |key| self.most(&usual(key), &self.cookies(&usual(key)));
        [
            ("a plain click", self.most("/c/direct", "")),
            ("through a lander", self.most(&usual("page"), "")),
            ("past rules", self.most(&usual("ruled"), "")),
            ("a visitor who gets the same", returning("same")),
            ("a visitor who gets what is unseen", returning("unseen")),
            ("a lander click", self.most("/click", &self.cookies(&usual("page")))),
        ]
    }
}

#[test]
fn a_click_allocates_a_counted_number_of_times_whatever_is_set_up() {
    let few = Counted::new(10, 1).kinds();
    let text: Vec<_> = few.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("result: allocations per click: {}", text.join(", "));
    for ((kind, count), most) in few.into_iter().zip(MOST) {
        assert!(count <= most, "{kind}: {count}, expected at most {most}");
    }
    assert_eq!(Counted::new(10_000, 200).kinds(), few, "10,000 campaigns and 200 rules");
}
