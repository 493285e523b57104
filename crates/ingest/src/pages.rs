//! Step *pages*: what happened on pages, and the second halves of clicks that two announced, get the fields of their
//! click.
//!
//! A lander is viewed once per click. Where a redirect led to one, or a page reported the landing, the click's own row
//! counts; else the first view that a page reports does.

use crate::draft::{Arrival, Draft};
use crate::run::Context;
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::field::FIELD_TAG_END;
use model::record::{Record, RecordKind, tag};
use model::route;

/// The event that says that a page was seen.
const VIEW: &str = "view";

/// Of a page's own fields, those that say more than the click's.
const OWN: [u16; 6] = [
    Field::LandingUrl.tag(),
    Field::Event.tag(),
    Field::Consent.tag(),
    Field::Currency.tag(),
    Field::Bot.tag(),
    Field::BotReason.tag(),
];

/// Makes the rows.
pub fn project(draft: &mut Draft, _: &Context) {
    for Arrival { sequence, record } in draft.take(&[RecordKind::Page, RecordKind::Joined]) {
        let Some(key) = record.key() else {
            tracing::error!(sequence, "page event without a click key left out");
            continue;
        };
        let of = (record.workspace(), key);
        let kind = kind_of(&record);
        let counts = match kind {
            RowKind::View => !draft.known.is_viewed(of, sequence),
            kind => kind == RowKind::PageEvent,
        };
        let mut facts = match kind {
            RowKind::Joined => half(&record),
            _ => event(&record, draft.known.click(of, sequence).map(|click| &click.facts)),
        };
        facts.remove(Field::Viewed.tag());
        facts.set_flag(Field::Viewed, kind == RowKind::View && counts);
        let (event_ms, count) = (record.at_ms(), i64::from(counts));
        draft.keep(Row { kind, key, event_ms, sequence, count, cost: 0, revenue: 0, facts });
    }
}

fn kind_of(record: &Record) -> RowKind {
    let facts = &record.facts;
    let is_view = match record.kind {
        RecordKind::Joined => facts.text(Field::Kind) == Some(route::DIRECT),
        _ => facts.text(Field::Event) == Some(VIEW),
    };
    match (is_view, record.kind) {
        (true, _) => RowKind::View,
        (false, RecordKind::Joined) => RowKind::Joined,
        (false, _) => RowKind::PageEvent,
    }
}

/// All that the second half of a click said. Its cost is the click's already.
fn half(record: &Record) -> Facts {
    let mut facts = Facts::for_click();
    facts.extend(&record.facts, |t| !becomes_column(t) && !is_cost(t));
    facts
}

/// The fields of the click, so that views and clicks are counted under the same; then what is its own.
fn event(record: &Record, click: Option<&Facts>) -> Facts {
    let own = &record.facts;
    let mut facts = Facts::for_click();
    let is_own = |t: u16| OWN.contains(&t) && own.get(t).is_some();
    facts.extend(own, |t| is_own(t) || (t >= FIELD_TAG_END && !becomes_column(t) && !is_cost(t)));
    if let Some(click) = click {
        facts.extend(click, |t| t < FIELD_TAG_END && !is_own(t));
    }
    let lacking: Vec<u16> = own
        .iter()
        .map(|(t, _)| t)
        .filter(|t| *t < FIELD_TAG_END && facts.get(*t).is_none())
        .collect();
    facts.extend(own, |t| lacking.contains(&t));
    facts
}

fn becomes_column(t: u16) -> bool {
    [tag::KEY, tag::AT, tag::LANDING_NUMBER].contains(&t)
}

fn is_cost(t: u16) -> bool {
    let of_cost = [tag::COST, tag::COST_CURRENCY, tag::COST_SOURCE, tag::COST_RATE];
    of_cost.contains(&t) || t == tag::COST_RATE_CURRENCY
}
