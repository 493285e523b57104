//! What happens to the files: reopening, crashes, other processes, newer versions.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use model::event::{InboxEntry, Row, RowKind, Verdict};
use model::facts::Facts;
use model::record::RecordKind;
use model::{ClickKey, Field};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use store::{Batch, Catalog, Change, DuckEvents, DuckOptions, Events, SqliteCatalog, StoreError};

const MAY_MS: i64 = 1_777_593_600_000;

fn open(path: &Path) -> Result<DuckEvents, StoreError> {
    DuckEvents::open(path, DuckOptions { memory_bytes: 256 << 20, threads: 2 })
}

/// Batch `number`: a hundred clicks, a ledger entry and a call.
fn batch(number: u64) -> Batch {
    let row = |kind: RowKind, i: u64| {
        let sequence = number * 100 + i;
        let key = ClickKey::new(MAY_MS + sequence as i64, 0, 0);
        let mut facts = Facts::default();
        facts.set_text(Field::City, &format!("city {}", sequence % 7));
        facts.set_int(Field::Workspace, 1);
        let revenue = if kind == RowKind::Entry { 5 } else { 0 };
        Row { kind, key, event_ms: key.time_ms(), sequence, count: 1, cost: 3, revenue, facts }
    };
    let mut rows: Vec<Row> = (1..=100).map(|i| row(RowKind::Click, i)).collect();
    rows.push(row(RowKind::Entry, 1));
    let call = InboxEntry {
        sequence: number * 100 + 100,
        workspace: 1,
        kind: RecordKind::Postback,
        received_ms: MAY_MS,
        key: None,
        verdict: Verdict::Recorded,
        reason: String::new(),
        message: String::new(),
        facts: Facts::default(),
    };
    Batch { after: number * 100, through: (number + 1) * 100, rows, inbox: vec![call] }
}

/// Asserts that the store holds exactly the batches its position says.
async fn check(store: &DuckEvents) -> u64 {
    let position = store.position().await.unwrap();
    assert_eq!(position % 100, 0);
    let stats = store.stats().await.unwrap();
    let expected = (position, position, position / 100, position / 100);
    assert_eq!((stats.position, stats.clicks, stats.entries, stats.inbox), expected);
    if position > 0 {
        let last = batch(position / 100 - 1);
        let keys: Vec<ClickKey> = last.rows.iter().map(|row| row.key).collect();
        let rows = store.rows_of(1, &keys).await.unwrap();
        assert_eq!(rows.len(), last.rows.len());
        assert_eq!(stats.newest_ms, last.rows.iter().map(|row| row.event_ms).max());
        let largest = last.rows.iter().map(|row| row.key).max().unwrap();
        assert_eq!(stats.largest_keys, [(0, largest)]);
    }
    position
}

#[tokio::test]
async fn a_reopened_store_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.duckdb");
    for number in 0..6 {
        let store = open(&path).unwrap();
        assert_eq!(check(&store).await, number * 100);
        store.commit(batch(number)).await.unwrap();
        assert!(matches!(store.commit(batch(number)).await, Err(StoreError::OutOfStep { .. })));
        if number % 2 == 0 {
            store.close().await.unwrap();
        }
    }
    check(&open(&path).unwrap()).await;
}

/// The program that [`a_killed_store_keeps_what_it_acknowledged`] kills: it commits batch after batch
/// and says so; nothing when run as a test by itself.
#[test]
fn writer_to_be_killed() {
    let Some(path) = std::env::var_os("STORE_TEST_WRITER") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let abort_after: u64 = std::env::var("STORE_TEST_ABORT").unwrap().parse().unwrap();
    runtime.block_on(async {
        let store = open(&PathBuf::from(path)).unwrap();
        let start = check(&store).await / 100;
        for number in start.. {
            store.commit(batch(number)).await.unwrap();
            println!("acknowledged {}", (number + 1) * 100);
            if number - start >= abort_after {
                std::process::abort();
            }
        }
    });
}

#[tokio::test]
async fn a_killed_store_keeps_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.duckdb");
    let mut acknowledged = 0;
    let mut kills = 0;
    for batches in [0, 1, 3, 7, 12] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_to_be_killed", "--nocapture"])
            .env("STORE_TEST_WRITER", &path)
            .env("STORE_TEST_ABORT", batches.to_string())
            .stderr(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(child.status.signal(), Some(6), "it aborts: {:?}", child.status);
        let output = String::from_utf8_lossy(&child.stdout).into_owned();
        let said = output.lines().filter_map(|line| line.split("acknowledged ").nth(1));
        acknowledged = said.filter_map(|n| n.parse::<u64>().ok()).max().unwrap_or(acknowledged);
        kills += 1;
        let store = open(&path).unwrap();
        assert_eq!(check(&store).await, acknowledged);
        drop(store);
    }
    assert_eq!(acknowledged, 2800);
    println!("result: store: {kills} aborts after commits, 0 lost, 0 doubled");
}

/// Every file of a folder with its content.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn refused_untouched(
    folder: &Path,
    opened: impl FnOnce() -> Result<(), StoreError>,
    expected: impl FnOnce(&StoreError) -> bool,
) {
    let before = content(folder);
    let error = opened().unwrap_err();
    assert!(expected(&error), "{error}: {:?}", std::error::Error::source(&error));
    assert!(content(folder) == before, "files were touched");
}

fn is_newer(error: &StoreError) -> bool {
    matches!(error, StoreError::NewerVersion { .. })
}

#[tokio::test]
async fn events_of_a_newer_version_are_left_as_they_are() {
    for crashed in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.duckdb");
        let store = open(&path).unwrap();
        store.commit(batch(0)).await.unwrap();
        store.close().await.unwrap();
        let copy = tempfile::tempdir().unwrap();
        let connection = duckdb::Connection::open(&path).unwrap();
        connection.execute_batch("UPDATE meta SET value = 99 WHERE name = 'format'").unwrap();
        let mut place = folder.path();
        if crashed {
            // The stamp is in the write-ahead log alone, as after a crash of the newer program.
            for (path, _) in content(folder.path()) {
                std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
            }
            assert_eq!(content(copy.path()).len(), 2);
            place = copy.path();
        }
        drop(connection);
        refused_untouched(place, || open(&place.join("events.duckdb")).map(drop), is_newer);
    }
}

#[tokio::test]
async fn events_in_use_by_another_process_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.duckdb");
    drop(open(&path).unwrap());
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder_of_the_file", "--nocapture"])
        .env("STORE_TEST_HOLDER", &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(holder.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("held") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut output, &mut line).unwrap() > 0);
    }
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    drop(open(&path).unwrap());
}

/// The other process of the test above; nothing when run by itself.
#[test]
fn holder_of_the_file() {
    let Some(path) = std::env::var_os("STORE_TEST_HOLDER") else { return };
    let store = open(&PathBuf::from(path)).unwrap();
    println!("held");
    std::io::read_to_string(std::io::stdin()).unwrap();
    drop(store);
}

#[tokio::test]
async fn a_field_that_is_new_gets_its_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.duckdb");
    let store = open(&path).unwrap();
    store.commit(batch(0)).await.unwrap();
    store.close().await.unwrap();
    let older = "ALTER TABLE clicks DROP COLUMN country; ALTER TABLE ledger DROP COLUMN city;";
    duckdb::Connection::open(&path).unwrap().execute_batch(older).unwrap();
    let store = open(&path).unwrap();
    let mut next = batch(1);
    for row in &mut next.rows {
        row.facts.set_text(Field::Country, "DE");
    }
    let expected = next.rows[0].clone();
    store.commit(next).await.unwrap();
    check(&store).await;
    let rows = store.rows_of(1, &[expected.key]).await.unwrap();
    assert_eq!(rows[0].facts.text(Field::Country), Some("DE"));
    assert_eq!(rows[0].facts.text(Field::City), expected.facts.text(Field::City));
}

#[tokio::test]
async fn a_catalog_of_a_newer_version_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    catalog.close().await.unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let before = content(folder.path());
    let error = SqliteCatalog::open(&path).await.unwrap_err();
    assert!(is_newer(&error), "{error}");
    assert!(content(folder.path()) == before, "files were touched");
}

#[tokio::test]
async fn a_reopened_catalog_has_every_revision_and_no_unfinished_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let change = Change {
        workspace: 1,
        kind: model::thing::Kind::Network,
        id: None,
        name: "N".to_owned(),
        archived: false,
        body: "{}".to_owned(),
        expected: None,
    };
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    let saved = catalog.save(vec![change], "ann", 1).await.unwrap();
    let token = catalog.create_token(1, "t", [1; 32], 1).await.unwrap();
    catalog.claim(1, "key", [1; 32], 1).await.unwrap();
    drop(catalog);
    let catalog = SqliteCatalog::open(&path).await.unwrap();
    let things = catalog.things().await.unwrap();
    assert_eq!(
        (things.revision, things.networks[0].revision),
        (saved[0].revision, saved[0].revision)
    );
    assert_eq!(catalog.token([1; 32]).await.unwrap(), Some(token));
    assert_eq!(catalog.claim(1, "key", [2; 32], 2).await.unwrap(), store::Claim::New);
}
