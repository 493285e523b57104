//! What clicks, impressions and conversions cost under each model.

use crate::catalog::{START_MS, id_text};
use crate::rig::{Rig, about, block_on, encode, postback};
use model::ClickKey;
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::record::{RecordKind, tag};
use proptest::prelude::*;
use store::Events;

fn key(number: i64) -> ClickKey {
    ClickKey::new(START_MS + number, 0, 0)
}

/// A click or impression of campaign 1 that is priced by a rate.
fn rated(number: i64, kind: RecordKind, source: CostSource, rate: i64, currency: &str) -> Vec<u8> {
    let mut facts = about(key(number), 1, 1);
    facts.push_int(tag::COST_SOURCE, source as i64);
    facts.push_int(tag::COST_RATE, rate);
    if !currency.is_empty() {
        facts.push_bytes(tag::COST_RATE_CURRENCY, currency.as_bytes());
    }
    encode(kind, &facts)
}

fn calls(number: i64, queries: &[&str]) -> Vec<Vec<u8>> {
    let id = id_text(key(number), 1, false);
    let url = |query: &&str| format!("/postback?clickid={id}{query}");
    let call = |(n, query)| postback(START_MS + 3_600_000 + n, 1, &url(query));
    let call = |pair| encode(RecordKind::Postback, &call(pair));
    (0..).zip(queries).map(call).collect()
}

/// All rows of the clicks with these numbers, the same however batches are cut.
fn carried_over(records: &[Vec<u8>], numbers: std::ops::RangeInclusive<i64>) -> Vec<Row> {
    let rows = |batch_records_max| {
        let mut rig = Rig::new(1);
        for record in records {
            rig.write(record.clone());
        }
        rig.carry_over(batch_records_max);
        let keys: Vec<ClickKey> = numbers.clone().map(key).collect();
        block_on(rig.events.rows_of(1, &keys)).unwrap()
    };
    let at_once = rows(1000);
    assert_eq!(at_once, rows(1), "the batch makes no difference");
    at_once
}

fn costs(rows: &[Row]) -> Vec<i64> {
    rows.iter().map(|row| row.cost).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn clicks_by_the_thousand_cost_thousandths(rate in 0i64..50_000_000, count in 1i64..40) {
        let click = |n| rated(n, RecordKind::Click, CostSource::CpmClicks, rate, "USD");
        let records: Vec<_> = (1..=count).map(click).collect();
        let sum: i64 = costs(&carried_over(&records, 1..=count)).iter().sum();
        prop_assert!((sum * 1000 - count * rate).abs() <= 500, "{sum} for {count} at {rate}");
    }
}

#[test]
fn a_thousand_clicks_cost_the_price_of_a_thousand() {
    let mut rig = Rig::new(1);
    for number in 1..=1000 {
        rig.write(rated(number, RecordKind::Click, CostSource::CpmClicks, 1_234_567, "USD"));
    }
    rig.carry_over(77);
    let keys: Vec<ClickKey> = (1..=1000).map(key).collect();
    let rows = block_on(rig.events.rows_of(1, &keys)).unwrap();
    assert_eq!(costs(&rows).iter().sum::<i64>(), 1_234_567);
}

#[test]
fn impressions_bear_the_price_of_a_thousand_from_the_first_one_on() {
    let click = |n| rated(n, RecordKind::Click, CostSource::CpmClicks, 2_000_000, "USD");
    let impression =
        |n| rated(n, RecordKind::Impression, CostSource::CpmImpressions, 2_000_000, "USD");
    let rows = carried_over(&[click(1), impression(2), click(3), impression(4)], 1..=4);
    assert_eq!(costs(&rows), [2_000, 2_000, 0, 2_000]);
    let sources: Vec<_> = rows.iter().map(|row| CostSource::of(&row.facts).unwrap()).collect();
    let (clicks, impressions) = (CostSource::CpmClicks, CostSource::CpmImpressions);
    assert_eq!(sources, [clicks, impressions, impressions, impressions]);
}

/// Costs of the ledger of click 1 under a model, and their sum.
fn ledger(source: CostSource, rate: i64, currency: &str, queries: &[&str]) -> (Vec<i64>, i64) {
    let mut records = vec![rated(1, RecordKind::Click, source, rate, currency)];
    records.extend(calls(1, queries));
    let rows = carried_over(&records, 1..=1);
    assert!(rows.iter().all(|row| row.kind == RowKind::Entry || row.cost == 0));
    let entries: Vec<Row> = rows.into_iter().filter(|row| row.kind == RowKind::Entry).collect();
    let costs = costs(&entries);
    let sum = costs.iter().sum();
    (costs, sum)
}

#[test]
fn conversions_cost_what_the_click_was_bought_for_and_give_it_back() {
    use CostSource::{Cpa, Cpl, RevShare};
    let five = 5_000_000;
    for (source, rate, currency, queries, expected) in [
        (Cpa, five, "USD", &["&payout=9"][..], &[five][..]),
        (Cpa, five, "USD", &["&payout=9&status=pending", "&payout=9"], &[five, -five, five]),
        (Cpa, five, "USD", &["&payout=9", "&payout=9&status=rejected"], &[five, -five, 0]),
        (Cpa, five, "USD", &["&txid=1&payout=9", "&txid=2&payout=9"], &[five, five]),
        (Cpa, five, "EUR", &["&payout=9"], &[0]),
        (Cpl, five, "USD", &["&type=lead", "&type=sale&payout=9"], &[five, 0]),
        (RevShare, 12_500_000, "", &["&payout=9"], &[1_125_000]),
        (RevShare, 12_500_000, "", &["&payout=9&status=pending"], &[0]),
        // Half a micro-unit is rounded to the even one, and taken back as it was given.
        (RevShare, 50_000_000, "", &["&payout=0.000003", "&status=rejected"], &[2, -2, 0]),
        (RevShare, 50_000_000, "", &["&payout=0.000003", "&payout=-0.000003"], &[2, -2]),
        (
            RevShare,
            33_333_333,
            "",
            &["&payout=1", "&payout=-0.000005", "&payout=-0.000007", "&status=chargeback"],
            &[333_333, -1, -3, -333_329, 0],
        ),
    ] {
        let (costs, sum) = ledger(source, rate, currency, queries);
        assert_eq!(costs, expected, "{source:?} {queries:?}");
        assert_eq!(sum, expected.iter().sum::<i64>());
    }
}
