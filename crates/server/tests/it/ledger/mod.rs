//! The ledger through the front door: what the real server makes of clicks and calls in every way, order and repetition,
//! from many connections and through kills, against the plainest book of conversions.
//!
//! The book takes the calls in the order of the inbox, which is the order in which they were written down, and judges
//! each by itself. `CLICKTRAIL_SEED` plays another play, `CLICKTRAIL_OPERATIONS` a shorter one.

mod book;
mod figures;
mod found;
mod play;
#[path = "../../replay/random.rs"]
mod random;
mod send;
mod wire;
mod world;

use crate::harness::{Server, TOKEN, wait_for};
use book::Book;
use figures::{GROUPINGS, METRICS};
use found::{Entry, Row};
use play::{Op, Play, Way};
use random::Random;
use send::{Post, visit_ms};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use world::World;

const WAVES: usize = 10;
/// Kills in the course of a wave.
const KILLS: usize = 2;
/// Calls that an operator has judged again between two waves, and as many that he attaches.
const ORDERS: usize = 6;
const STORY_MAX: usize = 60;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// What an operator did between two waves.
enum Act {
    /// Judged again, and first attached to a visit if there is one.
    Order(u64, Option<usize>),
    Map(&'static str, &'static str),
    Rate(&'static str, (i128, i128)),
}

/// What happened behind which record of the journal.
enum Step<'a> {
    Row(&'a Row),
    Call(&'a Entry),
    Act(&'a Act),
}

#[test]
fn what_was_reported_in_any_way_order_and_number_adds_up_to_what_the_plainest_book_says() {
    let seed = asked("CLICKTRAIL_SEED").unwrap_or(1);
    println!("CLICKTRAIL_SEED={seed}");
    let operations = asked("CLICKTRAIL_OPERATIONS").unwrap_or(100_000) as usize;
    let (mut server, world) = start();
    let (mut play, post, mut acts) = (Play::default(), Post::default(), Vec::new());
    let mut chance = Random(seed);
    let mut kills = 0;
    for wave in 0..WAVES {
        // What kills leave unasked is made up for later.
        let owed = (operations * (wave + 1) / WAVES).saturating_sub(post.sent());
        let spare = if wave + 1 == WAVES { owed / 3 } else { 0 };
        let queue = play.wave(&mut chance, world.campaigns.len(), owed + spare);
        let done = AtomicUsize::new(0);
        let address = server.address.clone();
        std::thread::scope(|scope| {
            let (post, play, queue, done) = (&post, &play, &queue[..], &done);
            let (world, seed) = (&world, chance.next());
            scope.spawn(move || post.send(&address, world, play, queue, seed, done));
            for kill in 1..=KILLS {
                let enough = queue.len() * kill / (KILLS + 1);
                wait_for("answers", || (done.load(Ordering::Relaxed) >= enough).then_some(()));
                server.kill();
                server.launch();
                kills += 1;
            }
        });
        server.settle();
        act(&server, &world, &post, &mut chance, wave, &mut acts);
        if wave % 2 == 0 {
            // What the operator was answered holds.
            server.kill();
            server.launch();
            server.settle();
            kills += 1;
        }
    }
    let (inbox, rows) = (found::inbox(&server, &play), found::rows(&server));
    let sent = post.sent();
    check_fates(&post, &play, &inbox, &rows);
    let (mut book, said) = judge(&world, &play, &inbox, &rows, &acts);
    book.lines.retain(|line| !line.figures.is_empty());
    let compared = check_figures(&server, &book, &inbox);
    let unanswered = post.unanswered.load(Ordering::Relaxed);
    println!(
        "result: ledger over HTTP: {sent} operations in {} requests from {} connections, {kills} kills, {unanswered} requests unanswered; {} verdicts and {compared} figures equal",
        post.requests.load(Ordering::Relaxed),
        send::CONNECTIONS,
        inbox.len(),
    );
    for ((verdict, reason), count) in &said {
        println!("result: ledger over HTTP: {verdict} {reason}: {count}");
    }
    assert!(sent >= operations, "too few operations: {sent}");
}

/// A server with a geo table, on an address that stays.
fn start() -> (Server, World) {
    let city = "../lookup/fixtures/mmdb/GeoLite2-City-Test.mmdb";
    let city = std::path::Path::new(city).canonicalize().unwrap();
    let mut server = Server::start_with(&[("CLICKTRAIL_GEO_CITY", city.to_str().unwrap())]);
    let address = server.address.clone();
    server.set("CLICKTRAIL_LISTEN", &address);
    let world = World::set_up(&server);
    set_rate(&server, "EUR", "1.0823");
    (server, world)
}

fn set_rate(server: &Server, currency: &str, rate: &str) {
    let told = server.run(&["rates", "set", currency, "USD", rate]);
    assert!(told.contains("manual"), "{told}");
}

/// What the operator does while nothing else happens: rates and words first, then calls judged again.
fn act(
    server: &Server,
    world: &World,
    post: &Post,
    chance: &mut Random,
    wave: usize,
    acts: &mut Vec<(u64, Act)>,
) {
    let now = || server.get("/system").json()["journal"]["sequence"].as_u64().unwrap();
    match wave {
        0 => {
            set_rate(server, "EUR", "1.1");
            acts.push((now(), Act::Rate("EUR", (11, 10))));
        }
        1 => {
            set_rate(server, "GBP", "1.3");
            acts.push((now(), Act::Rate("GBP", (13, 10))));
            let mapped = world::own_network("own", &[("odd", "rejected")]);
            let path = format!("/api/v1/networks/{}", world.own);
            let key = format!("Bearer {TOKEN}");
            let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
            assert_eq!(server.request("PUT", &path, &headers, &mapped.to_string()).status, 200);
            acts.push((now(), Act::Map("odd", "rejected")));
        }
        4 => {
            set_rate(server, "EUR", "1.2");
            acts.push((now(), Act::Rate("EUR", (12, 10))));
        }
        _ => {}
    }
    let known: Vec<(usize, String)> = {
        let visits = post.visits.lock().unwrap();
        let mut known: Vec<_> = visits.iter().map(|(op, visit)| (*op, visit.id.clone())).collect();
        known.sort_unstable();
        known
    };
    for (verdict, attaches) in [("held", false), ("unattributed", true), ("refused", false)] {
        let page = server.get(&format!("/inbox?verdict={verdict}&limit=300")).json();
        let items = page["items"].as_array().unwrap();
        for _ in 0..ORDERS.min(items.len()) {
            let number = items[chance.below(items.len())]["id"].as_str().unwrap();
            let visit =
                attaches.then(|| &known[known.len() - 1 - chance.below(known.len().min(400))]);
            let id: Option<&String> = visit.map(|(_, id)| id);
            let order = json!({ "click_id": id, "reason": "as said on the phone" });
            let before = now();
            let answer = server.post(&format!("/inbox/{number}/replay"), &order);
            // One that was chosen twice may count by now.
            if answer.status == 200 {
                let visit = visit.map(|(op, _)| *op);
                acts.push((before, Act::Order(number.parse().unwrap(), visit)));
            } else {
                assert_eq!(answer.status, 409, "{answer:?}");
            }
        }
    }
}

/// What was answered is there, and nothing more often than it was sent.
fn check_fates(post: &Post, play: &Play, inbox: &BTreeMap<u64, Entry>, rows: &[Row]) {
    let fates = post.fates.lock().unwrap();
    let mut times: BTreeMap<usize, usize> = BTreeMap::new();
    for entry in inbox.values() {
        *times.entry(entry.raw.op).or_default() += 1;
        let fate = &fates[&entry.raw.op];
        if !play.ways[entry.raw.op].is_report() {
            assert_eq!(entry.url, fate.url, "kept as it came");
        }
    }
    for row in rows.iter().filter(|row| row.row == "click") {
        *times.entry(row.op).or_default() += 1;
    }
    for (op, fate) in fates.iter() {
        if matches!(play.ways[*op], Way::Hop) {
            continue;
        }
        let found = times.get(op).copied().unwrap_or(0);
        let owed = if play.ways[*op].is_report() { fate.inbox.len() } else { fate.answered };
        assert!(
            (owed..=fate.sent).contains(&found),
            "{found} of {fate:?}",
            fate = (owed, fate.sent, &fate.url)
        );
        for number in &fate.inbox {
            let kept =
                inbox.get(number).unwrap_or_else(|| panic!("{number} was answered and is lost"));
            assert_eq!(kept.raw.op, *op, "{number}");
        }
    }
    let clicks: HashMap<usize, &str> =
        rows.iter().filter(|row| row.row == "click").map(|row| (row.op, &*row.click_id)).collect();
    for (op, visit) in post.visits.lock().unwrap().iter() {
        assert_eq!(clicks.get(op), Some(&&*visit.id), "visit {op} was answered");
    }
}

/// Plays everything to the book in the order of the journal, and compares every verdict.
fn judge<'a>(
    world: &'a World,
    play: &'a Play,
    inbox: &BTreeMap<u64, Entry>,
    rows: &[Row],
    acts: &[(u64, Act)],
) -> (Book<'a>, BTreeMap<(String, String), u64>) {
    let mut steps: Vec<(u64, u8, Step<'_>)> = Vec::new();
    steps.extend(rows.iter().map(|row| (row.sequence, 0, Step::Row(row))));
    steps.extend(inbox.values().map(|entry| (entry.raw.number, 0, Step::Call(entry))));
    steps.extend(acts.iter().map(|(after, act)| (*after, 1, Step::Act(act))));
    steps.sort_by_key(|(sequence, rank, _)| (*sequence, *rank));
    let mut book = Book::new(world, play);
    let mut said: BTreeMap<u64, (String, String)> = BTreeMap::new();
    for (_, _, step) in &steps {
        match step {
            Step::Row(row) if row.row == "lander_click" => {
                book.hop(row.op, row.offer, row.event_ms)
            }
            Step::Row(row) => {
                assert_eq!(row.row, "click", "{row:?}");
                assert_eq!(row.event_ms, visit_ms(&row.click_id));
                let only = book.campaign(row.op).offer;
                assert!(only.is_none_or(|offer| offer == row.offer), "{row:?}");
                book.land(row.op, row.click_id.clone(), row.event_ms, row.offer);
            }
            Step::Call(entry) => {
                let (verdict, code) = book.hear(&entry.raw, false);
                let now = (entry.verdict.clone(), entry.reason.clone());
                let first = entry.first.clone().unwrap_or(now);
                let ours = (verdict.to_owned(), code);
                assert_eq!(first, ours, "{}", story(&book, inbox, &entry.raw));
                said.insert(entry.raw.number, ours);
            }
            Step::Act(Act::Order(number, visit)) => {
                let raw = &inbox[number].raw;
                if matches!(said[number].0.as_str(), "recorded" | "updated") {
                    continue;
                }
                book.attached.extend(visit.map(|visit| (*number, visit)));
                let (verdict, code) = book.hear(raw, true);
                said.insert(*number, (verdict.to_owned(), code));
            }
            Step::Act(Act::Map(word, status)) => drop(book.mapped.insert(word, status)),
            Step::Act(Act::Rate(currency, rate)) => drop(book.rates.insert(currency, *rate)),
        }
    }
    let mut counts = BTreeMap::new();
    for (number, ours) in said {
        let entry = &inbox[&number];
        let theirs = (entry.verdict.clone(), entry.reason.clone());
        assert_eq!(theirs, ours, "judged again: {}", story(&book, inbox, &entry.raw));
        *counts.entry(ours).or_default() += 1;
    }
    (book, counts)
}

/// Every call about the same visit, in order.
fn story(book: &Book<'_>, inbox: &BTreeMap<u64, Entry>, raw: &book::Raw) -> String {
    let visit_of = |op: usize| match &book.play.ops[op] {
        Op::Call(call) => call.visit,
        _ => op,
    };
    let visit = visit_of(raw.op);
    let is_about = |entry: &&Entry| {
        visit_of(entry.raw.op) == visit || book.attached.get(&entry.raw.number) == Some(&visit)
    };
    let told = |entry: &Entry| {
        let Entry { raw, verdict, reason, .. } = entry;
        let (way, op) = (book.play.ways[raw.op], &book.play.ops[raw.op]);
        format!(
            "  {} {verdict} {reason} {:?} {way:?} {op:?} event {:?}",
            raw.number, raw.network, raw.event_id
        )
    };
    let calls: Vec<String> = inbox.values().filter(is_about).take(STORY_MAX).map(told).collect();
    format!(
        "call {} of visit {visit} {:?}, {:?}\n{}\nstands: {:#?}",
        raw.number,
        book.visit(visit),
        book.landed.get(&visit),
        calls.join("\n"),
        book.of(visit)
    )
}

/// Compares every figure of every grouping by both times; how many there were.
fn check_figures(server: &Server, book: &Book<'_>, inbox: &BTreeMap<u64, Entry>) -> usize {
    let (mut compared, mut wrong) = (0, Vec::new());
    // By click first: that tells whose story it is.
    let by_visit: [&[&str]; 1] = [&["sub4"]];
    for by in by_visit.into_iter().chain(GROUPINGS) {
        for time in ["click", "event"] {
            let (theirs, ours) =
                (figures::asked(server, by, time), figures::expected(book, by, time));
            if theirs != ours {
                wrong.push(difference(book, inbox, (by, time), &theirs, &ours));
            }
            compared += theirs.len() * METRICS.len();
        }
    }
    assert!(wrong.is_empty(), "{} groupings differ: {}", wrong.len(), wrong.join("\n"));
    compared
}

fn difference(
    book: &Book<'_>,
    inbox: &BTreeMap<u64, Entry>,
    (by, time): (&[&str], &str),
    theirs: &figures::Figures,
    ours: &figures::Figures,
) -> String {
    let keys: Vec<_> = theirs.keys().chain(ours.keys()).collect();
    let differs = |key: &&&Vec<String>| theirs.get(**key) != ours.get(**key);
    let wrong: Vec<_> = keys.iter().filter(differs).take(5).collect();
    let lines = wrong.iter().map(|key| {
        format!("{key:?}\n  server {:?}\n  book   {:?}", theirs.get(**key), ours.get(**key))
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let op = wrong.first().and_then(|key| key.first()?.parse::<usize>().ok());
    let story = op.filter(|_| by == ["sub4"]).map(|op| {
        let (received_ms, at_ms) = (0, 0);
        let raw = book::Raw { number: 0, op, network: None, received_ms, at_ms, event_id: None };
        story(book, inbox, &raw)
    });
    format!("by {by:?} at {time} time, {METRICS:?}:\n{lines}\n{}", story.unwrap_or_default())
}
