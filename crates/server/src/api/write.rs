//! What writes have in common: they end once they began, they happen once, they name the revision.

use super::auth::Caller;
use super::extract::json_bytes;
use super::problem::{ApiError, Code};
use crate::app::{App, now_ms};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use model::thing::{Revision, ThingId};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use store::{Claim, KeptAnswer};

/// Makes a repeated request harmless (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that the answer is that of an earlier request with the same key.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What a write came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// 200 or 201.
    pub status: StatusCode,
    /// JSON of the thing as it is now.
    pub body: Vec<u8>,
    /// Where it is.
    pub location: Option<String>,
    /// The revision that was made.
    pub revision: Option<Revision>,
}

impl Done {
    /// The answer that says so.
    pub fn respond(self) -> Response {
        let mut response = json_bytes(self.status, self.body);
        let headers = response.headers_mut();
        if let Some(Ok(location)) = self.location.map(HeaderValue::try_from) {
            headers.insert(header::LOCATION, location);
        }
        headers.extend(self.revision.and_then(etag));
        response
    }
}

/// The revision as an entity tag.
pub fn etag(revision: Revision) -> Option<(HeaderName, HeaderValue)> {
    Some((header::ETAG, HeaderValue::try_from(format!("\"{revision}\"")).ok()?))
}

/// The revision that a change is made for: what `If-Match` demands (RFC 9110, section 13.1.1).
///
/// # Errors
/// 412 when `current` is not among the revisions named.
pub fn if_match(headers: &HeaderMap, current: Revision) -> Result<Option<Revision>, ApiError> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let tags: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    let mut tags = tags.iter().flat_map(|value| value.split(',')).map(str::trim);
    let strong = format!("\"{current}\"");
    if tags.any(|tag| tag == strong || tag == "*") {
        return Ok(Some(current));
    }
    Err(mismatch(current))
}

/// What a conflict is called when the request said for which revision it was made.
pub fn mismatch(current: Revision) -> ApiError {
    ApiError::new(Code::RevisionMismatch, format!("it is at revision {current}"))
        .field("If-Match")
        .remedy("read it again and repeat the change on the newer revision")
}

/// Carries `work` out to its end, even when whoever asked goes away: a change that was saved is also
/// put to use.
///
/// # Errors
/// What `work` answers.
pub async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.unwrap_or_else(|error| Err(ApiError::internal(&error)))
}

/// A request that may carry an Idempotency-Key.
pub struct Once {
    key: Option<String>,
    workspace: ThingId,
    request_sha256: [u8; 32],
}

impl Once {
    /// Reads the key; the request is the same when method, address with its query, and body are.
    ///
    /// # Errors
    /// When the key has a wrong form.
    pub fn read(
        caller: &Caller,
        headers: &HeaderMap,
        address: &Uri,
        body: &[u8],
    ) -> Result<Self, ApiError> {
        let key = headers.get(IDEMPOTENCY_KEY).map(|value| {
            let text =
                value.to_str().ok().map(str::trim).filter(|text| (1..=255).contains(&text.len()));
            text.map(str::to_owned).ok_or_else(|| {
                ApiError::new(Code::InvalidHeader, "the Idempotency-Key has a wrong form")
                    .field("Idempotency-Key")
                    .remedy("send 1 to 255 visible ASCII characters, such as a UUID")
            })
        });
        let mut hash = Sha256::new();
        hash.update(address.to_string());
        hash.update([0]);
        hash.update(body);
        let request_sha256 = hash.finalize().into();
        Ok(Self { key: key.transpose()?, workspace: caller.workspace, request_sha256 })
    }

    /// Carries `work` out once for the key, and answers the same to every repetition within a day. A
    /// refusal changed nothing and is not kept: the request may be corrected under its key.
    ///
    /// # Errors
    /// What `work` answers; 409 while the same request is under way; 422 when the key is another's.
    pub async fn carry_out(
        self,
        app: Arc<App>,
        work: impl Future<Output = Result<Done, ApiError>> + Send + 'static,
    ) -> Result<Response, ApiError> {
        let Self { key, workspace, request_sha256 } = self;
        let Some(key) = key else { return to_its_end(work).await.map(Done::respond) };
        match app.catalog.claim(workspace, &key, request_sha256, now_ms()).await? {
            Claim::New => {}
            Claim::Running => {
                return Err(ApiError::new(Code::KeyRunning, "the same request is under way")
                    .field("Idempotency-Key")
                    .remedy("repeat it in a moment"));
            }
            Claim::OtherRequest => {
                let detail =
                    "the key was used for a request to another address or with another body";
                return Err(ApiError::new(Code::KeyReused, detail)
                    .field("Idempotency-Key")
                    .remedy("use a new key for a new request"));
            }
            Claim::Answered(answer) => return Ok(replay(answer)),
        }
        let work = async move {
            let result = work.await;
            let answer = result.as_ref().ok().map(keep);
            if let Err(error) = app.catalog.settle(workspace, &key, answer).await {
                // What was done is done: the answer says so, and only a repetition would suffer.
                tracing::warn!(error = &error as &dyn Error, "an Idempotency-Key was not settled");
            }
            result
        };
        to_its_end(work).await.map(Done::respond)
    }
}

/// The kept form of an answer: what the headers say stands in front of the body.
fn keep(done: &Done) -> KeptAnswer {
    let head = serde_json::json!({ "location": done.location, "revision": done.revision });
    let mut body = head.to_string().into_bytes();
    body.push(b'\n');
    body.extend(&done.body);
    KeptAnswer { status: done.status.as_u16(), body }
}

fn replay(answer: KeptAnswer) -> Response {
    let end = answer.body.iter().position(|byte| *byte == b'\n').unwrap_or(answer.body.len());
    let head: serde_json::Value = serde_json::from_slice(&answer.body[..end]).unwrap_or_default();
    let done = Done {
        status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK),
        body: answer.body.get(end + 1..).unwrap_or_default().to_vec(),
        location: head["location"].as_str().map(str::to_owned),
        revision: head["revision"].as_u64(),
    };
    let mut response = done.respond();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_the_current_revision_or_any() {
        for (values, expected) in [
            (&[][..], Ok(None)),
            (&["\"7\""][..], Ok(Some(7))),
            (&["*"][..], Ok(Some(7))),
            (&["\"5\", \"7\""][..], Ok(Some(7))),
            (&["\"5\"", "\"7\""][..], Ok(Some(7))),
            (&["\"6\""][..], Err(())),
            (&["7"][..], Err(())),
            // A weak tag never matches here (RFC 9110, section 8.8.3.2).
            (&["W/\"7\""][..], Err(())),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::from_static(value));
            }
            assert_eq!(if_match(&headers, 7).map_err(|_| ()), expected, "{values:?}");
        }
    }

    #[test]
    fn a_kept_answer_is_replayed_whole() {
        let done = Done {
            status: StatusCode::CREATED,
            body: b"{\"id\":1}\n".to_vec(),
            location: Some("/api/v1/offers/1".into()),
            revision: Some(4),
        };
        let response = replay(keep(&done));
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["location"], "/api/v1/offers/1");
        assert_eq!(response.headers()["etag"], "\"4\"");
        assert_eq!(response.headers()["idempotency-replayed"], "true");
    }
}
