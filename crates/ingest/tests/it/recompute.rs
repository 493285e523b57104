//! Costs computed again: exact, the same however often a job was killed, and undone without a trace.

use crate::catalog::{DAY_MS, START_MS, table};
use crate::rig::block_on;
use async_trait::async_trait;
use ingest::{Judged, Recomputer, refreshes};
use model::cost::CostSource;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::money::{Currency, Money};
use model::rate::RateTable;
use model::record::tag;
use model::spend::{Slice, SpendKey};
use model::{ClickKey, Field};
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{
    Author, Batch, Costs, Events, MemoryCatalog, MemoryEvents, NewCost, NewRecompute, Piece,
    Progress, Recompute, Rewrite, Rewrites, Scope, Span, Staged, StoreError, What,
};
use tokio::sync::Mutex;

const HOUR_MS: i64 = DAY_MS / 24;

/// A store in which figures can change only so many times before everything breaks off.
struct Mortal<'e> {
    events: &'e MemoryEvents,
    steps_left: AtomicUsize,
}

impl Mortal<'_> {
    fn step(&self) -> Result<(), StoreError> {
        let left = self.steps_left.load(Ordering::Relaxed);
        self.steps_left.store(left.saturating_sub(1), Ordering::Relaxed);
        if left == 0 { Err(StoreError::Closed) } else { Ok(()) }
    }
}

#[async_trait]
impl Rewrites for Mortal<'_> {
    async fn generation(&self) -> Result<u64, StoreError> {
        self.events.generation().await
    }

    async fn rows_within(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        self.events.rows_within(scope).await
    }

    async fn stage(&self, piece: Piece, rewrites: Vec<Rewrite>) -> Result<(), StoreError> {
        self.step()?;
        self.events.stage(piece, rewrites).await
    }

    async fn staged(&self, job: i64) -> Result<Option<Staged>, StoreError> {
        self.events.staged(job).await
    }

    async fn switch(
        &self,
        job: i64,
        span: Span,
        spend: Option<Vec<Row>>,
    ) -> Result<u64, StoreError> {
        self.step()?;
        self.events.switch(job, span, spend).await
    }
}

/// A store with clicks, and the catalog beside it.
struct Rig {
    events: MemoryEvents,
    catalog: MemoryCatalog,
    rates: RateTable,
}

impl Rig {
    fn new(clicks: &[Click]) -> Self {
        let (events, catalog) = (MemoryEvents::new(), MemoryCatalog::new());
        let rig = Self { events, catalog, rates: RateTable::default() };
        rig.commit(clicks.iter().map(Click::row).collect());
        rig
    }

    fn commit(&self, rows: Vec<Row>) {
        let after = block_on(self.events.position()).unwrap();
        let batch = Batch { after, through: after + 10_000, rows, inbox: Vec::new() };
        block_on(self.events.commit(batch)).unwrap();
    }

    fn add(&self, costs: Vec<NewCost>) -> Vec<i64> {
        let added = block_on(self.catalog.add_costs(1, costs, &by())).unwrap();
        added.into_iter().map(|cost| cost.id).collect()
    }

    fn run_one(&self, job: &Recompute, steps: usize) -> Option<Progress> {
        let mortal = Mortal { events: &self.events, steps_left: AtomicUsize::new(steps) };
        let table = table();
        let stores = Recomputer {
            events: &self.events,
            rewrites: &mortal,
            costs: &self.catalog,
            table: &table,
            rates: &self.rates,
            turn: &Mutex::default(),
            judge: &judge,
        };
        block_on(stores.run(job)).ok()
    }

    /// Carries all jobs out.
    fn recompute(&self) {
        while let Some(job) = block_on(self.catalog.unfinished()).unwrap().first() {
            self.run_one(job, usize::MAX).unwrap();
        }
    }

    /// Takes in the clicks of the first day that came since.
    fn refresh(&self) {
        let table = table();
        let stores = Recomputer {
            events: &self.events,
            rewrites: &self.events,
            costs: &self.catalog,
            table: &table,
            rates: &self.rates,
            turn: &Mutex::default(),
            judge: &judge,
        };
        for job in block_on(refreshes(stores, START_MS, START_MS + DAY_MS)).unwrap() {
            block_on(stores.run(&job)).unwrap();
        }
    }

    fn rows(&self) -> Vec<Row> {
        let kinds = RowKind::ALL.to_vec();
        let tags = vec![
            Field::Campaign.tag(),
            Field::CreativeId.tag(),
            Field::Bot.tag(),
            Field::BotReason.tag(),
            tag::COST_ENTRY,
            tag::COST_BASE,
            tag::COST_SOURCE,
        ];
        let span = Span { workspace: 1, campaign: None, from_ms: 0, to_ms: i64::MAX / 2 };
        let scope = Scope { span, after: 0, through: u64::MAX, kinds, tags };
        block_on(self.events.rows_within(&scope)).unwrap()
    }

    fn cost(&self) -> i64 {
        self.rows().iter().map(|row| row.cost).sum()
    }
}

/// Whoever names himself a robot is one.
fn judge(user_agent: &str) -> Judged {
    user_agent.contains("robot").then_some("crawler")
}

fn by() -> Author {
    Author { author: "ann".to_owned(), at_ms: START_MS, batch: None }
}

#[derive(Clone, Debug)]
struct Click {
    number: i64,
    campaign: i64,
    at_ms: i64,
    creative: &'static str,
    cost: i64,
}

impl Click {
    fn row(&self) -> Row {
        let mut facts = Facts::default();
        facts.set_int(Field::Workspace, 1);
        facts.set_int(Field::Campaign, self.campaign);
        facts.set_text(Field::CreativeId, self.creative);
        let key = ClickKey::new(self.at_ms, 0, self.number as u16);
        Row {
            kind: RowKind::Click,
            key,
            event_ms: key.time_ms(),
            sequence: self.number as u64,
            count: 1,
            cost: self.cost,
            revenue: 0,
            facts,
        }
    }

    /// Under a price per day.
    fn daily(&self, rate: i64) -> Row {
        let mut row = self.row();
        row.facts.push_int(tag::COST_SOURCE, CostSource::PerDay as i64);
        row.facts.push_int(tag::COST_RATE, rate);
        row.facts.push_bytes(tag::COST_RATE_CURRENCY, b"USD");
        row
    }
}

fn click(number: i64, hour: i64) -> Click {
    let at_ms = START_MS + hour * HOUR_MS + number;
    Click { number, campaign: 1, at_ms, creative: "", cost: 0 }
}

fn cost(amount: i64, from_hour: i64, hours: i64, creative: Option<&str>) -> NewCost {
    let from_ms = START_MS + from_hour * HOUR_MS;
    let slice = creative.map(|text| (Field::CreativeId, text.to_owned())).into_iter().collect();
    let key =
        SpendKey { campaign: 1, slice: Slice(slice), from_ms, to_ms: from_ms + hours * HOUR_MS };
    NewCost { key, amount: Money(amount), currency: Currency::USD }
}

#[test]
fn an_entry_is_spread_shown_where_nobody_clicked_and_undone_without_a_trace() {
    let rig = Rig::new(&[click(1, 0), click(2, 1), click(3, 30)]);
    let before = rig.rows();
    let ids = rig.add(vec![cost(101, 0, 24, None), cost(7, 48, 1, Some("nobody"))]);
    rig.recompute();
    let rows = rig.rows();
    let costs: Vec<_> = rows.iter().map(|row| (row.kind, row.cost)).collect();
    let clicked = RowKind::Click;
    assert_eq!(costs, [(clicked, 51), (clicked, 50), (clicked, 0), (RowKind::Spend, 7)]);
    assert_eq!(rows[0].facts.int_at(tag::COST_ENTRY), Some(ids[0]));
    assert_eq!(rows[3].facts.text(Field::CreativeId), Some("nobody"));
    // A newer entry for the same traffic replaces it.
    let newer = rig.add(vec![cost(10, 0, 24, None)]);
    rig.recompute();
    assert_eq!(rig.cost(), 17);
    for id in [newer[0], ids[0], ids[1]] {
        assert!(block_on(rig.catalog.undo_cost(1, id, &by())).unwrap());
        rig.recompute();
    }
    assert_eq!(rig.rows(), before);
}

#[test]
fn clicks_that_come_later_share_what_is_spent_once_it_is_refreshed() {
    let rig = Rig::new(&[click(1, 0)]);
    rig.add(vec![cost(100, 0, 24, None)]);
    rig.recompute();
    rig.commit(vec![click(2, 2).row()]);
    assert_eq!(rig.cost(), 100);
    rig.refresh();
    let costs: Vec<i64> = rig.rows().iter().map(|row| row.cost).collect();
    assert_eq!(costs, [50, 50]);
}

#[test]
fn a_price_per_day_is_spread_over_each_days_clicks() {
    let rig = Rig::new(&[]);
    let mut rows: Vec<Row> = [click(1, 0), click(2, 5)].iter().map(|c| c.daily(100)).collect();
    // What the day's last click was priced with is the price of the day.
    rows.push(click(3, 23).daily(90));
    rows.push(click(4, 24).daily(70));
    rig.commit(rows);
    rig.add(vec![cost(11, 5, 1, None)]);
    rig.recompute();
    let rows = rig.rows();
    let costs: Vec<_> =
        rows.iter().map(|row| (row.cost, row.facts.int_at(tag::COST_ENTRY))).collect();
    // The hour's amount is part of the day's; the next day was not touched yet.
    assert_eq!(costs, [(40, Some(0)), (11, Some(1)), (39, Some(0)), (0, None)]);
}

#[test]
fn conversions_and_impressions_that_an_entry_paid_for_do_not_cost_again() {
    let rig = Rig::new(&[]);
    let mut sale = click(1, 0).row();
    (sale.kind, sale.cost, sale.sequence) = (RowKind::Entry, 30, 9);
    let mut view = click(2, 0).row();
    (view.kind, view.cost) = (RowKind::Impression, 4);
    rig.commit(vec![click(1, 0).row(), sale, view]);
    let ids = rig.add(vec![cost(100, 0, 1, None)]);
    rig.recompute();
    assert_eq!(rig.cost(), 100);
    block_on(rig.catalog.undo_cost(1, ids[0], &by())).unwrap();
    rig.recompute();
    assert_eq!(rig.cost(), 34);
}

#[test]
fn tests_of_the_operator_are_not_billed_and_bots_are() {
    let rig = Rig::new(&[]);
    let (mut test, mut bot) = (click(1, 0).row(), click(2, 0).row());
    test.facts.set_flag(Field::Test, true);
    bot.facts.set_flag(Field::Bot, true);
    rig.commit(vec![test, bot, click(3, 0).row()]);
    rig.add(vec![cost(10, 0, 1, None)]);
    rig.recompute();
    let costs: Vec<i64> = rig.rows().iter().map(|row| row.cost).collect();
    assert_eq!(costs, [0, 5, 5]);
}

#[test]
fn a_killed_job_goes_on_where_it_was() {
    let clicks: Vec<Click> = (0..24).map(|hour| click(hour + 1, hour)).collect();
    let rig = Rig::new(&clicks);
    rig.add(vec![cost(24 * 7 + 5, 0, 24, None)]);
    let job = block_on(rig.catalog.unfinished()).unwrap().remove(0);
    assert!(rig.run_one(&job, 10).is_none());
    // 14 pieces, and the switch.
    assert_eq!(rig.run_one(&job, 15).map(|progress| progress.changed), Some(24));
    let costs: Vec<i64> = rig.rows().iter().map(|row| row.cost).collect();
    assert_eq!(costs, [vec![8; 5], vec![7; 19]].concat());
}

#[test]
fn clicks_are_judged_anew_and_what_came_of_them_follows() {
    let agent = |number: i64, text: &str, reason: &str| {
        let mut row = click(number, number).row();
        row.facts.set_text(Field::UserAgent, text);
        row.facts.set_flag(Field::Bot, !reason.is_empty());
        row.facts.set_text(Field::BotReason, reason);
        row
    };
    let rig = Rig::new(&[]);
    let mut sale = agent(1, "robot", "");
    (sale.kind, sale.sequence) = (RowKind::Entry, 9);
    let rows = vec![
        agent(1, "robot", ""),
        sale,
        agent(2, "person", "monitor"),
        agent(3, "person", "prefetch"),
        agent(4, "robot", "crawler"),
    ];
    rig.commit(rows);
    let wanted = NewRecompute {
        workspace: 1,
        what: What::Bots,
        campaign: None,
        from_ms: START_MS,
        to_ms: START_MS + DAY_MS,
    };
    let job = block_on(rig.catalog.add_recompute(wanted, &by())).unwrap();
    // Killed, it goes on where it was.
    assert!(rig.run_one(&job, 5).is_none());
    assert_eq!(rig.run_one(&job, 20).map(|progress| progress.changed), Some(3));
    let told: Vec<_> = rig
        .rows()
        .iter()
        .map(|row| {
            (row.facts.flag(Field::Bot), row.facts.text(Field::BotReason).map(str::to_owned))
        })
        .collect();
    let bot = |code: &str| (true, Some(code.to_owned()));
    // What the request itself said is not in the user agent, and stays.
    assert_eq!(
        told,
        [bot("crawler"), bot("crawler"), (false, None), bot("prefetch"), bot("crawler")]
    );
}

#[test]
fn pieces_staged_with_other_entries_are_staged_again() {
    let rig = Rig::new(&[click(1, 0), click(2, 1), click(3, 2)]);
    rig.add(vec![cost(30, 0, 24, None)]);
    let job = block_on(rig.catalog.unfinished()).unwrap().remove(0);
    assert!(rig.run_one(&job, 2).is_none());
    rig.add(vec![cost(10, 2, 1, None)]);
    rig.run_one(&job, usize::MAX).unwrap();
    let costs: Vec<i64> = rig.rows().iter().map(|row| row.cost).collect();
    assert_eq!(costs, [10, 10, 10]);
}

fn clicks() -> impl Strategy<Value = Vec<Click>> {
    let one = (1i64..3, 0i64..60, prop::sample::select(vec!["", "a", "b"]), 0i64..9);
    prop::collection::vec(one, 0..40).prop_map(|list| {
        let click = |(number, (campaign, hour, creative, cost))| Click {
            campaign,
            creative,
            cost,
            ..click(number, hour)
        };
        (1..).zip(list).map(click).collect()
    })
}

fn costs() -> impl Strategy<Value = Vec<NewCost>> {
    let creative = prop::sample::select(vec![None, Some(""), Some("a"), Some("c")]);
    let one = (0i64..1_000_000, 0i64..40, prop::sample::select(vec![1, 4, 24]), creative);
    let entry = one.prop_map(|(amount, from, hours, creative)| cost(amount, from, hours, creative));
    prop::collection::vec(entry, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_job_that_is_killed_anywhere_ends_as_one_that_is_not(
        clicks in clicks(),
        costs in costs(),
        kills in prop::collection::vec(0usize..60, 0..4),
    ) {
        let (whole, killed) = (Rig::new(&clicks), Rig::new(&clicks));
        whole.add(costs.clone());
        killed.add(costs);
        whole.recompute();
        for steps in kills {
            if let Some(job) = block_on(killed.catalog.unfinished()).unwrap().first() {
                killed.run_one(job, steps);
            }
        }
        killed.recompute();
        let rows = whole.rows();
        prop_assert_eq!(&killed.rows(), &rows);
        // Done again, it changes nothing.
        whole.refresh();
        prop_assert_eq!(whole.rows(), rows);
    }

    #[test]
    fn entries_apart_cost_what_they_say(clicks in clicks(), amounts in prop::collection::vec(0i64..1_000_000, 0..10)) {
        let rig = Rig::new(&clicks);
        let costs: Vec<NewCost> =
            (0..).zip(&amounts).map(|(hour, amount)| cost(*amount, hour * 4, 4, None)).collect();
        let (begin, end) = (START_MS, START_MS + amounts.len() as i64 * 4 * HOUR_MS);
        let own: i64 = clicks
            .iter()
            .filter(|c| c.campaign != 1 || !(begin..end).contains(&c.at_ms))
            .map(|c| c.cost)
            .sum();
        rig.add(costs);
        rig.recompute();
        prop_assert_eq!(rig.cost(), own + amounts.iter().sum::<i64>());
    }
}
