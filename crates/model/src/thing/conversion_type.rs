//! A conversion type: what networks call it, what it is worth, how repeats of it count.

use super::{Body, Kind, Payout, Problem, RepeatPolicy};
use serde::{Deserialize, Serialize};

/// A type of conversions. Its name, in lower case, is what reports show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConversionType {
    /// Words that networks use for it, lower case, besides its name.
    pub words: Vec<String>,
    /// What a conversion is worth when neither the offer nor the call says so; fixed, or nothing.
    pub payout: Payout,
    /// What a further conversion of a click means; the network decides when absent.
    pub repeat: Option<RepeatPolicy>,
    /// Whether an event of that name, reported by the script on a page, is a conversion.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_page: bool,
    /// Its place among the types of a list, from the smallest.
    pub order: u32,
    /// Whether reports have its conversions in `conversions`, and not under its name alone.
    pub counts: bool,
}

impl Default for ConversionType {
    fn default() -> Self {
        Self {
            words: Vec::new(),
            payout: Payout::default(),
            repeat: None,
            from_page: false,
            order: 0,
            counts: true,
        }
    }
}

/// The most words of a type.
const WORDS_MAX: usize = 50;

/// The longest word, in bytes: as much as is kept of the type that a call names.
const WORD_BYTES_MAX: usize = 64;

impl Body for ConversionType {
    const KIND: Kind = Kind::ConversionType;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.words.len() > WORDS_MAX {
            problems.push(Problem::new("words", format!("expected at most {WORDS_MAX} words")));
        }
        for (place, word) in self.words.iter().enumerate() {
            let is_folded = word.to_lowercase() == *word && word.trim() == word;
            if word.is_empty() || word.len() > WORD_BYTES_MAX || !is_folded {
                problems.push(Problem::new(
                    format!("words[{place}]"),
                    "expected a word in lower case, without spaces around it, of at most 64 bytes",
                ));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_and_short() {
        for (word, is_well) in
            [("ftd", true), ("first deposit", true), ("FTD", false), (" ftd", false), ("", false)]
        {
            let kind = ConversionType { words: vec![word.into()], ..ConversionType::default() };
            assert_eq!(kind.problems().is_empty(), is_well, "{word}");
        }
    }
}
