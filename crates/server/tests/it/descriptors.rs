//! A process that has used up its file descriptors: accepting pauses, is counted, and goes on once there are some again.

use crate::harness::{PATIENCE, Server, TOKEN, wait_for};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// How many descriptors the server may open beyond those it has.
const ROOM: u64 = 4;
/// How many visitors come at once: more than there is room for.
const CROWD: usize = 64;
/// Pauses of accepting in a second; see `ACCEPT_PAUSE`.
const FAILURES_PER_SECOND_MAX: f64 = 20.0;

/// A connection that is kept, as browsers and proxies keep theirs.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn open(server: &Server) -> Self {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// The status and the body of an answer.
    fn get(&mut self, path: &str) -> (u16, String) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: kept\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end().to_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length: ") {
                length = rest.parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    /// How often no connection could be accepted.
    fn failures(&mut self) -> u64 {
        let (status, body) = self.get("/api/v1/system");
        assert_eq!(status, 200, "{body}");
        let system: Value = serde_json::from_str(&body).unwrap();
        let events = system["edge"]["events"].as_array().unwrap();
        // What never happened is not listed.
        let event = events.iter().find(|event| event["code"] == "accept_failed");
        event.map_or(0, |event| event["count"].as_u64().unwrap())
    }
}

/// Leaves the server room for so many more descriptors than it has open.
fn leave_room(server: &Server, more: u64) {
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count() as u64;
    let pid = Pid::from_raw(server.pid().try_into().unwrap());
    // The server has it from us; raising it would need rights.
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(open + more), maximum }).unwrap();
}

#[test]
fn accepting_pauses_without_descriptors_and_goes_on_when_there_are_some() {
    let server = Server::start();
    assert_eq!(server.visit("/c/example").status, 302);
    // What the first record makes ingest open is open now.
    server.settle();
    let mut kept = Kept::open(&server);
    assert_eq!(kept.failures(), 0);
    leave_room(&server, ROOM);

    let crowd: Vec<TcpStream> =
        (0..CROWD).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let (begun, first) = wait_for("the first failure", || {
        let count = kept.failures();
        (count > 0).then_some((Instant::now(), count))
    });
    let last = wait_for("three more", || Some(kept.failures()).filter(|&n| n >= first + 3));
    let most = begun.elapsed().as_secs_f64() * FAILURES_PER_SECOND_MAX;
    assert!((last - first) as f64 <= most + 1.0, "{} failures, at most {most}", last - first);
    assert_eq!(kept.get("/c/example").0, 302, "who is connected is served");

    drop(crowd);
    assert_eq!(server.visit("/c/example").status, 302, "and everybody again afterwards");
    // A client without a user agent counts as a program.
    assert_eq!(server.totals(&["clicks", "bot_clicks"]), json!({ "clicks": 2, "bot_clicks": 1 }));
    println!("result: {last} failed accepts with {CROWD} visitors and room for {ROOM}");
}
