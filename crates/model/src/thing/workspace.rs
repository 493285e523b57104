//! A workspace: the owner of things and facts, and the settings that belong to it.

use super::{Body, Kind, Problem};
use crate::money::Currency;
use serde::{Deserialize, Serialize};

/// Settings of one workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Workspace {
    /// The currency of every sum.
    pub currency: Currency,
    /// IANA name of the zone reports use unless asked otherwise.
    pub time_zone: String,
    /// How much of a visitor's address is kept.
    pub ip_privacy: IpPrivacy,
    /// How old a click may be when its conversion comes, in days.
    pub attribution_window_days: u32,
    /// The name of the click id in URLs we build.
    pub click_param: String,
}

/// How much of an address is kept, decided before the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IpPrivacy {
    /// All of it.
    #[default]
    Full,
    /// The /24 of IPv4, the /48 of IPv6.
    Truncate,
    /// A keyed hash.
    Hash,
    /// Nothing.
    None,
}

impl Default for Workspace {
    fn default() -> Self {
        Self {
            currency: Currency::USD,
            time_zone: "UTC".to_owned(),
            ip_privacy: IpPrivacy::Full,
            attribution_window_days: 90,
            click_param: "clickid".to_owned(),
        }
    }
}

/// Whether `name` can be the name of a query parameter without encoding.
pub(crate) fn is_param_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

impl Body for Workspace {
    const KIND: Kind = Kind::Workspace;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(1..=3650).contains(&self.attribution_window_days) {
            problems.push(Problem::new("attribution_window_days", "expected 1 to 3650 days"));
        }
        if !is_param_name(&self.click_param) {
            problems.push(Problem::new(
                "click_param",
                "expected letters, digits, `_`, `-` or `.`, at most 64",
            ));
        }
        problems
    }
}
