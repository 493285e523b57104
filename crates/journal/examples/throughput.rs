//! Appends per second and processor time per append.
//!
//! Usage: `throughput FOLDER [sync|os] [WAITING] [SECONDS]`; the folder is removed afterwards.
//!
//! A single thread keeps many futures waiting, each appending 350 bytes again as soon as it is
//! acknowledged; its own time is told apart from that of the journal's threads.

use std::error::Error;
use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use journal::{Append, Durability, Journal, Options, RealDisk};

const PAYLOAD_BYTES: usize = 350;

struct Ready {
    place: usize,
    queue: Mutex<Sender<usize>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        if let Ok(queue) = self.queue.lock() {
            let _ = queue.send(self.place);
        }
    }
}

/// Processor time of this process in microseconds, and of the calling thread alone.
fn processor_us() -> (f64, f64) {
    let of = |clock| {
        let time = rustix::time::clock_gettime(clock);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    (of(rustix::time::ClockId::ProcessCPUTime), of(rustix::time::ClockId::ThreadCPUTime))
}

struct Load {
    journal: Journal,
    waiting: Vec<Append>,
    wakers: Vec<Waker>,
    ready: Receiver<usize>,
    latencies_us: Vec<u32>,
    begun: Vec<Instant>,
    failed: u64,
    resting: Vec<usize>,
}

impl Load {
    fn new(journal: Journal, count: usize) -> Self {
        let (sender, ready) = channel();
        let waker = |place| {
            let queue = Mutex::new(sender.clone());
            Waker::from(Arc::new(Ready { place, queue }))
        };
        let wakers: Vec<Waker> = (0..count).map(waker).collect();
        let waiting = (0..count).map(|_| journal.append(vec![7; PAYLOAD_BYTES])).collect();
        let begun = vec![Instant::now(); count];
        let (latencies_us, resting, failed) = (Vec::new(), Vec::new(), 0);
        let mut load =
            Self { journal, waiting, wakers, ready, latencies_us, begun, failed, resting };
        for place in 0..count {
            load.advance(place);
        }
        load
    }

    /// Polls one future; appends again each time it is done.
    fn advance(&mut self, place: usize) {
        let mut context = Context::from_waker(&self.wakers[place]);
        while let Poll::Ready(outcome) = Pin::new(&mut self.waiting[place]).poll(&mut context) {
            if outcome.is_err() {
                // A visitor who was refused does not come back at once.
                self.failed += 1;
                self.resting.push(place);
                return;
            }
            self.latencies_us.push(self.begun[place].elapsed().as_micros() as u32);
            self.begun[place] = Instant::now();
            self.waiting[place] = self.journal.append(vec![7; PAYLOAD_BYTES]);
        }
    }

    fn run(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut rested = Instant::now();
        while Instant::now() < deadline {
            if let Ok(place) = self.ready.recv_timeout(Duration::from_millis(10)) {
                self.advance(place);
                while let Ok(place) = self.ready.try_recv() {
                    self.advance(place);
                }
            }
            if rested.elapsed() > Duration::from_millis(10) {
                rested = Instant::now();
                for place in std::mem::take(&mut self.resting) {
                    self.begun[place] = Instant::now();
                    self.waiting[place] = self.journal.append(vec![7; PAYLOAD_BYTES]);
                    self.advance(place);
                }
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "a measurement is run by hand")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |place: usize, default: &str| {
        arguments.get(place).cloned().unwrap_or_else(|| default.to_owned())
    };
    let folder = PathBuf::from(argument(0, "throughput.tmp"));
    let is_os = argument(1, "sync") == "os";
    let (count, seconds) = (argument(2, "1024").parse()?, argument(3, "5").parse()?);
    let durability = if is_os { Durability::Os } else { Durability::Sync };
    let options = Options { durability, ..Options::default() };
    let (journal, _) = Journal::open(Arc::new(RealDisk::new()), &folder, options.clone())?;

    let mut load = Load::new(journal.clone(), count);
    load.run(Duration::from_secs(1));
    load.latencies_us.clear();
    let (begun, before) = (Instant::now(), processor_us());
    load.run(Duration::from_secs(seconds));
    let (elapsed, after) = (begun.elapsed().as_secs_f64(), processor_us());

    let appends = load.latencies_us.len();
    load.latencies_us.sort_unstable();
    let at = |share: f64| load.latencies_us[(appends as f64 * share) as usize] as f64 / 1e3;
    let (all, own) = (after.0 - before.0, after.1 - before.1);
    println!(
        "{durability:?}, {count} waiting: {:.0} appends/s, {:.2} us processor per append \
         ({:.2} caller, {:.2} journal), latency p50 {:.2} ms p99 {:.2} ms p99.9 {:.2} ms, \
         {} refused, {} segments",
        appends as f64 / elapsed,
        all / appends as f64,
        own / appends as f64,
        (all - own) / appends as f64,
        at(0.5),
        at(0.99),
        at(0.999),
        load.failed,
        journal.status().segments,
    );
    drop(load);
    journal.close()?;
    let begun = Instant::now();
    let (journal, recovery) = Journal::open(Arc::new(RealDisk::new()), &folder, options)?;
    let bytes = journal.status().bytes >> 20;
    println!(
        "opened again, {bytes} MiB, in {:.1} ms: {:?}",
        begun.elapsed().as_secs_f64() * 1e3,
        recovery.last
    );
    journal.close()?;
    fs::remove_dir_all(&folder)?;
    Ok(())
}
