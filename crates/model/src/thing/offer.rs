//! An offer: where the money is earned.

use super::{Body, Kind, Problem, ThingId};
use crate::money::{Currency, Money};
use crate::template::Template;
use crate::zone;
use serde::{Deserialize, Serialize};

/// A page that pays per action.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// How much it takes; without limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Cap>,
    /// The offer that takes what is over the cap; the next of the path's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<ThingId>,
}

/// How much an offer takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// What is counted.
    pub of: CapOf,
    /// When counting begins anew.
    pub per: CapPer,
    /// How many.
    pub amount: u64,
    /// IANA name of the zone in which days begin; the workspace's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// What a cap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapOf {
    /// Visitors sent to the offer.
    Clicks,
    /// Conversions that came back.
    Conversions,
}

/// When a cap begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapPer {
    /// At midnight in the cap's zone.
    Day,
    /// Never.
    Total,
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
        let mut problems = Vec::new();
        if let Err(error) = Template::parse(&self.url) {
            problems.push(Problem::new("url", error.to_string()));
        }
        if let Some(cap) = &self.cap {
            if cap.amount == 0 {
                problems.push(Problem::new("cap.amount", "expected 1 or more"));
            }
            if cap.time_zone.as_deref().is_some_and(|name| !zone::is_known(name)) {
                problems.push(Problem::new("cap.time_zone", zone::EXPECTED));
            }
        }
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let network = self.network.map(|id| (Kind::Network, id));
        network.into_iter().chain(self.next.map(|id| (Kind::Offer, id))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_says_what_is_wrong_with_it() {
        for (cap, places) in [
            (r#"{"of":"clicks","per":"day","amount":100,"time_zone":"Asia/Tokyo"}"#, &[][..]),
            (r#"{"of":"conversions","per":"total","amount":0}"#, &["cap.amount"]),
            (r#"{"of":"clicks","per":"day","amount":1,"time_zone":"Tokyo"}"#, &["cap.time_zone"]),
        ] {
            let text = format!(r#"{{"url":"https://a.example/","cap":{cap},"next":2}}"#);
            let offer: Offer = serde_json::from_str(&text).unwrap();
            let found: Vec<_> = offer.problems().into_iter().map(|p| p.field).collect();
            assert_eq!(found, places);
            assert_eq!(offer.references(), [(Kind::Offer, 2)]);
        }
    }
}
