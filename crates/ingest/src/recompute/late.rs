//! What was written down while a job was under way, by what its clicks were then: it is computed again in the turn in
//! which the job switches.

use super::Recomputer;
use crate::error::{IngestError, store_error};
use model::ClickKey;
use model::event::{Row, RowKind};
use model::thing::ThingId;
use std::collections::BTreeSet;
use store::{Scope, Span};

/// How many clicks are looked at together.
const CLICKS_MAX: usize = 500;

/// The clicks of a span of which rows of these kinds were written down behind a journal record, in groups.
///
/// # Errors
/// When the store fails.
pub(super) async fn clicks(
    stores: Recomputer<'_>,
    span: Span,
    after: u64,
    kinds: &[RowKind],
) -> Result<Vec<Vec<ClickKey>>, IngestError> {
    let (kinds, tags) = (kinds.to_vec(), Vec::new());
    let scope = Scope { span, after, through: u64::MAX, kinds, tags };
    let rows = stores.rewrites.rows_within(&scope).await;
    let rows = rows.map_err(store_error("look for rows that came meanwhile"))?;
    let keys: BTreeSet<ClickKey> = rows.iter().map(|row| row.key).collect();
    let keys: Vec<ClickKey> = keys.into_iter().collect();
    Ok(keys.chunks(CLICKS_MAX).map(<[ClickKey]>::to_vec).collect())
}

/// All rows of clicks, those of each together and in the order of the journal.
///
/// # Errors
/// When the store fails.
pub(super) async fn rows(
    stores: Recomputer<'_>,
    workspace: ThingId,
    keys: &[ClickKey],
) -> Result<Vec<Row>, IngestError> {
    let rows = stores.events.rows_of(workspace, keys).await;
    let mut rows = rows.map_err(store_error("read rows that came meanwhile"))?;
    rows.sort_by_key(|row| (row.key, row.sequence));
    Ok(rows)
}
