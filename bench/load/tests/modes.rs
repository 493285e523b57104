//! Each mode against a small server that counts what it answers.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::{
    collections::HashSet,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a test waits for something that should be there at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the server misbehaves.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// Each so-many-th answer breaks off after its first half.
    cut_every: Option<u64>,
    /// The first answer comes so late.
    first_answer_after: Duration,
}

/// Redirects every request with a new number as click id.
struct Server {
    address: SocketAddr,
    answered: Arc<AtomicU64>,
}

impl Server {
    fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&answered);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let counter = Arc::clone(&counter);
                thread::spawn(move || serve(&stream.unwrap(), &counter, faults));
            }
        });
        Self { address, answered }
    }
}

fn serve(stream: &TcpStream, answered: &AtomicU64, faults: Faults) {
    let mut reader = BufReader::new(stream);
    let mut closes = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        closes |= line.eq_ignore_ascii_case("connection: close\r\n");
        if line != "\r\n" {
            continue;
        }
        let number = answered.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: http://offer.test/?clickid=ct_{number}\r\nContent-Length: 2\r\n\r\nok"
        );
        if number == 1 {
            pause(faults.first_answer_after);
        }
        let cut = faults.cut_every.is_some_and(|every| number.is_multiple_of(every));
        let bytes = if cut { &answer.as_bytes()[..answer.len() / 2] } else { answer.as_bytes() };
        let mut out = stream;
        if out.write_all(bytes).is_err() || cut || closes {
            return;
        }
    }
}

/// Waits on a channel that nobody writes to.
fn pause(duration: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(duration);
}

fn load(mode: &str, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_load"))
        .arg(mode)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn result(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_closed_loop_counts_exactly_what_the_server_answered() {
    for extra in [&[][..], &["--connection-per-request"]] {
        let server = Server::start(Faults::default());
        let target = server.address.to_string();
        let common = ["--target", &target, "--connections", "8", "--duration-s", "0.5"];
        let output = load("closed", &[&common, extra].concat()).wait_with_output().unwrap();
        let json = result(&output);
        assert!(json["answered"].as_u64().unwrap() > 0);
        assert_eq!(json["answered"], server.answered.load(Ordering::SeqCst), "{json}");
        assert_eq!(json["status"]["302"], json["answered"]);
    }
}

#[test]
fn an_open_loop_sends_at_its_rate_and_answers_add_up() {
    let server = Server::start(Faults::default());
    let target = server.address.to_string();
    let arguments =
        ["--target", &target, "--rate", "500", "--duration-s", "1", "--arrivals", "uniform"];
    let json = result(&load("open", &arguments).wait_with_output().unwrap());
    let answered = json["answered"].as_u64().unwrap();
    assert!((495..=500).contains(&answered), "{json}");
    assert_eq!(answered, server.answered.load(Ordering::SeqCst));
}

#[test]
fn clicks_that_arrive_while_the_server_hangs_count_their_whole_wait() {
    let hang = Duration::from_millis(500);
    let server = Server::start(Faults { first_answer_after: hang, ..Faults::default() });
    let target = server.address.to_string();
    let arguments = [
        ["--target", &target],
        ["--connections", "1"],
        ["--rate", "200"],
        ["--arrivals", "uniform"],
        ["--duration-s", "1"],
        ["--warmup-s", "0"],
    ];
    let json = result(&load("open", arguments.as_flattened()).wait_with_output().unwrap());
    // A tenth of the clicks arrived within the first 100 ms of the hang.
    assert!(json["latency_us"]["p90"].as_f64().unwrap() > 300_000.0, "{json}");
}

#[test]
fn the_ledger_holds_whole_answers_only_and_each_once() {
    let server = Server::start(Faults { cut_every: Some(7), ..Faults::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let target = server.address.to_string();
    let arguments = ["--target", &target, "--file", file.to_str().unwrap(), "--connections", "4"];
    let mut child = load("ledger", &arguments);
    let deadline = Instant::now() + PATIENCE;
    while server.answered.load(Ordering::SeqCst) < 500 {
        assert!(Instant::now() < deadline, "the generator sends nothing");
        thread::yield_now();
    }
    assert!(child.try_wait().unwrap().is_none(), "it runs until told to stop");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let json = result(&child.wait_with_output().unwrap());

    let text = std::fs::read_to_string(&file).unwrap();
    let ids: HashSet<&str> = text.lines().collect();
    assert_eq!(ids.len(), text.lines().count(), "no id twice");
    assert_eq!(json["ids"], ids.len());
    let whole =
        |id: &str| !id.strip_prefix("ct_").unwrap().parse::<u64>().unwrap().is_multiple_of(7);
    assert!(ids.iter().all(|id| whole(id)), "a broken answer was written down");
    assert!(json["failed"]["closed"].as_u64().unwrap() > 0);
}

#[test]
fn a_ledger_waits_for_a_server_that_starts_later() {
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger");
    let target = address.to_string();
    let arguments = ["--target", &target, "--file", file.to_str().unwrap(), "--duration-s", "20"];
    let mut child = load("ledger", &arguments);
    assert!(child.try_wait().unwrap().is_none());
    let listener = TcpListener::bind(address).unwrap();
    let counter = AtomicU64::new(0);
    let (stream, _) = listener.accept().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| serve(&stream, &counter, Faults::default()));
        let deadline = Instant::now() + PATIENCE;
        while std::fs::read_to_string(&file).map_or(0, |text| text.lines().count()) == 0 {
            assert!(Instant::now() < deadline, "nothing written down");
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_server_that_is_not_there_is_an_error_with_its_address() {
    let place = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = place.local_addr().unwrap().to_string();
    drop(place);
    let output =
        load("closed", &["--target", &target, "--connections", "2"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&target));
}

#[test]
fn syncs_are_timed_and_their_file_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("block");
    let arguments = ["--path", file.to_str().unwrap(), "--duration-s", "0.1"];
    let json = result(&load("syncs", &arguments).wait_with_output().unwrap());
    assert!(json["latency_us"]["p50"].as_f64().unwrap() > 0.0);
    assert!(!file.exists());
}
