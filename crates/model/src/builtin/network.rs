//! Templates of affiliate networks: how our click id reaches them, and how their postbacks bring it back.

use super::Confidence;
use crate::money::{Currency, DecimalMark};
use crate::params;
use crate::thing::{Network, Status};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What [`super::Templates`] reads.
pub(super) const TEXT: &str = include_str!("../../data/network_templates.toml");

/// Our postback parameters in the order in which a URL has them.
const POSTBACK_PARAMS: [&str; 6] = ["clickid", "payout", "currency", "txid", "status", "type"];

/// An affiliate network as it is known to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkTemplate {
    /// Its name in `template` of a network.
    pub slug: String,
    /// Its name on a screen.
    pub name: String,
    /// What it is: a `network`, a `platform` that many networks run on, an `mmp` (mobile measurement
    /// partner) or `generic`.
    pub category: String,
    /// How well it is known.
    pub confidence: Confidence,
    /// The network's page.
    #[serde(default)]
    pub docs: Option<String>,
    /// The parameter of its offer links that takes our click id.
    pub offer_url_param: String,
    /// Further parameters of its links that would take it.
    #[serde(default)]
    pub more_offer_params: Vec<String>,
    /// Its macros, by the name of our postback parameter; empty where it has none.
    #[serde(default)]
    pub macros: BTreeMap<String, String>,
    /// The currency of all its amounts, where it has only one.
    #[serde(default)]
    pub currency: Option<Currency>,
    /// Its words for a status, lower case.
    #[serde(default)]
    pub status_map: BTreeMap<String, Status>,
    /// How it writes decimals.
    #[serde(default)]
    pub decimal_mark: DecimalMark,
    /// Addresses (CIDR) its postbacks come from.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// What to mind.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl NetworkTemplate {
    /// A network ready to be saved. It needs no parameter names of its own: the postback URL has ours.
    pub fn to_network(&self) -> Network {
        Network {
            template: Some(self.slug.clone()),
            addresses: self.addresses.clone(),
            status_map: self.status_map.clone(),
            decimal_mark: self.decimal_mark,
            offer_url_param: Some(self.offer_url_param.clone()),
            ..Network::default()
        }
    }

    /// The URL to paste at the network: on the installation's host (`public_url`, without a slash at its
    /// end), with `key` as the postback key, our parameter names and the network's own macros, which are
    /// never encoded.
    pub fn postback_url(&self, public_url: &str, key: Option<&str>) -> String {
        self.url(public_url, key, &BTreeMap::new())
    }

    /// The same for a network that was made from this template: its key, and its names where it renamed
    /// parameters.
    pub fn postback_url_of(&self, public_url: &str, network: &Network) -> String {
        self.url(public_url, network.postback_key.as_deref(), &network.params)
    }

    fn url(&self, public_url: &str, key: Option<&str>, names: &BTreeMap<String, String>) -> String {
        let pair = |ours: &str| {
            let fixed = self.currency.as_ref().filter(|_| ours == "currency").map(Currency::as_str);
            let value = self.macros.get(ours).map(String::as_str).or(fixed)?;
            let name = names.get(ours).map_or(ours, String::as_str);
            Some(format!("{}={value}", params::encode(name)))
        };
        let key = key.map(|key| format!("/{key}")).unwrap_or_default();
        let pairs: Vec<String> = POSTBACK_PARAMS.into_iter().filter_map(pair).collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{public_url}/postback{key}{mark}{}", pairs.join("&"))
    }
}

/// The file of templates.
#[derive(Deserialize)]
pub(super) struct File {
    /// By name.
    pub(super) network: Vec<NetworkTemplate>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::Templates;
    use crate::postback::{PARAMS, PostbackParam, PostbackParams};
    use crate::thing::Body;
    use std::collections::HashSet;

    const PUBLIC_URL: &str = "https://t.example";

    fn templates() -> Templates {
        Templates::load().unwrap()
    }

    #[test]
    fn every_template_makes_a_network_that_can_be_saved() {
        let templates = templates();
        assert_eq!(templates.networks().len(), 53);
        for template in templates.networks() {
            let network = template.to_network();
            assert_eq!(network.problems(), [], "{}", template.slug);
            assert_eq!(templates.network(&template.slug), Some(template));
            for word in template.status_map.keys() {
                assert_eq!(*word, word.to_lowercase(), "{}", template.slug);
            }
            for ours in template.macros.keys() {
                assert!(POSTBACK_PARAMS.contains(&ours.as_str()), "{}: {ours}", template.slug);
            }
            let both = template.currency.is_some() && template.macros.contains_key("currency");
            assert!(!both, "{}: two currencies", template.slug);
        }
    }

    #[test]
    fn slugs_are_unique_and_the_order_is_by_name() {
        let templates = templates();
        let slugs: HashSet<_> = templates.networks().iter().map(|t| &t.slug).collect();
        assert_eq!(slugs.len(), templates.networks().len());
        let names: Vec<_> = templates.networks().iter().map(|t| t.name.to_lowercase()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn parameters_of_the_url_are_ours() {
        let ours = PARAMS.iter().map(|(_, names)| names[0]);
        let known: Vec<_> = ours.filter(|name| !matches!(*name, "external_id")).collect();
        assert!(POSTBACK_PARAMS.iter().all(|name| known.contains(name)), "{known:?}");
    }

    #[test]
    fn a_postback_url_is_ready_made_for_the_host_with_the_networks_own_macros() {
        let templates = templates();
        for (slug, key, expected) in [
            (
                "maxbounty",
                None,
                "https://t.example/postback?clickid=#S2#&payout=#RATE#&currency=USD",
            ),
            (
                "impact",
                Some("k1"),
                "https://t.example/postback/k1?clickid={SubId1}&payout={Payout}&currency={Currency}&txid={ActionId}&status={Status}&type={ActionTrackerName}",
            ),
            ("hotmart", Some("k1"), "https://t.example/postback/k1"),
            ("advidi", None, "https://t.example/postback?clickid=#s2#&txid=#leadid#"),
        ] {
            let template = templates.network(slug).unwrap();
            assert_eq!(template.postback_url(PUBLIC_URL, key), expected);
        }
        let network = Network {
            postback_key: Some("k2".into()),
            params: [("payout".to_owned(), "summ".to_owned())].into(),
            ..Network::default()
        };
        let template = templates.network("lospollos").unwrap();
        assert_eq!(
            template.postback_url_of(PUBLIC_URL, &network),
            "https://t.example/postback/k2?clickid={cid}&summ={sum}&currency=USD"
        );
    }

    #[test]
    fn a_networks_call_is_read_back_as_its_template_means_it() {
        let templates = templates();
        for template in templates.networks().iter().filter(|t| !t.macros.is_empty()) {
            let mut url = template.postback_url(PUBLIC_URL, None);
            for (ours, text) in &template.macros {
                // Longer macros may contain shorter ones: each stands behind its own parameter.
                url = url.replace(&format!("{ours}={text}"), &format!("{ours}=value-of-{ours}"));
            }
            let (_, query) = url.split_once('?').unwrap();
            let network = template.to_network();
            let read = PostbackParams::read(params::pairs(query), Some(&network));
            for (param, names) in PARAMS {
                let expected = match template.macros.get(names[0]) {
                    Some(_) => Some(format!("value-of-{}", names[0])),
                    None if *param == PostbackParam::Currency => {
                        template.currency.map(|currency| currency.as_str().to_owned())
                    }
                    None => None,
                };
                assert_eq!(read.get(*param), expected.as_deref(), "{} {param:?}", template.slug);
            }
            for (word, status) in &template.status_map {
                let query = format!("status={}", params::encode(&word.to_uppercase()));
                let read = PostbackParams::read(params::pairs(&query), Some(&network));
                assert_eq!(read.status(Some(&network)), Ok(*status), "{} {word}", template.slug);
            }
        }
    }
}
