//! What is known about a click when it is routed, found fast, and what must be written down for it to
//! be routed alike later.
//!
//! Most conditions look at facts, and facts are stored. Two inputs may be stored in part only: the
//! address (by the privacy of the workspace) and the query (cut after some length). Whether a
//! condition on them held is therefore recorded as a *truth*, wherever what is stored is not exactly
//! what was seen.

use super::leaf::{Leaf, Source};
use crate::facts::Value;
use crate::field::{FIELD_TAG_END, Field};
use crate::params;
use crate::query::{TimeBucket, ZoneOffsets};
use crate::record::{RAW_QUERY_BYTES_MAX, tag};
use crate::route::Visit;
use crate::unexpanded::is_macro;
use std::borrow::Cow;
use std::net::IpAddr;

/// Truths recorded of one click: a record holds at most 4,096 values. What hangs on further ones cannot be decided again.
const TRUTHS_MAX: usize = 1_000;

/// What conditions are evaluated on, during one decision.
#[derive(Debug)]
pub struct Inputs<'a> {
    visit: &'a Visit<'a>,
    /// Place of each field's first value among the facts, from 1; 0 is none, the largest *look*.
    places: [u8; FIELD_TAG_END as usize],
    zone: Option<&'a ZoneOffsets>,
    /// The parameter looked at last: many rules ask for the same one.
    param: Option<(&'a str, Option<Cow<'a, str>>)>,
    truths: Vec<i64>,
    /// Whether address and query are stored exactly, once that was asked.
    is_address_kept: Option<bool>,
    is_query_kept: Option<bool>,
}

/// What a comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether it holds; `None` when its input was not kept.
    pub holds: Option<bool>,
    /// Whether that was read from the record, since the input was not kept.
    pub is_recorded: bool,
}

impl<'a> Inputs<'a> {
    /// Of a visit.
    pub fn new(visit: &'a Visit<'a>) -> Self {
        let mut places = [0; FIELD_TAG_END as usize];
        for (i, (tag, _)) in visit.facts.iter().enumerate() {
            if let Some(place @ 0) = places.get_mut(usize::from(tag)) {
                *place = u8::try_from(i + 1).unwrap_or(u8::MAX);
            }
        }
        Self {
            visit,
            places,
            zone: None,
            param: None,
            truths: Vec::new(),
            is_address_kept: None,
            is_query_kept: None,
        }
    }

    /// Sets the zone of weekdays, hours and days; none where no condition looks at them.
    pub fn set_zone(&mut self, zone: Option<&'a ZoneOffsets>) {
        self.zone = zone;
    }

    /// Truths that have to be recorded.
    pub fn into_truths(self) -> Vec<i64> {
        self.truths
    }

    /// Whether `leaf` holds; notes the truth where its input is not kept.
    pub fn decide(&mut self, leaf: &'a Leaf) -> Option<bool> {
        let judgement = self.judge(leaf);
        // What was read from a record belongs into it again.
        let is_noted = judgement.is_recorded || self.hides(leaf);
        if let Some(holds) = judgement.holds.filter(|_| is_noted) {
            let truth = leaf.digest | i64::from(holds);
            if self.truths.len() < TRUTHS_MAX && !self.truths.contains(&truth) {
                self.truths.push(truth);
            }
        }
        judgement.holds
    }

    /// Whether `leaf` holds.
    pub fn judge(&mut self, leaf: &'a Leaf) -> Judgement {
        let recorded = self.visit.truths.filter(|_| leaf.digest != 0).and_then(|truths| {
            truths.iter().find(|truth| **truth & !1 == leaf.digest).map(|truth| truth & 1 == 1)
        });
        if let Some(holds) = recorded {
            return Judgement { holds: Some(holds), is_recorded: true };
        }
        let is_gone = self.visit.truths.is_some() && self.hides(leaf);
        let holds = (!is_gone).then(|| self.meets(leaf) != leaf.is_negated);
        Judgement { holds, is_recorded: false }
    }

    fn meets(&mut self, leaf: &'a Leaf) -> bool {
        let matcher = &leaf.matcher;
        match &leaf.source {
            Source::Text(field) => matcher.meets_text(self.bytes(*field)),
            Source::Number(field) => matcher.meets_number(self.int(*field)),
            Source::Truth(field) => matcher.meets_number(Some(self.int(*field).unwrap_or(0))),
            Source::Param(name) => matcher.meets_text(self.param(name).map(str::as_bytes)),
            Source::Address => matcher.meets_address(self.visit.ip),
            Source::Clock(field) => matcher.meets_number(self.clock(*field)),
        }
    }

    /// What `leaf` sees, for an explanation.
    pub fn seen(&mut self, leaf: &'a Leaf) -> Option<String> {
        match &leaf.source {
            Source::Text(field) => {
                self.bytes(*field).map(|b| String::from_utf8_lossy(b).into_owned())
            }
            Source::Number(field) => self.int(*field).map(|int| int.to_string()),
            Source::Truth(field) => Some((self.int(*field) == Some(1)).to_string()),
            Source::Param(name) => self.param(name).map(str::to_owned),
            Source::Address if self.hides(leaf) => {
                self.visit.facts.text(Field::Ip).map(|kept| format!("{kept} (as kept)"))
            }
            Source::Address => self.visit.ip.map(|ip| ip.to_string()),
            Source::Clock(Field::Day) => self.clock(Field::Day).map(print_day),
            Source::Clock(field) => self.clock(*field).map(|int| int.to_string()),
        }
    }

    fn value(&self, field: Field) -> Option<Value<'a>> {
        match self.places[usize::from(field.tag())] {
            0 => None,
            u8::MAX => self.visit.facts.get(field.tag()),
            place => self.visit.facts.at(usize::from(place) - 1),
        }
    }

    fn bytes(&self, field: Field) -> Option<&'a [u8]> {
        match self.value(field)? {
            Value::Bytes(bytes) => Some(bytes),
            Value::Int(_) => None,
        }
    }

    fn int(&self, field: Field) -> Option<i64> {
        match self.value(field)? {
            Value::Int(int) => Some(int),
            Value::Bytes(_) => None,
        }
    }

    fn clock(&self, field: Field) -> Option<i64> {
        TimeBucket::of(field, self.visit.key.time_ms(), self.zone?)
    }

    /// The first value of a parameter, decoded and trimmed; a macro nobody expanded is none.
    fn param(&mut self, name: &'a str) -> Option<&str> {
        if self.param.as_ref().is_none_or(|(held, _)| *held != name) {
            self.param = Some((name, find_param(self.visit.query, name)));
        }
        self.param.as_ref()?.1.as_deref()
    }

    /// Whether what is stored of the input of `leaf` may differ from what was seen.
    fn hides(&mut self, leaf: &Leaf) -> bool {
        let visit = self.visit;
        match leaf.source {
            Source::Address => !*self.is_address_kept.get_or_insert_with(|| is_address_kept(visit)),
            Source::Param(_) => !*self.is_query_kept.get_or_insert_with(|| is_query_kept(visit)),
            _ => false,
        }
    }
}

/// Whether the stored address is the visitor's and does not look like a part of it, so that it reads
/// the same when nothing but the facts is left.
fn is_address_kept(visit: &Visit<'_>) -> bool {
    let stored: Option<IpAddr> = visit.facts.text(Field::Ip).and_then(|text| text.parse().ok());
    stored.is_some_and(|ip| Some(ip) == visit.ip && !looks_truncated(ip))
}

fn is_query_kept(visit: &Visit<'_>) -> bool {
    let stored = match visit.facts.get(tag::RAW_QUERY) {
        Some(Value::Bytes(bytes)) => bytes,
        _ => b"",
    };
    // A cut may stand up to three bytes in front of the limit, where a character begins.
    stored.len() + 3 < RAW_QUERY_BYTES_MAX && stored == visit.query.as_bytes()
}

/// Whether an address may be a network of which the rest was cut off: /24 of IPv4, /48 of IPv6.
fn looks_truncated(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.to_bits() & 0xff == 0,
        IpAddr::V6(ip) => ip.to_bits() & ((1 << 80) - 1) == 0,
    }
}

fn find_param<'q>(query: &'q str, wanted: &str) -> Option<Cow<'q, str>> {
    let mut pairs = params::pairs(query);
    let (_, raw) = pairs.find(|(name, _)| *name == wanted || params::decode(name) == wanted)?;
    let value = match params::decode(raw) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    (!value.is_empty() && !is_macro(&value)).then_some(value)
}

/// The date of a day number.
fn print_day(day: i64) -> String {
    let days = i32::try_from(day).unwrap_or_default();
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    let span = jiff::Span::new().try_days(days).unwrap_or_default();
    epoch.saturating_add(span).to_string()
}
