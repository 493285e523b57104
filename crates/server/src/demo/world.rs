//! The scenario made ready to be played: ads, audiences, local times, and where redirects lead.

use super::addresses::Addresses;
use super::ads::Ads;
use super::agents::{self, Browser, Program};
use super::catalog::{OFFER_PARAM, lander_url, network_place, offer_url};
use super::curve::{self, HOUR_MS};
use super::link::Link;
use super::random::{Random, Shares};
use super::scenario::{Scenario, place_of};
use anyhow::Context;
use http::HeaderValue;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lookup::Geo;
use std::collections::HashMap;

/// Sigma of how a campaign's volume differs from day to day.
const DAY_SIGMA: f64 = 0.18;
/// The generator of a campaign's days.
const STREAM: u64 = 5;

/// What is played, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// How many clicks.
    pub clicks: u64,
    /// Up to when, Unix milliseconds.
    pub end_ms: i64,
    /// Over how many days.
    pub days: u32,
    pub seed: u64,
    /// Whether sources put ids of their own into links.
    pub with_ids: bool,
}

impl Span {
    /// When it begins, Unix milliseconds.
    pub fn start_ms(&self) -> i64 {
        self.end_ms - self.hours() as i64 * HOUR_MS
    }

    /// How many hours it has.
    pub fn hours(&self) -> usize {
        self.days as usize * 24
    }
}

/// Everything that traffic is made of.
pub struct World {
    pub scenario: Scenario,
    pub span: Span,
    pub browsers: Vec<Browser>,
    pub programs: Vec<Program>,
    pub program_shares: Shares,
    pub addresses: Addresses,
    /// `Accept-Language` by country.
    pub languages: Vec<HeaderValue>,
    pub campaigns: Vec<Audience>,
    pub streams: Vec<Stream>,
    targets: HashMap<String, Target>,
    /// Milliseconds to add to UTC by country and hour of the span.
    offsets: Vec<Vec<i64>>,
}

/// A campaign as its visitors see it.
pub struct Audience {
    /// The path of its link.
    pub key: String,
    /// Its source's place.
    pub source: usize,
    pub link: Link,
    pub ads: Ads,
    /// The largest CTR of a lander its visitors may see; 0 when there is none.
    pub ctr_max: f64,
}

/// Visitors of one campaign from one country.
pub struct Stream {
    pub campaign: usize,
    pub country: usize,
    share: f64,
    pub browsers: Shares,
}

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The lander with this place.
    Lander(usize),
    /// The offer with this place.
    Offer(usize),
}

#[derive(Clone, Debug)]
struct Target {
    page: Page,
    /// The parameter that holds the click id.
    id_param: String,
}

impl World {
    /// Prepares a scenario; `click_param` is the workspace's name of click ids.
    ///
    /// # Errors
    /// When the scenario does not fit together.
    pub fn new(
        scenario: Scenario,
        span: Span,
        geo: &Geo,
        click_param: &str,
    ) -> anyhow::Result<Self> {
        let (programs, program_shares) = agents::programs()?;
        let browsers = agents::browsers()?;
        let codes: Vec<&str> =
            scenario.countries.iter().map(|country| country.code.as_str()).collect();
        let languages = scenario.countries.iter().map(|c| HeaderValue::from_str(&c.language));
        Ok(Self {
            addresses: Addresses::find(geo, &codes, span.seed),
            languages: languages.collect::<Result<_, _>>()?,
            campaigns: audiences(&scenario, span.seed)?,
            streams: streams(&scenario, &browsers)?,
            targets: targets(&scenario, click_param)?,
            offsets: offsets(&scenario, span)?,
            scenario,
            span,
            browsers,
            programs,
            program_shares,
        })
    }

    /// The weight of each stream in an hour of the span.
    pub fn weights(&self, hour: usize) -> Vec<f64> {
        let at_ms = self.span.start_ms() + hour as i64 * HOUR_MS + HOUR_MS / 2;
        let progress = (hour as f64 + 0.5) / self.span.hours().max(1) as f64;
        let days = self.scenario.campaigns.iter().enumerate().map(|(place, campaign)| {
            let number = place as u64 * 1_000 + (hour / 24) as u64;
            let runs = (campaign.from..campaign.to).contains(&progress);
            let day = Random::of(self.span.seed, STREAM, number).factor(DAY_SIGMA);
            if runs { campaign.volume * day } else { 0.0 }
        });
        let days: Vec<f64> = days.collect();
        let weight = |stream: &Stream| {
            let (hour, weekday) = self.local_hour(stream.country, at_ms);
            days[stream.campaign] * stream.share * curve::activity(hour, weekday)
        };
        self.streams.iter().map(weight).collect()
    }

    /// Local hour and weekday of a country's visitors.
    pub fn local_hour(&self, country: usize, at_ms: i64) -> (f64, usize) {
        let hour = (at_ms - self.span.start_ms()).div_euclid(HOUR_MS);
        let offsets = &self.offsets[country];
        let place = usize::try_from(hour).unwrap_or_default().min(offsets.len().saturating_sub(1));
        curve::local_hour(at_ms + offsets.get(place).copied().unwrap_or_default())
    }

    /// Which page a redirect leads to, and the click id it carries.
    ///
    /// # Errors
    /// When it leads elsewhere: then links are not filled as they were set up.
    pub fn follow<'u>(&self, url: &'u str) -> anyhow::Result<(Page, &'u str)> {
        let (page, query) = url.split_once('?').unwrap_or((url, ""));
        let target = self
            .targets
            .get(page)
            .with_context(|| format!("a redirect leads to {url}, which nobody set up"))?;
        let id = model::params::pairs(query).find(|(name, _)| *name == target.id_param);
        let (_, id) = id.with_context(|| format!("a redirect to {url} carries no click id"))?;
        Ok((target.page, id))
    }
}

fn audiences(scenario: &Scenario, seed: u64) -> anyhow::Result<Vec<Audience>> {
    let audience = |campaign: &super::scenario::Campaign| {
        let source = place_of(&scenario.sources, &campaign.source, |s| &s.name)?;
        let flow = &scenario.flows[place_of(&scenario.flows, &campaign.flow, |f| &f.name)?];
        let landers = flow.paths.iter().flat_map(|path| &path.landers);
        let ctrs = landers
            .filter_map(|(path, _)| scenario.landers.iter().find(|l| l.path == *path))
            .map(|l| l.ctr);
        Ok(Audience {
            key: campaign.key(),
            source,
            link: Link::of(&scenario.sources[source])?,
            ads: Ads::new(campaign, &scenario.sources[source], seed),
            ctr_max: ctrs.fold(0.0, f64::max),
        })
    };
    scenario.campaigns.iter().map(audience).collect()
}

fn streams(scenario: &Scenario, browsers: &[Browser]) -> anyhow::Result<Vec<Stream>> {
    let mut streams = Vec::new();
    for (place, campaign) in scenario.campaigns.iter().enumerate() {
        let source = &scenario.sources[place_of(&scenario.sources, &campaign.source, |s| &s.name)?];
        let sum: f64 = campaign.countries.values().sum();
        for (code, share) in &campaign.countries {
            let country = place_of(&scenario.countries, code, |c| &c.code)?;
            let ios = scenario.countries[country].ios;
            let browsers = agents::shares(browsers, &source.devices, &source.apps, ios);
            streams.push(Stream { campaign: place, country, share: share / sum, browsers });
        }
    }
    Ok(streams)
}

fn targets(scenario: &Scenario, click_param: &str) -> anyhow::Result<HashMap<String, Target>> {
    let mut targets = HashMap::new();
    for (place, lander) in scenario.landers.iter().enumerate() {
        let target = Target { page: Page::Lander(place), id_param: click_param.to_owned() };
        targets.insert(lander_url(lander), target);
    }
    for (place, offer) in scenario.offers.iter().enumerate() {
        let network = &scenario.networks[network_place(offer, scenario)?];
        let param = network.offer_url_param.as_deref().unwrap_or(OFFER_PARAM);
        let target = Target { page: Page::Offer(place), id_param: param.to_owned() };
        targets.insert(offer_url(offer, network), target);
    }
    Ok(targets)
}

fn offsets(scenario: &Scenario, span: Span) -> anyhow::Result<Vec<Vec<i64>>> {
    let of_country = |country: &super::scenario::Country| {
        let zone = TimeZone::get(&country.zone)?;
        let at = |hour: usize| {
            let moment = Timestamp::from_millisecond(span.start_ms() + hour as i64 * HOUR_MS)?;
            Ok(i64::from(zone.to_offset(moment).seconds()) * 1000)
        };
        (0..span.hours()).map(at).collect()
    };
    scenario.countries.iter().map(of_country).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-28T12:00:00Z: half a day before Europe's clocks go forward.
    const SPRING_MS: i64 = 1_774_699_200_000;

    fn world(days: u32, end_ms: i64) -> World {
        let span = Span { clicks: 1, end_ms, days, seed: 1, with_ids: true };
        World::new(Scenario::load().unwrap(), span, &Geo::default(), "clickid").unwrap()
    }

    #[test]
    fn local_hours_follow_zones_and_summer_time() {
        let world = world(2, SPRING_MS + 24 * HOUR_MS);
        let place =
            |code: &str| world.scenario.countries.iter().position(|c| c.code == code).unwrap();
        for (code, at_ms, hour) in [
            ("DE", SPRING_MS, 13.0),
            ("DE", SPRING_MS + 23 * HOUR_MS, 13.0),
            ("IN", SPRING_MS, 17.5),
            ("JP", SPRING_MS, 21.0),
            ("US", SPRING_MS, 8.0),
        ] {
            assert_eq!(world.local_hour(place(code), at_ms).0, hour, "{code}");
        }
    }

    #[test]
    fn campaigns_run_from_when_to_when_they_say() {
        let world = world(10, SPRING_MS);
        let runs = |hour: usize, campaign: usize| {
            let weights = world.weights(hour);
            world
                .streams
                .iter()
                .zip(weights)
                .any(|(stream, weight)| stream.campaign == campaign && weight > 0.0)
        };
        for (place, campaign) in world.scenario.campaigns.iter().enumerate() {
            assert_eq!(runs(0, place), campaign.from == 0.0, "{}", campaign.name);
            assert_eq!(runs(239, place), campaign.to == 1.0, "{}", campaign.name);
        }
    }

    #[test]
    fn redirects_are_recognised_with_their_ids() {
        let world = world(1, SPRING_MS);
        let first =
            world.follow("https://pages.example/sleep-doctor/?utm_x=1&clickid=ct_abc").unwrap();
        assert_eq!(first, (Page::Lander(0), "ct_abc"));
        let offer =
            world.follow("https://northlane.example/go/lumen-sleep?aid=1041&sub1=ct_abc").unwrap();
        assert_eq!(offer, (Page::Offer(0), "ct_abc"));
        assert!(world.follow("https://elsewhere.example/?clickid=ct_abc").is_err());
        assert!(world.follow("https://pages.example/sleep-doctor/").is_err());
    }
}
