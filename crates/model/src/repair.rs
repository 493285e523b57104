//! What a failing click id probably was: the MAC proves a cut-off id, a one-character slip, and an id wrapped in
//! something else.

use crate::base32::{self, Bits, CHARS, LOW_BITS};
use crate::id::{ClickId, IdError, verify};
use crate::keys::KeyRing;
use crate::params;
use std::borrow::Cow;

/// The shortest prefix that proves itself: 21 characters carry 84 bits of body and 21 MAC bits.
const TRUNCATED_CHARS_MIN: usize = 21;

/// Digits that hold nothing but MAC: the body ends within the 17th.
const FIRST_MAC_DIGIT: usize = 17;

/// The longest text that is searched for an id within: three bytes for each of an id, three times encoded, and braces.
const WRAPPED_BYTES_MAX: usize = 512;

/// How many encodings are undone.
const DECODINGS_MAX: usize = 3;

/// The whole id within `text` that `read` recognises: behind spaces, braces, quotes and other signs at both ends, and
/// percent-encoded up to [`DECODINGS_MAX`] times over. At most eight readings.
pub(crate) fn unwrap(text: &str, read: impl Fn(&str) -> Option<ClickId>) -> Option<ClickId> {
    if text.len() > WRAPPED_BYTES_MAX {
        return None;
    }
    let mut text = Cow::Borrowed(text);
    for _ in 0..=DECODINGS_MAX {
        // A prefix may begin with `_`; some macros are written between two of them.
        let outer = text.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let inner = text.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        if let Some(id) = read(outer).or_else(|| read(inner)) {
            return Some(id);
        }
        if !text.contains('%') {
            return None;
        }
        text = Cow::Owned(params::decode(&text).into_owned());
    }
    None
}

/// Sorts the digits of an id that did not verify into the four classes. A repair whose click would
/// lie after `now_ms` is none.
pub(crate) fn classify(digits: &[u8], keys: &KeyRing, now_ms: i64) -> IdError {
    let Some(values) = base32::digits(digits) else { return IdError::Malformed };
    let class = match values.len() {
        CHARS => altered(&values, keys, now_ms).map(|repaired| IdError::Altered { repaired }),
        TRUNCATED_CHARS_MIN..CHARS => truncated(&values, keys)
            .filter(|id| id.key.time_ms() <= now_ms)
            .map(|repaired| IdError::Truncated { repaired }),
        _ => Some(IdError::Malformed),
    };
    class.unwrap_or(IdError::Unverified)
}

/// The id whose first digits these are: its body is complete, and the MAC bits present must match.
fn truncated(values: &[u8], keys: &KeyRing) -> Option<ClickId> {
    let mut padded = [0u8; CHARS];
    padded[..values.len()].copy_from_slice(values);
    let bits = base32::join(&padded);
    let id = ClickId::from_body(bits.high);
    let missing_bits = 5 * (CHARS - values.len()) as u32;
    debug_assert!(missing_bits < LOW_BITS);
    let expected = keys.mac(id.key.time_ms(), bits.high);
    (expected >> missing_bits == bits.low >> missing_bits).then_some(id)
}

/// The valid id one substitution (26 × 31) or one swap of neighbours (25) away; a candidate passes
/// by chance once in 2^46.
fn altered(values: &[u8], keys: &KeyRing, now_ms: i64) -> Option<ClickId> {
    let digits = <[u8; CHARS]>::try_from(values).ok()?;
    let in_mac = altered_in_mac(&digits, keys).filter(|id| id.key.time_ms() <= now_ms);
    in_mac.or_else(|| altered_in_body(digits, keys, now_ms))
}

/// A slip behind the body: the right MAC is known, so comparing digits is enough.
fn altered_in_mac(digits: &[u8; CHARS], keys: &KeyRing) -> Option<ClickId> {
    let Bits { high, .. } = base32::join(digits);
    let id = ClickId::from_body(high);
    let right = base32::split(Bits { high, low: keys.mac(id.key.time_ms(), high) });
    let wrong: Vec<usize> = (0..CHARS).filter(|&i| digits[i] != right[i]).collect();
    match wrong[..] {
        [_] => Some(id),
        [i, j] if j == i + 1 && digits[i] == right[j] && digits[j] == right[i] => Some(id),
        _ => None,
    }
}

/// A slip within the body, or across its last digit: each candidate needs a MAC of its own.
/// Candidates of the future are passed over unsigned, which spares forgeries most of the MACs.
fn altered_in_body(mut digits: [u8; CHARS], keys: &KeyRing, now_ms: i64) -> Option<ClickId> {
    let valid = |digits: &[u8; CHARS]| {
        let bits = base32::join(digits);
        (ClickId::from_body(bits.high).key.time_ms() <= now_ms)
            .then(|| verify(bits, keys))
            .flatten()
    };
    for i in 0..FIRST_MAC_DIGIT {
        let original = digits[i];
        for candidate in (0..32).filter(|&c| c != original) {
            digits[i] = candidate;
            if let Some(id) = valid(&digits) {
                return Some(id);
            }
        }
        digits[i] = original;
        digits.swap(i, i + 1);
        if let Some(id) = valid(&digits) {
            return Some(id);
        }
        digits.swap(i, i + 1);
    }
    None
}
