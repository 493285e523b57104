//! The browser, or the app whose built-in browser it is.

use std::borrow::Cow;

use ua_parser::user_agent::{Parser, ValueRef};

use crate::hints::{Brand, Hints};
use crate::lists::{self, Names};

/// What uap-core does not know or knows too late.
const BROWSERS: &str = include_str!("../data/browsers.txt");

/// Names of uap-core and of client hints, and what we call the same thing.
const NAMES: &str = include_str!("../data/browser_names.txt");

/// Android apps by the package name in `X-Requested-With`.
const PACKAGES: &str = include_str!("../data/packages.txt");

/// Our list as expressions for the extractor.
pub fn parsers() -> Vec<Parser<'static>> {
    lists::pairs(BROWSERS)
        .map(|(name, expression)| {
            // Without a place for the version the expression names a product token: `Name/1.2.3`.
            let token = if expression.contains("{v}") {
                expression.to_owned()
            } else {
                format!("(?:{expression})/{{v}}")
            };
            let version = lists::with_version(&token);
            // The extractor wants the name in the first group and the version in the second.
            let name_group = if name.contains("$1") { "" } else { "()" };
            Parser {
                regex: Cow::Owned(format!("{name_group}(?:^|[^A-Za-z0-9])(?:{version})")),
                family_replacement: Some(Cow::Borrowed(name)),
                ..Parser::default()
            }
        })
        .collect()
}

/// Names browsers.
pub struct Browsers {
    names: Names,
    packages: Names,
}

impl Browsers {
    /// Reads the embedded lists.
    pub fn load() -> Self {
        Self { names: lists::names(NAMES), packages: lists::names(PACKAGES) }
    }

    /// Name and version of the browser.
    pub fn read(
        &self,
        found: Option<ValueRef<'_>>,
        user_agent: &str,
        os: &str,
        hints: &Hints<'_>,
    ) -> (String, String) {
        let (name, version) = found.map_or_else(Default::default, |found| {
            let parts = [found.major, found.minor, found.patch, found.patch_minor];
            (self.canonical(&found.family).to_owned(), version(&parts))
        });
        let app = hints.requested_with.and_then(|package| self.packages.get(package));
        if let Some(app) = app.filter(|_| is_generic(&name)) {
            return ((*app).to_owned(), String::new());
        }
        // Chromium freezes all but the first part (`130.0.0.0`).
        let version = version.strip_suffix(".0.0.0").map_or(version.clone(), str::to_owned);
        if let Some((app, version)) = app_at_start(user_agent, os).filter(|_| is_generic(&name)) {
            return (app.to_owned(), version.to_owned());
        }
        match hints.brand() {
            Some(brand) => self.merge(name, version, &brand),
            None => (name, version),
        }
    }

    /// The hint names the browser where the user agent only names the engine, and has the full
    /// version where the user agent is frozen to `x.0.0.0`.
    fn merge(&self, name: String, version: String, brand: &Brand<'_>) -> (String, String) {
        let hinted = self.canonical(brand.name);
        if hinted == name {
            let fuller = brand.version.len() > version.len() && !brand.version.ends_with(".0.0.0");
            return (name, if fuller { brand.version.to_owned() } else { version });
        }
        let engine_only = matches!(brand.name, "Chromium" | "Google Chrome" | "Android WebView");
        if name.is_empty() || (is_generic(&name) && !engine_only) {
            return (hinted.to_owned(), brand.version.to_owned());
        }
        (name, version)
    }

    /// Our name for a browser.
    fn canonical<'a>(&self, name: &'a str) -> &'a str {
        self.names.get(name).copied().unwrap_or(name)
    }
}

/// Whether a name says no more than which engine draws the page.
fn is_generic(name: &str) -> bool {
    matches!(name, "" | "Chrome" | "Chrome WebView" | "Chromium" | "Android Browser" | "Safari")
}

/// An app that is no browser puts its own name first: `Name/1.2 (iPhone; iOS 17.1)`. Old phones put
/// their model there.
fn app_at_start<'a>(user_agent: &'a str, os: &str) -> Option<(&'a str, &'a str)> {
    const SYSTEMS: [&str; 7] = ["Android", "iOS", "macOS", "Windows", "Linux", "tvOS", "watchOS"];
    const NO_APPS: [&str; 5] = ["mozilla", "opera", "dalvik", "ucweb", "linux upnp"];
    let (name, rest) = user_agent.split_once('/')?;
    let app = (2..=32).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .+!&'-_".contains(&byte));
    let lower = name.to_ascii_lowercase();
    if !app
        || !SYSTEMS.contains(&os)
        || NO_APPS.contains(&lower.as_str())
        || lower.ends_with("network")
    {
        return None;
    }
    if user_agent.contains("Mozilla/") {
        return None;
    }
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    Some((name, rest.get(..end).unwrap_or("").trim_end_matches('.')))
}

/// The parts of a version with dots between.
pub fn version(parts: &[Option<&str>]) -> String {
    let known: Vec<&str> = parts.iter().map_while(|part| *part).collect();
    known.join(".").replace('_', ".").trim_end_matches('.').to_owned()
}
