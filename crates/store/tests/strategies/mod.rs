//! Any rows, and any plan over them.

use model::event::{Row, RowKind};
use model::facts::Facts;
use model::field::{FIELDS, ValueKind};
use model::metric::{Counter, METRICS, Metric, Selection, Sum};
use model::query::{Cell, Filter, FilterOp, FilterValue, Plan, TimeBasis, ZoneOffsets};
use model::record::tag;
use model::thing::Status;
use model::{ClickKey, Field};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const HOUR_MS: i64 = 3_600_000;

/// 2026-03-01T00:00:00Z, and half a year: two clock changes of Europe and America lie within.
const FROM_MS: i64 = 1_772_323_200_000;
const SPAN_MS: i64 = 200 * 24 * HOUR_MS;

/// Few texts, so that rows share them; some that SQL or case folding could trip over.
fn any_text() -> impl Strategy<Value = String> {
    const TEXTS: &[&str] = &[
        "DE",
        "de",
        "US",
        "",
        "O'Brien",
        "100%",
        "a_b",
        "Москва",
        "МОСКВА",
        "Straße",
        "İstanbul",
        "ΑΣ",
        "12",
        "true",
        "x\0y",
        "\u{1F600}",
        "%",
        "\\",
        "\"q\"",
        "approved",
        "pending",
        "sale",
    ];
    prop_oneof![8 => select(TEXTS).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn any_ip() -> impl Strategy<Value = String> {
    const IPS: &[&str] = &[
        "192.0.2.7",
        "192.0.2.200",
        "198.51.100.9",
        "2001:db8:1::5",
        "2001:db8:1:ffff::",
        "192.0.2.0/24",
        "::ffff:192.0.2.9",
        "01.2.3.4",
        "256.1.1.1",
        "c0ffee",
        "1.2.3",
        "2001:db8:1::/48",
    ];
    prop_oneof![
        4 => select(IPS).prop_map(str::to_owned),
        1 => any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        1 => any::<std::net::Ipv6Addr>().prop_map(|ip| ip.to_string()),
    ]
}

/// One value for one field, mostly of its type.
fn any_fact() -> impl Strategy<Value = (u16, Result<i64, Vec<u8>>)> {
    let field = select(FIELDS).prop_flat_map(|row| {
        let tag = Just(row.field.tag());
        let value = match (row.field, row.kind) {
            (Field::Ip, _) => any_ip().prop_map(|ip| Err(ip.into_bytes())).boxed(),
            (Field::Workspace, _) => (1i64..=2).prop_map(Ok).boxed(),
            (_, ValueKind::Text) => any_text().prop_map(|text| Err(text.into_bytes())).boxed(),
            (_, ValueKind::Bool) => (0i64..=2).prop_map(Ok).boxed(),
            _ => prop_oneof![8 => 0i64..5, 1 => any::<i64>()].prop_map(Ok).boxed(),
        };
        (tag, value)
    });
    let odd = (
        prop_oneof![
            select(FIELDS).prop_map(|row| row.field.tag()),
            Just(tag::PLATFORM_ID),
            Just(tag::RAW_QUERY),
            200u16..500
        ],
        prop_oneof![any::<i64>().prop_map(Ok), vec(any::<u8>(), 0..8).prop_map(Err)],
    );
    prop_oneof![12 => field, 1 => odd]
}

fn any_row() -> impl Strategy<Value = Row> {
    let facts = vec(any_fact(), 0..30).prop_map(|values| {
        let mut facts = Facts::default();
        for (tag, value) in values {
            match value {
                Ok(int) => facts.push_int(tag, int),
                Err(bytes) => facts.push_bytes(tag, &bytes),
            }
        }
        facts
    });
    let place = (select(&RowKind::ALL[..]), 0..SPAN_MS, 0u8..3, 0u16..3);
    let delay_ms = prop_oneof![8 => 0i64..3 * HOUR_MS, 1 => -HOUR_MS..0, 1 => 0i64..SPAN_MS];
    let amount = prop_oneof![8 => -5_000_000i64..50_000_000, 1 => any::<i64>()];
    let count = prop_oneof![8 => Just(1i64), 2 => -2i64..6];
    (place, delay_ms, count, amount.clone(), amount, 0u64..50, facts).prop_map(
        |((kind, at_ms, node, sequence), delay_ms, count, cost, revenue, from, facts)| {
            let key = ClickKey::new(FROM_MS + at_ms, node, sequence);
            let event_ms = key.time_ms() + delay_ms;
            Row { kind, key, event_ms, sequence: from, count, cost, revenue, facts }
        },
    )
}

/// Up to a few hundred rows; entries among them have a status and a type.
pub fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let entry = (any_row(), select(&Status::ALL[..]), option::of(select(&["sale", "lead"][..])));
    let entry = entry.prop_map(|(mut row, status, kind)| {
        row.kind = RowKind::Entry;
        row.facts.remove(Field::ConversionStatus.tag());
        row.facts.remove(Field::ConversionType.tag());
        row.facts.set_text(Field::ConversionStatus, status.as_str());
        row.facts.set_text(Field::ConversionType, kind.unwrap_or_default());
        row
    });
    vec(prop_oneof![2 => any_row(), 1 => entry], 0..250)
}

/// Offsets with clock changes inside the period, outside it, or none.
fn any_zone() -> impl Strategy<Value = ZoneOffsets> {
    let offset = prop_oneof![
        select(&[0, 1, 2, -5, -4, 9, 13, -11][..]).prop_map(|hours| hours * HOUR_MS),
        select(&[345i64, -210, 330, 630, 660][..]).prop_map(|minutes| minutes * 60_000),
    ];
    let change = (FROM_MS - SPAN_MS / 2..FROM_MS + SPAN_MS * 3 / 2, offset.clone());
    (offset, vec(change, 0..5)).prop_filter_map("ascending", |(first, mut changes)| {
        changes.sort_unstable();
        let mut transitions = vec![(i64::MIN, first)];
        transitions.extend(changes);
        ZoneOffsets::new(transitions)
    })
}

fn any_field() -> impl Strategy<Value = Field> {
    select(FIELDS).prop_map(|row| row.field)
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        1 => Just(Cell::Null),
        1 => any::<bool>().prop_map(Cell::Bool),
        3 => (0i64..30).prop_map(Cell::Int),
        1 => any::<i64>().prop_map(Cell::Int),
        4 => any_text().prop_map(Cell::Text),
        1 => any_ip().prop_map(Cell::Text),
    ]
}

fn any_filter() -> impl Strategy<Value = Filter> {
    use FilterOp::{AtLeast, AtMost, Contains, In, Is, IsNot, NotIn, StartsWith};
    let op = select(&[Is, IsNot, In, NotIn, Contains, StartsWith, AtLeast, AtMost][..]);
    let value = prop_oneof![
        any_cell().prop_map(FilterValue::One),
        vec(any_cell(), 0..4).prop_map(FilterValue::Many),
    ];
    (any_field(), op, value).prop_map(|(field, op, value)| Filter { field, op, value })
}

/// A counter of the metric table, for some type, or one nobody has thought of yet.
fn any_counter() -> impl Strategy<Value = Counter> {
    let names: Vec<&'static str> = METRICS.iter().map(|row| row.name).collect();
    let known =
        select(names).prop_filter_map("a counter", |name| name.parse::<Metric>().ok()?.counter());
    let typed = select(&["conversions:sale", "revenue:lead", "conversions:it's"][..])
        .prop_filter_map("a counter", |name| name.parse::<Metric>().ok()?.counter());
    let other = (
        any_field(),
        select(&[Sum::Count, Sum::Cost, Sum::Revenue, Sum::Received, Sum::Apart][..]),
    )
        .prop_map(|(field, sum)| {
            let selection = Selection {
                rows: &[],
                with: &[],
                without: &[],
                has: Some(field),
                or: None,
                statuses: &[],
                sum,
            };
            Counter::of(selection)
        });
    prop_oneof![6 => known, 1 => typed, 1 => other]
}

/// Any question over the rows of [`any_rows`].
pub fn any_plan() -> impl Strategy<Value = Plan> {
    let period = prop_oneof![
        3 => (0..SPAN_MS, 0..SPAN_MS)
            .prop_map(|(a, b)| (FROM_MS + a.min(b), FROM_MS + a.max(b))),
        2 => Just((FROM_MS, FROM_MS + SPAN_MS)),
        1 => Just((0, i64::MAX)),
        1 => Just((i64::MIN, FROM_MS + SPAN_MS)),
    ];
    let time = select(&[TimeBasis::Click, TimeBasis::Event][..]);
    let filter = prop_oneof![2 => Just(Vec::new()), 3 => vec(any_filter(), 1..3)];
    (
        period,
        time,
        any_zone(),
        vec(any_field(), 0..4),
        vec(any_counter(), 0..6),
        filter,
        any::<bool>(),
    )
        .prop_map(|((from_ms, to_ms), time, zone, by, counters, filter, median)| Plan {
            workspace: 1,
            from_ms,
            to_ms,
            time,
            zone,
            by,
            counters,
            filter,
            median,
        })
}
