//! One record as bytes: how it is written and what makes it believable when it is read.
//!
//! ```text
//! at        size  field (little endian)
//! 0         3     length of the payload in bytes
//! 3         1     kind: 1 record, 2 probe
//! 4         4     place: this sequence minus the first sequence of the write it was part of
//! 8         8     sequence
//! 16        4     head check: CRC32C over segment uuid, offset of the frame, bytes 0 to 15
//! 20        n     payload
//! 20 + n    4     body check: CRC32C continued from the head check over the payload
//! ```
//!
//! The uuid makes bytes of another segment invalid, the offset makes bytes at the wrong place
//! invalid (a block the disk put elsewhere), the head check tells whether the length is to be
//! believed, the place tells what had been synced before: everything up to the write's beginning.

use std::ops::Range;

use crc32c::{crc32c, crc32c_append};

/// Bytes before the payload.
pub(crate) const HEAD: usize = 20;
/// Bytes a frame adds to its payload.
pub(crate) const OVERHEAD: usize = HEAD + 4;
/// The longest payload, 1 MiB.
pub(crate) const PAYLOAD_MAX: usize = 1 << 20;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A record of the journal's user.
    Record,
    /// Nothing: it proves that the disk writes. Readers pass over it, it has a sequence all the
    /// same.
    Probe,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Probe => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Record),
            2 => Some(Self::Probe),
            _ => None,
        }
    }
}

/// The checksum every frame of a segment starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(uuid: &[u8; 16]) -> Self {
        Self(crc32c(uuid))
    }

    fn head_check(self, offset: u64, head: &[u8]) -> u32 {
        crc32c_append(crc32c_append(self.0, &offset.to_le_bytes()), &head[..16])
    }
}

/// Appends a frame without its sequence and checks, which [`seal`] fills in.
pub(crate) fn put(bytes: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    debug_assert!(payload.len() <= PAYLOAD_MAX);
    bytes.reserve(payload.len() + OVERHEAD);
    let length = payload.len() as u32 | u32::from(kind.code()) << 24;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&[0; HEAD - 4]);
    bytes.extend_from_slice(payload);
    bytes.extend_from_slice(&[0; 4]);
}

/// Writes the sequence into a frame made by [`put`].
pub(crate) fn number(frame: &mut [u8], sequence: u64) {
    frame[8..16].copy_from_slice(&sequence.to_le_bytes());
}

/// The sequence in a frame that [`number`] has seen.
pub(crate) fn number_of(frame: &[u8]) -> u64 {
    u64_at(frame, 8)
}

/// Completes a frame for one place in one segment; may be done again for another.
pub(crate) fn seal(frame: &mut [u8], seed: Seed, offset: u64, place: u32) {
    frame[4..8].copy_from_slice(&place.to_le_bytes());
    let head = seed.head_check(offset, frame);
    frame[16..HEAD].copy_from_slice(&head.to_le_bytes());
    let end = frame.len() - 4;
    let body = crc32c_append(head, &frame[HEAD..end]);
    frame[end..].copy_from_slice(&body.to_le_bytes());
}

/// A frame whose checks are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) place: u32,
    pub(crate) sequence: u64,
    /// Where the payload stands in the bytes given to [`parse`].
    pub(crate) payload: Range<usize>,
    /// Size of the whole frame in bytes.
    pub(crate) size: usize,
}

impl Frame {
    /// First sequence of the write this frame was part of.
    pub(crate) fn write_first(&self) -> u64 {
        self.sequence - u64::from(self.place)
    }
}

/// What stands at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A whole, valid frame.
    Frame(Frame),
    /// Its beginning is valid (or not there yet); this many bytes are needed to judge it.
    Short(usize),
    /// No frame.
    Bad,
}

/// Judges the bytes at `offset` of a segment.
pub(crate) fn parse(bytes: &[u8], seed: Seed, offset: u64) -> Parsed {
    if bytes.len() < HEAD {
        return Parsed::Short(HEAD);
    }
    let Some((kind, length)) = plausible(bytes) else { return Parsed::Bad };
    let head = seed.head_check(offset, bytes);
    if head != u32_at(bytes, 16) {
        return Parsed::Bad;
    }
    let size = length + OVERHEAD;
    if bytes.len() < size {
        return Parsed::Short(size);
    }
    let payload = HEAD..HEAD + length;
    if crc32c_append(head, &bytes[payload.clone()]) != u32_at(bytes, payload.end) {
        return Parsed::Bad;
    }
    let (place, sequence) = (u32_at(bytes, 4), u64_at(bytes, 8));
    if sequence <= u64::from(place) {
        return Parsed::Bad;
    }
    Parsed::Frame(Frame { kind, place, sequence, payload, size })
}

/// Whether a frame could begin here, judged by its first four bytes alone: cheap enough to ask at
/// every byte of a damaged region.
pub(crate) fn plausible(bytes: &[u8]) -> Option<(Kind, usize)> {
    let kind = Kind::from_code(bytes[3])?;
    let length = u32_at(bytes, 0) as usize & 0x00FF_FFFF;
    (length <= PAYLOAD_MAX).then_some((kind, length))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sealed(payload: &[u8], kind: Kind, sequence: u64, place: u32, at: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, kind, payload);
        number(&mut bytes, sequence);
        seal(&mut bytes, Seed::new(&[7; 16]), at, place);
        bytes
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            payload in proptest::collection::vec(any::<u8>(), 0..2000),
            probe: bool,
            place in 0..1000_u32,
            above in 1..u64::MAX / 2,
            at: u64,
        ) {
            let kind = if probe { Kind::Probe } else { Kind::Record };
            let sequence = above + u64::from(place);
            let bytes = sealed(&payload, kind, sequence, place, at);
            let Parsed::Frame(frame) = parse(&bytes, Seed::new(&[7; 16]), at) else {
                panic!("not a frame")
            };
            prop_assert_eq!(&bytes[frame.payload.clone()], &payload[..]);
            prop_assert_eq!(
                (frame.kind, frame.place, frame.sequence, frame.size),
                (kind, place, sequence, bytes.len())
            );
        }

        #[test]
        fn any_changed_bit_makes_it_invalid(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            bit: prop::sample::Index,
        ) {
            let mut bytes = sealed(&payload, Kind::Record, 9, 2, 8192);
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let parsed = parse(&bytes, Seed::new(&[7; 16]), 8192);
            prop_assert!(!matches!(parsed, Parsed::Frame(_)), "{parsed:?}");
        }

        #[test]
        fn a_frame_cut_short_is_never_valid(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            cut: prop::sample::Index,
        ) {
            let bytes = sealed(&payload, Kind::Record, 9, 2, 8192);
            let cut = cut.index(bytes.len());
            let parsed = parse(&bytes[..cut], Seed::new(&[7; 16]), 8192);
            prop_assert!(matches!(parsed, Parsed::Short(need) if need > cut));
        }

        #[test]
        fn arbitrary_bytes_are_no_frame(bytes in proptest::collection::vec(any::<u8>(), 20..400)) {
            prop_assert!(!matches!(parse(&bytes, Seed::new(&[7; 16]), 8192), Parsed::Frame(_)));
        }
    }

    #[test]
    fn a_frame_belongs_to_one_segment_and_one_place() {
        let bytes = sealed(b"click", Kind::Record, 9, 2, 8192);
        assert!(matches!(parse(&bytes, Seed::new(&[7; 16]), 8192), Parsed::Frame(_)));
        assert_eq!(parse(&bytes, Seed::new(&[8; 16]), 8192), Parsed::Bad);
        assert_eq!(parse(&bytes, Seed::new(&[7; 16]), 8193), Parsed::Bad);
    }

    #[test]
    fn zeros_are_no_frame() {
        assert_eq!(parse(&[0; 64], Seed::new(&[0; 16]), 0), Parsed::Bad);
    }
}
