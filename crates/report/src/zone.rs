//! A time zone by its name: local dates, their first moments, and the offsets over a period.
//!
//! The tz database is the one built into the program, so that a report does not depend on the
//! machine it is made on.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use model::query::ZoneOffsets;

/// The first moment a period may touch: 1970-01-01T00:00:00Z, in Unix milliseconds.
pub(crate) const FIRST_MS: i64 = 0;

/// Behind the last moment a period may touch: 2200-01-01T00:00:00Z, in Unix milliseconds. It bounds
/// the number of offsets a plan can have; click ids end in 2163.
pub(crate) const END_MS: i64 = 7_258_118_400_000;

/// A zone of the tz database.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    name: String,
    rules: TimeZone,
}

impl Zone {
    /// The zone of an IANA name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let rules = TimeZoneDatabase::bundled().get(name).ok()?;
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Some(Self { name, rules })
    }

    /// Its name as the database spells it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The local date at a moment.
    pub(crate) fn date_at(&self, ms: i64) -> Date {
        self.rules.to_datetime(timestamp(ms)).date()
    }

    /// The first moment of a local date: midnight, or the end of the gap where a clock change skips
    /// midnight. A date at the very end of the calendar has none and is later than any moment.
    pub(crate) fn start_of(&self, date: Date) -> i64 {
        let midnight = self.rules.to_timestamp(date.at(0, 0, 0, 0));
        midnight.map_or(i64::MAX, Timestamp::as_millisecond)
    }

    /// The offsets that hold from `from_ms` to `to_ms` (exclusive).
    pub(crate) fn offsets(&self, from_ms: i64, to_ms: i64) -> ZoneOffsets {
        let from = timestamp(from_ms);
        let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
        let mut offsets = vec![(from_ms, offset_ms(self.rules.to_offset(from)))];
        for transition in self.rules.following(from) {
            let (at_ms, offset) =
                (transition.timestamp().as_millisecond(), offset_ms(transition.offset()));
            if at_ms >= to_ms {
                break;
            }
            // Some transitions change the zone's abbreviation only.
            if offsets.last().is_some_and(|(_, before)| *before != offset) {
                offsets.push((at_ms, offset));
            }
        }
        #[expect(clippy::expect_used, reason = "the list has a first element and ascends")]
        ZoneOffsets::new(offsets).expect("offsets ascend")
    }

    /// A moment in RFC 3339 with the zone's offset.
    pub(crate) fn print(&self, ms: i64) -> String {
        let moment = timestamp(ms);
        moment.display_with_offset(self.rules.to_offset(moment)).to_string()
    }
}

/// The moment, moved into the years that periods may touch.
fn timestamp(ms: i64) -> Timestamp {
    // In these bounds the conversion cannot fail.
    Timestamp::from_millisecond(ms.clamp(FIRST_MS, END_MS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_tz_database() {
        assert_eq!(Zone::named("europe/berlin").unwrap().name(), "Europe/Berlin");
        assert_eq!(Zone::named("UTC").unwrap().name(), "UTC");
        for name in ["", "Berlin", "CET+1", "+02:00", "../etc/passwd", "Local"] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_begins_after_the_gap() {
        let zone = Zone::named("America/Sao_Paulo").unwrap();
        let start_ms = zone.start_of(Date::constant(2015, 10, 18));
        assert_eq!(zone.print(start_ms), "2015-10-18T01:00:00-02:00");
    }

    #[test]
    fn offsets_are_those_within_the_period() {
        const HOUR_MS: i64 = 3_600_000;
        /// 2026-10-25T01:00:00Z, when summer time ends in the European Union.
        const AUTUMN_MS: i64 = 1_792_890_000_000;
        let zone = Zone::named("Europe/Berlin").unwrap();
        let (from, to) = (AUTUMN_MS - HOUR_MS, AUTUMN_MS + HOUR_MS);
        assert_eq!(
            zone.offsets(from, to).transitions(),
            [(from, 2 * HOUR_MS), (AUTUMN_MS, HOUR_MS)]
        );
        assert_eq!(zone.offsets(from, AUTUMN_MS).transitions(), [(from, 2 * HOUR_MS)]);
        assert_eq!(zone.offsets(AUTUMN_MS, to).transitions(), [(AUTUMN_MS, HOUR_MS)]);
    }

    #[test]
    fn no_period_has_more_offsets_than_a_plan_can_carry() {
        for name in TimeZoneDatabase::bundled().available() {
            let zone = Zone::named(name.as_str()).unwrap();
            assert!(zone.offsets(FIRST_MS, END_MS).transitions().len() < 1000, "{}", zone.name());
        }
    }
}
