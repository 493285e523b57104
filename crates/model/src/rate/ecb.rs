//! The reference rates of the European Central Bank, as it publishes them in XML.
//!
//! `eurofxref-daily.xml`, `eurofxref-hist-90d.xml` and `eurofxref-hist.xml` have one form: an element
//! `Cube` with a `time` for each day, in it one with `currency` and `rate` (units for one euro) for each
//! currency. Source: ecb.europa.eu, "Euro foreign exchange reference rates", for developers.

use super::{DayRate, Rate, RateError, RateSource};
use crate::money::{Currency, CurrencyError};
use jiff::civil::Date;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::HashSet;

/// The most bytes that are read. All rates since 1999 take about 9 MB.
pub const ECB_BYTES_MAX: usize = 16 << 20;

/// Why a text is no list of rates.
#[derive(Debug, thiserror::Error)]
pub enum EcbError {
    /// More than [`ECB_BYTES_MAX`].
    #[error("there are more than {ECB_BYTES_MAX} bytes: send a shorter period")]
    TooLarge,
    /// Something on a line does not fit.
    #[error("line {line}: {problem}")]
    Line {
        /// From 1.
        line: usize,
        /// What.
        #[source]
        problem: EcbProblem,
    },
    /// Well-formed, and no rate in it.
    #[error("there are no rates in it: expected the XML of eurofxref-daily, -hist-90d or -hist")]
    Empty,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum EcbProblem {
    /// No XML.
    #[error("not well-formed XML: {0}")]
    Xml(String),
    /// A `time` that is no day.
    #[error("`time` is `{0}`: expected a day such as 2026-11-20")]
    Day(String),
    /// A `currency` that is no code.
    #[error("`currency` is `{0}`: {1}")]
    Currency(String, CurrencyError),
    /// A `rate` that is none.
    #[error("the rate of {0} is `{1}`: {2}")]
    Rate(Currency, String, RateError),
    /// A currency without a rate, or a rate without a currency.
    #[error("a `Cube` has `currency` or `rate`, but not both")]
    Half,
    /// A rate in front of the first day.
    #[error("the rate of {0} belongs to no day: no `Cube` with `time` stands around it")]
    NoDay(Currency),
    /// A currency twice on a day.
    #[error("{0} has two rates on {1}")]
    Twice(Currency, Date),
}

/// Every rate in `xml`, in its order.
///
/// # Errors
/// With the line of the first thing that does not fit; then nothing of it should count.
pub fn read_ecb(xml: &str) -> Result<Vec<DayRate>, EcbError> {
    if xml.len() > ECB_BYTES_MAX {
        return Err(EcbError::TooLarge);
    }
    let mut reader = Reader::from_str(xml);
    let (mut rates, mut seen, mut day) = (Vec::new(), HashSet::new(), None);
    let mut open_elements = 0u32;
    loop {
        let before = reader.buffer_position();
        let event = reader.read_event();
        // An element is named by where it ends: what stands in front of it is white space.
        let end = reader.buffer_position();
        let on_line =
            |position: u64, problem| EcbError::Line { line: line(xml, position), problem };
        match &event {
            Ok(Event::Start(_)) => open_elements += 1,
            Ok(Event::End(_)) => open_elements -= 1,
            _ => {}
        }
        match event {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let rate =
                    read_cube(&element, &mut day).map_err(|problem| on_line(end, problem))?;
                let Some(rate) = rate else { continue };
                if !seen.insert((rate.day, rate.quote)) {
                    return Err(on_line(end, EcbProblem::Twice(rate.quote, rate.day)));
                }
                rates.push(rate);
            }
            Ok(Event::Eof) if open_elements > 0 => {
                return Err(on_line(end, EcbProblem::Xml("it is cut off".to_owned())));
            }
            Ok(Event::Eof) if rates.is_empty() => return Err(EcbError::Empty),
            Ok(Event::Eof) => return Ok(rates),
            Ok(_) => {}
            Err(error) => return Err(on_line(before, EcbProblem::Xml(error.to_string()))),
        }
    }
}

/// The line of a byte, from 1.
fn line(xml: &str, position: u64) -> usize {
    let position = usize::try_from(position).unwrap_or(usize::MAX).min(xml.len());
    1 + xml.as_bytes()[..position].iter().filter(|byte| **byte == b'\n').count()
}

/// What an element says: another day from here on, a rate, or nothing.
fn read_cube(
    element: &BytesStart<'_>,
    day: &mut Option<Date>,
) -> Result<Option<DayRate>, EcbProblem> {
    if element.local_name().as_ref() != "Cube" {
        return Ok(None);
    }
    if let Some(time) = attribute(element, "time")? {
        *day = Some(time.parse().map_err(|_| EcbProblem::Day(time))?);
    }
    let (quote, rate) = match (attribute(element, "currency")?, attribute(element, "rate")?) {
        (None, None) => return Ok(None),
        (Some(quote), Some(rate)) => (quote, rate),
        _ => return Err(EcbProblem::Half),
    };
    let quote = quote.parse().map_err(|error| EcbProblem::Currency(quote, error))?;
    let rate = rate.parse::<Rate>().map_err(|error| EcbProblem::Rate(quote, rate, error))?;
    let day = day.ok_or(EcbProblem::NoDay(quote))?;
    let (base, source) = (Currency::EUR, RateSource::Ecb);
    Ok(Some(DayRate { day, base, quote, source, rate: Some(rate) }))
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, EcbProblem> {
    let found = element.try_get_attribute(name);
    let found = found.map_err(|error| EcbProblem::Xml(error.to_string()))?;
    Ok(found.map(|attribute| attribute.value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAILY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-11-20'>
			<Cube currency='USD' rate='1.0823'/>
			<Cube currency='JPY' rate='162.50'/>
		</Cube>
	</Cube>
</gesmes:Envelope>"#;

    fn told(xml: &str) -> Result<Vec<String>, String> {
        let rates = read_ecb(xml).map_err(|error| error.to_string())?;
        let text = |rate: &DayRate| {
            format!("{} {} {} {}", rate.day, rate.base, rate.quote, rate.rate.unwrap())
        };
        Ok(rates.iter().map(text).collect())
    }

    #[test]
    fn the_rates_of_a_day_are_read() {
        let expected = ["2026-11-20 EUR USD 1.0823", "2026-11-20 EUR JPY 162.5"];
        assert_eq!(told(DAILY).unwrap(), expected);
    }

    #[test]
    fn the_rates_of_many_days_are_read_each_under_its_day() {
        let history = r#"<Envelope><Cube><Cube time="2026-11-20"><Cube currency="USD" rate="1.1"/></Cube>
            <Cube time="1999-01-04"><Cube currency="USD" rate="1.1789"/><Cube currency="ROL" rate="13111.0"/></Cube>
            </Cube></Envelope>"#;
        let expected =
            ["2026-11-20 EUR USD 1.1", "1999-01-04 EUR USD 1.1789", "1999-01-04 EUR ROL 13111"];
        assert_eq!(told(history).unwrap(), expected);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_line() {
        for (from, to, expected) in [
            (
                "1.0823",
                "1,0823",
                "line 9: the rate of USD is `1,0823`: a rate is a decimal number such as 1.0823",
            ),
            ("1.0823", "0", "line 9: the rate of USD is `0`: a rate is greater than 0"),
            (
                "'JPY'",
                "'Y'",
                "line 10: `currency` is `Y`: a currency is a code of three letters such as USD (ISO 4217)",
            ),
            ("'JPY'", "'USD'", "line 10: USD has two rates on 2026-11-20"),
            (
                "2026-11-20",
                "20.11.2026",
                "line 8: `time` is `20.11.2026`: expected a day such as 2026-11-20",
            ),
            (
                " time='2026-11-20'",
                "",
                "line 9: the rate of USD belongs to no day: no `Cube` with `time` stands around it",
            ),
            (" rate='162.50'", "", "line 10: a `Cube` has `currency` or `rate`, but not both"),
        ] {
            assert!(DAILY.contains(from));
            assert_eq!(told(&DAILY.replace(from, to)).unwrap_err(), expected);
        }
        for (xml, start) in [
            ("", "there are no rates"),
            ("<html><body>Not found</body></html>", "there are no rates"),
            ("<a>\n<b>\n</a>", "line 3: not well-formed XML"),
            (
                DAILY.strip_suffix("</gesmes:Envelope>").unwrap(),
                "line 13: not well-formed XML: it is cut off",
            ),
            ("<a>\n<Cube time='2026-11-20", "line 2: not well-formed XML"),
        ] {
            let error = told(xml).unwrap_err();
            assert!(error.starts_with(start), "{xml}: {error}");
        }
        let long = " ".repeat(ECB_BYTES_MAX + 1);
        assert!(matches!(read_ecb(&long), Err(EcbError::TooLarge)));
    }

    #[test]
    fn entities_are_not_expanded() {
        let bomb = format!("<!DOCTYPE a [<!ENTITY b \"1\">]>{}", DAILY.replace("1.0823", "&b;&b;"));
        assert!(read_ecb(&bomb).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(<Cube |time=|'2026-11-20'|currency='USD'|rate='1'|/>|>|<|&|\\PC){0,40}") {
            let _ = read_ecb(&text);
        }
    }
}
