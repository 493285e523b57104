//! A path: where a visitor goes, and how.

use super::{Problem, ThingId};
use crate::template::Template;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Lander(s), then offer(s); without a lander, directly to the offer. Or one of the other targets: a
/// URL, another campaign, a fixed answer. A path has exactly one of `offers`, `url`, `campaign` and
/// `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Path {
    /// Unique in its flow; given by the server when 0 or absent, and kept by edits.
    #[serde(default)]
    pub id: u32,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
    /// How the visitor is sent on.
    #[serde(default)]
    pub mode: RedirectMode,
    /// Whether what the ad platform passed goes on.
    #[serde(default)]
    pub pass: Pass,
    /// Pages in front of the offer, one is drawn.
    #[serde(default)]
    pub landers: Vec<WeightedLander>,
    /// Offers, one is drawn for each link of the lander.
    #[serde(default)]
    pub offers: Vec<WeightedOffer>,
    /// When the offer behind a lander is drawn.
    #[serde(default)]
    pub offer_choice: OfferChoice,
    /// A destination of its own; tokens may stand behind the authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A campaign whose flow decides on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<ThingId>,
    /// An answer that leads nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusAnswer>,
}

/// How a visitor is sent to the next hop.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RedirectMode {
    /// `302 Found`: followed everywhere, the method becomes GET (RFC 9110, 15.4.3).
    #[default]
    #[serde(rename = "302")]
    Found,
    /// `307 Temporary Redirect`: the method stays (RFC 9110, 15.4.8).
    #[serde(rename = "307")]
    Temporary,
    /// `302` with `Referrer-Policy: no-referrer`: the next hop does not see where the visitor was.
    NoReferrer,
    /// A page whose meta refresh leads on.
    Meta,
    /// Two such pages: old browsers, too, forget where the visitor came from.
    DoubleMeta,
    /// A page whose script leads on.
    Js,
    /// The next hop stands visibly in a parameter of the link and is obeyed when its host is among
    /// the campaign's allowed hosts; the path decides where it is not.
    Transparent,
}

/// Whether platform ids and `utm_*` of the landing URL go on. A path's own URL counts as an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pass {
    /// To landers.
    pub landers: bool,
    /// To offers.
    pub offers: bool,
}

/// When the offer behind a lander is drawn.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OfferChoice {
    /// At the click: the lander can name it.
    #[default]
    Before,
    /// At the click on the lander: caps are those of that moment.
    After,
}

/// An answer that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusAnswer {
    /// 200, 204 or 404.
    pub code: u16,
    /// Plain text of the answer; none with 204.
    #[serde(default)]
    pub text: String,
}

/// A lander and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedLander {
    /// Which lander.
    pub lander: ThingId,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
}

/// An offer and its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WeightedOffer {
    /// Which offer.
    pub offer: ThingId,
    /// Its share among its neighbours.
    #[serde(default = "hundred")]
    pub weight: u32,
}

const fn hundred() -> u32 {
    100
}

/// The largest weight: shares finer than a millionth are noise.
const WEIGHT_MAX: u32 = 1_000_000;

/// The longest text of a fixed answer, in bytes.
const STATUS_TEXT_BYTES_MAX: usize = 4096;

impl Default for Path {
    /// What stands for everything absent; it leads nowhere.
    fn default() -> Self {
        Self {
            id: 0,
            weight: hundred(),
            mode: RedirectMode::default(),
            pass: Pass::default(),
            landers: Vec::new(),
            offers: Vec::new(),
            offer_choice: OfferChoice::default(),
            url: None,
            campaign: None,
            status: None,
        }
    }
}

impl Default for Pass {
    /// To landers, which need them, and never to offers, whose networks they are no business of.
    fn default() -> Self {
        Self { landers: true, offers: false }
    }
}

impl Path {
    /// What is wrong with it; `at` is its own place.
    pub(super) fn check(&self, at: &str, problems: &mut Vec<Problem>) {
        let has_target = [self.url.is_some(), self.campaign.is_some(), self.status.is_some()];
        match has_target.iter().filter(|is| **is).count() {
            0 => self.check_offers(at, problems),
            1 if self.offers.is_empty() && self.landers.is_empty() => {}
            _ => problems.push(Problem::new(
                at,
                "a path has exactly one of `offers`, `url`, `campaign` and `status`, and landers only in front of offers",
            )),
        }
        if let Some(Err(error)) = self.url.as_deref().map(Template::parse) {
            problems.push(Problem::new(format!("{at}.url"), error.to_string()));
        }
        if let Some(status) = &self.status {
            status.check(&format!("{at}.status"), problems);
        }
    }

    fn check_offers(&self, at: &str, problems: &mut Vec<Problem>) {
        let place = format!("{at}.offers");
        let weights = self.offers.iter().map(|offer| offer.weight);
        check_weights(problems, &place, "offer, or a `url`, `campaign` or `status`", weights);
        check_once(problems, &place, "offer", self.offers.iter().map(|offer| offer.offer));
        if !self.landers.is_empty() {
            let place = format!("{at}.landers");
            let weights = self.landers.iter().map(|lander| lander.weight);
            check_weights(problems, &place, "lander", weights);
            let landers = self.landers.iter().map(|lander| lander.lander);
            check_once(problems, &place, "lander", landers);
        }
    }
}

impl StatusAnswer {
    /// What is wrong with it; `at` is its own place.
    pub(super) fn check(&self, at: &str, problems: &mut Vec<Problem>) {
        if !matches!(self.code, 200 | 204 | 404) {
            problems.push(Problem::new(format!("{at}.code"), "expected 200, 204 or 404"));
        }
        if self.code == 204 && !self.text.is_empty() {
            problems.push(Problem::new(format!("{at}.text"), "an answer 204 has no text"));
        }
        if self.text.len() > STATUS_TEXT_BYTES_MAX {
            let limit = format!("expected at most {STATUS_TEXT_BYTES_MAX} bytes");
            problems.push(Problem::new(format!("{at}.text"), limit));
        }
    }
}

/// Nothing stands in a list twice: draws go by the number of a thing, so the second would get nobody.
fn check_once(
    problems: &mut Vec<Problem>,
    at: &str,
    what: &str,
    things: impl Iterator<Item = ThingId>,
) {
    let mut seen = HashMap::new();
    for (i, id) in things.enumerate() {
        if let Some(first) = seen.insert(id, i) {
            let message = format!(
                "{what} {id} stands at {at}[{first}] already: leave one of them, with the weight of both"
            );
            problems.push(Problem::new(format!("{at}[{i}].{what}"), message));
        }
    }
}

/// At least one alternative, none too heavy, not all weights zero.
pub(super) fn check_weights(
    problems: &mut Vec<Problem>,
    at: &str,
    what: &str,
    weights: impl Iterator<Item = u32>,
) {
    let weights: Vec<u32> = weights.collect();
    if weights.is_empty() {
        problems.push(Problem::new(at, format!("needs at least one {what}")));
    } else if weights.iter().all(|&weight| weight == 0) {
        problems.push(Problem::new(at, "all weights are 0: nobody could be sent anywhere"));
    }
    for (i, _) in weights.iter().enumerate().filter(|(_, weight)| **weight > WEIGHT_MAX) {
        problems
            .push(Problem::new(format!("{at}[{i}].weight"), format!("expected 0 to {WEIGHT_MAX}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(json: &str) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        serde_json::from_str::<Path>(json).unwrap().check("p", &mut problems);
        problems.into_iter().map(|problem| (problem.field, problem.message)).collect()
    }

    #[test]
    fn a_path_has_exactly_one_target() {
        for json in [
            r#"{"offers":[{"offer":1}]}"#,
            r#"{"offers":[{"offer":1}],"landers":[{"lander":1}],"offer_choice":"after","mode":"double_meta"}"#,
            r#"{"url":"https://a.example/{click_id}","mode":"no_referrer","pass":{"offers":true}}"#,
            r#"{"campaign":7}"#,
            r#"{"status":{"code":404}}"#,
            r#"{"status":{"code":200,"text":"OK"}}"#,
        ] {
            assert_eq!(problems(json), [], "{json}");
        }
        for (json, place) in [
            ("{}", "p.offers"),
            (r#"{"landers":[{"lander":1}]}"#, "p.offers"),
            (r#"{"offers":[{"offer":1,"weight":0}]}"#, "p.offers"),
            (r#"{"offers":[{"offer":1,"weight":1000001}]}"#, "p.offers[0].weight"),
            (r#"{"offers":[{"offer":1},{"offer":2},{"offer":1}]}"#, "p.offers[2].offer"),
            (
                r#"{"offers":[{"offer":1}],"landers":[{"lander":1},{"lander":1}]}"#,
                "p.landers[1].lander",
            ),
            (r#"{"offers":[{"offer":1}],"campaign":1}"#, "p"),
            (r#"{"landers":[{"lander":1}],"campaign":1}"#, "p"),
            (r#"{"url":"https://a.example/","campaign":1}"#, "p"),
            (r#"{"url":"a.example"}"#, "p.url"),
            (r#"{"url":"https://a.example/{colour}"}"#, "p.url"),
            (r#"{"status":{"code":500}}"#, "p.status.code"),
            (r#"{"status":{"code":204,"text":"x"}}"#, "p.status.text"),
        ] {
            let places: Vec<_> = problems(json).into_iter().map(|(place, _)| place).collect();
            assert_eq!(places, [place], "{json}");
        }
    }
}
