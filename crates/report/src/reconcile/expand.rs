//! Down to the rows: the questions whose totals a figure is the sum of, and the calls it counts.

use super::answer::{Balance, Expansion};
use super::asked::{Asked, View, filter_of, is};
use super::book::{Account, Book};
use super::cause::{Cause, Measure, Share, Term, ours};
use model::Field;
use model::field::ValueKind;
use model::query::{Cell, Period, Query};

impl Book<'_> {
    /// Puts the questions for its rows, and the calls, beside each figure.
    pub(super) fn expand(
        &self,
        balance: &mut Balance,
        measure: Measure,
        key: Option<&[Cell]>,
        account: Option<&Account>,
    ) {
        let asked = self.asked;
        for effect in &mut balance.causes {
            let cause = Cause::ALL.iter().find(|cause| cause.as_str() == effect.cause);
            let calls = cause.zip(account).and_then(|(cause, account)| account.calls.get(cause));
            effect.calls = calls.map_or_else(Vec::new, |calls| {
                calls.numbers.iter().map(ToString::to_string).collect()
            });
            if let Some(cause) = cause.filter(|_| asked.expand) {
                effect.rows = expansions(asked, measure, *cause, key);
            }
        }
        if asked.expand {
            balance.rows = of_ours(asked, measure, &asked.ours, key, 1);
        }
    }
}

/// Questions whose totals, each so many times, add up to the figure of a cause.
fn expansions(
    asked: &Asked,
    measure: Measure,
    cause: Cause,
    key: Option<&[Cell]>,
) -> Vec<Expansion> {
    match cause {
        Cause::ConversionDay => {
            let mut rows = of_ours(asked, measure, &asked.between(), key, 1);
            rows.extend(of_ours(asked, measure, &asked.ours, key, -1));
            rows
        }
        Cause::TimeZone => {
            let mut rows = of_ours(asked, measure, &asked.theirs, key, 1);
            rows.extend(of_ours(asked, measure, &asked.between(), key, -1));
            rows
        }
        Cause::Currency | Cause::WithoutRate => of_ours(asked, measure, &asked.theirs, key, 0),
        _ => {
            let shares = asked.shares().filter(|(_, s)| s.measure == measure && s.cause == cause);
            let question = |share: &Share| Expansion {
                times: asked.sign(share) as i64,
                query: query(asked, &asked.theirs, share.term, key),
            };
            shares.map(|(_, share)| question(share)).collect()
        }
    }
}

fn of_ours(
    asked: &Asked,
    measure: Measure,
    view: &View,
    key: Option<&[Cell]>,
    times: i64,
) -> Vec<Expansion> {
    let terms = ours(measure, asked.party.side()).iter();
    terms.map(|term| Expansion { times, query: query(asked, view, *term, key) }).collect()
}

/// The question for the clicks and conversions of a term, on a line's day or on all.
fn query(asked: &Asked, view: &View, term: Term, key: Option<&[Cell]>) -> Query {
    let days = match key {
        Some(key) if asked.is_daily() => (asked.day_of(key), asked.day_of(key) + 1),
        _ => asked.days,
    };
    let moment = |day| view.clock.print(view.clock.start_of(day));
    let mut filter = asked.conditions();
    let cells = asked.by.iter().zip(key.unwrap_or_default());
    for (field, cell) in cells.filter(|(field, _)| **field != Field::Day) {
        let may_be_null = field.row().kind != ValueKind::Bool;
        if may_be_null || *cell != Cell::Null {
            filter.push(is(*field, cell.clone()));
        }
    }
    filter.extend(term.only.iter().copied().map(filter_of));
    Query {
        by: vec![Field::ClickId, Field::Txid],
        metrics: term.metric.parse().into_iter().collect(),
        period: Period::Range { from: moment(days.0), to: moment(days.1) },
        tz: Some(view.clock.report_tz()),
        time: view.time,
        filter,
        sort: Vec::new(),
        limit: None,
        offset: 0,
    }
}
