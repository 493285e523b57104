//! What can be wrong with a question; every variant names the place in the query.

use model::Field;
use model::query::FilterOp;

/// Why a query cannot be answered as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The zone is not in the tz database.
    #[error("`tz`: there is no time zone `{name}`; expected an IANA name such as Europe/Berlin")]
    UnknownZone {
        /// The name, from the query or the workspace.
        name: String,
    },
    /// A bound of the period is no moment.
    #[error(
        "`{position}`: `{text}` is no moment; expected a date such as 2026-11-22 or RFC 3339 such as 2026-11-22T14:00:00+01:00"
    )]
    Moment {
        /// `period.from` or `period.to`.
        position: &'static str,
        /// What stands there.
        text: String,
    },
    /// A bound of the period is a moment that no event can have.
    #[error("`{position}`: `{text}` lies outside the years 1970 to 2199")]
    MomentOutOfRange {
        /// `period.from` or `period.to`.
        position: &'static str,
        /// What stands there.
        text: String,
    },
    /// The period contains no moment.
    #[error("`period`: `to` ({to}) must lie behind `from` ({from}); `to` itself is excluded")]
    EmptyPeriod {
        /// The first moment as it was asked for.
        from: String,
        /// The moment behind the last as it was asked for.
        to: String,
    },
    /// A field or metric is asked for twice.
    #[error("`{position}`: `{name}` is asked for twice; leave one out")]
    Repeated {
        /// Place of the second one, such as `by[1]`.
        position: String,
        /// The field or metric.
        name: String,
    },
    /// A criterion of the order has no target, or two.
    #[error("`{position}`: expected either `metric` or `field`")]
    SortTarget {
        /// Place of the criterion, such as `sort[0]`.
        position: String,
    },
    /// Rows are to be ordered by a field that they do not have.
    #[error("`{position}`: rows can be sorted by `{field}` only when it is also in `by`")]
    SortField {
        /// Place of the field, such as `sort[0].field`.
        position: String,
        /// The field.
        field: Field,
    },
    /// More rows than one answer may have.
    #[error("`limit`: at most {max} rows at a time, not {limit}; page with `offset`, or export")]
    Limit {
        /// What was asked for.
        limit: usize,
        /// The most that is allowed.
        max: usize,
    },
    /// A comparison that the type of a field does not have.
    #[error("`{position}`: `{field}` cannot be compared with `{}`; expected one of {allowed}", op_word(*.op))]
    FilterOp {
        /// Place of the comparison, such as `filter[0].op`.
        position: String,
        /// The field.
        field: Field,
        /// The comparison.
        op: FilterOp,
        /// The comparisons it has.
        allowed: &'static str,
    },
    /// A value that a field cannot have, or the wrong number of values.
    #[error("`{position}`: expected {expected} for `{field}`, not {found}")]
    FilterValue {
        /// Place of the value, such as `filter[0].value` or `filter[0].value[2]`.
        position: String,
        /// The field.
        field: Field,
        /// What may stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl QueryError {
    /// The place in the query as a path, such as `filter[0].value`.
    pub fn position(&self) -> &str {
        match self {
            Self::UnknownZone { .. } => "tz",
            Self::Moment { position, .. } | Self::MomentOutOfRange { position, .. } => position,
            Self::EmptyPeriod { .. } => "period",
            Self::Limit { .. } => "limit",
            Self::Repeated { position, .. }
            | Self::SortTarget { position }
            | Self::SortField { position, .. }
            | Self::FilterOp { position, .. }
            | Self::FilterValue { position, .. } => position,
        }
    }
}

/// The beginning of a text that is repeated in a message.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The word of a comparison in queries.
pub(crate) fn op_word(op: FilterOp) -> &'static str {
    match op {
        FilterOp::Is => "is",
        FilterOp::IsNot => "is_not",
        FilterOp::In => "in",
        FilterOp::NotIn => "not_in",
        FilterOp::Contains => "contains",
        FilterOp::StartsWith => "starts_with",
        FilterOp::AtLeast => "at_least",
        FilterOp::AtMost => "at_most",
    }
}
