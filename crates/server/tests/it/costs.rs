//! Costs as an operator gives them: by the API and from a file, spread over real clicks, undone, and through a kill.

use crate::harness::{Server, wait_for};
use serde_json::{Value, json};

/// The sum that a report shows for today, and that of each creative.
fn report(server: &Server) -> (String, Vec<(Value, String)>) {
    let query = json!({ "by": ["creative_id"], "period": "today", "metrics": ["cost", "clicks"], "sort": [{ "field": "creative_id", "dir": "asc" }] });
    let answer = server.post("/reports", &query);
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = answer["rows"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["creative_id"].clone(), text(&row["cost"]))).collect();
    (text(&answer["totals"]["cost"]), rows)
}

fn settled(server: &Server) {
    wait_for("costs to be computed", || {
        (server.get("/system").json()["recompute"]["unfinished"] == 0).then_some(())
    });
}

fn today(server: &Server) -> String {
    server.get("/system").json()["started"].as_str().unwrap()[..10].to_owned()
}

#[test]
fn what_was_spent_is_spread_shown_traced_undone_and_survives_a_kill() {
    let mut server = Server::start();
    let visit = |server: &Server, creative: &str| {
        let link = format!("/c/example?creative_id={creative}&cost=0.5");
        server.visit(&link).location_param("clickid")
    };
    let id = visit(&server, "a");
    ["a", "a", "b"].iter().for_each(|creative| drop(visit(&server, creative)));
    server.settle();
    assert_eq!(report(&server).0, "2.00");
    let date = today(&server);
    let entry = json!({ "campaign": "example", "date": date, "amount": "10", "slice": { "creative_id": "a" } });
    let made = server.post("/costs", &entry);
    assert_eq!(made.status, 201, "{made:?}");
    settled(&server);
    let shown = server.get("/costs/1").json();
    assert_eq!((&shown["state"], &shown["is_pending"]), (&json!("applied"), &json!(false)));
    let pair = |creative: &str, cost: &str| (json!(creative), cost.to_owned());
    assert_eq!(report(&server), ("10.50".into(), vec![pair("a", "10.00"), pair("b", "0.50")]));
    let cost = server.get(&format!("/clicks/{id}")).json()["click"]["cost"].clone();
    assert_eq!(
        (&cost["amount"], &cost["by"], &cost["entry"], &cost["before"]),
        (&json!("3.333334"), &json!("entry"), &json!(1), &json!("0.50"))
    );
    // A file: one line for what has clicks, one for what has none.
    let file = server.data.path().join("costs.csv");
    let text =
        format!("campaign,date,creative_id,amount\nexample,{date},b,4\nexample,{date},c,7\n");
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let preview = server.run(&["import", "costs", &file, "--preview"]);
    assert!(preview.contains("2 added, 0 replaced, 0 unchanged"), "{preview}");
    assert_eq!(report(&server).0, "10.50");
    server.run(&["import", "costs", &file]);
    let after = vec![pair("a", "10.00"), pair("b", "4.00"), pair("c", "7.00")];
    assert_eq!(report(&server), ("21.00".into(), after.clone()));
    let again = server.run(&["import", "costs", &file]);
    assert!(again.contains("0 added, 0 replaced, 2 unchanged"), "{again}");
    let told = server.run(&["recompute", "--what", "costs", "--period", "today"]);
    assert!(told.contains("4 clicks computed, 0 rows changed"), "{told}");
    assert_eq!(report(&server).1, after);
    // What was asked for before a kill is done after it.
    server.post("/costs", &json!({ "campaign": "example", "date": date, "amount": "30" }));
    server.kill();
    server.launch();
    settled(&server);
    // The day's amount holds what its parts say; every click has a narrower entry, so nobody bears the rest.
    assert_eq!(report(&server).0, "30.00");
    for entry in 1..=4 {
        let path = format!("/api/v1/costs/{entry}");
        let bearer = format!("Bearer {}", crate::harness::TOKEN);
        let undone = server.request("DELETE", &path, &[("authorization", &bearer)], "");
        assert_eq!(undone.status, 200, "{undone:?}");
    }
    settled(&server);
    assert_eq!(report(&server), ("2.00".into(), vec![pair("a", "1.50"), pair("b", "0.50")]));
    // Judged anew, people and programs are what they were.
    server.request("GET", "/c/example?creative_id=d&cost=0", &[("user-agent", "curl/8.5.0")], "");
    server.settle();
    let told = server.run(&["recompute", "--what", "bots", "--period", "today"]);
    assert!(told.contains("5 clicks computed, 0 rows changed"), "{told}");
    server.stop();
    // Without a server, too: a command starts one for itself.
    server.run(&["import", "costs", &file]);
    let told = server.run(&["report", "--metrics", "cost"]);
    assert!(told.contains("12.50"), "{told}");
}
