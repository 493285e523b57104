//! How the buckets of the time fields print, and read back in a filter.
//!
//! | field | prints |
//! |---|---|
//! | `minute`, `hour` | `2026-11-22T14:05+01:00`, with the offset in force: a repeated hour stays two |
//! | `day` | `2026-11-22` |
//! | `week` | `2026-W47` (ISO 8601) |
//! | `month` | `2026-11` |
//! | `weekday`, `hour_of_day`, `weekday_hour` | the number of [`model::query::TimeBucket`], which sorts and filters; tables show `Mon`, `14`, `Mon 14` |

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{SignedDuration, Timestamp};
use model::Field;
use model::query::{Cell, ZoneOffsets};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// Days from 1970 to the ends of the calendar, about.
const DAYS_MAX: i64 = 2_900_000;

/// What may stand in a filter for a time field whose buckets print as text; `None` for other fields.
pub(crate) fn expected(field: Field) -> Option<&'static str> {
    Some(match field {
        Field::Minute => "the beginning of a minute such as 2026-11-22T14:05+01:00",
        Field::Hour => "the beginning of an hour such as 2026-11-22T14:00+01:00",
        Field::Day => "a date such as 2026-11-22",
        Field::Week => "an ISO week such as 2026-W47",
        Field::Month => "a month such as 2026-11",
        _ => return None,
    })
}

/// The bucket as it prints; cells that are no number of a bucket stay as they are.
pub(crate) fn print(field: Field, cell: &Cell, zone: &ZoneOffsets) -> Cell {
    let Cell::Int(number) = *cell else { return cell.clone() };
    match field {
        Field::Minute => Cell::Text(print_moment(number, MINUTE_MS, zone)),
        Field::Hour => Cell::Text(print_moment(number, HOUR_MS, zone)),
        Field::Day => Cell::Text(date_of(number).to_string()),
        Field::Week => {
            let week = date_of(number).iso_week_date();
            Cell::Text(format!("{:04}-W{:02}", week.year(), week.week()))
        }
        Field::Month => {
            Cell::Text(format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1))
        }
        _ => cell.clone(),
    }
}

/// The number of a bucket that is written as [`print`] prints it.
pub(crate) fn read(field: Field, text: &str, zone: &ZoneOffsets) -> Option<i64> {
    match field {
        Field::Minute => read_moment(text, MINUTE_MS, zone),
        Field::Hour => read_moment(text, HOUR_MS, zone),
        Field::Day if text.len() == 10 => text.parse().ok().map(day_of),
        Field::Week => {
            let (year, week) = text.split_once("-W")?;
            let week = ISOWeekDate::new(
                digits(year, 4)?,
                i8::try_from(digits(week, 2)?).ok()?,
                Weekday::Monday,
            );
            week.ok().map(|week| day_of(week.date()))
        }
        Field::Month => {
            let (year, month) = text.split_once('-')?;
            let (year, month) = (digits(year, 4)?, digits(month, 2)?);
            (1..=12).contains(&month).then(|| i64::from(year) * 12 + i64::from(month) - 1)
        }
        _ => None,
    }
}

/// `Mon` for 1 to `Sun` for 7.
pub(crate) fn weekday_name(number: i64) -> Option<&'static str> {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    names.get(usize::try_from(number - 1).ok()?).copied()
}

fn digits(text: &str, length: usize) -> Option<i16> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

pub(crate) fn date_of(day: i64) -> Date {
    EPOCH.saturating_add(SignedDuration::from_hours(24 * day.clamp(-DAYS_MAX, DAYS_MAX)))
}

pub(crate) fn day_of(date: Date) -> i64 {
    date.duration_since(EPOCH).as_hours() / 24
}

fn print_moment(start_ms: i64, length_ms: i64, zone: &ZoneOffsets) -> String {
    let offset_ms = offset_of(start_ms, length_ms, zone).unwrap_or_else(|| zone.at(start_ms));
    let local_ms = start_ms.saturating_add(offset_ms);
    let date = date_of(local_ms.div_euclid(DAY_MS));
    let minute = local_ms.rem_euclid(DAY_MS) / MINUTE_MS;
    let sign = if offset_ms < 0 { '-' } else { '+' };
    let offset = offset_ms.abs() / MINUTE_MS;
    let (hours, minutes) = (offset / 60, offset % 60);
    format!("{date}T{:02}:{:02}{sign}{hours:02}:{minutes:02}", minute / 60, minute % 60)
}

fn read_moment(text: &str, length_ms: i64, zone: &ZoneOffsets) -> Option<i64> {
    let ms = text.parse::<Timestamp>().ok()?.as_millisecond();
    offset_of(ms, length_ms, zone).map(|_| ms)
}

/// The offset under which `start_ms` begins a local minute or hour. When a clock change cuts an hour
/// (half an hour in Lord Howe), the moment at which the later part's hour would have begun lies
/// before the change: then the offset at the bucket's end is the one it was made with.
fn offset_of(start_ms: i64, length_ms: i64, zone: &ZoneOffsets) -> Option<i64> {
    let end_ms = start_ms.saturating_add(length_ms - 1);
    let aligned = |offset: &i64| start_ms.saturating_add(*offset).rem_euclid(length_ms) == 0;
    [zone.at(start_ms), zone.at(end_ms)].into_iter().find(aligned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::Zone;
    use model::query::TimeBucket;
    use proptest::prelude::*;

    const TEXT_FIELDS: [Field; 5] =
        [Field::Minute, Field::Hour, Field::Day, Field::Week, Field::Month];

    fn key(field: Field, moment: &str, zone: &str) -> String {
        let ms = moment.parse::<Timestamp>().unwrap().as_millisecond();
        let offsets = Zone::named(zone).unwrap().offsets(ms - DAY_MS, ms + DAY_MS);
        let number = TimeBucket::of(field, ms, &offsets).unwrap();
        match print(field, &Cell::Int(number), &offsets) {
            Cell::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_print_as_documented() {
        for (field, zone, moment, expected) in [
            (Field::Minute, "Europe/Berlin", "2026-11-22T13:05:59Z", "2026-11-22T14:05+01:00"),
            (Field::Hour, "Europe/Berlin", "2026-11-22T13:05:59Z", "2026-11-22T14:00+01:00"),
            (Field::Hour, "Asia/Kathmandu", "2026-11-22T13:05:59Z", "2026-11-22T18:00+05:45"),
            (Field::Hour, "America/New_York", "2026-11-22T03:05:59Z", "2026-11-21T22:00-05:00"),
            (Field::Day, "Europe/Berlin", "2026-11-22T23:30:00Z", "2026-11-23"),
            (Field::Week, "Europe/Berlin", "2026-11-22T22:30:00Z", "2026-W47"),
            (Field::Week, "UTC", "2027-01-03T22:30:00Z", "2026-W53"),
            (Field::Month, "Europe/Berlin", "2026-11-30T23:30:00Z", "2026-12"),
        ] {
            assert_eq!(key(field, moment, zone), expected);
        }
    }

    #[test]
    fn a_repeated_hour_stays_two() {
        let hour = |moment| key(Field::Hour, moment, "Europe/Berlin");
        assert_eq!(hour("2026-10-25T00:30:00Z"), "2026-10-25T02:00+02:00");
        assert_eq!(hour("2026-10-25T01:30:00Z"), "2026-10-25T02:00+01:00");
        // Half an hour: the local times 01:30 to 02:00 occur twice.
        let hour = |moment| key(Field::Hour, moment, "Australia/Lord_Howe");
        assert_eq!(hour("2026-04-04T14:45:00Z"), "2026-04-05T01:00+11:00");
        assert_eq!(hour("2026-04-04T15:15:00Z"), "2026-04-05T01:00+10:30");
        assert_eq!(hour("2026-10-03T15:45:00Z"), "2026-10-04T02:00+11:00");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let utc = ZoneOffsets::utc();
        for (field, text) in [
            (Field::Hour, "2026-11-22T14:05Z"),
            (Field::Hour, "14"),
            (Field::Day, "2026-02-29"),
            (Field::Day, "2026-11-22T00:00Z"),
            (Field::Week, "2025-W53"),
            (Field::Week, "2026-W+1"),
            (Field::Month, "2026-13"),
            (Field::Month, "2026-00"),
            (Field::Month, "-026-01"),
        ] {
            assert_eq!(read(field, text, &utc), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn printed_keys_read_back(
            ms in 1_704_067_200_000i64..2_000_000_000_000,
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
        ) {
            let offsets = Zone::named(zone).unwrap().offsets(ms - DAY_MS, ms + DAY_MS);
            for field in TEXT_FIELDS {
                let number = TimeBucket::of(field, ms, &offsets).unwrap();
                let Cell::Text(text) = print(field, &Cell::Int(number), &offsets) else { panic!() };
                prop_assert_eq!(read(field, &text, &offsets), Some(number), "{} {}", field, text);
            }
        }
    }
}
