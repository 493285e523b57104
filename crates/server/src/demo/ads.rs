//! What a source knows about its own ads: campaigns, groups, creatives, places, keywords, with a long tail each.

use super::random::{Random, Shares};
use super::scenario::{Campaign, Placements, Source};
use model::params;

/// Sigma of how well creatives work.
const CREATIVE_SIGMA: f64 = 0.35;
/// Sigma of how well places work.
const PLACE_SIGMA: f64 = 0.45;
/// The share of places whose visitors hardly ever buy.
const DEAD_SHARE: f64 = 0.12;

const DIGITS: &[u8] = b"0123456789";
/// The generator of a campaign's ads.
const STREAM: u64 = 3;
/// The generator of a place's worth in a campaign.
const PLACE_STREAM: u64 = 4;

/// A thing of the source with its number; both as they stand in a URL.
#[derive(Clone, Debug, Default)]
pub struct Label {
    pub id: String,
    pub name: String,
}

/// One creative with everything it is in.
#[derive(Clone, Debug)]
pub struct Creative {
    pub label: Label,
    pub group: Label,
    pub campaign: Label,
    /// How well it works; 1 on average.
    pub quality: f64,
}

/// A place where ads of a campaign appear.
#[derive(Clone, Debug)]
pub struct Place {
    /// The placement, as it stands in a URL.
    pub id: String,
    /// The publisher as it stands in a URL; empty where the source names none.
    pub publisher: String,
    /// The match type; empty where it is no keyword.
    pub match_type: &'static str,
    /// How well it works; 1 on average.
    pub quality: f64,
    /// What it costs; 1 on average. Good places are dearer, though not by as much as they are better.
    pub price: f64,
}

/// The ads of one campaign.
#[derive(Clone, Debug)]
pub struct Ads {
    pub creatives: Vec<Creative>,
    pub creative_shares: Shares,
    pub places: Vec<Place>,
    pub place_shares: Shares,
    /// Angles of the copy, as sub ids.
    pub angles: Vec<&'static str>,
}

impl Ads {
    /// The ads that `source` runs for `campaign`.
    pub fn new(campaign: &Campaign, source: &Source, seed: u64) -> Self {
        let mut random = Random::of_text(seed, STREAM, &campaign.name);
        let creatives = creatives(campaign, &mut random);
        let places = places(campaign, source, seed, &mut random);
        let mut angles = vec!["story", "price", "fear", "humour", "expert", "deadline"];
        let first = random.below(angles.len());
        angles.rotate_left(first);
        angles.truncate(3);
        Self {
            creative_shares: Shares::new(creatives.iter().map(|_| random.factor(0.9))),
            place_shares: Shares::zipf(places.len(), source.placements.exponent),
            creatives,
            places,
            angles,
        }
    }
}

/// One or two ad campaigns with a few groups of a few creatives.
fn creatives(campaign: &Campaign, random: &mut Random) -> Vec<Creative> {
    let number = |random: &mut Random| format!("12{}", random.text(DIGITS, 13));
    let mut creatives = Vec::new();
    for half in 0..1 + random.below(2) {
        let ad_campaign = Label {
            id: number(random),
            name: params::encode(&format!("{} #{}", campaign.name, half + 1)),
        };
        for group in 0..2 + random.below(4) {
            let audience =
                ["broad", "lookalike 1%", "interest", "retarget", "25-44", "45+"][group % 6];
            let group = Label { id: number(random), name: params::encode(audience) };
            for creative in 0..2 + random.below(4) {
                let form = ["video", "image", "carousel", "ugc"][random.below(4)];
                let name = params::encode(&format!(
                    "{form} {}{}",
                    char::from(b'A' + creative as u8),
                    half + 1
                ));
                let label = Label { id: number(random), name };
                let quality = random.factor(CREATIVE_SIGMA);
                creatives.push(Creative {
                    label,
                    group: group.clone(),
                    campaign: ad_campaign.clone(),
                    quality,
                });
            }
        }
    }
    creatives
}

fn places(campaign: &Campaign, source: &Source, seed: u64, random: &mut Random) -> Vec<Place> {
    let mut names = names(&source.placements, campaign);
    if source.placements.names.is_empty() {
        // The same places in every campaign of a source, but other ones are the busiest.
        let first = random.below(names.len());
        names.rotate_left(first);
    }
    let place = |(id, publisher, match_type): (String, String, &'static str)| {
        let mut random = Random::of_text(seed, PLACE_STREAM, &format!("{}/{id}", campaign.name));
        let is_dead = random.chance(DEAD_SHARE);
        let quality = random.factor(PLACE_SIGMA);
        let price = quality.sqrt() * random.factor(0.15);
        let drawn = random.one_of(&source.publishers).cloned();
        let publisher = if publisher.is_empty() { drawn.unwrap_or_default() } else { publisher };
        Place {
            id: params::encode(&id),
            publisher,
            match_type,
            quality: if is_dead { quality * 0.1 } else { quality },
            price,
        }
    };
    names.into_iter().map(place).collect()
}

/// Id, publisher and match type of each.
fn names(placements: &Placements, campaign: &Campaign) -> Vec<(String, String, &'static str)> {
    let named = placements.names.iter().map(|name| (name.clone(), String::new(), ""));
    let zone = |n: usize| ((104_729 + n * 7_919).to_string(), String::new(), "");
    let site = |n: usize| ((1_000_003 + n * 613).to_string(), site_name(n), "");
    let topic = campaign.flow.to_lowercase();
    let keyword = |n: usize| {
        let (before, behind) = (BEFORE[n % BEFORE.len()], BEHIND[n / BEFORE.len() % BEHIND.len()]);
        let text = format!("{before} {topic} {behind}");
        (text.trim().to_owned(), String::new(), ["e", "p", "b"][n % 3])
    };
    let counted = (0..placements.zones).map(zone).chain((0..placements.sites).map(site));
    named.chain(counted).chain((0..placements.keywords).map(keyword)).collect()
}

const BEFORE: [&str; 14] = [
    "best",
    "cheap",
    "",
    "compare",
    "top 10",
    "online",
    "safe",
    "free",
    "new",
    "my",
    "which",
    "how to get",
    "top",
    "fast",
];
const BEHIND: [&str; 10] = [
    "",
    "online",
    "near me",
    "explained",
    "reviews",
    "price",
    "for beginners",
    "offers",
    "without risk",
    "today",
];
const SITE_FIRST: [&str; 30] = [
    "daily", "morning", "metro", "north", "river", "sunny", "home", "star", "open", "city",
    "green", "silver", "blue", "lake", "garden", "family", "smart", "fresh", "simple", "global",
    "local", "happy", "quick", "royal", "clever", "golden", "urban", "modern", "bright", "coastal",
];
const SITE_SECOND: [&str; 30] = [
    "herald",
    "tribune",
    "recipes",
    "weather",
    "sports",
    "gazette",
    "news",
    "journal",
    "finance",
    "travel",
    "health",
    "living",
    "motors",
    "games",
    "gossip",
    "kitchen",
    "parents",
    "science",
    "tech",
    "football",
    "horoscope",
    "diy",
    "pets",
    "cinema",
    "radio",
    "music",
    "style",
    "money",
    "post",
    "times",
];

/// A made-up site (`.example` belongs to nobody, RFC 2606).
fn site_name(n: usize) -> String {
    let (first, second) =
        (SITE_FIRST[n % SITE_FIRST.len()], SITE_SECOND[n / SITE_FIRST.len() % SITE_SECOND.len()]);
    format!("{first}{second}.example")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scenario::{Scenario, place_of};
    use std::collections::HashSet;

    #[test]
    fn every_campaign_has_distinct_places_and_creatives_of_average_worth() {
        let scenario = Scenario::load().unwrap();
        for campaign in &scenario.campaigns {
            let source = place_of(&scenario.sources, &campaign.source, |s| &s.name).unwrap();
            let ads = Ads::new(campaign, &scenario.sources[source], 1);
            let places: HashSet<_> = ads.places.iter().map(|place| &place.id).collect();
            assert_eq!(places.len(), ads.places.len(), "{}", campaign.name);
            let creatives: HashSet<_> =
                ads.creatives.iter().map(|creative| &creative.label.id).collect();
            assert!(
                creatives.len() >= 4 && creatives.len() == ads.creatives.len(),
                "{}",
                campaign.name
            );
            if places.len() > 500 {
                let mean =
                    ads.places.iter().map(|place| place.quality).sum::<f64>() / places.len() as f64;
                assert!((mean - 0.9).abs() < 0.15, "{} {mean}", campaign.name);
            }
        }
    }
}
