//! The handle on a journal, and the threads behind it.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::append::{Append, Refusal};
use crate::disk::Disk;
use crate::frame::Kind;
use crate::options::{Options, Sequence};
use crate::pace::Pace;
use crate::reader::Reader;
use crate::recover::{self, OpenError, Opened, Recovery};
use crate::shared::Shared;
use crate::status::Status;
use crate::upkeep::{UPKEEP_INTERVAL, Upkeep};
use crate::writer::Writer;

/// How long the writer sleeps when nothing comes.
const IDLE: Duration = Duration::from_secs(60);

/// A handle on an open journal; clones are handles on the same one.
///
/// The journal closes when [`Journal::close`] is called or the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Journal {
    owner: Arc<Owner>,
}

/// The journal was closed, but records it had taken are not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal closed with {records} records not durable: {why}")]
pub struct CloseError {
    /// How many; all were answered as not acknowledged.
    pub records: u64,
    /// What stood in the way.
    pub why: Refusal,
}

impl Journal {
    /// Opens the journal in `folder` for this process alone; creates it if there is none.
    ///
    /// # Errors
    /// If another process has it, a newer version wrote it, or the disk does not let us. Damage
    /// and a full disk are no errors: see [`Recovery`] and [`Status::degraded`].
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
    ) -> Result<(Self, Recovery), OpenError> {
        let Opened { shared, writer, recovery } = recover::open(disk, folder, options)?;
        let threads =
            Threads::start(&shared, writer).map_err(|source| OpenError::Thread { source })?;
        Ok((Self::of(shared, Some(threads)), recovery))
    }

    /// As [`Journal::open`], but without threads: nothing happens unless the caller makes the
    /// steps. The same code runs as in production, in an order the caller decides.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_stepped(
        disk: Arc<dyn Disk>,
        folder: &Path,
        options: Options,
    ) -> Result<(Self, Stepper, Recovery), OpenError> {
        let Opened { shared, writer, recovery } = recover::open(disk, folder, options)?;
        let upkeep = Upkeep::new(Arc::clone(&shared));
        let stepper = Stepper { shared: Arc::clone(&shared), writer, upkeep };
        Ok((Self::of(shared, None), stepper, recovery))
    }

    fn of(shared: Arc<Shared>, threads: Option<Threads>) -> Self {
        Self { owner: Arc::new(Owner { shared, threads: Mutex::new(threads) }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// Hands a record over to be written, at most 1 MiB. It is written whether or not the future
    /// is polled.
    pub fn append(&self, payload: Vec<u8>) -> Append {
        let shared = self.shared();
        shared.queue.append(Kind::Record, &payload, shared.now())
    }

    /// Writes and syncs a record that readers pass over: resolves if the journal truly works.
    pub fn probe(&self) -> Append {
        let shared = self.shared();
        shared.queue.append(Kind::Probe, &[], shared.now())
    }

    /// A reader of the durable records from `from` on.
    #[must_use]
    pub fn reader(&self, from: Sequence) -> Reader {
        Reader::new(Arc::clone(self.shared()), from)
    }

    /// The consumer has committed all records up to `through`: segments behind it may be removed
    /// once [`Options::keep`] has passed. To be called again after each start; nothing is removed
    /// before.
    pub fn release(&self, through: Sequence) {
        self.shared().index.release(through.0);
    }

    /// Counts a request that was answered without being logged. Exact while the process lives; in
    /// a file, about a second behind, for the next.
    pub fn count_unlogged(&self) {
        self.shared().counters.count_unlogged();
    }

    /// How the journal is.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::of(self.shared())
    }

    /// Writes and syncs what was appended, and gives the folder free. Other handles refuse
    /// records from now on.
    ///
    /// # Errors
    /// If the disk fails: what is not durable then was answered as not acknowledged.
    pub fn close(self) -> Result<(), CloseError> {
        self.owner.close()
    }
}

#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
    threads: Mutex<Option<Threads>>,
}

impl Owner {
    fn close(&self) -> Result<(), CloseError> {
        self.shared.queue.close();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let result = threads.map_or(Ok(()), Threads::join);
        self.shared.index.close();
        self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        result
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Who wants to know calls close.
        let _ = self.close();
    }
}

#[derive(Debug)]
struct Threads {
    writer: JoinHandle<Result<(), CloseError>>,
    watchdog: JoinHandle<()>,
    upkeep: JoinHandle<()>,
    /// Dropped to stop upkeep.
    stop_upkeep: mpsc::Sender<()>,
}

impl Threads {
    fn start(shared: &Arc<Shared>, mut writer: Writer) -> io::Result<Self> {
        let spawned = |name: &str| thread::Builder::new().name(name.to_owned());
        let (stop_upkeep, stop) = mpsc::channel::<()>();
        let mut upkeep = Upkeep::new(Arc::clone(shared));
        let upkeep = spawned("journal-upkeep").spawn(move || {
            loop {
                upkeep.step();
                if stop.recv_timeout(UPKEEP_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return upkeep.close();
                }
            }
        })?;
        let watched = Arc::clone(shared);
        let watchdog = spawned("journal-watch")
            .spawn(move || watched.queue.expire_until_closed(|| watched.now()))?;
        let writer = spawned("journal-write").spawn(move || writer.run())?;
        Ok(Self { writer, watchdog, upkeep, stop_upkeep })
    }

    fn join(self) -> Result<(), CloseError> {
        let failed = Err(CloseError { records: 0, why: Refusal::Io });
        let result = self.writer.join().unwrap_or(failed);
        drop(self.stop_upkeep);
        let _ = self.watchdog.join();
        let _ = self.upkeep.join();
        result
    }
}

impl Writer {
    /// Writes what comes until the queue is closed and empty.
    fn run(&mut self) -> Result<(), CloseError> {
        let mut pace = Pace::default();
        loop {
            if self.queue().is_drained() {
                return self.finish();
            }
            match self.retry_in() {
                Some(wait) => {
                    self.queue().wait_closed(wait);
                    self.step();
                }
                None => {
                    let before = self.next_sequence();
                    self.wait_and_step(IDLE);
                    pace.after(self.next_sequence() - before);
                }
            }
        }
    }
}

/// The steps of a journal without threads, see [`Journal::open_stepped`].
#[derive(Debug)]
pub struct Stepper {
    shared: Arc<Shared>,
    writer: Writer,
    upkeep: Upkeep,
}

impl Stepper {
    /// Takes what waits, writes it, syncs it, acknowledges it; in a degraded journal, tries again
    /// if it is time. Returns whether there was anything to do.
    pub fn write(&mut self) -> bool {
        self.writer.step()
    }

    /// Answers those who waited too long.
    pub fn expire(&mut self) {
        self.shared.queue.expire(self.shared.now());
    }

    /// One pass of making segments ahead, retention and tidying.
    pub fn upkeep(&mut self) {
        self.upkeep.step();
    }
}
