//! What a click id promises: it names one click, sorts by time, survives careless handling, and cannot be forged.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::id::{self, ClickId, ClickKey, EPOCH_MS, IdError, KeySequence};
use model::keys::{KeyRing, MacKey};
use proptest::prelude::*;

/// 2026-11-22.
const NOW_MS: i64 = 1_795_305_600_000;

/// Two signing keys; the second took over a day ago.
fn keys() -> KeyRing {
    let mac =
        |days: i64, byte| MacKey { valid_from_ms: NOW_MS - days * 86_400_000, secret: [byte; 16] };
    KeyRing::new(vec![mac(1, 2), mac(300, 1)], [3; 16], [4; 16]).unwrap()
}

fn any_id() -> impl Strategy<Value = ClickId> {
    let key =
        (EPOCH_MS..NOW_MS, any::<u8>(), 0u16..4096).prop_map(|(t, n, s)| ClickKey::new(t, n, s));
    (key, 0..=id::CAMPAIGN_MAX, any::<bool>(), any::<bool>())
        .prop_map(|(key, campaign, unlogged, test)| ClickId { key, campaign, unlogged, test })
}

fn read(text: &str) -> Result<ClickId, IdError> {
    id::read(text, "ct_", &keys(), NOW_MS)
}

fn text(id: ClickId) -> String {
    id.text("ct_", &keys()).as_str().to_owned()
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(id in any_id()) {
        let text = text(id);
        prop_assert_eq!(text.len(), 29);
        prop_assert_eq!(read(&text), Ok(id));
    }

    #[test]
    fn text_sorts_like_time(a in any_id(), b in any_id()) {
        prop_assume!(a.key != b.key);
        prop_assert_eq!(text(a).cmp(&text(b)), a.key.cmp(&b.key));
    }

    #[test]
    fn folded_case_look_alikes_and_a_lost_prefix_read_alike(id in any_id()) {
        let text = text(id);
        prop_assert_eq!(read(&text.to_uppercase()), Ok(id));
        prop_assert_eq!(read(&text[3..].replace('0', "O").replace('1', "l")), Ok(id));
        prop_assert_eq!(read(&text[3..].replace('1', "I")), Ok(id));
    }

    #[test]
    fn a_cut_off_id_is_known_while_it_carries_twenty_mac_bits(id in any_id(), length in 0usize..26) {
        let error = read(&text(id)[..3 + length]).unwrap_err();
        let expected = if length >= 21 { IdError::Truncated { repaired: id } } else { IdError::Malformed };
        prop_assert_eq!(error, expected);
    }

    #[test]
    fn one_changed_character_is_known(id in any_id(), at in 3usize..29, digit in 0usize..32) {
        let mut text = text(id).into_bytes();
        let digit = b"0123456789abcdefghjkmnpqrstvwxyz"[digit];
        prop_assume!(text[at] != digit);
        text[at] = digit;
        prop_assert_eq!(read(str::from_utf8(&text).unwrap()), Err(IdError::Altered { repaired: id }));
    }

    #[test]
    fn two_swapped_characters_are_known(id in any_id(), at in 3usize..28) {
        let mut text = text(id).into_bytes();
        prop_assume!(text[at] != text[at + 1]);
        text.swap(at, at + 1);
        prop_assert_eq!(read(str::from_utf8(&text).unwrap()), Err(IdError::Altered { repaired: id }));
    }

    #[test]
    fn two_changed_characters_are_not_repaired(id in any_id(), a in 3usize..29, b in 3usize..29) {
        prop_assume!(a.abs_diff(b) > 1);
        let mut text = text(id).into_bytes();
        for at in [a, b] {
            text[at] = if text[at] == b'0' { b'7' } else { b'0' };
        }
        prop_assert_eq!(read(str::from_utf8(&text).unwrap()), Err(IdError::Unverified));
    }

    #[test]
    fn foreign_characters_and_lengths_are_malformed(text in "[!-~]{0,40}") {
        let folded = text.strip_prefix("ct_").unwrap_or(&text).to_ascii_lowercase();
        let digits = folded.bytes().all(|c| c.is_ascii_alphanumeric() && c != b'u');
        prop_assume!(!digits || !(21..=26).contains(&folded.len()));
        prop_assert_eq!(read(&text), Err(IdError::Malformed));
    }

    #[test]
    fn any_text_has_an_answer(text in "\\PC{0,60}") {
        let _ = read(&text);
    }
}

#[test]
fn every_single_bit_is_covered_by_the_signature() {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let id = ClickId {
        key: ClickKey::new(NOW_MS - 5, 9, 77),
        campaign: 1234,
        unlogged: false,
        test: false,
    };
    let text = text(id);
    for bit in 0..130 {
        let (at, mask) = (3 + bit / 5, 1 << (4 - bit % 5));
        let mut flipped = text.clone().into_bytes();
        let digit = ALPHABET.iter().position(|&c| c == flipped[at]).unwrap();
        flipped[at] = ALPHABET[digit ^ mask];
        let error = read(str::from_utf8(&flipped).unwrap()).unwrap_err();
        assert_eq!(error, IdError::Altered { repaired: id }, "bit {bit}");
    }
}

#[test]
fn an_id_prints_the_same_after_the_signing_key_was_replaced() {
    let old = MacKey { valid_from_ms: NOW_MS - 100, secret: [1; 16] };
    let new = MacKey { valid_from_ms: NOW_MS, secret: [2; 16] };
    let before = KeyRing::new(vec![old.clone()], [3; 16], [4; 16]).unwrap();
    let after = KeyRing::new(vec![old, new], [3; 16], [4; 16]).unwrap();
    for age_ms in [0, 1, 99, 100, 5000] {
        let id = ClickId {
            key: ClickKey::new(NOW_MS - age_ms, 0, 0),
            campaign: 1,
            unlogged: false,
            test: true,
        };
        let same = id.text("ct_", &before) == id.text("ct_", &after);
        assert_eq!(same, age_ms > 0, "{age_ms} ms old");
        assert_eq!(id::read(id.text("ct_", &after).as_str(), "ct_", &after, NOW_MS), Ok(id));
    }
}

#[test]
fn no_repair_names_a_click_of_the_future() {
    let id =
        ClickId { key: ClickKey::new(NOW_MS + 1, 0, 0), campaign: 1, unlogged: false, test: false };
    assert_eq!(read(&text(id)[..26]), Err(IdError::Unverified));
    assert_eq!(read(&text(id)), Ok(id), "a whole signature is proof at any time");
}

#[test]
fn keys_are_unique_and_never_go_back_whatever_the_clock_does() {
    let mut sequence = KeySequence::after(ClickKey::new(NOW_MS, 3, 9), 3);
    let mut last = ClickKey::new(NOW_MS, 3, 9);
    let clock = (0..30_000).map(|i| NOW_MS + [0, -86_400_000, 3, i / 5000, -1][(i % 5) as usize]);
    for now_ms in clock {
        let key = sequence.next(now_ms);
        assert!(key > last, "{key:?} after {last:?}");
        assert_eq!(key.node(), 3);
        last = key;
    }
    // 30,000 keys within a few milliseconds of wall clock borrow whole milliseconds of 4,096 each.
    assert!(last.time_ms() <= NOW_MS + 3 + 30_000 / 4096 + 1);
}

#[test]
fn a_whole_id_wrapped_in_something_else_is_known() {
    let id = ClickId {
        key: ClickKey::new(NOW_MS - 5, 9, 77),
        campaign: 1234,
        unlogged: false,
        test: false,
    };
    let text = text(id);
    let upper = text.to_uppercase();
    let bare = &text[3..];
    for wrapped in [
        format!("{{{text}}}"),
        format!("{{{{{text}}}}}"),
        format!("[{text}]"),
        format!("\"{text}\""),
        format!("'{upper}'"),
        format!("“{text}”"),
        format!("<{bare}>"),
        format!("__{bare}__"),
        format!("__{text}__"),
        format!(" \t{text}\r\n"),
        format!("{text},"),
        format!("%7B{text}%7D"),
        format!("%2522{text}%2522"),
        format!("{}%5F{bare}", &text[..2]),
        format!("{}%255F{bare}", &text[..2]),
        text.bytes().map(|b| format!("%25{b:02X}")).collect(),
    ] {
        assert_eq!(read(&wrapped), Err(IdError::Wrapped { repaired: id }), "{wrapped}");
    }
    for other in [
        format!("{{x{text}}}"),
        format!("{text}?a=1"),
        format!("%2525252522{text}"),
        format!("{}{text}", " ".repeat(600)),
    ] {
        assert_eq!(read(&other), Err(IdError::Malformed), "{other}");
    }
}

/// Forgeries: random well-formed texts, cut-off ones, and valid ids of another installation, bare and wrapped.
#[test]
fn ten_million_forged_ids_are_refused() {
    const FORGERIES: u64 = 10_000_000;
    let keys = keys();
    let foreign =
        KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [9; 16] }], [3; 16], [4; 16]).unwrap();
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let (keys, foreign) = (&keys, &foreign);
    let accepted: u64 = std::thread::scope(|scope| {
        let run = |thread: u64| move || accepted(keys, foreign, thread, FORGERIES / threads);
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(run(thread))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).sum()
    });
    println!("click ids: {FORGERIES} forged, {accepted} accepted or repaired");
    assert_eq!(accepted, 0);
}

fn accepted(keys: &KeyRing, foreign: &KeyRing, seed: u64, count: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut accepted = 0;
    for i in 0..count {
        let key = ClickKey((random() >> 2) as i64);
        let id = ClickId {
            key,
            campaign: random() as u32 & id::CAMPAIGN_MAX,
            unlogged: false,
            test: false,
        };
        let text = id.text("ct_", foreign);
        let wrapped;
        let text = match i % 8 {
            0 => &text.as_str()[..29 - (i / 8 % 4) as usize],
            1 => {
                wrapped = format!("{{%2522{text}%2522}}");
                &wrapped
            }
            _ => text.as_str(),
        };
        let result = id::read(text, "ct_", keys, NOW_MS);
        accepted += u64::from(!matches!(result, Err(IdError::Unverified | IdError::Malformed)));
    }
    accepted
}
