//! A report as CSV (RFC 4180), safe to open in a spreadsheet.
//!
//! One line per row, without the totals, which would count everything twice. Fields that name things
//! have the name in a column of their own; amounts stand beside their currency in the column
//! `report_currency`. Columns of numbers hold plain numbers, a minus sign included; what has no value
//! is empty. A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP,
//! "CSV Injection"): names, placements and sub ids come from strangers.

use crate::decimal;
use crate::report::{Figure, KeyCell, Report, is_named, name_column};
use model::Field;
use model::metric::Unit;
use model::query::Cell;

/// The column of the currency; `currency` itself is a field, that of a conversion as it came.
const CURRENCY_COLUMN: &str = "report_currency";

/// The report's rows as CSV with a head, lines ended by CR LF.
pub fn to_csv(report: &Report) -> String {
    let has_money = report.metrics.iter().any(|metric| metric.row().unit == Unit::Money);
    let mut csv = String::new();
    let mut head = Vec::new();
    for field in &report.fields {
        head.push(field.name().to_owned());
        head.extend(is_named(*field).then(|| name_column(*field)));
    }
    // A conversion type is text of the operator's.
    head.extend(report.metrics.iter().map(|metric| quoted(&metric.to_string())));
    head.extend(has_money.then(|| CURRENCY_COLUMN.to_owned()));
    push_line(&mut csv, &head);
    for row in &report.rows {
        let mut line = Vec::new();
        for (field, cell) in report.fields.iter().zip(&row.key) {
            push_key(&mut line, *field, cell);
        }
        let figures = report.metrics.iter().zip(&row.figures);
        line.extend(figures.map(|(metric, figure)| print_figure(metric.row().unit, *figure)));
        line.extend(has_money.then(|| report.currency.to_string()));
        push_line(&mut csv, &line);
    }
    csv
}

pub(crate) fn push_line(csv: &mut String, cells: &[String]) {
    csv.push_str(&cells.join(","));
    csv.push_str("\r\n");
}

fn push_key(line: &mut Vec<String>, field: Field, cell: &KeyCell) {
    line.push(match &cell.value {
        Cell::Null => String::new(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Int(number) => number.to_string(),
        Cell::Text(text) => quoted(&disarmed(text)),
    });
    if is_named(field) {
        line.push(cell.name.as_ref().map(|name| quoted(&disarmed(name))).unwrap_or_default());
    }
}

fn print_figure(unit: Unit, figure: Figure) -> String {
    match (unit, figure) {
        (_, None) => String::new(),
        (Unit::Money | Unit::Fraction, Some(millionths)) => decimal::print(millionths),
        (Unit::Count | Unit::Seconds, Some(number)) => number.to_string(),
    }
}

/// A text as a cell that a spreadsheet reads as text.
pub(crate) fn text_cell(text: &str) -> String {
    quoted(&disarmed(text))
}

/// Text as text, whatever it begins with.
fn disarmed(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Bounds, ReportRow};

    fn report(fields: &[Field], metrics: &[&str], rows: Vec<ReportRow>) -> Report {
        Report {
            totals: Vec::new(),
            row_count: rows.len(),
            rows,
            fields: fields.to_vec(),
            metrics: metrics.iter().map(|name| name.parse().unwrap()).collect(),
            currency: "EUR".parse().unwrap(),
            period: Bounds { from: String::new(), to: String::new() },
            tz: "UTC".into(),
        }
    }

    #[test]
    fn numbers_stay_numbers_and_texts_never_become_formulas() {
        let text = |text: &str| KeyCell { value: Cell::Text(text.into()), name: None };
        let row = |campaign: KeyCell, sub: KeyCell, figures: [Figure; 3]| ReportRow {
            key: vec![campaign, sub],
            figures: figures.to_vec(),
        };
        let campaign = |name: &str| KeyCell { value: Cell::Int(7), name: Some(name.into()) };
        let rows = vec![
            row(
                campaign("=HYPERLINK(\"http://x\")"),
                text("-1"),
                [Some(-1), Some(-1_500_000), Some(-250_000)],
            ),
            row(campaign("a, \"b\""), text("two\r\nlines"), [Some(1000), Some(0), None]),
            row(
                KeyCell { value: Cell::Int(8), name: None },
                KeyCell::default(),
                [Some(0), Some(1), Some(333_333)],
            ),
            row(KeyCell::default(), text("\t=1"), [Some(0), Some(0), None]),
        ];
        let report =
            report(&[Field::Campaign, Field::Sub1], &["conversions:sale", "profit", "roi"], rows);
        assert_eq!(
            to_csv(&report),
            concat!(
                "campaign,campaign_name,sub1,conversions:sale,profit,roi,report_currency\r\n",
                "7,\"'=HYPERLINK(\"\"http://x\"\")\",'-1,-1,-1.50,-0.25,EUR\r\n",
                "7,\"a, \"\"b\"\"\",\"two\r\nlines\",1000,0.00,,EUR\r\n",
                "8,,,0,0.000001,0.333333,EUR\r\n",
                ",,'\t=1,0,0.00,,EUR\r\n",
            )
        );
    }

    #[test]
    fn every_beginning_of_a_formula_is_disarmed() {
        for text in ["=1", "+1", "-1", "@SUM(A1)", "\t1", "\r1", "\n1"] {
            assert!(disarmed(text).starts_with('\''), "{text:?}");
        }
        for text in ["", "1", "a=1", "'=1", "2026-11-22"] {
            assert_eq!(disarmed(text), text);
        }
    }

    #[test]
    fn without_money_there_is_no_currency() {
        let rows = vec![ReportRow {
            key: vec![KeyCell { value: Cell::Bool(true), name: None }],
            figures: vec![Some(5)],
        }];
        assert_eq!(to_csv(&report(&[Field::Bot], &["clicks"], rows)), "bot,clicks\r\ntrue,5\r\n");
    }
}
