//! What has to be saved so that a workspace is what a file says, and in words.

use super::brief::with_nothing;
use super::difference::Version;
use super::identity::{Wanted, directory, identify, place};
use super::references::{Directory, with_numbers};
use super::standing::{Stand, Standing, standing};
use super::step::Step;
use super::text::{self, Document, Syntax};
use super::words::named;
use crate::api::{Resource, fill, read_as};
use model::builtin::Templates;
use model::table::Things;
use model::thing::{
    Campaign, ConversionType, Domain, Flow, Kind, Lander, Network, Offer, Problem, Revision,
    Source, ThingId, Workspace,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use store::Change;

/// A name that a thing has or had.
pub type FormerName = (Kind, ThingId, String);

/// What applying a file comes to.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is to be saved: by kind, archived things at the end.
    pub changes: Vec<Change>,
    /// The same, step by step, for people.
    pub steps: Vec<Step>,
    /// What was saved by others since the file was exported and would be overwritten; empty for a
    /// file that does not say when that was.
    pub stale: Vec<String>,
    /// What can be saved and is probably not meant, in words: rules that nobody can reach and the like.
    pub warnings: Vec<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text cannot be read.
    #[error("{0:#}")]
    Unreadable(anyhow::Error),
    /// Things in it are wrong; each problem names its place in the file.
    #[error("{}", first_of(.0))]
    Invalid(Vec<Problem>),
    /// What stands cannot be compared.
    #[error("cannot compare what stands with the file")]
    Standing(#[from] serde_json::Error),
}

fn first_of(problems: &[Problem]) -> String {
    let [first, others @ ..] = problems else { return "the file is refused".to_owned() };
    let more = match others.len() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    format!("{}: {}{more}", first.field, first.message)
}

/// What has to be saved so that `workspace` is what `text` says. `former` are the names its things
/// have had.
///
/// # Errors
/// When the file cannot be read or something in it is wrong: the places are named.
pub fn plan(
    text: &str,
    syntax: Syntax,
    things: &Things,
    workspace: ThingId,
    templates: &Templates,
    former: Vec<FormerName>,
) -> Result<Plan, PlanError> {
    let Document { revision, items } = text::read(text, syntax).map_err(PlanError::Unreadable)?;
    let standing = standing(things)?;
    let mut problems = Vec::new();
    let wanted = identify(items, &standing, workspace, &mut problems);
    let directory = directory(&wanted, &standing, workspace, former, &mut problems);
    let mut bodies = BTreeMap::new();
    for thing in wanted {
        let Wanted { item, id, name } = thing;
        let (place, kind) = (place(&item, &name), item.kind);
        let before = standing.get(&(kind, id)).map(|stand| &stand.body);
        match body(kind, item.fields, before, &directory, templates) {
            Ok(body) => drop(bodies.insert((kind, id), (name, body))),
            Err(found) => problems.extend(found.into_iter().map(|problem| place.of(problem))),
        }
    }
    if !problems.is_empty() {
        return Err(PlanError::Invalid(problems));
    }
    let planner = Planner { standing: &standing, workspace, directory: &directory, revision };
    let mut plan = planner.plan(bodies);
    if let Some(revision) = revision.filter(|revision| *revision > things.revision) {
        let newest = things.revision;
        let words =
            format!("the file is of revision {revision}, and here nothing is newer than {newest}");
        plan.stale.extend((!plan.steps.is_empty()).then_some(words));
    }
    Ok(plan)
}

fn body(
    kind: Kind,
    fields: Map<String, Value>,
    before: Option<&Value>,
    directory: &Directory,
    templates: &Templates,
) -> Result<Value, Vec<Problem>> {
    match kind {
        Kind::Workspace => whole::<Workspace>(fields, before, directory, templates),
        Kind::Source => whole::<Source>(fields, before, directory, templates),
        Kind::Network => whole::<Network>(fields, before, directory, templates),
        Kind::ConversionType => whole::<ConversionType>(fields, before, directory, templates),
        Kind::Offer => whole::<Offer>(fields, before, directory, templates),
        Kind::Lander => whole::<Lander>(fields, before, directory, templates),
        Kind::Flow => whole::<Flow>(fields, before, directory, templates),
        Kind::Domain => whole::<Domain>(fields, before, directory, templates),
        Kind::Campaign => whole::<Campaign>(fields, before, directory, templates),
    }
}

/// The body of a thing as it would be saved: names become numbers, what is left out comes from the
/// template, what the server gives and what was promised to the outside is there.
fn whole<B: Resource>(
    mut fields: Map<String, Value>,
    before: Option<&Value>,
    directory: &Directory,
    templates: &Templates,
) -> Result<Value, Vec<Problem>> {
    let unexpected = |_| vec![Problem::new("", "cannot be completed: see the log of the server")];
    let problems = with_numbers(B::KIND, &mut fields, directory);
    if !problems.is_empty() {
        return Err(problems);
    }
    let before: Option<B> = before.and_then(|before| serde_json::from_value(before.clone()).ok());
    if let Some(before) = &before {
        B::inherit(&mut fields, before);
    }
    fill::<B>(&mut fields, templates).map_err(unexpected)?;
    with_nothing(B::KIND, &mut fields);
    fields.retain(|_, value| !value.is_null());
    let mut body: B = read_as(Value::Object(fields)).map_err(|problem| vec![problem])?;
    if let Some(before) = &before {
        body.keep_promises(before);
    }
    body.complete(before.as_ref()).map_err(unexpected)?;
    let is_new = before.is_none_or(|before| before != body);
    // What stands was checked when it was saved; checking compiles every regular expression.
    let problems =
        if is_new { [body.problems(), body.problems_here(templates)].concat() } else { Vec::new() };
    if !problems.is_empty() {
        return Err(problems);
    }
    serde_json::to_value(body).map_err(|error| vec![Problem::new("", error.to_string())])
}

/// Holds what the file wants against what stands.
struct Planner<'a> {
    standing: &'a Standing,
    workspace: ThingId,
    directory: &'a Directory,
    revision: Option<Revision>,
}

impl Planner<'_> {
    fn plan(&self, wanted: BTreeMap<(Kind, ThingId), (String, Value)>) -> Plan {
        let mut plan = Plan::default();
        for ((kind, id), (name, body)) in &wanted {
            let before = self.standing.get(&(*kind, *id));
            let version = Version { name, archived: false, body };
            self.step(&mut plan, *kind, *id, before, version);
        }
        let is_gone = |key: &(Kind, ThingId), stand: &Stand| {
            stand.workspace == self.workspace
                && !stand.archived
                && key.0 != Kind::Workspace
                && !wanted.contains_key(key)
        };
        let gone = self.standing.iter().filter(|(key, stand)| is_gone(key, stand));
        // From campaigns down to sources: in the order in which people would do it.
        for ((kind, id), stand) in gone.rev() {
            let version = Version { name: &stand.name, archived: true, body: &stand.body };
            self.step(&mut plan, *kind, *id, Some(stand), version);
        }
        plan
    }

    fn step(
        &self,
        plan: &mut Plan,
        kind: Kind,
        id: ThingId,
        before: Option<&Stand>,
        after: Version<'_>,
    ) {
        let names = |kind, id| {
            let stand = || self.standing.get(&(kind, id)).map(|stand| stand.name.clone());
            self.directory.name(kind, id).map(str::to_owned).or_else(stand)
        };
        let Some(step) = Step::between(kind, id, before.map(Stand::version), after, &names) else {
            return;
        };
        let saved = before.map_or(0, |stand| stand.revision);
        if self.revision.is_some_and(|revision| saved > revision) {
            let head = named(kind, Some(id), &step.name);
            plan.stale.push(format!("{head} was saved as revision {saved}"));
        }
        if let Some(flow) = flow(kind, after) {
            let head = named(kind, Some(id), after.name);
            let words = |warning: Problem| format!("{head} {}: {}", warning.field, warning.message);
            plan.warnings.extend(flow.warnings().into_iter().map(words));
        }
        plan.steps.push(step);
        plan.changes.push(Change {
            workspace: self.workspace,
            kind,
            id: Some(id),
            name: after.name.to_owned(),
            archived: after.archived,
            body: after.body.to_string(),
            expected: Some(saved),
        });
    }
}

/// The flow that a version is, when it is one that is not archived.
fn flow(kind: Kind, version: Version<'_>) -> Option<Flow> {
    let is_flow = kind == Kind::Flow && !version.archived;
    is_flow.then(|| serde_json::from_value(version.body.clone()).ok())?
}
