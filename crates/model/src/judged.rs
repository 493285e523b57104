//! What became of a call each time it was judged: the history an inbox entry carries along.

use crate::event::Verdict;
use crate::facts::{Facts, Value};
use crate::record::tag;
use serde::{Deserialize, Serialize};

/// One judgement of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// When the call came or the order to judge it again was given, Unix milliseconds.
    pub at_ms: i64,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, as a stable code.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// Who had it judged again; none for the judgement on arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What for, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Judged {
    /// Adds it behind the others.
    pub fn push(&self, facts: &mut Facts) {
        // A struct of texts and numbers always serializes.
        facts.push_bytes(tag::JUDGED, &serde_json::to_vec(self).unwrap_or_default());
    }

    /// All judgements, oldest first; empty for a call that was judged on arrival alone.
    pub fn all(facts: &Facts) -> Vec<Self> {
        let judged = facts.all(tag::JUDGED).filter_map(|value| match value {
            Value::Bytes(bytes) => serde_json::from_slice(bytes).ok(),
            Value::Int(_) => None,
        });
        judged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judgements_keep_their_order() {
        let first = Judged {
            at_ms: 1,
            verdict: Verdict::Held,
            reason: "status_unmapped".into(),
            message: "the status `ok` is not in the map".into(),
            author: None,
            note: None,
        };
        let second = Judged {
            at_ms: 2,
            verdict: Verdict::Recorded,
            author: Some("admin".into()),
            note: Some("mapped".into()),
            ..first.clone()
        };
        let mut facts = Facts::default();
        assert_eq!(Judged::all(&facts), []);
        first.push(&mut facts);
        second.push(&mut facts);
        assert_eq!(Judged::all(&facts), [first, second]);
    }
}
