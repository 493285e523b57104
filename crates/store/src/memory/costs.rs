//! Cost entries and recomputes in vectors.

use crate::costs::{
    Author, CostAdded, CostQuery, CostRow, NewCost, NewRecompute, Progress, Recompute,
    recomputes_of,
};
use model::spend::SpendKey;
use model::thing::ThingId;

/// Everything about costs in a catalog without files.
#[derive(Debug, Default)]
pub(super) struct CostLog {
    rows: Vec<(ThingId, CostRow)>,
    recomputes: Vec<Recompute>,
}

impl CostLog {
    pub fn add(&mut self, workspace: ThingId, costs: Vec<NewCost>, by: &Author) -> Vec<CostAdded> {
        let mut changed: Vec<SpendKey> = Vec::new();
        let added = costs.into_iter().map(|cost| {
            let standing = self.standing(workspace, &cost.key).map(|row| (row.id, &row.cost));
            let replaced = match standing {
                Some((id, standing)) if *standing == cost => {
                    return CostAdded { id, is_unchanged: true, replaced: None };
                }
                other => other.map(|(id, _)| id),
            };
            changed.push(cost.key.clone());
            let id = self.rows.len() as i64 + 1;
            let row = CostRow { id, cost, by: by.clone(), undone: None, is_standing: false };
            self.rows.push((workspace, row));
            CostAdded { id, is_unchanged: false, replaced }
        });
        let added = added.collect();
        self.ask_for(workspace, &changed, by);
        added
    }

    pub fn list(&self, workspace: ThingId, query: &CostQuery) -> Vec<CostRow> {
        let own = self.rows.iter().rev().filter(|(of, _)| *of == workspace);
        let rows = own.map(|(_, row)| {
            let standing = self.standing(workspace, &row.cost.key).map(|standing| standing.id);
            CostRow { is_standing: standing == Some(row.id), ..row.clone() }
        });
        let wanted = rows.filter(|row| {
            let CostRow { id, cost, .. } = row;
            query.campaign.is_none_or(|campaign| campaign == cost.key.campaign)
                && query.period.is_none_or(|(from_ms, to_ms)| {
                    from_ms < cost.key.to_ms && cost.key.from_ms < to_ms
                })
                && (row.is_standing || !query.standing_only)
                && query.before.is_none_or(|before| *id < before)
                && query.id.is_none_or(|wanted| *id == wanted)
        });
        wanted.take(query.limit.unwrap_or(usize::MAX)).collect()
    }

    pub fn undo(&mut self, workspace: ThingId, id: i64, by: &Author) -> bool {
        let row = self.rows.iter_mut().find(|(of, row)| *of == workspace && row.id == id);
        let Some((_, row)) = row.filter(|(_, row)| row.undone.is_none()) else { return false };
        row.undone = Some((by.author.clone(), by.at_ms));
        let key = row.cost.key.clone();
        self.ask_for(workspace, &[key], by);
        true
    }

    pub fn ask(&mut self, wanted: NewRecompute, by: &Author) -> Recompute {
        let id = self.recomputes.len() as i64 + 1;
        let new = Recompute { id, wanted, by: by.clone(), progress: Progress::default() };
        self.recomputes.push(new.clone());
        new
    }

    pub fn recompute(&self, workspace: ThingId, id: i64) -> Option<Recompute> {
        let own = |known: &&Recompute| known.id == id && known.wanted.workspace == workspace;
        self.recomputes.iter().find(own).cloned()
    }

    pub fn unfinished(&self) -> Vec<Recompute> {
        self.recomputes.iter().filter(|known| !known.progress.is_done).cloned().collect()
    }

    pub fn note(&mut self, id: i64, progress: &Progress) {
        let known = self.recomputes.iter_mut().find(|known| known.id == id);
        known.into_iter().for_each(|known| known.progress = progress.clone());
    }

    fn ask_for(&mut self, workspace: ThingId, keys: &[SpendKey], by: &Author) {
        for wanted in recomputes_of(workspace, keys.iter()) {
            self.ask(wanted, by);
        }
    }

    fn standing(&self, workspace: ThingId, key: &SpendKey) -> Option<&CostRow> {
        let own = self.rows.iter().rev().filter(|(of, _)| *of == workspace).map(|(_, row)| row);
        own.filter(|row| row.undone.is_none()).find(|row| row.cost.key == *key)
    }
}
