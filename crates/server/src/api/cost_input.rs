//! From a cost as people write it to an entry: campaign, period, slice and amount, each refused by its own name.

use crate::app::App;
use ingest::Worth;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};
use model::Field;
use model::field::ValueKind;
use model::id::EPOCH_MS;
use model::money::{Currency, DecimalMark, Money};
use model::rate::{RateTable, day_of};
use model::spend::{Slice, SpendKey};
use model::table::Things;
use model::thing::{Problem, Thing, ThingId, Workspace};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::NewCost;

/// The longest period of an entry.
const DAYS_MAX: i64 = 400;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The most bytes of a value of a slice.
const VALUE_BYTES_MAX: usize = 1024;

/// An amount to be spread over the clicks of a campaign. Its period is `date` (with or without `hour`), or `from` and
/// `to`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CostInput {
    /// Number, key or name of the campaign.
    #[schema(value_type = String)]
    #[serde(deserialize_with = "number_or_text")]
    pub campaign: String,
    /// A local day, such as 2026-11-22.
    #[serde(default)]
    pub date: Option<String>,
    /// An hour of that day, 0 to 23.
    #[serde(default)]
    #[schema(value_type = Option<u8>)]
    #[serde(deserialize_with = "some_number_or_text")]
    pub hour: Option<String>,
    /// The first moment, RFC 3339, or a date.
    #[serde(default)]
    pub from: Option<String>,
    /// Behind the last moment, RFC 3339, or a date.
    #[serde(default)]
    pub to: Option<String>,
    /// IANA name of the zone of dates; the workspace's when absent.
    #[serde(default)]
    pub tz: Option<String>,
    /// Values of fields of the source that clicks must have, such as `creative_id`; an empty text: no value. All clicks
    /// of the campaign when absent.
    #[serde(default)]
    pub slice: BTreeMap<String, String>,
    /// Decimal text.
    pub amount: String,
    /// That of the campaign's source when absent.
    #[serde(default)]
    pub currency: Option<String>,
}

fn number_or_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    })
}

fn some_number_or_text<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    number_or_text(deserializer).map(Some)
}

/// What an entry is checked against.
pub struct Desk {
    workspace: ThingId,
    settings: Workspace,
    things: Arc<Things>,
    currencies: BTreeMap<ThingId, Currency>,
    rates: Arc<RateTable>,
}

impl Desk {
    /// For the entries of a workspace.
    pub fn of(app: &App, workspace: ThingId) -> Self {
        let table = app.table.load();
        let settings = table.workspace(workspace).cloned().unwrap_or_default();
        let own = table.campaigns().filter(|campaign| campaign.workspace == workspace);
        let currencies = own.map(|campaign| (campaign.id, campaign.cost_currency)).collect();
        let (things, rates) = (app.things.load_full(), app.rates.load_full());
        Self { workspace, settings, things, currencies, rates }
    }

    /// The entry, or everything that is wrong with it.
    ///
    /// # Errors
    /// Problems by the names of [`CostInput`].
    pub fn read(&self, input: &CostInput) -> Result<NewCost, Vec<Problem>> {
        let campaign = self.campaign(&input.campaign);
        let id = campaign.as_ref().ok().copied();
        let (period, slice) = (self.period(input), slice(&input.slice));
        let (amount, currency) = (amount(&input.amount), self.currency(input, id));
        match (campaign, period, slice, amount, currency) {
            (Ok(campaign), Ok((from_ms, to_ms)), Ok(slice), Ok(amount), Ok(currency)) => {
                self.check_rate(currency, from_ms).map_err(|problem| vec![problem])?;
                Ok(NewCost { key: SpendKey { campaign, slice, from_ms, to_ms }, amount, currency })
            }
            (campaign, period, slice, amount, currency) => {
                let problems =
                    [campaign.err(), period.err(), slice.err(), amount.err(), currency.err()];
                Err(problems.into_iter().flatten().collect())
            }
        }
    }

    fn campaign(&self, text: &str) -> Result<ThingId, Problem> {
        let own = self.things.campaigns.iter().filter(|thing| thing.workspace == self.workspace);
        let own: Vec<&Thing<_>> = own.collect();
        let number = text.parse::<ThingId>().ok();
        let by_number = own.iter().find(|thing| Some(thing.id) == number);
        let by_key = || own.iter().find(|thing| thing.body.key == text);
        let by_name = || {
            let named = own.iter().filter(|thing| thing.name == text);
            named.min_by_key(|thing| thing.archived)
        };
        let found = by_number.or_else(by_key).or_else(by_name).map(|thing| thing.id);
        found.ok_or_else(|| {
            Problem::new("campaign", format!("no campaign has the number, key or name `{text}`"))
        })
    }

    fn period(&self, input: &CostInput) -> Result<(i64, i64), Problem> {
        let name = input.tz.as_deref().unwrap_or(&self.settings.time_zone);
        let zone = TimeZoneDatabase::bundled().get(name);
        let expected = "expected an IANA name such as Europe/Berlin";
        let zone = zone.map_err(|_| Problem::new("tz", expected))?;
        let (from_ms, to_ms) = match (&input.date, &input.from, &input.to) {
            (Some(day), None, None) => match &input.hour {
                None => local_day(day, &zone)?,
                Some(hour) => hour_of(day, hour, &zone)?,
            },
            (None, Some(from), Some(to)) if input.hour.is_none() => {
                (moment("from", from, &zone)?, moment("to", to, &zone)?)
            }
            _ => {
                let expected = "expected `date`, with or without `hour`, or `from` and `to`";
                return Err(Problem::new("date", expected));
            }
        };
        if from_ms >= to_ms {
            let field = if input.date.is_some() { "hour" } else { "to" };
            return Err(Problem::new(field, "the period ends before it begins, or has no moment"));
        }
        if from_ms < EPOCH_MS || to_ms.saturating_sub(from_ms) > DAYS_MAX * DAY_MS {
            let field = if input.date.is_some() { "date" } else { "from" };
            let message = format!("expected at most {DAYS_MAX} days, none before 2024");
            return Err(Problem::new(field, message));
        }
        Ok((from_ms, to_ms))
    }

    /// An amount in another currency is spread as what it was worth at the beginning of its period.
    fn currency(&self, input: &CostInput, campaign: Option<ThingId>) -> Result<Currency, Problem> {
        match &input.currency {
            Some(code) => {
                code.parse().map_err(|error| Problem::new("currency", format!("`{code}`: {error}")))
            }
            None => {
                let of_source = campaign.and_then(|id| self.currencies.get(&id)).copied();
                Ok(of_source.unwrap_or(self.settings.currency))
            }
        }
    }

    /// Without a rate it would be spread nowhere.
    fn check_rate(&self, currency: Currency, from_ms: i64) -> Result<(), Problem> {
        let own = self.settings.currency;
        if Worth::find(&self.rates, self.workspace, currency, own, from_ms) != Worth::Apart {
            return Ok(());
        }
        let day = day_of(from_ms);
        let message = format!(
            "there is no rate from {currency} to {own} for {day}: set one with POST /api/v1/rates, \
             import the ECB's, or give the amount in {own}"
        );
        Err(Problem::new("currency", message))
    }
}

fn slice(sent: &BTreeMap<String, String>) -> Result<Slice, Problem> {
    let mut slice = BTreeMap::new();
    for (name, value) in sent {
        let wrong = |message: String| Problem::new(format!("slice.{name}"), message);
        let field: Field = name.parse().map_err(|error| wrong(format!("{error}")))?;
        if !field.from_source() || field.row().kind != ValueKind::Text {
            let message = "expected a field that sources fill, such as creative_id or sub1";
            return Err(wrong(message.to_owned()));
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(wrong(format!("expected at most {VALUE_BYTES_MAX} bytes")));
        }
        slice.insert(field, value.clone());
    }
    Ok(Slice(slice))
}

fn amount(text: &str) -> Result<Money, Problem> {
    let amount = Money::read(text, DecimalMark::Auto);
    let amount = amount.map_err(|error| Problem::new("amount", error.to_string()))?;
    if amount < Money::ZERO {
        return Err(Problem::new("amount", "expected 0 or more: take an entry back by undoing it"));
    }
    Ok(amount)
}

fn date(field: &str, text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::new(field, "expected a date such as 2026-11-22"))
}

fn start(date: Date, hour: i8, zone: &TimeZone) -> Option<i64> {
    zone.to_timestamp(date.at(hour, 0, 0, 0)).ok().map(Timestamp::as_millisecond)
}

fn local_day(text: &str, zone: &TimeZone) -> Result<(i64, i64), Problem> {
    let day = date("date", text)?;
    let next = day.saturating_add(1.day());
    let bounds = start(day, 0, zone).zip(start(next, 0, zone));
    bounds.ok_or_else(|| Problem::new("date", "the date is too far away"))
}

/// An hour of the clock: both when it comes twice.
fn hour_of(day: &str, hour: &str, zone: &TimeZone) -> Result<(i64, i64), Problem> {
    let hour: i8 = hour
        .parse()
        .ok()
        .filter(|hour| (0..24).contains(hour))
        .ok_or_else(|| Problem::new("hour", "expected an hour of the day, 0 to 23"))?;
    let (_, end_of_day) = local_day(day, zone)?;
    let day = date("date", day)?;
    let end = if hour == 23 { Some(end_of_day) } else { start(day, hour + 1, zone) };
    let bounds = start(day, hour, zone).zip(end);
    bounds.ok_or_else(|| Problem::new("date", "the date is too far away"))
}

fn moment(field: &str, text: &str, zone: &TimeZone) -> Result<i64, Problem> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let expected = "expected a date such as 2026-11-22, or RFC 3339";
    let day: Date = text.parse().map_err(|_| Problem::new(field, expected))?;
    start(day, 0, zone).ok_or_else(|| Problem::new(field, expected))
}
