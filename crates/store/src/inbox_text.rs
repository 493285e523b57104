//! The text of an inbox entry that a search looks at.

use crate::events::InboxQuery;
use crate::filter_test::fold;
use model::event::InboxEntry;
use model::facts::Value;
use model::record::tag;

/// Reason, message, URL and body, a line each, folded; bytes that are no UTF-8 are replaced.
pub fn search_text(entry: &InboxEntry) -> String {
    let bytes = |tag| match entry.facts.get(tag) {
        Some(Value::Bytes(bytes)) => String::from_utf8_lossy(bytes),
        _ => std::borrow::Cow::Borrowed(""),
    };
    let parts =
        [entry.reason.as_str(), &entry.message, &bytes(tag::INTAKE_URL), &bytes(tag::INTAKE_BODY)];
    fold(&parts.join("\n"))
}

/// Whether `entry` is what `query` asks for, its limit aside.
pub fn matches(query: &InboxQuery, entry: &InboxEntry) -> bool {
    query.verdict.is_none_or(|verdict| entry.verdict == verdict)
        && query.reason.as_ref().is_none_or(|reason| entry.reason == *reason)
        && query.key.is_none_or(|key| entry.key == Some(key))
        && query.received.is_none_or(|(from, to)| (from..to).contains(&entry.received_ms))
        && query.before.is_none_or(|before| entry.sequence < before)
        && query.text.as_ref().is_none_or(|text| search_text(entry).contains(&fold(text)))
}
