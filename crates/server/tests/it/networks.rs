//! Postbacks as ten networks send them, and what may be wrong with one: who calls, from where, about which click.

use crate::harness::Server;
use serde_json::{Value, json};

/// A call: what stands in place of the macros of the network's postback URL (`ID` is the click's), and what becomes of it.
type Call = (&'static [(&'static str, &'static str)], &'static str, &'static str);

/// A network by its template, and its calls about one click, in order.
const NETWORKS: &[(&str, &[Call])] = &[
    (
        "everflow",
        &[
            (
                &[
                    ("{sub1}", "ID"),
                    ("{payout_amount}", "12.5"),
                    ("{transaction_id}", "E1"),
                    ("{event_name}", ""),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{sub1}", "ID"),
                    ("{payout_amount}", "12.5"),
                    ("{transaction_id}", "E1"),
                    ("{event_name}", ""),
                ],
                "duplicate",
                "repeated",
            ),
            (
                &[("{payout_amount}", "12.5"), ("{transaction_id}", "E2"), ("{event_name}", "")],
                "unattributed",
                "click_id_unexpanded",
            ),
        ],
    ),
    (
        "tune",
        &[
            (
                &[
                    ("{aff_sub}", "ID"),
                    ("{payout}", "3.00"),
                    ("{currency}", "usd"),
                    ("{transaction_id}", "T1"),
                    ("{goal_id}", "7"),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{aff_sub}", "CUT"),
                    ("{payout}", "3.00"),
                    ("{currency}", "usd"),
                    ("{transaction_id}", "T2"),
                    ("{goal_id}", "7"),
                ],
                "recorded",
                "click_id_truncated",
            ),
            (
                &[
                    ("{aff_sub}", "ID"),
                    ("{currency}", "usd"),
                    ("{transaction_id}", "T3"),
                    ("{goal_id}", "7"),
                ],
                "refused",
                "payout_unexpanded",
            ),
        ],
    ),
    (
        "cake",
        &[
            (&[("#s2#", "UPPER"), ("#price#", "5.00"), ("#leadid#", "L1")], "recorded", ""),
            (
                &[("#s2#", "%23s2%23"), ("#price#", "5.00"), ("#leadid#", "L2")],
                "unattributed",
                "click_id_unexpanded",
            ),
        ],
    ),
    (
        "affise",
        &[
            (
                &[
                    ("{sub1}", "ID"),
                    ("{sum}", "2.5"),
                    ("{currency}", "USD"),
                    ("{transactionid}", "A1"),
                    ("{status}", "2"),
                    ("{goal}", ""),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{sub1}", "ID"),
                    ("{sum}", "2.5"),
                    ("{currency}", "USD"),
                    ("{transactionid}", "A1"),
                    ("{status}", "1"),
                    ("{goal}", ""),
                ],
                "updated",
                "status_changed",
            ),
            (
                &[
                    ("{sub1}", "ID"),
                    ("{sum}", "2.5"),
                    ("{currency}", "USD"),
                    ("{transactionid}", "A2"),
                    ("{status}", "9"),
                    ("{goal}", ""),
                ],
                "held",
                "status_unmapped",
            ),
        ],
    ),
    (
        "impact",
        &[
            (
                &[
                    ("{SubId1}", "ID"),
                    ("{Payout}", "8.00"),
                    ("{Currency}", "USD"),
                    ("{ActionId}", "I.1"),
                    ("{Status}", "PENDING"),
                    ("{ActionTrackerName}", "Sale"),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{SubId1}", "ID"),
                    ("{Payout}", "8.00"),
                    ("{Currency}", "USD"),
                    ("{ActionId}", "I.1"),
                    ("{Status}", "APPROVED"),
                    ("{ActionTrackerName}", "Sale"),
                ],
                "updated",
                "status_changed",
            ),
            (
                &[
                    ("{SubId1}", "ID"),
                    ("{Payout}", "8.00"),
                    ("{Currency}", "USD"),
                    ("{ActionId}", "I.1"),
                    ("{Status}", "REVERSED"),
                    ("{ActionTrackerName}", "Sale"),
                ],
                "updated",
                "status_changed",
            ),
        ],
    ),
    (
        "awin",
        &[
            (
                &[
                    ("{clickRef}", "ID"),
                    ("{commission}", "4%2C20"),
                    ("{currency}", "USD"),
                    ("{transactionId}", "W1"),
                    ("{status}", "pending"),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{clickRef}", "ID"),
                    ("{commission}", "4%2C20"),
                    ("{currency}", "USD"),
                    ("{transactionId}", "W1"),
                    ("{status}", "declined"),
                ],
                "updated",
                "status_changed",
            ),
            (
                &[
                    ("{clickRef}", "publisher-7"),
                    ("{commission}", "1"),
                    ("{currency}", "USD"),
                    ("{transactionId}", "W2"),
                    ("{status}", "pending"),
                ],
                "unattributed",
                "click_id_malformed",
            ),
        ],
    ),
    (
        "clickbank",
        &[
            (
                &[
                    ("{tid}", "ID"),
                    ("{affiliate_earnings}", "31.07"),
                    ("{event_id}", "C1"),
                    ("{event_type}", "purchase"),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("{tid}", "ID"),
                    ("{affiliate_earnings}", "31.07"),
                    ("{event_id}", "C1"),
                    ("{event_type}", "purchase"),
                ],
                "duplicate",
                "repeated",
            ),
        ],
    ),
    (
        "digistore24",
        &[
            (
                &[
                    ("{cid}", "%7BID%7D"),
                    ("{amount_affiliate}", "19.90"),
                    ("{currency}", "USD"),
                    ("{transaction_id}", "D1"),
                ],
                "recorded",
                "click_id_wrapped",
            ),
            (
                &[
                    ("{cid}", "ID"),
                    ("{amount_affiliate}", "-5.00"),
                    ("{currency}", "USD"),
                    ("{transaction_id}", "D1"),
                ],
                "updated",
                "reversal",
            ),
        ],
    ),
    (
        "maxbounty",
        &[
            (&[("#S2#", "ID"), ("#RATE#", "1,500")], "refused", "payout_ambiguous"),
            (&[("#S2#", "ID"), ("#RATE#", "1500")], "recorded", ""),
        ],
    ),
    (
        "mylead",
        &[
            (
                &[
                    ("[ml_sub1]", "ID"),
                    ("[payout]", "2"),
                    ("[currency]", "USD"),
                    ("[transaction_id]", "M1"),
                    ("[status]", "pre_approved"),
                ],
                "recorded",
                "",
            ),
            (
                &[
                    ("[ml_sub1]", "ID"),
                    ("[payout]", "2"),
                    ("[currency]", "USD"),
                    ("[transaction_id]", "M1"),
                    ("[status]", "approved"),
                ],
                "updated",
                "status_changed",
            ),
        ],
    ),
];

/// A network with a campaign that leads to its offer; its number.
fn set_up(server: &Server, name: &str, network: Value) -> u64 {
    let network = server.create("/networks", network);
    let offer = json!({ "name": name, "url": "https://o.example/", "network": network });
    let offer = server.create("/offers", offer);
    let flow = json!({ "name": name, "default": [{ "offers": [{ "offer": offer }] }] });
    let flow = server.create("/flows", flow);
    server.create("/campaigns", json!({ "name": name, "key": name, "flow": flow }));
    network
}

#[test]
fn ten_networks_call_as_they_do_and_each_call_lands_or_says_what_to_change() {
    let server = Server::start();
    for (slug, calls) in NETWORKS {
        let network = set_up(&server, slug, json!({ "name": slug, "template": slug }));
        let thing = server.get(&format!("/networks/{network}")).json();
        let param = thing["offer_url_param"].as_str().unwrap();
        let id = server.visit(&format!("/c/{slug}")).location_param(param);
        let postback_url = thing["postback_url"].as_str().unwrap();
        let path = &postback_url[postback_url.find("/postback").unwrap()..];
        for (values, verdict, reason) in *calls {
            let mut url = path.to_owned();
            for (written, sent) in *values {
                assert!(url.contains(written), "{slug}: no {written} in {url}");
                let sent = sent.replace("UPPER", &id.to_uppercase());
                let sent = sent.replace("CUT", &id[..27]).replace("ID", &id);
                url = url.replace(written, &sent);
            }
            let url = url.replace('{', "%7B").replace('}', "%7D");
            let answer = server.request("GET", &format!("{url}&wait=1"), &[], "");
            assert_eq!(answer.status, 200, "{slug}: {url}: {answer:?}");
            let entry = server.entry(&answer.json());
            let said = (entry["verdict"].as_str().unwrap(), entry["reason"].as_str().unwrap());
            assert_eq!(said, (*verdict, *reason), "{slug}: {url}: {}", entry["message"]);
            assert!(reason.is_empty() || !entry["message"].as_str().unwrap().is_empty());
        }
    }
    assert_eq!(NETWORKS.len(), 10);
}

#[test]
fn of_key_address_and_id_all_must_be_right_and_every_other_call_says_what_is_wrong() {
    let server = Server::start();
    let strict = json!({ "name": "strict", "postback_key": "k7", "key_mode": "enforce",
        "addresses": ["192.0.2.7"], "address_mode": "enforce" });
    set_up(&server, "strict", strict);
    let mut counted = 0;
    for key in ["k7", "guess", ""] {
        for address in ["192.0.2.7", "192.0.2.8"] {
            for id in ["ours", "forged", "foreign"] {
                let click = match id {
                    "ours" => server.visit("/c/strict").location_param("clickid"),
                    "forged" => format!("ct_{}", "0".repeat(26)),
                    _ => "a1b2-of-another-system".to_owned(),
                };
                let path = if key.is_empty() { String::new() } else { format!("/{key}") };
                let url = format!("/postback{path}?clickid={click}&payout=1");
                let answer = server.request("GET", &url, &[("x-forwarded-for", address)], "");
                let entry = server.entry(&answer.json());
                let cell = format!("key {key:?}, address {address}, id {id}: {entry}");
                let expected = match (key, address, id) {
                    ("k7", "192.0.2.7", "ours") => ("recorded", ""),
                    ("k7", "192.0.2.8", _) => ("refused", "wrong_address"),
                    ("guess", _, "ours") => ("refused", "wrong_key"),
                    ("", _, "ours") => ("refused", "missing_key"),
                    // Without a key that is known, nobody knows whose call it is.
                    (_, _, "forged") => ("unattributed", "click_id_unverified"),
                    _ => ("unattributed", "click_id_malformed"),
                };
                let said = (entry["verdict"].as_str().unwrap(), entry["reason"].as_str().unwrap());
                assert_eq!(said, expected, "{cell}");
                counted += usize::from(expected.0 == "recorded");
            }
        }
    }
    assert_eq!(counted, 1);
    assert_eq!(server.totals(&["conversions"])["conversions"], 1);
}

#[test]
fn nothing_plain_about_a_customer_is_kept_anywhere() {
    let server = Server::start();
    let id = server.visit("/c/example").location_param("clickid");
    let mail = "Jane.Doe@Example.com";
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("clickid={id}&txid=1&email=Jane.Doe%40Example.com&phone=%2B1+650+555+1212");
    let first = server.request("POST", "/postback?em=Jane.Doe@Example.com", &form, &body).json();
    let nested = json!({ "clickid": id, "txid": "2", "buyer": { "em": mail } }).to_string();
    let second = server
        .request("POST", "/postback", &[("content-type", "application/json")], &nested)
        .json();
    // The answer is a picture, which the client of the other requests does not read.
    let pixel = format!("http://{}/pixel.gif?clickid={id}&txid=3", server.address);
    let page = "https://shop.example/thanks?email=jane.doe@example.com";
    assert_eq!(ureq::get(pixel).header("referer", page).call().unwrap().status(), 200);
    let by_hand = json!({ "clickid": id, "txid": "4", "em": mail });
    assert_eq!(server.post("/conversions", &by_hand).json()["recorded"], 1);
    for answer in [&first, &second] {
        let entry = server.entry(answer);
        assert_eq!(entry["verdict"], "recorded", "{entry}");
        let told = entry["first_party"].as_array().unwrap();
        assert!(told.iter().any(|t| t.as_str().unwrap().starts_with("em=")), "{entry}");
        assert!(told.iter().all(|t| t.as_str().unwrap().split_once('=').unwrap().1.len() == 64));
    }
    server.settle();
    let text = |path: &str| server.get(path).body.to_lowercase();
    for shown in [text("/inbox?limit=100"), text(&format!("/clicks/{id}"))] {
        assert!(!shown.contains("jane.doe") && !shown.contains("5551212"), "{shown}");
    }
    for file in std::fs::read_dir(server.data.path().join("journal")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let bytes = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).to_lowercase();
            assert!(!bytes.contains("jane.doe"), "{}", path.display());
        }
    }
}
