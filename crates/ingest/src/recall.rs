//! Steps *recall* and *recall_transactions*: what the store knows of the clicks and transactions in a draft.

use crate::draft::{Draft, NamedClick};
use crate::error::{IngestError, store_error};
use model::record::RecordKind;
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::{BTreeMap, HashMap};
use store::{EXTERNAL_ID_KIND, Events};

/// Finds the clicks that calls name by the source's id, then everything about all clicks the draft
/// refers to. A click of the batch is asked for too: what refers to it may have come before it.
pub async fn clicks(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    find_foreign_ids(events, draft).await?;
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

/// Finds the newest click before each such call, in the batch and in the store.
async fn find_foreign_ids(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    if draft.calls.iter().all(|call| call.foreign_id.is_none()) {
        return Ok(());
    }
    let fresh = fresh_external_ids(draft);
    let mut stored: HashMap<ExternalId, Vec<ClickKey>> = HashMap::new();
    for call in &mut draft.calls {
        let Some(id) = call.foreign_id.clone() else { continue };
        let id = (call.workspace(), id);
        if !stored.contains_key(&id) {
            let keys = events.find_platform_id(id.0, EXTERNAL_ID_KIND, &id.1).await;
            stored.insert(id.clone(), keys.map_err(store_error("look up a source's id"))?);
        }
        let of_batch = fresh.get(&id).map_or(&[][..], Vec::as_slice);
        let of_batch = of_batch.iter().filter(|(sequence, _)| *sequence < call.sequence);
        let of_store = stored.get(&id).map_or(&[][..], Vec::as_slice);
        let keys = of_batch.map(|(_, key)| *key).chain(of_store.iter().copied());
        if let Some(key) = keys.filter(|key| key.time_ms() <= call.record.at_ms()).max() {
            let (campaign, test, unlogged, repaired) = (None, false, false, None);
            call.click = Ok(NamedClick { key, campaign, test, unlogged, repaired });
            draft.wanted.extend(call.click_of());
        }
    }
    Ok(())
}

/// A source's id, and whose it is.
type ExternalId = (ThingId, String);

/// Clicks of the batch by the id their source gave them, in order.
fn fresh_external_ids(draft: &Draft) -> HashMap<ExternalId, Vec<(u64, ClickKey)>> {
    let mut fresh: HashMap<_, Vec<_>> = HashMap::new();
    for arrival in draft.arrivals.iter().filter(|a| a.record.kind == RecordKind::Click) {
        let record = &arrival.record;
        if let (Some(id), Some(key)) = (record.facts.text(Field::ExternalId), record.key()) {
            let clicks = fresh.entry((record.workspace(), id.to_owned())).or_default();
            clicks.push((arrival.sequence, key));
        }
    }
    fresh
}
