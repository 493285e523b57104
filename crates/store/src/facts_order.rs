//! The order of a row's facts once it has been stored.

use model::event::Row;
use model::facts::{Facts, Value};
use model::field::{FieldRow, Home};
use model::{Field, field};

/// A row's facts as every store gives them back: by tag, repeated tags in the order they had, the
/// workspace written out even where it is the default one, and truths only where they hold (a truth
/// that is not 1 is as good as absent). Nothing else is changed or lost, tags of newer versions
/// included.
pub fn normal_facts(row: &Row) -> Facts {
    let mut values: Vec<(u16, Value<'_>)> = row
        .facts
        .iter()
        .filter(|(tag, _)| *tag != Field::Workspace.tag() && flag_bit(*tag).is_none())
        .collect();
    values.push((Field::Workspace.tag(), Value::Int(row.workspace().into())));
    let flags = field::FIELDS.iter().filter(|r| matches!(r.home, Home::Flag(_)));
    let set = flags.filter(|r| row.facts.flag(r.field));
    values.extend(set.map(|r| (r.field.tag(), Value::Int(1))));
    values.sort_by_key(|(tag, _)| *tag);
    let mut facts = Facts::default();
    for (tag, value) in values {
        match value {
            Value::Int(int) => facts.push_int(tag, int),
            Value::Bytes(bytes) => facts.push_bytes(tag, bytes),
        }
    }
    facts
}

/// The facts under `tags`, and whose they are.
pub(crate) fn kept(facts: &Facts, tags: &[u16]) -> Facts {
    let mut some = Facts::default();
    some.extend(facts, |tag| tags.contains(&tag) || tag == Field::Workspace.tag());
    some
}

/// The bit of the column `flags` that stands for the truth with this tag.
pub(crate) fn flag_bit(tag: u16) -> Option<u8> {
    match Field::from_tag(tag).map(Field::row) {
        Some(FieldRow { home: Home::Flag(bit), .. }) => Some(*bit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::event::RowKind;
    use model::record::tag;

    #[test]
    fn facts_are_ordered_by_tag_and_keep_repeated_values_in_order() {
        let mut facts = Facts::default();
        facts.push_bytes(tag::PLATFORM_ID, b"gclid=b");
        facts.push_bytes(tag::PLATFORM_ID, b"fbclid=a");
        facts.push_int(Field::Test.tag(), 0);
        facts.push_int(Field::Bot.tag(), 1);
        facts.set_text(Field::Country, "DE");
        let row = Row {
            kind: RowKind::Click,
            key: ClickKey(1),
            event_ms: 0,
            sequence: 1,
            count: 1,
            cost: 0,
            revenue: 0,
            facts,
        };
        let mut expected = Facts::default();
        expected.set_int(Field::Workspace, 1);
        expected.set_text(Field::Country, "DE");
        expected.set_flag(Field::Bot, true);
        expected.push_bytes(tag::PLATFORM_ID, b"gclid=b");
        expected.push_bytes(tag::PLATFORM_ID, b"fbclid=a");
        assert_eq!(normal_facts(&row), expected);
    }
}
