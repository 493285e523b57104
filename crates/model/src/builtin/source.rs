//! Templates of traffic sources: the link to paste at the ad platform, and what its parameters fill.

use super::Confidence;
use crate::field::Field;
use crate::money::Currency;
use crate::thing::{Source, SourceParam};
use serde::{Deserialize, Serialize};

/// What [`super::Templates`] reads.
pub(super) const TEXT: &str = include_str!("../../data/source_templates.toml");

/// A traffic source as it is known to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceTemplate {
    /// Its name in `template` of a source.
    pub slug: String,
    /// Its name on a screen.
    pub name: String,
    /// What it sells: `search`, `social`, `native`, `push_pop`, `video`, `app`, `adult` or `generic`.
    pub category: String,
    /// How well it is known.
    pub confidence: Confidence,
    /// The vendor's page.
    #[serde(default)]
    pub docs: Option<String>,
    /// The parameters of the link.
    #[serde(default)]
    pub params: Vec<TemplateParam>,
    /// The parameter that holds the source's own click id.
    #[serde(default)]
    pub click_id_param: Option<String>,
    /// Its macro; absent where the platform appends the id and has no macro for it.
    #[serde(default)]
    pub click_id_macro: Option<String>,
    /// Whether the platform appends its click id by itself.
    #[serde(default)]
    pub click_id_appended: bool,
    /// Whether the platform opens the page at once and calls the link in the background.
    #[serde(default)]
    pub parallel_tracking: bool,
    /// Further parameters that the platform appends.
    #[serde(default)]
    pub more_id_params: Vec<String>,
    /// The parameter that holds the cost; absent where there is no macro for it.
    #[serde(default)]
    pub cost_param: Option<String>,
    /// Its macro.
    #[serde(default)]
    pub cost_macro: Option<String>,
    /// What the amount is the price of; absent where nobody says.
    #[serde(default)]
    pub cost_basis: Option<CostBasis>,
    /// The currency of the cost; absent where it is that of the account.
    #[serde(default)]
    pub cost_currency: Option<Currency>,
    /// Where it takes conversions: our tokens in braces, `<UPPER_CASE>` for a value of the buyer's account.
    #[serde(default)]
    pub postback_urls: Vec<String>,
    /// What to mind.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// One parameter of a source's link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateParam {
    /// Its name in the link.
    pub param: String,
    /// The field it fills.
    pub field: Field,
    /// What the platform replaces by the value.
    pub r#macro: String,
}

/// What the amount of a cost macro is the price of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostBasis {
    /// The click.
    Click,
    /// The visit of a pop.
    View,
    /// The click or the visit, as the campaign is billed.
    ClickOrView,
    /// The click, or the impression that led to it, as the campaign is billed.
    ClickOrImpression,
    /// What was bid: the most that is paid.
    Bid,
}

impl SourceTemplate {
    /// A source ready to be saved. Postback URLs that need a value of the buyer's account are left out:
    /// as they stand, nothing should ever call them.
    pub fn to_source(&self) -> Source {
        let param = |p: &TemplateParam| SourceParam { param: p.param.clone(), field: p.field };
        let is_complete = |url: &&String| !url.contains('<');
        Source {
            template: Some(self.slug.clone()),
            params: self.params.iter().map(param).collect(),
            click_id_param: self.click_id_param.clone(),
            cost_param: self.cost_param.clone(),
            cost_currency: self.cost_currency,
            postback_urls: self.postback_urls.iter().filter(is_complete).cloned().collect(),
        }
    }

    /// The query to paste behind the campaign link at the ad platform, macros as the platform spells
    /// them; empty where it has none. What the platform appends by itself is not among it.
    pub fn link_query(&self) -> String {
        let pair = |(param, text): (&str, &str)| format!("{param}={text}");
        self.pairs().map(pair).collect::<Vec<_>>().join("&")
    }

    /// The query to paste where the ad leads straight to the page (final URL suffix, URL parameters): the same, without
    /// a click id that the platform appends by itself.
    pub fn page_query(&self) -> String {
        let appended = self.click_id_param.as_deref().filter(|_| self.click_id_appended);
        let pairs = self.pairs().filter(|(param, _)| Some(*param) != appended);
        pairs.map(|(param, text)| format!("{param}={text}")).collect::<Vec<_>>().join("&")
    }

    /// Parameter and macro of everything that stands in the link.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let params = self.params.iter().map(|p| (p.param.as_str(), p.r#macro.as_str()));
        let id = self.click_id_param.as_deref().zip(self.click_id_macro.as_deref());
        let cost = self.cost_param.as_deref().zip(self.cost_macro.as_deref());
        params.chain(id).chain(cost)
    }
}

/// The file of templates.
#[derive(Deserialize)]
pub(super) struct File {
    /// By name.
    pub(super) source: Vec<SourceTemplate>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::Templates;
    use crate::template::Template;
    use crate::thing::Body;
    use std::collections::HashSet;

    fn templates() -> Templates {
        Templates::load().unwrap()
    }

    #[test]
    fn every_template_makes_a_source_that_can_be_saved() {
        let templates = templates();
        assert_eq!(templates.sources().len(), 61);
        for template in templates.sources() {
            let source = template.to_source();
            assert_eq!(source.problems(), [], "{}", template.slug);
            assert_eq!(source.params.len(), template.params.len());
            let filled: HashSet<_> = source.params.iter().map(|param| param.field).collect();
            assert_eq!(filled.len(), source.params.len(), "{}: a field twice", template.slug);
            // A name with two meanings would lose one of them.
            let names: Vec<_> = template.pairs().map(|(param, _)| param).collect();
            assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len(), "{names:?}");
            assert_eq!(templates.source(&template.slug), Some(template));
        }
        assert_eq!(templates.source("Meta"), None);
    }

    /// What WordPress reads in the query of any page (`public_query_vars` of its class `WP`); most lead to another page or
    /// to a 404.
    const OF_WORDPRESS: &str = "m p posts w cat withcomments withoutcomments s search exact sentence calendar page paged \
        more tb pb author order orderby year monthnum day hour minute second name category_name tag feed author_name \
        pagename page_id error attachment attachment_id subpost subpost_id preview robots favicon taxonomy term cpage \
        post_type embed";

    #[test]
    fn no_template_names_a_parameter_that_leads_away_from_a_page_of_wordpress() {
        let templates = templates();
        for template in templates.sources() {
            for (param, _) in template.pairs() {
                let is_taken = OF_WORDPRESS.split_ascii_whitespace().any(|name| name == param);
                assert!(!is_taken, "{}: {param}", template.slug);
            }
        }
    }

    #[test]
    fn slugs_are_unique_and_the_order_is_by_name() {
        let templates = templates();
        let slugs: HashSet<_> = templates.sources().iter().map(|t| &t.slug).collect();
        assert_eq!(slugs.len(), templates.sources().len());
        let names: Vec<_> = templates.sources().iter().map(|t| t.name.to_lowercase()).collect();
        assert!(names.is_sorted(), "{names:?}");
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        assert!(slugs.iter().all(|slug| slug.bytes().all(plain)), "{slugs:?}");
    }

    #[test]
    fn a_cost_has_its_parameter_and_its_macro_and_an_id_its_way_into_the_link() {
        let templates = templates();
        for t in templates.sources() {
            let slug = &t.slug;
            assert_eq!(t.cost_param.is_some(), t.cost_macro.is_some(), "{slug}");
            assert!(t.cost_macro.is_some() || t.cost_basis.is_none(), "{slug}");
            assert!(t.cost_macro.is_some() || t.cost_currency.is_none(), "{slug}");
            let comes = t.click_id_macro.is_some() || t.click_id_appended;
            assert_eq!(t.click_id_param.is_some(), comes, "{slug}");
            let host = t.docs.as_deref().map(|url| url.strip_prefix("https://"));
            assert_ne!(host, Some(None), "{slug}");
        }
    }

    #[test]
    fn further_ids_are_known_to_the_routing_table() {
        let templates = templates();
        let map = crate::table::param_map(&Source::default());
        for template in templates.sources() {
            for param in &template.more_id_params {
                assert!(map.contains_key(param.as_str()), "{}: {param}", template.slug);
            }
        }
    }

    #[test]
    fn postback_urls_are_destinations_once_the_accounts_values_are_filled_in() {
        let templates = templates();
        let mut incomplete = 0;
        for template in templates.sources() {
            for url in &template.postback_urls {
                let mut filled = url.clone();
                while let Some(open) = filled.find('<') {
                    let close = open + filled[open..].find('>').unwrap();
                    let name = &filled[open + 1..close];
                    assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{url}");
                    filled.replace_range(open..=close, "1");
                }
                assert!(Template::parse(&filled).is_ok(), "{}: {url}", template.slug);
                assert!(url.contains("{external_id}"), "{}: {url}", template.slug);
                incomplete += usize::from(*url != filled);
            }
            let source = template.to_source();
            assert!(source.postback_urls.iter().all(|url| Template::parse(url).is_ok()));
        }
        assert_eq!(incomplete, 28, "those that need a value of the account");
    }

    #[test]
    fn the_query_of_a_link_has_the_macros_as_the_platform_spells_them() {
        let templates = templates();
        for (slug, expected) in [
            ("x", ""),
            ("reddit", "campaign_id={{CAMPAIGN_ID}}&adgroup_id={{ADGROUP_ID}}&ad_id={{AD_ID}}"),
            (
                "bidvertiser",
                "srcid={BV_SRCID}&ad={BV_ADNAME}&keyword={BV_KEYWORD}&category={BV_CATEGORY}&clickid={BV_CLICKID}",
            ),
            (
                "kadam",
                "site_id={site_id}&campaign_id={campaign_id}&ad_id={ad_id}&division={division}&page_cat={page_cat_id}&price_model={price_model}&sub_age={sub_age}&click_id={click_id}&cost={cpc}",
            ),
        ] {
            assert_eq!(templates.source(slug).unwrap().link_query(), expected);
        }
        let google = templates.source("google_ads").unwrap().link_query();
        assert!(
            google.starts_with("campaign_id={campaignid}&") && google.ends_with("&gclid={gclid}")
        );
        let google = templates.source("google_ads").unwrap().page_query();
        assert!(google.starts_with("campaign_id={campaignid}&") && !google.contains("gclid"));
        let kadam = templates.source("kadam").unwrap();
        assert_eq!(kadam.page_query(), kadam.link_query(), "nothing is appended");
        let adsterra = templates.source("adsterra").unwrap().link_query();
        assert!(adsterra.contains("clickid=##SUB_ID_SHORT(action)##&cost=##COST_CPC##"));
    }

    #[test]
    fn a_click_through_a_templates_link_fills_its_fields() {
        let templates = templates();
        use crate::table::ParamUse;
        for template in templates.sources() {
            let map = crate::table::param_map(&template.to_source());
            for param in &template.params {
                let usage = map.get(param.param.as_str());
                assert_eq!(usage, Some(&ParamUse::Field(param.field)), "{}", template.slug);
            }
            if let Some(id) = &template.click_id_param {
                let usage = map.get(id.as_str());
                let is_id = matches!(
                    usage,
                    Some(ParamUse::PlatformId | ParamUse::Field(Field::ExternalId))
                );
                assert!(is_id, "{}: {id} is {usage:?}", template.slug);
            }
            if let Some(cost) = &template.cost_param {
                assert_eq!(map.get(cost.as_str()), Some(&ParamUse::Cost), "{}", template.slug);
            }
        }
    }
}
