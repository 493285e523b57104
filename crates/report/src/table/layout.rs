//! Columns of text side by side: aligned, cut and broken to fit a width.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Between two columns.
const GAP: usize = 2;

/// To what a column of text may be cut, so that it still says something.
const TEXT_MIN: usize = 12;

/// On which side of its column a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts.
    Left,
    /// Numbers, which are never cut.
    Right,
}

/// A column: its head, and its cells from the totals down.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) head: String,
    pub(crate) cells: Vec<String>,
    pub(crate) align: Align,
}

impl Column {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| width_of(cell));
        cells.chain([width_of(&self.head)]).max().unwrap_or_default()
    }

    fn cut(&mut self, width: usize) {
        for text in self.cells.iter_mut().chain([&mut self.head]) {
            *text = cut(text, width);
        }
    }
}

/// The columns a text takes on a terminal.
pub(crate) fn width_of(text: &str) -> usize {
    text.width()
}

/// The columns as lines: as many metrics beside the keys as fit in one table, the rest in further
/// tables with the same keys.
pub(crate) fn print(mut keys: Vec<Column>, metrics: Vec<Column>, width: Option<usize>) -> String {
    let limit = width.unwrap_or(usize::MAX);
    narrow(&mut keys, &metrics, limit);
    let key_widths: Vec<usize> = keys.iter().map(Column::width).collect();
    let mut tables: Vec<Vec<&Column>> = Vec::new();
    let mut room = 0;
    for metric in &metrics {
        let needed = GAP + metric.width();
        match tables.last_mut() {
            Some(table) if needed <= room => table.push(metric),
            _ => {
                room = limit.saturating_sub(line_width(&key_widths));
                tables.push(keys.iter().chain([metric]).collect());
            }
        }
        room = room.saturating_sub(needed);
    }
    if tables.is_empty() {
        tables.push(keys.iter().collect());
    }
    tables.iter().map(|table| print_table(table)).collect::<Vec<_>>().join("\n")
}

/// Cuts the widest texts until everything fits, or no text can be cut further.
fn narrow(keys: &mut [Column], metrics: &[Column], limit: usize) {
    let mut widths: Vec<usize> = keys.iter().map(Column::width).collect();
    let fixed: usize = metrics.iter().map(|metric| GAP + metric.width()).sum();
    while line_width(&widths) + fixed > limit {
        let texts = (0..keys.len()).filter(|at| keys[*at].align == Align::Left);
        let Some(widest) = texts.max_by_key(|at| widths[*at]).filter(|at| widths[*at] > TEXT_MIN)
        else {
            break;
        };
        widths[widest] -= 1;
    }
    for (column, width) in keys.iter_mut().zip(widths) {
        column.cut(width);
    }
}

fn line_width(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn print_table(columns: &[&Column]) -> String {
    let widths: Vec<usize> = columns.iter().map(|column| column.width()).collect();
    let line = |text: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, width)| {
            let text = text(column);
            let space = " ".repeat(width.saturating_sub(width_of(&text)));
            if column.align == Align::Left { text + &space } else { space + &text }
        });
        let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
        line.trim_end().to_owned() + "\n"
    };
    let mut table = line(&|column| column.head.clone());
    let rows = columns.iter().map(|column| column.cells.len()).max().unwrap_or_default();
    for row in 0..rows {
        if row == 1 {
            table.push_str(&("─".repeat(line_width(&widths)) + "\n"));
        }
        table.push_str(&line(&|column| column.cells.get(row).cloned().unwrap_or_default()));
    }
    table
}

/// The beginning of a text that is wider than `width`, with `…` behind it.
fn cut(text: &str, width: usize) -> String {
    if width_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut room = width.saturating_sub(1);
    for c in text.chars() {
        let needed = c.width().unwrap_or_default();
        if needed > room {
            break;
        }
        room -= needed;
        kept.push(c);
    }
    kept + "…"
}
