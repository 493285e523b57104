//! What happens on pages: views, clicks on links, events of their own, consent.

use crate::direct::*;
use crate::rig::*;
use edge::Config;
use http::StatusCode;
use model::Field;
use model::facts::Value;
use model::record::{RecordKind, tag};

#[tokio::test]
async fn a_page_event_is_written_down_once_with_its_click() {
    let rig = rig();
    let reply = land(&rig, &[("u", "https://shop.example.com/")]).await;
    let (id, text) = (id_of(&rig, &reply), json(&reply)["click_id"].as_str().unwrap().to_owned());
    let event = |pairs: &[(&str, &str)]| form(&[&[("id", &*text)], pairs].concat());
    let sent = event(&[
        ("e", "Add_To_Cart"),
        ("n", "event-01"),
        ("val", "12.5"),
        ("cur", "EUR"),
        ("u", "https://shop.example.com/cart?email=a@b.c"),
    ]);
    for _ in 0..2 {
        let reply = send(&rig, "/e", Some(SHOP), &sent).await;
        assert_eq!(reply.status(), StatusCode::NO_CONTENT, "{reply:?}");
        assert_eq!(header(&reply, "access-control-allow-origin"), Some(SHOP));
    }
    let events = of_kind(&rig, RecordKind::Page);
    assert_eq!((events.len(), rig.count("event_repeated")), (1, 1));
    let facts = &events[0].facts;
    assert_eq!((events[0].key(), events[0].at_ms()), (Some(id.key), NOW));
    assert_eq!(facts.text(Field::Event), Some("add_to_cart"));
    assert_eq!(facts.int_at(tag::EVENT_VALUE), Some(12_500_000));
    assert_eq!(facts.text(Field::Currency), Some("EUR"));
    assert_eq!(facts.text(Field::LandingUrl), Some("https://shop.example.com/cart"));
    assert_eq!((facts.int(Field::Campaign), facts.int(Field::Workspace)), (Some(1), Some(1)));

    // A link straight to an offer is a step from the lander.
    let sent = event(&[("e", "click"), ("o", "https://offer.example/a?sub=secret")]);
    send(&rig, "/e", Some(SHOP), &sent).await;
    let step = rig.last();
    assert_eq!((step.kind, step.key()), (RecordKind::LanderClick, Some(id.key)));
    assert_eq!(step.facts.text_at(tag::DESTINATION), Some("https://offer.example/a"));
    assert_eq!(step.facts.int_at(tag::LINK), None);
    // Programs that run scripts are told apart.
    let sent = event(&[("e", "view")]);
    rig.send(Ask::post("/e", &sent).with("user-agent", GOOGLEBOT)).await;
    assert!(rig.last().facts.flag(Field::Bot));
}

#[tokio::test]
async fn an_event_that_cannot_be_honoured_says_why() {
    let rig = rig();
    let text = rig.id_in(&rig.get("/c/direct").await).text("ct_", &rig.keys).to_string();
    let before = rig.records().len();
    let forged = format!("{}{}", &text[..28], if text.ends_with('0') { "1" } else { "0" });
    for (body, origin, status, code) in [
        ("e=view".to_owned(), SHOP, 400, "click_id_missing"),
        ("id=ct_&e=view".to_owned(), SHOP, 400, "click_id_malformed"),
        (
            format!("id={}&e=view", "ct_00000000000000000000000000"),
            SHOP,
            400,
            "click_id_unverified",
        ),
        (format!("id={text}"), SHOP, 400, "event_malformed"),
        (format!("id={text}&e=two%20words"), SHOP, 400, "event_malformed"),
        (format!("id={text}&e=view"), "https://evil.example", 403, "foreign_origin"),
    ] {
        let reply = send(&rig, "/e", Some(origin), &body).await;
        assert_eq!(
            (reply.status().as_u16(), json(&reply)["error"].as_str()),
            (status, Some(code)),
            "{body}"
        );
        assert!(rig.count(code) > 0, "{code}");
    }
    assert_eq!(rig.records().len(), before);
    // One wrong character is proven to be one.
    let reply = send(&rig, "/e", Some(SHOP), &format!("id={forged}&e=view")).await;
    assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    assert_eq!(rig.count("id_repaired"), 1);
}

#[tokio::test]
async fn an_event_is_a_conversion_where_the_operator_says_so() {
    let mut things = things();
    things.campaigns[0].body.origins = vec![SHOP.into()];
    let of = |from_page| model::thing::ConversionType {
        from_page,
        words: vec!["purchase".into()],
        ..Default::default()
    };
    for from_page in [false, true] {
        let mut things = things.clone();
        things
            .conversion_types
            .push(model::thing::Thing { name: "Sale".into(), ..thing(1, of(from_page)) });
        let rig = Rig::with(Config::default(), things);
        let text = rig.id_in(&rig.get("/c/direct").await).text("ct_", &rig.keys).to_string();
        let body = form(&[
            ("id", &text),
            ("e", "purchase"),
            ("val", "2.50"),
            ("cur", "EUR"),
            ("tx", "T 1"),
            ("n", "event-01"),
        ]);
        for _ in 0..2 {
            send(&rig, "/e", Some(SHOP), &body).await;
        }
        assert_eq!(of_kind(&rig, RecordKind::Page).len(), 1);
        let calls = of_kind(&rig, RecordKind::Pixel);
        assert_eq!(calls.len(), usize::from(from_page));
        let Some(call) = calls.first() else { continue };
        let Some(Value::Bytes(url)) = call.facts.get(tag::INTAKE_URL) else { panic!("no url") };
        let expected = format!(
            "/e?clickid={text}&type=purchase&payout=2.50&currency=EUR&txid=T%201&event_id=event-01"
        );
        assert_eq!(str::from_utf8(url), Ok(&*expected));
        assert_eq!(call.facts.text_at(tag::INTAKE_REFUSAL), None);
    }
}

#[tokio::test]
async fn consent_sets_the_cookies_and_its_refusal_takes_them_back() {
    let mut things = things();
    things.campaigns[0].body.origins = vec![SHOP.into()];
    let config =
        Config { secure: true, public_host: "t.shop.example.com".into(), ..Config::default() };
    let rig = Rig::with(config, things);
    let reply = land(&rig, &[("u", SHOP), ("c", "unknown")]).await;
    let text = json(&reply)["click_id"].as_str().unwrap().to_owned();
    let reply =
        send(&rig, "/e", Some(SHOP), &form(&[("id", &text), ("e", "consent"), ("c", "granted")]))
            .await;
    assert_eq!(cookie(&reply, "ct_d").as_deref(), Some(&*text));
    assert_eq!(cookie(&reply, "ct_c").as_deref(), Some(&*text));
    assert_eq!(cookie(&reply, "ct_v").unwrap().len(), 32);
    assert_eq!(rig.last().facts.text(Field::Consent), Some("granted"));
    let reply =
        send(&rig, "/e", Some(SHOP), &form(&[("id", &text), ("e", "consent"), ("c", "denied")]))
            .await;
    let lines: Vec<&str> =
        reply.headers().get_all("set-cookie").iter().map(|l| l.to_str().unwrap()).collect();
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line.contains("=; Max-Age=0; ")), "{lines:?}");
    assert_eq!(rig.last().facts.text(Field::Consent), Some("denied"));
}
