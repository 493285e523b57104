//! What a recompute of a day's costs takes: `cargo run --release -p ingest --example recompute -- [CLICKS]`.

use ingest::Recomputer;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::metric::{Counter, Metric};
use model::money::{Currency, Money};
use model::query::{Plan, TimeBasis, ZoneOffsets};
use model::rate::RateTable;
use model::spend::{Slice, SpendKey};
use model::table::RoutingTable;
use model::{ClickKey, Field};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::{
    Author, Batch, Costs, DuckEvents, DuckOptions, Events, MemoryCatalog, NewCost, StoreError,
};
use tokio::sync::Mutex;

/// 2026-05-01T00:00:00Z.
const DAY_FROM_MS: i64 = 1_777_593_600_000;
const DAY_MS: i64 = 86_400_000;
const BATCH: i64 = 50_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clicks = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let folder = tempfile::tempdir()?;
    tokio::runtime::Runtime::new()?.block_on(measure(clicks, folder.path()))
}

async fn measure(clicks: i64, folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let options = DuckOptions { memory_bytes: 1 << 30, threads: 2 };
    let store = Arc::new(DuckEvents::open(folder.join("events.duckdb"), options)?);
    fill(&store, clicks).await?;
    let mut out = std::io::stdout().lock();
    let catalog = MemoryCatalog::new();
    let by = Author { author: "measure".to_owned(), at_ms: DAY_FROM_MS, batch: None };
    let table = RoutingTable::default();
    writeln!(
        out,
        "{:<34} {:>9} {:>9} {:>12} {:>10}",
        "", "clicks", "changed", "longest read", "seconds"
    )?;
    for (name, costs) in [
        ("one entry for the day", vec![cost(0, 24, None)]),
        ("an entry per hour and creative", per_hour()),
        ("one creative's hour again", vec![NewCost { amount: Money(7), ..cost(5, 1, Some(1)) }]),
    ] {
        catalog.add_costs(1, costs, &by).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read(store.clone(), stop.clone()));
        for job in catalog.unfinished().await? {
            let begun = Instant::now();
            let stores = Recomputer {
                events: &*store,
                rewrites: &*store,
                costs: &catalog,
                table: &table,
                rates: &RateTable::default(),
                turn: &Mutex::default(),
                judge: &|_| None,
            };
            let done = stores.run(&job).await?;
            let (rows, seconds) = (done.rows.1, begun.elapsed().as_secs_f64());
            stop.store(true, Ordering::Relaxed);
            writeln!(out, "{name:<34} {rows:>9} {:>9} {:>12} {seconds:>10.2}", done.changed, "")?;
        }
        stop.store(true, Ordering::Relaxed);
        let (reads, longest) = reader.await??;
        writeln!(
            out,
            "{:<34} {reads:>9} {:>9} {:>9} ms",
            "  reports read meanwhile",
            "",
            longest.as_millis()
        )?;
    }
    store.close().await?;
    Ok(())
}

async fn fill(store: &DuckEvents, clicks: i64) -> Result<(), StoreError> {
    let mut after = 0;
    for first in (0..clicks).step_by(BATCH as usize) {
        let rows: Vec<Row> =
            (first..(first + BATCH).min(clicks)).map(|number| click(number, clicks)).collect();
        let through = after + rows.len() as u64;
        store.commit(Batch { after, through, rows, inbox: Vec::new() }).await?;
        after = through;
    }
    Ok(())
}

fn click(number: i64, clicks: i64) -> Row {
    let key = ClickKey::new(DAY_FROM_MS + number * DAY_MS / clicks, 0, (number % 64) as u16);
    let mut facts = Facts::default();
    facts.set_int(Field::Workspace, 1);
    facts.set_int(Field::Campaign, 1);
    facts.set_int(Field::Offer, number % 7);
    facts.set_text(Field::Country, ["DE", "US", "BR", "IN"][number as usize % 4]);
    facts.set_text(Field::CreativeId, &format!("creative-{}", number % 20));
    facts.set_text(Field::Placement, &format!("placement-{}", number % 997));
    facts.set_text(Field::Sub1, &format!("value-{number}"));
    Row {
        kind: RowKind::Click,
        key,
        event_ms: key.time_ms(),
        sequence: number as u64 + 1,
        count: 1,
        cost: 10_000,
        revenue: 0,
        facts,
    }
}

fn per_hour() -> Vec<NewCost> {
    (0..24).flat_map(|hour| (0..20).map(move |number| cost(hour, 1, Some(number)))).collect()
}

fn cost(from_hour: i64, hours: i64, creative: Option<i64>) -> NewCost {
    let from_ms = DAY_FROM_MS + from_hour * DAY_MS / 24;
    let value = creative.map(|number| (Field::CreativeId, format!("creative-{number}")));
    let to_ms = from_ms + hours * DAY_MS / 24;
    let key = SpendKey { campaign: 1, slice: Slice(value.into_iter().collect()), from_ms, to_ms };
    NewCost { key, amount: Money(1_234_567_891), currency: Currency::USD }
}

/// Reads totals until `stop`: how often, and how long the slowest took.
async fn read(
    store: Arc<DuckEvents>,
    stop: Arc<AtomicBool>,
) -> Result<(u64, Duration), StoreError> {
    let metric = "cost".parse::<Metric>().ok();
    let plan = Plan {
        workspace: 1,
        from_ms: DAY_FROM_MS,
        to_ms: DAY_FROM_MS + DAY_MS,
        time: TimeBasis::Click,
        zone: ZoneOffsets::utc(),
        by: vec![Field::CreativeId],
        counters: metric.iter().filter_map(Metric::counter).collect::<Vec<Counter>>(),
        filter: Vec::new(),
        median: false,
    };
    let (mut reads, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        store.answer(&plan).await?;
        (reads, longest) = (reads + 1, longest.max(begun.elapsed()));
    }
    Ok((reads, longest))
}
