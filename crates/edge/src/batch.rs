//! Several conversions in one call: a JSON array, each element of which is a call of its own.

use crate::query::Query;
use crate::reply::{self, Reply};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// The most conversions of one call.
const ELEMENTS_MAX: usize = 1000;

/// A call with more conversions than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// What a caller is told about one conversion.
#[derive(Debug)]
pub(crate) struct Told {
    /// The status, were it the only one.
    pub status: StatusCode,
    /// Why not, as a stable code; empty when nothing is wrong.
    pub reason: String,
    /// The answer, were it the only one.
    pub document: Value,
}

/// The elements of a body that is an array with any; `None` for every other body.
pub(crate) fn elements(body: &[u8]) -> Option<Result<Vec<Bytes>, TooMany>> {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'[') {
        return None;
    }
    let elements: Vec<Value> = serde_json::from_slice(body).ok()?;
    match elements.len() {
        0 => None,
        1..=ELEMENTS_MAX => {
            Some(Ok(elements.iter().map(|element| Bytes::from(element.to_string())).collect()))
        }
        _ => Some(Err(TooMany)),
    }
}

/// The answer to all of them: the highest status, and what is to be said about each in its order.
pub(crate) fn answer(query: Query<'_>, told: Vec<Told>) -> Reply {
    let status = told.iter().map(|told| told.status).max().unwrap_or(StatusCode::OK);
    if query.get("format").as_deref() == Some("text") {
        let first = told.iter().find(|told| told.status == status).map(|told| &*told.reason);
        let word = if status == StatusCode::OK { "OK" } else { first.unwrap_or_default() };
        return reply::text(status, format!("{word}\n"));
    }
    let is_accepted = told.iter().any(|told| told.document["result"] == "accepted");
    let items: Vec<Value> = told.into_iter().map(|told| told.document).collect();
    let result = if is_accepted { "accepted" } else { "refused" };
    reply::json(status, serde_json::json!({ "result": result, "items": items }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_array_with_elements_is_a_batch() {
        for body in ["", "clickid=a", "{}", "[]", "[{]", "[1", "\"[1]\""] {
            assert_eq!(elements(body.as_bytes()), None, "{body}");
        }
        let two = elements(br#" [{"a":1.5},{"b":"[x]"}] "#).unwrap().unwrap();
        assert_eq!(two, [Bytes::from(r#"{"a":1.5}"#), Bytes::from(r#"{"b":"[x]"}"#)]);
        let long = format!("[{}0]", "0,".repeat(ELEMENTS_MAX));
        assert_eq!(elements(long.as_bytes()), Some(Err(TooMany)));
    }
}
