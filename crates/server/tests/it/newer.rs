//! Data of a newer version: exit code 78, a sentence that says so, and nothing touched.

use crate::harness::Server;
use journal::{Journal, Options, RealDisk};
use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where SQLite keeps `user_version`, big-endian (SQLite's file format, 1.3).
const USER_VERSION_AT: u64 = 60;

#[test]
fn a_catalog_of_a_newer_version_exits_78_and_nothing_is_touched() {
    let server = stopped();
    let catalog =
        std::fs::OpenOptions::new().write(true).open(server.data.path().join("catalog.sqlite"));
    catalog.unwrap().write_all_at(&99u32.to_be_bytes(), USER_VERSION_AT).unwrap();
    let before = files(server.data.path());
    refuses(&server);
    assert!(files(server.data.path()) == before, "a file was changed");
}

#[test]
fn a_record_of_a_newer_version_exits_78_and_the_stores_stay() {
    let server = stopped();
    let folder = server.data.path().join("journal");
    let (journal, _) =
        Journal::open(Arc::new(RealDisk::new()), &folder, Options::default()).unwrap();
    // Version 99 of kind 1.
    journal.append(vec![99, 1]).wait().unwrap();
    journal.close().unwrap();
    let stores = |all: BTreeMap<PathBuf, Vec<u8>>| {
        all.into_iter()
            .filter(|(path, _)| path.parent() == Some(server.data.path()))
            .collect::<BTreeMap<_, _>>()
    };
    let before = stores(files(server.data.path()));
    refuses(&server);
    assert!(stores(files(server.data.path())) == before, "a store was changed");
}

/// A folder with one click in it.
fn stopped() -> Server {
    let mut server = Server::start();
    assert_eq!(server.request("GET", "/c/example", &[], "").status, 302);
    server.stop();
    server
}

fn refuses(server: &Server) {
    let output = server.command(&["serve"]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{complaint}");
    assert!(complaint.contains("newer"), "{complaint}");
}

/// Every file below `folder`, but the lock, which says who came.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else if path.extension().is_none_or(|kind| kind != "lock") && !path.ends_with("lock") {
            let bytes = std::fs::read(&path).unwrap();
            all.insert(path, bytes);
        }
    }
    all
}
