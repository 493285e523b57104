//! A metric as it is asked for: by its name, for one conversion type where it may have one.

use super::{Counter, Formula, METRICS, MetricRow};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A metric of the table, for one conversion type where it may have one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    position: usize,
    conversion_type: Option<Box<str>>,
}

impl Metric {
    /// The metric's row.
    pub fn row(&self) -> &'static MetricRow {
        &METRICS[self.position]
    }

    /// The conversion type behind the colon.
    pub fn conversion_type(&self) -> Option<&str> {
        self.conversion_type.as_deref()
    }

    /// The sum it stands for, when it is one.
    pub fn counter(&self) -> Option<Counter> {
        match &self.row().formula {
            Formula::Counter(selection) => Some(Counter {
                conversion_type: self.conversion_type.clone(),
                ..Counter::of(*selection)
            }),
            _ => None,
        }
    }
}

/// A name that no metric has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric `{0}`; GET /api/v1/reports/metrics lists them")]
pub struct UnknownMetric(pub String);

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        let unknown = || UnknownMetric(text.to_owned());
        let (name, conversion_type) =
            text.split_once(':').map_or((text, None), |(n, t)| (n, Some(t)));
        let position = METRICS.iter().position(|row| row.name == name).ok_or_else(unknown)?;
        if conversion_type.is_some_and(|t| t.is_empty() || !METRICS[position].by_type) {
            return Err(unknown());
        }
        Ok(Self { position, conversion_type: conversion_type.map(Into::into) })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        self.conversion_type.as_ref().map_or(Ok(()), |t| write!(f, ":{t}"))
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Metric {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("name of a metric; conversions and revenue also as `name:TYPE`"))
            .examples(METRICS.iter().map(|row| row.name))
            .into()
    }
}

impl utoipa::ToSchema for Metric {}
