//! One ad click, announced by two.

use crate::direct::*;
use crate::rig::*;
use edge::{Config, Reply};
use http::StatusCode;
use model::Field;
use model::record::{Record, RecordKind};

async fn call(rig: &Rig, query: &str) -> Reply {
    let uri = format!("/c/direct?{query}");
    rig.send(Ask::post(&uri, "").with("content-type", "text/plain;charset=UTF-8")).await
}

#[tokio::test]
async fn a_call_in_the_background_and_its_landing_are_one_click_whichever_comes_first() {
    for (landing_first, query) in [
        (true, "gclid=Cj0-1"),
        (false, "gclid=Cj0-1"),
        (true, "msclkid=m1"),
        (false, "gbraid=many&gclid=Cj0-1"),
    ] {
        let rig = rig();
        let url = format!("https://shop.example.com/?{query}");
        let sent = [("u", &*url), ("n", "number-1")];
        let mut id = None;
        if landing_first {
            id = Some(id_of(&rig, &land(&rig, &sent).await));
        }
        let reply = call(&rig, &format!("{query}&sub1=fromcall")).await;
        assert_eq!(reply.status(), StatusCode::NO_CONTENT);
        if !landing_first {
            id = Some(id_of(&rig, &land(&rig, &sent).await));
        }
        let (clicks, joined) =
            (of_kind(&rig, RecordKind::Click), of_kind(&rig, RecordKind::Joined));
        assert_eq!((clicks.len(), joined.len()), (1, 1), "{query}");
        assert_eq!(clicks[0].key(), id.map(|id| id.key));
        assert_eq!(joined[0].key(), clicks[0].key(), "the second half names the click");
        let kind = |record: &Record| record.facts.text(Field::Kind).unwrap().to_owned();
        let (first, second) =
            if landing_first { ("direct", "redirect") } else { ("redirect", "direct") };
        assert_eq!((&*kind(&clicks[0]), &*kind(&joined[0])), (first, second));
        assert_eq!(rig.count("click_joined"), 1);
        // The landing sent again is still the same.
        assert_eq!(id_of(&rig, &land(&rig, &sent).await), id.unwrap());
        // The pair is complete: what comes with the same id later is a click, and marked.
        call(&rig, query).await;
        assert_eq!(of_kind(&rig, RecordKind::Click).len(), 2);
        assert!(rig.last().facts.flag(Field::Duplicate));
    }
}

#[tokio::test]
async fn halves_that_come_at_once_or_around_a_restart_are_one_click() {
    let rig = rig();
    for round in 0..20 {
        let query = format!("gclid=once-{round}");
        let url = format!("https://shop.example.com/?{query}");
        let sent = [("u", &*url)];
        tokio::join!(land(&rig, &sent), call(&rig, &query));
    }
    assert_eq!(of_kind(&rig, RecordKind::Click).len(), 20);
    let id = id_of(&rig, &land(&rig, &[("u", "https://shop.example.com/?gclid=later")]).await);
    let restarted = rig.restarted();
    let reply = Ask::post("/c/direct?gclid=later", "")
        .with("content-type", "text/plain")
        .to(&restarted)
        .await;
    assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    let last = rig.last();
    assert_eq!((last.kind, last.key()), (RecordKind::Joined, Some(id.key)));
}

#[tokio::test]
async fn what_names_no_single_click_joins_nothing() {
    for query in ["gbraid=many", "wbraid=many", "sub1=same", ""] {
        let rig = rig();
        let url = format!("https://shop.example.com/?{query}");
        land(&rig, &[("u", &url)]).await;
        call(&rig, query).await;
        assert_eq!(of_kind(&rig, RecordKind::Click).len(), 2, "{query}");
    }
    // Nor does a redirect that somebody follows, nor another campaign.
    let rig = rig();
    land(&rig, &[("u", "https://shop.example.com/?gclid=A")]).await;
    rig.get("/c/direct?gclid=A").await;
    let other = Ask::post("/c/temporary?gclid=A", "").with("content-type", "text/plain");
    rig.send(other).await;
    assert_eq!(of_kind(&rig, RecordKind::Click).len(), 3);
}

#[tokio::test]
async fn a_landing_that_cannot_be_written_down_says_so_and_joins_nothing() {
    let mut things = things();
    things.campaigns[0].body.origins = vec![SHOP.into()];
    let rig = Rig::on_sim(Config::default(), std::time::Duration::from_millis(50));
    rig.table.store(std::sync::Arc::new(model::table::RoutingTable::new(&things)));
    rig.disk
        .as_ref()
        .unwrap()
        .set_fault_rates(journal::sim::FaultRates { write: 1000, ..Default::default() });
    let sent = [("u", "https://shop.example.com/?gclid=A"), ("n", "number-1")];
    let first = id_of(&rig, &land(&rig, &sent).await);
    assert!(first.unlogged);
    rig.disk.as_ref().unwrap().set_fault_rates(journal::sim::FaultRates::default());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let id = id_of(&rig, &land(&rig, &sent).await);
        assert_ne!(id.key, first.key, "what was not kept is not given out again");
        if !id.unlogged {
            return;
        }
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
