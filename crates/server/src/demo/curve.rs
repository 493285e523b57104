//! When people click: the hours of a day, the days of a week, and a timeline of exactly so many clicks.

use super::random::{Random, Shares};

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// How lively each hour of the day is, local time: asleep at four, busy at lunch, on the sofa at nine.
const HOURS: [f64; 24] = [
    0.62, 0.42, 0.31, 0.26, 0.25, 0.32, 0.48, 0.70, 0.88, 0.98, 1.04, 1.10, 1.16, 1.12, 1.06, 1.05,
    1.08, 1.15, 1.26, 1.40, 1.52, 1.50, 1.28, 0.92,
];

/// Monday to Sunday.
const WEEKDAYS: [f64; 7] = [1.0, 0.97, 0.96, 0.98, 1.0, 1.06, 1.12];

/// How lively a moment is: 1 on average. `hour` runs from 0 to 24, `weekday` from 0 (Monday).
pub fn activity(hour: f64, weekday: usize) -> f64 {
    let hour = hour.rem_euclid(24.0);
    let (before, share) = (hour as usize, hour.fract());
    let at = |place: usize| HOURS[place % HOURS.len()];
    let level = at(before) * (1.0 - share) + at(before + 1) * share;
    level * WEEKDAYS[weekday % WEEKDAYS.len()]
}

/// Hour of the day and weekday (0 is Monday) of a local time in milliseconds since 1970.
pub fn local_hour(local_ms: i64) -> (f64, usize) {
    let day = local_ms.div_euclid(24 * HOUR_MS);
    let hour = local_ms.rem_euclid(24 * HOUR_MS) as f64 / HOUR_MS as f64;
    // 1970-01-01 was a Thursday.
    (hour, (day + 3).rem_euclid(7) as usize)
}

/// A click to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Its number, from 0.
    pub number: u64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Which stream of visitors it comes from.
    pub stream: usize,
}

/// So many clicks in order of time, each hour by its weights.
pub struct Timeline<'a> {
    start_ms: i64,
    clicks: u64,
    seed: u64,
    weights: &'a dyn Fn(usize) -> Vec<f64>,
    /// Clicks that come in front of the end of each hour.
    ends: Vec<u64>,
    hour: usize,
    number: u64,
    /// Moments of the current hour, the next one last.
    coming: Vec<Moment>,
}

impl<'a> Timeline<'a> {
    /// `clicks` over `hours` from `start_ms`; `weights` gives the weight of each stream in an hour.
    pub fn new(
        start_ms: i64,
        hours: usize,
        clicks: u64,
        seed: u64,
        weights: &'a dyn Fn(usize) -> Vec<f64>,
    ) -> Self {
        let hourly = Shares::new((0..hours).map(|hour| weights(hour).iter().sum::<f64>()));
        let ends =
            hourly.ends().iter().map(|end| (end / hourly.sum() * clicks as f64).round() as u64);
        let mut ends: Vec<u64> = ends.collect();
        if let Some(last) = ends.last_mut() {
            *last = clicks;
        }
        let mut timeline =
            Self { start_ms, clicks, seed, weights, ends, hour: 0, number: 0, coming: Vec::new() };
        timeline.open_hour();
        timeline
    }

    /// How many there are in all.
    pub fn clicks(&self) -> u64 {
        self.clicks
    }

    /// When the next one comes.
    pub fn peek(&self) -> Option<Moment> {
        self.coming.last().copied()
    }

    /// Takes the next one.
    pub fn pop(&mut self) -> Option<Moment> {
        let moment = self.coming.pop();
        if self.coming.is_empty() {
            self.open_hour();
        }
        moment
    }

    /// Makes the moments of the next hour that has any.
    fn open_hour(&mut self) {
        while self.coming.is_empty() && self.hour < self.ends.len() {
            let count = self.ends[self.hour].saturating_sub(self.number);
            let shares = Shares::new((self.weights)(self.hour));
            let mut random = Random::of(self.seed, STREAM, self.hour as u64);
            let from_ms = self.start_ms + self.hour as i64 * HOUR_MS;
            let mut times: Vec<i64> =
                (0..count).map(|_| from_ms + random.below(HOUR_MS as usize) as i64).collect();
            times.sort_unstable();
            let moments = (self.number..).zip(times);
            let mut coming: Vec<Moment> = moments
                .map(|(number, at_ms)| Moment { number, at_ms, stream: shares.draw(&mut random) })
                .collect();
            coming.reverse();
            self.coming = coming;
            self.number += count;
            self.hour += 1;
        }
    }
}

/// The generators of hours.
const STREAM: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_evening_is_busy_and_the_night_is_not() {
        for (quiet, busy) in [(4.0, 8.0), (8.0, 12.0), (12.0, 20.5), (23.9, 21.0)] {
            assert!(activity(quiet, 2) < activity(busy, 2), "{quiet} {busy}");
        }
        assert!((activity(23.999, 1) - activity(0.0, 1)).abs() < 0.01, "midnight is no step");
        let week: f64 =
            (0..7).flat_map(|day| (0..24).map(move |hour| activity(f64::from(hour), day))).sum();
        assert!((week / 168.0 - 0.92).abs() < 0.1, "about 1 on average: {}", week / 168.0);
    }

    #[test]
    fn local_hours_follow_the_calendar() {
        for (local_ms, hour, weekday) in [
            (0, 0.0, 3),
            (12 * HOUR_MS + HOUR_MS / 2, 12.5, 3),
            (4 * 24 * HOUR_MS, 0.0, 0),
            (-HOUR_MS, 23.0, 2),
        ] {
            assert_eq!(local_hour(local_ms), (hour, weekday), "{local_ms}");
        }
    }

    #[test]
    fn a_timeline_has_exactly_its_clicks_in_order_within_its_hours() {
        let weights = |hour: usize| vec![hour as f64, 1.0];
        for clicks in [0, 1, 7, 5000] {
            let mut timeline = Timeline::new(1_000, 24, clicks, 1, &weights);
            let mut moments = Vec::new();
            while let Some(moment) = timeline.peek() {
                assert_eq!(timeline.pop(), Some(moment));
                moments.push(moment);
            }
            assert_eq!(moments.len() as u64, clicks);
            assert!(moments.is_sorted_by_key(|m| (m.at_ms, m.number)));
            assert!(moments.iter().zip(0..).all(|(m, number)| m.number == number));
            assert!(moments.iter().all(|m| (1_000..1_000 + 24 * HOUR_MS).contains(&m.at_ms)));
        }
    }

    #[test]
    fn hours_and_streams_get_their_shares() {
        let weights = |hour: usize| vec![if hour < 12 { 1.0 } else { 3.0 }, 1.0];
        let mut timeline = Timeline::new(0, 24, 60_000, 5, &weights);
        let (mut early, mut first) = (0, 0);
        while let Some(moment) = timeline.pop() {
            early += u64::from(moment.at_ms < 12 * HOUR_MS);
            first += u64::from(moment.stream == 0);
        }
        assert_eq!(early, 20_000);
        assert!((first as f64 / 60_000.0 - 2.0 / 3.0).abs() < 0.01, "{first}");
    }
}
