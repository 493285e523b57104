//! Ids that platforms gave clicks, found by their hash.

use super::builder::IntColumn;
use super::rows::Named;
use crate::events::EXTERNAL_ID_KIND;
use model::event::Row;
use model::facts::Value;
use model::record::tag;
use model::thing::ThingId;
use model::{ClickKey, Field};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// The hash under which a platform id is found: SipHash-1-3 with key 0 over workspace (4 bytes, little
/// endian), kind, `=`, value; stored as a signed number. Part of the file format.
pub fn platform_hash(workspace: ThingId, kind: &[u8], value: &[u8]) -> i64 {
    let mut hasher = SipHasher13::new();
    hasher.write(&workspace.to_le_bytes());
    hasher.write(kind);
    hasher.write(b"=");
    hasher.write(value);
    hasher.finish() as i64
}

/// The platform ids of a batch.
#[derive(Debug)]
pub struct PlatformIds {
    hashes: IntColumn,
    keys: IntColumn,
    rows: usize,
}

impl PlatformIds {
    /// Room for about `rows`.
    pub fn new(rows: usize) -> Self {
        Self { hashes: IntColumn::new(rows), keys: IntColumn::new(rows), rows: 0 }
    }

    /// Whether values under `tag` are ids.
    pub const fn may_be(tag: u16) -> bool {
        tag == tag::PLATFORM_ID || tag == Field::ExternalId.tag()
    }

    /// Notes an id of the click that `row` is.
    pub fn push(&mut self, row: &Row, tag: u16, value: Value<'_>) {
        let Value::Bytes(bytes) = value else { return };
        let (kind, id) = if tag == tag::PLATFORM_ID {
            let Some(equals) = bytes.iter().position(|byte| *byte == b'=') else { return };
            (&bytes[..equals], &bytes[equals + 1..])
        } else {
            (EXTERNAL_ID_KIND.as_bytes(), bytes)
        };
        self.add(platform_hash(row.workspace(), kind, id), row.key);
    }

    fn add(&mut self, hash: i64, key: ClickKey) {
        self.hashes.set(self.rows, hash);
        self.keys.set(self.rows, key.0);
        self.rows += 1;
    }

    /// The columns; none when there is no id.
    pub fn finish(self) -> Option<Named> {
        let rows = self.rows;
        Some(vec![("hash", self.hashes.finish(rows)?), ("key", self.keys.finish(rows)?)])
    }
}
