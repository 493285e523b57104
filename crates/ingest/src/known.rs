//! What is known about the clicks a batch refers to: from the store, and from the batch itself.
//!
//! A batch may hold both a call and what came after it. Whoever asks says from where in the journal, and
//! sees only what lies before: the outcome is the same wherever batches are cut.

use crate::draft::ClickOf;
use model::event::{Row, RowKind};
use model::record::tag;
use model::thing::ThingId;
use model::{ClickKey, Field};
use std::collections::HashMap;

/// Stories of clicks, and whose transaction ids are.
#[derive(Debug, Default)]
pub struct Known {
    stories: HashMap<ClickOf, Story>,
    txids: HashMap<(ThingId, String), ClickKey>,
}

/// What happened to one click, in order.
#[derive(Debug, Default)]
struct Story {
    landing: Option<Row>,
    hops: Vec<Hop>,
    /// A view that a page reported counts; views are learned in the order of the journal.
    is_viewed: bool,
    entries: Vec<Row>,
}

#[derive(Debug)]
struct Hop {
    sequence: u64,
    at_ms: i64,
    link: Option<i64>,
    offer: Option<ThingId>,
    is_person: bool,
}

impl Known {
    /// Learns a row, from the store or just made.
    pub fn learn(&mut self, row: &Row) {
        if row.kind == RowKind::Entry {
            self.learn_txid(row);
        }
        let story = self.stories.entry((row.workspace(), row.key)).or_default();
        match row.kind {
            RowKind::Entry => story.entries.push(row.clone()),
            RowKind::LanderClick => story.hops.push(Hop {
                sequence: row.sequence,
                at_ms: row.event_ms,
                link: row.facts.int_at(tag::LINK),
                offer: number(row, Field::Offer),
                is_person: !row.facts.flag(Field::Bot),
            }),
            RowKind::Click | RowKind::Preview | RowKind::Impression | RowKind::Unlogged => {
                story.landing.get_or_insert_with(|| row.clone());
            }
            RowKind::View => story.is_viewed |= row.count > 0,
            RowKind::PageEvent | RowKind::Joined => {}
            // Belongs to no click.
            RowKind::Spend => {}
        }
    }

    /// Learns which click an entry's transaction id belongs to, and nothing else of the entry.
    pub fn learn_txid(&mut self, row: &Row) {
        if let Some(txid) = row.facts.text(Field::Txid) {
            self.txids.entry((row.workspace(), txid.to_owned())).or_insert(row.key);
        }
    }

    /// Whether the record with this key counts already.
    pub fn is_counted(&self, of: ClickOf) -> bool {
        self.stories.get(&of).is_some_and(|story| story.landing.is_some())
    }

    /// Whether this very step from lander to offer counts already.
    pub fn is_hop_counted(&self, of: ClickOf, at_ms: i64, link: Option<i64>) -> bool {
        let hops = self.stories.get(&of).map_or(&[][..], |story| &story.hops);
        hops.iter().any(|hop| hop.at_ms == at_ms && hop.link == link)
    }

    /// A click's row, as seen from a later place in the journal.
    pub fn click(&self, of: ClickOf, before: u64) -> Option<&Row> {
        let landing = self.stories.get(&of)?.landing.as_ref()?;
        let is_click = matches!(landing.kind, RowKind::Click | RowKind::Preview);
        (is_click && landing.sequence < before).then_some(landing)
    }

    /// The offer the visitor went to last; what programs fetch from a lander counts only where no person
    /// went on, and the offer the click was routed to where nobody did.
    pub fn offer(&self, of: ClickOf, before: u64) -> Option<ThingId> {
        let hops = self.stories.get(&of).map_or(&[][..], |story| &story.hops);
        let last = |is_person| {
            let mut before = hops.iter().filter(|hop| hop.sequence < before);
            before.rfind(|hop| hop.is_person == is_person && hop.offer.is_some())?.offer
        };
        last(true).or_else(|| last(false)).or_else(|| number(self.click(of, before)?, Field::Offer))
    }

    /// The offers the visitor was sent to, in no order.
    pub fn offers(&self, of: ClickOf, before: u64) -> impl Iterator<Item = ThingId> {
        let hops = self.stories.get(&of).map_or(&[][..], |story| &story.hops);
        let hops = hops.iter().filter(move |hop| hop.sequence < before);
        let routed = self.click(of, before).and_then(|row| number(row, Field::Offer));
        hops.filter_map(|hop| hop.offer).chain(routed)
    }

    /// Whether a view of the click's lander counts already: by its own row, or by one that a page reported before.
    pub fn is_viewed(&self, of: ClickOf, before: u64) -> bool {
        let by_click = self.click(of, before).is_some_and(|row| {
            let is_lander = row.facts.int(Field::Lander).is_some();
            row.kind == RowKind::Click && (is_lander || row.facts.flag(Field::Viewed))
        });
        by_click || self.stories.get(&of).is_some_and(|story| story.is_viewed)
    }

    /// A click's ledger entries, in order.
    pub fn entries(&self, of: ClickOf) -> &[Row] {
        self.stories.get(&of).map_or(&[], |story| &story.entries)
    }

    /// The click that a transaction id was first reported for.
    pub fn click_of_txid(&self, workspace: ThingId, txid: &str) -> Option<ClickKey> {
        self.txids.get(&(workspace, txid.to_owned())).copied()
    }
}

/// The number of a thing that a row names.
pub fn number(row: &Row, field: Field) -> Option<ThingId> {
    row.facts.int(field).and_then(|id| ThingId::try_from(id).ok())
}
