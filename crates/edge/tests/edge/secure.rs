//! Connections by https: both versions of HTTP, what is refused, what may not occupy anything.

use crate::connections::{get, other, read_answer};
use crate::rig::*;
use arc_swap::ArcSwap;
use edge::{Config, Limits, Tls, serve};
use http::Request;
use model::Field;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate of a test's own, and whoever trusts it.
struct Certificate {
    server: Arc<ServerConfig>,
    root: CertificateDer<'static>,
}

fn issued() -> Certificate {
    let made = rcgen::generate_simple_self_signed(vec!["t.example".to_owned()]).unwrap();
    let root = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut server = builder.with_single_cert(vec![root.clone()], key).unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Certificate { server: Arc::new(server), root }
}

struct Served {
    rig: Rig,
    tls: Tls,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

async fn served(certificate: &Certificate, limits: Limits) -> Served {
    let rig = Rig::with(Config { limits, ..Config::default() }, things());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls: Tls = Arc::new(ArcSwap::from(Arc::clone(&certificate.server)));
    let edge = Arc::clone(&rig.edge);
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::spawn(serve(listener, Some(Arc::clone(&tls)), edge, other, shutdown));
    Served { rig, tls, address, stop: Some(stop) }
}

impl Served {
    async fn connect(
        &self,
        certificate: &Certificate,
        alpn: &[&[u8]],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.root.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("t.example").unwrap();
        TlsConnector::from(Arc::new(client)).connect(name, stream).await
    }

    async fn until_count(&self, code: &str, expected: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.rig.count(code) < expected {
            assert!(Instant::now() < deadline, "{code}: {:?}", self.rig.edge.status().events);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.rig.count(code), expected, "{code}");
    }
}

async fn answer(stream: &mut TlsStream<TcpStream>, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut bytes = vec![0; 1 << 16];
    let count = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[tokio::test]
async fn a_click_by_https_is_a_click_and_its_cookies_are_secure() {
    let certificate = issued();
    let served = served(&certificate, Limits::default()).await;
    for alpn in [&[b"http/1.1" as &[u8]][..], &[]] {
        let mut stream = served.connect(&certificate, alpn).await.unwrap();
        for i in 0..3 {
            let told = answer(&mut stream, &get(&format!("/c/direct?sub1=n{i}"), "")).await;
            assert!(
                told.starts_with("HTTP/1.1 302") && told.contains(&format!("sub=n{i}&")),
                "{told}"
            );
            assert!(told.contains("SameSite=None; Secure"), "{told}");
        }
        let told = answer(&mut stream, &get("/api/v1/x", "")).await;
        assert!(told.ends_with("other /api/v1/x"), "{told}");
    }
    assert_eq!(served.rig.records().len(), 6);
}

#[tokio::test]
async fn several_requests_share_one_http2_connection() {
    let certificate = issued();
    let served = served(&certificate, Limits::default()).await;
    let stream = served.connect(&certificate, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut under_way = Vec::new();
    for i in 0..20 {
        let request = Request::get(format!("https://t.example/c/direct?sub1=n{i}"));
        let request = request.header("user-agent", CHROME).body(()).unwrap();
        let (response, _) = client.send_request(request, true).unwrap();
        under_way.push(response);
    }
    let sent = "u=https%3A%2F%2Fshop.example%2F&n=number-1";
    let request = Request::post("https://t.example/d/direct").body(()).unwrap();
    let (landing, mut body) = client.send_request(request, false).unwrap();
    body.send_data(bytes::Bytes::from_static(sent.as_bytes()), true).unwrap();
    for (i, response) in under_way.into_iter().enumerate() {
        let response = response.await.unwrap();
        assert_eq!(response.status(), 302);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.contains(&format!("sub=n{i}&")), "{location}");
    }
    let landing = landing.await.unwrap();
    assert_eq!(landing.status(), 200);
    let told = landing.into_body().data().await.unwrap().unwrap();
    assert!(told.starts_with(b"{\"click_id\":\"ct_"), "{told:?}");
    let other = client.send_request(Request::get("https://t.example/x").body(()).unwrap(), true);
    let other = other.unwrap().0.await.unwrap();
    let told = other.into_body().data().await.unwrap().unwrap();
    assert_eq!(&told[..], b"other /x");
    assert_eq!(served.rig.records().len(), 21);
    assert!(served.rig.records().iter().all(|record| record.facts.int(Field::Campaign) == Some(1)));
    connection.abort();
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_answers_what_was_sent_before() {
    let certificate = issued();
    let mut served = served(&certificate, Limits::default()).await;
    let stream = served.connect(&certificate, &[b"h2"]).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::post("https://t.example/d/direct").body(()).unwrap();
    let (landing, mut body) = client.send_request(request, false).unwrap();
    // The server has begun with it when it answers the next one.
    let get = || Request::get("https://t.example/healthz").body(()).unwrap();
    assert_eq!(client.send_request(get(), true).unwrap().0.await.unwrap().status(), 200);
    served.stop.take().unwrap().send(()).unwrap();
    let mut told = client.clone();
    let refused = async {
        while told.clone().ready().await.is_ok() && told.send_request(get(), true).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
    let sent = "u=https%3A%2F%2Fshop.example%2F&n=number-1";
    body.send_data(bytes::Bytes::from_static(sent.as_bytes()), true).unwrap();
    assert_eq!(landing.await.unwrap().status(), 200);
    drop((client, told));
    let parted = tokio::time::timeout(Duration::from_secs(10), connection).await.unwrap();
    parted.unwrap().unwrap();
}

#[tokio::test]
async fn heads_beyond_the_bounds_are_refused_by_http2_too() {
    let certificate = issued();
    let served = served(&certificate, Limits::default()).await;
    let stream = served.connect(&certificate, &[b"h2"]).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let mut request = Request::get("https://t.example/c/direct");
    for i in 0..100 {
        request = request.header(format!("x-{i}"), "1");
    }
    let refused = client.send_request(request.body(()).unwrap(), true).unwrap().0.await.unwrap();
    assert_eq!(refused.status(), 431);
    served.until_count("too_many_headers", 1).await;
    let long = Request::get("https://t.example/c/direct").header("x", "y".repeat(64 << 10));
    let refused = client.send_request(long.body(()).unwrap(), true).unwrap().0.await;
    assert!(refused.is_err() || refused.unwrap().status() == 431);
    assert_eq!(served.rig.records().len(), 0);
}

#[tokio::test]
async fn who_never_shakes_hands_is_shown_out_while_others_are_served() {
    let certificate = issued();
    let limits = Limits { handshake_deadline: Duration::from_millis(300), ..Limits::default() };
    let served = served(&certificate, limits).await;
    let mut idle = Vec::new();
    for i in 0..50 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        if i % 2 == 0 {
            // The first byte of a handshake, and nothing more.
            stream.write_all(&[22]).await.unwrap();
        }
        idle.push(stream);
    }
    let mut stream = served.connect(&certificate, &[]).await.unwrap();
    assert!(answer(&mut stream, &get("/healthz", "")).await.contains("200 OK"));
    served.until_count("tls_timeout", 50).await;
    for mut stream in idle {
        assert!(matches!(stream.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn what_cannot_be_encrypted_is_counted() {
    let certificate = issued();
    let served = served(&certificate, Limits::default()).await;
    let stranger = issued();
    assert!(served.connect(&stranger, &[]).await.is_err(), "an unknown issuer");
    served.until_count("tls_failed", 1).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&[22, 3, 1, 0, 5, 1, 2, 3, 4, 5]).await.unwrap();
    let _ = read_answer(&mut stream).await;
    served.until_count("tls_failed", 2).await;
    drop(TcpStream::connect(served.address).await.unwrap());
    served.until_count("tls_failed", 3).await;
}

#[tokio::test]
async fn this_machine_may_do_without_encryption_and_its_cookies_are_not_secure() {
    let certificate = issued();
    let served = served(&certificate, Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&get("/c/direct", "")).await.unwrap();
    let told = read_answer(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 302") && !told.contains("Secure"), "{told}");
}

#[tokio::test]
async fn a_renewed_certificate_holds_for_new_connections_and_old_ones_stay() {
    let (old, new) = (issued(), issued());
    let served = served(&old, Limits::default()).await;
    let mut stream = served.connect(&old, &[]).await.unwrap();
    served.tls.store(Arc::clone(&new.server));
    assert!(served.connect(&old, &[]).await.is_err());
    let mut renewed = served.connect(&new, &[]).await.unwrap();
    for stream in [&mut stream, &mut renewed] {
        assert!(answer(stream, &get("/healthz", "")).await.contains("200 OK"));
    }
}
