//! Rows newest first, out of a store that exports them oldest first: windows of time, from the end.

use model::event::Row;
use model::query::TimeBasis;
use model::thing::ThingId;
use store::{Cursor, Events, ExportPage, StoreError};

/// Rows asked for at a time; a window with more of them is made smaller.
const WINDOW_ROWS_MAX: usize = 4096;

/// Rows looked at for one page: a filter that fits nothing must not read a whole year.
const ROWS_MAX: usize = 50_000;

/// The first window; each further one is four times as long.
const WINDOW_MS: i64 = 1000;

/// Which rows are looked through.
pub struct Search<'a> {
    /// Where they are.
    pub events: &'a dyn Events,
    /// Whose they are.
    pub workspace: ThingId,
    /// First moment, Unix milliseconds, inclusive.
    pub from_ms: i64,
    /// Behind the last moment, exclusive.
    pub to_ms: i64,
    /// Which time of a row counts.
    pub time: TimeBasis,
    /// The place behind the last row that was shown: its time, and how many rows of exactly that time
    /// were passed, counted from the newest.
    pub after: Option<Cursor>,
}

impl Search<'_> {
    /// At most `limit` rows that `keep` accepts, newest first, and where to go on. There may be a place
    /// to go on although the page is not full: then only that much was looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn page(
        &self,
        limit: usize,
        keep: impl Fn(&Row) -> bool,
    ) -> Result<(Vec<Row>, Option<Cursor>), StoreError> {
        let mut found: Vec<Row> = Vec::new();
        let mut full_at = None;
        let mut passed = self.after.unwrap_or(Cursor { time_ms: self.to_ms, shown: 0 });
        let mut end_ms =
            self.after.map_or(self.to_ms, |c| c.time_ms.saturating_add(1).min(self.to_ms));
        let (mut width_ms, mut looked_at, mut at) =
            (WINDOW_MS, 0, Cursor { time_ms: end_ms, shown: 0 });
        while end_ms > self.from_ms {
            let start_ms = end_ms.saturating_sub(width_ms).max(self.from_ms);
            let (rows, more) = self.window(start_ms, end_ms).await?;
            if more && end_ms - start_ms > 1 {
                width_ms = ((end_ms - start_ms) / 8).max(1);
                continue;
            }
            looked_at += rows.len();
            for row in rows.into_iter().rev() {
                let time_ms = self.time_of(&row);
                let shown = if time_ms == at.time_ms { at.shown + 1 } else { 1 };
                at = Cursor { time_ms, shown };
                let is_past = time_ms == passed.time_ms && shown <= passed.shown;
                if is_past || !keep(&row) {
                    continue;
                }
                if found.len() == limit {
                    return Ok((found, full_at));
                }
                found.push(row);
                full_at = Some(at);
            }
            end_ms = start_ms;
            if looked_at >= ROWS_MAX && end_ms > self.from_ms {
                passed = Cursor { time_ms: end_ms - 1, shown: 0 };
                return Ok((found, Some(passed)));
            }
            width_ms = width_ms.saturating_mul(4);
        }
        Ok((found, None))
    }

    /// The rows of a window, oldest first, and whether there are too many of them; never so for a
    /// single millisecond.
    async fn window(&self, start_ms: i64, end_ms: i64) -> Result<(Vec<Row>, bool), StoreError> {
        let mut all = Vec::new();
        let mut cursor = None;
        loop {
            let page = ExportPage { cursor, limit: WINDOW_ROWS_MAX };
            let export = self.events.export(self.workspace, start_ms, end_ms, self.time, page);
            let (rows, next) = export.await?;
            all.extend(rows);
            match next {
                None => return Ok((all, false)),
                Some(_) if end_ms - start_ms > 1 => return Ok((all, true)),
                next => cursor = next,
            }
        }
    }

    fn time_of(&self, row: &Row) -> i64 {
        match self.time {
            TimeBasis::Click => row.key.time_ms(),
            TimeBasis::Event => row.event_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::event::RowKind;
    use model::facts::Facts;
    use store::{Batch, MemoryEvents};

    const NOW_MS: i64 = 1_795_348_800_000;

    fn row(time_ms: i64, number: u16) -> Row {
        Row {
            kind: RowKind::Click,
            key: ClickKey::new(time_ms, 0, number),
            event_ms: time_ms,
            sequence: u64::from(number) + 1,
            count: 1,
            cost: 0,
            revenue: 0,
            facts: Facts::default(),
        }
    }

    async fn pages(events: &MemoryEvents, limit: usize, keep: fn(&Row) -> bool) -> Vec<ClickKey> {
        let (mut keys, mut after) = (Vec::new(), None);
        loop {
            let search = Search {
                events,
                workspace: 1,
                from_ms: NOW_MS - 40 * 86_400_000,
                to_ms: NOW_MS + 1,
                time: TimeBasis::Click,
                after,
            };
            let (rows, next) = search.page(limit, keep).await.unwrap();
            assert!(rows.len() <= limit);
            keys.extend(rows.iter().map(|row| row.key));
            match next {
                None => return keys,
                next => after = next,
            }
        }
    }

    #[tokio::test]
    async fn pages_hold_every_row_once_newest_first() {
        // Sparse days, a dense second with more rows than a window, and many rows of one millisecond.
        let sparse = (0..30).map(|day| row(NOW_MS - day * 86_400_000, 0));
        let dense = (0..9000).map(|n| row(NOW_MS - 5_000_000 + i64::from(n) / 10, n % 4096));
        let same = (0..40).map(|n| row(NOW_MS - 7, n));
        let rows: Vec<Row> = sparse.chain(dense).chain(same).collect();
        let mut expected: Vec<ClickKey> = rows.iter().map(|row| row.key).collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        let events = MemoryEvents::new();
        events.commit(Batch { after: 0, through: 1, rows, inbox: Vec::new() }).await.unwrap();
        assert_eq!(pages(&events, 17, |_| true).await, expected);
        assert_eq!(pages(&events, 10_000, |_| true).await, expected);
        let some = |row: &Row| row.key.0 % 3 == 0;
        expected.retain(|key| key.0 % 3 == 0);
        assert_eq!(pages(&events, 17, some).await, expected);
        assert_eq!(pages(&events, 17, |_| false).await, []);
    }
}
