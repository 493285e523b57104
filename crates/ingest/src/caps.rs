//! Caps of offers: what each batch takes of them, and what had been taken before, asked of the store.
//!
//! Edge sees what is published here, so an offer takes at most what comes within the lag of ingest more than its cap.
//! The counts are sums over committed rows: after a start, and for a cap that is new or has changed, they are asked of
//! the store again.

use crate::error::{IngestError, store_error};
use arc_swap::ArcSwap;
use model::Field;
use model::event::{Row, RowKind};
use model::metric::{Counter, Metric};
use model::query::{Cell, Filter, FilterOp, FilterValue, Plan, TimeBasis, ZoneOffsets};
use model::table::{CapCounts, CapRoute, RoutingTable};
use model::thing::{CapOf, CapPer, Revision, Status, ThingId};
use std::collections::HashMap;
use std::sync::Arc;
use store::Events;

/// Whoever is sent to an offer comes directly, or by a lander click: a click that has a lander is not there yet.
const TAKEN: [(&str, CapOf, i128); 4] = [
    ("clicks", CapOf::Clicks, 1),
    ("lander_views", CapOf::Clicks, -1),
    ("lander_clicks", CapOf::Clicks, 1),
    ("conversions", CapOf::Conversions, 1),
];

/// Days that a late row may still belong to.
const DAYS_KEPT: i64 = 2;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Keeps the counts in step with the store.
pub(crate) struct CapKeeper {
    /// The configuration the counts belong to.
    revision: Option<Revision>,
    caps: HashMap<ThingId, CapRoute>,
    counts: CapCounts,
    published: Arc<ArcSwap<CapCounts>>,
}

/// What a batch takes of caps: offer, window, how much.
pub(crate) type Taken = Vec<(ThingId, i64, i64)>;

impl CapKeeper {
    pub fn new(published: Arc<ArcSwap<CapCounts>>) -> Self {
        let (caps, counts) = (HashMap::new(), CapCounts::default());
        Self { revision: None, caps, counts, published }
    }

    /// Takes over the caps of a configuration; asks the store about those that are new or have changed.
    ///
    /// # Errors
    /// When the store fails; the next call asks again.
    pub async fn follow(
        &mut self,
        table: &RoutingTable,
        events: &dyn Events,
    ) -> Result<(), IngestError> {
        if self.revision == Some(table.revision()) {
            return Ok(());
        }
        self.caps.retain(|offer, cap| {
            table.offer(*offer).and_then(|offer| offer.cap.as_ref()).is_some_and(|now| {
                // How many it takes is edge's business.
                (now.cap.of, now.cap.per, &now.zone) == (cap.cap.of, cap.cap.per, &cap.zone)
            })
        });
        let caps = &self.caps;
        self.counts.retain(|offer, _| caps.contains_key(&offer));
        let new = table.capped_offers().filter(|(offer, _)| !self.caps.contains_key(offer));
        let mut alike: HashMap<_, Vec<(ThingId, &CapRoute)>> = HashMap::new();
        for (offer, cap) in new {
            let workspace = table.offer(offer).map(|offer| offer.workspace).unwrap_or_default();
            let zone = cap.zone.transitions();
            alike.entry((workspace, cap.cap.per, zone)).or_default().push((offer, cap));
        }
        for ((workspace, ..), caps) in alike {
            let counted = recount(workspace, &caps, events).await?;
            for (offer, cap) in caps {
                self.counts.set(offer, counted.get(&offer).cloned().unwrap_or_default());
                self.caps.insert(offer, cap.clone());
            }
        }
        self.revision = Some(table.revision());
        self.publish();
        Ok(())
    }

    /// What these rows will take once they are committed.
    pub fn taken(&self, rows: &[Row]) -> Taken {
        if self.caps.is_empty() {
            return Taken::new();
        }
        let taken = |row: &Row| {
            let offer = ThingId::try_from(row.facts.int(Field::Offer)?).ok()?;
            let cap = self.caps.get(&offer)?;
            let is_taken = is_taken(row, cap.cap.of);
            is_taken.then(|| (offer, cap.window(row.event_ms), row.count))
        };
        rows.iter().filter_map(taken).collect()
    }

    /// The rows are committed.
    pub fn add(&mut self, taken: Taken) {
        if taken.is_empty() {
            return;
        }
        let newest = taken.iter().map(|(_, window, _)| *window).max().unwrap_or_default();
        for (offer, window, amount) in taken {
            self.counts.add(offer, window, amount);
        }
        // Windows of caps that never begin anew have the number 0.
        self.counts.retain(|_, window| window == 0 || window > newest - DAYS_KEPT);
        self.publish();
    }

    /// It is not known what was committed: all is asked again.
    pub fn forget(&mut self) {
        (self.revision, self.caps) = (None, HashMap::new());
    }

    fn publish(&self) {
        self.published.store(Arc::new(self.counts.clone()));
    }
}

fn is_taken(row: &Row, of: CapOf) -> bool {
    let is_person = || !row.facts.flag(Field::Bot) && !row.facts.flag(Field::Test);
    match (of, row.kind) {
        (CapOf::Clicks, RowKind::Click) => is_person() && row.facts.int(Field::Lander).is_none(),
        (CapOf::Clicks, RowKind::LanderClick) => is_person(),
        (CapOf::Conversions, RowKind::Entry) => {
            let status = row.facts.text(Field::ConversionStatus);
            let counts = [Status::Pending, Status::Approved];
            !row.facts.flag(Field::Test) && counts.iter().any(|s| status == Some(s.as_str()))
        }
        _ => false,
    }
}

/// What caps of one workspace and zone have taken, by offer and window.
async fn recount(
    workspace: ThingId,
    caps: &[(ThingId, &CapRoute)],
    events: &dyn Events,
) -> Result<HashMap<ThingId, HashMap<i64, i64>>, IngestError> {
    let Some((_, first)) = caps.first() else { return Ok(HashMap::new()) };
    let of: HashMap<ThingId, CapOf> =
        caps.iter().map(|(offer, cap)| (*offer, cap.cap.of)).collect();
    let is_daily = first.cap.per == CapPer::Day;
    let failed = || store_error("count what caps have taken");
    let newest_ms = match is_daily {
        true => events.stats().await.map_err(failed())?.newest_ms.unwrap_or_default(),
        false => 0,
    };
    let answer = events.answer(&plan(workspace, caps, is_daily, newest_ms)).await;
    let mut counted: HashMap<ThingId, HashMap<i64, i64>> = HashMap::new();
    for row in answer.map_err(failed())?.rows {
        let [Cell::Int(offer), rest @ ..] = &*row.key else { continue };
        let Some((offer, of)) = ThingId::try_from(*offer).ok().and_then(|id| of.get_key_value(&id))
        else {
            continue;
        };
        let window = if let [Cell::Int(day)] = rest { *day } else { 0 };
        let parts = TAKEN.iter().zip(&row.sums).filter(|((_, counts, _), _)| counts == of);
        let taken: i128 = parts.map(|((_, _, sign), sum)| sign * sum).sum();
        let taken = i64::try_from(taken).unwrap_or(i64::MAX);
        counted.entry(*offer).or_default().insert(window, taken);
    }
    Ok(counted)
}

fn plan(workspace: ThingId, caps: &[(ThingId, &CapRoute)], is_daily: bool, newest_ms: i64) -> Plan {
    let offers = caps.iter().map(|(offer, _)| Cell::Int(i64::from(*offer))).collect();
    let counter = |name: &str| name.parse::<Metric>().ok().and_then(|metric| metric.counter());
    let counters: Vec<Counter> = TAKEN.iter().filter_map(|(name, ..)| counter(name)).collect();
    Plan {
        workspace,
        from_ms: if is_daily { newest_ms - DAYS_KEPT * DAY_MS } else { i64::MIN / 2 },
        to_ms: i64::MAX / 2,
        time: TimeBasis::Event,
        zone: caps.first().map_or_else(ZoneOffsets::utc, |(_, cap)| (*cap.zone).clone()),
        by: if is_daily { vec![Field::Offer, Field::Day] } else { vec![Field::Offer] },
        counters,
        filter: vec![Filter {
            field: Field::Offer,
            op: FilterOp::In,
            value: FilterValue::Many(offers),
        }],
        median: false,
    }
}
