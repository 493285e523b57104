//! Conversions as they are reported: by networks in their own words, late, at times twice or wrong; by pixels.

use super::catalog;
use super::landing::{Person, Request};
use super::random::Random;
use super::scenario::{Network, Offer, Second};
use super::world::World;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use model::money::Money;
use model::params;
use model::thing::Status;

/// How much a country or a device may scale a conversion rate together, at most.
const CR_MAX: f64 = 0.35;
/// The soonest that anybody converts.
const SOONEST_MS: i64 = 20_000;
/// A report that is sent again.
const REPEAT_SHARE: f64 = 0.05;
/// Milliseconds of an hour.
const HOUR_MS: f64 = 3_600_000.0;
/// Digits of a click id.
const BASE32: &[u8] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A postback, and when it comes.
#[derive(Clone, Debug)]
pub struct Postback {
    pub at_ms: i64,
    pub request: Request,
    /// What it does to which conversion; nothing when it is a bad one.
    pub report: Option<Report>,
}

/// A conversion's state as a postback reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The conversion, by its click's number and whether it is the click's second.
    pub conversion: (u64, bool),
    pub status: Status,
    pub amount: Money,
}

/// A conversion to be reported.
struct Conversion<'a> {
    click_id: &'a str,
    number: (u64, bool),
    kind: &'a str,
    amount: Money,
    txid: Option<String>,
}

/// When a person converts at the soonest, counted from the click on the offer; none when never.
pub fn soonest_ms(person: &Person, offers: &[Offer]) -> Option<i64> {
    let minutes = offers.iter().map(|offer| offer.minutes).fold(f64::MAX, f64::min);
    (person.convert < CR_MAX).then(|| think_ms(person, minutes))
}

fn think_ms(person: &Person, minutes: f64) -> i64 {
    ((minutes * 60_000.0 * person.patience) as i64).max(SOONEST_MS)
}

/// Somebody at the page of an offer.
pub struct Arrival<'a> {
    /// The offer's place.
    pub offer: usize,
    /// The click's number and id.
    pub click: (u64, &'a str),
    pub at_ms: i64,
    /// The request they came with.
    pub request: &'a Request,
}

/// Everything that will be reported about a person who arrived at an offer.
pub fn reports(world: &World, person: &mut Person, arrival: &Arrival<'_>) -> Vec<Postback> {
    let Arrival { offer, click, at_ms, request } = *arrival;
    let (offer, place) = (&world.scenario.offers[offer], offer);
    let Ok(network) = catalog::network_place(offer, &world.scenario) else { return Vec::new() };
    let network = &world.scenario.networks[network];
    let slice = Random::of(world.span.seed, SLICE_STREAM, (place * 1_000 + person.country) as u64)
        .factor(0.25);
    let factor =
        |factors: &super::scenario::Factors, word: &str| factors.get(word).copied().unwrap_or(1.0);
    let fit = factor(&offer.devices, person.device) * factor(&offer.systems, person.system) * slice;
    if person.convert >= (offer.cr * person.intent * fit).min(CR_MAX) {
        return literal_payout(network, offer, person, click.1, at_ms);
    }
    let (number, click_id) = click;
    let worth = world.scenario.countries[person.country].worth;
    let amount = amount(offer.payout, worth, offer, &mut person.random);
    let done_ms = at_ms + think_ms(person, offer.minutes);
    let first =
        Conversion { click_id, number: (number, false), kind: &offer.kind, amount, txid: None };
    if offer.pixel {
        return by_pixel(first, done_ms, request, &mut person.random);
    }
    let mut reports = history(network, offer.approval, first, done_ms, &mut person.random);
    if let Some(second) = offer.second.as_ref().filter(|second| person.random.chance(second.rate)) {
        let Second { kind, payout, minutes, .. } = second;
        let amount = self::amount(*payout, worth, offer, &mut person.random);
        let done_ms = done_ms + (person.random.lognormal(*minutes, 0.8) * 60_000.0) as i64;
        let second = Conversion { click_id, number: (number, true), kind, amount, txid: None };
        reports.extend(history(network, 0.97, second, done_ms, &mut person.random));
    }
    reports
}

/// The generator of how well an offer does in a country.
const SLICE_STREAM: u64 = 20;
/// The generator of calls that belong to nobody.
const STRAY_STREAM: u64 = 21;

/// In whole cents.
fn amount(payout: f64, worth: f64, offer: &Offer, random: &mut Random) -> Money {
    if offer.fixed {
        return catalog::money(payout);
    }
    let cents = (payout * worth * random.factor(offer.spread) * 100.0).round().max(1.0);
    catalog::money(cents / 100.0)
}

/// The page behind an order reports it from the buyer's browser; some load it again.
fn by_pixel(
    conversion: Conversion<'_>,
    done_ms: i64,
    request: &Request,
    random: &mut Random,
) -> Vec<Postback> {
    let Conversion { click_id, number, amount, .. } = conversion;
    let order = 10_000 + random.below(90_000_000);
    let mut request = request.clone();
    request.method = Method::GET;
    request.path_and_query =
        format!("/pixel.gif?clickid={click_id}&payout={amount}&order_id=W{order}");
    request.headers.insert("sec-fetch-mode", HeaderValue::from_static("no-cors"));
    request.headers.insert("sec-fetch-dest", HeaderValue::from_static("image"));
    request.headers.insert(header::REFERER, HeaderValue::from_static("https://pactum.example/"));
    let report = Some(Report { conversion: number, status: Status::Approved, amount });
    let again_ms = random.chance(REPEAT_SHARE).then(|| done_ms + 5_000);
    let times = [Some(done_ms), again_ms].into_iter().flatten();
    times.map(|at_ms| Postback { at_ms, request: request.clone(), report }).collect()
}

/// What a network says about a conversion over the days.
fn history(
    network: &Network,
    approval: f64,
    conversion: Conversion<'_>,
    done_ms: i64,
    random: &mut Random,
) -> Vec<Postback> {
    let txid = network.with_txid.then(|| {
        format!(
            "{}{}",
            network.slug[..2].to_uppercase(),
            100_000_000_000 + random.bits() % 899_999_999_999
        )
    });
    let conversion = Conversion { txid, ..conversion };
    let first_ms = done_ms + (random.lognormal(network.lag_seconds, 0.8) * 1_000.0) as i64 + 500;
    let is_kept = random.chance(approval);
    let mut steps = Vec::new();
    if network.pending {
        let decided_ms = first_ms + (random.lognormal(30.0, 0.7) * HOUR_MS) as i64;
        steps.push((first_ms, Status::Pending));
        steps.push((decided_ms, if is_kept { Status::Approved } else { Status::Rejected }));
    } else {
        steps.push((first_ms, Status::Approved));
        if !is_kept {
            let word = if random.chance(0.7) { Status::Rejected } else { Status::Chargeback };
            steps.push((first_ms + (random.lognormal(90.0, 0.6) * HOUR_MS) as i64, word));
        }
    }
    if random.chance(REPEAT_SHARE) {
        let again_ms = (random.lognormal(20_000.0, 1.0) as i64).clamp(300, 600_000);
        steps.insert(1, (first_ms + again_ms, steps[0].1));
    }
    let postback = |(at_ms, status): (i64, Status)| {
        let report = Report { conversion: conversion.number, status, amount: conversion.amount };
        let sent = conversion.amount.to_string();
        Postback {
            at_ms,
            request: call(network, &conversion, Some(status), &sent),
            report: Some(report),
        }
    };
    steps.into_iter().map(postback).collect()
}

/// A call that never had its payout filled in. Where payouts are fixed it would count all the same, so nobody sends it.
fn literal_payout(
    network: &Network,
    offer: &Offer,
    person: &mut Person,
    click_id: &str,
    at_ms: i64,
) -> Vec<Postback> {
    const SHARE: f64 = 0.000_6;
    if offer.fixed || person.convert >= CR_MAX || !person.random.chance(SHARE) {
        return Vec::new();
    }
    let conversion =
        Conversion { click_id, number: (0, false), kind: "sale", amount: Money::ZERO, txid: None };
    let request = call(network, &conversion, None, "{payout}");
    vec![Postback { at_ms: at_ms + think_ms(person, offer.minutes), request, report: None }]
}

/// Now and then a network calls with an id that is none; most clicks are followed by nothing of the kind.
pub fn stray(world: &World, number: u64, at_ms: i64) -> Option<Postback> {
    const SHARE: f64 = 0.000_5;
    let mut random = Random::of(world.span.seed, STRAY_STREAM, number);
    if !random.chance(SHARE) {
        return None;
    }
    let network = random.one_of(&world.scenario.networks)?;
    let click_id = match random.below(4) {
        0 => String::new(),
        1 => "{clickid}".to_owned(),
        2 => random.text(b"0123456789", 9),
        _ => format!("ct_{}", random.text(BASE32, 26)),
    };
    let conversion = Conversion {
        click_id: &click_id,
        number: (0, false),
        kind: "sale",
        amount: Money::ZERO,
        txid: None,
    };
    let at_ms = at_ms + random.between(1.0, 90.0) as i64 * 60_000;
    Some(Postback { at_ms, request: call(network, &conversion, None, "1.00"), report: None })
}

/// The call of a network, in its words.
fn call(
    network: &Network,
    conversion: &Conversion<'_>,
    status: Option<Status>,
    amount: &str,
) -> Request {
    let name = |ours: &'static str| network.params.get(ours).map_or(ours, String::as_str);
    let id = if network.upper_case {
        conversion.click_id.to_uppercase()
    } else {
        conversion.click_id.to_owned()
    };
    let amount = if network.comma { amount.replace('.', ",") } else { amount.to_owned() };
    let mut pairs = vec![(name("clickid"), id), (name("payout"), amount)];
    pairs.extend(conversion.txid.clone().map(|txid| (name("txid"), txid)));
    let word = status.and_then(|status| network.words.get(status.as_str()));
    pairs.extend(word.map(|word| ("status", word.clone())));
    if conversion.kind != "sale" {
        pairs.push(("type", conversion.kind.to_owned()));
    }
    let mut path = "/postback".to_owned();
    match &network.key {
        Some(key) if network.enforced => path += &format!("/{key}"),
        Some(key) => pairs.push(("key", key.clone())),
        None => {}
    }
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", params::encode(value))).collect();
    let mut headers = HeaderMap::new();
    headers.extend(
        HeaderValue::from_str(&network.agent).ok().map(|agent| (header::USER_AGENT, agent)),
    );
    let peer = network.address;
    if network.form {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let body = Bytes::from(pairs.join("&"));
        return Request { method: Method::POST, path_and_query: path, headers, peer, body };
    }
    let path_and_query = format!("{path}?{}", pairs.join("&"));
    Request { method: Method::GET, path_and_query, headers, peer, body: Bytes::new() }
}
