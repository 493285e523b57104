//! What every store does when figures are computed again.

use super::sample::{MAY_MS, entry, key, row};
use crate::error::StoreError;
use crate::events::{Batch, Events};
use crate::rewrites::{Amounts, Figure, Piece, Rewrite, Rewrites, Scope, Span, Staged};
use model::Field;
use model::event::{Row, RowKind};
use model::metric::{Counter, Metric};
use model::query::{Plan, TimeBasis, ZoneOffsets};
use model::record::tag;
use std::sync::Arc;

/// A store by both of its sides.
pub type Both = (Arc<dyn Events>, Arc<dyn Rewrites>);

/// Runs the whole suite; `make` gives a fresh, empty store each time.
pub async fn rewrites<F>(make: F) -> Result<(), StoreError>
where
    F: AsyncFn() -> Result<Both, StoreError>,
{
    rows_are_found_with_the_facts_that_are_wanted(make().await?).await?;
    figures_change_only_when_they_are_switched(make().await?).await?;
    a_piece_that_is_staged_again_counts_once(make().await?).await?;
    what_a_row_cost_before_comes_back(make().await?).await?;
    verdicts_change_and_costs_stay(make().await?).await?;
    amounts_change_row_by_row(make().await?).await?;
    spending_without_clicks_is_replaced_within_its_span(make().await?).await?;
    reports_see_the_old_figures_or_the_new_ones(make().await?).await
}

fn span() -> Span {
    Span { workspace: 1, campaign: None, from_ms: MAY_MS, to_ms: MAY_MS + 86_400_000 }
}

fn rewrite(of: &Row, figure: Figure) -> Rewrite {
    Rewrite::new(of, figure)
}

fn piece(number: u64) -> Piece {
    Piece { job: 5, number, through: 90, basis: -7 }
}

async fn commit(events: &dyn Events, rows: Vec<Row>) -> Result<(), StoreError> {
    let after = events.position().await?;
    let through = after + 100;
    events.commit(Batch { after, through, rows, inbox: Vec::new() }).await
}

fn priced(number: i64, cost: i64) -> Row {
    let mut click = row(RowKind::Click, number);
    click.cost = cost;
    click
}

async fn cost(events: &dyn Events) -> Result<i128, StoreError> {
    let metric = "cost".parse::<Metric>().ok();
    let counters: Vec<Counter> = metric.iter().filter_map(Metric::counter).collect();
    let plan = Plan {
        workspace: 1,
        from_ms: MAY_MS,
        to_ms: MAY_MS + 86_400_000,
        time: TimeBasis::Click,
        zone: ZoneOffsets::utc(),
        by: Vec::new(),
        counters,
        filter: Vec::new(),
        median: false,
    };
    Ok(events.answer(&plan).await?.rows[0].sums[0])
}

async fn rows_are_found_with_the_facts_that_are_wanted(
    (events, rewrites): Both,
) -> Result<(), StoreError> {
    let mut other = row(RowKind::Click, 3);
    other.facts.replace_int(Field::Campaign.tag(), 4);
    other.facts.set_text(Field::Sub20, "rest");
    other.facts.set_flag(Field::Test, true);
    let sale = entry(2, 9, "t", 1, 5);
    let rows = [row(RowKind::Click, 1), row(RowKind::Click, 2), other, sale];
    commit(&*events, rows.to_vec()).await?;
    let all = Scope {
        span: span(),
        after: 0,
        through: 100,
        kinds: vec![RowKind::Click, RowKind::Entry],
        tags: vec![Field::Sub20.tag(), Field::Test.tag()],
    };
    let found = rewrites.rows_within(&all).await?;
    let keys: Vec<_> = found.iter().map(|row| (row.key, row.kind)).collect();
    let (click, entry) = (RowKind::Click, RowKind::Entry);
    assert_eq!(keys, [(key(1), click), (key(2), click), (key(2), entry), (key(3), click)]);
    assert_eq!(found[0].facts.text(Field::Country), None);
    assert_eq!(found[3].facts.text(Field::Sub20), Some("rest"));
    assert!(found[3].facts.flag(Field::Test) && !found[0].facts.flag(Field::Test));
    let count = async |scope: Scope| rewrites.rows_within(&scope).await.map(|rows| rows.len());
    let campaign = Span { campaign: Some(4), ..span() };
    assert_eq!(count(Scope { span: campaign, ..all.clone() }).await?, 1);
    assert_eq!(count(Scope { through: 2, ..all.clone() }).await?, 2);
    assert_eq!(count(Scope { after: 2, ..all.clone() }).await?, 2);
    assert_eq!(count(Scope { kinds: vec![RowKind::Entry], ..all.clone() }).await?, 1);
    let second = Span { from_ms: MAY_MS + 2000, to_ms: MAY_MS + 3000, ..span() };
    assert_eq!(count(Scope { span: second, ..all.clone() }).await?, 2);
    assert_eq!(count(Scope { span: Span { workspace: 2, ..span() }, ..all }).await?, 0);
    Ok(())
}

async fn figures_change_only_when_they_are_switched(
    (events, rewrites): Both,
) -> Result<(), StoreError> {
    let rows = [priced(1, 10), priced(2, 20)];
    commit(&*events, rows.to_vec()).await?;
    assert_eq!((rewrites.generation().await?, rewrites.staged(5).await?), (0, None));
    let share = |cost| Figure::Share { entry: 7, cost };
    rewrites.stage(piece(0), vec![rewrite(&rows[0], share(3))]).await?;
    rewrites.stage(piece(1), vec![rewrite(&rows[1], share(4))]).await?;
    rewrites.stage(piece(2), Vec::new()).await?;
    assert_eq!(rewrites.staged(5).await?, Some(Staged { through: 90, basis: -7, pieces: 3 }));
    assert_eq!(rewrites.staged(6).await?, None);
    assert_eq!(cost(&*events).await?, 30);
    // A click that comes meanwhile keeps its own figure.
    commit(&*events, vec![priced(3, 100)]).await?;
    assert_eq!(rewrites.switch(5, span(), Some(Vec::new())).await?, 2);
    assert_eq!(cost(&*events).await?, 107);
    assert_eq!((rewrites.generation().await?, rewrites.staged(5).await?), (1, None));
    let found = events.rows_of(1, &[key(1)]).await?;
    let facts = &found[0].facts;
    assert_eq!((facts.int_at(tag::COST_BASE), facts.int_at(tag::COST_ENTRY)), (Some(10), Some(7)));
    Ok(())
}

async fn a_piece_that_is_staged_again_counts_once(
    (events, rewrites): Both,
) -> Result<(), StoreError> {
    let rows = [priced(1, 10), priced(2, 20)];
    commit(&*events, rows.to_vec()).await?;
    let share = |cost| Figure::Share { entry: 7, cost };
    rewrites
        .stage(piece(0), vec![rewrite(&rows[0], share(1)), rewrite(&rows[1], share(1))])
        .await?;
    rewrites.stage(piece(1), vec![rewrite(&rows[0], share(8))]).await?;
    rewrites.stage(piece(0), vec![rewrite(&rows[1], share(5))]).await?;
    assert_eq!(rewrites.staged(5).await?, Some(Staged { through: 90, basis: -7, pieces: 1 }));
    assert_eq!(rewrites.switch(5, span(), Some(Vec::new())).await?, 1);
    assert_eq!(cost(&*events).await?, 15);
    Ok(())
}

async fn what_a_row_cost_before_comes_back((events, rewrites): Both) -> Result<(), StoreError> {
    let (click, mut sale) = (priced(1, 10), entry(1, 9, "t", 1, 50));
    let mut back = entry(1, 9, "t", -1, -50);
    (sale.cost, back.cost) = (4, -1);
    commit(&*events, vec![click.clone(), back.clone(), sale.clone()]).await?;
    for (entry, of_click, sum) in [(7, 3, 3), (8, 6, 6)] {
        let of_click = rewrite(&click, Figure::Share { entry, cost: of_click });
        let free = |row| rewrite(row, Figure::Share { entry, cost: 0 });
        rewrites.stage(piece(0), vec![of_click, free(&sale), free(&back)]).await?;
        assert_eq!(rewrites.switch(5, span(), Some(Vec::new())).await?, 3);
        assert_eq!(cost(&*events).await?, sum);
    }
    let own = [&click, &sale, &back].map(|row| rewrite(row, Figure::Own)).to_vec();
    rewrites.stage(piece(0), own).await?;
    rewrites.switch(5, span(), Some(Vec::new())).await?;
    assert_eq!(cost(&*events).await?, 13);
    let found = events.rows_of(1, &[key(1)]).await?;
    assert!(found.iter().all(|row| row.facts.get(tag::COST_BASE).is_none()));
    assert!(found.iter().all(|row| row.facts.get(tag::COST_ENTRY).is_none()));
    Ok(())
}

async fn verdicts_change_and_costs_stay((events, rewrites): Both) -> Result<(), StoreError> {
    let mut bot = priced(1, 10);
    bot.facts.set_flag(Field::Bot, true);
    bot.facts.set_flag(Field::Test, true);
    bot.facts.set_text(Field::BotReason, "crawler");
    let mut spend = row(RowKind::Spend, 7);
    (spend.count, spend.cost) = (0, 5);
    commit(&*events, vec![bot.clone(), priced(2, 20)]).await?;
    rewrites.switch(5, span(), Some(vec![spend])).await?;
    let verdict = |is_bot, reason| Figure::Verdict { is_bot, reason };
    let changes =
        [rewrite(&bot, verdict(false, "")), rewrite(&priced(2, 20), verdict(true, "monitor"))];
    rewrites.stage(piece(0), changes.to_vec()).await?;
    assert_eq!(rewrites.switch(5, span(), None).await?, 2);
    assert_eq!(cost(&*events).await?, 35);
    let found = events.rows_of(1, &[key(1), key(2)]).await?;
    let told = |row: &Row| {
        let reason = row.facts.text(Field::BotReason).map(str::to_owned);
        (row.facts.flag(Field::Bot), row.facts.flag(Field::Test), reason)
    };
    assert_eq!(told(&found[0]), (false, true, None));
    assert_eq!(told(&found[1]), (true, false, Some("monitor".to_owned())));
    Ok(())
}

async fn amounts_change_row_by_row((events, rewrites): Both) -> Result<(), StoreError> {
    let (mut click, sale) = (priced(1, 10), entry(1, 9, "t", 1, 50));
    let back = entry(1, 9, "t", -1, -50);
    click.facts.push_int(tag::COST, 9);
    click.facts.push_bytes(tag::COST_CURRENCY, b"EUR");
    commit(&*events, vec![click.clone(), back.clone(), sale.clone()]).await?;
    let of_click = Amounts { cost: 12, ..Amounts::default() };
    let of_sale = Amounts {
        cost: 1,
        revenue: 70,
        base: Some(2),
        entry: Some(3),
        received: Some(4),
        received_currency: Some("CHF".to_owned()),
        amount: Some(50),
        rate: Some("7/5 manual 2026-05-01".to_owned()),
    };
    let of_back = Amounts { revenue: -70, ..of_sale.clone() };
    let of = [(&click, &of_click), (&sale, &of_sale), (&back, &of_back)];
    let staged = of.map(|(row, amounts)| rewrite(row, Figure::Amounts(amounts.clone().into())));
    rewrites.stage(piece(0), staged.to_vec()).await?;
    assert_eq!(rewrites.switch(5, span(), None).await?, 3);
    let found = events.rows_of(1, &[key(1)]).await?;
    let amounts_of = |kind: RowKind, count: i64| {
        let row = found.iter().find(|row| (row.kind, row.count) == (kind, count));
        row.map(Amounts::of).unwrap_or_default()
    };
    for (row, expected) in of {
        assert_eq!(&amounts_of(row.kind, row.count), expected);
    }
    Ok(())
}

async fn spending_without_clicks_is_replaced_within_its_span(
    (events, rewrites): Both,
) -> Result<(), StoreError> {
    let spend = |number: i64, cost: i64| {
        let mut row = row(RowKind::Spend, number);
        (row.count, row.cost) = (0, cost);
        row.facts.push_int(tag::COST_ENTRY, number);
        row
    };
    commit(&*events, vec![priced(1, 10)]).await?;
    rewrites.switch(5, span(), Some(vec![spend(1, 100), spend(2, 200)])).await?;
    assert_eq!(cost(&*events).await?, 310);
    // It belongs to no click.
    assert_eq!(events.rows_of(1, &[key(1)]).await?.len(), 1);
    assert_eq!(events.stats().await?.clicks, 1);
    let second = Span { from_ms: MAY_MS + 2000, ..span() };
    rewrites.switch(6, second, Some(vec![spend(3, 5)])).await?;
    assert_eq!(cost(&*events).await?, 115);
    rewrites.switch(7, Span { campaign: Some(77), ..span() }, Some(Vec::new())).await?;
    assert_eq!(cost(&*events).await?, 115);
    rewrites.switch(8, span(), Some(Vec::new())).await?;
    assert_eq!((cost(&*events).await?, rewrites.generation().await?), (10, 4));
    Ok(())
}

async fn reports_see_the_old_figures_or_the_new_ones(
    (events, rewrites): Both,
) -> Result<(), StoreError> {
    const CLICKS: i64 = 1000;
    let rows: Vec<Row> = (1..=CLICKS).map(|number| priced(number, 0)).collect();
    commit(&*events, rows.clone()).await?;
    let watched = events.clone();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let watcher = tokio::spawn(async move {
        let mut seen = Vec::new();
        while !*stopped.borrow() {
            seen.push(cost(&*watched).await?);
            tokio::task::yield_now().await;
        }
        Ok::<_, StoreError>(seen)
    });
    for round in 1..=10 {
        let figure = Figure::Share { entry: round, cost: round };
        for (number, rows) in (0..).zip(rows.chunks(300)) {
            let rewrites_of = rows.iter().map(|row| rewrite(row, figure.clone())).collect();
            rewrites.stage(piece(number), rewrites_of).await?;
        }
        rewrites.switch(5, span(), Some(Vec::new())).await?;
        // Where all run on one thread, the watcher gets its turn.
        tokio::task::yield_now().await;
    }
    stop.send_replace(true);
    let seen = watcher.await.map_err(|error| StoreError::unreadable(error.to_string()))??;
    let whole = |cost: &i128| cost % i128::from(CLICKS) == 0;
    assert!(!seen.is_empty() && seen.iter().all(whole) && seen.is_sorted(), "{seen:?}");
    assert_eq!(cost(&*events).await?, i128::from(CLICKS) * 10);
    Ok(())
}
