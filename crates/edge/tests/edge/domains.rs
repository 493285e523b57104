//! Tracking domains: which host serves what, for whom, and what it answers beside its links.

use crate::rig::*;
use edge::{Config, Reply};
use model::Field;
use model::host::HostName;
use model::record::RecordKind;
use model::table::{RoutingTable, Things};
use model::thing::*;
use std::sync::Arc;

fn domain(host: &str, root: DomainAnswer, not_found: DomainAnswer) -> Domain {
    let host: HostName = host.parse().unwrap();
    Domain { host, scheme: Scheme::Https, root, not_found }
}

fn plain(host: &str) -> Domain {
    domain(host, DomainAnswer::default(), DomainAnswer::default())
}

/// `go.example` and `second.example` of the first workspace, `other.example` of the second, `gone.example` archived;
/// `click.example` and `page.example` answer beside their links.
fn with_domains() -> Things {
    let to_campaign = DomainAnswer { campaign: Some(1), ..DomainAnswer::default() };
    let to_url = |url: &str| DomainAnswer { url: Some(url.into()), ..DomainAnswer::default() };
    let text = StatusAnswer { code: 200, text: "Hello".into() };
    let says = DomainAnswer { status: Some(text), ..DomainAnswer::default() };
    let http = Domain { scheme: Scheme::Http, ..plain("plain.example") };
    Things {
        domains: vec![
            thing(1, plain("go.example")),
            thing(2, plain("second.example")),
            Thing { workspace: 2, ..thing(3, plain("other.example")) },
            Thing { archived: true, ..thing(4, plain("gone.example")) },
            thing(5, domain("click.example", to_campaign.clone(), to_campaign)),
            thing(6, domain("page.example", says, to_url("https://brand.example/404"))),
            thing(7, http),
        ],
        ..things()
    }
}

fn config() -> Config {
    Config { public_host: "track.example".into(), ..Config::default() }
}

fn rig() -> Rig {
    Rig::with(config(), with_domains())
}

async fn at(rig: &Rig, host: &str, uri: &str) -> Reply {
    rig.send(Ask::get(uri).with("host", host)).await
}

#[tokio::test]
async fn without_domains_every_host_serves_everything() {
    let rig = Rig::with(config(), things());
    for host in ["track.example", "whatever.example", "", "a, b", "[::1"] {
        assert_eq!(at(&rig, host, "/c/direct").await.status(), 302, "{host}");
    }
    assert_eq!(rig.get("/c/direct").await.status(), 302, "no host at all");
    assert_eq!(rig.last().facts.int(Field::Domain), None);
    assert_eq!(rig.count("unknown_host"), 0);
}

#[tokio::test]
async fn a_domain_is_found_however_its_host_is_written() {
    let rig = rig();
    for (host, domain) in [
        ("go.example", 1),
        ("GO.Example", 1),
        ("go.example:8080", 1),
        ("go.example.", 1),
        ("Go.example.:443", 1),
        ("second.example", 2),
    ] {
        let reply = at(&rig, host, "/c/direct").await;
        assert_eq!(reply.status(), 302, "{host}");
        assert_eq!(rig.last().facts.int(Field::Domain), Some(domain), "{host}");
    }
    // The installation's own host and this machine serve all workspaces, and are no domain.
    for host in ["track.example", "127.0.0.1:8080", "localhost", "[::1]:80"] {
        for key in ["direct", "other"] {
            assert_eq!(at(&rig, host, &format!("/c/{key}")).await.status(), 302, "{host} {key}");
            assert_eq!(rig.last().facts.int(Field::Domain), None, "{host}");
        }
    }
}

#[tokio::test]
async fn an_unknown_host_gets_a_fixed_404_and_is_counted() {
    let rig = rig();
    let hosts = [
        "unknown.example",
        "gone.example",
        "sub.go.example",
        "go.example@unknown.example",
        "go.example/",
        "go.example, track.example",
        "[2001:db8::1]",
        "[go.example]",
        "203.0.113.9",
        ":80",
        "",
    ];
    for host in hosts {
        for uri in ["/c/direct", "/click?clickid=x", "/postback", "/pixel.gif", "/imp/direct", "/"]
        {
            let reply = at(&rig, host, uri).await;
            assert_eq!(reply.status(), 404, "{host} {uri}");
            assert_eq!(body(&reply), "There is nothing here.\n", "{host} {uri}");
        }
        assert_eq!(at(&rig, host, "/healthz").await.status(), 200, "{host}");
        assert_eq!(at(&rig, host, "/readyz").await.status(), 200, "{host}");
    }
    assert_eq!(rig.count("unknown_host"), hosts.len() as u64 * 6);
    assert_eq!(rig.get("/c/direct").await.status(), 404, "HTTP/1.0 may name no host");
    let mut twice = Ask::get("/c/direct").with("host", "go.example");
    twice.headers.push(("host", b"track.example"));
    assert_eq!(rig.send(twice).await.status(), 404, "two hosts are none");
    assert_eq!(rig.count("unknown_host"), hosts.len() as u64 * 6 + 2);
    // Probes of the journal leave records of their own, visitors none.
    assert!(!rig.records().iter().any(|record| record.kind == RecordKind::Click));
}

#[tokio::test]
async fn only_a_trusted_proxy_says_which_host_was_asked() {
    let proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let rig = Rig::with(Config { trusted_proxies: proxies, ..config() }, with_domains());
    for (peer, said, expected) in [
        ("10.0.0.9", "go.example", 302),
        ("::ffff:10.0.0.9", "go.example", 302),
        ("10.0.0.9", "unknown.example, GO.example:443", 302),
        ("10.0.0.9", "go.example, unknown.example", 404),
        ("10.0.0.9", "", 404),
        ("203.0.113.7", "go.example", 404),
    ] {
        let ask = Ask::get("/c/direct").with("host", "upstream").with("x-forwarded-host", said);
        assert_eq!(rig.send(Ask { peer, ..ask }).await.status(), expected, "{peer} {said}");
    }
    let ask = Ask { peer: "10.0.0.9", ..Ask::get("/c/direct").with("host", "go.example") };
    assert_eq!(rig.send(ask).await.status(), 302, "a proxy that passes the host on");
}

#[tokio::test]
async fn a_domain_serves_the_links_of_its_workspace_alone() {
    let rig = rig();
    for (host, key, status) in [
        ("go.example", "direct", 302),
        ("go.example", "other", 404),
        ("other.example", "other", 302),
        ("other.example", "direct", 404),
    ] {
        assert_eq!(at(&rig, host, &format!("/c/{key}")).await.status(), status, "{host} {key}");
        let expected = if status == 302 { 200 } else { 404 };
        assert_eq!(at(&rig, host, &format!("/imp/{key}")).await.status(), expected, "{host} {key}");
    }
    assert_eq!(rig.count("unknown_campaign"), 4);
    let landed = at(&rig, "other.example", "/c/other").await;
    let id = rig.id_in(&landed).text("ct_", &rig.keys).to_string();
    let click = format!("/click?xid={id}");
    assert_eq!(at(&rig, "go.example", &click).await.status(), 404);
    assert_eq!(at(&rig, "other.example", &click).await.status(), 302);
    assert_eq!(at(&rig, "track.example", &click).await.status(), 302);
}

#[tokio::test]
async fn a_campaign_with_a_domain_is_served_by_the_others_of_its_workspace() {
    let mut things = with_domains();
    things.campaigns[0].body.domain = Some(2);
    let rig = Rig::with(config(), things);
    for host in ["go.example", "second.example", "track.example"] {
        assert_eq!(at(&rig, host, "/c/direct").await.status(), 302, "{host}");
    }
}

#[tokio::test]
async fn a_domain_answers_beside_its_links_as_it_is_told() {
    let rig = rig();
    for (host, uri, status, text) in [
        ("go.example", "/", 404, "There is nothing here.\n"),
        ("go.example", "/nothing", 404, "There is nothing here.\n"),
        ("go.example", "/c/nobodys", 404, "This link does not exist.\n"),
        ("go.example", "/api/v1/campaigns", 404, "There is nothing here.\n"),
        ("page.example", "/?x=1", 200, "Hello"),
        ("page.example", "/favicon.ico", 404, "There is nothing here.\n"),
        ("page.example", "/.well-known/x", 404, "There is nothing here.\n"),
    ] {
        let reply = at(&rig, host, uri).await;
        assert_eq!((reply.status().as_u16(), &*body(&reply)), (status, text), "{host} {uri}");
    }
    for uri in ["/nothing", "/c/nobodys", "/metrics"] {
        assert_eq!(location(&at(&rig, "page.example", uri).await), "https://brand.example/404");
    }
    let posted = rig.send(Ask::post("/nothing", "").with("host", "page.example")).await;
    assert_eq!(posted.status(), 303);
    let put = Ask { method: "PUT", ..Ask::get("/").with("host", "page.example") };
    assert_eq!(rig.send(put).await.status(), 405);
    assert_eq!(at(&rig, "page.example", "/imp/nobodys").await.status(), 404, "an ad is no visitor");
    assert!(rig.records().is_empty());
}

#[tokio::test]
async fn a_campaign_beside_the_links_gets_a_click_like_any_other() {
    let rig = rig();
    for uri in ["/?sub1=x", "/old-shop?sub1=x", "/c/nobodys?sub1=x"] {
        let reply = at(&rig, "click.example", uri).await;
        assert!(location(&reply).starts_with("https://offer.example/a?sub=x"), "{uri}");
        let record = rig.last();
        assert_eq!(record.kind, RecordKind::Click);
        assert_eq!(record.facts.int(Field::Campaign), Some(1));
        assert_eq!(record.facts.int(Field::Domain), Some(5));
        assert!(cookie(&reply, "ct_c").is_some());
    }
    assert_eq!((rig.count("no_endpoint"), rig.count("unknown_campaign")), (1, 1));
    assert_eq!(at(&rig, "click.example", "/robots.txt").await.status(), 404);
    assert_eq!(rig.records().len(), 3);
}

#[tokio::test]
async fn admin_hosts_alone_serve_the_api_and_links_work_on_the_public_host() {
    let admin = Some(vec!["admin.example".into()]);
    let config = Config { admin_hosts: admin, ..config() };
    for things in [things(), with_domains()] {
        let has_domains = !things.domains.is_empty();
        let rig = Rig::with(config.clone(), things);
        for (host, status) in [
            ("admin.example", 302),
            ("track.example", 302),
            ("elsewhere.example", if has_domains { 404 } else { 302 }),
        ] {
            assert_eq!(at(&rig, host, "/c/direct").await.status(), status, "{host}");
        }
    }
}

#[tokio::test]
async fn cookies_are_secure_where_the_domain_is() {
    let rig = rig();
    for (host, secure) in [("go.example", true), ("plain.example", false), ("track.example", false)]
    {
        let reply = at(&rig, host, "/c/direct").await;
        let cookie = reply.headers()["set-cookie"].to_str().unwrap();
        assert_eq!(cookie.contains("Secure"), secure, "{host}: {cookie}");
    }
}

#[tokio::test]
async fn conditions_see_the_domain() {
    let mut things = with_domains();
    things.flows[0].body = serde_json::from_value(serde_json::json!({
        "rules": [{"id": 1, "when": {"field": "domain", "op": "is", "value": 2}, "paths": [{"id": 1, "url": "https://rule.example/"}]}],
        "default": [{"id": 2, "url": "https://default.example/"}]
    })).unwrap();
    let rig = Rig::with(config(), things);
    let reply = at(&rig, "go.example", "/c/direct").await;
    assert!(location(&reply).starts_with("https://default.example/"));
    let reply = at(&rig, "second.example", "/c/direct").await;
    assert!(location(&reply).starts_with("https://rule.example/"));
}

#[tokio::test]
async fn a_destination_may_name_the_host_the_visitor_came_by() {
    let mut things = with_domains();
    things.landers[0].body.url = "https://lander.example/?back={domain.host:default(none)}".into();
    let rig = Rig::with(config(), things);
    for (host, back) in [("GO.example:80", "back=go.example&"), ("track.example", "back=none&")] {
        let location = location(&at(&rig, host, "/c/page").await);
        assert!(location.contains(back), "{location}");
    }
}

#[tokio::test]
async fn a_first_domain_takes_effect_with_the_next_request() {
    let rig = Rig::with(config(), things());
    assert_eq!(at(&rig, "unknown.example", "/c/direct").await.status(), 302);
    rig.table.store(Arc::new(RoutingTable::new(&with_domains())));
    assert_eq!(at(&rig, "unknown.example", "/c/direct").await.status(), 404);
    assert_eq!(at(&rig, "go.example", "/c/direct").await.status(), 302);
}
