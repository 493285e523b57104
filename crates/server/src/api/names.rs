//! What answers call things and clicks.

use crate::app::App;
use model::id::{self, IdError};
use model::table::Things;
use model::thing::{Kind, Thing, ThingId};
use model::{ClickId, KeyRing};
use report::Names;
use std::sync::Arc;

/// Names of things as they stand, and click ids as they were given out.
pub struct AppNames {
    things: Arc<Things>,
    keys: Arc<KeyRing>,
    id_prefix: String,
}

impl AppNames {
    /// The names of this moment.
    pub fn of(app: &App) -> Self {
        Self {
            things: app.things.load_full(),
            keys: app.keys.clone(),
            id_prefix: app.config.id_prefix.clone(),
        }
    }

    /// Reads a click id.
    ///
    /// # Errors
    /// The class of what is wrong with it, with a repair where one is certain.
    pub fn read_click_id(&self, text: &str, now_ms: i64) -> Result<ClickId, IdError> {
        id::read(text, &self.id_prefix, &self.keys, now_ms)
    }

    /// The number of the thing of this name in a workspace: the one in use, else the only archived
    /// one; otherwise how many there are.
    ///
    /// # Errors
    /// How many archived things have the name: none, or several.
    pub fn number(&self, kind: Kind, workspace: ThingId, name: &str) -> Result<ThingId, usize> {
        let things = &self.things;
        let own = |(w, n): (ThingId, &str)| w == workspace && n == name;
        match kind {
            Kind::Workspace => numbers(&things.workspaces, own),
            Kind::Source => numbers(&things.sources, own),
            Kind::Network => numbers(&things.networks, own),
            Kind::ConversionType => numbers(&things.conversion_types, own),
            Kind::Offer => numbers(&things.offers, own),
            Kind::Lander => numbers(&things.landers, own),
            Kind::Flow => numbers(&things.flows, own),
            Kind::Domain => numbers(&things.domains, own),
            Kind::Campaign => numbers(&things.campaigns, own),
        }
    }
}

fn numbers<B>(
    things: &[Thing<B>],
    is_meant: impl Fn((ThingId, &str)) -> bool,
) -> Result<ThingId, usize> {
    let meant: Vec<_> = things.iter().filter(|t| is_meant((t.workspace, &t.name))).collect();
    match (meant.iter().find(|thing| !thing.archived), &meant[..]) {
        (Some(live), _) => Ok(live.id),
        (None, [only]) => Ok(only.id),
        (None, several) => Err(several.len()),
    }
}

impl Names for AppNames {
    fn thing(&self, kind: Kind, id: ThingId) -> Option<&str> {
        match kind {
            Kind::Workspace => name(&self.things.workspaces, id),
            Kind::Source => name(&self.things.sources, id),
            Kind::Network => name(&self.things.networks, id),
            Kind::ConversionType => name(&self.things.conversion_types, id),
            Kind::Offer => name(&self.things.offers, id),
            Kind::Lander => name(&self.things.landers, id),
            Kind::Flow => name(&self.things.flows, id),
            Kind::Domain => name(&self.things.domains, id),
            Kind::Campaign => name(&self.things.campaigns, id),
        }
    }

    fn click_id(&self, id: ClickId) -> String {
        id.text(&self.id_prefix, &self.keys).to_string()
    }
}

fn name<B>(things: &[Thing<B>], id: ThingId) -> Option<&str> {
    let at = things.binary_search_by_key(&id, |thing| thing.id).ok()?;
    Some(&things[at].name)
}
