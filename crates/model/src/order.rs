//! An operator's order about a call in the inbox: judge it again, if need be for a click he names.
//!
//! Orders go through the journal like everything that changes figures: they have a place in the order of events, and
//! count exactly once.

use crate::field::Field;
use crate::id::{ClickId, ClickKey};
use crate::record::{Record, RecordKind, tag};
use crate::thing::ThingId;
use crate::{Facts, codec};

/// What is to be done, and who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// When it was given, Unix milliseconds.
    pub at_ms: i64,
    /// Whose call it is.
    pub workspace: ThingId,
    /// Journal sequence of the call.
    pub call: u64,
    /// The click the call is to count for, whatever click it names itself.
    pub click: Option<ClickId>,
    /// Who gave it.
    pub author: String,
    /// Why, in his words; empty when he gave no reason.
    pub reason: String,
}

impl Order {
    /// The journal record.
    pub fn encode(&self) -> Vec<u8> {
        let mut facts = Facts::default();
        facts.push_int(tag::AT, self.at_ms);
        facts.set_int(Field::Workspace, self.workspace);
        facts.push_int(tag::CALL, self.call as i64);
        if let Some(click) = self.click {
            name_click(&mut facts, click);
        }
        facts.push_bytes(tag::ORDER_AUTHOR, self.author.as_bytes());
        if !self.reason.is_empty() {
            facts.push_bytes(tag::ORDER_REASON, self.reason.as_bytes());
        }
        let mut bytes = Vec::with_capacity(256);
        codec::encode(RecordKind::Order, &facts, &mut bytes);
        bytes
    }

    /// The order that a record holds; none when it names no call.
    pub fn read(record: &Record) -> Option<Self> {
        let facts = &record.facts;
        let text = |tag| facts.text_at(tag).unwrap_or_default().to_owned();
        Some(Self {
            at_ms: record.at_ms(),
            workspace: record.workspace(),
            call: u64::try_from(facts.int_at(tag::CALL)?).ok()?,
            click: named_click(facts),
            author: text(tag::ORDER_AUTHOR),
            reason: text(tag::ORDER_REASON),
        })
    }
}

/// Puts a click and what its id says in place of whatever click `facts` name.
pub fn name_click(facts: &mut Facts, click: ClickId) {
    let tags = [Field::Campaign, Field::Test, Field::Unlogged].map(Field::tag);
    tags.into_iter().chain([tag::KEY]).for_each(|tag| facts.remove(tag));
    facts.push_int(tag::KEY, click.key.0);
    facts.set_int(Field::Campaign, click.campaign);
    facts.set_flag(Field::Test, click.test);
    facts.set_flag(Field::Unlogged, click.unlogged);
}

/// The click that `facts` name.
pub fn named_click(facts: &Facts) -> Option<ClickId> {
    let campaign = facts.int(Field::Campaign).and_then(|id| ThingId::try_from(id).ok());
    Some(ClickId {
        key: ClickKey(facts.int_at(tag::KEY)?),
        campaign: campaign.unwrap_or_default(),
        test: facts.flag(Field::Test),
        unlogged: facts.flag(Field::Unlogged),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::DEFAULT_WORKSPACE;

    #[test]
    fn an_order_reads_as_it_was_written() {
        let click = ClickId { key: ClickKey(7), campaign: 3, unlogged: false, test: true };
        for (click, reason) in [(None, ""), (Some(click), "the buyer showed the receipt")] {
            let order = Order {
                at_ms: 5,
                workspace: DEFAULT_WORKSPACE,
                call: 9,
                click,
                author: "token 1 `me`".into(),
                reason: reason.into(),
            };
            let record = codec::decode(&order.encode()).unwrap();
            assert_eq!(record.kind, RecordKind::Order);
            assert_eq!(Order::read(&record), Some(order));
        }
    }
}
