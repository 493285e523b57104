//! What a run counted, and the line of JSON it prints.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Failure, Finished},
    histogram::Histogram,
};

/// Counts every request that ended, and the latencies of those that started after the warm-up.
pub struct Summary {
    begin: Instant,
    measured_from: Instant,
    end: Instant,
    answered: u64,
    answered_in_time: u64,
    statuses: BTreeMap<u16, u64>,
    connect_failures: u64,
    closed_failures: u64,
    broken_failures: u64,
    latencies: Histogram,
}

impl Summary {
    pub fn new(begin: Instant, warmup: Duration, duration: Duration) -> Self {
        Self {
            begin,
            measured_from: begin + warmup,
            end: begin + duration,
            answered: 0,
            answered_in_time: 0,
            statuses: BTreeMap::new(),
            connect_failures: 0,
            closed_failures: 0,
            broken_failures: 0,
            latencies: Histogram::new(),
        }
    }

    pub fn count(&mut self, finished: &Finished) {
        match &finished.result {
            Ok(answered) => {
                self.answered += 1;
                *self.statuses.entry(answered.status).or_default() += 1;
                if finished.ended <= self.end {
                    self.answered_in_time += 1;
                }
                if finished.started >= self.measured_from {
                    self.latencies.record(finished.ended - finished.started);
                }
            }
            Err(Failure::Connect) => self.connect_failures += 1,
            Err(Failure::Closed) => self.closed_failures += 1,
            Err(Failure::Broken) => self.broken_failures += 1,
        }
    }

    /// The result. `answered` counts everything, so that a server's CPU time can be divided by it;
    /// `per_second` only what was answered within the duration asked for.
    pub fn to_json(&self, mode: &str, unanswered: usize) -> Value {
        let seconds = (self.end - self.begin).as_secs_f64();
        let statuses: serde_json::Map<String, Value> = self
            .statuses
            .iter()
            .map(|(status, count)| (status.to_string(), json!(count)))
            .collect();
        json!({
            "mode": mode,
            "seconds": seconds,
            "answered": self.answered,
            "per_second": self.answered_in_time as f64 / seconds,
            "status": statuses,
            "failed": {
                "connect": self.connect_failures,
                "closed": self.closed_failures,
                "broken": self.broken_failures,
                "unanswered": unanswered,
            },
            "latency_us": latency_json(&self.latencies),
        })
    }
}

/// Count and quantiles; all durations in microseconds.
pub fn latency_json(latencies: &Histogram) -> Value {
    json!({
        "count": latencies.count(),
        "p50": latencies.quantile_us(0.5),
        "p90": latencies.quantile_us(0.9),
        "p99": latencies.quantile_us(0.99),
        "p999": latencies.quantile_us(0.999),
        "max": latencies.quantile_us(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Answered;

    #[test]
    fn late_answers_count_for_the_total_and_early_ones_not_for_latency() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut summary = Summary::new(begin, Duration::from_millis(100), Duration::from_secs(1));
        let mut answered = |from, to| {
            let result = Ok(Answered { status: 302, location: None });
            summary.count(&Finished { slot: 0, started: at(from), ended: at(to), result });
        };
        answered(0, 50);
        answered(200, 230);
        answered(990, 1_100);
        let failed =
            Finished { slot: 0, started: at(5), ended: at(6), result: Err(Failure::Connect) };
        summary.count(&failed);
        let json = summary.to_json("closed", 1);
        assert_eq!((&json["answered"], &json["per_second"]), (&json!(3), &json!(2.0)));
        assert_eq!(json["latency_us"]["count"], 2);
        assert_eq!(json["latency_us"]["max"], 110_000.0);
        assert_eq!(json["failed"]["connect"], 1);
    }
}
