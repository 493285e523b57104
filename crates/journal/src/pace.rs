//! How eagerly the writer takes the processor: at once while little comes, after the others while much does.
//!
//! A writer that wakes from a sync takes the processor from the thread that makes the records, writes the few that are
//! there, and syncs again. On a crowded core most of the processor then goes into syncs of three to seven records
//! (measured with one core: 8 to 20 µs a record, against 1 to 1.5 µs). As a batch thread it waits until the others have
//! nothing to do or the scheduler's next tick (sched(7), `SCHED_BATCH`), and finds everybody's records there.
//!
//! Stepping back only while the process uses its cores up was tried and is worse: at half of saturation the syncs
//! alone then fill the core, and latency collapses (p50 0.45 ms against 26 ms).

/// Records of one group from which on the core counts as crowded.
const CROWD: u64 = 3;

/// What the calling thread has told the scheduler.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    is_crowded: bool,
}

impl Pace {
    /// A group of this many records was written.
    pub(crate) fn after(&mut self, records: u64) {
        let is_crowded = records >= CROWD;
        if is_crowded != self.is_crowded {
            self.is_crowded = is_crowded;
            schedule(if is_crowded { libc::SCHED_BATCH } else { libc::SCHED_OTHER });
        }
    }
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
    fn a_crowded_writer_steps_back_and_a_lonely_one_does_not() {
        let mut pace = Pace::default();
        for (records, expected) in [
            (1, libc::SCHED_OTHER),
            (3, libc::SCHED_BATCH),
            (900, libc::SCHED_BATCH),
            (2, libc::SCHED_OTHER),
        ] {
            pace.after(records);
            assert_eq!(policy(), expected, "after {records} records");
        }
    }
}
