//! Step *lander_clicks*: a click from a lander to an offer gets the fields of its landing.

use crate::draft::{Arrival, Draft};
use crate::run::Context;
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::field::FIELD_TAG_END;
use model::record::{Record, RecordKind, tag};

/// Makes the rows; a hop that settles an unlogged answer counts only if it is not there already.
pub fn project(draft: &mut Draft, _: &Context) {
    for Arrival { sequence, record } in draft.take(&[RecordKind::LanderClick]) {
        let Some(key) = record.key() else {
            tracing::error!(sequence, "lander click without a click key left out");
            continue;
        };
        let (of, event_ms) = ((record.workspace(), key), record.at_ms());
        let link = record.facts.int_at(tag::LINK);
        let settles = record.facts.int_at(tag::SETTLES).is_some();
        if settles && draft.known.is_hop_counted(of, event_ms, link) {
            continue;
        }
        let landing = draft.known.click(of, sequence).map(|click| &click.facts);
        let facts = facts(&record, landing);
        let kind = RowKind::LanderClick;
        draft.keep(Row { kind, key, event_ms, sequence, count: 1, cost: 0, revenue: 0, facts });
    }
}

/// The hop's own values, then those of its landing that the hop does not have. Who pays belongs to the
/// offer: a hop with an offer never gets the network of another one.
fn facts(record: &Record, landing: Option<&Facts>) -> Facts {
    let own = &record.facts;
    let mut facts = Facts::for_click();
    facts.extend(own, |t| ![tag::KEY, tag::AT, tag::SETTLES].contains(&t));
    let has_offer = own.int(Field::Offer).is_some();
    let lacks = |t: u16| {
        t < FIELD_TAG_END && own.get(t).is_none() && !(has_offer && t == Field::Network.tag())
    };
    landing.into_iter().for_each(|landing| facts.extend(landing, lacks));
    facts
}
