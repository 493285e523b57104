//! The part of a trail that happened on pages.

use super::facts::texts;
use super::text::{amount, rfc3339};
use model::Field;
use model::event::{Row, RowKind};
use model::record::tag;
use serde::Serialize;

/// Something that a page reported, or the call in the background that belongs to a landing.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PageEntry {
    /// When, RFC 3339.
    pub at: String,
    /// Its record in the journal.
    pub sequence: u64,
    /// `view`, `page_event` or `joined`.
    pub kind: &'static str,
    /// Whether it counts as the click's lander view.
    pub counts: bool,
    /// What happened, by the name the page gave it.
    pub event: Option<String>,
    /// The page, without its query.
    pub page: Option<String>,
    /// The number that went with it, decimal text.
    pub value: Option<String>,
    /// The currency of an amount.
    pub currency: Option<String>,
    /// What the visitor said to being remembered.
    pub consent: Option<String>,
    /// The query that the other half of the click came with, as far as privacy keeps it.
    pub raw_query: Option<String>,
}

/// What happened on the pages of a click, in the order of time.
pub fn pages(rows: &[Row]) -> Vec<PageEntry> {
    let is_of_page =
        |row: &&Row| matches!(row.kind, RowKind::View | RowKind::PageEvent | RowKind::Joined);
    let mut rows: Vec<&Row> = rows.iter().filter(is_of_page).collect();
    rows.sort_by_key(|row| (row.event_ms, row.sequence));
    rows.into_iter().map(entry).collect()
}

fn entry(row: &Row) -> PageEntry {
    let facts = &row.facts;
    let text = |field| facts.text(field).map(str::to_owned);
    PageEntry {
        at: rfc3339(row.event_ms),
        sequence: row.sequence,
        kind: row.kind.as_str(),
        counts: row.kind == RowKind::View && row.count == 1,
        event: text(Field::Event),
        page: text(Field::LandingUrl),
        value: facts.int_at(tag::EVENT_VALUE).map(amount),
        currency: text(Field::Currency),
        consent: text(Field::Consent),
        raw_query: texts(facts, tag::RAW_QUERY).into_iter().next(),
    }
}
