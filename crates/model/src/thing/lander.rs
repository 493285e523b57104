//! A lander: a page between the ad and the offer.

use super::{Body, Kind, Problem};
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// A landing page of the operator's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lander {
    /// Where it is; tokens may stand behind the authority.
    pub url: String,
    /// How many offers it links to (`/click/1` … `/click/n`).
    #[serde(default = "one")]
    pub offers: u8,
}

const fn one() -> u8 {
    1
}

impl Body for Lander {
    const KIND: Kind = Kind::Lander;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<Problem> = Template::parse(&self.url)
            .err()
            .map(|error| Problem::new("url", error.to_string()))
            .into_iter()
            .collect();
        if !(1..=20).contains(&self.offers) {
            problems.push(Problem::new("offers", "expected 1 to 20"));
        }
        problems
    }
}
