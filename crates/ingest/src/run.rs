//! The loop: takes batches from the journal, passes them along the steps, and says how it stands.

use crate::caps::CapKeeper;
use crate::cost::Thousands;
use crate::draft::Draft;
use crate::error::{IngestError, store_error};
use crate::gather::{Gathered, gather};
use crate::worth::Worth;
use crate::{STEPS, Step, recall};
use arc_swap::ArcSwap;
use journal::{Journal, Reader, Sequence};
use model::KeyRing;
use model::event::InboxEntry;
use model::money::Currency;
use model::rate::RateTable;
use model::table::{CapCounts, RoutingTable};
use model::thing::ThingId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::Events;
use tokio::sync::Mutex;

/// What the steps may look at besides the draft.
#[derive(Debug)]
pub struct Context {
    /// The current configuration.
    pub table: Arc<RoutingTable>,
    /// What currencies are worth in each other.
    pub rates: Arc<RateTable>,
    /// The keys of click ids.
    pub keys: Arc<KeyRing>,
    /// What stands in front of click ids.
    pub id_prefix: Arc<str>,
}

impl Context {
    /// The currency of a workspace's sums.
    pub fn currency(&self, workspace: ThingId) -> Currency {
        self.table.workspace(workspace).map_or(Currency::USD, |w| w.currency)
    }

    /// What amounts of a currency are worth in a workspace's sums at a moment.
    pub fn worth(&self, workspace: ThingId, currency: Currency, at_ms: i64) -> Worth {
        Worth::find(&self.rates, workspace, currency, self.currency(workspace), at_ms)
    }
}

/// What ingest looks things up in; others swap it while ingest runs.
#[derive(Clone)]
pub struct Shared {
    /// The current configuration.
    pub table: Arc<ArcSwap<RoutingTable>>,
    /// What currencies are worth in each other.
    pub rates: Arc<ArcSwap<RateTable>>,
    /// The keys of click ids.
    pub keys: Arc<KeyRing>,
    /// What stands in front of click ids.
    pub id_prefix: Arc<str>,
    /// Held for each batch, from the look at what is known to the commit: figures change in between.
    pub turn: Arc<Mutex<()>>,
}

/// How batches are cut.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The most records of a batch.
    pub batch_records_max: usize,
    /// A batch is cut when so many of its records are rows of the table of clicks.
    pub batch_clicks_max: usize,
    /// The most bytes of a batch.
    pub batch_bytes_max: usize,
    /// How long records may wait for company before a batch is cut: each commit costs a sync.
    pub batch_wait: Duration,
    /// How long to pause after a batch failed, before it is tried again.
    pub retry_wait: Duration,
}

impl Default for Settings {
    /// Reports lag by at most a second: a quarter of it waiting, the rest for a commit. A batch is only as large as
    /// this when there is a backlog; then the store can write it in its final form at once. The most bytes are those of
    /// clicks half as long again as usual ones (0.9 KiB).
    fn default() -> Self {
        Self {
            batch_records_max: 2 * store::CLICKS_AT_ONCE,
            batch_clicks_max: store::CLICKS_AT_ONCE,
            batch_bytes_max: 160 << 20,
            batch_wait: Duration::from_millis(200),
            retry_wait: Duration::from_secs(1),
        }
    }
}

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The committed position behind it.
    pub through: u64,
    /// Records carried over.
    pub records: usize,
    /// Sequences that the journal lost to damage.
    pub missing: u64,
    /// Whether the batch was cut: more may be there.
    pub is_full: bool,
}

/// Called with every inbox entry once its batch is committed.
pub type OnVerdict = Arc<dyn Fn(&InboxEntry) + Send + Sync>;

/// What ingest tells others, behind every commit.
#[derive(Clone)]
pub struct Published {
    /// What became of calls.
    pub on_verdict: OnVerdict,
    /// How far the store is.
    pub ingested: Arc<AtomicU64>,
    /// How much of their caps offers have taken.
    pub caps: Arc<ArcSwap<CapCounts>>,
}

/// Carries the journal's records into the store.
pub struct Ingest {
    events: Arc<dyn Events>,
    journal: Journal,
    reader: Reader,
    position: u64,
    shared: Shared,
    settings: Settings,
    on_verdict: OnVerdict,
    caps: CapKeeper,
    thousands: Thousands,
    /// A batch that was handed over and not confirmed: where it ends, and its calls.
    in_doubt: Option<(u64, Vec<InboxEntry>)>,
    /// Shows others how far the store is.
    ingested: Arc<AtomicU64>,
}

impl Ingest {
    /// Continues at the store's position.
    ///
    /// # Errors
    /// When the store cannot say where it stands.
    pub async fn resume(
        events: Arc<dyn Events>,
        journal: Journal,
        shared: Shared,
        settings: Settings,
        published: Published,
    ) -> Result<Self, IngestError> {
        let position = events.position().await.map_err(store_error("read the position"))?;
        journal.release(Sequence(position));
        let Published { on_verdict, ingested, caps } = published;
        ingested.store(position, Ordering::Release);
        let reader = journal.reader(Sequence(position + 1));
        let in_doubt = None;
        Ok(Self {
            events,
            journal,
            reader,
            position,
            shared,
            settings,
            on_verdict,
            caps: CapKeeper::new(caps),
            thousands: Thousands::default(),
            in_doubt,
            ingested,
        })
    }

    /// The committed position.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Carries batches over until `stop` is set, then what is left. Blocks; `runtime` drives the
    /// store. A batch that fails is tried again for as long as it takes: the journal keeps it.
    pub fn run(mut self, runtime: &tokio::runtime::Handle, stop: &AtomicBool) {
        loop {
            let stopping = stop.load(Ordering::Acquire);
            let begun = Instant::now();
            let patience = if stopping { Duration::ZERO } else { self.settings.batch_wait };
            if !self.reader.wait(begun + patience) {
                if stopping {
                    return;
                }
                // What fails here fails again, and is said, with the next batch.
                let _ = runtime.block_on(self.follow_caps());
                // Nothing, unless the journal was closed and there is nothing to wait for.
                self.pause(runtime, begun);
                continue;
            }
            let begun = Instant::now();
            match runtime.block_on(self.round()) {
                Ok(progress) if !progress.is_full && !stopping => {
                    // Gathers company for the next commit, unless told to stop meanwhile.
                    self.pause(runtime, begun);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        position = self.position,
                        "ingest stands still; clicks are still recorded"
                    );
                    metrics::counter!("clicktrail_ingest_failures_total").increment(1);
                    if stopping {
                        return;
                    }
                    runtime.block_on(async { tokio::time::sleep(self.settings.retry_wait).await });
                }
            }
        }
    }

    /// Lets the rest of [`Settings::batch_wait`] go by.
    fn pause(&self, runtime: &tokio::runtime::Handle, begun: Instant) {
        let rest = self.settings.batch_wait.saturating_sub(begun.elapsed());
        runtime.block_on(async { tokio::time::sleep(rest).await });
    }

    /// Carries one batch over. On an error nothing of it was kept, or it is not known yet; the next
    /// round begins where the store stands.
    ///
    /// # Errors
    /// When the journal cannot be read, or the store fails.
    pub async fn round(&mut self) -> Result<Progress, IngestError> {
        let result = self.try_round().await;
        if result.is_err() {
            self.reader = self.journal.reader(Sequence(self.position + 1));
        }
        result
    }

    /// Counts for new caps what they have taken so far, before anything is added to it.
    async fn follow_caps(&mut self) -> Result<(), IngestError> {
        let table = self.shared.table.load_full();
        self.caps.follow(&table, &*self.events).await
    }

    async fn try_round(&mut self) -> Result<Progress, IngestError> {
        if self.in_doubt.is_some() {
            // What is in the store already must not be judged again.
            self.resolve().await?;
            self.reader = self.journal.reader(Sequence(self.position + 1));
        }
        self.follow_caps().await?;
        let gathered = gather(&mut self.reader, self.position, &self.settings)?;
        let Gathered { mut draft, records, missing, is_full, .. } = gathered;
        if records == 0 && missing == 0 {
            // What the journal passes over by itself needs no commit to be behind us.
            self.ingested.store(draft.through, Ordering::Release);
            return Ok(Progress { through: self.position, ..Progress::default() });
        }
        draft.thousands = self.thousands.clone();
        draft.thousands.follow(&draft.arrivals, &*self.events).await?;
        let turn = self.shared.turn.clone();
        let _turn = turn.lock().await;
        let context = Context {
            table: self.shared.table.load_full(),
            rates: self.shared.rates.load_full(),
            keys: self.shared.keys.clone(),
            id_prefix: self.shared.id_prefix.clone(),
        };
        for (name, step) in STEPS {
            let begun = Instant::now();
            match step {
                Step::Think(step) => step(&mut draft, &context),
                Step::RecallCalls => recall::calls(&*self.events, &mut draft).await?,
                Step::Recall => recall::clicks(&*self.events, &mut draft).await?,
                Step::RecallTransactions => recall::transactions(&*self.events, &mut draft).await?,
                Step::Commit => self.commit(&mut draft).await?,
            }
            metrics::histogram!("clicktrail_ingest_step_seconds", "step" => name)
                .record(begun.elapsed().as_secs_f64());
        }
        self.thousands = draft.thousands;
        metrics::counter!("clicktrail_ingest_records_total").increment(records as u64);
        Ok(Progress { through: self.position, records, missing, is_full })
    }

    async fn commit(&mut self, draft: &mut Draft) -> Result<(), IngestError> {
        draft.rows.sort_by_key(|row| row.sequence);
        let (rows, inbox) = (std::mem::take(&mut draft.rows), std::mem::take(&mut draft.inbox));
        let Draft { after, through, .. } = *draft;
        self.in_doubt = Some((through, inbox.clone()));
        let taken = self.caps.taken(&rows);
        match self.events.commit(store::Batch { after, through, rows, inbox }).await {
            Ok(()) => self.stand_at(through),
            // It may have gone through although its answer was lost.
            Err(error) if self.resolve().await.ok() != Some(through) => {
                self.caps.forget();
                return Err(store_error("commit a batch")(error));
            }
            Err(_) => {}
        }
        self.caps.add(taken);
        Ok(())
    }

    /// Asks the store where it stands.
    async fn resolve(&mut self) -> Result<u64, IngestError> {
        let position = self.events.position().await.map_err(store_error("read the position"))?;
        self.stand_at(position);
        Ok(position)
    }

    /// The store is known to be here: the journal may go behind it, and the calls of the last batch are
    /// answered if that is what it holds.
    fn stand_at(&mut self, position: u64) {
        self.position = position;
        self.journal.release(Sequence(position));
        self.ingested.store(position, Ordering::Release);
        let inbox = self.in_doubt.take().filter(|(through, _)| *through == position);
        for entry in inbox.into_iter().flat_map(|(_, inbox)| inbox) {
            metrics::counter!("clicktrail_verdicts_total", "verdict" => entry.verdict.as_str())
                .increment(1);
            (self.on_verdict)(&entry);
        }
    }
}
