//! Amounts: 64-bit integers of micro-units of a currency, read and written as decimal text.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Micro-units in one unit of a currency.
pub const MICRO: i64 = 1_000_000;

/// An amount in micro-units (1.50 is 1,500,000); its currency stands beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "1.50")]
pub struct Money(pub i64);

/// Which character separates the fraction, where a sender has declared it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// Not declared: `1,50` reads 1.50, `1,500` is ambiguous and refused.
    #[default]
    Auto,
    /// `1,500.25`
    Point,
    /// `1.500,25`
    Comma,
}

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Nothing in it.
    #[error("the amount is empty")]
    Empty,
    /// A macro the sender did not expand, such as `{payout}`.
    #[error("the amount is a macro that the sender did not expand")]
    Unexpanded,
    /// Letters, two signs, an exponent, `NaN` …
    #[error("the amount is not a decimal number such as 1.50")]
    NotANumber,
    /// `1,500` can be one and a half or fifteen hundred.
    #[error("the amount is ambiguous: declare the network's decimal mark")]
    Ambiguous,
    /// Beyond ±9.2 × 10^12 units.
    #[error("the amount is too large")]
    TooLarge,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a foreign amount: a sign, digits, thousands groups, one decimal mark; further decimals
    /// than six are rounded half-even. Surrounding spaces are ignored.
    pub fn read(text: &str, mark: DecimalMark) -> Result<Self, MoneyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MoneyError::Empty);
        }
        if crate::unexpanded::is_macro(text) {
            return Err(MoneyError::Unexpanded);
        }
        let (negative, digits) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = split_decimal(digits, mark)?;
        let micro = micro(&whole, fraction)?;
        Ok(Self(if negative { -micro } else { micro }))
    }

    /// `self × numerator ÷ denominator`, rounded half-even; `None` when it does not fit or divides by zero.
    pub fn scale(self, numerator: i64, denominator: i64) -> Option<Self> {
        let product = i128::from(self.0) * i128::from(numerator);
        let rounded = divide_half_even(product, i128::from(denominator))?;
        i64::try_from(rounded).ok().map(Self)
    }
}

/// `numerator ÷ denominator` rounded to the nearest integer, ties to the even one.
pub fn divide_half_even(numerator: i128, denominator: i128) -> Option<i128> {
    if denominator == 0 {
        return None;
    }
    let (numerator, denominator) =
        if denominator < 0 { (-numerator, -denominator) } else { (numerator, denominator) };
    let (quotient, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    let up = match (2 * rest).cmp(&denominator) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient % 2 != 0,
    };
    Some(quotient + i128::from(up))
}

/// The digits in front of the decimal mark, without thousands separators, and those behind it.
fn split_decimal(digits: &str, mark: DecimalMark) -> Result<(String, &str), MoneyError> {
    let decimal = match mark {
        DecimalMark::Point => '.',
        DecimalMark::Comma => ',',
        DecimalMark::Auto => guess_mark(digits)?,
    };
    let thousands = if decimal == '.' { ',' } else { '.' };
    let (whole, fraction) = digits.split_once(decimal).unwrap_or((digits, ""));
    let mut groups = whole.split(thousands);
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let grouped =
        rest.iter().all(|g| g.len() == 3) && (rest.is_empty() || (1..=3).contains(&first.len()));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let empty = first.is_empty() && fraction.is_empty();
    if !grouped || empty || !plain(first) || !plain(fraction) || !rest.iter().all(|g| plain(g)) {
        return Err(MoneyError::NotANumber);
    }
    Ok((first.to_owned() + &rest.concat(), fraction))
}

/// The decimal mark of an undeclared amount. The mark that stands last separates the fraction when
/// both occur; a single comma with three digits behind it stays undecided.
fn guess_mark(digits: &str) -> Result<char, MoneyError> {
    match (digits.rfind('.'), digits.rfind(',')) {
        (_, None) => Ok('.'),
        (None, Some(comma)) => {
            let single = digits.find(',') == Some(comma);
            match (single, digits.len() - comma - 1) {
                (true, 3) => Err(MoneyError::Ambiguous),
                (true, _) => Ok(','),
                (false, _) => Ok('.'),
            }
        }
        (Some(point), Some(comma)) => Ok(if point > comma { '.' } else { ',' }),
    }
}

fn micro(whole: &str, fraction: &str) -> Result<i64, MoneyError> {
    let whole = whole.trim_start_matches('0');
    if whole.len() > 13 {
        return Err(MoneyError::TooLarge);
    }
    let units: i128 =
        if whole.is_empty() { 0 } else { whole.parse().map_err(|_| MoneyError::NotANumber)? };
    // 24 decimals decide every rounding but an exact tie, which a non-zero digit further on breaks.
    let kept = &fraction[..fraction.len().min(24)];
    let beyond = fraction[kept.len()..].bytes().any(|b| b != b'0');
    let scale = 10i128.pow(kept.len() as u32);
    let digits: i128 =
        if kept.is_empty() { 0 } else { kept.parse().map_err(|_| MoneyError::NotANumber)? };
    let rounded = divide_half_even(digits * i128::from(MICRO) * 2 + i128::from(beyond), scale * 2)
        .ok_or(MoneyError::NotANumber)?;
    i64::try_from(units * i128::from(MICRO) + rounded).map_err(|_| MoneyError::TooLarge)
}

impl fmt::Display for Money {
    /// At least two decimals, at most six, no trailing zeros beyond two.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let (units, mut fraction) = (magnitude / MICRO as u64, magnitude % MICRO as u64);
        let mut width = 6;
        while width > 2 && fraction % 10 == 0 {
            fraction /= 10;
            width -= 1;
        }
        write!(f, "{sign}{units}.{fraction:0width$}")
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::read(&text, DecimalMark::Point).map_err(serde::de::Error::custom)
    }
}

/// An ISO 4217 code, upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, utoipa::ToSchema)]
#[schema(value_type = String, example = "EUR")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The currency that the European Central Bank gives rates of.
    pub const EUR: Self = Self(*b"EUR");
    /// The currency of a new workspace.
    pub const USD: Self = Self(*b"USD");

    /// The code.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A text that is no currency code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a currency is a code of three letters such as USD (ISO 4217)")]
pub struct CurrencyError;

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Upper or lower case: networks send both.
    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let code = <[u8; 3]>::try_from(text.trim().as_bytes()).map_err(|_| CurrencyError)?;
        if !code.iter().all(u8::is_ascii_alphabetic) {
            return Err(CurrencyError);
        }
        Ok(Self(code.map(|c| c.to_ascii_uppercase())))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Result<i64, MoneyError>) {
        assert_eq!(Money::read(text, DecimalMark::Auto), expected.map(Money), "{text}");
    }

    #[test]
    fn amounts_as_networks_send_them() {
        check("1.50", Ok(1_500_000));
        check("1,50", Ok(1_500_000));
        check(" 12 ", Ok(12_000_000));
        check("-3", Ok(-3_000_000));
        check("+0.000001", Ok(1));
        check(".5", Ok(500_000));
        check("5.", Ok(5_000_000));
        check("1,234.56", Ok(1_234_560_000));
        check("1.234,56", Ok(1_234_560_000));
        check("1,234,567", Ok(1_234_567_000_000));
        check("0.0000005", Ok(0));
        check("0.0000015", Ok(2));
        check("0.00000050000000000000000000000000000001", Ok(1));
        check("9223372036854.775807", Ok(i64::MAX));
    }

    #[test]
    fn what_is_no_amount_says_why() {
        check("", Err(MoneyError::Empty));
        check("{payout}", Err(MoneyError::Unexpanded));
        check("1,500", Err(MoneyError::Ambiguous));
        check("NaN", Err(MoneyError::NotANumber));
        check("inf", Err(MoneyError::NotANumber));
        check("1e30", Err(MoneyError::NotANumber));
        check("1.2.3", Err(MoneyError::NotANumber));
        check("--1", Err(MoneyError::NotANumber));
        check("€5", Err(MoneyError::NotANumber));
        check(&format!("1{}", "0".repeat(30)), Err(MoneyError::TooLarge));
        check("9223372036854.775808", Err(MoneyError::TooLarge));
    }

    #[test]
    fn a_declared_mark_decides_what_is_ambiguous() {
        assert_eq!(Money::read("1,500", DecimalMark::Point), Ok(Money(1_500_000_000)));
        assert_eq!(Money::read("1,500", DecimalMark::Comma), Ok(Money(1_500_000)));
        assert_eq!(Money::read("1.500", DecimalMark::Comma), Ok(Money(1_500_000_000)));
    }

    #[test]
    fn ties_round_to_the_even_neighbour() {
        for (numerator, denominator, expected) in
            [(5, 2, 2), (7, 2, 4), (-5, 2, -2), (-7, 2, -4), (7, -2, -4), (1, 3, 0), (2, 3, 1)]
        {
            assert_eq!(divide_half_even(numerator, denominator), Some(expected));
        }
        assert_eq!(divide_half_even(1, 0), None);
    }

    proptest! {
        #[test]
        fn printed_amounts_read_back(micro in any::<i64>().prop_filter("its negative fits", |m| *m != i64::MIN)) {
            let printed = Money(micro).to_string();
            prop_assert_eq!(Money::read(&printed, DecimalMark::Point), Ok(Money(micro)));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Money::read(&text, DecimalMark::Auto);
            let _ = Money::read(&text, DecimalMark::Comma);
        }
    }
}
