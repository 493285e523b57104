//! The order of rows: criteria of the query, then the keys, so that every order is total.
//!
//! Without criteria, time fields ascend and the first metric descends behind them. What has no value
//! comes last in either direction. Things sort by their names.

use crate::error::QueryError;
use crate::figure::Recipe;
use crate::finish::Names;
use crate::report::{Figure, kind_of};
use model::Field;
use model::field::Group;
use model::metric::{Counter, Metric};
use model::query::{AnswerRow, Cell, Direction, Query, Sort};
use std::cmp::Ordering;

/// One criterion.
#[derive(Clone, Debug)]
pub(crate) struct Criterion {
    target: Target,
    dir: Direction,
}

#[derive(Clone, Debug)]
enum Target {
    Metric(Recipe),
    /// The field and its place in a row's key.
    Field(Field, usize),
}

impl Criterion {
    /// Whether it needs the store's median.
    pub(crate) fn is_median(&self) -> bool {
        matches!(&self.target, Target::Metric(recipe) if recipe.is_median())
    }
}

/// The criteria of a query; counters that a metric needs are added to `counters`.
pub(crate) fn criteria(
    query: &Query,
    metrics: &[Metric],
    counters: &mut Vec<Counter>,
) -> Result<Vec<Criterion>, QueryError> {
    if query.sort.is_empty() {
        return Ok(by_default(query, metrics, counters));
    }
    let checked = |(index, sort)| criterion(index, sort, &query.by, counters);
    query.sort.iter().enumerate().map(checked).collect()
}

fn by_default(query: &Query, metrics: &[Metric], counters: &mut Vec<Counter>) -> Vec<Criterion> {
    let times = query.by.iter().enumerate().filter(|(_, field)| field.row().group == Group::Time);
    let mut criteria: Vec<_> = times
        .map(|(at, field)| Criterion { target: Target::Field(*field, at), dir: Direction::Asc })
        .collect();
    criteria.extend(metrics.first().map(|metric| Criterion {
        target: Target::Metric(Recipe::of(metric, counters)),
        dir: Direction::Desc,
    }));
    criteria
}

fn criterion(
    index: usize,
    sort: &Sort,
    by: &[Field],
    counters: &mut Vec<Counter>,
) -> Result<Criterion, QueryError> {
    let target = match (&sort.metric, sort.field) {
        (Some(metric), None) => Target::Metric(Recipe::of(metric, counters)),
        (None, Some(field)) => {
            let at = by.iter().position(|known| *known == field).ok_or_else(|| {
                QueryError::SortField { position: format!("sort[{index}].field"), field }
            })?;
            Target::Field(field, at)
        }
        _ => return Err(QueryError::SortTarget { position: format!("sort[{index}]") }),
    };
    Ok(Criterion { target, dir: sort.dir })
}

/// What a row is compared by under one criterion.
enum Rank<'a> {
    Figure(Figure),
    Cell(&'a Cell),
    /// A thing's name; its number decides between those of one name.
    Named(Option<&'a str>, &'a Cell),
}

/// A row and what it is compared by.
struct Ranked<'a> {
    ranks: Vec<Rank<'a>>,
    row: &'a AnswerRow,
}

/// The rows from `start` to `end` (exclusive) of the order that `criteria` give.
pub(crate) fn page<'a>(
    rows: &'a [AnswerRow],
    criteria: &[Criterion],
    names: &'a dyn Names,
    start: usize,
    end: usize,
) -> Vec<&'a AnswerRow> {
    let ranks = |row| criteria.iter().map(|criterion| rank(criterion, row, names)).collect();
    let mut ranked: Vec<_> = rows.iter().map(|row| Ranked { ranks: ranks(row), row }).collect();
    let end = end.min(ranked.len());
    // A page near the top of many groups does not need all of them in order.
    if end > 0 && end < ranked.len() {
        ranked.select_nth_unstable_by(end - 1, |a, b| compare(a, b, criteria));
        ranked.truncate(end);
    }
    ranked.sort_unstable_by(|a, b| compare(a, b, criteria));
    ranked.into_iter().take(end).skip(start).map(|ranked| ranked.row).collect()
}

/// By the criteria, then by the keys, which no two rows share.
fn compare(a: &Ranked<'_>, b: &Ranked<'_>, criteria: &[Criterion]) -> Ordering {
    let ranks = criteria.iter().zip(a.ranks.iter().zip(&b.ranks));
    let by_rank = ranks.map(|(criterion, (a, b))| compare_ranks(a, b, criterion.dir));
    let by_key = a.row.key.iter().zip(&b.row.key).map(|(a, b)| a.order(b));
    by_rank.chain(by_key).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn rank<'a>(criterion: &Criterion, row: &'a AnswerRow, names: &'a dyn Names) -> Rank<'a> {
    match &criterion.target {
        Target::Metric(recipe) => {
            Rank::Figure(recipe.figure(|at| row.sums[at], row.median_seconds))
        }
        Target::Field(field, at) => {
            let cell = &row.key[*at];
            kind_of(*field)
                .map_or(Rank::Cell(cell), |_| Rank::Named(name_of(*field, cell, names), cell))
        }
    }
}

/// The name of a thing in a row's key.
pub(crate) fn name_of<'a>(field: Field, cell: &Cell, names: &'a dyn Names) -> Option<&'a str> {
    match cell {
        Cell::Int(id) => names.thing(kind_of(field)?, u32::try_from(*id).ok()?),
        _ => None,
    }
}

fn compare_ranks(a: &Rank<'_>, b: &Rank<'_>, dir: Direction) -> Ordering {
    let directed = |order: Ordering| if dir == Direction::Desc { order.reverse() } else { order };
    let nulls_last = |a_is_null: bool, b_is_null: bool, order: Ordering| {
        a_is_null.cmp(&b_is_null).then_with(|| directed(order))
    };
    match (a, b) {
        (Rank::Figure(a), Rank::Figure(b)) => nulls_last(a.is_none(), b.is_none(), a.cmp(b)),
        (Rank::Cell(a), Rank::Cell(b)) => {
            nulls_last(**a == Cell::Null, **b == Cell::Null, a.order(b))
        }
        (Rank::Named(a, cell_a), Rank::Named(b, cell_b)) => {
            nulls_last(a.is_none(), b.is_none(), a.cmp(b)).then_with(|| {
                nulls_last(**cell_a == Cell::Null, **cell_b == Cell::Null, cell_a.order(cell_b))
            })
        }
        // One criterion gives one kind of rank.
        _ => Ordering::Equal,
    }
}
