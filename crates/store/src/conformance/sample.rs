//! Rows, inbox entries and changes that the suites use.

use crate::catalog::Change;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::record::{RecordKind, tag};
use model::thing::{DEFAULT_WORKSPACE, Kind, ThingId};
use model::{ClickKey, Field};

/// 2026-05-01T00:00:00Z.
pub const MAY_MS: i64 = 1_777_593_600_000;

/// A row of click number `number`, which came that many seconds into May.
pub fn row(kind: RowKind, number: i64) -> Row {
    let mut facts = Facts::default();
    facts.set_int(Field::Campaign, 3);
    facts.set_text(Field::Country, "DE");
    facts.set_int(Field::Workspace, DEFAULT_WORKSPACE);
    let key = key(number);
    Row {
        kind,
        key,
        event_ms: key.time_ms(),
        sequence: number as u64,
        count: 1,
        cost: 0,
        revenue: 0,
        facts,
    }
}

/// The key of click number `number`.
pub fn key(number: i64) -> ClickKey {
    ClickKey::new(MAY_MS + number * 1000, 0, 0)
}

/// A ledger entry of click `number`, from journal record `sequence`.
pub fn entry(number: i64, sequence: u64, txid: &str, count: i64, revenue: i64) -> Row {
    let mut entry = row(RowKind::Entry, number);
    entry.sequence = sequence;
    entry.event_ms += 90_500;
    entry.count = count;
    entry.revenue = revenue;
    entry.facts.set_text(Field::ConversionStatus, "approved");
    entry.facts.set_text(Field::ConversionType, "sale");
    entry.facts.set_text(Field::Txid, txid);
    entry
}

/// A row that has everything a row can have: values that fit nowhere, tags of newer versions, texts
/// that are none, repeated tags, out of order.
pub fn odd_row(number: i64) -> Row {
    let mut row = row(RowKind::Click, number);
    let f = &mut row.facts;
    f.push_bytes(400, b"newer");
    f.push_int(400, -7);
    f.push_bytes(399, &[0xff, 0, 0x80]);
    f.push_bytes(tag::PLATFORM_ID, b"gclid=Cj0KCQ");
    f.push_bytes(tag::PLATFORM_ID, b"fbclid=IwAR0");
    f.push_bytes(tag::SIGNAL, b"gdpr=1");
    f.push_bytes(tag::RAW_QUERY, b"a=%FF&b=\xff\xfe");
    f.push_int(tag::VISITOR, i64::MIN);
    f.push_int(tag::COST, 1_500_000);
    f.push_bytes(tag::COST_CURRENCY, b"EUR");
    f.push_int(tag::LINK, 2);
    f.set_text(Field::City, "O'Fallon \u{0} \u{1F600} \"x\"");
    f.push_bytes(Field::Region.tag(), b"");
    f.push_int(Field::Isp.tag(), 5);
    f.push_bytes(Field::Isp.tag(), b"second");
    f.push_bytes(Field::Asn.tag(), b"not a number");
    f.push_bytes(Field::Sub20.tag(), b"rest");
    f.push_bytes(Field::Sub1.tag(), b"one");
    f.push_bytes(Field::Sub1.tag(), b"two");
    f.push_int(Field::Bot.tag(), 1);
    f.push_int(Field::Test.tag(), 2);
    f.push_int(Field::Duplicate.tag(), 0);
    f.set_text(Field::Ip, "2001:db8:7::1");
    f.set_text(Field::ExternalId, "ext-1");
    row
}

/// An inbox entry.
pub fn call(sequence: u64, number: Option<i64>, verdict: Verdict, url: &str) -> InboxEntry {
    let mut facts = Facts::default();
    facts.push_bytes(tag::INTAKE_URL, url.as_bytes());
    facts.push_bytes(tag::INTAKE_METHOD, b"GET");
    facts.push_bytes(tag::INTAKE_HEADER, b"user-agent: \xff");
    facts.push_bytes(tag::INTAKE_HEADER, b"x: y");
    InboxEntry {
        sequence,
        workspace: DEFAULT_WORKSPACE,
        kind: if url.starts_with("/pixel") { RecordKind::Pixel } else { RecordKind::Postback },
        received_ms: MAY_MS + sequence as i64,
        key: number.map(key),
        verdict,
        reason: "why".to_owned(),
        message: "It was Überfällig.".to_owned(),
        facts,
    }
}

/// A new thing of the default workspace.
pub fn new_thing(kind: Kind, name: &str, body: &str) -> Change {
    Change {
        workspace: DEFAULT_WORKSPACE,
        kind,
        id: None,
        name: name.to_owned(),
        archived: false,
        body: body.to_owned(),
        expected: None,
    }
}

/// The same thing, changed.
pub fn again(change: &Change, id: ThingId) -> Change {
    Change { id: Some(id), ..change.clone() }
}
