//! How eagerly the writer takes the processor: at once while there is processor to spare, after the others while not.
//!
//! A writer that wakes from a sync takes the processor from the thread that makes the records, writes the few that are
//! there, and syncs again. On a saturated core most of the processor then goes into syncs of three to seven records
//! (measured with one core: 8 to 20 µs a record, against 1 to 1.5 µs). As a batch thread it waits until the others have
//! nothing to do or the scheduler's next tick (sched(7), `SCHED_BATCH`), and finds everybody's records there. Where
//! processor is to spare, that wait would be latency for nothing.

use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Records of one group from which on it may be syncs that take the processor, not reports.
const CROWD: u64 = 3;
/// How long the processor's use is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// From this much of the process's cores on, in per cent, nothing is to spare.
const BUSY_PERCENT: u32 = 95;

/// What the calling thread has told the scheduler, and what it has seen.
#[derive(Debug)]
pub(crate) struct Pace {
    is_crowded: bool,
    is_busy: bool,
    cores: u32,
    /// When the processor's use was looked at last, and what the process had used by then.
    since: Duration,
    used: Duration,
}

impl Pace {
    pub(crate) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        let (since, used) = (time(ClockId::Monotonic), time(ClockId::ProcessCPUTime));
        Self { is_crowded: false, is_busy: false, cores, since, used }
    }

    /// A group of this many records was written.
    pub(crate) fn after(&mut self, records: u64) {
        let now = time(ClockId::Monotonic);
        if now.saturating_sub(self.since) >= INTERVAL {
            self.look(now, time(ClockId::ProcessCPUTime));
        }
        let is_crowded = self.is_busy && records >= CROWD;
        if is_crowded != self.is_crowded {
            self.is_crowded = is_crowded;
            schedule(if is_crowded { libc::SCHED_BATCH } else { libc::SCHED_OTHER });
        }
    }

    fn look(&mut self, now: Duration, used: Duration) {
        let (passed, worked) = (now.saturating_sub(self.since), used.saturating_sub(self.used));
        self.is_busy = worked * 100 >= passed * self.cores * BUSY_PERCENT;
        (self.since, self.used) = (now, used);
    }
}

fn time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where the system refuses it, the thread stays as it was: slower, and as safe.
#[allow(unsafe_code)]
fn schedule(policy: libc::c_int) {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: 0 is the calling thread, and the parameter outlives the call, which only reads it.
    let _ = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(unsafe_code)]
    fn policy() -> libc::c_int {
        // SAFETY: takes a number and returns one.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn a_writer_steps_back_where_the_processor_is_used_up_and_records_crowd() {
        let mut pace = Pace { cores: 2, ..Pace::new() };
        for (used_percent, records, expected) in [
            (200, 1, libc::SCHED_OTHER),
            (200, 3, libc::SCHED_BATCH),
            (190, 900, libc::SCHED_BATCH),
            (200, 2, libc::SCHED_OTHER),
            (180, 900, libc::SCHED_OTHER),
        ] {
            let (now, used) = (pace.since + INTERVAL, pace.used + INTERVAL * used_percent / 100);
            pace.look(now, used);
            // What was looked at just now is not looked at again.
            pace.since = time(ClockId::Monotonic);
            pace.after(records);
            assert_eq!(policy(), expected, "{records} records at {used_percent} %");
            (pace.since, pace.used) = (now, used);
        }
    }
}
