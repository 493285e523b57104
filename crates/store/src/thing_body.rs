//! Bodies of things: from JSON to what the catalog needs of them, and to typed things.

use crate::changes::{Standing, StoredThing};
use crate::error::StoreError;
use model::host::HostName;
use model::table::Things;
use model::thing::{
    Body, Campaign, ConversionType, Domain, Flow, Kind, Lander, Network, Offer, Problem, Revision,
    Source, Thing, ThingId, Workspace,
};

/// What the catalog needs to know of a body.
pub struct Parts {
    /// What it refers to.
    pub references: Vec<(Kind, ThingId)>,
    /// Keys of a campaign, current one first; empty for other kinds.
    pub keys: Vec<String>,
    /// The host of a domain; none for other kinds.
    pub host: Option<HostName>,
}

/// Reads the body of a thing of `kind`.
pub fn parts(kind: Kind, body: &str) -> Result<Parts, StoreError> {
    match kind {
        Kind::Workspace => parts_of::<Workspace>(body),
        Kind::Source => parts_of::<Source>(body),
        Kind::Network => parts_of::<Network>(body),
        Kind::ConversionType => parts_of::<ConversionType>(body),
        Kind::Offer => parts_of::<Offer>(body),
        Kind::Lander => parts_of::<Lander>(body),
        Kind::Flow => parts_of::<Flow>(body),
        Kind::Domain => domain_parts(body),
        Kind::Campaign => campaign_parts(body),
    }
}

/// What is wrong with the body of a thing of `kind` by itself.
pub fn problems(kind: Kind, body: &str) -> Result<Vec<Problem>, StoreError> {
    Ok(match kind {
        Kind::Workspace => read::<Workspace>(body)?.problems(),
        Kind::Source => read::<Source>(body)?.problems(),
        Kind::Network => read::<Network>(body)?.problems(),
        Kind::ConversionType => read::<ConversionType>(body)?.problems(),
        Kind::Offer => read::<Offer>(body)?.problems(),
        Kind::Lander => read::<Lander>(body)?.problems(),
        Kind::Flow => read::<Flow>(body)?.problems(),
        Kind::Domain => read::<Domain>(body)?.problems(),
        Kind::Campaign => {
            let body = read::<Campaign>(body)?;
            let keyless = || Problem::new("key", "expected the path of the link");
            let key = body.key.is_empty().then(keyless);
            body.problems().into_iter().chain(key).collect()
        }
    })
}

fn read<B: Body>(body: &str) -> Result<B, StoreError> {
    serde_json::from_str(body).map_err(|source| StoreError::Body { kind: B::KIND, source })
}

fn parts_of<B: Body>(body: &str) -> Result<Parts, StoreError> {
    let body: B = read(body)?;
    Ok(Parts { references: body.references(), keys: Vec::new(), host: None })
}

fn campaign_parts(body: &str) -> Result<Parts, StoreError> {
    let body: Campaign = read(body)?;
    let references = body.references();
    let keys = [vec![body.key], body.aliases].concat();
    Ok(Parts { references, keys, host: None })
}

fn domain_parts(body: &str) -> Result<Parts, StoreError> {
    let body: Domain = read(body)?;
    let references = body.references();
    Ok(Parts { references, keys: Vec::new(), host: Some(body.host) })
}

/// The body of the workspace that exists from the first open.
pub fn default_workspace() -> String {
    serde_json::to_string(&Workspace::default()).unwrap_or_default()
}

/// Typed things.
pub fn things(standing: Standing, revision: Revision) -> Result<Things, StoreError> {
    let mut things = Things { revision, ..Things::default() };
    for ((kind, id), stored) in standing {
        match kind {
            Kind::Workspace => things.workspaces.push(thing(id, stored)?),
            Kind::Source => things.sources.push(thing(id, stored)?),
            Kind::Network => things.networks.push(thing(id, stored)?),
            Kind::ConversionType => things.conversion_types.push(thing(id, stored)?),
            Kind::Offer => things.offers.push(thing(id, stored)?),
            Kind::Lander => things.landers.push(thing(id, stored)?),
            Kind::Flow => things.flows.push(thing(id, stored)?),
            Kind::Domain => things.domains.push(thing(id, stored)?),
            Kind::Campaign => things.campaigns.push(thing(id, stored)?),
        }
    }
    Ok(things)
}

fn thing<B: Body>(id: ThingId, stored: StoredThing) -> Result<Thing<B>, StoreError> {
    let body =
        read(&stored.body).map_err(|_| StoreError::unreadable(format!("{} {id}", B::KIND)))?;
    Ok(Thing {
        id,
        workspace: stored.workspace,
        name: stored.name,
        revision: stored.revision,
        archived: stored.archived,
        body,
    })
}
