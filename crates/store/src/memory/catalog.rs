//! The catalog in a vector of revisions.

use super::costs::CostLog;
use crate::catalog::{
    Catalog, Change, Claim, IDEMPOTENCY_MS, KeptAnswer, LogRow, Replaced, RevisionRow, Saved,
    TokenRow,
};
use crate::changes::{Standing, StoredThing, check_changes};
use crate::costs::{
    Author, CostAdded, CostQuery, CostRow, Costs, NewCost, NewRecompute, Progress, Recompute,
};
use crate::error::StoreError;
use crate::rates::{RateKey, RateQuery, RateRow, is_known, last_of_each};
use crate::thing_body;
use async_trait::async_trait;
use model::rate::{DayRate, RateTable};
use model::table::Things;
use model::thing::{DEFAULT_WORKSPACE, Kind, Revision, ThingId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A catalog without files: for tests, and what they compare others with.
#[derive(Debug)]
pub struct MemoryCatalog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    log: Vec<Saving>,
    tokens: Vec<([u8; 32], TokenRow)>,
    claims: HashMap<(ThingId, String), ClaimRow>,
    costs: CostLog,
    rates: Vec<(ThingId, RateRow)>,
}

#[derive(Debug)]
struct Saving {
    kind: Kind,
    id: ThingId,
    workspace: ThingId,
    row: RevisionRow,
}

#[derive(Debug)]
struct ClaimRow {
    at_ms: i64,
    request_sha256: [u8; 32],
    answer: Option<KeptAnswer>,
}

impl Default for MemoryCatalog {
    fn default() -> Self {
        let workspace = StoredThing {
            workspace: DEFAULT_WORKSPACE,
            name: "main".to_owned(),
            revision: 0,
            archived: false,
            body: thing_body::default_workspace(),
        };
        let mut state = State::default();
        state.write((Kind::Workspace, DEFAULT_WORKSPACE), workspace, "clicktrail", 0);
        Self { state: Mutex::new(state) }
    }
}

impl MemoryCatalog {
    /// A catalog with nothing but the default workspace.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed { Err(StoreError::Closed) } else { Ok(state) }
    }
}

impl State {
    fn write(
        &mut self,
        (kind, id): (Kind, ThingId),
        thing: StoredThing,
        author: &str,
        at_ms: i64,
    ) -> Saved {
        let revision = self.log.len() as Revision + 1;
        let StoredThing { workspace, name, archived, body, .. } = thing;
        let author = author.to_owned();
        let row = RevisionRow { revision, author, at_ms, name, archived, body };
        self.log.push(Saving { kind, id, workspace, row });
        Saved { kind, id, revision }
    }

    /// The rates of a workspace that stand, by key.
    fn standing_rates(&self, workspace: ThingId) -> BTreeMap<RateKey, RateRow> {
        let own = self.rates.iter().filter(|(of, _)| *of == workspace);
        own.map(|(_, row)| (row.rate.into(), row.clone())).collect()
    }

    fn standing(&self, revision: Revision) -> Standing {
        let until = self.log.iter().take_while(|saving| saving.row.revision <= revision);
        until
            .map(|Saving { kind, id, workspace, row }| {
                let stored = StoredThing {
                    workspace: *workspace,
                    name: row.name.clone(),
                    revision: row.revision,
                    archived: row.archived,
                    body: row.body.clone(),
                };
                ((*kind, *id), stored)
            })
            .collect()
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn things(&self) -> Result<Things, StoreError> {
        self.things_at(Revision::MAX).await
    }

    async fn things_at(&self, revision: Revision) -> Result<Things, StoreError> {
        let standing = self.state()?.standing(revision);
        let newest = standing.values().map(|thing| thing.revision).max().unwrap_or_default();
        thing_body::things(standing, newest)
    }

    async fn save(
        &self,
        changes: Vec<Change>,
        author: &str,
        at_ms: i64,
    ) -> Result<Vec<Saved>, StoreError> {
        let mut state = self.state()?;
        let written = check_changes(&state.standing(Revision::MAX), changes)?;
        let write = |(place, thing)| state.write(place, thing, author, at_ms);
        Ok(written.into_iter().map(write).collect())
    }

    async fn revisions(
        &self,
        workspace: ThingId,
        kind: Kind,
        id: ThingId,
    ) -> Result<Vec<RevisionRow>, StoreError> {
        let state = self.state()?;
        let wanted =
            state.log.iter().rev().filter(|saving| {
                (saving.workspace, saving.kind, saving.id) == (workspace, kind, id)
            });
        Ok(wanted.map(|saving| saving.row.clone()).collect())
    }

    async fn log(
        &self,
        workspace: ThingId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        let state = self.state()?;
        let is_wanted = |saving: &&Saving| {
            saving.workspace == workspace
                && before.is_none_or(|before| saving.row.revision < before)
        };
        let entry = |saving: &Saving| {
            let is_earlier = |other: &&Saving| {
                (other.kind, other.id) == (saving.kind, saving.id)
                    && other.row.revision < saving.row.revision
            };
            let before = state.log.iter().rev().find(is_earlier).map(|other| Replaced {
                name: other.row.name.clone(),
                archived: other.row.archived,
                body: other.row.body.clone(),
            });
            LogRow { kind: saving.kind, id: saving.id, row: saving.row.clone(), before }
        };
        Ok(state.log.iter().rev().filter(is_wanted).take(limit).map(entry).collect())
    }

    async fn names(&self, workspace: ThingId) -> Result<Vec<(Kind, ThingId, String)>, StoreError> {
        let state = self.state()?;
        let own = state.log.iter().filter(|saving| saving.workspace == workspace);
        let names = own.map(|saving| (saving.kind, saving.id, saving.row.name.clone()));
        let mut names: Vec<_> = names.collect();
        names.sort_unstable_by(|(a, n, x), (b, m, y)| (a.as_str(), n, x).cmp(&(b.as_str(), m, y)));
        names.dedup();
        Ok(names)
    }

    async fn add_rates(
        &self,
        workspace: ThingId,
        rates: &[DayRate],
        author: &str,
        at_ms: i64,
    ) -> Result<usize, StoreError> {
        let mut state = self.state()?;
        let standing = state.standing_rates(workspace);
        let standing = |rate: DayRate| standing.get(&rate.into()).map(|row| row.rate);
        let new: Vec<_> =
            last_of_each(rates).into_iter().filter(|r| !is_known(*r, standing(*r))).collect();
        let row = |rate: &DayRate| RateRow { rate: *rate, author: author.to_owned(), at_ms };
        state.rates.extend(new.iter().map(|rate| (workspace, row(rate))));
        Ok(new.len())
    }

    async fn rates(
        &self,
        workspace: ThingId,
        query: RateQuery,
    ) -> Result<Vec<RateRow>, StoreError> {
        let standing = self.state()?.standing_rates(workspace).into_values();
        Ok(standing.filter(|row| query.accepts(row.rate)).take(query.limit).collect())
    }

    async fn rate_table(&self) -> Result<RateTable, StoreError> {
        let state = self.state()?;
        Ok(RateTable::new(state.rates.iter().map(|(workspace, row)| (*workspace, row.rate))))
    }

    async fn create_token(
        &self,
        workspace: ThingId,
        name: &str,
        sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<TokenRow, StoreError> {
        let mut state = self.state()?;
        let id = state.tokens.len() as u32 + 1;
        let name = name.to_owned();
        let row = TokenRow { id, workspace, name, created_ms: at_ms, revoked_ms: None };
        state.tokens.push((sha256, row.clone()));
        Ok(row)
    }

    async fn token(&self, sha256: [u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        let state = self.state()?;
        let mut live = state.tokens.iter().filter(|(_, row)| row.revoked_ms.is_none());
        Ok(live.find(|(hash, _)| *hash == sha256).map(|(_, row)| row.clone()))
    }

    async fn tokens(&self, workspace: ThingId) -> Result<Vec<TokenRow>, StoreError> {
        let state = self.state()?;
        let rows = state.tokens.iter().map(|(_, row)| row);
        Ok(rows.filter(|row| row.workspace == workspace).cloned().collect())
    }

    async fn revoke_token(
        &self,
        workspace: ThingId,
        id: u32,
        at_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut state = self.state()?;
        let mut live = state.tokens.iter_mut().filter(|(_, row)| row.revoked_ms.is_none());
        let found = live.find(|(_, row)| (row.workspace, row.id) == (workspace, id));
        Ok(found.map(|(_, row)| row.revoked_ms = Some(at_ms)).is_some())
    }

    async fn claim(
        &self,
        workspace: ThingId,
        key: &str,
        request_sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<Claim, StoreError> {
        let mut state = self.state()?;
        state.claims.retain(|_, claim| at_ms - claim.at_ms < IDEMPOTENCY_MS);
        let place = (workspace, key.to_owned());
        Ok(match state.claims.get(&place) {
            None => {
                let claim = ClaimRow { at_ms, request_sha256, answer: None };
                state.claims.insert(place, claim);
                Claim::New
            }
            Some(claim) if claim.request_sha256 != request_sha256 => Claim::OtherRequest,
            Some(ClaimRow { answer: None, .. }) => Claim::Running,
            Some(ClaimRow { answer: Some(answer), .. }) => Claim::Answered(answer.clone()),
        })
    }

    async fn settle(
        &self,
        workspace: ThingId,
        key: &str,
        answer: Option<KeptAnswer>,
    ) -> Result<(), StoreError> {
        let mut state = self.state()?;
        let place = (workspace, key.to_owned());
        match answer {
            None => {
                state.claims.remove(&place);
            }
            Some(answer) => {
                if let Some(claim) = state.claims.get_mut(&place) {
                    claim.answer = Some(answer);
                }
            }
        }
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.state()?.closed = true;
        Ok(())
    }
}

#[async_trait]
impl Costs for MemoryCatalog {
    async fn add_costs(
        &self,
        workspace: ThingId,
        costs: Vec<NewCost>,
        by: &Author,
    ) -> Result<Vec<CostAdded>, StoreError> {
        Ok(self.state()?.costs.add(workspace, costs, by))
    }

    async fn costs(
        &self,
        workspace: ThingId,
        query: &CostQuery,
    ) -> Result<Vec<CostRow>, StoreError> {
        Ok(self.state()?.costs.list(workspace, query))
    }

    async fn undo_cost(
        &self,
        workspace: ThingId,
        id: i64,
        by: &Author,
    ) -> Result<bool, StoreError> {
        Ok(self.state()?.costs.undo(workspace, id, by))
    }

    async fn add_recompute(
        &self,
        wanted: NewRecompute,
        by: &Author,
    ) -> Result<Recompute, StoreError> {
        Ok(self.state()?.costs.ask(wanted, by))
    }

    async fn recompute(
        &self,
        workspace: ThingId,
        id: i64,
    ) -> Result<Option<Recompute>, StoreError> {
        Ok(self.state()?.costs.recompute(workspace, id))
    }

    async fn unfinished(&self) -> Result<Vec<Recompute>, StoreError> {
        Ok(self.state()?.costs.unfinished())
    }

    async fn note(&self, id: i64, progress: &Progress) -> Result<(), StoreError> {
        self.state()?.costs.note(id, progress);
        Ok(())
    }
}
