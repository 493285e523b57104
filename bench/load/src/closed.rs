//! Closed loop: a connection asks again as soon as it is answered.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{
    LoadError, client::Client, options::ClosedOptions, summary::Summary, traffic::Traffic,
};

/// How long requests under way may take once the time is over.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(5);
/// Failures in a row, per connection, that mean nobody is there.
const FUTILE_FAILURES: usize = 100;

/// Runs for the time asked for, then waits for what is still under way.
pub fn run(options: &ClosedOptions) -> Result<Value, LoadError> {
    let mut traffic = Traffic::new(&options.traffic)?;
    let target = options.traffic.target;
    let mut client =
        Client::new(target, options.connections, !options.traffic.connection_per_request)?;
    let begin = Instant::now();
    let end = begin + options.duration_s;
    let mut summary = Summary::new(begin, options.warmup_s, options.duration_s);
    let mut under_way = client.slot_count();
    for slot in 0..client.slot_count() {
        client.begin(slot, Instant::now(), &mut traffic);
    }
    let mut finished = Vec::new();
    let mut failures = 0;
    while under_way > 0 && Instant::now() < end + DRAIN_LIMIT {
        client.wait(Duration::from_millis(10), &mut finished)?;
        for request in finished.drain(..) {
            summary.count(&request);
            failures = if request.result.is_ok() { 0 } else { failures + 1 };
            if request.ended < end {
                client.begin(request.slot, Instant::now(), &mut traffic);
            } else {
                under_way -= 1;
            }
        }
        if failures > FUTILE_FAILURES * options.connections {
            return Err(LoadError::NoAnswer { target, seconds: begin.elapsed().as_secs_f64() });
        }
    }
    Ok(summary.to_json("closed", under_way))
}
