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
    /// Only rows of journal records behind this.
    pub after: u64,
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

/// A new figure for a row. In its table a row is told by its click, its record and what it counts: a record that takes
/// a conversion back and adds another makes one row of −1 and one of 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// What the row is about.
    pub kind: RowKind,
    /// Its click.
    pub key: ClickKey,
    /// Its record.
    pub sequence: u64,
    /// How many it counts.
    pub count: i64,
    /// What becomes of it.
    pub figure: Figure,
}

impl Rewrite {
    /// Gives a row a new figure.
    pub fn new(row: &Row, figure: Figure) -> Self {
        let Row { kind, key, sequence, count, .. } = *row;
        Self { kind, key, sequence, count, figure }
    }

    /// Whether it is about a row.
    pub(crate) fn is_of(&self, row: &Row) -> bool {
        // A record makes one row of a table at most, but for what it counts.
        let table = |kind: RowKind| if kind.is_on_page() { RowKind::LanderClick } else { kind };
        let is_click =
            |kind| !matches!(kind, RowKind::LanderClick | RowKind::Entry | RowKind::Spend);
        let (own, other) = (table(self.kind), table(row.kind));
        let same_table = own == other || (is_click(own) && is_click(other));
        same_table && (row.key, row.sequence, row.count) == (self.key, self.sequence, self.count)
    }

    /// Puts the figure in place: what the row was written down with stays beside its share of an entry.
    pub(crate) fn apply(&self, row: &mut Row) {
        match &self.figure {
            Figure::Verdict { is_bot, reason } => {
                row.facts.remove(Field::Bot.tag());
                row.facts.remove(Field::BotReason.tag());
                row.facts.set_flag(Field::Bot, *is_bot);
                row.facts.set_text(Field::BotReason, reason);
            }
            Figure::Own => {
                let own = own_cost(row);
                Amounts { cost: own, base: None, entry: None, ..Amounts::of(row) }.put(row);
            }
            Figure::Share { entry, cost } => {
                let (base, entry) = (Some(own_cost(row)), Some(*entry));
                Amounts { cost: *cost, base, entry, ..Amounts::of(row) }.put(row);
            }
            Figure::Amounts(amounts) => amounts.put(row),
        }
        row.facts = normal_facts(row);
    }
}

/// What a row was written down with, whatever pays for it now.
fn own_cost(row: &Row) -> i64 {
    row.facts.int_at(tag::COST_BASE).unwrap_or(row.cost)
}

/// What becomes of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// All of its amounts are these.
    Amounts(Box<Amounts>),
}

/// All amounts of a row, and what they were made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// What it costs in sums.
    pub cost: i64,
    /// What it earns in sums.
    pub revenue: i64,
    /// What it costs without the entry that pays for it.
    pub base: Option<i64>,
    /// The entry that pays for it.
    pub entry: Option<i64>,
    /// What it cost as received, where that was another currency.
    pub received: Option<i64>,
    /// In which.
    pub received_currency: Option<String>,
    /// What it earned as received, where that was another currency.
    pub amount: Option<i64>,
    /// By which rate it was converted.
    pub rate: Option<String>,
}

impl Amounts {
    /// Those of a row.
    pub fn of(row: &Row) -> Self {
        let text = |tag| row.facts.text_at(tag).map(str::to_owned);
        Self {
            cost: row.cost,
            revenue: row.revenue,
            base: row.facts.int_at(tag::COST_BASE),
            entry: row.facts.int_at(tag::COST_ENTRY),
            received: row.facts.int_at(tag::COST),
            received_currency: text(tag::COST_CURRENCY),
            amount: row.facts.int_at(tag::AMOUNT),
            rate: text(tag::RATE),
        }
    }

    fn put(&self, row: &mut Row) {
        (row.cost, row.revenue) = (self.cost, self.revenue);
        let ints = [
            (tag::COST_BASE, self.base),
            (tag::COST_ENTRY, self.entry),
            (tag::COST, self.received),
            (tag::AMOUNT, self.amount),
        ];
        for (tag, value) in ints {
            row.facts.remove(tag);
            value.into_iter().for_each(|value| row.facts.push_int(tag, value));
        }
        let texts = [(tag::COST_CURRENCY, &self.received_currency), (tag::RATE, &self.rate)];
        for (tag, value) in texts {
            row.facts.remove(tag);
            value.iter().for_each(|value| row.facts.push_bytes(tag, value.as_bytes()));
        }
    }
}
