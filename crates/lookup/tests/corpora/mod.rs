//! Public collections of user agents, fetched by `scripts/corpora.sh` and read at test time.
#![allow(dead_code, reason = "every test program uses its own part")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use lookup::Hints;
use serde_yaml_ng::Value;

/// A folder of a collection.
pub fn folder(name: &str) -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let home = || variable("HOME").unwrap_or_default().join(".cache/clicktrail");
    let cache = || variable("CLICKTRAIL_CACHE").unwrap_or_else(home);
    let corpora = variable("CLICKTRAIL_CORPORA").unwrap_or_else(|| cache().join("corpora"));
    let folder = corpora.join(name);
    assert!(folder.is_dir(), "{} is missing: run scripts/corpora.sh", folder.display());
    folder
}

/// One labelled user agent of Matomo's fixtures.
pub struct Case {
    /// The user agent.
    pub user_agent: String,
    /// Client hints by header name in lower case.
    headers: HashMap<String, String>,
    /// `device.type`.
    pub device: Option<String>,
    /// `os.name`.
    pub os: Option<String>,
    /// `client.type` and `client.name`.
    pub client: Option<(String, String)>,
    /// Whether it is a robot's.
    pub bot: bool,
}

impl Case {
    /// The hints of the case.
    pub fn hints(&self) -> Hints<'_> {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        Hints {
            ua: header("sec-ch-ua"),
            mobile: header("sec-ch-ua-mobile"),
            platform: header("sec-ch-ua-platform"),
            platform_version: header("sec-ch-ua-platform-version"),
            model: header("sec-ch-ua-model"),
            full_version_list: header("sec-ch-ua-full-version-list"),
            form_factors: header("sec-ch-ua-form-factors"),
            requested_with: header("x-requested-with"),
        }
    }
}

/// Every case of every fixture file of Matomo.
pub fn matomo() -> Vec<Case> {
    let folder = folder("device-detector-6.5.1/device_detector/tests/fixtures/upstream");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|e| e == "yml")).collect();
    files.sort();
    files.iter().flat_map(|path| yaml(path)).map(|case| matomo_case(&case)).collect()
}

/// The elements of a YAML file that is a list.
pub fn yaml(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let parsed: Value = serde_yaml_ng::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    parsed.as_sequence().unwrap().clone()
}

fn matomo_case(case: &Value) -> Case {
    let inner = |outer: &str, key: &str| text(&case[outer][key]).filter(|name| !name.is_empty());
    let headers = case["headers"].as_mapping().into_iter().flatten();
    Case {
        user_agent: text(&case["user_agent"]).unwrap_or_default(),
        headers: headers.filter_map(|(name, value)| header(&text(name)?, value)).collect(),
        device: inner("device", "type"),
        os: inner("os", "name"),
        client: inner("client", "type").zip(inner("client", "name")),
        bot: !case["bot"].is_null(),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Some cases have the answers of the JavaScript interface, which are the same facts in other clothes.
fn header(name: &str, value: &Value) -> Option<(String, String)> {
    let lower = name.to_ascii_lowercase();
    let renamed = match name {
        "brands" => "sec-ch-ua",
        "fullVersionList" => "sec-ch-ua-full-version-list",
        "platform" => "sec-ch-ua-platform",
        "platformVersion" => "sec-ch-ua-platform-version",
        "model" => "sec-ch-ua-model",
        "mobile" => "sec-ch-ua-mobile",
        _ => lower.strip_prefix("http-").unwrap_or(&lower),
    };
    let value = match (value, text(value)) {
        (Value::Sequence(brands), _) => brands
            .iter()
            .map(|brand| {
                format!(
                    "{:?};v={:?}",
                    text(&brand["brand"]).unwrap(),
                    text(&brand["version"]).unwrap()
                )
            })
            .collect::<Vec<_>>()
            .join(", "),
        (_, Some(flag)) if name == "mobile" => {
            if flag == "true" || flag == "1" { "?1" } else { "?0" }.to_owned()
        }
        (_, value) => value?,
    };
    Some((renamed.to_owned(), value))
}

/// What people browse with, and its weight; the weights add up to one.
pub fn npm_user_agents() -> Vec<(String, f64)> {
    let path = folder("user-agents-2.1.198/package/dist").join("user-agents.json");
    let parsed: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let entry = |entry: &serde_json::Value| {
        (entry["userAgent"].as_str().unwrap().to_owned(), entry["weight"].as_f64().unwrap())
    };
    parsed.as_array().unwrap().iter().map(entry).collect()
}

/// Sample user agents of robots, with the pattern they belong to.
pub fn crawlers() -> Vec<(String, String)> {
    let path =
        folder("crawler-user-agents-1.67.0/crawleruseragents").join("crawler-user-agents.json");
    let parsed: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut samples = Vec::new();
    for entry in parsed.as_array().unwrap() {
        let pattern = entry["pattern"].as_str().unwrap();
        for instance in entry["instances"].as_array().unwrap() {
            samples.push((pattern.to_owned(), instance.as_str().unwrap().to_owned()));
        }
    }
    samples
}

/// A file of uap-core's tests, which come with the sources of the crate `ua-parser`.
pub fn uap_core(file: &str) -> Vec<Value> {
    let output = std::process::Command::new(std::env::var_os("CARGO").unwrap())
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "ua-parser").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let path = manifest.with_file_name("uap-core").join(file);
    let parsed: Value = serde_yaml_ng::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    parsed["test_cases"].as_sequence().unwrap().clone()
}
