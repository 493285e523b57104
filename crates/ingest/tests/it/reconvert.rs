//! Rows converted again are those that ingest would have made with the other rates, to the byte.

use crate::catalog::{DAY_MS, START_MS, table};
use crate::oracle::own_currency;
use crate::play::Play;
use crate::rig::{Named, Rig, block_on, encode, resume_by, seeds};
use async_trait::async_trait;
use ingest::{Recomputer, reconvert};
use journal::sim::Random;
use model::codec;
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::money::Money;
use model::query::TimeBasis;
use model::rate::{DayRate, RateSource, RateTable, day_of};
use model::record::{Record, RecordKind, tag};
use model::spend::{Slice, SpendKey};
use model::thing::ThingId;
use std::ops::Range;
use store::{
    Author, Costs, Events, ExportPage, MemoryCatalog, NewCost, NewRecompute, Piece, Rewrite,
    Rewrites, Scope, Span, Staged, StoreError, What, normal_facts,
};
use tokio::sync::Mutex;

/// Sequences, of this many records each.
const PLAYS: u64 = 60;
const LENGTH: usize = 250;

/// Those that are recomputed, hour by hour.
const RECOMPUTED_PLAYS: u64 = 15;

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

/// What ingest makes of a play by these rates, where clicks are bought under these terms.
fn carried_over(play: &Play, rates: &RateTable, terms: fn(&mut Record)) -> Rig {
    let mut rig = Rig::new(1);
    write(&mut rig, play, 0..play.ops.len(), terms);
    carry_over(&rig, rates);
    rig
}

fn write(rig: &mut Rig, play: &Play, ops: Range<usize>, terms: fn(&mut Record)) {
    for op in &play.ops[ops] {
        let mut record = codec::decode(&play.bytes(op)).unwrap();
        terms(&mut record);
        rig.write(encode(record.kind, &record.facts));
    }
}

/// Takes in what the journal holds.
fn carry_over(rig: &Rig, rates: &RateTable) {
    let ingest = resume_by(rig.events.clone(), &rig.journal, 100, rates.clone());
    let mut ingest = block_on(ingest).unwrap();
    while block_on(ingest.round()).unwrap().records > 0 {}
}

/// The rows of both workspaces.
fn all(rig: &Rig) -> Vec<Row> {
    let page = ExportPage { cursor: None, limit: usize::MAX >> 1 };
    let of = |of: ThingId| {
        let rows = rig.events.export(of, i64::MIN >> 1, i64::MAX >> 1, TimeBasis::Click, page);
        block_on(rows).unwrap().0
    };
    let mut rows = of(1);
    rows.extend(of(2));
    rows
}

/// Every click costs something else for its conversions, in one currency or another.
fn bought(record: &mut Record) {
    if record.kind != RecordKind::Click {
        return;
    }
    let at = record.facts.int_at(tag::KEY).unwrap_or_default() >> 22;
    let (source, rate, currency) = match at % 4 {
        0 => (CostSource::Cpa, 1_700_003, "EUR"),
        1 => (CostSource::Cpl, 300_001, "USD"),
        2 => (CostSource::RevShare, 333_333, ""),
        _ => return,
    };
    record.facts.push_int(tag::COST_SOURCE, source as i64);
    record.facts.push_int(tag::COST_RATE, rate);
    if !currency.is_empty() {
        record.facts.push_bytes(tag::COST_RATE_CURRENCY, currency.as_bytes());
    }
}

/// Two days of campaign 1 were paid in euros, and an hour of them in dollars.
fn spent() -> MemoryCatalog {
    let catalog = MemoryCatalog::new();
    let cost = |from_ms, to_ms, amount, currency: &str| NewCost {
        key: SpendKey { campaign: 1, slice: Slice::default(), from_ms, to_ms },
        amount: Money(amount),
        currency: currency.parse().unwrap(),
    };
    let costs = vec![
        cost(START_MS, START_MS + 2 * DAY_MS, 98_765_432, "EUR"),
        cost(START_MS + DAY_MS / 24, START_MS + DAY_MS / 12, 1_234_567, "USD"),
    ];
    let by = Author { author: "ann".to_owned(), at_ms: START_MS, batch: None };
    block_on(catalog.add_costs(1, costs, &by)).unwrap();
    catalog
}

/// A store into which ingest carries what the journal holds while a job stages its first piece.
struct Meanwhile<'r> {
    rig: &'r Rig,
    rates: &'r RateTable,
}

#[async_trait]
impl Rewrites for Meanwhile<'_> {
    async fn generation(&self) -> Result<u64, StoreError> {
        self.rig.events.generation().await
    }

    async fn rows_within(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        self.rig.events.rows_within(scope).await
    }

    async fn stage(&self, piece: Piece, rewrites: Vec<Rewrite>) -> Result<(), StoreError> {
        if piece.number == 0 {
            carry_over(self.rig, self.rates);
        }
        self.rig.events.stage(piece, rewrites).await
    }

    async fn staged(&self, job: i64) -> Result<Option<Staged>, StoreError> {
        self.rig.events.staged(job).await
    }

    async fn switch(
        &self,
        job: i64,
        span: Span,
        spend: Option<Vec<Row>>,
    ) -> Result<u64, StoreError> {
        self.rig.events.switch(job, span, spend).await
    }
}

/// Computes a projection of everything again; what waits in the journal is carried over meanwhile.
fn recompute(rig: &Rig, catalog: &MemoryCatalog, rates: &RateTable, what: What) -> u64 {
    let by = Author { author: "ann".to_owned(), at_ms: START_MS, batch: None };
    let table = table();
    let stores = Recomputer {
        events: &*rig.events,
        rewrites: &Meanwhile { rig, rates },
        costs: catalog,
        table: &table,
        rates,
        turn: &Mutex::default(),
        judge: &|_| None,
    };
    let (from_ms, to_ms) = (START_MS - DAY_MS, START_MS + 8 * DAY_MS);
    let wanted = |workspace| NewRecompute { workspace, what, campaign: None, from_ms, to_ms };
    let run = |workspace| {
        let job = block_on(catalog.add_recompute(wanted(workspace), &by)).unwrap();
        block_on(stores.run(&job)).unwrap().changed
    };
    run(1) + run(2)
}

#[test]
fn rows_converted_again_are_those_of_the_other_rates_from_the_beginning() {
    let (then, now) = (rates(["1.0823", "1.1", "0.7"]), rates(["1.3", "0.000001", "1.0824"]));
    let (mut converted, mut foreign) = (0, 0);
    for seed in seeds(PLAYS) {
        let named = Named(seed);
        let play = Play::draw(&mut Random::new(seed), LENGTH);
        let expected = all(&carried_over(&play, &now, |_| {}));
        let again = all(&carried_over(&play, &then, |_| {})).into_iter().map(|row| {
            let own = own_currency(row.workspace()).parse().unwrap();
            let changed = reconvert(&row, &now, own, own);
            foreign += usize::from(row.facts.get(tag::RATE).is_some());
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

#[test]
fn what_is_recomputed_is_what_the_other_rates_would_have_made_of_it_from_the_beginning() {
    let (then, now) = (rates(["1.0823", "1.1", "0.7"]), rates(["1.3", "0.000001", "1.0824"]));
    let (mut changed, mut costs) = (0, 0);
    for seed in seeds(RECOMPUTED_PLAYS) {
        let named = Named(seed);
        let play = Play::draw(&mut Random::new(seed), LENGTH);
        let expected = carried_over(&play, &now, bought);
        recompute(&expected, &spent(), &now, What::Costs);
        let (rig, catalog) = (carried_over(&play, &then, bought), spent());
        recompute(&rig, &catalog, &then, What::Costs);
        let before = all(&rig);
        changed += recompute(&rig, &catalog, &now, What::Fx);
        assert_eq!(all(&rig), all(&expected));
        assert_eq!(recompute(&rig, &catalog, &now, What::Fx), 0);
        recompute(&rig, &catalog, &then, What::Fx);
        assert_eq!(all(&rig), before);
        let costs_more = |row: &&Row| row.kind == RowKind::Entry && row.cost != 0;
        costs += before.iter().filter(costs_more).count();
        drop(named);
    }
    println!(
        "result: recompute fx: {changed} rows changed, and back; {costs} entries cost something"
    );
    assert!(changed > 200 && costs > 20 || seeds(2).len() == 1, "too few: {changed}, {costs}");
}

#[test]
fn what_comes_while_amounts_are_recomputed_is_of_one_piece_with_them() {
    let (then, now) = (rates(["1.0823", "1.1", "0.7"]), rates(["1.3", "0.000001", "1.0824"]));
    let mut late = 0;
    for seed in seeds(RECOMPUTED_PLAYS) {
        let named = Named(seed);
        let play = Play::draw(&mut Random::new(seed), LENGTH);
        let (expected, catalog) = (carried_over(&play, &now, bought), spent());
        recompute(&expected, &catalog, &now, What::Costs);
        let (mut rig, catalog) = (Rig::new(1), spent());
        write(&mut rig, &play, 0..LENGTH / 2, bought);
        carry_over(&rig, &then);
        recompute(&rig, &catalog, &then, What::Costs);
        let before = all(&rig).len();
        write(&mut rig, &play, LENGTH / 2..play.ops.len(), bought);
        recompute(&rig, &catalog, &now, What::Fx);
        late += all(&rig).len() - before;
        // The clicks among them take their share with the next refresh.
        recompute(&rig, &catalog, &now, What::Costs);
        assert_eq!(all(&rig), all(&expected));
        drop(named);
    }
    assert!(late > 500 || seeds(2).len() == 1, "too few came meanwhile: {late}");
}
