//! What the disk asks for making one append durable: the yardstick for the latency of durable clicks.

use std::{
    fs::{File, remove_file},
    io::Write,
    time::Instant,
};

use serde_json::{Value, json};

use crate::{LoadError, histogram::Histogram, options::SyncsOptions, summary::latency_json};

/// Appends and syncs one after the other for the time asked for.
pub fn run(options: &SyncsOptions) -> Result<Value, LoadError> {
    let failed = |source| LoadError::WriteFile { path: options.path.clone(), source };
    let mut file = File::create(&options.path).map_err(failed)?;
    let block = vec![0x5a; options.bytes];
    let mut latencies = Histogram::new();
    let begin = Instant::now();
    while begin.elapsed() < options.duration_s {
        let started = Instant::now();
        file.write_all(&block).map_err(failed)?;
        // fdatasync, where the system has it.
        file.sync_data().map_err(failed)?;
        latencies.record(started.elapsed());
    }
    let seconds = begin.elapsed().as_secs_f64();
    remove_file(&options.path).map_err(failed)?;
    Ok(json!({
        "mode": "syncs",
        "seconds": seconds,
        "bytes": options.bytes,
        "per_second": latencies.count() as f64 / seconds,
        "latency_us": latency_json(&latencies),
    }))
}
