//! The result of a report's statement, from Arrow batches to rows of an answer.

use super::select;
use crate::error::StoreError;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int64Type};
use duckdb::Connection;
use model::query::{Answer, AnswerRow, Cell, Plan};

/// Answers [`crate::Events::answer`].
pub fn answer(connection: &Connection, plan: &Plan) -> Result<Answer, StoreError> {
    let mut answer = Answer::default();
    match select::statement(plan) {
        Some(sql) => read(connection, &sql, |columns, rows| {
            append_rows(&mut answer.rows, plan, columns, rows)
        })?,
        None if plan.by.is_empty() => {
            answer.rows.push(AnswerRow { key: Vec::new(), sums: Vec::new(), median_seconds: None });
        }
        None => {}
    }
    if let Some(sql) = select::median_statement(plan) {
        read(connection, &sql, |columns, _| {
            answer.median_seconds = int(&columns[0], 0);
            Ok(())
        })?;
    }
    Ok(answer)
}

fn read(
    connection: &Connection,
    sql: &str,
    mut each: impl FnMut(&[ArrayRef], usize) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let failed = StoreError::during("compute a report");
    let mut statement = connection.prepare(sql).map_err(&failed)?;
    let batches = statement.query_arrow([]).map_err(&failed)?;
    drop(batches);
    while let Some(batch) = statement.step().map_err(&failed)? {
        each(batch.columns(), batch.len())?;
    }
    Ok(())
}

fn append_rows(
    rows: &mut Vec<AnswerRow>,
    plan: &Plan,
    columns: &[ArrayRef],
    count: usize,
) -> Result<(), StoreError> {
    let (keys, rest) = columns.split_at(plan.by.len());
    let (sums, median) = rest.split_at(plan.counters.len());
    let keys: Vec<Key<'_>> = keys.iter().map(Key::new).collect::<Result<_, _>>()?;
    let sums: Vec<Sums<'_>> = sums.iter().map(Sums::new).collect::<Result<_, _>>()?;
    rows.reserve(count);
    for row in 0..count {
        rows.push(AnswerRow {
            key: keys.iter().map(|key| key.cell(row)).collect(),
            sums: sums.iter().map(|sum| sum.0.value(row)).collect(),
            median_seconds: median.first().and_then(|column| int(column, row)),
        });
    }
    Ok(())
}

fn int(column: &ArrayRef, row: usize) -> Option<i64> {
    let column = column.as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

/// A column of values that are grouped by.
enum Key<'a> {
    Int(&'a arrow::array::Int64Array),
    Text(&'a arrow::array::StringArray),
    Bool(&'a arrow::array::BooleanArray),
}

impl<'a> Key<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self, StoreError> {
        Ok(match column.data_type() {
            DataType::Int64 => Self::Int(column.as_primitive()),
            DataType::Utf8 => Self::Text(column.as_string()),
            DataType::Boolean => Self::Bool(column.as_boolean()),
            other => return Err(StoreError::unreadable(format!("column of type {other}"))),
        })
    }

    fn cell(&self, row: usize) -> Cell {
        match self {
            Self::Int(column) if column.is_valid(row) => Cell::Int(column.value(row)),
            Self::Text(column) if column.is_valid(row) => Cell::Text(column.value(row).to_owned()),
            Self::Bool(column) if column.is_valid(row) => Cell::Bool(column.value(row)),
            _ => Cell::Null,
        }
    }
}

/// A column of sums: `HUGEINT`, which comes as a decimal without decimals.
struct Sums<'a>(&'a arrow::array::Decimal128Array);

impl<'a> Sums<'a> {
    fn new(column: &'a ArrayRef) -> Result<Self, StoreError> {
        let column = column.as_primitive_opt::<Decimal128Type>();
        column.map(Self).ok_or_else(|| StoreError::unreadable("column of sums"))
    }
}
