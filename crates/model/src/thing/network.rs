//! A network: who pays, how its postbacks are checked and read.

use super::workspace::is_param_name;
use super::{Body, Kind, Problem};
use crate::money::DecimalMark;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An affiliate network or advertiser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// The built-in template it was made from.
    pub template: Option<String>,
    /// The secret in the postback URL's path (`/postback/{key}`) or its `key` parameter.
    pub postback_key: Option<String>,
    /// What happens when the key is wrong or absent.
    pub key_mode: CheckMode,
    /// Addresses (CIDR) its postbacks come from.
    pub addresses: Vec<String>,
    /// What happens when a postback comes from elsewhere.
    pub address_mode: CheckMode,
    /// Its parameter names, by ours (`payout` → `summ`).
    pub params: BTreeMap<String, String>,
    /// Its words for a status, lower case.
    pub status_map: BTreeMap<String, Status>,
    /// The secret of its encrypted notifications (ClickBank's INS).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_secret: Option<String>,
    /// How it writes decimals.
    pub decimal_mark: DecimalMark,
    /// What a further conversion of the same click and type means when it has no transaction id.
    pub repeat: RepeatPolicy,
    /// The parameter of its offer links that takes our click id.
    pub offer_url_param: Option<String>,
}

/// How strictly a property of incoming postbacks is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckMode {
    /// Not at all.
    #[default]
    Off,
    /// Noted in the inbox, counted all the same.
    Report,
    /// Refused.
    Enforce,
}

/// What became of a conversion, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Reported, not yet confirmed.
    Pending,
    /// Confirmed: counts as revenue.
    Approved,
    /// Refused by the advertiser.
    Rejected,
    /// Paid and taken back.
    Chargeback,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Chargeback];

    /// The word in fields, filters and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Chargeback => "chargeback",
        }
    }

    /// The status of our own word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What a repeated conversion of one click and type means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatPolicy {
    /// The first counts, later ones are duplicates.
    #[default]
    FirstOnly,
    /// Each one is a conversion.
    Every,
    /// The newest replaces the one before.
    Update,
    /// The payout adds up on the first.
    Add,
    /// One conversion per transaction id; without one, the first only.
    ByTxid,
    /// One conversion per event id.
    ByEventId,
}

impl Body for Network {
    const KIND: Kind = Kind::Network;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.offer_url_param.as_deref().is_some_and(|param| !is_param_name(param)) {
            problems
                .push(Problem::new("offer_url_param", "expected the name of a query parameter"));
        }
        if self.postback_key.as_deref().is_some_and(|key| !is_param_name(key)) {
            problems.push(Problem::new(
                "postback_key",
                "expected letters, digits, `_`, `-` or `.`, at most 64",
            ));
        }
        if self.key_mode != CheckMode::Off && self.postback_key.is_none() {
            problems.push(Problem::new("key_mode", "needs a `postback_key`"));
        }
        for (i, address) in self.addresses.iter().enumerate() {
            if address.parse::<crate::cidr::Cidr>().is_err() {
                problems.push(Problem::new(
                    format!("addresses[{i}]"),
                    "expected an address or a CIDR such as 192.0.2.0/24",
                ));
            }
        }
        if self.address_mode != CheckMode::Off && self.addresses.is_empty() {
            problems.push(Problem::new("address_mode", "needs at least one of `addresses`"));
        }
        problems
    }
}
