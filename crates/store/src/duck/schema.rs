//! The columns of the event tables, derived from the field table.

use model::Field;
use model::event::RowKind;
use model::field::{FIELDS, FieldRow, Home, ValueKind};
use model::record::tag;
use std::borrow::Cow;

/// A table of events. All have the same columns; apart, they keep look-ups in the small ones fast and
/// the large one sorted by key, so that DuckDB's statistics per row group bound every scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Clicks, previews, impressions, unlogged clicks.
    Clicks,
    /// Lander clicks, and what happened on pages.
    Hops,
    /// The conversion ledger.
    Ledger,
    /// What was spent where nobody clicked.
    Spend,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Clicks, Self::Hops, Self::Ledger, Self::Spend];

    /// Those whose rows belong to a click.
    pub const OF_CLICKS: [Self; 3] = [Self::Clicks, Self::Hops, Self::Ledger];

    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Hops => "hops",
            Self::Ledger => "ledger",
            Self::Spend => "spend",
        }
    }

    /// The kinds of rows it keeps.
    pub const fn kinds(self) -> &'static [RowKind] {
        match self {
            Self::Clicks => {
                &[RowKind::Click, RowKind::Preview, RowKind::Impression, RowKind::Unlogged]
            }
            Self::Hops => {
                &[RowKind::LanderClick, RowKind::View, RowKind::PageEvent, RowKind::Joined]
            }
            Self::Ledger => &[RowKind::Entry],
            Self::Spend => &[RowKind::Spend],
        }
    }

    /// The table that keeps rows of `kind`.
    pub const fn of(kind: RowKind) -> Self {
        match kind {
            RowKind::LanderClick | RowKind::View | RowKind::PageEvent | RowKind::Joined => {
                Self::Hops
            }
            RowKind::Entry => Self::Ledger,
            RowKind::Spend => Self::Spend,
            _ => Self::Clicks,
        }
    }
}

/// Columns of whole numbers that every row has, in front of all others.
pub const FIXED: [&str; 8] =
    ["key", "row_kind", "event_ms", "sequence", "count", "cost", "revenue", "flags"];

/// The network of an address that is no plain IPv4 one; of those SQL makes it.
pub const IP_NET: &str = "ip_net";

/// Whatever has no column of its own, as [`rest_name`] calls it.
pub const REST: &str = "rest";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// A whole number: `BIGINT`.
    Int,
    /// Text: `VARCHAR`.
    Text,
}

impl ColumnType {
    /// Its name in SQL.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Int => "BIGINT",
            Self::Text => "VARCHAR",
        }
    }
}

/// A column that may be empty. It holds the first value under a tag, when that has the column's type;
/// every other value goes to [`REST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// The tag of its values.
    pub tag: u16,
    /// The type of its values.
    pub kind: ColumnType,
}

/// Structural values that most clicks have, and those of amounts that may be converted again.
const TAG_COLUMNS: [Column; 10] = [
    Column { name: "cost_amount", tag: tag::COST, kind: ColumnType::Int },
    Column { name: "cost_currency", tag: tag::COST_CURRENCY, kind: ColumnType::Text },
    Column { name: "cost_source", tag: tag::COST_SOURCE, kind: ColumnType::Int },
    Column { name: "cost_base", tag: tag::COST_BASE, kind: ColumnType::Int },
    Column { name: "cost_entry", tag: tag::COST_ENTRY, kind: ColumnType::Int },
    Column { name: "amount", tag: tag::AMOUNT, kind: ColumnType::Int },
    Column { name: "rate", tag: tag::RATE, kind: ColumnType::Text },
    Column { name: "visitor", tag: tag::VISITOR, kind: ColumnType::Int },
    Column { name: "platform_id", tag: tag::PLATFORM_ID, kind: ColumnType::Text },
    Column { name: "raw_query", tag: tag::RAW_QUERY, kind: ColumnType::Text },
];

/// The columns that may be empty, in the order of the field table.
pub fn columns() -> Vec<Column> {
    let fields = FIELDS.iter().filter(|row| row.home == Home::Column).map(field_column);
    fields.chain(TAG_COLUMNS).collect()
}

fn field_column(row: &FieldRow) -> Column {
    let kind = if row.kind == ValueKind::Text { ColumnType::Text } else { ColumnType::Int };
    Column { name: row.name, tag: row.field.tag(), kind }
}

/// The name of a tag in [`REST`]: that of its field or structural value, or its number.
pub fn tag_name(tag: u16) -> Cow<'static, str> {
    let name = Field::from_tag(tag)
        .map(Field::name)
        .or_else(|| TAG_NAMES.iter().find(|(_, known)| *known == tag).map(|(name, _)| *name));
    name.map_or_else(|| Cow::Owned(tag.to_string()), Cow::Borrowed)
}

/// The tag that [`tag_name`] gave this name.
pub fn named_tag(name: &str) -> Option<u16> {
    let known = TAG_NAMES.iter().find(|(known, _)| *known == name).map(|(_, tag)| *tag);
    known.or_else(|| name.parse::<Field>().ok().map(Field::tag)).or_else(|| name.parse().ok())
}

/// Names of structural values.
const TAG_NAMES: [(&str, u16); 49] = [
    ("key", tag::KEY),
    ("at", tag::AT),
    ("cost_amount", tag::COST),
    ("cost_currency", tag::COST_CURRENCY),
    ("raw_query", tag::RAW_QUERY),
    ("platform_id", tag::PLATFORM_ID),
    ("signal", tag::SIGNAL),
    ("cut", tag::CUT),
    ("blanked", tag::BLANKED),
    ("visitor", tag::VISITOR),
    ("record_count", tag::COUNT),
    ("link", tag::LINK),
    ("destination", tag::DESTINATION),
    ("cost_refused", tag::COST_REFUSED),
    ("settles", tag::SETTLES),
    ("amount", tag::AMOUNT),
    ("hop", tag::HOP),
    ("kept", tag::KEPT),
    ("seed", tag::SEED),
    ("seen", tag::SEEN),
    ("capped", tag::CAPPED),
    ("truth", tag::TRUTH),
    ("rate", tag::RATE),
    ("rate_at", tag::RATE_AT),
    ("amount_before", tag::AMOUNT_BEFORE),
    ("cost_source", tag::COST_SOURCE),
    ("cost_rate", tag::COST_RATE),
    ("cost_rate_currency", tag::COST_RATE_CURRENCY),
    ("cost_base", tag::COST_BASE),
    ("cost_entry", tag::COST_ENTRY),
    ("intake_method", tag::INTAKE_METHOD),
    ("intake_url", tag::INTAKE_URL),
    ("intake_body", tag::INTAKE_BODY),
    ("intake_header", tag::INTAKE_HEADER),
    ("intake_peer", tag::INTAKE_PEER),
    ("intake_refusal", tag::INTAKE_REFUSAL),
    ("intake_network", tag::INTAKE_NETWORK),
    ("intake_note", tag::INTAKE_NOTE),
    ("call", tag::CALL),
    ("order_author", tag::ORDER_AUTHOR),
    ("order_reason", tag::ORDER_REASON),
    ("judged", tag::JUDGED),
    ("attached", tag::ATTACHED),
    ("element", tag::ELEMENT),
    ("received", tag::RECEIVED),
    ("event_id", tag::EVENT_ID),
    ("first_party", tag::FIRST_PARTY),
    ("event_value", tag::EVENT_VALUE),
    ("landing_number", tag::LANDING_NUMBER),
];

/// How a value is written in [`REST`], by the end of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestForm {
    /// Text as it is.
    Text,
    /// `:int`: a whole number in decimal.
    Int,
    /// `:hex`: bytes that are no UTF-8.
    Hex,
}

/// The key in [`REST`] of the value number `place` (from 1) under a tag.
pub fn rest_name(tag: &str, place: u32, form: RestForm) -> Cow<'_, str> {
    let end = match form {
        RestForm::Text => "",
        RestForm::Int => ":int",
        RestForm::Hex => ":hex",
    };
    match (place, form) {
        (1, RestForm::Text) => Cow::Borrowed(tag),
        (1, _) => Cow::Owned(format!("{tag}{end}")),
        _ => Cow::Owned(format!("{tag}#{place}{end}")),
    }
}

/// Tag, place and form of a key in [`REST`].
pub fn read_rest_name(key: &str) -> Option<(u16, u32, RestForm)> {
    let (key, form) = if let Some(key) = key.strip_suffix(":int") {
        (key, RestForm::Int)
    } else if let Some(key) = key.strip_suffix(":hex") {
        (key, RestForm::Hex)
    } else {
        (key, RestForm::Text)
    };
    let (name, place) = match key.split_once('#') {
        Some((name, place)) => (name, place.parse().ok()?),
        None => (key, 1),
    };
    Some((named_tag(name)?, place, form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tag_finds_back_from_its_name_in_the_rest() {
        for tag in 0..=1000 {
            let name = tag_name(tag);
            for (place, form) in [(1, RestForm::Text), (2, RestForm::Int), (1, RestForm::Hex)] {
                let key = rest_name(&name, place, form);
                assert_eq!(read_rest_name(&key), Some((tag, place, form)), "{key}");
            }
        }
    }

    #[test]
    fn every_kind_of_row_has_one_table() {
        for kind in RowKind::ALL {
            let keeps: Vec<_> =
                Table::ALL.into_iter().filter(|table| table.kinds().contains(&kind)).collect();
            assert_eq!(keeps, [Table::of(kind)]);
        }
    }

    #[test]
    fn no_two_columns_have_one_name() {
        let mut names: Vec<&str> = columns().iter().map(|column| column.name).collect();
        names.extend(FIXED);
        names.extend([IP_NET, REST, "rowid"]);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
