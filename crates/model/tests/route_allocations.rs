//! How often a decision allocates: never for the usual flow, a bounded number of times for any.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as it does")]

use model::facts::Facts;
use model::route::{Visit, route};
use model::table::{RoutingTable, Things};
use model::thing::{Body, Campaign, Flow, Lander, Offer, Thing, Workspace};
use model::{ClickKey, Field};
use serde_json::{Value, json};
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

fn thing<B: Body>(body: Value) -> Thing<B> {
    let body = serde_json::from_value(body).unwrap();
    Thing { id: 1, workspace: 1, name: "x".into(), revision: 1, archived: false, body }
}

fn table(flow: Value) -> RoutingTable {
    let mut flow: Thing<Flow> = thing(flow);
    flow.body.number_paths();
    let url = json!({"url": "https://a.example/"});
    RoutingTable::new(&Things {
        workspaces: vec![thing(json!(Workspace::default()))],
        flows: vec![flow],
        landers: vec![thing::<Lander>(url.clone())],
        offers: vec![thing::<Offer>(url)],
        campaigns: vec![thing::<Campaign>(json!({"flow": 1}))],
        ..Things::default()
    })
}

/// The most allocations of one of many decisions.
fn most_allocations(flow: Value, change: impl Fn(&mut Visit<'_>)) -> usize {
    let table = table(flow);
    let campaign = table.campaign(1).unwrap();
    let mut facts = Facts::for_click();
    facts.set_text(Field::Country, "DE");
    facts.set_text(Field::UserAgent, "Mozilla/5.0 (iPhone)");
    facts.set_text(Field::Ip, "198.51.100.0");
    let count = |n: i64| {
        let mut visit = Visit::new(ClickKey(1 << 40 | n), &facts);
        change(&mut visit);
        let before = ALLOCATIONS.get();
        let decision = route(&table, campaign, &visit, &[1; 16]);
        let after = ALLOCATIONS.get();
        assert!(decision.is_some());
        after - before
    };
    (0..1000).map(count).max().unwrap()
}

fn default() -> Value {
    let offers = json!([{"offer": 1}, {"offer": 2}, {"offer": 3}]);
    let path = json!({"landers": [{"lander": 1}, {"lander": 2}], "offers": offers});
    json!([path, path, path])
}

fn rules(count: usize, when: &Value) -> Value {
    let rule = json!({"when": when, "paths": default()});
    json!({"rules": vec![rule; count], "default": default()})
}

#[test]
fn the_usual_decision_does_not_allocate() {
    let plain = most_allocations(json!({"default": default()}), |_| {});
    let sticky = json!({"returning": "same", "default": default()});
    let sticky = most_allocations(sticky, |visit| visit.visitor = Some(7));
    let country = json!({"field": "country", "op": "not_in", "value": ["DE"]});
    let hour = json!({"field": "hour_of_day", "op": "is", "value": 30 % 24});
    let zone = json!({"param": "zone", "op": "is", "value": "news"});
    let rules = rules(200, &json!({"all": [country, {"any": [hour, zone]}]}));
    let rules = most_allocations(rules, |visit| visit.query = "a=1&zone=games&b=2");
    println!(
        "result: allocations per decision: {plain} without rules, {sticky} sticky, {rules} with 200 rules that are not met"
    );
    assert_eq!((plain, sticky, rules), (0, 0, 0));
}

#[test]
fn truths_and_encoded_parameters_cost_a_bounded_number() {
    let address = json!({"field": "ip", "op": "in", "value": ["203.0.113.0/24"]});
    let zone = json!({"param": "zone", "op": "is", "value": "news"});
    let rules = rules(200, &json!({"any": [address, zone]}));
    let most = most_allocations(rules, |visit| {
        visit.ip = "198.51.100.9".parse().ok();
        visit.query = "zone=g%20ames";
    });
    println!("result: allocations per decision: {most} with 200 rules on lost inputs");
    assert!(most <= 8, "{most} allocations");
}

#[test]
fn a_regular_expression_is_warm_after_its_first_use() {
    let agent = json!({"field": "user_agent", "op": "regex", "value": "Android [0-9.]+; .*Mobile"});
    let table = table(rules(1, &agent));
    let mut facts = Facts::for_click();
    facts.set_text(Field::UserAgent, "Mozilla/5.0 (Linux; Android 14; Pixel 8) Mobile");
    let campaign = table.campaign(1).unwrap();
    let visit = Visit::new(ClickKey(1 << 40), &facts);
    let decide = || route(&table, campaign, &visit, &[1; 16]).map(|decision| decision.rule);
    assert_eq!(decide(), Some(Some(1)));
    let before = ALLOCATIONS.get();
    assert_eq!(decide(), Some(Some(1)));
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
