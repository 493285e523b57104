//! What happened: the trait every event store implements, and the words of its methods.

use crate::error::StoreError;
use async_trait::async_trait;
use model::ClickKey;
use model::event::{InboxEntry, Row, Verdict};
use model::query::{Answer, Plan, TimeBasis};
use model::thing::ThingId;
use std::fmt;
use std::str::FromStr;

/// Clicks, lander clicks, ledger entries and the inbox: facts, append-only, and the journal position
/// up to which they are complete.
///
/// A row comes back as [`crate::normal_facts`] describes. Everything belongs to a workspace: a method
/// that takes one never shows anything of another.
#[async_trait]
pub trait Events: Send + Sync {
    /// The last journal sequence committed; 0 when there is none.
    async fn position(&self) -> Result<u64, StoreError>;

    /// Keeps a batch: all of it, durably, or nothing. A batch that does not continue the current
    /// position is refused with [`StoreError::OutOfStep`], so that no record ever counts twice.
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Every row of these clicks (the click, its hops, its ledger entries) by key, then sequence, then
    /// kind, then the order in which the batch listed them.
    async fn rows_of(&self, workspace: ThingId, keys: &[ClickKey]) -> Result<Vec<Row>, StoreError>;

    /// Ledger entries with one of these transaction ids, in the order of [`Events::rows_of`].
    async fn entries_with_txid(
        &self,
        workspace: ThingId,
        txids: &[String],
    ) -> Result<Vec<Row>, StoreError>;

    /// Clicks that carry this id of a platform, newest first, at most [`PLATFORM_ID_MATCHES_MAX`].
    /// `kind` is the name of the parameter (`gclid` …), or [`EXTERNAL_ID_KIND`] for the source's own.
    /// Found by a 64-bit hash of workspace, kind and value.
    async fn find_platform_id(
        &self,
        workspace: ThingId,
        kind: &str,
        value: &str,
    ) -> Result<Vec<ClickKey>, StoreError>;

    /// The sums a report is made of. See [`crate::field_value`] for what a field's value is and
    /// [`crate::FilterTest`] for what a filter accepts.
    ///
    /// Groups are made of the rows whose kind a counter sums (or the median needs): a group may have
    /// sums of 0. Without fields to group by there is exactly one row.
    async fn answer(&self, plan: &Plan) -> Result<Answer, StoreError>;

    /// Rows whose time lies in `from_ms .. to_ms`, ordered by that time, then as in
    /// [`Events::rows_of`]; and where the next page begins, when there is one.
    async fn export(
        &self,
        workspace: ThingId,
        from_ms: i64,
        to_ms: i64,
        time: TimeBasis,
        page: ExportPage,
    ) -> Result<(Vec<Row>, Option<Cursor>), StoreError>;

    /// Postbacks and pixel calls, newest first.
    async fn inbox(
        &self,
        workspace: ThingId,
        query: InboxQuery,
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// The calls that name one of these clicks, oldest first.
    async fn inbox_of(
        &self,
        workspace: ThingId,
        keys: &[ClickKey],
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// Calls by their numbers, oldest first; a number that is not in the inbox is passed over.
    async fn inbox_entries(
        &self,
        workspace: ThingId,
        sequences: &[u64],
    ) -> Result<Vec<InboxEntry>, StoreError>;

    /// One call by its number.
    async fn inbox_entry(
        &self,
        workspace: ThingId,
        sequence: u64,
    ) -> Result<Option<InboxEntry>, StoreError> {
        Ok(self.inbox_entries(workspace, &[sequence]).await?.pop())
    }

    /// How much there is, over all workspaces.
    async fn stats(&self) -> Result<EventStats, StoreError>;

    /// Writes everything into place and lets go of the files; later calls answer
    /// [`StoreError::Closed`]. What was committed is safe without it.
    async fn close(&self) -> Result<(), StoreError>;
}

/// The kind under which [`Events::find_platform_id`] finds the field `external_id`.
pub const EXTERNAL_ID_KIND: &str = "external_id";

/// The most clicks [`Events::find_platform_id`] answers.
pub const PLATFORM_ID_MATCHES_MAX: usize = 100;

/// With so many rows of clicks (of all kinds but lander clicks and ledger entries) a batch fills a row group of DuckDB,
/// which is written in its final form at once. Fewer go through the write-ahead log and are written again at a
/// checkpoint; with a few more, the row group behind is filled up later. Both take twice the work.
pub const CLICKS_AT_ONCE: usize = 122_880;

/// What one piece of the journal became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The position it continues.
    pub after: u64,
    /// The last journal sequence it covers; the new position.
    pub through: u64,
    /// Rows to add.
    pub rows: Vec<Row>,
    /// Inbox entries; one whose sequence is in the inbox already replaces what stands there, which is
    /// how a verdict changes.
    pub inbox: Vec<InboxEntry>,
}

/// Which piece of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportPage {
    /// Where to begin; at the start when absent.
    pub cursor: Option<Cursor>,
    /// The most rows; at least 1.
    pub limit: usize,
}

/// A place between two rows of an export. Its text is opaque to whoever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Time of the last row shown, Unix milliseconds.
    pub time_ms: i64,
    /// How many rows of exactly this time have been shown.
    pub shown: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.time_ms, self.shown)
    }
}

/// A text that is no [`Cursor`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cursor: pass the `next` of an earlier page unchanged")]
pub struct NoCursor(String);

impl FromStr for Cursor {
    type Err = NoCursor;

    fn from_str(text: &str) -> Result<Self, NoCursor> {
        let parts = || {
            let (time_ms, shown) = text.split_once('.')?;
            Some(Self { time_ms: time_ms.parse().ok()?, shown: shown.parse().ok()? })
        };
        parts().ok_or_else(|| NoCursor(text.to_owned()))
    }
}

/// Which part of the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxQuery {
    /// Only calls with this verdict.
    pub verdict: Option<Verdict>,
    /// Only calls with this code of a reason.
    pub reason: Option<String>,
    /// Only calls that name this click.
    pub key: Option<ClickKey>,
    /// Only calls whose reason, message, URL or body contains this; upper and lower case are alike.
    pub text: Option<String>,
    /// Only calls that came from a moment (inclusive) to another (exclusive), Unix milliseconds.
    pub received: Option<(i64, i64)>,
    /// Only calls with a smaller number.
    pub before: Option<u64>,
    /// The most entries.
    pub limit: usize,
}

impl Default for InboxQuery {
    fn default() -> Self {
        Self {
            verdict: None,
            reason: None,
            key: None,
            text: None,
            received: None,
            before: None,
            limit: 100,
        }
    }
}

/// How much an event store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventStats {
    /// The last journal sequence committed.
    pub position: u64,
    /// Rows of clicks, previews, impressions and unlogged clicks.
    pub clicks: u64,
    /// Rows of lander clicks.
    pub hops: u64,
    /// Rows of the conversion ledger.
    pub entries: u64,
    /// Calls in the inbox.
    pub inbox: u64,
    /// Bytes on disk; 0 for a store in memory.
    pub bytes: u64,
    /// The newest time of a row, Unix milliseconds: how fresh reports are.
    pub newest_ms: Option<i64>,
    /// The largest key of every node that has any, by node: what its key sequence continues behind.
    pub largest_keys: Vec<(u8, ClickKey)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_being_carried_as_text() {
        for cursor in [Cursor { time_ms: -5, shown: 0 }, Cursor { time_ms: i64::MAX, shown: 7 }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in ["", "5", "5.", "x.1", "1.-1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
