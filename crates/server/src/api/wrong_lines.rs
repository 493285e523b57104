//! Lines of an import that do not count: kept in the inbox like every call, each once however often it comes.

use super::problem::ApiError;
use super::reported::REPORTS_URL;
use crate::app::App;
use crate::orders::carried_out;
use model::event::InboxEntry;
use model::facts::{Facts, Value};
use model::record::{Record, RecordKind, tag};
use model::thing::ThingId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;
use store::InboxQuery;

/// The most lines of a workspace that are looked at for those that did not count, the newest.
const REPORTS_MAX: usize = 100_000;

/// SHA-256 of what a line says.
type Said = [u8; 32];

/// The lines that were kept, and their numbers in the inbox, by workspace. Read from the store when they are first asked
/// for; from then on every new one is added here by whoever writes it down.
#[derive(Debug, Default)]
pub struct KeptLines(HashMap<ThingId, HashMap<Said, u64>>);

impl KeptLines {
    /// Those of a workspace.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn of(
        &mut self,
        app: &App,
        workspace: ThingId,
        patience: Duration,
    ) -> Result<&mut HashMap<Said, u64>, ApiError> {
        match self.0.entry(workspace) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(read(app, workspace, patience).await?)),
        }
    }
}

/// What was kept by earlier processes, up to what stands in the journal now.
async fn read(
    app: &App,
    workspace: ThingId,
    patience: Duration,
) -> Result<HashMap<Said, u64>, ApiError> {
    carried_out(app, app.journal.status().durable.0, patience).await;
    let text = Some(REPORTS_URL.to_owned());
    let query = InboxQuery { text, limit: REPORTS_MAX, ..InboxQuery::default() };
    let entries = app.events.inbox(workspace, query).await?;
    let is_kept = |e: &&InboxEntry| e.kind == RecordKind::Report && !e.verdict.is_counted();
    Ok(entries.iter().filter(is_kept).map(|e| (said(&e.facts), e.sequence)).collect())
}

/// Whether a record was not expected to count when it was written down.
pub fn is_wrong(record: &Record) -> bool {
    record.facts.get(tag::BLAMED).is_some()
}

/// What a line says.
pub fn said(facts: &Facts) -> Said {
    match facts.get(tag::INTAKE_BODY) {
        Some(Value::Bytes(body)) => Sha256::digest(body).into(),
        _ => Said::default(),
    }
}
