//! What a damaged journal, or one of a newer version, comes to.

use crate::catalog::{PLAIN, START_MS, id_text};
use crate::rig::{Rig, block_on, click, encode, postback};
use ingest::IngestError;
use model::ClickKey;
use model::codec::CodecError;
use model::event::Verdict;
use model::facts::Value;
use model::record::{RecordKind, tag};
use std::path::Path;
use store::Events;

fn key(number: i64) -> ClickKey {
    ClickKey::new(START_MS + number, 0, 0)
}

#[test]
fn a_damaged_place_in_the_journal_is_reported_and_all_else_counts() {
    let mut rig = Rig::new(1);
    (1..=200).for_each(|number| assert_eq!(rig.write(click(key(number), PLAIN)), number as u64));
    let segments = rig.disk.files(Path::new(crate::rig::FOLDER));
    let segment = segments.iter().find(|path| path.extension().is_some_and(|e| e == "segment"));
    let segment = segment.unwrap();
    // Record 100 is found by its key; half of its bytes turn over.
    let needle = click(key(100), PLAIN);
    let bytes = rig.disk.bytes(segment);
    let at = bytes.windows(needle.len()).position(|window| window == needle).unwrap() as u64;
    (0..needle.len() as u64 / 2).for_each(|byte| rig.disk.flip_bit(segment, (at + byte) * 8));

    let mut ingest = rig.ingest(60);
    let (mut records, mut missing) = (0, 0);
    loop {
        let progress = block_on(ingest.round()).unwrap();
        (records, missing) = (records + progress.records, missing + progress.missing);
        if progress.records == 0 && progress.missing == 0 {
            break;
        }
    }
    assert_eq!((records, missing, ingest.position()), (199, 1, 200));
    let stats = block_on(rig.events.stats()).unwrap();
    assert_eq!((stats.clicks, stats.position), (199, 200));
    println!("result: ingest of a damaged journal: 199 of 200 records counted, 1 reported missing");
}

#[test]
fn a_record_nobody_can_read_is_kept_in_the_inbox_and_stops_nothing() {
    let mut rig = Rig::new(2);
    rig.write(click(key(1), PLAIN));
    let broken = [model::codec::VERSION, RecordKind::Postback as u8, 0xff];
    let sequence = rig.write(broken.to_vec());
    rig.write(click(key(2), PLAIN));
    rig.carry_over(100);
    assert_eq!(block_on(rig.events.stats()).unwrap().clicks, 2);
    let entry = &rig.inbox(1)[0];
    assert_eq!(
        (entry.sequence, entry.verdict, &*entry.reason),
        (sequence, Verdict::Held, "unreadable_record")
    );
    assert_eq!(entry.facts.get(tag::INTAKE_BODY), Some(Value::Bytes(&broken)));
}

#[test]
fn nothing_of_a_batch_with_a_record_of_a_newer_version_is_kept() {
    for (bytes, expected) in [
        (vec![model::codec::VERSION + 1, 1], CodecError::NewerVersion(model::codec::VERSION + 1)),
        (vec![model::codec::VERSION, 250], CodecError::UnknownKind(250)),
    ] {
        let mut rig = Rig::new(3);
        rig.write(click(key(1), PLAIN));
        let newer = rig.write(bytes);
        let mut ingest = rig.ingest(100);
        for _ in 0..2 {
            let error = block_on(ingest.round()).unwrap_err();
            let IngestError::Newer { sequence, source } = error else { panic!("{error}") };
            assert_eq!((sequence, source), (newer, expected));
        }
        assert_eq!(block_on(rig.events.stats()).unwrap(), store::EventStats::default());
    }
}

#[test]
fn a_record_without_a_key_is_left_out_and_stops_nothing() {
    let mut rig = Rig::new(4);
    let without = |kind| encode(kind, &model::Facts::default());
    for kind in [RecordKind::Click, RecordKind::LanderClick, RecordKind::Unlogged] {
        rig.write(without(kind));
    }
    rig.write(click(key(1), PLAIN));
    rig.carry_over(100);
    let stats = block_on(rig.events.stats()).unwrap();
    assert_eq!((stats.clicks, stats.hops, stats.position), (1, 0, 4));
}

#[test]
fn bytes_of_every_kind_in_a_call_get_a_verdict() {
    let mut rig = Rig::new(5);
    rig.write(click(key(1), PLAIN));
    let id = id_text(key(1), 1, false);
    for text in
        ["", "?", "/postback", "?&&==&", "?%zz=%&clickid=%00%0d%0a", "?clickid[]=1", "?\u{0}=\r\n"]
    {
        rig.write(encode(RecordKind::Postback, &postback(START_MS, 1, text)));
        let mut with_body = postback(i64::MIN, 1, &format!("/postback?clickid={id}"));
        with_body.push_bytes(tag::INTAKE_BODY, &[0xff, 0x00, b'{', b'&', b'=']);
        rig.write(encode(RecordKind::Postback, &with_body));
        let mut late = postback(i64::MAX, 1, &format!("/postback?clickid={id}&payout={text}"));
        late.push_bytes(tag::INTAKE_BODY, br#"{"clickid":{"a":[1]},"payout":1e400}"#);
        rig.write(encode(RecordKind::Postback, &late));
    }
    rig.carry_over(4);
    let inbox = rig.inbox(1);
    assert_eq!(inbox.len(), 21);
    assert!(
        inbox.iter().all(|entry| entry.verdict != Verdict::Recorded && !entry.message.is_empty())
    );
}
