//! Caps of offers: the window a moment lies in, and how much was taken within it.

use super::RoutingTable;
use crate::field::Field;
use crate::query::{TimeBucket, ZoneOffsets};
use crate::thing::{Cap, CapPer, ThingId};
use std::collections::HashMap;
use std::sync::Arc;

/// A cap, its zone made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CapRoute {
    /// As the operator wrote it.
    pub cap: Cap,
    /// Where its days begin.
    pub zone: Arc<ZoneOffsets>,
}

impl CapRoute {
    /// The window of a moment: the number of its local day, 0 where the cap never begins anew.
    pub fn window(&self, at_ms: i64) -> i64 {
        match self.cap.per {
            CapPer::Day => TimeBucket::of(Field::Day, at_ms, &self.zone).unwrap_or_default(),
            CapPer::Total => 0,
        }
    }
}

/// How much of their caps offers have taken, by offer and window. Never changed: ingest publishes a
/// new one behind each batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapCounts(HashMap<ThingId, HashMap<i64, i64>>);

impl CapCounts {
    /// How much `offer` has taken in a window.
    pub fn taken(&self, offer: ThingId, window: i64) -> i64 {
        self.0.get(&offer).and_then(|windows| windows.get(&window)).copied().unwrap_or_default()
    }

    /// Replaces what is known of an offer.
    pub fn set(&mut self, offer: ThingId, windows: HashMap<i64, i64>) {
        self.0.insert(offer, windows);
    }

    /// Adds to a window of an offer.
    pub fn add(&mut self, offer: ThingId, window: i64, amount: i64) {
        *self.0.entry(offer).or_default().entry(window).or_default() += amount;
    }

    /// Leaves out what `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(ThingId, i64) -> bool) {
        self.0.retain(|offer, windows| {
            windows.retain(|window, _| keep(*offer, *window));
            !windows.is_empty()
        });
    }

    /// Whether `offer` is over its cap at a moment.
    pub fn is_over(&self, table: &RoutingTable, offer: ThingId, at_ms: i64) -> bool {
        let cap = table.offer(offer).and_then(|offer| offer.cap.as_ref());
        cap.is_some_and(|cap| {
            let taken = self.taken(offer, cap.window(at_ms));
            u64::try_from(taken).is_ok_and(|taken| taken >= cap.cap.amount)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Things;
    use crate::thing::{CapOf, Offer, Thing};
    use crate::zone;

    const HOUR_MS: i64 = 3_600_000;

    fn table(per: CapPer) -> RoutingTable {
        let cap = Cap { of: CapOf::Clicks, per, amount: 2, time_zone: Some("Asia/Tokyo".into()) };
        let body = Offer { url: "https://a.example/".into(), cap: Some(cap), ..Offer::default() };
        let offer =
            Thing { id: 7, workspace: 1, name: "a".into(), revision: 1, archived: false, body };
        RoutingTable::new(&Things { offers: vec![offer], ..Things::default() })
    }

    #[test]
    fn a_daily_cap_begins_anew_at_midnight_of_its_own_zone() {
        let table = table(CapPer::Day);
        // 2026-11-22T14:59Z is a minute before midnight in Tokyo.
        let before = 20_779 * 24 * HOUR_MS + 15 * HOUR_MS - 60_000;
        let mut counts = CapCounts::default();
        let window = table.offer(7).unwrap().cap.as_ref().unwrap().window(before);
        counts.add(7, window, 1);
        assert!(!counts.is_over(&table, 7, before));
        counts.add(7, window, 1);
        assert!(counts.is_over(&table, 7, before));
        assert!(!counts.is_over(&table, 7, before + 60_000));
        assert!(!counts.is_over(&table, 8, before), "without a cap");
    }

    #[test]
    fn a_total_cap_never_begins_anew() {
        let table = table(CapPer::Total);
        let mut counts = CapCounts::default();
        counts.add(7, 0, 3);
        assert!(counts.is_over(&table, 7, 0) && counts.is_over(&table, 7, i64::MAX / 2));
        counts.add(7, 0, -2);
        assert!(!counts.is_over(&table, 7, 0), "a conversion was taken back");
        counts.retain(|offer, _| offer != 7);
        assert_eq!(counts, CapCounts::default());
    }

    #[test]
    fn days_follow_the_clock_changes_of_their_zone() {
        let cap = Cap {
            of: CapOf::Clicks,
            per: CapPer::Day,
            amount: 1,
            time_zone: Some("Europe/Berlin".into()),
        };
        let zone = Arc::new(zone::offsets("Europe/Berlin").unwrap());
        let cap = CapRoute { cap, zone };
        // 2026-10-25, the day summer time ends, has 25 hours: 22:00Z to 23:00Z of the next day.
        let begin = 1_792_879_200_000;
        assert_ne!(cap.window(begin - 1), cap.window(begin));
        assert_eq!(cap.window(begin), cap.window(begin + 25 * HOUR_MS - 1));
        assert_ne!(cap.window(begin), cap.window(begin + 25 * HOUR_MS));
    }
}
