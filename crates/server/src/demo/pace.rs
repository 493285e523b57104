//! How fast the play goes: never far ahead of ingest, and always with a word about it.

use crate::output;
use anyhow::bail;
use journal::Journal;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Records that the journal may be ahead of the store.
const AHEAD_MAX: u64 = 80_000;
/// How often waiting looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// The store has to move within this time.
const STALL_MAX: Duration = Duration::from_secs(120);
/// How often a terminal gets a new line of progress.
const WORD_INTERVAL: Duration = Duration::from_millis(250);
/// Requests between two looks at the clock and the journal.
const LOOK_EVERY: usize = 256;

/// Watches the journal and the store behind it.
pub struct Pace<'a> {
    journal: &'a Journal,
    ingested: &'a AtomicU64,
    clicks: u64,
    begun: Instant,
    last_word: Instant,
    /// The last tenth that was announced where nobody looks at a terminal.
    tenth: u64,
    since_look: usize,
    is_terminal: bool,
}

impl<'a> Pace<'a> {
    /// At the beginning of `clicks` clicks.
    pub fn new(journal: &'a Journal, ingested: &'a AtomicU64, clicks: u64) -> Self {
        let now = Instant::now();
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            journal,
            ingested,
            clicks,
            begun: now,
            last_word: now,
            tenth: 0,
            since_look: 0,
            is_terminal,
        }
    }

    /// How long it has gone on.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// After `requests` further requests, `done` clicks in all: says so now and then, and waits for ingest if need be.
    ///
    /// # Errors
    /// When ingest stands still.
    pub async fn keep(&mut self, requests: usize, done: u64) -> anyhow::Result<()> {
        self.since_look += requests;
        if self.since_look < LOOK_EVERY {
            return Ok(());
        }
        self.since_look = 0;
        self.say(done);
        self.wait_for(self.journal.status().durable.0.saturating_sub(AHEAD_MAX)).await
    }

    /// Waits until everything is in the store.
    ///
    /// # Errors
    /// When ingest stands still.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        if self.is_terminal {
            output::progress(&line(self.clicks, self.clicks, self.elapsed()), true);
        }
        self.wait_for(self.journal.status().durable.0).await
    }

    async fn wait_for(&self, position: u64) -> anyhow::Result<()> {
        let (mut moved, mut last) = (Instant::now(), self.ingested.load(Ordering::Acquire));
        while last < position {
            if moved.elapsed() > STALL_MAX {
                bail!("ingest stands still at record {last} of {position}: see the log");
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
            let now = self.ingested.load(Ordering::Acquire);
            if now > last {
                (moved, last) = (Instant::now(), now);
            }
        }
        Ok(())
    }

    fn say(&mut self, done: u64) {
        if self.is_terminal {
            if self.last_word.elapsed() >= WORD_INTERVAL {
                self.last_word = Instant::now();
                output::progress(&line(done, self.clicks, self.elapsed()), false);
            }
            return;
        }
        let tenth = done.saturating_mul(10) / self.clicks.max(1);
        if tenth > self.tenth {
            self.tenth = tenth;
            tracing::info!(
                clicks = done,
                of = self.clicks,
                elapsed_s = self.elapsed().as_secs(),
                "playing traffic"
            );
        }
    }
}

/// Percent, clicks a second and the time that is left.
fn line(done: u64, clicks: u64, elapsed: Duration) -> String {
    let speed = done as f64 / elapsed.as_secs_f64().max(0.001);
    let left_s = (clicks.saturating_sub(done) as f64 / speed.max(0.001)).ceil().min(1e9) as u64;
    let percent = done.saturating_mul(100) / clicks.max(1);
    format!("{percent:3} %  {done} of {clicks} clicks  {speed:.0}/s  {} left", minutes(left_s))
}

/// Minutes and seconds.
pub fn minutes(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_far_how_fast_and_how_long() {
        let at = |done, seconds| line(done, 1_000_000, Duration::from_secs(seconds));
        assert_eq!(at(250_000, 50), " 25 %  250000 of 1000000 clicks  5000/s  2:30 left");
        assert_eq!(at(1_000_000, 100), "100 %  1000000 of 1000000 clicks  10000/s  0:00 left");
        assert!(
            line(0, 0, Duration::ZERO).contains("0 of 0"),
            "nothing to do is no division by zero"
        );
    }
}
