//! Landers, and those among them whose files are served from here, by their folder.

use super::{HashMap, url};
use crate::page;
use crate::template::Template;
use crate::thing::{BundleId, Lander, Problem, Thing, ThingId};

/// A lander as a click needs it.
#[derive(Debug)]
pub struct LanderRoute {
    /// Its name.
    pub name: Box<str>,
    /// Where it is.
    pub url: Template,
    /// The page that is, as [`crate::page::page`] writes it.
    pub page: Box<str>,
    /// Nobody new is sent there while there is another choice.
    pub is_archived: bool,
}

pub(super) fn lander_route(thing: &Thing<Lander>) -> Result<LanderRoute, Problem> {
    let url = url(&thing.body.url)?;
    let page = page::page(&thing.body.url).unwrap_or_default().into();
    Ok(LanderRoute { name: thing.name.as_str().into(), url, page, is_archived: thing.archived })
}

/// Which files stand in which folder, by workspace. An archived lander keeps its folder until another one takes it:
/// links that were given out go on working.
#[derive(Debug, Default)]
pub(super) struct HostedLanders(HashMap<ThingId, HashMap<Box<str>, BundleId>>);

impl HostedLanders {
    pub(super) fn new(landers: &[Thing<Lander>]) -> Self {
        let mut folders = Self::default();
        let (archived, live): (Vec<_>, Vec<_>) = landers.iter().partition(|l| l.archived);
        for lander in archived.into_iter().chain(live) {
            if let Some(((_, folder), bundle)) = lander.body.hosted_at().zip(lander.body.bundle) {
                folders.0.entry(lander.workspace).or_default().insert(folder.into(), bundle);
            }
        }
        folders
    }

    pub(super) fn bundle(&self, workspace: ThingId, folder: &str) -> Option<BundleId> {
        self.0.get(&workspace)?.get(folder).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::table::{RoutingTable, Things};

    #[test]
    fn a_folder_is_that_of_its_workspaces_live_lander() {
        let bundle = |number| Digest([number; 32]);
        let lander = |id, workspace, archived, of: u8| {
            let url = "https://go.example/l/quiz/".to_owned();
            let body = Lander { url, offers: 1, bundle: Some(bundle(of)) };
            Thing { id, workspace, name: String::new(), revision: 1, archived, body }
        };
        let table = |landers| RoutingTable::new(&Things { landers, ..Things::default() });
        let alone = table(vec![lander(1, 1, true, 1)]);
        assert_eq!(alone.hosted_bundle(1, "quiz"), Some(bundle(1)));
        assert_eq!((alone.hosted_bundle(2, "quiz"), alone.hosted_bundle(1, "other")), (None, None));
        let moved =
            table(vec![lander(1, 1, false, 1), lander(2, 1, true, 2), lander(3, 2, false, 3)]);
        assert_eq!(moved.hosted_bundle(1, "quiz"), Some(bundle(1)));
        assert_eq!(moved.hosted_bundle(2, "quiz"), Some(bundle(3)));
    }
}
