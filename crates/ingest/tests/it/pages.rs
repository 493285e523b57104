//! What happens on pages: which views count, what the rows of a page carry, and both halves of a click.

use crate::rig::*;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::{ClickKey, Field};
use store::Events;

const START_MS: i64 = 1_790_000_000_000;

fn key() -> ClickKey {
    ClickKey::new(START_MS, 0, 1)
}

fn about(alter: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = Facts::default();
    facts.push_int(tag::KEY, key().0);
    facts.set_int(Field::Campaign, 1);
    facts.set_int(Field::Workspace, 1);
    alter(&mut facts);
    facts
}

fn click(alter: impl FnOnce(&mut Facts)) -> Vec<u8> {
    encode(RecordKind::Click, &about(alter))
}

/// A report of the click's page, so many milliseconds later.
fn page(kind: RecordKind, after_ms: i64, alter: impl FnOnce(&mut Facts)) -> Vec<u8> {
    let facts = about(|facts| {
        facts.push_int(tag::AT, START_MS + after_ms);
        alter(facts);
    });
    encode(kind, &facts)
}

fn event(name: &'static str) -> Vec<u8> {
    page(RecordKind::Page, 10, |facts| facts.set_text(Field::Event, name))
}

fn joined(kind: &'static str) -> Vec<u8> {
    page(RecordKind::Joined, 20, |facts| {
        facts.set_text(Field::Kind, kind);
        facts.set_text(Field::LandingUrl, "https://shop.example/");
        facts.set_text(Field::Sub1, "of the second");
        facts.push_int(tag::COST, 7);
        facts.push_bytes(tag::PLATFORM_ID, b"gclid=A");
    })
}

/// The rows of the click, whatever the batches.
fn rows(records: &[Vec<u8>]) -> Vec<Row> {
    let carried = |batch_records_max| {
        let mut rig = Rig::new(1);
        for record in records {
            rig.write(record.clone());
        }
        rig.carry_over(batch_records_max);
        let mut rows = block_on(rig.events.rows_of(1, &[key()])).unwrap();
        rows.sort_by_key(|row| row.sequence);
        rows
    };
    let (singly, together) = (carried(1), carried(100));
    assert_eq!(singly, together, "the same wherever batches are cut");
    together
}

#[test]
fn a_lander_is_viewed_once_per_click_whoever_says_so() {
    let lander = |facts: &mut Facts| facts.set_int(Field::Lander, 5);
    let direct = |facts: &mut Facts| facts.set_flag(Field::Viewed, true);
    let (view, landed) = (|| event("view"), || joined("direct"));
    let preview = encode(RecordKind::Preview, &about(lander));
    for (records, of_click, of_views) in [
        (vec![click(lander), view(), view()], 1, vec![0, 0]),
        (vec![click(direct), view()], 1, vec![0]),
        (vec![click(|_| {}), view(), view()], 0, vec![1, 0]),
        (vec![click(|_| {}), landed(), view()], 0, vec![1, 0]),
        (vec![click(lander), landed()], 1, vec![0]),
        (vec![preview, view(), view()], 0, vec![1, 0]),
        (vec![view(), view()], 0, vec![1, 0]),
    ] {
        let rows = rows(&records);
        let views: Vec<_> = rows.iter().filter(|row| row.kind == RowKind::View).collect();
        assert_eq!(views.iter().map(|row| row.count).collect::<Vec<_>>(), of_views);
        let clicks = rows.iter().filter(|row| row.kind == RowKind::Click);
        let counted =
            |row: &&Row| row.facts.int(Field::Lander).is_some() || row.facts.flag(Field::Viewed);
        assert_eq!(clicks.filter(counted).count(), of_click);
        for view in views {
            assert_eq!(view.facts.flag(Field::Viewed), view.count == 1);
        }
    }
}

#[test]
fn rows_of_pages_are_counted_under_the_fields_of_their_click() {
    let records = [
        click(|facts| {
            facts.set_text(Field::Sub1, "of the first");
            facts.set_text(Field::Country, "DE");
            facts.set_text(Field::LandingUrl, "https://shop.example/one");
        }),
        page(RecordKind::Page, 10, |facts| {
            facts.set_text(Field::Event, "purchase");
            facts.set_text(Field::LandingUrl, "https://shop.example/two");
            facts.push_int(tag::EVENT_VALUE, 2_500_000);
            facts.push_bytes(tag::EVENT_ID, b"event-01");
        }),
        joined("direct"),
    ];
    let rows = rows(&records);
    let kinds: Vec<_> = rows.iter().map(|row| (row.kind, row.count, row.cost)).collect();
    assert_eq!(kinds, [(RowKind::Click, 1, 0), (RowKind::PageEvent, 1, 0), (RowKind::View, 1, 0)]);
    let (event, view) = (&rows[1].facts, &rows[2].facts);
    for facts in [event, view] {
        assert_eq!(facts.text(Field::Sub1), Some("of the first"));
        assert_eq!(facts.text(Field::Country), Some("DE"));
    }
    assert_eq!(event.text(Field::LandingUrl), Some("https://shop.example/two"));
    assert_eq!(event.text(Field::Event), Some("purchase"));
    assert_eq!(event.int_at(tag::EVENT_VALUE), Some(2_500_000));
    assert_eq!((rows[1].event_ms, rows[1].key), (START_MS + 10, key()));
    assert_eq!(view.text(Field::LandingUrl), Some("https://shop.example/"));
}

#[test]
fn a_call_that_comes_second_stands_beside_its_click_and_counts_nothing() {
    let rows = rows(&[click(|facts| facts.set_flag(Field::Viewed, true)), joined("redirect")]);
    assert_eq!(rows.len(), 2);
    let call = &rows[1];
    assert_eq!((call.kind, call.count, call.cost), (RowKind::Joined, 0, 0));
    assert_eq!(call.facts.text(Field::Sub1), Some("of the second"));
    assert_eq!(call.facts.int_at(tag::COST), None, "the click's cost is the click's");
    assert!(!call.facts.flag(Field::Viewed));
}
