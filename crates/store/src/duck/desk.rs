//! Threads that own a connection each and work off questions one after the other.

use crate::error::StoreError;
use duckdb::Connection;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Some threads behind one queue.
#[derive(Debug)]
pub struct Desk {
    queue: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Desk {
    /// One thread for each connection.
    pub fn open(name: &str, connections: Vec<Connection>) -> std::io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = connections.into_iter().map(|connection| {
            let receiver = receiver.clone();
            let builder = std::thread::Builder::new().name(name.to_owned());
            builder.spawn(move || work(&receiver, &connection))
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok(Self { queue: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Runs `question` on the next free thread.
    pub async fn ask<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // Whoever asked may have gone away, which is no concern of the desk's.
            let _ = reply.send(question(connection));
        });
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        queue.and_then(|queue| queue.send(job).ok()).ok_or(StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Takes no more questions; answers those that wait.
    pub fn stop(&self) -> Vec<JoinHandle<()>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Desk {
    /// Waits for the threads, so that the file is free once whoever had it open is gone.
    fn drop(&mut self) {
        for thread in self.stop() {
            // A thread that panicked has said so; there is nothing to add.
            let _ = thread.join();
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>, connection: &Connection) {
    // DuckDB's own threads have inherited it from the thread that opened the database; a report must
    // never take the processor from a redirect. Where it is refused, reports run at normal priority.
    lower_priority();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(connection);
    }
}

/// How much lower than the redirect path (which has 0) reports run: `nice(2)`.
const NICE: i32 = 10;

/// Lowers the priority of the calling thread and of those it starts from now on (on Linux, priorities
/// belong to threads: setpriority(2), "C library/kernel differences").
pub fn lower_priority() {
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the priority of a report thread stays as it is");
    }
}
