//! What a click or an impression costs, as its URL and its campaign say at the time.

use model::cost::CostSource;
use model::facts::Facts;
use model::money::{Currency, Money};
use model::record::tag;
use model::table::CampaignRoute;
use model::thing::{CostModel, CostPrecedence};

/// What is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pricing {
    /// A click.
    Click,
    /// An impression: only what its URL says and a model by the thousand price it.
    Impression,
    /// Nobody pays for it.
    Free,
}

/// Writes the cost down, and what it comes from: the amount in the query or what the campaign says, whichever goes
/// before the other. What depends on what comes later (thousands, conversions, the day) is written down as a rate.
pub(crate) fn price(
    in_query: Option<Money>,
    campaign: &CampaignRoute,
    pricing: Pricing,
    facts: &mut Facts,
) {
    let has_model = match pricing {
        Pricing::Free => return,
        Pricing::Impression => matches!(campaign.cost, CostModel::Cpm { .. }),
        Pricing::Click => campaign.cost != CostModel::None,
    };
    let is_by_model =
        has_model && (in_query.is_none() || campaign.cost_precedence == CostPrecedence::ModelFirst);
    match in_query {
        _ if is_by_model => price_by_model(campaign.cost, pricing, facts),
        Some(amount) => {
            push_amount(facts, amount, campaign.cost_currency, CostSource::Parameter);
        }
        None => {}
    }
}

fn price_by_model(model: CostModel, pricing: Pricing, facts: &mut Facts) {
    let thousand = match pricing {
        Pricing::Impression => CostSource::CpmImpressions,
        Pricing::Click | Pricing::Free => CostSource::CpmClicks,
    };
    match model {
        CostModel::None => {}
        CostModel::Cpc { amount, currency } => {
            push_amount(facts, amount, currency, CostSource::Cpc);
        }
        CostModel::Cpm { amount, currency } => push_rate(facts, amount.0, Some(currency), thousand),
        CostModel::Cpa { amount, currency } => {
            push_rate(facts, amount.0, Some(currency), CostSource::Cpa);
        }
        CostModel::Cpl { amount, currency } => {
            push_rate(facts, amount.0, Some(currency), CostSource::Cpl);
        }
        CostModel::RevShare { percent } => {
            push_rate(facts, percent.0, None, CostSource::RevShare);
        }
        CostModel::PerDay { amount, currency } => {
            push_rate(facts, amount.0, Some(currency), CostSource::PerDay);
        }
    }
}

fn push_amount(facts: &mut Facts, amount: Money, currency: Currency, source: CostSource) {
    facts.push_int(tag::COST, amount.0);
    facts.push_bytes(tag::COST_CURRENCY, currency.as_str().as_bytes());
    push_source(facts, source);
}

fn push_rate(facts: &mut Facts, rate: i64, currency: Option<Currency>, source: CostSource) {
    facts.push_int(tag::COST_RATE, rate);
    if let Some(currency) = currency {
        facts.push_bytes(tag::COST_RATE_CURRENCY, currency.as_str().as_bytes());
    }
    push_source(facts, source);
}

fn push_source(facts: &mut Facts, source: CostSource) {
    facts.push_int(tag::COST_SOURCE, source as i64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::table::{RoutingTable, Things};
    use model::thing::{Campaign, Percent, Thing, Workspace};

    fn priced(
        model: CostModel,
        precedence: CostPrecedence,
        query: Option<i64>,
        how: Pricing,
    ) -> Facts {
        let campaign = Campaign {
            key: "a".into(),
            flow: 1,
            cost: model,
            cost_precedence: precedence,
            ..Campaign::default()
        };
        let table = RoutingTable::new(&Things {
            workspaces: vec![thing(Workspace::default())],
            campaigns: vec![thing(campaign)],
            ..Things::default()
        });
        let mut facts = Facts::default();
        price(query.map(Money), table.campaign_by_key("a").unwrap(), how, &mut facts);
        facts
    }

    fn thing<B>(body: B) -> Thing<B> {
        Thing { id: 1, workspace: 1, name: "x".into(), revision: 1, archived: false, body }
    }

    #[test]
    fn parameter_and_model_count_in_their_order() {
        use CostPrecedence::{ModelFirst, ParameterFirst};
        let (amount, currency) = (Money(7_500), Currency::USD);
        let (cpc, cpm) = (CostModel::Cpc { amount, currency }, CostModel::Cpm { amount, currency });
        let share = CostModel::RevShare { percent: Percent(12_500_000) };
        let day = CostModel::PerDay { amount, currency };
        let none = CostModel::None;
        let (click, impression) = (Pricing::Click, Pricing::Impression);
        // What is asked for: source, cost, rate.
        for (model, precedence, query, how, expected) in [
            (none, ParameterFirst, Some(9), click, (1, Some(9), None)),
            (none, ModelFirst, Some(9), click, (1, Some(9), None)),
            (none, ParameterFirst, None, click, (0, None, None)),
            (cpc, ParameterFirst, Some(9), click, (1, Some(9), None)),
            (cpc, ModelFirst, Some(9), click, (2, Some(7_500), None)),
            (cpc, ParameterFirst, None, click, (2, Some(7_500), None)),
            (cpc, ParameterFirst, None, impression, (0, None, None)),
            (cpc, ModelFirst, Some(9), impression, (1, Some(9), None)),
            (cpc, ParameterFirst, Some(9), Pricing::Free, (0, None, None)),
            (cpm, ParameterFirst, None, click, (3, None, Some(7_500))),
            (cpm, ParameterFirst, None, impression, (4, None, Some(7_500))),
            (
                CostModel::Cpa { amount, currency },
                ParameterFirst,
                None,
                click,
                (5, None, Some(7_500)),
            ),
            (
                CostModel::Cpl { amount, currency },
                ModelFirst,
                Some(9),
                click,
                (6, None, Some(7_500)),
            ),
            (share, ParameterFirst, None, click, (7, None, Some(12_500_000))),
            (day, ParameterFirst, None, click, (8, None, Some(7_500))),
        ] {
            let facts = priced(model, precedence, query, how);
            let source = facts.int_at(tag::COST_SOURCE).unwrap_or_default();
            let found = (source, facts.int_at(tag::COST), facts.int_at(tag::COST_RATE));
            assert_eq!(found, expected, "{model:?} {precedence:?} {query:?} {how:?}");
        }
    }
}
