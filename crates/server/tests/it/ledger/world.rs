//! What the play is about: networks of every policy, offers of every payout, campaigns of every price.

use crate::harness::Server;
use serde_json::{Value, json};
use std::collections::HashMap;

/// What a further call without a transaction id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    FirstOnly,
    Every,
    Update,
    Add,
    ByTxid,
    ByEventId,
}

use Policy::{Add, ByEventId, ByTxid, Every, FirstOnly, Update};

#[derive(Debug)]
pub struct Network {
    pub policy: Policy,
    /// It calls amounts `summ` and transactions `ref`, and has words of its own for statuses.
    pub has_own_names: bool,
    /// It is held to its key.
    pub is_strict: bool,
}

#[derive(Debug)]
pub struct Offer {
    pub network: u64,
    pub fixed: Option<(i64, &'static str)>,
}

/// What clicks and conversions of a campaign cost, in micro-units of dollars.
#[derive(Clone, Copy, Debug)]
pub enum Price {
    Nothing,
    Click(i64),
    Conversion(i64),
    Lead(i64),
    /// Millionths of a percent of revenue.
    Share(i64),
}

#[derive(Debug)]
pub struct Campaign {
    pub id: u64,
    pub key: String,
    pub flow: u64,
    pub source: Option<u64>,
    /// Where its visitors go, if that is one place.
    pub offer: Option<u64>,
    pub lander: Option<u64>,
    pub price: Price,
}

/// The keys that networks are known by.
pub const OWN_KEY: &str = "k5";
pub const STRICT_KEY: &str = "k7";

/// Words of conversion types, and what they are: its name, its policy, its payout.
pub type Kind = (&'static str, &'static [&'static str], Policy, Option<(i64, &'static str)>);
pub const KINDS: [Kind; 2] = [
    ("deposit", &["deposit", "ftd", "dep"], Every, Some((20_000_000, "USD"))),
    ("signup", &["signup", "reg"], Update, Some((333_333, "EUR"))),
];

#[derive(Debug, Default)]
pub struct World {
    pub networks: HashMap<u64, Network>,
    pub offers: HashMap<u64, Offer>,
    pub campaigns: Vec<Campaign>,
    pub own: u64,
    pub strict: u64,
}

impl World {
    pub fn set_up(server: &Server) -> Self {
        let mut world = Self::default();
        let mut direct = Vec::new();
        for (name, policy) in [
            ("first_only", FirstOnly),
            ("every", Every),
            ("update", Update),
            ("add", Add),
            ("by_txid", ByTxid),
            ("by_event_id", ByEventId),
            ("own", FirstOnly),
            ("strict", FirstOnly),
        ] {
            let network = world.network(server, name, policy);
            direct.push(world.offer(server, name, network, None));
            if name == "first_only" {
                let fixed = Some((2_500_000, "USD"));
                direct.push(world.offer(server, "fixed", network, fixed));
                direct.push(world.offer(server, "fixed euro", network, Some((3_000_000, "EUR"))));
            }
        }
        for (name, words, policy, payout) in KINDS {
            let payout = payout.map(|(amount, currency)| {
                json!({ "kind": "fixed", "amount": decimal(amount), "currency": currency })
            });
            let policy = match policy {
                Every => "every",
                _ => "update",
            };
            server.create(
                "/conversion-types",
                json!({ "name": name, "words": words[1..], "repeat": policy, "payout": payout }),
            );
        }
        let prices = [
            Price::Nothing,
            Price::Click(123_457),
            Price::Conversion(700_001),
            Price::Lead(300_000),
            Price::Share(12_345_678),
        ];
        for (place, offer) in direct.iter().enumerate() {
            let price = prices[place % prices.len()];
            world.campaign(server, &format!("direct{place}"), None, &[*offer], price);
        }
        let lander = json!({ "name": "l", "url": "https://lander.example/?clickid={click_id}" });
        let lander = server.create("/landers", lander);
        for (place, offers) in [&direct[..4], &direct[4..8]].into_iter().enumerate() {
            world.campaign(server, &format!("lander{place}"), Some(lander), offers, prices[4]);
        }
        world
    }

    fn network(&mut self, server: &Server, name: &str, policy: Policy) -> u64 {
        let (has_own_names, is_strict) = (name == "own", name == "strict");
        let mut body = own_network(name, &[]);
        match name {
            "own" => {}
            "strict" => {
                body = json!({ "name": name, "postback_key": STRICT_KEY, "key_mode": "enforce" });
            }
            _ => body = json!({ "name": name, "repeat": name }),
        }
        let id = server.create("/networks", body);
        match name {
            "own" => self.own = id,
            "strict" => self.strict = id,
            _ => {}
        }
        self.networks.insert(id, Network { policy, has_own_names, is_strict });
        id
    }

    fn offer(
        &mut self,
        server: &Server,
        name: &str,
        network: u64,
        fixed: Option<(i64, &'static str)>,
    ) -> u64 {
        let mut body = json!({ "name": name, "network": network, "url": "https://offer.example/?subid={click_id}" });
        if let Some((amount, currency)) = fixed {
            body["payout"] =
                json!({ "kind": "fixed", "amount": decimal(amount), "currency": currency });
        }
        let id = server.create("/offers", body);
        self.offers.insert(id, Offer { network, fixed });
        id
    }

    fn campaign(
        &mut self,
        server: &Server,
        key: &str,
        lander: Option<u64>,
        offers: &[u64],
        price: Price,
    ) {
        let each: Vec<Value> = offers.iter().map(|offer| json!({ "offer": offer })).collect();
        let landers: Vec<Value> = lander.iter().map(|id| json!({ "lander": id })).collect();
        let flow = json!({ "name": key, "default": [{ "landers": landers, "offers": each }] });
        let flow = server.create("/flows", flow);
        // Some links say what a click cost, in euro.
        let source = key.ends_with('5').then(|| {
            let source = json!({ "name": key, "cost_param": "price", "cost_currency": "EUR" });
            server.create("/sources", source)
        });
        let dollars = |kind: &str, amount: i64| json!({ "kind": kind, "amount": decimal(amount), "currency": "USD" });
        let cost = match price {
            Price::Nothing => json!({ "kind": "none" }),
            Price::Click(amount) => dollars("cpc", amount),
            Price::Conversion(amount) => dollars("cpa", amount),
            Price::Lead(amount) => dollars("cpl", amount),
            Price::Share(percent) => json!({ "kind": "rev_share", "percent": decimal(percent) }),
        };
        let id = server.create(
            "/campaigns",
            json!({ "name": key, "key": key, "flow": flow, "source": source, "cost": cost }),
        );
        let offer = (offers.len() == 1).then(|| offers[0]);
        let key = key.to_owned();
        self.campaigns.push(Campaign { id, key, flow, source, offer, lander, price });
    }

    pub fn network_of(&self, offer: u64) -> u64 {
        self.offers[&offer].network
    }
}

/// The network with own words, and words that were mapped since.
pub fn own_network(name: &str, more: &[(&str, &str)]) -> Value {
    let mut map = json!({ "wait": "pending", "ok": "approved" });
    more.iter().for_each(|(word, status)| map[word] = json!(status));
    json!({
        "name": name, "postback_key": OWN_KEY, "params": { "payout": "summ", "txid": "ref" },
        "status_map": map,
    })
}

/// Micro-units as the API writes and reads them.
pub fn decimal(micro: i64) -> String {
    let (sign, micro) = (if micro < 0 { "-" } else { "" }, micro.abs());
    format!("{sign}{}.{:06}", micro / 1_000_000, micro % 1_000_000)
}
