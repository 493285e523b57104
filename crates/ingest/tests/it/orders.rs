//! Calls that are judged again, and calls that are attached to a click.

use crate::catalog::*;
use crate::rig::{Rig, about, block_on, click, encode, postback};
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::judged::Judged;
use model::order::Order;
use model::record::{RecordKind, tag};
use model::{ClickId, ClickKey, Field};
use store::Events;

use Verdict::{Duplicate, Held, Recorded, Refused, Unattributed, Updated};

const LATER_MS: i64 = START_MS + 3_600_000;
const ORDER_MS: i64 = START_MS + 7_200_000;

fn key(number: i64) -> ClickKey {
    ClickKey::new(START_MS + number, 0, 0)
}

fn named(number: i64) -> ClickId {
    ClickId { key: key(number), campaign: 1, unlogged: false, test: false }
}

fn call_at(at_ms: i64, query: &str) -> Vec<u8> {
    encode(RecordKind::Postback, &postback(at_ms, 1, &format!("/postback?{query}")))
}

fn call(query: &str) -> Vec<u8> {
    call_at(LATER_MS, query)
}

fn about_click(number: i64, query: &str) -> Vec<u8> {
    call(&format!("clickid={}{query}", id_text(key(number), 1, false)))
}

fn order(call: u64, click: Option<ClickId>) -> Vec<u8> {
    let (author, reason) = ("token 1 `me`".into(), "seen at the network".into());
    Order { at_ms: ORDER_MS, workspace: 1, call, click, author, reason }.encode()
}

/// What comes of records: the inbox by number, and the entries of the first two clicks; the same however batches are cut.
fn outcome(records: &[Vec<u8>]) -> (Vec<InboxEntry>, Vec<Row>) {
    let carried = |batch_records_max| {
        let mut rig = Rig::new(1);
        for record in records {
            rig.write(record.clone());
        }
        rig.carry_over(batch_records_max);
        let mut inbox = rig.inbox(1);
        inbox.reverse();
        let mut rows = block_on(rig.events.rows_of(1, &[key(1), key(2)])).unwrap();
        rows.retain(|row| row.kind == RowKind::Entry);
        (inbox, rows)
    };
    let at_once = carried(1000);
    for batch_records_max in [1, 2, 3] {
        assert_eq!(at_once, carried(batch_records_max), "the batch makes no difference");
    }
    at_once
}

fn short(inbox: &[InboxEntry]) -> Vec<(Verdict, &str)> {
    inbox.iter().map(|entry| (entry.verdict, entry.reason.as_str())).collect()
}

#[test]
fn a_call_attached_to_a_click_counts_for_it_at_the_time_it_came() {
    let records = [click(key(1), PLAIN), call("clickid=lost&payout=2"), order(2, Some(named(1)))];
    let (inbox, rows) = outcome(&records);
    assert_eq!(short(&inbox), [(Recorded, "")]);
    assert_eq!((inbox[0].sequence, inbox[0].key), (2, Some(key(1))));
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.key, row.revenue, row.event_ms), (key(1), 2_000_000, LATER_MS));
    assert_eq!((row.sequence, row.facts.int_at(tag::CALL)), (3, Some(2)));
    assert_eq!(row.facts.int(Field::Offer), Some(i64::from(PLAIN)));
    let history = Judged::all(&inbox[0].facts);
    let told: Vec<_> = history
        .iter()
        .map(|j| (j.at_ms, j.verdict, j.reason.as_str(), j.author.as_deref()))
        .collect();
    assert_eq!(
        told,
        [
            (LATER_MS, Unattributed, "click_id_malformed", None),
            (ORDER_MS, Recorded, "", Some("token 1 `me`")),
        ]
    );
    assert_eq!(history[1].note.as_deref(), Some("seen at the network"));
}

#[test]
fn a_counted_call_is_never_judged_again() {
    let once = [click(key(1), EVERY), click(key(2), EVERY), about_click(1, "&payout=2")];
    let mut again = once.to_vec();
    again.extend([order(3, None), order(3, Some(named(2))), order(3, None)]);
    assert_eq!(outcome(&again), outcome(&once));
}

#[test]
fn an_order_about_nothing_does_nothing() {
    let (inbox, rows) = outcome(&[click(key(1), PLAIN), order(1, Some(named(1))), order(99, None)]);
    assert_eq!((inbox.len(), rows.len()), (0, 0));
}

#[test]
fn a_call_that_came_before_its_click_was_written_down_gets_its_fields_when_judged_again() {
    // Held when it came, for a word that its click's network knows: the click was not there yet.
    let records = [about_click(1, "&summ=3&status=wait"), click(key(1), OWN_WORDS), order(1, None)];
    let (inbox, rows) = outcome(&records);
    assert_eq!(short(&inbox), [(Recorded, "")]);
    assert_eq!(
        (rows[0].revenue, rows[0].facts.text(Field::ConversionStatus)),
        (3_000_000, Some("pending"))
    );
    assert_eq!(Judged::all(&inbox[0].facts)[0].verdict, Held);
}

#[test]
fn what_stays_wrong_changes_nothing_and_an_attachment_is_kept_through_it() {
    let once = [click(key(1), PLAIN), call("clickid=lost&status=odd")];
    let mut again = once.to_vec();
    again.push(order(2, None));
    assert_eq!(outcome(&again), outcome(&once));
    again.extend([order(2, Some(named(1))), order(2, None)]);
    let (inbox, rows) = outcome(&again);
    assert_eq!((short(&inbox), rows.len()), (vec![(Held, "status_unmapped")], 0));
    assert_eq!(inbox[0].key, Some(key(1)));
    assert_eq!(Judged::all(&inbox[0].facts).len(), 2);
}

#[test]
fn an_operator_may_attach_what_lies_outside_the_window() {
    let late =
        call_at(START_MS + 91 * DAY_MS, &format!("clickid={}&payout=1", id_text(key(1), 1, false)));
    let (inbox, _) = outcome(&[click(key(1), PLAIN), late.clone(), order(2, None)]);
    assert_eq!(short(&inbox), [(Unattributed, "outside_window")]);
    let (inbox, rows) = outcome(&[click(key(1), PLAIN), late, order(2, Some(named(1)))]);
    assert_eq!((short(&inbox), rows.len()), (vec![(Recorded, "")], 1));
}

#[test]
fn a_call_judged_late_does_not_undo_what_a_later_one_said() {
    let id = id_text(key(1), 1, false);
    let records = [
        click(key(1), PLAIN),
        call_at(LATER_MS, "clickid=lost&txid=T&status=pending&payout=5"),
        call_at(LATER_MS + 1000, &format!("clickid={id}&txid=T&status=approved&payout=5")),
        order(2, Some(named(1))),
    ];
    let (inbox, rows) = outcome(&records);
    assert_eq!(short(&inbox), [(Duplicate, "overtaken"), (Recorded, "")]);
    assert_eq!(rows.len(), 1);
}

#[test]
fn a_status_change_judged_late_is_a_reversal_and_a_new_entry() {
    let id = id_text(key(1), 1, false);
    let records = [
        click(key(1), PLAIN),
        call_at(LATER_MS, &format!("clickid={id}&txid=T&status=pending&payout=5")),
        call_at(LATER_MS + 1000, "clickid=lost&txid=T&status=approved"),
        order(3, Some(named(1))),
    ];
    let (inbox, rows) = outcome(&records);
    assert_eq!(short(&inbox), [(Recorded, ""), (Updated, "status_changed")]);
    let sums: Vec<_> = rows.iter().map(|row| (row.count, row.revenue)).collect();
    assert_eq!(sums, [(1, 5_000_000), (-1, -5_000_000), (1, 5_000_000)]);
    assert!(rows[1..].iter().all(|row| row.facts.int_at(tag::CALL) == Some(3)));
}

#[test]
fn key_and_address_are_checked_as_of_today_and_attaching_does_not_replace_them() {
    let with = |path: &str, peer: &str, refusal: Option<&str>| {
        let mut facts = postback(LATER_MS, 1, path);
        facts.remove(tag::INTAKE_PEER);
        facts.push_bytes(tag::INTAKE_PEER, peer.as_bytes());
        if let Some(code) = refusal {
            facts.push_bytes(tag::INTAKE_REFUSAL, code.as_bytes());
        }
        encode(RecordKind::Postback, &facts)
    };
    let id = id_text(key(1), 1, false);
    let strict = click(key(1), OFFER_STRICT);
    // Refused on arrival with settings that are not those of today.
    let refused = with(&format!("/postback/k7?clickid={id}"), "192.0.2.7", Some("wrong_address"));
    let (inbox, _) = outcome(&[strict.clone(), refused.clone()]);
    assert_eq!(short(&inbox), [(Refused, "wrong_address")]);
    let (inbox, _) = outcome(&[strict.clone(), refused, order(2, None)]);
    assert_eq!(short(&inbox), [(Recorded, "")]);
    let forged = with("/postback?clickid=x", "192.0.2.9", None);
    let (inbox, rows) = outcome(&[strict, forged, order(2, Some(named(1)))]);
    assert_eq!((short(&inbox), rows.len()), (vec![(Refused, "missing_key")], 0));
}

#[test]
fn an_order_touches_nothing_of_another_workspace() {
    let theirs = encode(RecordKind::Postback, &postback(LATER_MS, 2, "/postback?clickid=lost"));
    let mut rig = Rig::new(1);
    for record in
        [encode(RecordKind::Click, &about(key(1), 1, 1)), theirs, order(2, Some(named(1)))]
    {
        rig.write(record);
    }
    rig.carry_over(2);
    assert_eq!(short(&rig.inbox(2)), [(Unattributed, "click_id_malformed")]);
    assert!(rig.inbox(1).is_empty());
}
