//! Where in its JSON a thing refers to another: an error names the place, not only the number.

use model::thing::{Kind, ThingId};
use serde_json::Value;

/// The path of the first key of `body` that says `to` and `id`, such as `default[0].offers[1].offer`;
/// the name of the kind when there is none.
pub fn place(body: &str, to: Kind, id: ThingId) -> String {
    let body = serde_json::from_str(body).unwrap_or_default();
    let mut path = String::new();
    if find(&body, to, id, &mut path) { path } else { to.as_str().to_owned() }
}

/// Whether the reference is within `value`; `path` is that of `value`, and then that of the reference.
fn find(value: &Value, to: Kind, id: ThingId, path: &mut String) -> bool {
    let length = path.len();
    let mut found = |part: &str, below: &Value, is_it: bool| {
        path.push_str(if length == 0 { part.trim_start_matches('.') } else { part });
        let found = is_it || find(below, to, id, path);
        if !found {
            path.truncate(length);
        }
        found
    };
    match value {
        Value::Object(fields) => fields.iter().any(|(key, below)| {
            let is_it = names(key, to) && below.as_u64() == Some(u64::from(id));
            found(&format!(".{key}"), below, is_it)
        }),
        Value::Array(items) => {
            items.iter().enumerate().any(|(i, below)| found(&format!("[{i}]"), below, false))
        }
        _ => false,
    }
}

/// Whether a field of this name holds the number of a `to`: an offer's `next` is an offer.
fn names(key: &str, to: Kind) -> bool {
    key == to.as_str() || to == Kind::Offer && key == "next"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_reference_is_its_path() {
        let flow = r#"{
            "rules": [{"id": 7, "when": {"field": "campaign", "op": "is", "value": 9},
                "paths": [{"id": 9, "offers": [{"offer": 3}, {"offer": 9}]}]}],
            "default": [{"campaign": 7}, {"landers": [{"lander": 4}], "offers": [{"offer": 3}]}]
        }"#;
        let offer = r#"{"url": "https://a.example/", "network": 3, "next": 8}"#;
        for (body, to, id, expected) in [
            (flow, Kind::Offer, 9, "rules[0].paths[0].offers[1].offer"),
            (flow, Kind::Lander, 4, "default[1].landers[0].lander"),
            (flow, Kind::Campaign, 7, "default[0].campaign"),
            (flow, Kind::Network, 1, "network"),
            (offer, Kind::Offer, 8, "next"),
            (offer, Kind::Network, 3, "network"),
            ("no JSON", Kind::Network, 3, "network"),
        ] {
            assert_eq!(place(body, to, id), expected, "{to} {id}");
        }
    }
}
