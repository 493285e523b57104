//! How moments and amounts are written in answers.

use jiff::Timestamp;

/// A moment in RFC 3339, in UTC.
pub fn rfc3339(ms: i64) -> String {
    // Outside the calendar there is nothing to print; every time of ours lies within.
    Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

/// Micro-units as decimal text.
pub fn amount(micro: impl Into<i128>) -> String {
    report::amount_text(micro.into())
}
