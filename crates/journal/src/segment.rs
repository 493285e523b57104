//! The two blocks a segment file begins with.
//!
//! ```text
//! identity, at byte 0, durable before the segment is used
//! at  size  field (little endian)
//! 0   8     magic "CTJOURNL"
//! 8   4     format version, 1
//! 12  4     CRC32C over bytes 0 to 11 (magic and version stand here in every version)
//! 16  16    segment uuid
//! 32  8     ordinal, the number in the file's name
//! 40  8     size of the file in bytes
//! 48  4     CRC32C over bytes 0 to 47
//!
//! link, at byte 4096, durable with the first records
//! at  size  field
//! 0   8     magic "CTJRLINK"
//! 8   16    segment uuid, again
//! 24  8     first sequence
//! 32  16    uuid of the segment before it, zeros if none
//! 48  8     valid end of the segment before it: bytes from there on are to be ignored
//! 56  8     last sequence of the segment before it: numbers between it and the first one here are
//!           skipped on purpose, not lost
//! 64  8     running time of the journal in milliseconds when this segment was opened
//! 72  4     CRC32C over bytes 0 to 71
//!
//! frames, from byte 8192
//! ```
//!
//! The two stand in blocks of their own, so that one lost block does not take both.

use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::frame::{OVERHEAD, PAYLOAD_MAX, u32_at, u64_at};

/// The version of the format this code writes, and the newest it reads.
pub(crate) const VERSION: u32 = 1;
/// Where the link stands.
pub(crate) const LINK_AT: u64 = 4096;
/// Where frames begin.
pub(crate) const DATA_AT: u64 = 8192;
/// The smallest segment.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 16 << 10;
/// The most bytes of frames in one write, unless a single frame is longer. Small enough that a
/// write is quick, large enough that the sync is what costs.
pub(crate) const WRITE_MAX: u64 = 1 << 20;

const IDENTITY_MAGIC: &[u8; 8] = b"CTJOURNL";
const LINK_MAGIC: &[u8; 8] = b"CTJRLINK";
const SUFFIX: &str = ".segment";
const NEW_SUFFIX: &str = ".new";

/// A segment's identity.
pub(crate) type Uuid = [u8; 16];

/// What is known of a segment before it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) uuid: Uuid,
    pub(crate) ordinal: u64,
    pub(crate) size: u64,
}

/// What a segment says about its place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) uuid: Uuid,
    pub(crate) first_sequence: u64,
    pub(crate) previous: Option<Previous>,
    pub(crate) opened_at_ms: u64,
}

/// The segment before, and where its valid bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) uuid: Uuid,
    pub(crate) valid_end: u64,
    pub(crate) last_sequence: u64,
}

/// Why an identity block was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoIdentity {
    /// Written by a newer version of the format.
    Newer(u32),
    /// Empty or damaged.
    Damaged,
}

impl Identity {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; LINK_AT as usize];
        block[..8].copy_from_slice(IDENTITY_MAGIC);
        block[8..12].copy_from_slice(&VERSION.to_le_bytes());
        put_check(&mut block, 12);
        block[16..32].copy_from_slice(&self.uuid);
        block[32..40].copy_from_slice(&self.ordinal.to_le_bytes());
        block[40..48].copy_from_slice(&self.size.to_le_bytes());
        put_check(&mut block, 48);
        block
    }

    pub(crate) fn decode(block: &[u8]) -> Result<Self, NoIdentity> {
        if block.len() < 16 || !block.starts_with(IDENTITY_MAGIC) || !is_checked(block, 12) {
            return Err(NoIdentity::Damaged);
        }
        let version = u32_at(block, 8);
        if version > VERSION {
            return Err(NoIdentity::Newer(version));
        }
        if block.len() < 52 || !is_checked(block, 48) {
            return Err(NoIdentity::Damaged);
        }
        Ok(Self { uuid: uuid_at(block, 16), ordinal: u64_at(block, 32), size: u64_at(block, 40) })
    }
}

impl Link {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; (DATA_AT - LINK_AT) as usize];
        block[..8].copy_from_slice(LINK_MAGIC);
        block[8..24].copy_from_slice(&self.uuid);
        block[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        if let Some(previous) = self.previous {
            block[32..48].copy_from_slice(&previous.uuid);
            block[48..56].copy_from_slice(&previous.valid_end.to_le_bytes());
            block[56..64].copy_from_slice(&previous.last_sequence.to_le_bytes());
        }
        block[64..72].copy_from_slice(&self.opened_at_ms.to_le_bytes());
        put_check(&mut block, 72);
        block
    }

    pub(crate) fn decode(block: &[u8]) -> Option<Self> {
        if block.len() < 76 || !block.starts_with(LINK_MAGIC) || !is_checked(block, 72) {
            return None;
        }
        let before = Previous {
            uuid: uuid_at(block, 32),
            valid_end: u64_at(block, 48),
            last_sequence: u64_at(block, 56),
        };
        Some(Self {
            uuid: uuid_at(block, 8),
            first_sequence: u64_at(block, 24),
            previous: (before.uuid != [0; 16]).then_some(before),
            opened_at_ms: u64_at(block, 64),
        })
    }
}

/// The longest payload that fits into segments of this size.
pub(crate) fn payload_max(segment_bytes: u64) -> usize {
    let room = segment_bytes.saturating_sub(DATA_AT + OVERHEAD as u64);
    usize::try_from(room).unwrap_or(usize::MAX).min(PAYLOAD_MAX)
}

/// The path of a segment.
pub(crate) fn path_of(folder: &Path, ordinal: u64) -> PathBuf {
    folder.join(format!("{ordinal:012}{SUFFIX}"))
}

/// The path of a segment while it is being made.
pub(crate) fn new_path_of(folder: &Path, ordinal: u64) -> PathBuf {
    folder.join(format!("{ordinal:012}{NEW_SUFFIX}"))
}

/// The ordinal in the name of a segment.
pub(crate) fn ordinal_of(name: &str) -> Option<u64> {
    name.strip_suffix(SUFFIX)?.parse().ok()
}

/// Whether a name belongs to a segment whose making was interrupted.
pub(crate) fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(NEW_SUFFIX).is_some_and(|ordinal| ordinal.parse::<u64>().is_ok())
}

fn put_check(block: &mut [u8], at: usize) {
    let check = crc32c(&block[..at]);
    block[at..at + 4].copy_from_slice(&check.to_le_bytes());
}

fn is_checked(block: &[u8], at: usize) -> bool {
    crc32c(&block[..at]) == u32_at(block, at)
}

fn uuid_at(block: &[u8], at: usize) -> Uuid {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&block[at..at + 16]);
    uuid
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity { uuid: [3; 16], ordinal: 12, size: 65536 }
    }

    #[test]
    fn blocks_are_read_as_written() {
        assert_eq!(Identity::decode(&identity().encode()), Ok(identity()));
        for previous in [None, Some(Previous { uuid: [9; 16], valid_end: 777, last_sequence: 40 })]
        {
            let link =
                Link { uuid: [3; 16], first_sequence: 41, previous, opened_at_ms: 86_400_000 };
            assert_eq!(Link::decode(&link.encode()), Some(link));
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let good = identity().encode();
        for bit in 0..52 * 8 {
            let mut block = good.clone();
            block[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Identity::decode(&block), Err(NoIdentity::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage_whatever_follows_it() {
        let mut block = identity().encode();
        block[8..12].copy_from_slice(&(VERSION + 1).to_le_bytes());
        put_check(&mut block, 12);
        block[16..].fill(0xAA);
        assert_eq!(Identity::decode(&block), Err(NoIdentity::Newer(VERSION + 1)));
    }

    #[test]
    fn names_hold_the_ordinal() {
        let folder = Path::new("journal");
        assert_eq!(path_of(folder, 7), Path::new("journal/000000000007.segment"));
        assert_eq!(ordinal_of("000000000007.segment"), Some(7));
        assert_eq!(ordinal_of("000000000007.new"), None);
        assert!(is_unfinished("000000000007.new"));
        assert!(!is_unfinished("notes.new"));
    }
}
