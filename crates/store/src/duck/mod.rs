//! Events in DuckDB: columns, Arrow batches in and out, one file.

mod answer;
mod builder;
mod commit;
mod desk;
mod expression;
mod inbox;
mod literal;
mod lookup;
mod migrate;
mod open;
mod platform;
mod query_brief;
mod read_rows;
mod rewrites;
mod rows;
mod schema;
mod select;

pub use open::DuckOptions;

use crate::error::StoreError;
use crate::events::{Batch, Cursor, EventStats, Events, ExportPage, InboxQuery};
use crate::rewrites::{Piece, Rewrite, Rewrites, Scope, Span, Staged};
use async_trait::async_trait;
use commit::Meta;
use desk::Desk;
use duckdb::Connection;
use model::ClickKey;
use model::event::{InboxEntry, Row};
use model::query::{Answer, Plan, TimeBasis};
use model::thing::ThingId;
use read_rows::Part;
use rows::Layout;
use schema::Table;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Events in one DuckDB file, which one process may have open.
///
/// One thread writes; two answer look-ups, two reports, so that neither waits for the other. All of
/// them, and DuckDB's own, run at lower priority than the rest of the process.
#[derive(Debug)]
pub struct DuckEvents {
    path: PathBuf,
    layout: Arc<Layout>,
    meta: Arc<Mutex<Meta>>,
    writer: Desk,
    lookups: Desk,
    reports: Desk,
}

/// Threads that answer look-ups, and as many that answer reports.
const THREADS: usize = 2;

impl DuckEvents {
    /// Opens or creates the file at `path`; its write-ahead log (`.wal`) and the folder for work that
    /// exceeds memory (`.tmp`) lie beside it. Blocks.
    ///
    /// [`StoreError::NewerVersion`] and [`StoreError::Locked`] leave every file as it was.
    pub fn open(path: impl AsRef<Path>, options: DuckOptions) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let layout = Arc::new(Layout::new());
        let opened = open_apart(path.clone(), options, layout.clone())?;
        let failed = StoreError::during("start the threads of the event store");
        let (meta, mut connections) = opened;
        let mut desk = |name: &str, count: usize| {
            let own = connections.split_off(connections.len() - count);
            Desk::open(name, own).map_err(&failed)
        };
        let lookups = desk("event-lookup", THREADS)?;
        let reports = desk("event-report", THREADS)?;
        let writer = desk("event-writer", 1)?;
        let meta = Arc::new(Mutex::new(meta));
        Ok(Self { path, layout, meta, writer, lookups, reports })
    }

    async fn find_rows(
        &self,
        workspace: ThingId,
        tables: &'static [Table],
        keys: &[ClickKey],
    ) -> Result<Vec<Row>, StoreError> {
        let (layout, keys) = (self.layout.clone(), keys.to_vec());
        self.lookups.ask(move |c| lookup::rows_of(c, &layout, workspace, tables, &keys)).await
    }

    /// The rows of one click, for whom somebody is waiting: its click row, which is nearly all of the
    /// work, is read in two halves by two threads.
    async fn rows_of_one(&self, workspace: ThingId, key: ClickKey) -> Result<Vec<Row>, StoreError> {
        let half = |part| {
            let layout = self.layout.clone();
            let condition = lookup::of_one(workspace, key);
            self.lookups.ask(move |connection| {
                read_rows::select_part(connection, &layout, Table::Clicks, &condition, part)
            })
        };
        let keys = [key];
        let others = self.find_rows(workspace, &[Table::Hops, Table::Ledger], &keys);
        let (even, odd, others) = tokio::try_join!(half(Part::Even), half(Part::Odd), others)?;
        let mut rows = read_rows::join(&self.layout, even, odd)?;
        rows.extend(others);
        lookup::sort(&mut rows);
        Ok(rows)
    }

    fn bytes(&self) -> u64 {
        let mut log = self.path.clone().into_os_string();
        log.push(".wal");
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
        size(&self.path) + size(log.as_ref())
    }
}

/// Opens the database on a thread of low priority, from which DuckDB's own threads inherit it, and
/// makes a connection for each of our threads.
fn open_apart(
    path: PathBuf,
    options: DuckOptions,
    layout: Arc<Layout>,
) -> Result<(Meta, Vec<Connection>), StoreError> {
    let open = move || {
        desk::lower_priority();
        let failed = StoreError::during("set the event store up");
        let connection = open::open(&path, options, &layout.columns)?;
        let meta = Meta::read(&connection).map_err(&failed)?;
        let mut connections = vec![connection];
        while connections.len() < 2 * THREADS + 1 {
            let another = connections[0].try_clone().map_err(&failed)?;
            connections.push(another);
        }
        Ok((meta, connections))
    };
    let opener = std::thread::Builder::new().name("event-open".to_owned());
    let opener = opener.spawn(open).map_err(StoreError::during("start a thread"))?;
    opener.join().map_err(|_| StoreError::Closed)?
}

#[async_trait]
impl Events for DuckEvents {
    async fn position(&self) -> Result<u64, StoreError> {
        let meta = self.meta.clone();
        self.writer.ask(move |_| Ok(lock(&meta).position)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (layout, meta) = (self.layout.clone(), self.meta.clone());
        let commit = move |connection: &Connection| {
            commit::commit(connection, &layout, &mut lock(&meta), &batch)
        };
        self.writer.ask(commit).await
    }

    async fn rows_of(&self, workspace: ThingId, keys: &[ClickKey]) -> Result<Vec<Row>, StoreError> {
        if let [key] = keys {
            return self.rows_of_one(workspace, *key).await;
        }
        self.find_rows(workspace, &Table::OF_CLICKS, keys).await
    }

    async fn entries_with_txid(
        &self,
        workspace: ThingId,
        txids: &[String],
    ) -> Result<Vec<Row>, StoreError> {
        let (layout, txids) = (self.layout.clone(), txids.to_vec());
        self.lookups.ask(move |c| lookup::entries_with_txid(c, &layout, workspace, &txids)).await
    }

    async fn find_platform_id(
        &self,
        workspace: ThingId,
        kind: &str,
        value: &str,
    ) -> Result<Vec<ClickKey>, StoreError> {
        let (kind, value) = (kind.to_owned(), value.to_owned());
        self.lookups.ask(move |c| lookup::find_platform_id(c, workspace, &kind, &value)).await
    }

    async fn answer(&self, plan: &Plan) -> Result<Answer, StoreError> {
        let plan = plan.clone();
        self.reports.ask(move |connection| answer::answer(connection, &plan)).await
    }

    async fn export(
        &self,
        workspace: ThingId,
        from_ms: i64,
        to_ms: i64,
        time: TimeBasis,
        page: ExportPage,
    ) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
        let layout = self.layout.clone();
        let period = (from_ms, to_ms);
        self.reports.ask(move |c| lookup::export(c, &layout, workspace, period, time, page)).await
    }

    async fn inbox(
        &self,
        workspace: ThingId,
        query: InboxQuery,
    ) -> Result<Vec<InboxEntry>, StoreError> {
        self.reports.ask(move |connection| inbox::search(connection, workspace, &query)).await
    }

    async fn inbox_of(
        &self,
        workspace: ThingId,
        keys: &[ClickKey],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let keys = keys.to_vec();
        self.lookups.ask(move |connection| inbox::of_clicks(connection, workspace, &keys)).await
    }

    async fn inbox_entries(
        &self,
        workspace: ThingId,
        sequences: &[u64],
    ) -> Result<Vec<InboxEntry>, StoreError> {
        let sequences = sequences.to_vec();
        self.lookups.ask(move |c| inbox::by_sequence(c, workspace, &sequences)).await
    }

    async fn stats(&self) -> Result<EventStats, StoreError> {
        let mut stats = self.lookups.ask(count).await?;
        stats.bytes = self.bytes();
        let meta = lock(&self.meta);
        stats.position = meta.position;
        stats.newest_ms = meta.newest_ms;
        stats.largest_keys = meta.largest_keys.iter().map(|(node, key)| (*node, *key)).collect();
        Ok(stats)
    }

    async fn close(&self) -> Result<(), StoreError> {
        let checkpoint = |connection: &Connection| {
            connection
                .execute_batch("CHECKPOINT")
                .map_err(StoreError::during("fold the write-ahead log into the event store"))
        };
        let done = self.writer.ask(checkpoint).await;
        let threads = [&self.lookups, &self.reports, &self.writer].map(Desk::stop);
        let join =
            move || threads.into_iter().flatten().try_for_each(|thread| thread.join().map(drop));
        let ended = tokio::task::spawn_blocking(join).await;
        done.and(
            ended
                .map_err(StoreError::during("end the threads of the event store"))?
                .map_err(|_| StoreError::Closed),
        )
    }
}

#[async_trait]
impl Rewrites for DuckEvents {
    async fn generation(&self) -> Result<u64, StoreError> {
        self.lookups.ask(rewrites::generation).await
    }

    async fn rows_within(&self, scope: &Scope) -> Result<Vec<Row>, StoreError> {
        let (layout, scope) = (self.layout.clone(), scope.clone());
        self.reports.ask(move |c| rewrites::rows_within(c, &layout, &scope)).await
    }

    async fn stage(&self, piece: Piece, rewrites: Vec<Rewrite>) -> Result<(), StoreError> {
        self.writer.ask(move |connection| rewrites::stage(connection, piece, &rewrites)).await
    }

    async fn staged(&self, job: i64) -> Result<Option<Staged>, StoreError> {
        self.writer.ask(move |connection| rewrites::staged(connection, job)).await
    }

    async fn switch(
        &self,
        job: i64,
        span: Span,
        spend: Option<Vec<Row>>,
    ) -> Result<u64, StoreError> {
        let layout = self.layout.clone();
        self.writer.ask(move |c| rewrites::switch(c, &layout, job, &span, spend.as_deref())).await
    }
}

fn lock(meta: &Mutex<Meta>) -> std::sync::MutexGuard<'_, Meta> {
    meta.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows by table, which DuckDB knows without reading them.
fn count(connection: &Connection) -> Result<EventStats, StoreError> {
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        let count = connection.query_row(&sql, [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(StoreError::during("count rows"))
    };
    Ok(EventStats {
        clicks: count(Table::Clicks.name())?,
        hops: count(Table::Hops.name())?,
        entries: count(Table::Ledger.name())?,
        inbox: count("inbox")?,
        ..EventStats::default()
    })
}
