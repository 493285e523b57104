//! Lander clicks: from the click's id to the offer behind the link, whatever happened in between.

use crate::rig::*;
use edge::{Config, RecentClick};
use http::StatusCode;
use model::record::{RecordKind, tag};
use model::table::RoutingTable;
use model::{ClickId, ClickKey, Field};
use std::sync::Arc;

async fn click(rig: &Rig, uri: &str) -> String {
    let reply = rig.get(uri).await;
    rig.id_in(&reply).text("ct_", &rig.keys).to_string()
}

fn host(url: &str) -> String {
    url.split('/').nth(2).unwrap().to_owned()
}

#[tokio::test]
async fn each_link_leads_to_another_offer_with_the_clicks_id_and_values() {
    let rig = Rig::new();
    let id = click(&rig, "/c/page?sub1=s1&zone=z1").await;
    let mut hosts = Vec::new();
    for link in ["", "/1", "/2", "/3"] {
        let uri = format!("/click{link}?clickid={id}");
        let reply = rig.get(&uri).await;
        assert_eq!(reply.status(), 302);
        let url = location(&reply);
        assert!(url.contains(&id), "{url}");
        assert!(url.contains("sub=s1") || url.contains("place=z1"), "{url}");
        hosts.push(host(&url));
    }
    assert_eq!(hosts[0], hosts[1]);
    assert_ne!(hosts[1], hosts[2]);
    assert_eq!(hosts[3], hosts[1]);
    let record = rig.last();
    assert_eq!(record.kind, RecordKind::LanderClick);
    assert_eq!(record.key(), Some(read_id(&id, &rig.keys).key));
    assert_eq!(record.facts.int_at(tag::LINK), Some(3));
    assert_eq!(record.at_ms(), NOW);
    for (field, expected) in [
        (Field::Campaign, 2),
        (Field::Workspace, 1),
        (Field::Flow, 2),
        (Field::Path, 7),
        (Field::Lander, 1),
    ] {
        assert_eq!(record.facts.int(field), Some(expected), "{field}");
    }
    assert!(record.facts.int(Field::Offer).is_some());
    assert!(!record.facts.flag(Field::Rerouted) && !record.facts.flag(Field::Bot));
}

#[tokio::test]
async fn the_id_is_found_under_every_name_and_repaired_and_else_in_the_cookie() {
    let rig = Rig::new();
    let id = click(&rig, "/c/page").await;
    let key = read_id(&id, &rig.keys).key;
    let altered = {
        let mut bytes = id.clone().into_bytes();
        bytes[20] = if bytes[20] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).unwrap()
    };
    let cut = &id[..27];
    for uri in [
        format!("/click?clickid={id}"),
        format!("/click?subid={id}"),
        format!("/click?xid={id}"),
        format!("/click?whatever={id}&clickid="),
        format!("/click?clickid={}", id.to_uppercase()),
        format!("/click?clickid={altered}"),
        format!("/click?clickid={cut}"),
    ] {
        let reply = rig.get(&uri).await;
        assert_eq!(reply.status(), 302, "{uri}");
        assert_eq!(rig.last().key(), Some(key), "{uri}");
    }
    assert_eq!(rig.count("id_repaired"), 2);
    let other = click(&rig, "/c/direct").await;
    let cookie = format!("ct_c={other}.{id}");
    for (uri, expected) in [
        ("/click", read_id(&other, &rig.keys).key),
        ("/click?clickid=garbage", read_id(&other, &rig.keys).key),
        ("/click?c=page", key),
    ] {
        let reply = rig.send(Ask::get(uri).with("cookie", &cookie)).await;
        assert_eq!(reply.status(), 302, "{uri}");
        assert_eq!(rig.last().key(), Some(expected), "{uri}");
    }
}

#[tokio::test]
async fn without_a_valid_id_there_is_a_fixed_page_and_a_counted_reason() {
    let rig = Rig::new();
    let forged = "ct_00000000000000000000000000";
    for (uri, code) in [
        ("/click".to_owned(), "click_id_missing"),
        ("/click?c=page".to_owned(), "click_id_missing"),
        ("/click?clickid=abc".to_owned(), "click_id_malformed"),
        ("/click?clickid=%7Bclickid%7D".to_owned(), "click_id_malformed"),
        (format!("/click?clickid={forged}"), "click_id_unverified"),
    ] {
        let before = rig.count(code);
        let reply = rig.get(&uri).await;
        assert_eq!((reply.status(), rig.count(code)), (StatusCode::NOT_FOUND, before + 1), "{uri}");
        assert!(!reply.body().is_empty() && reply.headers().get("location").is_none());
    }
    assert!(rig.records().is_empty());
}

#[tokio::test]
async fn an_older_click_is_asked_for_and_an_unknown_one_is_routed_anew() {
    let rig = Rig::with(Config { recent_clicks_max: 0, ..Config::default() }, things());
    // Known elsewhere: its own path, though the campaign's flow is another one by now.
    let key = ClickKey::new(NOW - 86_400_000, 0, 5);
    let id = ClickId { key, campaign: 1, unlogged: false, test: false };
    let mut facts = model::Facts::default();
    facts.set_int(Field::Flow, 2);
    facts.set_int(Field::Path, 7);
    facts.set_int(Field::Lander, 1);
    facts.set_text(Field::Sub1, "old");
    facts.set_text(Field::Placement, "old");
    rig.shelf.0.lock().unwrap().push((1, key, RecentClick { facts }));
    let uri = format!("/click/2?clickid={}", id.text("ct_", &rig.keys));
    let url = location(&rig.get(&uri).await);
    assert!(url.contains("=old"), "{url}");
    assert_eq!(rig.last().facts.int(Field::Flow), Some(2));
    assert!(!rig.last().facts.flag(Field::Rerouted));

    // Known nowhere: the campaign's flow, with this visitor's values.
    let key = ClickKey::new(NOW - 86_400_000, 0, 6);
    let id = ClickId { key, campaign: 2, unlogged: false, test: false };
    let uri = format!("/click?clickid={}", id.text("ct_", &rig.keys));
    let reply = rig.get(&uri).await;
    assert_eq!(reply.status(), 302);
    assert!(rig.last().facts.flag(Field::Rerouted));
    assert_eq!(rig.last().facts.int(Field::Path), Some(7));
    assert_eq!(rig.count("rerouted"), 1);
}

#[tokio::test]
async fn a_click_whose_path_is_gone_is_routed_anew() {
    let rig = Rig::new();
    let id = click(&rig, "/c/page?sub1=kept").await;
    let mut things = things();
    things.flows[1].body.default = vec![path(9, &[], &[1])];
    rig.table.store(Arc::new(RoutingTable::new(&things)));
    let url = location(&rig.get(&format!("/click/2?clickid={id}")).await);
    assert_eq!(url, format!("https://offer.example/a?sub=kept&aff_sub={id}"));
    assert!(rig.last().facts.flag(Field::Rerouted));
    assert_eq!(rig.last().facts.int(Field::Path), Some(9));
}

#[tokio::test]
async fn a_prefetch_of_an_offers_link_is_recorded_as_nobodys_step() {
    let rig = Rig::new();
    let id = click(&rig, "/c/page").await;
    let uri = format!("/click?clickid={id}");
    rig.send(Ask::get(&uri).with("sec-purpose", "prefetch")).await;
    let facts = rig.last().facts;
    assert!(facts.flag(Field::Bot));
    assert_eq!(facts.text(Field::BotReason), Some("prefetch"));
}
