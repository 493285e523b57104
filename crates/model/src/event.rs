//! What the store keeps: rows whose plain sums are every figure of every report.

use crate::facts::Facts;
use crate::field::Field;
use crate::id::ClickKey;
use crate::record::RecordKind;
use crate::thing::{DEFAULT_WORKSPACE, ThingId};

/// What a row counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RowKind {
    /// A click, human or bot.
    Click = 1,
    /// Something answered like a click that is none: prefetch, link preview, HEAD.
    Preview = 2,
    /// From the lander to an offer.
    LanderClick = 3,
    /// An entry of the conversion ledger: signed, never changed, reversed by another entry.
    Entry = 4,
    /// An impression.
    Impression = 5,
    /// Clicks that could not be written down; `count` says how many.
    Unlogged = 6,
    /// What a cost entry says was spent where nobody clicked; `count` is 0 and `sequence` the entry's number.
    Spend = 7,
    /// A page was seen; `count` is 1 where that is the click's lander view, else 0.
    View = 8,
    /// Something else that happened on a page.
    PageEvent = 9,
    /// A call in the background that belongs to a landing; `count` is 0.
    Joined = 10,
}

impl RowKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Click,
        Self::Preview,
        Self::LanderClick,
        Self::Entry,
        Self::Impression,
        Self::Unlogged,
        Self::Spend,
        Self::View,
        Self::PageEvent,
        Self::Joined,
    ];

    /// Whether it is about a page: a view, an event, the other half of a click.
    pub const fn is_on_page(self) -> bool {
        matches!(self, Self::View | Self::PageEvent | Self::Joined)
    }

    /// The word for what it counts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Preview => "preview",
            Self::LanderClick => "lander_click",
            Self::Entry => "entry",
            Self::Impression => "impression",
            Self::Unlogged => "unlogged",
            Self::Spend => "spend",
            Self::View => "view",
            Self::PageEvent => "page_event",
            Self::Joined => "joined",
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// One row of the event table. A row carries the fields of its click, so that any figure can be
/// grouped by any field without a join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it counts.
    pub kind: RowKind,
    /// The click it is or belongs to; its time is the click time.
    pub key: ClickKey,
    /// When it happened, Unix milliseconds.
    pub event_ms: i64,
    /// Journal sequence of the record it was made from: where the row comes from.
    pub sequence: u64,
    /// How many it counts: 1, −1 for a reversal, n for unlogged clicks.
    pub count: i64,
    /// Micro-units in the workspace's currency.
    pub cost: i64,
    /// Micro-units in the workspace's currency, signed; of ledger entries only.
    pub revenue: i64,
    /// Its fields, and structural values ([`crate::record::tag`]) worth keeping.
    pub facts: Facts,
}

impl Row {
    /// Whose it is.
    pub fn workspace(&self) -> ThingId {
        let workspace = self.facts.int(Field::Workspace);
        workspace.and_then(|id| ThingId::try_from(id).ok()).unwrap_or(DEFAULT_WORKSPACE)
    }
}

/// What became of a postback or pixel call.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A new conversion.
    Recorded,
    /// A known conversion changed its status or amount.
    Updated,
    /// Nothing new.
    Duplicate,
    /// Kept until something it needs is known.
    Held,
    /// Cannot count; the reason says what to change.
    Refused,
    /// Belongs to no click we know.
    Unattributed,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Recorded,
        Self::Updated,
        Self::Duplicate,
        Self::Held,
        Self::Refused,
        Self::Unattributed,
    ];

    /// Whether the call is in the ledger: such a call is never judged again.
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::Recorded | Self::Updated)
    }

    /// The word in answers, the inbox and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Updated => "updated",
            Self::Duplicate => "duplicate",
            Self::Held => "held",
            Self::Refused => "refused",
            Self::Unattributed => "unattributed",
        }
    }

    /// The verdict of its word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == word)
    }
}

/// One postback or pixel call as it came, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxEntry {
    /// Journal sequence of the call: its number in the inbox.
    pub sequence: u64,
    /// Whose it is.
    pub workspace: ThingId,
    /// How it came: a postback, a pixel call.
    pub kind: RecordKind,
    /// When it came, Unix milliseconds.
    pub received_ms: i64,
    /// The click it names, when its id is ours.
    pub key: Option<ClickKey>,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, as a stable code; empty when recorded as sent.
    pub reason: String,
    /// Why, and what to do, in a sentence.
    pub message: String,
    /// The call: method, URL, body, headers, peer ([`crate::record::tag`] `INTAKE_*`).
    pub facts: Facts,
}
