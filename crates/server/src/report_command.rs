//! `clicktrail report`: figures by any fields, as a table, CSV or JSON.

use crate::cli::{ReportArgs, ReportFormat};
use crate::client::Client;
use crate::config::Config;
use crate::output;
use anyhow::{Context, bail};
use report::{Report, to_csv, to_table};
use rustix::termios::tcgetwinsize;
use serde_json::{Map, Value, json};

/// Asks and prints.
///
/// # Errors
/// When the question is wrong, or there is no answer.
pub fn run(config: Config, args: ReportArgs) -> anyhow::Result<()> {
    let format = args.format;
    let query = query(args)?;
    let client = Client::open(config)?;
    // A file holds every row; a screen holds a page.
    let path = if format == ReportFormat::Csv { "/reports/export?format=json" } else { "/reports" };
    let answer = client.post(path, &query);
    client.close()?;
    let answer = answer?;
    match format {
        ReportFormat::Json => output::line(&serde_json::to_string_pretty(&answer)?)?,
        ReportFormat::Csv => output::whole(&to_csv(&read(answer)?))?,
        ReportFormat::Table => output::whole(&to_table(&read(answer)?, width()))?,
    }
    Ok(())
}

fn read(answer: Value) -> anyhow::Result<Report> {
    serde_json::from_value(answer)
        .context("the server's answer is no report: is it of the same version?")
}

/// The query the arguments stand for.
fn query(args: ReportArgs) -> anyhow::Result<Value> {
    let mut query = Map::new();
    query.insert("by".into(), json!(args.by));
    query.insert("metrics".into(), json!(args.metrics));
    query.insert("period".into(), period(&args.period));
    query.insert("time".into(), json!(args.time));
    if let Some(tz) = args.tz {
        query.insert("tz".into(), json!(tz));
    }
    if let Some(limit) = args.limit {
        query.insert("limit".into(), json!(limit));
    }
    let filters =
        args.filter.iter().map(|text| filter(text)).collect::<anyhow::Result<Vec<_>>>()?;
    query.insert("filter".into(), Value::Array(filters));
    query.insert("sort".into(), args.sort.iter().map(|text| sort(text)).collect());
    Ok(Value::Object(query))
}

/// A word, or `FROM..TO`.
pub fn period(text: &str) -> Value {
    match text.split_once("..") {
        Some((from, to)) => json!({ "from": from, "to": to }),
        None => json!(text),
    }
}

/// `FIELD=VALUE`, `FIELD!=VALUE`, several values between `|`.
///
/// # Errors
/// When there is no `=`.
pub fn filter(text: &str) -> anyhow::Result<Value> {
    let Some((field, value)) = text.split_once('=') else {
        bail!("--filter {text}: expected FIELD=VALUE, FIELD!=VALUE or FIELD=A|B");
    };
    let (field, negated) = field.strip_suffix('!').map_or((field, false), |field| (field, true));
    let several = value.contains('|');
    let op = match (several, negated) {
        (false, false) => "is",
        (false, true) => "is_not",
        (true, false) => "in",
        (true, true) => "not_in",
    };
    let cells: Vec<Value> = value.split('|').map(|cell| cell_of(field, cell)).collect();
    let value =
        if several { Value::Array(cells) } else { cells.into_iter().next().unwrap_or_default() };
    Ok(json!({ "field": field, "op": op, "value": value }))
}

/// A value in the type of its field; the server says what is wrong with one that does not fit.
fn cell_of(field: &str, text: &str) -> Value {
    use model::field::{Field, ValueKind};
    let kind = field.parse::<Field>().map(|field| field.row().kind);
    match kind {
        _ if text.is_empty() => Value::Null,
        Ok(ValueKind::Int | ValueKind::Thing) => {
            text.parse::<i64>().map_or_else(|_| json!(text), |int| json!(int))
        }
        Ok(ValueKind::Bool) => {
            text.parse::<bool>().map_or_else(|_| json!(text), |truth| json!(truth))
        }
        _ => json!(text),
    }
}

/// A metric, largest first, or a field, smallest first; `-` turns it round.
fn sort(text: &str) -> Value {
    let (name, turned) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    let is_field = name.parse::<model::Field>().is_ok();
    let dir = if is_field == turned { "desc" } else { "asc" };
    if is_field {
        json!({ "field": name, "dir": dir })
    } else {
        json!({ "metric": name, "dir": dir })
    }
}

/// The width of the terminal; none when the table goes elsewhere.
pub fn width() -> Option<usize> {
    let size = tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_as_people_type_them() {
        for (text, expected) in [
            ("os=iOS", json!({"field":"os","op":"is","value":"iOS"})),
            ("country!=DE", json!({"field":"country","op":"is_not","value":"DE"})),
            ("campaign=1|2", json!({"field":"campaign","op":"in","value":[1,2]})),
            ("bot=true", json!({"field":"bot","op":"is","value":true})),
            ("placement=", json!({"field":"placement","op":"is","value":null})),
            (
                "referrer=https://a.example/?x=1",
                json!({"field":"referrer","op":"is","value":"https://a.example/?x=1"}),
            ),
        ] {
            assert_eq!(filter(text).unwrap(), expected);
        }
        assert!(filter("os").is_err());
    }

    #[test]
    fn metrics_sort_from_the_top_and_fields_from_the_beginning() {
        assert_eq!(sort("cost"), json!({"metric":"cost","dir":"desc"}));
        assert_eq!(sort("-cost"), json!({"metric":"cost","dir":"asc"}));
        assert_eq!(sort("day"), json!({"field":"day","dir":"asc"}));
        assert_eq!(sort("-day"), json!({"field":"day","dir":"desc"}));
    }
}
