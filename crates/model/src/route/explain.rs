//! The walk, watched: each rule with each condition, each choice with its numbers.

use super::record::Stored;
use super::trace::{Choice, Trace};
use super::walk::walk;
use super::{
    AlternativeStep, ConditionStep, Decision, DecisionStep, DrawStep, Explanation, FlowStep,
    Fortune, Overflow, Reached, RuleStep, SeedKind, Target, Undecided, Visit,
};
use crate::condition::{Inputs, Node};
use crate::draw::{Alternative, Level};
use crate::facts::Facts;
use crate::id::ClickKey;
use crate::keys::Secret;
use crate::table::{CampaignRoute, FlowRoute, RoutingTable, RuleRoute};

/// Decides as [`super::route`] does, and says why.
pub fn explain(
    table: &RoutingTable,
    campaign: &CampaignRoute,
    visit: &Visit<'_>,
    draws: &Secret,
) -> (Result<Decision, Undecided>, Explanation) {
    let mut recorder = Recorder { table, key: visit.key, flows: Vec::new() };
    let outcome = walk(table, campaign, visit, draws, &mut recorder);
    let explanation = Explanation {
        revision: table.revision(),
        flows: recorder.flows,
        decision: outcome.as_ref().ok().map(decision_step),
        undecided: outcome.as_ref().err().map(ToString::to_string),
    };
    (outcome, explanation)
}

/// Decides as [`super::replay`] does, and says why.
pub fn explain_stored(
    table: &RoutingTable,
    facts: &Facts,
    draws: &Secret,
) -> (Result<Decision, Undecided>, Explanation) {
    let stored = Stored::read(facts);
    let capped = |offer| stored.was_capped(offer);
    let visit = stored.visit(&capped);
    match stored.campaign(table) {
        Ok(campaign) => explain(table, campaign, &visit, draws),
        Err(undecided) => {
            let revision = table.revision();
            let reason = Some(undecided.to_string());
            let flows = Vec::new();
            (Err(undecided), Explanation { revision, flows, decision: None, undecided: reason })
        }
    }
}

struct Recorder<'a> {
    table: &'a RoutingTable,
    key: ClickKey,
    flows: Vec<FlowStep>,
}

impl<'a> Trace<'a> for Recorder<'_> {
    fn enter(&mut self, campaign: &'a CampaignRoute, flow: &'a FlowRoute) {
        let unreached = |rule: &RuleRoute| RuleStep {
            id: rule.id,
            name: rule.name.to_string(),
            reached: Reached::NotReached,
            when: None,
        };
        self.flows.push(FlowStep {
            campaign: campaign.id,
            campaign_name: campaign.name.to_string(),
            flow: flow.id,
            flow_name: flow.name.to_string(),
            returning: flow.returning,
            rules: flow.rules.iter().map(unreached).collect(),
            draws: Vec::new(),
        });
    }

    fn rule(&mut self, rule: &'a RuleRoute, holds: Option<bool>, inputs: &mut Inputs<'a>) {
        let steps = self.flows.last_mut().into_iter().flat_map(|flow| &mut flow.rules);
        if let Some(step) = steps.into_iter().find(|step| step.id == rule.id) {
            step.reached = match holds {
                Some(true) => Reached::Met,
                Some(false) => Reached::NotMet,
                None => Reached::InputLost,
            };
            step.when = Some(condition_step(&rule.when, inputs));
        }
    }

    fn chosen(&mut self, choice: &Choice<'_>) {
        let step = self.draw_step(choice);
        if let Some(flow) = self.flows.last_mut() {
            flow.draws.push(step);
        }
    }
}

impl Recorder<'_> {
    fn draw_step(&self, choice: &Choice<'_>) -> DrawStep {
        let draw = &choice.draw;
        let total: f64 = draw.alternatives.iter().map(|a| f64::from(a.weight)).sum();
        let overflow = choice.winner.zip(choice.overflow).map(|(from, to)| Overflow {
            from,
            to,
            name: self.name(draw.level, to).unwrap_or_default(),
        });
        let alternative = |a: &Alternative| {
            let has_weight = a.weight > 0;
            AlternativeStep {
                id: a.id,
                name: self.name(draw.level, a.id),
                weight: a.weight,
                share: if total > 0.0 { f64::from(a.weight) / total } else { 0.0 },
                uniform: has_weight.then(|| draw.uniform(a.id)),
                score: has_weight.then(|| draw.score(a)),
                fortune: fortune(a, choice),
            }
        };
        DrawStep {
            level: word(draw.level).to_owned(),
            seed: if draw.seed == self.key.into() { SeedKind::Click } else { SeedKind::Visitor },
            winner: choice.winner,
            is_kept: choice.is_kept,
            overflow,
            alternatives: draw.alternatives.iter().map(alternative).collect(),
        }
    }

    fn name(&self, level: Level, id: u32) -> Option<String> {
        match level {
            Level::Lander => self.table.lander(id).map(|lander| lander.name.to_string()),
            Level::Offer => self.table.offer(id).map(|offer| offer.name.to_string()),
            Level::Path | Level::Random => None,
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Path => "path",
        Level::Lander => "lander",
        Level::Offer => "offer",
        Level::Random => "random",
    }
}

/// An offer over its cap that passed the visitor on is *capped*, although it was drawn.
fn fortune(alternative: &Alternative, choice: &Choice<'_>) -> Fortune {
    let is = |list: &[u32]| list.contains(&alternative.id);
    if choice.winner == Some(alternative.id) && choice.overflow.is_none() {
        Fortune::Won
    } else if alternative.weight == 0 {
        Fortune::NoWeight
    } else if is(choice.capped) {
        Fortune::Capped
    } else if is(choice.seen) {
        Fortune::Seen
    } else {
        Fortune::Lost
    }
}

fn condition_step<'a>(node: &'a Node, inputs: &mut Inputs<'a>) -> ConditionStep {
    let (text, parts) = match node {
        Node::Leaf(leaf) => {
            let judgement = inputs.judge(leaf);
            return ConditionStep {
                text: leaf.text.to_string(),
                holds: judgement.holds,
                seen: inputs.seen(leaf),
                is_recorded: judgement.is_recorded,
                parts: Vec::new(),
            };
        }
        Node::All(nodes) => ("all", nodes),
        Node::Any(nodes) => ("any", nodes),
    };
    ConditionStep {
        text: text.to_owned(),
        holds: node.evaluate(&mut |leaf| inputs.judge(leaf).holds),
        seen: None,
        is_recorded: false,
        parts: parts.iter().map(|part| condition_step(part, inputs)).collect(),
    }
}

fn decision_step(decision: &Decision) -> DecisionStep {
    let (target, status) = match decision.target {
        Target::Lander { .. } => ("lander", None),
        Target::Offer(_) => ("offer", None),
        Target::Url => ("url", None),
        Target::Status(code) => ("status", Some(code)),
        Target::Closed => ("closed", None),
    };
    DecisionStep {
        campaign: decision.campaign,
        flow: decision.flow,
        rule: decision.rule,
        path: decision.path,
        mode: decision.mode,
        pass: decision.pass,
        target: target.to_owned(),
        status,
        lander: decision.lander(),
        offer: decision.offer(),
        network: decision.network,
    }
}
