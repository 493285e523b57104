//! What a filter accepts, decided once for every backend.

use model::Field;
use model::field::ValueKind;
use model::query::{Cell, Filter, FilterOp};

/// A filter, made ready: its values have the type of its field.
///
/// A value that cannot be one of the field's (a word for a number) equals nothing. Texts that stand
/// for a number or a truth are read as such, and numbers given for a text as their digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterTest {
    /// The field.
    pub field: Field,
    /// What its value must be.
    pub test: Test,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of the values, or absent where `absent` says so.
    OneOf {
        /// The values.
        values: Vec<Cell>,
        /// Whether "no value" is among them.
        absent: bool,
    },
    /// The opposite: a row without a value passes unless "no value" is among them.
    NoneOf {
        /// The values.
        values: Vec<Cell>,
        /// Whether "no value" is among them.
        absent: bool,
    },
    /// Its text contains one of these, all folded by [`fold`].
    Contains(Vec<String>),
    /// Its text begins with one of these, all folded by [`fold`].
    StartsWith(Vec<String>),
    /// At least this; nothing passes when absent.
    AtLeast(Option<Cell>),
    /// At most this; nothing passes when absent.
    AtMost(Option<Cell>),
}

impl FilterTest {
    /// Makes `filter` ready.
    pub fn new(filter: &Filter) -> Self {
        let field = filter.field;
        let cells = filter.value.cells();
        let values: Vec<Cell> = cells.iter().filter_map(|cell| coerce(field, cell)).collect();
        let absent = cells.contains(&Cell::Null);
        let texts = || cells.iter().filter_map(text_of).map(|text| fold(&text)).collect();
        let smallest = || values.iter().min_by(|a, b| a.order(b)).cloned();
        let largest = || values.iter().max_by(|a, b| a.order(b)).cloned();
        let test = match filter.op {
            FilterOp::Is | FilterOp::In => Test::OneOf { values, absent },
            FilterOp::IsNot | FilterOp::NotIn => Test::NoneOf { values, absent },
            FilterOp::Contains => Test::Contains(texts()),
            FilterOp::StartsWith => Test::StartsWith(texts()),
            FilterOp::AtLeast => Test::AtLeast(smallest()),
            FilterOp::AtMost => Test::AtMost(largest()),
        };
        Self { field, test }
    }

    /// Whether a row with `value` in the field passes.
    pub fn accepts(&self, value: &Cell) -> bool {
        let folded = || text_of(value).map(|text| fold(&text));
        match &self.test {
            Test::OneOf { values, absent } => is_among(value, values, *absent),
            Test::NoneOf { values, absent } => !is_among(value, values, *absent),
            Test::Contains(texts) => {
                folded().is_some_and(|value| texts.iter().any(|text| value.contains(text)))
            }
            Test::StartsWith(texts) => {
                folded().is_some_and(|value| texts.iter().any(|text| value.starts_with(text)))
            }
            Test::AtLeast(bound) => bound
                .as_ref()
                .is_some_and(|bound| *value != Cell::Null && value.order(bound).is_ge()),
            Test::AtMost(bound) => bound
                .as_ref()
                .is_some_and(|bound| *value != Cell::Null && value.order(bound).is_le()),
        }
    }
}

fn is_among(value: &Cell, values: &[Cell], absent: bool) -> bool {
    if *value == Cell::Null { absent } else { values.contains(value) }
}

/// Makes upper and lower case alike: every character in its simple lower case (one for one, as in
/// Unicode's `UnicodeData.txt`), which is what SQL's `lower` does (letters younger than the
/// database's tables aside).
pub fn fold(text: &str) -> String {
    text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

/// The type a field's values have in a store.
pub(crate) fn stored_kind(field: Field) -> ValueKind {
    use model::field::Group;
    match field.row().kind {
        ValueKind::Text if field.row().group == Group::Time => ValueKind::Int,
        ValueKind::Thing | ValueKind::ClickId => ValueKind::Int,
        kind => kind,
    }
}

fn coerce(field: Field, cell: &Cell) -> Option<Cell> {
    match (stored_kind(field), cell) {
        (_, Cell::Null) => None,
        (ValueKind::Text, _) => text_of(cell).map(Cell::Text),
        (ValueKind::Bool, Cell::Bool(truth)) => Some(Cell::Bool(*truth)),
        (ValueKind::Bool, Cell::Int(int)) => [0, 1].contains(int).then_some(Cell::Bool(*int == 1)),
        (ValueKind::Bool, Cell::Text(text)) => match text.as_str() {
            "true" | "1" => Some(Cell::Bool(true)),
            "false" | "0" => Some(Cell::Bool(false)),
            _ => None,
        },
        (_, Cell::Int(int)) => Some(Cell::Int(*int)),
        (_, Cell::Text(text)) => text.parse().ok().map(Cell::Int),
        (_, Cell::Bool(_)) => None,
    }
}

fn text_of(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Bool(truth) => Some(truth.to_string()),
        Cell::Int(int) => Some(int.to_string()),
        Cell::Text(text) => Some(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::query::FilterValue;

    fn accepts(field: Field, op: FilterOp, values: &[Cell], value: &Cell) -> bool {
        let filter = Filter { field, op, value: FilterValue::Many(values.to_vec()) };
        FilterTest::new(&filter).accepts(value)
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    #[test]
    fn rows_without_a_value_pass_only_where_they_are_meant() {
        use FilterOp::{AtLeast, AtMost, Contains, In, Is, IsNot, NotIn, StartsWith};
        for (op, values, expected) in [
            (Is, vec![text("DE")], false),
            (Is, vec![Cell::Null], true),
            (IsNot, vec![text("DE")], true),
            (IsNot, vec![Cell::Null], false),
            (In, vec![text("DE"), Cell::Null], true),
            (NotIn, vec![text("DE"), Cell::Null], false),
            (NotIn, vec![], true),
            (Contains, vec![text("")], false),
            (StartsWith, vec![text("")], false),
            (AtLeast, vec![text("")], false),
            (AtMost, vec![text("z")], false),
        ] {
            assert_eq!(
                accepts(Field::Country, op, &values, &Cell::Null),
                expected,
                "{op:?} {values:?}"
            );
        }
    }

    #[test]
    fn case_is_ignored_beyond_ascii() {
        assert!(accepts(Field::City, FilterOp::Contains, &[text("МОСК")], &text("Москва")));
        assert!(accepts(Field::City, FilterOp::StartsWith, &[text("zÜ")], &text("Zürich")));
        assert!(!accepts(Field::City, FilterOp::StartsWith, &[text("rich")], &text("Zürich")));
    }

    #[test]
    fn values_are_read_as_the_type_of_the_field() {
        assert!(accepts(Field::Campaign, FilterOp::Is, &[text("7")], &Cell::Int(7)));
        assert!(!accepts(Field::Campaign, FilterOp::Is, &[text("seven")], &Cell::Int(7)));
        assert!(accepts(Field::Campaign, FilterOp::IsNot, &[text("seven")], &Cell::Int(7)));
        assert!(accepts(Field::Sub1, FilterOp::Is, &[Cell::Int(7)], &text("7")));
        assert!(accepts(Field::Bot, FilterOp::Is, &[text("true")], &Cell::Bool(true)));
        assert!(accepts(Field::HourOfDay, FilterOp::AtLeast, &[text("9")], &Cell::Int(10)));
    }
}
