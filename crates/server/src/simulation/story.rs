//! The rows of a click put together: the click itself, what it cost, and what came of it.

use model::Field;
use model::event::{Row, RowKind};
use model::record::tag;
use model::thing::{Revision, Status};

/// A click of a person, and what it brought.
#[derive(Clone, Debug)]
pub struct Story {
    /// The click; its facts have its key again.
    pub click: Row,
    /// Micro-units that it cost wherever it went.
    pub cost: i64,
    /// Micro-units that came of where it went: revenue, less what its conversions cost.
    pub revenue: i64,
}

impl Story {
    /// The configuration that routed it.
    pub fn revision(&self) -> Option<Revision> {
        self.click.facts.int(Field::Revision).and_then(|revision| Revision::try_from(revision).ok())
    }
}

/// Rows by click time on their way to stories: those of one click follow each other.
#[derive(Debug)]
pub struct Stories {
    include_pending: bool,
    /// The rows of the last click, which may not be all of them yet.
    open: Vec<Row>,
    told: Vec<Story>,
}

impl Stories {
    /// None yet.
    pub fn new(include_pending: bool) -> Self {
        Self { include_pending, open: Vec::new(), told: Vec::new() }
    }

    /// Adds the next row.
    pub fn add(&mut self, row: Row) {
        if self.open.first().is_some_and(|first| first.key != row.key) {
            self.close();
        }
        self.open.push(row);
    }

    /// What can be told by now; everything at the end.
    pub fn take(&mut self, is_end: bool) -> Vec<Story> {
        if is_end {
            self.close();
        }
        std::mem::take(&mut self.told)
    }

    fn close(&mut self) {
        let rows = std::mem::take(&mut self.open);
        let (mut cost, mut revenue) = (0i64, 0i64);
        for row in &rows {
            match row.kind {
                RowKind::Entry => {
                    let counted = if self.counts(row) { row.revenue } else { 0 };
                    revenue = revenue.saturating_add(counted).saturating_sub(row.cost);
                }
                _ => cost = cost.saturating_add(row.cost),
            }
        }
        let click = rows.into_iter().find(|row| row.kind == RowKind::Click);
        let person =
            click.filter(|row| !row.facts.flag(Field::Bot) && !row.facts.flag(Field::Test));
        self.told.extend(person.map(|mut click| {
            click.facts.push_int(tag::KEY, click.key.0);
            Story { click, cost, revenue }
        }));
    }

    /// Whether an entry is revenue, as reports count it.
    fn counts(&self, row: &Row) -> bool {
        let status = row.facts.text(Field::ConversionStatus).and_then(Status::from_word);
        let is_pending = self.include_pending && status == Some(Status::Pending);
        !row.facts.flag(Field::Test) && (status == Some(Status::Approved) || is_pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ClickKey;
    use model::facts::Facts;

    fn row(kind: RowKind, number: u16, cost: i64, revenue: i64, status: &str) -> Row {
        let mut facts = Facts::default();
        facts.set_text(Field::ConversionStatus, status);
        let key = ClickKey::new(1_795_390_200_000, 0, number);
        Row { kind, key, event_ms: 0, sequence: 1, count: 1, cost, revenue, facts }
    }

    fn told(rows: Vec<Row>, include_pending: bool) -> Vec<(i64, i64)> {
        let mut stories = Stories::new(include_pending);
        let mut told = Vec::new();
        for row in rows {
            stories.add(row);
            told.extend(stories.take(false));
        }
        told.extend(stories.take(true));
        told.iter().map(|story| (story.cost, story.revenue)).collect()
    }

    #[test]
    fn a_story_has_what_the_click_cost_and_what_came_of_it() {
        use RowKind::{Click, Entry, LanderClick};
        let rows = || {
            let mut bot = row(Click, 4, 9, 0, "");
            bot.facts.set_flag(Field::Bot, true);
            vec![
                row(Click, 1, 50, 0, ""),
                row(LanderClick, 1, 0, 0, ""),
                row(Entry, 1, 0, 700, "approved"),
                row(Entry, 1, 0, 300, "pending"),
                row(Entry, 1, 0, 200, "rejected"),
                row(Click, 2, 50, 0, ""),
                row(Entry, 3, 0, 100, "approved"),
                bot,
                row(Click, 5, 50, 0, ""),
                row(Entry, 5, 20, 700, "approved"),
                row(Entry, 5, 0, -700, "approved"),
            ]
        };
        assert_eq!(told(rows(), false), [(50, 700), (50, 0), (50, -20)]);
        assert_eq!(told(rows(), true), [(50, 1000), (50, 0), (50, -20)]);
    }
}
