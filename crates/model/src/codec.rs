//! Records as bytes: a version, a kind, then tagged values; tags of newer versions survive.
//!
//! `version u8 (1) | kind u8 | (head varint, value)*` with `head = tag << 1 | wire`. Wire 0 is a
//! zigzag varint, wire 1 a varint length and that many bytes. Varints are LEB128. The format is
//! documented in `docs/formats/record.md`; a reader refuses a newer version and an unknown kind, and
//! carries unknown tags along.

use crate::facts::{Facts, Value};
use crate::record::{Record, RecordKind};

/// The version written.
pub const VERSION: u8 = 1;

/// The most values one record may hold: bounds what a damaged length can make us allocate.
const VALUES_MAX: usize = 4096;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They end within a value.
    #[error("the record ends within a value")]
    Short,
    /// Written by a newer version of the program.
    #[error(
        "the record has version {0}, this program reads up to {VERSION}: use the newer program"
    )]
    NewerVersion(u8),
    /// A kind this version does not know.
    #[error("the record has kind {0}, which this program does not know: use the newer program")]
    UnknownKind(u8),
    /// A varint longer than 64 bits, a tag above 2^15, or too many values.
    #[error("the record holds a number out of range")]
    Range,
}

/// Appends the record of `kind` with `facts` to `out`.
pub fn encode(kind: RecordKind, facts: &Facts, out: &mut Vec<u8>) {
    out.extend_from_slice(&[VERSION, kind as u8]);
    for (tag, value) in facts.iter() {
        match value {
            Value::Int(int) => {
                put_varint(out, u64::from(tag) << 1);
                put_varint(out, zigzag(int));
            }
            Value::Bytes(bytes) => {
                put_varint(out, u64::from(tag) << 1 | 1);
                put_varint(out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// Reads one record.
pub fn decode(bytes: &[u8]) -> Result<Record, CodecError> {
    let [version, kind, rest @ ..] = bytes else { return Err(CodecError::Short) };
    if *version > VERSION {
        return Err(CodecError::NewerVersion(*version));
    }
    let kind = RecordKind::from_number(*kind).ok_or(CodecError::UnknownKind(*kind))?;
    let mut facts = Facts::for_click();
    let mut rest = rest;
    while !rest.is_empty() {
        if facts.len() >= VALUES_MAX {
            return Err(CodecError::Range);
        }
        let head = take_varint(&mut rest)?;
        let tag = u16::try_from(head >> 1).map_err(|_| CodecError::Range)?;
        let value = take_varint(&mut rest)?;
        if head & 1 == 0 {
            facts.push_int(tag, unzigzag(value));
        } else {
            let length = usize::try_from(value).map_err(|_| CodecError::Range)?;
            let (bytes, behind) = rest.split_at_checked(length).ok_or(CodecError::Short)?;
            facts.push_bytes(tag, bytes);
            rest = behind;
        }
    }
    Ok(Record { kind, facts })
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, CodecError> {
    let mut value = 0u64;
    for shift in (0..).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(CodecError::Short)?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        if shift > 63 || (shift == 63 && part > 1) {
            return Err(CodecError::Range);
        }
        value |= part << shift;
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_facts() -> impl Strategy<Value = Facts> {
        let value = prop_oneof![
            any::<i64>().prop_map(Ok),
            proptest::collection::vec(any::<u8>(), 0..60).prop_map(Err),
        ];
        proptest::collection::vec((0u16..0x8000, value), 0..40).prop_map(|values| {
            let mut facts = Facts::default();
            for (tag, value) in values {
                match value {
                    Ok(int) => facts.push_int(tag, int),
                    Err(bytes) => facts.push_bytes(tag, &bytes),
                }
            }
            facts
        })
    }

    proptest! {
        #[test]
        fn records_survive_the_round_trip_with_tags_nobody_knows(facts in any_facts()) {
            let mut bytes = Vec::new();
            encode(RecordKind::Click, &facts, &mut bytes);
            prop_assert_eq!(decode(&bytes), Ok(Record { kind: RecordKind::Click, facts }));
        }

        #[test]
        fn a_cut_record_is_refused_or_shorter(facts in any_facts(), cut in any::<proptest::sample::Index>()) {
            let mut bytes = Vec::new();
            encode(RecordKind::Postback, &facts, &mut bytes);
            let cut = cut.index(bytes.len());
            if let Ok(record) = decode(&bytes[..cut]) {
                prop_assert!(record.facts.len() < facts.len());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn newer_versions_and_unknown_kinds_are_named() {
        assert_eq!(decode(&[2, 1]), Err(CodecError::NewerVersion(2)));
        assert_eq!(decode(&[1, 99]), Err(CodecError::UnknownKind(99)));
        assert_eq!(decode(&[1]), Err(CodecError::Short));
        assert_eq!(
            decode(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            Err(CodecError::Range)
        );
    }
}
