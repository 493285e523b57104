//! Stored rows, from Arrow batches back to what went in.

use super::literal;
use super::query_brief;
use super::rows::Layout;
use super::schema::{ColumnType, FIXED, REST, RestForm, Table, read_rest_name};
use crate::error::StoreError;
use crate::facts_order::{flag_bit, kept};
use arrow::array::{Array, AsArray, Int64Array, MapArray, StringArray, StructArray};
use arrow::datatypes::Int64Type;
use duckdb::Connection;
use model::ClickKey;
use model::Field;
use model::event::{Row, RowKind};
use model::facts::{Facts, Value};
use model::field::FIELDS;
use model::record::tag;

/// Which columns of a row a statement reads. The halves are equally dear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    Whole,
    /// Every second one.
    Even,
    /// The others.
    Odd,
}

/// The rows that `condition` selects in `table`, in the order they were added in: a scan gives them so,
/// and ordering a few of them later costs far less than carrying every column through a sort of the
/// database.
pub fn select(
    connection: &Connection,
    layout: &Layout,
    table: Table,
    condition: &str,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for batch in select_part(connection, layout, table, condition, Part::Whole)? {
        read(layout, &[batch], &mut rows)?;
    }
    Ok(rows)
}

/// These rows with the facts under `tags` alone: other columns are not read.
pub fn select_tags(
    connection: &Connection,
    layout: &Layout,
    table: Table,
    condition: &str,
    tags: &[u16],
) -> Result<Vec<Row>, StoreError> {
    let failed = StoreError::during("read rows");
    let optional = layout.columns.iter().map(|column| {
        let name = literal::name(column.name);
        if tags.contains(&column.tag) || column.tag == Field::Workspace.tag() {
            name
        } else {
            format!("NULL::{} AS {name}", column.kind.sql())
        }
    });
    let has_rest = tags.iter().any(|tag| {
        flag_bit(*tag).is_none() && layout.columns.iter().all(|column| column.tag != *tag)
    });
    let rest =
        if has_rest { REST.to_owned() } else { format!("NULL::MAP(VARCHAR, VARCHAR) AS {REST}") };
    let names = FIXED.into_iter().map(literal::name).chain(optional).chain([rest]);
    let columns = names.collect::<Vec<_>>().join(", ");
    let sql = format!("SELECT {columns} FROM {} WHERE {condition}", table.name());
    let mut statement = connection.prepare(&sql).map_err(&failed)?;
    drop(statement.query_arrow([]).map_err(&failed)?);
    let mut rows = Vec::new();
    while let Some(batch) = statement.step().map_err(&failed)? {
        read(layout, &[batch], &mut rows)?;
    }
    for row in &mut rows {
        row.facts = kept(&row.facts, tags);
    }
    Ok(rows)
}

/// As much of these rows as `part` says, for [`join`].
pub fn select_part(
    connection: &Connection,
    layout: &Layout,
    table: Table,
    condition: &str,
    part: Part,
) -> Result<Vec<StructArray>, StoreError> {
    let failed = StoreError::during("read rows");
    let sql = format!("SELECT {} FROM {} WHERE {condition}", columns(layout, part), table.name());
    let mut statement = connection.prepare(&sql).map_err(&failed)?;
    drop(statement.query_arrow([]).map_err(&failed)?);
    std::iter::from_fn(|| statement.step().transpose()).collect::<Result<_, _>>().map_err(failed)
}

/// The rows of which both halves have been read. A row that was added between the two is in one alone,
/// behind all others, and left out.
pub fn join(
    layout: &Layout,
    even: Vec<StructArray>,
    odd: Vec<StructArray>,
) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for halves in even.into_iter().zip(odd) {
        read(layout, &<[StructArray; 2]>::from(halves), &mut rows)?;
    }
    Ok(rows)
}

fn read(layout: &Layout, parts: &[StructArray], rows: &mut Vec<Row>) -> Result<(), StoreError> {
    let reader = Reader::new(layout, parts)
        .ok_or_else(|| StoreError::unreadable("rows: a column is missing or has another type"))?;
    for place in 0..parts.iter().map(StructArray::len).min().unwrap_or_default() {
        rows.push(reader.row(place)?);
    }
    Ok(())
}

fn columns(layout: &Layout, part: Part) -> String {
    let optional = layout.columns.iter().map(|column| column.name);
    let names = FIXED.into_iter().chain(optional).chain([REST]).enumerate();
    let wanted = |place: usize| match part {
        Part::Whole => true,
        Part::Even => place.is_multiple_of(2),
        Part::Odd => !place.is_multiple_of(2),
    };
    let names = names.filter(|(place, _)| wanted(*place)).map(|(_, name)| literal::name(name));
    names.collect::<Vec<_>>().join(", ")
}

/// A batch of rows, column by column.
struct Reader<'a> {
    fixed: Vec<&'a Int64Array>,
    optional: Vec<(u16, Optional<'a>)>,
    rest: &'a MapArray,
    rest_keys: &'a StringArray,
    rest_values: &'a StringArray,
}

enum Optional<'a> {
    Int(&'a Int64Array),
    Text(&'a StringArray),
}

impl<'a> Reader<'a> {
    fn new(layout: &Layout, parts: &'a [StructArray]) -> Option<Self> {
        let column = |name| parts.iter().find_map(|part| part.column_by_name(name));
        let fixed = FIXED.iter().map(|name| column(name)?.as_primitive_opt::<Int64Type>());
        let optional = layout.columns.iter().map(|wanted| {
            let array = column(wanted.name)?;
            let array = match wanted.kind {
                ColumnType::Int => Optional::Int(array.as_primitive_opt()?),
                ColumnType::Text => Optional::Text(array.as_string_opt()?),
            };
            Some((wanted.tag, array))
        });
        let rest = column(REST)?.as_map_opt()?;
        Some(Self {
            fixed: fixed.collect::<Option<_>>()?,
            optional: optional.collect::<Option<_>>()?,
            rest,
            rest_keys: rest.keys().as_string_opt()?,
            rest_values: rest.values().as_string_opt()?,
        })
    }

    fn row(&self, place: usize) -> Result<Row, StoreError> {
        let fixed = |column: usize| self.fixed[column].value(place);
        let unreadable =
            |what: &str| StoreError::unreadable(format!("row of click {}: {what}", fixed(0)));
        let kind = u8::try_from(fixed(1)).ok().and_then(RowKind::from_number);
        Ok(Row {
            kind: kind.ok_or_else(|| unreadable("kind"))?,
            key: ClickKey(fixed(0)),
            event_ms: fixed(2),
            sequence: fixed(3) as u64,
            count: fixed(4),
            cost: fixed(5),
            revenue: fixed(6),
            facts: self.facts(place, fixed(7)).ok_or_else(|| unreadable("rest"))?,
        })
    }

    /// Facts in the order of `normal_facts`.
    fn facts(&self, place: usize, flags: i64) -> Option<Facts> {
        let mut decoded = Vec::new();
        let query: Option<String>;
        let mut values: Vec<(u16, u32, Value<'_>)> = Vec::with_capacity(64);
        for (tag, column) in &self.optional {
            match column {
                Optional::Int(array) if array.is_valid(place) => {
                    values.push((*tag, 1, Value::Int(array.value(place))));
                }
                Optional::Text(array) if array.is_valid(place) => {
                    values.push((*tag, 1, Value::Bytes(array.value(place).as_bytes())));
                }
                _ => {}
            }
        }
        for row in FIELDS {
            let tag = row.field.tag();
            if flag_bit(tag).is_some_and(|bit| flags >> bit & 1 == 1) {
                values.push((tag, 1, Value::Int(1)));
            }
        }
        for pair in self.pairs(place) {
            let (tag, number, form) = read_rest_name(self.rest_keys.value(pair))?;
            let text = self.rest_values.value(pair);
            match form {
                RestForm::Text => values.push((tag, number, Value::Bytes(text.as_bytes()))),
                RestForm::Int => values.push((tag, number, Value::Int(text.parse().ok()?))),
                RestForm::Hex => decoded.push((tag, number, unhex(text)?)),
            }
        }
        values.extend(decoded.iter().map(|(tag, n, bytes)| (*tag, *n, Value::Bytes(bytes))));
        values.sort_by_key(|(tag, number, _)| (*tag, *number));
        if let Some(place) = first_place(&values, tag::RAW_QUERY)
            && let Some(brief) = text(values[place].2)
        {
            let first = |tag| text(values[first_place(&values, tag)?].2);
            query = Some(query_brief::full(brief, first)?);
            values[place].2 = Value::Bytes(query.as_deref().unwrap_or_default().as_bytes());
        }
        let mut facts = Facts::for_click();
        for (tag, _, value) in values {
            match value {
                Value::Int(int) => facts.push_int(tag, int),
                Value::Bytes(bytes) => facts.push_bytes(tag, bytes),
            }
        }
        Some(facts)
    }

    fn pairs(&self, place: usize) -> std::ops::Range<usize> {
        let offsets = self.rest.value_offsets();
        if self.rest.is_valid(place) {
            offsets[place] as usize..offsets[place + 1] as usize
        } else {
            0..0
        }
    }
}

/// Where the first value under a tag stands, if it is the first of the row and in its column.
fn first_place(values: &[(u16, u32, Value<'_>)], tag: u16) -> Option<usize> {
    values.iter().position(|(other, number, _)| (*other, *number) == (tag, 1))
}

fn text(value: Value<'_>) -> Option<&str> {
    match value {
        Value::Bytes(bytes) => str::from_utf8(bytes).ok(),
        Value::Int(_) => None,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8);
    text.as_bytes().chunks(2).map(byte).collect()
}
