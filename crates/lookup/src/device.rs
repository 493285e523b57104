//! The class of device, its maker and model.

use std::borrow::Cow;

use regex::bytes::Regex;
use ua_parser::device::ValueRef;

use crate::hints::Hints;
use crate::{Device, LookupError, lists, patterns};

/// Expressions by class.
const CLASSES: &str = include_str!("../data/devices.txt");

/// Android models whose class their maker's own name tells, from Google's list of devices.
const MODELS: &str = include_str!("../data/models.txt");

/// Compiled expressions by class.
pub struct Classes {
    tv: Regex,
    console: Regex,
    other: Regex,
    tablet: Regex,
    phone: Regex,
    model_tv: Regex,
    model_other: Regex,
    model_tablet: Regex,
    model_phone: Regex,
    model_phone_first: Regex,
    model_desktop: Regex,
    model_console: Regex,
    desktop: Regex,
    models: Vec<(&'static str, Device)>,
}

impl Classes {
    /// Compiles the embedded lists.
    ///
    /// # Errors
    /// [`LookupError::Patterns`] if one of them does not parse.
    pub fn load() -> Result<Self, LookupError> {
        let any = |section: &str| patterns::any_of("devices.txt", lists::section(CLASSES, section));
        Ok(Self {
            tv: any("tv")?,
            console: any("console")?,
            other: any("other")?,
            tablet: any("tablet")?,
            phone: any("phone")?,
            model_tv: any("model tv")?,
            model_other: any("model other")?,
            model_tablet: any("model tablet")?,
            model_phone: any("model phone")?,
            model_phone_first: any("model phone first")?,
            model_desktop: any("model desktop")?,
            model_console: any("model console")?,
            desktop: any("desktop")?,
            models: models(),
        })
    }

    /// The class of device.
    pub fn class(
        &self,
        user_agent: &str,
        os: &str,
        known_device: bool,
        hints: &Hints<'_>,
    ) -> Device {
        let model = hints.model().or_else(|| android_model(user_agent)).unwrap_or("");
        if let Some(device) = self.unmistakable(user_agent) {
            return device;
        }
        if user_agent.contains("iPad") {
            return Device::Tablet;
        }
        if user_agent.contains("iPhone") {
            return Device::Phone;
        }
        if let Some(device) = self.model(model) {
            return device;
        }
        if let Some(device) = form_factor(hints) {
            return device;
        }
        self.system(user_agent, os, known_device, hints)
    }

    fn unmistakable(&self, user_agent: &str) -> Option<Device> {
        if self.console.is_match(user_agent.as_bytes()) {
            Some(Device::Console)
        } else if self.tv.is_match(user_agent.as_bytes()) {
            Some(Device::Tv)
        } else if self.other.is_match(user_agent.as_bytes()) {
            Some(Device::Other)
        } else {
            None
        }
    }

    /// What a model's name says.
    fn model(&self, model: &str) -> Option<Device> {
        if model.is_empty() {
            return None;
        }
        let lower = model.to_ascii_lowercase();
        let model = lower.replace('_', " ");
        let model = model.as_str();
        let listed = self.models.binary_search_by(|(name, _)| (*name).cmp(lower.as_str()));
        if let Some((_, device)) = listed.ok().and_then(|index| self.models.get(index)) {
            return Some(*device);
        }
        if self.model_phone_first.is_match(model.as_bytes()) {
            Some(Device::Phone)
        } else if self.model_desktop.is_match(model.as_bytes()) {
            Some(Device::Desktop)
        } else if self.model_console.is_match(model.as_bytes()) {
            Some(Device::Console)
        } else if self.model_tv.is_match(model.as_bytes()) {
            Some(Device::Tv)
        } else if self.model_other.is_match(model.as_bytes()) {
            Some(Device::Other)
        } else if self.model_tablet.is_match(model.as_bytes()) {
            Some(Device::Tablet)
        } else if self.model_phone.is_match(model.as_bytes()) {
            Some(Device::Phone)
        } else {
            None
        }
    }

    /// What the system and the browser's words for the size say.
    fn system(&self, user_agent: &str, os: &str, known_device: bool, hints: &Hints<'_>) -> Device {
        if os != "Windows Phone" && self.tablet.is_match(user_agent.as_bytes()) {
            return Device::Tablet;
        }
        if self.desktop.is_match(user_agent.as_bytes()) {
            return Device::Desktop;
        }
        match os {
            "Android" | "Fire OS" | "HarmonyOS" => {
                // A browser that draws large pages does not say "Mobile"; a bare app or a cut-off
                // user agent says nothing.
                let large =
                    user_agent.contains("Safari/") && !self.phone.is_match(user_agent.as_bytes());
                if large && hints.mobile() != Some(true) { Device::Tablet } else { Device::Phone }
            }
            "iOS" | "Windows Phone" | "Windows CE" | "KaiOS" | "Symbian" | "BlackBerry OS"
            | "Bada" | "Brew" | "MTK" | "MRE" | "Firefox OS" | "Sailfish OS" | "MeeGo"
            | "Maemo" | "Palm OS" => Device::Phone,
            "webOS" if !user_agent.contains("SmartTV") => Device::Phone,
            "webOS" | "VIDAA" | "TiVo OS" | "Whale OS" | "SmartCast" | "Roku OS" | "Orsay"
            | "tvOS" | "KreaTV" | "Chromecast" | "BrightSign OS" => Device::Tv,
            "PlayStation" | "Nintendo" | "Xbox" => Device::Console,
            "watchOS" | "Wear OS" => Device::Other,
            _ if self.phone.is_match(user_agent.as_bytes()) => Device::Phone,
            // A bare name such as `LG-A165` is how old phones introduce themselves.
            "" if known_device => Device::Phone,
            "" => Device::Other,
            "Tizen" => Device::Tv,
            _ => Device::Desktop,
        }
    }
}

/// The form the browser itself names (`Sec-CH-UA-Form-Factors`).
fn form_factor(hints: &Hints<'_>) -> Option<Device> {
    let forms = [
        ("Tablet", Device::Tablet),
        ("Mobile", Device::Phone),
        ("Desktop", Device::Desktop),
        ("Automotive", Device::Other),
        ("XR", Device::Other),
        ("EInk", Device::Other),
        ("Watch", Device::Other),
    ];
    forms.into_iter().find(|(form, _)| hints.has_form(form)).map(|(_, device)| device)
}

/// Whether uap-core takes it for a device, of whichever maker, and not for a robot.
pub fn is_device(found: &ValueRef<'_>) -> bool {
    found.brand.as_deref().is_some_and(|brand| brand != "Spider")
}

/// Maker and model, as far as they are known.
pub fn brand_and_model(
    found: Option<ValueRef<'_>>,
    user_agent: &str,
    hints: &Hints<'_>,
) -> (String, String) {
    let (brand, model) = found.map_or_else(Default::default, |found| {
        let named = |brand: &str| !brand.starts_with("Generic") && brand != "Spider";
        if !found.brand.as_deref().is_some_and(named) {
            return Default::default();
        }
        let text = |part: Option<Cow<'_, str>>| part.map(Cow::into_owned).unwrap_or_default();
        (text(found.brand), text(found.model))
    });
    match hints.model().or_else(|| android_model(user_agent).filter(|_| model.is_empty())) {
        Some(better) => (brand, better.to_owned()),
        None => (brand, model),
    }
}

/// The model in an Android user agent: the first part after the version that is not a word of the
/// browser.
pub fn android_model(user_agent: &str) -> Option<&str> {
    const SYSTEMS: [&str; 5] = ["Android ", "Android", "Andr0id", "diordnA", "Adr "];
    let start = SYSTEMS.iter().find_map(|word| user_agent.find(word))?;
    let rest = user_agent.get(start..)?;
    let mut depth = 0_i32;
    let end = rest.find(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    });
    let comment = end.and_then(|end| rest.get(..end)).unwrap_or(rest);
    comment.split(';').skip(1).map(|part| without_build(part.trim())).find(|part| is_model(part))
}

/// The user agent without the names that makers give to phones and programs or browsers have too
/// (`CUBOT`, `Spider 8`, `Atom`), and without the build number.
pub fn without_device(user_agent: &str) -> Cow<'_, str> {
    // A program may put its own name where a model would stand.
    let model = android_model(user_agent).filter(|model| !model.contains(['/', '(']));
    let Some((before, after)) = model.and_then(|model| user_agent.split_once(model)) else {
        return Cow::Borrowed(user_agent);
    };
    let after = match after.trim_start().strip_prefix("Build/") {
        Some(build) => build.find([';', ')', ' ']).and_then(|end| build.get(end..)).unwrap_or(""),
        None => after,
    };
    Cow::Owned([before, after].concat())
}

/// The part up to the build number, or to the browser's own words where the closing parenthesis is
/// missing.
fn without_build(part: &str) -> &str {
    let end = ["Build/", " Build", "AppleWebKit", " MIUI/"]
        .iter()
        .filter_map(|word| part.find(word))
        .min();
    end.and_then(|end| part.get(..end)).unwrap_or(part).trim()
}

/// Whether a part of the comment is neither a language nor a version nor a word of the browser.
fn is_model(part: &str) -> bool {
    const WORDS: [&str; 12] = [
        "",
        "U",
        "K",
        "wv",
        "arm",
        "arm_64",
        "Linux",
        "Mobile",
        "Tablet",
        "TV",
        "HarmonyOS",
        "Android",
    ];
    let version =
        part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && part.contains('.');
    let word = WORDS.contains(&part) || part.starts_with("rv:") || part.starts_with("HMSCore");
    !version && !word && !is_language(part)
}

/// Whether a text is a language such as `de`, `pt-BR` or `zh-Hans-CN`.
fn is_language(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let letters =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_alphabetic());
    let language = parts.next().unwrap_or("");
    let lower = language.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
    letters(language, 2)
        && lower
        && parts.all(|part| part.is_empty() || letters(part, 2) || letters(part, 4))
}

fn models() -> Vec<(&'static str, Device)> {
    let mut models: Vec<_> = lists::pairs(MODELS)
        .filter_map(|(class, model)| {
            let device = match class {
                "tablet" => Device::Tablet,
                "tv" => Device::Tv,
                "desktop" => Device::Desktop,
                "other" => Device::Other,
                _ => return None,
            };
            Some((model, device))
        })
        .collect();
    models.sort_unstable_by_key(|(model, _)| *model);
    models
}
