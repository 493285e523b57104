//! Measures the event store: `measure DIR CLICKS [plain|external] [BATCH]` fills a new database, then
//! prints the time of commits, bytes a click by column, and the time of look-ups and reports.
#![expect(clippy::print_stdout, reason = "a program prints")]

mod traffic;

use model::ClickKey;
use model::event::Row;
use model::query::{Plan, TimeBasis, ZoneOffsets};
use std::time::{Duration, Instant};
use store::{Batch, DuckEvents, DuckOptions, Events, ExportPage};
use traffic::{START_MS, Traffic};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, clicks, rest @ ..] = arguments.as_slice() else {
        return Err("usage: measure DIR CLICKS [plain|external] [BATCH] [USER-AGENTS]".into());
    };
    let external = rest.first().is_some_and(|word| word == "external");
    let batch = rest.get(1).map_or(Ok(10_000), |text| text.parse())?;
    let agents = agents(rest.get(2).map(String::as_str))?;
    let clicks: u64 = clicks.parse()?;
    let path = std::path::Path::new(folder).join("events.duckdb");
    let options = DuckOptions {
        memory_bytes: 4 << 30,
        threads: std::env::var("THREADS").map_or(Ok(2), |t| t.parse())?,
    };
    let events = DuckEvents::open(&path, options)?;
    let mut traffic = Traffic::new(clicks, 30, agents, external);
    let mut sample = Vec::new();
    if events.position().await? == 0 {
        fill(&events, &mut traffic, clicks, batch, &mut sample).await?;
    }
    events.close().await?;
    let size = std::fs::metadata(&path)?.len();
    println!("bytes {size}, {:.1} a click", size as f64 / clicks as f64);
    columns(&path, clicks)?;
    let started = Instant::now();
    let events = DuckEvents::open(&path, options)?;
    println!("opened in {:?}", started.elapsed());
    if std::env::var_os("ONLY_FILL").is_some() {
        return Ok(());
    }
    if sample.is_empty() {
        for hour in 0..30 * 24 {
            let from_ms = START_MS + hour * 3_600_000;
            let page = ExportPage { cursor: None, limit: 2 };
            let (rows, _) =
                events.export(1, from_ms, from_ms + 3_600_000, TimeBasis::Click, page).await?;
            sample.extend(rows.iter().map(|row| row.key));
        }
    }
    look_up(&events, &sample).await?;
    report(&events).await?;
    events.close().await?;
    Ok(())
}

fn agents(path: Option<&str>) -> Result<Vec<String>, Failure> {
    let Some(path) = path else {
        return Ok((0..2000).map(|i| format!("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{i}.0.0.0 Safari/537.36")).collect());
    };
    let text = std::fs::read_to_string(path)?;
    Ok(text.lines().filter_map(|line| Some(line.split_once('\t')?.1.to_owned())).collect())
}

async fn fill(
    events: &DuckEvents,
    traffic: &mut Traffic,
    clicks: u64,
    batch: u64,
    sample: &mut Vec<ClickKey>,
) -> Result<(), Failure> {
    let mut position = 0;
    let mut spent = Duration::ZERO;
    let mut longest = Duration::ZERO;
    let mut count = 0;
    let cpu = cpu();
    let mut made = Duration::ZERO;
    while position < clicks {
        let started = Instant::now();
        let mut rows: Vec<Row> = (0..batch).map(|_| traffic.click()).collect();
        let conversions: Vec<Row> =
            rows.iter().step_by(50).map(|click| traffic.conversion(click)).collect();
        sample.extend(rows.iter().step_by(997).map(|row| row.key));
        rows.extend(conversions);
        made += started.elapsed();
        count += rows.len();
        let started = Instant::now();
        let after = position;
        position += batch;
        events.commit(Batch { after, through: position, rows, inbox: Vec::new() }).await?;
        spent += started.elapsed();
        longest = longest.max(started.elapsed());
    }
    let row_us = spent.as_secs_f64() * 1e6 / count as f64;
    println!(
        "commit: {count} rows in {spent:?}: {row_us:.2} us a row, {:.0} rows/s, longest {longest:?}; \
         making them {made:?}; process CPU {:.2} us a row in all",
        1e6 / row_us,
        (self::cpu() - cpu) * 1e6 / count as f64
    );
    Ok(())
}

/// Seconds of processor time of this process.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        behind.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn columns(path: &std::path::Path, clicks: u64) -> Result<(), Failure> {
    let connection = duckdb::Connection::open(path)?;
    let block: i64 =
        connection.query_row("SELECT block_size FROM pragma_database_size()", [], |r| r.get(0))?;
    let block_bytes = block as f64;
    let sql = "SELECT column_name, count(DISTINCT block_id) FILTER (WHERE block_id >= 0), \
        string_agg(DISTINCT compression, '+') FILTER (WHERE segment_type <> 'VALIDITY'), \
        sum(count) FILTER (WHERE segment_type <> 'VALIDITY') \
        FROM pragma_storage_info('clicks') GROUP BY ALL ORDER BY 2 DESC";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, blocks, how): (String, i64, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        println!(
            "  {name:20} <= {:6.2} bytes a click  {}",
            blocks as f64 * block_bytes / clicks as f64,
            how.unwrap_or_default()
        );
    }
    let sql = "SELECT used_blocks, free_blocks, total_blocks FROM pragma_database_size()";
    let (used, free, total): (i64, i64, i64) =
        connection.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    println!(
        "blocks: used {used} free {free} total {total}: used {:.1} bytes a click",
        used as f64 * block_bytes / clicks as f64
    );
    Ok(())
}

async fn look_up(events: &DuckEvents, sample: &[ClickKey]) -> Result<(), Failure> {
    for pass in ["first", "second"] {
        let mut times = Vec::new();
        let before = cpu();
        for key in sample.iter().step_by((sample.len() / 200).max(1)) {
            let started = Instant::now();
            let rows = events.rows_of(1, &[*key]).await?;
            times.push(started.elapsed());
            assert!(!rows.is_empty());
        }
        times.sort();
        println!(
            "one key, {pass} time: p50 {:?} p99 {:?}, {:.2} ms of processor time",
            times.get(times.len() / 2),
            times.get(times.len() * 99 / 100),
            (cpu() - before) * 1e3 / times.len() as f64
        );
    }
    for many in [100, 1000] {
        let keys: Vec<ClickKey> =
            sample.iter().step_by((sample.len() / many).max(1)).copied().collect();
        let started = Instant::now();
        let rows = events.rows_of(1, &keys).await?;
        println!(
            "{} keys over all time: {} rows in {:?}",
            keys.len(),
            rows.len(),
            started.elapsed()
        );
    }
    let started = Instant::now();
    events.entries_with_txid(1, &["T1".to_owned(), "T2".to_owned()]).await?;
    println!("two txids: {:?}", started.elapsed());
    let started = Instant::now();
    events.find_platform_id(1, "gclid", "none").await?;
    println!("platform id: {:?}", started.elapsed());
    Ok(())
}

async fn report(events: &DuckEvents) -> Result<(), Failure> {
    let counters = |names: &[&str]| -> Result<Vec<_>, Failure> {
        let metrics = names.iter().map(|name| name.parse::<model::metric::Metric>());
        Ok(metrics
            .map(|m| m.map(|m| m.counter()))
            .collect::<Result<Option<Vec<_>>, _>>()?
            .unwrap_or_default())
    };
    let usual = counters(&["clicks", "conversions", "cost", "revenue"])?;
    for by in
        ["", "campaign", "country,device", "day", "hour_of_day", "placement", "creative_id,country"]
    {
        let by: Vec<model::Field> = by
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let plan = Plan {
            workspace: 1,
            from_ms: START_MS,
            to_ms: START_MS + 30 * 86_400_000,
            time: TimeBasis::Click,
            zone: ZoneOffsets::utc(),
            by: by.clone(),
            counters: usual.clone(),
            filter: Vec::new(),
            median: false,
        };
        let mut best = Duration::MAX;
        let mut rows = 0;
        for _ in 0..3 {
            let started = Instant::now();
            rows = events.answer(&plan).await?.rows.len();
            best = best.min(started.elapsed());
        }
        println!("report by {by:?}: {rows} rows in {best:?}");
    }
    Ok(())
}
