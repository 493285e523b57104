//! The ways in which conversions come: batches, headers, pages, by hand and from files.

use crate::harness::{Server, TOKEN};
use serde_json::{Value, json};

fn click(server: &Server) -> String {
    server.visit("/c/example").location_param("clickid")
}

fn totals(server: &Server) -> (Value, Value) {
    let totals = server.totals(&["conversions", "revenue"]);
    (totals["conversions"].clone(), totals["revenue"].clone())
}

#[test]
fn each_element_of_a_batch_is_a_call_of_its_own() {
    let server = Server::start();
    let (a, b) = (click(&server), click(&server));
    let batch = json!([
        { "clickid": a, "payout": 1.5, "txid": 1 },
        { "clickid": a, "payout": "2.25", "txid": 2 },
        { "clickid": "{clickid}", "payout": 9 },
        { "clickid": b, "payout": "1,500" },
    ]);
    let json_body = [("content-type", "application/json")];
    let answer = server.request("POST", "/postback", &json_body, &batch.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.json()["items"].as_array().unwrap().clone();
    let entries: Vec<Value> = items.iter().map(|item| server.entry(item)).collect();
    let verdicts: Vec<&str> = entries.iter().map(|e| e["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["recorded", "recorded", "unattributed", "refused"]);
    assert!(entries[2]["message"].as_str().unwrap().contains("the literal `{clickid}`"));
    assert_eq!(totals(&server), (json!(2), json!("3.75")));
    let long = format!("[{}{{}}]", "{},".repeat(1000));
    let answer = server.request("POST", "/postback", &json_body, &long);
    assert_eq!(server.entry(&answer.json()["items"][0])["reason"], "batch_too_long");
}

#[test]
fn the_key_of_a_network_may_stand_in_a_header() {
    let server = Server::start();
    let network = json!({ "name": "n", "postback_key": "s3cret", "key_mode": "enforce" });
    let network = server.create("/networks", network);
    let offer = json!({ "name": "o", "url": "https://o.example/", "network": network });
    let offer = server.create("/offers", offer);
    let flow = json!({ "name": "f", "default": [{ "offers": [{ "offer": offer }] }] });
    let flow = server.create("/flows", flow);
    server.create("/campaigns", json!({ "name": "c", "key": "keyed", "flow": flow }));
    let id = server.visit("/c/keyed").location_param("clickid");
    for (headers, status, verdict) in [
        (&[][..], 403, "refused"),
        (&[("x-postback-key", "guess")][..], 403, "refused"),
        (&[("x-postback-key", "s3cret")][..], 200, "recorded"),
    ] {
        let answer = server.request("GET", &format!("/postback?clickid={id}"), headers, "");
        assert_eq!(answer.status, status, "{headers:?}: {answer:?}");
        assert_eq!(server.entry(&answer.json())["verdict"], verdict, "{headers:?}");
    }
}

#[test]
fn a_page_can_load_the_pixel_by_a_script() {
    let server = Server::start();
    let answer = server.request("GET", "/pixel.js?payout=1", &[], "");
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/javascript"));
    assert!(answer.body.contains("/pixel.gif") && answer.body.contains("\"gclid\""));
}

#[test]
fn conversions_by_hand_say_what_they_do() {
    let server = Server::start();
    let id = click(&server);
    let both = json!([
        { "clickid": id, "payout": "3.10", "txid": "A", "event_id": "e1" },
        { "clickid": id, "payout": "x" },
        { "clickid": id, "colour": "red" },
    ]);
    let tried = server.post("/conversions?preview=true", &both).json();
    assert_eq!((&tried["recorded"], &tried["wrong"]), (&json!(1), &json!(2)), "{tried}");
    assert_eq!(totals(&server), (json!(0), json!("0.00")));
    let done = server.post("/conversions", &both).json();
    assert_eq!((&done["recorded"], &done["wrong"]), (&json!(1), &json!(2)));
    assert_eq!(done["items"][1]["column"], "payout");
    assert_eq!(
        (&done["items"][2]["line"], &done["items"][2]["column"]),
        (&json!(3), &json!("colour"))
    );
    assert_eq!(totals(&server), (json!(1), json!("3.10")));
    let again = server.post("/conversions", &both).json();
    assert_eq!((&again["recorded"], &again["duplicate"]), (&json!(0), &json!(1)));
    let entry = server.entry(&done["items"][0]);
    assert_eq!((&entry["method"], &entry["verdict"]), (&json!("API"), &json!("recorded")));
    let one =
        server.post("/conversions", &json!({ "clickid": id, "txid": "A", "status": "rejected" }));
    assert_eq!(one.json()["updated"], 1, "{one:?}");
    assert_eq!(totals(&server), (json!(0), json!("0.00")));
}

#[test]
fn a_file_imported_twice_changes_nothing_and_errors_name_line_and_column() {
    let server = Server::start();
    let (a, b) = (click(&server), click(&server));
    let file = server.data.path().join("conversions.csv");
    let text = format!(
        "clickid;payout;txid;status\n{a};1,50;T1;pending\n{a};2,00;T2;\n{b};\"1,500\";T3;\nnobody;1;T4;\n{b};7;;\n{b};7;T1;\n"
    );
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output = server.command(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = run(&["import", "conversions", name, "--preview"]);
    assert_eq!(code, Some(1), "{told}");
    for line in [
        "line 2  recorded",
        "line 4, column payout  refused: parameter `payout` holds `1,500`",
        "line 5, column clickid  unattributed: parameter `clickid` holds `nobody`",
        "line 6  recorded",
        "line 7, column txid  refused: parameter `txid` holds `T1`",
        "3 would be recorded, 0 would be updated, 0 would be duplicate, 3 would be wrong",
    ] {
        assert!(told.contains(line), "`{line}` is missing in:\n{told}");
    }
    assert_eq!(totals(&server), (json!(0), json!("0.00")));
    for counts in [
        "3 recorded, 0 updated, 0 duplicate, 3 wrong",
        "0 recorded, 0 updated, 3 duplicate, 3 wrong",
    ] {
        let (_, told) = run(&["import", "conversions", name]);
        assert!(told.contains(counts), "{told}");
        // What is pending counts, and brings no revenue yet.
        assert_eq!(totals(&server), (json!(3), json!("9.00")));
        // What was wrong is kept, once, with where it stands and what it said.
        let wrong: Vec<Value> = ["refused", "unattributed"]
            .iter()
            .flat_map(|verdict| {
                let page = server.get(&format!("/inbox?verdict={verdict}")).json();
                page["items"].as_array().unwrap().clone()
            })
            .collect();
        let told: Vec<&str> = wrong.iter().map(|item| item["message"].as_str().unwrap()).collect();
        let starts =
            ["line 7, column txid: ", "line 4, column payout: ", "line 5, column clickid: "];
        assert_eq!(told.len(), starts.len(), "{told:?}");
        assert!(starts.iter().zip(&told).all(|(start, told)| told.starts_with(start)), "{told:?}");
        assert!(wrong[1]["body"].as_str().unwrap().contains("\"payout\":\"1,500\""));
    }
    std::fs::write(&file, "clickid,colour\nx,red\n").unwrap();
    let output = server.command(&["import", "conversions", name]).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("line 1: `colour` is no column"), "{complaint}");
}

#[test]
fn a_conversion_type_has_its_words_its_worth_and_its_own_way_with_repeats() {
    let server = Server::start();
    let deposit = json!({ "name": "Deposit", "words": ["ftd", "dep"], "repeat": "every",
        "payout": { "kind": "fixed", "amount": "20", "currency": "USD" } });
    let number = server.create("/conversion-types", deposit);
    let id = click(&server);
    for (query, verdict) in [
        ("type=FTD", "recorded"),
        ("et=dep&payout=5", "recorded"),
        ("type=deposit", "recorded"),
        // A type nobody set up counts as the network says: the first only.
        ("type=lead&payout=1", "recorded"),
        ("type=lead&payout=1", "duplicate"),
    ] {
        let answer = server.request("GET", &format!("/postback?clickid={id}&{query}"), &[], "");
        assert_eq!(server.entry(&answer.json())["verdict"], verdict, "{query}");
    }
    assert_eq!(totals(&server), (json!(4), json!("46.00")));
    let by = json!({ "by": ["conversion_type"], "period": "all", "metrics": ["conversions"] });
    let rows = server.post("/reports", &by).json()["rows"].clone();
    let of = |word: &str| {
        let rows = rows.as_array().unwrap();
        let row = rows.iter().find(|row| row["conversion_type"] == word);
        row.map(|row| row["conversions"].clone())
    };
    assert_eq!((of("deposit"), of("lead"), of("ftd")), (Some(json!(3)), Some(json!(1)), None));
    let file = server.data.path().join("set-up.toml");
    let exported = server.run(&["config", "export"]);
    assert!(exported.contains("[[conversion_type]]") && exported.contains("\"ftd\""), "{exported}");
    std::fs::write(&file, exported).unwrap();
    let told = server.run(&["config", "plan", file.to_str().unwrap()]);
    assert_eq!(told, "would change nothing\n");
    let wrong = server.post("/conversion-types", &json!({ "name": "x", "words": ["FTD"] }));
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("words[0]")));
    assert_eq!(server.get(&format!("/conversion-types/{number}")).json()["name"], "Deposit");
}

#[test]
fn lines_that_do_not_count_are_kept_once_and_count_once_they_are_set_right() {
    let server = Server::start();
    let network = server.create("/networks", json!({ "name": "n" }));
    let offer = json!({ "name": "o", "url": "https://o.example/", "network": network });
    let offer = server.create("/offers", offer);
    let flow = json!({ "name": "f", "default": [{ "offers": [{ "offer": offer }] }] });
    let flow = server.create("/flows", flow);
    server.create("/campaigns", json!({ "name": "c", "key": "lines", "flow": flow }));
    let id = server.visit("/c/lines").location_param("clickid");
    let lines = json!([
        { "clickid": id, "payout": "2", "txid": "A", "time": "2126-01-01" },
        { "clickid": id, "payout": "3", "txid": "B", "status": "odd" },
        { "clickid": id, "payout": "4", "txid": "C", "colour": "red" },
    ]);
    let preview = server.post("/conversions?preview=true", &lines).json();
    assert_eq!((&preview["wrong"], &preview["items"][0]["inbox"]), (&json!(3), &Value::Null));
    assert_eq!(server.get("/inbox").json()["items"], json!([]));
    let first = server.post("/conversions", &lines).json();
    let again = server.post("/conversions", &lines).json();
    assert_eq!((&first["wrong"], &first["items"]), (&json!(3), &again["items"]));
    let entries: Vec<Value> =
        first["items"].as_array().unwrap().iter().map(|item| server.entry(item)).collect();
    for (entry, verdict, reason, message) in [
        (&entries[0], "refused", "unreadable_line", "line 1, column time: "),
        (&entries[1], "held", "status_unmapped", "line 2, column status: "),
        (&entries[2], "refused", "unreadable_line", "line 3, column colour: "),
    ] {
        assert_eq!((&entry["verdict"], &entry["reason"]), (&json!(verdict), &json!(reason)));
        assert!(entry["message"].as_str().unwrap().starts_with(message), "{entry}");
    }
    assert!(entries[0]["body"].as_str().unwrap().contains("2126-01-01"));
    // What cannot be read stays so, whoever orders it.
    for entry in [&entries[0], &entries[2]] {
        let path = format!("/inbox/{}/replay", entry["id"].as_str().unwrap());
        let judged = server.post(&path, &json!({ "click_id": id })).json();
        assert_eq!(judged["verdict"], "refused", "{judged}");
    }
    let mapped = json!({ "name": "n", "status_map": { "odd": "approved" } }).to_string();
    let key = format!("Bearer {TOKEN}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    let put = server.request("PUT", &format!("/api/v1/networks/{network}"), &headers, &mapped);
    assert_eq!(put.status, 200, "{put:?}");
    let path = format!("/inbox/{}/replay", entries[1]["id"].as_str().unwrap());
    assert_eq!(server.post(&path, &json!({})).json()["verdict"], "recorded");
    assert_eq!(totals(&server), (json!(1), json!("3.00")));
}
