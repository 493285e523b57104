//! The durability rule: what goes out as logged is in the journal, everything else says so and is counted once.

use crate::rig::*;
use edge::{Config, OnLogFailure};
use model::record::{RecordKind, tag};
use model::{ClickKey, Field};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_millis(400);

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come true");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What a report would say: how many clicks each record stands for, every key once, settled ones as unlogged.
fn counted(rig: &Rig) -> (u64, u64) {
    let mut by_key: HashMap<ClickKey, (u64, bool)> = HashMap::new();
    for record in rig.records() {
        let is_unlogged = record.facts.flag(Field::Unlogged);
        let entry = by_key.entry(record.key().unwrap()).or_default();
        match record.kind {
            RecordKind::Click => *entry = (1, entry.1 || is_unlogged),
            RecordKind::Unlogged => {
                *entry = (record.facts.int_at(tag::COUNT).unwrap() as u64, true)
            }
            _ => {}
        }
    }
    let sum = |unlogged| by_key.values().filter(|(_, u)| *u == unlogged).map(|(n, _)| n).sum();
    (sum(false), sum(true))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_costs_the_flag_in_the_id_and_one_count_per_click() {
    let rig = Rig::on_sim(Config::default(), WAIT);
    let disk = rig.disk.clone().unwrap();
    for _ in 0..3 {
        let reply = rig.get("/c/direct").await;
        assert!(!rig.id_in(&reply).unlogged);
    }
    disk.set_fault_rates(journal::sim::FaultRates { write: 1000, ..Default::default() });
    let mut unlogged = 0;
    for _ in 0..20 {
        let reply = rig.get("/c/direct").await;
        assert_eq!(reply.status(), 302);
        assert!(rig.id_in(&reply).unlogged);
        // The cookie says the same as the URL.
        let cookie = cookie(&reply, "ct_c").unwrap();
        assert!(read_id(&cookie, &rig.keys).unlogged);
        unlogged += 1;
    }
    let page = rig.get("/c/page").await;
    assert!(rig.id_in(&page).unlogged);
    unlogged += 1;
    assert_eq!(rig.count("unlogged"), unlogged);
    assert_eq!(rig.journal.status().unlogged, unlogged);
    assert!(rig.edge.status().is_owed);

    disk.set_fault_rates(journal::sim::FaultRates::default());
    until("the journal's recovery", || rig.journal.status().degraded.is_none()).await;
    rig.edge.upkeep();
    until("the debt's payment", || counted(&rig).1 == unlogged).await;
    assert_eq!(counted(&rig), (3, unlogged));
    until("the end of paying", || !rig.edge.status().is_owed).await;
    // Nothing is paid twice.
    rig.edge.upkeep();
    rig.get("/c/direct").await;
    assert_eq!(counted(&rig), (4, unlogged));
    let owed: Vec<_> =
        rig.records().into_iter().filter(|r| r.kind == RecordKind::Unlogged).collect();
    assert!(owed.iter().all(|record| record.at_ms() == NOW && record.workspace() == 1));
    assert!(owed.iter().any(|record| record.facts.int(Field::Campaign) == Some(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_in_flight_when_the_disk_hangs_is_settled_and_counts_once() {
    let rig = Rig::on_sim(Config::default(), WAIT);
    let disk = rig.disk.clone().unwrap();
    rig.get("/c/direct").await;
    disk.stall_syncs();
    let reply = rig.get("/c/direct").await;
    let id = rig.id_in(&reply);
    assert!(id.unlogged);
    disk.resume_syncs();
    until("the journal's recovery", || rig.journal.status().degraded.is_none()).await;
    rig.edge.upkeep();
    let settles = |record: &model::record::Record| {
        record.key() == Some(id.key) && record.facts.int_at(tag::SETTLES) == Some(1)
    };
    until("the settling record", || rig.records().iter().any(settles)).await;
    // The click itself made it into the journal after all, and both have one key.
    assert_eq!(rig.records().iter().filter(|record| record.key() == Some(id.key)).count(), 2);
    assert_eq!(counted(&rig), (1, 1));
    let settling = rig.records().into_iter().find(settles).unwrap();
    assert_eq!(settling.facts.int(Field::Campaign), Some(1));
    assert!(settling.facts.flag(Field::Unlogged));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_may_refuse_what_cannot_be_logged() {
    let config = Config { on_log_failure: OnLogFailure::Refuse, ..Config::default() };
    let rig = Rig::on_sim(config, WAIT);
    let page = rig.get("/c/page").await;
    let id = rig.id_in(&page).text("ct_", &rig.keys).to_string();
    rig.disk
        .as_ref()
        .unwrap()
        .set_fault_rates(journal::sim::FaultRates { write: 1000, ..Default::default() });
    for uri in ["/c/direct".to_owned(), format!("/click?clickid={id}"), "/imp/direct".to_owned()] {
        let reply = rig.get(&uri).await;
        assert_eq!(reply.status(), 503, "{uri}");
        assert_eq!(reply.headers()["retry-after"], "1");
        assert!(reply.headers().get("location").is_none());
    }
    assert_eq!(rig.count("not_logged"), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postback_is_never_called_accepted_before_it_is_stored() {
    let rig = Rig::on_sim(Config::default(), WAIT);
    let page = rig.get("/c/page").await;
    let id = rig.id_in(&page).text("ct_", &rig.keys).to_string();
    rig.disk
        .as_ref()
        .unwrap()
        .set_fault_rates(journal::sim::FaultRates { write: 1000, ..Default::default() });
    for uri in [
        format!("/postback?clickid={id}"),
        format!("/pixel.gif?clickid={id}"),
        "/postback?wait=1".to_owned(),
    ] {
        let reply = rig.get(&uri).await;
        assert_eq!(reply.status(), 503, "{uri}");
        assert_eq!(reply.headers()["retry-after"], "1");
        assert!(!body(&reply).contains("accepted"));
    }
    let ready = rig.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert!(body(&ready).contains(r#""ready":false"#), "{}", body(&ready));
    assert_eq!(rig.get("/healthz").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lander_click_goes_on_when_it_cannot_be_logged_with_the_clicks_own_id() {
    let rig = Rig::on_sim(Config::default(), WAIT);
    let page = rig.get("/c/page").await;
    let id = rig.id_in(&page).text("ct_", &rig.keys).to_string();
    rig.disk
        .as_ref()
        .unwrap()
        .set_fault_rates(journal::sim::FaultRates { write: 1000, ..Default::default() });
    let reply = rig.get(&format!("/click?clickid={id}")).await;
    assert_eq!(reply.status(), 302);
    assert!(location(&reply).contains(&id));
    assert_eq!(rig.count("unlogged"), 1);
}
