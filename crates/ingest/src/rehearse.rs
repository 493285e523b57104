//! What would become of records, were they the next in the journal.

use crate::draft::{Arrival, Draft};
use crate::error::{IngestError, store_error};
use crate::run::Context;
use crate::{STEPS, Step, recall};
use model::event::InboxEntry;
use model::record::Record;
use store::Events;

/// Takes records along all steps but the last: their entries in the inbox, in order. Nothing is kept.
///
/// # Errors
/// When the store cannot be asked.
pub async fn rehearse(
    events: &dyn Events,
    context: &Context,
    records: Vec<Record>,
) -> Result<Vec<InboxEntry>, IngestError> {
    let after = events.position().await.map_err(store_error("read the position"))?;
    let mut draft = Draft { after, ..Draft::default() };
    let arrivals = (after + 1..).zip(records);
    draft.arrivals = arrivals.map(|(sequence, record)| Arrival { sequence, record }).collect();
    for (_, step) in STEPS {
        match step {
            Step::Think(step) => step(&mut draft, context),
            Step::RecallCalls => recall::calls(events, &mut draft).await?,
            Step::Recall => recall::clicks(events, &mut draft).await?,
            Step::RecallTransactions => recall::transactions(events, &mut draft).await?,
            Step::Commit => {}
        }
    }
    draft.inbox.sort_by_key(|entry| entry.sequence);
    Ok(draft.inbox)
}
