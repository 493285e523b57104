//! What an operator sets up: one struct per kind of thing, each saved as revisions in the catalog.

mod campaign;
mod conversion_type;
mod cost;
mod domain;
mod flow;
mod lander;
mod loops;
mod network;
mod offer;
mod path;
mod rule;
mod source;
mod unheard;
mod unreachable;
mod workspace;

pub(crate) use campaign::host_is_among;
pub use campaign::{Campaign, CampaignStatus};
pub use conversion_type::ConversionType;
pub use cost::{CostModel, CostPrecedence, Percent};
pub use domain::{Domain, DomainAnswer, Scheme};
pub use flow::{Flow, Returning};
pub use lander::{BundleId, HOSTED_PATH, Lander};
pub use loops::{HOPS_MAX, Loops};
pub use network::{CheckMode, Network, RepeatPolicy, Status};
pub use offer::{Cap, CapOf, CapPer, Offer, Payout};
pub use path::{
    OfferChoice, Pass, Path, RedirectMode, StatusAnswer, WeightedLander, WeightedOffer,
};
pub use rule::{Comparison, Condition, ConditionOp, Rule, Subject};
pub use source::{Source, SourceParam};
pub use workspace::{IpPrivacy, Workspace};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number of a thing: per kind and installation, never reused.
pub type ThingId = u32;

/// Number of a saved version of something; grows with every save in the installation.
pub type Revision = u64;

/// The workspace that exists from the first day.
pub const DEFAULT_WORKSPACE: ThingId = 1;

/// The kinds of things.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The owner of all others.
    Workspace,
    /// A traffic source.
    Source,
    /// An affiliate network or advertiser that pays.
    Network,
    /// What a conversion may be: a lead, a sale, a deposit.
    ConversionType,
    /// What a visitor may buy or sign up for.
    Offer,
    /// A page between ad and offer.
    Lander,
    /// Rules and paths.
    Flow,
    /// A host with links.
    Domain,
    /// A link that is clicked.
    Campaign,
}

impl Kind {
    /// All kinds; each refers only to kinds in front of it, but for paths and domains that lead to
    /// campaigns and offers that name the next.
    pub const ALL: [Self; 9] = [
        Self::Workspace,
        Self::Source,
        Self::Network,
        Self::ConversionType,
        Self::Offer,
        Self::Lander,
        Self::Flow,
        Self::Domain,
        Self::Campaign,
    ];

    /// The word for one.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Source => "source",
            Self::Network => "network",
            Self::ConversionType => "conversion_type",
            Self::Offer => "offer",
            Self::Lander => "lander",
            Self::Flow => "flow",
            Self::Domain => "domain",
            Self::Campaign => "campaign",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A thing as it stands: who it is, which version, and its own fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Thing<B> {
    /// Its number.
    pub id: ThingId,
    /// Whose it is.
    pub workspace: ThingId,
    /// Unique per kind and workspace among those not archived.
    pub name: String,
    /// The save that made it what it is.
    pub revision: Revision,
    /// Deleting archives; facts keep pointing here.
    pub archived: bool,
    /// The fields of its kind.
    #[serde(flatten)]
    pub body: B,
}

/// A kind's own fields.
pub trait Body:
    Clone + fmt::Debug + PartialEq + Serialize + for<'de> Deserialize<'de> + Send + Sync + 'static
{
    /// Which kind.
    const KIND: Kind;

    /// What is wrong with it by itself: the path of the field and a sentence. References to other
    /// things are checked against the catalog.
    fn problems(&self) -> Vec<Problem>;

    /// The things it refers to.
    fn references(&self) -> Vec<(Kind, ThingId)> {
        Vec::new()
    }
}

/// Something wrong with a thing that was to be saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// Where, as a path such as `default[0].offers[1].weight`.
    pub field: String,
    /// What, and what to do.
    pub message: String,
}

impl Problem {
    /// `message` about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }

    /// Several in one line, each with its place.
    pub fn list(problems: &[Self]) -> String {
        let lines = problems.iter().map(|p| format!("{}: {}", p.field, p.message));
        lines.collect::<Vec<_>>().join("; ")
    }
}
