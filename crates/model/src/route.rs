//! Where a click goes: a pure function of table, campaign and click key, and the URL it leads to.

use crate::draw::{self, Level};
use crate::facts::{Facts, Value};
use crate::field::Field;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::record::tag;
use crate::table::{CampaignRoute, PathRoute, RoutingTable};
use crate::template::{self, Template, Token, TokenValues};
use crate::thing::{RedirectMode, ThingId};
use std::borrow::Cow;

/// What was decided for a click.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The flow that decided.
    pub flow: ThingId,
    /// The path that was drawn.
    pub path: u32,
    /// How the visitor is sent on.
    pub mode: RedirectMode,
    /// The page in front of the offer, if the path has any.
    pub lander: Option<ThingId>,
    /// The offer behind the first link.
    pub offer: ThingId,
    /// Who pays for the offer.
    pub network: Option<ThingId>,
}

/// Decides where a click of `campaign` goes; `None` when its flow leads nowhere (it is gone, or
/// every alternative has weight 0).
pub fn route(
    table: &RoutingTable,
    campaign: &CampaignRoute,
    key: ClickKey,
    draws: &Secret,
) -> Option<Decision> {
    let flow = table.flow(campaign.flow)?;
    let path = draw::choose(draws, key, Level::Path, u64::from(campaign.flow), &flow.default, 0)?;
    let path = flow.paths.iter().find(|p| p.id == path)?;
    let scope = path_scope(campaign.flow, path.id);
    let offer = draw::choose(draws, key, Level::Offer, scope, &path.offers, 0)?;
    Some(Decision {
        flow: campaign.flow,
        path: path.id,
        mode: path.mode,
        lander: draw::choose(draws, key, Level::Lander, scope, &path.landers, 0),
        offer,
        network: table.offer(offer).and_then(|o| o.network),
    })
}

/// The offer behind link `link` (from 1) of the lander of a click that took `path` of `flow`. Links
/// lead to different offers while the path has enough of them; further links start over.
pub fn offer_of_link(
    table: &RoutingTable,
    flow: ThingId,
    path: u32,
    key: ClickKey,
    link: usize,
    draws: &Secret,
) -> Option<ThingId> {
    let path: &PathRoute = table.flow(flow)?.paths.iter().find(|p| p.id == path)?;
    let live = path.offers.iter().filter(|o| o.weight > 0).count();
    let rank = link.max(1).wrapping_sub(1).checked_rem(live)?;
    draw::choose(draws, key, Level::Offer, path_scope(flow, path.id), &path.offers, rank)
}

/// Keeps draws of equal path ids of different flows apart.
fn path_scope(flow: ThingId, path: u32) -> u64 {
    u64::from(flow) << 32 | u64::from(path)
}

impl Decision {
    /// Writes the decision down among the click's facts.
    pub fn record(&self, facts: &mut Facts) {
        facts.set_int(Field::Flow, self.flow);
        facts.set_int(Field::Path, self.path);
        if let Some(lander) = self.lander {
            facts.set_int(Field::Lander, lander);
        }
        facts.set_int(Field::Offer, self.offer);
        if let Some(network) = self.network {
            facts.set_int(Field::Network, network);
        }
    }
}

/// A place a visitor is sent to.
#[derive(Clone, Copy, Debug)]
pub enum Hop<'a> {
    /// A lander: gets the click id and, by default, what the ad platform passed.
    Lander(ThingId),
    /// An offer: gets the click id and nothing else.
    Offer(ThingId),
    /// A URL of the campaign's own.
    Url(&'a Template),
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
/// the network's `offer_url_param` to an offer. `passed` pairs go on to landers, still encoded.
pub fn destination<'p>(
    hop: Hop<'_>,
    values: &UrlValues<'_>,
    click_param: &str,
    passed: impl Iterator<Item = &'p str>,
) -> Option<String> {
    match hop {
        Hop::Url(url) => Some(url.expand(values)),
        Hop::Lander(lander) => {
            let lander = &values.table.lander(lander)?.url;
            let mut url = lander.expand(values);
            passed.for_each(|pair| template::pass_param(&mut url, pair));
            if !lander.has_click_id() {
                template::append_param(&mut url, click_param, values.click_id);
            }
            Some(url)
        }
        Hop::Offer(offer) => {
            let offer = values.table.offer(offer)?;
            let mut url = offer.url.expand(values);
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
                let uniform = draw::uniform(self.draws, self.key, Level::Random, 0, 0);
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
            Field::Offer => self.table.offer(id).map(|o| &*o.name),
            _ => None,
        }
    }
}
