//! Open loop: clicks arrive when they arrive, and a slow server does not slow them down.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    LoadError, arrivals::Arrivals, client::Client, closed::DRAIN_LIMIT, options::OpenOptions,
    summary::Summary, traffic::Traffic,
};

/// The kernel wakes a waiting thread with this error at worst; closer to an arrival the loop spins.
const WAKE_ERROR: Duration = Duration::from_millis(2);

/// Runs for the time asked for, then waits for what is still under way.
///
/// Latency counts from the intended arrival, so a click that had to wait for a free connection, or
/// for this thread, is as slow as its visitor would have seen it.
pub fn run(options: &OpenOptions) -> Result<Value, LoadError> {
    let mut traffic = Traffic::new(&options.traffic)?;
    let mut arrivals = Arrivals::new(options.arrivals, options.rate, options.traffic.seed);
    let reuse = !options.traffic.connection_per_request;
    let mut client = Client::new(options.traffic.target, options.connections, reuse)?;
    // The one used last is used first: as many connections as needed, all of them warm.
    let mut idle: Vec<usize> = (0..client.slot_count()).rev().collect();
    let mut waiting: VecDeque<Instant> = VecDeque::new();
    let begin = Instant::now();
    let end = begin + options.duration_s;
    let mut summary = Summary::new(begin, options.warmup_s, options.duration_s);
    let mut next = begin + arrivals.next_arrival();
    let mut finished = Vec::new();
    loop {
        let now = Instant::now();
        while next <= now && next < end {
            waiting.push_back(next);
            next = begin + arrivals.next_arrival();
        }
        while !waiting.is_empty() {
            let Some(slot) = idle.pop() else { break };
            if let Some(intended) = waiting.pop_front() {
                client.begin(slot, intended, &mut traffic);
            }
        }
        let over = next >= end && waiting.is_empty() && idle.len() == client.slot_count();
        if over || now > end + DRAIN_LIMIT {
            break;
        }
        let pause = next.saturating_duration_since(now).saturating_sub(WAKE_ERROR);
        client.wait(pause.min(Duration::from_millis(10)), &mut finished)?;
        for request in finished.drain(..) {
            summary.count(&request);
            idle.push(request.slot);
        }
    }
    let unanswered = waiting.len() + client.slot_count() - idle.len();
    let mut result = summary.to_json("open", unanswered);
    result["rate"] = options.rate.into();
    Ok(result)
}
