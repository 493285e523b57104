//! The user-agent expressions: uap-core's, with ours on top (the first that matches wins).

use regex::bytes::{Regex, RegexBuilder};
use ua_parser::{Extractor, Regexes};

use crate::{LookupError, browser, os};

/// uap-core's `regexes.yaml` as published (Apache-2.0, see `data/README.md`).
const UAP_CORE: &str = include_str!("../data/uap-core-regexes.yaml");

/// Compiles both into one extractor.
///
/// # Errors
/// [`LookupError::Patterns`] if one of them does not parse.
pub fn extractor() -> Result<Extractor<'static>, LookupError> {
    let theirs: Regexes<'static> = serde_yaml_ng::from_str(UAP_CORE)
        .map_err(|error| faulty("uap-core-regexes.yaml", &error))?;
    let merged = Regexes {
        user_agent_parsers: chain(browser::parsers(), theirs.user_agent_parsers),
        os_parsers: chain(chain(os::parsers("before"), theirs.os_parsers), os::parsers("after")),
        device_parsers: theirs.device_parsers,
    };
    Extractor::try_from(merged).map_err(|error| faulty("browsers.txt, systems.txt", &error))
}

fn chain<T>(mut first: Vec<T>, second: Vec<T>) -> Vec<T> {
    first.extend(second);
    first
}

/// Scratch memory that an expression may fill while it matches.
const SCRATCH_LIMIT_BYTES: usize = 512 * 1024;

/// One expression from a list: one alternative per line, `#` starts a comment line.
///
/// # Errors
/// [`LookupError::Patterns`] if it does not parse.
pub fn any_of<'a>(
    file: &'static str,
    lines: impl Iterator<Item = &'a str>,
) -> Result<Regex, LookupError> {
    let alternatives: Vec<&str> = lines.collect();
    if alternatives.is_empty() {
        return Err(faulty(file, &"a section is missing or empty"));
    }
    expression(file, &alternatives.join("|"))
}

/// Compiles one expression: ASCII classes, letter case ignored.
///
/// # Errors
/// [`LookupError::Patterns`] if it does not parse.
pub fn expression(file: &'static str, text: &str) -> Result<Regex, LookupError> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .unicode(false)
        .dfa_size_limit(SCRATCH_LIMIT_BYTES)
        .build()
        .map_err(|error| faulty(file, &error))
}

fn faulty(file: &'static str, error: &impl ToString) -> LookupError {
    LookupError::Patterns { file, reason: error.to_string() }
}
