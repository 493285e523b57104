//! Landings that a page reports, over https, from the page's request to the report.

use crate::harness::*;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

struct Issued {
    root: rustls::pki_types::CertificateDer<'static>,
    cert: String,
    key: String,
}

fn issued() -> Issued {
    let made = rcgen::generate_simple_self_signed(vec!["t.example.com".to_owned()]).unwrap();
    let root = made.cert.der().clone();
    Issued { root, cert: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn write(folder: &Path, issued: &Issued) {
    std::fs::write(folder.join("cert.pem"), &issued.cert).unwrap();
    std::fs::write(folder.join("key.pem"), &issued.key).unwrap();
}

/// One request by https; none where the certificate is not trusted.
fn by_https(server: &Server, issued: &Issued, head: &str, body: &str) -> Option<(String, String)> {
    let mut roots = RootCertStore::empty();
    roots.add(issued.root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let client = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("t.example.com").unwrap();
    let connection = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(&server.address).unwrap());
    let length = body.len();
    let request = format!(
        "{head}\r\nhost: t.example.com\r\nuser-agent: {PERSON}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    // The end may come without a farewell; what was read counts.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.to_owned(), body.to_owned()))
}

const PERSON: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

#[test]
fn a_landing_by_https_is_counted_with_its_view_its_clicks_and_its_conversion() {
    let folder = tempfile::tempdir().unwrap();
    let first = issued();
    write(folder.path(), &first);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    let server = Server::start_with(&[
        ("CLICKTRAIL_TLS_CERT", &cert),
        ("CLICKTRAIL_TLS_KEY", &key),
        ("CLICKTRAIL_PUBLIC_URL", "https://t.example.com"),
    ]);
    // Commands and probes of this machine need no certificate.
    server.create("/conversion-types", json!({"name": "Signup", "from_page": true}));
    let lander = json!({"name": "L", "url": "https://www.example.com/page", "offers": 1});
    let payout = json!({"kind": "fixed", "amount": "3", "currency": "USD"});
    let offer =
        json!({"name": "O", "url": "https://offer.example/?c={click_id}", "payout": payout});
    let (lander, offer) = (server.create("/landers", lander), server.create("/offers", offer));
    let path = json!({"landers": [{"lander": lander}], "offers": [{"offer": offer}]});
    let campaign = json!({
        "name": "Direct", "key": "dir", "origins": ["https://shop.example.com"],
        "flow": {"default": [path]},
    });
    server.create("/campaigns", campaign);

    let land = |page: &str, number: &str| {
        let body = format!(
            "u={}&n={number}",
            page.replace(':', "%3A").replace('?', "%3F").replace('=', "%3D")
        );
        let head =
            "POST /d/dir HTTP/1.1\r\norigin: https://www.example.com\r\ncontent-type: text/plain";
        by_https(&server, &first, head, &body).unwrap()
    };
    let (head, told) = land("https://www.example.com/page?gclid=G1", "number-1");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("access-control-allow-origin: https://www.example.com"), "{head}");
    assert!(head.contains("Domain=example.com; Path=/; SameSite=Lax; Secure"), "{head}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let id = told["click_id"].as_str().unwrap().to_owned();
    land("https://www.example.com/page?gclid=G1", "number-1");
    // A page that is no lander of the flow is a view as well.
    land("https://www.example.com/other", "number-2");
    let event = |body: &str| {
        let head =
            "POST /e HTTP/1.1\r\norigin: https://shop.example.com\r\ncontent-type: text/plain";
        let (head, _) = by_https(&server, &first, head, body).unwrap();
        assert!(head.starts_with("HTTP/1.1 204"), "{head}");
    };
    event(&format!("id={id}&e=view&n=event-01"));
    event(&format!("id={id}&e=scroll&val=80&n=event-02"));
    event(&format!("id={id}&e=signup&n=event-03"));
    event(&format!("id={id}&e=signup&n=event-03"));
    let (head, _) =
        by_https(&server, &first, &format!("GET /click?clickid={id} HTTP/1.1"), "").unwrap();
    assert!(head.contains("location: https://offer.example/?c=ct_"), "{head}");

    let question = json!({"by": ["kind"], "metrics": ["clicks", "lander_views", "lander_clicks", "lander_ctr", "page_events", "conversions", "revenue"], "period": "all"});
    server.settle();
    let row = server.post("/reports", &question).json()["rows"][0].clone();
    let expected = json!({
        "kind": "direct", "clicks": 2, "lander_views": 2, "lander_clicks": 1, "lander_ctr": 0.5,
        "page_events": 2, "conversions": 1, "revenue": "3.00",
    });
    assert_eq!(row, expected);
    let trail = server.run(&["trail", &id]);
    for part in ["direct", "https://www.example.com/page", "scroll  80", "signup"] {
        assert!(trail.contains(part), "`{part}` is missing in:\n{trail}");
    }

    // A renewed certificate holds without a restart.
    let second = issued();
    write(folder.path(), &second);
    wait_for("the new certificate", || {
        let answer = by_https(&server, &second, "GET /healthz HTTP/1.1", "");
        answer.filter(|(head, _)| head.contains("200 OK"))
    });
    assert!(by_https(&server, &first, "GET /healthz HTTP/1.1", "").is_none());
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (issued(), issued());
    write(folder.path(), &Issued { key: other.key, ..one });
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let output = std::process::Command::new(binary())
        .arg("serve")
        .current_dir(folder.path())
        .env("CLICKTRAIL_LISTEN", "127.0.0.1:0")
        .env("CLICKTRAIL_TLS_CERT", path("cert.pem"))
        .env("CLICKTRAIL_TLS_KEY", path("key.pem"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("key.pem") && said.contains("does not belong"), "{said}");
}
