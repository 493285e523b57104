//! Steps *recall_calls*, *recall* and *recall_transactions*: what the store knows of the calls, clicks and transactions
//! in a draft.

use crate::draft::Draft;
use crate::error::{IngestError, store_error};
use crate::foreign_ids;
use model::ClickKey;
use model::thing::ThingId;
use std::collections::BTreeMap;
use store::Events;

/// Finds the calls that orders of the draft are about.
pub async fn calls(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    let mut wanted: BTreeMap<ThingId, Vec<u64>> = BTreeMap::new();
    for (_, order) in &draft.orders {
        wanted.entry(order.workspace).or_default().push(order.call);
    }
    for (workspace, mut numbers) in wanted {
        numbers.sort_unstable();
        numbers.dedup();
        let found = events.inbox_entries(workspace, &numbers).await;
        let found = found.map_err(store_error("look up calls"))?.into_iter();
        draft.standing.extend(found.map(|entry| ((workspace, entry.sequence), entry)));
    }
    Ok(())
}

/// Finds the clicks that calls name by the source's id, then everything about all clicks the draft
/// refers to. A click of the batch is asked for too: what refers to it may have come before it.
pub async fn clicks(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    foreign_ids::find(events, draft).await?;
    let mut wanted: BTreeMap<ThingId, Vec<ClickKey>> = BTreeMap::new();
    for (workspace, key) in &draft.wanted {
        wanted.entry(*workspace).or_default().push(*key);
    }
    for (workspace, mut keys) in wanted {
        keys.sort_unstable();
        let rows = events.rows_of(workspace, &keys).await.map_err(store_error("look up clicks"))?;
        rows.iter().for_each(|row| draft.known.learn(row));
    }
    Ok(())
}

/// Finds out for which clicks the transactions were reported before.
pub async fn transactions(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    let mut wanted: BTreeMap<ThingId, Vec<String>> = BTreeMap::new();
    for (workspace, txid) in std::mem::take(&mut draft.wanted_txids) {
        wanted.entry(workspace).or_default().push(txid);
    }
    for (workspace, txids) in wanted {
        let rows = events.entries_with_txid(workspace, &txids).await;
        let rows = rows.map_err(store_error("look up transactions"))?;
        rows.iter().for_each(|row| draft.known.learn_txid(row));
    }
    Ok(())
}
