//! The problem document (RFC 9457): what every refusal of the API looks like, and its stable codes.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use model::thing::Problem;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// The media type of a problem document (RFC 9457, section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident $code:literal $status:ident $title:literal;)*) => {
        /// What kind of problem it is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $(#[doc = $title] $variant,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable word that programs compare.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status it is answered with.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// The same sentence for every problem of the kind.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }
        }
    };
}

codes! {
    MalformedJson "malformed_json" BAD_REQUEST "The body is no JSON.";
    InvalidParameter "invalid_parameter" BAD_REQUEST "A parameter of the URL does not fit.";
    InvalidHeader "invalid_header" BAD_REQUEST "A header does not fit.";
    NotSupported "not_supported" BAD_REQUEST "This version cannot do that.";
    MediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body is not declared as JSON.";
    TooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large.";
    TokenMissing "token_missing" UNAUTHORIZED "The request carries no API key.";
    TokenMalformed "token_malformed" UNAUTHORIZED "The API key is misspelt or cut off.";
    TokenUnknown "token_unknown" UNAUTHORIZED "The API key is unknown or was revoked.";
    NoEndpoint "no_endpoint" NOT_FOUND "There is nothing at this address.";
    Method "method_not_allowed" METHOD_NOT_ALLOWED "The address does not know the method.";
    NotFound "not_found" NOT_FOUND "There is no such thing.";
    ClickIdMalformed "click_id_malformed" NOT_FOUND "The click id has a wrong form.";
    ClickIdUnverified "click_id_unverified" NOT_FOUND "The click id was not given out here.";
    ClickNotStored "click_not_stored" NOT_FOUND "The click is not in the store.";
    Invalid "invalid" UNPROCESSABLE_ENTITY "What was sent is not valid.";
    InvalidQuery "invalid_query" UNPROCESSABLE_ENTITY "The question cannot be answered as it stands.";
    InvalidReference "invalid_reference" UNPROCESSABLE_ENTITY "It refers to something it cannot refer to.";
    KeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "The Idempotency-Key belongs to another request.";
    KeyRunning "idempotency_key_in_use" CONFLICT "A request with this Idempotency-Key is being carried out.";
    NameTaken "name_taken" CONFLICT "The name is taken.";
    KeyTaken "key_taken" CONFLICT "The campaign key is taken.";
    HostTaken "host_taken" CONFLICT "The host is taken.";
    InUse "in_use" CONFLICT "Others depend on it.";
    Full "no_number_left" CONFLICT "All numbers are used up.";
    Conflict "conflict" CONFLICT "Somebody else saved it meanwhile.";
    RevisionMismatch "revision_mismatch" PRECONDITION_FAILED "It is not at the revision that If-Match names.";
    Internal "internal" INTERNAL_SERVER_ERROR "Something is wrong with the server.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "The server is stopping.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let words = Self::ALL.iter().map(|code| code.as_str());
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).into()
    }
}

impl ToSchema for Code {}

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// Identifies the kind of problem: `urn:clicktrail:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same sentence for every problem of the kind.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    pub detail: String,
    /// The stable word that programs compare.
    pub code: Code,
    /// The field, parameter or header to blame, as a path such as `default[0].offers[1].weight`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Everything that is wrong with what was sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A request that was refused, or failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError(Box<Refused>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Refused {
    problem: ProblemDocument,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    /// A problem of this kind; `detail` says what is wrong this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let problem = ProblemDocument {
            kind: format!("urn:clicktrail:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            detail: detail.into(),
            code,
            field: None,
            remedy: None,
            problems: Vec::new(),
        };
        Self(Box::new(Refused { problem, headers: Vec::new() }))
    }

    /// Names what is to blame.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.problem.field = Some(field.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.0.problem.remedy = Some(remedy.into());
        self
    }

    /// Lists everything that is wrong; the first is the field to blame.
    #[must_use]
    pub fn problems(mut self, problems: Vec<Problem>) -> Self {
        self.0.problem.field = problems.first().map(|problem| problem.field.clone());
        self.0.problem.problems = problems;
        self
    }

    /// Puts `parent` in front of every path: what is wrong lies within something larger.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let problem = &mut self.0.problem;
        let told = Problem::list(&problem.problems);
        for inner in &mut problem.problems {
            inner.field = format!("{parent}.{}", inner.field);
        }
        if !told.is_empty() {
            problem.detail = problem.detail.replace(&told, &Problem::list(&problem.problems));
        }
        if let Some(field) = problem.field.take() {
            if let Some(rest) = problem.detail.strip_prefix(&format!("`{field}`")) {
                problem.detail = format!("`{parent}.{field}`{rest}");
            }
            problem.field = Some(format!("{parent}.{field}"));
        }
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Refused { problem, headers } = *self.0;
        // A struct of texts and numbers always serializes.
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (problem.code.status(), body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        response.headers_mut().extend(headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_stand_for_refusals() {
        let codes: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(codes.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn a_document_has_the_members_of_the_standard_and_ours() {
        let error =
            ApiError::new(Code::NameTaken, "the name is taken").field("name").remedy("choose");
        assert_eq!(
            serde_json::to_value(&error.0.problem).unwrap(),
            serde_json::json!({
                "type": "urn:clicktrail:problem:name_taken", "title": "The name is taken.",
                "status": 409, "detail": "the name is taken", "code": "name_taken",
                "field": "name", "remedy": "choose",
            })
        );
        let response = error.into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    }
}
