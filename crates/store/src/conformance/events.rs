//! What every event store does.

use super::sample::{MAY_MS, call, entry, key, odd_row, row};
use crate::error::StoreError;
use crate::events::{Batch, Events, ExportPage, InboxQuery};
use crate::facts_order::normal_facts;
use model::Field;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::metric::{Counter, Metric, Selection, Sum};
use model::query::{Cell, Plan, TimeBasis, ZoneOffsets};
use model::record::tag;
use model::thing::Status;
use std::sync::Arc;

/// Runs the whole suite; `make` gives a fresh, empty store each time.
pub async fn events<F>(make: F) -> Result<(), StoreError>
where
    F: AsyncFn() -> Result<Arc<dyn Events>, StoreError>,
{
    batches_commit_exactly_once(make().await?.as_ref()).await?;
    rows_come_back_as_they_went_in(make().await?.as_ref()).await?;
    rows_of_many_clicks_come_in_order(make().await?.as_ref()).await?;
    workspaces_are_apart(make().await?.as_ref()).await?;
    entries_and_platform_ids_are_found(make().await?.as_ref()).await?;
    sums_are_plain(make().await?.as_ref()).await?;
    exports_page_through_everything_once(make().await?.as_ref()).await?;
    the_inbox_keeps_calls_and_their_latest_verdict(make().await?.as_ref()).await?;
    stats_count_everything(make().await?.as_ref()).await?;
    a_closed_store_says_so(make().await?.as_ref()).await
}

fn batch(after: u64, through: u64, rows: Vec<Row>) -> Batch {
    Batch { after, through, rows, inbox: Vec::new() }
}

fn normal(mut row: Row) -> Row {
    row.facts = normal_facts(&row);
    row
}

async fn batches_commit_exactly_once(store: &dyn Events) -> Result<(), StoreError> {
    assert_eq!(store.position().await?, 0);
    let first = batch(0, 10, vec![row(RowKind::Click, 1)]);
    store.commit(first.clone()).await?;
    assert_eq!(store.position().await?, 10);
    for (after, through) in [(0, 10), (9, 20), (11, 20), (10, 9)] {
        let repeated = store.commit(batch(after, through, first.rows.clone())).await;
        let refused = matches!(repeated, Err(StoreError::OutOfStep { position: 10, .. }));
        assert!(refused, "{after}..{through}: {repeated:?}");
    }
    store.commit(batch(10, 11, Vec::new())).await?;
    assert_eq!(store.position().await?, 11);
    assert_eq!(store.rows_of(1, &[key(1)]).await?.len(), 1);
    Ok(())
}

async fn rows_come_back_as_they_went_in(store: &dyn Events) -> Result<(), StoreError> {
    let mut rows: Vec<Row> = of_clicks().zip(1..).map(|(kind, number)| row(kind, number)).collect();
    rows.push(odd_row(20));
    let mut bare = row(RowKind::Click, 21);
    bare.facts = model::Facts::default();
    bare.count = -3;
    (bare.cost, bare.revenue) = (i64::MAX, i64::MIN);
    rows.push(bare);
    store.commit(batch(0, 9, rows.clone())).await?;
    for row in rows {
        assert_eq!(store.rows_of(1, &[row.key]).await?, [normal(row)]);
    }
    Ok(())
}

/// The kinds of rows that belong to a click.
fn of_clicks() -> impl Iterator<Item = RowKind> {
    RowKind::ALL.into_iter().filter(|kind| *kind != RowKind::Spend)
}

async fn rows_of_many_clicks_come_in_order(store: &dyn Events) -> Result<(), StoreError> {
    let later = [entry(2, 9, "t", -1, -5), entry(2, 9, "t", 1, 7), entry(1, 8, "u", 1, 5)];
    let first = vec![row(RowKind::Click, 2), row(RowKind::LanderClick, 2), row(RowKind::Click, 3)];
    store.commit(batch(0, 5, first.clone())).await?;
    store.commit(batch(5, 9, [vec![row(RowKind::Click, 1)], later.to_vec()].concat())).await?;
    let found = store.rows_of(1, &[key(2), key(1), key(77), key(2)]).await?;
    let expected = [
        row(RowKind::Click, 1),
        later[2].clone(),
        first[0].clone(),
        first[1].clone(),
        later[0].clone(),
        later[1].clone(),
    ];
    assert_eq!(found, expected.map(normal));
    assert!(store.rows_of(1, &[]).await?.is_empty());
    Ok(())
}

async fn workspaces_are_apart(store: &dyn Events) -> Result<(), StoreError> {
    let mut foreign = entry(1, 4, "t", 1, 5);
    foreign.facts.replace_int(Field::Workspace.tag(), 2);
    let mut call = call(3, Some(1), Verdict::Recorded, "/postback");
    call.workspace = 2;
    let batch = Batch { after: 0, through: 4, rows: vec![foreign], inbox: vec![call] };
    store.commit(batch).await?;
    assert_eq!(store.rows_of(2, &[key(1)]).await?.len(), 1);
    assert!(store.rows_of(1, &[key(1)]).await?.is_empty());
    let page = ExportPage { cursor: None, limit: 10 };
    assert!(store.export(1, 0, i64::MAX, TimeBasis::Event, page).await?.0.is_empty());
    assert!(store.entries_with_txid(1, &["t".to_owned()]).await?.is_empty());
    assert!(store.inbox(1, InboxQuery::default()).await?.is_empty());
    assert!(store.inbox_of(1, &[key(1)]).await?.is_empty());
    assert_eq!(store.inbox_entry(1, 3).await?, None);
    assert!(store.inbox_entry(2, 3).await?.is_some());
    assert_eq!(store.answer(&plan(&[], &["revenue"])).await?.rows[0].sums, [0]);
    Ok(())
}

async fn entries_and_platform_ids_are_found(store: &dyn Events) -> Result<(), StoreError> {
    let rows = vec![
        odd_row(2),
        odd_row(5),
        row(RowKind::Click, 6),
        entry(2, 9, "it's", 1, 5),
        entry(5, 8, "other", 1, 5),
    ];
    store.commit(batch(0, 9, rows.clone())).await?;
    let found = store.entries_with_txid(1, &["it's".to_owned(), "unknown".to_owned()]).await?;
    assert_eq!(found, [normal(rows[3].clone())]);
    assert!(store.entries_with_txid(1, &[]).await?.is_empty());
    for (kind, value) in [("gclid", "Cj0KCQ"), ("fbclid", "IwAR0"), ("external_id", "ext-1")] {
        assert_eq!(store.find_platform_id(1, kind, value).await?, [key(5), key(2)], "{kind}");
    }
    assert!(store.find_platform_id(1, "gclid", "IwAR0").await?.is_empty());
    assert!(store.find_platform_id(2, "gclid", "Cj0KCQ").await?.is_empty());
    Ok(())
}

/// A plan over May.
fn plan(by: &[Field], metrics: &[&str]) -> Plan {
    Plan {
        workspace: 1,
        from_ms: MAY_MS,
        to_ms: MAY_MS + 31 * 86_400_000,
        time: TimeBasis::Click,
        zone: ZoneOffsets::utc(),
        by: by.to_vec(),
        counters: metrics.iter().filter_map(|name| counter(name)).collect(),
        filter: Vec::new(),
        median: false,
    }
}

fn counter(name: &str) -> Option<Counter> {
    name.parse::<Metric>().ok()?.counter()
}

async fn sums_are_plain(store: &dyn Events) -> Result<(), StoreError> {
    let mut bot = row(RowKind::Click, 2);
    bot.facts.set_flag(Field::Bot, true);
    bot.cost = 30;
    let mut austria = row(RowKind::Click, 3);
    austria.facts = model::Facts::default();
    austria.facts.set_text(Field::Country, "AT");
    let rows = vec![
        row(RowKind::Click, 1),
        bot,
        austria,
        row(RowKind::LanderClick, 1),
        entry(1, 8, "a", 1, 50),
        entry(1, 9, "a", -1, -50),
        entry(1, 9, "a", 1, 70),
    ];
    store.commit(batch(0, 9, rows)).await?;
    let metrics = ["clicks", "bot_clicks", "lander_clicks", "conversions", "cost", "revenue"];
    let totals = store.answer(&plan(&[], &metrics)).await?;
    assert_eq!(totals.rows.len(), 1);
    assert_eq!(totals.rows[0].sums, [2, 1, 1, 1, 30, 70]);
    let mut rows = store.answer(&plan(&[Field::Country], &metrics)).await?.rows;
    rows.sort_by(|a, b| a.key[0].order(&b.key[0]));
    let country = |code: &str| vec![Cell::Text(code.to_owned())];
    assert_eq!((&rows[0].key, &rows[0].sums), (&country("AT"), &vec![1, 0, 0, 0, 0, 0]));
    assert_eq!((&rows[1].key, &rows[1].sums), (&country("DE"), &vec![1, 1, 1, 1, 30, 70]));
    let mut euros = entry(2, 10, "b", 1, 110);
    euros.facts.push_int(tag::AMOUNT, 100);
    euros.facts.push_bytes(tag::RATE, b"11/10 manual 2026-05-01");
    let mut apart = entry(3, 10, "c", 1, 0);
    apart.facts.push_int(tag::AMOUNT, -7);
    store.commit(batch(9, 10, vec![euros, apart])).await?;
    let received = |sum| {
        let selection = Selection::entries(&[Status::Approved], sum);
        Counter::of(selection)
    };
    let counters = [Sum::Revenue, Sum::Received, Sum::Apart].map(received).to_vec();
    let money = store.answer(&Plan { counters, ..plan(&[], &[]) }).await?;
    assert_eq!(money.rows[0].sums, [180, 163, -7]);
    let without = |types: &[&str]| {
        let types: Vec<String> = types.iter().map(|word| (*word).to_owned()).collect();
        let counters = ["conversions", "conversions:sale", "revenue"].map(counter);
        let counting = |counter: Counter| counter.counting(&types);
        Plan { counters: counters.into_iter().flatten().map(counting).collect(), ..plan(&[], &[]) }
    };
    assert_eq!(store.answer(&without(&["lead", "it's"])).await?.rows[0].sums, [3, 3, 180]);
    assert_eq!(store.answer(&without(&["lead", "sale"])).await?.rows[0].sums, [0, 3, 180]);
    let median = Plan { median: true, ..plan(&[], &["clicks"]) };
    let answer = store.answer(&median).await?;
    assert_eq!((answer.median_seconds, answer.rows[0].median_seconds), (Some(90), Some(90)));
    assert!(store.answer(&plan(&[Field::Country], &[])).await?.rows.is_empty());
    Ok(())
}

async fn exports_page_through_everything_once(store: &dyn Events) -> Result<(), StoreError> {
    let mut rows: Vec<Row> = (1..=20).map(|number| row(RowKind::Click, number)).collect();
    rows.extend((1..=5).map(|number| row(RowKind::LanderClick, number)));
    rows.extend((1..=5).flat_map(|n| [entry(n, 30, "t", -1, -5), entry(n, 30, "t", 1, 5)]));
    store.commit(batch(0, 30, rows.clone())).await?;
    for time in [TimeBasis::Click, TimeBasis::Event] {
        for limit in [1, 3, 7, 100] {
            let mut seen: Vec<Row> = Vec::new();
            let mut page = ExportPage { cursor: None, limit };
            loop {
                let (rows, next) = store.export(1, MAY_MS, MAY_MS + 86_400_000, time, page).await?;
                assert!(rows.len() == limit || next.is_none());
                seen.extend(rows);
                page.cursor = next;
                if next.is_none() {
                    break;
                }
            }
            let at = |row: &Row| match time {
                TimeBasis::Click => row.key.time_ms(),
                TimeBasis::Event => row.event_ms,
            };
            let mut expected: Vec<Row> = rows.iter().cloned().map(normal).collect();
            expected.sort_by_key(|row| (at(row), row.key, row.sequence, row.kind));
            assert_eq!(seen, expected, "{time:?} in pages of {limit}");
        }
    }
    let page = ExportPage { cursor: None, limit: 100 };
    let (rows, _) = store.export(1, MAY_MS + 2000, MAY_MS + 4000, TimeBasis::Click, page).await?;
    assert_eq!(rows.iter().filter(|row| row.kind == RowKind::Click).count(), 2);
    Ok(())
}

async fn the_inbox_keeps_calls_and_their_latest_verdict(
    store: &dyn Events,
) -> Result<(), StoreError> {
    let calls = [
        call(3, Some(1), Verdict::Recorded, "/postback?clickid=a&payout=1"),
        call(5, None, Verdict::Unattributed, "/postback?cid=BAD'ID"),
        call(6, Some(2), Verdict::Held, "/postback?clickid=b"),
    ];
    let first = Batch { after: 0, through: 6, rows: Vec::new(), inbox: calls.to_vec() };
    store.commit(first).await?;
    let settled = InboxEntry { verdict: Verdict::Recorded, ..calls[2].clone() };
    let later = call(8, Some(1), Verdict::Duplicate, "/pixel.gif");
    let inbox = vec![settled.clone(), later.clone()];
    store.commit(Batch { after: 6, through: 8, rows: Vec::new(), inbox }).await?;
    let ask = async |query: InboxQuery| {
        let found = store.inbox(1, query).await?;
        Ok::<_, StoreError>(found.into_iter().map(|entry| entry.sequence).collect::<Vec<_>>())
    };
    let all = InboxQuery::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ask(all()).await?, [8, 6, 5, 3]);
    assert_eq!(ask(InboxQuery { limit: 2, before: Some(8), ..all() }).await?, [6, 5]);
    let recorded = InboxQuery { verdict: Some(Verdict::Recorded), ..all() };
    assert_eq!(ask(recorded).await?, [6, 3]);
    assert_eq!(ask(InboxQuery { key: Some(key(1)), ..all() }).await?, [8, 3]);
    let from = |from, to| Some((MAY_MS + from, MAY_MS + to));
    assert_eq!(ask(InboxQuery { received: from(5, 8), ..all() }).await?, [6, 5]);
    let why = |reason: &str| InboxQuery { reason: Some(reason.to_owned()), ..all() };
    assert_eq!(ask(why("why")).await?, [8, 6, 5, 3]);
    assert_eq!(ask(why("wh")).await?, [0; 0]);
    assert_eq!(ask(InboxQuery { text: text("bad'id"), ..all() }).await?, [5]);
    assert_eq!(ask(InboxQuery { text: text("ÜBERFÄLLIG"), ..all() }).await?, [8, 6, 5, 3]);
    assert_eq!(ask(InboxQuery { text: text("%"), ..all() }).await?, [0; 0]);
    assert_eq!(store.inbox_of(1, &[key(1), key(9)]).await?, [calls[0].clone(), later]);
    assert_eq!(store.inbox_entry(1, 6).await?, Some(settled.clone()));
    assert_eq!(store.inbox_entries(1, &[6, 7, 3]).await?, [calls[0].clone(), settled]);
    assert_eq!(store.inbox_entries(1, &[]).await?, []);
    assert_eq!(store.inbox_entry(1, 7).await?, None);
    Ok(())
}

async fn stats_count_everything(store: &dyn Events) -> Result<(), StoreError> {
    let empty = store.stats().await?;
    assert_eq!((empty.clicks, empty.newest_ms, empty.largest_keys.len()), (0, None, 0));
    let mut other_node = row(RowKind::Impression, 1);
    other_node.key = model::ClickKey::new(MAY_MS, 7, 5);
    let rows = vec![
        row(RowKind::Click, 3),
        row(RowKind::Click, 2),
        other_node.clone(),
        row(RowKind::LanderClick, 2),
        entry(2, 9, "t", 1, 5),
    ];
    let inbox = vec![call(9, Some(2), Verdict::Recorded, "/postback")];
    store.commit(Batch { after: 0, through: 9, rows, inbox }).await?;
    store.commit(batch(9, 10, vec![row(RowKind::Click, 1)])).await?;
    let stats = store.stats().await?;
    assert_eq!((stats.position, stats.clicks, stats.hops, stats.entries), (10, 4, 1, 1));
    assert_eq!(stats.inbox, 1);
    assert_eq!(stats.newest_ms, Some(MAY_MS + 2000 + 90_500));
    assert_eq!(stats.largest_keys, [(0, key(3)), (7, other_node.key)]);
    Ok(())
}

async fn a_closed_store_says_so(store: &dyn Events) -> Result<(), StoreError> {
    store.close().await?;
    assert!(matches!(store.position().await, Err(StoreError::Closed)));
    assert!(matches!(store.commit(batch(0, 1, Vec::new())).await, Err(StoreError::Closed)));
    assert!(matches!(store.rows_of(1, &[key(1)]).await, Err(StoreError::Closed)));
    Ok(())
}
