//! The routing table: the current things, compiled for the redirect path and swapped whole.

use crate::draw::Alternative;
use crate::field::Field;
use crate::money::Currency;
use crate::template::Template;
use crate::thing::{
    Campaign, CampaignStatus, CostModel, Flow, Lander, Network, Offer, Path, Payout, RedirectMode,
    Revision, Source, Thing, ThingId, Workspace,
};
use foldhash::fast::RandomState;
use std::sync::Arc;

/// The current version of every thing, archived ones included: links keep working.
#[derive(Clone, Debug, Default)]
pub struct Things {
    /// The newest save among them.
    pub revision: Revision,
    /// Owners.
    pub workspaces: Vec<Thing<Workspace>>,
    /// Traffic sources.
    pub sources: Vec<Thing<Source>>,
    /// Networks.
    pub networks: Vec<Thing<Network>>,
    /// Offers.
    pub offers: Vec<Thing<Offer>>,
    /// Landers.
    pub landers: Vec<Thing<Lander>>,
    /// Flows.
    pub flows: Vec<Thing<Flow>>,
    /// Campaigns.
    pub campaigns: Vec<Thing<Campaign>>,
}

/// A map whose keys are the operator's. A click looks a dozen up, and the standard hasher would take longer than the
/// look-ups. Not for what visitors send: this hasher holds out against chosen keys only as long as nobody learns its
/// seed.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// What the redirect path looks up. Never changed: a new version replaces it.
#[derive(Debug, Default)]
pub struct RoutingTable {
    revision: Revision,
    keys: HashMap<Box<str>, ThingId>,
    campaigns: HashMap<ThingId, CampaignRoute>,
    flows: HashMap<ThingId, FlowRoute>,
    landers: HashMap<ThingId, LanderRoute>,
    offers: HashMap<ThingId, OfferRoute>,
    networks: HashMap<ThingId, Thing<Network>>,
    workspaces: HashMap<ThingId, Workspace>,
    postback_keys: HashMap<Box<str>, ThingId>,
}

/// A campaign as a click needs it.
#[derive(Debug)]
pub struct CampaignRoute {
    /// Its number.
    pub id: ThingId,
    /// Whose it is.
    pub workspace: ThingId,
    /// Its name.
    pub name: Box<str>,
    /// Whether clicks are routed; otherwise they go to `archived_url`.
    pub active: bool,
    /// Where its clicks go.
    pub flow: ThingId,
    /// Its traffic source.
    pub source: Option<ThingId>,
    /// What each parameter of a landing URL means.
    pub params: Arc<ParamMap>,
    /// What a click costs when its URL does not say.
    pub cost: CostModel,
    /// Currency of costs in the URL.
    pub cost_currency: Currency,
    /// Destination when not active.
    pub archived_url: Option<Template>,
}

/// A flow as a click needs it.
#[derive(Debug)]
pub struct FlowRoute {
    /// Alternatives of the draw among `paths`, by path id.
    pub default: Vec<Alternative>,
    /// The paths.
    pub paths: Vec<PathRoute>,
}

/// A path as a click needs it.
#[derive(Debug)]
pub struct PathRoute {
    /// Unique in its flow.
    pub id: u32,
    /// How the visitor is sent on.
    pub mode: RedirectMode,
    /// Alternatives of the lander; empty for direct to the offer.
    pub landers: Vec<Alternative>,
    /// Alternatives of the offer.
    pub offers: Vec<Alternative>,
}

/// A lander as a click needs it.
#[derive(Debug)]
pub struct LanderRoute {
    /// Its name.
    pub name: Box<str>,
    /// Where it is.
    pub url: Template,
}

/// An offer as a click needs it.
#[derive(Debug)]
pub struct OfferRoute {
    /// Its name.
    pub name: Box<str>,
    /// Where it is.
    pub url: Template,
    /// Who pays.
    pub network: Option<ThingId>,
    /// What a conversion is worth.
    pub payout: Payout,
}

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
pub type ParamMap = HashMap<Box<str>, ParamUse>;

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

impl RoutingTable {
    /// Compiles `things`. A URL that cannot be parsed (it was checked when saved) leaves its thing
    /// out, so that one bad row never stops the others.
    pub fn new(things: &Things) -> Self {
        let workspaces: HashMap<_, _> =
            things.workspaces.iter().map(|w| (w.id, w.body.clone())).collect();
        let sources: HashMap<_, _> = things
            .sources
            .iter()
            .map(|s| (s.id, (Arc::new(param_map(&s.body)), s.body.cost_currency)))
            .collect();
        let unnamed = Arc::new(param_map(&Source::default()));
        let campaign = |thing: &Thing<Campaign>| {
            let (params, currency) = thing
                .body
                .source
                .and_then(|id| sources.get(&id))
                .cloned()
                .unwrap_or((unnamed.clone(), None));
            let workspace_currency =
                workspaces.get(&thing.workspace).map_or(Currency::USD, |w| w.currency);
            (thing.id, campaign_route(thing, params, currency.unwrap_or(workspace_currency)))
        };
        let postback_key = |network: &Thing<Network>| {
            Some((network.body.postback_key.as_deref()?.into(), network.id))
        };
        Self {
            revision: things.revision,
            keys: keys(&things.campaigns),
            campaigns: things.campaigns.iter().map(campaign).collect(),
            flows: things.flows.iter().map(|flow| (flow.id, flow_route(&flow.body))).collect(),
            landers: things.landers.iter().filter_map(lander_route).collect(),
            offers: things.offers.iter().filter_map(offer_route).collect(),
            networks: things.networks.iter().map(|n| (n.id, n.clone())).collect(),
            postback_keys: things
                .networks
                .iter()
                .filter(|n| !n.archived)
                .filter_map(postback_key)
                .collect(),
            workspaces,
        }
    }

    /// The configuration it was made from.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The campaign of a link's key.
    pub fn campaign_by_key(&self, key: &str) -> Option<&CampaignRoute> {
        self.campaigns.get(self.keys.get(key)?)
    }

    /// A campaign.
    pub fn campaign(&self, id: ThingId) -> Option<&CampaignRoute> {
        self.campaigns.get(&id)
    }

    /// A flow.
    pub fn flow(&self, id: ThingId) -> Option<&FlowRoute> {
        self.flows.get(&id)
    }

    /// A lander.
    pub fn lander(&self, id: ThingId) -> Option<&LanderRoute> {
        self.landers.get(&id)
    }

    /// An offer.
    pub fn offer(&self, id: ThingId) -> Option<&OfferRoute> {
        self.offers.get(&id)
    }

    /// A network.
    pub fn network(&self, id: ThingId) -> Option<&Thing<Network>> {
        self.networks.get(&id)
    }

    /// The network that `key` in a postback URL belongs to.
    pub fn network_by_postback_key(&self, key: &str) -> Option<&Thing<Network>> {
        self.networks.get(self.postback_keys.get(key)?)
    }

    /// A workspace's settings.
    pub fn workspace(&self, id: ThingId) -> Option<&Workspace> {
        self.workspaces.get(&id)
    }

    /// How many campaigns there are.
    pub fn campaign_count(&self) -> usize {
        self.campaigns.len()
    }
}

/// Keys and former keys; a current key wins over another campaign's former one.
fn keys(campaigns: &[Thing<Campaign>]) -> HashMap<Box<str>, ThingId> {
    let former = campaigns
        .iter()
        .flat_map(|c| c.body.aliases.iter().map(move |alias| (alias.as_str().into(), c.id)));
    let current = campaigns.iter().map(|c| (c.body.key.as_str().into(), c.id));
    former.chain(current).collect()
}

fn campaign_route(
    thing: &Thing<Campaign>,
    params: Arc<ParamMap>,
    cost_currency: Currency,
) -> CampaignRoute {
    CampaignRoute {
        id: thing.id,
        workspace: thing.workspace,
        name: thing.name.as_str().into(),
        active: !thing.archived && thing.body.status == CampaignStatus::Active,
        flow: thing.body.flow,
        source: thing.body.source,
        params,
        cost: thing.body.cost,
        cost_currency,
        archived_url: thing.body.archived_url.as_deref().and_then(|url| Template::parse(url).ok()),
    }
}

fn flow_route(flow: &Flow) -> FlowRoute {
    let path = |path: &Path| PathRoute {
        id: path.id,
        mode: path.mode,
        landers: path
            .landers
            .iter()
            .map(|l| Alternative { id: l.lander, weight: l.weight })
            .collect(),
        offers: path.offers.iter().map(|o| Alternative { id: o.offer, weight: o.weight }).collect(),
    };
    FlowRoute {
        default: flow.default.iter().map(|p| Alternative { id: p.id, weight: p.weight }).collect(),
        paths: flow.default.iter().map(path).collect(),
    }
}

fn lander_route(thing: &Thing<Lander>) -> Option<(ThingId, LanderRoute)> {
    let url = Template::parse(&thing.body.url).ok()?;
    Some((thing.id, LanderRoute { name: thing.name.as_str().into(), url }))
}

fn offer_route(thing: &Thing<Offer>) -> Option<(ThingId, OfferRoute)> {
    let url = Template::parse(&thing.body.url).ok()?;
    let Offer { network, payout, .. } = thing.body;
    Some((thing.id, OfferRoute { name: thing.name.as_str().into(), url, network, payout }))
}

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
