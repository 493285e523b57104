//! What a record costs on its way to the store, by step, without the store and the journal's disk.
//!
//! `cargo run --release -p ingest --example steps [RECORDS]` (1,000,000 by default), on one thread. The
//! mix is that of a busy day: 80 clicks, 15 lander clicks and 5 postbacks in a hundred.

use ingest::{Arrival, Context, Draft, STEPS, Step};
use model::facts::Facts;
use model::keys::MacKey;
use model::record::{RecordKind, tag};
use model::table::{RoutingTable, Things};
use model::{ClickId, ClickKey, Field, KeyRing, codec};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

const BATCH: usize = 20_000;
const START_MS: i64 = model::id::EPOCH_MS + 86_400_000_000;

fn main() -> std::io::Result<()> {
    let records = std::env::args().nth(1).and_then(|count| count.parse().ok());
    let batches = records.unwrap_or(1_000_000usize).div_ceil(BATCH);
    let mac = vec![MacKey { valid_from_ms: 0, secret: [7; 16] }];
    let Some(keys) = KeyRing::new(mac, [8; 16], [9; 16]) else { return Ok(()) };
    let context = Context {
        table: Arc::new(RoutingTable::new(&Things::default())),
        rates: Arc::default(),
        keys: Arc::new(keys),
        id_prefix: "ct_".into(),
    };
    let mut spent: BTreeMap<&str, Duration> = BTreeMap::new();
    let (mut bytes, mut rows) = (0, 0);
    for batch in 0..batches {
        let encoded: Vec<Vec<u8>> =
            (0..BATCH).map(|place| record(batch * BATCH + place, &context)).collect();
        bytes += encoded.iter().map(Vec::len).sum::<usize>();
        let mut draft = Draft::default();
        let begun = processor_time();
        for (sequence, record) in (1..).zip(&encoded) {
            if let Ok(record) = codec::decode(record) {
                draft.arrivals.push(Arrival { sequence, record });
            }
        }
        *spent.entry("0 decode").or_default() += processor_time().saturating_sub(begun);
        for (name, step) in STEPS {
            let Step::Think(step) = step else { continue };
            let begun = processor_time();
            step(&mut draft, &context);
            *spent.entry(name).or_default() += processor_time().saturating_sub(begun);
        }
        let begun = processor_time();
        rows += draft.rows.len();
        draft.rows.sort_by_key(|row| row.sequence);
        *spent.entry("sort").or_default() += processor_time().saturating_sub(begun);
        let begun = processor_time();
        drop(black_box(draft));
        *spent.entry("drop").or_default() += processor_time().saturating_sub(begun);
    }
    report(&spent, batches * BATCH, bytes, rows)
}

/// Time this thread had a processor: what else the machine does is left out (Linux, proc(5)).
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_processor_ns = text.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(on_processor_ns.unwrap_or_default())
}

fn report(
    spent: &BTreeMap<&str, Duration>,
    records: usize,
    bytes: usize,
    rows: usize,
) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / records as f64;
    for (name, time) in spent {
        writeln!(out, "{name:>16} {:6.3} µs per record", each(*time))?;
    }
    let all: Duration = spent.values().sum();
    writeln!(
        out,
        "{:>16} {:6.3} µs per record: {records} records of {} bytes, {rows} rows, {:.0} records/s",
        "all",
        each(all),
        bytes / records,
        records as f64 / all.as_secs_f64(),
    )
}

fn record(number: usize, context: &Context) -> Vec<u8> {
    let key = ClickKey::new(START_MS + number as i64, 0, 0);
    let (kind, facts) = match number % 100 {
        0..80 => (RecordKind::Click, click(key, number)),
        80..95 => (RecordKind::LanderClick, hop(ClickKey::new(key.time_ms() - 80, 0, 0))),
        _ => (RecordKind::Postback, call(ClickKey::new(key.time_ms() - 90, 0, 0), number, context)),
    };
    let mut bytes = Vec::with_capacity(1024);
    codec::encode(kind, &facts, &mut bytes);
    bytes
}

fn click(key: ClickKey, number: usize) -> Facts {
    let mut facts = Facts::for_click();
    facts.push_int(tag::KEY, key.0);
    for (field, value) in [
        (Field::Campaign, 12),
        (Field::Workspace, 1),
        (Field::Source, 3),
        (Field::Revision, 481),
        (Field::Asn, 3320),
        (Field::Flow, 12),
        (Field::Path, 1),
        (Field::Lander, 5),
        (Field::Offer, 9),
        (Field::Network, 2),
        (Field::UniqueCampaign, 1),
        (Field::UniqueFlow, 1),
    ] {
        facts.set_int(field, value);
    }
    facts.push_int(tag::VISITOR, number as i64 * 7919);
    for (field, text) in [
        (Field::Kind, "redirect"),
        (Field::Method, "GET"),
        (Field::Device, "phone"),
        (Field::Brand, "Samsung"),
        (Field::Model, "SM-S911B"),
        (Field::Os, "Android"),
        (Field::OsVersion, "15"),
        (Field::Browser, "Chrome Mobile"),
        (Field::BrowserVersion, "141.0"),
        (Field::Language, "de"),
        (Field::Country, "DE"),
        (Field::Region, "Bavaria"),
        (Field::City, "Munich"),
        (Field::Isp, "Deutsche Telekom AG"),
        (Field::Connection, "isp"),
        (Field::Ip, "203.0.113.77"),
        (
            Field::UserAgent,
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
        ),
        (Field::Referrer, "https://news.example/article/2026/11/some-long-title?page=2"),
        (Field::ReferrerHost, "news.example"),
        (Field::AdCampaignId, "120211234567890"),
        (Field::CreativeId, "c-981"),
        (Field::Placement, "site-48213"),
        (Field::Publisher, "news.example"),
        (Field::ExternalId, "a81f22e09c4b4d6f9f1e"),
        (Field::Sub1, "blue"),
        (Field::Sub2, "v7"),
    ] {
        facts.set_text(field, text);
    }
    facts.push_int(tag::COST, 42_000);
    facts.push_bytes(tag::COST_CURRENCY, b"USD");
    facts.push_bytes(tag::RAW_QUERY, b"utm_id=120211234567890&ad_id=c-981&zone_id=site-48213&cost=0.042&tid=a81f22e09c4b4d6f9f1e&sub1=blue&sub2=v7");
    facts
}

fn hop(key: ClickKey) -> Facts {
    let mut facts = Facts::default();
    facts.push_int(tag::KEY, key.0);
    facts.push_int(tag::AT, key.time_ms() + 9000);
    facts.push_int(tag::LINK, 1);
    facts.set_int(Field::Campaign, 12);
    facts.set_int(Field::Workspace, 1);
    facts.set_int(Field::Offer, 9);
    facts
}

fn call(key: ClickKey, number: usize, context: &Context) -> Facts {
    let id = ClickId { key, campaign: 12, unlogged: false, test: false };
    let id = id.text(&context.id_prefix, &context.keys);
    let url = format!("/postback?clickid={id}&payout=12.50&currency=USD&txid=T{number}");
    let mut facts = Facts::default();
    facts.push_int(tag::AT, key.time_ms() + 90_000);
    facts.set_int(Field::Workspace, 1);
    facts.push_bytes(tag::INTAKE_METHOD, b"GET");
    facts.push_bytes(tag::INTAKE_URL, url.as_bytes());
    facts.push_bytes(tag::INTAKE_HEADER, b"user-agent: Network-Postback/2.1");
    facts.push_bytes(tag::INTAKE_PEER, b"198.51.100.7");
    facts
}
