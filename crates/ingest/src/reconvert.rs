//! The amounts of a stored row by another set of rates: pure, so that it comes out the same each time.

use crate::worth::Worth;
use model::Field;
use model::event::{Row, RowKind};
use model::money::Currency;
use model::rate::RateTable;
use model::record::tag;

/// The row as these rates have it, in sums of the currency `own`; none where nothing about it changes.
///
/// `was` is the workspace's currency when the row was made: that of every amount which names none.
/// Amounts as received never change. Of a row, `cost`, `revenue` and these values may: cost
/// ([`tag::COST`]), its currency, amount and rate.
pub fn reconvert(row: &Row, rates: &RateTable, was: Currency, own: Currency) -> Option<Row> {
    let worth =
        |currency: Currency, at_ms: i64| Worth::find(rates, row.workspace(), currency, own, at_ms);
    let changed = match row.kind {
        RowKind::Entry => entry(row, was, worth),
        _ => click(row, was, worth),
    };
    (changed != *row).then_some(changed)
}

/// A ledger entry: by the rate of its conversion's first report.
fn entry(row: &Row, was: Currency, worth: impl Fn(Currency, i64) -> Worth) -> Row {
    let facts = &row.facts;
    let currency = facts.text(Field::Currency).and_then(|code| code.parse().ok()).unwrap_or(was);
    let amount = facts.int_at(tag::AMOUNT).unwrap_or(row.revenue);
    // A reversal takes all that there is, and a new conversion begins with nothing.
    let before = match row.count {
        0 => facts.int_at(tag::AMOUNT_BEFORE).unwrap_or(0),
        1.. => 0,
        _ => amount.saturating_neg(),
    };
    let worth = worth(currency, facts.int_at(tag::RATE_AT).unwrap_or(row.event_ms));
    let (worth, revenue) = kept(worth, worth.added(before, amount));
    let mut changed = Row { revenue, ..row.clone() };
    set(&mut changed, tag::AMOUNT, (worth != Worth::Own).then_some(amount));
    set_rate(&mut changed, worth);
    changed
}

/// A click: by the rate of its own day.
fn click(row: &Row, was: Currency, worth: impl Fn(Currency, i64) -> Worth) -> Row {
    let facts = &row.facts;
    let received = facts.int_at(tag::COST).unwrap_or(row.cost);
    let named = facts.text_at(tag::COST_CURRENCY).map(str::parse::<Currency>);
    // A currency that cannot be read stays apart, and what cost nothing in none stays nothing.
    let Ok(currency) = named.unwrap_or(Ok(was)) else { return row.clone() };
    if received == 0 && facts.get(tag::COST).is_none() {
        return row.clone();
    }
    let worth = worth(currency, row.event_ms);
    let (worth, cost) = kept(worth, worth.of(received));
    let mut changed = Row { cost, ..row.clone() };
    let is_foreign = worth != Worth::Own;
    set(&mut changed, tag::COST, is_foreign.then_some(received));
    if is_foreign != changed.facts.get(tag::COST_CURRENCY).is_some() {
        changed.facts.remove(tag::COST_CURRENCY);
        if is_foreign {
            changed.facts.push_bytes(tag::COST_CURRENCY, currency.as_str().as_bytes());
        }
    }
    set_rate(&mut changed, worth);
    changed
}

/// What has no worth that fits stands apart.
fn kept(worth: Worth, summed: Option<i64>) -> (Worth, i64) {
    summed.map_or((Worth::Apart, 0), |summed| (worth, summed))
}

fn set(row: &mut Row, tag: u16, value: Option<i64>) {
    if row.facts.int_at(tag) != value {
        row.facts.remove(tag);
        value.into_iter().for_each(|value| row.facts.push_int(tag, value));
    }
}

fn set_rate(row: &mut Row, worth: Worth) {
    let rate = worth.exchange().map(|exchange| exchange.to_string());
    if row.facts.text_at(tag::RATE) != rate.as_deref() {
        row.facts.remove(tag::RATE);
        rate.into_iter().for_each(|rate| row.facts.push_bytes(tag::RATE, rate.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::facts::Facts;
    use model::rate::{DayRate, RateSource};

    const DAY_MS: i64 = 86_400_000;

    fn rates(lines: &[(&str, &str)]) -> RateTable {
        let rate = |(day, rate): &(&str, &str)| {
            let (day, rate) = (day.parse().unwrap(), Some(rate.parse().unwrap()));
            let (base, quote) = (Currency::EUR, Currency::USD);
            (1, DayRate { day, base, quote, source: RateSource::Manual, rate })
        };
        RateTable::new(lines.iter().map(rate))
    }

    fn row(
        kind: RowKind,
        count: i64,
        day: i64,
        values: &[(u16, i64)],
        texts: &[(u16, &str)],
    ) -> Row {
        let mut facts = Facts::default();
        facts.set_int(Field::Workspace, 1);
        values.iter().for_each(|(tag, value)| facts.push_int(*tag, *value));
        texts.iter().for_each(|(tag, text)| facts.push_bytes(*tag, text.as_bytes()));
        let (key, event_ms) = (ClickKey(1), day * DAY_MS);
        Row { kind, key, event_ms, sequence: 1, count, cost: 0, revenue: 0, facts }
    }

    fn in_usd(row: &Row, rates: &RateTable) -> Option<Row> {
        reconvert(row, rates, Currency::USD, Currency::USD)
    }

    /// A conversion of 5 micro-units reported on day 0, a refund of 1 on day 3, and the end of it all.
    fn ledger() -> Vec<Row> {
        let euro = (Field::Currency.tag(), "EUR");
        let entry =
            |count, day, values: &[(u16, i64)]| row(RowKind::Entry, count, day, values, &[euro]);
        vec![
            entry(1, 0, &[(tag::AMOUNT, 5)]),
            entry(0, 3, &[(tag::AMOUNT, -1), (tag::RATE_AT, 0), (tag::AMOUNT_BEFORE, 5)]),
            entry(-1, 4, &[(tag::AMOUNT, -4), (tag::RATE_AT, 0)]),
        ]
    }

    #[test]
    fn entries_of_a_conversion_cancel_out_by_any_rates() {
        for (rate, expected) in [("1.1", [6, -2, -4]), ("0.3", [2, -1, -1]), ("1.5", [8, -2, -6])] {
            let rates = rates(&[("1970-01-01", rate), ("1970-01-03", "9")]);
            let found: Vec<i64> = ledger()
                .iter()
                .map(|row| in_usd(row, &rates).unwrap_or(row.clone()).revenue)
                .collect();
            assert_eq!(found, expected, "{rate}");
            assert_eq!(found.iter().sum::<i64>(), 0);
        }
    }

    #[test]
    fn the_same_rates_again_change_nothing_and_none_bring_back_what_was() {
        let rates = rates(&[("1970-01-01", "1.1")]);
        let none = RateTable::default();
        let euro = [(tag::COST_CURRENCY, "EUR")];
        let mut rows = ledger();
        rows.push(row(RowKind::Click, 1, 0, &[(tag::COST, 20)], &euro));
        rows.push(row(RowKind::Click, 1, 0, &[], &[]));
        for row in &rows {
            assert_eq!(in_usd(row, &none), None);
            let Some(changed) = in_usd(row, &rates) else { continue };
            assert_eq!(in_usd(&changed, &rates), None);
            assert_eq!(in_usd(&changed, &none).as_ref(), Some(row));
        }
        let click = in_usd(&rows[3], &rates).unwrap();
        assert_eq!(
            (click.cost, click.facts.text_at(tag::RATE)),
            (22, Some("11/10 manual 1970-01-01"))
        );
    }

    #[test]
    fn amounts_follow_the_workspace_into_another_currency_and_back() {
        let rates = rates(&[("1970-01-01", "1.25")]);
        let dollars = [(Field::Currency.tag(), "USD")];
        let sale = Row { revenue: 100, ..row(RowKind::Entry, 1, 0, &[], &dollars) };
        let click = Row { cost: 50, ..row(RowKind::Click, 1, 0, &[], &[]) };
        for (row, expected) in [(sale, (0, 80)), (click, (40, 0))] {
            let there = reconvert(&row, &rates, Currency::USD, Currency::EUR).unwrap();
            assert_eq!((there.cost, there.revenue), expected);
            let back = reconvert(&there, &rates, Currency::EUR, Currency::USD).unwrap();
            assert_eq!(back, row);
        }
    }

    #[test]
    fn what_does_not_fit_stands_apart() {
        let rates = rates(&[("1970-01-01", "9")]);
        let euro = (Field::Currency.tag(), "EUR");
        let mut huge = row(RowKind::Entry, 1, 0, &[(tag::AMOUNT, i64::MAX)], &[euro]);
        assert_eq!(in_usd(&huge, &rates), None);
        huge.revenue = 1;
        assert_eq!(in_usd(&huge, &rates).unwrap().revenue, 0);
    }
}
