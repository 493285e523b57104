//! One ad click, announced by two: the platform's call in the background, and the page that the browser went to at once.
//!
//! Google and Microsoft call this parallel tracking. Both announcements carry the platform's id of the click. Whichever
//! comes first is the click; the other one is written down beside it and gets its id.

use crate::arrival::Arrival;
use crate::counters::Event;
use crate::edge::Edge;
use crate::log::encode;
use crate::once::{First, Met, Role};
use model::facts::{Facts, Value};
use model::keys::{self, KeyRing};
use model::record::{Record, RecordKind, tag};
use model::route;
use model::thing::ThingId;
use model::{ClickId, ClickKey, Field};

/// Ids that name no single click: many people get the same.
const SHARED: [&[u8]; 2] = [b"gbraid=", b"wbraid="];

/// What an announcement is of its click.
pub(crate) enum Half<'a> {
    /// All of it.
    Whole,
    /// The first half, while it is being written down.
    First(First<'a>),
    /// The second: the click exists.
    Second(ClickId),
}

impl<'a> Half<'a> {
    /// What a call in the background is.
    pub async fn of_call(arrival: &Arrival<'a>) -> Self {
        Self::of(arrival, Role::Call).await
    }

    /// What a landing is.
    pub async fn of_landing(arrival: &Arrival<'a>) -> Self {
        Self::of(arrival, Role::Landing).await
    }

    async fn of(arrival: &Arrival<'a>, role: Role) -> Self {
        let edge = arrival.edge;
        let is_click = arrival.kind() == RecordKind::Click;
        let name = name(&arrival.facts, arrival.campaign.id, &edge.keys).filter(|_| is_click);
        let Some(name) = name else { return Self::Whole };
        match edge.once.meet(name, role, arrival.id, arrival.id.key.time_ms()).await {
            Met::Nothing(first) => Self::First(first),
            Met::Known(id) => Self::Second(id),
            Met::Alike => Self::Whole,
        }
    }

    /// Says whether the click was written down.
    pub fn settle(self, is_logged: bool) {
        if let Self::First(first) = self {
            first.settle(is_logged);
        }
    }
}

impl Arrival<'_> {
    /// Writes this half down beside the click it belongs to. Should the journal fail, the click is there all the same.
    pub async fn join(&mut self, click: ClickId) {
        self.edge.log.counters.count(Event::ClickJoined);
        self.id = click;
        self.facts.replace_int(tag::KEY, click.key.0);
        self.facts.push_int(tag::AT, self.edge.log.clock.now_ms());
        let record = encode(RecordKind::Joined, &self.facts);
        let _ = self.edge.log.append_or_refuse(record).await;
    }
}

/// What both halves are known by: the campaign, and the first id that names a single click.
fn name(facts: &Facts, campaign: ThingId, keys: &KeyRing) -> Option<u64> {
    let ids = facts.all(tag::PLATFORM_ID).filter_map(|id| match id {
        Value::Bytes(pair) => Some(pair),
        Value::Int(_) => None,
    });
    let single = ids.into_iter().find(|id| !SHARED.iter().any(|kind| id.starts_with(kind)))?;
    Some(keys::hash(keys.visitor(), &[b"half", &campaign.to_le_bytes()[..], single].concat()))
}

/// What a landing is known by when its page sends it again.
pub(crate) fn number_name(number: &str, campaign: ThingId, keys: &KeyRing) -> u64 {
    let parts = [b"page", &campaign.to_le_bytes()[..], number.as_bytes()];
    keys::hash(keys.visitor(), &parts.concat())
}

/// Takes over what a record of the journal says.
pub(crate) fn replay(edge: &Edge, record: &Record, key: ClickKey) {
    let facts = &record.facts;
    let campaign = facts.int(Field::Campaign).and_then(|id| ThingId::try_from(id).ok());
    let Some(campaign) = campaign else { return };
    let is_landing = facts.text(Field::Kind) == Some(route::DIRECT);
    let is_post = || facts.text(Field::Method) == Some("POST");
    let (unlogged, test) = (facts.flag(Field::Unlogged), facts.flag(Field::Test));
    let id = ClickId { key, campaign, unlogged, test };
    let half = || name(facts, campaign, &edge.keys);
    match record.kind {
        RecordKind::Click if is_landing => {
            if let Some(number) = facts.text_at(tag::LANDING_NUMBER) {
                let name = number_name(number, campaign, &edge.keys);
                edge.once.remember(name, Role::Alone, id);
            }
            half().into_iter().for_each(|name| edge.once.remember(name, Role::Landing, id));
        }
        RecordKind::Click if is_post() => {
            half().into_iter().for_each(|name| edge.once.remember(name, Role::Call, id));
        }
        RecordKind::Joined => half().into_iter().for_each(|name| edge.once.forget(name)),
        _ => {}
    }
}
