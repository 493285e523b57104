//! The operating system and its version, where the browser tells it truly.

use std::borrow::Cow;

use ua_parser::os::{Parser, ValueRef};

use crate::browser::version;
use crate::hints::Hints;
use crate::lists::{self, Names};

/// What uap-core does not know or takes for another system.
const SYSTEMS: &str = include_str!("../data/systems.txt");

/// Names of uap-core and of client hints, and what we call the same thing.
const NAMES: &str = include_str!("../data/system_names.txt");

/// A section of our list as expressions for the extractor.
pub fn parsers(section: &str) -> Vec<Parser<'static>> {
    lists::section(SYSTEMS, section)
        .filter_map(lists::pair)
        .map(|(name, expression)| Parser {
            regex: Cow::Owned(format!("(?:{})", lists::with_version(expression))),
            os_replacement: Some(Cow::Borrowed(name)),
            os_v1_replacement: expression.contains("{v}").then_some(Cow::Borrowed("$1")),
            ..Parser::default()
        })
        .collect()
}

/// Names operating systems.
pub struct Systems {
    names: Names,
}

impl Systems {
    /// Reads the embedded list.
    pub fn load() -> Self {
        Self { names: lists::names(NAMES) }
    }

    /// Name and version of the operating system.
    pub fn read(
        &self,
        found: Option<ValueRef<'_>>,
        user_agent: &str,
        hints: &Hints<'_>,
    ) -> (String, String) {
        let (name, version) = found.map_or_else(Default::default, |found| {
            let parts = [found.major, found.minor, found.patch, found.patch_minor];
            let parts = parts.each_ref().map(Option::as_deref);
            (self.canonical(&found.os).to_owned(), version(&parts))
        });
        let version = unfrozen(&name, version, user_agent);
        self.hinted(name, version, hints)
    }

    /// Client hints are not frozen: their platform stands in for a name that the user agent lacks,
    /// and their version goes before its version when both mean the same system.
    fn hinted(&self, name: String, version: String, hints: &Hints<'_>) -> (String, String) {
        let platform = hints.platform().map_or(name.as_str(), |platform| self.canonical(platform));
        if platform != name && !name.is_empty() && !desktop_mode(platform, &name) {
            return (name, version);
        }
        let known = if platform == name { version } else { String::new() };
        let version = match hints.platform_version() {
            Some(fresh) => hinted_version(platform, fresh, known),
            None => known,
        };
        (platform.to_owned(), version)
    }

    /// Our name for a system.
    fn canonical<'a>(&self, name: &'a str) -> &'a str {
        self.names.get(name).copied().unwrap_or(name)
    }
}

/// The version, unless it is one that browsers freeze.
fn unfrozen(name: &str, version: String, user_agent: &str) -> String {
    match name {
        // Chrome's reduced user agent says `Android 10; K` on every phone.
        "Android" if user_agent.contains("Android 10; K)") => String::new(),
        // Chrome, Safari and Edge stopped at 10_15_7, Firefox at 10.15.
        "macOS" if matches!(version.as_str(), "10.15.7" | "10.15") => String::new(),
        // From iOS 26 on Safari says `18_x`; the system's version is that of Safari.
        "iOS" => safari_version(user_agent).unwrap_or(version),
        _ => version,
    }
}

/// Safari's version where it is 26 or more: from then on it is the system's.
fn safari_version(user_agent: &str) -> Option<String> {
    let (_, rest) = user_agent.split_once("Version/")?;
    let version = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let major: u32 = version.split('.').next()?.parse().ok()?;
    (26..100).contains(&major).then(|| version.to_owned())
}

/// A phone's browser asks for the page for computers by naming Linux or macOS as its system.
fn desktop_mode(platform: &str, name: &str) -> bool {
    matches!(platform, "Android" | "iOS") && matches!(name, "Linux" | "macOS" | "Windows")
}

/// The version a hint means: Windows numbers its releases otherwise than it names them
/// (learn.microsoft.com, "Detect Windows 11 using User-Agent Client Hints").
fn hinted_version(platform: &str, fresh: &str, known: String) -> String {
    if platform != "Windows" {
        let mut short = fresh;
        while let Some(shorter) = short.strip_suffix(".0") {
            short = shorter;
        }
        return if short == "0" { known } else { short.to_owned() };
    }
    let mut parts = fresh.split('.');
    let major: u32 = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
    match (major, parts.next()) {
        (13.., _) => "11".to_owned(),
        (1..=12, _) => "10".to_owned(),
        (0, Some("1")) => "7".to_owned(),
        (0, Some("2")) => "8".to_owned(),
        (0, Some("3")) => "8.1".to_owned(),
        _ => known,
    }
}
