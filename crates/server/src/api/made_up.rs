//! A visitor nobody ever saw, as the API describes one.

use super::problem::{ApiError, Code};
use crate::app::{App, now_ms};
use edge::{Incoming, Rehearsal};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use model::facts::Facts;
use model::field::{Group, Home, ValueKind};
use model::query::Cell;
use model::route::{DestinationStep, Explanation};
use model::table::CampaignRoute;
use model::thing::ThingId;
use model::{ClickKey, Field, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Somebody who might click. What is left out is not known about them.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MadeUpVisitor {
    /// The campaign's key, as it stands in its link.
    campaign: String,
    /// The query of the link, without `?`.
    #[serde(default)]
    query: String,
    /// The address; place and network follow from it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    ip: Option<IpAddr>,
    /// The user agent; device, system, browser and the bot verdict follow from it.
    #[serde(default)]
    user_agent: Option<String>,
    /// Any other headers, such as `accept-language`, `referer`, `cookie` or client hints.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// When, RFC 3339; now when absent.
    #[serde(default)]
    at: Option<String>,
    /// Another number, another draw: 0 to 65,535.
    #[serde(default)]
    draw: u16,
    /// Values of fields by their names, over whatever follows from the rest; null for unknown.
    #[serde(default)]
    #[schema(value_type = Object)]
    fields: BTreeMap<Field, Cell>,
}

/// Where a made-up visitor would go, and why.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MadeUpExplanation {
    /// Everything that would be known about the click, by the names of fields.
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
    /// Each rule with each condition, each choice with its numbers.
    pub explanation: Explanation,
    /// The URL, and where its parts come from; null where the visitor is answered without one.
    pub destination: Option<DestinationStep>,
}

impl MadeUpVisitor {
    /// Sends the visitor through edge's own steps, up to where a click would be written down.
    ///
    /// # Errors
    /// When the visitor cannot be made up, or there is no such campaign in the workspace.
    pub fn rehearse(&self, app: &App, workspace: ThingId) -> Result<Rehearsal, ApiError> {
        let table = app.table.load();
        let campaign = table
            .campaign_by_key(&self.campaign)
            .filter(|campaign| campaign.workspace == workspace)
            .ok_or_else(|| {
                let detail = format!("no campaign has the key `{}`", self.campaign);
                invalid("campaign", &detail)
                    .remedy("name the last part of the campaign's link, behind /c/; GET /api/v1/campaigns shows it as `key`")
            })?;
        let (headers, key) = (self.headers()?, self.key()?);
        self.check_fields()?;
        let path_and_query = format!("/c/{}?{}", params::encode(&self.campaign), self.query);
        if !path_and_query.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("query", "expected ASCII without spaces: encode what is not"));
        }
        let request = Incoming {
            method: &Method::GET,
            path_and_query: &path_and_query,
            headers: &headers,
            peer: self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            body: &Default::default(),
            is_tls: false,
        };
        let knows_ip = self.ip.is_some();
        let alter = |facts: &mut Facts| self.alter(facts);
        let rehearsal = app.edge.rehearse(&request, campaign.id, key, knows_ip, alter);
        rehearsal.ok_or_else(|| gone(campaign))
    }

    fn headers(&self) -> Result<HeaderMap, ApiError> {
        let mut headers = HeaderMap::new();
        let agent = self.user_agent.iter().map(|agent| (header::USER_AGENT, "user_agent", agent));
        for (name, field, value) in agent {
            let value = HeaderValue::from_str(value);
            headers.insert(name, value.map_err(|_| invalid(field, "expected one line of text"))?);
        }
        for (name, value) in &self.headers {
            let place = || format!("headers.{name}");
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| invalid(&place(), "expected the name of a header"))?;
            let value = HeaderValue::from_str(value)
                .map_err(|_| invalid(&place(), "expected one line of text"))?;
            headers.append(key, value);
        }
        Ok(headers)
    }

    fn key(&self) -> Result<ClickKey, ApiError> {
        let at_ms = match &self.at {
            None => now_ms(),
            Some(text) => {
                let at: Result<jiff::Timestamp, _> = text.parse();
                at.map_err(|_| invalid("at", "expected RFC 3339, such as 2026-11-22T18:30:00Z"))?
                    .as_millisecond()
            }
        };
        Ok(ClickKey::new(at_ms, 0, self.draw))
    }

    fn check_fields(&self) -> Result<(), ApiError> {
        for (field, cell) in &self.fields {
            let row = field.row();
            let place = format!("fields.{}", row.name);
            if row.home == Home::Derived {
                return Err(invalid(&place, "it follows from other values: set `at` for the time"));
            }
            if row.field == Field::Ip {
                return Err(invalid(&place, "say it with `ip`, from which the place follows"));
            }
            if row.group == Group::Ours {
                return Err(invalid(&place, "it follows from the campaign and from the decision"));
            }
            let fits = matches!(
                (row.kind, cell),
                (_, Cell::Null)
                    | (ValueKind::Text, Cell::Text(_))
                    | (ValueKind::Bool, Cell::Bool(_))
                    | (ValueKind::Int | ValueKind::Thing, Cell::Int(_))
            );
            if !fits {
                let expected = match row.kind {
                    ValueKind::Text | ValueKind::ClickId => "expected text",
                    ValueKind::Bool => "expected true or false",
                    ValueKind::Int | ValueKind::Thing => "expected a whole number",
                };
                return Err(invalid(&place, expected));
            }
        }
        Ok(())
    }

    /// What was not given is not known, then what was given stands.
    fn alter(&self, facts: &mut Facts) {
        let unknown = |field: &Field| match field.row().group {
            Group::Place => self.ip.is_none(),
            Group::Device => self.user_agent.is_none() && *field != Field::Language,
            Group::Verdict => {
                self.user_agent.is_none() && matches!(field, Field::Bot | Field::BotReason)
            }
            _ => false,
        };
        let known = model::field::FIELDS.iter().map(|row| row.field);
        for field in known.filter(unknown) {
            facts.remove(field.tag());
        }
        for (field, cell) in &self.fields {
            facts.remove(field.tag());
            match cell {
                Cell::Null => {}
                Cell::Bool(truth) => facts.set_flag(*field, *truth),
                Cell::Int(number) => facts.push_int(field.tag(), *number),
                Cell::Text(text) => facts.set_text(*field, text),
            }
        }
    }
}

fn invalid(field: &str, detail: &str) -> ApiError {
    ApiError::new(Code::Invalid, format!("`{field}`: {detail}")).field(field)
}

fn gone(campaign: &CampaignRoute) -> ApiError {
    invalid("campaign", &format!("campaign {} has just been removed", campaign.id))
}
