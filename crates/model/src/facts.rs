//! What is known about one event: a compact list of tagged values over one buffer.
//!
//! The redirect path fills one per click, so it costs two allocations however many values it holds.
//! Values of tags this version does not know are carried along untouched.

use crate::field::Field;

/// One value of a [`Facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number, an id, a bit or an amount in micro-units.
    Int(i64),
    /// Bytes; text is UTF-8.
    Bytes(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Int(i64),
    Bytes { start: u32, length: u32 },
}

/// Tagged values in the order in which they became known. A tag may repeat where its meaning allows.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    entries: Vec<(u16, Slot)>,
    buffer: Vec<u8>,
}

impl Facts {
    /// Room for a usual click, so that filling it does not grow anything.
    pub fn for_click() -> Self {
        Self { entries: Vec::with_capacity(64), buffer: Vec::with_capacity(1024) }
    }

    /// Adds a number under `tag`.
    pub fn push_int(&mut self, tag: u16, value: i64) {
        self.entries.push((tag, Slot::Int(value)));
    }

    /// Adds bytes under `tag`.
    pub fn push_bytes(&mut self, tag: u16, value: &[u8]) {
        let start = self.buffer.len() as u32;
        self.buffer.extend_from_slice(value);
        self.entries.push((tag, Slot::Bytes { start, length: value.len() as u32 }));
    }

    /// Adds a number or truth of `field`.
    pub fn set_int(&mut self, field: Field, value: impl Into<i64>) {
        self.push_int(field.tag(), value.into());
    }

    /// Adds `field` when it is true; absent means false.
    pub fn set_flag(&mut self, field: Field, value: bool) {
        if value {
            self.push_int(field.tag(), 1);
        }
    }

    /// Adds a text of `field`; an empty text is absent.
    pub fn set_text(&mut self, field: Field, value: &str) {
        if !value.is_empty() {
            self.push_bytes(field.tag(), value.as_bytes());
        }
    }

    /// The first value under `tag`.
    pub fn get(&self, tag: u16) -> Option<Value<'_>> {
        self.entries.iter().find(|(t, _)| *t == tag).map(|(_, slot)| self.value(*slot))
    }

    /// The value at `place` of the list, from 0.
    pub fn at(&self, place: usize) -> Option<Value<'_>> {
        self.entries.get(place).map(|(_, slot)| self.value(*slot))
    }

    /// The first number under `tag`.
    pub fn int_at(&self, tag: u16) -> Option<i64> {
        match self.get(tag)? {
            Value::Int(value) => Some(value),
            Value::Bytes(_) => None,
        }
    }

    /// The first text under `tag`; bytes that are no UTF-8 are no text.
    pub fn text_at(&self, tag: u16) -> Option<&str> {
        match self.get(tag)? {
            Value::Bytes(bytes) => str::from_utf8(bytes).ok(),
            Value::Int(_) => None,
        }
    }

    /// The number of `field`.
    pub fn int(&self, field: Field) -> Option<i64> {
        self.int_at(field.tag())
    }

    /// The text of `field`.
    pub fn text(&self, field: Field) -> Option<&str> {
        self.text_at(field.tag())
    }

    /// Whether the truth of `field` is known and true.
    pub fn flag(&self, field: Field) -> bool {
        self.int(field) == Some(1)
    }

    /// All values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, Value<'_>)> {
        self.entries.iter().map(|(tag, slot)| (*tag, self.value(*slot)))
    }

    /// All values under `tag`, in order.
    pub fn all(&self, tag: u16) -> impl Iterator<Item = Value<'_>> {
        self.entries.iter().filter(move |(t, _)| *t == tag).map(|(_, slot)| self.value(*slot))
    }

    /// Removes every value under `tag`.
    pub fn remove(&mut self, tag: u16) {
        self.entries.retain(|(t, _)| *t != tag);
    }

    /// Replaces whatever stands under `tag` by `value`.
    pub fn replace_int(&mut self, tag: u16, value: i64) {
        self.remove(tag);
        self.push_int(tag, value);
    }

    /// Adds every value of `other` whose tag `keep` accepts.
    pub fn extend(&mut self, other: &Self, keep: impl Fn(u16) -> bool) {
        for (tag, value) in other.iter().filter(|(tag, _)| keep(*tag)) {
            match value {
                Value::Int(value) => self.push_int(tag, value),
                Value::Bytes(bytes) => self.push_bytes(tag, bytes),
            }
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn value(&self, slot: Slot) -> Value<'_> {
        match slot {
            Slot::Int(value) => Value::Int(value),
            Slot::Bytes { start, length } => {
                Value::Bytes(&self.buffer[start as usize..start as usize + length as usize])
            }
        }
    }
}

impl PartialEq for Facts {
    /// The same values under the same tags in the same order.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Facts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_field_and_absent_ones_are_absent() {
        let mut facts = Facts::for_click();
        facts.set_int(Field::Campaign, 7);
        facts.set_text(Field::Country, "DE");
        facts.set_text(Field::City, "");
        facts.set_flag(Field::Bot, false);
        facts.set_flag(Field::Test, true);
        assert_eq!(facts.int(Field::Campaign), Some(7));
        assert_eq!(facts.text(Field::Country), Some("DE"));
        assert_eq!(facts.text(Field::City), None);
        assert_eq!((facts.flag(Field::Bot), facts.flag(Field::Test)), (false, true));
        assert_eq!(facts.len(), 3);
    }

    #[test]
    fn a_repeated_tag_keeps_every_value() {
        let mut facts = Facts::default();
        facts.push_bytes(300, b"gclid=1");
        facts.push_bytes(300, b"fbclid=2");
        assert_eq!(facts.all(300).count(), 2);
        facts.replace_int(300, 5);
        assert_eq!(facts.all(300).collect::<Vec<_>>(), [Value::Int(5)]);
    }
}
