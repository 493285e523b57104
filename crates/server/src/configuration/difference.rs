//! What differs between two versions of a thing: every field by its path, with both values, and in words.
//!
//! Members of a list that have an identity (rules and paths their ids, offers and landers what they
//! name, parameters their names) are compared with themselves wherever they stand.

use super::order::sort_keys;
use super::words::{Names, label, show};
use model::thing::Kind;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FieldChange {
    /// Where, as a path such as `rules[1].paths[0].weight`; of what is gone, where it was.
    pub field: String,
    /// The value before; null when there was none.
    pub before: Value,
    /// The value now; null when there is none.
    pub after: Value,
    /// The same in words, such as `rule 2 "iOS" path 5: weight 50 → 70`.
    pub words: String,
}

/// A version of a thing.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is archived.
    pub archived: bool,
    /// The fields of its kind.
    pub body: &'a Value,
}

/// Everything that differs, in the order in which somebody would tell it.
pub fn difference(
    kind: Kind,
    before: Version<'_>,
    after: Version<'_>,
    names: &Names<'_>,
) -> Vec<FieldChange> {
    let mut found = Vec::new();
    if before.archived != after.archived {
        found.push(FieldChange {
            field: "archived".to_owned(),
            before: before.archived.into(),
            after: after.archived.into(),
            words: if after.archived { "archived" } else { "taken out of the archive" }.to_owned(),
        });
    }
    if before.name != after.name {
        let (before, after) = (Value::from(before.name), Value::from(after.name));
        let words = format!("name {before} → {after}");
        found.push(FieldChange { field: "name".to_owned(), before, after, words });
    }
    let none = Map::new();
    let fields = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(|| none.clone());
    let mut comparison = Comparison { kind, names, found };
    let top = Place { path: String::new(), label: String::new(), field: String::new() };
    comparison.objects(&top, &fields(before.body), &fields(after.body));
    comparison.found
}

struct Comparison<'a> {
    kind: Kind,
    names: &'a Names<'a>,
    found: Vec<FieldChange>,
}

/// Where a comparison is: its path, whose member it is in words, and the name of the field below that.
#[derive(Clone)]
struct Place {
    path: String,
    label: String,
    field: String,
}

impl Place {
    fn key(&self, key: &str) -> Self {
        let join = |parent: &str| match parent {
            "" => key.to_owned(),
            parent => format!("{parent}.{key}"),
        };
        Self { path: join(&self.path), label: self.label.clone(), field: join(&self.field) }
    }

    fn member(&self, i: usize, name: &str) -> Self {
        let label = if self.label.is_empty() { "" } else { " " };
        Self {
            path: format!("{}[{i}]", self.path),
            label: format!("{}{label}{name}", self.label),
            field: String::new(),
        }
    }
}

impl Comparison<'_> {
    fn note(&mut self, place: &Place, before: &Value, after: &Value, words: String) {
        let (field, label) = (place.path.clone(), &place.label);
        let words = if label.is_empty() { words } else { format!("{label}: {words}") };
        let (before, after) = (before.clone(), after.clone());
        self.found.push(FieldChange { field, before, after, words });
    }

    fn objects(&mut self, at: &Place, before: &Map<String, Value>, after: &Map<String, Value>) {
        let mut keys: Vec<&str> = before.keys().chain(after.keys()).map(String::as_str).collect();
        sort_keys(&mut keys);
        for key in keys {
            let get = |fields: &Map<String, Value>| fields.get(key).cloned().unwrap_or_default();
            self.values(&at.key(key), key, &get(before), &get(after));
        }
    }

    fn values(&mut self, at: &Place, key: &str, before: &Value, after: &Value) {
        if before == after {
            return;
        }
        match (before, after) {
            (Value::Object(b), Value::Object(a)) if key != "when" && b.keys().eq(a.keys()) => {
                self.objects(at, b, a);
            }
            (Value::Array(b), Value::Array(a)) => self.lists(at, key, b, a),
            _ => self.whole(at, key, before, after),
        }
    }

    fn whole(&mut self, at: &Place, key: &str, before: &Value, after: &Value) {
        let shown = |value| show(self.kind, key, value, self.names);
        let words = format!("{} {} → {}", at.field, shown(before), shown(after));
        self.note(at, before, after, words);
    }

    fn lists(&mut self, at: &Place, key: &str, before: &[Value], after: &[Value]) {
        let identity = match key {
            "rules" | "paths" | "default" => "id",
            "offers" => "offer",
            "landers" => "lander",
            "params" => "param",
            _ => return self.plain_lists(at, key, before, after),
        };
        let ids = |items: &[Value]| -> Option<Vec<Value>> {
            let ids: Option<Vec<Value>> =
                items.iter().map(|item| item.get(identity).cloned()).collect();
            ids.filter(|ids| {
                ids.iter().map(Value::to_string).collect::<HashSet<_>>().len() == ids.len()
            })
        };
        let (Some(ids_before), Some(ids_after)) = (ids(before), ids(after)) else {
            return self.whole(at, key, &before.into(), &after.into());
        };
        self.members(at, key, (before, &ids_before), (after, &ids_after));
        let stay = |ids: &[Value], others: &[Value]| -> Vec<Value> {
            ids.iter().filter(|id| others.contains(id)).cloned().collect()
        };
        let (b, a) = (stay(&ids_before, &ids_after), stay(&ids_after, &ids_before));
        if b != a {
            let list = |ids: &[Value]| ids.iter().map(plain).collect::<Vec<_>>().join(", ");
            let words = format!("{} in the order {} → {}", at.field, list(&b), list(&a));
            self.note(at, &b.into(), &a.into(), words);
        }
    }

    fn members(
        &mut self,
        at: &Place,
        key: &str,
        (before, ids_before): (&[Value], &[Value]),
        (after, ids_after): (&[Value], &[Value]),
    ) {
        for (i, (item, id)) in before.iter().zip(ids_before).enumerate() {
            if !ids_after.contains(id) {
                let name = label(self.kind, key, item, self.names);
                let place = Place { path: format!("{}[{i}]", at.path), ..at.clone() };
                self.note(&place, item, &Value::Null, format!("without {name}"));
            }
        }
        for (i, (item, id)) in after.iter().zip(ids_after).enumerate() {
            let name = label(self.kind, key, item, self.names);
            match ids_before.iter().position(|other| other == id) {
                Some(other) => {
                    let (Some(b), Some(a)) = (before[other].as_object(), item.as_object()) else {
                        continue;
                    };
                    self.objects(&at.member(i, &name), b, a);
                }
                None => {
                    let place = Place { path: format!("{}[{i}]", at.path), ..at.clone() };
                    let shown = show(self.kind, key, item, self.names);
                    self.note(&place, &Value::Null, item, format!("new {name}: {shown}"));
                }
            }
        }
    }

    /// Lists of words: what came and what went, or else their order.
    fn plain_lists(&mut self, at: &Place, key: &str, before: &[Value], after: &[Value]) {
        let lacks = |items: &[Value], others: &[Value]| -> Vec<String> {
            let missing = items.iter().filter(|item| !others.contains(item));
            missing.map(|item| show(self.kind, key, item, self.names)).collect()
        };
        let (gone, new) = (lacks(before, after), lacks(after, before));
        if gone.is_empty() && new.is_empty() || before.is_empty() || after.is_empty() {
            return self.whole(at, key, &before.into(), &after.into());
        }
        let part = |word: &str, items: Vec<String>| {
            (!items.is_empty()).then(|| format!("{word} {}", items.join(", ")))
        };
        let parts: Vec<String> =
            [part("without", gone), part("with", new)].into_iter().flatten().collect();
        let words = format!("{} {}", at.field, parts.join(", "));
        self.note(at, &before.into(), &after.into(), words);
    }
}

fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn told(kind: Kind, before: Value, after: Value) -> Vec<(String, String)> {
        let names: &Names<'_> = &|kind, id| match (kind, id) {
            (Kind::Offer, 3) => Some("Shoes".to_owned()),
            (Kind::Offer, 4) => Some("Hats".to_owned()),
            (Kind::Source, 1) => Some("Ads".to_owned()),
            _ => None,
        };
        let version = |body| Version { name: "x", archived: false, body };
        let found = difference(kind, version(&before), version(&after), names);
        found.into_iter().map(|change| (change.field, change.words)).collect()
    }

    fn flow() -> Value {
        json!({
            "returning": "same",
            "rules": [
                {"id": 1, "name": "Android", "when": {"field": "os", "op": "is", "value": "Android"},
                 "paths": [{"id": 2, "weight": 100, "offers": [{"offer": 3, "weight": 100}]}]},
                {"id": 2, "name": "iOS", "when": {"all": [{"field": "os", "op": "is", "value": "iOS"}]},
                 "paths": [{"id": 5, "weight": 50, "offers": [{"offer": 3, "weight": 1}, {"offer": 4, "weight": 2}]}]},
            ],
            "default": [{"id": 1, "weight": 100, "url": "https://a.example/"}],
        })
    }

    /// The flow after `change`.
    fn changed(change: impl FnOnce(&mut Value)) -> Vec<(String, String)> {
        let mut after = flow();
        change(&mut after);
        told(Kind::Flow, flow(), after)
    }

    #[test]
    fn a_difference_reaches_down_to_the_field_inside_a_flow() {
        assert_eq!(changed(|_| {}), []);
        let one = |field: &str, words: &str| vec![(field.to_owned(), words.to_owned())];
        assert_eq!(
            changed(|flow| flow["rules"][1]["paths"][0]["weight"] = 70.into()),
            one("rules[1].paths[0].weight", "rule 2 \"iOS\" path 5: weight 50 → 70")
        );
        assert_eq!(
            changed(|flow| flow["rules"][1]["paths"][0]["offers"][1]["weight"] = 0.into()),
            one(
                "rules[1].paths[0].offers[1].weight",
                "rule 2 \"iOS\" path 5 offer 4 \"Hats\": weight 2 → 0"
            )
        );
        assert_eq!(
            changed(|flow| flow["default"][0]["url"] = "https://b.example/".into()),
            one("default[0].url", "path 1: url \"https://a.example/\" → \"https://b.example/\"")
        );
        assert_eq!(
            changed(|flow| flow["rules"][0]["when"] = json!({"any": [
                {"field": "source", "op": "in", "value": [1, 9]}, {"param": "zone", "op": "known"}]})),
            one(
                "rules[0].when",
                "rule 1 \"Android\": when os is \"Android\" → source in [1 \"Ads\", 9] or parameter zone known"
            )
        );
        assert_eq!(
            changed(|flow| flow["rules"].as_array_mut().unwrap().swap(0, 1)),
            one("rules", "rules in the order 1, 2 → 2, 1")
        );
        assert_eq!(
            changed(|flow| drop(flow["rules"].as_array_mut().unwrap().remove(0))),
            one("rules[0]", "without rule 1 \"Android\"")
        );
        assert_eq!(
            changed(
                |flow| flow["rules"][0]["paths"][0]["offers"] = json!([{"offer": 4, "weight": 9}])
            ),
            [
                "rule 1 \"Android\" path 2: without offer 3 \"Shoes\"",
                "rule 1 \"Android\" path 2: new offer 4 \"Hats\": {offer 4 \"Hats\", weight 9}",
            ]
            .map(|words| ("rules[0].paths[0].offers[0]".to_owned(), words.to_owned()))
        );
    }

    #[test]
    fn other_fields_are_told_as_they_are() {
        for (kind, before, after, words) in [
            (
                Kind::Offer,
                json!({"cap": null}),
                json!({"cap": {"of": "clicks", "amount": 5}}),
                "cap nothing → {of \"clicks\", amount 5}",
            ),
            (
                Kind::Offer,
                json!({"cap": {"of": "clicks", "amount": 5}}),
                json!({"cap": {"of": "clicks", "amount": 6}}),
                "cap.amount 5 → 6",
            ),
            (Kind::Offer, json!({"next": 3}), json!({"next": 7}), "next 3 \"Shoes\" → 7"),
            (
                Kind::Offer,
                json!({"payout": {"kind": "auto"}}),
                json!({"payout": {"kind": "fixed", "amount": "2"}}),
                "payout {kind \"auto\"} → {kind \"fixed\", amount \"2\"}",
            ),
            (
                Kind::Campaign,
                json!({"aliases": ["a", "b"]}),
                json!({"aliases": ["b", "c"]}),
                "aliases without \"a\", with \"c\"",
            ),
            (
                Kind::Campaign,
                json!({"aliases": ["a", "b"]}),
                json!({"aliases": ["b", "a"]}),
                "aliases [\"a\", \"b\"] → [\"b\", \"a\"]",
            ),
            (Kind::Campaign, json!({}), json!({"aliases": ["a"]}), "aliases nothing → [\"a\"]"),
            (
                Kind::Source,
                json!({"params": [{"param": "z", "field": "sub1"}]}),
                json!({"params": [{"param": "z", "field": "sub2"}]}),
                "parameter \"z\": field \"sub1\" → \"sub2\"",
            ),
            (
                Kind::Network,
                json!({"params": {"payout": "p"}}),
                json!({"params": {"payout": "q"}}),
                "params.payout \"p\" → \"q\"",
            ),
        ] {
            let told: Vec<_> =
                told(kind, before, after).into_iter().map(|(_, words)| words).collect();
            assert_eq!(told, [words]);
        }
    }
}
