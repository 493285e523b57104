//! Columns under construction: values row by row in, Arrow arrays out.

use arrow::array::{Array, ArrayRef, BinaryArray, Int64Array, MapArray, StringArray, StructArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;
use std::sync::Arc;

/// Whole numbers, some absent.
#[derive(Debug)]
pub struct IntColumn {
    values: Vec<i64>,
    valid: Vec<bool>,
}

impl IntColumn {
    /// Room for `rows`.
    pub fn new(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), valid: Vec::with_capacity(rows) }
    }

    /// The value of row `row`; rows that were left out before it have none.
    pub fn set(&mut self, row: usize, value: i64) {
        self.fill(row);
        self.values.push(value);
        self.valid.push(true);
    }

    fn fill(&mut self, rows: usize) {
        if self.values.len() < rows {
            self.valid.resize(rows, false);
            self.values.resize(rows, 0);
        }
    }

    /// The array of `rows` rows; none when no row has a value.
    pub fn finish(mut self, rows: usize) -> Option<ArrayRef> {
        if self.values.is_empty() {
            return None;
        }
        self.fill(rows);
        let nulls = nulls(&self.valid);
        Some(Arc::new(Int64Array::new(ScalarBuffer::from(self.values), nulls)))
    }
}

/// Texts or bytes, some absent.
#[derive(Debug)]
pub struct BytesColumn {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
    valid: Vec<bool>,
}

impl BytesColumn {
    /// Room for `rows`.
    pub fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, bytes: Vec::new(), valid: Vec::with_capacity(rows) }
    }

    /// The value of row `row`; rows that were left out before it have none.
    pub fn set(&mut self, row: usize, value: &[u8]) {
        self.fill(row);
        self.bytes.extend_from_slice(value);
        self.offsets.push(self.bytes.len() as i32);
        self.valid.push(true);
    }

    /// How many rows are filled.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Bytes held: an Arrow array ends at 2 GiB.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn fill(&mut self, rows: usize) {
        if self.rows() < rows {
            self.valid.resize(rows, false);
            self.offsets.resize(rows + 1, self.bytes.len() as i32);
        }
    }

    fn parts(mut self, rows: usize) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        self.fill(rows);
        let nulls = nulls(&self.valid);
        (OffsetBuffer::new(ScalarBuffer::from(self.offsets)), Buffer::from(self.bytes), nulls)
    }

    /// The array of `rows` texts; none when no row has a value. What was set must be UTF-8.
    pub fn finish_text(self, rows: usize) -> Result<Option<ArrayRef>, ArrowError> {
        if self.rows() == 0 {
            return Ok(None);
        }
        let (offsets, bytes, nulls) = self.parts(rows);
        Ok(Some(Arc::new(StringArray::try_new(offsets, bytes, nulls)?)))
    }

    /// The array of `rows` byte strings.
    pub fn finish_bytes(self, rows: usize) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes, nulls) = self.parts(rows);
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?))
    }
}

/// Maps from text to text, some absent.
#[derive(Debug)]
pub struct MapColumn {
    offsets: Vec<i32>,
    keys: BytesColumn,
    values: BytesColumn,
    valid: Vec<bool>,
}

impl MapColumn {
    /// Room for `rows`.
    pub fn new(rows: usize) -> Self {
        Self {
            offsets: vec![0],
            keys: BytesColumn::new(rows),
            values: BytesColumn::new(rows),
            valid: Vec::with_capacity(rows),
        }
    }

    /// Adds a pair to the map of row `row`, the last one that has a map.
    pub fn push(&mut self, row: usize, key: &str, value: &[u8]) {
        let pairs = self.keys.rows();
        if self.offsets.len() <= row + 1 {
            self.fill(row);
            self.offsets.push(pairs as i32);
            self.valid.push(true);
        }
        self.keys.set(pairs, key.as_bytes());
        self.values.set(pairs, value);
        if let Some(end) = self.offsets.last_mut() {
            *end = pairs as i32 + 1;
        }
    }

    fn fill(&mut self, rows: usize) {
        self.valid.resize(rows, false);
        self.offsets.resize(rows + 1, self.keys.rows() as i32);
    }

    /// The array of `rows` maps; none when no row has one.
    pub fn finish(mut self, rows: usize) -> Result<Option<ArrayRef>, ArrowError> {
        self.fill(rows);
        let pairs = self.keys.rows();
        let (Some(keys), Some(values)) =
            (self.keys.finish_text(pairs)?, self.values.finish_text(pairs)?)
        else {
            return Ok(None);
        };
        let fields = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = StructArray::try_new(fields, vec![keys, values], None)?;
        let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        let nulls = nulls(&self.valid);
        Ok(Some(Arc::new(MapArray::try_new(field, offsets, entries, nulls, false)?)))
    }
}

/// The bitmap of present values; none when all are.
fn nulls(valid: &[bool]) -> Option<NullBuffer> {
    let bits = BooleanBuffer::collect_bool(valid.len(), |row| valid[row]);
    Some(NullBuffer::new(bits)).filter(|nulls| nulls.null_count() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;

    #[test]
    fn rows_left_out_have_no_value() {
        let mut ints = IntColumn::new(4);
        ints.set(1, 7);
        let array = ints.finish(3).unwrap();
        let ints: Vec<_> = array.as_primitive::<arrow::datatypes::Int64Type>().iter().collect();
        assert_eq!(ints, [None, Some(7), None]);
        assert!(IntColumn::new(4).finish(3).is_none());

        let mut texts = BytesColumn::new(4);
        texts.set(0, b"a");
        texts.set(2, b"");
        let array = texts.finish_text(4).unwrap().unwrap();
        let texts: Vec<_> = array.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("a"), None, Some(""), None]);
    }

    #[test]
    fn maps_hold_the_pairs_of_their_row() {
        let mut maps = MapColumn::new(4);
        maps.push(1, "a", b"1");
        maps.push(1, "b", b"2");
        maps.push(3, "c", b"3");
        let array = maps.finish(5).unwrap().unwrap();
        let map = array.as_map();
        let sizes: Vec<_> = (0..5).map(|row| (map.is_valid(row), map.value_length(row))).collect();
        assert_eq!(sizes, [(false, 0), (true, 2), (false, 0), (true, 1), (false, 0)]);
    }
}
