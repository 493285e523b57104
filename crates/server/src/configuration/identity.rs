//! Which thing each of a file is, where it stands, and who can be referred to.

use super::plan::FormerName;
use super::references::Directory;
use super::standing::Standing;
use super::text::Item;
use super::words::named;
use model::thing::{Kind, Problem, ThingId};
use serde_json::Value;
use std::collections::BTreeMap;

/// A thing of the file, and which one it is.
pub struct Wanted {
    /// As it stands in the file, without number and name.
    pub item: Item,
    /// Its number.
    pub id: ThingId,
    /// The name it is to have.
    pub name: String,
}

/// Where a thing stands in the file.
pub struct Place {
    path: String,
    head: String,
}

/// Where `item` stands, and under which name.
pub fn place(item: &Item, name: &str) -> Place {
    let head = format!("line {}, {}", item.line, named(item.kind, None, name));
    Place { path: format!("{}[{}]", item.kind, item.index), head }
}

impl Place {
    /// The problem, with its place in the file.
    pub fn of(&self, problem: Problem) -> Problem {
        let field = match problem.field.as_str() {
            "" | "body" => self.path.clone(),
            field => format!("{}.{field}", self.path),
        };
        Problem::new(field, format!("{}: {}", self.head, problem.message))
    }
}

/// Tells which thing each of the file is. With an `id` it is that one, whatever its name. Without, it
/// is the live one of its name, unless another of the file has that one's number; else it is new.
pub fn identify(
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
pub fn directory(
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
