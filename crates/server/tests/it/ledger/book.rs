//! What must come out, by the plainest means: conversions are objects that change, and every change takes the object
//! away as it was and puts it there as it is.

use super::play::{Amount, Call, IdForm, Op, Play, Visit, Way};
use super::world::{Campaign, KINDS, Policy, Price, World};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Verdict and code.
pub type Said = (&'static str, String);

/// A call as the inbox has it.
#[derive(Clone, Debug)]
pub struct Raw {
    pub number: u64,
    pub op: usize,
    /// Whom intake took for the sender.
    pub network: Option<u64>,
    /// When it came.
    pub received_ms: i64,
    /// When it happened.
    pub at_ms: i64,
    pub event_id: Option<String>,
}

/// A visit that was written down.
#[derive(Debug)]
pub struct Landed {
    pub id: String,
    pub at_ms: i64,
    pub offer: u64,
    /// Offers it was led to, and whether by a person.
    hops: Vec<(u64, bool)>,
}

/// A conversion as it stands.
#[derive(Clone, Debug)]
pub struct Conversion {
    pub visit: usize,
    pub kind: String,
    pub txid: Option<String>,
    pub status: &'static str,
    pub amount: i64,
    pub currency: &'static str,
    /// What one unit is worth, a fraction; none where nobody knows.
    rate: Option<(i128, i128)>,
    pub offer: u64,
    pub network: u64,
    pub p1: Option<usize>,
    /// The operation whose parameters it has.
    pub op: usize,
    made_ms: i64,
}

/// What a row of a report is added up from.
pub struct Line {
    pub visit: usize,
    pub conversion: Option<Rc<Conversion>>,
    pub offer: u64,
    pub network: u64,
    pub event_ms: i64,
    pub figures: Vec<(&'static str, i64)>,
}

pub struct Book<'a> {
    pub world: &'a World,
    pub play: &'a Play,
    /// Words of the network with own ones that were mapped in the course.
    pub mapped: HashMap<&'static str, &'static str>,
    pub rates: HashMap<&'static str, (i128, i128)>,
    pub landed: HashMap<usize, Landed>,
    /// Visits of people by an id that others gave them.
    carriers: HashMap<(&'static str, usize), Vec<usize>>,
    conversions: HashMap<usize, Vec<Conversion>>,
    visit_of_txid: HashMap<String, usize>,
    events: HashSet<(usize, String, String)>,
    refunds: HashSet<(usize, String, Option<String>, i64, &'static str)>,
    pub attached: HashMap<u64, usize>,
    pub lines: Vec<Line>,
}

/// A call that may count: the conversion it would be if it were new.
struct Report {
    fresh: Conversion,
    amount: Option<i64>,
    policy: Policy,
    default: Option<(i64, &'static str)>,
}

fn no<T>(verdict: &'static str, code: &str) -> Result<T, Said> {
    Err((verdict, code.to_owned()))
}

impl<'a> Book<'a> {
    pub fn new(world: &'a World, play: &'a Play) -> Self {
        Self {
            world,
            play,
            mapped: HashMap::new(),
            rates: HashMap::from([("USD", (1, 1)), ("EUR", (10_823, 10_000))]),
            landed: HashMap::new(),
            carriers: HashMap::new(),
            conversions: HashMap::new(),
            visit_of_txid: HashMap::new(),
            events: HashSet::new(),
            refunds: HashSet::new(),
            attached: HashMap::new(),
            lines: Vec::new(),
        }
    }

    pub fn visit(&self, op: usize) -> &'a Visit {
        let Op::Visit(visit) = &self.play.ops[op] else { panic!("{op} is no visit") };
        visit
    }

    pub fn campaign(&self, op: usize) -> &'a Campaign {
        &self.world.campaigns[self.visit(op).campaign]
    }

    pub fn land(&mut self, op: usize, id: String, at_ms: i64, offer: u64) {
        let (visit, campaign) = (self.visit(op), self.campaign(op));
        let is_bot = visit.agent == 3;
        let kind = match (visit.is_test, is_bot) {
            (true, _) => "test_clicks",
            (false, true) => "bot_clicks",
            (false, false) => "clicks",
        };
        let mut figures = vec![(kind, 1)];
        let seen = kind == "clicks" && campaign.lander.is_some();
        figures.extend(seen.then_some(("lander_views", 1)));
        let of_link = visit.cost.map(|cost| {
            let currency = if campaign.source.is_some() { "EUR" } else { "USD" };
            worth(cost, self.rates[currency])
        });
        let of_model = match campaign.price {
            Price::Click(amount) => Some(amount),
            _ => None,
        };
        figures.extend(of_link.or(of_model).map(|cost| ("cost", cost)));
        for (kind, id) in [("external", visit.external), ("gclid", visit.gclid)] {
            let id = id.filter(|_| !is_bot);
            id.into_iter().for_each(|id| self.carriers.entry((kind, id)).or_default().push(op));
        }
        let network = self.world.network_of(offer);
        self.lines.push(Line {
            visit: op,
            conversion: None,
            offer,
            network,
            event_ms: at_ms,
            figures,
        });
        self.landed.insert(op, Landed { id, at_ms, offer, hops: Vec::new() });
    }

    pub fn hop(&mut self, op: usize, offer: u64, event_ms: i64) {
        let visit = self.visit(op);
        let is_bot = visit.agent == 3;
        self.landed.get_mut(&op).unwrap().hops.push((offer, !is_bot));
        let counts = !is_bot && !visit.is_test;
        let figures = counts.then_some(("lander_clicks", 1)).into_iter().collect();
        let network = self.world.network_of(offer);
        self.lines.push(Line { visit: op, conversion: None, offer, network, event_ms, figures });
    }

    /// The verdict of a call, and what it changes. `is_again` when it was judged before.
    pub fn hear(&mut self, raw: &Raw, is_again: bool) -> Said {
        let Op::Call(call) = &self.play.ops[raw.op] else { panic!("{raw:?} is no call") };
        let (visit, repair) = match self.named(raw, call) {
            Ok(named) => named,
            Err(said) => return said,
        };
        let done = self.read(raw, call, visit).and_then(|report| self.enter(raw, report, is_again));
        match done {
            Err(said) => said,
            Ok(apart) => ("recorded", apart.or(repair).unwrap_or_default().to_owned()),
        }
    }

    fn named(&self, raw: &Raw, call: &Call) -> Result<(usize, Option<&'static str>), Said> {
        if let Some(visit) = self.attached.get(&raw.number) {
            return Ok((*visit, None));
        }
        let is_known_strict = raw.network == Some(self.world.strict);
        if is_known_strict {
            self.check_key(self.world.strict, call, raw.op)?;
        }
        let newest = |kind| {
            let carriers = self.carriers.get(&(kind, call.visit % 220)).into_iter().flatten();
            let before = carriers.filter(|op| self.landed[*op].at_ms <= raw.at_ms);
            before.max_by_key(|op| &self.landed[*op].id).copied()
        };
        let found = match call.id {
            IdForm::Exact | IdForm::UpperCase | IdForm::OursAsExternal | IdForm::Cookie => {
                (call.visit, None)
            }
            IdForm::Truncated => (call.visit, Some("click_id_truncated")),
            IdForm::Altered => (call.visit, Some("click_id_altered")),
            IdForm::Wrapped => (call.visit, Some("click_id_wrapped")),
            IdForm::Forged => return no("unattributed", "click_id_unverified"),
            IdForm::Malformed => return no("unattributed", "click_id_malformed"),
            IdForm::Macro => return no("unattributed", "click_id_unexpanded"),
            IdForm::Missing => return no("unattributed", "click_id_missing"),
            IdForm::External => match newest("external") {
                Some(visit) => (visit, None),
                None => return no("unattributed", "external_id_unknown"),
            },
            IdForm::Gclid => match newest("gclid") {
                Some(visit) => (visit, None),
                None => return no("unattributed", "platform_id_unknown"),
            },
        };
        let landed_ms = self.landed[&found.0].at_ms;
        // A busy server gives ids out a moment ahead of its clock, and no part of one is proof of a click to come.
        let is_part = matches!(call.id, IdForm::Truncated | IdForm::Altered);
        if is_part && landed_ms > raw.received_ms {
            return no("unattributed", "click_id_unverified");
        }
        if landed_ms - raw.at_ms > 60_000 {
            return no("unattributed", "click_id_in_future");
        }
        Ok(found)
    }

    fn check_key(&self, network: u64, call: &Call, op: usize) -> Result<(), Said> {
        if !self.world.networks[&network].is_strict || !self.play.ways[op].is_postback() {
            return Ok(());
        }
        match self.key(call, op) {
            None => no("refused", "missing_key"),
            Some(key) if key != super::world::STRICT_KEY => no("refused", "wrong_key"),
            Some(_) => Ok(()),
        }
    }

    /// The key of a call; all calls of a batch come with that of the first.
    fn key(&self, call: &Call, op: usize) -> Option<&'static str> {
        if self.play.ways[op] != Way::Batch {
            return call.key;
        }
        match &self.play.ops[self.play.firsts[op]] {
            Op::Call(first) => first.key,
            _ => None,
        }
    }

    /// Where the visitor went last, a person before a program.
    fn offer(&self, visit: usize) -> u64 {
        let landed = &self.landed[&visit];
        let last = |person| landed.hops.iter().rfind(|(_, is_person)| *is_person == person);
        last(true).or_else(|| last(false)).map_or(landed.offer, |(offer, _)| *offer)
    }

    /// What a call says under the terms of its conversion.
    fn read(&self, raw: &Raw, call: &Call, visit: usize) -> Result<Report, Said> {
        let world = self.world;
        let is_report = self.play.ways[raw.op].is_report();
        let offer_now = self.offer(visit);
        let read_as = raw.network.unwrap_or(world.network_of(offer_now));
        let is_read = !call.has_own_names || (world.networks[&read_as].has_own_names && !is_report);
        let txid = call.txid.clone().filter(|_| is_read);
        let word = call.kind.unwrap_or("sale").to_lowercase();
        let known = KINDS.iter().find(|(_, words, _, _)| words.contains(&word.as_str()));
        let kind = known.map_or(word, |(name, ..)| (*name).to_owned());
        let standing = self.standing(visit, &kind, &txid);
        let newest = standing.last().map(|place| &self.conversions[&visit][*place]);
        let offer = newest.map_or(offer_now, |c| c.offer);
        let of_offer = world.network_of(offer);
        let network = raw.network.or(newest.map(|c| c.network)).unwrap_or(of_offer);
        self.check_key(network, call, raw.op)?;
        self.check_key(of_offer, call, raw.op)?;
        let status = self.status(call, network)?;
        let (amount, currency) = money(call, is_read, world.offers[&offer].fixed)?;
        if let Some(txid) = &txid
            && self.visit_of_txid.get(txid).is_some_and(|first| *first != visit)
        {
            return no("refused", "txid_on_other_click");
        }
        let policy = known.map_or(world.networks[&network].policy, |(_, _, policy, _)| *policy);
        let fresh = Conversion {
            visit,
            kind,
            txid,
            status,
            amount: amount.unwrap_or(0),
            currency,
            rate: self.rates.get(currency).copied(),
            offer,
            network,
            p1: call.p1,
            op: raw.op,
            made_ms: raw.at_ms,
        };
        Ok(Report { fresh, amount, policy, default: known.and_then(|(_, _, _, payout)| *payout) })
    }

    fn status(&self, call: &Call, network: u64) -> Result<&'static str, Said> {
        let has_own = self.world.networks[&network].has_own_names;
        Ok(match call.status {
            None | Some("approved") => "approved",
            Some("pending" | "Pending" | "lead") => "pending",
            Some("rejected" | "declined") => "rejected",
            Some("refund") => "chargeback",
            Some("wait") if has_own => "pending",
            Some("ok") if has_own => "approved",
            Some(word) => match self.mapped.get(word).filter(|_| has_own) {
                Some(status) => status,
                None => return no("held", "status_unmapped"),
            },
        })
    }

    /// Places of the conversions with this type and transaction, oldest first.
    fn standing(&self, visit: usize, kind: &str, txid: &Option<String>) -> Vec<usize> {
        let all = self.conversions.get(&visit).map_or(&[][..], Vec::as_slice);
        let is_it = |(_, c): &(usize, &Conversion)| c.kind == kind && c.txid == *txid;
        all.iter().enumerate().filter(is_it).map(|(place, _)| place).collect()
    }

    /// Enters a report; whether a new one's amount stands apart from sums.
    fn enter(
        &mut self,
        raw: &Raw,
        report: Report,
        is_again: bool,
    ) -> Result<Option<&'static str>, Said> {
        let Report { mut fresh, amount, policy, default } = report;
        let visit = fresh.visit;
        let event = raw.event_id.clone().map(|event| (visit, fresh.kind.clone(), event));
        if event.as_ref().is_some_and(|event| self.events.contains(event)) {
            return no("duplicate", "repeated");
        }
        let standing = self.standing(visit, &fresh.kind, &fresh.txid);
        let all = self.conversions.entry(visit).or_default();
        let target = if fresh.txid.is_some() || amount.is_some_and(|amount| amount < 0) {
            standing.last().copied()
        } else if policy == Policy::Every {
            let stage =
                |status| ["pending", "approved"].iter().position(|s| *s == status).unwrap_or(2);
            let behind = |place: &&usize| stage(all[**place].status) < stage(fresh.status);
            let alike = |place: &&usize| {
                let c = &all[**place];
                Some(c.amount) == amount && c.currency == fresh.currency
            };
            let behind: Vec<usize> = standing.iter().filter(behind).copied().collect();
            behind.iter().find(alike).or(behind.first()).copied()
        } else if policy == Policy::ByEventId && event.is_some() {
            None
        } else {
            standing.last().copied()
        };
        let Some(place) = target else {
            if amount.is_some_and(|amount| amount < 0) {
                return no("refused", "reversal_of_nothing");
            }
            if let (None, Some((amount, currency))) = (amount, default) {
                (fresh.amount, fresh.currency) = (amount, currency);
                fresh.rate = self.rates.get(currency).copied();
            }
            let apart =
                (fresh.rate.is_none() && fresh.amount != 0).then_some("currency_without_rate");
            all.push(fresh.clone());
            self.remember(event, &fresh);
            self.change(None, Some(fresh), raw.at_ms);
            return Ok(apart);
        };
        // Of conversions that are alike, the oldest changes; an amount alone changes the newest's.
        let newest = all[place].clone();
        let alike = |c: &Conversion| {
            (c.status, c.currency, c.amount) == (newest.status, newest.currency, newest.amount)
        };
        let oldest = standing.iter().copied().find(|i| alike(&all[*i])).unwrap_or(place);
        let is_replaced = changed(&newest, &fresh, amount, policy).is_ok_and(|(.., is)| is);
        let place = if is_replaced { oldest } else { place };
        let before = all[place].clone();
        let refund =
            (visit, before.kind.clone(), before.txid.clone(), fresh.amount, fresh.currency);
        if self.refunds.contains(&refund) {
            return no("duplicate", "repeated");
        }
        let (after, code, is_replaced) = changed(&before, &fresh, amount, policy)?;
        if code == "reversal" {
            self.refunds.insert(refund);
        }
        let all = self.conversions.entry(visit).or_default();
        if !is_replaced {
            // Its amount alone changed: it keeps its place.
            all[place] = after.clone();
        } else if is_again && before.made_ms > raw.at_ms {
            return no("duplicate", "overtaken");
        } else {
            all.remove(place);
            all.push(after.clone());
        }
        self.remember(event, &after);
        self.change(Some(before), Some(after), raw.at_ms);
        no("updated", code)
    }

    fn remember(&mut self, event: Option<(usize, String, String)>, conversion: &Conversion) {
        self.events.extend(event);
        if let Some(txid) = &conversion.txid {
            self.visit_of_txid.entry(txid.clone()).or_insert(conversion.visit);
        }
    }

    /// Takes away what was, and puts what is.
    fn change(&mut self, before: Option<Conversion>, after: Option<Conversion>, event_ms: i64) {
        for (sign, conversion) in [(-1, before), (1, after)] {
            let Some(conversion) = conversion else { continue };
            let mut figures = self.figures(&conversion);
            figures.iter_mut().for_each(|(_, figure)| *figure *= sign);
            let Conversion { visit, offer, network, .. } = conversion;
            let conversion = Some(Rc::new(conversion));
            self.lines.push(Line { visit, conversion, offer, network, event_ms, figures });
        }
    }

    fn figures(&self, conversion: &Conversion) -> Vec<(&'static str, i64)> {
        let revenue = conversion.rate.map_or(0, |rate| worth(conversion.amount, rate));
        let counts = matches!(conversion.status, "pending" | "approved");
        let mut figures = Vec::new();
        if !self.visit(conversion.visit).is_test {
            figures.extend(match conversion.status {
                "pending" => [("conversions_pending", 1), ("revenue_pending", revenue)],
                "approved" => [("conversions_approved", 1), ("revenue", revenue)],
                "rejected" => [("conversions_rejected", 1), ("revenue_rejected", revenue)],
                _ => [("conversions_chargeback", 1), ("revenue_rejected", 0)],
            });
            figures.extend(counts.then_some(("conversions", 1)));
        }
        let cost = match self.campaign(conversion.visit).price {
            _ if self.visit(conversion.visit).cost.is_some() => 0,
            Price::Conversion(amount) if counts => amount,
            Price::Lead(amount) if counts && conversion.kind == "lead" => amount,
            Price::Share(share) if conversion.status == "approved" => {
                worth(revenue, (share.into(), 100_000_000))
            }
            _ => 0,
        };
        figures.push(("cost", cost));
        figures
    }

    /// The conversions of a visit, for a story.
    pub fn of(&self, visit: usize) -> &[Conversion] {
        self.conversions.get(&visit).map_or(&[], Vec::as_slice)
    }
}

/// A conversion after a further report about it.
fn changed(
    before: &Conversion,
    fresh: &Conversion,
    amount: Option<i64>,
    policy: Policy,
) -> Result<(Conversion, &'static str, bool), Said> {
    let mut after = before.clone();
    if let Some(refund) = amount.filter(|amount| *amount < 0) {
        if before.currency != fresh.currency {
            return no("refused", "currency_differs");
        }
        let takes_back = matches!(fresh.status, "rejected" | "chargeback");
        if takes_back && before.amount + refund <= 0 {
            // All of it: that is what becomes of the conversion.
            return match before.status == fresh.status {
                true => no("duplicate", "repeated"),
                false => changed(before, fresh, None, policy),
            };
        }
        after.amount += refund;
        return Ok((after, "reversal", false));
    }
    let is_same_money =
        amount.is_none_or(|a| a == before.amount && fresh.currency == before.currency);
    let is_replaced = fresh.txid.is_some() || policy == Policy::Update;
    let code = match (amount, policy) {
        _ if before.status != fresh.status => "status_changed",
        _ if is_replaced && is_same_money => return no("duplicate", "repeated"),
        _ if is_replaced => "amount_changed",
        (None | Some(0), Policy::Add) => return no("duplicate", "repeated"),
        (Some(_), Policy::Add) if before.currency != fresh.currency => {
            return no("refused", "currency_differs");
        }
        (Some(more), Policy::Add) => {
            after.amount += more;
            return Ok((after, "amount_changed", false));
        }
        _ => return no("duplicate", "first_only"),
    };
    after.status = fresh.status;
    (after.op, after.made_ms) = (fresh.op, fresh.made_ms);
    after.p1 = fresh.p1.or(before.p1);
    if let Some(amount) = amount {
        // A conversion keeps the rate of its first report.
        if before.currency != fresh.currency || before.rate.is_none() {
            (after.currency, after.rate) = (fresh.currency, fresh.rate);
        }
        after.amount = amount;
    }
    Ok((after, code, true))
}

/// Amount and currency, as sent or as the offer has them.
fn money(
    call: &Call,
    is_read: bool,
    fixed: Option<(i64, &'static str)>,
) -> Result<(Option<i64>, &'static str), Said> {
    let sent = match call.amount {
        _ if !is_read => Ok(None),
        Amount::Absent => Ok(None),
        Amount::Sent(micro) | Amount::Comma(micro) => Ok(Some(micro)),
        Amount::Thousands => Err("payout_ambiguous"),
        Amount::Literal => Err("payout_unexpanded"),
        Amount::Word => Err("payout_not_a_number"),
        Amount::Huge => Err("payout_too_large"),
    };
    if let Some((amount, currency)) = fixed {
        let is_reversal = matches!(sent, Ok(Some(sent)) if sent < 0);
        return Ok((Some(if is_reversal { -amount } else { amount }), currency));
    }
    let currency = match call.currency {
        None | Some("USD") => "USD",
        Some("eur" | "EUR") => "EUR",
        Some("GBP") => "GBP",
        Some(_) => return no("refused", "currency_unknown"),
    };
    match sent {
        Ok(amount) => Ok((amount, currency)),
        Err(code) => no("refused", code),
    }
}

/// Rounded to the nearest, to the even one between two.
fn worth(micro: i64, (numerator, denominator): (i128, i128)) -> i64 {
    let twice = 2 * i128::from(micro.abs()) * numerator;
    let (down, rest) = (twice / (2 * denominator), twice % (2 * denominator));
    let up = rest > denominator || (rest == denominator && down % 2 == 1);
    (down + i128::from(up)) as i64 * micro.signum()
}
