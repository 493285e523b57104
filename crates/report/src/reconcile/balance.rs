//! The gap of each line, taken apart: the sums of the causes are exact, and what is left is said.

use super::answer::{
    Amount, Balance, CauseView, Effect, IfShifted, LineSide, Reconciled, ReconciledLine,
    ReconciledMeasure, SentAmount, Shift,
};
use super::asked::Asked;
use super::book::{Account, Book};
use super::cause::{Cause, Measure};
use super::shift::Proposal;
use crate::finish::Names;
use crate::order::name_of;
use crate::report::{Bounds, is_named, name_column};
use crate::time_key;
use model::Currency;
use model::metric::Unit;
use model::query::{Cell, ZoneOffsets};
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A measure of an account, in whole numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) theirs: i128,
    pub(super) ours: i128,
    /// What causes add; of those that theirs do not hold, nothing.
    pub(super) effects: BTreeMap<Cause, i128>,
    /// How much there is of a cause, whoever counts it.
    pub(super) found: BTreeMap<Cause, i128>,
}

impl Taken {
    pub(super) fn unexplained(&self) -> i128 {
        self.theirs - self.ours - self.effects.values().sum::<i128>()
    }

    fn effect(&mut self, cause: Cause, amount: i128) {
        *self.effects.entry(cause).or_default() += amount;
    }
}

impl Book<'_> {
    /// A measure of a line, taken apart.
    pub(super) fn taken(&self, key: &[Cell], account: &Account, measure: Measure) -> Taken {
        let (asked, at, day) = (self.asked, measure.place(), self.asked.day_of(key));
        let mut taken = Taken { ours: account.ours[at], ..Taken::default() };
        for ((_, currency), sent) in account.sent.iter().filter(|((of, _), _)| *of == measure) {
            let worth = match measure.unit() {
                Unit::Money => self.prices.worth(*currency, *sent, day).unwrap_or_default(),
                _ => *sent,
            };
            taken.theirs += worth;
        }
        let (by_time, by_zone) = moved(asked, account, at);
        taken.effect(Cause::ConversionDay, by_time);
        taken.effect(Cause::TimeZone, by_zone);
        for (place, share) in asked.shares().filter(|(_, share)| share.measure == measure) {
            let sum = account.shares[place];
            *taken.found.entry(share.cause).or_default() += sum;
            taken.effect(share.cause, asked.sign(share) * sum);
        }
        match measure {
            Measure::Conversions => {
                for (cause, calls) in &account.calls {
                    let count = calls.numbers.len() as i128;
                    self.call_effect(&mut taken, measure, *cause, count);
                }
            }
            Measure::Revenue => self.money(&mut taken, account, day),
            Measure::Clicks | Measure::Cost => {}
        }
        taken.effects.retain(|_, amount| *amount != 0);
        taken.found.retain(|_, amount| *amount != 0);
        taken
    }

    fn call_effect(&self, taken: &mut Taken, measure: Measure, cause: Cause, amount: i128) {
        *taken.found.entry(cause).or_default() += amount;
        if self.asked.counted.holds(measure, cause) {
            taken.effect(cause, amount);
        }
    }

    /// Amounts of calls, and what other rates make of amounts. Everything that theirs hold in a currency is converted
    /// once, as theirs are; the cause `currency` is what that differs from our sums by.
    fn money(&self, taken: &mut Taken, account: &Account, day: i64) {
        let own = self.asked.currency;
        let mut currencies: BTreeSet<Currency> = account.pools.keys().copied().collect();
        currencies.extend(account.calls.values().flat_map(|calls| calls.amounts.keys()));
        for currency in currencies {
            let worth = |micro| self.prices.worth(currency, micro, day);
            let mut held = 0;
            let mut parts = 0;
            for (cause, calls) in &account.calls {
                let Some(amount) = calls.amounts.get(&currency) else { continue };
                let Some(value) = worth(*amount) else { continue };
                self.call_effect(taken, Measure::Revenue, *cause, value);
                if self.asked.counted.holds(Measure::Revenue, *cause) {
                    held += amount;
                    parts += value;
                }
            }
            if currency == own || !self.is_theirs(currency) {
                continue;
            }
            let pool = account.pools.get(&currency).copied().unwrap_or_default();
            let (Some(whole), Some(apart)) = (worth(pool.received + held), worth(pool.apart))
            else {
                continue;
            };
            taken.effect(Cause::WithoutRate, apart);
            taken.effect(Cause::Currency, whole - pool.converted - apart - parts);
        }
    }

    /// Whether theirs are in the currency, or their rate of it is known.
    fn is_theirs(&self, currency: Currency) -> bool {
        self.prices.is_given(currency)
            || self.asked.lines.iter().any(|line| line.currency == currency)
    }

    /// Everything, with what another clock would change: the book of the same by the clock proposed.
    pub fn finish(&self, shifted: Option<(&Proposal, &Book<'_>)>, names: &dyn Names) -> Reconciled {
        let asked = self.asked;
        let mut keys: Vec<&Vec<Cell>> = self.accounts.keys().collect();
        if let Some((_, other)) = shifted {
            keys.extend(other.accounts.keys().filter(|key| !self.accounts.contains_key(*key)));
        }
        keys.sort_by(|a, b| {
            let orders = a.iter().zip(b.iter()).map(|(a, b)| a.order(b));
            orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        let mut sums: Vec<Sums> = asked.measures.iter().map(|_| Sums::default()).collect();
        let mut lines = Vec::with_capacity(keys.len());
        for key in keys {
            let account = self.accounts.get(key).cloned().unwrap_or_else(Account::empty);
            let other = shifted.map(|(_, other)| {
                let account = other.accounts.get(key).cloned().unwrap_or_else(Account::empty);
                (other, account)
            });
            let mut measures = Vec::with_capacity(asked.measures.len());
            for (measure, sum) in asked.measures.iter().zip(&mut sums) {
                let taken = self.taken(key, &account, *measure);
                let moved =
                    other.as_ref().map(|(book, account)| book.taken(key, account, *measure));
                sum.add(&taken, moved.as_ref());
                let mut balance = balance(*measure, &taken, moved.as_ref());
                balance.sent = sent(asked, &account, *measure);
                self.expand(&mut balance, *measure, Some(key), Some(&account));
                measures.push(ReconciledMeasure { measure: *measure, balance });
            }
            let line = line(asked, key, &account, measures, names);
            lines.extend(line.has_anything().then_some(line));
        }
        let totals = self.totals(&sums);
        Reconciled {
            lines,
            totals,
            causes: self.causes(&sums),
            shift: shifted.map(|(proposal, _)| shift(proposal)),
            by: asked.by.clone(),
            measures: asked.measures.clone(),
            currency: asked.currency,
            period: bounds(asked),
            tz: asked.ours.clock.name(),
            their_tz: asked.theirs.clock.name(),
            time: asked.ours.time,
            their_time: asked.theirs.time,
            notes: self.notes(),
        }
    }

    fn totals(&self, sums: &[Sums]) -> Vec<ReconciledMeasure> {
        let total = |(measure, sum): (&Measure, &Sums)| {
            let mut balance = balance(*measure, &sum.taken, sum.moved.as_ref());
            self.expand(&mut balance, *measure, None, None);
            ReconciledMeasure { measure: *measure, balance }
        };
        self.asked.measures.iter().zip(sums).map(total).collect()
    }

    /// The causes that any figure is due to, or could be if theirs held them.
    fn causes(&self, sums: &[Sums]) -> Vec<CauseView> {
        let mut views = Vec::new();
        for (measure, sum) in self.asked.measures.iter().zip(sums) {
            let seen: BTreeSet<Cause> =
                sum.seen.iter().chain(sum.taken.found.keys()).copied().collect();
            for cause in seen {
                let share = self.asked.shares().map(|(_, share)| share);
                let share = share.into_iter().find(|s| s.measure == *measure && s.cause == cause);
                let is_rows = share.is_some() || sum.taken.found.contains_key(&cause);
                let effect = sum.taken.effects.get(&cause).copied().unwrap_or_default();
                let found = sum.taken.found.get(&cause).copied().unwrap_or(effect);
                views.push(CauseView {
                    cause: cause.as_str().to_owned(),
                    measure: *measure,
                    says: cause.says().to_owned(),
                    we_count: is_rows.then(|| share.is_some_and(|share| share.ours)),
                    they_count: is_rows.then(|| self.asked.counted.holds(*measure, cause)),
                    found: Amount::of(*measure, found),
                });
            }
        }
        views
    }

    /// Amounts of ours that no figure can hold.
    fn notes(&self) -> Vec<String> {
        let mut apart: BTreeMap<Currency, i128> = BTreeMap::new();
        for (key, account) in &self.accounts {
            let day = self.asked.day_of(key);
            for (currency, pool) in &account.pools {
                let is_shown = *currency == self.asked.currency || self.is_theirs(*currency);
                if !is_shown || self.prices.worth(*currency, 0, day).is_none() {
                    *apart.entry(*currency).or_default() += pool.apart;
                }
            }
            for (currency, amount) in account.calls.values().flat_map(|calls| &calls.amounts) {
                if self.prices.worth(*currency, 0, day).is_none() {
                    *apart.entry(*currency).or_default() += amount;
                }
            }
        }
        let note = |(currency, amount): (Currency, i128)| {
            let amount = crate::decimal::print(amount);
            format!(
                "{amount} {currency} of ours have no rate and are in no figure: import rates, or give theirs as `rates`"
            )
        };
        apart.into_iter().filter(|(_, amount)| *amount != 0).map(note).collect()
    }
}

impl Account {
    fn empty() -> Self {
        Self { shares: vec![0; super::cause::SHARES.len()], ..Self::default() }
    }
}

/// What other times, then other days, make of our figure.
fn moved(asked: &Asked, account: &Account, at: usize) -> (i128, i128) {
    let ours = account.ours[at];
    let theirs = match asked.times_differ() || asked.clocks_differ() {
        true => account.theirs[at],
        false => ours,
    };
    let between = match (asked.times_differ(), asked.clocks_differ()) {
        (true, true) => account.between[at],
        (true, false) => theirs,
        (false, _) => ours,
    };
    (between - ours, theirs - between)
}

/// Sums over all lines.
#[derive(Clone, Debug, Default)]
struct Sums {
    taken: Taken,
    moved: Option<Taken>,
    /// Causes of any line, also where they cancel out in all.
    seen: BTreeSet<Cause>,
}

impl Sums {
    fn add(&mut self, taken: &Taken, moved: Option<&Taken>) {
        self.seen.extend(taken.effects.keys());
        add(&mut self.taken, taken);
        if let Some(moved) = moved {
            add(self.moved.get_or_insert_default(), moved);
        }
    }
}

fn add(sum: &mut Taken, taken: &Taken) {
    sum.theirs += taken.theirs;
    sum.ours += taken.ours;
    for (into, from) in [(&mut sum.effects, &taken.effects), (&mut sum.found, &taken.found)] {
        from.iter().for_each(|(cause, amount)| *into.entry(*cause).or_default() += amount);
    }
}

fn balance(measure: Measure, taken: &Taken, moved: Option<&Taken>) -> Balance {
    let amount = |value| Amount::of(measure, value);
    let effect = |(cause, value): (&Cause, &i128)| Effect {
        cause: cause.as_str().to_owned(),
        amount: amount(*value),
        rows: Vec::new(),
        calls: Vec::new(),
    };
    let shown = taken.effects.iter().filter(|(_, value)| **value != 0);
    Balance {
        theirs: amount(taken.theirs),
        ours: amount(taken.ours),
        gap: amount(taken.theirs - taken.ours),
        causes: shown.map(effect).collect(),
        unexplained: amount(taken.unexplained()),
        if_shifted: moved.map(|moved| IfShifted {
            time_zone: amount(moved.effects.get(&Cause::TimeZone).copied().unwrap_or_default()),
            unexplained: amount(moved.unexplained()),
        }),
        sent: Vec::new(),
        rows: Vec::new(),
    }
}

fn sent(asked: &Asked, account: &Account, measure: Measure) -> Vec<SentAmount> {
    let foreign = account.sent.iter().filter(|((of, currency), _)| {
        *of == measure && measure.unit() == Unit::Money && *currency != asked.currency
    });
    let amount = |((_, currency), sent): (&(Measure, Currency), &i128)| SentAmount {
        amount: Amount::Money(*sent),
        currency: *currency,
    };
    foreign.map(amount).collect()
}

fn line(
    asked: &Asked,
    key: &[Cell],
    account: &Account,
    measures: Vec<ReconciledMeasure>,
    names: &dyn Names,
) -> ReconciledLine {
    let has_ours = measures.iter().any(|of| {
        of.balance.ours.value() != 0
            || of.balance.causes.iter().any(|effect| effect.amount.value() != 0)
    });
    let side = match (account.lines.is_empty(), has_ours) {
        (true, _) => LineSide::OursOnly,
        (false, true) => LineSide::Both,
        (false, false) => LineSide::TheirsOnly,
    };
    let mut shown = Map::new();
    for (field, cell) in asked.by.iter().zip(key) {
        let name = name_of(*field, cell, names).map(str::to_owned);
        let printed = time_key::print(*field, cell, &ZoneOffsets::utc());
        shown.insert(field.name().to_owned(), value_of(&printed));
        if is_named(*field) {
            shown.insert(name_column(*field), name.map_or(Value::Null, Value::String));
        }
    }
    ReconciledLine { key: shown, side, lines: account.lines.clone(), measures }
}

impl ReconciledLine {
    /// Whether a figure in it is not 0.
    fn has_anything(&self) -> bool {
        let is_something = |of: &ReconciledMeasure| {
            let balance = &of.balance;
            let shifted = balance.if_shifted.map_or(0, |shifted| shifted.time_zone.value());
            balance.ours.value() != 0 || !balance.causes.is_empty() || shifted != 0
        };
        !self.lines.is_empty() || self.measures.iter().any(is_something)
    }
}

fn value_of(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Bool(truth) => Value::Bool(*truth),
        Cell::Int(number) => Value::from(*number),
        Cell::Text(text) => Value::String(text.clone()),
    }
}

fn shift(proposal: &Proposal) -> Shift {
    let amount = |value| Amount::of(proposal.measure, value);
    Shift {
        their_tz: proposal.clock.name(),
        measure: proposal.measure,
        apart: amount(proposal.before),
        apart_if_shifted: amount(proposal.after),
    }
}

fn bounds(asked: &Asked) -> Bounds {
    let clock = &asked.ours.clock;
    let print = |day| clock.print(clock.start_of(day));
    Bounds { from: print(asked.days.0), to: print(asked.days.1) }
}
