//! Time zones by name: the offsets from UTC that hold while clicks can exist.
//!
//! The tz database is the one built into the program, so that a click is routed alike on every
//! machine.

use crate::query::ZoneOffsets;
use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;

/// What to say about a name that is none.
pub(crate) const EXPECTED: &str = "expected an IANA name such as Europe/Berlin";

/// The first moment whose offset is exact: 1970-01-01T00:00:00Z, in Unix milliseconds.
const FIRST_MS: i64 = 0;

/// Behind the last moment whose offset is exact, 2200-01-01T00:00:00Z: click ids end in 2163.
const END_MS: i64 = 7_258_118_400_000;

/// Whether `name` is a zone of the tz database, in any case.
pub fn is_known(name: &str) -> bool {
    TimeZoneDatabase::bundled().get(name).is_ok()
}

/// The offsets of the zone `name`, from 1970 to 2200; `None` when there is no such zone.
pub fn offsets(name: &str) -> Option<ZoneOffsets> {
    let zone = TimeZoneDatabase::bundled().get(name).ok()?;
    let first = Timestamp::from_millisecond(FIRST_MS).ok()?;
    let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1000;
    let mut offsets = vec![(FIRST_MS, offset_ms(zone.to_offset(first)))];
    for transition in zone.following(first) {
        let at_ms = transition.timestamp().as_millisecond();
        if at_ms >= END_MS {
            break;
        }
        let offset = offset_ms(transition.offset());
        // Some transitions change the zone's abbreviation only.
        if offsets.last().is_some_and(|(_, before)| *before != offset) {
            offsets.push((at_ms, offset));
        }
    }
    ZoneOffsets::new(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_change_when_clocks_do() {
        const HOUR_MS: i64 = 3_600_000;
        /// 2026-10-25T01:00:00Z, when summer time ends in the European Union.
        const AUTUMN_MS: i64 = 1_792_890_000_000;
        let berlin = offsets("europe/berlin").unwrap();
        assert_eq!(berlin.at(AUTUMN_MS - 1), 2 * HOUR_MS);
        assert_eq!(berlin.at(AUTUMN_MS), HOUR_MS);
        assert_eq!(offsets("UTC"), ZoneOffsets::new(vec![(0, 0)]));
        assert!(offsets("Berlin").is_none() && !is_known("+02:00"));
    }
}
