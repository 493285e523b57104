//! What can happen, drawn at random.

use crate::catalog::*;
use journal::sim::Random;
use model::ClickKey;
use model::record::RecordKind;
use model::thing::ThingId;

/// A landing as it was, whether it is ever written down or not.
#[derive(Clone, Debug)]
pub struct Landing {
    pub kind: RecordKind,
    pub key: ClickKey,
    pub workspace: ThingId,
    pub campaign: ThingId,
    pub placement: Option<String>,
    pub country: Option<&'static str>,
    pub offer: Option<ThingId>,
    pub is_bot: bool,
    pub is_test: bool,
    pub cost: Option<(i64, Option<&'static str>)>,
    pub external_id: Option<String>,
}

/// How a call names its click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    Exact,
    UpperCase,
    Truncated,
    Altered,
    Forged,
    Malformed,
    Macro,
    Missing,
    External,
    Cookie,
}

/// What a call says it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Absent,
    Sent(i64),
    /// `1,500`
    Thousands,
    Literal,
    NotANumber,
    Huge,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub landing: usize,
    pub id: IdForm,
    pub at_ms: i64,
    pub workspace: ThingId,
    /// The network intake knew by its key.
    pub network: Option<ThingId>,
    /// A refusal of intake that is not about the id.
    pub refusal: Option<&'static str>,
    pub is_pixel: bool,
    /// It brings the strict network's key and comes from its address.
    pub is_trusted: bool,
    /// Amount and transaction id have the names of the network with own words.
    pub has_own_names: bool,
    pub amount: Amount,
    pub currency: Option<&'static str>,
    pub status: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub txid: Option<String>,
    pub event_id: Option<&'static str>,
    /// An operator reports it, and no network.
    pub is_report: bool,
}

/// One record.
#[derive(Clone, Debug)]
pub enum Op {
    Land {
        landing: usize,
        settles: bool,
    },
    Hop {
        landing: usize,
        offer: Option<ThingId>,
        is_bot: bool,
        at_ms: i64,
        link: i64,
        settles: bool,
    },
    Unlogged {
        key: ClickKey,
        campaign: ThingId,
        count: i64,
    },
    Call(Call),
    /// The call at a place is judged again, for a landing if one is named.
    Order {
        call: usize,
        landing: Option<usize>,
        workspace: ThingId,
    },
}

/// A sequence of records about some landings.
pub struct Play {
    pub landings: Vec<Landing>,
    pub ops: Vec<Op>,
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[random.below(from.len() as u64) as usize]
}

impl Play {
    pub fn draw(random: &mut Random, length: usize) -> Self {
        let count = (length / 6).max(3);
        let landings: Vec<_> = (0..count).map(|place| Landing::draw(random, place)).collect();
        let mut play = Self { landings, ops: Vec::new() };
        let mut written = vec![false; count];
        while play.ops.len() < length {
            play.step(random, &mut written);
        }
        play
    }

    /// By which of three sets of rates an op is judged.
    pub fn phase(&self, place: usize) -> usize {
        (place * 3 / self.ops.len()).min(2)
    }

    fn step(&mut self, random: &mut Random, written: &mut [bool]) {
        let landing = random.below(written.len() as u64) as usize;
        match random.below(100) {
            0..20 => {
                // The first time as it came, if it comes at all; later copies settle it.
                let settles = written[landing] || random.per_mille(150);
                written[landing] = true;
                let copies = if settles { 1 + random.below(2) } else { 1 };
                (0..copies).for_each(|_| self.ops.push(Op::Land { landing, settles }));
            }
            20..30 => self.hop(random, landing),
            30..34 => {
                let at_ms = START_MS + 900_000_000 + self.ops.len() as i64;
                let count = 1 + random.below(9) as i64;
                let op = Op::Unlogged { key: ClickKey::new(at_ms, 1, 0), campaign: 1, count };
                (0..=random.below(2)).for_each(|_| self.ops.push(op.clone()));
            }
            34..50 if !self.ops.is_empty() => {
                // Networks repeat their calls, at once and later.
                let earlier = random.below(self.ops.len() as u64) as usize;
                if let Op::Call(call) = self.ops[earlier].clone() {
                    (0..=random.below(3)).for_each(|_| self.ops.push(Op::Call(call.clone())));
                }
            }
            50..57 if !self.ops.is_empty() => {
                let call = random.below(self.ops.len() as u64) as usize;
                if let Op::Call(earlier) = &self.ops[call] {
                    let other = 3 - earlier.workspace;
                    let is_other = random.per_mille(50);
                    let workspace = if is_other { other } else { earlier.workspace };
                    let landing = random.per_mille(500).then_some(landing);
                    self.ops.push(Op::Order { call, landing, workspace });
                }
            }
            _ => {
                // Most conversions are about few clicks, so that they meet.
                let few = if random.below(4) > 0 { landing % 6 } else { landing };
                let call = self.call(random, few);
                self.ops.push(Op::Call(call));
            }
        }
    }

    fn hop(&mut self, random: &mut Random, landing: usize) {
        let of = &self.landings[landing];
        let offer = match of.workspace {
            2 => Some(OFFER_OTHER),
            _ => Some(1 + random.below(10) as ThingId).filter(|offer| *offer != OFFER_OTHER),
        };
        let op = |settles| Op::Hop {
            landing,
            offer,
            is_bot: false,
            at_ms: of.key.time_ms() + 1000 + self.ops.len() as i64,
            link: 1,
            settles,
        };
        let mut first = op(random.per_mille(100));
        if let Op::Hop { is_bot, .. } = &mut first {
            *is_bot = random.per_mille(200);
        }
        let mut copy = first.clone();
        if let Op::Hop { settles, .. } = &mut copy {
            *settles = true;
        }
        self.ops.push(first);
        if random.per_mille(150) {
            self.ops.push(copy);
        }
    }

    fn call(&self, random: &mut Random, landing: usize) -> Call {
        use IdForm::*;
        let of = &self.landings[landing];
        let is_report = random.per_mille(120);
        let id = IdForm::draw(random);
        let id = if is_report && id == Cookie { Exact } else { id };
        let network = match random.below(10) {
            _ if is_report => None,
            0..5 => None,
            5..9 if of.workspace == 2 => Some(OTHER),
            _ => Some(1 + random.below(8) as ThingId),
        };
        let delay_ms = match random.below(20) {
            0 => -30_000,
            1 if id == Exact => -120_000,
            2 => 31 * DAY_MS,
            3 => 89 * DAY_MS,
            4 => 91 * DAY_MS,
            _ => 1000 + random.below(DAY_MS as u64) as i64,
        };
        // An id that has to be repaired proves nothing about a click to come.
        let is_repaired = matches!(id, Truncated | Altered);
        let is_named = is_repaired || matches!(id, Exact | UpperCase | Cookie);
        let of_network = network.map(|id| if id == OTHER { 2 } else { 1 });
        Call {
            landing,
            id,
            at_ms: of.key.time_ms()
                + if is_repaired && !is_report { delay_ms.abs() } else { delay_ms },
            workspace: of_network.unwrap_or(if is_named { of.workspace } else { 1 }),
            network,
            refusal: (!is_report && random.per_mille(20)).then_some("wrong_key"),
            is_pixel: !is_report && (id == Cookie || random.per_mille(100)),
            is_trusted: !is_report && random.per_mille(500),
            has_own_names: random.per_mille(200),
            amount: Amount::draw(random),
            currency: pick(random, &CURRENCIES),
            status: pick(random, &STATUSES),
            kind: pick(random, &[None, None, Some("sale"), Some("LEAD"), Some("lead")]),
            txid: (random.below(2) == 0)
                .then(|| format!("T{}", landing % 6 * 3 + random.below(4) as usize)),
            event_id: random.per_mille(300).then(|| pick(random, &["E1", "E2", "E3"])),
            is_report,
        }
    }
}

/// What calls say; odd ones among them.
const CURRENCIES: [Option<&str>; 8] =
    [None, None, None, None, Some("USD"), Some("eur"), Some("EUR"), Some("?!")];
const STATUSES: [Option<&str>; 11] = [
    None,
    None,
    None,
    None,
    Some("approved"),
    Some("Pending"),
    Some("pending"),
    Some("rejected"),
    Some("refund"),
    Some("wait"),
    Some("odd"),
];

impl IdForm {
    fn draw(random: &mut Random) -> Self {
        match random.below(100) {
            0..70 => Self::Exact,
            70..73 => Self::UpperCase,
            73..76 => Self::Truncated,
            76..79 => Self::Altered,
            79..82 => Self::Forged,
            82..84 => Self::Malformed,
            84..86 => Self::Macro,
            86..88 => Self::Missing,
            88..95 => Self::External,
            _ => Self::Cookie,
        }
    }
}

impl Amount {
    fn draw(random: &mut Random) -> Self {
        match random.below(20) {
            0..4 => Self::Absent,
            4 => Self::Thousands,
            5 => pick(random, &[Self::Literal, Self::NotANumber, Self::Huge]),
            6..9 => Self::Sent(-pick(random, &[1_250_000, 500_000])),
            9 => Self::Sent(random.below(100_000_000) as i64),
            _ => Self::Sent(pick(random, &[2_000_000, 2_500_000, 7_654_321])),
        }
    }
}

impl Landing {
    fn draw(random: &mut Random, place: usize) -> Self {
        let campaign = 1 + random.below(3) as ThingId;
        let workspace = if campaign == CAMPAIGN_OTHER { 2 } else { 1 };
        let offer = match workspace {
            2 => Some(OFFER_OTHER),
            _ => Some(1 + random.below(11) as ThingId).filter(|o| *o <= 10 && *o != OFFER_OTHER),
        };
        Self {
            kind: match random.below(12) {
                0 => RecordKind::Preview,
                1 => RecordKind::Impression,
                _ => RecordKind::Click,
            },
            key: ClickKey::new(START_MS + place as i64 * 7, 0, random.below(4096) as u16),
            workspace,
            campaign,
            placement: (random.below(4) > 0).then(|| format!("p{}", random.below(3))),
            country: pick(random, &[None, Some("DE"), Some("US")]),
            offer,
            is_bot: random.per_mille(150),
            is_test: random.per_mille(80),
            cost: (random.below(3) > 0).then(|| {
                (random.below(900_000) as i64, pick(random, &[None, Some("USD"), Some("EUR")]))
            }),
            external_id: (random.below(3) == 0).then(|| format!("ext{}", random.below(5))),
        }
    }
}
