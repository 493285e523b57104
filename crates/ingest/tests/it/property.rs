//! Figures and verdicts equal a naive ledger's, whatever happens in whichever batches.

use crate::oracle::{Expected, Slice, expect};
use crate::play::{Op, Play};
use crate::rig::{Named, Rig, block_on, seeds};
use journal::sim::Random;
use model::Field;
use model::metric::{Counter, Metric};
use model::query::{Cell, Plan, TimeBasis, ZoneOffsets};
use std::collections::BTreeMap;
use store::Events;

/// Every counter that is compared.
const COUNTERS: [&str; 15] = [
    "clicks",
    "bot_clicks",
    "test_clicks",
    "preview_hits",
    "impressions",
    "lander_clicks",
    "unlogged_clicks",
    "cost",
    "conversions_pending",
    "conversions_approved",
    "conversions_rejected",
    "conversions_chargeback",
    "revenue",
    "revenue_pending",
    "revenue_rejected",
];

const GROUPINGS: [&[Field]; 9] = [
    &[],
    &[Field::Campaign],
    &[Field::Placement],
    &[Field::Country],
    &[Field::Offer],
    &[Field::ConversionType],
    &[Field::ConversionStatus],
    &[Field::Campaign, Field::ConversionStatus, Field::ConversionType],
    &[Field::Campaign, Field::Placement, Field::Country, Field::Offer],
];

/// Sequences, of this many records each.
const PLAYS: u64 = 450;
const LENGTH: usize = 250;

#[test]
fn figures_and_verdicts_equal_those_of_a_naive_ledger() {
    let (mut plays, mut records, mut compared, mut verdicts) = (0, 0, 0, BTreeMap::new());
    for seed in seeds(PLAYS) {
        let named = Named(seed);
        let mut random = Random::new(seed);
        let play = Play::draw(&mut random, LENGTH);
        let rig = carry_over(&play, &mut random);
        let expected = expect(&play);
        check_verdicts(&rig, &play, &expected, &mut verdicts);
        compared += check_figures(&rig, &expected);
        (plays, records) = (plays + 1, records + play.ops.len());
        drop(named);
    }
    println!(
        "result: ingest against a naive ledger: {records} records in random batches, {compared} figures and all verdicts equal"
    );
    for ((verdict, code), count) in &verdicts {
        println!("result: ingest verdicts: {verdict} {code}: {count}");
    }
    assert!(records >= 100_000 || plays < PLAYS, "too few records: {records}");
}

/// Writes all records and carries them over in batches of random size at random times.
fn carry_over(play: &Play, random: &mut Random) -> Rig {
    let mut rig = Rig::new(random.any());
    let mut ingest = rig.ingest(1 + random.below(60) as usize);
    for (place, op) in play.ops.iter().enumerate() {
        let phase = play.phase(place);
        if place > 0 && phase != play.phase(place - 1) {
            // What came before was judged by the rates there were then.
            while block_on(ingest.round()).unwrap().records > 0 {}
            ingest = rig.ingest_by(1 + random.below(60) as usize, phase);
        }
        let sequence = rig.write(play.bytes(op));
        assert_eq!(sequence, place as u64 + 1);
        if random.per_mille(30) {
            block_on(ingest.round()).unwrap();
        }
        if random.per_mille(10) {
            ingest = rig.ingest_by(1 + random.below(60) as usize, phase);
        }
    }
    while block_on(ingest.round()).unwrap().records > 0 {}
    rig
}

fn check_verdicts(
    rig: &Rig,
    play: &Play,
    expected: &Expected,
    counts: &mut BTreeMap<(&'static str, String), u64>,
) {
    let inbox: BTreeMap<u64, _> = [1, 2]
        .into_iter()
        .flat_map(|w| rig.inbox(w))
        .map(|entry| (entry.sequence, entry))
        .collect();
    assert_eq!(inbox.len(), expected.verdicts.len());
    for (sequence, (verdict, code)) in &expected.verdicts {
        let (op, entry) = (&play.ops[*sequence as usize - 1], &inbox[sequence]);
        assert_eq!((entry.verdict, &entry.reason), (*verdict, code), "call {sequence}: {op:?}");
        assert_eq!(entry.message.is_empty(), code.is_empty());
        let Op::Call(call) = op else { panic!("{op:?} is no call") };
        assert_eq!((entry.workspace, entry.received_ms), (call.workspace, call.received_ms()));
        *counts.entry((verdict.as_str(), code.clone())).or_default() += 1;
    }
}

/// Compares every figure of every grouping; how many were there.
fn check_figures(rig: &Rig, expected: &Expected) -> u64 {
    let mut compared = 0;
    for workspace in [1, 2] {
        for by in GROUPINGS {
            let plan = Plan {
                workspace,
                from_ms: i64::MIN,
                to_ms: i64::MAX,
                time: TimeBasis::Click,
                zone: ZoneOffsets::utc(),
                by: by.to_vec(),
                counters: COUNTERS.iter().map(|name| counter(name)).collect(),
                filter: Vec::new(),
                median: false,
            };
            let answer = block_on(rig.events.answer(&plan)).unwrap();
            let mut found: BTreeMap<(String, &str), i128> = BTreeMap::new();
            for row in answer.rows {
                for (name, sum) in COUNTERS.iter().zip(row.sums).filter(|(_, sum)| *sum != 0) {
                    found.insert((format!("{:?}", row.key), name), sum);
                }
            }
            let mut right: BTreeMap<(String, &str), i128> = BTreeMap::new();
            let figures = expected.figures.iter().filter(|((s, _), _)| s.workspace == workspace);
            for ((slice, name), figure) in figures {
                let key: Vec<Cell> = by.iter().map(|field| slice.cell(*field)).collect();
                *right.entry((format!("{key:?}"), name)).or_default() += i128::from(*figure);
            }
            right.retain(|_, figure| *figure != 0);
            compared += right.len() as u64;
            assert_eq!(found, right, "workspace {workspace} by {by:?}");
        }
    }
    compared
}

fn counter(name: &str) -> Counter {
    name.parse::<Metric>().unwrap().counter().unwrap()
}

impl Slice {
    fn cell(&self, field: Field) -> Cell {
        let int = |id: Option<u32>| id.map_or(Cell::Null, |id| Cell::Int(id.into()));
        let text = |text: Option<&str>| text.map_or(Cell::Null, |t| Cell::Text(t.to_owned()));
        match field {
            Field::Campaign => int(Some(self.campaign)),
            Field::Offer => int(self.offer),
            Field::Placement => text(self.placement.as_deref()),
            Field::Country => text(self.country.as_deref()),
            Field::ConversionType => text(self.kind.as_deref()),
            Field::ConversionStatus => text(self.status),
            other => panic!("{other} is not compared"),
        }
    }
}
