//! Where every part of a destination URL came from, as it is shown.

use super::destination::{Base, Hop, Parts, UrlValues, passed};
use crate::field::{Field, Group};
use crate::params;
use crate::table::ParamUse;
use crate::template::Token;
use crate::thing::Pass;
use serde::Serialize;

/// A destination with the origin of its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DestinationStep {
    /// The URL.
    pub url: String,
    /// As the operator wrote it, or as the link showed it.
    pub template: String,
    /// Its tokens, in order.
    pub tokens: Vec<TokenStep>,
    /// Pairs of the landing URL that went on as they came.
    pub passed: Vec<String>,
    /// The parameter under which the click id was appended, since no token asks for it.
    pub click_id_appended_as: Option<String>,
}

/// A token and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TokenStep {
    /// What stands between the braces.
    pub token: String,
    /// Its value before encoding; empty when there was none.
    pub value: String,
    /// Where the value came from.
    pub origin: Origin,
    /// The parameter of the landing URL, where it came from one.
    pub param: Option<String>,
}

/// Where the value of a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The id given to the click.
    ClickId,
    /// A parameter of the landing URL.
    Parameter,
    /// What was decided, and what was set up.
    Decision,
    /// The user agent and its client hints.
    UserAgent,
    /// The visitor's address, and what the geo tables say of it.
    Address,
    /// Another part of the request.
    Request,
    /// What was thought of the click.
    Verdict,
    /// The moment of the click.
    Clock,
    /// A number drawn from the click's id.
    Draw,
    /// The token's own default, since there was no value.
    Default,
    /// Nothing: there was no value.
    Nowhere,
}

/// The URL of a hop as [`super::destination`] makes it, and where its parts come from.
pub fn destination_origins(
    hop: &Hop<'_>,
    pass: Pass,
    values: &UrlValues<'_>,
) -> Option<DestinationStep> {
    let parts = Parts::of(hop, pass, values)?;
    let (mut url, template, tokens) = match &parts.base {
        Base::Template(template) => {
            let tokens = template.tokens(values).map(|(written, token, value, is_default)| {
                let (origin, param) = match (value.is_empty(), is_default) {
                    (true, _) => (Origin::Nowhere, None),
                    (_, true) => (Origin::Default, None),
                    _ => origin(token, values),
                };
                TokenStep { token: written.to_owned(), value, origin, param }
            });
            (template.expand(values), template.text().to_owned(), tokens.collect())
        }
        Base::Text(text) => ((*text).to_owned(), (*text).to_owned(), Vec::new()),
    };
    parts.finish(&mut url, values);
    let passed = passed(values.query, values.campaign).map(str::to_owned);
    Some(DestinationStep {
        url,
        template,
        tokens,
        passed: if parts.passes { passed.collect() } else { Vec::new() },
        click_id_appended_as: parts.appended.map(str::to_owned),
    })
}

fn origin(token: Token, values: &UrlValues<'_>) -> (Origin, Option<String>) {
    let field = match token {
        Token::Random => return (Origin::Draw, None),
        Token::Timestamp => return (Origin::Clock, None),
        Token::Payout => return (Origin::Nowhere, None),
        Token::Name(field) | Token::Field(field) => field,
    };
    let origin = match field.row().group {
        Group::Ours => Origin::Decision,
        Group::Ids if field == Field::ClickId => Origin::ClickId,
        Group::Ad | Group::Ids => Origin::Parameter,
        Group::Time => Origin::Clock,
        Group::Device if field == Field::Language => Origin::Request,
        Group::Device => Origin::UserAgent,
        Group::Place => Origin::Address,
        Group::Request => Origin::Request,
        Group::Verdict => Origin::Verdict,
        Group::Conversion => Origin::Nowhere,
    };
    let param = (origin == Origin::Parameter).then(|| param_of(field, values)).flatten();
    (origin, param)
}

/// The parameter of the landing URL that filled a field: the first that means it and has a value.
fn param_of(field: Field, values: &UrlValues<'_>) -> Option<String> {
    let fills = |usage: &ParamUse| match usage {
        ParamUse::Field(filled) => *filled == field,
        ParamUse::PlatformId => field == Field::PlatformIdKind,
        ParamUse::Cost | ParamUse::Signal => false,
    };
    let mut filling = params::pairs(values.query).filter(|(name, value)| {
        let name = params::decode(name);
        !value.is_empty() && values.campaign.params.get(&*name).is_some_and(fills)
    });
    filling.next().map(|(name, _)| params::decode(name).into_owned())
}
