//! What the operator says was spent: the trait of the log of cost entries, and of the recomputes they ask for.

use crate::error::StoreError;
use async_trait::async_trait;
use model::money::{Currency, Money};
use model::spend::SpendKey;
use model::thing::ThingId;

/// Cost entries, append-only: of several for the same traffic the newest that was not undone stands. What changes them
/// asks for a recompute in the same transaction, so that no figure stays behind.
#[async_trait]
pub trait Costs: Send + Sync {
    /// Adds all entries or none, and says in their order what became of each. An entry that says what stands already
    /// is not added.
    async fn add_costs(
        &self,
        workspace: ThingId,
        costs: Vec<NewCost>,
        by: &Author,
    ) -> Result<Vec<CostAdded>, StoreError>;

    /// Entries, newest first.
    async fn costs(
        &self,
        workspace: ThingId,
        query: &CostQuery,
    ) -> Result<Vec<CostRow>, StoreError>;

    /// Takes an entry back: the one before it for the same traffic stands again. False when the workspace has no such
    /// entry that was not undone.
    async fn undo_cost(&self, workspace: ThingId, id: i64, by: &Author)
    -> Result<bool, StoreError>;

    /// Asks for a recompute.
    async fn add_recompute(
        &self,
        wanted: NewRecompute,
        by: &Author,
    ) -> Result<Recompute, StoreError>;

    /// A recompute by its number.
    async fn recompute(&self, workspace: ThingId, id: i64)
    -> Result<Option<Recompute>, StoreError>;

    /// Recomputes that are not done, oldest first, of all workspaces.
    async fn unfinished(&self) -> Result<Vec<Recompute>, StoreError>;

    /// Keeps how far a recompute is.
    async fn note(&self, id: i64, progress: &Progress) -> Result<(), StoreError>;
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Who.
    pub author: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The import it belongs to.
    pub batch: Option<String>,
}

/// An amount to be spread over traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCost {
    /// Which traffic.
    pub key: SpendKey,
    /// How much.
    pub amount: Money,
    /// In which currency.
    pub currency: Currency,
}

/// What became of a [`NewCost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostAdded {
    /// The entry that stands now.
    pub id: i64,
    /// Whether it stood before.
    pub is_unchanged: bool,
    /// The entry it replaces.
    pub replaced: Option<i64>,
}

/// A cost entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostRow {
    /// Its number.
    pub id: i64,
    /// What it says.
    pub cost: NewCost,
    /// Who made it.
    pub by: Author,
    /// Who took it back.
    pub undone: Option<(String, i64)>,
    /// Whether it counts: neither undone nor replaced.
    pub is_standing: bool,
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CostQuery {
    /// Only this campaign's.
    pub campaign: Option<ThingId>,
    /// Only those whose period touches this one, Unix milliseconds, the end exclusive.
    pub period: Option<(i64, i64)>,
    /// Only those that stand.
    pub standing_only: bool,
    /// Only those with a smaller number.
    pub before: Option<i64>,
    /// Only this one.
    pub id: Option<i64>,
    /// The most entries; all when absent.
    pub limit: Option<usize>,
}

/// Which projection is recomputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What clicks cost.
    Costs,
    /// Which clicks are programs.
    Bots,
    /// What was converted by a rate: costs, payouts, and what entries in other currencies pay.
    Fx,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Costs, Self::Bots, Self::Fx];

    /// The word in answers and the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Costs => "costs",
            Self::Bots => "bots",
            Self::Fx => "fx",
        }
    }
}

/// A recompute to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecompute {
    /// Whose rows.
    pub workspace: ThingId,
    /// Of what.
    pub what: What,
    /// Only this campaign's rows.
    pub campaign: Option<ThingId>,
    /// The first moment of clicks, Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Behind the last moment, exclusive.
    pub to_ms: i64,
}

impl NewRecompute {
    /// Whether rows that `key` pays for are among those recomputed.
    pub fn touches(&self, key: &SpendKey) -> bool {
        self.campaign.is_none_or(|campaign| campaign == key.campaign)
            && self.from_ms < key.to_ms
            && key.from_ms < self.to_ms
    }
}

/// How far a recompute is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the figures are switched.
    pub is_done: bool,
    /// Rows looked at, and rows there are.
    pub rows: (u64, u64),
    /// Rows whose figures changed.
    pub changed: u64,
    /// What went wrong last; it is tried again.
    pub error: Option<String>,
}

/// A recompute, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recompute {
    /// Its number.
    pub id: i64,
    /// What is to be done.
    pub wanted: NewRecompute,
    /// Who asked for it.
    pub by: Author,
    /// How far it is.
    pub progress: Progress,
}

/// The recomputes that make changes of these keys seen: one for each campaign.
pub(crate) fn recomputes_of<'k>(
    workspace: ThingId,
    keys: impl Iterator<Item = &'k SpendKey>,
) -> Vec<NewRecompute> {
    let mut wanted: std::collections::BTreeMap<ThingId, NewRecompute> = Default::default();
    for key in keys {
        let (campaign, from_ms, to_ms) = (Some(key.campaign), key.from_ms, key.to_ms);
        let new = NewRecompute { workspace, what: What::Costs, campaign, from_ms, to_ms };
        let known = wanted.entry(key.campaign).or_insert(new);
        known.from_ms = known.from_ms.min(key.from_ms);
        known.to_ms = known.to_ms.max(key.to_ms);
    }
    wanted.into_values().collect()
}
