//! The routing table: the current things, compiled for the redirect path and swapped whole.

mod cap;
mod conversion_type;
mod domain;
mod flow;
mod lander;
mod numbered;
mod origins;
mod params;

pub use cap::{CapCounts, CapRoute};
pub use conversion_type::ConversionTypeRoute;
pub use domain::DomainRoute;
pub use flow::{FlowRoute, PathRoute, PathTarget, RuleRoute};
pub use lander::LanderRoute;
pub use params::{PLATFORM_ID_PARAMS, ParamMap, ParamUse};

use crate::money::Currency;
use crate::template::Template;
use crate::thing::{
    BundleId, Campaign, CampaignStatus, ConversionType, CostModel, CostPrecedence, Domain, Flow,
    Kind, Lander, Network, Offer, Payout, Problem, Revision, Source, Thing, ThingId, Workspace,
};
use conversion_type::ConversionTypes;
use domain::Domains;
use flow::FlowCompiler;
use foldhash::fast::RandomState;
use lander::{HostedLanders, lander_route};
use numbered::Numbered;
pub(crate) use params::param_map;
use std::sync::Arc;

/// A map whose keys are the operator's. A click looks a dozen up, and the standard hasher would take longer than the
/// look-ups. Not for what visitors send: this hasher holds out against chosen keys only as long as nobody learns its
/// seed.
type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

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
    /// Conversion types.
    pub conversion_types: Vec<Thing<ConversionType>>,
    /// Offers.
    pub offers: Vec<Thing<Offer>>,
    /// Landers.
    pub landers: Vec<Thing<Lander>>,
    /// Flows.
    pub flows: Vec<Thing<Flow>>,
    /// Tracking domains.
    pub domains: Vec<Thing<Domain>>,
    /// Campaigns.
    pub campaigns: Vec<Thing<Campaign>>,
}

/// What the redirect path looks up. Never changed: a new version replaces it.
#[derive(Debug, Default)]
pub struct RoutingTable {
    revision: Revision,
    /// Places of campaigns.
    keys: HashMap<Box<str>, u32>,
    domains: Domains,
    campaigns: Numbered<CampaignRoute>,
    flows: Numbered<FlowRoute>,
    landers: HashMap<ThingId, LanderRoute>,
    hosted: HostedLanders,
    offers: HashMap<ThingId, OfferRoute>,
    networks: HashMap<ThingId, Thing<Network>>,
    conversion_types: ConversionTypes,
    workspaces: HashMap<ThingId, Workspace>,
    postback_keys: HashMap<Box<str>, ThingId>,
    left_out: Vec<LeftOut>,
}

/// A thing that could not be compiled: nobody is sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its kind.
    pub kind: Kind,
    /// Its number.
    pub id: ThingId,
    /// What is wrong with it.
    pub problem: Problem,
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
    /// What its link is found by.
    pub key: Box<str>,
    /// Whether clicks are routed; otherwise they go to `archived_url`.
    pub active: bool,
    /// Where its clicks go.
    pub flow: ThingId,
    flow_place: Option<u32>,
    /// Its traffic source.
    pub source: Option<ThingId>,
    /// What each parameter of a landing URL means.
    pub params: Arc<ParamMap>,
    /// What a click costs when its URL does not say.
    pub cost: CostModel,
    /// Which counts where both say something.
    pub cost_precedence: CostPrecedence,
    /// Currency of costs in the URL.
    pub cost_currency: Currency,
    /// Destination when not active.
    pub archived_url: Option<Box<Template>>,
    allowed_hosts: Box<[String]>,
    origins: Box<[String]>,
}

/// An offer as a click needs it.
#[derive(Debug)]
pub struct OfferRoute {
    /// Its name.
    pub name: Box<str>,
    /// Where it is.
    pub url: Template,
    /// Whose it is.
    pub workspace: ThingId,
    /// Who pays.
    pub network: Option<ThingId>,
    /// What a conversion is worth.
    pub payout: Payout,
    /// How much it takes.
    pub cap: Option<CapRoute>,
    /// Who takes what is over the cap.
    pub next: Option<ThingId>,
    /// Nobody new is sent there while there is another choice.
    pub is_archived: bool,
}

impl RoutingTable {
    /// Compiles `things`. A URL or a condition that cannot be read (it was checked when saved) leaves
    /// its thing out, so that one bad row never stops the others.
    pub fn new(things: &Things) -> Self {
        let workspaces: HashMap<_, _> =
            things.workspaces.iter().map(|w| (w.id, w.body.clone())).collect();
        let sources: HashMap<_, _> = things
            .sources
            .iter()
            .map(|s| (s.id, (Arc::new(param_map(&s.body)), s.body.cost_currency)))
            .collect();
        let unnamed = Arc::new(param_map(&Source::default()));
        let mut left_out = Vec::new();
        let mut compiler = FlowCompiler::new(things);
        let flows = things.flows.iter();
        let flows = flows.filter_map(|flow| kept(flow, compiler.flow(flow), &mut left_out));
        let flows: Numbered<FlowRoute> = flows.collect();
        let campaign = |thing: &Thing<Campaign>| {
            let (params, currency) = thing
                .body
                .source
                .and_then(|id| sources.get(&id))
                .cloned()
                .unwrap_or((unnamed.clone(), None));
            let workspace_currency =
                workspaces.get(&thing.workspace).map_or(Currency::USD, |w| w.currency);
            let currency = currency.unwrap_or(workspace_currency);
            (thing.id, campaign_route(thing, params, currency, flows.place(thing.body.flow)))
        };
        let campaigns: Numbered<_> = things.campaigns.iter().map(campaign).collect();
        let landers = things.landers.iter();
        let landers = landers.filter_map(|l| kept(l, lander_route(l), &mut left_out)).collect();
        let offers = things.offers.iter();
        let mut offer_route = |o| offer_route(o, &mut compiler);
        let offers = offers.filter_map(|o| kept(o, offer_route(o), &mut left_out)).collect();
        Self {
            revision: things.revision,
            keys: keys(&things.campaigns, &campaigns),
            domains: Domains::new(&things.domains),
            campaigns,
            flows,
            landers,
            hosted: HostedLanders::new(&things.landers),
            offers,
            networks: things.networks.iter().map(|n| (n.id, n.clone())).collect(),
            conversion_types: ConversionTypes::new(&things.conversion_types),
            postback_keys: postback_keys(&things.networks),
            workspaces,
            left_out,
        }
    }

    /// What could not be compiled, although it was checked when it was saved.
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The configuration it was made from.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The campaign of a link's key.
    pub fn campaign_by_key(&self, key: &str) -> Option<&CampaignRoute> {
        self.campaigns.at(*self.keys.get(key)?)
    }

    /// A campaign.
    pub fn campaign(&self, id: ThingId) -> Option<&CampaignRoute> {
        self.campaigns.get(id)
    }

    /// Whether there is a tracking domain; while there is none, every host serves everything.
    pub fn has_domains(&self) -> bool {
        self.domains.is_any()
    }

    /// The tracking domain of a host, as [`crate::host::requested`] gives it.
    pub fn domain_by_host(&self, host: &str) -> Option<&DomainRoute> {
        self.domains.by_host(host)
    }

    /// A tracking domain that is not archived.
    pub fn domain(&self, id: ThingId) -> Option<&DomainRoute> {
        self.domains.get(id)
    }

    /// A flow.
    pub fn flow(&self, id: ThingId) -> Option<&FlowRoute> {
        self.flows.get(id)
    }

    /// The flow of a campaign.
    pub fn flow_of(&self, campaign: &CampaignRoute) -> Option<&FlowRoute> {
        self.flows.at(campaign.flow_place?)
    }

    /// A lander.
    pub fn lander(&self, id: ThingId) -> Option<&LanderRoute> {
        self.landers.get(&id)
    }

    /// The files in a folder of hosted landers of a workspace.
    pub fn hosted_bundle(&self, workspace: ThingId, folder: &str) -> Option<BundleId> {
        self.hosted.bundle(workspace, folder)
    }

    /// An offer.
    pub fn offer(&self, id: ThingId) -> Option<&OfferRoute> {
        self.offers.get(&id)
    }

    /// Conversion types whose conversions reports have under their own names alone.
    pub fn uncounted_types(&self, workspace: ThingId) -> &[String] {
        self.conversion_types.uncounted(workspace)
    }

    /// The conversion type that a word, in lower case, stands for in a workspace.
    pub fn conversion_type(&self, workspace: ThingId, word: &str) -> Option<&ConversionTypeRoute> {
        self.conversion_types.by_word(workspace, word)
    }

    /// The offers that have a cap.
    pub fn capped_offers(&self) -> impl Iterator<Item = (ThingId, &CapRoute)> {
        self.offers.iter().filter_map(|(id, offer)| Some((*id, offer.cap.as_ref()?)))
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

    /// The numbers of all workspaces, in no order.
    pub fn workspaces(&self) -> impl Iterator<Item = ThingId> {
        self.workspaces.keys().copied()
    }

    /// All campaigns, archived ones included, in no order.
    pub fn campaigns(&self) -> impl Iterator<Item = &CampaignRoute> {
        self.campaigns.all()
    }

    /// How many campaigns there are.
    pub fn campaign_count(&self) -> usize {
        self.campaigns.len()
    }
}

/// What was made of a thing, or a note that nothing could be made of it.
fn kept<B: crate::thing::Body, R>(
    thing: &Thing<B>,
    made: Result<R, Problem>,
    left_out: &mut Vec<LeftOut>,
) -> Option<(ThingId, R)> {
    match made {
        Ok(made) => Some((thing.id, made)),
        Err(problem) => {
            left_out.push(LeftOut { kind: B::KIND, id: thing.id, problem });
            None
        }
    }
}

fn postback_keys(networks: &[Thing<Network>]) -> HashMap<Box<str>, ThingId> {
    let live = networks.iter().filter(|network| !network.archived);
    live.filter_map(|network| Some((network.body.postback_key.as_deref()?.into(), network.id)))
        .collect()
}

/// Keys and former keys; a current key wins over another campaign's former one.
fn keys(campaigns: &[Thing<Campaign>], routes: &Numbered<CampaignRoute>) -> HashMap<Box<str>, u32> {
    let keyed =
        |key: &str, campaign: &Thing<Campaign>| Some((key.into(), routes.place(campaign.id)?));
    let former = campaigns
        .iter()
        .flat_map(|c| c.body.aliases.iter().filter_map(move |alias| keyed(alias, c)));
    let current = campaigns.iter().filter_map(|c| keyed(&c.body.key, c));
    former.chain(current).collect()
}

fn campaign_route(
    thing: &Thing<Campaign>,
    params: Arc<ParamMap>,
    cost_currency: Currency,
    flow_place: Option<u32>,
) -> CampaignRoute {
    let archived_url = thing.body.archived_url.as_deref();
    CampaignRoute {
        id: thing.id,
        workspace: thing.workspace,
        name: thing.name.as_str().into(),
        key: thing.body.key.as_str().into(),
        active: !thing.archived && thing.body.status == CampaignStatus::Active,
        flow: thing.body.flow,
        flow_place,
        source: thing.body.source,
        params,
        cost: thing.body.cost,
        cost_precedence: thing.body.cost_precedence,
        cost_currency,
        archived_url: archived_url.and_then(|url| Template::parse(url).ok()).map(Box::new),
        allowed_hosts: thing.body.allowed_hosts.clone().into(),
        origins: thing.body.origins.clone().into(),
    }
}

fn offer_route(thing: &Thing<Offer>, compiler: &mut FlowCompiler) -> Result<OfferRoute, Problem> {
    let Offer { network, payout, next, .. } = thing.body;
    let cap = match &thing.body.cap {
        None => None,
        Some(cap) => {
            let zone = compiler.zone(thing.workspace, cap.time_zone.as_ref(), "cap.time_zone")?;
            Some(CapRoute { cap: cap.clone(), zone })
        }
    };
    Ok(OfferRoute {
        name: thing.name.as_str().into(),
        url: url(&thing.body.url)?,
        workspace: thing.workspace,
        network,
        payout,
        cap,
        next,
        is_archived: thing.archived,
    })
}

fn url(text: &str) -> Result<Template, Problem> {
    Template::parse(text).map_err(|error| Problem::new("url", error.to_string()))
}
