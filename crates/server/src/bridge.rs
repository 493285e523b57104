//! Where edge meets the store: older clicks for `/click`, and verdicts for `?wait=1`.

use edge::{BoxFuture, ClickLookup, Outcome, RecentClick};
use model::ClickKey;
use model::event::{InboxEntry, RowKind};
use model::thing::ThingId;
use std::sync::Arc;
use store::Events;

/// Clicks that left edge's memory, from the store.
pub struct StoredClicks {
    /// Where they are.
    pub events: Arc<dyn Events>,
}

impl ClickLookup for StoredClicks {
    fn find(&self, workspace: ThingId, key: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
        Box::pin(async move {
            let rows = self.events.rows_of(workspace, &[key]).await;
            let rows = rows.inspect_err(|error| {
                tracing::warn!(error = error as &dyn std::error::Error, "click look-up failed")
            });
            let click = rows.ok()?.into_iter().find(|row| row.kind == RowKind::Click)?;
            Some(RecentClick { facts: click.facts })
        })
    }
}

/// Carries verdicts from ingest to whoever waits at edge.
pub fn verdict_board(edge: Arc<edge::Edge>) -> ingest::OnVerdict {
    Arc::new(move |entry: &InboxEntry| {
        let outcome = Outcome { verdict: entry.verdict, reason: entry.reason.clone() };
        edge.verdicts().publish(entry.sequence, outcome);
    })
}
