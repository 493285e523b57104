//! What need not be written because everybody takes it for granted, and what must be although it is nothing.

use model::thing::{Campaign, ConversionType, Flow, Kind, Network, Offer, Path, Source};
use serde::Serialize;
use serde_json::{Map, Value};

/// Takes out of the fields of a thing what is the same when it is left out.
pub fn without_defaults(kind: Kind, fields: &mut Map<String, Value>) {
    match kind {
        // What is left out of these is filled from their template.
        Kind::Source | Kind::Network if fields.get("template").is_some_and(Value::is_string) => {
            fields.values_mut().filter(|value| value.is_null()).for_each(|value| {
                *value = Value::from("");
            });
        }
        Kind::Source => drop_equal(fields, &Source::default(), &[]),
        Kind::Network => drop_equal(fields, &Network::default(), &[]),
        Kind::Offer => drop_equal(fields, &Offer::default(), &["url"]),
        Kind::Campaign => drop_equal(fields, &Campaign::default(), &["key", "flow"]),
        Kind::Flow => {
            paths(fields.get_mut("default"));
            let rules = fields.get_mut("rules").and_then(Value::as_array_mut);
            for rule in rules.into_iter().flatten().filter_map(Value::as_object_mut) {
                paths(rule.get_mut("paths"));
            }
            drop_equal(fields, &Flow::default(), &["default"]);
        }
        Kind::Domain => {
            let nothing = Value::Object(Map::new());
            fields.retain(|_, value| *value != nothing);
        }
        Kind::ConversionType => drop_equal(fields, &ConversionType::default(), &[]),
        Kind::Workspace | Kind::Lander => {}
    }
    fields.retain(|_, value| !value.is_null());
}

/// Reads what [`without_defaults`] had to write for nothing: an empty text in a source or network.
pub fn with_nothing(kind: Kind, fields: &mut Map<String, Value>) {
    if matches!(kind, Kind::Source | Kind::Network) {
        fields.values_mut().filter(|value| value.as_str() == Some("")).for_each(|value| {
            *value = Value::Null;
        });
    }
}

fn paths(list: Option<&mut Value>) {
    let list = list.and_then(Value::as_array_mut);
    for path in list.into_iter().flatten().filter_map(Value::as_object_mut) {
        drop_equal(path, &Path::default(), &["id", "weight"]);
    }
}

fn drop_equal(fields: &mut Map<String, Value>, default: &impl Serialize, but: &[&str]) {
    // A thing of texts and numbers always becomes JSON; without it, everything is written.
    let default = serde_json::to_value(default).unwrap_or_default();
    fields.retain(|key, value| but.contains(&key.as_str()) || default.get(key) != Some(value));
}
