//! A flow: rules and the paths a visitor may take, reusable by many campaigns.

use super::path::check_weights;
use super::{Body, Condition, Kind, Path, Problem, Rule, ThingId, unheard, unreachable};
use crate::condition;
use crate::zone;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Whom to send where: the first rule whose conditions hold, else the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// IANA name of the zone of weekdays, hours and days; the workspace's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// What becomes of somebody who was here before.
    #[serde(default)]
    pub returning: Returning,
    /// Looked at in order; the first whose conditions hold decides.
    #[serde(default)]
    pub rules: Vec<Rule>,
    /// The paths of whoever matches no rule.
    pub default: Vec<Path>,
}

/// What becomes of a visitor who was here before. Rules come first: it chooses among the paths of the
/// rule that holds for this click.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Returning {
    /// Every click draws anew.
    #[default]
    DrawAgain,
    /// The same path, lander and offer as before, until one is archived, over its cap or at weight 0.
    Same,
    /// What they have not seen yet; from the beginning when they have seen everything.
    Unseen,
}

/// The most regular expressions: each may take 256 KiB of memory.
const REGEXES_MAX: usize = 200;

/// The most rules of a flow: each is looked at for a click that meets none.
const RULES_MAX: usize = 1000;

impl Flow {
    /// Gives every rule and every path without an id the next free one of its kind.
    pub fn number_paths(&mut self) {
        number(self.rules.iter_mut().map(|rule| &mut rule.id).collect());
        let paths = self.rules.iter_mut().flat_map(|rule| &mut rule.paths).chain(&mut self.default);
        number(paths.map(|path| &mut path.id).collect());
    }

    /// Every list of paths with its place: those of each rule, then the default.
    pub fn lists(&self) -> impl Iterator<Item = (String, &[Path])> {
        let of_rules = self.rules.iter().enumerate();
        of_rules
            .map(|(i, rule)| (format!("rules[{i}].paths"), &rule.paths[..]))
            .chain([("default".to_owned(), &self.default[..])])
    }

    /// Every path.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.rules.iter().flat_map(|rule| &rule.paths).chain(&self.default)
    }

    /// What can be saved and is probably not meant: rules, or the default, that nobody can reach, and
    /// comparisons with what no click has.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = unreachable::warnings(&self.rules);
        warnings.extend(unheard::warnings(&self.rules));
        warnings
    }
}

/// Replaces each 0 by the smallest number that none of them has.
fn number(ids: Vec<&mut u32>) {
    let used: HashSet<u32> = ids.iter().map(|id| **id).collect();
    let mut free = (1..=u32::MAX).filter(|id| !used.contains(id));
    for id in ids.into_iter().filter(|id| **id == 0) {
        *id = free.next().unwrap_or_default();
    }
}

impl Body for Flow {
    const KIND: Kind = Kind::Flow;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.time_zone.as_deref().is_some_and(|name| !zone::is_known(name)) {
            problems.push(Problem::new("time_zone", zone::EXPECTED));
        }
        if self.rules.len() > RULES_MAX {
            problems.push(Problem::new("rules", format!("expected at most {RULES_MAX}")));
        }
        let regexes: usize = self.rules.iter().map(|rule| rule.when.regexes()).sum();
        if regexes > REGEXES_MAX {
            let limit = format!("expected at most {REGEXES_MAX} regular expressions in a flow");
            problems.push(Problem::new("rules", limit));
        }
        let mut seen = HashSet::new();
        for (i, rule) in self.rules.iter().enumerate() {
            check_id(rule.id, &format!("rules[{i}]"), "rule", &mut seen, &mut problems);
            check_condition(&rule.when, &format!("rules[{i}].when"), &mut problems);
        }
        let mut seen = HashSet::new();
        for (place, paths) in self.lists() {
            check_weights(&mut problems, &place, "path", paths.iter().map(|path| path.weight));
            for (i, path) in paths.iter().enumerate() {
                let at = format!("{place}[{i}]");
                check_id(path.id, &at, "path", &mut seen, &mut problems);
                path.check(&at, &mut problems);
            }
        }
        problems
    }

    fn references(&self) -> Vec<(Kind, ThingId)> {
        let of_path = |path: &Path| {
            let landers = path.landers.iter().map(|l| (Kind::Lander, l.lander));
            let offers = path.offers.iter().map(|o| (Kind::Offer, o.offer));
            let campaign = path.campaign.map(|id| (Kind::Campaign, id));
            landers.chain(offers).chain(campaign).collect::<Vec<_>>()
        };
        self.paths().flat_map(of_path).collect()
    }
}

fn check_condition(when: &Condition, at: &str, problems: &mut Vec<Problem>) {
    problems.extend(condition::problems(when).into_iter().map(|problem| {
        let within = problem.field;
        let field = if within.is_empty() { at.to_owned() } else { format!("{at}.{within}") };
        Problem { field, ..problem }
    }));
}

/// Ids that are given already must differ.
fn check_id(id: u32, at: &str, what: &str, seen: &mut HashSet<u32>, problems: &mut Vec<Problem>) {
    if id != 0 && !seen.insert(id) {
        problems.push(Problem::new(format!("{at}.id"), format!("{what} id {id} is used twice")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::{WeightedLander, WeightedOffer};

    fn path(id: u32, weight: u32) -> Path {
        let offers = vec![WeightedOffer { offer: 1, weight: 100 }];
        Path { id, weight, offers, ..Path::default() }
    }

    fn flow(json: &str) -> Flow {
        serde_json::from_str(json).unwrap()
    }

    fn places(flow: &Flow) -> Vec<String> {
        flow.problems().into_iter().map(|p| p.field).collect()
    }

    #[test]
    fn new_paths_get_free_ids_and_old_ones_keep_theirs() {
        let default = vec![path(0, 1), path(2, 1), path(u32::MAX, 1), path(0, 1)];
        let mut flow = Flow { default, ..Flow::default() };
        flow.number_paths();
        assert_eq!(flow.default.iter().map(|p| p.id).collect::<Vec<_>>(), [1, 2, u32::MAX, 3]);
    }

    #[test]
    fn rules_are_numbered_and_paths_are_unique_across_them() {
        let rule = r#"{"when":{"field":"os","op":"is","value":"iOS"},"paths":[{"campaign":1}]}"#;
        let mut flow =
            flow(&format!(r#"{{"rules":[{rule},{rule}],"default":[{{"id":1,"campaign":1}}]}}"#));
        flow.number_paths();
        assert_eq!(flow.rules.iter().map(|rule| rule.id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(flow.paths().map(|path| path.id).collect::<Vec<_>>(), [2, 3, 1]);
        assert_eq!(places(&flow), [""; 0]);
    }

    #[test]
    fn a_flow_that_leads_nowhere_names_the_place() {
        let only = |path: Path| Flow { default: vec![path], ..Flow::default() };
        assert_eq!(places(&Flow::default()), ["default"]);
        assert_eq!(places(&only(path(1, 0))), ["default"]);
        let mut empty = path(1, 1);
        empty.offers.clear();
        empty.landers = vec![WeightedLander { lander: 1, weight: 0 }];
        assert_eq!(places(&only(empty)), ["default[0].offers", "default[0].landers"]);
        let twice = Flow { default: vec![path(1, 1), path(1, 1)], ..Flow::default() };
        assert_eq!(places(&twice), ["default[1].id"]);
    }

    #[test]
    fn what_is_wrong_with_a_rule_names_the_place() {
        let one = |when: &str, paths: &str| {
            let text = format!(
                r#"{{"rules":[{{"id":1,"when":{when},"paths":{paths}}}],"default":[{{"campaign":1}}]}}"#
            );
            places(&flow(&text))
        };
        let (fine, paths) = (r#"{"field":"os","op":"is","value":"iOS"}"#, r#"[{"campaign":1}]"#);
        assert_eq!(one(fine, paths), [""; 0]);
        for (when, paths, place) in [
            (r#"{"all":[]}"#, paths, "rules[0].when.all"),
            (r#"{"any":[{"all":[]}]}"#, paths, "rules[0].when.any[0].all"),
            (r#"{"field":"os","op":"at_least","value":"x"}"#, paths, "rules[0].when.value"),
            (
                r#"{"all":[{"field":"os","op":"in","value":["a",1]}]}"#,
                paths,
                "rules[0].when.all[0].value[1]",
            ),
            (r#"{"field":"minute","op":"is","value":"x"}"#, paths, "rules[0].when.field"),
            (fine, "[]", "rules[0].paths"),
            (fine, r#"[{"offers":[]}]"#, "rules[0].paths[0].offers"),
            (fine, r#"[{"campaign":1,"weight":0}]"#, "rules[0].paths"),
        ] {
            assert_eq!(one(when, paths), [place], "{when} {paths}");
        }
        assert_eq!(
            places(&flow(r#"{"time_zone":"Berlin","default":[{"campaign":1}]}"#)),
            ["time_zone"]
        );
    }
}
