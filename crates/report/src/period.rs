//! Which moments a period covers in a time zone.
//!
//! Every word is made of whole local days, but `last_24_hours`, which ends now. A week begins on
//! Monday (ISO 8601). `last_7_days` is today and the six days before it, `last_14_days` and
//! `last_30_days` alike; `all` begins with the day of the first event and ends with today.

use crate::error::{QueryError, excerpt};
use crate::zone::{END_MS, FIRST_MS, Zone};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::query::{Period, PeriodWord};

const DAY_MS: i64 = 86_400_000;

/// From a moment (inclusive) to another (exclusive), in Unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
}

/// The moments of `period` as seen at `now_ms`; `first_event_ms` is where `all` begins.
pub(crate) fn resolve(
    period: &Period,
    zone: &Zone,
    now_ms: i64,
    first_event_ms: Option<i64>,
) -> Result<Span, QueryError> {
    match period {
        Period::Word(word) => Ok(word_span(*word, zone, now_ms, first_event_ms)),
        Period::Range { from, to } => range(from, to, zone),
    }
}

fn word_span(word: PeriodWord, zone: &Zone, now_ms: i64, first_event_ms: Option<i64>) -> Span {
    let today = zone.date_at(now_ms);
    let tomorrow = shift(today, 1);
    let monday = shift(today, -i64::from(today.weekday().to_monday_zero_offset()));
    let month = today.first_of_month();
    let first = first_event_ms.map_or(today, |ms| zone.date_at(ms).min(today));
    let (from, to) = match word {
        PeriodWord::Last24Hours => {
            return Span { from_ms: now_ms.saturating_sub(DAY_MS), to_ms: now_ms };
        }
        PeriodWord::Today => (today, tomorrow),
        PeriodWord::Yesterday => (shift(today, -1), today),
        PeriodWord::Last7Days => (shift(today, -6), tomorrow),
        PeriodWord::Last14Days => (shift(today, -13), tomorrow),
        PeriodWord::Last30Days => (shift(today, -29), tomorrow),
        PeriodWord::ThisWeek => (monday, shift(monday, 7)),
        PeriodWord::LastWeek => (shift(monday, -7), monday),
        PeriodWord::ThisMonth => (month, shift(month.last_of_month(), 1)),
        PeriodWord::LastMonth => (shift(month, -1).first_of_month(), month),
        PeriodWord::All => (first, tomorrow),
    };
    Span { from_ms: zone.start_of(from), to_ms: zone.start_of(to) }
}

fn shift(date: Date, days: i64) -> Date {
    date.saturating_add(SignedDuration::from_hours(24 * days))
}

fn range(from: &str, to: &str, zone: &Zone) -> Result<Span, QueryError> {
    let from_ms = moment("period.from", from, zone)?;
    let to_ms = moment("period.to", to, zone)?;
    if from_ms >= to_ms {
        return Err(QueryError::EmptyPeriod { from: excerpt(from), to: excerpt(to) });
    }
    Ok(Span { from_ms, to_ms })
}

/// A date stands for its first moment in the zone. Fractions of a millisecond are rounded up: events
/// have whole ones, so both an inclusive and an exclusive bound keep their meaning.
fn moment(position: &'static str, text: &str, zone: &Zone) -> Result<i64, QueryError> {
    let wrong = || QueryError::Moment { position, text: excerpt(text) };
    let ms = if text.len() == "2026-11-22".len() {
        zone.start_of(text.parse().map_err(|_| wrong())?)
    } else {
        let timestamp: Timestamp = text.parse().map_err(|_| wrong())?;
        let nanoseconds = timestamp.as_nanosecond();
        (-((-nanoseconds).div_euclid(1_000_000))) as i64
    };
    if !(FIRST_MS..=END_MS).contains(&ms) {
        return Err(QueryError::MomentOutOfRange { position, text: excerpt(text) });
    }
    Ok(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(period: &Period, zone: &str, now: &str) -> (String, String) {
        let zone = Zone::named(zone).unwrap();
        let now_ms = now.parse::<Timestamp>().unwrap().as_millisecond();
        let span = resolve(period, &zone, now_ms, Some(now_ms - 40 * DAY_MS)).unwrap();
        (zone.print(span.from_ms), zone.print(span.to_ms))
    }

    #[test]
    fn words_cover_whole_local_days() {
        use PeriodWord::*;
        // A Wednesday in Berlin, still Tuesday in UTC.
        let now = "2026-11-24T23:30:00Z";
        for (word, from, to) in [
            (Today, "11-25", "11-26"),
            (Yesterday, "11-24", "11-25"),
            (Last7Days, "11-19", "11-26"),
            (Last14Days, "11-12", "11-26"),
            (ThisWeek, "11-23", "11-30"),
            (LastWeek, "11-16", "11-23"),
            (ThisMonth, "11-01", "12-01"),
        ] {
            let day = |day: &str| format!("2026-{day}T00:00:00+01:00");
            let expected = (day(from), day(to));
            assert_eq!(printed(&Period::Word(word), "Europe/Berlin", now), expected, "{word:?}");
        }
        // Across the end of summer time.
        for (word, from, to) in [
            (Last30Days, "2026-10-27T00:00:00+01:00", "2026-11-26T00:00:00+01:00"),
            (LastMonth, "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00"),
            (All, "2026-10-16T00:00:00+02:00", "2026-11-26T00:00:00+01:00"),
            (Last24Hours, "2026-11-24T00:30:00+01:00", "2026-11-25T00:30:00+01:00"),
        ] {
            let expected = (from.to_owned(), to.to_owned());
            assert_eq!(printed(&Period::Word(word), "Europe/Berlin", now), expected, "{word:?}");
        }
    }

    #[test]
    fn leap_years_have_their_day() {
        for (now, word, from, to) in [
            ("2028-02-29T12:00:00Z", PeriodWord::ThisMonth, "2028-02-01", "2028-03-01"),
            ("2028-03-01T12:00:00Z", PeriodWord::Yesterday, "2028-02-29", "2028-03-01"),
            ("2027-03-01T12:00:00Z", PeriodWord::Yesterday, "2027-02-28", "2027-03-01"),
            ("2100-03-01T12:00:00Z", PeriodWord::Yesterday, "2100-02-28", "2100-03-01"),
            ("2028-03-31T12:00:00Z", PeriodWord::LastMonth, "2028-02-01", "2028-03-01"),
            ("2028-01-01T12:00:00Z", PeriodWord::LastMonth, "2027-12-01", "2028-01-01"),
        ] {
            let day = |day: &str| format!("{day}T00:00:00Z");
            let (a, b) = printed(&Period::Word(word), "UTC", now);
            assert_eq!((a.replace("+00:00", "Z"), b.replace("+00:00", "Z")), (day(from), day(to)));
        }
    }

    #[test]
    fn ranges_are_dates_or_moments() {
        let zone = Zone::named("America/New_York").unwrap();
        let read = |from: &str, to: &str| {
            range(from, to, &zone).map(|span| (zone.print(span.from_ms), zone.print(span.to_ms)))
        };
        let both = |from: &str, to: &str| Ok((from.to_owned(), to.to_owned()));
        assert_eq!(
            read("2026-03-08", "2026-03-09"),
            both("2026-03-08T00:00:00-05:00", "2026-03-09T00:00:00-04:00")
        );
        assert_eq!(
            read("2026-03-08T07:00:00Z", "2026-03-08T14:00+01:00"),
            both("2026-03-08T03:00:00-04:00", "2026-03-08T09:00:00-04:00")
        );
        assert_eq!(
            read("2026-01-01T00:00:00.0001Z", "2026-01-02T00:00:00.123Z"),
            both("2025-12-31T19:00:00.001-05:00", "2026-01-01T19:00:00.123-05:00")
        );
    }

    #[test]
    fn what_is_no_period_names_the_bound() {
        let zone = Zone::named("UTC").unwrap();
        let position =
            |from: &str, to: &str| range(from, to, &zone).unwrap_err().position().to_owned();
        for text in
            ["", "yesterday", "2026-13-01", "2026-02-29", "22.11.2026", "2026-11-22T14:00", "1e9"]
        {
            assert_eq!(position(text, "2026-11-23"), "period.from", "{text}");
            assert_eq!(position("2026-01-01", text), "period.to", "{text}");
        }
        assert_eq!(position("2026-11-23", "2026-11-23"), "period");
        assert_eq!(position("2026-11-23", "2026-11-22"), "period");
        assert_eq!(position("0001-01-01", "2026-11-22"), "period.from");
        assert_eq!(position("2026-11-22", "9999-12-31"), "period.to");
    }
}
