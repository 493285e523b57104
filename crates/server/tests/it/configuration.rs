//! A configuration of 300 campaigns is applied again and again while clicks run: none fails, and every one is routed
//! by exactly one version, the one it says.

use crate::harness::{PATIENCE, Server, TOKEN};
use model::Field;
use model::event::{Row, RowKind};
use model::facts::Facts;
use model::keys::Secret;
use model::query::TimeBasis;
use model::record::tag;
use model::route::{Decision, replay};
use model::table::{RoutingTable, Things};
use model::thing::{DEFAULT_WORKSPACE, Revision, ThingId};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use store::{Catalog, DuckEvents, DuckOptions, Events, ExportPage, SqliteCatalog};

const CAMPAIGNS: usize = 300;

/// Visitors of several kinds, so that rules part them.
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
];

/// Campaigns with flows like real ones: by device and hour, by zone of the source, and a default with a lander.
fn file(campaigns: usize) -> String {
    let mut text = String::from(
        "[[source]]\nname = \"Push\"\ntemplate = \"propellerads\"\n\n[[source]]\nname = \"Social\"\ntemplate = \"meta\"\n\n[[network]]\nname = \"Payer\"\ntemplate = \"everflow\"\n",
    );
    for n in 0..campaigns / 10 {
        text += &format!(
            "\n[[offer]]\nname = \"Offer {n}\"\nnetwork = \"Payer\"\nurl = \"https://offer.example/v0/{n}?clickid={{click_id}}&s={{sub1}}\"\npayout = {{ kind = \"fixed\", amount = \"2.5\", currency = \"USD\" }}\n\n[[lander]]\nname = \"Page {n}\"\nurl = \"https://page.example/v0/{n}\"\n"
        );
    }
    for n in 0..campaigns {
        let things = campaigns / 10;
        // Three that differ: a path names nothing twice.
        let (a, b, c) = (n / 10, (n / 10 + 1) % things, (n / 10 + 2 + n % 7) % things);
        text += &format!(
            r#"
[[flow]]
name = "Flow {n}"
time_zone = "Europe/Berlin"
returning = "{returning}"

[[flow.rules]]
name = "phones, any hour"
when = {{ all = [{{ field = "os", op = "is", value = "iOS" }}, {{ field = "hour_of_day", op = "between", value = [0, 23] }}] }}

[[flow.rules.paths]]
weight = 70
offers = [{{ offer = "Offer {a}", weight = 70 }}, {{ offer = "Offer {b}", weight = 30 }}]

[[flow.rules.paths]]
weight = 30
landers = [{{ lander = "Page {b}" }}]
offers = [{{ offer = "Offer {c}" }}]

[[flow.rules]]
name = "good zones"
when = {{ any = [{{ param = "zone", op = "in", value = ["1", "2", "3"] }}, {{ field = "sub1", op = "starts_with", value = "vip" }}] }}

[[flow.rules.paths]]
offers = [{{ offer = "Offer {c}", weight = 60 }}, {{ offer = "Offer {a}", weight = 40 }}]

[[flow.default]]
landers = [{{ lander = "Page {a}", weight = 50 }}, {{ lander = "Page {c}", weight = 50 }}]
offers = [{{ offer = "Offer {b}" }}]

[[flow.default]]
url = "https://direct.example/v0/{n}?clickid={{click_id}}"

[[campaign]]
name = "Campaign {n}"
key = "c{n}"
source = "{source}"
flow = "Flow {n}"
"#,
            returning = ["draw_again", "same", "unseen"][n % 3],
            source = ["Push", "Social"][n % 2],
        );
    }
    text
}

/// A click as its sender saw it: where it was sent.
type Seen = HashMap<String, String>;

/// Clicks on any of the campaigns that are there, until told to stop.
fn click(address: &str, sender: usize, there: &AtomicUsize, stop: &AtomicBool) -> Seen {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(PATIENCE))
        .build()
        .new_agent();
    let mut seen = Seen::new();
    let mut n = sender;
    while !stop.load(Ordering::Acquire) {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = n >> 33;
        let key = match there.load(Ordering::Acquire) {
            0 => "example".to_owned(),
            campaigns => format!("c{}", draw % campaigns),
        };
        let url = format!("http://{address}/c/{key}?zone={}&sub1=s{}", draw % 7, draw % 11);
        let visitor = format!("198.51.{}.{}", draw % 4, draw / 4 % 250);
        let request = agent
            .get(&url)
            .header("user-agent", AGENTS[draw % 3])
            .header("x-forwarded-for", &visitor);
        let answer = request.call().unwrap_or_else(|error| panic!("{url}: {error}"));
        assert_eq!(answer.status(), 302, "{url}");
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let id = location.split(['?', '&']).find_map(|pair| pair.strip_prefix("clickid="));
        let id = id.unwrap_or_else(|| panic!("{location}")).to_owned();
        assert!(seen.insert(id, location).is_none());
    }
    seen
}

#[test]
fn a_configuration_is_applied_under_clicks_and_every_click_is_routed_by_the_version_it_names() {
    let mut server = Server::start();
    let (there, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (address, there, stop) = (&server.address.clone(), &there, &stop);
    let mut took = Vec::new();
    let seen: Seen = std::thread::scope(|scope| {
        // Also when this thread ends early: the scope waits for the senders.
        let stopping = Stopping(stop);
        let senders: Vec<_> =
            (0..3).map(|n| scope.spawn(move || click(address, n, there, stop))).collect();
        let first = server.run(&["config", "export"]) + &file(CAMPAIGNS);
        took.push(apply(&server, &first, "create campaign \"Campaign 299\""));
        there.store(CAMPAIGNS, Ordering::Release);
        // Everything moves: destinations, weights, whom a rule is for.
        let second = server.run(&["config", "export"]).replace("/v0/", "/v1/");
        let second = second.replace("weight = 70", "weight = 20").replace("\"iOS\"", "\"Android\"");
        took.push(apply(&server, &second, "rule 1 \"phones, any hour\" path 1: weight 70 → 20"));
        // All flows get other names, and their campaigns name them so.
        let third = server.run(&["config", "export"]).replace("\"Flow ", "\"Way ");
        took.push(apply(&server, &third, "name \"Flow 0\" → \"Way 0\""));
        // Back to the beginning, over everything that came after: its flows have no numbers, so nobody
        // knows that they had other names for a while.
        let again = first.replace("\nrevision = ", "\n# was ");
        took.push(apply(&server, &again, "archive flow 2 \"Way 0\""));
        drop(stopping);
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    let exported = exported(&server);
    server.stop();
    let judged = judge(server.data.path(), &seen, &exported);
    let seconds: Vec<String> = took.iter().map(|t| format!("{:.2}", t.as_secs_f64())).collect();
    println!(
        "result: configuration: {CAMPAIGNS} campaigns applied 4 times under clicks in {} s each; {} clicks answered by {} versions, 0 failed, {} missing, decided otherwise or sent elsewhere; {} to offers, {} to landers, {} to URLs",
        seconds.join(", "),
        seen.len(),
        judged.revisions.len(),
        judged.wrong.len(),
        judged.offers,
        judged.landers,
        judged.urls
    );
    assert_eq!(judged.wrong, Vec::<String>::new());
    assert!(took.iter().all(|took| *took < PATIENCE), "{took:?}");
    assert!(judged.revisions.len() >= 4, "{:?}", judged.revisions);
    assert!(judged.offers > 100 && judged.landers > 100 && judged.urls > 50, "{judged:?}");
}

/// Stops the senders when dropped.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// How long it took; the answer must say `expected`.
fn apply(server: &Server, text: &str, expected: &str) -> Duration {
    let path = server.data.path().join("configuration.toml");
    std::fs::write(&path, text).unwrap();
    let begun = Instant::now();
    let said = server.run(&["config", "apply", path.to_str().unwrap()]);
    let took = begun.elapsed();
    assert!(said.contains(expected), "`{expected}` is missing in:\n{said}");
    took
}

/// The journal number of every click, by its id, as the API exports them.
fn exported(server: &Server) -> HashMap<String, u64> {
    server.settle();
    let key = format!("Bearer {TOKEN}");
    let path = "/api/v1/events/export?period=all";
    let csv = server.request("GET", path, &[("authorization", &key)], "").body;
    let click = |line: &str| {
        let mut cells = line.split(',');
        let (row, sequence, id) = (cells.next()?, cells.next()?, cells.next()?);
        (row == "click").then(|| (id.to_owned(), sequence.parse().unwrap()))
    };
    csv.lines().filter_map(click).collect()
}

/// What became of the clicks.
#[derive(Debug, Default)]
struct Judged {
    wrong: Vec<String>,
    revisions: BTreeSet<Revision>,
    offers: usize,
    landers: usize,
    urls: usize,
}

/// Decides every click again with the things as they stood at its revision.
fn judge(data: &Path, seen: &Seen, exported: &HashMap<String, u64>) -> Judged {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let draws = draws(data);
    runtime.block_on(async {
        let catalog = SqliteCatalog::open(data.join("catalog.sqlite")).await.unwrap();
        let rows = clicks(data).await;
        let mut versions: HashMap<Revision, (Things, RoutingTable)> = HashMap::new();
        let mut judged = Judged::default();
        for (id, location) in seen {
            let Some(row) = exported.get(id).and_then(|sequence| rows.get(sequence)) else {
                judged.wrong.push(format!("{id} was answered and is not in the store"));
                continue;
            };
            let revision = row.facts.int(Field::Revision).unwrap() as Revision;
            if judged.revisions.insert(revision) {
                let things = catalog.things_at(revision).await.unwrap();
                let table = RoutingTable::new(&things);
                versions.insert(revision, (things, table));
            }
            let (things, table) = &versions[&revision];
            let mut facts = row.facts.clone();
            if facts.int_at(tag::KEY).is_none() {
                facts.push_int(tag::KEY, row.key.0);
            }
            match replay(table, &facts, &draws) {
                Ok(decision) => judged.compare(id, location, &facts, &decision, things),
                Err(undecided) => judged.wrong.push(format!("{id}: {undecided}")),
            }
        }
        judged
    })
}

impl Judged {
    fn compare(
        &mut self,
        id: &str,
        location: &str,
        facts: &Facts,
        decision: &Decision,
        things: &Things,
    ) {
        let stored = |field| facts.int(field).and_then(|id| ThingId::try_from(id).ok());
        let fields =
            [Field::Flow, Field::Rule, Field::Path, Field::Lander, Field::Offer].map(stored);
        let decided = [
            Some(decision.flow),
            decision.rule,
            Some(decision.path),
            decision.lander(),
            decision.offer(),
        ];
        if fields != decided {
            self.wrong.push(format!("{id}: stored {fields:?}, decided again {decided:?}"));
        }
        let [flow, _, path, lander, offer] = fields;
        let url = match (lander, offer) {
            (Some(id), _) => things.landers.iter().find(|t| t.id == id).map(|t| &t.body.url),
            (None, Some(id)) => things.offers.iter().find(|t| t.id == id).map(|t| &t.body.url),
            (None, None) => {
                let flow = things.flows.iter().find(|t| Some(t.id) == flow);
                let path = flow.and_then(|t| t.body.paths().find(|p| Some(p.id) == path));
                path.and_then(|path| path.url.as_ref())
            }
        };
        let start = url.and_then(|url| url.split('?').next()).unwrap_or("nowhere");
        if location.split('?').next() != Some(start) {
            self.wrong.push(format!("{id}: sent to {location}, stored {start}"));
        }
        *match (lander, offer) {
            (Some(_), _) => &mut self.landers,
            (None, Some(_)) => &mut self.offers,
            (None, None) => &mut self.urls,
        } += 1;
    }
}

/// Every stored click by its journal number.
async fn clicks(data: &Path) -> HashMap<u64, Row> {
    let options = DuckOptions { memory_bytes: 256 << 20, threads: 1 };
    let events = DuckEvents::open(data.join("events.duckdb"), options).unwrap();
    let (mut found, mut cursor) = (HashMap::new(), None);
    loop {
        let page = ExportPage { cursor, limit: 5_000 };
        let all = (i64::MIN / 2, i64::MAX / 2);
        let page = events.export(DEFAULT_WORKSPACE, all.0, all.1, TimeBasis::Event, page).await;
        let (rows, next) = page.unwrap();
        let clicks = rows.into_iter().filter(|row| row.kind == RowKind::Click);
        found.extend(clicks.map(|row| (row.sequence, row)));
        cursor = next;
        if cursor.is_none() {
            events.close().await.unwrap();
            return found;
        }
    }
}

/// The key of the installation's draws.
fn draws(data: &Path) -> Secret {
    let keys: toml::Table = std::fs::read_to_string(data.join("keys")).unwrap().parse().unwrap();
    let hex = keys["draw"].as_str().unwrap();
    let byte = |i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}
