//! What currencies are worth in each other: rates as they were published or set, and conversion by them.
//!
//! Everything here is a whole number or a fraction of two. An amount is converted by one multiplication
//! and one division, rounded half-even once ([`Exchange::convert`]).

mod ecb;
mod exchange;
mod table;

pub use ecb::{ECB_BYTES_MAX, EcbError, read_ecb};
pub use exchange::{Exchange, NoExchange};
pub use table::{ECB_DAYS_MAX, RateTable};

use crate::money::Currency;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The most decimals of a [`Rate`], and the most digits without leading zeros: a fraction of two
/// products of two rates still fits 64 bits.
const DIGITS_MAX: u32 = 9;

/// A positive decimal number, exactly as it was written but for zeros at its end: at most nine digits,
/// at most nine of them behind the point.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    digits: u32,
    decimals: u8,
}

/// Who says what a currency is worth.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RateSource {
    /// The European Central Bank's reference rates, each to the euro.
    Ecb,
    /// The operator.
    Manual,
}

/// One unit of `base` costs `rate` units of `quote` from `day` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRate {
    /// The first day it holds, in UTC.
    pub day: Date,
    /// What is paid for.
    pub base: Currency,
    /// What is paid with.
    pub quote: Currency,
    /// Who says so.
    pub source: RateSource,
    /// The price; none ends a manual rate.
    pub rate: Option<Rate>,
}

/// Why a text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Letters, a sign, a comma, an exponent …
    #[error("a rate is a decimal number such as 1.0823")]
    NotANumber,
    /// Nothing is worth nothing.
    #[error("a rate is greater than 0")]
    Zero,
    /// More digits than are kept.
    #[error(
        "a rate has at most nine digits, without zeros in front: round it, or turn the pair round"
    )]
    TooLong,
}

/// The day of a moment, in UTC.
pub fn day_of(ms: i64) -> Date {
    let at = Timestamp::from_millisecond(ms);
    at.unwrap_or_default().to_zoned(TimeZone::UTC).date()
}

impl Rate {
    /// The number as a fraction.
    fn fraction(self) -> (i64, i64) {
        (i64::from(self.digits), 10i64.pow(u32::from(self.decimals)))
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || text.ends_with('.') || !is_plain(whole) || !is_plain(fraction) {
            return Err(RateError::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Err(RateError::Zero);
        }
        let max = DIGITS_MAX as usize;
        if digits.len() > max || fraction.len() > max {
            return Err(RateError::TooLong);
        }
        let digits = digits.parse().map_err(|_| RateError::TooLong)?;
        Ok(Self { digits, decimals: fraction.len() as u8 })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, one) = self.fraction();
        write!(f, "{}", digits / one)?;
        if self.decimals > 0 {
            write!(f, ".{:0width$}", digits % one, width = usize::from(self.decimals))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl RateSource {
    /// The word in the API and in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecb => "ecb",
            Self::Manual => "manual",
        }
    }

    /// The source of its word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Ecb, Self::Manual].into_iter().find(|source| source.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_kept_as_they_are_written() {
        for (text, printed) in [
            ("1.0823", "1.0823"),
            ("162.50", "162.5"),
            ("1672000.0", "1672000"),
            ("007", "7"),
            ("0.000000001", "0.000000001"),
            ("999999999", "999999999"),
            ("1.00000000000", "1"),
        ] {
            assert_eq!(text.parse::<Rate>().map(|rate| rate.to_string()), Ok(printed.to_owned()));
        }
    }

    #[test]
    fn what_is_no_rate_says_why() {
        for (text, error) in [
            ("", RateError::NotANumber),
            (".5", RateError::NotANumber),
            ("1.", RateError::NotANumber),
            ("-1", RateError::NotANumber),
            ("1,08", RateError::NotANumber),
            ("1e3", RateError::NotANumber),
            ("N/A", RateError::NotANumber),
            ("0", RateError::Zero),
            ("0.000", RateError::Zero),
            ("1000000000", RateError::TooLong),
            ("1.123456789", RateError::TooLong),
            ("0.0000000001", RateError::TooLong),
        ] {
            assert_eq!(text.parse::<Rate>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        for (ms, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (86_399_999, "1970-01-01"),
            (86_400_000, "1970-01-02"),
        ] {
            assert_eq!(day_of(ms).to_string(), day);
        }
    }

    proptest! {
        #[test]
        fn printed_rates_read_back(digits in 1u32..1_000_000_000, decimals in 0usize..=9) {
            let text = format!("{digits:0>width$}", width = decimals + 1);
            let (whole, fraction) = text.split_at(text.len() - decimals);
            let text = if decimals == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") };
            let rate: Rate = text.parse().unwrap();
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = text.parse::<Rate>();
        }
    }
}
