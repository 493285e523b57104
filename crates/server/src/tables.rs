//! Routing tables of earlier configurations, for decisions that are made again.

use crate::app::App;
use model::table::{RoutingTable, Things};
use model::thing::Revision;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use store::StoreError;

/// Tables kept: one for each of a few neighbouring clicks' revisions.
const KEPT_MAX: usize = 16;

/// The tables asked for last, the newest first.
#[derive(Default)]
pub struct EarlierTables {
    kept: Mutex<VecDeque<(Revision, Arc<RoutingTable>)>>,
    turn: tokio::sync::Mutex<()>,
}

/// Compiles things where that keeps nobody waiting.
pub async fn compile(things: &Arc<Things>) -> Arc<RoutingTable> {
    let work = Arc::clone(things);
    let table = tokio::task::spawn_blocking(move || RoutingTable::new(&work)).await;
    // It fails only while the runtime ends.
    Arc::new(table.unwrap_or_else(|_| RoutingTable::new(things)))
}

impl App {
    /// The routing table as it was right after the save of `revision`.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn table_at(&self, revision: Revision) -> Result<Arc<RoutingTable>, StoreError> {
        let now = self.table.load_full();
        if now.revision() == revision {
            return Ok(now);
        }
        if let Some(table) = self.earlier_tables.find(revision) {
            return Ok(table);
        }
        // One at a time, and away from the threads that answer clicks.
        let _turn = self.earlier_tables.turn.lock().await;
        if let Some(table) = self.earlier_tables.find(revision) {
            return Ok(table);
        }
        let things = Arc::new(self.catalog.things_at(revision).await?);
        let table = compile(&things).await;
        self.earlier_tables.keep(revision, Arc::clone(&table));
        Ok(table)
    }
}

impl EarlierTables {
    fn find(&self, revision: Revision) -> Option<Arc<RoutingTable>> {
        let mut tables = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tables.iter().position(|(known, _)| *known == revision)?;
        let found = tables.remove(place)?;
        tables.push_front(found.clone());
        Some(found.1)
    }

    fn keep(&self, revision: Revision, table: Arc<RoutingTable>) {
        let mut tables = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        tables.push_front((revision, table));
        tables.truncate(KEPT_MAX);
    }
}
