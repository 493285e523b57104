//! The catalog in SQLite: one file, one connection.

mod claims;
mod costs;
mod open;
mod rates;
mod revisions;
mod tokens;

use crate::catalog::{Catalog, Change, Claim, KeptAnswer, LogRow, RevisionRow, Saved, TokenRow};
use crate::costs::{
    Author, CostAdded, CostQuery, CostRow, Costs, NewCost, NewRecompute, Progress, Recompute,
};
use crate::error::StoreError;
use crate::rates::{RateQuery, RateRow};
use crate::thing_body;
use async_trait::async_trait;
use model::rate::{DayRate, RateTable};
use model::table::Things;
use model::thing::{Kind, Revision, ThingId};
use sqlx::{Connection, SqliteConnection};
use std::path::Path;
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

/// The catalog in one SQLite file in WAL mode, synced on every commit.
///
/// All access goes through one connection: a catalog is small and asked seldom, and the corruption bugs
/// of WAL mode so far needed a second one.
#[derive(Debug)]
pub struct SqliteCatalog {
    connection: Mutex<Option<SqliteConnection>>,
}

impl SqliteCatalog {
    /// Opens or creates the file at `path`.
    ///
    /// [`StoreError::NewerVersion`] leaves every file as it was; [`StoreError::OldSqlite`] is an error
    /// of the build.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let connection = open::open(path.as_ref()).await?;
        Ok(Self { connection: Mutex::new(Some(connection)) })
    }

    async fn connection(&self) -> Result<MappedMutexGuard<'_, SqliteConnection>, StoreError> {
        let guard = self.connection.lock().await;
        MutexGuard::try_map(guard, Option::as_mut).map_err(|_| StoreError::Closed)
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn things(&self) -> Result<Things, StoreError> {
        self.things_at(Revision::MAX).await
    }

    async fn things_at(&self, revision: Revision) -> Result<Things, StoreError> {
        let standing = revisions::standing(&mut *self.connection().await?, revision).await?;
        let newest = standing.values().map(|thing| thing.revision).max().unwrap_or_default();
        thing_body::things(standing, newest)
    }

    async fn save(
        &self,
        changes: Vec<Change>,
        author: &str,
        at_ms: i64,
    ) -> Result<Vec<Saved>, StoreError> {
        revisions::save(&mut *self.connection().await?, changes, author, at_ms).await
    }

    async fn revisions(
        &self,
        workspace: ThingId,
        kind: Kind,
        id: ThingId,
    ) -> Result<Vec<RevisionRow>, StoreError> {
        revisions::of_thing(&mut *self.connection().await?, workspace, kind, id).await
    }

    async fn log(
        &self,
        workspace: ThingId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError> {
        revisions::log(&mut *self.connection().await?, workspace, before, limit).await
    }

    async fn names(&self, workspace: ThingId) -> Result<Vec<(Kind, ThingId, String)>, StoreError> {
        revisions::names(&mut *self.connection().await?, workspace).await
    }

    async fn add_rates(
        &self,
        workspace: ThingId,
        rates: &[DayRate],
        author: &str,
        at_ms: i64,
    ) -> Result<usize, StoreError> {
        rates::add(&mut *self.connection().await?, workspace, rates, author, at_ms).await
    }

    async fn rates(
        &self,
        workspace: ThingId,
        query: RateQuery,
    ) -> Result<Vec<RateRow>, StoreError> {
        rates::list(&mut *self.connection().await?, workspace, &query).await
    }

    async fn rate_table(&self) -> Result<RateTable, StoreError> {
        rates::table(&mut *self.connection().await?).await
    }

    async fn create_token(
        &self,
        workspace: ThingId,
        name: &str,
        sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<TokenRow, StoreError> {
        tokens::create(&mut *self.connection().await?, workspace, name, sha256, at_ms).await
    }

    async fn token(&self, sha256: [u8; 32]) -> Result<Option<TokenRow>, StoreError> {
        tokens::find(&mut *self.connection().await?, sha256).await
    }

    async fn tokens(&self, workspace: ThingId) -> Result<Vec<TokenRow>, StoreError> {
        tokens::list(&mut *self.connection().await?, workspace).await
    }

    async fn revoke_token(
        &self,
        workspace: ThingId,
        id: u32,
        at_ms: i64,
    ) -> Result<bool, StoreError> {
        tokens::revoke(&mut *self.connection().await?, workspace, id, at_ms).await
    }

    async fn claim(
        &self,
        workspace: ThingId,
        key: &str,
        request_sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<Claim, StoreError> {
        claims::claim(&mut *self.connection().await?, workspace, key, request_sha256, at_ms).await
    }

    async fn settle(
        &self,
        workspace: ThingId,
        key: &str,
        answer: Option<KeptAnswer>,
    ) -> Result<(), StoreError> {
        claims::settle(&mut *self.connection().await?, workspace, key, answer).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let connection = self.connection.lock().await.take();
        match connection {
            Some(connection) => {
                connection.close().await.map_err(StoreError::during("close the catalog"))
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Costs for SqliteCatalog {
    async fn add_costs(
        &self,
        workspace: ThingId,
        costs: Vec<NewCost>,
        by: &Author,
    ) -> Result<Vec<CostAdded>, StoreError> {
        costs::add(&mut *self.connection().await?, workspace, costs, by).await
    }

    async fn costs(
        &self,
        workspace: ThingId,
        query: &CostQuery,
    ) -> Result<Vec<CostRow>, StoreError> {
        costs::list(&mut *self.connection().await?, workspace, query).await
    }

    async fn undo_cost(
        &self,
        workspace: ThingId,
        id: i64,
        by: &Author,
    ) -> Result<bool, StoreError> {
        costs::undo(&mut *self.connection().await?, workspace, id, by).await
    }

    async fn add_recompute(
        &self,
        wanted: NewRecompute,
        by: &Author,
    ) -> Result<Recompute, StoreError> {
        costs::insert_recompute(&mut *self.connection().await?, &wanted, by).await
    }

    async fn recompute(
        &self,
        workspace: ThingId,
        id: i64,
    ) -> Result<Option<Recompute>, StoreError> {
        costs::recompute(&mut *self.connection().await?, workspace, id).await
    }

    async fn unfinished(&self) -> Result<Vec<Recompute>, StoreError> {
        costs::unfinished(&mut *self.connection().await?).await
    }

    async fn note(&self, id: i64, progress: &Progress) -> Result<(), StoreError> {
        costs::note(&mut *self.connection().await?, id, progress).await
    }
}
