//! The client's own account of which clicks were answered, kept while the server is killed and restarted.
//!
//! An id is written down only after its whole answer has arrived, so every id in the file must be
//! found in the server's reports later, and exactly once.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    LoadError,
    answer::query_value,
    client::{Client, Finished},
    options::LedgerOptions,
    summary::Summary,
    traffic::Traffic,
};

/// How long a connection that failed rests, so that a server just starting is not flooded.
const REST: Duration = Duration::from_millis(20);

/// Runs until SIGTERM, the end of the time asked for, or a server that stays silent.
pub fn run(options: &LedgerOptions) -> Result<Value, LoadError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|source| LoadError::CatchSignal { source })?;
    }
    let mut ledger = Ledger::open(options)?;
    let mut traffic = Traffic::new(&options.traffic)?;
    let target = options.traffic.target;
    let mut client =
        Client::new(target, options.connections, !options.traffic.connection_per_request)?;
    let begin = Instant::now();
    let mut summary = Summary::new(begin, Duration::ZERO, options.duration_s);
    let mut last_answer = begin;
    let mut resting: VecDeque<(Instant, usize)> =
        (0..client.slot_count()).map(|slot| (begin, slot)).collect();
    let mut finished = Vec::new();
    while !stop.load(Ordering::Relaxed) && begin.elapsed() < options.duration_s {
        while let Some((_, slot)) = resting.pop_front_if(|(until, _)| *until <= Instant::now()) {
            client.begin(slot, Instant::now(), &mut traffic);
        }
        client.wait(Duration::from_millis(5), &mut finished)?;
        ledger.note(&client, &finished)?;
        for request in finished.drain(..) {
            summary.count(&request);
            if request.result.is_ok() {
                last_answer = request.ended;
                client.begin(request.slot, Instant::now(), &mut traffic);
            } else {
                resting.push_back((request.ended + REST, request.slot));
            }
        }
        if last_answer.elapsed() > options.give_up_after_s {
            let seconds = last_answer.elapsed().as_secs_f64();
            return Err(LoadError::NoAnswer { target, seconds });
        }
    }
    let mut result = summary.to_json("ledger", client.slot_count() - resting.len());
    result["seconds"] = begin.elapsed().as_secs_f64().into();
    result["per_second"] = Value::Null;
    result["ids"] = ledger.ids.into();
    result["without_id"] = ledger.without_id.into();
    Ok(result)
}

struct Ledger<'a> {
    file: File,
    options: &'a LedgerOptions,
    text: Vec<u8>,
    ids: u64,
    without_id: u64,
}

impl<'a> Ledger<'a> {
    fn open(options: &'a LedgerOptions) -> Result<Self, LoadError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&options.file)
            .map_err(|source| LoadError::WriteFile { path: options.file.clone(), source })?;
        Ok(Self { file, options, text: Vec::new(), ids: 0, without_id: 0 })
    }

    /// Appends the ids of the answers in one write, so that a line is never half there.
    fn note(&mut self, client: &Client, finished: &[Finished]) -> Result<(), LoadError> {
        self.text.clear();
        for request in finished {
            let Ok(answered) = &request.result else { continue };
            let location = answered.location.clone().map(|range| client.bytes(request.slot, range));
            let id = location.and_then(|url| query_value(url, &self.options.click_param));
            match id {
                Some(id) => {
                    self.ids += 1;
                    self.text.extend_from_slice(id);
                    self.text.push(b'\n');
                }
                None => self.without_id += 1,
            }
        }
        self.file
            .write_all(&self.text)
            .map_err(|source| LoadError::WriteFile { path: self.options.file.clone(), source })
    }
}
