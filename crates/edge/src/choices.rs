//! What a visitor had and saw in flows that remember it: the signed cookie `ct_s`.
//!
//! The value is hexadecimal: eight bytes of keyed hash over the rest, then entries, the newest first. An entry is a
//! byte for its kind (0 kept, 1 path, 2 lander, 3 offer) and its numbers as unsigned LEB128; what was kept has flow,
//! path, lander and offer, 0 where there was none. Old entries go when the value has no room for them.

use crate::cookie::{self, Reach};
use crate::digits::push_hex;
use http::HeaderValue;
use model::ClickKey;
use model::keys::{self, KeyRing};
use model::route::{Decision, Kept, Seen};
use model::table::RoutingTable;
use model::thing::{Returning, ThingId};

/// Name and value stay below 512 bytes.
const VALUE_BYTES_MAX: usize = 500;
/// Digits of the keyed hash in front.
const MAC_DIGITS: usize = 16;
/// Keeps these hashes apart from others made with the same key.
const MAC_CONTEXT: &[u8] = b"ct_s";

/// What a visitor brought along, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choices {
    pub kept: Vec<Kept>,
    pub seen: Vec<Seen>,
}

impl Choices {
    /// Reads the value of the cookie; one that we did not sign is as good as none.
    pub fn read(value: Option<&str>, keys: &KeyRing) -> Self {
        let bytes = value.filter(|value| value.len() <= VALUE_BYTES_MAX).and_then(from_hex);
        let Some((mac, entries)) = bytes.as_deref().and_then(<[u8]>::split_first_chunk) else {
            return Self::default();
        };
        if sign(entries, keys) != u64::from_be_bytes(*mac) {
            return Self::default();
        }
        let (mut choices, mut rest) = (Self::default(), entries);
        while let Some(entry) = Entry::take(&mut rest) {
            match entry {
                Entry::Kept(kept) => choices.kept.push(kept),
                Entry::Seen(seen) => choices.seen.push(seen),
            }
        }
        choices
    }

    /// Adds what a decision chose in flows that remember visitors; whether there was anything.
    pub fn note(&mut self, table: &RoutingTable, decision: &Decision) -> bool {
        let hops = decision.hops.iter();
        let hops =
            hops.map(|hop| Kept { flow: hop.flow, path: hop.path, lander: None, offer: None });
        let mut is_noted = false;
        for kept in hops.chain([decision.keepsake()]) {
            is_noted |= self.note_flow(table, kept);
        }
        is_noted
    }

    /// Adds the offer behind a link of a lander.
    pub fn note_offer(
        &mut self,
        table: &RoutingTable,
        flow: ThingId,
        path: u32,
        offer: ThingId,
    ) -> bool {
        let had = self.kept.iter().find(|kept| (kept.flow, kept.path) == (flow, path));
        let lander = had.and_then(|kept| kept.lander);
        self.note_flow(table, Kept { flow, path, lander, offer: Some(offer) })
    }

    fn note_flow(&mut self, table: &RoutingTable, kept: Kept) -> bool {
        match table.flow(kept.flow).map(|flow| flow.returning) {
            Some(Returning::Same) => {
                self.kept.retain(|earlier| earlier.flow != kept.flow);
                self.kept.insert(0, kept);
                true
            }
            Some(Returning::Unseen) => {
                let path = Some(Seen::Path { flow: kept.flow, path: kept.path });
                let others = [kept.lander.map(Seen::Lander), kept.offer.map(Seen::Offer)];
                for seen in [path].into_iter().chain(others).flatten() {
                    self.seen.retain(|earlier| *earlier != seen);
                    self.seen.insert(0, seen);
                }
                true
            }
            Some(Returning::DrawAgain) | None => false,
        }
    }

    /// `Set-Cookie`, with as much as there is room for: what was kept and what was seen by turns.
    pub fn set_cookie(&self, keys: &KeyRing, reach: impl Into<Reach>) -> Option<HeaderValue> {
        let mut entries = Vec::with_capacity(VALUE_BYTES_MAX / 2);
        let (mut kept, mut seen) = (self.kept.iter(), self.seen.iter());
        loop {
            let turn = [
                kept.next().map(|kept| Entry::Kept(*kept)),
                seen.next().map(|seen| Entry::Seen(*seen)),
            ];
            if turn.iter().all(Option::is_none) {
                break;
            }
            for entry in turn.into_iter().flatten() {
                let before = entries.len();
                entry.push(&mut entries);
                if MAC_DIGITS + 2 * entries.len() > VALUE_BYTES_MAX {
                    entries.truncate(before);
                }
            }
        }
        let mut text = String::with_capacity(600);
        text.push_str("ct_s=");
        push_hex(&mut text, sign(&entries, keys));
        entries.iter().for_each(|byte| text.extend([hex_digit(byte >> 4), hex_digit(byte & 15)]));
        cookie::push_visitor_attributes(&mut text, reach.into());
        HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()
    }
}

/// Who is drawn from, where a flow remembers visitors: nobody's address must be recorded where privacy forbids it, so
/// a visitor without a cookie is then the visitor id that is given out with the click.
pub(crate) fn seed(key: ClickKey, visitor: Option<u64>, keys: &KeyRing) -> u64 {
    visitor.unwrap_or_else(|| crate::visits::given_hash(key, keys))
}

enum Entry {
    Kept(Kept),
    Seen(Seen),
}

impl Entry {
    fn push(&self, bytes: &mut Vec<u8>) {
        let mut push = |kind: u8, numbers: &[u32]| {
            bytes.push(kind);
            numbers.iter().for_each(|number| push_number(bytes, *number));
        };
        match *self {
            Self::Kept(Kept { flow, path, lander, offer }) => {
                push(0, &[flow, path, lander.unwrap_or(0), offer.unwrap_or(0)]);
            }
            Self::Seen(Seen::Path { flow, path }) => push(1, &[flow, path]),
            Self::Seen(Seen::Lander(id)) => push(2, &[id]),
            Self::Seen(Seen::Offer(id)) => push(3, &[id]),
        }
    }

    fn take(rest: &mut &[u8]) -> Option<Self> {
        let (kind, behind) = rest.split_first()?;
        *rest = behind;
        let given = |id: u32| (id != 0).then_some(id);
        Some(match kind {
            0 => Self::Kept(Kept {
                flow: take_number(rest)?,
                path: take_number(rest)?,
                lander: given(take_number(rest)?),
                offer: given(take_number(rest)?),
            }),
            1 => Self::Seen(Seen::Path { flow: take_number(rest)?, path: take_number(rest)? }),
            2 => Self::Seen(Seen::Lander(take_number(rest)?)),
            3 => Self::Seen(Seen::Offer(take_number(rest)?)),
            _ => return None,
        })
    }
}

fn push_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u32> {
    let mut number = 0u32;
    for shift in (0..35).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn sign(entries: &[u8], keys: &KeyRing) -> u64 {
    let mut input = [0; MAC_CONTEXT.len() + VALUE_BYTES_MAX];
    let (context, rest) = input.split_at_mut(MAC_CONTEXT.len());
    context.copy_from_slice(MAC_CONTEXT);
    let length = entries.len().min(rest.len());
    rest[..length].copy_from_slice(&entries[..length]);
    keys::hash(keys.visitor(), &input[..MAC_CONTEXT.len() + length])
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::keys::MacKey;
    use proptest::prelude::*;

    fn keys() -> KeyRing {
        KeyRing::new(vec![MacKey { valid_from_ms: 0, secret: [1; 16] }], [2; 16], [3; 16]).unwrap()
    }

    fn value(choices: &Choices) -> String {
        let header = choices.set_cookie(&keys(), true).unwrap();
        let pair = header.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert!(pair.len() <= 512, "{}", pair.len());
        pair["ct_s=".len()..].to_owned()
    }

    fn kept() -> impl Strategy<Value = Kept> {
        let id = prop_oneof![1u32..300, any::<u32>().prop_filter("0 is none", |id| *id != 0)];
        let some = proptest::option::of(id.clone());
        (id.clone(), id, some.clone(), some).prop_map(|(flow, path, lander, offer)| Kept {
            flow,
            path,
            lander,
            offer,
        })
    }

    fn seen() -> impl Strategy<Value = Seen> {
        let id = prop_oneof![1u32..300, any::<u32>()];
        prop_oneof![
            (id.clone(), id.clone()).prop_map(|(flow, path)| Seen::Path { flow, path }),
            id.clone().prop_map(Seen::Lander),
            id.prop_map(Seen::Offer),
        ]
    }

    proptest! {
        #[test]
        fn what_fits_reads_back_and_the_newest_fits(
            kept in proptest::collection::vec(kept(), 0..60),
            seen in proptest::collection::vec(seen(), 0..60),
        ) {
            let choices = Choices { kept, seen };
            let read = Choices::read(Some(&value(&choices)), &keys());
            prop_assert_eq!(read.kept.first(), choices.kept.first());
            prop_assert_eq!(read.seen.first(), choices.seen.first());
            prop_assert!(read.kept.iter().all(|kept| choices.kept.contains(kept)));
            prop_assert!(read.seen.iter().all(|seen| choices.seen.contains(seen)));
            if choices.kept.len() + choices.seen.len() <= 10 {
                prop_assert_eq!(read, choices);
            }
        }

        #[test]
        fn what_others_wrote_counts_for_nothing(text in "[0-9a-f]{0,60}", place in 0usize..40, kept in kept()) {
            prop_assert_eq!(Choices::read(Some(&text), &keys()), Choices::default());
            let mut altered = value(&Choices { kept: vec![kept], seen: Vec::new() }).into_bytes();
            let place = place % altered.len();
            altered[place] = if altered[place] == b'0' { b'1' } else { b'0' };
            let altered = String::from_utf8(altered).unwrap();
            prop_assert_eq!(Choices::read(Some(&altered), &keys()), Choices::default());
        }
    }

    #[test]
    fn a_hundred_small_entries_have_room() {
        let seen = (1..=75).map(Seen::Offer).collect();
        let choices = Choices { kept: Vec::new(), seen };
        assert_eq!(Choices::read(Some(&value(&choices)), &keys()).seen.len(), 75);
        for broken in ["", "0", "zz", "é", &"0".repeat(501)] {
            assert_eq!(Choices::read(Some(broken), &keys()), Choices::default(), "{broken}");
        }
    }
}
