//! The conversion ledger: what a report of a conversion adds to what is already known. Pure.
//!
//! Entries are signed and never changed. A conversion that moves from pending to approved is a
//! reversal of what stood plus a new entry, so every figure of a report is a plain sum.
//!
//! A conversion has one rate, that of its first report: what changes it later is converted by the same
//! one, so that what is taken back is what was added, whatever rates have become.

use crate::reason::Reason;
use crate::worth::Worth;
use model::event::Verdict;
use model::money::{Currency, MoneyError};
use model::thing::{RepeatPolicy, Status};

/// One entry: how many conversions and how much money it adds under a status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1 adds a conversion, −1 takes one back, 0 changes the amount alone.
    pub count: i64,
    /// Micro-units of `currency`, signed.
    pub amount: i64,
    /// What its conversion amounted to before.
    pub before: i64,
    /// The currency of the amount.
    pub currency: Currency,
    /// What it is worth in the workspace's currency.
    pub worth: Worth,
    /// The moment as of which that is, Unix milliseconds.
    pub worth_at_ms: i64,
    /// Micro-units that it adds to sums, signed.
    pub summed: i64,
    /// Under which status.
    pub status: Status,
    /// The conversion's type.
    pub kind: String,
    /// Its transaction id; absent is not empty.
    pub txid: Option<String>,
    /// The sender's id of the event it comes from.
    pub event_id: Option<String>,
}

/// A conversion as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// Its type.
    pub kind: String,
    /// Its transaction id.
    pub txid: Option<String>,
    /// The sender's id of the event.
    pub event_id: Option<String>,
    /// Its status.
    pub status: Status,
    /// Its amount in micro-units of `currency`, when one was sent or is fixed.
    pub amount: Option<i64>,
    /// The currency of the amount.
    pub currency: Currency,
    /// What amounts in that currency are worth now.
    pub worth: Worth,
    /// Now, Unix milliseconds.
    pub worth_at_ms: i64,
}

/// What a report adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// The entry.
    pub entry: Entry,
    /// The entry of the history whose conversion it changes, and whose fields it therefore has.
    pub changes: Option<usize>,
}

/// What a report comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What became of it.
    pub verdict: Verdict,
    /// Why, when there is something to say.
    pub reason: Option<Reason>,
    /// What it adds to the ledger.
    pub additions: Vec<Addition>,
}

/// A conversion as it stands after all that was reported about it.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// The entry that made it what it is.
    entry: usize,
    amount: i64,
    summed: i64,
    currency: Currency,
    worth: Worth,
    worth_at_ms: i64,
    status: Status,
}

/// Holds a report against the click's ledger so far, in order.
pub fn judge(history: &[Entry], incoming: Incoming, policy: RepeatPolicy) -> Judgement {
    let is_same_event = |e: &Entry| e.kind == incoming.kind && e.event_id == incoming.event_id;
    if incoming.event_id.is_some() && history.iter().any(is_same_event) {
        return nothing(Verdict::Duplicate, Reason::Repeated);
    }
    let standing = standing(history, &incoming.kind, incoming.txid.as_deref());
    let is_negative = incoming.amount.is_some_and(|amount| amount < 0);
    let Some(newest) = standing.last() else {
        return if is_negative {
            nothing(Verdict::Refused, Reason::ReversalOfNothing)
        } else {
            recorded(incoming)
        };
    };
    if is_negative {
        return reverse(history, &standing, newest, incoming);
    }
    let is_each_event = policy == RepeatPolicy::ByEventId && incoming.event_id.is_some();
    let changed = match incoming.txid {
        None if is_each_event => None,
        None if policy == RepeatPolicy::Every => moved(&standing, &incoming),
        _ => Some(oldest_alike(&standing, newest)),
    };
    match changed {
        None => recorded(incoming),
        Some(changed) if changed.status != incoming.status => {
            replace(changed, incoming, Reason::StatusChanged)
        }
        Some(changed) => repeat(changed, incoming, policy),
    }
}

/// The entry of `history` that made the newest conversion with this type and transaction id what it is.
pub fn conversion_of(history: &[Entry], kind: &str, txid: Option<&str>) -> Option<usize> {
    standing(history, kind, txid).last().map(|conversion| conversion.entry)
}

/// The conversions with this type and transaction id, oldest first; more than one only where each
/// call without a transaction id is a conversion of its own.
fn standing(history: &[Entry], kind: &str, txid: Option<&str>) -> Vec<Standing> {
    let mut standing: Vec<Standing> = Vec::new();
    for (place, entry) in own(history, kind, txid) {
        let Entry { amount, summed, currency, worth, worth_at_ms, status, .. } = *entry;
        if entry.count > 0 {
            let entry = place;
            standing.push(Standing { entry, amount, summed, currency, worth, worth_at_ms, status });
        } else if let Some(changed) = changed_among(&standing, entry) {
            if entry.count < 0 {
                standing.remove(changed);
            } else if let Some(changed) = standing.get_mut(changed) {
                changed.amount = changed.amount.saturating_add(amount);
                changed.summed = changed.summed.saturating_add(summed);
            }
        }
    }
    standing
}

/// Which conversion an entry that adds none is about: a reversal takes all of one back.
fn changed_among(standing: &[Standing], entry: &Entry) -> Option<usize> {
    let is_like = |c: &Standing| c.status == entry.status && c.currency == entry.currency;
    if entry.count == 0 {
        return standing.iter().rposition(is_like);
    }
    standing.iter().position(|c| is_like(c) && c.amount.saturating_add(entry.amount) == 0)
}

/// The entry of `history` that made the conversion which `entry`, behind them, changes; none for one that adds a
/// conversion.
pub fn changed_by(history: &[Entry], entry: &Entry) -> Option<usize> {
    let standing = standing(history, &entry.kind, entry.txid.as_deref());
    let changed = changed_among(&standing, entry).filter(|_| entry.count <= 0);
    changed.map(|changed| standing[changed].entry)
}

/// The oldest of the conversions that nothing tells from this one: what is taken back is taken from it, as whoever reads
/// the entries later finds it.
fn oldest_alike<'a>(all: &'a [Standing], one: &'a Standing) -> &'a Standing {
    let is_alike =
        |c: &&Standing| (c.status, c.currency, c.amount) == (one.status, one.currency, one.amount);
    all.iter().find(is_alike).unwrap_or(one)
}

/// Entries with this type and transaction id, with their places.
fn own<'a>(
    history: &'a [Entry],
    kind: &'a str,
    txid: Option<&'a str>,
) -> impl Iterator<Item = (usize, &'a Entry)> {
    let is_own = move |e: &Entry| e.kind == kind && e.txid.as_deref() == txid;
    history.iter().enumerate().filter(move |(_, entry)| is_own(entry))
}

/// The conversion that a report without transaction id moves on where each call is a conversion of its
/// own: one further back on the way pending, approved, taken back; of the same amount if there is one,
/// else the oldest.
fn moved<'a>(standing: &'a [Standing], incoming: &Incoming) -> Option<&'a Standing> {
    let stage = |status| match status {
        Status::Pending => 0,
        Status::Approved => 1,
        Status::Rejected | Status::Chargeback => 2,
    };
    let mut behind = standing.iter().filter(|c| stage(c.status) < stage(incoming.status));
    let is_same =
        |c: &&Standing| Some(c.amount) == incoming.amount && c.currency == incoming.currency;
    behind.clone().find(is_same).or_else(|| behind.next())
}

/// A negative amount takes money off, once: networks repeat their calls. One that takes all of it, under a
/// status that says so, moves the conversion to that status.
fn reverse(
    history: &[Entry],
    all: &[Standing],
    standing: &Standing,
    incoming: Incoming,
) -> Judgement {
    let amount = incoming.amount.unwrap_or(0);
    let is_repeated = own(history, &incoming.kind, incoming.txid.as_deref())
        .any(|(_, e)| e.count == 0 && e.amount == amount && e.currency == incoming.currency);
    if is_repeated {
        return nothing(Verdict::Duplicate, Reason::Repeated);
    }
    let is_end = matches!(incoming.status, Status::Rejected | Status::Chargeback)
        && incoming.currency == standing.currency
        && standing.amount.saturating_add(amount) <= 0;
    if is_end && incoming.status == standing.status {
        return nothing(Verdict::Duplicate, Reason::Repeated);
    }
    if is_end {
        let incoming = Incoming { amount: None, ..incoming };
        return replace(oldest_alike(all, standing), incoming, Reason::StatusChanged);
    }
    add_up(standing, incoming, Reason::Reversal)
}

/// Changes the amount of what stands by that of the report.
fn add_up(standing: &Standing, incoming: Incoming, reason: Reason) -> Judgement {
    let Standing { entry, amount, currency, worth, worth_at_ms, status, .. } = *standing;
    if incoming.currency != currency {
        return nothing(Verdict::Refused, Reason::CurrencyDiffers);
    }
    let incoming = Incoming { status, worth, worth_at_ms, ..incoming };
    match incoming.entry(0, amount) {
        Some(added) => updated(reason, vec![Addition { entry: added, changes: Some(entry) }]),
        None => too_large(),
    }
}

/// Takes back what stands and puts the report in its place; an amount that was not sent stays, and one
/// in the same currency keeps the rate.
fn replace(standing: &Standing, mut incoming: Incoming, reason: Reason) -> Judgement {
    let Standing { entry, amount, summed, currency, worth, worth_at_ms, status } = *standing;
    if incoming.amount.is_none() {
        incoming = Incoming { amount: Some(amount), currency, worth, worth_at_ms, ..incoming };
    } else if incoming.currency == currency && keeps(worth, incoming.worth) {
        incoming = Incoming { worth, worth_at_ms, ..incoming };
    }
    let reversal = Entry {
        count: -1,
        amount: amount.saturating_neg(),
        before: amount,
        currency,
        worth,
        worth_at_ms,
        summed: summed.saturating_neg(),
        status,
        kind: incoming.kind.clone(),
        txid: incoming.txid.clone(),
        event_id: incoming.event_id.clone(),
    };
    match incoming.entry(1, 0) {
        Some(new) => {
            let both = [reversal, new];
            updated(
                reason,
                both.map(|added| Addition { entry: added, changes: Some(entry) }).into(),
            )
        }
        None => too_large(),
    }
}

/// Whether a conversion keeps the rate it has. One that stood apart takes a rate that there is now; and
/// none is kept of a currency that the workspace has made its own since.
fn keeps(standing: Worth, now: Worth) -> bool {
    matches!((standing, now), (Worth::At(_), Worth::At(_) | Worth::Apart))
}

/// The same type, transaction and status again.
fn repeat(standing: &Standing, incoming: Incoming, policy: RepeatPolicy) -> Judgement {
    let same_money = incoming
        .amount
        .is_none_or(|a| a == standing.amount && incoming.currency == standing.currency);
    match (incoming.txid.is_some(), policy) {
        (true, _) | (false, RepeatPolicy::Update) if same_money => {
            nothing(Verdict::Duplicate, Reason::Repeated)
        }
        (true, _) | (false, RepeatPolicy::Update) => {
            replace(standing, incoming, Reason::AmountChanged)
        }
        (false, RepeatPolicy::Every) => recorded(incoming),
        (false, RepeatPolicy::Add) if incoming.amount.is_none_or(|amount| amount == 0) => {
            nothing(Verdict::Duplicate, Reason::Repeated)
        }
        (false, RepeatPolicy::Add) => add_up(standing, incoming, Reason::AmountChanged),
        (false, RepeatPolicy::FirstOnly | RepeatPolicy::ByTxid | RepeatPolicy::ByEventId) => {
            nothing(Verdict::Duplicate, Reason::FirstOnly)
        }
    }
}

impl Incoming {
    /// What it adds to a conversion that amounted to `before`; none when no sum can hold that.
    fn entry(self, count: i64, before: i64) -> Option<Entry> {
        let Self { kind, txid, event_id, status, amount, currency, worth, worth_at_ms } = self;
        let amount = amount.unwrap_or(0);
        // All of it is taken back with its sign turned, should the conversion change.
        Worth::Own.added(before, amount)?;
        let summed = worth.added(before, amount)?;
        Some(Entry {
            count,
            amount,
            before,
            currency,
            worth,
            worth_at_ms,
            summed,
            status,
            kind,
            txid,
            event_id,
        })
    }
}

fn nothing(verdict: Verdict, reason: Reason) -> Judgement {
    Judgement { verdict, reason: Some(reason), additions: Vec::new() }
}

fn too_large() -> Judgement {
    nothing(Verdict::Refused, Reason::Payout(MoneyError::TooLarge))
}

fn recorded(incoming: Incoming) -> Judgement {
    let Some(entry) = incoming.entry(1, 0) else { return too_large() };
    let additions = vec![Addition { entry, changes: None }];
    Judgement { verdict: Verdict::Recorded, reason: None, additions }
}

fn updated(reason: Reason, additions: Vec<Addition>) -> Judgement {
    Judgement { verdict: Verdict::Updated, reason: Some(reason), additions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn report(txid: Option<&str>, status: Status, amount: Option<i64>) -> Incoming {
        let txid = txid.map(str::to_owned);
        Incoming {
            kind: "sale".into(),
            txid,
            event_id: None,
            status,
            amount,
            currency: Currency::USD,
            worth: Worth::Own,
            worth_at_ms: 0,
        }
    }

    /// The same in euro, at a rate of then.
    fn in_euro(report: Incoming, rate: Option<&str>, worth_at_ms: i64) -> Incoming {
        let worth = rate.map_or(Worth::Apart, |rate| Worth::At(rate.parse().unwrap()));
        Incoming { currency: Currency::EUR, worth, worth_at_ms, ..report }
    }

    fn summed(ledger: &[Entry], status: Status) -> i64 {
        ledger.iter().filter(|e| e.status == status).map(|e| e.summed).sum()
    }

    /// Plays reports one after another; the verdicts and the ledger they lead to.
    fn play(reports: &[Incoming], policy: RepeatPolicy) -> (Vec<Verdict>, Vec<Entry>) {
        let mut ledger = Vec::new();
        let mut verdicts = Vec::new();
        for report in reports {
            let judgement = judge(&ledger, report.clone(), policy);
            verdicts.push(judgement.verdict);
            ledger.extend(judgement.additions.into_iter().map(|added| added.entry));
        }
        (verdicts, ledger)
    }

    fn sums(ledger: &[Entry], status: Status) -> (i64, i64) {
        let under = ledger.iter().filter(|e| e.status == status);
        under.fold((0, 0), |(count, amount), e| (count + e.count, amount + e.amount))
    }

    use Status::{Approved, Pending, Rejected};
    use Verdict::{Duplicate, Recorded, Refused, Updated};

    #[test]
    fn a_conversion_moves_between_statuses_by_reversal_and_new_entry() {
        let reports = [
            report(Some("T"), Pending, Some(5)),
            report(Some("T"), Approved, None),
            report(Some("T"), Approved, Some(5)),
            report(Some("T"), Rejected, None),
            report(Some("T"), Approved, Some(7)),
        ];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Recorded, Updated, Duplicate, Updated, Updated]);
        assert_eq!(sums(&ledger, Pending), (0, 0));
        assert_eq!(sums(&ledger, Rejected), (0, 0));
        assert_eq!(sums(&ledger, Approved), (1, 7));
    }

    #[test]
    fn transaction_ids_are_conversions_of_their_own_and_absent_is_not_empty() {
        let reports = [
            report(Some("A"), Approved, Some(1)),
            report(Some("B"), Approved, Some(2)),
            report(None, Approved, Some(4)),
            report(Some("A"), Approved, Some(1)),
            report(None, Approved, Some(4)),
        ];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Recorded, Recorded, Recorded, Duplicate, Duplicate]);
        assert_eq!(sums(&ledger, Approved), (3, 7));
    }

    #[test]
    fn the_repeat_policy_decides_without_a_transaction_id() {
        let twice = [report(None, Approved, Some(3)), report(None, Approved, Some(5))];
        for (policy, verdict, expected) in [
            (RepeatPolicy::FirstOnly, Duplicate, (1, 3)),
            (RepeatPolicy::ByTxid, Duplicate, (1, 3)),
            (RepeatPolicy::Every, Recorded, (2, 8)),
            (RepeatPolicy::Update, Updated, (1, 5)),
            (RepeatPolicy::Add, Updated, (1, 8)),
        ] {
            let (verdicts, ledger) = play(&twice, policy);
            assert_eq!((verdicts[1], sums(&ledger, Approved)), (verdict, expected), "{policy:?}");
        }
    }

    #[test]
    fn an_event_counts_once_whatever_the_policy_and_can_be_a_conversion_of_its_own() {
        let event =
            |id: &str| Incoming { event_id: Some(id.into()), ..report(None, Approved, Some(3)) };
        let events = [event("a"), event("a"), event("b"), event("a")];
        for (policy, verdicts, expected) in [
            (RepeatPolicy::FirstOnly, [Recorded, Duplicate, Duplicate, Duplicate], (1, 3)),
            (RepeatPolicy::Every, [Recorded, Duplicate, Recorded, Duplicate], (2, 6)),
            (RepeatPolicy::Add, [Recorded, Duplicate, Updated, Duplicate], (1, 6)),
            (RepeatPolicy::ByEventId, [Recorded, Duplicate, Recorded, Duplicate], (2, 6)),
        ] {
            let (said, ledger) = play(&events, policy);
            assert_eq!(
                (&said[..], sums(&ledger, Approved)),
                (&verdicts[..], expected),
                "{policy:?}"
            );
        }
    }

    #[test]
    fn of_conversions_that_are_alike_each_is_taken_back_once() {
        let sale = report(None, Approved, Some(3));
        let (refund, gone) =
            (report(None, Status::Chargeback, Some(-3)), report(None, Rejected, None));
        let (mut ledger, mut taken_back) = (Vec::new(), Vec::new());
        for report in [sale.clone(), sale, refund, gone] {
            let judgement = judge(&ledger, report, RepeatPolicy::Every);
            let back = judgement.additions.iter().filter(|added| added.entry.count < 0);
            taken_back.extend(back.filter_map(|added| added.changes));
            ledger.extend(judgement.additions.into_iter().map(|added| added.entry));
        }
        let once: std::collections::HashSet<_> = taken_back.iter().collect();
        assert_eq!((taken_back.len(), once.len()), (2, 2), "{taken_back:?}");
    }

    #[test]
    fn a_refund_takes_what_it_names_and_one_of_all_of_it_is_a_chargeback() {
        let refund = |amount| report(Some("T"), Status::Chargeback, Some(amount));
        let sale = report(Some("T"), Approved, Some(5));
        let reports = [sale, refund(-2), refund(-2), refund(-3), refund(-3), refund(-9)];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Recorded, Updated, Duplicate, Updated, Duplicate, Duplicate]);
        assert_eq!(sums(&ledger[..2], Approved), (1, 3));
        assert_eq!(sums(&ledger, Approved), (0, 0));
        assert_eq!(sums(&ledger, Status::Chargeback), (1, 3));
        // In another currency nobody knows whether it is all of it.
        let foreign = in_euro(refund(-9), Some("11/10 manual 2026-11-20"), 0);
        let (verdicts, _) = play(&[reports[0].clone(), foreign], RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Recorded, Refused]);
    }

    #[test]
    fn a_negative_amount_takes_off_once_and_needs_a_conversion() {
        let reports = [
            report(Some("T"), Approved, Some(-2)),
            report(Some("T"), Approved, Some(5)),
            report(Some("T"), Approved, Some(-2)),
            report(Some("T"), Approved, Some(-2)),
        ];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Refused, Recorded, Updated, Duplicate]);
        assert_eq!(sums(&ledger, Approved), (1, 3));
    }

    #[test]
    fn where_each_call_counts_a_status_moves_one_conversion_on_and_no_other() {
        let reports = [
            report(None, Pending, Some(3)),
            report(None, Pending, Some(5)),
            report(None, Approved, Some(5)),
            report(None, Rejected, None),
            report(None, Approved, Some(7)),
        ];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::Every);
        assert_eq!(verdicts, [Recorded, Recorded, Updated, Updated, Recorded]);
        assert_eq!(sums(&ledger, Pending), (0, 0));
        assert_eq!(sums(&ledger, Approved), (2, 12));
        assert_eq!(sums(&ledger, Rejected), (1, 3));
    }

    #[test]
    fn amounts_that_do_not_add_up_in_64_bits_are_refused_and_stop_nothing() {
        let most = i64::MAX / 1_000_000 * 1_000_000;
        for policy in [RepeatPolicy::Add, RepeatPolicy::Every, RepeatPolicy::Update] {
            let reports = [
                report(None, Approved, Some(most)),
                report(None, Approved, Some(most)),
                report(None, Approved, Some(-most)),
                report(None, Rejected, None),
            ];
            let (verdicts, _) = play(&reports, policy);
            assert_eq!(verdicts[1] == Refused, policy == RepeatPolicy::Add, "{policy:?}");
        }
    }

    #[test]
    fn a_reversal_takes_the_fields_and_the_worth_of_what_it_takes_back() {
        let foreign = in_euro(report(Some("T"), Pending, Some(5)), None, 0);
        let first = judge(&[], foreign, RepeatPolicy::FirstOnly);
        let ledger: Vec<Entry> = first.additions.into_iter().map(|added| added.entry).collect();
        let then = judge(&ledger, report(Some("T"), Approved, Some(6)), RepeatPolicy::FirstOnly);
        let changes: Vec<_> = then
            .additions
            .iter()
            .map(|a| (a.changes, a.entry.worth, a.entry.amount, a.entry.summed))
            .collect();
        assert_eq!(changes, [(Some(0), Worth::Apart, -5, 0), (Some(0), Worth::Own, 6, 6)]);
    }

    const THEN: Option<&str> = Some("11/10 ecb 2026-11-19");
    const NOW: Option<&str> = Some("6/5 ecb 2026-11-20");

    #[test]
    fn a_conversion_keeps_the_rate_of_its_first_report() {
        let euro =
            |status, amount, rate, at_ms| in_euro(report(Some("T"), status, amount), rate, at_ms);
        let reports = [
            euro(Pending, Some(100), THEN, 1),
            euro(Approved, None, NOW, 2),
            euro(Rejected, Some(100), None, 3),
            euro(Approved, Some(50), NOW, 4),
            euro(Approved, Some(-50), NOW, 5),
        ];
        let (verdicts, ledger) = play(&reports, RepeatPolicy::FirstOnly);
        assert_eq!(verdicts, [Recorded, Updated, Updated, Updated, Updated]);
        let worth: Vec<_> = ledger.iter().map(|e| (e.amount, e.summed, e.worth_at_ms)).collect();
        let expected = [
            (100, 110, 1),
            (-100, -110, 1),
            (100, 110, 1),
            (-100, -110, 1),
            (100, 110, 1),
            (-100, -110, 1),
            (50, 55, 1),
            (-50, -55, 1),
        ];
        assert_eq!(worth, expected);
        assert_eq!(sums(&ledger, Approved), (1, 0));
    }

    #[test]
    fn what_stood_apart_takes_a_rate_when_it_is_sent_again_and_not_before() {
        let apart = in_euro(report(Some("T"), Pending, Some(100)), None, 1);
        let silent = in_euro(report(Some("T"), Approved, None), NOW, 2);
        let sent = in_euro(report(Some("T"), Approved, Some(100)), NOW, 2);
        let (_, ledger) = play(&[apart.clone(), silent], RepeatPolicy::FirstOnly);
        assert_eq!((sums(&ledger, Approved), summed(&ledger, Approved)), ((1, 100), 0));
        let (_, ledger) = play(&[apart, sent], RepeatPolicy::FirstOnly);
        assert_eq!((sums(&ledger, Approved), summed(&ledger, Approved)), ((1, 100), 120));
    }

    #[test]
    fn what_is_worth_more_than_64_bits_hold_is_refused() {
        let most = i64::MAX / 8;
        let rate = Some("9/1 manual 2026-11-20");
        let euro = |amount| in_euro(report(None, Approved, Some(amount)), rate, 0);
        let (verdicts, ledger) =
            play(&[euro(most), euro(most / 2), euro(most / 2)], RepeatPolicy::Add);
        assert_eq!(verdicts, [Refused, Recorded, Refused]);
        assert_eq!(sums(&ledger, Approved), (1, most / 2));
    }

    fn any_report() -> impl Strategy<Value = Incoming> {
        let txid = proptest::option::of(prop_oneof![Just("A"), Just("B")]);
        let status = prop_oneof![Just(Pending), Just(Approved), Just(Rejected)];
        (txid, status, proptest::option::of(-3i64..10))
            .prop_map(|(txid, status, amount)| report(txid, status, amount))
    }

    fn any_report_in_any_currency() -> impl Strategy<Value = Incoming> {
        let rate =
            prop_oneof![Just(THEN), Just(NOW), Just(Some("2/3 manual 2026-11-20")), Just(None)];
        (any_report(), rate, any::<bool>()).prop_map(|(report, rate, is_foreign)| {
            if is_foreign { in_euro(report, rate, 0) } else { report }
        })
    }

    fn any_policy() -> impl Strategy<Value = RepeatPolicy> {
        use RepeatPolicy::{Add, Every, FirstOnly, Update};
        prop_oneof![Just(FirstOnly), Just(Every), Just(Update), Just(Add)]
    }

    proptest! {
        #[test]
        fn what_is_taken_back_is_what_was_added_in_both_currencies_whatever_rates_become(
            reports in proptest::collection::vec(any_report_in_any_currency(), 1..30),
            policy in any_policy(),
        ) {
            let (_, ledger) = play(&reports, policy);
            for txid in [None, Some("A"), Some("B")] {
                let standing = standing(&ledger, "sale", txid);
                for status in Status::ALL {
                    for currency in [Currency::USD, Currency::EUR] {
                        let of = |e: &&Entry| (e.txid.as_deref(), e.status, e.currency) == (txid, status, currency);
                        let stands = standing.iter().filter(|c| (c.status, c.currency) == (status, currency));
                        // As a naive ledger has it: the worth of the whole amount, at one rate.
                        let expected = stands.map(|c| (1, c.amount, c.worth.of(c.amount).unwrap()));
                        let expected = expected.fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                        let found = ledger.iter().filter(of).map(|e| (e.count, e.amount, e.summed));
                        let found = found.fold((0, 0, 0), |a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                        prop_assert_eq!(found, expected, "{:?} {} {}", txid, status.as_str(), currency);
                    }
                }
            }
        }

        #[test]
        fn at_most_one_conversion_stands_per_transaction_and_repeats_change_nothing(
            reports in proptest::collection::vec(any_report(), 1..30),
        ) {
            let (_, ledger) = play(&reports, RepeatPolicy::FirstOnly);
            for txid in [None, Some("A"), Some("B")] {
                let own: Vec<Entry> = ledger.iter().filter(|e| e.txid.as_deref() == txid).cloned().collect();
                let counts: Vec<i64> = Status::ALL.iter().map(|s| sums(&own, *s).0).collect();
                prop_assert!(counts.iter().all(|c| *c == 0 || *c == 1) && counts.iter().sum::<i64>() <= 1, "{counts:?}");
                let standing = Status::ALL.into_iter().find(|s| sums(&own, *s).0 == 1);
                for status in Status::ALL.into_iter().filter(|s| Some(*s) != standing) {
                    prop_assert_eq!(sums(&own, status), (0, 0), "money without a conversion");
                }
            }
            let last = reports[reports.len() - 1].clone();
            prop_assert_eq!(judge(&ledger, last, RepeatPolicy::FirstOnly).additions, Vec::new());
        }
    }
}
