//! Where rules, returning visitors, caps and modes send people, and that each decision can be made again from its record.

use crate::rig::*;
use http::StatusCode;
use model::record::tag;
use model::route;
use model::table::{CapCounts, RoutingTable, Things};
use model::thing::{Campaign, CampaignStatus, Flow, IpPrivacy, Offer};
use model::{Field, Money};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// The usual things, and campaign `flow` with this flow (number 20).
fn with_flow(flow: serde_json::Value) -> Things {
    let mut things = things();
    let flow: Flow = serde_json::from_value(flow).unwrap();
    things.flows.push(thing(20, flow));
    let hosts = vec!["shop.example".to_owned()];
    things.campaigns.push(thing(20, Campaign { allowed_hosts: hosts, ..campaign("flow", 20) }));
    things
}

fn rig(flow: serde_json::Value) -> Rig {
    Rig::with(edge::Config::default(), with_flow(flow))
}

fn to_offer(id: u32, offer: u32) -> serde_json::Value {
    json!({"id": id, "offers": [{"offer": offer}]})
}

/// Deciding again from the last record gives what the record says.
fn assert_replays(rig: &Rig) {
    let facts = rig.last().facts;
    let decision = route::replay(&rig.table.load(), &facts, rig.keys.draw());
    let recorded = |field: Field| facts.int(field).map(|id| u32::try_from(id).unwrap());
    let decision = decision.unwrap();
    assert_eq!(recorded(Field::Flow), Some(decision.flow));
    assert_eq!(recorded(Field::Rule), decision.rule);
    assert_eq!(recorded(Field::Path), Some(decision.path));
    assert_eq!(recorded(Field::Lander), decision.lander());
    assert_eq!(recorded(Field::Offer), decision.offer());
}

#[tokio::test]
async fn rules_look_at_everything_that_is_known_about_a_click() {
    let when = |when: serde_json::Value| {
        json!({
            "rules": [{"id": 1, "name": "r", "when": {"all": [when]}, "paths": [to_offer(2, 2)]}],
            "default": [to_offer(1, 3)]
        })
    };
    let first = "/c/flow?sub1=x&zone=z1&extra=%C3%A4&price=0.05";
    for (condition, holds) in [
        (json!({"field": "country", "op": "is", "value": "GB"}), true),
        (json!({"field": "country", "op": "is", "value": "DE"}), false),
        (json!({"field": "ip", "op": "is", "value": "81.2.69.142"}), true),
        (json!({"field": "ip", "op": "in", "value": ["81.2.69.128/25", "10.0.0.0/8"]}), true),
        (json!({"field": "os", "op": "is", "value": "windows"}), true),
        (json!({"field": "browser_version", "op": "at_least", "value": "9"}), true),
        (json!({"field": "sub1", "op": "regex", "value": "^[xy]$"}), true),
        (json!({"field": "placement", "op": "starts_with", "value": "z"}), true),
        (json!({"param": "extra", "op": "is", "value": "ä"}), true),
        (json!({"param": "extra", "op": "unknown"}), false),
        (json!({"field": "source", "op": "is", "value": 1}), true),
        (json!({"field": "language", "op": "is", "value": "de"}), true),
        (json!({"field": "bot", "op": "is", "value": true}), false),
        (json!({"field": "unique_campaign", "op": "is", "value": true}), true),
        (json!({"field": "day", "op": "at_least", "value": "2020-01-01"}), true),
        (json!({"field": "method", "op": "is", "value": "GET"}), true),
    ] {
        let rig = rig(when(condition.clone()));
        let url = location(&rig.get(first).await);
        let expected = if holds { "second.example" } else { "strict.example" };
        assert!(url.contains(expected), "{condition}: {url}");
        assert_replays(&rig);
    }
}

#[tokio::test]
async fn who_was_here_before_meets_the_rule_for_returning_visitors() {
    let rig = rig(json!({
        "rules": [{
            "id": 1, "name": "returning",
            "when": {"all": [{"field": "unique_flow", "op": "is", "value": false}]},
            "paths": [to_offer(2, 2)]
        }],
        "default": [to_offer(1, 3)]
    }));
    assert!(location(&rig.get("/c/flow").await).contains("strict.example"));
    assert_replays(&rig);
    assert!(location(&rig.get("/c/flow").await).contains("second.example"));
    assert_replays(&rig);
}

#[tokio::test]
async fn a_rule_on_addresses_can_be_decided_again_under_every_privacy() {
    for privacy in [IpPrivacy::Full, IpPrivacy::Truncate, IpPrivacy::Hash, IpPrivacy::None] {
        for (range, expected) in [("81.2.69.142", "second"), ("81.2.69.143", "strict")] {
            let mut things = with_flow(json!({
                "rules": [{
                    "id": 1, "name": "r",
                    "when": {"all": [{"field": "ip", "op": "is", "value": range}]},
                    "paths": [to_offer(2, 2)]
                }],
                "default": [to_offer(1, 3)]
            }));
            things.workspaces[0].body.ip_privacy = privacy;
            let rig = Rig::with(edge::Config::default(), things);
            let url = location(&rig.get("/c/flow").await);
            assert!(url.contains(expected), "{privacy:?} {range}: {url}");
            assert_replays(&rig);
        }
    }
}

#[tokio::test]
async fn paths_lead_to_urls_campaigns_and_fixed_answers() {
    let to = |path: serde_json::Value| json!({"default": [path]});
    let rig1 = rig(to(
        json!({"url": "https://own.example/{sub1}?c={click_id}", "pass": {"offers": true}}),
    ));
    let reply = rig1.get("/c/flow?sub1=a%2Fb&gclid=G1&utm_x=1").await;
    let id = rig1.id_in(&reply).text("ct_", &rig1.keys);
    assert_eq!(location(&reply), format!("https://own.example/a%2Fb?c={id}&gclid=G1&utm_x=1"));
    assert_replays(&rig1);

    let rig2 = rig(to(json!({"campaign": 1})));
    assert!(location(&rig2.get("/c/flow").await).starts_with("https://offer.example/a"));
    let facts = rig2.last().facts;
    assert_eq!(facts.int(Field::Campaign), Some(20), "the click belongs to the link's campaign");
    assert_eq!((facts.int(Field::Flow), facts.int_at(tag::HOP)), (Some(1), Some(1)));
    assert_replays(&rig2);

    // Campaign 4 is paused and says where its clicks go, campaign 3 does not.
    let rig3 = rig(to(json!({"campaign": 4})));
    assert!(location(&rig3.get("/c/flow").await).starts_with("https://gone.example/"));
    let rig4 = rig(to(json!({"campaign": 3})));
    assert_eq!(rig4.get("/c/flow").await.status(), StatusCode::GONE);

    for (code, text) in [(200, "sold out"), (404, ""), (204, "")] {
        let rig = rig(to(json!({"status": {"code": code, "text": text}})));
        let reply = rig.get("/c/flow").await;
        assert_eq!((reply.status().as_u16(), &*body(&reply)), (code, text));
        assert_eq!(rig.records().len(), 1, "the click is recorded all the same");
        assert_replays(&rig);
    }
}

#[tokio::test]
async fn a_path_has_one_mode_for_the_way_to_the_lander_and_to_the_offer() {
    for (mode, status, referrer) in [
        ("302", 302, None),
        ("307", 307, None),
        ("no_referrer", 302, Some("no-referrer")),
        ("meta", 200, None),
        ("double_meta", 200, Some("no-referrer")),
        ("js", 200, None),
        ("transparent", 302, None),
    ] {
        let rig = rig(json!({"default": [
            {"id": 1, "mode": mode, "landers": [{"lander": 1}], "offers": [{"offer": 1}]}
        ]}));
        let click = rig.get("/c/flow").await;
        let cookie = format!("ct_c={}", cookie(&click, "ct_c").unwrap());
        let lander_click = rig.send(Ask::get("/click").with("cookie", &cookie)).await;
        for (reply, host) in [(click, "lander.example"), (lander_click, "offer.example")] {
            assert_eq!(reply.status().as_u16(), status, "{mode}");
            let policy = reply.headers().get("referrer-policy").map(|v| v.to_str().unwrap());
            assert_eq!(policy, referrer, "{mode}");
            let shown = match status {
                200 => body(&reply),
                _ => location(&reply),
            };
            assert!(shown.contains(host), "{mode}: {shown}");
        }
    }
}

#[tokio::test]
async fn the_second_page_of_double_meta_leads_only_where_the_first_said() {
    let rig = rig(json!({"default": [{"mode": "double_meta", "offers": [{"offer": 1}]}]}));
    let first = body(&rig.get("/c/flow?sub1=%22%3Cx%3E").await);
    let start = first.find("href=\"").unwrap() + 6;
    let link = first[start..].split('"').next().unwrap().replace("&amp;", "&");
    assert!(link.starts_with("/click?ct_to="), "{link}");
    let records = rig.records().len();
    let second = rig.get(&link).await;
    assert_eq!(second.status(), StatusCode::OK);
    assert!(body(&second).contains("https://offer.example/a?sub=%22%3Cx%3E"), "{}", body(&second));
    assert_eq!(rig.records().len(), records, "a page between is no click");
    let forged = link.replace("offer.example", "evil.example");
    assert_eq!(rig.get(&forged).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(rig.get("/click?ct_to=https://evil.example/").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(rig.count("next_hop_refused"), 2);
}

#[tokio::test]
async fn a_shown_next_hop_is_obeyed_when_the_campaign_allows_its_host() {
    let rig = rig(json!({"default": [{"mode": "transparent", "offers": [{"offer": 1}]}]}));
    let reply = rig.get("/c/flow?gclid=G1&url=https%3A%2F%2Fshop.example%2Fp%3Fa%3Db").await;
    let id = rig.id_in(&reply).text("ct_", &rig.keys);
    assert_eq!(location(&reply), format!("https://shop.example/p?a=b&gclid=G1&clickid={id}"));
    assert_eq!(rig.last().facts.int(Field::Offer), Some(1));
    for elsewhere in [
        "https%3A%2F%2Fevil.example%2F",
        "https://shop.example@evil.example/",
        "https://shop.example%5C@evil.example/",
        "//shop.example/",
        "javascript:alert(1)",
        "https://shop.example%0d%0aX:y@evil.example/",
    ] {
        let uri = format!("/c/flow?url={elsewhere}");
        let url = location(&rig.get(&uri).await);
        assert!(url.starts_with("https://offer.example/"), "{elsewhere}: {url}");
    }
    assert_eq!(rig.count("next_hop_refused"), 6);
}

/// Four offers with equal weights, for visitors of this kind.
fn four(returning: &str) -> serde_json::Value {
    json!({"returning": returning, "default": [
        {"id": 1, "offers": [{"offer": 10}, {"offer": 11}, {"offer": 12}, {"offer": 13}]}
    ]})
}

fn with_four(returning: &str) -> Things {
    let mut things = with_flow(four(returning));
    for id in 10..14 {
        let url = format!("https://o{id}.example/");
        things.offers.push(thing(id, Offer { url, ..Offer::default() }));
    }
    things
}

#[tokio::test]
async fn a_visitor_gets_the_same_again_until_it_cannot_be_had() {
    let rig = Rig::with(edge::Config::default(), with_four("same"));
    let mut kept = 0;
    for visitor in 0..16 {
        let peer = format!("198.51.100.{visitor}");
        let first = rig.send(Ask { peer: &peer, ..Ask::get("/c/flow") }).await;
        let cookies = format!(
            "ct_v={}; ct_s={}",
            cookie(&first, "ct_v").unwrap(),
            cookie(&first, "ct_s").unwrap()
        );
        let host = |reply| location(&reply).split('/').nth(2).unwrap().to_owned();
        let before = host(first);
        // The draw of a visitor without cookies is that of address and user agent.
        let again = rig.send(Ask { peer: &peer, ..Ask::get("/c/flow") }).await;
        assert_eq!(host(again), before);
        // With the cookie the choice outlives other weights.
        let mut things = with_four("same");
        let Flow { default, .. } = &mut things.flows.last_mut().unwrap().body;
        default[0].offers.iter_mut().for_each(|offer| offer.weight = 1);
        default[0].offers[0].weight = 1_000_000;
        rig.table.store(Arc::new(RoutingTable::new(&things)));
        let ask = || Ask::get("/c/flow").with("cookie", &cookies);
        let later = rig.send(ask()).await;
        assert_eq!(host(later), before);
        assert_replays(&rig);
        kept += usize::from(before != "o10.example");
        // Until its target has no weight any more.
        let Flow { default, .. } = &mut things.flows.last_mut().unwrap().body;
        let offer = before[1..3].parse::<u32>().unwrap();
        default[0].offers.iter_mut().filter(|o| o.offer == offer).for_each(|o| o.weight = 0);
        rig.table.store(Arc::new(RoutingTable::new(&things)));
        assert_ne!(host(rig.send(ask()).await), before);
        assert_replays(&rig);
        rig.table.store(Arc::new(RoutingTable::new(&with_four("same"))));
    }
    assert!(kept > 4, "most were not drawn to the heavy one to begin with: {kept}");
}

#[tokio::test]
async fn a_visitor_sees_everything_once_before_anything_twice() {
    let rig = Rig::with(edge::Config::default(), with_four("unseen"));
    let (mut cookies, mut hosts) = (String::new(), HashSet::new());
    for visit in 1..=4 {
        let reply = rig.send(Ask::get("/c/flow").with("cookie", &cookies)).await;
        hosts.insert(location(&reply).split('/').nth(2).unwrap().to_owned());
        assert_eq!(hosts.len(), visit, "{hosts:?}");
        assert_replays(&rig);
        let visitor = cookie(&reply, "ct_v").unwrap_or_default();
        cookies = match cookies.split(';').next() {
            Some(known) if known.starts_with("ct_v") => known.to_owned(),
            _ => format!("ct_v={visitor}"),
        } + &format!("; ct_s={}", cookie(&reply, "ct_s").unwrap());
    }
    // A cookie that somebody else wrote counts for nothing.
    let reply = rig.send(Ask::get("/c/flow").with("cookie", "ct_s=00112233445566770301")).await;
    assert_eq!(reply.status(), StatusCode::FOUND);
}

#[tokio::test]
async fn an_offer_over_its_cap_passes_visitors_on() {
    let mut things = with_flow(json!({"default": [
        {"id": 1, "landers": [{"lander": 1}], "offer_choice": "after", "offers": [{"offer": 10}]}
    ]}));
    let cap = json!({"of": "clicks", "per": "day", "amount": 5, "time_zone": "Asia/Tokyo"});
    let cap = serde_json::from_value(cap).unwrap();
    let url = "https://full.example/".to_owned();
    things.offers.push(thing(10, Offer { url, cap: Some(cap), next: Some(2), ..Offer::default() }));
    things.flows.push(thing(21, Flow { default: vec![path(1, &[], &[10])], ..Flow::default() }));
    things.campaigns.push(thing(21, campaign("capped", 21)));
    let rig = Rig::with(edge::Config::default(), things);
    let table = rig.table.load_full();
    let window = table.offer(10).unwrap().cap.as_ref().unwrap().window(NOW);
    let reply = rig.get("/c/flow").await;
    let cookie = format!("ct_c={}", cookie(&reply, "ct_c").unwrap());
    for (taken, host) in [(4, "full.example"), (5, "second.example"), (9, "second.example")] {
        let mut counts = CapCounts::default();
        counts.add(10, window, taken);
        rig.caps.store(Arc::new(counts));
        assert!(location(&rig.get("/c/capped").await).contains(host), "{taken}");
        assert_replays(&rig);
        assert_eq!(rig.last().facts.int_at(tag::CAPPED), (taken >= 5).then_some(10));
        let lander_click = rig.send(Ask::get("/click").with("cookie", &cookie)).await;
        assert!(location(&lander_click).contains(host), "{taken}");
        assert_eq!(rig.last().facts.int_at(tag::CAPPED), (taken >= 5).then_some(10));
    }
    rig.pass_ms(24 * 60 * 60 * 1000);
    assert!(location(&rig.get("/c/capped").await).contains("full.example"), "another day");
}

#[tokio::test]
async fn a_lander_click_of_a_forgotten_click_follows_the_rules_of_now() {
    let rig = rig(json!({
        "rules": [{
            "id": 4, "name": "British",
            "when": {"all": [
                {"field": "country", "op": "is", "value": "GB"},
                {"field": "source", "op": "is", "value": 1},
                {"field": "campaign", "op": "is", "value": 20},
            ]},
            "paths": [{"id": 2, "landers": [{"lander": 1}], "offers": [{"offer": 2}]}]
        }],
        "default": [to_offer(1, 3)]
    }));
    let key = model::ClickKey::new(NOW - 86_400_000, 0, 7);
    let id = model::ClickId { key, campaign: 20, unlogged: false, test: false };
    let uri = format!("/click?clickid={}", id.text("ct_", &rig.keys));
    assert!(location(&rig.get(&uri).await).contains("second.example"));
    let facts = rig.last().facts;
    assert!(facts.flag(Field::Rerouted));
    assert_eq!((facts.int(Field::Rule), facts.int(Field::Path)), (Some(4), Some(2)));
}

#[tokio::test]
async fn a_restart_knows_who_was_in_the_flow_of_the_link() {
    let rig = rig(json!({"default": [{"id": 1, "campaign": 1}]}));
    let first = rig.get("/c/flow").await;
    let cookie = format!("ct_v={}", cookie(&first, "ct_v").unwrap());
    let edge = rig.restarted();
    assert_eq!(Ask::get("/c/flow").with("cookie", &cookie).to(&edge).await.status(), 302);
    let facts = rig.last().facts;
    assert!(!facts.flag(Field::UniqueFlow) && !facts.flag(Field::UniqueCampaign));
    // The flow that it was led on to has seen nobody of its own.
    assert_eq!(Ask::get("/c/direct").with("cookie", &cookie).to(&edge).await.status(), 302);
    let facts = rig.last().facts;
    assert!(facts.flag(Field::UniqueFlow) && !facts.flag(Field::UniqueAll));
}

#[tokio::test]
async fn a_paused_campaign_among_the_paths_does_not_stop_the_others() {
    let mut things = with_flow(json!({"default": [{"id": 1, "campaign": 30}]}));
    let closed = Campaign { status: CampaignStatus::Paused, ..campaign("closed", 1) };
    things.campaigns.push(thing(30, closed));
    let rig = Rig::with(edge::Config::default(), things);
    assert_eq!(rig.get("/c/flow").await.status(), StatusCode::GONE);
    assert_eq!(rig.count("inactive_campaign"), 1);
    assert_eq!(rig.last().facts.int_at(tag::HOP), Some(30));
    assert_eq!(Money::ZERO, Money(rig.last().facts.int_at(tag::COST).unwrap_or_default()));
}
