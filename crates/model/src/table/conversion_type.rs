//! Conversion types by the words that stand for them.

use crate::thing::{Payout, RepeatPolicy, Thing, ThingId};
use std::collections::HashMap;

/// A conversion type as ingest needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversionTypeRoute {
    /// What reports show.
    pub word: String,
    /// What a conversion is worth when nobody else says so.
    pub payout: Payout,
    /// What a further conversion of a click means, where the type says so.
    pub repeat: Option<RepeatPolicy>,
    /// Whether an event of that name, reported by a page, is a conversion.
    pub from_page: bool,
}

/// All types in use, by workspace and word.
#[derive(Debug, Default)]
pub struct ConversionTypes {
    words: HashMap<ThingId, HashMap<String, ConversionTypeRoute>>,
    uncounted: HashMap<ThingId, Vec<String>>,
}

impl ConversionTypes {
    /// A type's own name wins over a word of another one; of two with one word, the first in order.
    pub fn new(things: &[Thing<crate::thing::ConversionType>]) -> Self {
        let mut live: Vec<_> = things.iter().filter(|thing| !thing.archived).collect();
        live.sort_by_key(|thing| (thing.body.order, thing.id));
        let mut types = Self::default();
        let name = |thing: &Thing<_>| thing.name.trim().to_lowercase();
        let counts = |of: &Thing<_>| {
            live.iter().any(|t| t.body.counts && t.workspace == of.workspace && name(t) == name(of))
        };
        // What an archived type was set to holds for its conversions.
        for thing in things.iter().filter(|thing| !thing.body.counts && !counts(thing)) {
            types.uncounted.entry(thing.workspace).or_default().push(name(thing));
        }
        for thing in &live {
            types.add(thing.workspace, name(thing), name(thing), &thing.body);
        }
        for thing in live {
            for word in &thing.body.words {
                types.add(thing.workspace, word.clone(), name(thing), &thing.body);
            }
        }
        types
    }

    fn add(
        &mut self,
        workspace: ThingId,
        of: String,
        word: String,
        body: &crate::thing::ConversionType,
    ) {
        let crate::thing::ConversionType { payout, repeat, from_page, .. } = *body;
        let words = self.words.entry(workspace).or_default();
        words.entry(of).or_insert(ConversionTypeRoute { word, payout, repeat, from_page });
    }

    /// The type that a word, in lower case, stands for.
    pub fn by_word(&self, workspace: ThingId, word: &str) -> Option<&ConversionTypeRoute> {
        self.words.get(&workspace)?.get(word)
    }

    /// The types whose conversions are under their own names alone.
    pub fn uncounted(&self, workspace: ThingId) -> &[String] {
        self.uncounted.get(&workspace).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::ConversionType;

    #[test]
    fn a_name_wins_over_a_word_and_the_order_over_the_number() {
        let thing = |id, workspace, name: &str, words: &[&str], order, archived| Thing {
            id,
            workspace,
            name: name.into(),
            revision: 1,
            archived,
            body: ConversionType {
                words: words.iter().map(|word| (*word).to_owned()).collect(),
                order,
                ..ConversionType::default()
            },
        };
        let types = ConversionTypes::new(&[
            thing(1, 1, "Deposit", &["ftd", "sale"], 2, false),
            thing(2, 1, "Sale", &["order"], 9, false),
            thing(3, 1, "First", &["ftd"], 1, false),
            thing(4, 1, "Gone", &["gone"], 0, true),
            thing(5, 2, "Other", &["order"], 0, false),
        ]);
        for (workspace, word, expected) in [
            (1, "deposit", Some("deposit")),
            (1, "ftd", Some("first")),
            (1, "sale", Some("sale")),
            (1, "order", Some("sale")),
            (1, "gone", None),
            (2, "order", Some("other")),
            (2, "ftd", None),
        ] {
            let found = types.by_word(workspace, word).map(|found| found.word.as_str());
            assert_eq!(found, expected, "{workspace} {word}");
        }
    }

    #[test]
    fn a_type_that_does_not_count_stays_so_when_archived_unless_another_takes_its_name() {
        let thing = |id, workspace, name: &str, counts, archived| Thing {
            id,
            workspace,
            name: name.into(),
            revision: 1,
            archived,
            body: ConversionType { counts, ..ConversionType::default() },
        };
        let types = ConversionTypes::new(&[
            thing(1, 1, "Signup", false, false),
            thing(2, 1, "Gone", false, true),
            thing(3, 1, "Again", false, true),
            thing(4, 1, "again", true, false),
            thing(5, 2, "Signup", true, false),
        ]);
        assert_eq!(types.uncounted(1), ["signup", "gone"]);
        assert!(types.uncounted(2).is_empty());
    }
}
