//! Values in words: names beside numbers, conditions as somebody would say them.

use super::order::ordered;
use super::references::{condition_kind, referred_kind};
use model::thing::{Kind, ThingId};
use serde_json::{Map, Value};

/// The name of a thing, if it has one.
pub type Names<'a> = dyn Fn(Kind, ThingId) -> Option<String> + 'a;

/// The most characters of a value; the rest is to be read in the value itself.
const CHARS_MAX: usize = 300;

/// A thing by its name and, when it has one, its number.
pub fn named(kind: Kind, id: Option<ThingId>, name: &str) -> String {
    let id = id.map(|id| format!(" {id}")).unwrap_or_default();
    format!("{kind}{id} {}", Value::from(name))
}

/// What a member of the list `key` is called: `rule 2 "iOS"`, `path 5`, `offer 3 "Shoes"`.
pub fn label(kind: Kind, key: &str, member: &Value, names: &Names<'_>) -> String {
    let (noun, identity) = match key {
        "rules" => ("rule", "id"),
        "paths" | "default" => ("path", "id"),
        "offers" => ("offer", "offer"),
        "landers" => ("lander", "lander"),
        _ => ("parameter", "param"),
    };
    let id = member.get(identity).unwrap_or(&Value::Null);
    let name = member.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.map(|name| format!(" {}", Value::from(name))).unwrap_or_default();
    format!("{noun} {}{name}", show(kind, identity, id, names))
}

/// The value of the field `key` of a thing of this kind.
pub fn show(kind: Kind, key: &str, value: &Value, names: &Names<'_>) -> String {
    let text = match value {
        Value::Object(fields) if key == "when" => condition(fields, names),
        value => plain(kind, key, value, names),
    };
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn plain(kind: Kind, key: &str, value: &Value, names: &Names<'_>) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Number(_) => match referred_kind(kind, key) {
            Some(to) => numbered(to, value, names),
            None => value.to_string(),
        },
        Value::Array(items) => {
            let items = items.iter().map(|item| plain(kind, key, item, names));
            format!("[{}]", items.collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = ordered(fields).into_iter().filter(|(_, value)| !is_nothing(value));
            let fields = fields.map(|(key, value)| match value {
                Value::Object(when) if key == "when" => format!("when {}", condition(when, names)),
                value => format!("{key} {}", plain(kind, key, value, names)),
            });
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::Bool(_) | Value::String(_) => value.to_string(),
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

fn numbered(to: Kind, value: &Value, names: &Names<'_>) -> String {
    let id = value.as_u64().and_then(|id| ThingId::try_from(id).ok());
    let name = id.and_then(|id| names(to, id));
    name.map_or_else(|| value.to_string(), |name| format!("{value} {}", Value::from(name)))
}

/// `os is "iOS" and (country in ["DE", "AT"] or parameter zone known)`.
fn condition(fields: &Map<String, Value>, names: &Names<'_>) -> String {
    for (list, word) in [("all", " and "), ("any", " or ")] {
        if let Some(Value::Array(items)) = fields.get(list) {
            let one = |item: &Value| {
                let Some(inner) = item.as_object() else { return item.to_string() };
                let text = condition(inner, names);
                let is_tree = inner.values().filter_map(Value::as_array).any(|list| list.len() > 1)
                    && !inner.contains_key("op");
                if is_tree { format!("({text})") } else { text }
            };
            return items.iter().map(one).collect::<Vec<_>>().join(word);
        }
    }
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let subject = match (text("field"), text("param")) {
        (Some(field), _) => field.to_owned(),
        (None, param) => format!("parameter {}", param.unwrap_or_default()),
    };
    let to = text("field").and_then(condition_kind);
    let one = |value: &Value| to.map_or_else(|| value.to_string(), |to| numbered(to, value, names));
    let value = match fields.get("value") {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(items)) => {
            format!(" [{}]", items.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Some(value) => format!(" {}", one(value)),
    };
    format!("{subject} {}{value}", text("op").unwrap_or_default().replace('_', " "))
}
