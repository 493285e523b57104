//! An offer: where the money is earned.

use super::{Body, Kind, Problem, ThingId};
use crate::money::{Currency, Money};
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A page that pays per action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Who pays for it.
    #[serde(default)]
    pub network: Option<ThingId>,
    /// Where it is; tokens may stand behind the authority.
    pub url: String,
    /// What a conversion is worth.
    #[serde(default)]
    pub payout: Payout,
}

/// The worth of a conversion of an offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Payout {
    /// What the postback says.
    #[default]
    Auto,
    /// Always this amount, whatever the postback says.
    Fixed {
        /// The amount.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
}

impl Body for Offer {
    const KIND: Kind = Kind::Offer;

    fn problems(&self) -> Vec<Problem> {
        Template::parse(&self.url)
            .err()
            .map(|error| Problem::new("url", error.to_string()))
            .into_iter()
            .collect()
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        self.network.map(|id| (Kind::Network, id)).into_iter().collect()
    }
}
