//! The click id: 29 characters that name a click, prove that we gave it out, and sort by time.
//!
//! Text: a prefix (`ct_` by default) and 26 characters of lower-case Crockford base32 = 130 bits:
//! `time_ms 42 | node 8 | sequence 12 | campaign 20 | flags 2 | MAC 46`. Several networks cut sub ids
//! at 32 characters and some fold their case; 29 case-insensitive characters survive both.

use crate::base32::{self, Bits, CHARS, LOW_BITS};
use crate::keys::KeyRing;
use serde::{Deserialize, Serialize};
use std::fmt;

/// 2024-01-01T00:00:00Z in Unix milliseconds: the zero of the 42-bit time (good until 2163).
pub const EPOCH_MS: i64 = 1_704_067_200_000;

const TIME_BITS: u32 = 42;
const NODE_BITS: u32 = 8;
const SEQUENCE_BITS: u32 = 12;
const CAMPAIGN_BITS: u32 = 20;

/// The largest campaign number that fits an id.
pub const CAMPAIGN_MAX: u32 = (1 << CAMPAIGN_BITS) - 1;

/// The largest `time_ms` an id can hold, in Unix milliseconds.
pub const TIME_MAX_MS: i64 = EPOCH_MS + (1 << TIME_BITS) - 1;

/// `time | node | sequence` (62 bits): unique and sortable, the click's name everywhere inside.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct ClickKey(pub i64);

impl ClickKey {
    /// Composes a key; `time_ms` outside what an id can hold is clamped to its bounds.
    pub fn new(time_ms: i64, node: u8, sequence: u16) -> Self {
        let time = time_ms.clamp(EPOCH_MS, TIME_MAX_MS) - EPOCH_MS;
        let sequence = i64::from(sequence & ((1 << SEQUENCE_BITS) - 1));
        Self((time << (NODE_BITS + SEQUENCE_BITS)) | (i64::from(node) << SEQUENCE_BITS) | sequence)
    }

    /// When the click came, in Unix milliseconds.
    pub fn time_ms(self) -> i64 {
        (self.0 >> (NODE_BITS + SEQUENCE_BITS)) + EPOCH_MS
    }

    /// Which node gave the id out.
    pub fn node(self) -> u8 {
        (self.0 >> SEQUENCE_BITS) as u8
    }

    /// The number within its millisecond.
    pub fn sequence(self) -> u16 {
        (self.0 & ((1 << SEQUENCE_BITS) - 1)) as u16
    }

    /// The smallest key of a moment: bounds a look-up or a period by time.
    pub fn first_at(time_ms: i64) -> Self {
        Self::new(time_ms, 0, 0)
    }
}

/// Gives keys out: unique on its node, never going back, whatever the wall clock does.
#[derive(Clone, Copy, Debug)]
pub struct KeySequence {
    node: u8,
    last: ClickKey,
}

impl KeySequence {
    /// Continues behind `floor`, the largest key that may have been given out before.
    pub fn after(floor: ClickKey, node: u8) -> Self {
        Self { node, last: ClickKey::new(floor.time_ms(), node, floor.sequence()) }
    }

    /// The next key at wall-clock time `now_ms`: `max(now, last)`; when the millisecond's 4,096
    /// numbers are used up, the next millisecond is borrowed.
    pub fn next(&mut self, now_ms: i64) -> ClickKey {
        let fresh = ClickKey::new(now_ms, self.node, 0);
        let (time, sequence) = (self.last.time_ms(), self.last.sequence());
        self.last = if fresh.time_ms() > time {
            fresh
        } else if u32::from(sequence) + 1 < 1 << SEQUENCE_BITS {
            ClickKey::new(time, self.node, sequence + 1)
        } else {
            ClickKey::new(time + 1, self.node, 0)
        };
        self.last
    }

    /// The last key given out.
    pub fn last(&self) -> ClickKey {
        self.last
    }
}

/// Everything an id says about its click.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClickId {
    /// The click's name.
    pub key: ClickKey,
    /// The campaign that was clicked; at most [`CAMPAIGN_MAX`].
    pub campaign: u32,
    /// The click could not be written down when it was answered.
    pub unlogged: bool,
    /// A test click of the operator.
    pub test: bool,
}

impl ClickId {
    /// The 84 bits in front of the MAC.
    pub(crate) fn body(self) -> u128 {
        let flags = u128::from(self.unlogged) << 1 | u128::from(self.test);
        ((self.key.0 as u128) << (CAMPAIGN_BITS + 2))
            | (u128::from(self.campaign & CAMPAIGN_MAX) << 2)
            | flags
    }

    pub(crate) fn from_body(body: u128) -> Self {
        Self {
            key: ClickKey((body >> (CAMPAIGN_BITS + 2)) as i64),
            campaign: (body >> 2) as u32 & CAMPAIGN_MAX,
            unlogged: body & 2 != 0,
            test: body & 1 != 0,
        }
    }

    /// The id as it travels: `prefix` and 26 characters, signed with the key of the id's own time.
    pub fn text(self, prefix: &str, keys: &KeyRing) -> ClickIdText {
        let body = self.body();
        let digits = base32::encode(Bits { high: body, low: keys.mac(self.key.time_ms(), body) });
        ClickIdText::new(prefix, &digits)
    }
}

/// The printed form of a click id, without an allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClickIdText {
    bytes: [u8; PREFIX_MAX + CHARS],
    length: u8,
}

/// The longest `id_prefix` (29 + 3 characters stay within the 32 at which networks cut).
pub const PREFIX_MAX: usize = 6;

impl ClickIdText {
    fn new(prefix: &str, digits: &[u8; CHARS]) -> Self {
        let mut bytes = [0; PREFIX_MAX + CHARS];
        let taken = prefix.len().min(PREFIX_MAX);
        bytes[..taken].copy_from_slice(&prefix.as_bytes()[..taken]);
        bytes[taken..taken + CHARS].copy_from_slice(digits);
        Self { bytes, length: (taken + CHARS) as u8 }
    }

    /// The id's text.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for ClickIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ClickIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not one of our ids, and what it probably was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Wrong length or alphabet.
    #[error("the click id is malformed: expected the prefix and {CHARS} base32 characters")]
    Malformed,
    /// A prefix of an id that still carries at least 20 matching MAC bits.
    #[error("the click id was cut off")]
    Truncated {
        /// The id it is the beginning of.
        repaired: ClickId,
    },
    /// One substitution or one transposition away from a valid id.
    #[error("the click id was altered by one character")]
    Altered {
        /// The valid id next to it.
        repaired: ClickId,
    },
    /// A whole id in something else: braces, quotes, spaces, or percent signs of a second encoding.
    #[error("the click id was wrapped in other characters or encoded twice")]
    Wrapped {
        /// The id within.
        repaired: ClickId,
    },
    /// Well-formed, but not signed by us.
    #[error("the click id was not given out by this installation")]
    Unverified,
}

impl IdError {
    /// The id that was meant, where the signature proves it.
    pub fn repaired(self) -> Option<ClickId> {
        match self {
            Self::Truncated { repaired }
            | Self::Altered { repaired }
            | Self::Wrapped { repaired } => Some(repaired),
            Self::Malformed | Self::Unverified => None,
        }
    }
}

/// Reads an id: well-formed and signed by the key of its own time, or why not. A forged id costs a
/// MAC and no look-up; only a failing id is searched for repairs, and none that fewer bits prove may
/// lie after `now_ms`, so that a few MAC bits are never mistaken for proof of a click to come.
pub fn read(text: &str, prefix: &str, keys: &KeyRing, now_ms: i64) -> Result<ClickId, IdError> {
    if let Some(id) = exact(text, prefix, keys) {
        return Ok(id);
    }
    let class = crate::repair::classify(strip_prefix(text, prefix), keys, now_ms);
    let wrapped = match class {
        // Whatever wraps an id is too long for one, or has characters that no id has.
        IdError::Malformed => crate::repair::unwrap(text, |text| exact(text, prefix, keys)),
        _ => None,
    };
    Err(wrapped.map_or(class, |repaired| IdError::Wrapped { repaired }))
}

/// The id that `text` is, when it is nothing but a valid id.
fn exact(text: &str, prefix: &str, keys: &KeyRing) -> Option<ClickId> {
    let digits = <&[u8; CHARS]>::try_from(strip_prefix(text, prefix)).ok()?;
    verify(base32::decode(digits).ok()?, keys)
}

/// The id in `bits` when its MAC is right; compared in constant time.
pub(crate) fn verify(bits: Bits, keys: &KeyRing) -> Option<ClickId> {
    use subtle::ConstantTimeEq;
    let id = ClickId::from_body(bits.high);
    debug_assert!(bits.low >> LOW_BITS == 0);
    let expected = keys.mac(id.key.time_ms(), bits.high);
    bool::from(expected.ct_eq(&bits.low)).then_some(id)
}

/// Removes `prefix` in either case; a text without it is taken as the bare digits, since some
/// systems strip what they take for a decoration.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> &'a [u8] {
    let (bytes, head) = (text.as_bytes(), prefix.as_bytes());
    match bytes.split_at_checked(head.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(head) => rest,
        _ => bytes,
    }
}
