//! Plays traffic through the edge in order of a simulated time: what is due is sent, what follows from the answers is
//! put in the queue.
//!
//! Requests go out in waves, so that waiting for the journal does not serialise them. A wave ends where the first
//! thing could happen that follows from a request in it; so nothing is ever played before something earlier.

use super::curve::{Moment, Timeline};
use super::landing::{Landing, Landings, Person, Request};
use super::ledger::Ledger;
use super::postback::{self, Arrival, Postback};
use super::random::Random;
use super::world::{Page, World};
use anyhow::{Context, bail};
use edge::{Clock, Edge, Incoming, Reply};
use http::{HeaderValue, StatusCode, header};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

/// Requests under way at most.
const WAVE_MAX: usize = 512;
/// Impressions come within this time of each other.
const IMPRESSIONS_MS: f64 = 1_800_000.0;
/// A lander click whose id is in the cookie only, since the lander did not hand it on.
const BY_COOKIE_SHARE: f64 = 0.04;
/// The generator of what surrounds a click.
const STREAM: u64 = 30;

/// The time that is played.
#[derive(Debug, Default)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    /// Stands at a moment, Unix milliseconds.
    pub fn at(now_ms: i64) -> Self {
        Self(AtomicI64::new(now_ms))
    }

    fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that is due.
enum Event {
    Landing(Box<Landing>),
    Impression(Request),
    LanderClick(Box<LanderClick>),
    Postback(Box<Postback>),
}

/// A person who goes on from a lander.
struct LanderClick {
    number: u64,
    person: Person,
    request: Request,
}

/// An event in the queue: the earliest first, then the one that was put in first.
struct Due {
    at_ms: i64,
    order: u64,
    event: Event,
}

/// A player in the middle of its play.
pub struct Player<'w> {
    world: &'w World,
    edge: &'w Edge,
    clock: &'w SimulatedClock,
    landings: Landings<'w>,
    timeline: Timeline<'w>,
    queue: BinaryHeap<Reverse<Due>>,
    order: u64,
    /// The number of a click that was made with the one before it.
    skipped: Option<u64>,
    ledger: Ledger,
}

impl<'w> Player<'w> {
    /// At the beginning. `weights` are those of the world.
    pub fn new(
        world: &'w World,
        edge: &'w Edge,
        clock: &'w SimulatedClock,
        weights: &'w dyn Fn(usize) -> Vec<f64>,
    ) -> Self {
        let span = world.span;
        let timeline =
            Timeline::new(span.start_ms(), span.hours(), span.clicks, span.seed, weights);
        Self {
            world,
            edge,
            clock,
            landings: Landings::new(world),
            timeline,
            queue: BinaryHeap::new(),
            order: 0,
            skipped: None,
            ledger: Ledger::default(),
        }
    }

    /// What was played so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What was played in the end.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Plays the next wave; how many requests it had, 0 at the end.
    ///
    /// # Errors
    /// When the edge does not answer as it should: the journal cannot be written, or links are not as set up.
    pub async fn wave(&mut self) -> anyhow::Result<usize> {
        let (mut wave, mut horizon_ms) = (Vec::new(), self.world.span.end_ms);
        while wave.len() < WAVE_MAX
            && let Some(due) = self.next_until(horizon_ms)
        {
            horizon_ms =
                horizon_ms.min(due.event.consequence_ms(self.world, due.at_ms).unwrap_or(i64::MAX));
            wave.push(due);
        }
        let sent = wave.iter().map(|due| Box::pin(send(self.edge, self.clock, due))).collect();
        let replies = join(sent).await;
        let count = wave.len();
        for (due, reply) in wave.into_iter().zip(replies) {
            self.settle(due, &reply)?;
        }
        Ok(count)
    }

    /// The next event, if it is due in front of a moment.
    fn next_until(&mut self, until_ms: i64) -> Option<Due> {
        loop {
            let queued_ms = self.queue.peek().map(|Reverse(due)| due.at_ms);
            let moment = self
                .timeline
                .peek()
                .filter(|moment| queued_ms.is_none_or(|queued| moment.at_ms <= queued));
            let at_ms = moment.map(|moment| moment.at_ms).or(queued_ms)?;
            if at_ms >= until_ms {
                return None;
            }
            let Some(moment) = moment else { return self.queue.pop().map(|Reverse(due)| due) };
            self.timeline.pop();
            if self.skipped != Some(moment.number) {
                return Some(self.land(moment));
            }
        }
    }

    /// Makes a landing, and what happens around it without waiting for its answer.
    fn land(&mut self, moment: Moment) -> Due {
        let landing = self.landings.make(moment);
        let mut random = Random::of(self.world.span.seed, STREAM, moment.number);
        let next = moment.number + 1;
        if next < self.timeline.clicks() && self.landings.is_twice(next) {
            self.skipped = Some(next);
            let again = Landing { number: next, person: None, ..landing.clone() };
            let at_ms = moment.at_ms + random.between(150.0, 1_900.0) as i64;
            self.put(at_ms.min(self.world.span.end_ms - 1), Event::Landing(Box::new(again)));
        }
        let campaign = self.world.streams[moment.stream].campaign;
        for turn in 0..self.world.scenario.campaigns[campaign].impressions {
            let request = self.landings.impression(moment, turn);
            self.put(
                moment.at_ms + random.between(0.0, IMPRESSIONS_MS) as i64,
                Event::Impression(request),
            );
        }
        if let Some(stray) = postback::stray(self.world, moment.number, moment.at_ms) {
            self.put(stray.at_ms, Event::Postback(Box::new(stray)));
        }
        self.order += 1;
        Due { at_ms: moment.at_ms, order: self.order, event: Event::Landing(Box::new(landing)) }
    }

    /// Queues an event; what lies beyond the end has not happened yet.
    fn put(&mut self, at_ms: i64, event: Event) {
        if at_ms < self.world.span.end_ms {
            self.order += 1;
            self.queue.push(Reverse(Due { at_ms, order: self.order, event }));
        }
    }

    /// Counts what was answered, and queues what follows from it.
    fn settle(&mut self, due: Due, reply: &Reply) -> anyhow::Result<()> {
        let status = reply.status();
        let is_fine = match &due.event {
            Event::Landing(_) | Event::LanderClick(_) => status.is_redirection(),
            Event::Impression(_) | Event::Postback(_) => status == StatusCode::OK,
        };
        if !is_fine {
            let why = if status == StatusCode::SERVICE_UNAVAILABLE {
                ": the journal cannot be written, is the disk full?"
            } else {
                ""
            };
            bail!("{} was answered with {status}{why}", due.event.request().path_and_query);
        }
        match due.event {
            Event::Landing(landing) => self.landed(due.at_ms, *landing, reply)?,
            Event::LanderClick(click) => {
                self.ledger.lander_clicks += 1;
                let LanderClick { number, mut person, request } = *click;
                let (page, id) = self.world.follow(location(reply)?)?;
                self.arrive(due.at_ms, page, ((number, id), &request), &mut person);
            }
            Event::Postback(postback) => self.ledger.reported(postback.report),
            Event::Impression(_) => self.ledger.impressions += 1,
        }
        Ok(())
    }

    fn landed(&mut self, at_ms: i64, landing: Landing, reply: &Reply) -> anyhow::Result<()> {
        let (page, id) = self.world.follow(location(reply)?)?;
        self.ledger.landed(&landing, matches!(page, Page::Lander(_)));
        let Landing { number, mut request, person: Some(mut person), .. } = landing else {
            return Ok(());
        };
        self.landings.keep_cookies(number, reply.headers());
        let Page::Lander(lander) = page else {
            self.arrive(at_ms, page, ((number, id), &request), &mut person);
            return Ok(());
        };
        let lander = &self.world.scenario.landers[lander];
        if person.go < lander.ctr * person.appeal {
            let link = 1 + person.random.below(usize::from(lander.links));
            let path = if link == 1 { "/click".to_owned() } else { format!("/click/{link}") };
            let by_cookie = person.random.chance(BY_COOKIE_SHARE);
            let cookie = click_cookie(reply).filter(|_| by_cookie);
            request.path_and_query =
                if cookie.is_some() { path } else { format!("{path}?clickid={id}") };
            request.headers.extend(cookie.map(|cookie| (header::COOKIE, cookie)));
            request
                .headers
                .insert(header::REFERER, HeaderValue::from_static("https://pages.example/"));
            let at_ms = at_ms + person.read_ms;
            self.put(at_ms, Event::LanderClick(Box::new(LanderClick { number, person, request })));
        }
        Ok(())
    }

    /// Somebody is at a page: what will be reported about them, if it is an offer's.
    fn arrive(
        &mut self,
        at_ms: i64,
        page: Page,
        (click, request): ((u64, &str), &Request),
        person: &mut Person,
    ) {
        let Page::Offer(offer) = page else { return };
        let arrival = Arrival { offer, click, at_ms, request };
        for postback in postback::reports(self.world, person, &arrival) {
            self.put(postback.at_ms, Event::Postback(Box::new(postback)));
        }
    }
}

impl Event {
    fn request(&self) -> &Request {
        match self {
            Self::Landing(landing) => &landing.request,
            Self::Impression(request) => request,
            Self::LanderClick(click) => &click.request,
            Self::Postback(postback) => &postback.request,
        }
    }

    /// When something may happen at the soonest that follows from the answer to this event at `at_ms`.
    fn consequence_ms(&self, world: &World, at_ms: i64) -> Option<i64> {
        let (person, ctr_max) = match self {
            Self::Landing(landing) => {
                let person = landing.person.as_ref()?;
                (person, world.campaigns[person.campaign].ctr_max)
            }
            Self::LanderClick(click) => (&click.person, 0.0),
            Self::Impression(_) | Self::Postback(_) => return None,
        };
        let reads_ms = (person.go < ctr_max * person.appeal).then_some(person.read_ms);
        let converts_ms = postback::soonest_ms(person, &world.scenario.offers);
        reads_ms.into_iter().chain(converts_ms).min().map(|delay_ms| at_ms + delay_ms)
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.order).cmp(&(other.at_ms, other.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Due {}

/// Sends one request at its time. The edge reads the clock before it waits for anything.
async fn send(edge: &Edge, clock: &SimulatedClock, due: &Due) -> Reply {
    clock.set(due.at_ms);
    let Request { method, path_and_query, headers, peer, body } = due.event.request();
    edge.handle(Incoming { method, path_and_query, headers, peer: *peer, body, is_tls: false })
        .await
}

/// Drives futures together; each is begun in its turn, and the results keep the order.
async fn join<F: Future>(mut futures: Vec<Pin<Box<F>>>) -> Vec<F::Output> {
    let mut results: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (future, result) in
            futures.iter_mut().zip(&mut results).filter(|(_, result)| result.is_none())
        {
            match future.as_mut().poll(context) {
                Poll::Ready(output) => *result = Some(output),
                Poll::Pending => is_pending = true,
            }
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    results.into_iter().flatten().collect()
}

fn location(reply: &Reply) -> anyhow::Result<&str> {
    let location = reply.headers().get(header::LOCATION).context("a redirect leads nowhere")?;
    Ok(location.to_str()?)
}

/// The cookie with the newest clicks, as a browser sends it back.
fn click_cookie(reply: &Reply) -> Option<HeaderValue> {
    let cookies = reply.headers().get_all(header::SET_COOKIE).into_iter();
    let pair = |cookie: &HeaderValue| Some(cookie.to_str().ok()?.split(';').next()?.to_owned());
    let clicks = cookies.filter_map(pair).find(|pair| pair.starts_with("ct_c="))?;
    HeaderValue::try_from(clicks).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[tokio::test]
    async fn futures_are_begun_in_their_order_and_answered_in_it() {
        let begun = RefCell::new(Vec::new());
        let work = |n: usize| {
            let begun = &begun;
            Box::pin(async move {
                begun.borrow_mut().push(n);
                for _ in 0..n % 3 {
                    tokio::task::yield_now().await;
                }
                n * 10
            })
        };
        let results = join((0..7).map(work).collect()).await;
        assert_eq!(results, [0, 10, 20, 30, 40, 50, 60]);
        assert_eq!(*begun.borrow(), [0, 1, 2, 3, 4, 5, 6]);
        assert!(join::<std::future::Ready<()>>(Vec::new()).await.is_empty());
    }

    #[test]
    fn the_queue_gives_the_earliest_first_then_the_older() {
        let mut queue = BinaryHeap::new();
        for (order, at_ms) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            let request = Request {
                method: http::Method::GET,
                path_and_query: String::new(),
                headers: http::HeaderMap::new(),
                peer: std::net::Ipv4Addr::LOCALHOST.into(),
                body: bytes::Bytes::new(),
            };
            queue.push(Reverse(Due { at_ms, order, event: Event::Impression(request) }));
        }
        let order: Vec<u64> =
            std::iter::from_fn(|| queue.pop()).map(|Reverse(due)| due.order).collect();
        assert_eq!(order, [2, 4, 3, 1]);
    }
}
