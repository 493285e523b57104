//! What their amounts are worth in our currency.

use crate::time_key::date_of;
use model::Currency;
use model::rate::{DayRate, Exchange, Rate, RateSource, RateTable};
use model::thing::ThingId;
use std::collections::BTreeMap;

/// What currencies are worth: the rates that theirs were made with where they are known, else ours.
#[derive(Clone, Debug)]
pub struct Prices<'a> {
    workspace: ThingId,
    own: Currency,
    table: &'a RateTable,
    given: RateTable,
    named: BTreeMap<Currency, Rate>,
}

impl<'a> Prices<'a> {
    /// `given`: what one unit of a currency is worth in `own`, by theirs.
    pub fn new(
        workspace: ThingId,
        own: Currency,
        table: &'a RateTable,
        given: BTreeMap<Currency, Rate>,
    ) -> Self {
        let rates = given.iter().map(|(base, rate)| {
            let (source, rate) = (RateSource::Manual, Some(*rate));
            let day = date_of(0);
            (workspace, DayRate { day, base: *base, quote: own, source, rate })
        });
        Self { workspace, own, table, given: RateTable::new(rates), named: given }
    }

    pub(super) fn is_given(&self, currency: Currency) -> bool {
        self.named.contains_key(&currency)
    }

    fn exchange(&self, from: Currency, day: i64) -> Option<Exchange> {
        let day = date_of(day);
        let given = self.given.exchange(self.workspace, from, self.own, day);
        given.or_else(|| self.table.exchange(self.workspace, from, self.own, day))
    }

    /// An amount in our currency, by the rate of a day; none without a rate, or beyond what 64 bits hold.
    pub(super) fn worth(&self, from: Currency, micro: i128, day: i64) -> Option<i128> {
        if from == self.own {
            return Some(micro);
        }
        let micro = i64::try_from(micro).ok()?;
        self.exchange(from, day)?.convert(micro).map(i128::from)
    }
}
