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

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

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

/// The local day around a moment: from its first moment (inclusive) to that of the next (exclusive). Days follow each
/// other without a gap, whatever clocks do.
pub fn day_around(zone: &ZoneOffsets, ms: i64) -> (i64, i64) {
    let mut day = ms.saturating_add(zone.at(ms)).div_euclid(DAY_MS) + 1;
    while first_of(zone, day) > ms {
        day -= 1;
    }
    (first_of(zone, day), first_of(zone, day + 1))
}

/// The first moment at which it is that day or later: midnight, or the end of the gap that skips it.
fn first_of(zone: &ZoneOffsets, day: i64) -> i64 {
    let midnight_ms = day.saturating_mul(DAY_MS);
    let transitions = zone.transitions();
    let before = transitions.partition_point(|(from, _)| *from < midnight_ms - 2 * DAY_MS);
    let begin = before.saturating_sub(1);
    let near = transitions.get(begin..).unwrap_or_default();
    for (place, (from, offset)) in near.iter().enumerate() {
        // The first offset also holds before it.
        let from = if begin + place == 0 { i64::MIN } else { *from };
        let until = near.get(place + 1).map_or(i64::MAX, |(next, _)| *next);
        let first = (midnight_ms - offset).max(from);
        if first < until {
            return first;
        }
    }
    midnight_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn days_follow_each_other(
            name in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"]),
            ms in 1_000_000_000_000i64..2_000_000_000_000,
        ) {
            let zone = offsets(name).unwrap();
            let (from, to) = day_around(&zone, ms);
            prop_assert!((from..to).contains(&ms));
            prop_assert!((22 * 3_600_000..=26 * 3_600_000).contains(&(to - from)), "{} {}", from, to);
            prop_assert_eq!(day_around(&zone, to - 1), (from, to));
            prop_assert_eq!(day_around(&zone, to).0, to);
        }
    }

    #[test]
    fn a_day_begins_at_midnight_or_behind_the_gap_that_skips_it() {
        let sao_paulo = offsets("America/Sao_Paulo").unwrap();
        // 2015-10-18T01:00:00-02:00, the first moment of a day without midnight.
        let first_ms = 1_445_137_200_000;
        assert_eq!(day_around(&sao_paulo, first_ms).0, first_ms);
        assert_eq!(day_around(&ZoneOffsets::utc(), 86_400_001), (86_400_000, 172_800_000));
    }

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
