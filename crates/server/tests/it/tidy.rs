//! The rules of the tree that a compiler does not know: sizes, first sentences, names, who imports whom.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const MAIN_LINES_MAX: usize = 100;
/// The life of a click is read at a glance.
const CLICK_LINES_MAX: usize = 40;

fn root() -> PathBuf {
    Path::new("../..").canonicalize().unwrap()
}

/// Every Rust file of the tree with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["crates", "bench"] {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 100, "only {} files found", files.len());
    files
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

/// Whether a file holds nothing but tests, or measures by hand.
fn is_test(path: &Path) -> bool {
    let folders = ["tests", "examples"];
    path.components().any(|c| folders.iter().any(|f| c.as_os_str() == *f))
        || path.ends_with("tests.rs")
}

/// The text in front of a file's tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap()
}

#[test]
fn files_are_short() {
    let lines = |text: &str| without_tests(text).lines().count();
    let limit = |path: &Path| {
        if path.ends_with("src/main.rs") { MAIN_LINES_MAX } else { FILE_LINES_MAX }
    };
    let files = sources();
    let long: Vec<_> = files
        .iter()
        .filter(|(path, text)| !is_test(path) && lines(text) > limit(path))
        .map(|(path, text)| format!("{} has {} lines", path.display(), lines(text)))
        .collect();
    let mut counts: Vec<usize> = files.iter().map(|(_, text)| lines(text)).collect();
    counts.sort_unstable();
    println!("result: {} Rust files, median {} lines", counts.len(), counts[counts.len() / 2]);
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn functions_are_short() {
    let mut long = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        for (name, lines) in functions(without_tests(text)) {
            if lines > FUNCTION_LINES_MAX {
                long.push(format!("{}: {name} has {lines} lines", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_life_of_a_click_fits_forty_lines() {
    let text = fs::read_to_string(root().join("crates/edge/src/click.rs")).unwrap();
    for (name, lines) in functions(without_tests(&text)) {
        assert!(lines <= CLICK_LINES_MAX, "{name} has {lines} lines");
    }
}

/// The functions of a formatted file with their lengths: each ends where a brace stands at its indent.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let Some(at) = trimmed.find("fn ").filter(|at| is_qualifiers(&trimmed[..*at])) else {
            continue;
        };
        let indent = line.len() - trimmed.len();
        // A declaration without a body ends with a semicolon before any brace opens.
        let opens = lines[start..].iter().position(|l| l.ends_with('{') || l.ends_with('}'));
        let declares = lines[start..].iter().position(|l| l.ends_with(';'));
        if declares.is_some() && (opens.is_none() || declares < opens) {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        let body = lines[start..].iter().position(|l| *l == end || l.ends_with('}') && *l == *line);
        let name = trimmed[at + 3..].split(['(', '<']).next().unwrap().to_owned();
        found.extend(body.map(|length| (name, length + 1)));
    }
    found
}

fn is_qualifiers(text: &str) -> bool {
    text.split_whitespace().all(|word| {
        word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"")
    })
}

#[test]
fn every_file_opens_with_a_sentence() {
    let is_bare = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.len() < 20
    };
    let bare: Vec<_> =
        sources().into_iter().filter(|(_, text)| is_bare(text)).map(|(path, _)| path).collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn no_file_is_named_after_nothing() {
    const NOTHING: [&str; 7] = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let named: Vec<_> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            path.with_extension("")
                .components()
                .any(|c| NOTHING.iter().any(|n| c.as_os_str() == *n))
        })
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

#[test]
fn nobody_waits_by_sleeping_or_leaves_work_undone() {
    let banned = ["#[ignore", "todo!(", "unimplemented!(", "thread::sleep(", "dbg!("];
    let mut found = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !path.ends_with("tidy.rs")) {
        found.extend(
            banned
                .iter()
                .filter(|b| text.contains(**b))
                .map(|b| format!("{}: {b}", path.display())),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Where money is: read, converted, summed, stored, shown. What a trial expects of flows that never ran
/// (`report/src/trial`) is an estimate with an interval around it, and no money anybody has.
const MONEY: [&str; 10] = [
    "crates/model/src/money.rs",
    "crates/model/src/rate",
    "crates/model/src/event.rs",
    "crates/model/src/metric.rs",
    "crates/model/src/query.rs",
    "crates/model/src/record.rs",
    "crates/ingest/src",
    "crates/store/src",
    "crates/report/src",
    "crates/server/src/api",
];

#[test]
fn money_is_never_a_float() {
    let is_float = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| matches!(w, "f32" | "f64"))
            || ["DOUBLE", "FLOAT", "REAL"]
                .iter()
                .any(|kind| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == *kind))
    };
    // Ratios such as ROI are counted in millionths, and become JSON numbers at the very end.
    let is_ratio = |line: &str| line.contains("Unit::Fraction");
    let is_money = |path: &Path| {
        MONEY.iter().any(|place| path.starts_with(place))
            && !path.starts_with("crates/report/src/trial")
    };
    let files = sources();
    let files: Vec<_> = files.iter().filter(|(path, _)| is_money(path) && !is_test(path)).collect();
    assert!(MONEY.iter().all(|place| files.iter().any(|(path, _)| path.starts_with(place))));
    let mut found = Vec::new();
    for (path, text) in files {
        let lines = without_tests(text).lines().filter(|line| is_float(line) && !is_ratio(line));
        found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    for folder in ["duckdb", "sqlite"] {
        for entry in fs::read_dir(root().join("crates/store/migrations").join(folder)).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            found.extend(text.lines().filter(|line| is_float(line)).map(str::to_owned));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// The table "Crates" of ARCHITECTURE.md against what the manifests say.
#[test]
fn crates_import_what_the_map_says() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let drawn: BTreeMap<String, BTreeSet<String>> = map
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> =
                line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let [name, _, imports, ..] = cells[..] else { return None };
            let name = name.strip_prefix('`')?.strip_suffix('`')?;
            let imports =
                imports.split(',').map(str::trim).filter(|i| *i != "–").map(str::to_owned);
            Some((name.to_owned(), imports.collect()))
        })
        .collect();
    assert_eq!(drawn, edges());
}

/// Normal dependencies among the crates of `crates/`, as cargo sees them.
fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(std::env::var_os("CARGO").unwrap())
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let is_crate = |p: &&Value| p["manifest_path"].as_str().unwrap().contains("/crates/");
    let names: BTreeSet<&str> =
        packages.iter().filter(is_crate).map(|p| p["name"].as_str().unwrap()).collect();
    let imports = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let normal =
            dependencies.filter(|d| d["kind"].is_null()).map(|d| d["name"].as_str().unwrap());
        normal.filter(|name| names.contains(name)).map(str::to_owned).collect()
    };
    packages
        .iter()
        .filter(is_crate)
        .map(|p| (p["name"].as_str().unwrap().to_owned(), imports(p)))
        .collect()
}

/// What the promises rest on: crates that must not be able to reach certain libraries.
#[test]
fn boundaries_hold_against_libraries() {
    let never: [(&str, &[&str]); 6] = [
        ("model", &["tokio", "sqlx", "axum", "hyper", "getrandom", "duckdb"]),
        ("lookup", &["tokio", "sqlx", "axum", "hyper", "ureq", "duckdb"]),
        ("journal", &["tokio", "sqlx", "axum", "hyper", "duckdb"]),
        ("edge", &["sqlx", "axum", "duckdb", "arrow"]),
        ("report", &["tokio", "sqlx", "axum", "duckdb"]),
        ("ingest", &["axum", "sqlx", "duckdb", "hyper"]),
    ];
    for (name, libraries) in never {
        let manifest =
            fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let used = manifest.split("[dev-dependencies]").next().unwrap();
        for library in libraries {
            let imports = used.lines().any(|l| l.split(['.', ' ', '=']).next() == Some(library));
            assert!(!imports, "{name} must not use {library}");
        }
    }
}
