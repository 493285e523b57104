//! The things the tests play with: two owners, networks of every policy, offers of every payout.

use model::id::EPOCH_MS;
use model::keys::MacKey;
use model::money::{Currency, DecimalMark, Money};
use model::rate::{DayRate, RateSource, RateTable, day_of};
use model::table::{RoutingTable, Things};
use model::thing::{
    Campaign, Cap, CapOf, CapPer, CheckMode, Network, Offer, Payout, RepeatPolicy, Status, Thing,
    ThingId, Workspace,
};
use model::{ClickId, ClickKey, KeyRing};
use std::sync::Arc;

/// When everything begins, Unix milliseconds.
pub const START_MS: i64 = EPOCH_MS + 86_400_000_000;
pub const DAY_MS: i64 = 86_400_000;
pub const PREFIX: &str = "ct_";

pub const PLAIN: ThingId = 1;
pub const EVERY: ThingId = 2;
pub const UPDATE: ThingId = 3;
pub const ADD: ThingId = 4;
/// Has names of its own for parameters and statuses, and writes a decimal comma.
pub const OWN_WORDS: ThingId = 5;
/// Belongs to the second workspace.
pub const OTHER: ThingId = 6;
/// Enforces its key `k7` and its address 192.0.2.7.
pub const STRICT: ThingId = 7;
/// Each event is a conversion of its own.
pub const BY_EVENT: ThingId = 8;

/// Offers 1 to 5 and 9 pay what is sent, by networks 1 to 5 and 7; 8 is the second workspace's.
pub const FIXED: ThingId = 6;
pub const FIXED_FOREIGN: ThingId = 7;
pub const OFFER_OTHER: ThingId = 8;
pub const OFFER_STRICT: ThingId = 9;
pub const OFFER_EVENT: ThingId = 10;

/// Campaigns 1 and 2 are the first workspace's, 3 the second's.
pub const CAMPAIGN_OTHER: ThingId = 3;

fn thing<B>(id: ThingId, workspace: ThingId, body: B) -> Thing<B> {
    Thing { id, workspace, name: format!("thing {id}"), revision: 1, archived: false, body }
}

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

fn networks() -> Vec<Thing<Network>> {
    let repeat = |repeat| Network { repeat, ..Network::default() };
    let own_words = Network {
        params: [("payout", "summ"), ("txid", "ref")].map(|(a, b)| (a.into(), b.into())).into(),
        status_map: [("ok", Status::Approved), ("wait", Status::Pending)]
            .map(|(word, status)| (word.into(), status))
            .into(),
        decimal_mark: DecimalMark::Comma,
        ..Network::default()
    };
    let strict = Network {
        postback_key: Some("k7".into()),
        key_mode: CheckMode::Enforce,
        addresses: vec!["192.0.2.7/32".into()],
        address_mode: CheckMode::Enforce,
        ..Network::default()
    };
    vec![
        thing(PLAIN, 1, Network::default()),
        thing(EVERY, 1, repeat(RepeatPolicy::Every)),
        thing(UPDATE, 1, repeat(RepeatPolicy::Update)),
        thing(ADD, 1, repeat(RepeatPolicy::Add)),
        thing(OWN_WORDS, 1, own_words),
        thing(OTHER, 2, Network::default()),
        thing(STRICT, 1, strict),
        thing(BY_EVENT, 1, repeat(RepeatPolicy::ByEventId)),
    ]
}

fn offers() -> Vec<Thing<Offer>> {
    let offer = |network, payout| Offer {
        network: Some(network),
        url: "https://offer.example/?s={click_id}".into(),
        payout,
        ..Offer::default()
    };
    let fixed = |amount, currency| Payout::Fixed { amount: Money(amount), currency };
    let mut offers: Vec<_> =
        (PLAIN..=OWN_WORDS).map(|id| thing(id, 1, offer(id, Payout::Auto))).collect();
    for offer in &mut offers[..4] {
        let of = if offer.id % 2 == 1 { CapOf::Clicks } else { CapOf::Conversions };
        let per = if offer.id < 3 { CapPer::Day } else { CapPer::Total };
        let time_zone = Some("Asia/Tokyo".into());
        offer.body.cap = Some(Cap { of, per, amount: 1, time_zone });
    }
    offers.extend([
        thing(FIXED, 1, offer(PLAIN, fixed(2_500_000, Currency::USD))),
        thing(FIXED_FOREIGN, 1, offer(PLAIN, fixed(3_000_000, eur()))),
        thing(OFFER_OTHER, 2, offer(OTHER, Payout::Auto)),
        thing(OFFER_STRICT, 1, offer(STRICT, Payout::Auto)),
        thing(OFFER_EVENT, 1, offer(BY_EVENT, Payout::Auto)),
    ]);
    offers
}

fn campaign(id: ThingId, workspace: ThingId) -> Thing<Campaign> {
    let body = Campaign { key: format!("key{id}"), flow: id, ..Campaign::default() };
    thing(id, workspace, body)
}

/// The first workspace counts in USD for 90 days, the second in EUR for 30.
pub fn table() -> RoutingTable {
    let second = Workspace { currency: eur(), attribution_window_days: 30, ..Workspace::default() };
    RoutingTable::new(&Things {
        revision: 1,
        workspaces: vec![thing(1, 1, Workspace::default()), thing(2, 2, second)],
        networks: networks(),
        offers: offers(),
        campaigns: vec![campaign(1, 1), campaign(2, 1), campaign(CAMPAIGN_OTHER, 2)],
        ..Things::default()
    })
}

/// What currencies are worth, as it changes in the course of a play: nothing is known at first. The
/// operator's rates hold from two days before everything begins.
pub fn rates(phase: usize) -> RateTable {
    let rate = |workspace, day_ms, base: &str, quote: &str, rate: &str| {
        let (base, quote) = (base.parse().unwrap(), quote.parse().unwrap());
        let (day, rate) = (day_of(day_ms), Some(rate.parse().unwrap()));
        (workspace, DayRate { day, base, quote, source: RateSource::Manual, rate })
    };
    let before_ms = START_MS - 2 * DAY_MS;
    RateTable::new(match phase {
        0 => Vec::new(),
        1 => vec![rate(1, before_ms, "EUR", "USD", "1.0823")],
        _ => vec![
            rate(1, before_ms, "EUR", "USD", "1.1"),
            rate(1, START_MS + 20 * DAY_MS, "EUR", "USD", "1.2"),
            rate(2, before_ms, "USD", "EUR", "0.9"),
        ],
    })
}

pub fn keys() -> Arc<KeyRing> {
    let mac = MacKey { valid_from_ms: 0, secret: [7; 16] };
    Arc::new(KeyRing::new(vec![mac], [8; 16], [9; 16]).unwrap())
}

/// The text of an id we gave out.
pub fn id_text(key: ClickKey, campaign: ThingId, test: bool) -> String {
    ClickId { key, campaign, unlogged: false, test }.text(PREFIX, &keys()).to_string()
}
