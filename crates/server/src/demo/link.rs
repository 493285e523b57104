//! The links of ads: a source's query, with its tokens replaced as the source would, and now and then not.

use super::ads::{Creative, Place};
use super::ids::ForeignId;
use super::random::Random;
use super::scenario::Source;
use anyhow::{Context, bail};
use model::money::Money;
use model::params;

/// The query of a source's links, read once.
#[derive(Clone, Debug)]
pub struct Link {
    pairs: Vec<Pair>,
}

#[derive(Clone, Debug)]
struct Pair {
    name: String,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    /// As it stands.
    Text(String),
    /// A token, and what stands in its place when the source forgets to replace it.
    Token(Token, String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    CampaignId,
    CampaignName,
    GroupId,
    GroupName,
    CreativeId,
    CreativeName,
    Placement,
    Publisher,
    MatchType,
    Angle,
    DeviceLetter,
    DeviceWord,
    OsWord,
    Cost,
    Id(ForeignId),
}

/// What one link is filled with.
#[derive(Clone, Copy, Debug)]
pub struct Filling<'a> {
    pub creative: &'a Creative,
    pub place: &'a Place,
    pub angle: &'a str,
    /// `phone`, `tablet` or `desktop`.
    pub device: &'a str,
    /// `ios`, `android` …
    pub system: &'a str,
    /// What the click costs; left out of an impression's link.
    pub cost: Option<Money>,
    /// Ids that the source makes for the click are left out without this.
    pub with_ids: bool,
}

/// Which tokens the source forgets to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// None, as it should be.
    None,
    /// The token of this place among the pairs, if it is one.
    One(usize),
    /// All: somebody follows the link as it stands in the ad manager.
    All,
}

/// A finished query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub text: String,
    /// The cost in it.
    pub cost: Option<Money>,
}

impl Link {
    /// Reads the query of a source.
    ///
    /// # Errors
    /// When it has a token that nobody knows.
    pub fn of(source: &Source) -> anyhow::Result<Self> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').context("a pair without a value")?;
            let value = match value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None => Value::Text(value.to_owned()),
                Some(word) => {
                    let bare = word.strip_prefix("id:").unwrap_or(word);
                    let forgotten = params::encode(&source.macro_form.replace("NAME", bare));
                    Value::Token(Token::from_word(word)?, forgotten)
                }
            };
            Ok(Pair { name: name.to_owned(), value })
        };
        let pairs = source.query.split('&').map(pair).collect::<anyhow::Result<_>>();
        Ok(Self { pairs: pairs.with_context(|| format!("the links of {}", source.name))? })
    }

    /// How many pairs there are.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// One link's query.
    pub fn fill(&self, filling: &Filling<'_>, forgotten: Forgotten, random: &mut Random) -> Query {
        let mut query = Query { text: String::with_capacity(512), cost: None };
        for (place, pair) in self.pairs.iter().enumerate() {
            let mut name = pair.name.as_str();
            let made;
            let value = match &pair.value {
                Value::Text(text) => text,
                Value::Token(Token::Id(_), _) if !filling.with_ids => continue,
                Value::Token(Token::Cost, _) if filling.cost.is_none() => continue,
                Value::Token(_, literal)
                    if forgotten == Forgotten::All || forgotten == Forgotten::One(place) =>
                {
                    literal
                }
                Value::Token(token, _) => {
                    if *token == Token::Cost {
                        query.cost = filling.cost;
                    }
                    if let Token::Id(kind) = token {
                        name = kind.other_name(filling.system, random).unwrap_or(name);
                    }
                    made = token.value(filling, random);
                    &made
                }
            };
            if !query.text.is_empty() {
                query.text.push('&');
            }
            query.text.extend([name, "=", value]);
        }
        query
    }
}

impl Token {
    fn from_word(word: &str) -> anyhow::Result<Self> {
        Ok(match word {
            "ad_campaign_id" => Self::CampaignId,
            "ad_campaign_name" => Self::CampaignName,
            "ad_group_id" => Self::GroupId,
            "ad_group_name" => Self::GroupName,
            "creative_id" => Self::CreativeId,
            "creative_name" => Self::CreativeName,
            "placement" | "keyword" => Self::Placement,
            "publisher" => Self::Publisher,
            "match_type" => Self::MatchType,
            "angle" => Self::Angle,
            "device_letter" => Self::DeviceLetter,
            "device_word" => Self::DeviceWord,
            "os_word" => Self::OsWord,
            "cost" => Self::Cost,
            _ => match word.strip_prefix("id:") {
                Some(kind) => Self::Id(ForeignId::from_word(kind)?),
                None => bail!("no source has a token `{{{word}}}`"),
            },
        })
    }

    fn value(self, filling: &Filling<'_>, random: &mut Random) -> String {
        let Filling { creative, place, .. } = filling;
        match self {
            Self::CampaignId => creative.campaign.id.clone(),
            Self::CampaignName => creative.campaign.name.clone(),
            Self::GroupId => creative.group.id.clone(),
            Self::GroupName => creative.group.name.clone(),
            Self::CreativeId => creative.label.id.clone(),
            Self::CreativeName => creative.label.name.clone(),
            Self::Placement => place.id.clone(),
            Self::Publisher => place.publisher.clone(),
            Self::MatchType => place.match_type.to_owned(),
            Self::Angle => filling.angle.to_owned(),
            Self::OsWord => filling.system.to_owned(),
            Self::Cost => filling.cost.map(|cost| cost.to_string()).unwrap_or_default(),
            Self::Id(kind) => kind.make(random),
            Self::DeviceLetter => match filling.device {
                "phone" => "m".to_owned(),
                "tablet" => "t".to_owned(),
                _ => "c".to_owned(),
            },
            Self::DeviceWord => match filling.device {
                "phone" => "Smartphone".to_owned(),
                "tablet" => "Tablet".to_owned(),
                _ => "Desktop".to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::ads::Ads;
    use crate::demo::scenario::{Scenario, place_of};
    use model::unexpanded::is_macro;

    /// The query of the first campaign of each source.
    fn each_source(check: impl Fn(&Source, &dyn Fn(Forgotten, bool) -> Query)) {
        let scenario = Scenario::load().unwrap();
        for source in &scenario.sources {
            let campaign = scenario.campaigns.iter().find(|c| c.source == source.name).unwrap();
            assert!(place_of(&scenario.flows, &campaign.flow, |f| &f.name).is_ok());
            let (link, ads) = (Link::of(source).unwrap(), Ads::new(campaign, source, 1));
            check(source, &|forgotten, with_ids| {
                let filling = Filling {
                    creative: &ads.creatives[0],
                    place: &ads.places[0],
                    angle: "story",
                    device: "phone",
                    system: "android",
                    cost: Some(Money(12_300)),
                    with_ids,
                };
                link.fill(&filling, forgotten, &mut Random::of(1, 1, 1))
            });
        }
    }

    #[test]
    fn every_source_replaces_all_its_tokens() {
        each_source(|source, fill| {
            let query = fill(Forgotten::None, true);
            for (name, value) in params::pairs(&query.text) {
                assert!(
                    !value.is_empty() && !is_macro(&params::decode(value)),
                    "{} {name}",
                    source.name
                );
            }
            let sends_cost = source.cost_param.as_deref().and_then(|param| {
                params::pairs(&query.text)
                    .find(|(name, _)| *name == param)
                    .map(|(_, value)| value.to_owned())
            });
            assert_eq!(sends_cost, query.cost.map(|cost| cost.to_string()), "{}", source.name);
        });
    }

    #[test]
    fn what_is_forgotten_is_recognised_as_a_macro() {
        each_source(|source, fill| {
            let query = fill(Forgotten::All, true);
            let macros = params::pairs(&query.text)
                .filter(|(_, value)| is_macro(&params::decode(value)))
                .count();
            let tokens = source.query.matches('{').count();
            assert_eq!((macros, query.cost), (tokens, None), "{}: {}", source.name, query.text);
        });
    }

    #[test]
    fn ids_can_be_left_out() {
        each_source(|source, fill| {
            let (with, without) =
                (fill(Forgotten::None, true).text, fill(Forgotten::None, false).text);
            assert_eq!(
                with.split('&').count() - without.split('&').count(),
                source.query.matches("{id:").count()
            );
        });
    }
}
