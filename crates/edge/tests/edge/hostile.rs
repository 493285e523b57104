//! Whatever is sent: an answer, no panic, no way out of the configured destinations.

use crate::rig::*;
use model::Field;
use model::record::tag;
use proptest::prelude::*;

const HOSTS: [&str; 5] =
    ["offer.example", "second.example", "strict.example", "lander.example", "gone.example"];

/// Scheme and host of a URL as a browser reads them.
fn goes_to_a_configured_host(url: &str) -> bool {
    let clean = url.bytes().all(|b| (0x21..0x7f).contains(&b) && b != b'\\');
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    clean && HOSTS.contains(&authority)
}

fn hostile_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\x21-\\x7e]{0,60}".prop_filter("no fragment", |text| !text.contains('#')),
        "(%[0-9a-fA-F]{2}){0,20}",
        Just("//evil.example".to_owned()),
        Just("https://evil.example/".to_owned()),
        Just("\\/\\/evil.example".to_owned()),
        Just("%2f%2fevil.example".to_owned()),
        Just("@evil.example".to_owned()),
        Just("javascript:alert(1)".to_owned()),
        Just("%0d%0aLocation:%20https://evil.example".to_owned()),
        Just("%00%0a%0d%09".to_owned()),
        Just("%E2%80%A8%ff%fe".to_owned()),
    ]
}

fn hostile_uri() -> impl Strategy<Value = String> {
    const NAMES: &[&str] = &[
        "url",
        "dest",
        "u",
        "sub1",
        "zone",
        "tid",
        "gclid",
        "utm_source",
        "clickid",
        "c",
        "price",
        "ct_test",
        "key",
    ];
    let pair = (prop::sample::select(NAMES), hostile_value()).prop_map(|(n, v)| format!("{n}={v}"));
    let path = prop::sample::select(
        &[
            "/c/direct",
            "/c/page",
            "/c/gone",
            "/c/temporary",
            "/c/other",
            "/click",
            "/click/2",
            "/c/x",
        ][..],
    );
    (path, prop::collection::vec(pair, 0..6))
        .prop_map(|(path, pairs)| format!("{path}?{}", pairs.join("&")))
}

#[test]
fn every_location_is_configured_whatever_the_request_says() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rig = Rig::new();
    let page = runtime.block_on(rig.get("/c/page?sub1=%2f%2fevil.example&zone=@evil.example"));
    let known = rig.id_in(&page).text("ct_", &rig.keys).to_string();
    let mut runner = prop::test_runner::TestRunner::new(ProptestConfig::with_cases(400));
    let header = prop::collection::vec(prop_oneof![Just(9u8), 0x20u8..0x7f, 0x80u8..=0xff], 0..80);
    runner
        .run(&(prop::collection::vec(hostile_uri(), 16), header), |(uris, header)| {
            // Many at once, since every one waits for the disk.
            runtime.block_on(async {
                let mut replies = Vec::new();
                for uri in &uris {
                    let uri = uri.replace("clickid=", &format!("clickid={known}&clickid="));
                    let (edge, header) = (std::sync::Arc::clone(&rig.edge), header.clone());
                    replies.push(tokio::spawn(async move {
                        let mut ask = Ask::get(&uri);
                        for name in
                            ["referer", "cookie", "x-forwarded-for", "user-agent", "sec-ch-ua"]
                        {
                            ask.headers.push((name, &header));
                        }
                        ask.to(&edge).await
                    }));
                }
                for reply in replies {
                    let reply = reply.await.unwrap();
                    if reply.headers().contains_key("location") {
                        let url = location(&reply);
                        assert!(goes_to_a_configured_host(&url), "{url}");
                    }
                }
            });
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn control_characters_never_reach_a_record_or_a_header() {
    let rig = Rig::new();
    let uri =
        "/c/page?sub1=a%0d%0ab%00c&zone=%1b%5b31m&utm_campaign=%E2%80%AE&gclid=%0a&tid=%ff%fe";
    let mut ask = Ask::get(uri);
    ask.headers.retain(|(name, _)| *name != "user-agent");
    ask.headers
        .extend([("user-agent", &b"x\ty\xff"[..]), ("referer", b"https://a.example/\xe2\x80\xa8")]);
    let reply = rig.send(ask).await;
    assert!(goes_to_a_configured_host(&location(&reply)));
    let facts = rig.last().facts;
    for field in [
        Field::Sub1,
        Field::Placement,
        Field::AdCampaignName,
        Field::ExternalId,
        Field::UserAgent,
        Field::Referrer,
    ] {
        let text = facts.text(field).unwrap_or_default();
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{202e}'),
            "{field} {text:?}"
        );
    }
    assert_eq!(facts.text(Field::Sub1), Some("a  b c"));
}

#[tokio::test]
async fn a_long_query_is_cut_between_parameters_flagged_and_the_click_goes_on() {
    let rig = Rig::new();
    let uri = format!("/c/direct?sub1=kept&x={}&sub2=lost&sub3=lost", "y".repeat(10_000));
    let reply = rig.get(&uri).await;
    assert_eq!(reply.status(), 302);
    let facts = rig.last().facts;
    assert_eq!(facts.int_at(tag::CUT), Some(1));
    assert_eq!((facts.text(Field::Sub1), facts.text(Field::Sub2)), (Some("kept"), None));
    assert_eq!(rig.count("query_cut"), 1);
}

#[tokio::test]
async fn ids_of_the_future_the_past_and_of_strangers_change_nothing_they_should_not() {
    let rig = Rig::new();
    let foreign = model::KeyRing::new(
        vec![model::keys::MacKey { valid_from_ms: 0, secret: [8; 16] }],
        [8; 16],
        [8; 16],
    )
    .unwrap();
    for (time_ms, keys, accepted) in [
        (NOW + 10 * 365 * 86_400_000, &*rig.keys, true),
        (model::id::EPOCH_MS, &*rig.keys, true),
        (NOW, &foreign, false),
    ] {
        let key = model::ClickKey::new(time_ms, 0, 0);
        let id = model::ClickId { key, campaign: 2, unlogged: false, test: false };
        let text = id.text("ct_", keys).to_string();
        let reply = rig.get(&format!("/click?clickid={text}")).await;
        assert_eq!(reply.status().as_u16(), if accepted { 302 } else { 404 });
        let reply = rig.get(&format!("/postback?clickid={text}")).await;
        assert_eq!(body(&reply).contains("accepted"), accepted, "{}", body(&reply));
    }
    // None of them moved the ids we give out.
    let reply = rig.get("/c/direct").await;
    assert_eq!(rig.id_in(&reply).key.time_ms(), NOW);
}

#[tokio::test]
async fn many_and_colliding_parameters_cost_little() {
    let rig = Rig::new();
    let uri = format!("/c/direct?{}", "a&".repeat(4000));
    let started = std::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(rig.get(&uri).await.status(), 302);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}
