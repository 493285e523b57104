//! How far device, system and browser agree with an independent collection of labelled user agents.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

mod corpora;

use std::collections::BTreeMap;

use corpora::Case;
use lookup::{Agent, Agents};

/// Matomo's classes and ours. We have fewer: a phablet or feature phone is a phone; a watch,
/// speaker, camera, car, media player or hand-held scanner is `other`.
fn device(theirs: &str) -> &str {
    match theirs {
        "smartphone" | "phablet" | "feature phone" => "phone",
        "tablet" | "tv" | "desktop" | "console" => theirs,
        "wearable"
        | "peripheral"
        | "smart speaker"
        | "smart display"
        | "car browser"
        | "camera"
        | "portable media player" => "other",
        unknown => panic!("no class for {unknown}"),
    }
}

/// Systems that Matomo and we call by different names, or that we count as one: a distribution is
/// `Linux`, a maker's or television's edition of Android is `Android`, an iPad's system is `iOS`
/// (the device says that it is one). What a buyer targets by itself keeps its name: Fire OS,
/// HarmonyOS, Wear OS, webOS, Tizen.
const SYSTEMS: &[(&str, &[&str])] = &[
    (
        "Android",
        &[
            "Android TV",
            "Google TV",
            "MocorDroid",
            "CyanogenMod",
            "Lineage OS",
            "Smartisan OS",
            "YaOS",
            "HyperOS",
            "ClearOS Mobile",
            "YunOS",
            "Remix OS",
            "MyOS",
            "Resurrection Remix OS",
            "MildWild",
            "Sirin OS",
            "PICO OS",
            "Meta Horizon",
            "Coolita OS",
        ],
    ),
    (
        "Linux",
        &[
            "GNU/Linux",
            "Ubuntu",
            "Kubuntu",
            "Debian",
            "Fedora",
            "SUSE",
            "CentOS",
            "Gentoo",
            "Red Hat",
            "Slackware",
            "Arch Linux",
            "Mint",
            "Mandriva",
            "Sabayon",
            "SteamOS",
            "Ordissimo",
            "PureOS",
            "Armadillo OS",
            "Opera TV",
        ],
    ),
    ("iOS", &["iPadOS"]),
    ("macOS", &["Mac"]),
    ("ChromeOS", &["Chrome OS", "Chromium OS"]),
    ("Windows", &["Windows RT"]),
    ("Windows CE", &["Windows Mobile"]),
    ("HarmonyOS", &["HarmonyOS NEXT", "OpenHarmony"]),
    ("Symbian", &["Symbian OS", "Symbian^3", "Symbian OS Series 60", "Symbian OS Series 40"]),
    ("BlackBerry OS", &["BlackBerry Tablet OS"]),
    ("PlayStation", &["PlayStation Portable"]),
    ("Nintendo", &["Nintendo Mobile"]),
    ("SmartCast", &["ViziOS"]),
    ("BrightSign OS", &["BrightSignOS"]),
    ("Chromecast", &["Fuchsia"]),
    ("MTK", &["MTK / Nucleus", "Mocor OS"]),
    ("Palm OS", &["palmOS"]),
];

/// Browsers likewise: the edition for phones, televisions or slow networks is the same browser,
/// since device and version are fields of their own. Opera Mini, Opera GX, Opera Touch and Firefox
/// Focus are products of their own.
const BROWSERS: &[(&str, &[&str])] = &[
    ("Chrome", &["Chrome Mobile", "Chrome Mobile iOS"]),
    ("Chrome WebView", &["Chrome Webview"]),
    ("Safari", &["Mobile Safari"]),
    ("Firefox", &["Firefox Mobile", "Firefox Mobile iOS", "Fennec"]),
    ("Edge", &["Microsoft Edge"]),
    ("Internet Explorer", &["IE Mobile"]),
    ("Opera", &["Opera Mobile"]),
    ("Opera Mini", &["Opera Mini iOS"]),
    ("Opera TV", &["Opera Devices"]),
    ("Samsung Internet", &["Samsung Browser", "Samsung Browser Lite"]),
    ("Yandex Browser", &["Yandex Browser Lite"]),
    ("UC Browser", &["UC Browser Turbo", "UC Browser Mini"]),
    ("Huawei Browser", &["Huawei Browser Mobile"]),
    ("Silk", &["Mobile Silk"]),
    ("DuckDuckGo", &["DuckDuckGo Privacy Browser"]),
    ("Puffin", &["Puffin Web Browser", "Puffin Cloud Browser", "Puffin Secure Browser"]),
    ("Sogou Browser", &["Sogou Mobile Browser", "Sogou Explorer"]),
    ("360 Browser", &["360 Phone Browser", "360 Speed Browser", "Harmony 360 Browser"]),
    ("Openwave", &["Openwave Mobile Browser"]),
    ("Hawk Browser", &["Hawk Quick Browser"]),
    ("Liebao", &["LieBaoFast"]),
    ("Qwant", &["Qwant Mobile"]),
    ("AOL", &["AOL Explorer"]),
    ("Seraphic", &["Seraphic Sraf"]),
    ("Espial", &["Espial TV Browser"]),
    ("webOS Browser", &["wOSBrowser"]),
    ("Motorola Browser", &["Motorola Internet Browser"]),
    ("MobileIron", &["Iron Mobile"]),
    ("Facebook Lite", &[]),
    ("Messenger", &["Facebook Messenger"]),
    ("Messenger Lite", &["Facebook Messenger Lite"]),
    ("X", &["Twitter"]),
    ("Google App", &["Google Search App"]),
    ("Bing", &["Microsoft Bing"]),
    ("Baidu App", &["Baidu Box App"]),
    ("Baidu App Lite", &["Baidu Box App Lite"]),
    ("Yahoo Japan", &["Yahoo! Japan"]),
];

fn ours<'a>(names: &'a [(&str, &[&str])], theirs: &'a str) -> &'a str {
    names.iter().find(|(_, other)| other.contains(&theirs)).map_or(theirs, |(name, _)| name)
}

/// Letter case, blanks and punctuation do not make a difference: `HeyTapBrowser` is `HeyTap Browser`.
fn same(one: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    letters(one) == letters(other)
}

struct Field {
    name: &'static str,
    at_least: f64,
    /// What the collection expects, in our words, and what we say; `None` where the case does not
    /// carry the field.
    compare: fn(&Case, &Agent) -> Option<(String, String)>,
}

/// A case carries a field when the collection names a value for it, however rare: none is left out.
/// The browser field counts the cases whose client is a browser; programs that are none (players,
/// office suites, watch apps) are a row of their own without a goal beyond staying where it is, for
/// few of them ever open a link.
const FIELDS: [Field; 4] = [
    Field {
        name: "device",
        at_least: 0.97,
        compare: |case, agent| {
            let theirs = case.device.as_deref()?;
            Some((device(theirs).to_owned(), agent.device.as_str().to_owned()))
        },
    },
    Field {
        name: "os",
        at_least: 0.98,
        compare: |case, agent| {
            Some((ours(SYSTEMS, case.os.as_deref()?).to_owned(), agent.os.to_string()))
        },
    },
    Field { name: "browser", at_least: 0.98, compare: |case, agent| client(case, agent, true) },
    Field { name: "app", at_least: 0.60, compare: |case, agent| client(case, agent, false) },
];

fn client(case: &Case, agent: &Agent, browsers: bool) -> Option<(String, String)> {
    let (kind, name) = case.client.as_ref()?;
    let wanted = (kind == "browser") == browsers;
    wanted.then(|| (ours(BROWSERS, name).to_owned(), agent.browser.to_string()))
}

#[test]
fn fields_agree_with_the_labels_of_an_independent_collection() {
    let agents = Agents::load().unwrap();
    let people = corpora::matomo().into_iter().filter(|case| !case.bot);
    let cases: Vec<_> = people
        .map(|case| {
            let agent = agents.read(&case.user_agent, &case.hints());
            (case, agent)
        })
        .collect();
    assert!(cases.len() > 36_000, "only {} cases", cases.len());
    println!("result: field        agreement  cases");
    for field in FIELDS {
        let (mut agreed, mut all) = (0_usize, 0_usize);
        let mut differences: BTreeMap<(String, String), (usize, &str)> = BTreeMap::new();
        for (case, agent) in &cases {
            let Some((theirs, ours)) = (field.compare)(case, agent) else { continue };
            all += 1;
            if same(&theirs, &ours) {
                agreed += 1;
            } else {
                differences.entry((theirs, ours)).or_insert((0, &case.user_agent)).0 += 1;
            }
        }
        let share = agreed as f64 / all as f64;
        println!("result: {:<12} {:>7.2} %  {all}", field.name, 100.0 * share);
        let mut differences: Vec<_> = differences.into_iter().collect();
        differences.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        for ((theirs, ours), (count, example)) in differences.iter().take(5) {
            println!("    {count:>4} x {theirs:?} read as {ours:?}, such as {example}");
        }
        assert!(share >= field.at_least, "{}: {share}", field.name);
    }
}
