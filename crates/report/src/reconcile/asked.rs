//! What is compared, checked and typed, and the plans whose sums a store computes for it.

use super::cause::{Cause, Counted, Measure, Only, SHARES, Share, Side, Term, ours};
use super::clock::Clock;
use crate::error::excerpt;
use model::metric::{Counter, Metric, Selection, Sum};
use model::query::{Cell, Filter, FilterOp, FilterValue, Plan, TimeBasis};
use model::thing::{Status, ThingId};
use model::{Currency, Field};

/// The longest period that is compared, in days.
const DAYS_MAX: i64 = 400;

/// Whose figures are held against ours, by the number of the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Who sent the clicks.
    Source(ThingId),
    /// Who pays for conversions.
    Network(ThingId),
}

impl Party {
    pub(super) const fn side(self) -> Side {
        match self {
            Self::Source(_) => Side::Source,
            Self::Network(_) => Side::Network,
        }
    }

    fn filter(self) -> Filter {
        let (field, id) = match self {
            Self::Source(id) => (Field::Source, id),
            Self::Network(id) => (Field::Network, id),
        };
        is(field, Cell::Int(id.into()))
    }
}

/// On which days a party counts, and whether by the click or by the event.
#[derive(Clone, Debug)]
pub struct View {
    /// Its days.
    pub clock: Clock,
    /// Which time of a row falls on them.
    pub time: TimeBasis,
}

/// A line of their totals. Figures of several lines with one key add up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TheirLine {
    /// Where it stands in what was sent, from 1.
    pub line: u64,
    /// Values of [`Asked::by`]: days as days since 1970, things by number (or as text where there is none).
    pub key: Vec<Cell>,
    /// Counts, and amounts in micro-units of the currency.
    pub figures: Vec<(Measure, i128)>,
    /// Of its amounts.
    pub currency: Currency,
}

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose rows.
    pub workspace: ThingId,
    /// Of our amounts.
    pub currency: Currency,
    /// With whom.
    pub party: Party,
    /// What lines are told apart by; of time fields only `day`.
    pub by: Vec<Field>,
    /// From a day (inclusive) to another (exclusive), as days since 1970, each party's own.
    pub days: (i64, i64),
    /// How we count.
    pub ours: View,
    /// How they count.
    pub theirs: View,
    /// Further conditions on our rows.
    pub filter: Vec<Filter>,
    /// What is compared, in the order of [`Measure::ALL`].
    pub measures: Vec<Measure>,
    /// What theirs hold.
    pub counted: Counted,
    /// Conversion types whose conversions are in no figure of conversions.
    pub uncounted: Vec<String>,
    /// Their totals.
    pub lines: Vec<TheirLine>,
    /// Whether every figure is to come with the questions that show its rows.
    pub expand: bool,
}

/// Why totals cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// A field that lines cannot be told apart by.
    #[error("`by`: lines cannot be told apart by `{0}`; of time fields only by `day`")]
    By(Field),
    /// A field asked for twice.
    #[error("`by`: `{0}` is there twice")]
    Repeated(Field),
    /// More days than are compared at a time.
    #[error("`days`: {days} days are too many at a time; send at most {DAYS_MAX}")]
    Days {
        /// How many were sent.
        days: i64,
    },
    /// Amounts that cannot be held against ours.
    #[error("line {line}: there is no rate from {from} to {to} on that day")]
    NoRate {
        /// The line of theirs.
        line: u64,
        /// Their currency.
        from: Currency,
        /// Ours.
        to: Currency,
    },
}

/// A plan, and what its counters stand for.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What a store has to compute.
    pub plan: Plan,
    pub(super) of: Basis,
    pub(super) slots: Vec<Slot>,
}

/// In whose view sums were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    Ours,
    /// Our days, their time.
    Between,
    Theirs,
    /// As theirs, each currency by itself: the last value of the key.
    Currencies,
    /// Whole hours of UTC.
    Hours,
    /// Hours from half past to half past.
    HalfHours,
}

/// Counters with conditions in common.
type Group = (&'static [Only], Vec<(Slot, Counter)>);

/// What a counter sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Ours(Measure),
    /// Place in [`SHARES`].
    Share(usize),
    Money(Status, Sum),
}

impl Asked {
    /// Checks what lines are told apart by.
    ///
    /// # Errors
    /// A field that cannot tell lines apart, or that is there twice.
    pub fn check_by(by: &[Field]) -> Result<(), ReconcileError> {
        for (place, field) in by.iter().enumerate() {
            let is_time = field.row().group == model::field::Group::Time;
            if (is_time && *field != Field::Day) || *field == Field::ClickId {
                return Err(ReconcileError::By(*field));
            }
            if by[..place].contains(field) {
                return Err(ReconcileError::Repeated(*field));
            }
        }
        Ok(())
    }

    /// Checks how much there is to compare.
    ///
    /// # Errors
    /// Too many days.
    pub fn check_days(&self) -> Result<(), ReconcileError> {
        let days = self.days.1 - self.days.0;
        if days > DAYS_MAX { Err(ReconcileError::Days { days }) } else { Ok(()) }
    }

    pub(super) fn is_daily(&self) -> bool {
        self.by.contains(&Field::Day)
    }

    /// Where the day stands in a key.
    pub(super) fn day_place(&self) -> Option<usize> {
        self.by.iter().position(|field| *field == Field::Day)
    }

    /// The day of a key; the first of all where lines have none.
    pub(super) fn day_of(&self, key: &[Cell]) -> i64 {
        match self.day_place().and_then(|place| key.get(place)) {
            Some(Cell::Int(day)) => *day,
            _ => self.days.0,
        }
    }

    pub(super) fn clocks_differ(&self) -> bool {
        self.ours.clock.name() != self.theirs.clock.name()
    }

    pub(super) fn times_differ(&self) -> bool {
        self.ours.time != self.theirs.time
    }

    /// Our days, counted by their time.
    pub(super) fn between(&self) -> View {
        View { clock: self.ours.clock.clone(), time: self.theirs.time }
    }

    /// The causes of this party's measures, with their places in the table.
    pub(super) fn shares(&self) -> impl Iterator<Item = (usize, &'static Share)> + '_ {
        let side = self.party.side();
        SHARES.iter().enumerate().filter(move |(_, share)| {
            share.side.is_none_or(|of| of == side) && self.measures.contains(&share.measure)
        })
    }

    /// How much of a cause goes from our figure to theirs.
    pub(super) fn sign(&self, share: &Share) -> i128 {
        let theirs = self.counted.holds(share.measure, share.cause);
        i128::from(theirs) - i128::from(share.ours)
    }

    /// The plans whose answers a [`super::Book`] takes.
    pub fn asks(&self) -> Vec<Ask> {
        let mut asks = Vec::new();
        let is_apart = self.clocks_differ() || self.times_differ();
        let mut base: Vec<(Slot, Term)> = Vec::new();
        for measure in &self.measures {
            let terms = ours(*measure, self.party.side());
            base.extend(terms.iter().map(|term| (Slot::Ours(*measure), *term)));
        }
        let shares = self.shares().map(|(place, share)| (Slot::Share(place), share.term));
        let mut full = base.clone();
        full.extend(shares);
        let first = if is_apart { &base } else { &full };
        self.ask(&mut asks, Basis::Ours, &self.ours, &self.by, first, &[]);
        if self.clocks_differ() && self.times_differ() {
            self.ask(&mut asks, Basis::Between, &self.between(), &self.by, &base, &[]);
        }
        if is_apart {
            self.ask(&mut asks, Basis::Theirs, &self.theirs, &self.by, &full, &[]);
        }
        if self.measures.contains(&Measure::Revenue) {
            asks.push(self.currencies());
        }
        asks
    }

    /// One plan for each set of conditions among the terms.
    fn ask(
        &self,
        asks: &mut Vec<Ask>,
        of: Basis,
        view: &View,
        by: &[Field],
        terms: &[(Slot, Term)],
        further: &[Filter],
    ) {
        let mut groups: Vec<Group> = Vec::new();
        for (slot, term) in terms {
            let Some(counter) = counter(term.metric) else { continue };
            let place = groups.iter().position(|(only, _)| *only == term.only);
            let place = place.unwrap_or_else(|| {
                groups.push((term.only, Vec::new()));
                groups.len() - 1
            });
            groups[place].1.push((*slot, counter.counting(&self.uncounted)));
        }
        for (only, counters) in groups {
            let (slots, counters) = counters.into_iter().unzip();
            let mut plan = self.plan(view, by, counters);
            plan.filter.extend(only.iter().copied().map(filter_of));
            plan.filter.extend(further.iter().cloned());
            asks.push(Ask { plan, of, slots });
        }
    }

    pub(super) fn plan(&self, view: &View, by: &[Field], counters: Vec<Counter>) -> Plan {
        let (from_ms, to_ms) = (view.clock.start_of(self.days.0), view.clock.start_of(self.days.1));
        Plan {
            workspace: self.workspace,
            from_ms,
            to_ms,
            time: view.time,
            zone: view.clock.offsets(from_ms, to_ms),
            by: by.to_vec(),
            counters,
            filter: self.conditions(),
            median: false,
        }
    }

    /// What our rows must meet, whatever line they are of.
    pub fn conditions(&self) -> Vec<Filter> {
        [self.party.filter()].into_iter().chain(self.filter.iter().cloned()).collect()
    }

    /// The sums of amounts as they were received, by status.
    fn currencies(&self) -> Ask {
        let by: Vec<Field> = self.by.iter().copied().chain([Field::Currency]).collect();
        let (mut slots, mut counters) = (Vec::new(), Vec::new());
        for (status, statuses) in STATUSES {
            for sum in [Sum::Revenue, Sum::Received, Sum::Apart] {
                let selection = Selection::entries(statuses, sum);
                slots.push(Slot::Money(status, sum));
                counters.push(Counter::of(selection));
            }
        }
        Ask { plan: self.plan(&self.theirs, &by, counters), of: Basis::Currencies, slots }
    }

    /// Plans of sums by the hour, on the days of theirs and those around them, of everything that their figure of
    /// `measure` holds.
    pub(super) fn hours(&self, measure: Measure, further: &[Filter]) -> Vec<Ask> {
        const MARGIN_DAYS: i64 = 1;
        let wide =
            Self { days: (self.days.0 - MARGIN_DAYS, self.days.1 + MARGIN_DAYS), ..self.clone() };
        let terms = ours(measure, self.party.side()).iter();
        let mut terms: Vec<_> = terms.map(|term| (Slot::Ours(measure), *term)).collect();
        let shares = self.shares().filter(|(_, share)| share.measure == measure);
        terms.extend(
            shares
                .filter(|(_, share)| self.sign(share) != 0)
                .map(|(place, share)| (Slot::Share(place), share.term)),
        );
        let mut asks = Vec::new();
        for (of, minutes) in [(Basis::Hours, 0), (Basis::HalfHours, 30)] {
            let Some(clock) = Clock::fixed(minutes) else { continue };
            let view = View { clock, time: self.theirs.time };
            wide.ask(&mut asks, of, &view, &[Field::Hour], &terms, further);
        }
        asks
    }

    /// Whether theirs hold conversions of a status.
    pub(super) fn holds_status(&self, status: Status) -> bool {
        let cause = match status {
            Status::Approved => return true,
            Status::Pending => Cause::Pending,
            Status::Rejected => Cause::Rejected,
            Status::Chargeback => Cause::Chargebacks,
        };
        self.counted.holds(Measure::Revenue, cause)
    }
}

const STATUSES: [(Status, &[Status]); 4] = [
    (Status::Pending, &[Status::Pending]),
    (Status::Approved, &[Status::Approved]),
    (Status::Rejected, &[Status::Rejected]),
    (Status::Chargeback, &[Status::Chargeback]),
];

fn counter(metric: &str) -> Option<Counter> {
    metric.parse::<Metric>().ok()?.counter()
}

pub(super) fn is(field: Field, cell: Cell) -> Filter {
    Filter { field, op: FilterOp::Is, value: FilterValue::One(cell) }
}

pub(super) fn filter_of(only: Only) -> Filter {
    match only {
        Only::With(field) => is(field, Cell::Bool(true)),
        Only::Without(field) => is(field, Cell::Bool(false)),
        Only::HasNo(field) => is(field, Cell::Null),
        Only::Has(field) => {
            Filter { field, op: FilterOp::IsNot, value: FilterValue::One(Cell::Null) }
        }
    }
}

impl ReconcileError {
    /// The place in the request.
    pub fn position(&self) -> String {
        match self {
            Self::By(_) | Self::Repeated(_) => "by".to_owned(),
            Self::Days { .. } => "from".to_owned(),
            Self::NoRate { line, .. } => excerpt(&format!("line {line}, column `currency`")),
        }
    }
}
