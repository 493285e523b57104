//! The world that is played: countries, sources, networks, offers, landers, flows, campaigns, read from `demo.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The embedded world.
const WORLD: &str = include_str!("../../data/demo.toml");

/// Everything in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(rename = "country")]
    pub countries: Vec<Country>,
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
    #[serde(rename = "network")]
    pub networks: Vec<Network>,
    #[serde(rename = "offer")]
    pub offers: Vec<Offer>,
    #[serde(rename = "lander")]
    pub landers: Vec<Lander>,
    #[serde(rename = "flow")]
    pub flows: Vec<Flow>,
    #[serde(rename = "campaign")]
    pub campaigns: Vec<Campaign>,
}

/// Where visitors are.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: String,
    /// IANA name.
    pub zone: String,
    /// What browsers there send as `Accept-Language`.
    pub language: String,
    /// Scales bids and payouts.
    pub worth: f64,
    /// Scales the share of iPhones.
    pub ios: f64,
}

/// Factors by a word: devices, systems, apps.
pub type Factors = BTreeMap<String, f64>;

/// Where clicks are bought.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub name: String,
    /// How its macros are written, with `NAME` for the name.
    #[serde(rename = "macro")]
    pub macro_form: String,
    /// The query of its links.
    pub query: String,
    /// Parameter and field.
    pub params: Vec<(String, model::Field)>,
    pub click_id_param: Option<String>,
    pub cost_param: Option<String>,
    /// Sigma of what single clicks cost.
    #[serde(default)]
    pub price_spread: f64,
    pub publishers: Vec<String>,
    pub placements: Placements,
    pub devices: Factors,
    pub apps: Factors,
    /// Equally likely; `{site}` is the publisher.
    pub referrers: Vec<String>,
}

/// Where ads of a source appear: named, or so many of a kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placements {
    #[serde(default)]
    pub names: Vec<String>,
    #[serde(default)]
    pub sites: usize,
    #[serde(default)]
    pub zones: usize,
    #[serde(default)]
    pub keywords: usize,
    /// Of the long tail.
    pub exponent: f64,
}

/// Who pays, and how it reports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    pub name: String,
    pub slug: String,
    /// Whether its postback URL has a key.
    #[serde(default)]
    pub keyed: bool,
    /// The key, made when the demo starts.
    #[serde(skip)]
    pub key: Option<String>,
    /// Whether the key is demanded.
    #[serde(default)]
    pub enforced: bool,
    /// Its parameter names by ours.
    pub params: BTreeMap<String, String>,
    /// Its words for a status, by ours.
    pub words: BTreeMap<String, String>,
    /// Whether conversions are pending first.
    #[serde(default)]
    pub pending: bool,
    #[serde(default)]
    pub with_txid: bool,
    /// Whether it calls with `POST` and a form.
    #[serde(default)]
    pub form: bool,
    /// Whether it turns click ids into upper case.
    #[serde(default)]
    pub upper_case: bool,
    /// Whether it writes amounts with a comma.
    #[serde(default)]
    pub comma: bool,
    pub offer_url_param: Option<String>,
    /// The address that its calls come from.
    pub address: std::net::IpAddr,
    /// The user agent of its calls.
    pub agent: String,
    /// How long after the conversion it calls, on average.
    pub lag_seconds: f64,
}

/// What is sold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub name: String,
    pub network: String,
    /// Its short name, and its place at the network.
    pub path: String,
    /// In a country of worth 1.
    pub payout: f64,
    /// The same for everyone, whatever the postback says.
    #[serde(default)]
    pub fixed: bool,
    /// Sigma of amounts.
    #[serde(default)]
    pub spread: f64,
    pub cr: f64,
    /// The share of conversions that stay.
    pub approval: f64,
    #[serde(default = "sale")]
    pub kind: String,
    /// Median from the offer's page to the conversion.
    pub minutes: f64,
    /// Whether conversions are reported by a pixel in the visitor's browser.
    #[serde(default)]
    pub pixel: bool,
    #[serde(default)]
    pub devices: Factors,
    #[serde(default)]
    pub systems: Factors,
    pub second: Option<Second>,
}

fn sale() -> String {
    "sale".to_owned()
}

/// What some of those who converted do later.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Second {
    pub kind: String,
    pub rate: f64,
    pub payout: f64,
    pub minutes: f64,
}

/// A page in front of an offer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lander {
    pub name: String,
    pub path: String,
    pub ctr: f64,
    /// How many offers it links to.
    #[serde(default = "one")]
    pub links: u8,
}

const fn one() -> u8 {
    1
}

/// Paths by weight.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    pub name: String,
    pub paths: Vec<Path>,
}

/// Landers, then offers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Path {
    #[serde(default = "hundred")]
    pub weight: u32,
    #[serde(default)]
    pub mode: model::thing::RedirectMode,
    #[serde(default)]
    pub landers: Vec<(String, u32)>,
    pub offers: Vec<(String, u32)>,
}

const fn hundred() -> u32 {
    100
}

/// A link with its audience.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Campaign {
    pub name: String,
    pub source: String,
    pub flow: String,
    /// In a country of worth 1; a source that sends its cost sends this much on average.
    #[serde(default)]
    pub cpc: f64,
    /// Its share of all clicks.
    pub volume: f64,
    pub countries: Factors,
    pub fit: f64,
    #[serde(default)]
    pub from: f64,
    #[serde(default = "whole")]
    pub to: f64,
    /// Impressions reported for each click.
    #[serde(default)]
    pub impressions: u32,
}

const fn whole() -> f64 {
    1.0
}

impl Scenario {
    /// Reads the embedded world.
    ///
    /// # Errors
    /// When it does not fit, which a test rules out.
    pub fn load() -> anyhow::Result<Self> {
        Ok(toml::from_str(WORLD)?)
    }
}

impl Campaign {
    /// The key of its link: its name in lower-case letters, digits and hyphens.
    pub fn key(&self) -> String {
        let words =
            self.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
    }
}

/// The place in a list of whatever has this name.
pub fn place_of<T>(list: &[T], name: &str, name_of: impl Fn(&T) -> &str) -> anyhow::Result<usize> {
    let place = list.iter().position(|item| name_of(item) == name);
    place.ok_or_else(|| anyhow::anyhow!("`{name}` is nowhere in the scenario"))
}
