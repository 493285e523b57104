//! Step *conversions*: each postback or pixel call meets its click and the click's ledger.

use crate::cost::price_entry;
use crate::draft::{Call, ClickOf, Draft, NamedClick};
use crate::known::{Known, number};
use crate::ledger::{Addition, Entry, Incoming, conversion_of, judge};
use crate::ledger_row::{self, DEFAULT_TYPE};
use crate::reason::Reason;
use crate::run::Context;
use crate::terms::check_sender;
use crate::verdicts;
use crate::worth::Worth;
use model::event::{Row, Verdict};
use model::facts::Facts;
use model::field::{FIELD_TAG_END, Field};
use model::money::{Currency, Money, MoneyError};
use model::notification::SEALED;
use model::params;
use model::postback::PostbackParam;
use model::record::tag;
use model::thing::{Network, Payout, ThingId};

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
        if !verdicts::is_open(&call, draft) {
            continue;
        }
        let outcome = try_judge(&call, &draft.known, context).unwrap_or_else(Outcome::without_rows);
        for row in outcome.rows {
            draft.keep(row);
        }
        verdicts::enter(call, outcome.verdict, &outcome.reasons, draft);
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
            | Reason::PlatformIdUnknown
            | Reason::OtherWorkspace
            | Reason::OutsideWindow => Verdict::Unattributed,
            Reason::StatusUnmapped(_) => Verdict::Held,
            Reason::Overtaken => Verdict::Duplicate,
            _ => Verdict::Refused,
        };
        Self { verdict, reasons: vec![reason], rows: Vec::new() }
    }
}

fn try_judge(call: &Call, known: &Known, context: &Context) -> Result<Outcome, Reason> {
    match call.params.get(PostbackParam::Ignored) {
        Some(SEALED) => return Err(Reason::Sealed),
        Some(word) => return Err(Reason::NotConversion(word.to_owned())),
        None => {}
    }
    let click = call.click.clone()?;
    check_workspace(&click, call, context)?;
    check_time(&click, call, context)?;
    let of = (call.workspace(), click.key);
    let rows = known.entries(of);
    let own = context.currency(call.workspace());
    let history: Vec<Entry> = rows.iter().map(|row| Entry::of(row, own)).collect();
    let kind_sent = kind(call);
    let kind_known = context.table.conversion_type(call.workspace(), &kind_sent);
    let kind = kind_known.map_or(kind_sent, |known| known.word.clone());
    let (kind, txid) = (kind, call.params.get(PostbackParam::Txid));
    let conversion = conversion_of(&history, &kind, txid).and_then(|place| rows.get(place));
    let deal = Deal::of(call, of, conversion, known, context);
    deal.check_senders(call, known.offers(of, call.sequence), context)?;
    let incoming = incoming(kind, txid, call, &deal, context)?;
    check_txid(txid, of, known)?;
    let of_type = kind_known.and_then(|known| known.repeat);
    let policy = of_type.or(deal.settings.map(|n| n.repeat)).unwrap_or_default();
    let mut judgement = judge(&history, incoming.clone(), policy);
    if let Some(Payout::Fixed { amount, currency }) = kind_known.map(|known| known.payout)
        && judgement.verdict == Verdict::Recorded
        && incoming.amount.is_none()
    {
        let worth = context.worth(call.workspace(), currency, incoming.worth_at_ms);
        let incoming = Incoming { amount: Some(amount.0), currency, worth, ..incoming };
        judgement = judge(&history, incoming, policy);
    }
    check_overtaken(call, &judgement.additions, rows)?;
    let landing = known.click(of, call.sequence);
    let reasons = reasons(&judgement.additions, judgement.reason, &click, landing.is_some());
    let row = |added: Addition| {
        let facts = match added.changes.and_then(|place| rows.get(place)) {
            Some(changed) => facts_of(changed, &added.entry, call),
            None => click_facts(call, &click, landing, &deal),
        };
        let mut row = ledger_row::of(added.entry, facts, call, of);
        let standing = added.changes.and_then(|place| rows.get(place..)).unwrap_or_default();
        price_entry(&mut row, landing, standing, context);
        row
    };
    let rows: Vec<Row> = judgement.additions.into_iter().map(row).collect();
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

/// The click lies before its conversion, and within the attribution window, unless an operator named it.
fn check_time(click: &NamedClick, call: &Call, context: &Context) -> Result<(), Reason> {
    if call.record.facts.int_at(tag::ATTACHED).is_some() {
        return Ok(());
    }
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

/// A call that is judged late does not undo what a later one said about the same conversion.
fn check_overtaken(call: &Call, additions: &[Addition], rows: &[Row]) -> Result<(), Reason> {
    let mut taken_back = additions.iter().filter(|a| a.entry.count < 0).filter_map(|a| a.changes);
    let is_newer = |place: usize| rows.get(place).is_some_and(|r| r.event_ms > call.record.at_ms());
    if call.order.is_some() && taken_back.any(is_newer) { Err(Reason::Overtaken) } else { Ok(()) }
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

    /// Whoever pays says who may call, and so does the network of the offer, unless the visitor also went to an offer of
    /// the network that called: nobody reports conversions of one network with the key of another.
    fn check_senders(
        &self,
        call: &Call,
        mut visited: impl Iterator<Item = ThingId>,
        context: &Context,
    ) -> Result<(), Reason> {
        let of_offer = |offer| context.table.offer(offer)?.network;
        let is_callers = |offer| call.network.is_some() && of_offer(offer) == call.network;
        let other = self.offer.and_then(of_offer).filter(|_| !visited.any(is_callers));
        [self.network, other].into_iter().flatten().try_for_each(|id| {
            let network = context.table.network(id);
            network.map_or(Ok(()), |network| check_sender(call, id, &network.body))
        })
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
        Payout::Auto => sent(call, deal, own)?,
    };
    let (txid, worth_at_ms) = (txid.map(str::to_owned), call.record.at_ms());
    let event_id = call.params.get(PostbackParam::EventId).map(str::to_owned);
    let worth = context.worth(call.workspace(), currency, worth_at_ms);
    Ok(Incoming { kind, txid, event_id, status, amount, currency, worth, worth_at_ms })
}

/// What the call says; nothing when it names no amount.
fn sent(call: &Call, deal: &Deal<'_>, own: Currency) -> Result<(Option<i64>, Currency), Reason> {
    let currency = call.params.get(PostbackParam::Currency).map(str::parse::<Currency>);
    let currency = currency.transpose().map_err(|_| Reason::Currency)?.unwrap_or(own);
    match sent_amount(call, deal) {
        Some(amount) => Ok((Some(amount.map_err(Reason::Payout)?.0), currency)),
        None if call.params.unexpanded(PostbackParam::Payout).is_some() => {
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
    let is_apart = additions.iter().any(|a| a.entry.worth == Worth::Apart && a.entry.amount != 0);
    let apart = is_apart.then_some(Reason::CurrencyWithoutRate);
    let lost = (!is_stored).then_some(Reason::ClickNotStored);
    [judged, apart, click.repaired.clone(), lost].into_iter().flatten().collect()
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
