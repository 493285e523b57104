//! Whether a user agent is a program's: by name, or by the signs that programs have in common.

use aho_corasick::{AhoCorasick, MatchKind};
use regex::RegexSet;
use regex::bytes::Regex;

use crate::{LookupError, Reason, Verdict, lists, patterns};

/// Programs of advertising platforms and messengers.
const NAMED: &str = include_str!("../data/bots.txt");

/// Patterns of crawler-user-agents with their reasons (MIT, see `data/README.md`).
const CRAWLERS: &str = include_str!("../data/crawlers.txt");

/// Signs by reason.
const SIGNS: &str = include_str!("../data/bot_signs.txt");

/// The reasons that have signs, in the order in which they are looked for.
const SIGN_REASONS: [Reason; 10] = [
    Reason::Headless,
    Reason::HttpLibrary,
    Reason::LinkPreview,
    Reason::Monitor,
    Reason::Scanner,
    Reason::Archiver,
    Reason::AiCrawler,
    Reason::FeedReader,
    Reason::Seo,
    Reason::Crawler,
];

/// What a browser may call itself compatible with, or as.
const COMPATIBLE: [&str; 19] = [
    "ANTGalio",
    "Android",
    "Gecko",
    "IBrowse",
    "Konqueror",
    "Linux",
    "Lotus",
    "MSIE",
    "Mozilla/",
    "NCBrowser",
    "NetPositive",
    "Netscape",
    "OffByOne",
    "Opera",
    "Polaris",
    "Tablet",
    "U;",
    "Windows",
    "ms-office",
];

/// Knows programs by their user agents.
pub struct Bots {
    /// Nearly all names are plain texts; they are looked for all at once.
    texts: AhoCorasick,
    text_rules: Vec<Rule>,
    expressions: RegexSet,
    expression_rules: Vec<Rule>,
    signs: Vec<(Reason, Regex)>,
    address: Regex,
    no_device: Regex,
    weak: Regex,
    not_weak: Regex,
}

/// One line of a list of names.
#[derive(Clone, Copy)]
struct Rule {
    /// Place in the lists: the first line that matches wins.
    rank: usize,
    reason: Reason,
    at_start: bool,
}

impl Bots {
    /// Compiles the embedded lists.
    ///
    /// # Errors
    /// [`LookupError::Patterns`] if one of them does not parse.
    pub fn load() -> Result<Self, LookupError> {
        let (mut texts, mut text_rules) = (Vec::new(), Vec::new());
        let (mut expressions, mut expression_rules) = (Vec::new(), Vec::new());
        let named = lists::pairs(NAMED).chain(lists::pairs(CRAWLERS));
        for (rank, (code, pattern)) in named.enumerate() {
            let reason =
                Reason::from_code(code).ok_or_else(|| faulty(&format!("no reason {code}")))?;
            match plain_text(pattern) {
                Some(text) => {
                    text_rules.push(Rule { rank, reason, at_start: pattern.starts_with('^') });
                    texts.push(text);
                }
                None => {
                    expression_rules.push(Rule { rank, reason, at_start: false });
                    expressions.push(pattern);
                }
            }
        }
        let any = |section: &str| patterns::any_of("bot_signs.txt", lists::section(SIGNS, section));
        let signs = SIGN_REASONS.into_iter().map(|reason| Ok((reason, any(reason.code())?)));
        Ok(Self {
            texts: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .build(&texts)
                .map_err(|error| faulty(&error))?,
            text_rules,
            expressions: RegexSet::new(expressions).map_err(|error| faulty(&error))?,
            expression_rules,
            signs: signs.collect::<Result<_, LookupError>>()?,
            address: any("address")?,
            no_device: any("no device")?,
            weak: any("weak")?,
            not_weak: any("not weak")?,
        })
    }

    /// What a user agent is, whose device's name has been taken out: phones are called like robots too.
    /// `known_device`: it named a device that is known to be one.
    pub fn verdict(&self, user_agent: &str, known_device: bool) -> Verdict {
        if user_agent.trim().is_empty() {
            return Verdict::Bot(Reason::EmptyUserAgent);
        }
        match self.named(user_agent).or_else(|| self.signed(user_agent, known_device)) {
            Some(reason) if reason.is_preview() => Verdict::Preview(reason),
            Some(reason) => Verdict::Bot(reason),
            None => Verdict::Human,
        }
    }

    /// The reason of the first line in the lists whose pattern occurs.
    fn named(&self, text: &str) -> Option<Reason> {
        let texts = self.texts.find_overlapping_iter(text).filter_map(|found| {
            let rule = self.text_rules.get(found.pattern().as_usize())?;
            (!rule.at_start || found.start() == 0).then_some(rule)
        });
        let expressions = self.expressions.matches(text);
        let expressions = expressions.iter().filter_map(|index| self.expression_rules.get(index));
        texts.chain(expressions).min_by_key(|rule| rule.rank).map(|rule| rule.reason)
    }

    /// The reason that the signs of a program give.
    fn signed(&self, text: &str, known_device: bool) -> Option<Reason> {
        let is = |signs: &Regex| signs.is_match(text.as_bytes());
        let odd = || {
            strangely_compatible(text)
                || is(&self.no_device)
                || (is(&self.weak) && !is(&self.not_weak))
        };
        let strong = self.signs.iter().find(|(_, signs)| is(signs)).map(|(reason, _)| *reason);
        let explorer = text.contains("MSIE") || text.contains("Trident/");
        let strong = strong.or_else(|| (!explorer && is(&self.address)).then_some(Reason::Crawler));
        strong.or_else(|| (!known_device && odd()).then_some(Reason::Crawler))
    }
}

/// `compatible;` comes before what old pages shall take the browser for. Programs put their own
/// name there.
fn strangely_compatible(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("compatible;") else {
        return false;
    };
    let rest = rest.trim_start();
    !rest.is_empty()
        && !rest.starts_with(')')
        && !COMPATIBLE.iter().any(|name| rest.starts_with(name))
}

/// The text that a pattern stands for, if it is no more than a text.
fn plain_text(pattern: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = pattern.strip_prefix('^').unwrap_or(pattern).chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|next| !next.is_alphanumeric())?),
            '.' | '$' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '^' => {
                return None;
            }
            other => text.push(other),
        }
    }
    Some(text)
}

fn faulty(error: &impl ToString) -> LookupError {
    LookupError::Patterns { file: "bots.txt, crawlers.txt", reason: error.to_string() }
}
