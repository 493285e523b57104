//! Figures computed again: the trait by which projections of rows are rewritten, staged first and switched whole.

use crate::error::StoreError;
use crate::facts_order::normal_facts;
use async_trait::async_trait;
use model::event::{Row, RowKind};
use model::record::tag;
use model::thing::ThingId;
use model::{ClickKey, Field};

/// Rewrites what rows cost, and what they are taken for. Results are kept aside piece by piece, so that a job can go on where it was killed; then
/// one transaction puts all of them in place. A report sees the figures before it or behind it, never a mix. Rows that
/// are committed meanwhile keep their own figures.
#[async_trait]
pub trait Rewrites: Send + Sync {
    /// How often figures were switched.
    async fn generation(&self) -> Result<u64, StoreError>;

    /// The rows of a piece of time by key, sequence and kind. Of their facts only those with the scope's tags are
    /// there.
    async fn rows_within(&self, scope: &Scope) -> Result<Vec<Row>, StoreError>;

    /// Keeps a piece of a job's results aside, together with the journal sequence up to which the job looks at rows. A
    /// piece that is there already is replaced, and those behind it are dropped.
    async fn stage(&self, piece: Piece, rewrites: Vec<Rewrite>) -> Result<(), StoreError>;

    /// How far a job is: the sequence it was begun with, and its pieces; none when nothing is staged.
    async fn staged(&self, job: i64) -> Result<Option<Staged>, StoreError>;

    /// Puts everything that a job staged in place, and `spend`, if there is any, in place of what stood for spending
    /// without clicks in its span; forgets all that is staged. One transaction. Answers how many rows changed.
    async fn switch(
        &self,
        job: i64,
        span: Span,
        spend: Option<Vec<Row>>,
    ) -> Result<u64, StoreError>;
}

/// A part of one workspace's rows, by the time of their clicks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose rows.
    pub workspace: ThingId,
    /// Only this campaign's.
    pub campaign: Option<ThingId>,
    /// The first moment, Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Behind the last moment, exclusive.
    pub to_ms: i64,
}

impl Span {
    /// Whether a row lies in it.
    pub(crate) fn holds(&self, row: &Row) -> bool {
        let campaign = row.facts.int(Field::Campaign);
        row.workspace() == self.workspace
            && (self.from_ms..self.to_ms).contains(&row.key.time_ms())
            && self.campaign.is_none_or(|wanted| campaign == Some(wanted.into()))
    }
}

/// Which rows, and what of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose and when.
    pub span: Span,
    /// Only rows of journal records up to this.
    pub through: u64,
    /// Only rows of these kinds.
    pub kinds: Vec<RowKind>,
    /// Tags of the facts that are wanted.
    pub tags: Vec<u16>,
}

/// A piece of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The job.
    pub job: i64,
    /// Which one, from 0 on.
    pub number: u64,
    /// The journal sequence up to which the job looks at rows.
    pub through: u64,
    /// A hash of what the job computes with: with anything else, its pieces would not fit together.
    pub basis: i64,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staged {
    /// The journal sequence up to which it looks at rows.
    pub through: u64,
    /// The hash that its pieces were staged with.
    pub basis: i64,
    /// How many pieces are there.
    pub pieces: u64,
}

/// A new figure for the rows that one journal record made of one click in one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// What the rows count.
    pub kind: RowKind,
    /// Their click.
    pub key: ClickKey,
    /// Their record.
    pub sequence: u64,
    /// What becomes of them.
    pub figure: Figure,
}

impl Rewrite {
    /// Whether it is about a row.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        let is_click =
            |kind| !matches!(kind, RowKind::LanderClick | RowKind::Entry | RowKind::Spend);
        let same_table = row.kind == self.kind || (is_click(row.kind) && is_click(self.kind));
        same_table && (row.key, row.sequence) == (self.key, self.sequence)
    }

    /// Puts the figure in place: what the row was written down with stays beside its share of an entry.
    pub(crate) fn apply(&self, row: &mut Row) {
        if let Figure::Verdict { is_bot, reason } = self.figure {
            row.facts.remove(Field::Bot.tag());
            row.facts.remove(Field::BotReason.tag());
            row.facts.set_flag(Field::Bot, is_bot);
            row.facts.set_text(Field::BotReason, reason);
            row.facts = normal_facts(row);
            return;
        }
        let own = row.facts.int_at(tag::COST_BASE).unwrap_or(row.cost);
        row.facts.remove(tag::COST_BASE);
        row.facts.remove(tag::COST_ENTRY);
        row.cost = match self.figure {
            Figure::Verdict { .. } | Figure::Own => own,
            Figure::Share { entry, cost } => {
                row.facts.push_int(tag::COST_BASE, own);
                row.facts.push_int(tag::COST_ENTRY, entry);
                cost
            }
        };
        row.facts = normal_facts(row);
    }
}

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// It costs what it was written down with.
    Own,
    /// It costs its share of a cost entry.
    Share {
        /// The entry's number, or [`model::spend::DAILY`].
        entry: i64,
        /// Micro-units in the workspace's currency.
        cost: i64,
    },
    /// It is taken for a program's, or a person's.
    Verdict {
        /// Whether it is a program.
        is_bot: bool,
        /// The code of the reason; empty for a person.
        reason: &'static str,
    },
}
