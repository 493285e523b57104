//! Orders about calls in the inbox: into the journal, and on to the store.

use crate::app::App;
use model::order::Order;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often it is looked whether the store has got as far.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The journal cannot take an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal could not take the order")]
pub struct NotTaken(#[source] pub journal::NotLogged);

/// Writes an order down, durably; its place in the journal.
///
/// # Errors
/// When the journal cannot take it: nothing was ordered then.
pub async fn give(app: &App, order: &Order) -> Result<u64, NotTaken> {
    app.journal.append(order.encode()).await.map(|sequence| sequence.0).map_err(NotTaken)
}

/// Waits until the record with this number is in the store; whether it got there in time.
pub async fn carried_out(app: &App, sequence: u64, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while app.ingested.load(Ordering::Acquire) < sequence {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}
