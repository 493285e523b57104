//! Stored rows, from Arrow batches back to what went in.

use super::literal;
use super::query_brief;
use super::rows::Layout;
use super::schema::{ColumnType, FIXED, REST, RestForm, Table, read_rest_name};
use crate::error::StoreError;
use crate::facts_order::flag_bit;
use arrow::array::{Array, AsArray, Int64Array, MapArray, StringArray, StructArray};
use arrow::datatypes::Int64Type;
use duckdb::Connection;
use model::ClickKey;
use model::event::{Row, RowKind};
use model::facts::{Facts, Value};
use model::field::FIELDS;
use model::record::tag;

/// The rows that `condition` selects in `tables`, in the order of [`crate::Events::rows_of`].
///
/// Each table is asked by itself: a scan gives rows in the order they were added in, and ordering a few
/// of them here costs far less than carrying every column through a sort of the database.
pub fn select(
    connection: &Connection,
    layout: &Layout,
    tables: &[Table],
    condition: &str,
) -> Result<Vec<Row>, StoreError> {
    let columns = columns(layout);
    let mut rows = Vec::new();
    for table in tables {
        let sql = format!("SELECT {columns} FROM {} WHERE {condition}", table.name());
        read(connection, layout, &sql, &mut rows)?;
    }
    rows.sort_by_key(|row| (row.key, row.sequence, row.kind));
    Ok(rows)
}

fn read(
    connection: &Connection,
    layout: &Layout,
    sql: &str,
    rows: &mut Vec<Row>,
) -> Result<(), StoreError> {
    let failed = StoreError::during("read rows");
    let mut statement = connection.prepare(sql).map_err(&failed)?;
    drop(statement.query_arrow([]).map_err(&failed)?);
    while let Some(batch) = statement.step().map_err(&failed)? {
        let reader = Reader::new(layout, &batch)
            .ok_or_else(|| StoreError::unreadable("rows: a column has another type"))?;
        for place in 0..batch.len() {
            rows.push(reader.row(place)?);
        }
    }
    Ok(())
}

fn columns(layout: &Layout) -> String {
    let optional = layout.columns.iter().map(|column| column.name);
    let names = FIXED.into_iter().chain(optional).chain([REST]);
    names.map(literal::name).collect::<Vec<_>>().join(", ")
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
    fn new(layout: &Layout, batch: &'a StructArray) -> Option<Self> {
        let (fixed, others) = batch.columns().split_at_checked(FIXED.len())?;
        let fixed = fixed.iter().map(|column| column.as_primitive_opt::<Int64Type>());
        let (rest, optional) = others.split_last()?;
        let optional = layout.columns.iter().zip(optional).map(|(column, array)| {
            let array = match column.kind {
                ColumnType::Int => Optional::Int(array.as_primitive_opt()?),
                ColumnType::Text => Optional::Text(array.as_string_opt()?),
            };
            Some((column.tag, array))
        });
        let rest = rest.as_map_opt()?;
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
