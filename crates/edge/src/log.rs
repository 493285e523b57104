//! The durability rule: what is answered as logged is in the journal, what is not is owed to it.

use crate::config::OnLogFailure;
use crate::counters::{Counters, Event};
use crate::edge::Clock;
use crate::ids::Ids;
use crate::unlogged::{Debts, Owed};
use journal::{Journal, NotLogged, Sequence};
use model::ClickKey;
use model::Field;
use model::codec;
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::thing::ThingId;
use std::sync::Arc;

/// A usual click is encoded in less.
const RECORD_BYTES: usize = 1024;

/// The journal, and what is owed to it.
pub(crate) struct Log {
    pub journal: Journal,
    pub debts: Debts,
    pub ids: Ids,
    pub clock: Arc<dyn Clock>,
    pub counters: Counters,
    pub on_failure: OnLogFailure,
}

/// A record on its way into the journal.
pub(crate) struct Entry<'a> {
    pub kind: RecordKind,
    pub facts: &'a Facts,
    pub workspace: ThingId,
    pub campaign: ThingId,
}

/// The encoded record.
pub(crate) fn encode(kind: RecordKind, facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD_BYTES);
    codec::encode(kind, facts, &mut bytes);
    bytes
}

impl Log {
    /// Appends the encoded `record` of `entry` and waits until it is as durable as configured. When it is not, the
    /// answer has to say so: what the journal is owed for that is noted here.
    pub async fn append(
        self: &Arc<Self>,
        record: Vec<u8>,
        entry: &Entry<'_>,
    ) -> Result<Sequence, NotLogged> {
        let outcome = self.journal.append(record).await;
        match &outcome {
            Ok(_) => self.pay_if_owed(),
            Err(not_logged) => self.owe(entry, *not_logged),
        }
        outcome
    }

    /// Appends records whose sender tries again when one of them is refused: nothing is owed for them.
    pub async fn append_all_or_refuse(
        self: &Arc<Self>,
        records: Vec<Vec<u8>>,
    ) -> Result<Vec<Sequence>, ()> {
        // All are handed over before the first is waited for, so that they share a write.
        let appends: Vec<_> = records.into_iter().map(|r| self.journal.append(r)).collect();
        let mut sequences = Vec::with_capacity(appends.len());
        for append in appends {
            sequences.push(append.await.map_err(|_| ())?);
        }
        self.pay_if_owed();
        Ok(sequences)
    }

    /// Appends a record whose sender tries again when it is refused: nothing is owed for it.
    pub async fn append_or_refuse(self: &Arc<Self>, record: Vec<u8>) -> Result<Sequence, ()> {
        let outcome = self.journal.append(record).await;
        if outcome.is_ok() {
            self.pay_if_owed();
        }
        outcome.map_err(|_| ())
    }

    /// Starts paying what is owed, if anything is and nobody does yet. Needs a runtime, so outside of one it waits for
    /// the next click within one.
    pub fn pay_if_owed(self: &Arc<Self>) {
        if self.debts.is_owed()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
            && self.debts.start_paying()
        {
            let log = Arc::clone(self);
            runtime.spawn(async move {
                let outcome = log.pay().await;
                log.debts.stop_paying(outcome);
            });
        }
    }

    fn owe(&self, entry: &Entry<'_>, not_logged: NotLogged) {
        self.journal.count_unlogged();
        self.counters.count(Event::Unlogged);
        let owed = match not_logged {
            NotLogged::InFlight { .. } => Owed::Settling(settling(entry)),
            NotLogged::Withdrawn { .. } if entry.kind == RecordKind::Click => Owed::Count {
                workspace: entry.workspace,
                campaign: entry.campaign,
                at_ms: self.clock.now_ms(),
            },
            // The counter of the journal says that there was one; no report counts previews and hops by campaign.
            NotLogged::Withdrawn { .. } => return,
        };
        if !self.debts.add(owed) {
            self.counters.count(Event::SettlesDropped);
        }
    }

    /// Appends what is owed, oldest first; `Err` is what could not be appended now.
    async fn pay(&self) -> Result<(), Vec<Vec<u8>>> {
        let mut records = self.debts.take(|count| {
            let key = self.ids.next(self.clock.now_ms()).key;
            unlogged(key, count.workspace, count.campaign, count.first_ms, count.clicks)
        });
        while let Some(record) = records.pop_front() {
            // What is in flight may appear twice; it is counted once by its key.
            if self.journal.append(record.clone()).await.is_err() {
                records.push_front(record);
                return Err(records.into());
            }
        }
        Ok(())
    }
}

/// The record that says: if the click with this key appears, its visitor was told that it was not logged.
fn settling(entry: &Entry<'_>) -> Vec<u8> {
    let mut facts = entry.facts.clone();
    facts.push_int(tag::SETTLES, 1);
    facts.replace_int(Field::Unlogged.tag(), 1);
    encode(entry.kind, &facts)
}

/// The record of `clicks` that were answered and not written down. It has a key of its own, by which it counts once.
fn unlogged(
    key: ClickKey,
    workspace: ThingId,
    campaign: ThingId,
    at_ms: i64,
    clicks: u64,
) -> Vec<u8> {
    let mut facts = Facts::default();
    facts.push_int(tag::KEY, key.0);
    facts.push_int(tag::AT, at_ms);
    facts.set_int(Field::Campaign, campaign);
    facts.set_int(Field::Workspace, workspace);
    facts.push_int(tag::COUNT, i64::try_from(clicks).unwrap_or(i64::MAX));
    facts.set_flag(Field::Unlogged, true);
    encode(RecordKind::Unlogged, &facts)
}
