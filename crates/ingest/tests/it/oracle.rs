//! What must come out, computed by other means: all at the end, from the list of what happened, with
//! conversions as objects that change instead of signed entries that add up.

use crate::catalog::{DAY_MS, START_MS};
use crate::hearing::Hearing;
use crate::play::{Landing, Op, Play};
use model::ClickKey;
use model::event::Verdict;
use model::record::RecordKind;
use model::thing::{Status, ThingId};
use std::collections::BTreeMap;

/// By what figures are grouped here.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slice {
    pub workspace: ThingId,
    pub campaign: ThingId,
    pub placement: Option<String>,
    pub country: Option<String>,
    pub offer: Option<ThingId>,
    pub kind: Option<String>,
    pub status: Option<&'static str>,
}

/// The right answers.
#[derive(Default)]
pub struct Expected {
    /// By slice and name of a counter.
    pub figures: BTreeMap<(Slice, &'static str), i64>,
    /// By journal sequence: verdict and code.
    pub verdicts: BTreeMap<u64, (Verdict, String)>,
}

/// A conversion as it stands.
#[derive(Clone)]
pub struct Conversion {
    pub key: ClickKey,
    pub kind: String,
    pub txid: Option<String>,
    pub status: Status,
    pub amount: i64,
    pub currency: &'static str,
    /// What one unit is worth, a fraction; none where nobody knows.
    pub rate: Option<(i128, i128)>,
    pub network: Option<ThingId>,
    pub slice: Slice,
    pub is_test: bool,
    pub refunds: Vec<(i64, &'static str)>,
    /// When the report came that made it what it is.
    pub made_ms: i64,
}

pub fn expect(play: &Play) -> Expected {
    let mut expected = Expected::default();
    for (place, op) in play.ops.iter().enumerate() {
        let is_new = !play.ops[..place].iter().any(|earlier| is_same(earlier, op));
        let counts = match op {
            Op::Land { landing, settles } if !settles || is_new => {
                landing_figures(&play.landings[*landing], play.phase(place))
            }
            Op::Hop { settles, .. } if !settles || is_new => hop_figures(play, place),
            Op::Unlogged { count, .. } if is_new => vec![("unlogged_clicks", *count)],
            _ => Vec::new(),
        };
        let slice = slice_of(play, place);
        for (name, figure) in counts {
            *expected.figures.entry((slice.clone(), name)).or_default() += figure;
        }
    }
    let mut hearing = Hearing::new(play);
    for (place, op) in play.ops.iter().enumerate() {
        let verdict = match op {
            Op::Call(call) => Some((place, hearing.hear(place, place, call))),
            Op::Order { call, landing, workspace } => {
                hearing.hear_again(place, *call, *landing, *workspace).map(|said| (*call, said))
            }
            _ => None,
        };
        expected.verdicts.extend(verdict.map(|(call, said)| (call as u64 + 1, said)));
    }
    hearing.conversions.iter().filter(|c| !c.is_test).for_each(|c| expected.add(c));
    expected
}

impl Expected {
    /// What stands in the end counts, under its last status.
    fn add(&mut self, conversion: &Conversion) {
        let (count, money) = match conversion.status {
            Status::Pending => ("conversions_pending", Some("revenue_pending")),
            Status::Approved => ("conversions_approved", Some("revenue")),
            Status::Rejected => ("conversions_rejected", Some("revenue_rejected")),
            Status::Chargeback => ("conversions_chargeback", None),
        };
        let mut slice = conversion.slice.clone();
        slice.kind = Some(conversion.kind.clone());
        slice.status = Some(conversion.status.as_str());
        *self.figures.entry((slice.clone(), count)).or_default() += 1;
        if let (Some(money), Some(rate)) = (money, conversion.rate) {
            *self.figures.entry((slice, money)).or_default() += worth(conversion.amount, rate);
        }
    }
}

pub fn own_currency(workspace: ThingId) -> &'static str {
    if workspace == 2 { "EUR" } else { "USD" }
}

/// What one unit of a currency is worth to a workspace, as a fraction.
pub fn rate(phase: usize, workspace: ThingId, currency: &str, at_ms: i64) -> Option<(i128, i128)> {
    match (currency, workspace, phase) {
        _ if currency == own_currency(workspace) => Some((1, 1)),
        ("EUR", 1, 1) => Some((10_823, 10_000)),
        ("EUR", 1, 2) if at_ms >= START_MS + 20 * DAY_MS => Some((6, 5)),
        ("EUR", 1, 2) => Some((11, 10)),
        ("USD", 2, 2) => Some((9, 10)),
        _ => None,
    }
}

/// Rounded to the nearest, to the even one between two.
fn worth(micro: i64, (numerator, denominator): (i128, i128)) -> i64 {
    let twice = 2 * i128::from(micro.abs()) * numerator;
    let (down, rest) = (twice / (2 * denominator), twice % (2 * denominator));
    let up = rest > denominator || (rest == denominator && down % 2 == 1);
    (down + i128::from(up)) as i64 * micro.signum()
}

/// The same thing written down again.
fn is_same(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Land { landing: a, .. }, Op::Land { landing: b, .. }) => a == b,
        (Op::Hop { landing: a, at_ms: at, .. }, Op::Hop { landing: b, at_ms: bt, .. }) => {
            a == b && at == bt
        }
        (Op::Unlogged { key: a, .. }, Op::Unlogged { key: b, .. }) => a == b,
        _ => false,
    }
}

fn landing_figures(landing: &Landing, phase: usize) -> Vec<(&'static str, i64)> {
    let Landing { is_bot, is_test, .. } = *landing;
    let mut figures = match landing.kind {
        RecordKind::Preview => vec![("preview_hits", 1)],
        RecordKind::Impression if is_bot => Vec::new(),
        RecordKind::Impression => vec![("impressions", 1)],
        _ if is_test => vec![("test_clicks", 1)],
        _ if is_bot => vec![("bot_clicks", 1)],
        _ => vec![("clicks", 1)],
    };
    if let Some((cost, currency)) = landing.cost {
        let currency = currency.unwrap_or(own_currency(landing.workspace));
        let rate = rate(phase, landing.workspace, currency, landing.key.time_ms());
        figures.extend(rate.map(|rate| ("cost", worth(cost, rate))));
    }
    figures
}

fn hop_figures(play: &Play, place: usize) -> Vec<(&'static str, i64)> {
    let Op::Hop { landing, is_bot, .. } = &play.ops[place] else { return Vec::new() };
    let of = &play.landings[*landing];
    let is_bot = *is_bot || (of.is_bot && is_visible(play, *landing, place));
    if is_bot || of.is_test { Vec::new() } else { vec![("lander_clicks", 1)] }
}

/// Whether a click was written down before the op at `place`.
pub fn is_visible(play: &Play, landing: usize, place: usize) -> bool {
    play.landings[landing].kind != RecordKind::Impression
        && play.ops[..place]
            .iter()
            .any(|op| matches!(op, Op::Land { landing: l, .. } if *l == landing))
}

fn slice_of(play: &Play, place: usize) -> Slice {
    match &play.ops[place] {
        Op::Land { landing, .. } => {
            let of = &play.landings[*landing];
            Slice { offer: of.offer, ..base_slice(of, true) }
        }
        Op::Hop { landing, offer, .. } => {
            let of = &play.landings[*landing];
            let is_visible = is_visible(play, *landing, place);
            let offer = offer.or(of.offer.filter(|_| is_visible));
            Slice { offer, ..base_slice(of, is_visible) }
        }
        Op::Unlogged { campaign, .. } => {
            Slice { workspace: 1, campaign: *campaign, ..Slice::default() }
        }
        Op::Call(_) | Op::Order { .. } => Slice::default(),
    }
}

pub fn base_slice(of: &Landing, is_visible: bool) -> Slice {
    Slice {
        workspace: of.workspace,
        campaign: of.campaign,
        placement: of.placement.clone().filter(|_| is_visible),
        country: of.country.map(str::to_owned).filter(|_| is_visible),
        ..Slice::default()
    }
}
