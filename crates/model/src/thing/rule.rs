//! A rule: conditions on the click, and the paths of whoever meets them.
//!
//! Conditions are a tree: `{"all": […]}` holds when every one below holds, `{"any": […]}` when at
//! least one does, and a leaf compares what is known about the click:
//! `{"field": "country", "op": "in", "value": ["DE", "AT"]}`, or a parameter of the landing URL:
//! `{"param": "zone", "op": "starts_with", "value": "news"}`.

use super::Path;
use crate::field::Field;
use crate::query::{Cell, FilterValue};
use serde::{Deserialize, Deserializer, Serialize};

/// Sends whoever meets its conditions down its own paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique in its flow; given by the server when 0 or absent, and kept by edits.
    #[serde(default)]
    pub id: u32,
    /// What the operator calls it.
    #[serde(default)]
    pub name: String,
    /// Whom it is for.
    pub when: Condition,
    /// Where they go.
    pub paths: Vec<Path>,
}

/// A tree of comparisons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum Condition {
    /// Every one of them holds.
    All {
        /// At least one.
        #[schema(no_recursion)]
        all: Vec<Condition>,
    },
    /// At least one of them holds.
    Any {
        /// At least one.
        #[schema(no_recursion)]
        any: Vec<Condition>,
    },
    /// A comparison.
    Leaf(Comparison),
}

/// Compares one thing that is known about the click.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
pub struct Comparison {
    /// What is looked at.
    #[serde(flatten)]
    pub subject: Subject,
    /// The comparison.
    pub op: ConditionOp,
    /// What it is compared with: one value, several for `in` and `not_in`, two for `between`, none
    /// for `known` and `unknown`.
    #[serde(skip_serializing_if = "is_absent")]
    pub value: FilterValue,
}

impl Condition {
    /// How many regular expressions there are in it.
    pub(super) fn regexes(&self) -> usize {
        match self {
            Self::All { all: parts } | Self::Any { any: parts } => {
                parts.iter().map(Self::regexes).sum()
            }
            Self::Leaf(comparison) => usize::from(comparison.op == ConditionOp::Regex),
        }
    }
}

/// What a comparison looks at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A field of the click that is known when it is routed.
    Field(Field),
    /// A parameter of the landing URL by its name, decoded; an unexpanded macro is no value.
    Param(String),
}

/// How a value is compared. Where [`crate::query::FilterOp`] has the same word, it means the same.
///
/// Text is compared without regard to the case of ASCII letters, but for `regex`. A value that is not
/// known meets `unknown` and the negations, nothing else.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
    PartialOrd,
    Ord,
)]
#[serde(rename_all = "snake_case")]
pub enum ConditionOp {
    /// Is the value.
    #[serde(alias = "eq")]
    Is,
    /// Is not the value.
    #[serde(alias = "ne")]
    IsNot,
    /// Is one of the values; an `ip` lies in one of the ranges.
    #[serde(alias = "cidr")]
    In,
    /// Is none of the values; an `ip` lies in none of the ranges.
    #[serde(alias = "not_cidr")]
    NotIn,
    /// Text contains the value.
    Contains,
    /// Text does not contain the value.
    NotContains,
    /// Text begins with the value.
    StartsWith,
    /// Text contains a match of the regular expression (syntax of the Rust crate `regex`: linear time,
    /// no look-around, no back references); `(?i)` in front ignores case, `^` and `$` anchor.
    Regex,
    /// Less than the value.
    #[serde(alias = "lt")]
    LessThan,
    /// At most the value.
    #[serde(alias = "lte")]
    AtMost,
    /// Greater than the value.
    #[serde(alias = "gt")]
    GreaterThan,
    /// At least the value.
    #[serde(alias = "gte")]
    AtLeast,
    /// At least the first and at most the second value. For `weekday`, `hour_of_day` and
    /// `weekday_hour` the range may go over the end: hours between 22 and 5 are the night.
    Between,
    /// There is a value.
    Known,
    /// There is no value.
    Unknown,
}

impl ConditionOp {
    /// The word in JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Is => "is",
            Self::IsNot => "is_not",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Contains => "contains",
            Self::NotContains => "not_contains",
            Self::StartsWith => "starts_with",
            Self::Regex => "regex",
            Self::LessThan => "less_than",
            Self::AtMost => "at_most",
            Self::GreaterThan => "greater_than",
            Self::AtLeast => "at_least",
            Self::Between => "between",
            Self::Known => "known",
            Self::Unknown => "unknown",
        }
    }

    /// The comparison that holds exactly when this one does not, where there is one.
    pub const fn negation(self) -> Option<Self> {
        Some(match self {
            Self::Is => Self::IsNot,
            Self::IsNot => Self::Is,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
            Self::Contains => Self::NotContains,
            Self::NotContains => Self::Contains,
            Self::Known => Self::Unknown,
            Self::Unknown => Self::Known,
            _ => return None,
        })
    }
}

impl std::fmt::Display for ConditionOp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Param(name) => write!(f, "parameter `{name}`"),
        }
    }
}

fn is_absent(value: &FilterValue) -> bool {
    *value == FilterValue::One(Cell::Null)
}

/// A condition as it is written: read as one flat form, so that an error names the very key.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `all`, `any`, or `field` (or `param`), `op` and `value`"
)]
struct Written {
    all: Option<Vec<Condition>>,
    any: Option<Vec<Condition>>,
    field: Option<Field>,
    param: Option<String>,
    op: Option<ConditionOp>,
    #[serde(default)]
    value: FilterValue,
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        written.condition().map_err(serde::de::Error::custom)
    }
}

impl Written {
    fn condition(self) -> Result<Condition, &'static str> {
        const SHAPE: &str = "a condition has exactly one of `all`, `any`, `field` and `param`";
        let subject = match (self.all, self.any, self.field, self.param) {
            (Some(all), None, None, None) if self.op.is_none() => {
                return Ok(Condition::All { all });
            }
            (None, Some(any), None, None) if self.op.is_none() => {
                return Ok(Condition::Any { any });
            }
            (Some(_), None, None, None) | (None, Some(_), None, None) => {
                return Err("`op` belongs beside `field` or `param`");
            }
            (None, None, Some(field), None) => Subject::Field(field),
            (None, None, None, Some(param)) => Subject::Param(param),
            _ => return Err(SHAPE),
        };
        let op = self.op.ok_or("a comparison needs an `op` such as `is` or `in`")?;
        Ok(Condition::Leaf(Comparison { subject, op, value: self.value }))
    }
}

impl Condition {
    /// The comparison of a field.
    pub fn field(field: Field, op: ConditionOp, value: FilterValue) -> Self {
        Self::Leaf(Comparison { subject: Subject::Field(field), op, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_documented_and_print_the_same() {
        for text in [
            r#"{"field":"country","op":"in","value":["DE","AT"]}"#,
            r#"{"param":"zone","op":"starts_with","value":"news"}"#,
            r#"{"all":[{"field":"bot","op":"is","value":false},{"any":[{"field":"isp","op":"known"}]}]}"#,
            r#"{"field":"hour_of_day","op":"between","value":[8,19]}"#,
        ] {
            let condition: Condition = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&condition).unwrap(), text);
        }
    }

    #[test]
    fn the_schema_of_conditions_within_conditions_ends() {
        let mut schemas = Vec::new();
        <Rule as utoipa::ToSchema>::schemas(&mut schemas);
        for name in ["Condition", "Comparison", "ConditionOp", "Path"] {
            assert!(schemas.iter().any(|(held, _)| held == name), "{name}");
        }
    }

    #[test]
    fn other_words_for_an_operator_are_understood() {
        for (word, op) in [
            ("eq", ConditionOp::Is),
            ("cidr", ConditionOp::In),
            ("lt", ConditionOp::LessThan),
            ("lte", ConditionOp::AtMost),
            ("gt", ConditionOp::GreaterThan),
            ("gte", ConditionOp::AtLeast),
        ] {
            assert_eq!(serde_json::from_value::<ConditionOp>(word.into()).unwrap(), op);
            assert_eq!(serde_json::to_value(op).unwrap(), op.word());
        }
    }

    #[test]
    fn what_is_no_condition_says_why() {
        for (text, expected) in [
            ("{}", "exactly one of"),
            (r#"{"all":[],"any":[]}"#, "exactly one of"),
            (r#"{"field":"os","param":"os","op":"is"}"#, "exactly one of"),
            (r#"{"field":"os","value":"iOS"}"#, "needs an `op`"),
            (r#"{"all":[],"op":"is"}"#, "belongs beside"),
            (r#"{"field":"colour","op":"is"}"#, "no field `colour`"),
            (r#"{"field":"os","op":"like"}"#, "unknown variant `like`"),
            (r#"{"field":"os","op":"is","values":1}"#, "unknown field `values`"),
        ] {
            let error = serde_json::from_str::<Condition>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
