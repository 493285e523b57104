//! What the parameters of a landing URL mean: the source's own, the usual ones, the platforms'.

use crate::field::Field;
use crate::thing::Source;
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// What one parameter of a landing URL means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamUse {
    /// It fills a field.
    Field(Field),
    /// It is the click's cost.
    Cost,
    /// It is the id a platform gave the click.
    PlatformId,
    /// A consent or attribution signal kept with the click.
    Signal,
}

/// Meaning by parameter name.
pub type ParamMap = HashMap<Box<str>, ParamUse, RandomState>;

/// Parameters that carry a platform's id of the click, with the platforms' own spelling.
pub const PLATFORM_ID_PARAMS: &[&str] = &[
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "ttclid",
    "msclkid",
    "twclid",
    "ScCid",
    "epik",
    "rdt_cid",
    "li_fat_id",
    "oppref",
    "tblci",
    "ob_click_id",
    "dicbo",
    "obclid",
    "yclid",
    "aleid",
    "alart",
];

/// Parameters that carry consent or attribution signals (IAB TCF, US Privacy, GPP; Google; Meta).
const SIGNAL_PARAMS: &[&str] = &[
    "gdpr",
    "gdpr_consent",
    "us_privacy",
    "gpp",
    "gpp_sid",
    "gad_source",
    "gad_campaignid",
    "gclsrc",
    "fbc",
    "fbp",
];

/// What the usual names mean when the source does not say: UTM (Google Analytics' campaign URL
/// parameters) and the names most ad platforms' templates use.
const USUAL_PARAMS: &[(&str, Field)] = &[
    ("utm_id", Field::AdCampaignId),
    ("utm_campaign", Field::AdCampaignName),
    ("utm_content", Field::CreativeName),
    ("utm_term", Field::Keyword),
    ("utm_source", Field::Publisher),
    ("campaign_id", Field::AdCampaignId),
    ("campaign_name", Field::AdCampaignName),
    ("adgroup_id", Field::AdGroupId),
    ("adset_id", Field::AdGroupId),
    ("adgroup_name", Field::AdGroupName),
    ("adset_name", Field::AdGroupName),
    ("ad_id", Field::CreativeId),
    ("ad_name", Field::CreativeName),
    ("matchtype", Field::MatchType),
    ("site_id", Field::Publisher),
    ("zone_id", Field::Placement),
    ("zoneid", Field::Placement),
];

/// The source's own map over the usual names over the fields' own names.
pub(crate) fn param_map(source: &Source) -> ParamMap {
    let mut map = ParamMap::default();
    let from_source = crate::field::FIELDS.iter().filter(|row| row.field.from_source());
    map.extend(from_source.map(|row| (row.name.into(), ParamUse::Field(row.field))));
    map.extend(USUAL_PARAMS.iter().map(|(name, field)| ((*name).into(), ParamUse::Field(*field))));
    map.insert("cost".into(), ParamUse::Cost);
    map.extend(SIGNAL_PARAMS.iter().map(|name| ((*name).into(), ParamUse::Signal)));
    map.extend(PLATFORM_ID_PARAMS.iter().map(|name| ((*name).into(), ParamUse::PlatformId)));
    map.extend(source.params.iter().map(|p| (p.param.as_str().into(), ParamUse::Field(p.field))));
    let external =
        source.click_id_param.as_deref().filter(|param| !PLATFORM_ID_PARAMS.contains(param));
    map.extend(external.map(|param| (param.into(), ParamUse::Field(Field::ExternalId))));
    map.extend(source.cost_param.as_deref().map(|param| (param.into(), ParamUse::Cost)));
    map
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::SourceParam;

    #[test]
    fn a_source_overrides_what_usual_names_mean() {
        let source = Source {
            params: vec![SourceParam { param: "utm_term".into(), field: Field::Sub1 }],
            click_id_param: Some("tid".into()),
            cost_param: Some("price".into()),
            ..Source::default()
        };
        let map = param_map(&source);
        for (name, expected) in [
            ("utm_term", ParamUse::Field(Field::Sub1)),
            ("utm_campaign", ParamUse::Field(Field::AdCampaignName)),
            ("placement", ParamUse::Field(Field::Placement)),
            ("tid", ParamUse::Field(Field::ExternalId)),
            ("price", ParamUse::Cost),
            ("gclid", ParamUse::PlatformId),
            ("gdpr_consent", ParamUse::Signal),
        ] {
            assert_eq!(map.get(name), Some(&expected), "{name}");
        }
        assert_eq!(map.get("country"), None);
    }
}
