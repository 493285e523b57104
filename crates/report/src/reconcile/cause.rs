//! THE table of causes: why two parties count differently, and which rows each cause is the sum of.
//!
//! No row is in two causes of one measure. A click is the first of these that it is: a preview, unlogged, a test, a
//! bot's, a duplicate (the metrics of the table of metrics exclude each other in this order). A conversion has one
//! status, and a call one verdict.

use model::Field;
use model::event::Verdict;
use model::metric::Unit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is compared.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Clicks: on the source's ads, or on the network's offers.
    Clicks,
    /// Conversions.
    Conversions,
    /// What the source says was spent.
    Cost,
    /// What the network says was earned.
    Revenue,
}

impl Measure {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Clicks, Self::Conversions, Self::Cost, Self::Revenue];

    /// Its word in requests and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Conversions => "conversions",
            Self::Cost => "cost",
            Self::Revenue => "revenue",
        }
    }

    /// The measure of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == word)
    }

    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Clicks | Self::Conversions => Unit::Count,
            Self::Cost | Self::Revenue => Unit::Money,
        }
    }

    pub(super) const fn place(self) -> usize {
        self as usize
    }
}

/// Whose figures are held against ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Network,
}

macro_rules! causes {
    ($($variant:ident $name:literal $label:literal $says:literal;)*) => {
        /// Why two parties count differently.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Cause { $(#[doc = $says] $variant,)* }

        impl Cause {
            /// All of them, in the order in which they are shown.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its word in requests and answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its name on a screen.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }

            /// What it is, in a sentence.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)* }
            }
        }
    };
}

causes! {
    ConversionDay "conversion_day" "Day counted" "theirs are counted on the day of the event, ours on that of the click, or the other way round";
    TimeZone "time_zone" "Time zone" "their days begin and end at other moments than ours";
    Bots "bots" "Bots" "clicks by programs";
    Previews "previews" "Previews" "prefetches, link previews and HEAD requests";
    Unlogged "unlogged" "Unlogged" "clicks that were answered and could not be written down";
    Tests "tests" "Tests" "clicks by the operator's test links";
    Duplicates "duplicates" "Duplicates" "the same click twice, or a further conversion where only the first counts";
    Pending "pending" "Pending" "conversions that nobody has approved yet";
    Rejected "rejected" "Rejected" "conversions that were rejected";
    Chargebacks "chargebacks" "Chargebacks" "conversions that were charged back";
    Retries "retries" "Retries" "calls that report again what is known";
    Refused "refused" "Refused" "conversions reported by calls that were refused";
    Held "held" "Held" "conversions with a status word that nobody has mapped yet";
    Unattributed "unattributed" "Unattributed" "conversions of no click that is known";
    Late "late" "Late" "conversions outside the attribution window";
    WithoutRate "without_rate" "No rate" "amounts in a currency without a rate on their day, which no sum of ours holds";
    Currency "currency" "Currency" "amounts converted by other rates than theirs";
}

/// A truth about rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    With(Field),
    Without(Field),
    Has(Field),
    HasNo(Field),
}

/// A metric over some rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) metric: &'static str,
    pub(super) only: &'static [Only],
}

const fn all(metric: &'static str) -> Term {
    Term { metric, only: &[] }
}

/// What of a measure one cause is the sum of, and who counts it unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) measure: Measure,
    /// Against whom; nobody in particular when absent.
    pub(super) side: Option<Side>,
    pub(super) cause: Cause,
    pub(super) term: Term,
    /// Whether our figure holds it.
    pub(super) ours: bool,
    /// Whether theirs is taken to hold it.
    pub(super) theirs: bool,
}

/// Clicks that went to an offer without a lander.
const DIRECT: &[Only] = &[Only::HasNo(Field::Lander), Only::Has(Field::Offer)];

/// Our figure of a measure, as reports show it. A network sees who reaches its offers: from a lander, or directly.
pub(super) const fn ours(measure: Measure, side: Side) -> &'static [Term] {
    const LANDINGS: &[Term] = &[all("clicks")];
    const VISITS: &[Term] = &[all("lander_clicks"), Term { metric: "clicks", only: DIRECT }];
    const CONVERSIONS: &[Term] = &[all("conversions")];
    const COST: &[Term] = &[all("cost")];
    const REVENUE: &[Term] = &[all("revenue")];
    match (measure, side) {
        (Clicks, Side::Source) => LANDINGS,
        (Clicks, Side::Network) => VISITS,
        (Conversions, _) => CONVERSIONS,
        (Cost, _) => COST,
        (Revenue, _) => REVENUE,
    }
}

use Cause::{
    Bots, Chargebacks, Duplicates, Held, Late, Pending, Previews, Refused, Rejected, Retries,
    Tests, Unattributed, Unlogged,
};
use Measure::{Clicks, Conversions, Cost, Revenue};

const fn share(
    measure: Measure,
    side: Option<Side>,
    cause: Cause,
    term: Term,
    (ours, theirs): (bool, bool),
) -> Share {
    Share { measure, side, cause, term, ours, theirs }
}

const SOURCE: Option<Side> = Some(Side::Source);
const NETWORK: Option<Side> = Some(Side::Network);
const US: (bool, bool) = (true, false);
const THEM: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);
const NOBODY: (bool, bool) = (false, false);

/// The table: what rows of ours a cause sums.
pub(super) const SHARES: &[Share] = &[
    share(Clicks, SOURCE, Bots, all("bot_clicks"), THEM),
    share(Clicks, SOURCE, Previews, all("preview_hits"), THEM),
    share(Clicks, SOURCE, Unlogged, all("unlogged_clicks"), THEM),
    share(Clicks, SOURCE, Tests, all("test_clicks"), NOBODY),
    share(Clicks, SOURCE, Duplicates, all("duplicate_clicks"), US),
    share(Clicks, NETWORK, Bots, Term { metric: "bot_clicks", only: DIRECT }, THEM),
    share(Clicks, NETWORK, Tests, Term { metric: "test_clicks", only: DIRECT }, NOBODY),
    share(Clicks, NETWORK, Duplicates, Term { metric: "duplicate_clicks", only: DIRECT }, BOTH),
    share(Conversions, None, Pending, all("conversions_pending"), BOTH),
    share(Conversions, None, Rejected, all("conversions_rejected"), THEM),
    share(Conversions, None, Chargebacks, all("conversions_chargeback"), THEM),
    share(Cost, None, Bots, Term { metric: "cost", only: BY_BOTS }, BOTH),
    share(Cost, None, Tests, Term { metric: "cost", only: &[Only::With(Field::Test)] }, US),
    share(Cost, None, Duplicates, Term { metric: "cost", only: TWICE }, US),
    share(Revenue, None, Pending, all("revenue_pending"), THEM),
    share(Revenue, None, Rejected, all("revenue_rejected"), THEM),
    share(Revenue, None, Chargebacks, all("revenue_chargeback"), THEM),
];

const BY_BOTS: &[Only] = &[Only::With(Field::Bot), Only::Without(Field::Test)];
const TWICE: &[Only] =
    &[Only::With(Field::Duplicate), Only::Without(Field::Bot), Only::Without(Field::Test)];

/// Causes that are calls of the inbox, of conversions and revenue alike; our figures hold none of them.
const CALLS: &[(Cause, bool)] = &[
    (Duplicates, true),
    (Retries, false),
    (Refused, true),
    (Held, true),
    (Unattributed, true),
    (Late, true),
];

/// The cause that a call of the inbox falls under; none where it is in the ledger, or reports no conversion. `reason` is
/// the call's code.
pub fn cause_of_call(verdict: Verdict, reason: &str) -> Option<Cause> {
    Some(match (verdict, reason) {
        (Verdict::Recorded | Verdict::Updated, _) => return None,
        (_, "not_a_conversion" | "reversal_of_nothing") => return None,
        (_, "outside_window") => Late,
        (_, "first_only") => Duplicates,
        (Verdict::Duplicate, _) => Retries,
        (Verdict::Held, _) => Held,
        (Verdict::Refused, _) => Refused,
        (Verdict::Unattributed, _) => Unattributed,
    })
}

/// What their figures are taken to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted(BTreeSet<(Measure, Cause)>);

impl Counted {
    /// As the table says, but for causes named otherwise: `bots` for every measure, `clicks:bots` for one.
    ///
    /// # Errors
    /// The first name that is no cause which may be switched, and those that are.
    pub fn read<'a>(
        by_network: bool,
        they_count: impl IntoIterator<Item = &'a str>,
        they_leave_out: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let side = if by_network { Side::Network } else { Side::Source };
        let mut known = Vec::new();
        for share in SHARES.iter().filter(|share| share.side.is_none_or(|of| of == side)) {
            known.push(((share.measure, share.cause), share.theirs));
        }
        for measure in [Conversions, Revenue] {
            known.extend(CALLS.iter().map(|(cause, theirs)| ((measure, *cause), *theirs)));
        }
        let mut held = known.iter().filter(|(_, theirs)| *theirs).map(|(of, _)| *of).collect();
        for (names, is_held) in [
            (they_count.into_iter().collect::<Vec<_>>(), true),
            (they_leave_out.into_iter().collect(), false),
        ] {
            for name in names {
                switch(&mut held, &known, name, is_held)?;
            }
        }
        Ok(Self(held))
    }

    /// Whether theirs hold it.
    pub fn holds(&self, measure: Measure, cause: Cause) -> bool {
        self.0.contains(&(measure, cause))
    }
}

type Switch = ((Measure, Cause), bool);

fn switch(
    held: &mut BTreeSet<(Measure, Cause)>,
    known: &[Switch],
    name: &str,
    is_held: bool,
) -> Result<(), String> {
    let (measure, cause) = name.split_once(':').map_or((None, name), |(m, c)| (Some(m), c));
    let is_meant = |of: &(Measure, Cause)| {
        measure.is_none_or(|m| m == of.0.as_str()) && of.1.as_str() == cause
    };
    let meant: Vec<_> = known.iter().map(|(of, _)| *of).filter(is_meant).collect();
    if meant.is_empty() {
        let words: BTreeSet<&str> = known.iter().map(|((_, cause), _)| cause.as_str()).collect();
        let words: Vec<&str> = words.into_iter().collect();
        return Err(format!("`{name}` is none of {}", words.join(", ")));
    }
    for of in meant {
        if is_held {
            held.insert(of);
        } else {
            held.remove(&of);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::metric::Metric;

    #[test]
    fn every_term_is_a_counter_of_the_table_of_metrics_in_the_unit_of_its_measure() {
        let of_ours = Measure::ALL.into_iter().flat_map(|measure| {
            let terms = [Side::Source, Side::Network].map(|side| ours(measure, side));
            terms.concat().into_iter().map(move |term| (measure, term))
        });
        for (measure, term) in of_ours.chain(SHARES.iter().map(|share| (share.measure, share.term)))
        {
            let metric: Metric = term.metric.parse().unwrap();
            assert!(metric.counter().is_some(), "{}", term.metric);
            assert_eq!(metric.row().unit, measure.unit(), "{}", term.metric);
        }
    }

    #[test]
    fn no_cause_is_there_twice_for_a_measure_and_a_side() {
        let mut seen = std::collections::HashSet::new();
        for share in SHARES {
            for side in [Side::Source, Side::Network] {
                if share.side.is_none_or(|of| of == side) {
                    let of_calls = CALLS.iter().any(|(cause, _)| *cause == share.cause)
                        && matches!(share.measure, Conversions | Revenue);
                    assert!(!of_calls, "{share:?}");
                    let is_new = seen.insert((share.measure, share.cause, side == Side::Source));
                    assert!(is_new, "{share:?}");
                }
            }
        }
    }

    #[test]
    fn who_counts_what_may_be_told() {
        let usual = Counted::read(false, [], []).unwrap();
        assert!(usual.holds(Clicks, Bots) && !usual.holds(Clicks, Duplicates));
        assert!(usual.holds(Revenue, Pending) && !usual.holds(Clicks, Tests));
        let told = Counted::read(false, ["tests", "clicks:duplicates"], ["rejected"]).unwrap();
        assert!(told.holds(Clicks, Tests) && told.holds(Cost, Tests));
        assert!(told.holds(Clicks, Duplicates) && !told.holds(Cost, Duplicates));
        assert!(!told.holds(Revenue, Rejected) && !told.holds(Conversions, Rejected));
        for wrong in ["bot", "revenue:bots", "time_zone", ""] {
            let refused = Counted::read(false, [wrong], []).unwrap_err();
            assert!(refused.contains("bots, chargebacks"), "{refused}");
        }
    }

    #[test]
    fn calls_fall_under_the_cause_of_their_verdict() {
        for (verdict, reason, cause) in [
            (Verdict::Recorded, "", None),
            (Verdict::Updated, "status_changed", None),
            (Verdict::Duplicate, "first_only", Some(Duplicates)),
            (Verdict::Duplicate, "repeated", Some(Retries)),
            (Verdict::Held, "status_unmapped", Some(Held)),
            (Verdict::Refused, "payout_ambiguous", Some(Refused)),
            (Verdict::Refused, "not_a_conversion", None),
            (Verdict::Unattributed, "outside_window", Some(Late)),
            (Verdict::Unattributed, "click_id_unverified", Some(Unattributed)),
        ] {
            assert_eq!(cause_of_call(verdict, reason), cause, "{reason}");
        }
    }
}
