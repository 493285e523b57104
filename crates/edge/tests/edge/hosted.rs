//! Hosted landers: pages for their visitors, files for everybody, and neither where the API is.

use crate::connections::served_with;
use crate::rig::*;
use edge::{Config, Limits, Listing, Reply};
use flate2::read::GzDecoder;
use model::table::{RoutingTable, Things};
use model::thing::*;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PAGE: &str = "<!doctype html><html><head><title>{country:default(here)}</title></head>\
    <body><p>{sub1}</p><a href=\"/click?clickid={clickid}\">On</a></body></html>";
const STYLE: &str =
    "body { color: red } body { color: red } body { color: red } body { color: red }";

/// `quiz` of the first workspace, on `go.example`; an archived one; `other.example` is of the second workspace.
fn with_landers(rig: &Rig, page: &str) -> Things {
    let files = [
        ("index.html", page.as_bytes()),
        ("a/style.css", STYLE.as_bytes()),
        ("a/index.html", b"<p>a"),
        ("video.mp4", b"0123456789"),
        ("large.png", &[7; 1 << 20]),
    ];
    let kept =
        files.map(|(path, content)| (path.to_owned(), rig.bundles.keep_file(content).unwrap()));
    let bundle = rig.bundles.keep_listing(&Listing::from(kept)).unwrap();
    let lander = |url: &str| Lander { url: url.into(), offers: 1, bundle: Some(bundle) };
    let domain = |host: &str| Domain {
        host: host.parse().unwrap(),
        scheme: Scheme::Https,
        root: DomainAnswer::default(),
        not_found: DomainAnswer { campaign: Some(1), ..DomainAnswer::default() },
    };
    Things {
        landers: vec![
            thing(1, lander("https://go.example/l/quiz/?c={country}")),
            Thing { archived: true, ..thing(2, lander("https://go.example/l/old/")) },
        ],
        domains: vec![
            thing(1, domain("go.example")),
            thing(2, domain("spare.example")),
            Thing { workspace: 2, ..thing(3, domain("other.example")) },
        ],
        ..things()
    }
}

fn rig() -> Rig {
    let config = Config { public_host: "track.example".into(), ..Config::default() };
    let rig = Rig::with(config, things());
    rig.table.store(Arc::new(RoutingTable::new(&with_landers(&rig, PAGE))));
    rig
}

async fn at(rig: &Rig, host: &str, uri: &str) -> Reply {
    rig.send(Ask::get(uri).with("host", host)).await
}

fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_is_filled_for_the_click_that_led_to_it_and_has_the_script() {
    let rig = rig();
    let click = at(&rig, "go.example", "/c/page?sub1=%3Cb%3Eshoes%22").await;
    let location = location(&click);
    let path = location.strip_prefix("https://go.example").unwrap();
    assert!(path.starts_with("/l/quiz/?c=GB&clickid=ct_"), "{path}");
    let reply = at(&rig, "go.example", path).await;
    assert_eq!(
        (reply.status().as_u16(), header(&reply, "x-content-type-options")),
        (200, "nosniff")
    );
    assert_eq!(header(&reply, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&reply, "cache-control"), "private, no-cache");
    let page = body(&reply);
    let id = location.rsplit("clickid=").next().unwrap();
    for part in [
        "<title>GB</title>",
        "<p>&#60;b&#62;shoes&#34;</p>",
        &format!("href=\"/click?clickid={id}\""),
        "<script src=\"/t.js\" data-campaign=\"page\" defer></script>",
    ] {
        assert!(page.contains(part), "`{part}` is missing in {page}");
    }
    assert_eq!(rig.records().len(), 1, "to look at it is no click");
    // The visitor's cookie knows the click too, on another domain of the workspace the URL does.
    let cookie = format!("ct_c={}", cookie(&click, "ct_c").unwrap());
    let again =
        rig.send(Ask::get("/l/quiz/").with("host", "go.example").with("cookie", &cookie)).await;
    assert!(body(&again).contains("<title>GB</title>"), "{}", body(&again));
    assert_eq!(body(&at(&rig, "spare.example", path).await), page);
}

#[tokio::test]
async fn without_a_click_tokens_are_what_they_are_by_default() {
    let rig = rig();
    for uri in ["/l/quiz/", "/l/quiz/index.html", "/l/quiz/?clickid=ct_0000000000000000000000000"] {
        let page = body(&at(&rig, "go.example", uri).await);
        assert!(page.contains("<title>here</title>") && page.contains("<p></p>"), "{uri}: {page}");
        assert!(!page.contains("<script"), "nothing to count: {page}");
    }
}

#[tokio::test]
async fn landers_are_on_domains_of_their_workspace_alone_and_never_beside_the_api() {
    let rig = rig();
    for host in ["track.example", "localhost", "127.0.0.1", "nobody.example", "other.example", ""] {
        assert_eq!(at(&rig, host, "/l/quiz/").await.status(), 404, "{host}");
        assert_eq!(at(&rig, host, "/l/quiz/a/style.css").await.status(), 404, "{host}");
    }
    rig.table.store(Arc::new(RoutingTable::new(&Things {
        domains: Vec::new(),
        ..with_landers(&rig, PAGE)
    })));
    assert_eq!(
        at(&rig, "go.example", "/l/quiz/").await.status(),
        404,
        "every host has the API now"
    );
}

#[tokio::test]
async fn what_no_lander_has_is_not_found_and_is_no_click() {
    let rig = rig();
    for uri in ["/l/", "/l/quiz/b.png", "/l/nobody/", "/l/quiz/../../c/direct", "/l/quiz/%2e%2e/x"]
    {
        assert_eq!(at(&rig, "go.example", uri).await.status(), 404, "{uri}");
    }
    assert_eq!((rig.records().len(), rig.count("no_lander_file")), (0, 5));
    let post = rig.send(Ask::post("/l/quiz/", "a=b").with("host", "go.example")).await;
    assert_eq!((post.status().as_u16(), header(&post, "allow")), (405, "GET, HEAD"));
    let slash = at(&rig, "go.example", "/l/quiz?clickid=x").await;
    assert_eq!((slash.status().as_u16(), location(&slash).as_str()), (302, "/l/quiz/?clickid=x"));
    assert_eq!(location(&at(&rig, "go.example", "/l/quiz/a").await), "/l/quiz/a/");
    assert_eq!(body(&at(&rig, "go.example", "/l/quiz/a/").await), "<p>a");
    assert_eq!(
        at(&rig, "go.example", "/l/old/").await.status(),
        200,
        "links to an archived one work"
    );
}

#[tokio::test]
async fn files_come_packed_in_parts_or_not_again() {
    let rig = rig();
    let ask = |uri: &'static str, name: &'static str, value: String| {
        let rig = &rig;
        async move {
            let mut ask = Ask::get(uri).with("host", "go.example");
            ask.headers.push((name, value.as_bytes()));
            rig.send(ask).await
        }
    };
    let packed = ask("/l/quiz/a/style.css", "accept-encoding", "gzip, br".into()).await;
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let mut text = String::new();
    GzDecoder::new(&packed.body()[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, STYLE);
    let plain = at(&rig, "go.example", "/l/quiz/a/style.css").await;
    assert_eq!(
        (body(&plain).as_str(), header(&plain, "content-type")),
        (STYLE, "text/css; charset=utf-8")
    );
    let tag = header(&plain, "etag").to_owned();
    let known = ask("/l/quiz/a/style.css", "if-none-match", tag).await;
    assert_eq!((known.status().as_u16(), known.body().len()), (304, 0));
    let part = ask("/l/quiz/video.mp4", "range", "bytes=2-4".into()).await;
    assert_eq!((part.status().as_u16(), body(&part).as_str()), (206, "234"));
    assert_eq!(header(&part, "content-range"), "bytes 2-4/10");
    let beyond = ask("/l/quiz/video.mp4", "range", "bytes=10-".into()).await;
    assert_eq!((beyond.status().as_u16(), header(&beyond, "content-range")), (416, "bytes */10"));
    let head = rig
        .send(Ask { method: "HEAD", ..Ask::get("/l/quiz/video.mp4").with("host", "go.example") });
    let head = head.await;
    assert_eq!((header(&head, "content-length"), head.body().len()), ("10", 0));
}

#[tokio::test]
async fn what_is_uploaded_is_what_the_next_visitor_sees() {
    let rig = rig();
    assert!(body(&at(&rig, "go.example", "/l/quiz/").await).contains("here"));
    rig.table.store(Arc::new(RoutingTable::new(&with_landers(&rig, "<p>second"))));
    assert_eq!(body(&at(&rig, "go.example", "/l/quiz/").await), "<p>second");
}

#[tokio::test]
async fn a_long_file_is_sent_whole_and_whoever_stops_taking_it_is_left() {
    let limits = Limits {
        idle_deadline: Duration::from_millis(100),
        send_deadline: Duration::from_secs(2),
        ..Limits::default()
    };
    let rig = Rig::with(Config { limits, ..Config::default() }, things());
    rig.table.store(Arc::new(RoutingTable::new(&with_landers(&rig, PAGE))));
    // Larger than what the buffers between the two ends hold.
    let large = vec![9; 16 << 20];
    let kept = rig.bundles.keep_file(&large).unwrap();
    let bundle = rig.bundles.keep_listing(&Listing::from([("v.mp4".to_owned(), kept)])).unwrap();
    let mut things = with_landers(&rig, PAGE);
    things.landers[0].body.bundle = Some(bundle);
    rig.table.store(Arc::new(RoutingTable::new(&things)));
    let served = served_with(rig).await;
    let ask = "GET /l/quiz/v.mp4 HTTP/1.1\r\nhost: go.example\r\nconnection: close\r\n\r\n";
    let (mut whole, mut answer) = (TcpStream::connect(served.address).await.unwrap(), Vec::new());
    whole.write_all(ask.as_bytes()).await.unwrap();
    whole.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(&large), "{} bytes", answer.len());
    let mut stalled = TcpStream::connect(served.address).await.unwrap();
    stalled.write_all(ask.as_bytes()).await.unwrap();
    served.until_count("send_timeout", 1).await;
}
