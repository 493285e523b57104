//! Who comes: people with a browser, a place and a mood; programs, prefetches, testers, and people who come again.

use super::agents::headers_of;
use super::catalog;
use super::curve::Moment;
use super::link::{Filling, Forgotten, Query};
use super::random::Random;
use super::visitors::{Known, Visitors};
use super::world::World;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use model::money::Money;
use std::f64::consts::TAU;
use std::net::IpAddr;

/// Shares of landings that are no person's: programs that follow links (previews among them), pages loaded ahead of a
/// tap, requests for headers only; then the operator's own tests.
const SHARES: [f64; 4] = [0.036, 0.010, 0.004, 0.000_5];
/// A link where one macro was not replaced.
const FORGOTTEN_SHARE: f64 = 0.004;
/// A program that follows the link as it stands in the ad manager.
const REVIEW_SHARE: f64 = 0.3;
/// A visitor who was here before, with cookies.
const RETURN_SHARE: f64 = 0.07;
/// A tap that is sent twice.
const TWICE_SHARE: f64 = 0.012;
/// How much likelier people buy in the evening than on average.
const EVENING: f64 = 0.18;

/// Generators: of a click, of whether it is sent twice, of an impression.
const STREAM: u64 = 10;
const TWICE_STREAM: u64 = 11;
const IMPRESSION_STREAM: u64 = 12;
/// The generator of how well a campaign does in a country.
const SLICE_STREAM: u64 = 13;

/// A request to be sent to the edge.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub path_and_query: String,
    pub headers: HeaderMap,
    pub peer: IpAddr,
    pub body: Bytes,
}

/// What a landing counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Person,
    Bot,
    Preview,
    Test,
}

/// A request for a campaign's link.
#[derive(Clone, Debug)]
pub struct Landing {
    pub number: u64,
    pub request: Request,
    pub class: Class,
    /// What it costs.
    pub cost: Money,
    /// Whoever may go further.
    pub person: Option<Person>,
}

/// Somebody with a mood: everything that decides what they do next, drawn in advance, so that nothing they do depends
/// on when others do it.
#[derive(Clone, Debug)]
pub struct Person {
    pub campaign: usize,
    pub country: usize,
    pub device: &'static str,
    pub system: &'static str,
    /// Scales the CTR of landers.
    pub appeal: f64,
    /// Scales the conversion rate of offers.
    pub intent: f64,
    /// Goes on from a lander when this is below its CTR.
    pub go: f64,
    /// How long a lander is read, milliseconds.
    pub read_ms: i64,
    /// Converts when this is below the offer's rate.
    pub convert: f64,
    /// How long it takes until the conversion, in medians of the offer.
    pub patience: f64,
    /// For whatever comes later.
    pub random: Random,
}

/// A visit before it is a request.
struct Visit {
    stream: usize,
    browser: usize,
    peer: IpAddr,
    creative: usize,
    place: usize,
    angle: &'static str,
    /// What the source says that it costs.
    price: Option<Money>,
    before: Option<Known>,
}

/// Makes landings.
pub struct Landings<'w> {
    world: &'w World,
    visitors: Visitors,
}

impl<'w> Landings<'w> {
    /// With nobody known yet.
    pub fn new(world: &'w World) -> Self {
        Self { world, visitors: Visitors::default() }
    }

    /// Whether the click with this number is the one before, sent twice.
    pub fn is_twice(&self, number: u64) -> bool {
        let chance =
            |number| Random::of(self.world.span.seed, TWICE_STREAM, number).chance(TWICE_SHARE);
        number > 0 && chance(number) && !chance(number - 1)
    }

    /// Keeps the cookies that the visitor of click `number` got.
    pub fn keep_cookies(&mut self, number: u64, headers: &HeaderMap) {
        self.visitors.keep_cookies(number, headers);
    }

    /// The landing of a moment.
    pub fn make(&mut self, moment: Moment) -> Landing {
        let mut random = Random::of(self.world.span.seed, STREAM, moment.number);
        let mut kind = random.unit();
        for (share, make) in
            SHARES.iter().zip([Self::program, Self::prefetch, Self::head, Self::test])
        {
            if kind < *share {
                return make(self, moment, random);
            }
            kind -= share;
        }
        self.person(moment, random)
    }

    /// An impression of a campaign, seen by anybody.
    pub fn impression(&self, moment: Moment, turn: u32) -> Request {
        let mut random = Random::of(
            self.world.span.seed,
            IMPRESSION_STREAM,
            moment.number << 6 | u64::from(turn),
        );
        let visit = Visit { price: None, ..self.visit(moment, None, &mut random) };
        let query = self.query(&visit, Forgotten::None, false, &mut random);
        self.request("imp", &visit, &query, &mut random)
    }

    fn person(&mut self, moment: Moment, mut random: Random) -> Landing {
        let country = self.world.streams[moment.stream].country;
        let before = if random.chance(RETURN_SHARE) {
            self.visitors.draw(country, &mut random)
        } else {
            None
        };
        let visit = self.visit(moment, before, &mut random);
        let pairs = self.world.campaigns[self.world.streams[moment.stream].campaign].link.pairs();
        let is_forgotten = random.chance(FORGOTTEN_SHARE);
        let forgotten =
            if is_forgotten { Forgotten::One(random.below(pairs)) } else { Forgotten::None };
        let query = self.query(&visit, forgotten, true, &mut random);
        let mut request = self.request("c", &visit, &query, &mut random);
        if let Some(before) = &visit.before {
            let asked = self.world.browsers[visit.browser].asked_hints.iter().cloned();
            request.headers.extend(asked);
            request.headers.extend(before.cookie().map(|cookie| (header::COOKIE, cookie)));
        }
        let who = (country, visit.browser, visit.peer);
        self.visitors.remember(moment.number, who, visit.before.clone());
        let cost = self.cost(&visit, &query);
        let person = self.mood(moment, &visit, random);
        Landing { number: moment.number, request, class: Class::Person, cost, person: Some(person) }
    }

    fn program(&mut self, moment: Moment, mut random: Random) -> Landing {
        let program = &self.world.programs[self.world.program_shares.draw(&mut random)];
        let peer = self.world.addresses.draw_hosting(&mut random);
        let visit = Visit { peer, ..self.visit(moment, None, &mut random) };
        let forgotten = if random.chance(REVIEW_SHARE) { Forgotten::All } else { Forgotten::None };
        let query = self.query(&visit, forgotten, true, &mut random);
        let mut request = self.request("c", &visit, &query, &mut random);
        request.headers = HeaderMap::new();
        request.headers.insert(header::USER_AGENT, program.user_agent.clone());
        let class = if program.is_preview { Class::Preview } else { Class::Bot };
        self.nobody(moment, &visit, &query, request, class)
    }

    fn prefetch(&mut self, moment: Moment, mut random: Random) -> Landing {
        let visit = self.visit(moment, None, &mut random);
        let query = self.query(&visit, Forgotten::None, true, &mut random);
        let mut request = self.request("c", &visit, &query, &mut random);
        let purposes = [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("x-purpose", "preview"),
        ];
        let (name, purpose) = purposes[random.below(purposes.len())];
        request.headers.insert(name, HeaderValue::from_static(purpose));
        self.nobody(moment, &visit, &query, request, Class::Preview)
    }

    fn head(&mut self, moment: Moment, mut random: Random) -> Landing {
        let visit = self.visit(moment, None, &mut random);
        let query = self.query(&visit, Forgotten::None, true, &mut random);
        let request =
            Request { method: Method::HEAD, ..self.request("c", &visit, &query, &mut random) };
        self.nobody(moment, &visit, &query, request, Class::Preview)
    }

    fn test(&mut self, moment: Moment, mut random: Random) -> Landing {
        let visit = self.visit(moment, None, &mut random);
        let query = Query { text: "ct_test=1&sub1=check".to_owned(), cost: None };
        let request = self.request("c", &visit, &query, &mut random);
        self.nobody(moment, &visit, &query, request, Class::Test)
    }

    fn nobody(
        &self,
        moment: Moment,
        visit: &Visit,
        query: &Query,
        request: Request,
        class: Class,
    ) -> Landing {
        let cost = if class == Class::Preview { Money::ZERO } else { self.cost(visit, query) };
        Landing { number: moment.number, request, class, cost, person: None }
    }

    /// Who comes from where by which ad.
    fn visit(&self, moment: Moment, before: Option<Known>, random: &mut Random) -> Visit {
        let stream = &self.world.streams[moment.stream];
        let audience = &self.world.campaigns[stream.campaign];
        let ads = &audience.ads;
        let (browser, peer) = match &before {
            Some(known) => (known.browser, known.peer),
            None => {
                (stream.browsers.draw(random), self.world.addresses.draw(stream.country, random))
            }
        };
        let place = ads.place_shares.draw(random);
        let source = &self.world.scenario.sources[audience.source];
        let price = source.cost_param.is_some().then(|| {
            let worth = self.world.scenario.countries[stream.country].worth;
            let usual = self.world.scenario.campaigns[stream.campaign].cpc
                * worth
                * ads.places[place].price;
            sent_price(usual * random.factor(source.price_spread))
        });
        Visit {
            stream: moment.stream,
            browser,
            peer,
            creative: ads.creative_shares.draw(random),
            place,
            angle: random.one_of(&ads.angles).copied().unwrap_or_default(),
            price,
            before,
        }
    }

    fn query(
        &self,
        visit: &Visit,
        forgotten: Forgotten,
        is_click: bool,
        random: &mut Random,
    ) -> Query {
        let audience = &self.world.campaigns[self.world.streams[visit.stream].campaign];
        let browser = &self.world.browsers[visit.browser];
        let filling = Filling {
            creative: &audience.ads.creatives[visit.creative],
            place: &audience.ads.places[visit.place],
            angle: visit.angle,
            device: browser.device,
            system: browser.system,
            cost: visit.price,
            with_ids: is_click && self.world.span.with_ids,
        };
        audience.link.fill(&filling, forgotten, random)
    }

    fn request(
        &self,
        endpoint: &str,
        visit: &Visit,
        query: &Query,
        random: &mut Random,
    ) -> Request {
        let stream = &self.world.streams[visit.stream];
        let audience = &self.world.campaigns[stream.campaign];
        let mut headers =
            headers_of(&self.world.browsers[visit.browser], &self.world.languages[stream.country]);
        let referrers = &self.world.scenario.sources[audience.source].referrers;
        if let Some(referrer) = random.one_of(referrers).filter(|referrer| !referrer.is_empty()) {
            let referrer = referrer.replace("{site}", &audience.ads.places[visit.place].publisher);
            headers.extend(
                HeaderValue::try_from(referrer).ok().map(|referrer| (header::REFERER, referrer)),
            );
        }
        Request {
            method: Method::GET,
            path_and_query: ["/", endpoint, "/", &audience.key, "?", &query.text].concat(),
            headers,
            peer: visit.peer,
            body: Bytes::new(),
        }
    }

    /// What the click costs: what its link says, else what the campaign says, which is nothing where links should say.
    fn cost(&self, visit: &Visit, query: &Query) -> Money {
        let campaign = self.world.streams[visit.stream].campaign;
        let source = &self.world.scenario.sources[self.world.campaigns[campaign].source];
        match (query.cost, &source.cost_param) {
            (Some(cost), _) => cost,
            (None, Some(_)) => Money::ZERO,
            (None, None) => catalog::money(self.world.scenario.campaigns[campaign].cpc),
        }
    }

    fn mood(&self, moment: Moment, visit: &Visit, mut random: Random) -> Person {
        let stream = &self.world.streams[visit.stream];
        let campaign = &self.world.scenario.campaigns[stream.campaign];
        let ads = &self.world.campaigns[stream.campaign].ads;
        let (hour, _) = self.world.local_hour(stream.country, moment.at_ms);
        let evening = 1.0 + EVENING * ((hour - 20.5) / 24.0 * TAU).cos();
        let creative = ads.creatives[visit.creative].quality.sqrt();
        let slice =
            Random::of(self.world.span.seed, SLICE_STREAM, moment.stream as u64).factor(0.2);
        let browser = &self.world.browsers[visit.browser];
        Person {
            campaign: stream.campaign,
            country: stream.country,
            device: browser.device,
            system: browser.system,
            appeal: creative * evening.sqrt(),
            intent: campaign.fit * slice * creative * evening * ads.places[visit.place].quality,
            go: random.unit(),
            read_ms: (random.lognormal(28_000.0, 0.9) as i64).clamp(2_000, 1_200_000),
            convert: random.unit(),
            patience: random.lognormal(1.0, 1.0),
            random,
        }
    }
}

/// A price as sources send it: four decimals, and never nothing.
fn sent_price(units: f64) -> Money {
    const STEP: i64 = 100;
    let Money(micro) = catalog::money(units);
    Money((micro / STEP).max(1) * STEP)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::scenario::Scenario;
    use crate::demo::world::Span;

    fn world() -> World {
        let span = Span { clicks: 1, end_ms: 1_774_699_200_000, days: 3, seed: 1, with_ids: true };
        World::new(Scenario::load().unwrap(), span, &lookup::Geo::default(), "clickid").unwrap()
    }

    fn moment(world: &World, number: u64) -> Moment {
        let stream = number as usize % world.streams.len();
        Moment { number, at_ms: world.span.start_ms() + number as i64, stream }
    }

    #[test]
    fn one_landing_in_twenty_is_nobodys() {
        let world = world();
        let mut landings = Landings::new(&world);
        let (mut counts, all) = ([0u32; 4], 40_000);
        for number in 0..all {
            counts[landings.make(moment(&world, number)).class as usize] += 1;
        }
        let share = |class: Class| f64::from(counts[class as usize]) / all as f64;
        assert!((share(Class::Person) - 0.9495).abs() < 0.005, "{counts:?}");
        assert!((share(Class::Bot) - 0.031).abs() < 0.004, "{counts:?}");
        assert!((share(Class::Preview) - 0.019).abs() < 0.004, "{counts:?}");
        assert!(share(Class::Test) > 0.0, "{counts:?}");
    }

    #[test]
    fn a_seed_decides_everything_about_a_landing() {
        let world = world();
        let make = || {
            let mut landings = Landings::new(&world);
            (0..500).map(|n| format!("{:?}", landings.make(moment(&world, n)))).collect::<Vec<_>>()
        };
        assert_eq!(make(), make());
    }

    #[test]
    fn no_click_is_sent_three_times() {
        let world = world();
        let landings = Landings::new(&world);
        let twice: Vec<u64> = (0..100_000).filter(|n| landings.is_twice(*n)).collect();
        assert!((twice.len() as f64 / 100_000.0 - TWICE_SHARE).abs() < 0.002);
        assert!(twice.windows(2).all(|pair| pair[0] + 1 < pair[1]) && !landings.is_twice(0));
    }

    #[test]
    fn prices_have_four_decimals_and_are_never_nothing() {
        for (units, micro) in [(0.0, 100), (0.000_01, 100), (0.02, 20_000), (0.012_345_6, 12_300)] {
            assert_eq!(sent_price(units), Money(micro), "{units}");
        }
    }
}
