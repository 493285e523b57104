//! Flows compiled: conditions made ready, weights as draws take them, URLs parsed.

use super::Things;
use crate::condition::{Compiler, Node, Program};
use crate::draw::Alternative;
use crate::page;
use crate::query::ZoneOffsets;
use crate::template::Template;
use crate::thing::{
    Flow, Lander, OfferChoice, Pass, Path, Problem, RedirectMode, Returning, Rule, StatusAnswer,
    Thing, ThingId, Workspace,
};
use crate::zone;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// A flow as a click needs it.
#[derive(Debug)]
pub struct FlowRoute {
    /// Its number.
    pub id: ThingId,
    /// What the operator calls it.
    pub name: Box<str>,
    /// What becomes of somebody who was here before.
    pub returning: Returning,
    /// Looked at in order.
    pub rules: Box<[RuleRoute]>,
    /// The conditions of all rules, for whoever asks only which one is met; absent where there are few
    /// rules, which are as quick to look at one by one.
    pub(crate) program: Option<Box<Program>>,
    /// Alternatives of whoever matches no rule, by path id.
    pub default: Box<[Alternative]>,
    /// Origins of its landers' pages, each once.
    pub(super) origins: Box<[Box<str>]>,
    /// Ascending by id.
    paths: Box<[PathRoute]>,
    /// Offsets of its weekdays, hours and days, where a rule looks at them.
    pub(crate) zone: Option<Arc<ZoneOffsets>>,
}

/// A rule as a click needs it.
#[derive(Debug)]
pub struct RuleRoute {
    /// Unique in its flow.
    pub id: u32,
    /// What the operator calls it.
    pub name: Box<str>,
    pub(crate) when: Node,
    /// Alternatives of whoever meets it, by path id.
    pub paths: Box<[Alternative]>,
}

/// A path as a click needs it.
#[derive(Debug)]
pub struct PathRoute {
    /// Unique in its flow.
    pub id: u32,
    /// How the visitor is sent on.
    pub mode: RedirectMode,
    /// Whether what the ad platform passed goes on.
    pub pass: Pass,
    /// Where it leads.
    pub target: PathTarget,
}

/// Where a path leads.
#[derive(Debug)]
pub enum PathTarget {
    /// To an offer, past a lander if there is one.
    Offers {
        /// Alternatives of the lander; empty for direct to the offer.
        landers: Box<[Alternative]>,
        /// Alternatives of the offer.
        offers: Box<[Alternative]>,
        /// When the offer behind a lander is drawn.
        choice: OfferChoice,
    },
    /// To a URL of its own.
    Url(Template),
    /// To whatever another campaign decides.
    Campaign(ThingId),
    /// Nowhere.
    Status(StatusAnswer),
}

impl FlowRoute {
    /// The path with this id.
    pub fn path(&self, id: u32) -> Option<&PathRoute> {
        let at = self.paths.binary_search_by_key(&id, |path| path.id).ok()?;
        self.paths.get(at)
    }
}

/// So many rules are worth a program.
const PROGRAM_FROM: usize = 4;

/// Compiles flows; what several of them need is made once.
pub(super) struct FlowCompiler {
    conditions: Compiler,
    zones: HashMap<String, Option<Arc<ZoneOffsets>>>,
    zone_of_workspace: HashMap<ThingId, String>,
    origins: HashMap<ThingId, Box<str>>,
    archived_landers: HashSet<ThingId>,
    archived_offers: HashSet<ThingId>,
}

impl FlowCompiler {
    pub(super) fn new(things: &Things) -> Self {
        fn archived<B>(things: &[Thing<B>]) -> HashSet<ThingId> {
            things.iter().filter(|thing| thing.archived).map(|thing| thing.id).collect()
        }
        let origin =
            |lander: &Thing<Lander>| Some((lander.id, page::origin(&lander.body.url)?.into()));
        let zone = |workspace: &Thing<Workspace>| (workspace.id, workspace.body.time_zone.clone());
        Self {
            conditions: Compiler::default(),
            zones: HashMap::new(),
            zone_of_workspace: things.workspaces.iter().map(zone).collect(),
            origins: things.landers.iter().filter_map(origin).collect(),
            archived_landers: archived(&things.landers),
            archived_offers: archived(&things.offers),
        }
    }

    pub(super) fn flow(&mut self, thing: &Thing<Flow>) -> Result<FlowRoute, Problem> {
        let flow = &thing.body;
        let rules = flow.rules.iter().enumerate();
        let rules: Box<[RuleRoute]> =
            rules.map(|(i, rule)| self.rule(i, rule)).collect::<Result<_, _>>()?;
        let mut paths = Vec::with_capacity(flow.paths().count());
        for (place, list) in flow.lists() {
            for (i, path) in list.iter().enumerate() {
                let within = |problem: Problem| Problem {
                    field: format!("{place}[{i}].{}", problem.field),
                    ..problem
                };
                paths.push(self.path(path).map_err(within)?);
            }
        }
        paths.sort_by_key(|path| path.id);
        let landers = flow.paths().flat_map(|path| &path.landers);
        let origins = landers.filter_map(|lander| self.origins.get(&lander.lander).cloned());
        let origins: BTreeSet<Box<str>> = origins.collect();
        let uses_clock = rules.iter().any(|rule| rule.when.uses_clock());
        let own_zone = flow.time_zone.as_ref();
        let zone = if uses_clock {
            Some(self.zone(thing.workspace, own_zone, "time_zone")?)
        } else {
            None
        };
        Ok(FlowRoute {
            id: thing.id,
            name: thing.name.as_str().into(),
            returning: flow.returning,
            program: (rules.len() >= PROGRAM_FROM)
                .then(|| Box::new(Program::new(rules.iter().map(|rule| &rule.when)))),
            rules,
            default: alternatives(&flow.default),
            origins: origins.into_iter().collect(),
            paths: paths.into(),
            zone,
        })
    }

    fn rule(&mut self, i: usize, rule: &Rule) -> Result<RuleRoute, Problem> {
        let when = self.conditions.compile(&rule.when).map_err(|problems| {
            let first = problems.into_iter().next();
            let problem = first.unwrap_or_else(|| Problem::new("", "cannot be compiled"));
            Problem { field: format!("rules[{i}].when.{}", problem.field), ..problem }
        })?;
        let name = rule.name.as_str().into();
        Ok(RuleRoute { id: rule.id, name, when, paths: alternatives(&rule.paths) })
    }

    fn path(&self, path: &Path) -> Result<PathRoute, Problem> {
        let target = if let Some(url) = &path.url {
            PathTarget::Url(super::url(url)?)
        } else if let Some(campaign) = path.campaign {
            PathTarget::Campaign(campaign)
        } else if let Some(status) = &path.status {
            PathTarget::Status(status.clone())
        } else {
            let landers = path.landers.iter().map(|l| (l.lander, l.weight));
            let offers = path.offers.iter().map(|o| (o.offer, o.weight));
            PathTarget::Offers {
                landers: without(&self.archived_landers, landers),
                offers: without(&self.archived_offers, offers),
                choice: path.offer_choice,
            }
        };
        Ok(PathRoute { id: path.id, mode: path.mode, pass: path.pass, target })
    }

    /// A zone of its own, else the workspace's; `place` is where the own one stands.
    pub(super) fn zone(
        &mut self,
        workspace: ThingId,
        own: Option<&String>,
        place: &str,
    ) -> Result<Arc<ZoneOffsets>, Problem> {
        let name = own.or_else(|| self.zone_of_workspace.get(&workspace));
        let name = name.map_or("UTC", String::as_str);
        if !self.zones.contains_key(name) {
            self.zones.insert(name.to_owned(), zone::offsets(name).map(Arc::new));
        }
        let known = self.zones.get(name).cloned().flatten();
        known.ok_or_else(|| Problem::new(place, zone::EXPECTED))
    }
}

fn alternatives(paths: &[Path]) -> Box<[Alternative]> {
    paths.iter().map(|path| Alternative { id: path.id, weight: path.weight }).collect()
}

/// Alternatives of which the archived ones lose their weight, unless nothing would be left: a link
/// that was given out leads somewhere.
fn without(
    archived: &HashSet<ThingId>,
    list: impl Iterator<Item = (ThingId, u32)>,
) -> Box<[Alternative]> {
    let list: Box<[Alternative]> = list.map(|(id, weight)| Alternative { id, weight }).collect();
    if archived.is_empty() || list.iter().all(|a| a.weight == 0 || archived.contains(&a.id)) {
        return list;
    }
    let weight = |a: &Alternative| if archived.contains(&a.id) { 0 } else { a.weight };
    list.iter().map(|a| Alternative { id: a.id, weight: weight(a) }).collect()
}
