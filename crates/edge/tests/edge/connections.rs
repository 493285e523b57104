//! Connections: what HTTP/1.1 allows, what it costs too much, and what becomes of both.

use crate::rig::*;
use bytes::Bytes;
use edge::{BoxBody, Config, Limits, ServeReport, serve};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use model::record::tag;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Served {
    rig: Rig,
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    report: JoinHandle<ServeReport>,
}

pub async fn other(request: http::Request<Incoming>, _: SocketAddr) -> http::Response<BoxBody> {
    let text = format!("other {}", request.uri().path());
    http::Response::new(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync())
}

async fn served(limits: Limits) -> Served {
    served_with(Rig::with(Config { limits, ..Config::default() }, things())).await
}

pub async fn served_with(rig: Rig) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let edge = std::sync::Arc::clone(&rig.edge);
    let report = tokio::spawn(async move {
        serve(listener, None, edge, other, async {
            let _ = stopped.await;
        })
        .await
    });
    Served { rig, address, stop, report }
}

impl Served {
    /// Sends bytes on a connection of their own and reads until it ends or pauses at a whole answer.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The peer may have refused and gone before everything was sent.
        let _ = stream.write_all(bytes).await;
        read_answer(&mut stream).await
    }

    pub async fn until_count(&self, code: &str, expected: u64) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.rig.count(code) < expected {
            assert!(Instant::now() < deadline, "{code}: {:?}", self.rig.edge.status().events);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(self.rig.count(code), expected, "{code}");
    }
}

/// One answer: its head, and its body by content-length.
pub async fn read_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = async {
        loop {
            let mut part = [0; 4096];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
            }
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned)
                });
                if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                    return;
                }
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), read).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

pub fn get(uri: &str, headers: &str) -> Vec<u8> {
    format!("GET {uri} HTTP/1.1\r\nhost: t.example\r\n{headers}\r\n").into_bytes()
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {answer:?}"));
    status.parse().unwrap()
}

#[tokio::test]
async fn clicks_are_ours_and_everything_else_is_the_others() {
    let served = served(Limits::default()).await;
    let answer = served.raw(&get("/c/direct", "")).await;
    assert_eq!(status(&answer), 302);
    assert!(answer.contains("\r\nlocation: https://offer.example/a?sub=&aff_sub=ct_"), "{answer}");
    assert!(
        answer.contains("\r\ncontent-length: 0\r\n") && answer.contains("\r\ndate: "),
        "{answer}"
    );
    assert!(served.raw(&get("/api/v1/campaigns", "")).await.ends_with("other /api/v1/campaigns"));
    assert_eq!(served.rig.records().len(), 1);
}

#[tokio::test]
async fn a_connection_is_kept_and_answers_in_order() {
    let served = served(Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for i in 0..5 {
        stream.write_all(&get(&format!("/c/direct?sub1=n{i}"), "")).await.unwrap();
        let answer = read_answer(&mut stream).await;
        assert!(answer.contains(&format!("sub=n{i}&")), "{answer}");
    }
    // Pipelined, a body among them.
    let mut requests = get("/c/direct?sub1=p1", "");
    requests.extend(b"POST /postback HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\nclickid=x");
    requests.extend(get("/healthz", "connection: close\r\n"));
    stream.write_all(&requests).await.unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).await.unwrap();
    let (first, rest) = (all.find("sub=p1").unwrap(), all.find("click_id_malformed").unwrap());
    assert!(first < rest && all.ends_with("ok\n"), "{all}");
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused_and_counted() {
    let served = served(Limits::default()).await;
    // 10 KB goes on.
    let long = format!("/c/direct?x={}", "y".repeat(10_000));
    assert_eq!(status(&served.raw(&get(&long, "")).await), 302);
    // 100 KB does not.
    let longer = format!("/c/direct?x={}", "y".repeat(100_000));
    assert_eq!(status(&served.raw(&get(&longer, "")).await), 431);
    served.until_count("head_too_large", 1).await;
    let header = |count: usize| (0..count).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
    assert_eq!(status(&served.raw(&get("/c/direct", &header(63))).await), 302);
    let answer = served.raw(&get("/c/direct", &header(70))).await;
    assert_eq!(status(&answer), 431);
    assert!(answer.contains("connection: close"));
    served.until_count("too_many_headers", 1).await;
    assert_eq!(status(&served.raw(&get("/c/direct", &header(1000))).await), 431);
    served.until_count("head_too_large", 2).await;
    let large = format!("x: {}\r\n", "y".repeat(40_000));
    assert_eq!(status(&served.raw(&get("/c/direct", &large)).await), 431);
    served.until_count("head_too_large", 3).await;
    assert_eq!(served.rig.records().len(), 2);
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_counted() {
    let served = served(Limits::default()).await;
    let mut refused = 0;
    for bytes in [
        &b"GET /c/direct\xff HTTP/1.1\r\nhost: t\r\n\r\n"[..],
        b"GET /c/\0direct HTTP/1.1\r\nhost: t\r\n\r\n",
        b"GET /c/direct HTTP/1.1\r\nhost: t\r\nx: a\0b\r\n\r\n",
        b"GET /c/direct HTTP/1.1\r\nhost: t\r\nx\ry: b\r\n\r\n",
        b"GET /c/direct HTTP/1.1\r\nhost : t\r\n\r\n",
        b"GET  /c/direct HTTP/1.1\r\n\r\n",
        b"GET /c/direct HTTP/9.9\r\nhost: t\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 something like TLS\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /postback HTTP/1.1\r\nhost: t\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /postback HTTP/1.1\r\nhost: t\r\ncontent-length: -1\r\n\r\n",
        b"POST /postback HTTP/1.1\r\nhost: t\r\ntransfer-encoding: xchunked\r\n\r\n",
    ] {
        let answer = served.raw(bytes).await;
        refused += 1;
        let text = String::from_utf8_lossy(bytes);
        assert!(answer.is_empty() || status(&answer) == 400, "{text:?} {answer}");
        served.until_count("malformed_request", refused).await;
    }
    assert!(served.rig.records().is_empty());
    // And the next one is served.
    assert_eq!(status(&served.raw(&get("/c/direct", "")).await), 302);
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time_and_never_compressed() {
    let limits = Limits { body_deadline: Duration::from_millis(100), ..Limits::default() };
    let served = served(limits).await;
    let post = |length: usize, headers: &str, body: &str| {
        format!(
            "POST /postback HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        )
        .into_bytes()
    };
    let fits = "x".repeat(65_536);
    assert_eq!(status(&served.raw(&post(fits.len(), "", &fits)).await), 200);
    let large = "x".repeat(70_000);
    assert_eq!(status(&served.raw(&post(large.len(), "", &large)).await), 413);
    let chunked = format!(
        "POST /postback HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    assert_eq!(status(&served.raw(chunked.as_bytes()).await), 413);
    served.until_count("body_too_large", 2).await;
    assert_eq!(status(&served.raw(&post(10, "", "abc")).await), 408);
    served.until_count("body_timeout", 1).await;
    assert_eq!(status(&served.raw(&post(3, "content-encoding: gzip\r\n", "abc")).await), 415);
    served.until_count("encoded_body", 1).await;
    assert_eq!(served.rig.records().len(), 1);
}

#[tokio::test]
async fn a_body_is_whole_in_however_many_pieces_it_comes() {
    let served = served(Limits::default()).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for (headers_and_body, body) in [
        (
            "transfer-encoding: chunked\r\n\r\n4\r\na=1&\r\n3\r\nb=2\r\n2\r\n&c\r\n0\r\n\r\n",
            "a=1&b=2&c",
        ),
        ("transfer-encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\nx: trailer\r\n\r\n", "a=1"),
        ("transfer-encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        ("content-length: 7\r\n\r\na=1&b=2", "a=1&b=2"),
    ] {
        let post = format!("POST /postback HTTP/1.1\r\nhost: t\r\n{headers_and_body}");
        stream.write_all(post.as_bytes()).await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), 200, "{headers_and_body}");
        let record = served.rig.last();
        let kept = record.facts.text_at(tag::INTAKE_BODY).unwrap_or_default();
        assert_eq!(kept, body, "{headers_and_body}");
    }
}

#[tokio::test]
async fn who_does_not_finish_a_head_in_time_is_closed_and_counted() {
    let limits = Limits {
        head_deadline: Duration::from_millis(300),
        idle_deadline: Duration::from_millis(300),
        ..Limits::default()
    };
    let served = served(limits).await;
    // Nothing at all, half a head, a byte now and then.
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let mut half = TcpStream::connect(served.address).await.unwrap();
    half.write_all(b"GET /c/direct HTTP/1.1\r\nhost").await.unwrap();
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    let drip = async {
        while slow.write_all(b"G").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let started = Instant::now();
    tokio::time::timeout(Duration::from_secs(10), drip).await.unwrap();
    let mut rest = Vec::new();
    for stream in [&mut silent, &mut half] {
        let _ = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest))
            .await
            .unwrap();
    }
    assert!(rest.is_empty());
    assert!(started.elapsed() < Duration::from_secs(5));
    served.until_count("head_timeout", 3).await;
    // Idle after an answer is an end, not a refusal.
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(&get("/c/direct", "")).await.unwrap();
    assert_eq!(status(&read_answer(&mut idle).await), 302);
    let _ =
        tokio::time::timeout(Duration::from_secs(10), idle.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(served.rig.count("head_timeout"), 3);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so() {
    let served = served(Limits { connections_max: 2, ..Limits::default() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(&get("/healthz", "")).await.unwrap();
        assert_eq!(status(&read_answer(&mut stream).await), 200);
        held.push(stream);
    }
    let mut third = TcpStream::connect(served.address).await.unwrap();
    assert_eq!(status(&read_answer(&mut third).await), 503);
    served.until_count("too_many_connections", 1).await;
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while status(&served.raw(&get("/healthz", "")).await) != 200 {
        assert!(Instant::now() < deadline);
    }
}

#[tokio::test]
async fn stopping_answers_what_is_under_way_and_closes_the_rest() {
    let served = served(Limits::default()).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(&get("/healthz", "")).await.unwrap();
    assert_eq!(status(&read_answer(&mut idle).await), 200);
    let mut waiting = TcpStream::connect(served.address).await.unwrap();
    waiting.write_all(&get("/postback?wait=1&external_id=T", "")).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while served.rig.records().is_empty() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    served.stop.send(()).unwrap();
    let answer = read_answer(&mut waiting).await;
    assert!(answer.contains("accepted") && answer.contains("connection: close"), "{answer}");
    let mut rest = Vec::new();
    let _ =
        tokio::time::timeout(Duration::from_secs(10), idle.read_to_end(&mut rest)).await.unwrap();
    let report = served.report.await.unwrap();
    assert_eq!(report, ServeReport { accepted: 2, cut_off: 0 });
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn the_api_is_on_the_installations_own_hosts_and_never_on_a_tracking_domain() {
    let domain = |host: &str| serde_json::from_value(serde_json::json!({ "host": host })).unwrap();
    let domains = vec![thing(1, domain("go.example")), thing(2, domain("shared.example"))];
    let things = model::table::Things { domains, ..things() };
    let admin_hosts = Some(vec!["admin.example".into(), "shared.example".into()]);
    let public_host = "track.example".into();
    let served =
        served_with(Rig::with(Config { public_host, admin_hosts, ..Config::default() }, things))
            .await;
    let close = "connection: close\r\n\r\n";
    for (request, start, end) in [
        ("GET /api HTTP/1.1\r\nhost: admin.example\r\n", "HTTP/1.1 200", "other /api"),
        ("GET /api HTTP/1.1\r\nhost: ADMIN.example:80\r\n", "HTTP/1.1 200", "other /api"),
        ("GET /api HTTP/1.1\r\nhost: 127.0.0.1:8080\r\n", "HTTP/1.1 200", "other /api"),
        ("GET /api HTTP/1.1\r\nhost: track.example\r\n", "HTTP/1.1 404", "nothing here.\n"),
        ("GET /api HTTP/1.1\r\nhost: go.example\r\n", "HTTP/1.1 404", "nothing here.\n"),
        // Whatever the settings say: a host that became a tracking domain serves no API.
        ("GET /api HTTP/1.1\r\nhost: shared.example\r\n", "HTTP/1.1 404", "nothing here.\n"),
        ("GET /api HTTP/1.1\r\nhost: unknown.example\r\n", "HTTP/1.1 404", "nothing here.\n"),
        (
            "POST /api HTTP/1.1\r\nhost: unknown.example\r\ncontent-length: 999999\r\n",
            "HTTP/1.1 404",
            "nothing here.\n",
        ),
        ("GET /api HTTP/1.0\r\n", "HTTP/1.0 404", "nothing here.\n"),
        ("GET /healthz HTTP/1.0\r\n", "HTTP/1.0 200", "ok\n"),
        // The URL of a whole request line says the host, not the header.
        (
            "GET http://go.example/api HTTP/1.1\r\nhost: admin.example\r\n",
            "HTTP/1.1 404",
            "nothing here.\n",
        ),
        (
            "GET http://admin.example/api HTTP/1.1\r\nhost: go.example\r\n",
            "HTTP/1.1 200",
            "other /api",
        ),
        (
            "GET http://go.example/c/direct HTTP/1.1\r\nhost: unknown.example\r\n",
            "HTTP/1.1 302",
            "",
        ),
    ] {
        let answer = served.raw(format!("{request}{close}").as_bytes()).await;
        assert!(answer.starts_with(start) && answer.ends_with(end), "{request}: {answer}");
    }
    assert_eq!(served.rig.count("unknown_host"), 3);
}
