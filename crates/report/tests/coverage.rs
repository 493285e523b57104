//! Whether the interval of a trial holds what is true: changed flows on made-up traffic, many times over.
#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as it does")]

use model::facts::Facts;
use model::record::tag;
use model::route::{Chance, Ending, Stored, prospect};
use model::table::{RoutingTable, Things};
use model::thing::{Body, Campaign, Flow, Offer, Thing, ThingId};
use model::{ClickKey, Field};
use report::{Trial, Tried};
use serde_json::{Value, json};

const COUNTRIES: [&str; 3] = ["DE", "US", "JP"];
const RUNS: u64 = 1500;

/// How often the interval must hold the truth.
const COVERAGE_MIN: f64 = 0.93;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

struct Scenario {
    name: &'static str,
    clicks: usize,
    /// Clicks of one visitor, who all convert or do not: one of several.
    clicks_of_visitor: u64,
    before: Value,
    after: Value,
    /// The conversion rate of an offer in a country.
    rate: fn(ThingId, &str) -> f64,
    /// What a conversion pays: about how much, drawn from a uniform number.
    payout: fn(ThingId, f64) -> f64,
}

fn table(flow: &Value) -> RoutingTable {
    fn thing<B: Body>(id: ThingId, body: Value) -> Thing<B> {
        let body = serde_json::from_value(body).unwrap();
        Thing { id, workspace: 1, name: format!("{id}"), revision: 1, archived: false, body }
    }
    let mut flow: Thing<Flow> = thing(1, flow.clone());
    flow.body.number_paths();
    let offer = |id| thing::<Offer>(id, json!({"url": format!("https://offer{id}.example/")}));
    RoutingTable::new(&Things {
        offers: (1..=4).map(offer).collect(),
        flows: vec![flow],
        campaigns: vec![thing::<Campaign>(1, json!({"key": "k", "flow": 1}))],
        ..Things::default()
    })
}

/// The chances of a click from a country.
fn chances<'t>(table: &'t RoutingTable, country: &str) -> Vec<Chance<'t>> {
    let mut facts = Facts::default();
    facts.push_int(tag::KEY, ClickKey::new(1_795_390_200_000, 0, 1).0);
    facts.set_int(Field::Campaign, 1);
    facts.set_text(Field::Country, country);
    prospect(table, &Stored::read(&facts), &|_| false, &[7; 16]).unwrap().chances
}

fn offer(ending: Ending<'_>) -> ThingId {
    if let Ending::Offer(offer) = ending { offer } else { 0 }
}

/// A click's chances before and after, by country.
type Both<'t> = Vec<(Vec<Chance<'t>>, Vec<Chance<'t>>)>;

impl Scenario {
    /// The expected change of profit over the part that has support.
    fn truth(&self, both: &Both<'_>) -> f64 {
        let of_country =
            |(country, (before, after)): (&&str, &(Vec<Chance<'_>>, Vec<Chance<'_>>))| {
                let had = |c: &&Chance<'_>| before.iter().any(|b| b.ending == c.ending);
                let supported: f64 = after.iter().filter(had).map(|c| c.probability).sum();
                let worth = |c: &Chance<'_>| {
                    let id = offer(c.ending);
                    let mean = (0..10_000)
                        .map(|n| (self.payout)(id, (f64::from(n) + 0.5) / 1e4))
                        .sum::<f64>();
                    c.probability * (self.rate)(id, country) * mean / 1e4
                };
                after.iter().filter(had).map(worth).sum::<f64>()
                    - supported * before.iter().map(worth).sum::<f64>()
            };
        let sum: f64 = COUNTRIES.iter().zip(both).map(of_country).sum();
        sum * self.clicks as f64 / COUNTRIES.len() as f64
    }

    /// Made-up clicks, routed as before; what a trial of the change makes of them.
    fn play(&self, both: &Both<'_>, random: &mut Random) -> Trial {
        let mut trial = Trial::default();
        let mut visitor = (0, 0.0, 0.0);
        for n in 0..self.clicks {
            let country = (random.uniform() * 3.0) as usize;
            let (before, after) = &both[country];
            let mut left = random.uniform();
            let found = before.iter().find(|c| {
                left -= c.probability;
                left < 0.0
            });
            let ended = found.or(before.last()).unwrap();
            if (n as u64).is_multiple_of(self.clicks_of_visitor) {
                visitor = (visitor.0 + 1, random.uniform(), random.uniform());
            }
            let (id, mood, size) = visitor;
            let offer = offer(ended.ending);
            let converts = mood < (self.rate)(offer, COUNTRIES[country]);
            let q = after.iter().find(|c| c.ending == ended.ending).map_or(0.0, |c| c.probability);
            let had = |c: &&Chance<'_>| before.iter().any(|b| b.ending == c.ending);
            trial.add(&Tried {
                visitor: id,
                weight: q / ended.probability,
                supported: after.iter().filter(had).map(|c| c.probability).sum(),
                is_changed: before != after,
                cost: 20_000,
                revenue: if converts { ((self.payout)(offer, size) * 1e6) as i64 } else { 0 },
            });
        }
        trial
    }
}

fn offers(weights: [u32; 3]) -> Value {
    let path = |(offer, weight)| json!({"weight": weight, "offers": [{"offer": offer}]});
    (1..).zip(weights).map(path).collect()
}

fn usual() -> Scenario {
    let fixed = |offer: ThingId, _: f64| [0.0, 2.0, 3.0, 5.0, 4.0][offer as usize];
    Scenario {
        name: "usual",
        clicks: 4000,
        clicks_of_visitor: 1,
        before: json!({"default": offers([100, 100, 100])}),
        after: json!({"default": offers([20, 180, 100])}),
        rate: |offer, _| [0.0, 0.03, 0.05, 0.02, 0.05][offer as usize],
        payout: fixed,
    }
}

fn scenarios() -> Vec<Scenario> {
    let to_germans = |paths: Value| json!([{"when": {"field": "country", "op": "is", "value": "DE"}, "paths": paths}]);
    vec![
        Scenario { name: "next to no conversions, 5 in all", rate: |_, _| 0.00125, ..usual() },
        Scenario { name: "rare conversions, 20 in all", rate: |_, _| 0.005, ..usual() },
        Scenario {
            name: "unequal weights, an offer of 5 % takes all",
            before: json!({"default": offers([90, 5, 5])}),
            after: json!({"default": offers([0, 100, 0])}),
            ..usual()
        },
        Scenario {
            name: "unequal weights, rare conversions: 2 on the offer of 5 %",
            before: json!({"default": offers([90, 5, 5])}),
            after: json!({"default": offers([0, 100, 0])}),
            rate: |_, _| 0.01,
            ..usual()
        },
        Scenario {
            name: "a rule for one country",
            after: json!({"rules": to_germans(offers([0, 0, 100])), "default": offers([100, 100, 100])}),
            rate: |offer, country| if country == "DE" && offer == 3 { 0.06 } else { 0.02 },
            ..usual()
        },
        Scenario {
            name: "payouts from 0.1 to 30",
            payout: |_, size| 0.1 * (size * 5.7).exp(),
            rate: |offer, _| [0.0, 0.01, 0.015, 0.02, 0.0][offer as usize],
            ..usual()
        },
        Scenario {
            name: "half of the change without support",
            after: json!({"default": [{"offers": [{"offer": 2}, {"offer": 4}]}]}),
            ..usual()
        },
        Scenario { name: "eight clicks of a visitor", clicks_of_visitor: 8, ..usual() },
        Scenario { name: "many conversions, 40 %", rate: |_, _| 0.4, ..usual() },
        usual(),
    ]
}

#[test]
fn the_interval_holds_the_truth() {
    let mut missed = Vec::new();
    for (number, scenario) in (1..).zip(scenarios()) {
        let (before, after) = (table(&scenario.before), table(&scenario.after));
        let both: Both<'_> =
            COUNTRIES.iter().map(|c| (chances(&before, c), chances(&after, c))).collect();
        let truth = scenario.truth(&both);
        let mut random = Random(number);
        let (mut held, mut above, mut width, mut sum, mut said) = (0, 0, 0.0, 0.0, 0);
        for _ in 0..RUNS {
            let Ok(found) = scenario.play(&both, &mut random).estimate().difference else {
                continue;
            };
            said += 1;
            let (low, high) = (found.low / 1e6, found.high / 1e6);
            held += u32::from(low <= truth && truth <= high);
            above += u32::from(low > truth);
            (width, sum) = (width + high - low, sum + found.expected / 1e6);
        }
        let share = f64::from(held) / f64::from(said);
        println!(
            "result: coverage, {}: {:.1} % of {said} intervals hold {truth:.2} ({:.1} % lie above, {:.1} % below), mean estimate {:.2}, mean width {:.1}",
            scenario.name,
            100.0 * share,
            100.0 * f64::from(above) / f64::from(said),
            100.0 * f64::from(said - held - above) / f64::from(said),
            sum / f64::from(said),
            width / f64::from(said),
        );
        if share < COVERAGE_MIN {
            missed.push(scenario.name);
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
