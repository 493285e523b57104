//! Clicks as they were stored, decided again with the configuration of their moment: the same, whatever privacy took.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

// What the test runs on, and what it asks of it.
mod installation;
mod people;
mod random;
mod setup;

use installation::{Installation, Tables};
use model::facts::{Facts, Value};
use model::record::tag;
use model::route;
use model::table::RoutingTable;
use model::thing::IpPrivacy;
use model::{Field, KeyRing};
use people::{Person, landing};
use random::Random;
use std::collections::BTreeSet;
use std::sync::Arc;

const MODES: [IpPrivacy; 4] =
    [IpPrivacy::Full, IpPrivacy::Truncate, IpPrivacy::Hash, IpPrivacy::None];
/// People who click at the same time; each does so once in a wave.
const WAVE: usize = 500;
/// People in a run: in every wave others of them come.
const PEOPLE: usize = 4 * WAVE;
/// Waves between two saves.
const WAVES_PER_SAVE: usize = 8;
/// One click in this many also goes through DuckDB.
const STORED_ONE_IN: usize = 50;
/// Differences that are printed.
const SHOWN_MAX: usize = 5;
/// What a decision depended on and left in its record.
const REMEMBERED: [(&str, u16); 5] = [
    ("truth", tag::TRUTH),
    ("seed", tag::SEED),
    ("kept", tag::KEPT),
    ("seen", tag::SEEN),
    ("capped", tag::CAPPED),
];

/// Clicks in all modes together; `CLICKTRAIL_CLICKS` plays fewer.
fn clicks() -> usize {
    let asked = std::env::var("CLICKTRAIL_CLICKS").ok();
    asked.map_or(1_000_000, |count| count.parse().unwrap())
}

/// What came of deciding again.
#[derive(Debug, Default)]
struct Found {
    clicks: usize,
    stored: usize,
    revisions: usize,
    differences: usize,
    /// The first of them.
    shown: Vec<String>,
    /// Clicks with each of [`REMEMBERED`], and how many of them would go elsewhere without it.
    remembered: [(usize, usize); REMEMBERED.len()],
    /// The rules that were met, with their flows.
    rules: BTreeSet<(i64, i64)>,
    /// Clicks led on to another campaign, and those that went nowhere.
    hops: usize,
    undecided: usize,
    /// With the configuration of another moment.
    elsewhere: usize,
}

#[test]
fn a_million_stored_clicks_decided_again_go_where_they_went_under_every_privacy() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut all = Found::default();
    for (seed, privacy) in (1..).zip(MODES) {
        let found = runtime.block_on(run(privacy, Random(seed), clicks() / MODES.len()));
        println!("{privacy:?}: {found:?}");
        assert_eq!(found.differences, 0, "{}", found.shown.join("\n"));
        all.add(found);
    }
    // Without any one of these the test would prove nothing.
    assert!(all.remembered.iter().all(|(_, need)| *need > 0), "{all:?}");
    assert!(all.hops > 0 && all.undecided > 0 && all.elsewhere > 0, "{all:?}");
    // Few clicks may miss one that asks for a weekend.
    assert!(all.rules.len() >= setup::RULES - 2, "{all:?}");
    let Found { clicks, stored, revisions, .. } = all;
    println!(
        "result: replay: {clicks} clicks of {revisions} revisions under 4 privacy modes decided again ({stored} of them out of DuckDB), 0 differences"
    );
    assert!(clicks >= self::clicks() && stored * STORED_ONE_IN >= clicks, "{all:?}");
}

async fn run(privacy: IpPrivacy, mut random: Random, clicks: usize) -> Found {
    let installation = Installation::new(privacy, &mut random).await;
    play(&installation, &mut random, clicks.div_ceil(WAVE)).await;
    let (mut tables, mut found) = (Tables::default(), Found::default());
    let (mut some, mut records) = (Vec::new(), Vec::new());
    installation.each_click(|record, bytes| {
        if records.len() % STORED_ONE_IN == 0 {
            some.push(bytes.to_vec());
        }
        records.push(record.facts);
    });
    let newest = installation.table_at(u64::MAX >> 1).await;
    for facts in &records {
        let table = tables.of(&installation, facts).await;
        found.look_at(table, facts, &installation.keys);
        found.elsewhere += usize::from(!agrees(&newest, facts, &installation.keys));
    }
    let expected = some.len();
    for facts in installation.stored(some).await {
        let table = tables.of(&installation, &facts).await;
        found.stored += 1;
        found.count_difference(table, &facts, &installation.keys);
    }
    assert_eq!(found.stored, expected);
    found.revisions = tables.len();
    found
}

/// Waves of clicks; now and then somebody saves.
async fn play(installation: &Installation, random: &mut Random, waves: usize) {
    let mut people: Vec<Person> = (0..PEOPLE).map(|_| Person::new(random)).collect();
    for wave in 0..waves {
        installation.pass(random);
        if wave % WAVES_PER_SAVE == WAVES_PER_SAVE - 1 {
            installation.save(setup::later(random)).await;
        }
        setup::shuffle(&mut people, random);
        let mut acts = Vec::with_capacity(WAVE);
        for mut person in people.drain(PEOPLE - WAVE..) {
            let (edge, uri, goes_on) =
                (Arc::clone(&installation.edge), landing(random), random.one_in(2));
            acts.push(tokio::spawn(async move {
                person.act(&edge, &uri, goes_on).await;
                person
            }));
        }
        for act in acts {
            people.push(act.await.unwrap());
        }
    }
}

/// Whether deciding again gives what is recorded.
fn agrees(table: &RoutingTable, facts: &Facts, keys: &KeyRing) -> bool {
    let decision = route::replay(table, facts, keys.draw()).ok();
    let network = decision.as_ref().and_then(|decision| decision.network);
    let led_on_to = decision.as_ref().filter(|decision| !decision.hops.is_empty());
    let last_hop = facts.all(tag::HOP).last().and_then(|value| match value {
        Value::Int(campaign) => Some(campaign),
        Value::Bytes(_) => None,
    });
    route::agrees(facts, decision.as_ref())
        && facts.int(Field::Network) == network.map(i64::from)
        && last_hop == led_on_to.map(|decision| decision.campaign.into())
}

/// Facts as `tag=value`.
fn readable(facts: &Facts) -> String {
    let value = |(tag, value): (u16, Value<'_>)| match value {
        Value::Int(int) => format!("{tag}={int}"),
        Value::Bytes(bytes) => format!("{tag}={}", String::from_utf8_lossy(bytes)),
    };
    facts.iter().map(value).collect::<Vec<_>>().join(" ")
}

impl Found {
    fn add(&mut self, other: Self) {
        self.clicks += other.clicks;
        self.stored += other.stored;
        self.revisions += other.revisions;
        self.rules.extend(other.rules);
        self.hops += other.hops;
        self.undecided += other.undecided;
        self.elsewhere += other.elsewhere;
        for ((with, need), (more, needed)) in self.remembered.iter_mut().zip(other.remembered) {
            *with += more;
            *need += needed;
        }
    }

    fn count_difference(&mut self, table: &RoutingTable, facts: &Facts, keys: &KeyRing) {
        if !agrees(table, facts, keys) {
            self.differences += 1;
            if self.shown.len() < SHOWN_MAX {
                let again = route::replay(table, facts, keys.draw());
                self.shown.push(format!("{}\n  decided again: {again:?}", readable(facts)));
            }
        }
    }

    fn look_at(&mut self, table: &RoutingTable, facts: &Facts, keys: &KeyRing) {
        self.clicks += 1;
        self.rules.extend(facts.int(Field::Flow).zip(facts.int(Field::Rule)));
        self.hops += usize::from(facts.get(tag::HOP).is_some());
        self.undecided += usize::from(facts.get(Field::Path.tag()).is_none());
        self.count_difference(table, facts, keys);
        for ((_, tag), (with, need)) in REMEMBERED.iter().zip(&mut self.remembered) {
            if facts.get(*tag).is_some() {
                let mut without = facts.clone();
                without.remove(*tag);
                *with += 1;
                *need += usize::from(!agrees(table, &without, keys));
            }
        }
    }
}
