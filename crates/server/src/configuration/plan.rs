//! What has to be saved so that a workspace is what a file says, and in words.

use super::brief::with_nothing;
use super::difference::{FieldChange, Version, difference};
use super::references::{Directory, with_numbers};
use super::standing::{Stand, Standing, standing};
use super::text::{self, Document, Item, Syntax};
use super::words::{Names, named};
use crate::api::{Resource, fill, read_as};
use model::builtin::Templates;
use model::table::Things;
use model::thing::{
    Campaign, Flow, Kind, Lander, Network, Offer, Problem, Revision, Source, ThingId, Workspace,
};
use serde::Serialize;
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
}

/// What happens to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// It becomes another.
    Change,
    /// It comes back from the archive.
    Restore,
    /// It goes to the archive, because it is not in the file.
    Archive,
}

/// What happens to one thing.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Step {
    /// What.
    pub action: Action,
    /// The kind of the thing.
    pub kind: Kind,
    /// Its number.
    pub id: ThingId,
    /// The name it has until then.
    pub name: String,
    /// A sentence, such as `change flow 3 "Main"`.
    pub words: String,
    /// What differs, field by field.
    pub fields: Vec<FieldChange>,
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

/// A thing of the file, and which one it is.
struct Wanted {
    item: Item,
    id: ThingId,
    name: String,
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

/// Where a thing stands in the file.
struct Place {
    path: String,
    head: String,
}

fn place(item: &Item, name: &str) -> Place {
    let head = format!("line {}, {}", item.line, named(item.kind, None, name));
    Place { path: format!("{}[{}]", item.kind, item.index), head }
}

impl Place {
    fn of(&self, problem: Problem) -> Problem {
        let field = match problem.field.as_str() {
            "" | "body" => self.path.clone(),
            field => format!("{}.{field}", self.path),
        };
        Problem::new(field, format!("{}: {}", self.head, problem.message))
    }
}

/// Tells which thing each of the file is. With an `id` it is that one, whatever its name. Without, it
/// is the live one of its name, unless another of the file has that one's number; else it is new.
fn identify(
    items: Vec<Item>,
    standing: &Standing,
    workspace: ThingId,
    problems: &mut Vec<Problem>,
) -> Vec<Wanted> {
    let mut taken: BTreeMap<(Kind, ThingId), usize> = BTreeMap::new();
    let (mut known, mut open) = (Vec::new(), Vec::new());
    for mut item in items {
        let head = head(&mut item, workspace);
        let kind = item.kind;
        let (id, name) = match head {
            Ok(head) => head,
            Err(problem) => {
                problems.push(place(&item, "").of(problem));
                continue;
            }
        };
        let Some(id) = id else {
            open.push((item, name));
            continue;
        };
        let is_foreign = standing.get(&(kind, id)).is_some_and(|s| s.workspace != workspace);
        if is_foreign {
            let message = format!("{kind} {id} belongs to another workspace");
            problems.push(place(&item, &name).of(Problem::new("id", message)));
        }
        if let Some(line) = taken.insert((kind, id), item.line) {
            let message = format!("{kind} {id} stands in line {line} already");
            problems.push(place(&item, &name).of(Problem::new("id", message)));
        }
        known.push(Wanted { item, id, name });
    }
    let live = standing.iter().filter(|(_, stand)| stand.workspace == workspace && !stand.archived);
    let by_name: BTreeMap<(Kind, &str), ThingId> =
        live.map(|((kind, id), stand)| ((*kind, stand.name.as_str()), *id)).collect();
    for (item, name) in open {
        let kind = item.kind;
        let same =
            by_name.get(&(kind, name.as_str())).filter(|id| !taken.contains_key(&(kind, **id)));
        let id = same.copied().unwrap_or_else(|| free(kind, standing, &taken));
        taken.insert((kind, id), item.line);
        known.push(Wanted { item, id, name });
    }
    known.sort_by_key(|wanted| (wanted.item.kind, wanted.item.index));
    known
}

/// Takes number and name out of the fields.
fn head(item: &mut Item, workspace: ThingId) -> Result<(Option<ThingId>, String), Problem> {
    let id = match item.fields.remove("id") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let id = value.as_u64().and_then(|id| ThingId::try_from(id).ok()).filter(|id| *id > 0);
            Some(id.ok_or_else(|| Problem::new("id", "expected the number of a thing"))?)
        }
    };
    let name = match item.fields.remove("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name.trim().to_owned(),
        Some(Value::String(_)) | None => return Err(Problem::new("name", "is missing")),
        Some(_) => return Err(Problem::new("name", "expected a text")),
    };
    match (item.kind, id) {
        (Kind::Workspace, None) if item.index == 0 => Ok((Some(workspace), name)),
        (Kind::Workspace, id) if id != Some(workspace) => {
            Err(Problem::new("id", format!("the file is applied to workspace {workspace} alone")))
        }
        _ => Ok((id, name)),
    }
}

/// The next number of a kind that nobody has or had.
fn free(kind: Kind, standing: &Standing, taken: &BTreeMap<(Kind, ThingId), usize>) -> ThingId {
    let all = (kind, 0)..=(kind, ThingId::MAX);
    let last = standing.range(all.clone()).next_back().map_or(0, |((_, id), _)| *id);
    let last = last.max(taken.range(all).next_back().map_or(0, |((_, id), _)| *id));
    last.saturating_add(1)
}

/// Who can be referred to: the things of the file, and by number alone what is archived.
fn directory(
    wanted: &[Wanted],
    standing: &Standing,
    workspace: ThingId,
    former: Vec<FormerName>,
    problems: &mut Vec<Problem>,
) -> Directory {
    let mut directory = Directory::default();
    for Wanted { item, id, name } in wanted {
        if let Some(other) = directory.add(item.kind, *id, name).filter(|other| other != id) {
            let kind = item.kind;
            let message = format!("{kind} {other} of the file has this name: choose another");
            problems.push(place(item, name).of(Problem::new("name", message)));
        }
    }
    let archived = standing.iter().filter(|(_, s)| s.archived && s.workspace == workspace);
    archived.for_each(|((kind, id), _)| directory.add_archived(*kind, *id));
    for (kind, id, name) in former {
        directory.add_former(kind, id, name);
    }
    directory
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
        Kind::Offer => whole::<Offer>(fields, before, directory, templates),
        Kind::Lander => whole::<Lander>(fields, before, directory, templates),
        Kind::Flow => whole::<Flow>(fields, before, directory, templates),
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
    let problems = [body.problems(), body.problems_here(templates)].concat();
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

impl Step {
    /// What happens to a thing that becomes `after`; none when it is that already.
    pub fn between(
        kind: Kind,
        id: ThingId,
        before: Option<Version<'_>>,
        after: Version<'_>,
        names: &Names<'_>,
    ) -> Option<Self> {
        let action = match before {
            None => Action::Create,
            Some(before) if before.archived && !after.archived => Action::Restore,
            Some(before) if !before.archived && after.archived => Action::Archive,
            Some(_) => Action::Change,
        };
        let mut fields =
            before.map(|before| difference(kind, before, after, names)).unwrap_or_default();
        if action == Action::Change && fields.is_empty() {
            return None;
        }
        fields.retain(|change| change.field != "archived");
        let name = before.map_or(after.name, |before| before.name).to_owned();
        let head = named(kind, before.map(|_| id), &name);
        let words = match action {
            Action::Create => format!("create {head}"),
            Action::Change => format!("change {head}"),
            Action::Restore => format!("restore {head}"),
            Action::Archive => format!("archive {head}"),
        };
        Some(Self { action, kind, id, name, words, fields })
    }
}
