//! A conversion as a network reports it: parameter names of the whole field, read into ours.

use crate::id::{self, ClickId as ClickIdOfOurs, IdError};
use crate::keys::KeyRing;
use crate::money::{DecimalMark, Money, MoneyError};
use crate::params;
use crate::table::PLATFORM_ID_PARAMS;
use crate::thing::{Network, Status};
use crate::unexpanded;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a parameter of a postback means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PostbackParam {
    /// Our click id.
    ClickId,
    /// The source's click id, or ours under a foreign name.
    ExternalId,
    /// The amount.
    Payout,
    /// Its currency.
    Currency,
    /// The network's number of the transaction.
    Txid,
    /// The network's word for the status.
    Status,
    /// The conversion's type.
    Type,
    /// The sender's id of the event: the same one again is the same event.
    EventId,
    /// Why the call reports no conversion, in the sender's word.
    Ignored,
    /// A free parameter, 1 to 5.
    Free(u8),
}

/// The click that a call names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: ClickIdOfOurs,
    /// What was wrong with the text of the id.
    pub repair: Option<IdError>,
}

/// Why a call names no click.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotNamed {
    /// No parameter holds an id.
    Missing,
    /// The parameter holds a macro.
    Unexpanded,
    /// An id of somebody else's, which a click may have been given by its source.
    Foreign(String),
    /// Wrong length or alphabet.
    Malformed,
    /// Not signed by us.
    Unverified,
}

use PostbackParam::{
    ClickId, Currency, EventId, ExternalId, Free, Ignored, Payout, Status as StatusParam, Txid,
    Type,
};

/// Our name of each parameter, then the names other trackers and networks use for it. Earlier names
/// win when several are present.
pub const PARAMS: &[(PostbackParam, &[&str])] = &[
    (
        ClickId,
        &["clickid", "click_id", "cid", "subid", "sub_id", "aff_sub", "cnv_id", "s2s", "clickId"],
    ),
    (ExternalId, &["external_id"]),
    (Payout, &["payout", "amount", "revenue", "sum", "price", "value", "cnv_payout"]),
    (Currency, &["currency", "cur", "cnv_currency"]),
    (Txid, &["txid", "tid", "transaction_id", "transactionid", "order_id", "orderid", "adv_sub"]),
    (StatusParam, &["status", "cnv_status"]),
    (Type, &["type", "et", "event", "event_type", "goal", "goal_id", "ct"]),
    (EventId, &["event_id", "eventid"]),
    (Ignored, &["ct_ignore"]),
    (Free(1), &["p1"]),
    (Free(2), &["p2"]),
    (Free(3), &["p3"]),
    (Free(4), &["p4"]),
    (Free(5), &["p5"]),
];

/// The longest value of a parameter that is kept.
const VALUE_BYTES_MAX: usize = 1024;

/// A parameter as it was sent, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The name the sender gave it.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The parameters of one postback, decoded; a value that is empty or an unexpanded macro is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostbackParams {
    values: BTreeMap<PostbackParam, Sent>,
    /// Parameters that hold a macro the network did not expand, and what they mean.
    unexpanded: Vec<(PostbackParam, Sent)>,
    /// Everything that may be a click id, macros included, the weightiest first.
    ids: Vec<Sent>,
    /// Ids that ad platforms gave the click, under the platforms' own names.
    platform_ids: Vec<Sent>,
}

/// The most ids of platforms that are looked at.
const PLATFORM_IDS_MAX: usize = 4;

/// The most values that are looked at for a click id.
const IDS_MAX: usize = 8;

/// The longest name of a parameter that is told.
const NAME_BYTES_MAX: usize = 64;

impl PostbackParams {
    /// Reads query and form pairs in that order; `network` may rename parameters. The first value of
    /// the earliest name wins.
    pub fn read<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        network: Option<&Network>,
    ) -> Self {
        let mut ranked: BTreeMap<PostbackParam, (usize, Sent)> = BTreeMap::new();
        let (mut unexpanded, mut ids, mut platform_ids) = (Vec::new(), Vec::new(), Vec::new());
        for (name, raw) in pairs {
            let name = params::decode(name);
            let Some((param, rank)) = meaning(&name, network) else {
                platform_ids.extend(platform_id(&name, raw));
                continue;
            };
            let value = params::decode(raw);
            let value = params::cut(value.trim(), VALUE_BYTES_MAX);
            if value.is_empty() {
                continue;
            }
            let sent = Sent {
                name: params::cut(&name, NAME_BYTES_MAX).to_owned(),
                value: value.to_owned(),
            };
            if matches!(param, ClickId | ExternalId) {
                ids.push(((param, rank), sent.clone()));
            }
            if unexpanded::is_unexpanded(raw, value) {
                unexpanded.push((param, sent));
            } else if ranked.get(&param).is_none_or(|(held, _)| rank < *held) {
                ranked.insert(param, (rank, sent));
            }
        }
        ids.sort_by_key(|(place, _)| *place);
        ids.truncate(IDS_MAX);
        platform_ids.truncate(PLATFORM_IDS_MAX);
        Self {
            values: ranked.into_iter().map(|(param, (_, sent))| (param, sent)).collect(),
            unexpanded,
            ids: ids.into_iter().map(|(_, sent)| sent).collect(),
            platform_ids,
        }
    }

    /// The value of a parameter.
    pub fn get(&self, param: PostbackParam) -> Option<&str> {
        self.sent(param).map(|sent| sent.value.as_str())
    }

    /// A parameter as it was sent.
    pub fn sent(&self, param: PostbackParam) -> Option<&Sent> {
        self.values.get(&param)
    }

    /// Ids that ad platforms gave the click: name of the parameter and value.
    pub fn platform_ids(&self) -> &[Sent] {
        &self.platform_ids
    }

    /// The parameter with a macro in place of a value.
    pub fn unexpanded(&self, param: PostbackParam) -> Option<&Sent> {
        self.unexpanded.iter().find(|(p, _)| *p == param).map(|(_, sent)| sent)
    }

    /// The click that the call names: the first value that is one of our ids, else the first that can be repaired to one.
    /// Only a signature tells our id from a macro in braces, or from a network's own id under one of our names.
    ///
    /// # Errors
    /// When no value is one.
    pub fn named_click(
        &self,
        prefix: &str,
        keys: &KeyRing,
        now_ms: i64,
    ) -> Result<Named, NotNamed> {
        let mut repaired = None;
        let mut why = Vec::with_capacity(self.ids.len());
        for sent in &self.ids {
            match id::read(&sent.value, prefix, keys, now_ms) {
                Ok(id) => return Ok(Named { id, repair: None }),
                Err(error) => {
                    why.push((sent, error));
                    let named = |id| Named { id, repair: Some(error) };
                    repaired = repaired.or_else(|| error.repaired().map(named));
                }
            }
        }
        repaired.ok_or_else(|| self.not_named(&why))
    }

    fn not_named(&self, why: &[(&Sent, IdError)]) -> NotNamed {
        let own = self.sent(ClickId).or_else(|| self.sent(ExternalId));
        let Some(own) = own else {
            return match self.unexpanded(ClickId) {
                Some(_) => NotNamed::Unexpanded,
                None => NotNamed::Missing,
            };
        };
        let is_foreign = self.sent(ClickId).is_none();
        match why.iter().find(|(sent, _)| *sent == own) {
            Some((_, IdError::Unverified)) => NotNamed::Unverified,
            _ if is_foreign => NotNamed::Foreign(own.value.clone()),
            _ => NotNamed::Malformed,
        }
    }

    /// The amount; `None` when the postback has none.
    pub fn payout(&self, mark: DecimalMark) -> Option<Result<Money, MoneyError>> {
        self.get(Payout).map(|text| Money::read(text, mark))
    }

    /// The status: the network's word through its map, then our own words, `approved` when absent;
    /// the word itself when nobody knows it.
    pub fn status(&self, network: Option<&Network>) -> Result<Status, Cow<'_, str>> {
        let Some(word) = self.get(StatusParam) else { return Ok(Status::Approved) };
        let word = word.to_lowercase();
        let mapped = network.and_then(|n| n.status_map.get(&word).copied());
        mapped
            .or_else(|| Status::from_word(&word))
            .or_else(|| common_word(&word))
            .ok_or(Cow::Owned(word))
    }
}

/// Words networks agree on (their documentation, see `docs/guide/postbacks.md`).
fn common_word(word: &str) -> Option<Status> {
    Some(match word {
        "sale" | "confirmed" | "paid" | "accepted" | "approve" | "success" | "1" => {
            Status::Approved
        }
        "lead" | "hold" | "new" | "waiting" | "open" | "2" => Status::Pending,
        "declined" | "reject" | "canceled" | "cancelled" | "trash" | "invalid" | "reversed"
        | "3" => Status::Rejected,
        "charge_back" | "cgbk" | "refund" | "refunded" | "rfnd" => Status::Chargeback,
        _ => return None,
    })
}

/// What a parameter of this name means, whoever sends it.
pub fn param_named(name: &str) -> Option<PostbackParam> {
    meaning(name, None).map(|(param, _)| param)
}

/// What the parameter `name` means and how early its name stands among those of its meaning.
fn meaning(name: &str, network: Option<&Network>) -> Option<(PostbackParam, usize)> {
    let renamed = network.and_then(|n| n.params.iter().find(|(_, theirs)| *theirs == name));
    if let Some((ours, _)) = renamed {
        return PARAMS.iter().find(|(_, names)| names[0] == ours).map(|(param, _)| (*param, 0));
    }
    PARAMS.iter().find_map(|(param, names)| {
        let place = names.iter().position(|n| *n == name)?;
        Some((*param, place + 1))
    })
}

/// The id that an ad platform gave the click, if the parameter carries one.
fn platform_id(name: &str, raw: &str) -> Option<Sent> {
    let value = params::decode(raw);
    let value = params::cut(value.trim(), VALUE_BYTES_MAX);
    let is_id = PLATFORM_ID_PARAMS.contains(&name)
        && !value.is_empty()
        && !unexpanded::is_unexpanded(raw, value);
    is_id.then(|| Sent { name: name.to_owned(), value: value.to_owned() })
}

/// The pairs of a call's body, encoded like those of a query: a form as it came, or the scalars of a
/// JSON object. A body that is neither has none.
pub fn body_pairs(body: &str) -> Vec<(String, String)> {
    let body = body.trim();
    if !body.starts_with('{') {
        return params::pairs(body)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
    }
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(body) else {
        return Vec::new();
    };
    let scalar = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    };
    let pairs = object.into_iter().filter_map(|(name, value)| Some((name, scalar(value)?)));
    pairs.map(|(name, value)| (params::encode(&name), params::encode(&value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> PostbackParams {
        PostbackParams::read(params::pairs(query), None)
    }

    #[test]
    fn the_names_of_other_trackers_are_understood() {
        let params =
            read("cid=ct_1&revenue=1.50&cur=eur&transaction_id=T1&cnv_status=sale&et=lead&p3=x");
        assert_eq!(params.get(ClickId), Some("ct_1"));
        assert_eq!(params.payout(DecimalMark::Auto), Some(Ok(Money(1_500_000))));
        assert_eq!(params.get(Currency), Some("eur"));
        assert_eq!(params.get(Txid), Some("T1"));
        assert_eq!(params.status(None), Ok(Status::Approved));
        assert_eq!(params.get(Type), Some("lead"));
        assert_eq!(params.get(Free(3)), Some("x"));
    }

    #[test]
    fn our_own_name_wins_whatever_the_order_and_the_first_value_of_a_repeat() {
        let params = read("subid=b&clickid=a&clickid=c");
        assert_eq!(params.get(ClickId), Some("a"));
    }

    #[test]
    fn absent_is_not_empty_and_macros_are_named() {
        let params = read("clickid=a&txid=&payout=%7Bpayout%7D&status=");
        assert_eq!(params.get(Txid), None);
        assert_eq!(params.payout(DecimalMark::Auto), None);
        let literal = Sent { name: "payout".into(), value: "{payout}".into() };
        assert_eq!(params.unexpanded(Payout), Some(&literal));
        assert_eq!(params.status(None), Ok(Status::Approved));
    }

    #[test]
    fn forms_and_json_objects_read_like_queries() {
        for body in
            ["clickid=a%2Bb&payout=1.5", r#" {"clickid":"a+b","payout":1.5,"more":{"x":1}} "#]
        {
            let pairs = body_pairs(body);
            let params =
                PostbackParams::read(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())), None);
            assert_eq!(params.get(ClickId), Some("a+b"), "{body}");
            assert_eq!(params.payout(DecimalMark::Auto), Some(Ok(Money(1_500_000))), "{body}");
        }
        assert_eq!(body_pairs("{broken"), []);
    }

    #[test]
    fn a_network_has_its_own_words() {
        let network = Network {
            params: [("payout".to_owned(), "summ".to_owned())].into(),
            status_map: [("7".to_owned(), Status::Pending)].into(),
            ..Network::default()
        };
        let params =
            PostbackParams::read(params::pairs("summ=2&payout=9&status=7"), Some(&network));
        assert_eq!(params.payout(DecimalMark::Auto), Some(Ok(Money(2_000_000))));
        assert_eq!(params.status(Some(&network)), Ok(Status::Pending));
        assert_eq!(read("status=odd").status(None), Err(Cow::Borrowed("odd")));
    }
}
