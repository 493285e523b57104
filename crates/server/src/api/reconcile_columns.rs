//! Which columns of other people's exports hold what.

use model::Field;
use model::money::Currency;
use report::Measure;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Values of a field.
    Field(Field),
    /// Figures.
    Measure(Measure),
    /// Of the line's amounts.
    Currency,
}

impl Target {
    /// What the word of a field or figure stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        let field = || word.parse().ok().filter(|field| *field != Field::Currency).map(Self::Field);
        match word {
            "currency" => Some(Self::Currency),
            _ => Measure::from_word(word).map(Self::Measure).or_else(field),
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Measure(measure) => measure.as_str(),
            Self::Currency => "currency",
        }
    }
}

use Target::{Field as F, Measure as M};

/// Names of columns in the exports of sources and networks, in lower case; what they may hold, likeliest first.
const COLUMNS: &[(&str, &[Target])] = &[
    ("date", &[F(Field::Day)]),
    ("report date", &[F(Field::Day)]),
    ("reporting starts", &[F(Field::Day)]),
    ("stat date", &[F(Field::Day)]),
    ("account currency", &[Target::Currency]),
    ("currency code", &[Target::Currency]),
    ("campaign", &[F(Field::Campaign), F(Field::AdCampaignName), F(Field::AdCampaignId)]),
    ("campaign id", &[F(Field::AdCampaignId)]),
    ("campaign name", &[F(Field::AdCampaignName), F(Field::Campaign)]),
    ("ad set id", &[F(Field::AdGroupId)]),
    ("adset id", &[F(Field::AdGroupId)]),
    ("ad group id", &[F(Field::AdGroupId)]),
    ("ad set name", &[F(Field::AdGroupName)]),
    ("adset name", &[F(Field::AdGroupName)]),
    ("ad group", &[F(Field::AdGroupName)]),
    ("ad id", &[F(Field::CreativeId)]),
    ("banner id", &[F(Field::CreativeId)]),
    ("ad name", &[F(Field::CreativeName)]),
    ("zone id", &[F(Field::Placement)]),
    ("zone", &[F(Field::Placement)]),
    ("offer name", &[F(Field::Offer)]),
    ("link clicks", &[M(Measure::Clicks)]),
    ("visits", &[M(Measure::Clicks)]),
    ("results", &[M(Measure::Conversions)]),
    ("leads", &[M(Measure::Conversions)]),
    ("actions", &[M(Measure::Conversions)]),
    ("sales", &[M(Measure::Conversions)]),
    ("spend", &[M(Measure::Cost)]),
    ("spent", &[M(Measure::Cost)]),
    ("costs", &[M(Measure::Cost)]),
    ("amount spent", &[M(Measure::Cost)]),
    ("total spend", &[M(Measure::Cost)]),
    ("payout", &[M(Measure::Revenue)]),
    ("payouts", &[M(Measure::Revenue)]),
    ("commission", &[M(Measure::Revenue)]),
    ("earnings", &[M(Measure::Revenue)]),
    ("income", &[M(Measure::Revenue)]),
];

/// What a column of this name may hold.
pub fn targets(name: &str) -> Vec<Target> {
    let name = name.split('(').next().unwrap_or_default().to_lowercase();
    let words: Vec<&str> =
        name.split([' ', '_', '-', '\u{a0}']).filter(|word| !word.is_empty()).collect();
    let known = COLUMNS.iter().find(|(known, _)| *known == words.join(" "));
    let own = Target::from_word(&words.join("_"));
    let known = known.map_or(&[][..], |(_, targets)| targets).iter().copied();
    own.into_iter().chain(known.filter(|target| Some(*target) != own)).collect()
}

/// The currency in the name of a column, such as `Amount spent (EUR)`.
pub fn currency_of(name: &str) -> Option<Currency> {
    let (_, rest) = name.split_once('(')?;
    let code = rest.split_once(')')?.0.trim();
    // `Clicks (all)` is no Albanian lek.
    code.parse().ok().filter(|currency: &Currency| currency.as_str() == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_exports_are_known_by_their_names() {
        for (name, expected) in [
            ("Day", &["day"][..]),
            ("Reporting starts", &["day"]),
            ("Campaign", &["campaign", "ad_campaign_name", "ad_campaign_id"]),
            ("campaign_id", &["ad_campaign_id"]),
            ("ad_campaign_id", &["ad_campaign_id"]),
            ("Amount spent (EUR)", &["cost"]),
            ("Link clicks", &["clicks"]),
            ("Offer", &["offer"]),
            ("Currency code", &["currency"]),
            ("Reach", &[]),
        ] {
            let found: Vec<&str> = targets(name).into_iter().map(Target::word).collect();
            assert_eq!(found, expected, "{name}");
        }
        let code = |name| currency_of(name).map(|currency| currency.to_string());
        assert_eq!(code("Amount spent (EUR)").as_deref(), Some("EUR"));
        assert_eq!(code("Cost (all)"), None);
        assert_eq!(code("Cost"), None);
    }
}
