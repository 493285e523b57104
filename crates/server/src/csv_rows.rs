//! CSV as spreadsheets and networks write it (RFC 4180): quoted fields, and commas, semicolons or tabs between them.

/// A row: the number of its line, from 1, and its fields.
pub type Row = (u64, Vec<String>);

/// A quote that is not where one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: a quote is opened and not closed")]
pub struct OpenQuote {
    /// Where it was opened.
    pub line: u64,
}

/// All rows that hold something. What stands between fields is the sign that the first line has most of.
///
/// # Errors
/// When a quote is not closed.
pub fn rows(text: &str) -> Result<Vec<Row>, OpenQuote> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: &char| first.matches(*sign).count();
    let sign = [',', ';', '\t'].into_iter().rev().max_by_key(count).unwrap_or(',');
    let mut reader = Reader { rows: Vec::new(), fields: Vec::new(), field: String::new(), line: 1 };
    let mut chars = text.chars().peekable();
    let (mut at, mut quoted_since) = (1, None);
    while let Some(c) = chars.next() {
        at += u64::from(c == '\n');
        match (c, quoted_since) {
            ('"', Some(_)) if chars.next_if_eq(&'"').is_some() => reader.field.push('"'),
            ('"', Some(_)) => quoted_since = None,
            (c, Some(_)) => reader.field.push(c),
            ('"', None) if reader.field.is_empty() => quoted_since = Some(at),
            ('\r', None) if chars.peek() == Some(&'\n') => {}
            ('\n', None) => reader.end_row(at),
            (c, None) if c == sign => reader.end_field(),
            (c, None) => reader.field.push(c),
        }
    }
    match quoted_since {
        Some(line) => Err(OpenQuote { line }),
        None => {
            reader.end_row(at);
            Ok(reader.rows)
        }
    }
}

struct Reader {
    rows: Vec<Row>,
    fields: Vec<String>,
    field: String,
    /// Where the row begins.
    line: u64,
}

impl Reader {
    fn end_field(&mut self) {
        self.fields.push(std::mem::take(&mut self.field).trim().to_owned());
    }

    fn end_row(&mut self, next_line: u64) {
        self.end_field();
        let fields = std::mem::take(&mut self.fields);
        if fields.iter().any(|field| !field.is_empty()) {
            self.rows.push((self.line, fields));
        }
        self.line = next_line;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_read_as_they_were_meant() {
        for (text, expected) in [
            ("", vec![]),
            ("a,b\n1,2\n", vec![(1, vec!["a", "b"]), (2, vec!["1", "2"])]),
            ("\u{feff}a;b\r\n\r\n1,5;2", vec![(1, vec!["a", "b"]), (3, vec!["1,5", "2"])]),
            ("a\tb\n 1 \t\n", vec![(1, vec!["a", "b"]), (2, vec!["1", ""])]),
            (
                "a,b\n\"x, \"\"y\"\"\nz\",2\n3,4",
                vec![(1, vec!["a", "b"]), (2, vec!["x, \"y\"\nz", "2"]), (4, vec!["3", "4"])],
            ),
            ("a\n5\" pipe", vec![(1, vec!["a"]), (2, vec!["5\" pipe"])]),
        ] {
            let rows = rows(text).unwrap();
            let told: Vec<(u64, Vec<&str>)> = rows
                .iter()
                .map(|(line, row)| (*line, row.iter().map(String::as_str).collect()))
                .collect();
            assert_eq!(told, expected, "{text:?}");
        }
        assert_eq!(rows("a\n1\n\"x\ny"), Err(OpenQuote { line: 3 }));
    }
}
