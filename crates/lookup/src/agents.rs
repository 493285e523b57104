//! From the user agent and the client hints to an [`Agent`], through a bounded cache.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use ua_parser::Extractor;

use crate::bots::Bots;
use crate::browser::Browsers;
use crate::cache::Cache;
use crate::device::{self, Classes};
use crate::os::Systems;
use crate::{Agent, Hints, LookupError, patterns};

/// More of a user agent than this is not looked at.
pub const USER_AGENT_LIMIT_BYTES: usize = 1024;

/// Bounds of the cache. Reduced user agents repeat a lot: a few thousand cover nearly all traffic.
const CACHE_LIMIT_ENTRIES: usize = 16_384;
const CACHE_LIMIT_BYTES: usize = 8 << 20;

/// Reads user agents.
pub struct Agents {
    /// One reader at a time: the expressions keep scratch memory for every thread that uses them at once,
    /// and only what the cache lacks comes here.
    extractor: Mutex<Extractor<'static>>,
    browsers: Browsers,
    systems: Systems,
    classes: Classes,
    bots: Bots,
    cache: Cache<Arc<Agent>>,
    /// Secret keys, so that nobody can make two user agents collide.
    keys: RandomState,
}

impl Agents {
    /// Compiles the embedded tables.
    ///
    /// # Errors
    /// [`LookupError::Patterns`] if an embedded table is faulty.
    pub fn load() -> Result<Self, LookupError> {
        Ok(Self {
            extractor: Mutex::new(patterns::extractor()?),
            browsers: Browsers::load(),
            systems: Systems::load(),
            classes: Classes::load()?,
            bots: Bots::load()?,
            cache: Cache::new(CACHE_LIMIT_ENTRIES, CACHE_LIMIT_BYTES),
            keys: RandomState::new(),
        })
    }

    /// What the user agent and the hints say.
    pub fn read(&self, user_agent: &str, hints: &Hints<'_>) -> Arc<Agent> {
        let user_agent = cut(user_agent, USER_AGENT_LIMIT_BYTES);
        let hints = hints.bounded();
        let key = self.keys.hash_one((user_agent, hints));
        if let Some(known) = self.cache.get(key) {
            return known;
        }
        let agent = Arc::new(self.read_uncached(user_agent, &hints));
        self.cache.put(key, Arc::clone(&agent), weight(&agent));
        agent
    }

    fn read_uncached(&self, user_agent: &str, hints: &Hints<'_>) -> Agent {
        let extractor = self.extractor.lock().unwrap_or_else(PoisonError::into_inner);
        let (os, os_version) =
            self.systems.read(extractor.os.extract(user_agent), user_agent, hints);
        let nameless = device::without_device(user_agent);
        let found = extractor.ua.extract(&nameless);
        let (browser, browser_version) = self.browsers.read(found, user_agent, &os, hints);
        let found = extractor.dev.extract(user_agent);
        let known_device = found.as_ref().is_some_and(device::is_device);
        let (brand, model) = device::brand_and_model(found, user_agent, hints);
        Agent {
            device: self.classes.class(user_agent, &os, known_device, hints),
            brand: brand.into(),
            model: model.into(),
            os: os.into(),
            os_version: os_version.into(),
            browser: browser.into(),
            browser_version: browser_version.into(),
            verdict: self.bots.verdict(&nameless, known_device),
        }
    }
}

/// What an entry occupies: its texts, and the structures around them.
fn weight(agent: &Agent) -> usize {
    let texts = [
        &agent.brand,
        &agent.model,
        &agent.os,
        &agent.os_version,
        &agent.browser,
        &agent.browser_version,
    ];
    size_of::<Agent>() + 64 + texts.iter().map(|text| text.len() + 16).sum::<usize>()
}

/// The text up to a limit, never through a character.
pub fn cut(text: &str, limit_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(limit_bytes)).unwrap_or(text)
}
