//! A finished report, and its JSON.
//!
//! `{"rows":[{"campaign":7,"campaign_name":"US push","device":"phone","clicks":10,"cost":"1.25",
//! "roi":0.25}],"totals":{…},"row_count":1,"fields":[…],"metrics":[…],"currency":"EUR",
//! "period":{"from":…,"to":…},"tz":"Europe/Berlin"}`: a field that names a thing has the name beside
//! the number; counts are whole numbers, money is decimal text, fractions are numbers of at most six
//! decimals; what has no value is `null`.

use crate::decimal;
use model::metric::{Metric, Unit};
use model::query::Cell;
use model::thing::Kind;
use model::{Currency, Field};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The value of a metric in whole parts of its unit: a count, micro-units of money, millionths of a
/// fraction, seconds; `None` when it has no value, as a ratio over zero.
pub type Figure = Option<i128>;

/// An answered question.
#[derive(Clone, Debug, PartialEq, Eq, utoipa::ToSchema)]
pub struct Report {
    /// One page of the groups, in the order asked for; every row has the fields and metrics below.
    pub rows: Vec<ReportRow>,
    /// The metrics over all groups, whatever the page.
    #[schema(value_type = ReportRow)]
    pub totals: Vec<Figure>,
    /// How many groups there are.
    pub row_count: usize,
    /// What the rows are grouped by.
    pub fields: Vec<Field>,
    /// What is shown.
    pub metrics: Vec<Metric>,
    /// Of all amounts.
    pub currency: Currency,
    /// What the figures cover.
    pub period: Bounds,
    /// IANA name of the zone of all times.
    pub tz: String,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRow {
    /// The values of [`Report::fields`].
    pub key: Vec<KeyCell>,
    /// The values of [`Report::metrics`].
    pub figures: Vec<Figure>,
}

impl utoipa::PartialSchema for ReportRow {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};
        let value: Object = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([
                Type::Null,
                Type::Boolean,
                Type::Number,
                Type::String,
            ]))
            .into();
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "values by the names of fields and metrics; `<field>_name` beside a thing's number; \
                 amounts are decimal text in the report's currency",
            ))
            .additional_properties(Some(utoipa::openapi::Schema::Object(value)))
            .into()
    }
}

impl utoipa::ToSchema for ReportRow {}

/// The value of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCell {
    /// As it prints: time fields and click ids are text.
    pub value: Cell,
    /// The name of the thing that `value` is the number of.
    pub name: Option<String>,
}

/// From a moment to another, in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Bounds {
    /// The first moment.
    pub from: String,
    /// The moment behind the last.
    pub to: String,
}

/// The kind of thing whose numbers a field holds, where things of it have names.
pub(crate) fn kind_of(field: Field) -> Option<Kind> {
    Kind::from_word(field.name())
}

/// Whether a field has a column of names beside its own.
pub(crate) fn is_named(field: Field) -> bool {
    field.row().kind == model::field::ValueKind::Thing
}

/// The column of names beside a field.
pub(crate) fn name_column(field: Field) -> String {
    format!("{field}_name")
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Wire<'a> {
            rows: Vec<RowView<'a>>,
            totals: RowView<'a>,
            row_count: usize,
            fields: &'a [Field],
            metrics: &'a [Metric],
            currency: Currency,
            period: &'a Bounds,
            tz: &'a str,
        }
        let view = |key, figures| RowView { report: self, key, figures };
        Wire {
            rows: self.rows.iter().map(|row| view(&row.key[..], &row.figures[..])).collect(),
            totals: view(&[], &self.totals),
            row_count: self.row_count,
            fields: &self.fields,
            metrics: &self.metrics,
            currency: self.currency,
            period: &self.period,
            tz: &self.tz,
        }
        .serialize(serializer)
    }
}

/// A row as an object.
struct RowView<'a> {
    report: &'a Report,
    key: &'a [KeyCell],
    figures: &'a [Figure],
}

impl Serialize for RowView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (field, cell) in self.report.fields.iter().zip(self.key) {
            map.serialize_entry(field, &cell.value)?;
            if is_named(*field) {
                map.serialize_entry(&name_column(*field), &cell.name)?;
            }
        }
        for (metric, figure) in self.report.metrics.iter().zip(self.figures) {
            map.serialize_entry(metric, &FigureView { unit: metric.row().unit, figure: *figure })?;
        }
        map.end()
    }
}

struct FigureView {
    unit: Unit,
    figure: Figure,
}

impl Serialize for FigureView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.unit, self.figure) {
            (_, None) => serializer.serialize_none(),
            (Unit::Money, Some(micro)) => serializer.serialize_str(&decimal::print(micro)),
            // Division is exact to the last printed digit: the nearest number to six decimals
            // prints as those decimals.
            (Unit::Fraction, Some(millionths)) => serializer.serialize_f64(millionths as f64 / 1e6),
            (Unit::Count | Unit::Seconds, Some(number)) => match i64::try_from(number) {
                Ok(number) => serializer.serialize_i64(number),
                Err(_) => serializer.serialize_i128(number),
            },
        }
    }
}

impl<'de> Deserialize<'de> for Report {
    /// Reads the JSON back, so that whoever got it over the API can print it in another form.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            rows: Vec<Map<String, Value>>,
            totals: Map<String, Value>,
            row_count: usize,
            fields: Vec<Field>,
            metrics: Vec<Metric>,
            currency: Currency,
            period: Bounds,
            tz: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        let figures = |row: &Map<String, Value>| {
            wire.metrics.iter().map(|metric| read_figure(metric, row)).collect::<Option<Vec<_>>>()
        };
        let row = |row: &Map<String, Value>| {
            let key =
                wire.fields.iter().map(|field| read_key(*field, row)).collect::<Option<_>>()?;
            Some(ReportRow { key, figures: figures(row)? })
        };
        let wrong = || D::Error::custom("a row of the report lacks a column or has a wrong value");
        Ok(Self {
            rows: wire.rows.iter().map(row).collect::<Option<_>>().ok_or_else(wrong)?,
            totals: figures(&wire.totals).ok_or_else(wrong)?,
            row_count: wire.row_count,
            fields: wire.fields,
            metrics: wire.metrics,
            currency: wire.currency,
            period: wire.period,
            tz: wire.tz,
        })
    }
}

fn read_key(field: Field, row: &Map<String, Value>) -> Option<KeyCell> {
    let value = Cell::deserialize(row.get(field.name())?).ok()?;
    let name = row.get(&name_column(field)).and_then(Value::as_str).map(ToOwned::to_owned);
    Some(KeyCell { value, name: name.filter(|_| is_named(field)) })
}

/// `None` when the row has no such column or something else in it.
fn read_figure(metric: &Metric, row: &Map<String, Value>) -> Option<Figure> {
    let value = row.get(&metric.to_string())?;
    Some(match (metric.row().unit, value) {
        (_, Value::Null) => None,
        (Unit::Money, Value::String(text)) => Some(decimal::read(text)?),
        (Unit::Fraction, Value::Number(number)) => Some((number.as_f64()? * 1e6).round() as i128),
        (Unit::Count | Unit::Seconds, Value::Number(number)) => Some(number.as_i128()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::field::FIELDS;
    use model::metric::METRICS;
    use std::collections::HashSet;

    fn report() -> Report {
        let named = |id, name: &str| KeyCell { value: Cell::Int(id), name: Some(name.to_owned()) };
        let plain = |value| KeyCell { value, name: None };
        Report {
            rows: vec![
                ReportRow {
                    key: vec![named(7, "US push"), plain(Cell::Text("phone".into()))],
                    figures: vec![Some(3), Some(1_250_000), Some(-333_333), Some(61)],
                },
                ReportRow {
                    key: vec![plain(Cell::Int(8)), plain(Cell::Null)],
                    figures: vec![Some(0), Some(-1), None, None],
                },
            ],
            totals: vec![Some(3), Some(1_249_999), Some(1_000_000), Some(61)],
            row_count: 2,
            fields: vec![Field::Campaign, Field::Device],
            metrics: ["clicks", "revenue:sale", "roi", "seconds_to_conversion_p50"]
                .map(|name| name.parse().unwrap())
                .to_vec(),
            currency: "EUR".parse().unwrap(),
            period: Bounds {
                from: "2026-11-22T00:00:00+01:00".into(),
                to: "2026-11-23T00:00:00+01:00".into(),
            },
            tz: "Europe/Berlin".into(),
        }
    }

    #[test]
    fn json_has_the_documented_shape_and_reads_back() {
        let json = serde_json::to_string(&report()).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"rows":[{"campaign":7,"campaign_name":"US push","device":"phone","clicks":3,"#,
                r#""revenue:sale":"1.25","roi":-0.333333,"seconds_to_conversion_p50":61},"#,
                r#"{"campaign":8,"campaign_name":null,"device":null,"clicks":0,"#,
                r#""revenue:sale":"-0.000001","roi":null,"seconds_to_conversion_p50":null}],"#,
                r#""totals":{"clicks":3,"revenue:sale":"1.249999","roi":1.0,"seconds_to_conversion_p50":61},"#,
                r#""row_count":2,"fields":["campaign","device"],"#,
                r#""metrics":["clicks","revenue:sale","roi","seconds_to_conversion_p50"],"#,
                r#""currency":"EUR","period":{"from":"2026-11-22T00:00:00+01:00","to":"2026-11-23T00:00:00+01:00"},"#,
                r#""tz":"Europe/Berlin"}"#,
            )
        );
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report());
    }

    #[test]
    fn json_of_another_shape_is_refused() {
        let json = serde_json::to_string(&report()).unwrap();
        for (part, other) in [
            (r#""clicks":3,"#, ""),
            (r#""clicks":3,"#, r#""clicks":"3","#),
            (r#""1.25""#, "1.25"),
            (r#""1.25""#, r#""1.2e5""#),
            (r#""device":"phone","#, ""),
        ] {
            assert!(
                serde_json::from_str::<Report>(&json.replacen(part, other, 1)).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn the_schema_of_a_row_admits_every_value_of_its_json() {
        use utoipa::PartialSchema;
        let schema = serde_json::to_value(ReportRow::schema()).unwrap();
        let types = &schema["additionalProperties"]["type"];
        assert_eq!(*types, serde_json::json!(["null", "boolean", "number", "string"]));
        let report = serde_json::to_value(Report::schema()).unwrap();
        assert_eq!(report["properties"]["totals"]["$ref"], "#/components/schemas/ReportRow");
    }

    #[test]
    fn no_two_columns_have_one_name() {
        let mut seen = HashSet::new();
        for row in FIELDS {
            assert!(seen.insert(row.name.to_owned()), "{}", row.name);
            assert!(!is_named(row.field) || seen.insert(name_column(row.field)), "{}", row.name);
        }
        for row in METRICS {
            assert!(seen.insert(row.name.to_owned()), "{}", row.name);
        }
    }
}
