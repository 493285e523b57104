//! Tracking domains on a real server: who is served what under which name.

use crate::harness::{Answer, Server, TOKEN};
use serde_json::{Value, json};

/// A request by a name, as a browser sends it.
fn by(server: &Server, host: &str, path: &str) -> Answer {
    let key = format!("Bearer {TOKEN}");
    let headers = [
        ("host", host),
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
        ("accept-language", "en"),
        ("authorization", &key),
    ];
    server.request("GET", path, &headers, "")
}

fn put(server: &Server, path: &str, body: &Value) -> Answer {
    let key = format!("Bearer {TOKEN}");
    let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
    server.request("PUT", &format!("/api/v1{path}"), &headers, &body.to_string())
}

#[test]
fn one_installation_serves_many_hosts_each_its_own() {
    let server = Server::start();
    let shop = server.campaign("shop", "https://shop.example/?c={click_id}");
    for host in ["anything.example", "127.0.0.1"] {
        assert_eq!(by(&server, host, "/c/shop").status, 302, "no domain yet: {host}");
        assert_eq!(by(&server, host, "/api/v1/campaigns").status, 200, "no domain yet: {host}");
    }
    let domain = json!({"name": "Go", "host": "go.localhost", "scheme": "http",
        "root": {"campaign": shop}, "not_found": {"url": "https://brand.example/"}});
    let go = server.create("/domains", domain);
    for (host, path, status) in [
        ("go.localhost", "/c/shop", 302),
        ("GO.localhost.:8080", "/c/shop", 302),
        ("go.localhost", "/", 302),
        ("go.localhost", "/api/v1/campaigns", 302),
        ("go.localhost", "/metrics", 302),
        ("go.localhost", "/favicon.ico", 404),
        ("go.localhost", "/healthz", 200),
        ("anything.example", "/c/shop", 404),
        ("anything.example", "/api/v1/campaigns", 404),
        ("anything.example", "/metrics", 404),
        ("anything.example", "/healthz", 200),
        ("127.0.0.1", "/c/shop", 302),
        ("127.0.0.1", "/api/v1/campaigns", 200),
        ("localhost:1", "/metrics", 200),
    ] {
        assert_eq!(by(&server, host, path).status, status, "{host}{path}");
    }
    let beside = by(&server, "go.localhost", "/api/v1/campaigns");
    assert_eq!(beside.header("location"), "https://brand.example/", "no API on a domain");
    let forwarded = [("host", "upstream"), ("x-forwarded-host", "go.localhost")];
    assert_eq!(server.request("GET", "/c/shop", &forwarded, "").status, 302, "a trusted proxy");
    server.settle();
    let question = json!({"by": ["domain"], "period": "all", "metrics": ["clicks"], "sort": [{"field": "domain", "dir": "desc"}]});
    let rows = server.post("/reports", &question).json()["rows"].clone();
    assert_eq!((&rows[0]["domain"], &rows[0]["domain_name"]), (&json!(go), &json!("Go")), "{rows}");
    // Two by its links, one at its root; the one of the proxy was no browser.
    assert_eq!(rows[0]["clicks"], 3, "{rows}");
    let refused = server.get("/system").json()["edge"]["events"].clone();
    assert!(refused.to_string().contains("unknown_host"), "{refused}");
}

#[test]
fn links_outlive_a_rename_and_the_archive() {
    let server = Server::start();
    let shop = server.campaign("shop", "https://shop.example/?c={click_id}");
    let go =
        server.create("/domains", json!({"name": "Go", "host": "go.localhost", "scheme": "http"}));
    let flow = server.get(&format!("/campaigns/{shop}")).json()["flow"].clone();
    let campaign = json!({"name": "Renamed", "key": "boutique", "flow": flow, "domain": go,
        "archived_url": "https://brand.example/over?k={click_id}"});
    let saved = put(&server, &format!("/campaigns/{shop}"), &campaign);
    assert_eq!(saved.status, 200, "{saved:?}");
    let port = server.address.rsplit_once(':').unwrap().1;
    let url = saved.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("http://go.localhost:{port}/c/boutique"));
    for host in ["go.localhost", "127.0.0.1"] {
        for key in ["shop", "boutique"] {
            let answer = by(&server, host, &format!("/c/{key}"));
            assert!(answer.header("location").starts_with("https://shop.example/"), "{answer:?}");
        }
    }
    let key = format!("Bearer {TOKEN}");
    let path = format!("/api/v1/campaigns/{shop}");
    let gone = server.request("DELETE", &path, &[("authorization", &key)], "");
    assert_eq!(gone.status, 200, "{gone:?}");
    for key in ["shop", "boutique"] {
        let answer = by(&server, "go.localhost", &format!("/c/{key}"));
        let location = answer.header("location");
        assert!(location.starts_with("https://brand.example/over?k=ct_"), "{answer:?}");
    }
}

#[test]
fn a_domain_survives_export_and_apply() {
    let server = Server::start();
    let shop = server.campaign("shop", "https://shop.example/");
    let root = json!({"status": {"code": 200, "text": "Hello"}});
    let body = json!({"name": "Go", "host": "go.localhost", "root": root, "not_found": {"campaign": shop}});
    server.create("/domains", body);
    let file = server.data.path().join("config.toml");
    let exported = server.run(&["config", "export"]);
    assert!(exported.contains("go.localhost"), "{exported}");
    std::fs::write(&file, &exported).unwrap();
    let file = file.to_str().unwrap();
    server.run(&["config", "apply", file]);
    assert_eq!(by(&server, "go.localhost", "/").body, "Hello");
    let changed = exported.replace("Hello", "Good morning");
    std::fs::write(file, changed).unwrap();
    server.run(&["config", "apply", file]);
    assert_eq!(by(&server, "go.localhost", "/").body, "Good morning");
}

#[test]
fn commands_reach_a_server_that_listens_on_another_address() {
    let server = Server::start_with(&[
        ("CLICKTRAIL_LISTEN", "0.0.0.0:0"),
        ("CLICKTRAIL_PUBLIC_URL", "https://track.example"),
        ("CLICKTRAIL_ADMIN_HOSTS", "admin.example"),
    ]);
    for (host, status) in
        [("admin.example", 200), ("localhost", 200), ("track.example", 404), ("0.0.0.0", 404)]
    {
        assert_eq!(by(&server, host, "/api/v1/campaigns").status, status, "{host}");
    }
    let printed = server.run(&["report", "--by", "campaign", "--period", "all"]);
    assert!(printed.contains("Total"), "{printed}");
}
