//! What every catalog does.

use super::sample::{again, new_thing};
use super::{catalog_rates, catalog_rules};
use crate::catalog::{Catalog, Change, Claim, IDEMPOTENCY_MS, KeptAnswer};
use crate::error::StoreError;
use model::thing::{DEFAULT_WORKSPACE, Kind};
use std::sync::Arc;

/// Runs the whole suite; `make` gives a fresh, empty catalog each time.
pub async fn catalog<F>(make: F) -> Result<(), StoreError>
where
    F: AsyncFn() -> Result<Arc<dyn Catalog>, StoreError>,
{
    the_default_workspace_exists(make().await?.as_ref()).await?;
    every_save_is_a_revision(make().await?.as_ref()).await?;
    a_save_is_all_or_nothing(make().await?.as_ref()).await?;
    several_things_are_made_at_once(make().await?.as_ref()).await?;
    catalog_rules::names_are_unique_among_the_living(make().await?.as_ref()).await?;
    catalog_rules::keys_are_unique_in_the_installation(make().await?.as_ref()).await?;
    catalog_rules::hosts_are_unique_in_the_installation(make().await?.as_ref()).await?;
    catalog_rules::references_are_checked(make().await?.as_ref()).await?;
    catalog_rules::what_is_used_is_not_archived(make().await?.as_ref()).await?;
    catalog_rules::nobody_is_led_in_circles(make().await?.as_ref()).await?;
    catalog_rules::late_savers_are_told(make().await?.as_ref()).await?;
    catalog_rules::workspaces_are_apart(make().await?.as_ref()).await?;
    catalog_rates::the_rate_written_last_stands(make().await?.as_ref()).await?;
    catalog_rates::rates_are_listed_by_page_and_filter(make().await?.as_ref()).await?;
    catalog_rates::rates_belong_to_a_workspace(make().await?.as_ref()).await?;
    tokens_are_found_until_revoked(make().await?.as_ref()).await?;
    a_request_is_answered_once(make().await?.as_ref()).await?;
    a_closed_catalog_says_so(make().await?.as_ref()).await
}

async fn the_default_workspace_exists(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let things = catalog.things().await?;
    assert_eq!(things.workspaces.len(), 1);
    let workspace = &things.workspaces[0];
    assert_eq!((workspace.id, workspace.workspace), (DEFAULT_WORKSPACE, DEFAULT_WORKSPACE));
    assert_eq!(workspace.body, model::thing::Workspace::default());
    assert_eq!(things.revision, workspace.revision);
    Ok(())
}

async fn every_save_is_a_revision(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let offer = new_thing(Kind::Offer, "Shoes", r#"{"url":"https://shop.example/"}"#);
    let made = catalog.save(vec![offer.clone()], "ann", 1000).await?;
    assert_eq!((made[0].kind, made[0].id), (Kind::Offer, 1));
    let renamed = Change { name: "Boots".to_owned(), ..again(&offer, 1) };
    let saved = catalog.save(vec![renamed], "bob", 2000).await?;
    assert!(saved[0].revision > made[0].revision);
    let now = catalog.things().await?;
    assert_eq!((now.revision, now.offers[0].revision), (saved[0].revision, saved[0].revision));
    assert_eq!((now.offers[0].name.as_str(), now.offers.len()), ("Boots", 1));
    let before = catalog.things_at(made[0].revision).await?;
    assert_eq!((before.revision, before.offers[0].name.as_str()), (made[0].revision, "Shoes"));
    assert!(catalog.things_at(made[0].revision - 1).await?.offers.is_empty());
    let log = catalog.revisions(DEFAULT_WORKSPACE, Kind::Offer, 1).await?;
    let who: Vec<_> = log.iter().map(|row| (row.author.as_str(), row.at_ms)).collect();
    assert_eq!(who, [("bob", 2000), ("ann", 1000)]);
    assert_eq!((log[1].name.as_str(), &log[1].body), ("Shoes", &offer.body));
    catalog.save(vec![again(&offer, 1)], "ann", 3000).await?;
    let names =
        [(Kind::Offer, 1, "Boots"), (Kind::Offer, 1, "Shoes"), (Kind::Workspace, 1, "main")];
    let names = names.map(|(kind, id, name)| (kind, id, name.to_owned()));
    assert_eq!(catalog.names(DEFAULT_WORKSPACE).await?, names);
    assert_eq!(catalog.names(2).await?, []);
    let log = catalog.log(DEFAULT_WORKSPACE, None, 3).await?;
    let told: Vec<_> = log
        .iter()
        .map(|entry| (entry.row.author.as_str(), entry.before.as_ref().map(|b| b.name.as_str())))
        .collect();
    assert_eq!(told, [("ann", Some("Boots")), ("bob", Some("Shoes")), ("ann", None)]);
    let older = catalog.log(DEFAULT_WORKSPACE, Some(log[2].row.revision), 3).await?;
    assert_eq!(older.iter().map(|entry| entry.kind).collect::<Vec<_>>(), [Kind::Workspace]);
    assert_eq!(catalog.log(2, None, 3).await?, []);
    Ok(())
}

async fn a_save_is_all_or_nothing(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let good = new_thing(Kind::Network, "A", "{}");
    let bad = new_thing(Kind::Offer, "B", r#"{"url":"nowhere"}"#);
    let before = catalog.things().await?.revision;
    let error = catalog.save(vec![good.clone(), bad], "ann", 0).await;
    assert!(matches!(error, Err(StoreError::Invalid { kind: Kind::Offer, .. })), "{error:?}");
    let unknown = new_thing(Kind::Network, "A", r#"{"colour":"red"}"#);
    let error = catalog.save(vec![good.clone(), unknown], "ann", 0).await;
    assert!(matches!(error, Err(StoreError::Body { kind: Kind::Network, .. })), "{error:?}");
    let nameless = new_thing(Kind::Network, " ", "{}");
    assert!(catalog.save(vec![nameless], "ann", 0).await.is_err());
    let things = catalog.things().await?;
    assert_eq!((things.revision, things.networks.len()), (before, 0));
    assert_eq!(catalog.save(vec![good], "ann", 0).await?[0].id, 1);
    Ok(())
}

async fn several_things_are_made_at_once(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let numbered = |change: Change| Change { id: Some(5), expected: Some(0), ..change };
    let changes = vec![
        numbered(new_thing(Kind::Campaign, "C", r#"{"key":"c","flow":5}"#)),
        numbered(new_thing(Kind::Flow, "F", r#"{"default":[{"offers":[{"offer":5}]}]}"#)),
        numbered(new_thing(Kind::Offer, "O", r#"{"url":"https://shop.example/"}"#)),
    ];
    let saved = catalog.save(changes.clone(), "ann", 0).await?;
    assert!(saved.is_sorted_by_key(|saved| saved.revision));
    assert_eq!(saved.iter().map(|saved| saved.id).collect::<Vec<_>>(), [5, 5, 5]);
    let error = catalog.save(changes, "ann", 0).await;
    assert!(matches!(error, Err(StoreError::Conflict { id: 5, expected: 0, .. })), "{error:?}");
    let next = new_thing(Kind::Offer, "P", r#"{"url":"https://shop.example/"}"#);
    assert_eq!(catalog.save(vec![next], "ann", 0).await?[0].id, 6);
    Ok(())
}

async fn tokens_are_found_until_revoked(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let first = catalog.create_token(1, "ci", [1; 32], 1000).await?;
    let second = catalog.create_token(1, "ci", [2; 32], 2000).await?;
    assert_ne!(first.id, second.id);
    assert_eq!(catalog.token([1; 32]).await?, Some(first.clone()));
    assert_eq!(catalog.token([3; 32]).await?, None);
    assert!(!catalog.revoke_token(2, first.id, 3000).await?);
    assert!(catalog.revoke_token(1, first.id, 3000).await?);
    assert!(!catalog.revoke_token(1, first.id, 4000).await?);
    assert_eq!(catalog.token([1; 32]).await?, None);
    let tokens = catalog.tokens(1).await?;
    assert_eq!(tokens.iter().map(|t| t.revoked_ms).collect::<Vec<_>>(), [Some(3000), None]);
    assert!(catalog.tokens(2).await?.is_empty());
    Ok(())
}

async fn a_request_is_answered_once(catalog: &dyn Catalog) -> Result<(), StoreError> {
    let claim = async |workspace, request, at_ms| {
        catalog.claim(workspace, "key-1", [request; 32], at_ms).await
    };
    assert_eq!(claim(1, 1, 0).await?, Claim::New);
    assert_eq!(claim(1, 1, 1).await?, Claim::Running);
    assert_eq!(claim(1, 2, 1).await?, Claim::OtherRequest);
    assert_eq!(claim(2, 2, 1).await?, Claim::New);
    let answer = KeptAnswer { status: 201, body: b"{\xff}".to_vec() };
    catalog.settle(1, "key-1", Some(answer.clone())).await?;
    assert_eq!(claim(1, 1, 2).await?, Claim::Answered(answer));
    catalog.settle(2, "key-1", None).await?;
    assert_eq!(claim(2, 3, 3).await?, Claim::New);
    assert_eq!(claim(1, 9, IDEMPOTENCY_MS).await?, Claim::New);
    Ok(())
}

async fn a_closed_catalog_says_so(catalog: &dyn Catalog) -> Result<(), StoreError> {
    catalog.close().await?;
    assert!(matches!(catalog.things().await, Err(StoreError::Closed)));
    Ok(())
}
