//! Commands in the wrong place, and things called by their names.

use crate::harness::{Server, binary};
use serde_json::{Value, json};
use std::process::{Command, Output};

#[test]
fn a_command_that_asks_in_an_empty_folder_says_so_and_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["report"][..],
        &["explain", "--campaign", "example"],
        &["trail", "ct_0"],
        &["config", "export"],
        &["export"],
    ] {
        let command = Command::new(binary()).args(arguments).current_dir(folder.path()).output();
        let (code, complaint) = told(&command.unwrap());
        assert_eq!(code, Some(1), "{arguments:?}: {complaint}");
        assert!(complaint.contains("--data"), "{arguments:?}: {complaint}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn simulate_knows_a_flow_by_name_by_number_and_from_its_file() {
    let server = Server::start();
    let offer = server.create("/offers", json!({"name": "O", "url": "https://o.example/"}));
    let body = json!({"name": "Main flow", "default": [{"offers": [{"offer": offer}]}]});
    let id = server.create("/flows", body);
    let file = server.data.path().join("flow.json");
    let file = file.to_str().unwrap();
    let written = |keep: &dyn Fn(&str) -> bool| {
        let mut flow = server.get(&format!("/flows/{id}")).json();
        flow.as_object_mut().unwrap().retain(|key, _| keep(key));
        std::fs::write(file, flow.to_string()).unwrap();
    };
    let number = id.to_string();
    let whole: &dyn Fn(&str) -> bool = &|_| true;
    for (arguments, keep) in [
        (&["--flow", "Main flow"][..], whole),
        (&["--flow", &number], whole),
        (&["--flow", "Main flow"], &|key| key == "default"),
        (&[], whole),
        (&[], &|key| key != "id"),
    ] {
        written(keep);
        let command = ["simulate", "--file", file, "--format", "json"];
        let answer = server.run(&[&command[..], arguments].concat());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["elsewhere"], 0, "{arguments:?}");
    }
    written(&|key| key == "default");
    for (arguments, expected) in [
        (&["--flow", "Mian"][..], "no flow has the name `Mian`"),
        (&["--flow", "99"], "there is no flow 99"),
        (&[], "add --flow NAME"),
    ] {
        let mut command = server.command(&["simulate", "--file", file]);
        let (code, complaint) = told(&command.args(arguments).output().unwrap());
        assert_eq!(code, Some(1), "{complaint}");
        assert!(complaint.contains(expected), "{arguments:?}: {complaint}");
    }
}

fn told(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
