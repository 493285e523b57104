//! What the journal keeps: one record per thing that arrived.

use crate::facts::Facts;
use crate::id::ClickKey;
use crate::thing::{DEFAULT_WORKSPACE, ThingId};

/// Bytes of the query that are kept as they came ([`tag::RAW_QUERY`]).
pub const RAW_QUERY_BYTES_MAX: usize = 4 << 10;

/// Tags of values that are no dimension; from [`crate::field::FIELD_TAG_END`] on, never reused.
pub mod tag {
    /// Key of the click the record is or belongs to (int).
    pub const KEY: u16 = 200;
    /// When it happened, Unix milliseconds (int); for a click the time of its key.
    pub const AT: u16 = 201;
    /// What the click cost, micro-units (int). A row has it only where that is not in the workspace's
    /// currency.
    pub const COST: u16 = 202;
    /// The currency of [`COST`] (text).
    pub const COST_CURRENCY: u16 = 203;
    /// The query as it came, at most 4 KiB, privacy-filtered (bytes).
    pub const RAW_QUERY: u16 = 204;
    /// A platform id, `kind=value` (text, repeats).
    pub const PLATFORM_ID: u16 = 205;
    /// A consent or attribution signal, `name=value` (text, repeats).
    pub const SIGNAL: u16 = 206;
    /// The query was longer than what is kept; the surplus parameters were cut (int 1).
    pub const CUT: u16 = 208;
    /// The name of a parameter whose macro was not expanded by the source (text, repeats).
    pub const BLANKED: u16 = 209;
    /// Keyed hash of the visitor (int).
    pub const VISITOR: u16 = 210;
    /// How many clicks an [`super::RecordKind::Unlogged`] record stands for (int).
    pub const COUNT: u16 = 211;
    /// Which link of the lander was clicked, from 1 (int).
    pub const LINK: u16 = 212;
    /// The destination the visitor was sent to (text).
    pub const DESTINATION: u16 = 213;
    /// The cost parameter held something that is no amount (text: what).
    pub const COST_REFUSED: u16 = 214;
    /// An unlogged click that made it into the journal after all (int 1): counts once by its key.
    pub const SETTLES: u16 = 215;
    /// A ledger entry's amount as received, micro-units of its own currency (int); absent where that
    /// is the workspace's, whose amount is the entry's revenue.
    pub const AMOUNT: u16 = 216;

    /// A campaign that a path led on to, in order (int, repeats): see [`crate::route::Decision::hops`].
    pub const HOP: u16 = 217;
    /// What was taken over from an earlier visit (bytes, repeats): flow, path, lander and offer as
    /// four little-endian 32-bit numbers, 0 where it was drawn.
    pub const KEPT: u16 = 218;
    /// What the draws were made from, where that is the visitor and not the key (int).
    pub const SEED: u16 = 219;
    /// An alternative passed over because the visitor had seen it (bytes, repeats): level, flow (0 but
    /// for paths) and number as three little-endian 32-bit numbers.
    pub const SEEN: u16 = 220;
    /// An offer passed over because it was over its cap (int, repeats).
    pub const CAPPED: u16 = 221;
    /// Whether a condition held whose input is not kept exactly (int, repeats): a hash that names the
    /// condition, and the truth in the lowest bit.
    pub const TRUTH: u16 = 222;
    /// The rate by which a click's cost or an entry's amount was converted
    /// ([`crate::rate::Exchange`] as text); absent where nothing was.
    pub const RATE: u16 = 223;
    /// The moment whose day's rate an entry's amount is converted by: that of its conversion's first
    /// report, Unix milliseconds (int); absent where that is the entry's own time.
    pub const RATE_AT: u16 = 224;
    /// What had been received of the conversion before an entry that changes its amount alone, as
    /// [`AMOUNT`] (int). The entry adds what all of it is worth less what that was worth, so that
    /// roundings never add up.
    pub const AMOUNT_BEFORE: u16 = 225;

    /// What priced it (int): see [`crate::cost::CostSource`].
    pub const COST_SOURCE: u16 = 226;
    /// What the campaign's model says where that is no amount of one click (int): micro-units per thousand, per
    /// conversion or per day, or millionths of a percent of revenue.
    pub const COST_RATE: u16 = 227;
    /// What the row cost before a cost entry priced it, micro-units in the workspace's currency (int).
    pub const COST_BASE: u16 = 228;
    /// The cost entry that made the row's cost (int); 0 for the campaign's model per day.
    pub const COST_ENTRY: u16 = 229;

    /// Method of a postback or pixel call (text).
    pub const INTAKE_METHOD: u16 = 230;
    /// Path and query as they came (bytes).
    pub const INTAKE_URL: u16 = 231;
    /// The body (bytes).
    pub const INTAKE_BODY: u16 = 232;
    /// A header that matters, `name: value` (bytes, repeats).
    pub const INTAKE_HEADER: u16 = 233;
    /// Address of the caller (text).
    pub const INTAKE_PEER: u16 = 234;
    /// Why intake refused it (text code); absent when accepted.
    pub const INTAKE_REFUSAL: u16 = 235;
    /// The network whose key was in the path (int).
    pub const INTAKE_NETWORK: u16 = 236;
    /// Something noted about it that does not refuse it (text code, repeats).
    pub const INTAKE_NOTE: u16 = 237;

    /// The call in the inbox that an order is about, or that a ledger entry comes from where its own
    /// sequence is that of the order (int: journal sequence).
    pub const CALL: u16 = 238;
    /// Who gave an order (text).
    pub const ORDER_AUTHOR: u16 = 239;
    /// Why the order was given, in its author's words (text).
    pub const ORDER_REASON: u16 = 240;
    /// What became of a call each time it was judged, oldest first (text, repeats): see
    /// [`crate::judged::Judged`].
    pub const JUDGED: u16 = 241;
    /// The click of a call was named by an operator (int 1), not by the call.
    pub const ATTACHED: u16 = 242;
    /// Which element of a batch a call is, from 1 (int).
    pub const ELEMENT: u16 = 243;
    /// When a conversion was reported, Unix milliseconds (int), where [`AT`] is when it happened.
    pub const RECEIVED: u16 = 244;
    /// The sender's id of the event that a ledger entry comes from (text).
    pub const EVENT_ID: u16 = 245;
    /// What a call says about the customer, hashed: `name=SHA-256` (text, repeats), see
    /// [`crate::first_party`].
    pub const FIRST_PARTY: u16 = 246;
    /// The column of a reported line that is to blame for its not counting (text, empty where none is);
    /// absent where the line was expected to count.
    pub const BLAMED: u16 = 249;
    /// The currency of [`COST_RATE`] (text); absent for a share of revenue.
    pub const COST_RATE_CURRENCY: u16 = 250;

    /// The number that goes with a page's event, in millionths (int): per cent, seconds, an amount.
    pub const EVENT_VALUE: u16 = 260;
    /// The number a page drew for its landing, by which a repetition is known (text).
    pub const LANDING_NUMBER: u16 = 261;
}

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A landing on a campaign link or script.
    Click = 1,
    /// A request answered like a click that is none: prefetch, link preview, HEAD.
    Preview = 2,
    /// From the lander to an offer.
    LanderClick = 3,
    /// A conversion reported server to server.
    Postback = 4,
    /// A conversion reported by the visitor's browser.
    Pixel = 5,
    /// An impression pixel.
    Impression = 6,
    /// Clicks that were answered and could not be written down, counted.
    Unlogged = 7,
    /// An operator's order to judge a call of the inbox again: see [`crate::order::Order`].
    Order = 8,
    /// A conversion reported by an operator or a program of his, through the API or from a file.
    Report = 9,
    /// Something that happened on a page of the visitor's: a view, a scroll, a consent.
    Page = 10,
    /// The other half of a click that two announced: a landing, and a call in the background.
    Joined = 11,
}

impl RecordKind {
    /// The kind with this number, if this version knows it.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Click,
            2 => Self::Preview,
            3 => Self::LanderClick,
            4 => Self::Postback,
            5 => Self::Pixel,
            6 => Self::Impression,
            7 => Self::Unlogged,
            8 => Self::Order,
            9 => Self::Report,
            10 => Self::Page,
            11 => Self::Joined,
            _ => return None,
        })
    }
}

/// One thing that arrived, and all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// What is known.
    pub facts: Facts,
}

impl Record {
    /// The click it is or belongs to; none for a postback without a valid id.
    pub fn key(&self) -> Option<ClickKey> {
        self.facts.int_at(tag::KEY).map(ClickKey)
    }

    /// When it happened, Unix milliseconds: said outright, or the time of its key.
    pub fn at_ms(&self) -> i64 {
        let at = self.facts.int_at(tag::AT);
        at.or_else(|| self.key().map(ClickKey::time_ms)).unwrap_or_default()
    }

    /// Whose it is.
    pub fn workspace(&self) -> ThingId {
        let workspace = self.facts.int(crate::Field::Workspace);
        workspace.and_then(|id| ThingId::try_from(id).ok()).unwrap_or(DEFAULT_WORKSPACE)
    }
}
