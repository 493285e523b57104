//! Browsers and programs: embedded lists of user agents, with the headers that go with each.

use super::random::Shares;
use super::scenario::Factors;
use anyhow::Context;
use http::HeaderValue;
use http::header::{self, HeaderName};

/// Weight, device, system, app, user agent.
const BROWSERS: &str = include_str!("../../data/demo_agents.tsv");

/// Weight, `bot` or `preview`, user agent.
const PROGRAMS: &str = include_str!("../../data/demo_bots.tsv");

/// A browser.
#[derive(Clone, Debug)]
pub struct Browser {
    weight: f64,
    /// `phone`, `tablet` or `desktop`.
    pub device: &'static str,
    /// `ios`, `android`, `windows`, `macos`, `linux` or `chromeos`.
    pub system: &'static str,
    app: &'static str,
    pub user_agent: HeaderValue,
    /// Client hints of every request (Chromium only, WICG "User-Agent Client Hints").
    pub hints: Vec<(HeaderName, HeaderValue)>,
    /// Further hints of those who were asked for them on an earlier visit.
    pub asked_hints: Vec<(HeaderName, HeaderValue)>,
}

/// A program that follows links.
#[derive(Clone, Debug)]
pub struct Program {
    pub user_agent: HeaderValue,
    /// Whether it looks on behalf of a person, who may yet come.
    pub is_preview: bool,
}

/// All browsers.
///
/// # Errors
/// When the embedded list does not fit, which a test rules out.
pub fn browsers() -> anyhow::Result<Vec<Browser>> {
    rows(BROWSERS).map(|row| browser(row).with_context(|| format!("user agent `{row}`"))).collect()
}

/// All programs, and how common each is.
///
/// # Errors
/// As [`browsers`].
pub fn programs() -> anyhow::Result<(Vec<Program>, Shares)> {
    let (mut programs, mut weights) = (Vec::new(), Vec::<f64>::new());
    for row in rows(PROGRAMS) {
        let mut cells = row.splitn(3, '\t');
        let mut cell = || cells.next().with_context(|| format!("user agent `{row}`"));
        weights.push(cell()?.parse()?);
        let is_preview = cell()? == "preview";
        programs.push(Program { is_preview, user_agent: HeaderValue::from_str(cell()?)? });
    }
    Ok((programs, Shares::new(weights)))
}

/// How common each browser is among visitors, by factors of devices, apps and of iPhones.
pub fn shares(browsers: &[Browser], devices: &Factors, apps: &Factors, ios: f64) -> Shares {
    let factor = |factors: &Factors, word: &str| factors.get(word).copied().unwrap_or_default();
    Shares::new(browsers.iter().map(|browser| {
        let system = if browser.system == "ios" { ios } else { 1.0 };
        browser.weight * factor(devices, browser.device) * factor(apps, browser.app) * system
    }))
}

/// The lines of a list that are no comments.
fn rows(list: &'static str) -> impl Iterator<Item = &'static str> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn browser(row: &'static str) -> anyhow::Result<Browser> {
    let mut cells = row.splitn(5, '\t');
    let mut cell = || cells.next().context("too few cells");
    let weight = cell()?.parse()?;
    let (device, system, app, text) = (cell()?, cell()?, cell()?, cell()?);
    let user_agent = HeaderValue::from_str(text)?;
    let (hints, asked_hints) = hints(text, device, system)?;
    Ok(Browser { weight, device, system, app, user_agent, hints, asked_hints })
}

type Hints = Vec<(HeaderName, HeaderValue)>;

/// What Chromium sends beside its user agent; nothing for others, and on iOS there is no Chromium.
fn hints(user_agent: &str, device: &str, system: &str) -> anyhow::Result<(Hints, Hints)> {
    let version = user_agent.split_once("Chrome/").and_then(|(_, rest)| rest.split('.').next());
    let Some(version) = version.filter(|_| system != "ios") else {
        return Ok((Vec::new(), Vec::new()));
    };
    let brand = if user_agent.contains("; wv)") {
        "Android WebView"
    } else if user_agent.contains("Edg") {
        "Microsoft Edge"
    } else if user_agent.contains("OPR/") {
        "Opera"
    } else if user_agent.contains("SamsungBrowser") {
        "Samsung Internet"
    } else {
        "Google Chrome"
    };
    let (platform, platform_version) = match system {
        "windows" => ("Windows", "15.0.0"),
        "macos" => ("macOS", "15.6.0"),
        "android" => ("Android", "15.0.0"),
        "chromeos" => ("Chrome OS", "16093.0.0"),
        _ => ("Linux", "6.8.0"),
    };
    let brands = format!(
        "\"Chromium\";v=\"{version}\", \"{brand}\";v=\"{version}\", \"Not?A_Brand\";v=\"24\""
    );
    let mobile = if device == "phone" { "?1" } else { "?0" };
    let hint = |name: &'static str, value: &str| {
        anyhow::Ok((HeaderName::from_static(name), HeaderValue::from_str(value)?))
    };
    let always = vec![
        hint("sec-ch-ua", &brands)?,
        hint("sec-ch-ua-mobile", mobile)?,
        hint("sec-ch-ua-platform", &format!("\"{platform}\""))?,
    ];
    Ok((always, vec![hint("sec-ch-ua-platform-version", &format!("\"{platform_version}\""))?]))
}

/// Headers of a visit by a browser; the referrer, the cookie and hints that were asked for come on top.
pub fn headers_of(browser: &Browser, language: &HeaderValue) -> http::HeaderMap {
    let mut headers = http::HeaderMap::with_capacity(16);
    headers.insert(header::USER_AGENT, browser.user_agent.clone());
    headers.insert(header::ACCEPT_LANGUAGE, language.clone());
    headers.insert("sec-fetch-mode", HeaderValue::from_static("navigate"));
    headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
    headers.extend(browser.hints.iter().cloned());
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookup::{Agents, Verdict};

    fn text(value: &HeaderValue) -> &str {
        value.to_str().unwrap()
    }

    fn verdict(agents: &Agents, user_agent: &HeaderValue) -> Verdict {
        agents.read(text(user_agent), &lookup::Hints::default()).verdict
    }

    #[test]
    fn every_browser_is_a_person_on_the_device_that_the_list_says() {
        let (agents, browsers) = (Agents::load().unwrap(), browsers().unwrap());
        assert!(browsers.len() >= 300, "{}", browsers.len());
        for browser in browsers {
            let agent = agents.read(text(&browser.user_agent), &lookup::Hints::default());
            assert_eq!(agent.verdict, Verdict::Human, "{}", text(&browser.user_agent));
            assert_eq!(agent.device.as_str(), browser.device, "{}", text(&browser.user_agent));
        }
    }

    #[test]
    fn every_program_is_known_as_what_the_list_says() {
        let (agents, (programs, _)) = (Agents::load().unwrap(), programs().unwrap());
        for program in programs {
            let found = matches!(verdict(&agents, &program.user_agent), Verdict::Preview(_));
            assert_ne!(
                verdict(&agents, &program.user_agent),
                Verdict::Human,
                "{}",
                text(&program.user_agent)
            );
            assert_eq!(found, program.is_preview, "{}", text(&program.user_agent));
        }
    }

    #[test]
    fn factors_decide_which_browsers_come() {
        let browsers = browsers().unwrap();
        let devices = Factors::from([("phone".to_owned(), 1.0)]);
        let apps = Factors::from([("tiktok".to_owned(), 1.0)]);
        let shares = shares(&browsers, &devices, &apps, 0.0);
        let mut random = super::super::random::Random::of(1, 1, 1);
        for _ in 0..1000 {
            let browser = &browsers[shares.draw(&mut random)];
            assert_eq!(
                (browser.device, browser.system, browser.app),
                ("phone", "android", "tiktok")
            );
        }
    }

    #[test]
    fn only_chromium_sends_hints() {
        for browser in browsers().unwrap() {
            let is_chromium =
                text(&browser.user_agent).contains("Chrome/") && browser.system != "ios";
            assert_eq!(
                browser.hints.len(),
                if is_chromium { 3 } else { 0 },
                "{}",
                text(&browser.user_agent)
            );
        }
    }
}
