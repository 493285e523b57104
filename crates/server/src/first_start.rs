//! The first start of an installation: the workspace's settings, a token, and a campaign to try.

use crate::api;
use crate::app::now_ms;
use crate::config::Config;
use crate::folder::{self, Folder};
use model::money::{Currency, Money};
use model::thing::{
    Body, Campaign, CostModel, DEFAULT_WORKSPACE, Flow, Network, Offer, Path, Source, ThingId,
    WeightedOffer, Workspace,
};
use store::{Catalog, Change};

/// The key of the campaign to try.
pub const EXAMPLE_KEY: &str = "example";

/// Who is named as the author of what a first start saves.
const AUTHOR: &str = "first start";

/// Sets a new installation up; does nothing in an old one.
///
/// # Errors
/// When the catalog or the folder cannot be written.
pub async fn prepare(
    config: &Config,
    folder: &Folder,
    catalog: &dyn Catalog,
    with_example: bool,
) -> anyhow::Result<()> {
    if config.admin_token.is_none() && folder::kept_token(&config.data).is_none() {
        let (token, sha256) = api::new_token()?;
        catalog.create_token(DEFAULT_WORKSPACE, "admin", sha256, now_ms()).await?;
        folder.keep_token(&token)?;
    }
    let things = catalog.things().await?;
    let is_new = things.campaigns.is_empty() && things.flows.is_empty() && things.offers.is_empty();
    let workspace = things.workspaces.iter().find(|w| w.id == DEFAULT_WORKSPACE);
    if is_new && let Some(workspace) = workspace {
        let settings = configured(&workspace.body, config);
        if settings != workspace.body {
            let change = Change {
                id: Some(DEFAULT_WORKSPACE),
                expected: Some(workspace.revision),
                ..change(&workspace.name, &settings)?
            };
            catalog.save(vec![change], AUTHOR, now_ms()).await?;
        }
        if with_example {
            catalog.save(example(config)?, AUTHOR, now_ms()).await?;
        }
    }
    Ok(())
}

fn configured(workspace: &Workspace, config: &Config) -> Workspace {
    let given = &config.workspace;
    Workspace {
        ip_privacy: given.ip_privacy.unwrap_or(workspace.ip_privacy),
        attribution_window_days: given
            .attribution_window_days
            .unwrap_or(workspace.attribution_window_days),
        click_param: given.click_param.clone().unwrap_or_else(|| workspace.click_param.clone()),
        ..workspace.clone()
    }
}

/// A source, a network, two offers on pages of ours, a flow between them and a campaign.
fn example(config: &Config) -> anyhow::Result<Vec<Change>> {
    let cpc = CostModel::Cpc { amount: Money(50_000), currency: Currency::USD };
    let offer = |name: &str| Offer {
        network: Some(1),
        url: format!("{}/example/offer?name={name}&clickid={{click_id}}", config.public_url),
        ..Offer::default()
    };
    let weighted = |offer: ThingId, weight| WeightedOffer { offer, weight };
    let path = Path { id: 1, offers: vec![weighted(1, 70), weighted(2, 30)], ..Path::default() };
    let campaign = Campaign {
        key: EXAMPLE_KEY.to_owned(),
        source: Some(1),
        flow: 1,
        cost: cpc,
        ..Campaign::default()
    };
    Ok(vec![
        first("Example source", &Source::default())?,
        first("Example network", &Network::default())?,
        first("Example offer A", &offer("A"))?,
        Change { id: Some(2), ..first("Example offer B", &offer("B"))? },
        first("Example flow", &Flow { default: vec![path], ..Flow::default() })?,
        first("Example campaign", &campaign)?,
    ])
}

/// The creation of the first thing of its kind.
fn first<B: Body>(name: &str, body: &B) -> anyhow::Result<Change> {
    Ok(Change { id: Some(1), expected: Some(0), ..change(name, body)? })
}

fn change<B: Body>(name: &str, body: &B) -> anyhow::Result<Change> {
    Ok(Change {
        workspace: DEFAULT_WORKSPACE,
        kind: B::KIND,
        id: None,
        name: name.to_owned(),
        archived: false,
        body: serde_json::to_string(body)?,
        expected: None,
    })
}
