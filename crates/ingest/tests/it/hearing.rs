//! What a call comes to: conversions as objects that change, not as entries that add up.

use crate::catalog::*;
use crate::oracle::{Conversion, Slice, base_slice, is_visible, own_currency, rate};
use crate::play::{Amount, Call, IdForm, Landing, Op, Play};
use model::ClickKey;
use model::event::Verdict;
use model::record::RecordKind;
use model::thing::{RepeatPolicy, Status, ThingId};
use std::collections::{HashMap, HashSet};

use Verdict::{Duplicate, Held, Refused, Unattributed, Updated};

/// The calls so far, and what they came to.
pub struct Hearing<'a> {
    play: &'a Play,
    pub conversions: Vec<Conversion>,
    /// Calls that count, by place.
    counted: HashSet<usize>,
    /// The landings that an operator named, by place of the call.
    attached: HashMap<usize, usize>,
    /// Events that count, by click and type.
    events: HashSet<(ClickKey, String, &'static str)>,
}

/// Why nothing new was recorded.
type Otherwise = (Verdict, &'static str);

/// A call that may count: the conversion it would be if it were a new one.
struct Report {
    fresh: Conversion,
    amount: Option<i64>,
    policy: RepeatPolicy,
    event_id: Option<&'static str>,
    /// It was judged before.
    is_again: bool,
}

fn network_of(offer: ThingId) -> ThingId {
    match offer {
        FIXED | FIXED_FOREIGN => PLAIN,
        OFFER_OTHER => OTHER,
        OFFER_STRICT => STRICT,
        OFFER_EVENT => BY_EVENT,
        same => same,
    }
}

fn policy_of(network: Option<ThingId>) -> RepeatPolicy {
    match network {
        Some(EVERY) => RepeatPolicy::Every,
        Some(UPDATE) => RepeatPolicy::Update,
        Some(ADD) => RepeatPolicy::Add,
        Some(BY_EVENT) => RepeatPolicy::ByEventId,
        _ => RepeatPolicy::FirstOnly,
    }
}

/// Whether the click can have a conversion now, and for whom the call is.
fn admit(of: &Landing, call: &Call, is_attached: bool) -> Result<(), Otherwise> {
    let age_ms = call.at_ms - of.key.time_ms();
    let window_ms = if of.workspace == 2 { 30 * DAY_MS } else { 90 * DAY_MS };
    if of.workspace != call.workspace {
        Err((Unattributed, "click_of_other_workspace"))
    } else if is_attached {
        Ok(())
    } else if age_ms < -60_000 {
        Err((Unattributed, "click_id_in_future"))
    } else if age_ms > window_ms {
        Err((Unattributed, "outside_window"))
    } else {
        Ok(())
    }
}

fn status_of(call: &Call, network: Option<ThingId>) -> Result<Status, Otherwise> {
    Ok(match (call.status, network) {
        (Some("wait"), Some(OWN_WORDS)) => Status::Pending,
        (Some("wait" | "odd"), _) => return Err((Held, "status_unmapped")),
        (Some("pending" | "Pending"), _) => Status::Pending,
        (Some("rejected"), _) => Status::Rejected,
        (Some("refund"), _) => Status::Chargeback,
        _ => Status::Approved,
    })
}

/// Amount and currency, as sent or as the offer has them.
fn money_of(
    call: &Call,
    is_read: bool,
    offer: Option<ThingId>,
    network: Option<ThingId>,
    own: &'static str,
) -> Result<(Option<i64>, &'static str), Otherwise> {
    let sent = match call.amount {
        _ if !is_read => Ok(None),
        Amount::Absent => Ok(None),
        Amount::Sent(amount) => Ok(Some(amount)),
        Amount::Thousands if network == Some(OWN_WORDS) => Ok(Some(1_500_000)),
        Amount::Thousands => Err("payout_ambiguous"),
        Amount::Literal => Err("payout_unexpanded"),
        Amount::NotANumber => Err("payout_not_a_number"),
        Amount::Huge => Err("payout_too_large"),
    };
    let sign = if matches!(sent, Ok(Some(amount)) if amount < 0) { -1 } else { 1 };
    match (offer, call.currency) {
        (Some(FIXED), _) => return Ok((Some(sign * 2_500_000), "USD")),
        (Some(FIXED_FOREIGN), _) => return Ok((Some(sign * 3_000_000), "EUR")),
        (_, Some("?!")) => return Err((Refused, "currency_unknown")),
        _ => {}
    }
    let currency = match call.currency {
        Some("eur" | "EUR") => "EUR",
        Some(_) => "USD",
        None => own,
    };
    Ok((sent.map_err(|code| (Refused, code))?, currency))
}

/// How far a conversion has come.
fn stage(status: Status) -> usize {
    [Status::Pending, Status::Approved].iter().position(|s| *s == status).unwrap_or(2)
}

impl<'a> Hearing<'a> {
    pub fn new(play: &'a Play) -> Self {
        let (counted, attached, events) = (HashSet::new(), HashMap::new(), HashSet::new());
        Self { play, conversions: Vec::new(), counted, attached, events }
    }

    /// What becomes of the call at `call` by an order at `place`; nothing where it counts already, or is not theirs.
    pub fn hear_again(
        &mut self,
        place: usize,
        call: usize,
        landing: Option<usize>,
        workspace: ThingId,
    ) -> Option<(Verdict, String)> {
        let Op::Call(said) = &self.play.ops[call] else { return None };
        if said.workspace != workspace || self.counted.contains(&call) {
            return None;
        }
        self.attached.extend(landing.map(|landing| (call, landing)));
        // The key it brings is looked up as of today, and what intake thought of it is asked again.
        let network = if said.is_trusted { Some(STRICT) } else { said.network };
        Some(self.hear(place, call, &Call { network, refusal: None, ..said.clone() }))
    }

    /// The verdict of the call at `number`, judged at `place`, and what it changes.
    pub fn hear(&mut self, place: usize, number: usize, call: &Call) -> (Verdict, String) {
        let mut landing = call.landing;
        let mut repair = None;
        if call.refusal.is_some() {
            return (Refused, "wrong_key".into());
        }
        let attached = self.attached.get(&number).copied();
        match call.id {
            _ if attached.is_some() => landing = attached.unwrap_or(landing),
            IdForm::Exact | IdForm::UpperCase | IdForm::Cookie => {}
            IdForm::Truncated => repair = Some("click_id_truncated"),
            IdForm::Altered => repair = Some("click_id_altered"),
            IdForm::Forged => return (Unattributed, "click_id_unverified".into()),
            IdForm::Malformed => return (Unattributed, "click_id_malformed".into()),
            IdForm::Macro => return (Unattributed, "click_id_unexpanded".into()),
            IdForm::Missing => return (Unattributed, "click_id_missing".into()),
            IdForm::External => match self.external(place, call) {
                Some(found) => landing = found,
                None => return (Unattributed, "external_id_unknown".into()),
            },
        }
        let is_stored = is_visible(self.play, landing, place);
        let report = self.read(place, call, (landing, attached.is_some()), place != number);
        let entered = report.and_then(|report| self.enter(report));
        if matches!(entered, Ok(_) | Err((Updated, _))) {
            self.counted.insert(number);
        }
        match entered {
            Err((verdict, code)) => (verdict, code.into()),
            Ok(apart) => {
                let lost = (!is_stored).then_some("click_not_stored");
                let code = apart.or(repair).or(lost).unwrap_or_default();
                (Verdict::Recorded, code.into())
            }
        }
    }

    /// The newest click before the call with the source's id it names.
    fn external(&self, place: usize, call: &Call) -> Option<usize> {
        let id = self.play.landings[call.landing].external_id.as_ref()?;
        let is_it = |l: &usize| {
            let of = &self.play.landings[*l];
            of.kind == RecordKind::Click
                && !of.is_bot
                && of.workspace == call.workspace
                && of.external_id.as_ref() == Some(id)
                && of.key.time_ms() <= call.at_ms
                && is_visible(self.play, *l, place)
        };
        (0..self.play.landings.len()).filter(is_it).max_by_key(|l| self.play.landings[*l].key)
    }

    /// The offer of a click as it stands: the last one a person went to, else the last one fetched, else
    /// the one it was routed to.
    fn offer(&self, place: usize, landing: usize) -> Option<ThingId> {
        let hops = |bots: bool| {
            self.play.ops[..place].iter().enumerate().filter_map(move |(at, op)| match op {
                Op::Hop { landing: l, offer: Some(offer), is_bot, .. } if *l == landing => {
                    let of = &self.play.landings[landing];
                    let is_bot = *is_bot || (of.is_bot && is_visible(self.play, landing, at));
                    (is_bot == bots).then_some(*offer)
                }
                // A hop without an offer of its own has that of its landing.
                Op::Hop { landing: l, offer: None, is_bot, .. } if *l == landing => {
                    let of = &self.play.landings[landing];
                    let is_visible = is_visible(self.play, landing, at);
                    let is_bot = *is_bot || (of.is_bot && is_visible);
                    of.offer.filter(|_| is_visible && is_bot == bots)
                }
                _ => None,
            })
        };
        let routed = self.play.landings[landing].offer;
        let routed = routed.filter(|_| is_visible(self.play, landing, place));
        hops(false).next_back().or_else(|| hops(true).next_back()).or(routed)
    }

    /// Whether the visitor was sent to an offer of the network that called.
    fn visited(&self, place: usize, landing: usize, network: Option<ThingId>) -> bool {
        let of = &self.play.landings[landing];
        let routed = |at| of.offer.filter(|_| is_visible(self.play, landing, at));
        let went = |(at, op): (usize, &Op)| match op {
            Op::Hop { landing: l, offer, .. } if *l == landing => offer.or(routed(at)),
            _ => None,
        };
        let hops = self.play.ops[..place].iter().enumerate().filter_map(went);
        let mut offers = hops.chain(routed(place));
        network.is_some() && offers.any(|offer| Some(network_of(offer)) == network)
    }

    /// The terms of a call, and what it says under them.
    fn read(
        &self,
        place: usize,
        call: &Call,
        (landing, is_attached): (usize, bool),
        is_again: bool,
    ) -> Result<Report, Otherwise> {
        let of = &self.play.landings[landing];
        admit(of, call, is_attached)?;
        let is_stored = is_visible(self.play, landing, place);
        let offer_now = self.offer(place, landing);
        let reads_own =
            !call.is_report && call.network.or(offer_now.map(network_of)) == Some(OWN_WORDS);
        let is_read = reads_own || !call.has_own_names;
        let txid = call.txid.clone().filter(|_| is_read);
        let kind = call.kind.unwrap_or("sale").to_lowercase();
        let is_own = |c: &&Conversion| c.key == of.key && c.kind == kind && c.txid == txid;
        let newest = self.conversions.iter().rfind(is_own);
        let offer = newest.map_or(offer_now, |c| c.slice.offer);
        let network = call.network.or(newest.and_then(|c| c.network)).or(offer.map(network_of));

        let is_known = call.is_pixel || call.is_trusted || call.is_report;
        if network == Some(STRICT) && (call.network.is_none() || is_again) && !is_known {
            return Err((Refused, "missing_key"));
        }
        let is_strict = call.network != Some(STRICT) && offer.map(network_of) == Some(STRICT);
        if is_strict && !is_known && !self.visited(place, landing, call.network) {
            return Err((Refused, "missing_key"));
        }
        let status = status_of(call, network)?;
        let own = own_currency(of.workspace);
        let (amount, currency) = money_of(call, is_read, offer, network, own)?;
        let is_elsewhere =
            |c: &Conversion| c.slice.workspace == of.workspace && c.txid == txid && c.key != of.key;
        if txid.is_some() && self.conversions.iter().any(is_elsewhere) {
            return Err((Refused, "txid_on_other_click"));
        }
        let fresh = Conversion {
            key: of.key,
            kind,
            txid,
            status,
            amount: amount.unwrap_or(0),
            currency,
            rate: rate(self.play.phase(place), of.workspace, currency, call.at_ms),
            network,
            slice: Slice { offer, ..base_slice(of, is_stored) },
            is_test: of.is_test && (is_stored || is_attached || call.id != IdForm::External),
            refunds: Vec::new(),
            made_ms: call.at_ms,
        };
        let (policy, event_id) = (policy_of(network), call.event_id);
        Ok(Report { fresh, amount, policy, event_id, is_again })
    }

    /// Enters a report among the conversions; whether the amount of a new one stands apart from sums.
    fn enter(&mut self, report: Report) -> Result<Option<&'static str>, Otherwise> {
        let event = report.event_id.map(|id| (report.fresh.key, report.fresh.kind.clone(), id));
        if event.as_ref().is_some_and(|event| self.events.contains(event)) {
            return Err((Duplicate, "repeated"));
        }
        let entered = self.weigh(report);
        if matches!(entered, Ok(_) | Err((Updated, _))) {
            self.events.extend(event);
        }
        entered
    }

    /// The same of a report whose event did not count yet.
    fn weigh(&mut self, report: Report) -> Result<Option<&'static str>, Otherwise> {
        let Report { fresh, amount, policy, event_id, is_again } = report;
        let is_own =
            |c: &Conversion| (c.key, &c.kind, &c.txid) == (fresh.key, &fresh.kind, &fresh.txid);
        let conversions = self.conversions.iter().enumerate();
        let own: Vec<usize> = conversions.filter(|(_, c)| is_own(c)).map(|(i, _)| i).collect();
        let newest = own.last().copied();
        if let Some(refund) = amount.filter(|amount| *amount < 0) {
            let newest = newest.ok_or((Refused, "reversal_of_nothing"))?;
            return Err(self.refund(
                &own,
                newest,
                (refund, fresh.currency),
                fresh,
                policy,
                is_again,
            ));
        }
        let target = if policy == RepeatPolicy::Every && fresh.txid.is_none() {
            let is_behind = |i: &&usize| stage(self.conversions[**i].status) < stage(fresh.status);
            let is_equal = |i: &&usize| {
                let c = &self.conversions[**i];
                (Some(c.amount), c.currency) == (amount, fresh.currency)
            };
            let behind = || own.iter().filter(is_behind);
            behind().find(is_equal).or_else(|| behind().next()).copied()
        } else if policy == RepeatPolicy::ByEventId && fresh.txid.is_none() && event_id.is_some() {
            None
        } else {
            newest.map(|newest| self.oldest_alike(&own, newest))
        };
        match target {
            Some(target) => Err(self.change(target, fresh, amount, policy, is_again)),
            None => {
                let is_apart = fresh.rate.is_none() && fresh.amount != 0;
                self.conversions.push(fresh);
                Ok(is_apart.then_some("currency_without_rate"))
            }
        }
    }

    /// Of conversions that are alike, the oldest changes.
    fn oldest_alike(&self, own: &[usize], one: usize) -> usize {
        let shape = |i: usize| {
            let c = &self.conversions[i];
            (c.status, c.currency, c.amount)
        };
        own.iter().copied().find(|i| shape(*i) == shape(one)).unwrap_or(one)
    }

    /// Takes money off a conversion, once.
    fn refund(
        &mut self,
        own: &[usize],
        newest: usize,
        refund: (i64, &'static str),
        fresh: Conversion,
        policy: RepeatPolicy,
        is_again: bool,
    ) -> Otherwise {
        if own.iter().any(|i| self.conversions[*i].refunds.contains(&refund)) {
            return (Duplicate, "repeated");
        }
        let stands = &mut self.conversions[newest];
        if stands.currency != refund.1 {
            return (Refused, "currency_differs");
        }
        // All of it, under a status that takes back: that is what becomes of the conversion.
        if stage(fresh.status) == 2 && stands.amount + refund.0 <= 0 {
            if stands.status == fresh.status {
                return (Duplicate, "repeated");
            }
            let oldest = self.oldest_alike(own, newest);
            return self.change(oldest, fresh, None, policy, is_again);
        }
        stands.amount += refund.0;
        stands.refunds.push(refund);
        (Updated, "reversal")
    }

    /// A report about a conversion that stands already.
    fn change(
        &mut self,
        target: usize,
        fresh: Conversion,
        amount: Option<i64>,
        policy: RepeatPolicy,
        is_again: bool,
    ) -> Otherwise {
        let stands = &mut self.conversions[target];
        let is_same_money =
            amount.is_none_or(|a| a == stands.amount && fresh.currency == stands.currency);
        let is_replaced = fresh.txid.is_some() || policy == RepeatPolicy::Update;
        let code = match policy {
            _ if stands.status != fresh.status => "status_changed",
            _ if is_replaced && is_same_money => return (Duplicate, "repeated"),
            _ if is_replaced => "amount_changed",
            RepeatPolicy::Add => {
                return match amount {
                    None | Some(0) => (Duplicate, "repeated"),
                    Some(_) if stands.currency != fresh.currency => (Refused, "currency_differs"),
                    Some(more) => {
                        stands.amount += more;
                        (Updated, "amount_changed")
                    }
                };
            }
            _ => return (Duplicate, "first_only"),
        };
        if is_again && stands.made_ms > fresh.made_ms {
            return (Duplicate, "overtaken");
        }
        // What changed is the newest from now on; everything else about it stays.
        let mut changed = self.conversions.remove(target);
        (changed.status, changed.made_ms) = (fresh.status, fresh.made_ms);
        if let Some(amount) = amount {
            // A conversion keeps the rate of its first report.
            if changed.currency != fresh.currency || changed.rate.is_none() {
                (changed.currency, changed.rate) = (fresh.currency, fresh.rate);
            }
            changed.amount = amount;
        }
        self.conversions.push(changed);
        (Updated, code)
    }
}
