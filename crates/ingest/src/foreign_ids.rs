//! Clicks by ids that others gave them: the source's own, and those of ad platforms.
//!
//! Such an id counts for the newest click of a person that carried it before the call. Programs that fetch a link carry
//! its ids too, and often come later.

use crate::draft::{Draft, NamedClick};
use crate::error::{IngestError, store_error};
use model::event::RowKind;
use model::facts::{Facts, Value};
use model::record::{RecordKind, tag};
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::HashMap;
use store::{EXTERNAL_ID_KIND, Events};

/// How many clicks are looked at first: nearly always the newest is a person's.
const FIRST_LOOK: usize = 4;

/// Whose it is, its kind, its value.
type ForeignId = (ThingId, String, String);

/// Finds the clicks of calls that name none of their own.
pub async fn find(events: &dyn Events, draft: &mut Draft) -> Result<(), IngestError> {
    if draft.calls.iter().all(|call| call.foreign_ids.is_empty()) {
        return Ok(());
    }
    let fresh = of_batch(draft);
    let mut stored = Stored { events, keys: HashMap::new(), people: HashMap::new() };
    for call in &mut draft.calls {
        let (workspace, at_ms) = (call.workspace(), call.record.at_ms());
        let mut newest: Option<ClickKey> = None;
        for (kind, value) in &call.foreign_ids {
            let id = (workspace, kind.clone(), value.clone());
            let of_batch = fresh.get(&id).map_or(&[][..], Vec::as_slice).iter();
            let of_batch =
                of_batch.filter(|(at, key)| *at < call.sequence && key.time_ms() <= at_ms);
            let of_batch = of_batch.map(|(_, key)| *key).max();
            newest = newest.max(of_batch).max(stored.newest_of_person(id, at_ms).await?);
        }
        if let Some(key) = newest {
            let (campaign, test, unlogged, repaired) = (None, false, false, None);
            call.click = Ok(NamedClick { key, campaign, test, unlogged, repaired });
            draft.wanted.extend(call.click_of());
        }
    }
    Ok(())
}

/// Clicks of the store, asked for once.
struct Stored<'a> {
    events: &'a dyn Events,
    keys: HashMap<ForeignId, Vec<ClickKey>>,
    people: HashMap<(ThingId, ClickKey), bool>,
}

impl Stored<'_> {
    /// The newest click of a person that carries the id and came by then.
    async fn newest_of_person(
        &mut self,
        id: ForeignId,
        at_ms: i64,
    ) -> Result<Option<ClickKey>, IngestError> {
        let workspace = id.0;
        if !self.keys.contains_key(&id) {
            let keys = self.events.find_platform_id(workspace, &id.1, &id.2).await;
            self.keys.insert(id.clone(), keys.map_err(store_error("look up a source's id"))?);
        }
        let keys = self.keys.get(&id).map_or(&[][..], Vec::as_slice);
        let before: Vec<ClickKey> = keys.iter().copied().filter(|k| k.time_ms() <= at_ms).collect();
        let (first, rest) = before.split_at(FIRST_LOOK.min(before.len()));
        for keys in [first, rest] {
            self.look_at(workspace, keys).await?;
            let is_person = |key: &&ClickKey| self.people.get(&(workspace, **key)) == Some(&true);
            if let Some(key) = keys.iter().filter(is_person).max() {
                return Ok(Some(*key));
            }
        }
        Ok(None)
    }

    /// Learns which of these clicks are people's.
    async fn look_at(&mut self, workspace: ThingId, keys: &[ClickKey]) -> Result<(), IngestError> {
        let new = |key: &&ClickKey| !self.people.contains_key(&(workspace, **key));
        let new: Vec<ClickKey> = keys.iter().filter(new).copied().collect();
        if new.is_empty() {
            return Ok(());
        }
        let rows = self.events.rows_of(workspace, &new).await;
        for row in rows.map_err(store_error("look up clicks"))? {
            if row.kind == RowKind::Click {
                self.people.insert((workspace, row.key), is_person(&row.facts));
            }
        }
        Ok(())
    }
}

/// Clicks of people in the batch by the ids they carry, in order.
fn of_batch(draft: &Draft) -> HashMap<ForeignId, Vec<(u64, ClickKey)>> {
    let mut found: HashMap<ForeignId, Vec<_>> = HashMap::new();
    for arrival in draft.arrivals.iter().filter(|a| a.record.kind == RecordKind::Click) {
        let (record, facts) = (&arrival.record, &arrival.record.facts);
        let Some(key) = record.key().filter(|_| is_person(facts)) else { continue };
        for (kind, value) in ids(facts) {
            let id = (record.workspace(), kind.to_owned(), value.to_owned());
            found.entry(id).or_default().push((arrival.sequence, key));
        }
    }
    found
}

/// The ids a click carries: kind and value.
fn ids(facts: &Facts) -> impl Iterator<Item = (&str, &str)> {
    let external = facts.text(Field::ExternalId).map(|id| (EXTERNAL_ID_KIND, id));
    let platforms = facts.all(tag::PLATFORM_ID).filter_map(|value| match value {
        Value::Bytes(pair) => str::from_utf8(pair).ok()?.split_once('='),
        Value::Int(_) => None,
    });
    external.into_iter().chain(platforms)
}

fn is_person(facts: &Facts) -> bool {
    !facts.flag(Field::Bot)
}
