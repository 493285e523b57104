//! Events in a vector.

use super::answer::answer;
use crate::error::StoreError;
use crate::events::{
    Batch, Cursor, EXTERNAL_ID_KIND, EventStats, Events, ExportPage, InboxQuery,
    PLATFORM_ID_MATCHES_MAX,
};
use crate::facts_order::{kept, normal_facts};
use crate::field_value::row_time_ms;
use crate::inbox_text;
use crate::rewrites::{Piece, Rewrite, Rewrites, Scope, Span, Staged};
use async_trait::async_trait;
use model::event::{InboxEntry, Row, RowKind};
use model::facts::Value;
use model::query::{Answer, Plan, TimeBasis};
use model::record::tag;
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// An event store without files: for tests, and what they compare others with.
#[derive(Debug, Default)]
pub struct MemoryEvents {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    position: u64,
    rows: Vec<Row>,
    inbox: BTreeMap<u64, InboxEntry>,
    generation: u64,
    staged: BTreeMap<(i64, u64), (Piece, Vec<Rewrite>)>,
}

impl MemoryEvents {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(StoreError::Closed) } else { Ok(state) }
    }

    /// Rows that `keep` accepts, in the order of [`Events::rows_of`].
    fn select(&self, keep: impl Fn(&Row) -> bool) -> Result<Vec<Row>, StoreError> {
        let mut rows: Vec<Row> =
            self.state()?.rows.iter().filter(|row| keep(row)).cloned().collect();
        rows.sort_by_key(|row| (row.key, row.sequence, row.kind));
        Ok(rows)
    }
}

#[async_trait]
impl Events for MemoryEvents {
    async fn position(&self) -> Result<u64, StoreError> {
        Ok(self.state()?.position)
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut state = self.state()?;
        if batch.after != state.position || batch.through < batch.after {
            return Err(StoreError::OutOfStep { after: batch.after, position: state.position });
        }
        for mut row in batch.rows {
            row.facts = normal_facts(&row);
            state.rows.push(row);
        }
        state.inbox.extend(batch.inbox.into_iter().map(|entry| (entry.sequence, entry)));
        state.position = batch.through;
        Ok(())
    }

    async fn rows_of(&self, workspace: ThingId, keys: &[ClickKey]) -> Result<Vec<Row>, StoreError> {
        let keys: HashSet<_> = keys.iter().collect();
        self.select(|row| {
            row.kind != RowKind::Spend && row.workspace() == workspace && keys.contains(&row.key)
        })
    }

    async fn entries_with_txid(
        &self,
        workspace: ThingId,
        txids: &[String],
    ) -> Result<Vec<Row>, StoreError> {
        let wanted = |row: &Row| {
            row.facts.text(Field::Txid).is_some_and(|txid| txids.iter().any(|t| t == txid))
        };
        self.select(|row| row.kind == RowKind::Entry && row.workspace() == workspace && wanted(row))
    }

    async fn find_platform_id(
        &self,
        workspace: ThingId,
        kind: &str,
        value: &str,
    ) -> Result<Vec<ClickKey>, StoreError> {
        let pair = format!("{kind}={value}");
        let carries = |row: &Row| {
            row.facts.all(tag::PLATFORM_ID).any(|v| v == Value::Bytes(pair.as_bytes()))
                || (kind == EXTERNAL_ID_KIND && row.facts.text(Field::ExternalId) == Some(value))
        };
        let rows = self.select(|row| {
            row.kind == RowKind::Click && row.workspace() == workspace && carries(row)
        })?;
        let mut keys: Vec<ClickKey> = rows.iter().rev().map(|row| row.key).collect();
        keys.dedup();
        keys.truncate(PLATFORM_ID_MATCHES_MAX);
        Ok(keys)
    }

    async fn answer(&self, plan: &Plan) -> Result<Answer, StoreError> {
        Ok(answer(&self.state()?.rows, plan))
    }

    async fn export(
        &self,
        workspace: ThingId,
        from_ms: i64,
        to_ms: i64,
        time: TimeBasis,
        page: ExportPage,
    ) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
        let at_ms = |row: &Row| row_time_ms(row, time);
        let start = page.cursor.unwrap_or(Cursor { time_ms: from_ms, shown: 0 });
        let from_ms = start.time_ms.max(from_ms);
        let mut rows = self
            .select(|row| row.workspace() == workspace && (from_ms..to_ms).contains(&at_ms(row)))?;
        rows.sort_by_key(at_ms);
        rows.drain(..usize::try_from(start.shown).unwrap_or(usize::MAX).min(rows.len()));
        let limit = page.limit.max(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next =
            rows.last().filter(|_| more).map(|last| next_cursor(&start, &rows, at_ms(last), at_ms));
        Ok((rows, next))
    }

    async fn inbox(
        &self,
        workspace: ThingId,
        query: InboxQuery,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let state = self.state()?;
        let newest_first = state.inbox.values().rev();
        let wanted =
            newest_first.filter(|e| e.workspace == workspace && inbox_text::matches(&query, e));
        Ok(wanted.take(query.limit).cloned().collect())
    }

    async fn inbox_of(
        &self,
        workspace: ThingId,
        keys: &[ClickKey],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let state = self.state()?;
        let wanted = state.inbox.values().filter(|entry| {
            entry.workspace == workspace && entry.key.is_some_and(|key| keys.contains(&key))
        });
        Ok(wanted.cloned().collect())
    }

    async fn inbox_entries(
        &self,
        workspace: ThingId,
        sequences: &[u64],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let state = self.state()?;
        let sequences: BTreeSet<_> = sequences.iter().collect();
        let found = sequences.into_iter().filter_map(|sequence| state.inbox.get(sequence));
        Ok(found.filter(|entry| entry.workspace == workspace).cloned().collect())
    }

    async fn stats(&self) -> Result<EventStats, StoreError> {
        let state = self.state()?;
        let of = |kind| state.rows.iter().filter(|row| row.kind == kind).count() as u64;
        let on_pages = state.rows.iter().filter(|row| row.kind.is_on_page()).count() as u64;
        let (hops, entries) = (of(RowKind::LanderClick) + on_pages, of(RowKind::Entry));
        let spend = of(RowKind::Spend);
        let mut largest = BTreeMap::new();
        for row in &state.rows {
            let key = largest.entry(row.key.node()).or_insert(row.key);
            *key = row.key.max(*key);
        }
        Ok(EventStats {
            position: state.position,
            clicks: state.rows.len() as u64 - hops - entries - spend,
            hops,
            entries,
            inbox: state.inbox.len() as u64,
            bytes: 0,
            newest_ms: state.rows.iter().map(|row| row.event_ms).max(),
            largest_keys: largest.into_iter().collect(),
        })
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.state()?.closed = true;
        Ok(())
    }
}

#[async_trait]
impl Rewrites for MemoryEvents {
    async fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.state()?.generation)
    }

    async fn rows_within(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        let mut rows = self.select(|row| {
            scope.span.holds(row)
                && row.sequence > scope.after
                && row.sequence <= scope.through
                && scope.kinds.contains(&row.kind)
        })?;
        rows.iter_mut().for_each(|row| row.facts = kept(&row.facts, &scope.tags));
        Ok(rows)
    }

    async fn stage(&self, piece: Piece, rewrites: Vec<Rewrite>) -> Result<(), StoreError> {
        let Piece { job, number, .. } = piece;
        let mut state = self.state()?;
        state.staged.retain(|(of, place), _| *of != job || *place < number);
        state.staged.insert((job, number), (piece, rewrites));
        Ok(())
    }

    async fn staged(&self, job: i64) -> Result<Option<Staged>, StoreError> {
        let state = self.state()?;
        let mut own = state.staged.iter().filter(|((of, _), _)| *of == job).peekable();
        let first = own.peek().map(|(_, (piece, _))| *piece);
        let pieces = own.count() as u64;
        Ok(first.map(|Piece { through, basis, .. }| Staged { through, basis, pieces }))
    }

    async fn switch(
        &self,
        job: i64,
        span: Span,
        spend: Option<Vec<Row>>,
    ) -> Result<u64, StoreError> {
        let mut state = self.state()?;
        let staged = std::mem::take(&mut state.staged);
        let own = staged.into_iter().filter(|((of, _), _)| *of == job);
        let mut changed = 0;
        for rewrite in own.flat_map(|(_, (_, rewrites))| rewrites) {
            for row in state.rows.iter_mut().filter(|row| rewrite.is_of(row)) {
                rewrite.apply(row);
                changed += 1;
            }
        }
        if spend.is_some() {
            state.rows.retain(|row| row.kind != RowKind::Spend || !span.holds(row));
        }
        for mut row in spend.into_iter().flatten() {
            row.facts = normal_facts(&row);
            state.rows.push(row);
        }
        state.generation += 1;
        Ok(changed)
    }
}

/// Where the page behind `rows`, which began at `start` and ends at `last_ms`, begins.
pub(crate) fn next_cursor(
    start: &Cursor,
    rows: &[Row],
    last_ms: i64,
    at_ms: impl Fn(&Row) -> i64,
) -> Cursor {
    let shown = rows.iter().rev().take_while(|row| at_ms(row) == last_ms).count() as u64;
    let before = if last_ms == start.time_ms { start.shown } else { 0 };
    Cursor { time_ms: last_ms, shown: before + shown }
}
