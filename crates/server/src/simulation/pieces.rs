//! Which parts of a period are read: all of it, or the same share of each of many equal pieces.

/// Rows that a piece should have.
const ROWS: u64 = 4_000;

/// The most pieces: each costs a query.
const PIECES_MAX: u64 = 1_000;

/// Its multiples spread evenly between whole numbers, however many there are.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;

/// Spans of time, ascending. The same question reads the same ones.
#[derive(Clone, Debug)]
pub struct Pieces {
    from_ms: i64,
    to_ms: i64,
    count: i64,
    share: f64,
    next: i64,
}

impl Pieces {
    /// Of a period with so many rows, of which at most so many are read, more or less.
    pub fn new((from_ms, to_ms): (i64, i64), rows: u64, rows_max: u64) -> Self {
        let count = (rows / ROWS).clamp(1, PIECES_MAX) as i64;
        let share = if rows > rows_max { rows_max as f64 / rows as f64 } else { 1.0 };
        let length_ms = (to_ms - from_ms).max(1);
        Self { from_ms, to_ms, count: count.min(length_ms), share, next: 0 }
    }

    /// Which part of the time is read.
    pub fn share(&self) -> f64 {
        self.share
    }
}

impl Iterator for Pieces {
    type Item = (i64, i64);

    fn next(&mut self) -> Option<(i64, i64)> {
        if self.next == self.count {
            return None;
        }
        let length_ms = i128::from(self.to_ms) - i128::from(self.from_ms);
        let start = |piece: i64| {
            let offset = length_ms * i128::from(piece) / i128::from(self.count);
            self.from_ms + i64::try_from(offset).unwrap_or(i64::MAX)
        };
        let (from_ms, end_ms) = (start(self.next), start(self.next + 1));
        // Not at the same place of each: traffic has rhythms of its own.
        let place = (self.next as f64 * GOLDEN_RATIO).fract();
        self.next += 1;
        if self.share >= 1.0 {
            return Some((from_ms, end_ms));
        }
        let piece_ms = end_ms - from_ms;
        let read_ms = ((piece_ms as f64 * self.share).ceil() as i64).min(piece_ms);
        let start_ms = from_ms + ((piece_ms - read_ms) as f64 * place) as i64;
        Some((start_ms, start_ms + read_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_period_or_the_same_share_of_each() {
        for (period, rows) in [((0, 86_400_000), 0), ((-7, 12_345_678), 99_999), ((5, 6), 50_000)] {
            let pieces: Vec<_> = Pieces::new(period, rows, u64::MAX).collect();
            assert_eq!((pieces[0].0, pieces[pieces.len() - 1].1), period);
            assert!(pieces.windows(2).all(|two| two[0].1 == two[1].0), "{period:?}");
        }
        let pieces = Pieces::new((0, 10_000_000), 4_000_000, 1_000_000);
        assert_eq!(pieces.share(), 0.25);
        let read: Vec<_> = pieces.collect();
        assert_eq!((read.len(), read[0]), (1000, (0, 2_500)));
        for (piece, (from_ms, to_ms)) in (0..).zip(read) {
            assert_eq!(to_ms - from_ms, 2_500);
            assert!(from_ms >= piece * 10_000 && to_ms <= (piece + 1) * 10_000);
        }
    }
}
