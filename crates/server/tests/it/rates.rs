//! Amounts in other currencies: fetched rates, sums by them, and what is taken back.

use crate::harness::{Server, wait_for};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

/// The ECB's rates of today: what comes in today is converted by them.
fn xml(dollars: &str) -> String {
    let day = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    format!(
        "<Envelope><Cube><Cube time='{day}'><Cube currency='USD' rate='{dollars}'/></Cube></Cube></Envelope>"
    )
}

/// Answers one request with `text`; the address.
fn serve_once(text: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
        while !request.next().unwrap().unwrap().is_empty() {}
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        stream.write_all((head + &text).as_bytes()).unwrap();
    });
    format!("http://{address}/daily.xml")
}

/// A campaign whose clicks cost euros; its key is `euro`.
fn campaign(server: &Server) {
    let source = server.create(
        "/sources",
        json!({ "name": "euro", "cost_param": "price", "cost_currency": "EUR" }),
    );
    let offer = server.create(
        "/offers",
        json!({ "name": "euro", "url": "https://shop.example/?clickid={click_id}" }),
    );
    let flow = server.create(
        "/flows",
        json!({ "name": "euro", "default": [{ "offers": [{ "offer": offer }] }] }),
    );
    server.create(
        "/campaigns",
        json!({ "name": "euro", "key": "euro", "flow": flow, "source": source }),
    );
}

fn call(server: &Server, query: &str) -> Value {
    let answer = server.request("GET", &format!("/postback?{query}"), &[], "");
    server.entry(&answer.json())
}

fn money(server: &Server) -> Value {
    server.totals(&["cost", "revenue", "revenue_pending", "conversions"])
}

#[test]
fn foreign_amounts_are_summed_by_the_rate_of_their_day_and_taken_back_by_the_same() {
    let mut server = Server::start();
    campaign(&server);
    let apart = server.visit("/c/euro?price=0.50").location_param("clickid");
    let entry = call(&server, &format!("clickid={apart}&payout=3&currency=EUR"));
    assert_eq!(
        (&entry["verdict"], &entry["reason"]),
        (&"recorded".into(), &"currency_without_rate".into())
    );
    let nothing =
        json!({ "cost": "0.00", "revenue": "0.00", "revenue_pending": "0.00", "conversions": 1 });
    assert_eq!(money(&server), nothing);

    let told = server.run(&["rates", "import", &serve_once(xml("1.0823"))]);
    assert!(told.contains("1 rates") && told.contains("1 of them new"), "{told}");
    let id = server.visit("/c/euro?price=0.50").location_param("clickid");
    let entry =
        call(&server, &format!("clickid={id}&payout=10&currency=eur&txid=1&status=pending"));
    let added = &entry["ledger"][0];
    assert_eq!(
        (&added["amount"], &added["revenue"]),
        (&"10.00".into(), &"10.823".into()),
        "{entry}"
    );
    assert_eq!(
        (&added["conversion"]["rate"], &added["conversion"]["source"]),
        (&"1.0823".into(), &"ecb".into())
    );
    let sums = json!({ "cost": "0.54115", "revenue": "0.00", "revenue_pending": "10.823", "conversions": 2 });
    assert_eq!(money(&server), sums);

    // Another rate from now on: the conversion keeps its own, through a restart too.
    assert!(server.run(&["rates", "set", "EUR", "USD", "2"]).contains("1 EUR = 2 USD  manual"));
    server.stop();
    server.launch();
    call(&server, &format!("clickid={id}&payout=10&currency=EUR&txid=1&status=approved"));
    call(&server, &format!("clickid={id}&payout=-4&currency=EUR&txid=1"));
    assert_eq!(money(&server)["revenue"], "6.4938");
    call(&server, &format!("clickid={id}&txid=1&status=chargeback"));
    assert_eq!(
        money(&server),
        json!({ "cost": "0.54115", "revenue": "0.00", "revenue_pending": "0.00", "conversions": 1 })
    );
    call(&server, &format!("clickid={id}&payout=1&currency=EUR&txid=2"));
    assert_eq!(money(&server)["revenue"], "2.00");

    let trail = server.get(&format!("/clicks/{id}")).json();
    let cost = &trail["click"]["cost"];
    assert_eq!((&cost["amount"], &cost["original"]["amount"]), (&"0.54115".into(), &"0.50".into()));
    assert_eq!(cost["original"]["conversion"]["rate"], "1.0823");
    let story = server.run(&["trail", &id]);
    for part in ["10.00 EUR = 10.823 at 1.0823 (ecb, ", "1.00 EUR = 2.00 at 2 (manual, "] {
        assert!(story.contains(part), "`{part}` is missing in:\n{story}");
    }
    let export = server.run(&["export", "--period", "all"]);
    assert!(export.contains(",10.823,USD,10.00,EUR,10823/10000 ecb "), "{export}");
    let list = server.run(&["rates", "list"]);
    assert!(list.contains("1 EUR = 1.0823 USD  ecb") && list.contains("manual"), "{list}");
}

#[test]
fn what_was_converted_is_computed_again_by_other_rates() {
    let server = Server::start();
    campaign(&server);
    let id = server.visit("/c/euro?price=0.50").location_param("clickid");
    server.visit("/c/euro?price=0.50");
    call(&server, &format!("clickid={id}&payout=3&currency=EUR&txid=1"));
    let date = server.get("/system").json()["started"].as_str().unwrap()[..10].to_owned();
    let spent = json!({ "campaign": "euro", "date": date, "amount": "10", "currency": "EUR" });
    let refused = server.post("/costs", &spent);
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(refused.body.contains("no rate from EUR to USD"), "{refused:?}");
    let set = |rate: &str| drop(server.run(&["rates", "set", "EUR", "USD", rate]));
    let recompute = |rows: &str| {
        let told = server.run(&["recompute", "--what", "fx", "--period", "today"]);
        assert!(told.contains(rows), "{told}");
    };
    let sums = |cost: &str, revenue: &str| {
        assert_eq!(
            server.totals(&["cost", "revenue"]),
            json!({ "cost": cost, "revenue": revenue })
        );
    };
    sums("0.00", "0.00");
    set("2");
    recompute("2 clicks computed, 3 rows changed");
    sums("2.00", "6.00");
    let made = server.post("/costs", &spent).json();
    assert_eq!((&made["worth"], &made["conversion"]["rate"]), (&"20.00".into(), &"2".into()));
    wait_for("the entry to be spread", || {
        (server.get("/system").json()["recompute"]["unfinished"] == 0).then_some(())
    });
    sums("20.00", "6.00");
    set("3");
    recompute("2 clicks computed, 3 rows changed");
    sums("30.00", "9.00");
    let cost = server.get(&format!("/clicks/{id}")).json()["click"]["cost"].clone();
    assert_eq!(
        (&cost["amount"], &cost["before"], &cost["original"]["amount"]),
        (&"15.00".into(), &"1.50".into(), &"0.50".into())
    );
    assert_eq!(cost["original"]["conversion"]["rate"], "3");
    recompute("2 clicks computed, 0 rows changed");
}

#[test]
fn the_server_fetches_rates_by_itself_where_it_is_told_to() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("rates.xml");
    std::fs::write(&file, xml("1.5")).unwrap();
    for from in [file.display().to_string(), serve_once(xml("1.5"))] {
        let server = Server::start_with(&[("CLICKTRAIL_RATES_FROM", &from)]);
        let rate = wait_for("the fetched rate", || {
            server.get("/rates").json()["items"].as_array().unwrap().first().cloned()
        });
        assert_eq!(
            (&rate["rate"], &rate["author"]),
            (&"1.5".into(), &"rates feed".into()),
            "{from}"
        );
    }
}

#[test]
fn a_text_that_is_no_list_of_rates_is_refused_with_its_line() {
    let server = Server::start();
    let bad = serve_once(xml("1,5").replace("<Cube currency", "\n<Cube currency"));
    let output = server.command(&["rates", "import", &bad]).output().unwrap();
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint.contains("line 2: the rate of USD is `1,5`"), "{complaint}");
    let missing = server.command(&["rates", "import", "nowhere.xml"]).output().unwrap();
    assert!(String::from_utf8(missing.stderr).unwrap().contains("cannot open nowhere.xml"));
    let without = server.command(&["rates", "set", "EUR", "USD", "none"]).output().unwrap();
    assert!(String::from_utf8(without.stderr).unwrap().contains("a rate is a decimal number"));
}
