//! The URL a decision leads to: tokens filled, what the platform passed handed on, the click id appended.

use crate::draw::{self, Level};
use crate::facts::{Facts, Value};
use crate::field::Field;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::record::tag;
use crate::table::{CampaignRoute, ParamUse, RoutingTable};
use crate::template::{self, Template, Token, TokenValues};
use crate::thing::{Pass, ThingId};
use crate::{params, unexpanded};
use std::borrow::Cow;

/// A place a visitor is sent to.
#[derive(Clone, Debug)]
pub enum Hop<'a> {
    /// A lander: gets the click id and, by default, what the ad platform passed.
    Lander(ThingId),
    /// An offer: gets the click id and, by default, nothing else.
    Offer(ThingId),
    /// A URL of a path or campaign: gets what its tokens say.
    Url(&'a Template),
    /// A URL that the link itself shows (mode `transparent`): gets what a lander gets.
    Shown(String),
}

/// What a destination URL is filled with.
#[derive(Clone, Copy, Debug)]
pub struct UrlValues<'a> {
    /// Names of things.
    pub table: &'a RoutingTable,
    /// The campaign whose link was clicked: what its parameters mean.
    pub campaign: &'a CampaignRoute,
    /// The click's facts, the decision among them.
    pub facts: &'a Facts,
    /// The query of the landing URL as it came.
    pub query: &'a str,
    /// The click.
    pub key: ClickKey,
    /// Its id as text.
    pub click_id: &'a str,
    /// What the id is called where nobody says otherwise.
    pub click_param: &'a str,
    /// The key of `{random}`.
    pub draws: &'a Secret,
}

/// The URL of a hop. Without an id token the click id is appended: as the workspace's click parameter
/// to a lander, as the network's `offer_url_param` to an offer. What the platform passed goes on where
/// `pass` says. `None` when the thing is gone.
pub fn destination(hop: &Hop<'_>, pass: Pass, values: &UrlValues<'_>) -> Option<String> {
    let parts = Parts::of(hop, pass, values)?;
    let mut url = match &parts.base {
        Base::Template(template) => template.expand(values),
        Base::Text(text) => (*text).to_owned(),
    };
    parts.finish(&mut url, values);
    Some(url)
}

/// The pairs that go on to a lander as they came: platform ids and `utm_*`, unless a macro stands in
/// them.
pub fn passed<'q>(query: &'q str, campaign: &CampaignRoute) -> impl Iterator<Item = &'q str> {
    query.split('&').filter(|pair| !pair.is_empty()).filter(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_known = name.starts_with("utm_")
            || matches!(campaign.params.get(name), Some(ParamUse::PlatformId));
        is_known && !unexpanded::is_unexpanded(value, &params::decode(value))
    })
}

/// What a destination is put together from.
pub(super) struct Parts<'a> {
    pub(super) base: Base<'a>,
    /// The parameter under which the click id is appended.
    pub(super) appended: Option<&'a str>,
    /// Whether what the platform passed goes on.
    pub(super) passes: bool,
}

/// What a destination begins with.
pub(super) enum Base<'a> {
    Template(&'a Template),
    Text(&'a str),
}

impl<'a> Parts<'a> {
    pub(super) fn of(hop: &'a Hop<'a>, pass: Pass, values: &UrlValues<'a>) -> Option<Self> {
        let unless_there =
            |template: &Template, param: &'a str| (!template.has_click_id()).then_some(param);
        let (base, appended, passes) = match hop {
            Hop::Url(url) => (Base::Template(url), None, pass.offers),
            Hop::Shown(shown) => (Base::Text(shown), Some(values.click_param), pass.landers),
            Hop::Lander(lander) => {
                let url = &values.table.lander(*lander)?.url;
                (Base::Template(url), unless_there(url, values.click_param), pass.landers)
            }
            Hop::Offer(offer) => {
                let offer = values.table.offer(*offer)?;
                let network = offer.network.and_then(|id| values.table.network(id));
                let own = network.and_then(|network| network.body.offer_url_param.as_deref());
                let appended = unless_there(&offer.url, own.unwrap_or(values.click_param));
                (Base::Template(&offer.url), appended, pass.offers)
            }
        };
        Some(Self { base, appended, passes })
    }

    /// Hands on what was passed, then appends the click id.
    pub(super) fn finish(&self, url: &mut String, values: &UrlValues<'_>) {
        if self.passes {
            passed(values.query, values.campaign).for_each(|pair| template::pass_param(url, pair));
        }
        if let Some(param) = self.appended {
            template::append_param(url, param, values.click_id);
        }
    }
}

impl TokenValues for UrlValues<'_> {
    fn value(&self, token: Token) -> Cow<'_, str> {
        match token {
            Token::Field(Field::ClickId) => Cow::Borrowed(self.click_id),
            Token::Field(field) => match self.facts.get(field.tag()) {
                Some(Value::Bytes(bytes)) => {
                    Cow::Borrowed(str::from_utf8(bytes).unwrap_or_default())
                }
                Some(Value::Int(int)) => Cow::Owned(int.to_string()),
                None => Cow::Borrowed(""),
            },
            Token::Name(field) => Cow::Borrowed(self.name(field).unwrap_or_default()),
            Token::Payout => Cow::Borrowed(""),
            Token::Random => {
                let uniform = draw::uniform(self.draws, self.key.into(), Level::Random, 0, 0);
                Cow::Owned(((uniform * 1e9) as u64 % 1_000_000_000).to_string())
            }
            Token::Timestamp => {
                let at_ms = self.facts.int_at(tag::AT).unwrap_or_else(|| self.key.time_ms());
                Cow::Owned(at_ms.div_euclid(1000).to_string())
            }
        }
    }
}

impl UrlValues<'_> {
    fn name(&self, field: Field) -> Option<&str> {
        let id = ThingId::try_from(self.facts.int(field)?).ok()?;
        match field {
            Field::Campaign => self.table.campaign(id).map(|c| &*c.name),
            Field::Lander => self.table.lander(id).map(|l| &*l.name),
            Field::Domain => self.table.domain(id).map(|d| &*d.host),
            Field::Offer => self.table.offer(id).map(|o| &*o.name),
            _ => None,
        }
    }
}
