//! What would stand after a save, without saving.

use crate::catalog::Change;
use crate::changes::{Standing, StoredThing, check_changes};
use crate::error::StoreError;
use crate::thing_body;
use model::table::Things;
use model::thing::{Body, Kind, Thing, ThingId};

/// What `things` would become by `changes`, which are checked as a save checks them. What was changed
/// has revision 0.
pub fn what_if(things: &Things, changes: Vec<Change>) -> Result<Things, StoreError> {
    let mut standing = Standing::new();
    stand(&mut standing, &things.workspaces)?;
    stand(&mut standing, &things.sources)?;
    stand(&mut standing, &things.networks)?;
    stand(&mut standing, &things.conversion_types)?;
    stand(&mut standing, &things.offers)?;
    stand(&mut standing, &things.landers)?;
    stand(&mut standing, &things.flows)?;
    stand(&mut standing, &things.domains)?;
    stand(&mut standing, &things.campaigns)?;
    let written = check_changes(&standing, changes)?;
    standing.extend(written);
    thing_body::things(standing, things.revision)
}

fn stand<B: Body>(standing: &mut Standing, things: &[Thing<B>]) -> Result<(), StoreError> {
    for thing in things {
        let body = serde_json::to_string(&thing.body)
            .map_err(|source| StoreError::Body { kind: B::KIND, source })?;
        let place: (Kind, ThingId) = (B::KIND, thing.id);
        let stored = StoredThing {
            workspace: thing.workspace,
            name: thing.name.clone(),
            revision: thing.revision,
            archived: thing.archived,
            body,
        };
        standing.insert(place, stored);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, MemoryCatalog};

    fn offer(id: Option<ThingId>, name: &str, url: &str) -> Change {
        Change {
            workspace: 1,
            kind: Kind::Offer,
            id,
            name: name.to_owned(),
            archived: false,
            body: format!("{{\"url\":\"{url}\"}}"),
            expected: None,
        }
    }

    #[tokio::test]
    async fn what_would_stand_is_what_stands_after_the_save() {
        let catalog = MemoryCatalog::new();
        catalog.save(vec![offer(None, "A", "https://a.example/")], "test", 0).await.unwrap();
        let before = catalog.things().await.unwrap();
        let changes =
            vec![offer(Some(1), "B", "https://b.example/"), offer(None, "A", "https://a.example/")];
        let tried = what_if(&before, changes.clone()).unwrap();
        assert_eq!(catalog.things().await.unwrap().offers, before.offers);
        catalog.save(changes, "test", 0).await.unwrap();
        let known = |things: Things| -> Vec<_> {
            things.offers.into_iter().map(|thing| (thing.id, thing.name, thing.body)).collect()
        };
        assert_eq!(known(tried), known(catalog.things().await.unwrap()));
    }

    #[tokio::test]
    async fn what_a_save_refuses_is_refused() {
        let things = MemoryCatalog::new().things().await.unwrap();
        for (change, refused) in [
            (offer(None, "A", "no url"), "not valid"),
            (offer(Some(7), "A", "https://a.example/"), "no offer 7"),
        ] {
            let error = what_if(&things, vec![change]).unwrap_err().to_string();
            assert!(error.contains(refused), "{error}");
        }
    }
}
