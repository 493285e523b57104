//! Lists: which things, in which order, and where the next page begins.

use super::kind::{Links, Resource};
use super::notes::{Notes, Uses};
use super::problem::{ApiError, Code};
use crate::app::App;
use model::params;
use model::table::Things;
use model::thing::{Thing, ThingId};
use serde::{Deserialize, Serialize};
use store::fold;

/// Things on a page when the request does not say how many.
pub const LIMIT_DEFAULT: usize = 100;

/// The most things on a page.
pub const LIMIT_MAX: usize = 1000;

/// What a list is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    /// The most things on the page.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// Only things whose name contains this.
    pub q: Option<String>,
    /// The order.
    #[serde(default)]
    pub sort: Order,
    /// Whether archived things are listed.
    #[serde(default)]
    pub archived: Archived,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// By number.
    #[default]
    Id,
    /// By number, newest first.
    #[serde(rename = "-id")]
    IdDown,
    /// By name.
    Name,
    /// By name, backwards.
    #[serde(rename = "-name")]
    NameDown,
    /// By the save that made them what they are.
    Revision,
    /// By the save that made them what they are, newest first.
    #[serde(rename = "-revision")]
    RevisionDown,
}

/// Whether archived things are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Archived {
    /// Only those in use.
    #[default]
    False,
    /// Only archived ones.
    True,
    /// Both.
    All,
}

/// A thing with the URLs made from it and the notes on it.
#[derive(Clone, Debug, Serialize)]
pub struct ThingView<'a, B> {
    /// The thing.
    #[serde(flatten)]
    pub thing: &'a Thing<B>,
    /// Its URLs.
    #[serde(flatten)]
    pub links: Links,
    /// What is worth knowing.
    #[serde(flatten)]
    pub notes: Notes,
}

impl<'a, B: Resource> ThingView<'a, B> {
    /// A thing as it is shown.
    pub fn of(thing: &'a Thing<B>, app: &App, things: &Things, uses: &Uses) -> Self {
        let links = thing.body.links(app.site(things));
        Self { thing, links, notes: Notes::of(thing, app, things, uses) }
    }
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// `cursor` of the page behind it; null on the last one.
    pub next: Option<String>,
}

/// The page of `things` that is asked for.
///
/// # Errors
/// When the limit or the cursor does not fit.
pub fn page<'a, B: Resource>(
    things: &'a [Thing<B>],
    workspace: ThingId,
    params: &ListParams,
) -> Result<Page<&'a Thing<B>>, ApiError> {
    let limit = limit(params.limit)?;
    let wanted = params.q.as_deref().map(fold);
    let kept = things.iter().filter(|thing| {
        thing.workspace == workspace
            && match params.archived {
                Archived::False => !thing.archived,
                Archived::True => thing.archived,
                Archived::All => true,
            }
            && wanted.as_ref().is_none_or(|wanted| fold(&thing.name).contains(wanted))
    });
    let mut ranked: Vec<_> = kept.map(|thing| (rank(thing, params.sort), thing)).collect();
    let is_down = matches!(params.sort, Order::IdDown | Order::NameDown | Order::RevisionDown);
    ranked.sort_by(|(a, _), (b, _)| if is_down { b.cmp(a) } else { a.cmp(b) });
    let start = match &params.cursor {
        None => 0,
        Some(cursor) => {
            let last = read_cursor(cursor)?;
            ranked.partition_point(|(rank, _)| if is_down { *rank >= last } else { *rank <= last })
        }
    };
    let end = start.saturating_add(limit).min(ranked.len());
    let next = (end < ranked.len() && end > start).then(|| cursor(&ranked[end - 1].0));
    let items = ranked.drain(start.min(end)..end).map(|(_, thing)| thing).collect();
    Ok(Page { items, next })
}

/// The limit asked for, or the usual one.
///
/// # Errors
/// When it is out of range.
pub fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    let limit = asked.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(limit);
    }
    Err(ApiError::new(Code::InvalidParameter, format!("`limit` is {limit}"))
        .field("limit")
        .remedy(format!("ask for 1 to {LIMIT_MAX} at a time, and for the next page with `cursor`")))
}

/// What is wrong with a cursor that was not given out.
pub fn no_cursor() -> ApiError {
    ApiError::new(Code::InvalidParameter, "`cursor` is none that was given out")
        .field("cursor")
        .remedy("pass the `next` of an earlier page unchanged, or leave it out")
}

/// By what a thing is ordered: its text, then its number.
type Rank = (String, u64, ThingId);

fn rank<B>(thing: &Thing<B>, sort: Order) -> Rank {
    match sort {
        Order::Id | Order::IdDown => (String::new(), 0, thing.id),
        Order::Name | Order::NameDown => (fold(&thing.name), 0, thing.id),
        Order::Revision | Order::RevisionDown => (String::new(), thing.revision, thing.id),
    }
}

fn cursor((text, number, id): &Rank) -> String {
    format!("{id}.{number}.{}", params::encode(text))
}

fn read_cursor(cursor: &str) -> Result<Rank, ApiError> {
    let mut parts = cursor.splitn(3, '.');
    let mut part = || parts.next().ok_or_else(no_cursor);
    let id = part()?.parse().map_err(|_| no_cursor())?;
    let number = part()?.parse().map_err(|_| no_cursor())?;
    Ok((params::decode(part()?).into_owned(), number, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::thing::Source;

    fn things(names: &[&str]) -> Vec<Thing<Source>> {
        let thing = |(id, name): (u32, &&str)| Thing {
            id,
            workspace: 1,
            name: (*name).to_owned(),
            revision: u64::from(100 - id),
            archived: name.starts_with("old"),
            body: Source::default(),
        };
        (1..).zip(names).map(thing).collect()
    }

    fn ids(things: &[Thing<Source>], query: &str) -> Vec<u32> {
        let uri = format!("/?{query}").parse().unwrap();
        let axum::extract::Query(mut params) =
            axum::extract::Query::<ListParams>::try_from_uri(&uri).unwrap();
        let mut ids = Vec::new();
        loop {
            let page = page(things, 1, &params).unwrap();
            ids.extend(page.items.iter().map(|thing| thing.id));
            match page.next {
                None => return ids,
                next => params.cursor = next,
            }
        }
    }

    #[test]
    fn pages_join_to_the_whole_list_in_its_order() {
        let things = things(&["b", "A", "old a", "c é", "a", "B"]);
        for limit in ["limit=1", "limit=2", "limit=100"] {
            for (query, expected) in [
                ("", vec![1, 2, 4, 5, 6]),
                ("sort=-id", vec![6, 5, 4, 2, 1]),
                ("sort=name", vec![2, 5, 1, 6, 4]),
                ("sort=-name", vec![4, 6, 1, 5, 2]),
                ("sort=revision", vec![6, 5, 4, 2, 1]),
                ("archived=true", vec![3]),
                ("archived=all&q=A", vec![2, 3, 5]),
                ("q=zzz", vec![]),
            ] {
                assert_eq!(ids(&things, &format!("{limit}&{query}")), expected, "{limit} {query}");
            }
        }
    }

    #[test]
    fn limits_and_cursors_that_do_not_fit_are_refused() {
        let things = things(&["a"]);
        let refused = |params: ListParams| page(&things, 1, &params).is_err();
        for limit in [0, LIMIT_MAX + 1] {
            assert!(refused(ListParams { limit: Some(limit), ..ListParams::default() }));
        }
        for cursor in ["", "x", "1", "1.2", "a.b.c"] {
            assert!(refused(ListParams { cursor: Some(cursor.into()), ..ListParams::default() }));
        }
    }
}
