//! Where things refer to others, and how such a place is written: the name, with the number beside it.
//!
//! `flow = "Main flow"` and `flow_id = 3` say the same. A name alone is enough, and so is the number
//! alone, under either key. When both are given and the thing has another name by now, the number wins
//! if the name is one the thing had before and no other thing has it: then it was renamed. Anything
//! else is refused, because nobody can tell which of the two is meant.

use model::thing::{Kind, Problem, ThingId};
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// A key that holds the number of another thing.
struct Reference {
    of: Kind,
    /// The objects, and lists of objects, on the way to it.
    lists: &'static [&'static str],
    key: &'static str,
    to: Kind,
}

/// Every reference of every kind; those in conditions are found by [`condition_kind`].
const REFERENCES: [Reference; 13] = [
    reference(Kind::Offer, &[], "network", Kind::Network),
    reference(Kind::Offer, &[], "next", Kind::Offer),
    reference(Kind::Campaign, &[], "source", Kind::Source),
    reference(Kind::Campaign, &[], "flow", Kind::Flow),
    reference(Kind::Campaign, &[], "domain", Kind::Domain),
    reference(Kind::Domain, &["root"], "campaign", Kind::Campaign),
    reference(Kind::Domain, &["not_found"], "campaign", Kind::Campaign),
    reference(Kind::Flow, &["default"], "campaign", Kind::Campaign),
    reference(Kind::Flow, &["default", "landers"], "lander", Kind::Lander),
    reference(Kind::Flow, &["default", "offers"], "offer", Kind::Offer),
    reference(Kind::Flow, &["rules", "paths"], "campaign", Kind::Campaign),
    reference(Kind::Flow, &["rules", "paths", "landers"], "lander", Kind::Lander),
    reference(Kind::Flow, &["rules", "paths", "offers"], "offer", Kind::Offer),
];

const fn reference(
    of: Kind,
    lists: &'static [&'static str],
    key: &'static str,
    to: Kind,
) -> Reference {
    Reference { of, lists, key, to }
}

/// What the values of a condition on this field are numbers of.
pub fn condition_kind(field: &str) -> Option<Kind> {
    match field {
        "campaign" => Some(Kind::Campaign),
        "source" => Some(Kind::Source),
        "domain" => Some(Kind::Domain),
        _ => None,
    }
}

/// What the number under `key` of a thing of kind `of`, or within its paths, refers to.
pub fn referred_kind(of: Kind, key: &str) -> Option<Kind> {
    REFERENCES.iter().find(|r| (r.of, r.key) == (of, key)).map(|r| r.to)
}

/// Names by number, and numbers by name.
#[derive(Debug, Default)]
pub struct Directory {
    names: HashMap<(Kind, ThingId), String>,
    numbers: HashMap<(Kind, String), ThingId>,
    former: HashSet<(Kind, ThingId, String)>,
    elsewhere: HashSet<(Kind, ThingId)>,
}

impl Directory {
    /// Adds a thing under its name; gives back who has the name already.
    pub fn add(&mut self, kind: Kind, id: ThingId, name: &str) -> Option<ThingId> {
        self.names.insert((kind, id), name.to_owned());
        self.numbers.insert((kind, name.to_owned()), id)
    }

    /// Notes a name that a thing had once.
    pub fn add_former(&mut self, kind: Kind, id: ThingId, name: String) {
        self.former.insert((kind, id, name));
    }

    /// Notes a thing that can be referred to by its number only, because it is archived.
    pub fn add_archived(&mut self, kind: Kind, id: ThingId) {
        self.elsewhere.insert((kind, id));
    }

    /// The name of a thing.
    pub fn name(&self, kind: Kind, id: ThingId) -> Option<&str> {
        self.names.get(&(kind, id)).map(String::as_str)
    }

    fn resolve(&self, to: Kind, given: &Value, id: Option<&Value>) -> Result<ThingId, String> {
        let number = |value: &Value| value.as_u64().and_then(|id| ThingId::try_from(id).ok());
        let id = match id {
            None => None,
            Some(value) => {
                Some(number(value).ok_or_else(|| format!("`{value}` is no number of a thing"))?)
            }
        };
        match given {
            Value::String(name) => self.resolve_name(to, name.trim(), id),
            Value::Null => id.ok_or_else(|| "expected a name or a number".to_owned()),
            value => match (number(value), id) {
                (Some(one), Some(other)) if one != other => {
                    Err(format!("it says number {one}, and number {other} beside it"))
                }
                (Some(id), _) => Ok(id),
                (None, _) => Err(format!("expected the name of a {to} or its number")),
            },
        }
        .and_then(|id| self.known(to, id))
    }

    fn known(&self, to: Kind, id: ThingId) -> Result<ThingId, String> {
        if self.names.contains_key(&(to, id)) || self.elsewhere.contains(&(to, id)) {
            return Ok(id);
        }
        Err(format!("there is no {to} {id} in the file: add it, or refer to one that is there"))
    }

    fn resolve_name(&self, to: Kind, name: &str, id: Option<ThingId>) -> Result<ThingId, String> {
        let named = self.numbers.get(&(to, name.to_owned())).copied();
        match (named, id) {
            (Some(named), None) => Ok(named),
            (Some(named), Some(id)) if named == id => Ok(id),
            (Some(named), Some(id)) => Err(format!(
                "`{name}` is {to} {named}, but the number beside it is {id}: correct one of them"
            )),
            (None, None) => {
                Err(format!("there is no {to} `{name}` in the file: add it, or correct the name"))
            }
            (None, Some(id)) if self.former.contains(&(to, id, name.to_owned())) => Ok(id),
            (None, Some(id)) => Err(match self.name(to, id) {
                Some(other) => format!(
                    "{to} {id} is `{other}` and was never `{name}`: correct the name, or leave out the number if another is meant"
                ),
                None => format!(
                    "there is no {to} `{name}` in the file, and no {to} {id}: add it, or correct the name"
                ),
            }),
        }
    }
}

/// Puts names in the place of numbers, and the numbers beside them.
pub fn with_names(kind: Kind, fields: &mut Map<String, Value>, directory: &Directory) {
    let name = |to: Kind, value: &Value| {
        let id = value.as_u64().and_then(|id| ThingId::try_from(id).ok());
        Some(Value::from(directory.name(to, id?)?))
    };
    each(kind, fields, &mut |_, holder, key, to| {
        let Some(value) = holder.get(key).cloned() else { return };
        let named = match &value {
            Value::Array(items) => {
                let names: Vec<_> = items.iter().map(|item| name(to, item)).collect();
                let is_any = names.iter().any(Option::is_some);
                let or_number = |(name, number): (Option<Value>, &Value)| {
                    name.unwrap_or_else(|| number.clone())
                };
                is_any.then(|| names.into_iter().zip(items).map(or_number).collect())
            }
            value => name(to, value),
        };
        if let Some(named) = named {
            holder.insert(key.to_owned(), named);
            holder.insert(format!("{key}_id"), value);
        }
    });
}

/// Puts numbers in the place of names; every name that leads nowhere is a problem.
pub fn with_numbers(
    kind: Kind,
    fields: &mut Map<String, Value>,
    directory: &Directory,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    each(kind, fields, &mut |at, holder, key, to| {
        let id = holder.remove(&format!("{key}_id")).filter(|id| !id.is_null());
        let given = holder.get(key).cloned().unwrap_or_default();
        let resolved = match (&given, &id) {
            (Value::Null, None) => return,
            (Value::Array(items), _) => resolve_all(directory, to, items, id.as_ref()),
            // A condition may name a thing that is gone: nobody comes from there any more.
            (value, None) if key == "value" && value.is_u64() => return,
            (value, id) => {
                directory.resolve(to, value, id.as_ref()).map(Value::from).map_err(|e| (None, e))
            }
        };
        match resolved {
            Ok(number) => drop(holder.insert(key.to_owned(), number)),
            Err((place, message)) => {
                let place: String = place.map(|i: usize| format!("[{i}]")).unwrap_or_default();
                problems.push(Problem::new(format!("{at}{key}{place}"), message));
            }
        }
    });
    problems
}

type Misplaced = (Option<usize>, String);

fn resolve_all(
    directory: &Directory,
    to: Kind,
    items: &[Value],
    ids: Option<&Value>,
) -> Result<Value, Misplaced> {
    let ids = match ids {
        None => vec![None; items.len()],
        Some(Value::Array(ids)) if ids.len() == items.len() => ids.iter().map(Some).collect(),
        Some(_) => return Err((None, "expected as many numbers as names beside them".to_owned())),
    };
    let one = |(i, (item, id)): (usize, (&Value, Option<&Value>))| {
        if item.is_u64() {
            return Ok(item.clone());
        }
        directory.resolve(to, item, id).map(Value::from).map_err(|message| (Some(i), message))
    };
    items.iter().zip(ids).enumerate().map(one).collect()
}

/// Called with every place of a reference: its path with a dot at the end, the object that holds it, its
/// key, and what it refers to.
type Visit<'v> = dyn FnMut(&str, &mut Map<String, Value>, &str, Kind) + 'v;

fn each(kind: Kind, fields: &mut Map<String, Value>, visit: &mut Visit<'_>) {
    for reference in REFERENCES.iter().filter(|reference| reference.of == kind) {
        in_lists("", fields, reference.lists, &mut |at, holder| {
            visit(at, holder, reference.key, reference.to);
        });
    }
    if kind == Kind::Flow {
        in_lists("", fields, &["rules"], &mut |at, rule| {
            if let Some(Value::Object(when)) = rule.get_mut("when") {
                in_condition(&format!("{at}when."), when, visit);
            }
        });
    }
}

fn in_lists(
    at: &str,
    holder: &mut Map<String, Value>,
    lists: &[&str],
    visit: &mut dyn FnMut(&str, &mut Map<String, Value>),
) {
    let Some((list, inner)) = lists.split_first() else { return visit(at, holder) };
    if let Some(Value::Object(item)) = holder.get_mut(*list) {
        return in_lists(&format!("{at}{list}."), item, inner, visit);
    }
    let Some(Value::Array(items)) = holder.get_mut(*list) else { return };
    for (i, item) in items.iter_mut().enumerate() {
        if let Value::Object(item) = item {
            in_lists(&format!("{at}{list}[{i}]."), item, inner, visit);
        }
    }
}

fn in_condition(at: &str, condition: &mut Map<String, Value>, visit: &mut Visit<'_>) {
    for list in ["all", "any"] {
        let mut within = |at: &str, inner: &mut Map<String, Value>| in_condition(at, inner, visit);
        in_lists(at, condition, &[list], &mut within);
    }
    let field = condition.get("field").and_then(Value::as_str);
    if let Some(to) = field.and_then(condition_kind) {
        visit(at, condition, "value", to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Flow 3 is "Main", and was "Old" and "Older"; flow 4 is "Other" and was "Main" once.
    fn directory() -> Directory {
        let mut directory = Directory::default();
        directory.add(Kind::Flow, 3, "Main");
        directory.add(Kind::Flow, 4, "Other");
        directory.add(Kind::Source, 1, "Ads");
        for (id, name) in [(3, "Old"), (3, "Older"), (3, "Other"), (4, "Main"), (9, "Gone")] {
            directory.add_former(Kind::Flow, id, name.to_owned());
        }
        directory.add_archived(Kind::Flow, 8);
        directory
    }

    #[test]
    fn the_number_wins_exactly_when_the_thing_was_renamed() {
        for (written, expected) in [
            (json!({"flow": "Main", "flow_id": 3}), Ok(3)),
            (json!({"flow": "Main"}), Ok(3)),
            (json!({"flow": " Main "}), Ok(3)),
            (json!({"flow": 3}), Ok(3)),
            (json!({"flow_id": 3}), Ok(3)),
            (json!({"flow": 3, "flow_id": 3}), Ok(3)),
            (json!({"flow": null, "flow_id": 3}), Ok(3)),
            (json!({"flow": 8}), Ok(8)),
            // Renamed, once or several times: the name is one it had.
            (json!({"flow": "Old", "flow_id": 3}), Ok(3)),
            (json!({"flow": "Older", "flow_id": 3}), Ok(3)),
            // It had the name, but another thing has it now.
            (json!({"flow": "Other", "flow_id": 3}), Err("`Other` is flow 4")),
            (json!({"flow": "Main", "flow_id": 4}), Err("`Main` is flow 3")),
            // A slip of the pen must not be taken for a rename.
            (json!({"flow": "Mian", "flow_id": 3}), Err("never `Mian`")),
            (json!({"flow": "Old"}), Err("no flow `Old` in the file")),
            (json!({"flow": "Ads"}), Err("no flow `Ads`")),
            (json!({"flow": 3, "flow_id": 4}), Err("number 3, and number 4")),
            (json!({"flow": 7}), Err("no flow 7")),
            (json!({"flow": "New", "flow_id": 7}), Err("no flow `New`")),
            (json!({"flow": "Gone", "flow_id": 9}), Err("no flow 9")),
            (json!({"flow": "Main", "flow_id": "3"}), Err("no number")),
            (json!({"flow": true}), Err("expected the name")),
        ] {
            let Value::Object(mut fields) = written.clone() else { panic!() };
            let problems = with_numbers(Kind::Campaign, &mut fields, &directory());
            match expected {
                Ok(id) => {
                    assert_eq!(problems, [], "{written}");
                    assert_eq!(Value::Object(fields), json!({"flow": id}), "{written}");
                }
                Err(words) => {
                    let [problem] = &problems[..] else { panic!("{written}: {problems:?}") };
                    assert_eq!(problem.field, "flow");
                    assert!(problem.message.contains(words), "{written}: {problem:?}");
                }
            }
        }
    }

    #[test]
    fn names_reach_into_paths_and_conditions_and_come_back() {
        let mut directory = directory();
        directory.add(Kind::Campaign, 2, "Link");
        directory.add(Kind::Lander, 5, "Page");
        directory.add(Kind::Offer, 6, "Shoes");
        let flow = json!({
            "rules": [{
                "when": {"all": [
                    {"field": "source", "op": "in", "value": [1, 77]},
                    {"any": [{"field": "campaign", "op": "is", "value": 2}, {"field": "os", "op": "known"}]},
                    {"field": "campaign", "op": "is", "value": 78},
                ]},
                "paths": [{"landers": [{"lander": 5}], "offers": [{"offer": 6, "weight": 1}]}],
            }],
            "default": [{"campaign": 2}],
        });
        let Value::Object(mut fields) = flow.clone() else { panic!() };
        with_names(Kind::Flow, &mut fields, &directory);
        let named = Value::Object(fields.clone());
        let when = &named["rules"][0]["when"]["all"];
        assert_eq!(when[0]["value"], json!(["Ads", 77]));
        assert_eq!(when[0]["value_id"], json!([1, 77]));
        assert_eq!(when[1]["any"][0]["value"], "Link");
        assert_eq!(named["rules"][0]["paths"][0]["offers"][0]["offer"], "Shoes");
        assert_eq!(named["default"][0], json!({"campaign": "Link", "campaign_id": 2}));
        assert_eq!(with_numbers(Kind::Flow, &mut fields, &directory), []);
        assert_eq!(Value::Object(fields), flow);
    }

    #[test]
    fn a_name_that_leads_nowhere_is_named_by_its_place() {
        let flow = json!({
            "rules": [{
                "when": {"any": [{"field": "source", "op": "in", "value": ["Ads", "Asd"]}]},
                "paths": [{"offers": [{"offer": "Shoes"}]}],
            }],
            "default": [{"landers": [{"lander": 1}], "offers": []}],
        });
        let Value::Object(mut fields) = flow else { panic!() };
        let problems = with_numbers(Kind::Flow, &mut fields, &directory());
        let places: Vec<_> = problems.into_iter().map(|problem| problem.field).collect();
        assert_eq!(
            places,
            [
                "default[0].landers[0].lander",
                "rules[0].paths[0].offers[0].offer",
                "rules[0].when.any[0].value[1]",
            ]
        );
    }
}
