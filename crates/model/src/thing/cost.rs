//! What a campaign's clicks cost: the models of the trade, and which of several sayings counts.

use super::Problem;
use crate::money::{Currency, DecimalMark, MICRO, Money, MoneyError, divide_half_even};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How a campaign's traffic is paid for.
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
    /// A fixed amount per thousand impressions where the campaign records any, else per thousand clicks.
    Cpm {
        /// The amount for a thousand.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
    /// A fixed amount per conversion that counts, whatever its type.
    Cpa {
        /// The amount.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
    /// A fixed amount per conversion of the type `lead` that counts.
    Cpl {
        /// The amount.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
    /// A share of the revenue of approved conversions.
    RevShare {
        /// Which share.
        percent: Percent,
    },
    /// A fixed amount per day of the workspace's time zone, spread over its clicks.
    PerDay {
        /// The amount.
        amount: Money,
        /// Its currency.
        currency: Currency,
    },
}

impl CostModel {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<Problem> {
        match self {
            Self::None => None,
            Self::RevShare { percent } => (!(0..=Percent::WHOLE).contains(&percent.0))
                .then(|| Problem::new("cost.percent", "expected 0 to 100")),
            Self::Cpc { amount, .. }
            | Self::Cpm { amount, .. }
            | Self::Cpa { amount, .. }
            | Self::Cpl { amount, .. }
            | Self::PerDay { amount, .. } => {
                (*amount < Money::ZERO).then(|| Problem::new("cost.amount", "expected 0 or more"))
            }
        }
    }
}

/// Which counts where both the landing URL and the model name a cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostPrecedence {
    /// The parameter of the URL; the model where it is absent or no amount.
    #[default]
    ParameterFirst,
    /// The model; the parameter only where the model is `none`.
    ModelFirst,
}

impl CostPrecedence {
    /// Whether it is the usual one.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// A percentage in millionths of a percent (12.5 is 12,500,000); in JSON a decimal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "12.5")]
pub struct Percent(pub i64);

impl Percent {
    /// All of it.
    pub const WHOLE: i64 = 100 * MICRO;

    /// So much of `amount`, rounded half-even; an amount taken back gives back exactly what it gave.
    pub fn of(self, amount: i64) -> i64 {
        let product = i128::from(amount) * i128::from(self.0);
        let share = divide_half_even(product, i128::from(Self::WHOLE)).unwrap_or_default();
        i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Money(self.0).fmt(f)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let read = Money::read(&text, DecimalMark::Point);
        let read = read.map_err(|_: MoneyError| "expected a percentage such as 12.5");
        read.map(|Money(micro)| Self(micro)).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_model_reads_and_writes_alike() {
        for json in [
            r#"{"kind":"none"}"#,
            r#"{"kind":"cpc","amount":"0.02","currency":"USD"}"#,
            r#"{"kind":"cpm","amount":"1.2345","currency":"EUR"}"#,
            r#"{"kind":"cpa","amount":"5.00","currency":"USD"}"#,
            r#"{"kind":"cpl","amount":"1.50","currency":"USD"}"#,
            r#"{"kind":"rev_share","percent":"12.50"}"#,
            r#"{"kind":"per_day","amount":"100.00","currency":"USD"}"#,
        ] {
            let model: CostModel = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&model).unwrap(), json);
            assert!(model.problem().is_none(), "{json}");
        }
        for json in [
            r#"{"kind":"cpm","amount":"-1","currency":"EUR"}"#,
            r#"{"kind":"rev_share","percent":"100.000001"}"#,
            r#"{"kind":"rev_share","percent":"-1"}"#,
        ] {
            let model: CostModel = serde_json::from_str(json).unwrap();
            assert!(model.problem().is_some(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn a_share_is_taken_back_exactly(amount: i64, percent in 0..=Percent::WHOLE) {
            let amount = amount.max(-i64::MAX);
            prop_assert_eq!(Percent(percent).of(-amount), -Percent(percent).of(amount));
        }
    }
}
