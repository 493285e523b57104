//! The URL a decision leads to, its tokens filled.

use crate::draw::{self, Level};
use crate::facts::{Facts, Value};
use crate::field::Field;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::record::tag;
use crate::table::RoutingTable;
use crate::template::{self, Template, Token, TokenValues};
use crate::thing::{Pass, ThingId};
use std::borrow::Cow;

/// A place a visitor is sent to.
#[derive(Clone, Copy, Debug)]
pub enum Hop<'a> {
    /// A lander: gets the click id and, by default, what the ad platform passed.
    Lander(ThingId),
    /// An offer: gets the click id and, by default, nothing else.
    Offer(ThingId),
    /// A URL of a path or campaign: gets what its tokens say.
    Url(&'a Template),
    /// A URL that the link itself shows (mode `transparent`): gets what a lander gets.
    Shown(&'a str),
}

/// What a destination URL is filled with.
#[derive(Clone, Copy, Debug)]
pub struct UrlValues<'a> {
    /// Names of things.
    pub table: &'a RoutingTable,
    /// The click's facts, the decision among them.
    pub facts: &'a Facts,
    /// The click.
    pub key: ClickKey,
    /// Its id as text.
    pub click_id: &'a str,
    /// The key of `{random}`.
    pub draws: &'a Secret,
}

/// The URL of a hop. Without an id token the click id is appended: as `click_param` to a lander, as
/// the network's `offer_url_param` to an offer. `passed` pairs, still encoded, go on where `pass` says.
pub fn destination<'p>(
    hop: Hop<'_>,
    values: &UrlValues<'_>,
    click_param: &str,
    pass: Pass,
    passed: impl Iterator<Item = &'p str>,
) -> Option<String> {
    match hop {
        Hop::Url(url) => {
            let mut url = url.expand(values);
            pass_on(&mut url, pass.offers, passed);
            Some(url)
        }
        Hop::Shown(shown) => {
            let mut url = shown.to_owned();
            pass_on(&mut url, pass.landers, passed);
            template::append_param(&mut url, click_param, values.click_id);
            Some(url)
        }
        Hop::Lander(lander) => {
            let lander = &values.table.lander(lander)?.url;
            let mut url = lander.expand(values);
            pass_on(&mut url, pass.landers, passed);
            if !lander.has_click_id() {
                template::append_param(&mut url, click_param, values.click_id);
            }
            Some(url)
        }
        Hop::Offer(offer) => {
            let offer = values.table.offer(offer)?;
            let mut url = offer.url.expand(values);
            pass_on(&mut url, pass.offers, passed);
            if !offer.url.has_click_id() {
                let network = offer.network.and_then(|id| values.table.network(id));
                let param =
                    network.and_then(|n| n.body.offer_url_param.as_deref()).unwrap_or(click_param);
                template::append_param(&mut url, param, values.click_id);
            }
            Some(url)
        }
    }
}

fn pass_on<'p>(url: &mut String, allowed: bool, passed: impl Iterator<Item = &'p str>) {
    if allowed {
        passed.for_each(|pair| template::pass_param(url, pair));
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
