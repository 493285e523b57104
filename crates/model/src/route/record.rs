//! A decision among the facts of its click, and the same decision made again from them.

use super::walk::walk;
use super::{Decision, Kept, Seen, Undecided, Visit, trace};
use crate::facts::{Facts, Value};
use crate::field::Field;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::record::tag;
use crate::table::{CampaignRoute, RoutingTable};
use crate::thing::ThingId;
use std::net::IpAddr;

impl Decision {
    /// Writes the decision down among the click's facts, and what it depended on beyond them.
    pub fn record(&self, facts: &mut Facts) {
        facts.set_int(Field::Flow, self.flow);
        set(facts, Field::Rule, self.rule);
        facts.set_int(Field::Path, self.path);
        set(facts, Field::Lander, self.lander());
        set(facts, Field::Offer, self.offer());
        set(facts, Field::Network, self.network);
        let led_on_to = self.hops.iter().map(|hop| hop.campaign).skip(1).chain([self.campaign]);
        for campaign in led_on_to.filter(|_| !self.hops.is_empty()) {
            facts.push_int(tag::HOP, campaign.into());
        }
        for kept in &self.kept {
            facts.push_bytes(tag::KEPT, &kept.to_bytes());
        }
        if let Some(seed) = self.seed {
            facts.push_int(tag::SEED, seed as i64);
        }
        for seen in &self.seen {
            facts.push_bytes(tag::SEEN, &seen.to_bytes());
        }
        for offer in &self.capped {
            facts.push_int(tag::CAPPED, (*offer).into());
        }
        for truth in &self.truths {
            facts.push_int(tag::TRUTH, *truth);
        }
    }
}

fn set(facts: &mut Facts, field: Field, value: Option<u32>) {
    if let Some(value) = value {
        facts.set_int(field, value);
    }
}

/// What a stored click was decided on, read from its facts.
#[derive(Debug)]
pub struct Stored<'f> {
    facts: &'f Facts,
    key: ClickKey,
    query: &'f str,
    ip: Option<IpAddr>,
    visitor: Option<u64>,
    kept: Vec<Kept>,
    seen: Vec<Seen>,
    capped: Vec<ThingId>,
    truths: Vec<i64>,
}

impl<'f> Stored<'f> {
    /// Reads the facts of a click, its key among them.
    pub fn read(facts: &'f Facts) -> Self {
        let bytes = |tag| facts.all(tag).filter_map(as_bytes);
        let ints = |tag| facts.all(tag).filter_map(as_int);
        Self {
            facts,
            key: ClickKey(facts.int_at(tag::KEY).unwrap_or_default()),
            query: facts.text_at(tag::RAW_QUERY).unwrap_or_default(),
            ip: facts.text(Field::Ip).and_then(|text| text.parse().ok()),
            // Where nothing was drawn from the visitor, another table may: from whom it would have been.
            visitor: facts.int_at(tag::SEED).or(facts.int_at(tag::VISITOR)).map(|seed| seed as u64),
            kept: bytes(tag::KEPT).filter_map(Kept::from_bytes).collect(),
            seen: bytes(tag::SEEN).filter_map(Seen::from_bytes).collect(),
            capped: ints(tag::CAPPED).filter_map(|id| ThingId::try_from(id).ok()).collect(),
            truths: ints(tag::TRUTH).collect(),
        }
    }

    /// The visit as it was, with the caps of another moment; [`Self::was_capped`] gives those of then.
    pub fn visit<'v>(&'v self, capped: &'v dyn Fn(ThingId) -> bool) -> Visit<'v> {
        Visit {
            key: self.key,
            facts: self.facts,
            query: self.query,
            ip: self.ip,
            visitor: self.visitor,
            kept: &self.kept,
            seen: &self.seen,
            capped,
            truths: Some(&self.truths),
        }
    }

    /// Whether an offer was passed over for its cap when the click came.
    pub fn was_capped(&self, offer: ThingId) -> bool {
        self.capped.contains(&offer)
    }

    /// The campaign whose link was clicked.
    pub(super) fn campaign<'t>(
        &self,
        table: &'t RoutingTable,
    ) -> Result<&'t CampaignRoute, Undecided> {
        let id = self.facts.int(Field::Campaign).and_then(|id| ThingId::try_from(id).ok());
        let id = id.unwrap_or_default();
        table.campaign(id).ok_or(Undecided::CampaignMissing(id))
    }
}

/// The decision for a stored click: with the table of its revision the one that was made, with another
/// table the one that would have been. What was decided is not read, only what it was decided on.
///
/// # Errors
/// When there was no decision, or when it hangs on something that was not kept.
pub fn replay(table: &RoutingTable, facts: &Facts, draws: &Secret) -> Result<Decision, Undecided> {
    let stored = Stored::read(facts);
    let capped = |offer| stored.was_capped(offer);
    let visit = stored.visit(&capped);
    walk(table, stored.campaign(table)?, &visit, draws, &mut trace::Silent)
}

/// Whether a decision is the one that stands among the facts of a click.
pub fn agrees(facts: &Facts, decision: Option<&Decision>) -> bool {
    let number = |field: Field| facts.int(field).and_then(|id| u32::try_from(id).ok());
    let recorded = [Field::Flow, Field::Rule, Field::Path, Field::Lander, Field::Offer].map(number);
    let decided = decision.map(|decision| {
        let Decision { flow, rule, path, .. } = *decision;
        [Some(flow), rule, Some(path), decision.lander(), decision.offer()]
    });
    recorded == decided.unwrap_or_default()
}

fn as_bytes(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        Value::Int(_) => None,
    }
}

fn as_int(value: Value<'_>) -> Option<i64> {
    match value {
        Value::Int(int) => Some(int),
        Value::Bytes(_) => None,
    }
}

impl Kept {
    fn to_bytes(self) -> [u8; 16] {
        let numbers = [self.flow, self.path, self.lander.unwrap_or(0), self.offer.unwrap_or(0)];
        little_endian(&numbers)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [flow, path, lander, offer] = numbers(bytes)?;
        let given = |id: u32| (id != 0).then_some(id);
        Some(Self { flow, path, lander: given(lander), offer: given(offer) })
    }
}

impl Seen {
    fn to_bytes(self) -> [u8; 12] {
        little_endian(&match self {
            Self::Path { flow, path } => [1, flow, path],
            Self::Lander(id) => [2, 0, id],
            Self::Offer(id) => [3, 0, id],
        })
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(match numbers(bytes)? {
            [1, flow, path] => Self::Path { flow, path },
            [2, _, id] => Self::Lander(id),
            [3, _, id] => Self::Offer(id),
            _ => return None,
        })
    }
}

fn little_endian<const BYTES: usize>(numbers: &[u32]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (four, number) in bytes.chunks_exact_mut(4).zip(numbers) {
        four.copy_from_slice(&number.to_le_bytes());
    }
    bytes
}

fn numbers<const COUNT: usize>(bytes: &[u8]) -> Option<[u32; COUNT]> {
    let mut numbers = [0; COUNT];
    if bytes.len() != 4 * COUNT {
        return None;
    }
    for (number, four) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = four.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_and_seen_reads_back() {
        for kept in [
            Kept { flow: 1, path: u32::MAX, lander: None, offer: Some(7) },
            Kept { flow: 256, path: 2, lander: Some(3), offer: None },
        ] {
            assert_eq!(Kept::from_bytes(&kept.to_bytes()), Some(kept));
        }
        for seen in [Seen::Path { flow: 9, path: 300 }, Seen::Lander(5), Seen::Offer(70_000)] {
            assert_eq!(Seen::from_bytes(&seen.to_bytes()), Some(seen));
        }
        assert_eq!((Kept::from_bytes(b"short"), Seen::from_bytes(&[0; 12])), (None, None));
    }
}
