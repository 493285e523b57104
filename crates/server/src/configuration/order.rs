//! The order in which the fields of a thing are written and compared: what it is comes first.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::{Map, Value};

/// Keys in the order in which somebody would tell them; all others follow by name.
const ORDER: [&str; 52] = [
    "id",
    "name",
    "template",
    "key",
    "aliases",
    "status",
    "kind",
    "all",
    "any",
    "field",
    "param",
    "op",
    "value",
    "value_id",
    "source",
    "source_id",
    "flow",
    "flow_id",
    "network",
    "network_id",
    "lander",
    "lander_id",
    "offer",
    "offer_id",
    "campaign",
    "campaign_id",
    "domain",
    "domain_id",
    "host",
    "scheme",
    "root",
    "not_found",
    "weight",
    "url",
    "mode",
    "pass",
    "payout",
    "cost",
    "cap",
    "next",
    "next_id",
    "of",
    "per",
    "amount",
    "currency",
    "time_zone",
    "returning",
    "when",
    "landers",
    "offers",
    "offer_choice",
    "rules",
];

/// The place of a key; `paths` and `default` are the last of all, as they are the longest.
fn rank(key: &str) -> usize {
    match key {
        "paths" | "default" => ORDER.len() + 1,
        key => ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len()),
    }
}

/// Sorts keys, each once.
pub fn sort_keys(keys: &mut Vec<&str>) {
    keys.sort_unstable_by_key(|key| (rank(key), *key));
    keys.dedup();
}

/// The fields of an object in their order.
pub fn ordered(fields: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key.as_str(), value)).collect();
    fields.sort_by_key(|(key, _)| rank(key));
    fields
}

/// A value that is written in that order.
pub struct Ordered<'a>(pub &'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in ordered(fields) {
                    map.serialize_entry(key, &Ordered(value))?;
                }
                map.end()
            }
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Ordered(item))?;
                }
                list.end()
            }
            other => other.serialize(serializer),
        }
    }
}
