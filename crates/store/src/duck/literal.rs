//! Values as SQL text: the one place where a value of the outside becomes part of a statement.

/// A text literal. SQL texts know no escape but the doubled quote; a statement cannot contain NUL,
/// which is written as `chr(0)`.
pub fn text(value: &str) -> String {
    let parts: Vec<String> =
        value.split('\0').map(|part| format!("'{}'", part.replace('\'', "''"))).collect();
    match parts.as_slice() {
        [single] => single.clone(),
        _ => format!("({})", parts.join(" || chr(0) || ")),
    }
}

/// A list of whole numbers, for `IN`; `NULL` when there are none.
pub fn ints(values: impl Iterator<Item = i64>) -> String {
    list(values.map(|value| value.to_string()))
}

/// A list of texts, for `IN`; `NULL` when there are none.
pub fn texts<'a>(values: impl Iterator<Item = &'a str>) -> String {
    list(values.map(text))
}

fn list(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "(NULL)".to_owned() } else { format!("({})", values.join(", ")) }
}

/// An identifier. All of ours come from the code; quoting keeps them apart from SQL's words.
pub fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use duckdb::Connection;
    use proptest::prelude::*;

    #[test]
    fn literals_are_closed_by_nothing_inside_them() {
        assert_eq!(text("a'b"), "'a''b'");
        assert_eq!(text("'; DROP TABLE clicks; --"), "'''; DROP TABLE clicks; --'");
        assert_eq!(text("a\0b"), "('a' || chr(0) || 'b')");
        assert_eq!(ints([1, -2].into_iter()), "(1, -2)");
        assert_eq!(texts(std::iter::empty()), "(NULL)");
    }

    proptest! {
        #[test]
        fn a_text_comes_back_from_the_database_as_it_went_in(value in "\\PC*|[\\x00-\\x7f'\"\\\\$;-]{0,40}") {
            let connection = Connection::open_in_memory().unwrap();
            let sql = format!("SELECT {}, {} IN {}", text(&value), text(&value), texts([value.as_str()].into_iter()));
            let (back, equal) = connection
                .query_row(&sql, [], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))
                .unwrap();
            prop_assert_eq!(back, value);
            prop_assert!(equal);
        }
    }
}
