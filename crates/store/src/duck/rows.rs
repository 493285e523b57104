//! Rows as columns: every value goes where its home is, whatever fits nowhere to the rest.

use super::builder::{BytesColumn, IntColumn, MapColumn};
use super::platform::PlatformIds;
use super::query_brief::brief;
use super::schema::{
    Column, ColumnType, FIXED, IP_NET, REST, RestForm, columns, rest_name, tag_name,
};
use crate::facts_order::flag_bit;
use crate::field_value::ip_net;
use arrow::array::{ArrayRef, Int64Array};
use arrow::error::ArrowError;
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Value;
use model::record::tag;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Where values of a tag go.
#[derive(Clone, Copy, Debug)]
enum Home {
    Int(usize),
    Text(usize),
    Flag(u8),
    Rest,
}

/// Homes by tag, and the columns they are in. Made once per store.
#[derive(Debug)]
pub struct Layout {
    /// The columns that may be empty.
    pub columns: Vec<Column>,
    homes: Vec<Home>,
    names: Vec<String>,
}

/// Tags whose home and name are looked up in a table.
const TAGS: u16 = 272;

impl Layout {
    /// The layout of this version's field table.
    pub fn new() -> Self {
        let columns = columns();
        let mut places = [0; 2];
        let mut homes: Vec<Home> =
            (0..TAGS).map(|tag| flag_bit(tag).map_or(Home::Rest, Home::Flag)).collect();
        for column in &columns {
            let kind = usize::from(column.kind == ColumnType::Text);
            let place = places[kind];
            homes[usize::from(column.tag)] =
                if kind == 1 { Home::Text(place) } else { Home::Int(place) };
            places[kind] += 1;
        }
        let names = (0..TAGS).map(|tag| tag_name(tag).into_owned()).collect();
        Self { columns, homes, names }
    }

    fn home(&self, tag: u16) -> Home {
        self.homes.get(usize::from(tag)).copied().unwrap_or(Home::Rest)
    }

    fn count(&self, kind: ColumnType) -> usize {
        self.columns.iter().filter(|column| column.kind == kind).count()
    }
}

/// The rows of one table, as columns.
#[derive(Debug)]
pub struct TableRows<'a> {
    layout: &'a Layout,
    rows: usize,
    fixed: [Vec<i64>; FIXED.len()],
    ints: Vec<IntColumn>,
    texts: Vec<BytesColumn>,
    ip_net: BytesColumn,
    rest: MapColumn,
    /// By tag, the row it was seen in last, plus one, and how often: finds repeated values.
    seen: Vec<(usize, u32)>,
}

impl<'a> TableRows<'a> {
    /// Room for `rows`.
    pub fn new(layout: &'a Layout, rows: usize) -> Self {
        let ints = (0..layout.count(ColumnType::Int)).map(|_| IntColumn::new(rows));
        let texts = (0..layout.count(ColumnType::Text)).map(|_| BytesColumn::new(rows));
        Self {
            layout,
            rows: 0,
            fixed: std::array::from_fn(|_| Vec::with_capacity(rows)),
            ints: ints.collect(),
            texts: texts.collect(),
            ip_net: BytesColumn::new(rows),
            rest: MapColumn::new(rows),
            seen: vec![(0, 0); usize::from(TAGS)],
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Bytes in the largest column of texts.
    pub fn widest(&self) -> usize {
        self.texts.iter().map(BytesColumn::bytes).max().unwrap_or(0)
    }

    /// Adds `row`, and its platform ids to `platform_ids`.
    pub fn push(&mut self, row: &Row, platform_ids: &mut PlatformIds) {
        let mut flags = 0;
        for (index, (tag, value)) in row.facts.iter().enumerate() {
            if tag == Field::Workspace.tag() {
                continue;
            }
            let place = self.place(row, index, tag);
            match (self.layout.home(tag), value) {
                (Home::Flag(bit), _) => {
                    flags |= i64::from(place == 1 && value == Value::Int(1)) << bit;
                }
                (Home::Int(column), Value::Int(int)) if place == 1 => {
                    self.ints[column].set(self.rows, int);
                }
                (Home::Text(column), Value::Bytes(bytes))
                    if place == 1 && str::from_utf8(bytes).is_ok() =>
                {
                    if tag == tag::RAW_QUERY {
                        let raw = str::from_utf8(bytes).unwrap_or_default();
                        self.texts[column].set(self.rows, brief(raw, &row.facts).as_bytes());
                    } else {
                        self.texts[column].set(self.rows, bytes);
                    }
                    if tag == Field::Ip.tag() {
                        self.push_network(bytes);
                    }
                }
                _ => self.push_rest(tag, place, value),
            }
            if row.kind == RowKind::Click && PlatformIds::may_be(tag) {
                platform_ids.push(row, tag, value);
            }
        }
        if let Home::Int(column) = self.layout.home(Field::Workspace.tag()) {
            self.ints[column].set(self.rows, row.workspace().into());
        }
        let fixed = [
            row.key.0,
            i64::from(row.kind as u8),
            row.event_ms,
            row.sequence as i64,
            row.count,
            row.cost,
            row.revenue,
            flags,
        ];
        for (column, value) in self.fixed.iter_mut().zip(fixed) {
            column.push(value);
        }
        self.rows += 1;
    }

    /// The place (from 1) of value number `index` among those of its tag.
    fn place(&mut self, row: &Row, index: usize, tag: u16) -> u32 {
        let Some((last, times)) = self.seen.get_mut(usize::from(tag)) else {
            let until = row.facts.iter().take(index + 1);
            return until.filter(|(other, _)| *other == tag).count() as u32;
        };
        if *last != self.rows + 1 {
            (*last, *times) = (self.rows + 1, 0);
        }
        *times += 1;
        *times
    }

    fn push_rest(&mut self, tag: u16, place: u32, value: Value<'_>) {
        let name = self.layout.names.get(usize::from(tag));
        let name = name.map_or_else(|| tag_name(tag), |name| name.as_str().into());
        let row = self.rows;
        match value {
            Value::Int(int) => {
                let key = rest_name(&name, place, RestForm::Int);
                self.rest.push(row, &key, int.to_string().as_bytes());
            }
            Value::Bytes(bytes) if str::from_utf8(bytes).is_ok() => {
                self.rest.push(row, &rest_name(&name, place, RestForm::Text), bytes);
            }
            Value::Bytes(bytes) => {
                let key = rest_name(&name, place, RestForm::Hex);
                self.rest.push(row, &key, hex(bytes).as_bytes());
            }
        }
    }

    fn push_network(&mut self, ip: &[u8]) {
        let Ok(text) = str::from_utf8(ip) else { return };
        if text.parse::<Ipv4Addr>().is_err()
            && let Some(network) = ip_net(text)
        {
            self.ip_net.set(self.rows, network.as_bytes());
        }
    }
}

/// Columns with their names, in any order.
pub type Named = Vec<(&'static str, ArrayRef)>;

impl TableRows<'_> {
    /// The columns in which any row has a value.
    pub fn finish(self) -> Result<Named, ArrowError> {
        let rows = self.rows;
        let fixed = FIXED.iter().zip(self.fixed);
        let mut named: Named = fixed
            .map(|(name, values)| (*name, Arc::new(Int64Array::from(values)) as ArrayRef))
            .collect();
        let (mut ints, mut texts) = (self.ints.into_iter(), self.texts.into_iter());
        for column in &self.layout.columns {
            let array = match column.kind {
                ColumnType::Int => ints.next().and_then(|column| column.finish(rows)),
                ColumnType::Text => match texts.next() {
                    Some(column) => column.finish_text(rows)?,
                    None => None,
                },
            };
            named.extend(array.map(|array| (column.name, array)));
        }
        named.extend(self.ip_net.finish_text(rows)?.map(|array| (IP_NET, array)));
        named.extend(self.rest.finish(rows)?.map(|array| (REST, array)));
        Ok(named)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
