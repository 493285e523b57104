//! How the server is: journal, ingest, store and edge at this moment.

use super::auth::Caller;
use super::extract::json;
use super::freshness::Freshness;
use super::problem::ApiError;
use super::text::rfc3339;
use crate::app::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use journal::Durability;
use model::thing::{Revision, ThingId};
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// How the server is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct System {
    /// The program's version.
    pub version: &'static str,
    /// When the process started, RFC 3339.
    pub started: String,
    /// Part of every click id of this process.
    pub node: u8,
    /// Where everything is written down first.
    pub journal: JournalView,
    /// The way from the journal to the store.
    pub ingest: IngestView,
    /// Where facts rest.
    pub store: StoreView,
    /// Where facts arrive.
    pub edge: EdgeView,
    /// Figures that are to be computed again.
    pub recompute: RecomputeStatus,
    /// What the operator decided.
    pub configuration: ConfigurationView,
}

/// Figures that are to be computed again: until then reports show the former ones.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RecomputeStatus {
    /// Jobs that are not done, of all workspaces.
    pub unfinished: usize,
    /// What went wrong last with the first of them; it is tried again.
    pub error: Option<String>,
}

/// The journal.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct JournalView {
    /// The newest record that is durable.
    pub sequence: u64,
    /// The same: what an acknowledged record's number is at most.
    pub durable: u64,
    /// The oldest record still there.
    pub oldest: Option<u64>,
    /// Up to which record the store has everything, so that segments may go.
    pub released: u64,
    /// What durable means: `sync` after fdatasync, `os` after write.
    pub durability: &'static str,
    /// Since when and why records are refused; null when they are not.
    pub degraded: Option<DegradedView>,
    /// Requests answered without being written down, in the journal's life.
    pub unlogged: u64,
    /// Files that hold records.
    pub segments: u64,
    /// Their size.
    pub bytes: u64,
    /// Empty files kept ahead.
    pub ready_segments: u64,
    /// Damaged files put aside since the start.
    pub quarantined: u64,
    /// Records that wait to be written.
    pub queue_records: u64,
    /// Bytes that wait to be written.
    pub queue_bytes: u64,
    /// How long the newest sync took, microseconds.
    pub last_sync_us: u64,
}

/// A journal that refuses records.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DegradedView {
    /// For how long, milliseconds.
    pub lasting_ms: u64,
    /// Why.
    pub why: String,
}

/// The way from the journal to the store.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IngestView {
    /// The journal sequence up to which the store is complete.
    pub sequence: u64,
    /// Records that wait.
    pub waiting: u64,
    /// How old what reports miss may be, milliseconds; 0 when nothing waits.
    pub lag_ms: i64,
    /// RFC 3339: everything written down before this moment is in the reports.
    pub fresh_to: String,
}

/// The event store, over all workspaces.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StoreView {
    /// Clicks, previews, impressions and counts of unlogged clicks.
    pub clicks: u64,
    /// Clicks from landers to offers, and what happened on pages.
    pub hops: u64,
    /// Entries of the conversion ledger.
    pub entries: u64,
    /// Postbacks and pixel calls.
    pub inbox: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The edge.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EdgeView {
    /// What was refused or noted since the start, how often and what it means.
    pub events: Vec<EventView>,
    /// Clicks answered without being written down since the start, by campaign.
    pub unlogged: Vec<UnloggedView>,
    /// Bytes of memory about who was here within a day.
    pub visits_bytes: u64,
}

/// Something that was refused or noted.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EventView {
    /// Its stable code.
    pub code: &'static str,
    /// How often it happened since the start.
    pub count: u64,
    /// What it means.
    pub meaning: &'static str,
}

/// Clicks of a campaign that were not written down.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UnloggedView {
    /// The campaign.
    pub campaign: ThingId,
    /// How many.
    pub count: u64,
}

/// What the operator decided.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ConfigurationView {
    /// The newest save.
    pub revision: Revision,
    /// Campaigns of the installation, archived ones included.
    pub campaigns: usize,
}

/// How the server is at this moment.
#[utoipa::path(get, operation_id = "show_system", path = "/api/v1/system", tag = "system",
    responses((status = 200, body = System)))]
pub async fn show(State(app): State<Arc<App>>, _: Caller) -> Result<Response, ApiError> {
    let freshness = Freshness::now(&app);
    let stats = app.events.stats().await?;
    let newest_ms = stats.newest_ms.unwrap_or_default().min(freshness.at_ms);
    let fresh_ms = if freshness.waiting() == 0 { freshness.at_ms } else { newest_ms };
    let table = app.table.load();
    let jobs = app.costs.unfinished().await?;
    let system = System {
        version: env!("CARGO_PKG_VERSION"),
        started: rfc3339(app.started_ms),
        node: app.config.node,
        journal: journal_view(&app),
        ingest: IngestView {
            sequence: freshness.ingested,
            waiting: freshness.waiting(),
            lag_ms: freshness.at_ms - fresh_ms,
            fresh_to: rfc3339(fresh_ms),
        },
        store: StoreView {
            clicks: stats.clicks,
            hops: stats.hops,
            entries: stats.entries,
            inbox: stats.inbox,
            bytes: stats.bytes,
        },
        edge: edge_view(&app),
        recompute: RecomputeStatus {
            unfinished: jobs.len(),
            error: jobs.into_iter().next().and_then(|job| job.progress.error),
        },
        configuration: ConfigurationView {
            revision: table.revision(),
            campaigns: table.campaign_count(),
        },
    };
    Ok(json(StatusCode::OK, &system))
}

fn journal_view(app: &App) -> JournalView {
    let status = app.journal.status();
    JournalView {
        sequence: status.durable.0,
        durable: status.durable.0,
        oldest: status.oldest.map(|sequence| sequence.0),
        released: status.released.0,
        durability: match status.durability {
            Durability::Sync => "sync",
            Durability::Os => "os",
        },
        degraded: status.degraded.map(|degraded| DegradedView {
            lasting_ms: u64::try_from(degraded.lasting.as_millis()).unwrap_or(u64::MAX),
            why: degraded.why.to_string(),
        }),
        unlogged: status.unlogged,
        segments: status.segments,
        bytes: status.bytes,
        ready_segments: status.ready_segments,
        quarantined: status.quarantined,
        queue_records: status.queue_records,
        queue_bytes: status.queue_bytes,
        last_sync_us: u64::try_from(status.last_sync.as_micros()).unwrap_or(u64::MAX),
    }
}

fn edge_view(app: &App) -> EdgeView {
    let status = app.edge.status();
    let event = |(event, count): (edge::Event, u64)| EventView {
        code: event.code(),
        count,
        meaning: event.meaning(),
    };
    let unlogged = |(campaign, count)| UnloggedView { campaign, count };
    EdgeView {
        events: status.events.into_iter().map(event).collect(),
        unlogged: status.unlogged.into_iter().map(unlogged).collect(),
        visits_bytes: status.visits_bytes as u64,
    }
}

/// Counters and gauges for Prometheus. They carry no secrets, so no key is asked for; they are served
/// on the hosts of the API alone.
#[utoipa::path(get, operation_id = "show_metrics", path = "/metrics", tag = "system", security(()),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let journal = app.journal.status();
    let freshness = Freshness::now(&app);
    let mut text = app.metrics.render();
    for (name, kind, help, value) in [
        ("journal_sequence", "gauge", "the newest durable record", journal.durable.0),
        ("ingested_sequence", "gauge", "the last record in the store", freshness.ingested),
        ("ingest_waiting_records", "gauge", "records that wait for ingest", freshness.waiting()),
        ("journal_bytes", "gauge", "size of the journal's files", journal.bytes),
        (
            "journal_degraded",
            "gauge",
            "1 while records are refused",
            journal.degraded.is_some().into(),
        ),
        ("journal_quarantined", "gauge", "damaged files put aside", journal.quarantined),
        (
            "unlogged_total",
            "counter",
            "requests answered without being written down",
            journal.unlogged,
        ),
    ] {
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "# HELP clicktrail_{name} {help}\n# TYPE clicktrail_{name} {kind}\nclicktrail_{name} {value}\n"
        );
    }
    // Version 0.0.4 of the text exposition format.
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
