//! Step *conversions*: each postback or pixel call meets its click and the click's ledger.

use crate::cost::price_entry;
use crate::draft::{Call, ClickOf, Draft, NamedClick};
use crate::known::{Known, number};
use crate::ledger::{Addition, Entry, Incoming, conversion_of, judge};
use crate::reason::Reason;
use crate::run::Context;
use crate::terms::check_sender;
use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::field::{FIELD_TAG_END, Field};
use model::money::{Currency, Money, MoneyError};
use model::params;
use model::postback::PostbackParam;
use model::record::tag;
use model::thing::{Network, Payout, Status, ThingId};

/// The type of a conversion whose postback names none.
const DEFAULT_TYPE: &str = "sale";

/// The longest type that is kept, in bytes.
const TYPE_BYTES_MAX: usize = 64;

/// The attribution window where the workspace is not known, in days.
const WINDOW_DAYS: u32 = 90;

/// A borrowed millisecond or a clock set back lets an id lead its postback a little.
const LEAD_MS_MAX: i64 = 60_000;

/// Fields that an entry has of itself, not of its click.
const OWN_FIELDS: [Field; 4] =
    [Field::ConversionType, Field::ConversionStatus, Field::Txid, Field::Currency];

/// Free parameters by number.
const FREE: [Field; 5] = [Field::P1, Field::P2, Field::P3, Field::P4, Field::P5];

/// Judges every call in order; what one adds, the next one sees.
pub fn project(draft: &mut Draft, context: &Context) {
    for call in std::mem::take(&mut draft.calls) {
        let outcome = try_judge(&call, &draft.known, context).unwrap_or_else(Outcome::without_rows);
        for row in outcome.rows {
            draft.keep(row);
        }
        let sentences: Vec<_> = outcome.reasons.iter().map(Reason::message).collect();
        draft.inbox.push(InboxEntry {
            sequence: call.sequence,
            workspace: call.workspace(),
            received_ms: call.record.at_ms(),
            key: call.click.as_ref().map(|click| Some(click.key)).unwrap_or(call.record.key()),
            verdict: outcome.verdict,
            reason: outcome.reasons.first().map(|r| r.code().to_owned()).unwrap_or_default(),
            message: sentences.join("; "),
            facts: call.record.facts,
        });
    }
}

struct Outcome {
    verdict: Verdict,
    /// What is to be said about it, the weightiest first.
    reasons: Vec<Reason>,
    rows: Vec<Row>,
}

impl Outcome {
    /// What becomes of a call that does not get as far as the ledger.
    fn without_rows(reason: Reason) -> Self {
        let verdict = match reason {
            Reason::IdMissing
            | Reason::IdUnexpanded
            | Reason::IdMalformed
            | Reason::IdUnverified
            | Reason::IdInFuture
            | Reason::ExternalIdUnknown
            | Reason::OtherWorkspace
            | Reason::OutsideWindow => Verdict::Unattributed,
            Reason::StatusUnmapped(_) => Verdict::Held,
            _ => Verdict::Refused,
        };
        Self { verdict, reasons: vec![reason], rows: Vec::new() }
    }
}

fn try_judge(call: &Call, known: &Known, context: &Context) -> Result<Outcome, Reason> {
    let click = call.click.clone()?;
    check_workspace(&click, call, context)?;
    check_time(&click, call, context)?;
    let of = (call.workspace(), click.key);
    let rows = known.entries(of);
    let history: Vec<Entry> = rows.iter().map(|row| entry_of(row, context)).collect();
    let (kind, txid) = (kind(call), call.params.get(PostbackParam::Txid));
    let conversion = conversion_of(&history, &kind, txid).and_then(|place| rows.get(place));
    let deal = Deal::of(call, of, conversion, known, context);
    deal.settings.map_or(Ok(()), |network| check_sender(call, network))?;
    let incoming = incoming(kind, txid, call, &deal, context)?;
    check_txid(txid, of, known)?;
    let policy = deal.settings.map(|n| n.repeat).unwrap_or_default();
    let judgement = judge(&history, incoming, policy);
    let landing = known.click(of, call.sequence);
    let reasons = reasons(&judgement.additions, judgement.reason, &click, landing.is_some());
    let row = |added: Addition| {
        let facts = match added.changes.and_then(|place| rows.get(place)) {
            Some(changed) => facts_of(changed, &added.entry, call),
            None => click_facts(call, &click, landing, &deal),
        };
        let mut row = row_of(added.entry, facts, call, of);
        let standing = added.changes.and_then(|place| rows.get(place..)).unwrap_or_default();
        price_entry(&mut row, landing, standing, context);
        row
    };
    let rows = judgement.additions.into_iter().map(row).collect();
    Ok(Outcome { verdict: judgement.verdict, reasons, rows })
}

/// The click belongs to whom the call is for: one workspace's key tells nothing about another's clicks.
fn check_workspace(click: &NamedClick, call: &Call, context: &Context) -> Result<(), Reason> {
    let campaign = click.campaign.and_then(|id| context.table.campaign(id));
    match campaign {
        Some(campaign) if campaign.workspace != call.workspace() => Err(Reason::OtherWorkspace),
        _ => Ok(()),
    }
}

/// The click lies before its conversion, and within the attribution window.
fn check_time(click: &NamedClick, call: &Call, context: &Context) -> Result<(), Reason> {
    let age_ms = call.record.at_ms().saturating_sub(click.key.time_ms());
    let workspace = context.table.workspace(call.workspace());
    let window_days = workspace.map_or(WINDOW_DAYS, |w| w.attribution_window_days);
    if age_ms < -LEAD_MS_MAX {
        Err(Reason::IdInFuture)
    } else if age_ms > i64::from(window_days) * 86_400_000 {
        Err(Reason::OutsideWindow)
    } else {
        Ok(())
    }
}

fn check_txid(txid: Option<&str>, of: ClickOf, known: &Known) -> Result<(), Reason> {
    let first = txid.and_then(|txid| known.click_of_txid(of.0, txid));
    if first.is_some_and(|first| first != of.1) { Err(Reason::TxidOnOtherClick) } else { Ok(()) }
}

/// The terms a conversion comes under: its offer, who pays, how repeats count.
struct Deal<'a> {
    offer: Option<ThingId>,
    network: Option<ThingId>,
    settings: Option<&'a Network>,
    payout: Payout,
}

impl<'a> Deal<'a> {
    /// A conversion that is there keeps its offer, wherever its visitor went since.
    fn of(
        call: &Call,
        of: ClickOf,
        conversion: Option<&Row>,
        known: &Known,
        context: &'a Context,
    ) -> Self {
        let offer = match conversion {
            Some(conversion) => number(conversion, Field::Offer),
            None => known.offer(of, call.sequence),
        };
        let terms = offer.and_then(|id| context.table.offer(id));
        let of_conversion = conversion.and_then(|row| number(row, Field::Network));
        let network = call.network.or(of_conversion).or_else(|| terms.and_then(|o| o.network));
        let settings = network.and_then(|id| context.table.network(id)).map(|n| &n.body);
        Self { offer, network, settings, payout: terms.map_or(Payout::Auto, |o| o.payout) }
    }
}

fn kind(call: &Call) -> String {
    let kind = call.params.get(PostbackParam::Type).unwrap_or(DEFAULT_TYPE);
    params::cut(kind, TYPE_BYTES_MAX).to_lowercase()
}

fn incoming(
    kind: String,
    txid: Option<&str>,
    call: &Call,
    deal: &Deal<'_>,
    context: &Context,
) -> Result<Incoming, Reason> {
    let status = call.params.status(deal.settings);
    let status = status.map_err(|word| Reason::StatusUnmapped(word.into_owned()))?;
    let own = context.currency(call.workspace());
    let (amount, currency) = match deal.payout {
        Payout::Fixed { amount, currency } => (Some(fixed(amount, call, deal)), currency),
        Payout::Auto => sent(call, deal, own, context)?,
    };
    let (txid, is_summed) = (txid.map(str::to_owned), currency == own);
    Ok(Incoming { kind, txid, status, amount, currency, is_summed })
}

/// What the call says; nothing when it names no amount.
fn sent(
    call: &Call,
    deal: &Deal<'_>,
    own: Currency,
    context: &Context,
) -> Result<(Option<i64>, Currency), Reason> {
    let currency = call.params.get(PostbackParam::Currency).map(str::parse::<Currency>);
    let currency = currency.transpose().map_err(|_| Reason::Currency)?.unwrap_or(own);
    let read_as = call.read_as.and_then(|id| context.table.network(id)).map(|n| &n.body);
    match sent_amount(call, deal) {
        Some(amount) => Ok((Some(amount.map_err(Reason::Payout)?.0), currency)),
        None if call.params.is_unexpanded(PostbackParam::Payout, read_as) => {
            Err(Reason::Payout(MoneyError::Unexpanded))
        }
        None => Ok((None, currency)),
    }
}

fn sent_amount(call: &Call, deal: &Deal<'_>) -> Option<Result<Money, MoneyError>> {
    call.params.payout(deal.settings.map(|n| n.decimal_mark).unwrap_or_default())
}

/// The offer's amount whatever the call says, but that a negative one takes it back.
fn fixed(amount: Money, call: &Call, deal: &Deal<'_>) -> i64 {
    let is_reversal = matches!(sent_amount(call, deal), Some(Ok(sent)) if sent.0 < 0);
    if is_reversal { amount.0.saturating_abs().saturating_neg() } else { amount.0 }
}

/// What is to be said about a judged call: what became of it, that its amount is in no sum, and what is
/// wrong with its click.
fn reasons(
    additions: &[Addition],
    judged: Option<Reason>,
    click: &NamedClick,
    is_stored: bool,
) -> Vec<Reason> {
    let is_apart = additions.iter().any(|a| !a.entry.is_summed && a.entry.amount != 0);
    let apart = is_apart.then_some(Reason::CurrencyWithoutRate);
    let lost = (!is_stored).then_some(Reason::ClickNotStored);
    [judged, apart, click.repaired.clone(), lost].into_iter().flatten().collect()
}

/// A stored entry as the ledger sees it.
fn entry_of(row: &Row, context: &Context) -> Entry {
    let own_amount = row.facts.int_at(tag::AMOUNT);
    let currency = row.facts.text(Field::Currency).and_then(|code| code.parse().ok());
    let status = row.facts.text(Field::ConversionStatus).and_then(Status::from_word);
    Entry {
        count: row.count,
        amount: own_amount.unwrap_or(row.revenue),
        currency: currency.unwrap_or_else(|| context.currency(row.workspace())),
        is_summed: own_amount.is_none(),
        status: status.unwrap_or(Status::Approved),
        kind: row.facts.text(Field::ConversionType).unwrap_or(DEFAULT_TYPE).to_owned(),
        txid: row.facts.text(Field::Txid).map(str::to_owned),
    }
}

/// The fields of a new conversion: those of its click, its offer and its free parameters.
fn click_facts(call: &Call, click: &NamedClick, landing: Option<&Row>, deal: &Deal<'_>) -> Facts {
    let mut facts = Facts::for_click();
    let replaced = [Field::Offer, Field::Network].map(Field::tag);
    match landing {
        Some(row) => facts.extend(&row.facts, |t| t < FIELD_TAG_END && !replaced.contains(&t)),
        None => {
            facts.set_int(Field::Workspace, call.workspace());
            click.campaign.into_iter().for_each(|id| facts.set_int(Field::Campaign, id));
            facts.set_flag(Field::Test, click.test);
            facts.set_flag(Field::Unlogged, click.unlogged);
        }
    }
    deal.offer.into_iter().for_each(|offer| facts.set_int(Field::Offer, offer));
    deal.network.into_iter().for_each(|network| facts.set_int(Field::Network, network));
    for (number, field) in (1..).zip(FREE) {
        facts.set_text(field, free(call, number));
    }
    facts
}

/// The fields of an entry that changes a conversion: those it had, so that what is taken back is taken
/// from where it was added; a new state also has the free parameters sent with it.
fn facts_of(changed: &Row, entry: &Entry, call: &Call) -> Facts {
    let sent: Vec<Field> = match entry.count {
        1.. => {
            (1..).zip(FREE).filter(|(n, _)| !free(call, *n).is_empty()).map(|(_, f)| f).collect()
        }
        _ => Vec::new(),
    };
    let replaced = |t: u16| OWN_FIELDS.iter().chain(&sent).any(|field| field.tag() == t);
    let mut facts = Facts::for_click();
    facts.extend(&changed.facts, |t| t < FIELD_TAG_END && !replaced(t));
    for (number, field) in (1..).zip(FREE).filter(|(_, field)| sent.contains(field)) {
        facts.set_text(field, free(call, number));
    }
    facts
}

fn free(call: &Call, number: u8) -> &str {
    call.params.get(PostbackParam::Free(number)).unwrap_or_default()
}

fn row_of(entry: Entry, mut facts: Facts, call: &Call, of: ClickOf) -> Row {
    facts.set_text(Field::ConversionType, &entry.kind);
    facts.set_text(Field::ConversionStatus, entry.status.as_str());
    facts.set_text(Field::Txid, entry.txid.as_deref().unwrap_or_default());
    facts.set_text(Field::Currency, entry.currency.as_str());
    if !entry.is_summed {
        facts.push_int(tag::AMOUNT, entry.amount);
    }
    Row {
        kind: RowKind::Entry,
        key: of.1,
        event_ms: call.record.at_ms(),
        sequence: call.sequence,
        count: entry.count,
        cost: 0,
        revenue: if entry.is_summed { entry.amount } else { 0 },
        facts,
    }
}
