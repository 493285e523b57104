//! What stands, in the form that the file, the plan and the export have in common.

use super::brief::without_defaults;
use super::difference::Version;
use super::references::{Directory, with_names};
use super::text::{self, Syntax};
use model::table::Things;
use model::thing::{Body, Kind, Revision, Thing, ThingId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A thing as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Stand {
    /// Whose it is.
    pub workspace: ThingId,
    /// Its name.
    pub name: String,
    /// Whether it is archived.
    pub archived: bool,
    /// The save that made it what it is.
    pub revision: Revision,
    /// The fields of its kind.
    pub body: Value,
}

impl Stand {
    /// The version that stands.
    pub fn version(&self) -> Version<'_> {
        Version { name: &self.name, archived: self.archived, body: &self.body }
    }
}

/// Everything that stands, of all workspaces.
pub type Standing = BTreeMap<(Kind, ThingId), Stand>;

/// Everything that stands, by kind and number.
///
/// # Errors
/// When a thing cannot be written as JSON.
pub fn standing(things: &Things) -> Result<Standing, serde_json::Error> {
    let mut standing = Standing::new();
    add(&mut standing, &things.workspaces)?;
    add(&mut standing, &things.sources)?;
    add(&mut standing, &things.networks)?;
    add(&mut standing, &things.conversion_types)?;
    add(&mut standing, &things.offers)?;
    add(&mut standing, &things.landers)?;
    add(&mut standing, &things.flows)?;
    add(&mut standing, &things.domains)?;
    add(&mut standing, &things.campaigns)?;
    Ok(standing)
}

fn add<B: Body>(standing: &mut Standing, things: &[Thing<B>]) -> Result<(), serde_json::Error> {
    for thing in things {
        let stand = Stand {
            workspace: thing.workspace,
            name: thing.name.clone(),
            archived: thing.archived,
            revision: thing.revision,
            body: serde_json::to_value(&thing.body)?,
        };
        standing.insert((B::KIND, thing.id), stand);
    }
    Ok(())
}

/// Everything that is set up in a workspace and not archived, as a file.
///
/// # Errors
/// When a thing cannot be written.
pub fn export(things: &Things, workspace: ThingId, syntax: Syntax) -> anyhow::Result<String> {
    let standing = standing(things)?;
    let is_own = |stand: &Stand| stand.workspace == workspace && !stand.archived;
    let own: Vec<_> = standing.iter().filter(|(_, stand)| is_own(stand)).collect();
    let mut directory = Directory::default();
    for ((kind, id), stand) in &own {
        directory.add(*kind, *id, &stand.name);
    }
    let written = own.into_iter().map(|((kind, id), stand)| {
        let mut fields = Map::from_iter([
            ("id".to_owned(), (*id).into()),
            ("name".to_owned(), stand.name.as_str().into()),
        ]);
        let mut body = stand.body.as_object().cloned().unwrap_or_default();
        without_defaults(*kind, &mut body);
        with_names(*kind, &mut body, &directory);
        fields.append(&mut body);
        (*kind, fields)
    });
    text::write(things.revision, &written.collect::<Vec<_>>(), syntax)
}
