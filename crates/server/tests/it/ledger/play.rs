//! What happens, drawn from a seed: visits, steps from landers to offers, and calls about them in every way.

use super::random::Random;

/// Somebody follows a campaign's link.
#[derive(Clone, Debug)]
pub struct Visit {
    pub campaign: usize,
    pub placement: Option<usize>,
    pub creative: Option<usize>,
    pub sub1: Option<usize>,
    /// Micro-units, in the currency of the link.
    pub cost: Option<i64>,
    pub external: Option<usize>,
    pub gclid: Option<usize>,
    pub agent: usize,
    pub address: usize,
    pub is_test: bool,
}

/// How a call names its visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdForm {
    Exact,
    UpperCase,
    Truncated,
    Altered,
    Wrapped,
    Forged,
    Malformed,
    Macro,
    Missing,
    /// Ours, under the name of the source's.
    OursAsExternal,
    External,
    Gclid,
    Cookie,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Absent,
    Sent(i64),
    /// With a comma.
    Comma(i64),
    Thousands,
    Literal,
    Word,
    Huge,
}

/// A conversion as it is reported.
#[derive(Clone, Debug)]
pub struct Call {
    /// The operation that was the visit.
    pub visit: usize,
    pub id: IdForm,
    pub key: Option<&'static str>,
    /// Amount and transaction stand under the names of the network with own words.
    pub has_own_names: bool,
    pub amount: Amount,
    pub currency: Option<&'static str>,
    pub status: Option<&'static str>,
    pub kind: Option<&'static str>,
    pub txid: Option<String>,
    pub event_id: Option<String>,
    pub p1: Option<usize>,
    /// When it is said to have happened, milliseconds behind the visit.
    pub after_visit_ms: Option<i64>,
}

#[derive(Clone, Debug)]
pub enum Op {
    Visit(Visit),
    Hop { visit: usize },
    Call(Call),
}

/// How operations are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Visit,
    Hop,
    Get,
    Form,
    Json,
    Batch,
    Pixel,
    Api,
    Csv,
}

impl Way {
    /// Whether networks call like this, and not browsers or the operator.
    pub fn is_postback(self) -> bool {
        matches!(self, Self::Get | Self::Form | Self::Json | Self::Batch)
    }

    pub fn is_report(self) -> bool {
        matches!(self, Self::Api | Self::Csv)
    }
}

/// One request: operations by number.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub way: Way,
    pub ops: Vec<usize>,
}

/// Everything that may be sent; operations never change, so that a seed tells them all.
#[derive(Default)]
pub struct Play {
    pub ops: Vec<Op>,
    pub ways: Vec<Way>,
    /// The first operation of the request that an operation is part of.
    pub firsts: Vec<usize>,
    visits: Vec<usize>,
}

/// A call comes so many operations behind its visit at least, so that this is answered by then.
const DISTANCE: usize = 150;

/// Visits that much is said about all the time.
const EVERGREEN: usize = 5;

const STATUSES: [Option<&str>; 20] = [
    None,
    None,
    None,
    Some("approved"),
    Some("approved"),
    Some("refund"),
    Some("pending"),
    None,
    None,
    None,
    Some("approved"),
    Some("Pending"),
    Some("pending"),
    Some("lead"),
    Some("rejected"),
    Some("declined"),
    Some("refund"),
    Some("wait"),
    Some("ok"),
    Some("odd"),
];
const CURRENCIES: [Option<&str>; 13] = [
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    Some("USD"),
    Some("eur"),
    Some("EUR"),
    Some("GBP"),
    Some("?!"),
];
const WORDS: [Option<&str>; 10] = [
    None,
    None,
    None,
    Some("sale"),
    Some("LEAD"),
    Some("lead"),
    Some("ftd"),
    Some("deposit"),
    Some("reg"),
    Some("signup"),
];

impl Play {
    /// Draws requests with `count` operations: each with how often it is sent, in order.
    pub fn wave(&mut self, chance: &mut Random, campaigns: usize, count: usize) -> Vec<Parcel> {
        let (mut queue, mut sent): (Vec<Parcel>, usize) = (Vec::new(), 0);
        while sent < count {
            let parcel = self.draw(chance, campaigns);
            // Networks repeat their calls, at once and later.
            let times = match (parcel.way, chance.below(40)) {
                (Way::Visit, _) => 1,
                (_, 0) => 10,
                (_, 1..6) => 2,
                _ => 1,
            };
            for _ in 0..times {
                sent += parcel.ops.len();
                let back = chance.below(30).min(queue.len());
                queue.insert(queue.len() - back, parcel.clone());
            }
        }
        queue
    }

    fn draw(&mut self, chance: &mut Random, campaigns: usize) -> Parcel {
        let settled = self.visits.partition_point(|op| op + DISTANCE < self.ops.len());
        let way = match chance.below(100) {
            _ if settled < 20 => Way::Visit,
            0..20 => Way::Visit,
            20..26 => Way::Hop,
            26..74 => Way::Get,
            74..81 => Way::Form,
            81..88 => Way::Json,
            88..91 => Way::Batch,
            91..98 => Way::Pixel,
            98 => Way::Api,
            _ => Way::Csv,
        };
        let count = match way {
            Way::Batch | Way::Api => 1 + chance.below(12),
            Way::Csv => 1 + chance.below(40),
            _ => 1,
        };
        let first = self.ops.len();
        for _ in 0..count {
            let op = match way {
                Way::Visit => Op::Visit(visit(chance, campaigns)),
                Way::Hop => Op::Hop { visit: self.pick_visit(chance, settled) },
                _ => {
                    let visit = self.pick_visit(chance, settled);
                    Op::Call(call(chance, visit, way))
                }
            };
            if matches!(op, Op::Visit(_)) {
                self.visits.push(self.ops.len());
            }
            self.ops.push(op);
            self.ways.push(way);
            self.firsts.push(first);
        }
        Parcel { way, ops: (first..self.ops.len()).collect() }
    }

    /// Mostly one of the few that much is said about at the time.
    fn pick_visit(&self, chance: &mut Random, settled: usize) -> usize {
        let place = match chance.below(10) {
            0 => chance.below(settled),
            // Some are reported about for as long as the play lasts, whatever rates become.
            1 => chance.below(EVERGREEN),
            2..4 => settled - 1 - chance.below(settled.min(100)),
            _ => (settled - 1) / 20 * 20 + chance.below(6),
        };
        self.visits[place.min(settled - 1)]
    }
}

fn some(chance: &mut Random, below: usize) -> Option<usize> {
    (!chance.one_in(3)).then(|| chance.below(below))
}

fn visit(chance: &mut Random, campaigns: usize) -> Visit {
    Visit {
        campaign: chance.below(campaigns),
        placement: some(chance, 4),
        creative: some(chance, 3),
        sub1: some(chance, 5),
        cost: chance.one_in(3).then(|| chance.below(900_000) as i64),
        external: chance.one_in(3).then(|| chance.below(200)),
        gclid: chance.one_in(3).then(|| chance.below(200)),
        agent: chance.below(4),
        address: chance.below(4),
        is_test: chance.one_in(15),
    }
}

fn call(chance: &mut Random, visit: usize, way: Way) -> Call {
    let id = match chance.below(100) {
        _ if way == Way::Pixel && chance.one_in(2) => IdForm::Cookie,
        0..68 => IdForm::Exact,
        68..71 => IdForm::UpperCase,
        71..74 => IdForm::Truncated,
        74..77 => IdForm::Altered,
        77..79 => IdForm::Wrapped,
        79..81 => IdForm::Forged,
        81..83 => IdForm::Malformed,
        83..85 => IdForm::Macro,
        85..87 => IdForm::Missing,
        87..90 => IdForm::OursAsExternal,
        90..95 => IdForm::External,
        _ if way.is_report() => IdForm::External,
        _ => IdForm::Gclid,
    };
    // Some transactions are reported for two clicks.
    let of = if chance.one_in(25) { visit / 50 } else { visit };
    let keys = [None, None, None, None, Some("k5"), Some("k7"), Some("k7"), Some("guess")];
    Call {
        visit,
        id,
        key: way.is_postback().then(|| chance.pick(&keys)).flatten(),
        has_own_names: way.is_postback() && chance.one_in(5),
        amount: amount(chance),
        currency: chance.pick(&CURRENCIES),
        status: chance.pick(&STATUSES),
        kind: chance.pick(&WORDS),
        txid: chance.one_in(2).then(|| format!("T{of}-{}", chance.below(3))),
        event_id: chance.one_in(5).then(|| format!("E{}", chance.below(6))),
        p1: chance.one_in(3).then(|| chance.below(3)),
        after_visit_ms: (way.is_report() && chance.one_in(3))
            .then(|| chance.pick(&[1, -20_000, -120_000])),
    }
}

fn amount(chance: &mut Random) -> Amount {
    match chance.below(24) {
        0..4 => Amount::Absent,
        4 => Amount::Thousands,
        5 => chance.pick(&[Amount::Literal, Amount::Word, Amount::Huge]),
        6..10 => Amount::Sent(-chance.pick(&[1_250_000, 500_000])),
        10 => Amount::Comma(7_650_000),
        11..13 => Amount::Sent(chance.below(100_000_000) as i64),
        _ => Amount::Sent(chance.pick(&[2_000_000, 2_500_000, 7_654_321])),
    }
}
