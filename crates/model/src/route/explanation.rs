//! Why a click goes where it goes, as it is shown.

use crate::thing::{Pass, RedirectMode, Returning, Revision, ThingId};
use serde::Serialize;

/// Every step of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The configuration that was asked.
    pub revision: Revision,
    /// The campaigns whose flows decided, in order; more than one where a path leads to a campaign.
    pub flows: Vec<FlowStep>,
    /// What was decided.
    pub decision: Option<DecisionStep>,
    /// Why nothing was.
    pub undecided: Option<String>,
}

/// What one flow did.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct FlowStep {
    /// The campaign.
    pub campaign: ThingId,
    /// Its name.
    pub campaign_name: String,
    /// Its flow.
    pub flow: ThingId,
    /// The flow's name.
    pub flow_name: String,
    /// What the flow does with somebody who was here before.
    pub returning: Returning,
    /// All its rules, in order.
    pub rules: Vec<RuleStep>,
    /// What was chosen: a path, then lander and offer where the path has them.
    pub draws: Vec<DrawStep>,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct RuleStep {
    /// Its number in the flow.
    pub id: u32,
    /// What the operator calls it.
    pub name: String,
    /// Whether it was met.
    pub reached: Reached,
    /// Its conditions, where it was looked at.
    pub when: Option<ConditionStep>,
}

/// Whether a rule was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// It was: its paths are taken.
    Met,
    /// It was not.
    NotMet,
    /// That hangs on an input that was not kept.
    InputLost,
    /// An earlier rule was met.
    NotReached,
}

/// A condition and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct ConditionStep {
    /// `all`, `any`, or the comparison in words.
    pub text: String,
    /// Whether it holds; absent when its input was not kept.
    pub holds: Option<bool>,
    /// The value a comparison saw; absent when there was none.
    pub seen: Option<String>,
    /// Whether `holds` was read from the click's record, since the input was not kept.
    pub is_recorded: bool,
    /// The conditions below `all` or `any`.
    #[schema(no_recursion)]
    pub parts: Vec<ConditionStep>,
}

/// One choice among alternatives.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DrawStep {
    /// `path`, `lander` or `offer`.
    pub level: String,
    /// What the draw was made from.
    pub seed: SeedKind,
    /// What was chosen.
    pub winner: Option<u32>,
    /// Whether it was taken over from an earlier visit instead of drawn.
    pub is_kept: bool,
    /// Where an offer over its cap sent the visitor on.
    pub overflow: Option<Overflow>,
    /// What could be chosen, in the order of the flow.
    pub alternatives: Vec<AlternativeStep>,
}

/// What a draw is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedKind {
    /// The click's key.
    Click,
    /// The visitor.
    Visitor,
}

/// Where an offer over its cap sent the visitor on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Overflow {
    /// The offer that was drawn.
    pub from: ThingId,
    /// The offer that takes the visitor.
    pub to: ThingId,
    /// Its name.
    pub name: String,
}

/// One alternative of a choice.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AlternativeStep {
    /// Its number.
    pub id: u32,
    /// The name of a lander or an offer.
    pub name: Option<String>,
    /// Its weight; what is archived has none.
    pub weight: u32,
    /// Its share of all weights, from 0 to 1.
    pub share: f64,
    /// Its uniform number in (0, 1]; none without a weight.
    pub uniform: Option<f64>,
    /// `-ln(uniform) ÷ weight`: the smallest wins.
    pub score: Option<f64>,
    /// What became of it.
    pub fortune: Fortune,
}

/// What became of an alternative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fortune {
    /// It was chosen.
    Won,
    /// Another had the smaller score, or was kept.
    Lost,
    /// It has no weight.
    NoWeight,
    /// It was left out: the visitor had seen it.
    Seen,
    /// It was left out: it is over its cap.
    Capped,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DecisionStep {
    /// The campaign whose flow decided.
    pub campaign: ThingId,
    /// The flow.
    pub flow: ThingId,
    /// The rule; absent for the default.
    pub rule: Option<u32>,
    /// The path.
    pub path: u32,
    /// How the visitor is sent on.
    pub mode: RedirectMode,
    /// Whether what the ad platform passed goes on.
    pub pass: Pass,
    /// `lander`, `offer`, `url`, `status` or `closed`.
    pub target: String,
    /// The status of an answer that leads nowhere.
    pub status: Option<u16>,
    /// The lander.
    pub lander: Option<ThingId>,
    /// The offer; absent where it is drawn after the lander.
    pub offer: Option<ThingId>,
    /// Who pays for the offer.
    pub network: Option<ThingId>,
}
