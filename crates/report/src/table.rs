//! A report as a table for a terminal.
//!
//! The totals stand first, under the head. Numbers are right-aligned with thousands separators and a
//! true minus sign; sums of money have as many decimals as their column needs (at least two), amounts
//! per something four; fractions are percentages; `–` is no value. Texts come from strangers: control
//! and direction characters, with which a text could rewrite the terminal, are shown as `�`.

pub(crate) mod layout;

use crate::decimal;
use crate::report::{Figure, KeyCell, Report, is_named};
use crate::time_key::weekday_name;
use layout::{Align, Column};
use model::Field;
use model::field::ValueKind;
use model::metric::{Formula, MetricRow, Unit};
use model::query::Cell;

/// Decimals of an amount per something (EPC, CPC …), which is seldom exact.
const RATIO_PLACES: usize = 4;

/// What stands for no value.
pub(crate) const NO_VALUE: &str = "–";

/// The report as text of at most `width` columns where that is possible: long texts are cut first,
/// then the metrics go on in further tables below. `None`: as wide as it is.
pub fn to_table(report: &Report, width: Option<usize>) -> String {
    let mut keys: Vec<Column> = (0..report.fields.len()).map(|at| key_column(report, at)).collect();
    if keys.is_empty() {
        keys.push(Column { head: String::new(), cells: vec![String::new()], align: Align::Left });
    }
    "Total".clone_into(&mut keys[0].cells[0]);
    let metrics: Vec<Column> =
        (0..report.metrics.len()).map(|at| metric_column(report, at)).collect();
    format!("{}\n\n{}", caption(report), layout::print(keys, metrics, width))
}

/// What the figures cover, in which zone, and whether this is everything.
fn caption(report: &Report) -> String {
    let (from, to) = (short(&report.period.from), short(&report.period.to));
    let mut caption = format!("{from} until {to} (excluded), {}", report.tz);
    if report.rows.len() < report.row_count {
        let (shown, all) = (report.rows.len() as i128, report.row_count as i128);
        caption.push_str(&format!(" · {} of {} rows", grouped(shown), grouped(all)));
    }
    caption
}

/// Midnight is the date alone.
fn short(moment: &str) -> &str {
    moment.split_once("T00:00:00").map_or(moment, |(date, rest)| {
        if rest.starts_with(['+', '-', 'Z']) { date } else { moment }
    })
}

/// A column of a field; its first cell is that of the totals.
fn key_column(report: &Report, at: usize) -> Column {
    let field = report.fields[at];
    let is_number = field.row().kind == ValueKind::Int && !shows_weekday(field);
    let cells = report.rows.iter().map(|row| print_key(field, &row.key[at]));
    Column {
        head: field.row().label.to_owned(),
        cells: std::iter::once(String::new()).chain(cells).collect(),
        align: if is_number { Align::Right } else { Align::Left },
    }
}

fn shows_weekday(field: Field) -> bool {
    matches!(field, Field::Weekday | Field::WeekdayHour)
}

fn print_key(field: Field, cell: &KeyCell) -> String {
    match (&cell.value, &cell.name) {
        (Cell::Null, _) => NO_VALUE.to_owned(),
        (Cell::Bool(truth), _) => if *truth { "yes" } else { "no" }.to_owned(),
        (Cell::Int(id), Some(name)) => format!("{} #{id}", shown(name)),
        (Cell::Int(id), None) if is_named(field) => format!("#{id}"),
        (Cell::Int(number), _) => print_number(field, *number),
        (Cell::Text(text), _) => shown(text),
    }
}

fn print_number(field: Field, number: i64) -> String {
    let day = match field {
        Field::Weekday => weekday_name(number),
        Field::WeekdayHour => weekday_name(number.div_euclid(24) + 1),
        _ => None,
    };
    match day {
        Some(day) if field == Field::WeekdayHour => format!("{day} {:02}", number.rem_euclid(24)),
        Some(day) => day.to_owned(),
        None => with_minus(number.to_string()),
    }
}

/// The text without what would move the cursor, change colours or turn the direction of writing.
pub(crate) fn shown(text: &str) -> String {
    let is_direction = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || is_direction(c) { '\u{fffd}' } else { c }).collect()
}

/// A column of a metric; its first cell is that of the totals.
fn metric_column(report: &Report, at: usize) -> Column {
    let metric = &report.metrics[at];
    let row = metric.row();
    let figures: Vec<Figure> = std::iter::once(report.totals[at])
        .chain(report.rows.iter().map(|row| row.figures[at]))
        .collect();
    let places = match (row.unit, &row.formula) {
        (Unit::Money, Formula::Ratio { .. }) => RATIO_PLACES,
        _ => figures.iter().flatten().map(|f| decimal::places(*f)).max().unwrap_or_default().max(2),
    };
    Column {
        head: head(row, metric.conversion_type(), report),
        cells: figures.iter().map(|figure| print_figure(row.unit, *figure, places)).collect(),
        align: Align::Right,
    }
}

fn head(row: &MetricRow, conversion_type: Option<&str>, report: &Report) -> String {
    let kind = conversion_type.map(|kind| format!(" {}", shown(kind))).unwrap_or_default();
    let currency =
        if row.unit == Unit::Money { format!(" {}", report.currency) } else { String::new() };
    format!("{}{kind}{currency}", row.label)
}

fn print_figure(unit: Unit, figure: Figure, places: usize) -> String {
    let Some(number) = figure else { return NO_VALUE.to_owned() };
    match unit {
        Unit::Count | Unit::Seconds => grouped(number),
        Unit::Money => separated(&decimal::fixed(number, places)),
        Unit::Fraction => separated(&decimal::fixed(number * 100, 2)) + "%",
    }
}

pub(crate) fn grouped(number: i128) -> String {
    separated(&number.to_string())
}

/// A decimal with a comma between every three digits of its whole part, and a true minus sign.
pub(crate) fn separated(decimal: &str) -> String {
    let end = decimal.find('.').unwrap_or(decimal.len());
    let mut text = String::with_capacity(decimal.len() + end / 3);
    for (at, c) in decimal.char_indices() {
        let is_boundary = at > 0 && at < end && (end - at).is_multiple_of(3);
        if is_boundary && !decimal[..at].ends_with('-') {
            text.push(',');
        }
        text.push(c);
    }
    with_minus(text)
}

pub(crate) fn with_minus(number: String) -> String {
    match number.strip_prefix('-') {
        Some(digits) => format!("−{digits}"),
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Bounds, ReportRow};

    fn report(
        fields: &[Field],
        metrics: &[&str],
        rows: Vec<(Vec<KeyCell>, Vec<Figure>)>,
    ) -> Report {
        let mut lines = rows.into_iter().map(|(key, figures)| ReportRow { key, figures });
        Report {
            totals: lines.next().unwrap().figures,
            rows: lines.collect(),
            row_count: 1234,
            fields: fields.to_vec(),
            metrics: metrics.iter().map(|name| name.parse().unwrap()).collect(),
            currency: "USD".parse().unwrap(),
            period: Bounds {
                from: "2026-11-16T00:00:00+01:00".into(),
                to: "2026-11-23T00:00:00+01:00".into(),
            },
            tz: "Europe/Berlin".into(),
        }
    }

    fn text(text: &str) -> KeyCell {
        KeyCell { value: Cell::Text(text.into()), name: None }
    }

    fn campaign(id: i64, name: &str) -> KeyCell {
        KeyCell { value: Cell::Int(id), name: Some(name.into()) }
    }

    fn sample() -> Report {
        report(
            &[Field::Campaign, Field::Country],
            &["clicks", "cost", "profit", "roi", "epc"],
            vec![
                (
                    vec![],
                    vec![
                        Some(1_234_567),
                        Some(1_234_500_000),
                        Some(-7_250_000),
                        Some(-5_873),
                        Some(994),
                    ],
                ),
                (
                    vec![campaign(7, "US push"), text("US")],
                    vec![
                        Some(1_234_000),
                        Some(1_234_500_000),
                        Some(-1_007_250_000),
                        Some(-815_918),
                        Some(184),
                    ],
                ),
                (
                    vec![campaign(12, "夏のキャンペーン"), KeyCell::default()],
                    vec![Some(567), Some(0), Some(1_000_000_000), None, Some(1_763_668)],
                ),
            ],
        )
    }

    #[test]
    fn a_table_reads_as_documented() {
        let expected = "\
2026-11-16 until 2026-11-23 (excluded), Europe/Berlin · 2 of 1,234 rows

Campaign              Country     Clicks  Cost USD  Profit USD      ROI  EPC USD
Total                          1,234,567  1,234.50       −7.25   −0.59%   0.0010
────────────────────────────────────────────────────────────────────────────────
US push #7            US       1,234,000  1,234.50   −1,007.25  −81.59%   0.0002
夏のキャンペーン #12  –              567      0.00    1,000.00        –   1.7637
";
        assert_eq!(to_table(&sample(), None), expected);
        assert_eq!(to_table(&sample(), Some(80)), expected);
    }

    #[test]
    fn a_narrow_terminal_cuts_texts_and_then_goes_on_below() {
        let expected = "\
2026-11-16 until 2026-11-23 (excluded), Europe/Berlin · 2 of 1,234 rows

Campaign     Country     Clicks
Total                 1,234,567
───────────────────────────────
US push #7   US       1,234,000
夏のキャン…  –              567

Campaign     Country  Cost USD
Total                 1,234.50
──────────────────────────────
US push #7   US       1,234.50
夏のキャン…  –            0.00

Campaign     Country  Profit USD
Total                      −7.25
────────────────────────────────
US push #7   US        −1,007.25
夏のキャン…  –          1,000.00

Campaign     Country      ROI
Total                  −0.59%
─────────────────────────────
US push #7   US       −81.59%
夏のキャン…  –              –

Campaign     Country  EPC USD
Total                  0.0010
─────────────────────────────
US push #7   US        0.0002
夏のキャン…  –         1.7637
";
        assert_eq!(to_table(&sample(), Some(34)), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_while_a_metric_fits() {
        for width in 33..120 {
            for line in to_table(&sample(), Some(width)).lines().skip(1) {
                assert!(layout::width_of(line) <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn without_fields_the_totals_stand_alone() {
        let report = report(&[], &["clicks"], vec![(vec![], vec![Some(5)])]);
        let expected = "       Clicks\nTotal       5\n";
        assert!(to_table(&report, None).ends_with(expected), "{}", to_table(&report, None));
    }

    #[test]
    fn times_of_the_week_have_names() {
        for (field, number, expected) in [
            (Field::Weekday, 1, "Mon"),
            (Field::Weekday, 7, "Sun"),
            (Field::Weekday, 8, "8"),
            (Field::WeekdayHour, 14, "Mon 14"),
            (Field::WeekdayHour, 167, "Sun 23"),
            (Field::HourOfDay, 9, "9"),
            (Field::Asn, 3320, "3320"),
            (Field::Campaign, 9, "#9"),
        ] {
            let cell = KeyCell { value: Cell::Int(number), name: None };
            assert_eq!(print_key(field, &cell), expected);
        }
    }

    #[test]
    fn numbers_are_separated_by_thousands() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (-999, "−999"),
            (1000, "1,000"),
            (-100_000, "−100,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), expected);
        }
    }

    #[test]
    fn a_text_cannot_write_to_the_terminal() {
        assert_eq!(
            shown("a\u{1b}[2J\r\n\u{202e}b\u{9b}c"),
            "a\u{fffd}[2J\u{fffd}\u{fffd}\u{fffd}b\u{fffd}c"
        );
    }

    #[test]
    fn money_has_the_decimals_its_column_needs() {
        let rows = vec![(vec![], vec![Some(1_234_500)]), (vec![text("US")], vec![Some(1_000_000)])];
        let table = to_table(&report(&[Field::Country], &["cost"], rows), None);
        assert!(table.contains("1.2345") && table.contains("1.0000"), "{table}");
    }
}
