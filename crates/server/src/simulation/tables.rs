//! The configurations that routed past clicks, compiled when they are needed, a few at a time.

use super::story::Story;
use crate::app::App;
use model::table::RoutingTable;
use model::thing::Revision;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::StoreError;

/// The most configurations held at a time.
const HELD_MAX: usize = 4;

/// The longest that configurations are read and compiled for one answer; clicks of further ones are
/// counted as unknown.
const READING_MAX: Duration = Duration::from_secs(20);

/// Configurations by revision.
pub type Held = HashMap<Revision, Arc<RoutingTable>>;

/// Where configurations come from.
pub struct Tables<'a> {
    app: &'a App,
    held: Held,
    spent: Duration,
}

impl<'a> Tables<'a> {
    /// None yet.
    pub fn new(app: &'a App) -> Self {
        Self { app, held: Held::new(), spent: Duration::ZERO }
    }

    /// Clicks in their order, in runs that need few enough configurations each.
    pub fn runs(&self, stories: Vec<Story>) -> Vec<Vec<Story>> {
        let (mut runs, mut run, mut needed) = (Vec::new(), Vec::new(), HashSet::new());
        for story in stories {
            needed.extend(story.revision());
            if needed.len() > HELD_MAX {
                runs.push(std::mem::take(&mut run));
                needed = story.revision().into_iter().collect();
            }
            run.push(story);
        }
        runs.push(run);
        runs.retain(|run| !run.is_empty());
        runs
    }

    /// The configurations that a run needs.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub async fn load(&mut self, run: &[Story]) -> Result<Held, StoreError> {
        let needed: HashSet<Revision> = run.iter().filter_map(Story::revision).collect();
        self.held.retain(|revision, _| needed.contains(revision));
        for revision in needed {
            if !self.held.contains_key(&revision)
                && let Some(table) = self.table(revision).await?
            {
                self.held.insert(revision, table);
            }
        }
        Ok(self.held.clone())
    }

    async fn table(&mut self, revision: Revision) -> Result<Option<Arc<RoutingTable>>, StoreError> {
        let current = self.app.table.load_full();
        if current.revision() == revision {
            return Ok(Some(current));
        }
        if revision > current.revision() || self.spent > READING_MAX {
            return Ok(None);
        }
        let start = Instant::now();
        let things = self.app.catalog.things_at(revision).await?;
        let table = Arc::new(RoutingTable::new(&things));
        self.spent += start.elapsed();
        Ok(Some(table))
    }
}
