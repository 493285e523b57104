//! The sums of each line: theirs as they were sent, ours as a store answered, and calls that never made it into a sum.

use super::asked::{Ask, Asked, Basis, ReconcileError, Slot};
use super::cause::{Cause, Measure, SHARES};
use super::prices::Prices;
use model::Currency;
use model::metric::Sum;
use model::query::{Answer, Cell, TimeBasis};
use std::collections::{BTreeMap, HashMap};

/// A conversion that somebody reported and that no sum of ours holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedCall {
    /// The call's number in the inbox.
    pub number: u64,
    /// When it came, Unix milliseconds.
    pub event_ms: i64,
    /// When its click came, where that is known.
    pub click_ms: Option<i64>,
    /// Why no sum holds it.
    pub cause: Cause,
    /// Values of [`Asked::by`]; that of `day` is filled in.
    pub key: Vec<Cell>,
    /// What it says the conversion is worth, micro-units.
    pub amount: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

/// What is known about one line.
#[derive(Clone, Debug, Default)]
pub(super) struct Account {
    pub(super) lines: Vec<u64>,
    /// Their figures as they were sent.
    pub(super) sent: BTreeMap<(Measure, Currency), i128>,
    pub(super) ours: [i128; 4],
    pub(super) between: [i128; 4],
    pub(super) theirs: [i128; 4],
    pub(super) shares: Vec<i128>,
    pub(super) pools: BTreeMap<Currency, Pool>,
    pub(super) calls: BTreeMap<Cause, Calls>,
}

/// What conversions of one currency that theirs hold amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pool {
    /// In that currency.
    pub(super) received: i128,
    /// What of it had no rate.
    pub(super) apart: i128,
    /// What our sums hold of it, in ours.
    pub(super) converted: i128,
}

/// Calls of one cause.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    pub(super) numbers: Vec<u64>,
    pub(super) amounts: BTreeMap<Currency, i128>,
}

/// All lines of a comparison.
#[derive(Clone, Debug)]
pub struct Book<'a> {
    pub(super) asked: &'a Asked,
    pub(super) prices: &'a Prices<'a>,
    pub(super) accounts: HashMap<Vec<Cell>, Account>,
}

impl<'a> Book<'a> {
    /// With their totals in it.
    ///
    /// # Errors
    /// When an amount cannot be held against ours.
    pub fn new(asked: &'a Asked, prices: &'a Prices<'a>) -> Result<Self, ReconcileError> {
        let mut book = Self { asked, prices, accounts: HashMap::new() };
        for line in &asked.lines {
            let day = asked.day_of(&line.key);
            let account = book.account(line.key.clone());
            account.lines.push(line.line);
            for (measure, figure) in &line.figures {
                let is_money = measure.unit() == model::metric::Unit::Money;
                if is_money && prices.worth(line.currency, 0, day).is_none() {
                    let (line, from) = (line.line, line.currency);
                    return Err(ReconcileError::NoRate { line, from, to: asked.currency });
                }
                let currency = if is_money { line.currency } else { asked.currency };
                *account.sent.entry((*measure, currency)).or_default() += figure;
            }
        }
        Ok(book)
    }

    fn account(&mut self, key: Vec<Cell>) -> &mut Account {
        self.accounts
            .entry(key)
            .or_insert_with(|| Account { shares: vec![0; SHARES.len()], ..Account::default() })
    }

    /// Takes what a store answered to one of [`Asked::asks`].
    pub fn take(&mut self, ask: &Ask, answer: Answer) {
        for row in answer.rows.into_iter().filter(|row| row.sums.iter().any(|sum| *sum != 0)) {
            let mut key = row.key;
            let currency = if ask.of == Basis::Currencies { key.pop() } else { None };
            for (slot, sum) in ask.slots.iter().zip(row.sums) {
                self.enter(&key, ask.of, *slot, currency.as_ref(), sum);
            }
        }
    }

    fn enter(&mut self, key: &[Cell], of: Basis, slot: Slot, currency: Option<&Cell>, sum: i128) {
        let is_held = |status| self.asked.holds_status(status);
        let is_held = matches!(slot, Slot::Money(status, _) if is_held(status));
        let account = self.account(key.to_vec());
        match slot {
            Slot::Ours(measure) => {
                let sums = match of {
                    Basis::Between => &mut account.between,
                    Basis::Theirs => &mut account.theirs,
                    _ => &mut account.ours,
                };
                sums[measure.place()] += sum;
            }
            Slot::Share(place) => account.shares[place] += sum,
            Slot::Money(_, of) => {
                let Some(Cell::Text(code)) = currency else { return };
                let Ok(currency) = code.parse::<Currency>() else { return };
                if !is_held {
                    return;
                }
                let pool = account.pools.entry(currency).or_default();
                match of {
                    Sum::Received => pool.received += sum,
                    Sum::Apart => pool.apart += sum,
                    _ => pool.converted += sum,
                }
            }
        }
    }

    /// Enters calls on the days on which theirs would count them; those outside are left out.
    pub fn calls(&mut self, calls: &[MissedCall]) {
        for call in calls {
            let Some(key) = self.asked.key_of(call) else { continue };
            let entry = self.account(key).calls.entry(call.cause).or_default();
            entry.numbers.push(call.number);
            *entry.amounts.entry(call.currency).or_default() += i128::from(call.amount);
        }
    }

    /// Their figures of a measure in our currency, in all days of theirs.
    pub(super) fn their_days(&self, measure: Measure) -> BTreeMap<i64, i128> {
        let mut days = BTreeMap::new();
        for (key, account) in &self.accounts {
            let day = self.asked.day_of(key);
            for ((_, currency), sent) in account.sent.iter().filter(|((of, _), _)| *of == measure) {
                let worth = match measure.unit() {
                    model::metric::Unit::Money => self.prices.worth(*currency, *sent, day),
                    _ => Some(*sent),
                };
                *days.entry(day).or_default() += worth.unwrap_or_default();
            }
        }
        days
    }
}

impl Asked {
    /// The line of a call; none where it lies on no day of theirs.
    pub(super) fn key_of(&self, call: &MissedCall) -> Option<Vec<Cell>> {
        let ms = self.time_of(call);
        let (from, to) = self.days;
        let day = self.theirs.clock.day_at(ms);
        if !(from..to).contains(&day) {
            return None;
        }
        let mut key = call.key.clone();
        if let Some(place) = self.day_place() {
            *key.get_mut(place)? = Cell::Int(day);
        }
        Some(key)
    }

    pub(super) fn time_of(&self, call: &MissedCall) -> i64 {
        match self.theirs.time {
            TimeBasis::Event => call.event_ms,
            TimeBasis::Click => call.click_ms.unwrap_or(call.event_ms),
        }
    }
}
