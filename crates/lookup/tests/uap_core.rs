//! uap-core's own tests as a regression check: every difference from them is one we meant.
//!
//! `fixtures/uap_core_differences.txt` lists them: field, what uap-core expects, what we say, how
//! many cases. Most are our names for the same thing; the others are what our lists add. After a
//! change that is meant, the test says which file to copy over it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

mod corpora;

use std::collections::BTreeMap;
use std::fmt::Write;

use lookup::{Agents, Hints};
use serde_yaml_ng::Value;

type Differences = BTreeMap<(&'static str, String, String), usize>;

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn note(differences: &mut Differences, field: &'static str, expected: &str, ours: &str) {
    if expected != ours {
        *differences.entry((field, expected.to_owned(), ours.to_owned())).or_default() += 1;
    }
}

/// The parts of a version that uap-core expects, with dots between.
fn version(case: &Value) -> String {
    let parts = ["major", "minor", "patch", "patch_minor"].map(|part| text(&case[part]));
    let known: Vec<&str> =
        parts.iter().map(String::as_str).take_while(|part| !part.is_empty()).collect();
    known.join(".")
}

#[test]
fn only_the_listed_differences_from_uap_core_exist() {
    let agents = Agents::load().unwrap();
    let read = |case: &Value| agents.read(&text(&case["user_agent_string"]), &Hints::default());
    let mut differences = Differences::new();
    let mut cases = 0;
    for case in corpora::uap_core("tests/test_ua.yaml") {
        let agent = read(&case);
        let (family, expected) = (text(&case["family"]), version(&case));
        note(&mut differences, "browser", &family, &agent.browser);
        // Ours may say more of it than uap-core's four parts do, or cut a part that is no number.
        if family == *agent.browser && !agent.browser_version.starts_with(&expected) {
            let versions =
                (format!("{family} {expected}"), format!("{family} {}", agent.browser_version));
            note(&mut differences, "browser version", &versions.0, &versions.1);
        }
        cases += 1;
    }
    for case in corpora::uap_core("tests/test_os.yaml") {
        let agent = read(&case);
        let (family, expected) = (text(&case["family"]), version(&case));
        note(&mut differences, "os", &family, &agent.os);
        if family == *agent.os && !agent.os_version.starts_with(&expected) {
            let versions =
                (format!("{family} {expected}"), format!("{family} {}", agent.os_version));
            note(&mut differences, "os version", &versions.0, &versions.1);
        }
        cases += 1;
    }
    for case in corpora::uap_core("tests/test_device.yaml") {
        note(&mut differences, "brand", &text(&case["brand"]), &read(&case).brand);
        cases += 1;
    }
    let mut found = String::new();
    for ((field, expected, ours), count) in &differences {
        writeln!(found, "{field}\t{expected}\t{ours}\t{count}").unwrap();
    }
    let differing: usize = differences.values().sum();
    println!("result: uap-core's own cases {cases}, of which {differing} differ as listed");
    let listed = include_str!("../fixtures/uap_core_differences.txt");
    if found != listed {
        let copy =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("uap_core_differences.txt");
        std::fs::write(&copy, &found).unwrap();
        let lines =
            |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
        let (found, listed) = (lines(&found), lines(listed));
        let (new, gone) = (found.difference(&listed), listed.difference(&found));
        panic!(
            "new: {:#?}\ngone: {:#?}\nif that is meant: cp {} fixtures/uap_core_differences.txt",
            new.collect::<Vec<_>>(),
            gone.collect::<Vec<_>>(),
            copy.display()
        );
    }
}
