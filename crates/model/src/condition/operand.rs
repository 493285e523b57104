//! Which fields a condition may look at, what their values are and how they can be compared.

use crate::field::Field;
use crate::thing::{ConditionOp, Subject};
use ConditionOp::{
    AtLeast, AtMost, Between, Contains, GreaterThan, In, Is, IsNot, Known, LessThan, NotContains,
    NotIn, Regex, StartsWith, Unknown,
};

/// What the values of a subject are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Text; ordered as a whole number where it reads as one.
    Text,
    /// A version; text that is ordered by its numbers.
    Version,
    /// A whole number.
    Number,
    /// The number of a thing.
    Thing,
    /// A number of the clock that comes round after `last`.
    Clock { first: i64, last: i64 },
    /// A date.
    Day,
    /// True or false.
    Truth,
    /// An address.
    Address,
}

/// What the values of `subject` are; `None` for a field that is not known when a click is routed.
pub(crate) fn of(subject: &Subject) -> Option<Operand> {
    match subject {
        Subject::Param(_) => Some(Operand::Text),
        Subject::Field(field) => of_field(*field),
    }
}

fn of_field(field: Field) -> Option<Operand> {
    use Field::*;
    Some(match field {
        OsVersion | BrowserVersion => Operand::Version,
        Asn => Operand::Number,
        Campaign | Source | Domain => Operand::Thing,
        Weekday => Operand::Clock { first: 1, last: 7 },
        HourOfDay => Operand::Clock { first: 0, last: 23 },
        WeekdayHour => Operand::Clock { first: 0, last: 167 },
        Day => Operand::Day,
        Bot | UniqueCampaign | UniqueFlow | UniqueAll | Duplicate | Test => Operand::Truth,
        Ip => Operand::Address,
        PlatformIdKind | Device | Brand | Model | Os | Browser | Language | Country | Region
        | City | Isp | Connection | UserAgent | Referrer | ReferrerHost | LandingUrl | Method
        | Kind | BotReason | Consent => Operand::Text,
        _ if field.from_source() => Operand::Text,
        _ => return None,
    })
}

impl Operand {
    /// The comparisons it has.
    pub(crate) const fn ops(self) -> &'static [ConditionOp] {
        match self {
            Self::Text | Self::Version => &[
                Is,
                IsNot,
                In,
                NotIn,
                Contains,
                NotContains,
                StartsWith,
                Regex,
                LessThan,
                AtMost,
                GreaterThan,
                AtLeast,
                Between,
                Known,
                Unknown,
            ],
            Self::Number => &[
                Is,
                IsNot,
                In,
                NotIn,
                LessThan,
                AtMost,
                GreaterThan,
                AtLeast,
                Between,
                Known,
                Unknown,
            ],
            Self::Clock { .. } | Self::Day => {
                &[Is, IsNot, In, NotIn, LessThan, AtMost, GreaterThan, AtLeast, Between]
            }
            Self::Thing | Self::Address => &[Is, IsNot, In, NotIn, Known, Unknown],
            Self::Truth => &[Is, IsNot],
        }
    }
}
