//! A row's fields by their names, with the names of things beside their numbers.

use super::names::AppNames;
use model::ClickId;
use model::Field;
use model::event::Row;
use model::facts::{Facts, Value as FactValue};
use model::field::{FIELDS, Group, ValueKind};
use model::query::{Cell, TimeBasis, ZoneOffsets};
use model::thing::{Kind, ThingId};
use report::Names;
use serde::Serialize;
use serde_json::{Map, Value};
use store::field_value;

/// A `name=value` pair that was kept with a click.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Pair {
    /// The name, such as `gclid`.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A thing that a fact refers to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ThingRef {
    /// Its number.
    pub id: ThingId,
    /// Its name, if there still is such a thing.
    pub name: Option<String>,
}

/// Everything a row says, by the names of fields: those without a value and truths that do not hold
/// are left out, as are the buckets of time, which depend on a zone.
pub fn fields(row: &Row, names: &AppNames) -> Map<String, Value> {
    let utc = ZoneOffsets::utc();
    let mut map = Map::new();
    for known in FIELDS {
        let is_bucket = known.group == Group::Time && known.field != Field::SecondsToConversion;
        if is_bucket || known.field == Field::ClickId {
            continue;
        }
        let value = match field_value(row, known.field, TimeBasis::Click, &utc) {
            Cell::Null | Cell::Bool(false) => continue,
            Cell::Bool(truth) => Value::Bool(truth),
            Cell::Int(number) => number.into(),
            Cell::Text(text) => text.into(),
        };
        map.insert(known.name.to_owned(), value);
        if known.kind == ValueKind::Thing {
            let name = thing(&row.facts, known.field, names).and_then(|thing| thing.name);
            map.insert(format!("{}_name", known.name), name.into());
        }
    }
    map
}

/// The thing a field refers to.
pub fn thing(facts: &Facts, field: Field, names: &AppNames) -> Option<ThingRef> {
    let id = facts.int(field).and_then(|id| ThingId::try_from(id).ok())?;
    let name = Kind::from_word(field.name()).and_then(|kind| names.thing(kind, id));
    Some(ThingRef { id, name: name.map(str::to_owned) })
}

/// The click id a row belongs to, as it was given out.
pub fn click_id(row: &Row, names: &AppNames) -> String {
    let campaign = row.facts.int(Field::Campaign).and_then(|id| u32::try_from(id).ok());
    names.click_id(ClickId {
        key: row.key,
        campaign: campaign.unwrap_or_default(),
        unlogged: row.facts.flag(Field::Unlogged),
        test: row.facts.flag(Field::Test),
    })
}

/// The texts under a tag; bytes that are no UTF-8 are replaced.
pub fn texts(facts: &Facts, tag: u16) -> Vec<String> {
    let text = |value| match value {
        FactValue::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        FactValue::Int(number) => number.to_string(),
    };
    facts.all(tag).map(text).collect()
}

/// The `name=value` pairs under a tag.
pub fn pairs(facts: &Facts, tag: u16) -> Vec<Pair> {
    let pair = |text: String| {
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        Pair { name: name.to_owned(), value: value.to_owned() }
    };
    texts(facts, tag).into_iter().map(pair).collect()
}
