//! Clicks: where they go, what is written down about them, who counts as a visitor.

use crate::rig::*;
use edge::Config;
use http::StatusCode;
use model::Field;
use model::facts::Value;
use model::money::Money;
use model::record::{RecordKind, tag};
use model::thing::{CostModel, IpPrivacy};

#[tokio::test]
async fn a_click_goes_to_its_offer_with_its_id_and_is_written_down_first() {
    let rig = Rig::new();
    let reply =
        rig.get("/c/direct?sub1=x%20y&gclid=Cj0-Ab&price=0.05&zone=%7Bzone%7D&utm_source=s").await;
    assert_eq!(reply.status(), StatusCode::FOUND);
    let id = rig.id_in(&reply);
    let text = id.text("ct_", &rig.keys).to_string();
    // Offers get their id under the network's name and nothing of what the platform passed.
    assert_eq!(location(&reply), format!("https://offer.example/a?sub=x%20y&aff_sub={text}"));
    assert!(!id.unlogged && !id.test && id.campaign == 1);

    let record = rig.last();
    assert_eq!(record.kind, RecordKind::Click);
    assert_eq!(record.key(), Some(id.key));
    let facts = &record.facts;
    for (field, expected) in [
        (Field::Sub1, "x y"),
        (Field::PlatformIdKind, "gclid"),
        (Field::Publisher, "s"),
        (Field::Country, "GB"),
        (Field::City, "London"),
        (Field::Ip, "81.2.69.142"),
        (Field::Device, "desktop"),
        (Field::Browser, "Chrome"),
        (Field::Os, "Windows"),
        (Field::Language, "de"),
        (Field::UserAgent, CHROME),
        (Field::Method, "GET"),
        (Field::Kind, "redirect"),
    ] {
        assert_eq!(facts.text(field), Some(expected), "{field}");
    }
    for (field, expected) in [
        (Field::Campaign, 1),
        (Field::Workspace, 1),
        (Field::Source, 1),
        (Field::Revision, 42),
        (Field::Flow, 1),
        (Field::Path, 1),
        (Field::Offer, 1),
        (Field::Network, 1),
        (Field::UniqueCampaign, 1),
        (Field::UniqueFlow, 1),
        (Field::UniqueAll, 1),
    ] {
        assert_eq!(facts.int(field), Some(expected), "{field}");
    }
    for absent in [Field::Placement, Field::Lander, Field::BotReason] {
        assert_eq!(facts.get(absent.tag()), None, "{absent}");
    }
    for flag in [Field::Bot, Field::Duplicate, Field::Test, Field::Unlogged, Field::ClockSuspect] {
        assert!(!facts.flag(flag), "{flag}");
    }
    assert_eq!(facts.int_at(tag::COST), Some(50_000));
    assert_eq!(facts.text_at(tag::COST_CURRENCY), Some("USD"));
    assert_eq!(facts.text_at(tag::PLATFORM_ID), Some("gclid=Cj0-Ab"));
    assert_eq!(facts.text_at(tag::BLANKED), Some("zone"));
    assert!(facts.text_at(tag::RAW_QUERY).unwrap().starts_with("sub1=x%20y&gclid=Cj0-Ab&"));
}

#[tokio::test]
async fn a_lander_gets_the_id_and_what_the_platform_passed() {
    let rig = Rig::new();
    let reply = rig.get("/c/page?fbclid=Iw%20A&utm_medium=cpc&sub1=secret&utm_term=%7Bkw%7D").await;
    let text = rig.id_in(&reply).text("ct_", &rig.keys).to_string();
    let expected =
        format!("https://lander.example/p?c=GB&fbclid=Iw%20A&utm_medium=cpc&clickid={text}#top");
    assert_eq!(location(&reply), expected);
    assert_eq!(rig.last().facts.int(Field::Lander), Some(1));
}

#[tokio::test]
async fn a_workspace_has_its_own_name_for_the_id_and_its_own_privacy() {
    let rig = Rig::new();
    let reply = rig.get("/c/other").await;
    assert!(location(&reply).contains("&xid=ct_"), "{}", location(&reply));
    let facts = rig.last().facts;
    assert_eq!(facts.text(Field::Ip), Some("81.2.69.0"));
    assert_eq!(facts.text(Field::City), Some("London"));
    // The hash of an address whose last byte is not kept is not kept either.
    assert_eq!(facts.get(tag::VISITOR), None);
}

#[tokio::test]
async fn no_byte_of_a_record_holds_an_address_that_privacy_keeps_back() {
    for privacy in [IpPrivacy::Truncate, IpPrivacy::Hash, IpPrivacy::None] {
        let mut things = things();
        things.workspaces[0].body.ip_privacy = privacy;
        let config =
            Config { trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()], ..Config::default() };
        let rig = Rig::with(config, things);
        for uri in ["/c/direct", "/c/page", "/imp/direct", "/pixel.gif"] {
            let ask = Ask { peer: "10.0.0.1", ..Ask::get(uri) };
            let reply = rig.send(ask.with("x-forwarded-for", "1.1.1.1, 198.51.100.77")).await;
            let click =
                reply.headers().get("location").map(|_| rig.id_in(&reply).text("ct_", &rig.keys));
            if let Some(click) = click {
                let uri = format!("/click?clickid={click}");
                rig.send(
                    Ask { peer: "10.0.0.1", ..Ask::get(&uri) }
                        .with("x-forwarded-for", "198.51.100.77"),
                )
                .await;
            }
        }
        assert_eq!(rig.records().len(), 6);
        for record in rig.records() {
            for (_, value) in record.facts.iter() {
                if let Value::Bytes(bytes) = value {
                    let text = String::from_utf8_lossy(bytes);
                    assert!(!text.contains("198.51.100.77"), "{privacy:?} {text}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_campaign_that_leads_nowhere_is_recorded_and_says_so() {
    let rig = Rig::new();
    for (uri, status, code) in [
        ("/c/paused", StatusCode::GONE, "inactive_campaign"),
        ("/c/nowhere", StatusCode::NOT_FOUND, "no_destination"),
    ] {
        let records = rig.records().len();
        let reply = rig.get(uri).await;
        assert_eq!((reply.status(), rig.count(code)), (status, 1), "{uri}");
        assert!(!reply.body().is_empty());
        assert_eq!(rig.records().len(), records + 1);
        assert_eq!(rig.last().kind, RecordKind::Click);
        assert_eq!(rig.last().facts.get(Field::Path.tag()), None);
    }
    let reply = rig.get("/c/gone").await;
    assert!(location(&reply).starts_with("https://gone.example/?k=ct_"));
    assert_eq!(rig.last().facts.get(Field::Path.tag()), None);

    let reply = rig.get("/c/unknown").await;
    assert_eq!((reply.status(), rig.count("unknown_campaign")), (StatusCode::NOT_FOUND, 1));
    assert_eq!(rig.records().len(), 3);
}

#[tokio::test]
async fn the_method_decides_the_status() {
    let rig = Rig::new();
    let status = async |method, uri, headers: &[(&'static str, &'static str)]| {
        let mut ask = Ask { method, ..Ask::get(uri) };
        for (name, value) in headers {
            ask = ask.with(name, value);
        }
        rig.send(ask).await.status().as_u16()
    };
    assert_eq!(status("GET", "/c/direct", &[]).await, 302);
    assert_eq!(status("HEAD", "/c/direct", &[]).await, 302);
    assert_eq!(status("GET", "/c/temporary", &[]).await, 307);
    assert_eq!(status("POST", "/c/direct", &[]).await, 303);
    assert_eq!(status("POST", "/c/temporary", &[]).await, 303);
    assert_eq!(status("POST", "/c/direct", &[("sec-fetch-mode", "navigate")]).await, 303);
    assert_eq!(status("POST", "/c/direct", &[("sec-fetch-mode", "no-cors")]).await, 204);
    assert_eq!(
        status("POST", "/c/direct", &[("content-type", "text/plain;charset=UTF-8")]).await,
        204
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(status("POST", "/c/direct", &form).await, 303);
    assert_eq!(status("PUT", "/c/direct", &[]).await, 405);
    assert_eq!(status("DELETE", "/click", &[]).await, 405);
    assert_eq!(status("POST", "/pixel.gif", &[]).await, 405);
    assert_eq!(rig.count("method_not_allowed"), 3);
    assert_eq!(rig.records().len(), 9);
}

#[tokio::test]
async fn previews_are_answered_like_clicks_and_are_none() {
    let rig = Rig::new();
    for (method, name, value, reason) in [
        ("HEAD", "x-nothing", "", "head"),
        ("GET", "sec-purpose", "prefetch;prerender", "prerender"),
        ("GET", "purpose", "prefetch", "prefetch"),
        ("GET", "x-purpose", "preview", "link_preview"),
        ("GET", "user-agent", PREVIEW, "link_preview"),
    ] {
        let reply = rig.send(Ask { method, ..Ask::get("/c/page?price=1") }.with(name, value)).await;
        assert_eq!(reply.status(), 302, "{value}");
        assert!(location(&reply).starts_with("https://lander.example/p?c=GB"), "{value}");
        assert_eq!(reply.headers().get("set-cookie"), None, "{value}");
        let record = rig.last();
        assert_eq!(record.kind, RecordKind::Preview, "{value}");
        assert_eq!(record.facts.text(Field::BotReason), Some(reason), "{value}");
        for absent in [Field::UniqueCampaign.tag(), Field::Duplicate.tag(), tag::COST] {
            assert_eq!(record.facts.get(absent), None, "{value} {absent}");
        }
    }
    // None of them took the first visit away.
    rig.get("/c/page").await;
    assert!(rig.last().facts.flag(Field::UniqueAll));
}

#[tokio::test]
async fn bots_see_what_visitors_see_and_never_burn_a_first_visit() {
    let rig = Rig::new();
    let reply = rig.send(Ask::get("/c/direct").with("user-agent", GOOGLEBOT)).await;
    assert!(location(&reply).starts_with("https://offer.example/a?sub=&aff_sub=ct_"));
    let record = rig.last();
    assert_eq!(record.kind, RecordKind::Click);
    assert!(record.facts.flag(Field::Bot) && !record.facts.flag(Field::UniqueCampaign));
    assert_eq!(record.facts.text(Field::BotReason), Some("search_engine"));
}

#[tokio::test]
async fn a_visitor_is_known_by_cookie_and_else_by_address_and_browser() {
    let rig = Rig::new();
    let unique = || {
        let facts = rig.last().facts;
        [Field::UniqueCampaign, Field::UniqueFlow, Field::UniqueAll].map(|field| facts.flag(field))
    };
    let reply = rig.get("/c/direct").await;
    assert_eq!(unique(), [true; 3]);
    let visitor = format!("ct_v={}", cookie(&reply, "ct_v").unwrap());
    rig.pass_ms(60_000);

    // The same browser without its cookie, the same cookie from elsewhere.
    rig.get("/c/direct").await;
    assert_eq!(unique(), [false; 3]);
    let elsewhere = Ask { peer: "192.0.2.9", ..Ask::get("/c/direct") }.with("cookie", &visitor);
    let reply = rig.send(elsewhere).await;
    assert_eq!(unique(), [false; 3]);
    assert_eq!(cookie(&reply, "ct_v"), None);
    // Another campaign and flow, another address, another browser, another day.
    rig.send(Ask::get("/c/page").with("cookie", &visitor)).await;
    assert_eq!(unique(), [true, true, false]);
    rig.send(Ask { peer: "192.0.2.77", ..Ask::get("/c/direct") }).await;
    assert_eq!(unique(), [true; 3]);
    rig.send(Ask::get("/c/direct").with(
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    ))
    .await;
    assert_eq!(unique(), [true; 3]);
    rig.pass_ms(25 * 3_600_000);
    rig.get("/c/direct").await;
    assert_eq!(unique(), [true; 3]);
}

#[tokio::test]
async fn a_click_that_came_twice_is_flagged_and_kept() {
    let rig = Rig::new();
    for (uri, pass_ms, duplicate) in [
        ("/c/direct?tid=T1", 0, false),
        ("/c/direct?tid=T1", 3_600_000, true),
        ("/c/direct?tid=T2", 0, false),
        ("/c/page?tid=T1", 0, false),
        ("/c/direct?gclid=G", 0, false),
        ("/c/direct?gclid=G", 5_000, true),
        ("/c/direct?gclid=g", 0, false),
        ("/c/direct", 5_000, false),
        ("/c/direct", 1_000, true),
        ("/c/direct", 5_000, false),
        ("/c/direct?tid=T1", 26 * 3_600_000, false),
    ] {
        rig.pass_ms(pass_ms);
        rig.get(uri).await;
        assert_eq!(rig.last().facts.flag(Field::Duplicate), duplicate, "{uri} {pass_ms}");
    }
}

#[tokio::test]
async fn the_last_clicks_are_in_the_cookie_newest_first() {
    let rig = Rig::new();
    let first = rig.get("/c/direct").await;
    let header = format!("ct_c={}", cookie(&first, "ct_c").unwrap());
    let second = rig.send(Ask::get("/c/page").with("cookie", &header)).await;
    let value = cookie(&second, "ct_c").unwrap();
    let ids: Vec<u32> = value.split('.').map(|id| read_id(id, &rig.keys).campaign).collect();
    assert_eq!(ids, [2, 1]);
    let raw = second.headers().get_all("set-cookie").iter().next_back().unwrap();
    assert!(raw.to_str().unwrap().ends_with("; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax"));
}

#[tokio::test]
async fn cookies_are_secure_on_https_by_configuration_or_by_a_trusted_proxys_word() {
    let trusted = vec!["10.0.0.0/8".parse().unwrap()];
    for (secure, peer, proto, expected) in [
        (true, "192.0.2.1", "http", true),
        (false, "192.0.2.1", "https", false),
        (false, "10.0.0.1", "https", true),
        (false, "10.0.0.1", "https, http", false),
        (false, "10.0.0.1", "http", false),
    ] {
        let config = Config { secure, trusted_proxies: trusted.clone(), ..Config::default() };
        let rig = Rig::with(config, things());
        let ask = Ask { peer, ..Ask::get("/c/direct") }.with("x-forwarded-proto", proto);
        let reply = rig.send(ask).await;
        for cookie in reply.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert_eq!(cookie.contains("Secure"), expected, "{peer} {proto} {cookie}");
            assert_eq!(cookie.contains("SameSite=None"), expected, "{peer} {proto} {cookie}");
        }
    }
}

#[tokio::test]
async fn answers_are_not_kept_not_indexed_and_ask_for_hints() {
    let rig = Rig::new();
    let reply = rig.get("/c/direct").await;
    for (name, expected) in [
        ("cache-control", "no-store, no-cache, must-revalidate, private, max-age=0"),
        ("x-robots-tag", "noindex, nofollow"),
        ("accept-ch", "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model, Sec-CH-UA-Full-Version-List"),
    ] {
        assert_eq!(reply.headers()[name], expected);
    }
    assert!(reply.body().is_empty());
}

#[tokio::test]
async fn a_test_click_says_so_in_record_and_id_and_takes_no_first_visit() {
    let rig = Rig::new();
    let reply = rig.get("/c/direct?ct_test=1").await;
    assert!(rig.id_in(&reply).test && rig.last().facts.flag(Field::Test));
    rig.get("/c/direct").await;
    assert!(rig.last().facts.flag(Field::UniqueAll) && !rig.last().facts.flag(Field::Test));
}

#[tokio::test]
async fn a_click_costs_what_its_campaign_says_when_the_query_does_not() {
    let mut things = things();
    let currency = "EUR".parse().unwrap();
    things.campaigns[0].body.cost = CostModel::Cpc { amount: Money(12_500), currency };
    let rig = Rig::with(Config::default(), things);
    for (uri, amount, currency) in [
        ("/c/direct", 12_500, "EUR"),
        ("/c/direct?price=0.5", 500_000, "USD"),
        ("/c/direct?price=NaN", 12_500, "EUR"),
    ] {
        rig.get(uri).await;
        let facts = rig.last().facts;
        assert_eq!(facts.int_at(tag::COST), Some(amount), "{uri}");
        assert_eq!(facts.text_at(tag::COST_CURRENCY), Some(currency), "{uri}");
    }
    rig.get("/imp/direct").await;
    assert_eq!(rig.last().facts.get(tag::COST), None);
}

#[tokio::test]
async fn a_jumping_clock_flags_its_clicks_and_never_repeats_an_id() {
    let rig = Rig::new();
    let mut keys = Vec::new();
    for (pass_ms, suspect) in
        [(0, false), (5_000, false), (-3_600_000, true), (0, true), (3_601_000, false)]
    {
        rig.pass_ms(pass_ms);
        let reply = rig.get("/c/direct").await;
        keys.push(rig.id_in(&reply).key);
        assert_eq!(rig.last().facts.flag(Field::ClockSuspect), suspect, "{pass_ms}");
    }
    assert!(keys.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn an_impression_is_a_picture_with_the_facts_of_a_click() {
    let rig = Rig::new();
    let ask = Ask::get("/imp/direct?zone=z&price=0.001")
        .with("sec-fetch-dest", "image")
        .with("sec-fetch-mode", "no-cors");
    let reply = rig.send(ask).await;
    assert_eq!((reply.status().as_u16(), reply.body().len()), (200, 43));
    assert_eq!(reply.headers()["content-type"], "image/gif");
    let record = rig.last();
    assert_eq!(record.kind, RecordKind::Impression);
    assert_eq!(record.facts.text(Field::Kind), Some("impression"));
    assert_eq!(record.facts.text(Field::Placement), Some("z"));
    assert_eq!(record.facts.text(Field::Country), Some("GB"));
    assert_eq!(record.facts.int_at(tag::COST), Some(1_000));
    assert!(!record.facts.flag(Field::Bot));
    assert_eq!(rig.get("/imp/unknown").await.status(), 404);
}

#[tokio::test]
async fn health_says_what_the_journal_can_do() {
    let rig = Rig::new();
    assert_eq!(rig.get("/healthz").await.status(), 200);
    let reply = rig.get("/readyz").await;
    assert_eq!(reply.status(), 200);
    assert!(body(&reply).contains(r#""durability":"sync""#), "{}", body(&reply));
    assert!(rig.records().is_empty());
}
