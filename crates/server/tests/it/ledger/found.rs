//! What the server says there is: the inbox, call by call, and the rows of clicks.

use super::play::Play;
use crate::harness::Server;
use serde_json::Value;
use std::collections::BTreeMap;

/// A call of the inbox.
#[derive(Clone, Debug)]
pub struct Entry {
    pub raw: super::book::Raw,
    pub url: String,
    pub verdict: String,
    pub reason: String,
    /// The first judgement, where there were more.
    pub first: Option<(String, String)>,
}

/// A row of the export that is no ledger entry.
#[derive(Debug)]
pub struct Row {
    pub row: String,
    pub sequence: u64,
    pub click_id: String,
    pub event_ms: i64,
    pub offer: u64,
    pub op: usize,
}

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// The whole inbox, by number.
pub fn inbox(server: &Server, play: &Play) -> BTreeMap<u64, Entry> {
    let (mut all, mut path) = (BTreeMap::new(), "/inbox?limit=1000".to_owned());
    loop {
        let page = server.get(&path).json();
        for item in page["items"].as_array().unwrap() {
            let entry = entry(item, play);
            assert!(all.insert(entry.raw.number, entry).is_none(), "twice in the list: {item}");
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/inbox?limit=1000&cursor={next}"),
            None => return all,
        }
    }
}

/// An item of the list as it stands.
pub fn entry(item: &Value, play: &Play) -> Entry {
    let text = |name: &str| item[name].as_str().unwrap().to_owned();
    let (url, body) = (text("url"), text("body"));
    let object: Value = serde_json::from_str(&body).unwrap_or_default();
    let param = |name: &str| {
        let of_query = super::send::param(&format!("?{body}"), name).filter(|_| object.is_null());
        let of_query = of_query.or_else(|| super::send::param(&url, name));
        object[name].as_str().map(str::to_owned).or(of_query)
    };
    let op: usize = param("p4").unwrap_or_else(|| panic!("{item}")).parse().unwrap();
    let said = param("p5").filter(|_| play.ways[op].is_report());
    let judged = &item["history"][0];
    let of_judged = |name: &str| judged[name].as_str().map(str::to_owned);
    let raw = super::book::Raw {
        number: text("id").parse().unwrap(),
        op,
        network: item["network"]["id"].as_u64(),
        received_ms: ms(&text("received")),
        at_ms: ms(&said.unwrap_or_else(|| text("received"))),
        event_id: param("event_id"),
    };
    let first = of_judged("verdict").zip(of_judged("reason"));
    Entry { raw, url, verdict: text("verdict"), reason: text("reason"), first }
}

/// Every click and lander click of the export.
pub fn rows(server: &Server) -> Vec<Row> {
    let text = server.run(&["export", "--table", "events", "--period", "all", "--tz", "UTC"]);
    let mut lines = text.lines().map(cells);
    let head = lines.next().unwrap();
    let place = |name: &str| head.iter().position(|cell| cell == name).unwrap();
    let [row, sequence, id, event, offer, op] =
        ["row", "sequence", "click_id", "event_time", "offer", "sub4"].map(place);
    let of_click = lines.filter(|cells| cells[row] != "entry");
    of_click
        .map(|cells| Row {
            row: cells[row].clone(),
            sequence: cells[sequence].parse().unwrap(),
            click_id: cells[id].clone(),
            event_ms: ms(&cells[event]),
            offer: cells[offer].parse().unwrap(),
            op: cells[op].parse().unwrap(),
        })
        .collect()
}

/// The cells of a line of CSV; none of them holds a line end here.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}
