//! Hosted landers on a real server: uploaded by the command, served on their domain, changed, taken back.

use crate::browser::{chromium, node};
use crate::harness::{Answer, Server};
use crate::page_script::certificate;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LOGO: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>"#;

const URL: &str = "http://go.localhost/l/quiz/";

/// Values of the click in every kind of place.
const HOSTED_PAGE: &str = r#"<!doctype html><html><head><meta charset="utf-8"><title>{sub1}</title>
<link rel=stylesheet href=style.css><script>var sub = "{sub1}"; var code = '{' + 'sub2' + '}'; var one = {sub2: 1};</script></head>
<body><p id=text data-sub={sub1} onclick="window.harm = '{sub1}'">{sub1}</p><img src="img/logo.svg" alt="">
<a id=address href="{sub2}">Address</a> <a id=second href="second.html">Second</a>
<a id=out href="/click?clickid={clickid}">On</a></body></html>"#;

/// A request of a visitor by the name of the domain.
fn visit(server: &Server, host: &str, path: &str) -> Answer {
    let headers = [
        ("host", host),
        (
            "user-agent",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
        ("accept-language", "en"),
    ];
    server.request("GET", path, &headers, "")
}

fn with_domain() -> Server {
    let server = Server::start();
    server.create("/domains", json!({"name": "Go", "host": "go.localhost", "scheme": "http"}));
    server
}

/// A folder with a page of this text.
fn folder(server: &Server, name: &str, page: &str) -> String {
    let folder: PathBuf = server.data.path().join(name);
    fs::create_dir_all(folder.join("img")).unwrap();
    fs::write(folder.join("index.html"), page).unwrap();
    fs::write(folder.join("img/logo.svg"), LOGO).unwrap();
    fs::write(folder.join("notes.md"), "mine").unwrap();
    fs::write(folder.join(".secret"), "key").unwrap();
    folder.to_str().unwrap().to_owned()
}

fn archive(server: &Server, name: &str, files: &[(&str, &[u8])]) -> String {
    let path = server.data.path().join(name);
    let mut archive = ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, content) in files {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap();
    path.to_str().unwrap().to_owned()
}

/// What a command that must fail complains of.
fn complaint(server: &Server, arguments: &[&str]) -> String {
    let output = server.command(arguments).output().unwrap();
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The lander `Quiz`.
fn lander(server: &Server) -> Value {
    let landers = server.get("/landers").json()["items"].clone();
    landers.as_array().unwrap().iter().find(|lander| lander["name"] == "Quiz").unwrap().clone()
}

/// The campaign `quiz`: by the lander to an offer.
fn campaign(server: &Server, offer_url: &str) {
    let offer = server.create("/offers", json!({"name": "o", "url": offer_url}));
    let path = json!({"landers": [{"lander": lander(server)["id"]}], "offers": [{"offer": offer}]});
    let flow = server.create("/flows", json!({"name": "f", "default": [path]}));
    server.create("/campaigns", json!({"name": "quiz", "key": "quiz", "flow": flow}));
}

fn bundle(server: &Server, lander: u64) -> Value {
    server.get(&format!("/landers/{lander}")).json()["bundle"].clone()
}

#[test]
fn a_folder_is_served_to_visitors_of_its_campaign_and_survives_a_crash() {
    let mut server = with_domain();
    let page = "<html><head><title>{country:default(your country)}</title></head><p>{sub1}<a href=/click?clickid={clickid}>On</a>";
    let files = folder(&server, "quiz", page);
    let told = server.run(&["lander", "upload", &files, "Quiz", "--url", URL]);
    for part in [
        "index.html  {clickid} {country:default(your country)} {sub1}",
        "2 files, ",
        "left out notes.md",
        URL,
    ] {
        assert!(told.contains(part), "`{part}` is missing in:\n{told}");
    }
    assert!(!told.contains(".secret"), "{told}");
    campaign(&server, "https://offer.example/?s={clickid}");
    server.kill();
    server.launch();
    let click = visit(&server, "go.localhost", "/c/quiz?sub1=shoes");
    let to = click.header("location");
    assert!(to.starts_with("http://go.localhost/l/quiz/?clickid=ct_"), "{to}");
    let id = click.location_param("clickid");
    let shown = visit(&server, "go.localhost", to.strip_prefix("http://go.localhost").unwrap());
    assert_eq!(shown.status, 200, "{shown:?}");
    for part in [
        "<title>your country</title>",
        "<p>shoes<a",
        "<script src=\"/t.js\" data-campaign=\"quiz\" defer>",
    ] {
        assert!(shown.body.contains(part), "`{part}` is missing in {}", shown.body);
    }
    let on = visit(&server, "go.localhost", &format!("/click?clickid={id}"));
    assert_eq!(on.header("location"), format!("https://offer.example/?s={id}"));
    assert_eq!(
        visit(&server, "go.localhost", "/l/quiz/img/logo.svg").header("content-type"),
        "image/svg+xml"
    );
    for (host, path) in [
        ("localhost", "/l/quiz/"),
        ("127.0.0.1", "/l/quiz/img/logo.svg"),
        ("go.localhost", "/l/quiz/.secret"),
    ] {
        assert_eq!(visit(&server, host, path).status, 404, "{host}{path}");
    }
    assert_eq!(
        server.totals(&["clicks", "lander_clicks"]),
        json!({"clicks": 1, "lander_clicks": 1})
    );
}

#[test]
fn a_browser_sees_the_values_of_its_click_and_runs_none_of_them() {
    let server = Server::start();
    server.create("/domains", json!({"name": "T", "host": "t.shop.test"}));
    let folder = folder(&server, "quiz", HOSTED_PAGE);
    let second = "<p>Second</p><a id=out href=/click>On</a>";
    fs::write(format!("{folder}/second.html"), second).unwrap();
    fs::write(format!("{folder}/style.css"), "#text { color: rgb(1, 2, 3) }").unwrap();
    server.run(&["lander", "upload", &folder, "Quiz", "--url", "https://t.shop.test/l/quiz/"]);
    campaign(&server, "https://offer.test/buy?s={clickid}");
    let [cert, key, hash] = certificate(server.data.path());
    let (tracker, chromium) = (format!("http://{}", server.address), chromium());
    let chromium = chromium.to_str().unwrap();
    let saw = node("hosted.mjs", &[&tracker, chromium, &cert, &key, &hash]);
    assert_eq!((&saw["harm"], &saw["errors"]), (&Value::Null, &json!([])), "{saw:#}");
    let shown = &saw["shown"];
    for place in ["text", "attribute", "string"] {
        assert_eq!(shown[place], saw["hostile"], "{place}: {saw:#}");
    }
    assert_eq!(shown["address"], "javascript%3Awindow.harm%3D1", "{saw:#}");
    assert_eq!(shown["code"], "{sub2}", "code keeps its braces: {saw:#}");
    assert_eq!(
        (&shown["color"], &shown["picture"]),
        (&json!("rgb(1, 2, 3)"), &json!(8)),
        "{saw:#}"
    );
    assert_eq!(shown["scripts"], json!(["https://t.shop.test/t.js"]), "{saw:#}");
    assert_eq!((&saw["second"], &saw["offer"]), (&saw["id"], &saw["id"]), "{saw:#}");
    assert!(saw["quietly"].as_str().unwrap().starts_with("ct_"), "{saw:#}");
    let totals = server.totals(&["clicks", "lander_views", "lander_clicks"]);
    assert_eq!(totals, json!({"clicks": 2, "lander_views": 2, "lander_clicks": 2}), "{saw:#}");
}

#[test]
fn new_files_are_a_new_revision_that_can_be_taken_back() {
    let mut server = with_domain();
    server.run(&["lander", "upload", &folder(&server, "a", "<p>first"), "Quiz", "--url", URL]);
    let lander = lander(&server);
    let (id, first) = (lander["id"].as_u64().unwrap(), lander["bundle"].clone());
    server.run(&["lander", "upload", &folder(&server, "b", "<p>second"), "Quiz"]);
    assert_eq!(visit(&server, "go.localhost", "/l/quiz/").body, "<p>second");
    assert_ne!(bundle(&server, id), first);
    let restored =
        server.post(&format!("/landers/{id}/restore"), &json!({"revision": lander["revision"]}));
    assert_eq!(restored.status, 200, "{restored:?}");
    assert_eq!(visit(&server, "go.localhost", "/l/quiz/").body, "<p>first");
    // What comes back is what went up.
    let back = server.data.path().join("back.zip");
    server.run(&["lander", "download", "Quiz", back.to_str().unwrap()]);
    server.run(&["lander", "upload", back.to_str().unwrap(), &id.to_string()]);
    assert_eq!(bundle(&server, id), first);
    assert!(server.run(&["lander", "files", "Quiz"]).contains("img/logo.svg"));
    let taken = complaint(&server, &["lander", "download", "Quiz", back.to_str().unwrap()]);
    assert!(taken.contains("back.zip"), "nothing is overwritten: {taken}");
    // What the disk made of it is noticed.
    server.stop();
    assert!(server.run(&["check"]).contains("2 files of 1 read"));
    let content = fs::read_dir(server.data.path().join("bundles")).unwrap();
    let mut contents = content.map(|entry| entry.unwrap().path());
    let logo = contents.find(|path| fs::read(path).unwrap() == LOGO.as_bytes()).unwrap();
    fs::write(logo, LOGO.replace('8', "9")).unwrap();
    let output = server.command(&["check"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("img/logo.svg cannot be read") && !output.status.success(), "{told}");
}

#[test]
fn a_hosted_lander_needs_files_a_domain_and_a_folder_of_its_own() {
    let server = with_domain();
    let files = folder(&server, "quiz", "<p>quiz");
    for (url, part) in [
        ("https://elsewhere.example/l/quiz/", "expected one of go.localhost"),
        ("http://localhost/l/quiz/", "`localhost` is none"),
        ("http://go.localhost/quiz/", "/l/NAME/"),
    ] {
        let told = complaint(&server, &["lander", "upload", &files, "Quiz", "--url", url]);
        assert!(told.contains(part), "{url}: {told}");
    }
    assert!(complaint(&server, &["lander", "upload", &files, "Quiz"]).contains("--url"));
    server.run(&["lander", "upload", &files, "Quiz", "--url", URL]);
    let told = complaint(&server, &["lander", "upload", &files, "Other", "--url", URL]);
    assert!(told.contains("the folder `quiz` is that of the lander `Quiz`"), "{told}");
    let unknown = "0".repeat(64);
    let lander = json!({"name": "n", "url": "http://go.localhost/l/n/", "bundle": unknown});
    let refused = server.post("/landers", &lander);
    assert_eq!((refused.status, &refused.json()["field"]), (422, &json!("bundle")), "{refused:?}");
    let key = format!("Bearer {}", crate::harness::TOKEN);
    let domain = server.get("/domains").json()["items"][0]["id"].clone();
    let archived = server.request(
        "DELETE",
        &format!("/api/v1/domains/{domain}"),
        &[("authorization", &key)],
        "",
    );
    assert!(
        archived.status == 422 && archived.body.contains("the hosted lander `Quiz`"),
        "{archived:?}"
    );
}

#[test]
fn archives_that_mean_harm_are_refused_and_leave_nothing() {
    let server = with_domain();
    let zeros = vec![0; 33 << 20];
    for (name, files, part) in [
        ("out.zip", &[("index.html", &b""[..]), ("../../key.html", b"x")][..], "../../key.html"),
        ("bomb.zip", &[("index.html", b""), ("a.txt", &zeros), ("b.txt", &zeros)], "64 MiB"),
        ("code.zip", &[("index.html", b""), ("send.php", b"<?php")], "send.php"),
        ("empty.zip", &[("notes.md", b"")], "index.html"),
    ] {
        let file = archive(&server, name, files);
        let told = complaint(&server, &["lander", "upload", &file, "Quiz", "--url", URL]);
        assert!(told.contains(part), "{name}: {told}");
    }
    let no_archive = folder(&server, "quiz", "<p>") + "/index.html";
    let told = complaint(&server, &["lander", "upload", &no_archive, "Quiz", "--url", URL]);
    assert!(told.contains("ZIP"), "{told}");
    assert!(!server.data.path().join("bundles").exists(), "nothing was written");
    assert!(!server.data.path().join("../key.html").exists());
    let key = format!("Bearer {}", crate::harness::TOKEN);
    let json = [("authorization", key.as_str()), ("content-type", "application/json")];
    assert_eq!(server.request("POST", "/api/v1/bundles", &json, "{}").status, 415);
    let nobody =
        server.request("POST", "/api/v1/bundles", &[("content-type", "application/zip")], "PK");
    assert_eq!(nobody.status, 401);
}
