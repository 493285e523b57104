//! Conversions that somebody reported and that no sum holds: calls of the inbox, each conversion once.

use super::problem::ApiError;
use crate::app::App;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::field::FIELD_TAG_END;
use model::money::{Currency, Money};
use model::postback::{PostbackParam, PostbackParams};
use model::query::{Cell, TimeBasis, ZoneOffsets};
use model::record::{Record, tag};
use model::table::RoutingTable;
use model::thing::{Network, Payout, ThingId};
use model::{ClickKey, Field};
use report::{Asked, Cause, Measure, MissedCall, Party, cause_of_call};
use std::collections::{HashMap, HashSet};
use store::{FilterTest, InboxQuery, field_value};

/// Calls that are read at a time.
const PAGE: usize = 1000;

/// No call comes later: 2200-01-01T00:00:00Z in Unix milliseconds.
const TIME_END_MS: i64 = 7_258_118_400_000;

/// The type of a conversion whose call names none.
const DEFAULT_TYPE: &str = "sale";

/// Other clocks are tried: calls of the days around may be theirs by one of them.
const MARGIN_DAYS: i64 = 1;

/// Verdicts of calls that are in no sum.
const MISSED: [Verdict; 4] =
    [Verdict::Duplicate, Verdict::Held, Verdict::Refused, Verdict::Unattributed];

/// What no sum holds.
#[derive(Debug, Default)]
pub struct Missed {
    /// The calls that may be theirs, oldest first.
    pub calls: Vec<MissedCall>,
    /// How many nobody can tell the network of.
    pub of_unknown_network: usize,
}

/// The calls that may be conversions of theirs.
///
/// # Errors
/// When the store cannot be asked.
pub async fn missed(app: &App, currency: Currency, asked: &Asked) -> Result<Missed, ApiError> {
    if !asked.measures.iter().any(|m| matches!(m, Measure::Conversions | Measure::Revenue)) {
        return Ok(Missed::default());
    }
    let entries = entries(app, asked).await?;
    let table = app.table.load_full();
    let calls: Vec<Call> = entries.into_iter().map(|entry| Call::read(entry, &table)).collect();
    let keys: HashSet<ClickKey> = calls.iter().filter_map(|call| call.entry.key).collect();
    let keys: Vec<ClickKey> = keys.into_iter().collect();
    let mut stories: HashMap<ClickKey, Vec<Row>> = HashMap::new();
    for keys in keys.chunks(PAGE) {
        for row in app.events.rows_of(asked.workspace, keys).await? {
            stories.entry(row.key).or_default().push(row);
        }
    }
    let txids: HashSet<String> = calls.iter().filter_map(Call::txid).map(str::to_owned).collect();
    let txids: Vec<String> = txids.into_iter().collect();
    let mut known: HashMap<String, Vec<Row>> = HashMap::new();
    for txids in txids.chunks(PAGE) {
        for row in app.events.entries_with_txid(asked.workspace, txids).await? {
            let txid = row.facts.text(Field::Txid).unwrap_or_default().to_owned();
            known.entry(txid).or_default().push(row);
        }
    }
    let desk = Desk { asked, table, currency, only: only_network(app, asked), stories, known };
    Ok(desk.sift(calls))
}

/// Calls in no sum, oldest first, on the days of theirs and those around them.
async fn entries(app: &App, asked: &Asked) -> Result<Vec<InboxEntry>, ApiError> {
    let clock = &asked.theirs.clock;
    let from_ms = clock.start_of(asked.days.0 - MARGIN_DAYS);
    let to_ms = match asked.theirs.time {
        TimeBasis::Event => clock.start_of(asked.days.1 + MARGIN_DAYS),
        // The call of a click may come at any time behind it.
        TimeBasis::Click => TIME_END_MS,
    };
    let mut entries = Vec::new();
    for verdict in MISSED {
        let mut before = None;
        loop {
            let (verdict, received) = (Some(verdict), Some((from_ms, to_ms)));
            let query =
                InboxQuery { verdict, received, before, limit: PAGE, ..InboxQuery::default() };
            let page = app.events.inbox(asked.workspace, query).await?;
            before = page.last().map(|entry| entry.sequence);
            let is_last = page.len() < PAGE;
            entries.extend(page);
            if is_last {
                break;
            }
        }
    }
    entries.sort_by_key(|entry| entry.sequence);
    Ok(entries)
}

/// The network of a workspace that has only one.
fn only_network(app: &App, asked: &Asked) -> Option<ThingId> {
    let things = app.things.load();
    let own = things.networks.iter().filter(|t| t.workspace == asked.workspace && !t.archived);
    let own: Vec<ThingId> = own.map(|thing| thing.id).collect();
    if let [only] = own[..] { Some(only) } else { None }
}

/// A call, read.
struct Call {
    entry: InboxEntry,
    cause: Option<Cause>,
    network: Option<ThingId>,
    params: PostbackParams,
    kind: String,
}

impl Call {
    fn read(entry: InboxEntry, table: &RoutingTable) -> Self {
        let network = entry.facts.int_at(tag::INTAKE_NETWORK);
        let network = network.and_then(|id| ThingId::try_from(id).ok());
        let settings = network.and_then(|id| table.network(id)).map(|network| &network.body);
        let record = Record { kind: entry.kind, facts: entry.facts.clone() };
        let params = ingest::read_params(&record, settings);
        let kind = params.get(PostbackParam::Type).unwrap_or(DEFAULT_TYPE).to_lowercase();
        let kind = table.conversion_type(entry.workspace, &kind).map_or(kind, |k| k.word.clone());
        Self { cause: cause_of_call(entry.verdict, &entry.reason), entry, network, params, kind }
    }

    fn txid(&self) -> Option<&str> {
        self.params.get(PostbackParam::Txid)
    }

    /// What makes two calls reports of one conversion; a call that names nothing is one of its own.
    fn identity(&self) -> (String, String, String) {
        let sent = |param| self.params.get(param).map(str::to_owned);
        let click = self.entry.key.map(|key| key.0.to_string());
        let click = click.or_else(|| sent(PostbackParam::ClickId));
        let click = click.or_else(|| sent(PostbackParam::ExternalId));
        let txid = self.txid().unwrap_or_default().to_owned();
        let click = click.unwrap_or_else(|| {
            if txid.is_empty() { format!("call {}", self.entry.sequence) } else { String::new() }
        });
        (click, self.kind.clone(), txid)
    }
}

/// What calls are held against.
struct Desk<'a> {
    asked: &'a Asked,
    table: std::sync::Arc<RoutingTable>,
    currency: Currency,
    only: Option<ThingId>,
    stories: HashMap<ClickKey, Vec<Row>>,
    known: HashMap<String, Vec<Row>>,
}

impl Desk<'_> {
    fn sift(&self, calls: Vec<Call>) -> Missed {
        let tests: Vec<FilterTest> = self.asked.conditions().iter().map(FilterTest::new).collect();
        let mut missed = Missed::default();
        let mut seen = HashSet::new();
        for call in calls {
            let Some(cause) = call.cause else { continue };
            // A further conversion, and a repetition, are known by their very nature.
            let is_of_known = matches!(cause, Cause::Duplicates | Cause::Retries);
            if !is_of_known && (self.is_in_ledger(&call) || !seen.insert(call.identity())) {
                continue;
            }
            let Some((row, amount, currency)) = self.row(&call) else { continue };
            let value = |field| field_value(&row, field, TimeBasis::Event, &ZoneOffsets::utc());
            let has_network = row.facts.int(Field::Network).is_some();
            if matches!(self.asked.party, Party::Network(_)) && !has_network {
                missed.of_unknown_network += 1;
                continue;
            }
            if !tests.iter().all(|test| test.accepts(&value(test.field))) {
                continue;
            }
            let cell = |field: &Field| match field {
                Field::Day => Cell::Null,
                field => value(*field),
            };
            missed.calls.push(MissedCall {
                number: call.entry.sequence,
                event_ms: call.entry.received_ms,
                click_ms: call.entry.key.map(ClickKey::time_ms),
                cause,
                key: self.asked.by.iter().map(cell).collect(),
                amount,
                currency,
            });
        }
        missed
    }

    /// Whether another call brought the same conversion into the ledger.
    fn is_in_ledger(&self, call: &Call) -> bool {
        let is_kind = |row: &&Row| row.facts.text(Field::ConversionType) == Some(&call.kind);
        let is_click = |row: &&Row| call.entry.key.is_none_or(|key| key == row.key);
        match (call.txid(), call.entry.key) {
            (Some(txid), _) => {
                let rows = self.known.get(txid).map_or(&[][..], Vec::as_slice);
                rows.iter().any(|row| is_kind(&row) && is_click(&row))
            }
            (None, Some(key)) => {
                let rows = self.stories.get(&key).map_or(&[][..], Vec::as_slice).iter();
                let mut entries = rows.filter(|row| row.kind == RowKind::Entry);
                entries.any(|row| is_kind(&row) && row.facts.text(Field::Txid).is_none())
            }
            (None, None) => false,
        }
    }

    /// The entry that the call would have made, and what it says it is worth; none of a test, nor of money taken back.
    fn row(&self, call: &Call) -> Option<(Row, i64, Currency)> {
        let story = call.entry.key.and_then(|key| self.stories.get(&key));
        let story = story.map_or(&[][..], Vec::as_slice);
        let landing =
            story.iter().find(|row| matches!(row.kind, RowKind::Click | RowKind::Preview));
        let offer = offer(story, landing, call.entry.sequence);
        let terms = offer.and_then(|id| self.table.offer(id));
        let network = call.network.or_else(|| terms.and_then(|terms| terms.network)).or(self.only);
        let settings = network.and_then(|id| self.table.network(id)).map(|network| &network.body);
        let payout = terms.map_or(Payout::Auto, |terms| terms.payout);
        let (amount, currency) = self.amount(call, payout, settings);
        let mut facts = Facts::for_click();
        match landing {
            Some(row) => facts.extend(&row.facts, |tag| {
                tag < FIELD_TAG_END && tag != Field::Offer.tag() && tag != Field::Network.tag()
            }),
            None => facts.set_int(Field::Workspace, call.entry.workspace),
        }
        offer.into_iter().for_each(|id| facts.set_int(Field::Offer, id));
        network.into_iter().for_each(|id| facts.set_int(Field::Network, id));
        facts.set_text(Field::ConversionType, &call.kind);
        facts.set_text(Field::Txid, call.txid().unwrap_or_default());
        facts.set_text(Field::Currency, currency.as_str());
        let is_test = facts.flag(Field::Test) || call.entry.facts.flag(Field::Test);
        let (event_ms, sequence) = (call.entry.received_ms, call.entry.sequence);
        let key = call.entry.key.unwrap_or(ClickKey::new(event_ms, 0, 0));
        let row = Row {
            kind: RowKind::Entry,
            key,
            event_ms,
            sequence,
            count: 1,
            cost: 0,
            revenue: 0,
            facts,
        };
        (!is_test && amount >= 0).then_some((row, amount, currency))
    }

    /// What the call says: that is what whoever sent it counts. Without an amount, what the offer or the type is worth.
    fn amount(&self, call: &Call, payout: Payout, settings: Option<&Network>) -> (i64, Currency) {
        let mark = settings.map(|network| network.decimal_mark).unwrap_or_default();
        let named = call.params.get(PostbackParam::Currency).and_then(|code| code.parse().ok());
        let of_kind = self.table.conversion_type(call.entry.workspace, &call.kind);
        match (call.params.payout(mark), payout, of_kind.map(|kind| kind.payout)) {
            (Some(Ok(Money(sent))), _, _) => (sent, named.unwrap_or(self.currency)),
            (_, Payout::Fixed { amount, currency }, _)
            | (None, _, Some(Payout::Fixed { amount, currency })) => (amount.0, currency),
            _ => (0, self.currency),
        }
    }
}

/// The offer that a person went to last before the call, as the ledger sees it.
fn offer(story: &[Row], landing: Option<&Row>, before: u64) -> Option<ThingId> {
    let number = |row: &Row| row.facts.int(Field::Offer).and_then(|id| ThingId::try_from(id).ok());
    let hops = story.iter().filter(|row| row.kind == RowKind::LanderClick && row.sequence < before);
    let last =
        |is_bot| hops.clone().rfind(|row| row.facts.flag(Field::Bot) == is_bot).and_then(number);
    last(false).or_else(|| last(true)).or_else(|| number(landing?))
}
