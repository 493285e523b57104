//! The worker that computes figures again: what was asked for, one job after the other, and from time to time the clicks
//! that came since.

use crate::app::{App, now_ms};
use ingest::{IngestError, Judged, Recomputer, refreshes};
use model::rate::RateTable;
use model::table::RoutingTable;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use store::{Progress, Recompute};
use tokio::time::sleep;

/// How often clicks that came since are taken into entries whose time is not over, at most.
const REFRESH_EVERY: Duration = Duration::from_secs(15 * 60);

/// A refresh may take this part of the time.
const REFRESH_SHARE: u32 = 20;

/// How far a refresh reaches back at a start.
const FIRST_REFRESH_MS: i64 = 2 * 24 * 60 * 60 * 1000;

/// A click may be written down, and ingested, later than the time of its id says.
const LATE_MS: i64 = 10 * 60 * 1000;

/// How soon the worker sees that the server stops.
const STOP_SEEN: Duration = Duration::from_millis(100);

/// How long to pause after a job failed, before it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Works until `stop` is set; a job that is under way then goes on at the next start.
pub async fn run(app: Arc<App>, stop: Arc<AtomicBool>) {
    let stopped = async {
        while !stop.load(Ordering::Acquire) {
            sleep(STOP_SEEN).await;
        }
    };
    tokio::select! {
        () = stopped => {}
        () = work(&app) => {}
    }
}

async fn work(app: &App) {
    let mut refresh_at = Instant::now();
    let mut refresh_from_ms = now_ms() - FIRST_REFRESH_MS;
    loop {
        let asked = ask(app).await;
        if let Ok(Some(job)) = asked {
            if let Err(error) = carry_out(app, &job).await {
                tell(&error);
                let error = Some(in_full(&error));
                // What cannot be noted is in the log.
                let _ = app.costs.note(job.id, &Progress { error, ..job.progress }).await;
                sleep(RETRY).await;
            }
            continue;
        }
        if Instant::now() >= refresh_at {
            let (begun, to_ms) = (Instant::now(), now_ms());
            // What waits in the journal is taken in by the next one.
            let is_complete =
                app.ingested.load(Ordering::Acquire) >= app.journal.status().durable.0;
            match refresh(app, refresh_from_ms, to_ms).await {
                Ok(()) if is_complete => refresh_from_ms = to_ms - LATE_MS,
                Ok(()) => {}
                Err(error) => tell(&error),
            }
            refresh_at = Instant::now() + REFRESH_EVERY.max(begun.elapsed() * REFRESH_SHARE);
        }
        let rest = refresh_at.saturating_duration_since(Instant::now());
        let wait = if asked.is_err() { RETRY } else { rest };
        let _ = tokio::time::timeout(wait, app.recomputing.notified()).await;
    }
}

async fn ask(app: &App) -> Result<Option<Recompute>, ()> {
    let unfinished = app.costs.unfinished().await;
    let unfinished = unfinished.map_err(|error| tell(&error))?;
    Ok(unfinished.into_iter().next())
}

async fn carry_out(app: &App, job: &Recompute) -> Result<(), IngestError> {
    let begun = Instant::now();
    let judge = |user_agent: &str| app.edge.judge(user_agent);
    let (table, rates) = (app.table.load(), app.rates.load());
    let progress = stores(app, &table, &rates, &judge).run(job).await?;
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (rows, changed) = (progress.rows.1, progress.changed);
    tracing::info!(job = job.id, rows, changed, elapsed_ms, "figures were computed again");
    Ok(())
}

async fn refresh(app: &App, from_ms: i64, to_ms: i64) -> Result<(), IngestError> {
    let (table, rates) = (app.table.load(), app.rates.load());
    let judge = |user_agent: &str| app.edge.judge(user_agent);
    let stores = stores(app, &table, &rates, &judge);
    for job in refreshes(stores, from_ms, to_ms).await? {
        stores.run(&job).await?;
    }
    Ok(())
}

fn stores<'a>(
    app: &'a App,
    table: &'a RoutingTable,
    rates: &'a RateTable,
    judge: &'a (dyn Fn(&str) -> Judged + Sync),
) -> Recomputer<'a> {
    let (events, rewrites, costs) = (&*app.events, &*app.rewrites, &*app.costs);
    Recomputer { events, rewrites, costs, table, rates, turn: &app.turn, judge }
}

fn tell(error: &(dyn Error + 'static)) {
    tracing::error!(error, "figures could not be computed again; reports show the former ones");
}

fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
