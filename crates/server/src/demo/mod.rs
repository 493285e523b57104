//! `clicktrail demo`: an empty installation gets a set of campaigns and days of traffic, as real as can be made.
//!
//! Modules in reading order. What is played: [`scenario`] (read from `data/demo.toml`) and `catalog` (the same as things
//! that are set up). Of what traffic is made: `random`, `curve` (when), `addresses`, `agents` and `visitors` (who),
//! `ads`, `ids` and `link` (by which ad), `world` (all of it together). What happens: `landing` (somebody comes),
//! `postback` (a conversion is reported), `play` (everything in order of time), `ledger` (what was played), `pace`.
//!
//! Requests go through the edge's own handlers, the journal and ingest, under a simulated clock. The same seed makes
//! the same visitors, links, moods and delays. What the installation decides with its own secrets differs: the ids, and
//! by the draws made from them which path of a flow a click takes; and as the span ends now, so do local hours.

mod addresses;
mod ads;
mod agents;
mod catalog;
mod curve;
mod ids;
mod landing;
mod ledger;
mod link;
mod pace;
mod play;
mod postback;
mod random;
mod scenario;
#[cfg(test)]
mod tests;
mod visitors;
mod world;

use crate::app::{App, now_ms};
use crate::cli::DemoArgs;
use crate::config::Config;
use crate::folder::{self, Folder};
use crate::start::{self, Start};
use crate::{keys, output, serve};
use anyhow::bail;
use edge::IdFloor;
use journal::Durability;
use ledger::Ledger;
use lookup::Geo;
use model::money::Currency;
use model::thing::{DEFAULT_WORKSPACE, Status, Workspace};
use pace::{Pace, minutes};
use play::{Player, SimulatedClock};
use scenario::Scenario;
use std::sync::Arc;
use std::time::{Duration, Instant};
use world::{Span, World};

/// Who is named as the author of what is set up.
const AUTHOR: &str = "demo";
/// A longer span would begin before click ids can name a moment, or wait longer than a year for its first report.
const DAYS_MAX: u32 = 365;
/// Nobody waits for an answer, so a slow disk makes the demo slower and not its clicks unlogged.
const ACK_WAIT_MS: u64 = 60_000;

/// Fills the installation.
///
/// # Errors
/// When another process holds the folder, something is set up or recorded already, or the disk fails.
pub fn run(config: Config, args: &DemoArgs) -> anyhow::Result<()> {
    if args.clicks == 0 || !(1..=DAYS_MAX).contains(&args.days) {
        bail!("expected at least 1 click over 1 to {DAYS_MAX} days");
    }
    let Some(folder) = Folder::hold(&config.data)? else {
        let address =
            folder::holder_address(&config.data).map_or_else(|_| "?".to_owned(), |a| a.to_string());
        bail!(
            "{} is served by another process at {address}: stop that one, or choose another folder with --data",
            config.data.display()
        );
    };
    let config = playable(config);
    let span = Span {
        clicks: args.clicks,
        end_ms: now_ms(),
        days: args.days,
        seed: args.seed,
        with_ids: !args.without_ids,
    };
    let runtime = serve::runtime(config.threads)?;
    runtime.block_on(async {
        let clock = Arc::new(SimulatedClock::at(span.start_ms()));
        let start = Start {
            clock: clock.clone(),
            id_floor: Some(IdFloor::in_memory()),
            with_example: false,
        };
        let running = start::start(config, folder, start).await?;
        let played = fill(&running.app, &clock, span).await;
        running.stop().await?;
        Ok(output::line(&played?)?)
    })
}

/// Made-up traffic can be made again, so it need not survive the machine: waiting for the disk at each step would take
/// hours. A record that cannot be written stops the play, for its figures would not add up.
fn playable(config: Config) -> Config {
    Config {
        durability: Durability::Os,
        max_ack_wait_ms: ACK_WAIT_MS,
        refuse_unlogged: true,
        ingest: true,
        ..config
    }
}

/// Sets everything up, plays the span and waits until reports know it; what there is to say at the end.
async fn fill(app: &App, clock: &SimulatedClock, span: Span) -> anyhow::Result<String> {
    check_empty(app).await?;
    let settings = settings(app);
    let (scenario, geo) = (set_up(app, settings.currency).await?, Geo::open(&app.config.geo)?);
    let world = World::new(scenario, span, &geo, &settings.click_param)?;
    drop(geo);
    let begun = Instant::now();
    let ledger = play(app, clock, &world).await?;
    Ok(summary(&ledger, &world, settings.currency, begun.elapsed()))
}

/// Saves the scenario.
async fn set_up(app: &App, currency: Currency) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario::load()?;
    for network in scenario.networks.iter_mut().filter(|network| network.keyed) {
        network.key = Some(keys::random_hex()?);
    }
    app.save(catalog::changes(&scenario, currency)?, AUTHOR).await?;
    Ok(scenario)
}

async fn play(app: &App, clock: &SimulatedClock, world: &World) -> anyhow::Result<Ledger> {
    let weights = |hour| world.weights(hour);
    let mut player = Player::new(world, &app.edge, clock, &weights);
    let mut pace = Pace::new(&app.journal, &app.ingested, world.span.clicks);
    loop {
        let requests = player.wave().await?;
        if requests == 0 {
            break;
        }
        pace.keep(requests, player.ledger().landings()).await?;
    }
    pace.finish().await?;
    Ok(player.into_ledger())
}

/// The demo never mixes with what somebody set up or recorded.
async fn check_empty(app: &App) -> anyhow::Result<()> {
    let things = app.catalog.things().await?;
    let set_up = things.campaigns.len()
        + things.flows.len()
        + things.landers.len()
        + things.offers.len()
        + things.networks.len()
        + things.sources.len();
    let stats = app.events.stats().await?;
    let recorded = stats.position.max(app.journal.status().durable.0);
    if set_up == 0 && recorded == 0 {
        return Ok(());
    }
    bail!(
        "{} is in use already ({set_up} things set up, {} campaigns among them, {recorded} records): \
         give the demo a folder of its own, such as --data ./demo",
        app.config.data.display(),
        things.campaigns.len()
    )
}

fn settings(app: &App) -> Workspace {
    app.table.load().workspace(DEFAULT_WORKSPACE).cloned().unwrap_or_default()
}

/// What was played, and what to try next.
fn summary(ledger: &Ledger, world: &World, currency: Currency, elapsed: Duration) -> String {
    let elapsed = minutes(elapsed.as_secs());
    let (approved, revenue) = ledger.standing(Status::Approved);
    let (pending, held) = ledger.standing(Status::Pending);
    let (rejected, _) = ledger.standing(Status::Rejected);
    let (charged_back, _) = ledger.standing(Status::Chargeback);
    let scenario = &world.scenario;
    let cost = model::Money(ledger.cost);
    let profit = model::Money(revenue.0 - cost.0);
    let scope = format!(
        "{} campaigns, {} offers, {} days",
        scenario.campaigns.len(),
        scenario.offers.len(),
        world.span.days
    );
    [
        format!("Played {} clicks in {elapsed} min: {scope}", ledger.landings()),
        format!(
            "  people      {} clicks, {} lander clicks, {} impressions",
            ledger.people, ledger.lander_clicks, ledger.impressions
        ),
        format!("  others      {} bot clicks, {} previews, {} tests", ledger.bots, ledger.previews, ledger.tests),
        format!("  conversions {approved} approved, {pending} pending, {rejected} rejected, {charged_back} charged back"),
        format!("  postbacks   {}, of which {} belong to nothing", ledger.postbacks, ledger.bad_postbacks),
        format!("  money       cost {cost}, revenue {revenue}, profit {profit} {currency}; {held} pending"),
        "Try next:".to_owned(),
        "  clicktrail report --by campaign --period all --metrics clicks,conversions,cost,revenue,profit,roi".to_owned(),
        "  clicktrail report --by country,device --period last_7_days".to_owned(),
        "  clicktrail report --by placement --filter source=5 --period all --sort -cost".to_owned(),
        "  clicktrail serve".to_owned(),
    ]
    .join("\n")
}
