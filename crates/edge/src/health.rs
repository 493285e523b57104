//! Whether the process lives, and whether it can keep its promise.

use crate::edge::Edge;
use crate::reply::{self, Reply};
use http::StatusCode;
use journal::Durability;
use std::time::Duration;

/// How long a probe of the journal may take; the journal's own deadline is shorter.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// The process answers.
pub(crate) fn live() -> Reply {
    reply::page(StatusCode::OK, "ok\n")
}

/// A record was written and synced just now, or why not.
pub(crate) async fn ready(edge: &Edge) -> Reply {
    let journal = &edge.log.journal;
    let durability = match journal.status().durability {
        Durability::Sync => "sync",
        Durability::Os => "os",
    };
    let why = match tokio::time::timeout(PROBE_DEADLINE, journal.probe()).await {
        Ok(Ok(_)) => None,
        Ok(Err(not_logged)) => Some(not_logged.to_string()),
        Err(_) => Some("the journal did not answer".to_owned()),
    };
    let status = if why.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let document = serde_json::json!({
        "ready": why.is_none(),
        "durability": durability,
        "degraded": why,
        "unlogged": journal.status().unlogged,
    });
    reply::json(status, document.to_string())
}
