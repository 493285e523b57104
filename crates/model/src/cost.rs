//! Where the cost of a row comes from, as a fact that every figure can be traced to.

use crate::facts::Facts;
use crate::record::tag;

/// What priced a click, an impression or a conversion when it was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CostSource {
    /// A parameter of the landing URL.
    Parameter = 1,
    /// The campaign's model: per click.
    Cpc = 2,
    /// The campaign's model: per thousand clicks, since there are no impressions.
    CpmClicks = 3,
    /// The campaign's model: per thousand impressions.
    CpmImpressions = 4,
    /// The campaign's model: per conversion.
    Cpa = 5,
    /// The campaign's model: per lead.
    Cpl = 6,
    /// The campaign's model: a share of revenue.
    RevShare = 7,
    /// The campaign's model: per day.
    PerDay = 8,
}

impl CostSource {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Parameter,
        Self::Cpc,
        Self::CpmClicks,
        Self::CpmImpressions,
        Self::Cpa,
        Self::Cpl,
        Self::RevShare,
        Self::PerDay,
    ];

    /// The source that [`tag::COST_SOURCE`] names, if this version knows it.
    pub fn of(facts: &Facts) -> Option<Self> {
        let number = facts.int_at(tag::COST_SOURCE)?;
        Self::ALL.into_iter().find(|source| *source as i64 == number)
    }

    /// The word in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Parameter => "parameter",
            Self::Cpc => "cpc",
            Self::CpmClicks => "cpm_clicks",
            Self::CpmImpressions => "cpm_impressions",
            Self::Cpa => "cpa",
            Self::Cpl => "cpl",
            Self::RevShare => "rev_share",
            Self::PerDay => "per_day",
        }
    }
}
