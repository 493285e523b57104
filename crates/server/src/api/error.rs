//! What each error of the parts below becomes at the API: one exhaustive match per error type.

use super::problem::{ApiError, Code};
use report::QueryError;
use std::error::Error;
use store::{ReferenceProblem, StoreError};

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        use StoreError as E;
        let detail = error.to_string();
        match error {
            E::Invalid { problems, .. } => Self::new(Code::Invalid, detail)
                .problems(problems)
                .remedy("correct the fields listed in `problems` and send it again"),
            E::Body { source, .. } => Self::new(Code::Invalid, format!("{detail}: {source}")),
            E::Reference { place, problem, .. } => {
                let remedy = match problem {
                    ReferenceProblem::Missing => "create it first, or name one that exists",
                    ReferenceProblem::Archived => "restore it or choose another",
                };
                Self::new(Code::InvalidReference, detail).field(place).remedy(remedy)
            }
            E::NotFound { kind, .. } => Self::new(Code::NotFound, detail)
                .remedy(format!("see the list of {kind}s, archived ones included")),
            E::Conflict { .. } => Self::new(Code::Conflict, detail)
                .remedy("read it again and repeat the change on the newer revision"),
            E::NameTaken { .. } => Self::new(Code::NameTaken, detail)
                .field("name")
                .remedy("choose another name, or archive the thing that has it"),
            E::KeyTaken { .. } => Self::new(Code::KeyTaken, detail)
                .field("key")
                .remedy("choose another key: links with a former key keep working"),
            E::HostTaken { .. } => Self::new(Code::HostTaken, detail)
                .field("host")
                .remedy("archive the domain that has it, or choose another host"),
            E::InUse { .. } => Self::new(Code::InUse, detail)
                .remedy("change or archive the things that use it first"),
            E::Full { .. } => Self::new(Code::Full, detail),
            E::Closed => Self::new(Code::Unavailable, "the server is stopping")
                .remedy("try again in a moment"),
            E::Open { .. }
            | E::Locked { .. }
            | E::NewerVersion { .. }
            | E::OldSqlite { .. }
            | E::OutOfStep { .. }
            | E::Database { .. }
            | E::Unreadable { .. } => Self::internal(&error),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::new(Code::InvalidQuery, error.to_string()).field(error.position()).remedy(
            "GET /api/v1/reports/fields and /api/v1/reports/metrics list what can be asked for",
        )
    }
}

impl ApiError {
    /// A failure whose cause is the operator's to read in the log, once, and nobody else's.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "an API request failed");
        Self::new(Code::Internal, "the request could not be carried out")
            .remedy("the server's log says why")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use model::thing::{Kind, Problem};

    #[test]
    fn every_store_error_has_its_status() {
        let database = || StoreError::Database { operation: "save", source: "disk on fire".into() };
        for (error, status) in [
            (
                StoreError::Invalid { kind: Kind::Offer, problems: vec![Problem::new("url", "x")] },
                422,
            ),
            (StoreError::NotFound { kind: Kind::Offer, id: 1 }, 404),
            (StoreError::Conflict { kind: Kind::Offer, id: 1, expected: 1, found: 2 }, 409),
            (StoreError::NameTaken { kind: Kind::Offer, name: "a".into(), by: 1 }, 409),
            (StoreError::KeyTaken { key: "a".into(), by: 1 }, 409),
            (StoreError::HostTaken { host: "a.example".into(), by: 1 }, 409),
            (StoreError::InUse { kind: Kind::Offer, id: 1, by: Vec::new() }, 409),
            (StoreError::OutOfStep { after: 1, position: 2 }, 500),
            (database(), 500),
            (StoreError::Closed, 503),
        ] {
            assert_eq!(ApiError::from(error).into_response().status(), status);
        }
        let leaked = format!("{:?}", ApiError::from(database()));
        assert!(!leaked.contains("fire") && !leaked.contains("save"), "{leaked}");
    }
}
