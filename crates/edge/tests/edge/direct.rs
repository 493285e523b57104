//! Landings that pages report: what they become, who may report them, what must not count twice.

use crate::rig::*;
use edge::{Config, Reply};
use http::StatusCode;
use model::money::Money;
use model::record::{Record, RecordKind, tag};
use model::thing::{Campaign, Lander, WeightedLander};
use model::{ClickId, Field};
use serde_json::Value as Json;

/// A page that campaign `page` lists through its lander, and one that `direct` lists by itself.
const LANDER: &str = "https://lander.example";
pub const SHOP: &str = "https://shop.example.com";

pub fn rig() -> Rig {
    let mut things = things();
    things.campaigns[0].body.origins = vec![SHOP.into(), "https://*.brand.example".into()];
    let config = Config { public_host: "t.shop.example.com".into(), ..Config::default() };
    Rig::with(config, things)
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", model::params::encode(value));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub async fn send(rig: &Rig, uri: &str, origin: Option<&str>, body: &str) -> Reply {
    let ask = Ask::post(uri, body)
        .with("host", "t.shop.example.com")
        .with("content-type", "text/plain;charset=UTF-8")
        .with("sec-fetch-mode", "cors")
        .with("sec-fetch-dest", "empty")
        .with("x-forwarded-proto", "https")
        .with("referer", "https://page.example/not-the-referrer");
    let ask = match origin {
        Some(origin) => ask.with("origin", origin),
        None => ask,
    };
    rig.send(ask).await
}

pub async fn land(rig: &Rig, pairs: &[(&str, &str)]) -> Reply {
    send(rig, "/d/direct", Some(SHOP), &form(pairs)).await
}

pub fn json(reply: &Reply) -> Json {
    serde_json::from_str(&body(reply)).unwrap_or_else(|_| panic!("{reply:?}"))
}

pub fn id_of(rig: &Rig, reply: &Reply) -> ClickId {
    assert_eq!(reply.status(), StatusCode::OK, "{reply:?}");
    read_id(json(reply)["click_id"].as_str().unwrap(), &rig.keys)
}

pub fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers().get(name).map(|value| value.to_str().unwrap())
}

pub fn of_kind(rig: &Rig, kind: RecordKind) -> Vec<Record> {
    rig.records().into_iter().filter(|record| record.kind == kind).collect()
}

#[tokio::test]
async fn a_landing_is_a_click_with_the_pages_query_and_referrer() {
    let rig = rig();
    let url = "https://shop.example.com/sale/?sub1=x%20y&gclid=Cj0-Ab&price=0.05&zone={zone}#top";
    let reply = land(&rig, &[("u", url), ("r", "https://news.example/a"), ("n", "n1234567")]).await;
    let id = id_of(&rig, &reply);
    assert!(!id.unlogged && !id.test && id.campaign == 1);
    assert_eq!(json(&reply)["param"], "clickid");

    let record = rig.last();
    assert_eq!((record.kind, record.key()), (RecordKind::Click, Some(id.key)));
    let facts = &record.facts;
    for (field, expected) in [
        (Field::Kind, "direct"),
        (Field::LandingUrl, "https://shop.example.com/sale/"),
        (Field::Referrer, "https://news.example/a"),
        (Field::ReferrerHost, "news.example"),
        (Field::Sub1, "x y"),
        (Field::PlatformIdKind, "gclid"),
        (Field::Country, "GB"),
        (Field::Browser, "Chrome"),
        (Field::Language, "de"),
        (Field::Method, "POST"),
    ] {
        assert_eq!(facts.text(field), Some(expected), "{field}");
    }
    for flag in [Field::Viewed, Field::UniqueCampaign, Field::UniqueFlow, Field::UniqueAll] {
        assert!(facts.flag(flag), "{flag}");
    }
    assert!(!facts.flag(Field::Bot) && !facts.flag(Field::Duplicate));
    assert_eq!(facts.int_at(tag::COST), Some(Money(50_000).0));
    assert_eq!(facts.text_at(tag::BLANKED), Some("zone"));
    assert_eq!(
        facts.text_at(tag::RAW_QUERY).unwrap(),
        "sub1=x%20y&gclid=Cj0-Ab&price=0.05&zone={zone}"
    );
    // The offer stands as for any click; `/click` leads to it.
    assert_eq!((facts.int(Field::Path), facts.int(Field::Offer)), (Some(1), Some(1)));
    let on =
        rig.get(&format!("/click?clickid={}", json(&reply)["click_id"].as_str().unwrap())).await;
    assert!(location(&on).starts_with("https://offer.example/a?sub=x%20y&aff_sub=ct_"), "{on:?}");
}

#[tokio::test]
async fn the_landers_page_decides_path_and_lander_and_no_other_lander_is_taken() {
    let mut things = things();
    let lander = |url: &str| Lander { url: url.into(), offers: 1, bundle: None };
    things.landers.push(thing(2, lander("https://lander.example/two/?x={sub1}")));
    things.landers.push(thing(3, lander("https://lander.example/three")));
    let mut paths = vec![path(7, &[1], &[1]), path(8, &[2, 3], &[2]), path(9, &[], &[1])];
    paths[2].weight = 1_000_000;
    paths[0].landers.push(WeightedLander { lander: 3, weight: 0 });
    things.flows[1].body.default = paths;
    let rig = Rig::with(Config::default(), things);
    for (page, expected) in [
        ("https://lander.example/p", (Some(7), Some(1), Some(1))),
        ("http://LANDER.example/two?sub1=7", (Some(8), Some(2), Some(2))),
        ("https://lander.example/three/#a", (Some(8), Some(3), Some(2))),
        ("https://lander.example/elsewhere", (Some(9), None, Some(1))),
    ] {
        for _ in 0..5 {
            let body = form(&[("u", page)]);
            let reply = send(&rig, "/d/page", Some(LANDER), &body).await;
            assert_eq!(reply.status(), StatusCode::OK, "{reply:?}");
            let facts = of_kind(&rig, RecordKind::Click).pop().unwrap().facts;
            let found = (facts.int(Field::Path), facts.int(Field::Lander), facts.int(Field::Offer));
            assert_eq!(found, expected, "{page}");
        }
    }
    // Decided again from what is stored, each goes where it went.
    let table = rig.table.load();
    for record in of_kind(&rig, RecordKind::Click) {
        let again = model::route::replay(&table, &record.facts, rig.keys.draw());
        assert!(model::route::agrees(&record.facts, again.as_ref().ok()), "{record:?}");
    }
}

#[tokio::test]
async fn only_pages_of_the_campaign_may_report() {
    let rig = rig();
    let body = form(&[("u", "https://shop.example.com/")]);
    for (uri, origin, is_well) in [
        ("/d/direct", Some(SHOP), true),
        ("/d/direct", Some("https://SHOP.example.com"), true),
        ("/d/direct", Some("https://www.brand.example"), true),
        ("/d/direct", Some("https://t.shop.example.com"), true),
        ("/d/direct", None, true),
        ("/d/page", Some(LANDER), true),
        ("/d/direct", Some(LANDER), false),
        ("/d/page", Some(SHOP), false),
        ("/d/direct", Some("http://shop.example.com"), false),
        ("/d/direct", Some("https://shop.example.com.evil.example"), false),
        ("/d/direct", Some("https://brand.example"), false),
        ("/d/direct", Some("null"), false),
        ("/d/direct", Some("file://"), false),
    ] {
        let before = rig.records().len();
        let reply = send(&rig, uri, origin, &body).await;
        assert_eq!(reply.status() == StatusCode::OK, is_well, "{uri} {origin:?}: {reply:?}");
        assert_eq!(rig.records().len() - before, usize::from(is_well), "{uri} {origin:?}");
        let allowed = header(&reply, "access-control-allow-origin");
        assert_eq!(allowed, origin.filter(|_| is_well), "{uri} {origin:?}");
        let credentials = header(&reply, "access-control-allow-credentials");
        assert_eq!(credentials.is_some(), allowed.is_some());
        if is_well {
            assert_eq!(header(&reply, "vary"), Some("Origin"));
        } else {
            assert_eq!(json(&reply)["error"], "foreign_origin");
        }
    }
    assert_eq!(rig.count("foreign_origin"), 7);
}

#[tokio::test]
async fn a_browser_that_asks_first_is_told_the_same() {
    let rig = rig();
    let ask = |uri, origin| {
        let mut ask = Ask::post(uri, "").with("origin", origin);
        ask.method = "OPTIONS";
        ask
    };
    let reply = rig.send(ask("/d/direct", SHOP)).await;
    assert_eq!(reply.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&reply, "access-control-allow-origin"), Some(SHOP));
    assert_eq!(header(&reply, "access-control-allow-methods"), Some("POST"));
    assert_eq!(header(&reply, "access-control-allow-headers"), Some("content-type"));
    assert_eq!(header(&reply, "access-control-allow-credentials"), Some("true"));
    let reply = rig.send(ask("/d/direct", "https://evil.example")).await;
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert_eq!(header(&reply, "access-control-allow-origin"), None);
    let reply = rig.send(ask("/e", "https://evil.example")).await;
    assert_eq!(header(&reply, "access-control-allow-origin"), Some("*"));
    assert_eq!(header(&reply, "access-control-allow-credentials"), None);
    assert_eq!(rig.records().len(), 0);
    assert_eq!(rig.get("/d/direct").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_repeated_landing_is_one_click_also_after_a_restart() {
    let rig = rig();
    let sent = [("u", "https://shop.example.com/?gclid=A"), ("n", "number-1")];
    let (first, second) = tokio::join!(land(&rig, &sent), land(&rig, &sent));
    let id = id_of(&rig, &first);
    assert_eq!(id, id_of(&rig, &second));
    let restarted = rig.restarted();
    let body = form(&sent);
    let reply = Ask::post("/d/direct", &body).with("origin", SHOP).to(&restarted).await;
    assert_eq!(id_of(&rig, &reply), id);
    assert_eq!(of_kind(&rig, RecordKind::Click).len(), 1);
    assert_eq!(rig.count("landing_known"), 1);
    // Another number is another landing, of the same platform id a marked one.
    let other = [("u", "https://shop.example.com/?gclid=A"), ("n", "number-2")];
    assert_ne!(id_of(&rig, &land(&rig, &other).await), id);
    assert!(rig.last().facts.flag(Field::Duplicate));
    // An hour later nobody sends it again.
    rig.pass_ms(60 * 60 * 1000);
    assert_ne!(id_of(&rig, &land(&rig, &sent).await), id);
}

#[tokio::test]
async fn programs_and_what_nobody_looks_at_are_told_apart_as_for_links() {
    let rig = rig();
    let body = form(&[("u", "https://shop.example.com/"), ("n", "number-1")]);
    let ask = || Ask::post("/d/direct", &body).with("origin", SHOP);
    let reply = rig.send(ask().with("user-agent", GOOGLEBOT)).await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert!(rig.last().facts.flag(Field::Bot) && rig.last().kind == RecordKind::Click);
    let body = form(&[("u", "https://shop.example.com/"), ("n", "number-2")]);
    let ask = || Ask::post("/d/direct", &body).with("origin", SHOP);
    rig.send(ask().with("sec-purpose", "prefetch;prerender")).await;
    assert_eq!(rig.last().kind, RecordKind::Preview);
    // Once somebody looks, the same number is a landing.
    rig.send(ask()).await;
    assert_eq!(rig.last().kind, RecordKind::Click);
    let test = land(&rig, &[("u", "https://shop.example.com/?ct_test=1")]).await;
    assert!(id_of(&rig, &test).test);
}

#[tokio::test]
async fn a_report_without_a_page_is_refused_and_a_foreign_key_too() {
    let rig = rig();
    for body in ["", "u=", "u=%2Frelative", "u=javascript:alert(1)", "r=x", "\u{fffd}", "{}"] {
        let reply = send(&rig, "/d/direct", Some(SHOP), body).await;
        assert_eq!(reply.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(json(&reply)["error"], "page_missing");
    }
    let reply = send(&rig, "/d/nobody", Some(SHOP), "u=https://a.example").await;
    assert_eq!(json(&reply)["error"], "unknown_campaign");
    assert_eq!((rig.count("page_missing"), rig.count("unknown_campaign")), (7, 1));
    assert_eq!(rig.records().len(), 0);
    let json_body = r#"{"u":"https://shop.example.com/?sub1=j","n":"number-1"}"#;
    assert_eq!(send(&rig, "/d/direct", Some(SHOP), json_body).await.status(), StatusCode::OK);
    assert_eq!(rig.last().facts.text(Field::Sub1), Some("j"));
}

#[tokio::test]
async fn without_consent_nothing_is_kept_and_the_click_counts() {
    let rig = Rig::with(
        Config { secure: true, public_host: "t.shop.example.com".into(), ..Config::default() },
        {
            let mut things = things();
            things.campaigns[0].body.origins = vec![SHOP.into()];
            things
        },
    );
    let visitor = "0123456789abcdef0123456789abcdef";
    for (consent, is_kept) in
        [(Some("denied"), false), (Some("unknown"), false), (Some("granted"), true), (None, true)]
    {
        let mut sent = vec![("u", "https://shop.example.com/"), ("v", visitor)];
        sent.extend(consent.map(|word| ("c", word)));
        let reply = land(&rig, &sent).await;
        let told = json(&reply);
        assert_eq!(told["visitor"].as_str(), is_kept.then_some(visitor), "{consent:?}");
        assert_eq!(told["kept"].as_bool(), Some(is_kept), "{consent:?}");
        assert_eq!(header(&reply, "set-cookie").is_some(), is_kept, "{consent:?}");
        let facts = rig.last().facts;
        assert_eq!(facts.text(Field::Consent), consent);
        let known_by = facts.int_at(tag::VISITOR).unwrap();
        let by_cookie = model::keys::hash(rig.keys.visitor(), visitor.as_bytes()) as i64;
        assert_eq!(known_by == by_cookie, is_kept, "{consent:?}");
    }
    assert_eq!(of_kind(&rig, RecordKind::Click).len(), 4);
}

#[tokio::test]
async fn cookies_go_where_page_and_tracker_stand_to_each_other() {
    let origins =
        [SHOP, "http://shop.example.com", "https://www.example.org", "http://www.example.org"];
    let mut things = things();
    things.campaigns[0].body =
        Campaign { origins: origins.map(str::to_owned).to_vec(), ..campaign("direct", 1) };
    for (secure, origin, reach, domain) in [
        (true, SHOP, Some("SameSite=Lax; Secure"), Some("example.com")),
        (false, "http://shop.example.com", Some("SameSite=Lax"), Some("example.com")),
        // Schemes make sites, too.
        (true, "http://shop.example.com", Some("SameSite=None; Secure; Partitioned"), None),
        (true, "https://www.example.org", Some("SameSite=None; Secure; Partitioned"), None),
        (false, "http://www.example.org", None, None),
    ] {
        let config =
            Config { secure, public_host: "t.shop.example.com".into(), ..Config::default() };
        let rig = Rig::with(config, things.clone());
        let reply = send(&rig, "/d/direct", Some(origin), &form(&[("u", origin)])).await;
        let id = json(&reply)["click_id"].as_str().unwrap().to_owned();
        let lines = reply.headers().get_all("set-cookie").iter();
        let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap()).collect();
        let line = |name: &str| lines.iter().copied().find(|line| line.starts_with(name));
        let expected =
            |start: String| reach.map(|reach| format!("{start}; Path=/; HttpOnly; {reach}"));
        let visitor = cookie(&reply, "ct_v").unwrap_or_default();
        let (v, c) = (
            expected(format!("ct_v={visitor}; Max-Age=31536000")),
            expected(format!("ct_c={id}; Max-Age=7776000")),
        );
        assert_eq!(
            (line("ct_v="), line("ct_c=")),
            (v.as_deref(), c.as_deref()),
            "{secure} {origin}"
        );
        let secure_word = if secure { "; Secure" } else { "" };
        let d = domain.map(|domain| {
            format!(
                "ct_d={id}; Max-Age=7776000; Domain={domain}; Path=/; SameSite=Lax{secure_word}"
            )
        });
        assert_eq!(line("ct_d="), d.as_deref(), "{secure} {origin}");
        assert_eq!(json(&reply)["kept"].as_bool(), Some(domain.is_some()));
    }
}

#[tokio::test]
async fn a_campaign_that_takes_no_clicks_records_the_landing() {
    let rig = rig();
    for key in ["paused", "nowhere"] {
        let reply = send(&rig, &format!("/d/{key}"), None, "u=https://shop.example.com/").await;
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(rig.last().facts.int(Field::Path), None);
        assert_eq!(rig.last().kind, RecordKind::Click);
    }
}
#[tokio::test]
async fn who_came_through_a_redirect_is_no_second_click() {
    let rig = rig();
    let redirected = rig.id_in(&rig.get("/c/page").await);
    let text = redirected.text("ct_", &rig.keys).to_string();
    for param in ["clickid", "q"] {
        let url = format!("https://lander.example/p?a=b&{param}={text}&utm_x=1");
        let reply = send(&rig, "/d/page", Some(LANDER), &form(&[("u", &url)])).await;
        assert_eq!(id_of(&rig, &reply), redirected);
    }
    assert_eq!(rig.records().len(), 1);
    // A forged one is nobody's, and one of another campaign is another click.
    let forged = "ct_00000000000000000000000000";
    for id in [forged, &text] {
        let url = format!("https://shop.example.com/?clickid={id}");
        assert_ne!(id_of(&rig, &land(&rig, &[("u", &url)]).await), redirected);
    }
    assert_eq!(rig.records().len(), 3);
}
