//! What handlers take from a request; whatever does not fit is answered with a problem document.

use super::configuration::FILE_BYTES_MAX;
use super::problem::{ApiError, Code};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use model::thing::{Kind, Problem, ThingId};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most bytes of a body.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// A JSON body; unknown keys are refused by the type.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let RawJson { value, .. } = RawJson::from_request(request, state).await?;
        read_value(value).map(Self)
    }
}

/// A JSON body, not yet of any type, with the bytes it came in.
pub struct RawJson {
    /// What was sent; an empty body reads as null.
    pub value: Value,
    /// As it came.
    pub bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for RawJson {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        check_media_type(request.headers())?;
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let code = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                _ => Code::MalformedJson,
            };
            ApiError::new(code, rejection.body_text()).remedy(format!(
                "send at most {BODY_BYTES_MAX} bytes; of a configuration, {FILE_BYTES_MAX}"
            ))
        })?;
        let value = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|error| {
                ApiError::new(Code::MalformedJson, format!("the body is no JSON: {error}"))
                    .remedy("correct it at the line and column named, and send it again")
            })?
        };
        Ok(Self { value, bytes })
    }
}

/// A file as the body of a request, of at most so many bytes; its route sets the limit.
pub struct File<const BYTES_MAX: usize>(pub Bytes);

impl<const BYTES_MAX: usize, S: Send + Sync> FromRequest<S> for File<BYTES_MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            let (code, remedy) = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    (Code::TooLarge, format!("send at most {} MiB", BYTES_MAX >> 20))
                }
                _ => (Code::Invalid, "send it again".to_owned()),
            };
            ApiError::new(code, rejection.body_text()).remedy(remedy)
        })
    }
}

/// The body of a request as the text of a file.
///
/// # Errors
/// Names the byte behind which the file is no UTF-8.
pub fn file_text(bytes: &[u8]) -> Result<&str, ApiError> {
    str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the file is no UTF-8 behind byte {}", error.valid_up_to());
        ApiError::new(Code::Invalid, detail).remedy("save it as CSV in UTF-8")
    })
}

/// What `Content-Type` says, without parameters; empty when that is no text.
pub fn media_type(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    value.split(';').next().map(str::trim)
}

/// Programs that send no Content-Type mean JSON; a form does not.
fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(essence) = media_type(headers) else { return Ok(()) };
    let is_json = essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 5 && essence.to_ascii_lowercase().ends_with("+json"));
    if is_json {
        return Ok(());
    }
    Err(ApiError::new(Code::MediaType, format!("`{essence}` is not JSON"))
        .field("Content-Type")
        .remedy("send JSON with Content-Type: application/json"))
}

/// Reads a value as a type; what does not fit is named by its path.
pub fn read_value<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    read_as(value).map_err(|problem| {
        ApiError::new(Code::Invalid, format!("`{}`: {}", problem.field, problem.message))
            .problems(vec![problem])
            .remedy("GET /api/v1/openapi.json describes every body")
    })
}

/// Reads a value as a type; what does not fit is the problem.
pub fn read_as<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        let field = blamed(&path, &message);
        let message = in_words(&field, &message);
        Problem::new(field, message)
    })
}

/// The most characters of a refused value that are shown again.
const SHOWN_CHARS_MAX: usize = 200;

/// What serde says, in words that JSON has, and without all of a long value.
fn in_words(field: &str, message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return match message {
            "invalid IP address syntax" => "expected an address such as 203.0.113.9".to_owned(),
            _ => cut(message),
        };
    };
    let is_type = found.starts_with("invalid ");
    let words = match expected {
        _ if !is_type => expected,
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or above",
        "i64" => "a whole number",
        "a string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" | "map with a single key" => "an object",
        "string or map" => "a word",
        other if other.starts_with("struct ") => "an object",
        other => other,
    };
    let last = field.rsplit('.').next().unwrap_or_default();
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == last);
    let hint = match kind.filter(|_| is_type && found.contains("string")) {
        Some(kind) => format!(": things go by their `id`; GET /api/v1/{kind}s lists them"),
        None => String::new(),
    };
    format!("{}, expected {words}{hint}", cut(found))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The path of the field: a missing or unknown one is named by the message alone.
fn blamed(path: &str, message: &str) -> String {
    let named = ["missing field `", "unknown field `"]
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split_once('`'))
        .map(|(name, _)| name);
    match (path, named) {
        ("." | "?", Some(name)) => name.to_owned(),
        ("." | "?", None) => "body".to_owned(),
        (path, Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => {
            format!("{path}.{name}")
        }
        (path, _) => path.to_owned(),
    }
}

/// Parameters of the URL; unknown ones are refused by the type.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = Query::<T>::try_from_uri(&parts.uri);
        query.map(|Query(params)| Self(params)).map_err(|rejection| {
            let text = rejection.body_text();
            let message = text.split_once(": ").map_or(text.as_str(), |(_, message)| message);
            // `name: what is wrong`, or a sentence with the name between backticks.
            let path = message.split_once(": ").map(|(path, _)| path);
            let quoted = message.split('`').nth(1);
            let error = ApiError::new(Code::InvalidParameter, message)
                .remedy("GET /api/v1/openapi.json lists the parameters of every address");
            match path.filter(|path| is_name(path)).or(quoted) {
                Some(name) => error.field(name),
                None => error,
            }
        })
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The number of a thing in the path; a text that is no number names nothing.
pub struct Id(pub ThingId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id = Path::<ThingId>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Self(id)).map_err(|_| {
            ApiError::new(Code::NotFound, "the path names no number of a thing")
                .remedy("things are named by their `id`, a whole number")
        })
    }
}

/// The answer to an address where nothing is.
pub async fn no_endpoint(method: Method, uri: Uri) -> ApiError {
    ApiError::new(Code::NoEndpoint, format!("there is nothing at {method} {}", uri.path()))
        .remedy("GET /api/v1/openapi.json lists every address")
}

/// The answer to a method that an address does not know.
pub async fn no_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(Code::Method, format!("{} does not know {method}", uri.path()))
        .remedy("the header Allow lists the methods it knows")
}

/// A JSON answer that no cache may keep.
pub fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json_bytes(status, body),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}

/// A JSON answer whose bytes are there already.
pub fn json_bytes(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::thing::Flow;
    use serde_json::json;

    #[test]
    fn what_does_not_fit_is_named_by_its_path() {
        for (body, field) in [
            (json!({}), "default"),
            (json!({"default": [], "colour": 1}), "colour"),
            (json!({"default": [{"offers": [{"offer": "x"}]}]}), "default[0].offers[0].offer"),
            (json!({"default": [{"status": {"code": "x"}}]}), "default[0].status.code"),
            (json!({"default": [{"offers": [], "wait": 1}]}), "default[0].wait"),
            (json!(7), "body"),
        ] {
            let error = read_value::<Flow>(body.clone()).unwrap_err();
            let named = format!("{error:?}");
            assert!(named.contains(&format!("field: Some({field:?})")), "{body}: {named}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_in_words_of_json() {
        let long = "x".repeat(70_000);
        for (body, expected) in [
            (
                json!({"default": [{"offers": [{"offer": "Shoes"}]}]}),
                "invalid type: string \"Shoes\", expected a whole number, 0 or above: things go by their `id`; GET /api/v1/offers lists them",
            ),
            (
                json!({"default": [{"weight": -1}]}),
                "invalid value: integer `-1`, expected a whole number, 0 or above",
            ),
            (json!({"default": {}}), "invalid type: map, expected a list"),
            (json!({"default": [], "returning": 1}), "invalid type: integer `1`, expected a word"),
            (
                json!({"default": [], "rules": [{"when": 1, "paths": []}]}),
                "invalid type: integer `1`, expected an object with `all`, `any`, or `field` (or `param`), `op` and `value`",
            ),
            (
                json!({"default": [], "rules": [{"paths": [], "when":
                    {"field": "os", "op": "is", "value": 1.5}}]}),
                "expected a text, a whole number, true, false or null, or a list of these",
            ),
        ] {
            let problem = read_as::<Flow>(body.clone()).unwrap_err();
            assert_eq!(problem.message, expected, "{body}");
        }
        let problem = read_as::<Flow>(json!({"default": [], "time_zone": [long]})).unwrap_err();
        assert!(problem.message.len() < 500, "{}", problem.message.len());
        let problem = read_as::<Flow>(json!({"default": [], "returning": long})).unwrap_err();
        assert!(problem.message.len() < 500, "{}", problem.message.len());
    }
}
