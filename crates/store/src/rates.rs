//! Rates in the catalog: what a list of them is asked for, and which rows a write comes to.

use jiff::civil::Date;
use model::money::Currency;
use model::rate::{DayRate, RateSource};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// A rate that stands, and who wrote it when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRow {
    /// The rate; one without a price is the end of a manual rate.
    pub rate: DayRate,
    /// Who wrote it.
    pub author: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
}

/// Which rates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateQuery {
    /// Only those with this currency on either side.
    pub currency: Option<Currency>,
    /// Only those of this source.
    pub source: Option<RateSource>,
    /// Only from this day on.
    pub from: Option<Date>,
    /// Only up to this day, which is included.
    pub to: Option<Date>,
    /// Only those behind this one.
    pub after: Option<RateKey>,
    /// The most rates.
    pub limit: usize,
}

/// What tells rates apart: of two with the same key the one written later stands. Keys are ordered as a
/// list of rates is. Their text is opaque to whoever carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RateKey {
    /// The newest day comes first.
    pub day: std::cmp::Reverse<Date>,
    /// What is paid for.
    pub base: Currency,
    /// What is paid with.
    pub quote: Currency,
    /// Who says so.
    pub source: RateSource,
}

impl From<DayRate> for RateKey {
    fn from(DayRate { day, base, quote, source, .. }: DayRate) -> Self {
        Self { day: std::cmp::Reverse(day), base, quote, source }
    }
}

/// The last of each key, in the order in which they were sent.
pub(crate) fn last_of_each(rates: &[DayRate]) -> Vec<DayRate> {
    let last: HashMap<RateKey, usize> =
        rates.iter().enumerate().map(|(place, rate)| ((*rate).into(), place)).collect();
    let is_last = |place: usize, rate: DayRate| last.get(&rate.into()) == Some(&place);
    rates.iter().copied().enumerate().filter(|(at, r)| is_last(*at, *r)).map(|(_, r)| r).collect()
}

/// Whether a rate says nothing new. What an operator writes always does: it may hold against the pair
/// written the other way round.
pub(crate) fn is_known(rate: DayRate, standing: Option<DayRate>) -> bool {
    rate.source == RateSource::Ecb && standing == Some(rate)
}

impl RateQuery {
    /// Whether a rate is asked for; [`RateQuery::limit`] aside.
    pub fn accepts(&self, rate: DayRate) -> bool {
        self.currency.is_none_or(|currency| [rate.base, rate.quote].contains(&currency))
            && self.source.is_none_or(|source| source == rate.source)
            && self.from.is_none_or(|from| from <= rate.day)
            && self.to.is_none_or(|to| rate.day <= to)
            && self.after.is_none_or(|after| after < RateKey::from(rate))
    }
}

/// A text that is no [`RateKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no cursor of a list of rates: pass the `next` of an earlier page unchanged")]
pub struct NoRateKey;

impl fmt::Display for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.day.0, self.base, self.quote, self.source.as_str())
    }
}

impl FromStr for RateKey {
    type Err = NoRateKey;

    fn from_str(text: &str) -> Result<Self, NoRateKey> {
        let parts: Vec<&str> = text.split('.').collect();
        let [day, base, quote, source] = parts[..] else { return Err(NoRateKey) };
        let day = day.parse().map_err(|_| NoRateKey)?;
        let base = base.parse().map_err(|_| NoRateKey)?;
        let quote = quote.parse().map_err(|_| NoRateKey)?;
        let source = RateSource::from_word(source).ok_or(NoRateKey)?;
        Ok(Self { day: std::cmp::Reverse(day), base, quote, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_being_carried_as_text() {
        for text in ["2026-11-20.EUR.USD.ecb", "1999-01-04.BRL.USD.manual"] {
            assert_eq!(text.parse::<RateKey>().map(|key| key.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "2026-11-20.EUR.USD", "2026-11-20.EUR.USD.bank", "x.EUR.USD.ecb"] {
            assert_eq!(text.parse::<RateKey>(), Err(NoRateKey), "{text}");
        }
    }
}
