//! Which rate holds on a day: pure over every rate that was published or set.

use super::{DayRate, Exchange, Rate, RateSource};
use crate::money::Currency;
use crate::thing::ThingId;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// How many days a rate of the ECB holds at most when none follows. The bank publishes on its working
/// days; the longest gap of its calendar is five days, and an import may be late.
pub const ECB_DAYS_MAX: i32 = 10;

/// The rates of every workspace.
#[derive(Clone, Debug, Default, Hash)]
pub struct RateTable {
    workspaces: BTreeMap<ThingId, Rates>,
}

#[derive(Clone, Debug, Default, Hash)]
struct Rates {
    /// Units of a currency for one euro.
    ecb: BTreeMap<Currency, BTreeMap<Date, Rate>>,
    /// By pair, the smaller code first.
    manual: BTreeMap<(Currency, Currency), BTreeMap<Date, Option<Price>>>,
}

/// What one unit of a pair's one currency costs in the other.
#[derive(Clone, Copy, Debug, Hash)]
struct Price {
    base: Currency,
    rate: Rate,
}

impl RateTable {
    /// The table of these rates, in the order in which they were written: of two for the same pair, day
    /// and source the later one holds.
    pub fn new(rates: impl IntoIterator<Item = (ThingId, DayRate)>) -> Self {
        let mut table = Self::default();
        table.extend(rates);
        table
    }

    /// The rate from one currency to another on `day`, the first that there is of: the operator's for
    /// this very pair; one over the euro, where the operator's price of the euro goes before the ECB's.
    ///
    /// The operator's rates hold until the next one of the pair, the ECB's for [`ECB_DAYS_MAX`] days.
    /// None also for a currency to itself: there is nothing to convert.
    pub fn exchange(
        &self,
        workspace: ThingId,
        from: Currency,
        to: Currency,
        day: Date,
    ) -> Option<Exchange> {
        if from == to {
            return None;
        }
        let rates = self.workspaces.get(&workspace)?;
        rates.manual(from, to, day).or_else(|| {
            let of_euro = |currency| rates.of_euro(currency, day);
            match (from == Currency::EUR, to == Currency::EUR) {
                (true, _) => of_euro(to),
                (_, true) => Some(of_euro(from)?.inverse()),
                _ => of_euro(from)?.inverse().then(of_euro(to)?),
            }
        })
    }
}

impl Extend<(ThingId, DayRate)> for RateTable {
    /// Adds rates that were written later than those that are there.
    fn extend<I: IntoIterator<Item = (ThingId, DayRate)>>(&mut self, rates: I) {
        for (workspace, rate) in rates {
            self.workspaces.entry(workspace).or_default().add(rate);
        }
    }
}

impl Rates {
    fn add(&mut self, DayRate { day, base, quote, source, rate }: DayRate) {
        match (source, rate) {
            (RateSource::Manual, _) => {
                let price = rate.map(|rate| Price { base, rate });
                self.manual.entry(pair(base, quote)).or_default().insert(day, price);
            }
            (RateSource::Ecb, Some(rate)) if base == Currency::EUR => {
                self.ecb.entry(quote).or_default().insert(day, rate);
            }
            (RateSource::Ecb, _) => {}
        }
    }

    /// What one unit of `from` costs in `to`, if the operator says so.
    fn manual(&self, from: Currency, to: Currency, day: Date) -> Option<Exchange> {
        let (since, price) = self.manual.get(&pair(from, to))?.range(..=day).next_back()?;
        let Price { base, rate } = (*price)?;
        let exchange = Exchange::of(rate, RateSource::Manual, *since);
        Some(if base == from { exchange } else { exchange.inverse() })
    }

    /// What one euro costs.
    fn of_euro(&self, currency: Currency, day: Date) -> Option<Exchange> {
        self.manual(Currency::EUR, currency, day).or_else(|| {
            let (of, rate) = self.ecb.get(&currency)?.range(..=day).next_back()?;
            let is_fresh = day.since(*of).is_ok_and(|age| age.get_days() <= ECB_DAYS_MAX);
            is_fresh.then(|| Exchange::of(*rate, RateSource::Ecb, *of))
        })
    }
}

fn pair(a: Currency, b: Currency) -> (Currency, Currency) {
    (a.min(b), a.max(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    /// `ecb 2026-11-20 EUR USD 1.08` …; a rate `-` ends.
    fn table(lines: &[&str]) -> RateTable {
        RateTable::new(lines.iter().map(|line| {
            let parts: Vec<&str> = line.split(' ').collect();
            let rate = DayRate {
                source: RateSource::from_word(parts[0]).unwrap(),
                day: parts[1].parse().unwrap(),
                base: currency(parts[2]),
                quote: currency(parts[3]),
                rate: (parts[4] != "-").then(|| parts[4].parse().unwrap()),
            };
            (1, rate)
        }))
    }

    fn check(table: &RateTable, from: &str, to: &str, day: &str, expected: &str) {
        let found = table.exchange(1, currency(from), currency(to), day.parse().unwrap());
        let text = found.map_or_else(|| "-".to_owned(), |found| found.to_string());
        assert_eq!(text, expected, "{from} {to} {day}");
    }

    const ECB: [&str; 4] = [
        "ecb 2026-11-19 EUR USD 1.08",
        "ecb 2026-11-20 EUR USD 1.1",
        "ecb 2026-11-19 EUR GBP 0.85",
        "ecb 2026-11-20 EUR JPY 160.5",
    ];

    #[test]
    fn the_newest_rate_at_or_before_the_day_holds_and_not_for_ever() {
        let table = table(&ECB);
        check(&table, "EUR", "USD", "2026-11-18", "-");
        check(&table, "EUR", "USD", "2026-11-19", "27/25 ecb 2026-11-19");
        check(&table, "EUR", "USD", "2026-11-20", "11/10 ecb 2026-11-20");
        check(&table, "EUR", "USD", "2026-11-22", "11/10 ecb 2026-11-20");
        check(&table, "EUR", "USD", "2026-11-30", "11/10 ecb 2026-11-20");
        check(&table, "EUR", "USD", "2026-12-01", "-");
        check(&table, "EUR", "CHF", "2026-11-20", "-");
        check(&table, "USD", "USD", "2026-11-20", "-");
    }

    #[test]
    fn rates_between_others_go_over_the_euro_and_are_as_old_as_the_older_one() {
        let table = table(&ECB);
        check(&table, "USD", "EUR", "2026-11-20", "10/11 ecb 2026-11-20");
        check(&table, "USD", "GBP", "2026-11-20", "17/22 ecb 2026-11-19");
        check(&table, "GBP", "USD", "2026-11-20", "22/17 ecb 2026-11-19");
        check(&table, "JPY", "USD", "2026-11-20", "11/1605 ecb 2026-11-20");
    }

    #[test]
    fn the_operators_rates_win_from_their_day_on_until_they_end() {
        let mut lines = ECB.to_vec();
        lines.extend(["manual 2026-11-20 EUR USD 1.2", "manual 2026-11-22 USD EUR -"]);
        let table = table(&lines);
        check(&table, "EUR", "USD", "2026-11-19", "27/25 ecb 2026-11-19");
        check(&table, "EUR", "USD", "2026-11-20", "6/5 manual 2026-11-20");
        check(&table, "USD", "EUR", "2026-11-21", "5/6 manual 2026-11-20");
        check(&table, "GBP", "USD", "2026-11-21", "24/17 manual 2026-11-19");
        check(&table, "EUR", "USD", "2026-11-22", "11/10 ecb 2026-11-20");
    }

    #[test]
    fn a_pair_has_one_price_whichever_way_round_it_was_written() {
        let table = table(&[
            "manual 2026-01-01 USD BRL 5",
            "manual 2026-02-01 BRL USD 0.2",
            "manual 2026-02-01 BRL USD 0.25",
            "manual 2026-03-01 BRL USD 0.3",
            "manual 2026-03-01 USD BRL 4",
        ]);
        check(&table, "BRL", "USD", "2026-01-31", "1/5 manual 2026-01-01");
        check(&table, "BRL", "USD", "2026-02-28", "1/4 manual 2026-02-01");
        check(&table, "USD", "BRL", "2027-12-31", "4/1 manual 2026-03-01");
    }

    #[test]
    fn workspaces_know_nothing_of_each_others_rates() {
        let table = table(&ECB);
        let (eur, usd) = (currency("EUR"), currency("USD"));
        assert_eq!(table.exchange(2, eur, usd, "2026-11-20".parse().unwrap()), None);
    }

    #[test]
    fn the_longest_rates_still_cross() {
        let table = table(&[
            "manual 2026-01-01 EUR AAA 999999999",
            "manual 2026-01-01 EUR BBB 0.000000001",
            "manual 2026-01-01 CCC EUR 0.999999999",
        ]);
        check(&table, "AAA", "BBB", "2026-01-01", "1/999999999000000000 manual 2026-01-01");
        check(
            &table,
            "AAA",
            "CCC",
            "2026-01-01",
            "1000000000/999999998000000001 manual 2026-01-01",
        );
    }
}
