//! Routing tables of earlier configurations, for decisions that are made again.

use crate::app::App;
use model::table::RoutingTable;
use model::thing::Revision;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use store::StoreError;

/// Tables kept: one for each of a few neighbouring clicks' revisions.
const KEPT_MAX: usize = 16;

/// The tables asked for last, the newest first.
#[derive(Default)]
pub struct EarlierTables(Mutex<VecDeque<(Revision, Arc<RoutingTable>)>>);

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
        let table = Arc::new(RoutingTable::new(&self.catalog.things_at(revision).await?));
        self.earlier_tables.keep(revision, Arc::clone(&table));
        Ok(table)
    }
}

impl EarlierTables {
    fn find(&self, revision: Revision) -> Option<Arc<RoutingTable>> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = tables.iter().position(|(known, _)| *known == revision)?;
        let found = tables.remove(place)?;
        tables.push_front(found.clone());
        Some(found.1)
    }

    fn keep(&self, revision: Revision, table: Arc<RoutingTable>) {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tables.push_front((revision, table));
        tables.truncate(KEPT_MAX);
    }
}
