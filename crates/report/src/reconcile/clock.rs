//! Whose days: a zone of the tz database, or a fixed offset from UTC.

use crate::time_key::{date_of, day_of};
use crate::zone::Zone;
use model::query::ZoneOffsets;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// The farthest offsets from UTC that any place on Earth has, in minutes.
pub(super) const OFFSETS_MINUTES: (i64, i64) = (-12 * 60, 14 * 60);

/// A way to tell days.
#[derive(Clone, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Named(Zone),
    /// Minutes to add to UTC.
    Fixed(i64),
}

impl Clock {
    /// A name of the tz database such as `America/New_York`, or an offset such as `+03:00`, `-5`, `UTC+5:30`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(zone) = Zone::named(text) {
            return Some(Self(Kind::Named(zone)));
        }
        let offset = text.strip_prefix("UTC").or(text.strip_prefix("GMT")).unwrap_or(text);
        let (sign, rest) = match offset.as_bytes().first()? {
            b'+' => (1, &offset[1..]),
            b'-' => (-1, &offset[1..]),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "00"));
        let number = |text: &str, length: std::ops::RangeInclusive<usize>| {
            let is_plain = text.bytes().all(|b| b.is_ascii_digit()) && length.contains(&text.len());
            text.parse::<i64>().ok().filter(|_| is_plain)
        };
        let minutes = number(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
        Self::fixed(sign * (number(hours, 1..=2)? * 60 + minutes))
    }

    /// A fixed offset, where a place may have it.
    pub fn fixed(minutes: i64) -> Option<Self> {
        let (least, most) = OFFSETS_MINUTES;
        (least..=most).contains(&minutes).then_some(Self(Kind::Fixed(minutes)))
    }

    /// Its name, as it is read.
    pub fn name(&self) -> String {
        match &self.0 {
            Kind::Named(zone) => zone.name().to_owned(),
            Kind::Fixed(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.abs();
                format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }

    /// The first moment of a day (days since 1970-01-01), Unix milliseconds.
    pub fn start_of(&self, day: i64) -> i64 {
        match &self.0 {
            Kind::Named(zone) => zone.start_of(date_of(day)),
            Kind::Fixed(minutes) => day * DAY_MS - minutes * MINUTE_MS,
        }
    }

    /// The day of a moment.
    pub fn day_at(&self, ms: i64) -> i64 {
        match &self.0 {
            Kind::Named(zone) => day_of(zone.date_at(ms)),
            Kind::Fixed(minutes) => (ms + minutes * MINUTE_MS).div_euclid(DAY_MS),
        }
    }

    /// The offsets that hold from a moment to another.
    pub(super) fn offsets(&self, from_ms: i64, to_ms: i64) -> ZoneOffsets {
        match &self.0 {
            Kind::Named(zone) => zone.offsets(from_ms, to_ms),
            Kind::Fixed(minutes) => ZoneOffsets::new(vec![(i64::MIN, minutes * MINUTE_MS)])
                .unwrap_or_else(ZoneOffsets::utc),
        }
    }

    /// A moment in RFC 3339 with the clock's offset.
    pub(super) fn print(&self, ms: i64) -> String {
        match &self.0 {
            Kind::Named(zone) => zone.print(ms),
            Kind::Fixed(minutes) => {
                let day = self.day_at(ms);
                let seconds = (ms + minutes * MINUTE_MS).rem_euclid(DAY_MS) / 1000;
                let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                let (date, offset) = (date_of(day), self.name());
                format!("{date}T{hour:02}:{minute:02}:{second:02}{offset}")
            }
        }
    }

    /// The name under which a report knows the clock.
    pub(super) fn report_tz(&self) -> String {
        match &self.0 {
            Kind::Named(zone) => zone.name().to_owned(),
            Kind::Fixed(_) => "UTC".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_zones_or_offsets() {
        for (text, name) in [
            ("europe/berlin", "Europe/Berlin"),
            ("UTC", "UTC"),
            ("+03:00", "+03:00"),
            ("-5", "-05:00"),
            ("UTC+5:30", "+05:30"),
            ("GMT-3", "-03:00"),
            ("+14:00", "+14:00"),
        ] {
            assert_eq!(
                Clock::read(text).map(|clock| clock.name()).as_deref(),
                Some(name),
                "{text}"
            );
        }
        for text in ["", "Berlin", "+15", "-12:30", "+3:5", "+03:60", "3", "++3", "+"] {
            assert!(Clock::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn days_begin_where_the_clock_says() {
        // 2026-11-22 is day 20,779.
        for (clock, start) in [
            ("UTC", "2026-11-22T00:00:00+00:00"),
            ("+03:00", "2026-11-22T00:00:00+03:00"),
            ("-05:30", "2026-11-22T00:00:00-05:30"),
            ("Europe/Berlin", "2026-11-22T00:00:00+01:00"),
        ] {
            let clock = Clock::read(clock).unwrap();
            let start_ms = clock.start_of(20_779);
            assert_eq!(clock.print(start_ms), start);
            assert_eq!((clock.day_at(start_ms), clock.day_at(start_ms - 1)), (20_779, 20_778));
        }
    }
}
