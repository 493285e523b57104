//! From a store's sums to a report: totals over everything, one page in order, keys as they print.

use crate::order;
use crate::plan::Planned;
use crate::report::{Bounds, Figure, KeyCell, Report, ReportRow, kind_of};
use crate::time_key;
use model::query::{Answer, AnswerRow, Cell};
use model::thing::{Kind, ThingId};
use model::{ClickId, ClickKey, Field};

/// What a report calls the things in it.
pub trait Names {
    /// The name of a thing, archived ones included; `None` when there is no such thing.
    fn thing(&self, kind: Kind, id: ThingId) -> Option<&str>;

    /// A click id as it was given out.
    fn click_id(&self, id: ClickId) -> String;
}

/// The report that `answer`, what a store answered to `planned.plan`, amounts to.
///
/// `row_count` is the number of groups, `rows` the page asked for, `totals` the figures over all
/// groups. Ratios come from the summed counters of what they stand for. Without fields to group by
/// there is exactly one row, which equals the totals.
pub fn finish(planned: &Planned, answer: Answer, names: &dyn Names) -> Report {
    let totals = totals(planned, &answer);
    let grouped = !planned.fields.is_empty();
    let row_count = if grouped { answer.rows.len() } else { 1 };
    let end = planned.limit.map_or(row_count, |limit| planned.offset.saturating_add(limit));
    let rows = if grouped {
        order::page(&answer.rows, &planned.criteria, names, planned.offset, end)
            .into_iter()
            .map(|row| report_row(planned, row, names))
            .collect()
    } else {
        let whole = ReportRow { key: Vec::new(), figures: totals.clone() };
        Some(whole).filter(|_| planned.offset == 0 && end > 0).into_iter().collect()
    };
    Report {
        rows,
        totals,
        row_count,
        fields: planned.fields.clone(),
        metrics: planned.metrics.clone(),
        currency: planned.currency,
        period: Bounds {
            from: planned.zone.print(planned.plan.from_ms),
            to: planned.zone.print(planned.plan.to_ms),
        },
        tz: planned.zone.name().to_owned(),
    }
}

fn totals(planned: &Planned, answer: &Answer) -> Vec<Figure> {
    let mut sums = vec![0i128; planned.plan.counters.len()];
    for row in &answer.rows {
        for (total, sum) in sums.iter_mut().zip(&row.sums) {
            *total += sum;
        }
    }
    let figure =
        |recipe: &crate::figure::Recipe| recipe.figure(|at| sums[at], answer.median_seconds);
    planned.recipes.iter().map(figure).collect()
}

fn report_row(planned: &Planned, row: &AnswerRow, names: &dyn Names) -> ReportRow {
    let key = planned.fields.iter().zip(&row.key).map(|(field, cell)| match field {
        Field::ClickId => KeyCell { value: click_id(planned, row, cell, names), name: None },
        _ => key_cell(planned, *field, cell, names),
    });
    let figures =
        planned.recipes.iter().map(|recipe| recipe.figure(|at| row.sums[at], row.median_seconds));
    ReportRow { key: key.collect(), figures: figures.collect() }
}

/// The value of a field as it prints, with the name of the thing it is the number of.
pub(crate) fn key_cell(planned: &Planned, field: Field, cell: &Cell, names: &dyn Names) -> KeyCell {
    let name = kind_of(field).and_then(|_| order::name_of(field, cell, names));
    KeyCell {
        value: time_key::print(field, cell, &planned.plan.zone),
        name: name.map(ToOwned::to_owned),
    }
}

/// The printed id of a click's key; its other parts stand further on in the row's key.
fn click_id(planned: &Planned, row: &AnswerRow, cell: &Cell, names: &dyn Names) -> Cell {
    let Cell::Int(key) = *cell else { return cell.clone() };
    let part = |field: Field| {
        let at = planned.plan.by.iter().position(|known| *known == field);
        at.and_then(|at| row.key.get(at))
    };
    let truth = |field: Field| part(field) == Some(&Cell::Bool(true));
    let campaign = match part(Field::Campaign) {
        Some(Cell::Int(id)) => u32::try_from(*id).unwrap_or_default(),
        _ => 0,
    };
    Cell::Text(names.click_id(ClickId {
        key: ClickKey(key),
        campaign,
        unlogged: truth(Field::Unlogged),
        test: truth(Field::Test),
    }))
}
