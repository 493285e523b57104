//! The scenario as things of the catalog: what an operator would have set up.

use super::scenario::{self, Scenario, place_of};
use model::money::{Currency, DecimalMark, Money};
use model::thing::{
    Body, Campaign, CheckMode, CostModel, DEFAULT_WORKSPACE, Flow, Lander, Network, Offer, Path,
    Payout, RepeatPolicy, Source, SourceParam, Status, ThingId, WeightedLander, WeightedOffer,
};
use store::Change;

/// The parameter of offer links whose network has no habit of its own.
pub const OFFER_PARAM: &str = "aff_sub";

/// Everything that is set up, each thing in front of those that refer to it; things get the numbers of their places.
///
/// # Errors
/// When the scenario names something that is not in it.
pub fn changes(scenario: &Scenario, currency: Currency) -> anyhow::Result<Vec<Change>> {
    let mut changes = Vec::new();
    for source in &scenario.sources {
        add(&mut changes, &source.name, &source_of(source))?;
    }
    for network in &scenario.networks {
        add(&mut changes, &network.name, &network_of(network))?;
    }
    for offer in &scenario.offers {
        add(&mut changes, &offer.name, &offer_of(offer, scenario, currency)?)?;
    }
    for lander in &scenario.landers {
        add(
            &mut changes,
            &lander.name,
            &Lander { url: lander_url(lander), offers: lander.links, bundle: None },
        )?;
    }
    for flow in &scenario.flows {
        add(&mut changes, &flow.name, &flow_of(flow, scenario)?)?;
    }
    for campaign in &scenario.campaigns {
        add(&mut changes, &campaign.name, &campaign_of(campaign, scenario, currency)?)?;
    }
    Ok(changes)
}

/// An amount of the scenario.
pub fn money(units: f64) -> Money {
    Money((units * model::money::MICRO as f64).round() as i64)
}

/// Where a lander is, without its query.
pub fn lander_url(lander: &scenario::Lander) -> String {
    format!("https://pages.example/{}/", lander.path)
}

/// Where an offer is, without its query.
pub fn offer_url(offer: &scenario::Offer, network: &scenario::Network) -> String {
    format!("https://{}.example/go/{}", network.slug, offer.path)
}

/// The network of an offer.
///
/// # Errors
/// When the scenario has no such network.
pub fn network_place(offer: &scenario::Offer, scenario: &Scenario) -> anyhow::Result<usize> {
    place_of(&scenario.networks, &offer.network, |n| &n.name)
}

fn add<B: Body>(changes: &mut Vec<Change>, name: &str, body: &B) -> anyhow::Result<()> {
    let before = changes.iter().filter(|change| change.kind == B::KIND).count();
    changes.push(Change {
        workspace: DEFAULT_WORKSPACE,
        kind: B::KIND,
        id: Some(number(before)?),
        name: name.to_owned(),
        archived: false,
        body: serde_json::to_string(body)?,
        expected: Some(0),
    });
    Ok(())
}

fn number(place: usize) -> anyhow::Result<ThingId> {
    Ok(ThingId::try_from(place + 1)?)
}

fn source_of(source: &scenario::Source) -> Source {
    let param = |(param, field): &(String, model::Field)| SourceParam {
        param: param.clone(),
        field: *field,
    };
    Source {
        params: source.params.iter().map(param).collect(),
        click_id_param: source.click_id_param.clone(),
        cost_param: source.cost_param.clone(),
        ..Source::default()
    }
}

fn network_of(network: &scenario::Network) -> Network {
    let status = |(ours, theirs): (&String, &String)| {
        Some((theirs.to_lowercase(), Status::from_word(ours)?))
    };
    Network {
        postback_key: network.key.clone(),
        key_mode: if network.enforced { CheckMode::Enforce } else { CheckMode::Off },
        addresses: vec![network.address.to_string()],
        address_mode: CheckMode::Report,
        // Without a key in the URL nobody knows yet whose words they are: such a network has to use ours.
        params: if network.keyed { network.params.clone() } else { Default::default() },
        status_map: network.words.iter().filter_map(status).collect(),
        decimal_mark: if network.comma { DecimalMark::Comma } else { DecimalMark::Auto },
        repeat: if network.with_txid { RepeatPolicy::ByTxid } else { RepeatPolicy::FirstOnly },
        offer_url_param: network.offer_url_param.clone(),
        ..Network::default()
    }
}

fn offer_of(
    offer: &scenario::Offer,
    scenario: &Scenario,
    currency: Currency,
) -> anyhow::Result<Offer> {
    let place = network_place(offer, scenario)?;
    let network = &scenario.networks[place];
    let url = format!("{}?aid=1041&src={{source}}&s5={{sub1}}", offer_url(offer, network));
    let payout = if offer.fixed {
        Payout::Fixed { amount: money(offer.payout), currency }
    } else {
        Payout::Auto
    };
    Ok(Offer {
        network: Some(number(place)?),
        url: match network.offer_url_param {
            Some(_) => url,
            None => format!("{url}&{OFFER_PARAM}={{click_id}}"),
        },
        payout,
        ..Offer::default()
    })
}

fn flow_of(flow: &scenario::Flow, scenario: &Scenario) -> anyhow::Result<Flow> {
    let lander = |(path, weight): &(String, u32)| {
        let lander = number(place_of(&scenario.landers, path, |l| &l.path)?)?;
        Ok(WeightedLander { lander, weight: *weight })
    };
    let offer = |(path, weight): &(String, u32)| {
        let offer = number(place_of(&scenario.offers, path, |o| &o.path)?)?;
        Ok(WeightedOffer { offer, weight: *weight })
    };
    let path = |(id, path): (u32, &scenario::Path)| {
        Ok(Path {
            id,
            weight: path.weight,
            mode: path.mode,
            landers: path.landers.iter().map(lander).collect::<anyhow::Result<_>>()?,
            offers: path.offers.iter().map(offer).collect::<anyhow::Result<_>>()?,
            ..Path::default()
        })
    };
    let default = (1..).zip(&flow.paths).map(path).collect::<anyhow::Result<_>>()?;
    Ok(Flow { default, ..Flow::default() })
}

fn campaign_of(
    campaign: &scenario::Campaign,
    scenario: &Scenario,
    currency: Currency,
) -> anyhow::Result<Campaign> {
    let source = place_of(&scenario.sources, &campaign.source, |s| &s.name)?;
    let is_sent = scenario.sources[source].cost_param.is_some();
    let is_free = is_sent || campaign.cpc == 0.0;
    Ok(Campaign {
        key: campaign.key(),
        source: Some(number(source)?),
        flow: number(place_of(&scenario.flows, &campaign.flow, |f| &f.name)?)?,
        cost: if is_free {
            CostModel::None
        } else {
            CostModel::Cpc { amount: money(campaign.cpc), currency }
        },
        ..Campaign::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::thing::Kind;
    use store::{Catalog, MemoryCatalog};

    #[tokio::test]
    async fn an_empty_catalog_takes_the_whole_scenario() {
        let mut scenario = Scenario::load().unwrap();
        for network in scenario.networks.iter_mut().filter(|network| network.keyed) {
            network.key = Some("key".to_owned() + &network.slug);
        }
        let changes = changes(&scenario, Currency::USD).unwrap();
        let catalog = MemoryCatalog::new();
        let saved = catalog.save(changes, "demo", 1).await.unwrap();
        let count = |kind| saved.iter().filter(|saved| saved.kind == kind).count();
        assert!(count(Kind::Source) >= 6 && count(Kind::Network) >= 4, "sources and networks");
        assert!(count(Kind::Offer) >= 20 && count(Kind::Lander) >= 12, "offers and landers");
        assert!(count(Kind::Flow) >= 15 && count(Kind::Campaign) >= 30, "flows and campaigns");
    }

    #[test]
    fn amounts_become_micro_units() {
        for (units, micro) in [(0.0, 0), (0.02, 20_000), (44.0, 44_000_000), (0.1 + 0.2, 300_000)] {
            assert_eq!(money(units), Money(micro));
        }
    }
}
