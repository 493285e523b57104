//! A conversion as a network reports it: parameter names of the whole field, read into ours.

use crate::money::{DecimalMark, Money, MoneyError};
use crate::params;
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
    /// A free parameter, 1 to 5.
    Free(u8),
}

use PostbackParam::{
    ClickId, Currency, ExternalId, Free, Payout, Status as StatusParam, Txid, Type,
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
    (Free(1), &["p1"]),
    (Free(2), &["p2"]),
    (Free(3), &["p3"]),
    (Free(4), &["p4"]),
    (Free(5), &["p5"]),
];

/// The longest value of a parameter that is kept.
const VALUE_BYTES_MAX: usize = 1024;

/// The parameters of one postback, decoded; a value that is empty or an unexpanded macro is absent,
/// the latter listed in `unexpanded`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostbackParams {
    values: BTreeMap<PostbackParam, String>,
    /// Names of parameters that hold a macro the network did not expand.
    pub unexpanded: Vec<String>,
}

impl PostbackParams {
    /// Reads query and form pairs in that order; `network` may rename parameters. The first value of
    /// the earliest name wins.
    pub fn read<'a>(
        pairs: impl Iterator<Item = (&'a str, &'a str)>,
        network: Option<&Network>,
    ) -> Self {
        let mut ranked: BTreeMap<PostbackParam, (usize, String)> = BTreeMap::new();
        let mut unexpanded = Vec::new();
        for (name, raw) in pairs {
            let name = params::decode(name);
            let Some((param, rank)) = meaning(&name, network) else { continue };
            let value = params::decode(raw);
            let value = params::cut(value.trim(), VALUE_BYTES_MAX);
            if value.is_empty() {
                continue;
            }
            if unexpanded::is_unexpanded(raw, value) {
                unexpanded.push(params::cut(&name, 64).to_owned());
                continue;
            }
            if ranked.get(&param).is_none_or(|(held, _)| rank < *held) {
                ranked.insert(param, (rank, value.to_owned()));
            }
        }
        Self {
            values: ranked.into_iter().map(|(param, (_, value))| (param, value)).collect(),
            unexpanded,
        }
    }

    /// The value of a parameter.
    pub fn get(&self, param: PostbackParam) -> Option<&str> {
        self.values.get(&param).map(String::as_str)
    }

    /// Whether the parameter was sent with a macro in place of a value.
    pub fn is_unexpanded(&self, param: PostbackParam, network: Option<&Network>) -> bool {
        self.unexpanded.iter().any(|name| meaning(name, network).is_some_and(|(p, _)| p == param))
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
        assert!(params.is_unexpanded(Payout, None));
        assert_eq!(params.status(None), Ok(Status::Approved));
        assert_eq!(params.unexpanded, ["payout"]);
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
