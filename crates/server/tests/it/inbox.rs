//! The inbox as its operator uses it: why a call did not count, and how it is set right.

use crate::harness::{Server, wait_for};
use serde_json::{Value, json};

fn call(server: &Server, query: &str) -> Value {
    let answer = server.request("GET", &format!("/postback?{query}&wait=1"), &[], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    server.entry(&answer.json())
}

fn replay(server: &Server, entry: &Value, body: Value) -> Value {
    let id = entry["id"].as_str().unwrap();
    let answer = server.post(&format!("/inbox/{id}/replay"), &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn totals(server: &Server) -> (Value, Value) {
    let totals = server.totals(&["conversions", "revenue"]);
    (totals["conversions"].clone(), totals["revenue"].clone())
}

#[test]
fn calls_held_for_a_word_count_once_the_word_is_mapped() {
    let server = Server::start();
    let network = server.create("/networks", json!({ "name": "Net" }));
    let offer = server
        .create("/offers", json!({ "name": "o", "url": "https://o.example/", "network": network }));
    let flow = server
        .create("/flows", json!({ "name": "f", "default": [{ "offers": [{ "offer": offer }] }] }));
    server.create("/campaigns", json!({ "name": "c", "key": "held", "flow": flow }));
    for number in 0..3 {
        let id = server.visit("/c/held").location_param("clickid");
        let entry =
            call(&server, &format!("clickid={id}&payout=2.5&txid={number}&status=gewertet"));
        assert_eq!(
            (&entry["verdict"], &entry["reason"]),
            (&json!("held"), &json!("status_unmapped"))
        );
    }
    assert_eq!(totals(&server), (json!(0), json!("0.00")));
    let mapped = json!({ "name": "Net", "status_map": { "gewertet": "approved" } });
    let key = format!("Bearer {}", crate::harness::TOKEN);
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let put = server.request(
        "PUT",
        &format!("/api/v1/networks/{network}"),
        &headers,
        &mapped.to_string(),
    );
    assert_eq!(put.status, 200, "{put:?}");
    let told =
        server.run(&["inbox", "replay", "--reason", "status_unmapped", "--why", "mapped now"]);
    assert_eq!(told, "3 calls judged again, 0 count already\n");
    assert_eq!(totals(&server), (json!(3), json!("7.50")));
    let listed = server.get("/inbox?verdict=recorded").json();
    let history = &listed["items"][0]["history"];
    assert_eq!(history[0]["verdict"], "held");
    assert_eq!(
        (&history[1]["author"], &history[1]["note"]),
        (&json!("admin token"), &json!("mapped now"))
    );
    // Once more changes nothing.
    assert_eq!(server.post("/inbox/replay?q=gewertet", &json!({})).json()["counted"], 3);
    assert_eq!(totals(&server), (json!(3), json!("7.50")));
    assert_eq!(server.post("/inbox/replay", &json!({})).status, 400);
}

#[test]
fn an_unattributed_call_is_found_and_attached_and_survives_a_crash() {
    let mut server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    let entry = call(&server, "cid=%7Bclickid%7D&payout=4&txid=LOST-1");
    assert_eq!(entry["verdict"], "unattributed");
    let found = server.run(&["inbox", "list", "--q", "lost-1"]);
    assert!(found.contains("unattributed"), "{found}");
    let attached =
        replay(&server, &entry, json!({ "click_id": id, "reason": "named on the phone" }));
    assert_eq!((&attached["verdict"], &attached["click_id"]), (&json!("recorded"), &json!(id)));
    assert_eq!(attached["attached"], true);
    assert_eq!(totals(&server), (json!(1), json!("4.00")));
    server.kill();
    server.launch();
    server.settle();
    assert_eq!(totals(&server), (json!(1), json!("4.00")));
    let trail = server.get(&format!("/clicks/{id}")).json();
    assert_eq!(trail["ledger"][0]["sequence"].to_string(), entry["id"].as_str().unwrap());
    assert_eq!(trail["postbacks"][0]["history"][1]["note"], "named on the phone");
    // It counts: attaching it to another click is refused, and the same again changes nothing.
    let other = server.visit("/c/example").location_param("clickid");
    let number = entry["id"].as_str().unwrap();
    let moved = server.post(&format!("/inbox/{number}/replay"), &json!({ "click_id": other }));
    assert_eq!((moved.status, &moved.json()["code"]), (409, &json!("conflict")));
    replay(&server, &entry, json!({ "click_id": id }));
    assert_eq!(totals(&server), (json!(1), json!("4.00")));
    let shown = server.run(&["inbox", "show", number]);
    assert!(shown.contains("named on the phone"), "{shown}");
    wait_for("an empty page", || {
        let page = server.get("/inbox?verdict=unattributed").json();
        page["items"].as_array().unwrap().is_empty().then_some(())
    });
}
