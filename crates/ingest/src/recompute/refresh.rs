//! Clicks that came since: entries whose time is not over, and prices per day, are spread over them from time to time.

use super::Recomputer;
use crate::error::{IngestError, store_error};
use model::thing::{CostModel, ThingId};
use std::collections::BTreeSet;
use store::{Author, CostQuery, NewRecompute, Progress, Recompute, What};

/// Who recomputes what nobody asked for.
pub const REFRESH_AUTHOR: &str = "refresh";

/// The number of a job that is in no catalog: when it is lost, the next one does its work.
const REFRESH_JOB: i64 = 0;

/// The jobs that take the clicks of this time in, one for each campaign that an entry or a price per day pays for.
///
/// # Errors
/// When the catalog fails.
pub async fn refreshes(
    stores: Recomputer<'_>,
    from_ms: i64,
    to_ms: i64,
) -> Result<Vec<Recompute>, IngestError> {
    let mut campaigns: BTreeSet<(ThingId, ThingId)> = BTreeSet::new();
    for workspace in stores.table.workspaces() {
        let query = CostQuery {
            period: Some((from_ms, to_ms)),
            standing_only: true,
            ..CostQuery::default()
        };
        let entries = stores.costs.costs(workspace, &query).await;
        let entries = entries.map_err(store_error("list cost entries"))?;
        campaigns.extend(entries.iter().map(|entry| (workspace, entry.cost.key.campaign)));
    }
    let daily = stores.table.campaigns().filter(|c| matches!(c.cost, CostModel::PerDay { .. }));
    campaigns.extend(daily.map(|campaign| (campaign.workspace, campaign.id)));
    let by = Author { author: REFRESH_AUTHOR.to_owned(), at_ms: to_ms, batch: None };
    let job = |(workspace, campaign)| Recompute {
        id: REFRESH_JOB,
        wanted: NewRecompute {
            workspace,
            what: What::Costs,
            campaign: Some(campaign),
            from_ms,
            to_ms,
        },
        by: by.clone(),
        progress: Progress::default(),
    };
    Ok(campaigns.into_iter().map(job).collect())
}
