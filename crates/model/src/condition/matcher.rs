//! What a value is compared with, in the form that makes the comparison cheap.

use super::version::Version;
use crate::cidr::Cidr;
use regex::bytes::Regex;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The longest text in a condition, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 512;

/// Bytes of a few short texts that need no memory of their own.
const SHORT_BYTES: usize = 30;

/// From so many texts on, hashing beats comparing each.
const HASHED_FROM: usize = 8;

/// A comparison of one value.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// There is a value.
    Known,
    /// Is one of the texts.
    Texts(Texts),
    /// Contains the text.
    Contains(Part),
    /// Begins with the text; lower case.
    StartsWith(Box<[u8]>),
    /// Contains a match.
    Regex(Regex),
    /// Is a number in the range.
    Range(Range),
    /// Is one of the numbers, ascending.
    Numbers(Box<[i64]>),
    /// Is a version from the first to the last, both included.
    Versions { first: Version, last: Version },
    /// Lies in one of the ranges.
    Addresses(Box<[Cidr]>),
}

/// A text to be found in another.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// In lower case.
    text: Box<[u8]>,
    /// Where its rarest byte stands: the one to look for.
    rarest: usize,
}

/// Texts in lower case.
#[derive(Clone, Debug)]
pub(crate) enum Texts {
    /// A few, in one piece of memory: each behind its length as two bytes, little-endian.
    Few(Box<[u8]>),
    /// The same within the comparison itself: a long list of rules is read in one sweep. Behind the
    /// last text stands a length that no text has.
    Short([u8; SHORT_BYTES]),
    /// Many.
    Many(Arc<HashSet<Box<[u8]>>>),
}

/// Numbers from the first to the last, both included; when the first is greater, those outside what
/// lies between them, as in a night from 22 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

impl Matcher {
    /// Whether a text, which may be absent, meets it.
    pub(crate) fn meets_text(&self, text: Option<&[u8]>) -> bool {
        let Some(text) = text else { return false };
        match self {
            Self::Known => true,
            Self::Texts(texts) => texts.contains(text),
            Self::Contains(part) => part.is_in(text),
            Self::StartsWith(start) => {
                text.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
            }
            Self::Regex(regex) => regex.is_match(text),
            Self::Versions { first, last } => {
                Version::read(text).is_some_and(|version| (*first..=*last).contains(&version))
            }
            Self::Range(_) | Self::Numbers(_) => {
                let number = str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok());
                self.meets_number(number)
            }
            Self::Addresses(_) => {
                let address = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
                self.meets_address(address)
            }
        }
    }

    /// Whether a number, which may be absent, meets it.
    pub(crate) fn meets_number(&self, number: Option<i64>) -> bool {
        let Some(number) = number else { return false };
        match self {
            Self::Known => true,
            Self::Range(range) => range.contains(number),
            Self::Numbers(numbers) => numbers.binary_search(&number).is_ok(),
            _ => false,
        }
    }

    /// Whether an address, which may be absent, meets it.
    pub(crate) fn meets_address(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = address else { return false };
        match self {
            Self::Known => true,
            Self::Addresses(ranges) => ranges.iter().any(|range| range.contains(address)),
            _ => false,
        }
    }
}

impl Range {
    fn contains(self, number: i64) -> bool {
        if self.first <= self.last {
            (self.first..=self.last).contains(&number)
        } else {
            number >= self.first || number <= self.last
        }
    }
}

impl Texts {
    /// `texts` in any case.
    pub(crate) fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let texts: Vec<Box<[u8]>> = texts.map(folded).collect();
        if texts.len() >= HASHED_FROM {
            return Self::Many(Arc::new(texts.into_iter().collect()));
        }
        let mut few = Vec::with_capacity(texts.iter().map(|text| text.len() + 2).sum());
        for text in &texts {
            // Texts are shorter than TEXT_BYTES_MAX.
            few.extend_from_slice(&(text.len() as u16).to_le_bytes());
            few.extend_from_slice(text);
        }
        let mut short = [u8::MAX; SHORT_BYTES];
        match short.get_mut(..few.len()) {
            Some(room) if few.len() + 2 <= SHORT_BYTES => {
                room.copy_from_slice(&few);
                Self::Short(short)
            }
            _ => Self::Few(few.into()),
        }
    }

    fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(texts) => is_among(texts, text),
            Self::Short(texts) => is_among(texts, text),
            Self::Many(texts) => {
                let mut folded = [0; TEXT_BYTES_MAX];
                let Some(folded) = folded.get_mut(..text.len()) else { return false };
                folded.copy_from_slice(text);
                folded.make_ascii_lowercase();
                texts.contains(&*folded)
            }
        }
    }
}

/// `text` with its ASCII letters in lower case.
pub(super) fn folded(text: &str) -> Box<[u8]> {
    text.to_ascii_lowercase().into_bytes().into()
}

fn is_among(mut few: &[u8], text: &[u8]) -> bool {
    while let [low, high, rest @ ..] = few {
        let length = u16::from_le_bytes([*low, *high]);
        let Some((one, others)) = rest.split_at_checked(usize::from(length)) else { break };
        if one.eq_ignore_ascii_case(text) {
            return true;
        }
        few = others;
    }
    false
}

impl Part {
    /// `text` in any case, not empty.
    pub(crate) fn new(text: &str) -> Self {
        /// Bytes of user agents and URLs, the most frequent first; others are rarer.
        const FREQUENT: &[u8] = b"eotainsrl/.mcd0pu1h5bwgkf-_3";
        let rarity = |byte: &u8| FREQUENT.iter().position(|held| held == byte);
        let text = folded(text);
        let rarest = (0..text.len()).max_by_key(|at| rarity(&text[*at]).unwrap_or(usize::MAX));
        Self { rarest: rarest.unwrap_or(0), text }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let Some(last) = text.len().checked_sub(self.text.len()) else { return false };
        let Some(&lower) = self.text.get(self.rarest) else { return true };
        let candidates = &text[self.rarest..=self.rarest + last];
        memchr::memchr2_iter(lower, lower.to_ascii_uppercase(), candidates)
            .any(|at| text[at..at + self.text.len()].eq_ignore_ascii_case(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_part_is_found_wherever_it_stands(text in "[a-cA-C]{0,20}", part in "[a-cA-C]{1,4}") {
            let expected = text.to_lowercase().contains(&part.to_lowercase());
            prop_assert_eq!(Part::new(&part).is_in(text.as_bytes()), expected);
        }

        #[test]
        fn few_and_many_texts_hold_the_same(texts in proptest::collection::vec("[a-cA-C]{1,3}", 1..20), text in "[a-cA-C]{0,4}") {
            let expected = texts.iter().any(|one| one.eq_ignore_ascii_case(&text));
            prop_assert_eq!(Texts::new(texts.iter().map(String::as_str)).contains(text.as_bytes()), expected);
        }
    }

    #[test]
    fn a_range_may_go_over_the_end() {
        let range = |first, last| Range { first, last };
        let hours = |range: Range| (0..24).filter(|hour| range.contains(*hour)).collect::<Vec<_>>();
        assert_eq!(hours(range(8, 10)), [8, 9, 10]);
        assert_eq!(hours(range(22, 2)), [0, 1, 2, 22, 23]);
        assert_eq!(hours(range(3, 3)), [3]);
    }
}
