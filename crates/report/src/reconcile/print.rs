//! A comparison as a table for a terminal, a table for each measure, and as CSV.

use super::answer::{Amount, Balance, CauseView, LineSide, Reconciled, ReconciledLine};
use super::cause::Measure;
use crate::csv::{push_line, text_cell};
use crate::decimal;
use crate::report::{is_named, name_column};
use crate::table::layout::{self, Align, Column};
use crate::table::{NO_VALUE, grouped, separated, shown};
use model::Field;
use model::metric::Unit;
use serde_json::Value;

/// The comparison as text of at most `width` columns where that is possible.
pub fn reconciled_to_table(answer: &Reconciled, width: Option<usize>) -> String {
    let mut text = format!(
        "{} until {} (excluded), our days in {}, theirs in {}\n",
        day(&answer.period.from),
        day(&answer.period.to),
        answer.tz,
        answer.their_tz
    );
    for (place, measure) in answer.measures.iter().enumerate() {
        text.push_str(&format!("\n{}\n\n", caption(answer, *measure)));
        text.push_str(&table(answer, place, *measure, width));
    }
    text.push_str(&taken_for_granted(answer));
    for note in &answer.notes {
        text.push_str(&format!("\n{}\n", shown(note)));
    }
    if let Some(shift) = &answer.shift {
        let (now, then) = (figure(shift.apart), figure(shift.apart_if_shifted));
        text.push_str(&format!(
            "\nTheir days look like {}: by them {then} instead of {now} {} lie apart, day by day, once what is lost \
             in all is spread evenly. If that is their clock, compare again with --their-tz {}.\n",
            shift.their_tz,
            shift.measure.as_str(),
            shift.their_tz
        ));
    }
    text
}

fn day(moment: &str) -> &str {
    moment.split_once('T').map_or(moment, |(day, _)| day)
}

fn caption(answer: &Reconciled, measure: Measure) -> String {
    let name = measure.as_str();
    let name = name[..1].to_uppercase() + &name[1..];
    match measure.unit() {
        Unit::Money => format!("{name} {}", answer.currency),
        _ => name,
    }
}

fn table(answer: &Reconciled, place: usize, measure: Measure, width: Option<usize>) -> String {
    let balances: Vec<&Balance> = std::iter::once(&answer.totals[place].balance)
        .chain(answer.lines.iter().filter_map(|line| Some(&line.measures.get(place)?.balance)))
        .collect();
    let mut keys: Vec<Column> = answer.by.iter().map(|field| key_column(answer, *field)).collect();
    if keys.is_empty() {
        keys.push(column(String::new(), vec![String::new(); balances.len()], Align::Left));
    }
    "Total".clone_into(&mut keys[0].cells[0]);
    let sides = answer.lines.iter().map(|line| side(line.side).to_owned());
    keys.push(column(
        String::new(),
        std::iter::once(String::new()).chain(sides).collect(),
        Align::Left,
    ));
    let figures = |head: &str, of: &dyn Fn(&Balance) -> Option<Amount>| {
        let amounts: Vec<Option<Amount>> = balances.iter().map(|balance| of(balance)).collect();
        let places = places(&amounts);
        let cells = amounts.iter().map(|amount| match amount {
            Some(Amount::Money(micro)) => separated(&decimal::fixed(*micro, places)),
            Some(Amount::Count(count)) => grouped(*count),
            None => NO_VALUE.to_owned(),
        });
        column(head.to_owned(), cells.collect(), Align::Right)
    };
    let mut metrics = vec![
        figures("Theirs", &|b| Some(b.theirs)),
        figures("Ours", &|b| Some(b.ours)),
        figures("Gap", &|b| Some(b.gap)),
    ];
    for cause in shown_causes(answer, measure) {
        metrics.push(figures(cause.label(), &|b| effect(b, &cause.cause)));
    }
    metrics.push(figures("Unexplained", &|b| Some(b.unexplained)));
    if answer.shift.is_some() {
        metrics.push(figures("If shifted", &|b| b.if_shifted.map(|shifted| shifted.unexplained)));
    }
    layout::print(keys, metrics, width)
}

fn column(head: String, cells: Vec<String>, align: Align) -> Column {
    Column { head, cells, align }
}

fn side(side: LineSide) -> &'static str {
    match side {
        LineSide::Both => "",
        LineSide::TheirsOnly => "theirs only",
        LineSide::OursOnly => "ours only",
    }
}

fn places(amounts: &[Option<Amount>]) -> usize {
    let money = amounts.iter().flatten().map(|amount| decimal::places(amount.value()));
    money.max().unwrap_or_default().max(2)
}

fn figure(amount: Amount) -> String {
    match amount {
        Amount::Count(count) => grouped(count),
        Amount::Money(micro) => separated(&decimal::print(micro)),
    }
}

fn key_column(answer: &Reconciled, field: Field) -> Column {
    let cell = |line: &ReconciledLine| {
        let name = line.key.get(&name_column(field)).and_then(Value::as_str);
        match (line.key.get(field.name()), name) {
            (Some(Value::Null) | None, _) => NO_VALUE.to_owned(),
            (Some(Value::String(text)), _) => shown(text),
            (Some(other), Some(name)) => format!("{} #{other}", shown(name)),
            (Some(other), None) => other.to_string(),
        }
    };
    let cells = std::iter::once(String::new()).chain(answer.lines.iter().map(cell)).collect();
    column(field.row().label.to_owned(), cells, Align::Left)
}

/// Causes that add something to a line.
fn shown_causes(answer: &Reconciled, measure: Measure) -> impl Iterator<Item = &CauseView> {
    answer.causes.iter().filter(move |of| {
        let is_effect = |balance: &Balance| effect(balance, &of.cause).is_some();
        let mut of_lines = answer.lines.iter().flat_map(|line| &line.measures);
        of.measure == measure
            && of_lines.any(|line| line.measure == measure && is_effect(&line.balance))
    })
}

fn effect(balance: &Balance, cause: &str) -> Option<Amount> {
    balance.causes.iter().find(|effect| effect.cause == cause).map(|effect| effect.amount)
}

/// What there is of causes that both or neither count: who knows better may say so.
fn taken_for_granted(answer: &Reconciled) -> String {
    let mut text = String::new();
    for of in &answer.causes {
        let (Some(we), Some(they)) = (of.we_count, of.they_count) else { continue };
        if we != they || of.found.value() == 0 {
            continue;
        }
        let (who, option) =
            if they { ("both hold", "--leave-out") } else { ("neither holds", "--count") };
        text.push_str(&format!(
            "\n{}: {who} {} ({}); if theirs differ, {option} {}:{}\n",
            of.measure.as_str(),
            figure(of.found),
            of.says,
            of.measure.as_str(),
            of.cause
        ));
    }
    text
}

/// One line for each line, without totals: keys, who has it, then each measure with its causes.
pub fn reconciled_to_csv(answer: &Reconciled) -> String {
    let mut head = Vec::new();
    for field in &answer.by {
        head.push(field.name().to_owned());
        head.extend(is_named(*field).then(|| name_column(*field)));
    }
    head.push("side".to_owned());
    for measure in &answer.measures {
        let name = measure.as_str();
        let causes = shown_causes(answer, *measure).map(|of| of.cause.as_str());
        let columns = ["theirs", "ours", "gap"].into_iter().chain(causes).chain(["unexplained"]);
        head.extend(columns.map(|column| format!("{name}_{column}")));
    }
    head.push("report_currency".to_owned());
    let mut csv = String::new();
    push_line(&mut csv, &head);
    for line in &answer.lines {
        push_line(&mut csv, &csv_line(answer, line));
    }
    csv
}

fn csv_line(answer: &Reconciled, line: &ReconciledLine) -> Vec<String> {
    let mut cells = Vec::new();
    let cell = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text_cell(text),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    for field in &answer.by {
        cells.push(cell(line.key.get(field.name())));
        cells.extend(is_named(*field).then(|| cell(line.key.get(&name_column(*field)))));
    }
    cells.push(match line.side {
        LineSide::Both => "both".to_owned(),
        other => side(other).replace(' ', "_"),
    });
    for of in &line.measures {
        let balance = &of.balance;
        cells.extend([balance.theirs, balance.ours, balance.gap].map(Amount::text));
        for cause in shown_causes(answer, of.measure) {
            let zero = Amount::of(of.measure, 0);
            cells.push(effect(balance, &cause.cause).unwrap_or(zero).text());
        }
        cells.push(balance.unexplained.text());
    }
    cells.push(answer.currency.to_string());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A source's clicks on two days, as the API answers them.
    fn answer() -> Reconciled {
        let measure = |figures: [i64; 4], causes: Value, shifted: i64| {
            let [theirs, ours, gap, unexplained] = figures;
            json!({
                "measure": "clicks", "theirs": theirs, "ours": ours, "gap": gap, "causes": causes,
                "unexplained": unexplained, "sent": [], "rows": [],
                "if_shifted": { "time_zone": 0, "unexplained": shifted },
            })
        };
        let effect = |cause: &str, amount: i64| json!({ "cause": cause, "amount": amount, "rows": [], "calls": [] });
        let line = |key: Value, side: &str, measures: Value| json!({ "key": key, "side": side, "lines": [2], "measures": [measures] });
        let cause = |cause: &str, we: bool, they: bool, found: i64| {
            json!({
                "cause": cause, "measure": "clicks", "says": "what it is", "we_count": we, "they_count": they, "found": found,
            })
        };
        let bots = json!([effect("bots", 1200), effect("duplicates", -3)]);
        let answer = json!({
            "lines": [
                line(json!({ "day": "2026-11-20", "offer": 1, "offer_name": "=Shoes" }), "both",
                    measure([2402, 1200, 1202, 5], bots.clone(), 0)),
                line(json!({ "day": "2026-11-21", "offer": null, "offer_name": null }), "theirs_only",
                    measure([9, 0, 9, 9], json!([]), 9)),
            ],
            "totals": [measure([2411, 1200, 1211, 14], bots, 9)],
            "causes": [cause("bots", false, true, 1200), cause("duplicates", true, false, 3), cause("tests", false, false, 2)],
            "shift": { "their_tz": "+03:00", "measure": "clicks", "apart": 14, "apart_if_shifted": 9 },
            "by": ["day", "offer"], "measures": ["clicks"], "currency": "USD",
            "period": { "from": "2026-11-20T00:00:00+00:00", "to": "2026-11-22T00:00:00+00:00" },
            "tz": "UTC", "their_tz": "UTC", "time": "click", "their_time": "click", "notes": ["a note"],
        });
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_table_says_what_every_gap_is_due_to() {
        let expected = "\
2026-11-20 until 2026-11-22 (excluded), our days in UTC, theirs in UTC

Clicks

Day         Offer                   Theirs   Ours    Gap   Bots  Duplicates  Unexplained  If shifted
Total                                2,411  1,200  1,211  1,200          −3           14           9
────────────────────────────────────────────────────────────────────────────────────────────────────
2026-11-20  =Shoes #1                2,402  1,200  1,202  1,200          −3            5           0
2026-11-21  –          theirs only       9      0      9      –           –            9           9

clicks: neither holds 2 (what it is); if theirs differ, --count clicks:tests

a note

Their days look like +03:00: by them 9 instead of 14 clicks lie apart, day by day, once what is lost in all is spread evenly. If that is their clock, compare again with --their-tz +03:00.
";
        assert_eq!(reconciled_to_table(&answer(), None), expected);
    }

    #[test]
    fn a_file_has_a_column_for_every_cause() {
        let expected = concat!(
            "day,offer,offer_name,side,clicks_theirs,clicks_ours,clicks_gap,clicks_bots,clicks_duplicates,",
            "clicks_unexplained,report_currency\r\n",
            "2026-11-20,1,'=Shoes,both,2402,1200,1202,1200,-3,5,USD\r\n",
            "2026-11-21,,,theirs_only,9,0,9,0,0,9,USD\r\n",
        );
        assert_eq!(reconciled_to_csv(&answer()), expected);
    }
}
