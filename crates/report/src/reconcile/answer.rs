//! What a comparison comes to, and its JSON: counts are whole numbers, amounts decimal text in our currency.

use super::cause::{Cause, Measure};
use crate::decimal;
use crate::report::Bounds;
use model::metric::Unit;
use model::query::{Query, TimeBasis};
use model::{Currency, Field};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};

/// Their totals beside ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reconciled {
    /// Every line of theirs and every group of ours, by day, then by the other fields.
    pub lines: Vec<ReconciledLine>,
    /// Everything together.
    pub totals: Vec<ReconciledMeasure>,
    /// The causes that figures here are due to, or could be.
    pub causes: Vec<CauseView>,
    /// Other days on which theirs would be nearer to ours; nothing but `if_shifted` is computed by them.
    pub shift: Option<Shift>,
    /// What lines are told apart by.
    pub by: Vec<Field>,
    /// What is compared.
    pub measures: Vec<Measure>,
    /// Of all amounts.
    pub currency: Currency,
    /// The days, by our clock.
    pub period: Bounds,
    /// The clock of our days.
    pub tz: String,
    /// The clock that theirs are taken to have.
    pub their_tz: String,
    /// Which time of ours counts.
    pub time: TimeBasis,
    /// Which time theirs are taken to count.
    pub their_time: TimeBasis,
    /// What could not be put into figures.
    pub notes: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReconciledLine {
    /// Values by the names of fields, with the names of things beside their numbers.
    #[schema(value_type = Object)]
    pub key: Map<String, Value>,
    /// Who has it.
    pub side: LineSide,
    /// The lines of theirs that it is made of.
    pub lines: Vec<u64>,
    /// The measures, in the order of [`Reconciled::measures`].
    pub measures: Vec<ReconciledMeasure>,
}

/// Who has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineSide {
    /// Both.
    Both,
    /// Nothing of ours is like it.
    TheirsOnly,
    /// No line of theirs is like it.
    OursOnly,
}

/// A measure of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReconciledMeasure {
    /// Which one.
    pub measure: Measure,
    /// Its gap.
    #[serde(flatten)]
    pub balance: Balance,
}

/// A gap: `ours` and all causes and `unexplained` add up to `theirs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Balance {
    /// Theirs, in our currency.
    pub theirs: Amount,
    /// Ours, as reports show it.
    pub ours: Amount,
    /// `theirs − ours`.
    pub gap: Amount,
    /// What the gap is due to; causes of 0 are left out.
    pub causes: Vec<Effect>,
    /// What no cause explains.
    pub unexplained: Amount,
    /// What the days of [`Reconciled::shift`] would change.
    pub if_shifted: Option<IfShifted>,
    /// Their amounts as they were sent, where that was not in our currency.
    pub sent: Vec<SentAmount>,
    /// Questions for the rows of `ours`, when asked for.
    pub rows: Vec<Expansion>,
}

/// What a cause adds to ours on the way to theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Effect {
    /// Its word.
    pub cause: String,
    /// What it adds, signed.
    pub amount: Amount,
    /// Questions for the rows it sums, when asked for.
    pub rows: Vec<Expansion>,
    /// Calls it sums, by their numbers in the inbox.
    pub calls: Vec<String>,
}

/// A question for `POST /api/v1/reports` that lists rows of a figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Expansion {
    /// How often its total goes into the figure; 0 where the figure is computed from the rows in another way.
    pub times: i64,
    /// The question.
    pub query: Query,
}

/// Other days than those theirs were taken to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Shift {
    /// Their clock, as it may be given as `their_tz`.
    pub their_tz: String,
    /// The measure by which it was found.
    pub measure: Measure,
    /// How far theirs are from ours on the days now, without signs, once what is lost in all is spread evenly.
    pub apart: Amount,
    /// The same by that clock.
    pub apart_if_shifted: Amount,
}

/// A line by other days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IfShifted {
    /// What the cause `time_zone` would add.
    pub time_zone: Amount,
    /// What would stay unexplained.
    pub unexplained: Amount,
}

/// Their amount in their currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SentAmount {
    /// The amount.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
}

/// A cause, and what was taken for granted about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CauseView {
    /// Its word.
    pub cause: String,
    /// The measure.
    pub measure: Measure,
    /// What it is.
    pub says: String,
    /// Whether our figure holds such rows; null where the cause is no kind of row.
    pub we_count: Option<bool>,
    /// Whether theirs is taken to.
    pub they_count: Option<bool>,
    /// How much there is of it in all.
    pub found: Amount,
}

impl CauseView {
    pub(super) fn label(&self) -> &str {
        let of = Cause::ALL.iter().find(|cause| cause.as_str() == self.cause);
        of.map_or(self.cause.as_str(), |cause| cause.label())
    }
}

/// A count, or micro-units of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// How many.
    Count(i128),
    /// Micro-units.
    Money(i128),
}

impl Amount {
    pub(super) fn of(measure: Measure, value: i128) -> Self {
        match measure.unit() {
            Unit::Money => Self::Money(value),
            _ => Self::Count(value),
        }
    }

    /// The whole number in it.
    pub fn value(self) -> i128 {
        match self {
            Self::Count(value) | Self::Money(value) => value,
        }
    }

    /// As it is printed: a whole number, or decimal text.
    pub fn text(self) -> String {
        match self {
            Self::Count(value) => value.to_string(),
            Self::Money(micro) => decimal::print(micro),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Money(micro) => serializer.serialize_str(&decimal::print(micro)),
            Self::Count(count) => match i64::try_from(count) {
                Ok(count) => serializer.serialize_i64(count),
                Err(_) => serializer.serialize_i128(count),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || D::Error::custom("expected a whole number, or an amount as decimal text");
        match Value::deserialize(deserializer)? {
            Value::Number(number) => number.as_i128().map(Self::Count).ok_or_else(wrong),
            Value::String(text) => decimal::read(&text).map(Self::Money).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

impl utoipa::PartialSchema for Amount {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::String]))
            .description(Some("a count as a whole number, or an amount as decimal text"))
            .into()
    }
}

impl utoipa::ToSchema for Amount {}
