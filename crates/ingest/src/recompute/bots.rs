//! Which clicks are programs, judged anew by today's lists: each click by its user agent, and what came of it with it.

use super::Recomputer;
use super::basis::pieces;
use super::late;
use crate::error::{IngestError, store_error};
use model::event::{Row, RowKind};
use model::{ClickKey, Field};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use store::{Figure, Piece, Progress, Recompute, Rewrite, Scope, Span};

/// Rows that somebody's request made.
const KINDS: [RowKind; 6] = [
    RowKind::Click,
    RowKind::Impression,
    RowKind::LanderClick,
    RowKind::View,
    RowKind::PageEvent,
    RowKind::Entry,
];

/// Those of them that follow their click. A click that comes meanwhile is judged by today's lists anyhow.
const FOLLOWING: [RowKind; 4] =
    [RowKind::LanderClick, RowKind::View, RowKind::PageEvent, RowKind::Entry];

/// What method and headers say; only the reason of it is kept, so it stays.
const BY_REQUEST: [&str; 5] = ["head", "options", "prefetch", "prerender", "subresource"];

/// Carries a job out: hour by hour, then all of it at once.
///
/// # Errors
/// When a store fails.
pub(super) async fn run(stores: Recomputer<'_>, job: &Recompute) -> Result<Progress, IngestError> {
    let wanted = &job.wanted;
    let span = Span {
        workspace: wanted.workspace,
        campaign: wanted.campaign,
        from_ms: wanted.from_ms,
        to_ms: wanted.to_ms,
    };
    let staged = stores.rewrites.staged(job.id).await;
    let staged = staged.map_err(store_error("read how far a recompute is"))?;
    let hash = |through: u64| {
        let mut hasher = DefaultHasher::new();
        (span.from_ms, span.to_ms, span.campaign, through, "bots").hash(&mut hasher);
        hasher.finish().cast_signed()
    };
    let (through, done) = match staged.filter(|staged| staged.basis == hash(staged.through)) {
        Some(staged) => (staged.through, staged.pieces),
        None => {
            let position = stores.events.position().await;
            (position.map_err(store_error("read the position"))?, 0)
        }
    };
    let mut progress = Progress::default();
    for (number, span) in (0..).zip(pieces(&span)).skip_while(|(number, _)| *number < done) {
        let rows = rows(stores, span, through).await?;
        progress.rows.0 += rows.iter().filter(|row| row.kind == RowKind::Click).count() as u64;
        progress.rows.1 = progress.rows.0;
        let piece = Piece { job: job.id, number, through, basis: hash(through) };
        let staged = stores.rewrites.stage(piece, judged(&rows, stores)).await;
        staged.map_err(store_error("keep new verdicts aside"))?;
    }
    let _turn = stores.turn.lock().await;
    let clicks = late::clicks(stores, span, through, &FOLLOWING).await?;
    for (number, keys) in (pieces(&span).len() as u64..).zip(&clicks) {
        let mut rewrites = judged(&late::rows(stores, span.workspace, keys).await?, stores);
        rewrites.retain(|rewrite| rewrite.sequence > through);
        let piece = Piece { job: job.id, number, through, basis: hash(through) };
        let staged = stores.rewrites.stage(piece, rewrites).await;
        staged.map_err(store_error("keep new verdicts aside"))?;
    }
    let changed = stores.rewrites.switch(job.id, span, None).await;
    progress.changed = changed.map_err(store_error("switch to new verdicts"))?;
    progress.is_done = true;
    let noted = stores.costs.note(job.id, &progress).await;
    noted.map_err(store_error("note how far a recompute is"))?;
    Ok(progress)
}

async fn rows(stores: Recomputer<'_>, span: Span, through: u64) -> Result<Vec<Row>, IngestError> {
    let tags = [Field::Bot, Field::BotReason, Field::UserAgent].map(Field::tag).to_vec();
    let scope = Scope { span, after: 0, through, kinds: KINDS.to_vec(), tags };
    let rows = stores.rewrites.rows_within(&scope).await;
    rows.map_err(store_error("read rows to be judged again"))
}

/// The verdicts that differ. Whatever came of a click has its key, and so lies in the same piece.
fn judged(rows: &[Row], stores: Recomputer<'_>) -> Vec<Rewrite> {
    let is_own = |row: &&Row| matches!(row.kind, RowKind::Click | RowKind::Impression);
    let verdicts: HashMap<ClickKey, &'static str> = rows
        .iter()
        .filter(is_own)
        .filter_map(|row| Some((row.key, verdict(row, stores)?)))
        .collect();
    let mut rewrites: Vec<Rewrite> = Vec::new();
    for row in rows {
        let Some(reason) = verdicts.get(&row.key).copied() else { continue };
        let is_bot = !reason.is_empty();
        let now = (row.facts.flag(Field::Bot), row.facts.text(Field::BotReason));
        if now != (is_bot, Some(reason).filter(|_| is_bot)) {
            rewrites.push(Rewrite::new(row, Figure::Verdict { is_bot, reason }));
        }
    }
    rewrites
}

/// The code of the reason, empty for a person; none where only the request itself could say.
fn verdict(row: &Row, stores: Recomputer<'_>) -> Option<&'static str> {
    let now = row.facts.text(Field::BotReason).unwrap_or_default();
    let user_agent = row.facts.text(Field::UserAgent).unwrap_or_default();
    (!BY_REQUEST.contains(&now)).then(|| (stores.judge)(user_agent).unwrap_or_default())
}
