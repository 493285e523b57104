//! The rate an amount is converted by: an exact fraction, and where it comes from.

use super::{Rate, RateSource};
use crate::money::divide_half_even;
use jiff::civil::Date;
use std::fmt;
use std::str::FromStr;

/// Decimals of a rate that is shown.
const SHOWN_DECIMALS: u32 = 12;

/// One unit of one currency is worth `numerator ÷ denominator` units of another.
///
/// As text: `10823/10000 ecb 2026-11-20`. Rows keep that, so that what was converted by it can be taken
/// back by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Exchange {
    numerator: i64,
    denominator: i64,
    day: Date,
    source: RateSource,
}

/// A text that is no [`Exchange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a rate with its source and day, such as 10823/10000 ecb 2026-11-20")]
pub struct NoExchange;

impl Exchange {
    /// The price of one unit, as it was published or set.
    pub(super) fn of(rate: Rate, source: RateSource, day: Date) -> Self {
        let (numerator, denominator) = rate.fraction();
        Self { numerator, denominator, day, source }.reduced()
    }

    /// The way back.
    #[must_use]
    pub(super) fn inverse(self) -> Self {
        Self { numerator: self.denominator, denominator: self.numerator, ..self }
    }

    /// This way, then another. It is as old as the older of the two, and the operator's if one is.
    pub(super) fn then(self, next: Self) -> Option<Self> {
        let product = Self {
            numerator: self.numerator.checked_mul(next.numerator)?,
            denominator: self.denominator.checked_mul(next.denominator)?,
            day: self.day.min(next.day),
            source: self.source.max(next.source),
        };
        Some(product.reduced())
    }

    fn reduced(self) -> Self {
        let divisor = greatest_common_divisor(self.numerator, self.denominator);
        Self {
            numerator: self.numerator / divisor,
            denominator: self.denominator / divisor,
            ..self
        }
    }

    /// Micro-units of the one currency in those of the other, rounded half-even; none when they do not
    /// fit 64 bits. The negative of an amount becomes the negative of what it becomes.
    pub fn convert(self, micro: i64) -> Option<i64> {
        let product = i128::from(micro) * i128::from(self.numerator);
        let rounded = divide_half_even(product, i128::from(self.denominator))?;
        i64::try_from(rounded).ok()
    }

    /// The day of the rate, in UTC: for a cross rate the older one.
    pub fn day(self) -> Date {
        self.day
    }

    /// Who says so.
    pub fn source(self) -> RateSource {
        self.source
    }

    /// The rate in decimals, for reading: rounded half-even where it does not end after twelve.
    pub fn decimal(self) -> String {
        let one = 10i128.pow(SHOWN_DECIMALS);
        let scaled = divide_half_even(i128::from(self.numerator) * one, self.denominator.into());
        let scaled = scaled.unwrap_or_default();
        let text = format!("{}.{:012}", scaled / one, scaled % one);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a.max(1) } else { greatest_common_divisor(b, a % b) }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { numerator, denominator, day, source } = self;
        write!(f, "{numerator}/{denominator} {} {day}", source.as_str())
    }
}

impl FromStr for Exchange {
    type Err = NoExchange;

    fn from_str(text: &str) -> Result<Self, NoExchange> {
        let parts = || {
            let (fraction, origin) = text.split_once(' ')?;
            let (numerator, denominator) = fraction.split_once('/')?;
            let (source, day) = origin.split_once(' ')?;
            let positive = |text: &str| text.parse().ok().filter(|number: &i64| *number > 0);
            Some(Self {
                numerator: positive(numerator)?,
                denominator: positive(denominator)?,
                day: day.parse().ok()?,
                source: RateSource::from_word(source)?,
            })
        };
        parts().ok_or(NoExchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exchange(numerator: i64, denominator: i64) -> Exchange {
        let day = "2026-11-20".parse().unwrap();
        Exchange { numerator, denominator, day, source: RateSource::Ecb }
    }

    #[test]
    fn amounts_are_rounded_half_even_once() {
        for (micro, (numerator, denominator), expected) in [
            (1_000_000, (10823, 10000), Some(1_082_300)),
            (1_000_000, (10000, 10823), Some(923_958)),
            (1, (1, 2), Some(0)),
            (3, (1, 2), Some(2)),
            (-1, (1, 2), Some(0)),
            (-3, (1, 2), Some(-2)),
            (0, (10823, 10000), Some(0)),
            (i64::MAX, (2, 1), None),
            (i64::MAX, (i64::MAX, i64::MAX - 1), None),
            (i64::MIN, (1, 1), Some(i64::MIN)),
        ] {
            assert_eq!(exchange(numerator, denominator).convert(micro), expected, "{micro}");
        }
    }

    #[test]
    fn a_rate_is_read_as_it_is_written_and_shown_in_decimals() {
        for (text, shown) in [
            ("10823/10000 ecb 2026-11-20", "1.0823"),
            ("10000/10823 manual 1999-01-04", "0.923958237088"),
            ("3/1 ecb 2026-11-20", "3"),
            ("1/1000000000 ecb 2026-11-20", "0.000000001"),
        ] {
            let exchange: Exchange = text.parse().unwrap();
            assert_eq!((exchange.to_string().as_str(), exchange.decimal().as_str()), (text, shown));
        }
        for text in [
            "",
            "1/0 ecb 2026-11-20",
            "-1/2 ecb 2026-11-20",
            "1/2 bank 2026-11-20",
            "1/2 ecb today",
            "1 ecb 2026-11-20",
        ] {
            assert_eq!(text.parse::<Exchange>(), Err(NoExchange), "{text}");
        }
    }

    fn any_exchange() -> impl Strategy<Value = Exchange> {
        (1..i64::MAX, 1..i64::MAX)
            .prop_map(|(numerator, denominator)| exchange(numerator, denominator))
    }

    proptest! {
        #[test]
        fn no_amount_and_no_rate_overflows(exchange in any_exchange(), micro: i64) {
            let _ = exchange.convert(micro);
            let _ = exchange.decimal();
            let _ = exchange.then(exchange.inverse());
            prop_assert_eq!(exchange.to_string().parse(), Ok(exchange));
        }

        #[test]
        fn a_negative_amount_is_worth_the_negative(exchange in any_exchange(), micro in 0..i64::MAX) {
            let back = exchange.convert(-micro).map(|value| -i128::from(value));
            prop_assert_eq!(exchange.convert(micro).map(i128::from), back);
        }

        #[test]
        fn parts_are_worth_the_whole_but_for_their_roundings(
            numerator in 1i64..1_000_000_000, denominator in 1i64..1_000_000_000,
            parts in proptest::collection::vec(-1_000_000_000i64..1_000_000_000, 1..20),
        ) {
            let exchange = exchange(numerator, denominator);
            let worth = |micro| i128::from(exchange.convert(micro).unwrap());
            let whole = worth(parts.iter().sum());
            let apart: i128 = parts.iter().map(|part| worth(*part)).sum();
            prop_assert!((whole - apart).abs() <= parts.len() as i128 / 2 + 1, "{whole} {apart}");
        }

        #[test]
        fn there_and_back_is_the_same_within_the_rounding(
            numerator in 1i64..1_000_000_000, denominator in 1i64..1_000_000_000,
            micro in -1_000_000_000_000i64..1_000_000_000_000,
        ) {
            let there = exchange(numerator, denominator);
            if let Some(value) = there.convert(micro) {
                let back = i128::from(there.inverse().convert(value).unwrap());
                // Half a unit there, seen from here, and half a unit here.
                let bound = i128::from(denominator) / (2 * i128::from(numerator)) + 1;
                prop_assert!((back - i128::from(micro)).abs() <= bound, "{back} {micro}");
            }
        }
    }
}
