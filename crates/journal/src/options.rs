//! What an operator can choose about a journal, and the number every record gets.

use std::time::Duration;

/// When an append counts as logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After the `fdatasync` of its group. Survives the process being killed, the machine losing
    /// power, and the disk failing to write (then the append is not acknowledged).
    Sync,
    /// After `write`. Survives the process being killed, not the machine losing power: what the
    /// system had not yet carried to the disk by itself (usually up to 30 s) is gone then.
    Os,
}

/// How a journal behaves; [`Options::default`] is what a server wants.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of one segment file in bytes, 64 MiB. At least 16 KiB.
    pub segment_bytes: u64,
    /// When an append counts as logged.
    pub durability: Durability,
    /// How long an append may wait before it resolves to [`crate::NotLogged`], 250 ms.
    pub max_ack_wait: Duration,
    /// How long a segment stays after its last record was released and written, 24 h of the
    /// journal's own running time (see [`crate::Journal::release`]).
    pub keep: Duration,
    /// Bound of the bytes that wait to be written, 16 MiB; as much again may be under way.
    pub queue_bytes_max: u64,
    /// Size of a file that is deleted when the disk is full, so that operator and databases have
    /// room to act, 64 MiB; 0 for none.
    pub ballast_bytes: u64,
    /// The highest sequence its consumer has committed, 0 if none: numbering goes on above it even
    /// if the journal lost its end (power cut under [`Durability::Os`], folder deleted). Without
    /// it, new records could get numbers the consumer takes for already committed.
    pub sequence_floor: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            durability: Durability::Sync,
            max_ack_wait: Duration::from_millis(250),
            keep: Duration::from_secs(24 * 60 * 60),
            queue_bytes_max: 16 << 20,
            ballast_bytes: 64 << 20,
            sequence_floor: 0,
        }
    }
}

/// The number of a record in its journal: gapless, the first is 1.
///
/// Numbers that corruption or a lost file took are never given again; a [`crate::Reader`] names
/// them as gaps. 0 stands for "before the first record".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The number of the record that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}
