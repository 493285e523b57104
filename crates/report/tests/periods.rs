//! Periods against clock rules written down here, independently of the tz database.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::Field;
use model::query::{Period, PeriodWord, Query, TimeBucket};
use proptest::prelude::*;
use report::{Context, Planned, plan};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A zone by the rules in force from 2007 on.
#[derive(Clone, Copy, Debug)]
enum Rules {
    /// Last Sundays of March and October, 01:00 UTC.
    Berlin,
    /// Second Sunday of March and first of November, 02:00 local time.
    NewYork,
    /// 5 h 45 min all year.
    Kathmandu,
    /// First Sundays of April and October, 02:00 local time; half an hour.
    LordHowe,
}

impl Rules {
    const ALL: [Self; 4] = [Self::Berlin, Self::NewYork, Self::Kathmandu, Self::LordHowe];

    fn name(self) -> &'static str {
        match self {
            Self::Berlin => "Europe/Berlin",
            Self::NewYork => "America/New_York",
            Self::Kathmandu => "Asia/Kathmandu",
            Self::LordHowe => "Australia/Lord_Howe",
        }
    }

    /// Standard offset, offset of summer time, and when summer time begins and ends in a year (UTC).
    fn year(self, year: i64) -> (i64, i64, i64, i64) {
        let minutes = |minutes: i64| minutes * MINUTE_MS;
        match self {
            Self::Berlin => {
                let last = |month| sunday_from(year, month, 25) + HOUR_MS;
                (minutes(60), minutes(120), last(3), last(10))
            }
            Self::NewYork => {
                let begin = sunday_from(year, 3, 8) + 2 * HOUR_MS + minutes(300);
                let end = sunday_from(year, 11, 1) + 2 * HOUR_MS + minutes(240);
                (minutes(-300), minutes(-240), begin, end)
            }
            Self::Kathmandu => (minutes(345), minutes(345), 0, 0),
            Self::LordHowe => {
                let begin = sunday_from(year, 10, 1) + 2 * HOUR_MS - minutes(630);
                let end = sunday_from(year, 4, 1) + 2 * HOUR_MS - minutes(660);
                (minutes(630), minutes(660), begin, end)
            }
        }
    }

    fn offset(self, ms: i64) -> i64 {
        let (standard, summer, begin, end) = self.year(civil(ms.div_euclid(DAY_MS)).0);
        let is_summer = if begin < end { begin <= ms && ms < end } else { ms < end || begin <= ms };
        if is_summer { summer } else { standard }
    }

    fn local_day(self, ms: i64) -> i64 {
        (ms + self.offset(ms)).div_euclid(DAY_MS)
    }

    /// The first moment of a local day: the earliest at which the clock shows that day.
    fn midnight(self, day: i64) -> i64 {
        let mut ms = day * DAY_MS - 14 * HOUR_MS;
        while self.local_day(ms) < day {
            ms += 15 * MINUTE_MS;
        }
        ms
    }

    fn changes(self, year: i64) -> [i64; 2] {
        let (_, _, begin, end) = self.year(year);
        [begin, end]
    }
}

/// Unix milliseconds of the first Sunday on or after a date, midnight UTC.
fn sunday_from(year: i64, month: i64, day: i64) -> i64 {
    let mut day = days(year, month, day);
    while (day + 4).rem_euclid(7) != 0 {
        day += 1;
    }
    day * DAY_MS
}

fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let months: i64 = (1..month).map(|month| month_length(year, month)).sum();
    years + months + day - 1
}

/// Year, month and day of a day number, counted.
fn civil(mut day: i64) -> (i64, i64, i64) {
    let (mut year, mut month) = (1970, 1);
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    while day >= month_length(year, month) {
        day -= month_length(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

fn planned(period: Period, rules: Rules, now_ms: i64, first_event_ms: Option<i64>) -> Planned {
    let query =
        Query { period, tz: Some(rules.name().into()), ..serde_json::from_str("{}").unwrap() };
    let context = Context {
        workspace: 1,
        workspace_tz: "UTC".into(),
        currency: model::Currency::USD,
        now_ms,
        first_event_ms,
        uncounted: Vec::new(),
        export: false,
    };
    plan(&query, &context).unwrap()
}

/// The first day and the day behind the last, by the definition of each word.
fn expected_days(word: PeriodWord, today: i64, first: i64) -> (i64, i64) {
    let monday = (today - 6..=today).find(|day| (day + 3).rem_euclid(7) == 0).unwrap();
    let (year, month, _) = civil(today);
    let (last_year, last_month) = if month == 1 { (year - 1, 12) } else { (year, month - 1) };
    let this_month = days(year, month, 1);
    match word {
        PeriodWord::Today | PeriodWord::Last24Hours => (today, today + 1),
        PeriodWord::Yesterday => (today - 1, today),
        PeriodWord::Last7Days => (today - 6, today + 1),
        PeriodWord::Last14Days => (today - 13, today + 1),
        PeriodWord::Last30Days => (today - 29, today + 1),
        PeriodWord::ThisWeek => (monday, monday + 7),
        PeriodWord::LastWeek => (monday - 7, monday),
        PeriodWord::ThisMonth => (this_month, this_month + month_length(year, month)),
        PeriodWord::LastMonth => (days(last_year, last_month, 1), this_month),
        PeriodWord::All => (first, today + 1),
    }
}

const WORDS: [PeriodWord; 10] = [
    PeriodWord::Today,
    PeriodWord::Yesterday,
    PeriodWord::Last7Days,
    PeriodWord::Last14Days,
    PeriodWord::Last30Days,
    PeriodWord::ThisWeek,
    PeriodWord::LastWeek,
    PeriodWord::ThisMonth,
    PeriodWord::LastMonth,
    PeriodWord::All,
];

fn check_words(rules: Rules, now_ms: i64, first_event_ms: i64) {
    for word in WORDS {
        let plan = planned(Period::Word(word), rules, now_ms, Some(first_event_ms)).plan;
        let (today, first) = (rules.local_day(now_ms), rules.local_day(first_event_ms));
        let (from, to) = expected_days(word, today, first);
        let expected = (rules.midnight(from), rules.midnight(to));
        assert_eq!((plan.from_ms, plan.to_ms), expected, "{word:?} in {rules:?} at {now_ms}");
    }
    let plan = planned(Period::Word(PeriodWord::Last24Hours), rules, now_ms, None).plan;
    assert_eq!((plan.from_ms, plan.to_ms), (now_ms - DAY_MS, now_ms));
}

fn check_offsets(rules: Rules, period: Period) {
    let plan = planned(period, rules, 0, None).plan;
    let span = plan.to_ms - plan.from_ms;
    let changes = (2024..2031).flat_map(|year| rules.changes(year));
    let around = changes.flat_map(|at| [at - 1, at, at + 1, at + HOUR_MS / 2]);
    let spread = (0..50).map(|n| plan.from_ms + span * n / 50);
    for ms in around.chain(spread).filter(|ms| (plan.from_ms..plan.to_ms).contains(ms)) {
        assert_eq!(plan.zone.at(ms), rules.offset(ms), "{rules:?} at {ms}");
        assert_eq!(TimeBucket::of(Field::Day, ms, &plan.zone), Some(rules.local_day(ms)));
    }
}

#[test]
fn words_hold_around_every_change_of_the_clock() {
    for rules in Rules::ALL {
        for change in (2025..2030).flat_map(|year| rules.changes(year)).filter(|at| *at > 0) {
            for hours in [-49, -25, -24, -2, -1, 0, 1, 2, 23, 24, 25, 49, 24 * 6, 24 * 7, 24 * 29] {
                check_words(rules, change + hours * HOUR_MS, change - 100 * DAY_MS);
                check_words(rules, change + hours * HOUR_MS - 1, change - 100 * DAY_MS);
            }
        }
    }
}

#[test]
fn a_day_of_a_clock_change_is_shorter_or_longer() {
    for (rules, date, next, hours) in [
        (Rules::Berlin, "2026-03-29", "2026-03-30", 23.0),
        (Rules::Berlin, "2026-10-25", "2026-10-26", 25.0),
        (Rules::NewYork, "2026-03-08", "2026-03-09", 23.0),
        (Rules::NewYork, "2026-11-01", "2026-11-02", 25.0),
        (Rules::LordHowe, "2026-04-05", "2026-04-06", 24.5),
        (Rules::LordHowe, "2026-10-04", "2026-10-05", 23.5),
        (Rules::Kathmandu, "2026-10-25", "2026-10-26", 24.0),
    ] {
        let period = Period::Range { from: date.into(), to: next.into() };
        let plan = planned(period, rules, 0, None).plan;
        assert_eq!((plan.to_ms - plan.from_ms) as f64 / HOUR_MS as f64, hours, "{rules:?} {date}");
    }
}

proptest! {
    #[test]
    fn words_hold_at_any_moment(
        now_ms in 1_735_689_600_000i64..1_893_456_000_000,
        age_ms in 0..3 * 365 * DAY_MS,
        rules in prop::sample::select(Rules::ALL.to_vec()),
    ) {
        check_words(rules, now_ms, now_ms - age_ms);
    }

    #[test]
    fn offsets_are_right_at_every_moment_of_a_period(
        first_day in 19_723i64..21_000,
        length_days in 1i64..900,
        rules in prop::sample::select(Rules::ALL.to_vec()),
    ) {
        let date = |day| {
            let (year, month, day) = civil(day);
            format!("{year:04}-{month:02}-{day:02}")
        };
        check_offsets(rules, Period::Range { from: date(first_day), to: date(first_day + length_days) });
    }
}
