//! What offers have taken of their caps is at every moment what the committed rows say, across restarts and failures.

use crate::catalog::table;
use crate::flaky::Flaky;
use crate::play::Play;
use crate::rig::{Named, Rig, block_on, resume_with, seeds};
use arc_swap::ArcSwap;
use ingest::Settings;
use journal::sim::Random;
use model::Field;
use model::event::{Row, RowKind};
use model::query::TimeBasis;
use model::table::CapCounts;
use model::thing::{CapOf, CapPer};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Events, ExportPage};

const PLAYS: u64 = 200;
const LENGTH: usize = 200;

#[test]
fn caps_are_counted_as_the_rows_say_across_restarts_and_failures() {
    let (mut compared, mut taken) = (0, 0);
    for seed in seeds(PLAYS) {
        let named = Named(seed);
        let mut random = Random::new(seed);
        let play = Play::draw(&mut random, LENGTH);
        let mut rig = Rig::new(random.any());
        let failures = if random.per_mille(500) { 200 } else { 0 };
        let events = Arc::new(Flaky::new(rig.events.clone(), random.any(), 0));
        let caps = Arc::new(ArcSwap::from_pointee(CapCounts::default()));
        let start = |rig: &Rig| {
            events.set_failures(0);
            let settings = Settings { batch_records_max: 7, ..Settings::default() };
            let ingest =
                block_on(resume_with(events.clone(), &rig.journal, settings, caps.clone()));
            events.set_failures(failures);
            ingest.unwrap()
        };
        let mut ingest = start(&rig);
        for op in &play.ops {
            rig.write(play.bytes(op));
            if random.per_mille(10) {
                ingest = start(&rig);
            }
            if random.per_mille(60) && block_on(ingest.round()).is_ok() {
                taken += check(&rig, &caps.load());
                compared += 1;
            }
        }
        drop(named);
    }
    println!("result: caps: {compared} moments compared with the rows, {taken} counted in all");
    assert!(taken > 100 || compared < 100, "{compared} {taken}");
}

/// The number of a day in Tokyo, which has no summer time.
fn day(at_ms: i64) -> i64 {
    (at_ms + 9 * 3_600_000).div_euclid(86_400_000)
}

/// Compares every published count of the last two days with the rows; their sum.
fn check(rig: &Rig, caps: &CapCounts) -> i64 {
    let page = ExportPage { cursor: None, limit: usize::MAX };
    let all = rig.events.export(1, i64::MIN / 2, i64::MAX / 2, TimeBasis::Event, page);
    let (rows, _) = block_on(all).unwrap();
    let table = table();
    let today = rows.iter().map(|row| day(row.event_ms)).max().unwrap_or_default();
    let mut sum = 0;
    for (offer, cap) in table.capped_offers() {
        let mut expected: BTreeMap<i64, i64> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.facts.int(Field::Offer) == Some(offer.into())) {
            let window = match cap.cap.per {
                CapPer::Total => 0,
                CapPer::Day => day(row.event_ms),
            };
            *expected.entry(window).or_default() += counted(row, cap.cap.of);
        }
        let is_kept = |window: i64| window == 0 || window > today - 2;
        for (window, count) in expected.into_iter().filter(|(window, _)| is_kept(*window)) {
            assert_eq!(caps.taken(offer, window), count, "offer {offer}, window {window}");
            sum += count;
        }
    }
    sum
}

fn counted(row: &Row, of: CapOf) -> i64 {
    let facts = &row.facts;
    let is_nobody = facts.flag(Field::Bot) || facts.flag(Field::Test);
    let counts = match (of, row.kind) {
        (CapOf::Clicks, RowKind::LanderClick) => !is_nobody,
        (CapOf::Clicks, RowKind::Click) => !is_nobody && facts.int(Field::Lander).is_none(),
        (CapOf::Conversions, RowKind::Entry) => {
            let status = facts.text(Field::ConversionStatus);
            !facts.flag(Field::Test) && matches!(status, Some("pending" | "approved"))
        }
        _ => false,
    };
    if counts { row.count } else { 0 }
}
