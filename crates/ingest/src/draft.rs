//! A batch on its way: the records that arrived, what is known about their clicks, and the rows so far.

use crate::cost::Thousands;
use crate::known::Known;
use crate::reason::Reason;
use model::ClickKey;
use model::event::{InboxEntry, Row};
use model::order::Order;
use model::postback::PostbackParams;
use model::record::{Record, RecordKind};
use model::thing::ThingId;
use std::collections::{HashMap, HashSet};

/// A click and whose it is: nothing is ever found for another workspace.
pub type ClickOf = (ThingId, ClickKey);

/// One record of the journal.
#[derive(Debug)]
pub struct Arrival {
    /// Its place in the journal.
    pub sequence: u64,
    /// What it says.
    pub record: Record,
}

/// A postback or pixel call, read: whose conversion it reports.
#[derive(Debug)]
pub struct Call {
    /// Where in the journal it is to be judged: its own place, or that of the order to judge it again.
    pub sequence: u64,
    /// The call as it came.
    pub record: Record,
    /// Its parameters.
    pub params: PostbackParams,
    /// The network that called, if intake found out and checked it.
    pub network: Option<ThingId>,
    /// The network whose names the parameters were read with.
    pub read_as: Option<ThingId>,
    /// The click it names, or why there is none.
    pub click: Result<NamedClick, Reason>,
    /// Ids that are not ours and may be some that the click's source gave it: kind and value.
    pub foreign_ids: Vec<(String, String)>,
    /// Who had it judged again; none for a call that has just come.
    pub order: Option<Order>,
}

impl Call {
    /// Its number in the inbox: its own place in the journal.
    pub fn number(&self) -> u64 {
        self.order.as_ref().map_or(self.sequence, |order| order.call)
    }

    /// Whose it is.
    pub fn workspace(&self) -> ThingId {
        self.record.workspace()
    }

    /// The click it names.
    pub fn click_of(&self) -> Option<ClickOf> {
        self.click.as_ref().ok().map(|click| (self.workspace(), click.key))
    }
}

/// The click a call names, and what its id says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedClick {
    /// Its key.
    pub key: ClickKey,
    /// Its campaign.
    pub campaign: Option<ThingId>,
    /// The operator's own.
    pub test: bool,
    /// Its visitor was told that it was not logged.
    pub unlogged: bool,
    /// What had to be repaired.
    pub repaired: Option<Reason>,
}

/// A batch of records on its way to the store.
#[derive(Debug, Default)]
pub struct Draft {
    /// Position before the batch.
    pub after: u64,
    /// Position behind it.
    pub through: u64,
    /// Clicks, lander clicks, impressions, unlogged counts, in order.
    pub arrivals: Vec<Arrival>,
    /// Postbacks and pixel calls, in order.
    pub calls: Vec<Call>,
    /// Orders to judge calls again, in order, with their places in the journal.
    pub orders: Vec<(u64, Order)>,
    /// Calls of earlier batches that orders are about, as they stand.
    pub standing: HashMap<(ThingId, u64), InboxEntry>,
    /// Clicks that something in the batch refers to.
    pub wanted: HashSet<ClickOf>,
    /// Transaction ids that calls in the batch carry, by workspace.
    pub wanted_txids: HashSet<(ThingId, String)>,
    /// What is known about them.
    pub known: Known,
    /// Prices per thousand, on their way from click to click.
    pub thousands: Thousands,
    /// Rows made so far.
    pub rows: Vec<Row>,
    /// Inbox entries made so far.
    pub inbox: Vec<InboxEntry>,
}

impl Draft {
    /// Keeps a row, and learns it when something in the batch refers to its click.
    pub fn keep(&mut self, row: Row) {
        if self.wanted.contains(&(row.workspace(), row.key)) {
            self.known.learn(&row);
        }
        self.rows.push(row);
    }

    /// Takes the arrivals of some kinds out of the draft, in order.
    pub fn take(&mut self, kinds: &[RecordKind]) -> Vec<Arrival> {
        let (taken, rest) = std::mem::take(&mut self.arrivals)
            .into_iter()
            .partition(|a| kinds.contains(&a.record.kind));
        self.arrivals = rest;
        taken
    }
}
