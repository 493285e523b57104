//! The secret keys of an installation: one list signs click ids, one key draws, one hides visitors.

use crate::base32::LOW_BITS;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

/// 128 bits of secret.
pub type Secret = [u8; 16];

/// Key of the ids given out from a moment on.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey {
    /// Unix milliseconds; ids with this time or a later one use the key until the next key's moment.
    pub valid_from_ms: i64,
    /// The secret.
    pub secret: Secret,
}

/// All secrets, as kept in `data/keys`. Keys stay while clicks of their time exist, so an id always
/// prints the same.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRing {
    macs: Vec<MacKey>,
    draw: Secret,
    visitor: Secret,
}

impl KeyRing {
    /// `macs` in any order (at least one; the oldest also covers all time before it); `draw` must
    /// never change, or stored clicks would replay differently.
    pub fn new(mut macs: Vec<MacKey>, draw: Secret, visitor: Secret) -> Option<Self> {
        macs.sort_by_key(|key| key.valid_from_ms);
        (!macs.is_empty()).then_some(Self { macs, draw, visitor })
    }

    /// The signing keys, oldest first.
    pub fn macs(&self) -> &[MacKey] {
        &self.macs
    }

    /// The key of every random draw.
    pub fn draw(&self) -> &Secret {
        &self.draw
    }

    /// The key of visitor hashes and of hashed addresses.
    pub fn visitor(&self) -> &Secret {
        &self.visitor
    }

    /// The 46 MAC bits over the 84-bit `body` of an id of `time_ms`: SipHash-2-4 with 128 bits of
    /// output (a pseudo-random function for short inputs; Aumasson and Bernstein, 2012), truncated.
    pub(crate) fn mac(&self, time_ms: i64, body: u128) -> u64 {
        let after = self.macs.partition_point(|key| key.valid_from_ms <= time_ms);
        let key = &self.macs[after.saturating_sub(1)];
        hash(&key.secret, &body.to_le_bytes()) & ((1 << LOW_BITS) - 1)
    }
}

/// Keyed hash of `bytes`: the lower half of SipHash-2-4-128.
pub fn hash(secret: &Secret, bytes: &[u8]) -> u64 {
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(bytes);
    hasher.finish128().h1
}

impl std::fmt::Debug for KeyRing {
    /// Secrets never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} signing keys)", self.macs.len())
    }
}
