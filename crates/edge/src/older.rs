//! Clicks that are not in memory any more: asked for elsewhere, with a deadline and a bounded queue.

use crate::counters::{Counters, Event};
use model::ClickKey;
use model::facts::Facts;
use model::thing::ThingId;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// A future that can be kept in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A click somebody comes back to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentClick {
    /// Its fields: campaign, workspace, flow, path, lander, offer, and whatever the tokens of an offer's URL may name.
    pub facts: Facts,
}

/// Where clicks are that left the memory of the edge.
pub trait ClickLookup: Send + Sync {
    /// The click with this key in `workspace`, if there is one.
    fn find(&self, workspace: ThingId, key: ClickKey) -> BoxFuture<'_, Option<RecentClick>>;
}

/// Asks a [`ClickLookup`] without ever waiting long.
pub(crate) struct Older {
    clicks: Arc<dyn ClickLookup>,
    slots: Arc<Semaphore>,
    deadline: Duration,
}

impl Older {
    pub fn new(clicks: Arc<dyn ClickLookup>, lookups_max: usize, deadline: Duration) -> Self {
        Self { clicks, slots: Arc::new(Semaphore::new(lookups_max)), deadline }
    }

    /// The click, unless it is unknown, or too many ask, or the answer takes too long. A look-up that is late keeps its
    /// slot until it ends: a slow store is not asked more and more.
    pub async fn find(
        &self,
        workspace: ThingId,
        key: ClickKey,
        counters: &Counters,
    ) -> Option<RecentClick> {
        let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() else {
            counters.count(Event::LookupBusy);
            return None;
        };
        let (answer, answered) = oneshot::channel();
        let clicks = Arc::clone(&self.clicks);
        tokio::spawn(async move {
            // Nobody may be listening any more.
            let _ = answer.send(clicks.find(workspace, key).await);
            drop(slot);
        });
        tokio::time::timeout(self.deadline, answered).await.ok()?.ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;

    impl ClickLookup for Never {
        fn find(&self, _: ThingId, _: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
            Box::pin(std::future::pending())
        }
    }

    struct Always;

    impl ClickLookup for Always {
        fn find(&self, _: ThingId, key: ClickKey) -> BoxFuture<'_, Option<RecentClick>> {
            let mut facts = Facts::default();
            facts.push_int(1, key.0);
            Box::pin(async move { Some(RecentClick { facts }) })
        }
    }

    #[tokio::test]
    async fn a_slow_store_costs_the_deadline_and_then_nothing() {
        let counters = Counters::new();
        let older = Older::new(Arc::new(Never), 2, Duration::from_millis(20));
        let (one, two) =
            (older.find(1, ClickKey(1), &counters), older.find(1, ClickKey(2), &counters));
        assert_eq!(tokio::join!(one, two), (None, None));
        let started = std::time::Instant::now();
        for _ in 0..1000 {
            assert_eq!(older.find(1, ClickKey(3), &counters).await, None);
        }
        assert!(started.elapsed() < Duration::from_secs(1));
        assert_eq!(counters.get(Event::LookupBusy), 1000);
    }

    #[tokio::test]
    async fn a_click_that_is_there_is_found() {
        let older = Older::new(Arc::new(Always), 2, Duration::from_secs(5));
        for key in 0..100 {
            let found = older.find(1, ClickKey(key), &Counters::new()).await;
            assert_eq!(found.and_then(|click| click.facts.int_at(1)), Some(key));
        }
    }
}
