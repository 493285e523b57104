//! What no catalog lets pass.

use super::sample::{again, new_thing};
use crate::catalog::{Catalog, Change};
use crate::error::{ReferenceProblem, StoreError, User};
use model::thing::{Kind, ThingId};

const OFFER: &str = r#"{"url":"https://shop.example/"}"#;

fn offer_of(network: ThingId) -> String {
    format!(r#"{{"url":"https://shop.example/","network":{network}}}"#)
}

fn archived(change: &Change, id: ThingId) -> Change {
    Change { archived: true, ..again(change, id) }
}

async fn save(catalog: &dyn Catalog, change: Change) -> Result<ThingId, StoreError> {
    Ok(catalog.save(vec![change], "ann", 0).await?[0].id)
}

pub async fn names_are_unique_among_the_living(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let network = new_thing(Kind::Network, "A", "{}");
    let first = save(catalog, network.clone()).await?;
    let error = save(catalog, network.clone()).await;
    assert!(matches!(error, Err(StoreError::NameTaken { by, .. }) if by == first), "{error:?}");
    save(catalog, new_thing(Kind::Source, "A", "{}")).await?;
    save(catalog, archived(&network, first)).await?;
    let second = save(catalog, network.clone()).await?;
    let error = save(catalog, again(&network, first)).await;
    assert!(matches!(error, Err(StoreError::NameTaken { by, .. }) if by == second), "{error:?}");
    save(catalog, again(&network, second)).await?;
    Ok(())
}

pub async fn keys_are_unique_in_the_installation(catalog: &dyn Catalog) -> Result<(), StoreError> {
    save(catalog, new_thing(Kind::Offer, "O", OFFER)).await?;
    let flow = new_thing(Kind::Flow, "F", r#"{"default":[{"offers":[{"offer":1}]}]}"#);
    save(catalog, flow).await?;
    let campaign = |name: &str, key: &str, alias: &str| {
        let body = format!(r#"{{"key":"{key}","aliases":["{alias}"],"flow":1}}"#);
        new_thing(Kind::Campaign, name, &body)
    };
    let first = campaign("A", "a", "old-a");
    let id = save(catalog, first.clone()).await?;
    save(catalog, again(&campaign("A", "a", "a"), id)).await?;
    save(catalog, archived(&first, id)).await?;
    for (key, alias) in [("a", "x"), ("old-a", "x"), ("x", "a"), ("x", "old-a")] {
        let error = save(catalog, campaign("B", key, alias)).await;
        assert!(matches!(error, Err(StoreError::KeyTaken { by, .. }) if by == id), "{error:?}");
    }
    let keyless = save(catalog, campaign("B", "", "x")).await;
    assert!(matches!(keyless, Err(StoreError::Invalid { .. })), "{keyless:?}");
    save(catalog, campaign("B", "A", "old-A")).await?;
    Ok(())
}

pub async fn hosts_are_unique_in_the_installation(catalog: &dyn Catalog) -> Result<(), StoreError> {
    save(catalog, new_thing(Kind::Offer, "O", OFFER)).await?;
    let flow = new_thing(Kind::Flow, "F", r#"{"default":[{"offers":[{"offer":1}]}]}"#);
    save(catalog, flow).await?;
    let workspace = serde_json::to_string(&model::thing::Workspace::default()).unwrap_or_default();
    let second = save(catalog, new_thing(Kind::Workspace, "second", &workspace)).await?;
    let domain = new_thing(Kind::Domain, "D", r#"{"host":"Go.Example."}"#);
    let id = save(catalog, domain.clone()).await?;
    let elsewhere = Change { workspace: second, ..new_thing(Kind::Domain, "E", &domain.body) };
    let error = save(catalog, elsewhere.clone()).await;
    let is_taken = matches!(&error, Err(StoreError::HostTaken { host, by }) if host == "go.example" && *by == id);
    assert!(is_taken, "{error:?}");
    let campaign = new_thing(Kind::Campaign, "C", r#"{"key":"c","flow":1,"domain":1}"#);
    let campaign_id = save(catalog, campaign.clone()).await?;
    let root = format!(r#"{{"host":"go.example","root":{{"campaign":{campaign_id}}}}}"#);
    let rooted = Change { body: root, ..again(&domain, id) };
    save(catalog, rooted.clone()).await?;
    // Each of the two refers to the other: neither goes alone.
    for change in [archived(&rooted, id), archived(&campaign, campaign_id)] {
        let refused = save(catalog, change).await;
        assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
    }
    let both = vec![archived(&rooted, id), archived(&campaign, campaign_id)];
    catalog.save(both, "ann", 0).await?;
    // A host that was given up is free for another workspace, and then taken for whoever comes back.
    let moved = save(catalog, elsewhere).await?;
    let back = save(catalog, again(&domain, id)).await;
    assert!(matches!(back, Err(StoreError::HostTaken { by, .. }) if by == moved), "{back:?}");
    let things = catalog.things().await?;
    let live: Vec<_> = things.domains.iter().filter(|domain| !domain.archived).collect();
    assert_eq!((live.len(), live[0].workspace), (1, second));
    assert_eq!(live[0].body.host.as_str(), "go.example");
    Ok(())
}

pub async fn references_are_checked(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let refused = |result: Result<ThingId, StoreError>, expected: ReferenceProblem| {
        let is_expected = matches!(
            result,
            Err(StoreError::Reference { kind: Kind::Offer, to: Kind::Network, id: 1, problem, .. })
                if problem == expected
        );
        assert!(is_expected, "{result:?}");
    };
    let network = new_thing(Kind::Network, "N", "{}");
    let offer = new_thing(Kind::Offer, "O", &offer_of(1));
    refused(save(catalog, offer.clone()).await, ReferenceProblem::Missing);
    save(catalog, network.clone()).await?;
    let id = save(catalog, offer.clone()).await?;
    save(catalog, archived(&offer, id)).await?;
    save(catalog, archived(&network, 1)).await?;
    // An archived thing may keep pointing anywhere, but comes back only to the living.
    save(catalog, Change { name: "P".to_owned(), ..archived(&offer, id) }).await?;
    refused(save(catalog, again(&offer, id)).await, ReferenceProblem::Archived);
    refused(save(catalog, offer).await, ReferenceProblem::Archived);
    Ok(())
}

pub async fn what_is_used_is_not_archived(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let network = new_thing(Kind::Network, "N", "{}");
    save(catalog, network.clone()).await?;
    let offer = new_thing(Kind::Offer, "O", &offer_of(1));
    let id = save(catalog, offer.clone()).await?;
    let refused = save(catalog, archived(&network, 1)).await;
    let user = User { kind: Kind::Offer, id, name: "O".to_owned() };
    let in_use = matches!(
        &refused,
        Err(StoreError::InUse { kind: Kind::Network, id: 1, by }) if *by == [user]
    );
    assert!(in_use, "{refused:?}");
    let both = vec![archived(&network, 1), archived(&offer, id)];
    catalog.save(both, "ann", 0).await?;
    Ok(())
}

pub async fn nobody_is_led_in_circles(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let in_circles = |result: Result<ThingId, StoreError>| {
        let is_expected = matches!(&result, Err(StoreError::Invalid { .. }));
        assert!(is_expected, "{result:?}");
    };
    let offer = |next: ThingId| format!(r#"{{"url":"https://shop.example/","next":{next}}}"#);
    save(catalog, new_thing(Kind::Offer, "last", OFFER)).await?;
    save(catalog, new_thing(Kind::Offer, "first", &offer(1))).await?;
    in_circles(save(catalog, again(&new_thing(Kind::Offer, "last", &offer(2)), 1)).await);
    let to_offer = r#"{"default":[{"offers":[{"offer":1}]}]}"#;
    let to_campaign = |id: ThingId| format!(r#"{{"default":[{{"campaign":{id}}}]}}"#);
    let campaign = |key: &str, flow: ThingId| {
        new_thing(Kind::Campaign, key, &format!(r#"{{"key":"{key}","flow":{flow}}}"#))
    };
    save(catalog, new_thing(Kind::Flow, "a", to_offer)).await?;
    save(catalog, campaign("a", 1)).await?;
    save(catalog, new_thing(Kind::Flow, "b", &to_campaign(1))).await?;
    save(catalog, campaign("b", 2)).await?;
    in_circles(save(catalog, again(&new_thing(Kind::Flow, "a", &to_campaign(2)), 1)).await);
    in_circles(save(catalog, again(&campaign("a", 2), 1)).await);
    Ok(())
}

pub async fn late_savers_are_told(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let network = new_thing(Kind::Network, "A", "{}");
    let made = catalog.save(vec![network.clone()], "ann", 0).await?[0];
    let on = |revision| Change { expected: Some(revision), ..again(&network, made.id) };
    let newer = catalog.save(vec![on(made.revision)], "ann", 0).await?[0];
    let late = catalog.save(vec![on(made.revision)], "bob", 0).await;
    let told = matches!(
        late,
        Err(StoreError::Conflict { expected, found, .. })
            if (expected, found) == (made.revision, newer.revision)
    );
    assert!(told, "{late:?}");
    let unknown = save(catalog, again(&network, 99)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { id: 99, .. })), "{unknown:?}");
    Ok(())
}

pub async fn workspaces_are_apart(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let body = serde_json::to_string(&model::thing::Workspace::default()).unwrap_or_default();
    let second = save(catalog, new_thing(Kind::Workspace, "second", &body)).await?;
    let network = new_thing(Kind::Network, "N", "{}");
    save(catalog, network.clone()).await?;
    let foreign = Change { workspace: second, ..network.clone() };
    let id = save(catalog, foreign.clone()).await?;
    assert_eq!(id, 2, "numbers are the installation's");
    let across = save(catalog, again(&network, id)).await;
    assert!(matches!(across, Err(StoreError::NotFound { .. })), "{across:?}");
    let offer = Change { workspace: second, ..new_thing(Kind::Offer, "O", &offer_of(1)) };
    let across = save(catalog, offer).await;
    assert!(matches!(across, Err(StoreError::Reference { .. })), "{across:?}");
    let nowhere = save(catalog, Change { workspace: 9, ..network }).await;
    assert!(matches!(nowhere, Err(StoreError::Reference { .. })), "{nowhere:?}");
    assert!(catalog.revisions(1, Kind::Network, id).await?.is_empty());
    assert_eq!(catalog.revisions(second, Kind::Network, id).await?.len(), 1);
    let things = catalog.things().await?;
    assert_eq!(things.workspaces[1].workspace, second);
    Ok(())
}
