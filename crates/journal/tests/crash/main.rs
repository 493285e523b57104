//! Simulated lives of a journal: crashes, power cuts, failing and full disks, rotten blocks.
//!
//! Every run follows from its seed. `CLICKTRAIL_SEEDS=100` sets how many are run,
//! `CLICKTRAIL_SEED=7` runs one alone.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test may stop")]

mod ledger;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use world::{Kind, Totals, World};

const SEEDS: u64 = 20_000;

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives through every seed; a broken rule panics with the seed in the message.
fn live_through(what: &str, promise: &str, kinds: &[Kind], share: u64) {
    let started = Instant::now();
    let one = number_from("CLICKTRAIL_SEED");
    let count = number_from("CLICKTRAIL_SEEDS").unwrap_or(SEEDS) * share / 100;
    let seeds = one.map_or(0..count, |seed| seed..seed + 1);
    let mut totals = Totals::default();
    for seed in seeds.clone() {
        let kind = kinds[(seed % kinds.len() as u64) as usize];
        let lived = catch_unwind(AssertUnwindSafe(|| World::new(seed, kind).live()));
        match lived {
            Ok(life) => totals.add(&life),
            Err(cause) => {
                println!("{what}: seed {seed} ({kind:?}) failed");
                std::panic::resume_unwind(cause);
            }
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let count = seeds.count();
    println!("{what}: {count} seeds, {promise}, 0 doubled; {totals}; {seconds:.1} s");
}

#[test]
fn what_is_acknowledged_survives_every_crash_exactly_once() {
    let kinds = [Kind::Crashes, Kind::SyncFaults, Kind::WriteFaults, Kind::FullDisk, Kind::All];
    live_through("crashes", "0 lost", &kinds, 100);
}

#[test]
fn rotten_and_misplaced_blocks_cost_only_the_records_they_touch() {
    live_through("damage", "0 lost but what was touched", &[Kind::Rot, Kind::Misdirected], 15);
}

#[test]
fn with_os_durability_a_power_cut_doubles_nothing_and_no_number_is_given_twice() {
    live_through("os power cuts", "lost as far as not synced", &[Kind::OsPowerCuts], 5);
}

#[test]
fn with_os_durability_what_is_acknowledged_survives_every_kill() {
    live_through("kills", "0 lost", &[Kind::OsKills], 10);
}
