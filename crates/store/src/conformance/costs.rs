//! What every log of cost entries does.

use crate::costs::{
    Author, CostAdded, CostQuery, CostRow, Costs, NewCost, NewRecompute, Progress, What,
};
use crate::error::StoreError;
use model::Field;
use model::money::{Currency, Money};
use model::spend::{Slice, SpendKey};
use model::thing::ThingId;
use std::sync::Arc;

/// Runs the whole suite; `make` gives a fresh, empty log each time.
pub async fn costs<F>(make: F) -> Result<(), StoreError>
where
    F: AsyncFn() -> Result<Arc<dyn Costs>, StoreError>,
{
    the_newest_entry_for_the_same_traffic_stands(make().await?.as_ref()).await?;
    an_undone_entry_gives_way_to_the_one_before(make().await?.as_ref()).await?;
    entries_are_found_by_campaign_and_period(make().await?.as_ref()).await?;
    a_change_asks_for_one_recompute_of_each_campaign(make().await?.as_ref()).await?;
    recomputes_are_unfinished_until_they_are_done(make().await?.as_ref()).await
}

fn by(author: &str, at_ms: i64) -> Author {
    Author { author: author.to_owned(), at_ms, batch: Some("b1".to_owned()) }
}

fn new(campaign: ThingId, creative: Option<&str>, period: (i64, i64), micro: i64) -> NewCost {
    let slice = creative.map(|text| (Field::CreativeId, text.to_owned())).into_iter();
    let slice = Slice(slice.chain([(Field::Sub1, "it's".to_owned())]).collect());
    let key = SpendKey { campaign, slice, from_ms: period.0, to_ms: period.1 };
    NewCost { key, amount: Money(micro), currency: Currency::USD }
}

async fn ids(log: &dyn Costs, query: CostQuery) -> Result<Vec<i64>, StoreError> {
    Ok(log.costs(1, &query).await?.iter().map(|row| row.id).collect())
}

fn standing() -> CostQuery {
    CostQuery { standing_only: true, ..CostQuery::default() }
}

async fn the_newest_entry_for_the_same_traffic_stands(log: &dyn Costs) -> Result<(), StoreError> {
    let (first, other) = (new(3, None, (0, 10), 5), new(3, Some("a"), (0, 10), 7));
    let added = log.add_costs(1, vec![first.clone(), other.clone()], &by("ann", 1)).await?;
    let fresh = |id, replaced| CostAdded { id, is_unchanged: false, replaced };
    assert_eq!(added, [fresh(1, None), fresh(2, None)]);
    let again = log.add_costs(1, vec![other, first.clone()], &by("bob", 2)).await?;
    let same = |id| CostAdded { id, is_unchanged: true, replaced: None };
    assert_eq!(again, [same(2), same(1)]);
    let more = NewCost { amount: Money(6), ..first.clone() };
    assert_eq!(log.add_costs(1, vec![more.clone()], &by("bob", 3)).await?, [fresh(3, Some(1))]);
    assert_eq!(ids(log, standing()).await?, [3, 2]);
    let all = log.costs(1, &CostQuery::default()).await?;
    let row = CostRow { id: 3, cost: more, by: by("bob", 3), undone: None, is_standing: true };
    assert_eq!(all[0], row);
    assert_eq!(all.iter().map(|row| row.is_standing).collect::<Vec<_>>(), [true, true, false]);
    // Nobody else's entries are touched, and one list may say two things about the same.
    let twice = vec![first.clone(), NewCost { amount: Money(9), ..first }];
    assert_eq!(log.add_costs(2, twice, &by("eve", 4)).await?, [fresh(4, None), fresh(5, Some(4))]);
    assert_eq!(ids(log, standing()).await?, [3, 2]);
    Ok(())
}

async fn an_undone_entry_gives_way_to_the_one_before(log: &dyn Costs) -> Result<(), StoreError> {
    for micro in [5, 6] {
        log.add_costs(1, vec![new(3, None, (0, 10), micro)], &by("ann", micro)).await?;
    }
    assert!(!log.undo_cost(2, 2, &by("eve", 7)).await?);
    assert!(log.undo_cost(1, 2, &by("bob", 8)).await?);
    assert!(!log.undo_cost(1, 2, &by("bob", 9)).await?);
    assert!(!log.undo_cost(1, 77, &by("bob", 9)).await?);
    let all = log.costs(1, &CostQuery::default()).await?;
    assert_eq!(all[0].undone, Some(("bob".to_owned(), 8)));
    assert_eq!(all.iter().map(|row| row.is_standing).collect::<Vec<_>>(), [false, true]);
    log.undo_cost(1, 1, &by("bob", 9)).await?;
    assert!(ids(log, standing()).await?.is_empty());
    log.add_costs(1, vec![new(3, None, (0, 10), 6)], &by("ann", 10)).await?;
    assert_eq!(ids(log, standing()).await?, [3]);
    Ok(())
}

async fn entries_are_found_by_campaign_and_period(log: &dyn Costs) -> Result<(), StoreError> {
    let entries = [new(3, None, (0, 10), 1), new(3, None, (10, 20), 1), new(4, None, (5, 15), 1)];
    log.add_costs(1, entries.to_vec(), &by("ann", 1)).await?;
    let all = CostQuery::default;
    for (query, expected) in [
        (all(), &[3, 2, 1][..]),
        (CostQuery { campaign: Some(3), ..all() }, &[2, 1]),
        (CostQuery { period: Some((9, 10)), ..all() }, &[3, 1]),
        (CostQuery { period: Some((15, 99)), ..all() }, &[2]),
        (CostQuery { before: Some(3), limit: Some(1), ..all() }, &[2]),
        (CostQuery { id: Some(3), ..all() }, &[3]),
    ] {
        assert_eq!(ids(log, query.clone()).await?, expected, "{query:?}");
    }
    Ok(())
}

async fn a_change_asks_for_one_recompute_of_each_campaign(
    log: &dyn Costs,
) -> Result<(), StoreError> {
    let entries = [new(3, None, (0, 10), 1), new(3, None, (10, 20), 1), new(4, None, (5, 15), 1)];
    log.add_costs(1, entries.to_vec(), &by("ann", 1)).await?;
    let asked = async || {
        let unfinished = log.unfinished().await?.into_iter();
        let wanted = unfinished.map(|r| (r.wanted.campaign, r.wanted.from_ms, r.wanted.to_ms));
        Ok::<_, StoreError>(wanted.collect::<Vec<_>>())
    };
    assert_eq!(asked().await?, [(Some(3), 0, 20), (Some(4), 5, 15)]);
    // What changes nothing asks for nothing.
    log.add_costs(1, entries.to_vec(), &by("ann", 2)).await?;
    assert_eq!(asked().await?.len(), 2);
    log.undo_cost(1, 2, &by("ann", 3)).await?;
    assert_eq!(asked().await?[2..], [(Some(3), 10, 20)]);
    Ok(())
}

async fn recomputes_are_unfinished_until_they_are_done(log: &dyn Costs) -> Result<(), StoreError> {
    let what = What::Costs;
    let wanted = NewRecompute { workspace: 1, what, campaign: None, from_ms: 5, to_ms: 9 };
    let made = log.add_recompute(wanted.clone(), &by("ann", 1)).await?;
    assert_eq!((made.id, &made.wanted), (1, &wanted));
    assert_eq!(log.unfinished().await?, std::slice::from_ref(&made));
    let half = Progress { rows: (5, 10), error: Some("disk".to_owned()), ..Progress::default() };
    log.note(1, &half).await?;
    assert_eq!(log.recompute(1, 1).await?.map(|r| r.progress), Some(half));
    assert_eq!(log.recompute(2, 1).await?, None);
    let done = Progress { is_done: true, rows: (10, 10), changed: 3, error: None };
    log.note(1, &done).await?;
    assert!(log.unfinished().await?.is_empty());
    assert_eq!(log.recompute(1, 1).await?.map(|r| r.progress), Some(done));
    Ok(())
}
