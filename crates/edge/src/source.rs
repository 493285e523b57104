//! What the traffic source says in the query: fields, cost, platform ids, signals.

use crate::counters::{Counters, Event};
use crate::price::{Pricing, price};
use crate::query::{Query, decode};
use model::facts::Facts;
use model::money::{DecimalMark, Money, MoneyError};
use model::record::{RAW_QUERY_BYTES_MAX, tag};
use model::table::{CampaignRoute, ParamUse};
use model::{Field, params, unexpanded};

/// Bytes of a parameter's value that are kept.
const VALUE_BYTES_MAX: usize = 1024;
/// Bytes of a parameter's name that are kept where it is kept at all.
const NAME_BYTES_MAX: usize = 64;
/// The parameter by which an operator marks a click as a test: `ct_test=1`.
const TEST_PARAM: &str = "ct_test";

/// Writes down what the query says; the first parameter of a meaning counts. Returns whether the click is a test.
pub(crate) fn read(
    query: Query<'_>,
    campaign: &CampaignRoute,
    pricing: Pricing,
    facts: &mut Facts,
    counters: &Counters,
) -> bool {
    let mut reader = Reader { facts, counters, filled: 0, cost: Cost::Unknown, is_test: false };
    for (name, raw) in query.pairs() {
        let name = decode(name);
        match campaign.params.get(&*name) {
            Some(usage) => reader.take(&name, raw, *usage),
            None => reader.is_test |= name == TEST_PARAM && raw == "1",
        }
    }
    let Reader { cost, is_test, .. } = reader;
    let in_query = match cost {
        Cost::Known(amount) => Some(amount),
        Cost::Unknown => None,
        Cost::Refused(error) => {
            // Noted; the click goes on.
            facts.push_bytes(tag::COST_REFUSED, error.to_string().as_bytes());
            counters.count(Event::CostRefused);
            None
        }
    };
    price(in_query, campaign, pricing, facts);
    facts.set_flag(Field::Test, is_test);
    if !query.text.is_empty() {
        let raw = params::cut(query.text, RAW_QUERY_BYTES_MAX);
        facts.push_bytes(tag::RAW_QUERY, raw.as_bytes());
    }
    if query.is_cut {
        facts.push_int(tag::CUT, 1);
        counters.count(Event::QueryCut);
    }
    is_test
}

struct Reader<'a> {
    facts: &'a mut Facts,
    counters: &'a Counters,
    /// Tags of the fields that have their value, below 128: all that a source may fill.
    filled: u128,
    cost: Cost,
    is_test: bool,
}

enum Cost {
    Unknown,
    Known(Money),
    Refused(MoneyError),
}

impl Reader<'_> {
    fn take(&mut self, name: &str, raw: &str, usage: ParamUse) {
        let value = decode(raw);
        let value = params::cut(value.trim(), VALUE_BYTES_MAX);
        if value.is_empty() {
            return;
        }
        if unexpanded::is_unexpanded(raw, value) {
            self.facts.push_bytes(tag::BLANKED, params::cut(name, NAME_BYTES_MAX).as_bytes());
            self.counters.count(Event::MacroBlanked);
            return;
        }
        match usage {
            ParamUse::Field(field) => {
                let bit = 1u128.checked_shl(u32::from(field.tag())).unwrap_or(0);
                if self.filled & bit == 0 {
                    self.filled |= bit;
                    self.facts.set_text(field, value);
                }
            }
            ParamUse::Cost => {
                if matches!(self.cost, Cost::Unknown) {
                    self.cost = match Money::read(value, DecimalMark::Auto) {
                        Ok(amount) if amount < Money::ZERO => Cost::Refused(MoneyError::NotANumber),
                        Ok(amount) => Cost::Known(amount),
                        Err(error) => Cost::Refused(error),
                    };
                }
            }
            ParamUse::PlatformId => {
                let bit = 1u128 << Field::PlatformIdKind.tag();
                if self.filled & bit == 0 {
                    self.filled |= bit;
                    self.facts.set_text(Field::PlatformIdKind, name);
                }
                self.push_pair(tag::PLATFORM_ID, name, value);
            }
            ParamUse::Signal => self.push_pair(tag::SIGNAL, name, value),
        }
    }

    fn push_pair(&mut self, tag: u16, name: &str, value: &str) {
        let is_new = |held: model::facts::Value<'_>| match held {
            model::facts::Value::Bytes(held) => !is_pair_of(held, name),
            model::facts::Value::Int(_) => true,
        };
        if self.facts.all(tag).all(is_new) {
            let mut pair = String::with_capacity(name.len() + 1 + value.len());
            pair.push_str(name);
            pair.push('=');
            pair.push_str(value);
            self.facts.push_bytes(tag, pair.as_bytes());
        }
    }
}

fn is_pair_of(pair: &[u8], name: &str) -> bool {
    pair.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::facts::Value;
    use model::money::Currency;
    use model::table::{RoutingTable, Things};
    use model::thing::{Campaign, CostModel, Source, SourceParam, Thing, Workspace};

    fn table(cost: CostModel) -> RoutingTable {
        let source = Source {
            params: vec![SourceParam { param: "zone".into(), field: Field::Placement }],
            click_id_param: Some("tid".into()),
            cost_param: Some("price".into()),
            cost_currency: Some("EUR".parse().unwrap()),
            ..Source::default()
        };
        let campaign =
            Campaign { key: "a".into(), source: Some(1), flow: 1, cost, ..Campaign::default() };
        RoutingTable::new(&Things {
            workspaces: vec![thing(Workspace::default())],
            sources: vec![thing(source)],
            campaigns: vec![thing(campaign)],
            ..Things::default()
        })
    }

    fn thing<B>(body: B) -> Thing<B> {
        Thing { id: 1, workspace: 1, name: "x".into(), revision: 1, archived: false, body }
    }

    fn facts_of(query: &str, cost: CostModel) -> (Facts, bool, Counters) {
        let (table, counters, mut facts) = (table(cost), Counters::new(), Facts::for_click());
        let query = Query::bounded(query, 8192);
        let campaign = table.campaign_by_key("a").unwrap();
        let is_test = read(query, campaign, Pricing::Click, &mut facts, &counters);
        (facts, is_test, counters)
    }

    fn texts(facts: &Facts, tag: u16) -> Vec<String> {
        let text = |value: Value<'_>| match value {
            Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Int(int) => int.to_string(),
        };
        facts.all(tag).map(text).collect()
    }

    #[test]
    fn parameters_become_fields_the_first_of_a_meaning_counts() {
        let (facts, is_test, _) = facts_of(
            "/?utm_campaign=Spring+Sale&campaign_name=other&utm_campaign=third&zone=z%31&tid=T&sub1=&sub1=x&nothing=1",
            CostModel::None,
        );
        assert_eq!(facts.text(Field::AdCampaignName), Some("Spring Sale"));
        assert_eq!(texts(&facts, Field::AdCampaignName.tag()).len(), 1);
        assert_eq!(facts.text(Field::Placement), Some("z1"));
        assert_eq!(facts.text(Field::ExternalId), Some("T"));
        assert_eq!(facts.text(Field::Sub1), Some("x"));
        assert!(!is_test);
    }

    #[test]
    fn macros_are_blanked_noted_and_counted() {
        let (facts, _, counters) =
            facts_of("/?zone=%7Bzone%7D&sub2=__SUB__&sub3=ok&sub4=%campaign%", CostModel::None);
        assert_eq!(facts.text(Field::Placement), None);
        assert_eq!(texts(&facts, tag::BLANKED), ["zone", "sub2", "sub4"]);
        assert_eq!(counters.get(Event::MacroBlanked), 3);
        assert_eq!(facts.text(Field::Sub3), Some("ok"));
    }

    #[test]
    fn platform_ids_keep_their_case_and_every_kind() {
        let (facts, ..) =
            facts_of("/?gclid=Cj0K-aB&fbclid=IwAR&gclid=second&gad_source=1", CostModel::None);
        assert_eq!(texts(&facts, tag::PLATFORM_ID), ["gclid=Cj0K-aB", "fbclid=IwAR"]);
        assert_eq!(facts.text(Field::PlatformIdKind), Some("gclid"));
        assert_eq!(texts(&facts, tag::SIGNAL), ["gad_source=1"]);
    }

    #[test]
    fn the_cost_is_the_querys_else_the_campaigns() {
        let cpc = CostModel::Cpc { amount: Money(20_000), currency: Currency::USD };
        let (eur, usd) = (Some("EUR"), Some("USD"));
        for (query, cost, amount, currency, refused) in [
            ("/?price=0.05", cpc, Some(50_000), eur, false),
            ("/?cost=0,05", cpc, Some(50_000), eur, false),
            ("/?cost=0.05&price=7", cpc, Some(50_000), eur, false),
            ("/?", cpc, Some(20_000), usd, false),
            ("/?price={price}", cpc, Some(20_000), usd, false),
            ("/?price=free", cpc, Some(20_000), usd, true),
            ("/?price=-1", CostModel::None, None, None, true),
            ("/?price=1e30", CostModel::None, None, None, true),
            ("/?", CostModel::None, None, None, false),
        ] {
            let (facts, ..) = facts_of(query, cost);
            assert_eq!(facts.int_at(tag::COST), amount, "{query}");
            assert_eq!(facts.text_at(tag::COST_CURRENCY), currency, "{query}");
            assert_eq!(facts.text_at(tag::COST_REFUSED).is_some(), refused, "{query}");
        }
    }

    #[test]
    fn a_test_says_so_and_the_raw_query_is_kept_as_it_came() {
        let (facts, is_test, _) = facts_of("/?a=%20&ct_test=1", CostModel::None);
        assert!(is_test && facts.flag(Field::Test));
        assert_eq!(facts.text_at(tag::RAW_QUERY), Some("a=%20&ct_test=1"));
        assert!(!facts_of("/?ct_test=0", CostModel::None).1);
    }

    #[test]
    fn values_and_the_raw_query_are_cut() {
        let query = format!("/?sub1={}&sub2={}", "ä".repeat(700), "b".repeat(5000));
        let (facts, ..) = facts_of(&query, CostModel::None);
        assert_eq!(facts.text(Field::Sub1).unwrap().len(), 1024);
        assert_eq!(facts.text(Field::Sub2).unwrap().len(), 1024);
        assert_eq!(facts.text_at(tag::RAW_QUERY).unwrap().len(), 4096);
    }

    #[test]
    fn only_platform_ids_and_utm_go_on_as_they_came() {
        let table = table(CostModel::None);
        let query =
            Query::bounded("/?utm_source=a+b&gclid=X%20y&sub1=1&fbclid=%7Bx%7D&utm_x&price=1", 999);
        let passed: Vec<_> =
            model::route::passed(query.text, table.campaign_by_key("a").unwrap()).collect();
        assert_eq!(passed, ["utm_source=a+b", "gclid=X%20y", "utm_x"]);
    }
}
