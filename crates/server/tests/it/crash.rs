//! SIGKILL under load: every answered redirect is in the report, once.
//!
//! Proves that an answer is given only once the record is out of the process, that restarts continue
//! where the store stands, and that ids never repeat. It does not prove the order of syncs (the page
//! cache survives a kill): the journal's simulated power cuts do.

use crate::harness::{PATIENCE, Server, binary, wait_for};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KILLS: usize = 50;
/// Answers between two kills, so that every kill falls into traffic.
const ANSWERS_BETWEEN: usize = 200;

#[test]
fn fifty_kills_lose_no_answered_click_and_double_none() {
    let mut server = Server::start_with(&[("CLICKTRAIL_MAX_ACK_WAIT_MS", "60000")]);
    server.campaign("bench-1", "https://offer.example/?clickid={click_id}");
    server.stop();
    let address = server.address.clone();
    server.set("CLICKTRAIL_LISTEN", &address);
    server.launch();
    let ledger = server.data.path().join("ledger.txt");
    let keys = server.data.path().join("keys.txt");
    std::fs::write(&keys, "bench-1\n").unwrap();
    let mut load = start_load(&address, &ledger, &keys);
    for kill in 0..KILLS {
        let seen = answered(&ledger);
        wait_for("answers", || (answered(&ledger) >= seen + ANSWERS_BETWEEN).then_some(()));
        // Not always at the same place of a batch.
        let pause = Duration::from_millis((kill as u64 * 37) % 90);
        let until = Instant::now() + pause;
        wait_for("the moment", || (Instant::now() >= until).then_some(()));
        server.kill();
        server.launch();
    }
    stop_load(&mut load);
    server.settle();
    let recorded = clicks_by_id(&server);
    let answers: Vec<String> =
        std::fs::read_to_string(&ledger).unwrap().lines().map(str::to_owned).collect();
    let lost = answers.iter().filter(|id| !recorded.contains_key(*id)).count();
    let doubled = recorded.values().filter(|count| **count > 1).count();
    let reported = server.totals(&["clicks", "bot_clicks", "test_clicks"]);
    println!(
        "result: {KILLS} kills, {} answered clicks, {lost} lost, {doubled} doubled",
        answers.len()
    );
    assert_eq!((lost, doubled), (0, 0));
    let sum: i64 = reported.as_object().unwrap().values().map(|n| n.as_i64().unwrap()).sum();
    assert_eq!(sum, recorded.len() as i64, "the report counts what the export lists");
    assert!(answers.len() >= KILLS * ANSWERS_BETWEEN);
}

fn start_load(address: &str, ledger: &Path, keys: &Path) -> Child {
    let load = binary().with_file_name("load");
    assert!(load.exists(), "there is no load generator beside the server: run `make test`");
    Command::new(load)
        .args([
            "ledger",
            "--target",
            address,
            "--connections",
            "32",
            "--give-up-after-s",
            "60",
            "--duration-s",
            "900",
        ])
        .arg("--file")
        .arg(ledger)
        .arg("--keys")
        .arg(keys)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn stop_load(load: &mut Child) {
    assert!(Command::new("kill").arg(load.id().to_string()).status().unwrap().success());
    let deadline = Instant::now() + PATIENCE;
    let status = wait_for("the load generator", || load.try_wait().unwrap());
    assert!(status.success() && Instant::now() < deadline, "{status}");
}

fn answered(ledger: &Path) -> usize {
    std::fs::read(ledger).map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count())
}

/// How often each click is in the export.
fn clicks_by_id(server: &Server) -> HashMap<String, usize> {
    let csv = server.run(&["export", "--table", "events", "--period", "all", "--format", "csv"]);
    let mut lines = csv.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| {
        head.iter()
            .position(|h| *h == name)
            .unwrap_or_else(|| panic!("no column {name} in {head:?}"))
    };
    let (row, id) = (place("row"), place("click_id"));
    let mut counts = HashMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[row] == "click" {
            *counts.entry(cells[id].to_owned()).or_insert(0) += 1;
        }
    }
    counts
}
