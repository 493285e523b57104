//! What a browser says about itself, in the words a media buyer uses.

use crate::Verdict;

/// The class of device a visitor holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// A handset, from feature phone to phablet.
    Phone,
    /// A slate, with or without a mobile network.
    Tablet,
    /// A desktop or laptop computer.
    Desktop,
    /// A television, set-top box or streaming stick.
    Tv,
    /// A game console, at home or in the hand.
    Console,
    /// Whatever else has a screen: car, watch, speaker, camera, media player, reader; and what
    /// cannot be told.
    Other,
}

impl Device {
    /// The stable name in records, reports and rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
            Self::Tv => "tv",
            Self::Console => "console",
            Self::Other => "other",
        }
    }
}

/// Everything the user agent and the client hints tell; a text is empty when it cannot be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The class of device.
    pub device: Device,
    /// The maker, as it writes itself: `Apple`, `Samsung`, `Xiaomi`.
    pub brand: Box<str>,
    /// The model as the device names it: `iPhone`, `SM-S911B`, `Pixel 8`.
    pub model: Box<str>,
    /// The operating system: `iOS`, `Android`, `Windows`, `macOS`, `Linux`, `ChromeOS`, …
    pub os: Box<str>,
    /// Its version, dotted, as far as it is known; empty where the browser freezes it.
    pub os_version: Box<str>,
    /// The browser, or the app whose built-in browser it is: `Chrome`, `Safari`, `Facebook`, `TikTok`, …
    pub browser: Box<str>,
    /// Its version, dotted.
    pub browser_version: Box<str>,
    /// Whether this is a person.
    pub verdict: Verdict,
}
