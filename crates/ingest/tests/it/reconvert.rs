//! Rows converted again are those that ingest would have made with the other rates, to the byte.

use crate::catalog::{DAY_MS, START_MS};
use crate::oracle::own_currency;
use crate::play::Play;
use crate::rig::{Named, Rig, block_on, resume_by, seeds};
use ingest::reconvert;
use journal::sim::Random;
use model::event::Row;
use model::query::TimeBasis;
use model::rate::{DayRate, RateSource, RateTable, day_of};
use model::thing::ThingId;
use store::{Events, ExportPage, normal_facts};

/// Sequences, of this many records each.
const PLAYS: u64 = 60;
const LENGTH: usize = 250;

/// Rates to the euro for both workspaces, before everything begins and on some days of it.
fn rates(dollars: [&str; 3]) -> RateTable {
    let (base, quote) = ("EUR".parse().unwrap(), "USD".parse().unwrap());
    let days = [START_MS - 200 * DAY_MS, START_MS + DAY_MS, START_MS + 20 * DAY_MS].map(day_of);
    let rates = days.into_iter().zip(dollars).map(|(day, rate)| {
        let rate = Some(rate.parse().unwrap());
        DayRate { day, base, quote, source: RateSource::Manual, rate }
    });
    let rates: Vec<_> = rates.collect();
    RateTable::new([1, 2].into_iter().flat_map(|of| rates.iter().map(move |rate| (of, *rate))))
}

/// What ingest makes of a play by these rates.
fn rows(play: &Play, rates: &RateTable) -> Vec<Row> {
    let mut rig = Rig::new(1);
    play.ops.iter().for_each(|op| {
        rig.write(play.bytes(op));
    });
    let ingest = resume_by(rig.events.clone(), &rig.journal, 100, rates.clone());
    let mut ingest = block_on(ingest).unwrap();
    while block_on(ingest.round()).unwrap().records > 0 {}
    let page = ExportPage { cursor: None, limit: usize::MAX >> 1 };
    let all = |of: ThingId| {
        let rows = rig.events.export(of, i64::MIN >> 1, i64::MAX >> 1, TimeBasis::Click, page);
        block_on(rows).unwrap().0
    };
    let mut rows = all(1);
    rows.extend(all(2));
    rows
}

#[test]
fn rows_converted_again_are_those_of_the_other_rates_from_the_beginning() {
    let (then, now) = (rates(["1.0823", "1.1", "0.7"]), rates(["1.3", "0.000001", "1.0824"]));
    let (mut converted, mut foreign) = (0, 0);
    for seed in seeds(PLAYS) {
        let named = Named(seed);
        let play = Play::draw(&mut Random::new(seed), LENGTH);
        let expected = rows(&play, &now);
        let again = rows(&play, &then).into_iter().map(|row| {
            let own = own_currency(row.workspace()).parse().unwrap();
            let changed = reconvert(&row, &now, own, own);
            foreign += usize::from(row.facts.get(model::record::tag::RATE).is_some());
            converted += usize::from(changed.is_some());
            let row = changed.unwrap_or(row);
            Row { facts: normal_facts(&row), ..row }
        });
        assert_eq!(again.collect::<Vec<_>>(), expected);
        drop(named);
    }
    println!("result: reconvert: {converted} rows of {foreign} foreign ones, equal to the byte");
    assert!(converted > 1000 || PLAYS > seeds(PLAYS).len() as u64, "too few: {converted}");
}
