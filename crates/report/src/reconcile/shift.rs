//! Whose days are theirs? Each offset from UTC is tried, and the one by which least lies apart is proposed.
//!
//! Sums by the hour, from the full hour and from half past, give the sum of any day that begins on either. What is lost
//! everywhere alike says nothing about days: it is spread over them first, and what is left is how unevenly theirs fall on
//! the days of a clock. Nothing is applied: whoever asked decides.

use super::asked::{Ask, Asked, Basis, Slot};
use super::book::{Book, MissedCall};
use super::cause::{Measure, SHARES};
use super::clock::{Clock, OFFSETS_MINUTES};
use model::Field;
use model::money::divide_half_even;
use model::query::{Answer, Cell, Filter, FilterOp, FilterValue};
use std::collections::{BTreeMap, BTreeSet, HashSet};

const HOUR_MS: i64 = 3_600_000;
const STEP_MINUTES: i64 = 30;

/// The most values of a field that hours are asked for by.
const VALUES_MAX: usize = 2000;

/// A clock is proposed when it leaves at most this share of what lies apart, in percent.
const LEFT_PERCENT_MAX: i128 = 90;

/// A clock by whose days theirs are nearer to ours.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Their clock.
    pub clock: Clock,
    pub(super) measure: Measure,
    pub(super) before: i128,
    pub(super) after: i128,
}

impl Asked {
    /// The plans that [`Book::propose`] needs; none where lines have no days, or only one.
    pub fn hour_asks(&self) -> Vec<Ask> {
        let days: BTreeSet<i64> = self.lines.iter().map(|line| self.day_of(&line.key)).collect();
        let (Some(measure), true) = (self.measures.first(), self.is_daily() && days.len() > 1)
        else {
            return Vec::new();
        };
        self.slices().map_or_else(Vec::new, |slices| self.hours(*measure, &slices))
    }

    /// Conditions that bound our rows to what theirs speak of; none when that are too many values.
    fn slices(&self) -> Option<Vec<Filter>> {
        let mut slices = Vec::new();
        for (place, field) in self.by.iter().enumerate().filter(|(_, f)| **f != Field::Day) {
            let values: HashSet<&Cell> =
                self.lines.iter().filter_map(|line| line.key.get(place)).collect();
            if values.len() > VALUES_MAX {
                return None;
            }
            let value = FilterValue::Many(values.into_iter().cloned().collect());
            slices.push(Filter { field: *field, op: FilterOp::In, value });
        }
        Some(slices)
    }

    /// The same, by another clock of theirs.
    #[must_use]
    pub fn by_clock(&self, clock: Clock) -> Self {
        let mut asked = self.clone();
        asked.theirs.clock = clock;
        asked
    }
}

/// Sums by the hour's first moment; of hours that begin on the hour, and of those from half past.
#[derive(Debug, Default)]
struct Hours {
    whole: BTreeMap<i64, i128>,
    half: BTreeMap<i64, i128>,
    /// Single moments.
    calls: Vec<(i64, i128)>,
}

impl Hours {
    /// What lies between two moments; none where they do not begin hours of one kind.
    fn between(&self, from_ms: i64, to_ms: i64) -> Option<i128> {
        let kind = |ms: i64| ms.rem_euclid(HOUR_MS);
        let hours = match (kind(from_ms), kind(to_ms)) {
            (0, 0) => &self.whole,
            (HALF_MS, HALF_MS) => &self.half,
            _ => return None,
        };
        let calls = self.calls.iter().filter(|(ms, _)| (from_ms..to_ms).contains(ms));
        let calls: i128 = calls.map(|(_, amount)| amount).sum();
        Some(hours.range(from_ms..to_ms).map(|(_, sum)| sum).sum::<i128>() + calls)
    }
}

const HALF_MS: i64 = HOUR_MS / 2;

impl Book<'_> {
    /// The clock by whose days theirs are nearest to ours, if that is notably nearer than by theirs as they were taken.
    pub fn propose(&self, answers: &[(Ask, Answer)], calls: &[MissedCall]) -> Option<Proposal> {
        let measure = *self.asked.measures.first()?;
        if answers.is_empty() {
            return None;
        }
        let hours = self.hours(measure, answers, calls);
        let theirs = self.their_days(measure);
        let now = &self.asked.theirs.clock;
        let before = self.left(now, &theirs, &hours)?;
        let start = |clock: &Clock| clock.start_of(self.asked.days.0);
        let (least, most) = OFFSETS_MINUTES;
        let tried = (least / STEP_MINUTES..=most / STEP_MINUTES)
            .filter_map(|step| Clock::fixed(step * STEP_MINUTES));
        let tried = tried.filter_map(|clock| {
            let left = self.left(&clock, &theirs, &hours)?;
            Some((left, (start(&clock) - start(now)).abs(), clock))
        });
        let (after, _, clock) = tried.min_by_key(|(left, distance, _)| (*left, *distance))?;
        let is_notable = after * 100 <= before * LEFT_PERCENT_MAX && before > 0;
        is_notable.then_some(Proposal { clock, measure, before, after })
    }

    /// How far theirs are from ours on the days of a clock, without signs, once ours are as many in all.
    fn left(&self, clock: &Clock, theirs: &BTreeMap<i64, i128>, hours: &Hours) -> Option<i128> {
        let (from, to) = self.asked.days;
        let mut days = Vec::new();
        for day in from..to {
            let ours = hours.between(clock.start_of(day), clock.start_of(day + 1))?;
            days.push((theirs.get(&day).copied().unwrap_or_default(), ours));
        }
        let (theirs, ours) = days.iter().fold((0, 0), |(t, o), day| (t + day.0, o + day.1));
        let apart: i128 = days.iter().map(|(t, o)| (t * ours - o * theirs).abs()).sum();
        divide_half_even(apart, ours)
    }

    fn hours(&self, measure: Measure, answers: &[(Ask, Answer)], calls: &[MissedCall]) -> Hours {
        let mut hours = Hours::default();
        for (ask, answer) in answers {
            let of = if ask.of == Basis::Hours { &mut hours.whole } else { &mut hours.half };
            for row in &answer.rows {
                let Some(Cell::Int(start_ms)) = row.key.first() else { continue };
                let weighted = ask.slots.iter().zip(&row.sums).map(|(slot, sum)| match slot {
                    Slot::Share(place) => self.asked.sign(&SHARES[*place]) * sum,
                    _ => *sum,
                });
                *of.entry(*start_ms).or_default() += weighted.sum::<i128>();
            }
        }
        let day = self.asked.days.0;
        let is_money = measure == Measure::Revenue;
        if is_money || measure == Measure::Conversions {
            for call in calls.iter().filter(|c| self.asked.counted.holds(measure, c.cause)) {
                let worth = self.prices.worth(call.currency, call.amount.into(), day);
                let amount = if is_money { worth.unwrap_or_default() } else { 1 };
                hours.calls.push((self.asked.time_of(call), amount));
            }
        }
        hours
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::asked::{Party, TheirLine, View};
    use crate::reconcile::cause::Counted;
    use crate::reconcile::prices::Prices;
    use model::Currency;
    use model::query::{AnswerRow, TimeBasis, TimeBucket};
    use model::rate::RateTable;
    use proptest::prelude::*;

    const DAY_MS: i64 = 24 * HOUR_MS;
    const FIRST: i64 = 20_777;

    /// Clicks at these moments, and their days as a clock has them.
    fn compared(moments: &[i64], clock: &Clock) -> Asked {
        let utc = Clock::read("UTC").unwrap();
        let mut days: BTreeMap<i64, i128> = BTreeMap::new();
        moments.iter().for_each(|ms| *days.entry(clock.day_at(*ms)).or_default() += 1);
        let line = |(day, clicks): (&i64, &i128)| TheirLine {
            line: 1,
            key: vec![Cell::Int(*day)],
            figures: vec![(Measure::Clicks, *clicks)],
            currency: Currency::USD,
        };
        Asked {
            workspace: 1,
            currency: Currency::USD,
            party: Party::Source(1),
            by: vec![Field::Day],
            days: (FIRST, FIRST + 4),
            ours: View { clock: utc.clone(), time: TimeBasis::Click },
            theirs: View { clock: utc, time: TimeBasis::Click },
            filter: Vec::new(),
            measures: vec![Measure::Clicks],
            counted: Counted::read(false, [], []).unwrap(),
            uncounted: Vec::new(),
            lines: days.iter().map(line).collect(),
            expand: false,
        }
    }

    /// What a store would answer.
    fn answers(asked: &Asked, moments: &[i64]) -> Vec<(Ask, Answer)> {
        let answer = |ask: Ask| {
            let mut sums: BTreeMap<i64, i128> = BTreeMap::new();
            for ms in moments {
                assert!((ask.plan.from_ms..ask.plan.to_ms).contains(ms));
                let hour = TimeBucket::of(Field::Hour, *ms, &ask.plan.zone).unwrap();
                *sums.entry(hour).or_default() += 1;
            }
            let row = |(hour, sum)| {
                let clicks = |slot: &Slot| i128::from(*slot == Slot::Ours(Measure::Clicks)) * sum;
                let sums = ask.slots.iter().map(clicks).collect();
                AnswerRow { key: vec![Cell::Int(hour)], sums, median_seconds: None }
            };
            let rows = sums.into_iter().map(row).collect();
            (ask, Answer { rows, median_seconds: None })
        };
        asked.hour_asks().into_iter().map(answer).collect()
    }

    fn proposed(moments: &[i64], clock: &Clock) -> Option<(String, i128, i128)> {
        let asked = compared(moments, clock);
        let table = RateTable::default();
        let prices = Prices::new(1, Currency::USD, &table, BTreeMap::new());
        let book = Book::new(&asked, &prices).unwrap();
        let proposal = book.propose(&answers(&asked, moments), &[])?;
        Some((proposal.clock.name(), proposal.before, proposal.after))
    }

    proptest! {
        #[test]
        fn days_of_another_clock_are_told_by_their_totals(
            steps in -24i64..=28, moments in proptest::collection::vec(DAY_MS..3 * DAY_MS, 50..300),
        ) {
            let moments: Vec<i64> = moments.into_iter().map(|ms| FIRST * DAY_MS + ms).collect();
            let clock = Clock::fixed(steps * STEP_MINUTES).unwrap();
            if let Some((_, before, after)) = proposed(&moments, &clock) {
                // The clock that is meant leaves nothing; so does another, where nothing lies between.
                prop_assert!(after == 0 && before > 0, "{} {} {}", clock.name(), before, after);
            } else {
                let asked = compared(&moments, &clock);
                let utc = compared(&moments, &Clock::fixed(0).unwrap());
                prop_assert_eq!(asked.lines, utc.lines);
            }
        }
    }

    #[test]
    fn the_nearest_clock_that_explains_is_proposed_and_none_where_nothing_is_to_be_explained() {
        let moments: Vec<i64> =
            (24 * 4..24 * 12).map(|quarter| FIRST * DAY_MS + quarter * HOUR_MS / 4 + 1).collect();
        for (clock, expected) in [
            ("+00:00", None),
            ("+03:00", Some(("+03:00", 24, 0))),
            ("-05:30", Some(("-05:30", 44, 0))),
            ("+05:45", Some(("+05:30", 46, 2))),
        ] {
            let found = proposed(&moments, &Clock::read(clock).unwrap());
            let found =
                found.as_ref().map(|(name, before, after)| (name.as_str(), *before, *after));
            assert_eq!(found, expected, "{clock}");
        }
    }

    #[test]
    fn what_is_lost_everywhere_alike_hides_no_clock() {
        let moments: Vec<i64> =
            (24 * 4..24 * 12).map(|quarter| FIRST * DAY_MS + quarter * HOUR_MS / 4 + 1).collect();
        let mut asked = compared(&moments, &Clock::fixed(180).unwrap());
        for line in &mut asked.lines {
            line.figures[0].1 *= 3;
        }
        let table = RateTable::default();
        let prices = Prices::new(1, Currency::USD, &table, BTreeMap::new());
        let book = Book::new(&asked, &prices).unwrap();
        let proposal = book.propose(&answers(&asked, &moments), &[]).unwrap();
        assert_eq!((proposal.clock.name().as_str(), proposal.after), ("+03:00", 0));
    }

    #[test]
    fn a_single_day_tells_no_clock() {
        let moments = [FIRST * DAY_MS + DAY_MS; 3];
        assert!(compared(&moments, &Clock::fixed(60).unwrap()).hour_asks().is_empty());
    }
}
