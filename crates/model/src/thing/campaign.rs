//! A campaign: the link that is clicked, where its clicks come from, what they cost, where they go.

use super::workspace::is_param_name;
use super::{Body, Kind, Problem, ThingId};
use crate::money::{Currency, Money};
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A link with its traffic source and its flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    /// The path of the link (`/c/{key}`); unique in the installation, made by the server when empty.
    #[serde(default)]
    pub key: String,
    /// Keys it had before; links with them keep working.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Where the clicks come from.
    #[serde(default)]
    pub source: Option<ThingId>,
    /// Where they go.
    pub flow: ThingId,
    /// What they cost.
    #[serde(default)]
    pub cost: CostModel,
    /// Whether the link is in use.
    #[serde(default)]
    pub status: CampaignStatus,
    /// Where clicks go once the campaign is paused or archived; a fixed page when absent.
    #[serde(default)]
    pub archived_url: Option<String>,
}

/// What a click costs when its URL does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CostModel {
    /// Nothing.
    #[default]
    None,
    /// A fixed amount per click.
    Cpc {
        /// The amount.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
}

/// Whether a campaign's link is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignStatus {
    /// Clicks are routed.
    #[default]
    Active,
    /// Clicks are recorded and go where those of an archived campaign go.
    Paused,
}

impl Body for Campaign {
    const KIND: Kind = Kind::Campaign;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.key.is_empty() && !is_param_name(&self.key) {
            problems
                .push(Problem::new("key", "expected letters, digits, `_`, `-` or `.`, at most 64"));
        }
        if let Some(Err(error)) = self.archived_url.as_deref().map(Template::parse) {
            problems.push(Problem::new("archived_url", error.to_string()));
        }
        if let CostModel::Cpc { amount, .. } = self.cost
            && amount < Money::ZERO
        {
            problems.push(Problem::new("cost.amount", "expected 0 or more"));
        }
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let source = self.source.map(|id| (Kind::Source, id));
        source.into_iter().chain([(Kind::Flow, self.flow)]).collect()
    }
}
