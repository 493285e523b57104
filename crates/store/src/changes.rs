//! The rules of a save, pure: what stands, what shall change, and what the catalog is to write.

use crate::catalog::Change;
use crate::error::{ReferenceProblem, StoreError, User};
use crate::reference_place;
use crate::thing_body::{self, Parts};
use model::id::CAMPAIGN_MAX;
use model::thing::{Kind, Loops, Problem, Revision, ThingId};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The newest revision of one thing, as a catalog keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredThing {
    /// Whose it is.
    pub workspace: ThingId,
    /// Its name.
    pub name: String,
    /// The save that made it what it is.
    pub revision: Revision,
    /// Whether it is archived.
    pub archived: bool,
    /// JSON of its own fields.
    pub body: String,
}

/// Everything that stands.
pub type Standing = BTreeMap<(Kind, ThingId), StoredThing>;

/// How far a number that is asked for may be ahead of the last one: nobody uses all of them up by one save.
const NUMBERS_AHEAD_MAX: ThingId = 1_000_000;

/// The longest name.
const NAME_CHARS_MAX: usize = 200;

/// A thing to be written, and where.
pub type Written = ((Kind, ThingId), StoredThing);

/// Decides whether `changes` may be saved over `standing`, and what each becomes: the things to write,
/// in the order of the changes, with their numbers (their revisions are the catalog's to give).
///
/// What holds afterwards: names are unique among the things of a kind and workspace that are not
/// archived (names of workspaces: in the installation); campaign keys, former ones included, belong to
/// one campaign of the installation; a host belongs to one domain of the installation that is not
/// archived; every body is valid by itself; a thing refers only to things of
/// its own workspace, and newly only to ones that are not archived; nothing is archived while something
/// that is not refers to it; numbers are never used twice; no
/// way from campaign to campaign or from offer to offer leads back.
pub fn check_changes(
    standing: &Standing,
    changes: Vec<Change>,
) -> Result<Vec<Written>, StoreError> {
    let mut after = standing.clone();
    let mut written = Vec::with_capacity(changes.len());
    for change in changes {
        let place = place(&after, &change)?;
        let (kind, id) = place;
        let workspace = if kind == Kind::Workspace { id } else { change.workspace };
        let Change { name, archived, body, .. } = change;
        let thing = StoredThing { workspace, name, revision: 0, archived, body };
        after.insert(place, thing.clone());
        written.push((place, thing));
    }
    let touched: BTreeSet<(Kind, ThingId)> = written.iter().map(|(place, _)| *place).collect();
    let after = After::new(&after)?;
    for place in &touched {
        after.check(*place, standing.get(place))?;
    }
    after.check_names(&touched)?;
    after.check_keys(&touched)?;
    after.check_hosts(&touched)?;
    after.check_archived(&touched)?;
    check_loops(&after, &touched)?;
    Ok(written)
}

/// No way from campaign to campaign, or from offer to offer, leads back or goes on too long.
fn check_loops(after: &After<'_>, touched: &BTreeSet<(Kind, ThingId)>) -> Result<(), StoreError> {
    let may_loop = |kind: Kind| matches!(kind, Kind::Offer | Kind::Flow | Kind::Campaign);
    if !touched.iter().any(|(kind, _)| may_loop(*kind)) {
        return Ok(());
    }
    let things = thing_body::things(after.standing.clone(), 0)?;
    let loops = Loops::among(&things);
    for (kind, id) in touched.iter().copied().filter(|(kind, _)| may_loop(*kind)) {
        let problems = loops.problems(kind, id);
        if !problems.is_empty() {
            return Err(StoreError::Invalid { kind, problems });
        }
    }
    Ok(())
}

/// Which thing a change is about; its number when it is a new one.
fn place(after: &Standing, change: &Change) -> Result<(Kind, ThingId), StoreError> {
    let kind = change.kind;
    let conflict = |id, found| StoreError::Conflict {
        kind,
        id,
        expected: change.expected.unwrap_or_default(),
        found,
    };
    let Some(id) = change.id else {
        let last = after.range((kind, 0)..=(kind, ThingId::MAX)).next_back();
        let last = last.map_or(0, |((_, id), _)| *id);
        let id = last.checked_add(1).filter(|id| *id <= id_max(kind));
        let id = id.ok_or(StoreError::Full { kind })?;
        return match change.expected {
            None | Some(0) => Ok((kind, id)),
            Some(_) => Err(conflict(id, 0)),
        };
    };
    match after.get(&(kind, id)) {
        None if change.expected == Some(0) && (1..=id_max(kind)).contains(&id) => {
            let last = after.range((kind, 0)..=(kind, ThingId::MAX)).next_back();
            let end = last.map_or(0, |((_, id), _)| *id).saturating_add(NUMBERS_AHEAD_MAX);
            if id <= end {
                return Ok((kind, id));
            }
            let message = format!("expected at most {end}: numbers run on from the last one");
            Err(StoreError::Invalid { kind, problems: vec![Problem::new("id", message)] })
        }
        None => Err(StoreError::NotFound { kind, id }),
        Some(thing) if kind != Kind::Workspace && thing.workspace != change.workspace => {
            Err(StoreError::NotFound { kind, id })
        }
        Some(thing) if change.expected.is_some_and(|expected| expected != thing.revision) => {
            Err(conflict(id, thing.revision))
        }
        Some(_) => Ok((kind, id)),
    }
}

fn id_max(kind: Kind) -> ThingId {
    if kind == Kind::Campaign { CAMPAIGN_MAX } else { ThingId::MAX }
}

/// What would stand after the save, with what its bodies say.
struct After<'a> {
    standing: &'a Standing,
    things: BTreeMap<(Kind, ThingId), (&'a StoredThing, Parts)>,
}

impl<'a> After<'a> {
    fn new(standing: &'a Standing) -> Result<Self, StoreError> {
        let read = |(place, thing): (&(Kind, ThingId), &'a StoredThing)| {
            Ok((*place, (thing, thing_body::parts(place.0, &thing.body)?)))
        };
        let things = standing.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok(Self { standing, things })
    }

    /// The thing by itself and what it refers to.
    fn check(
        &self,
        place: (Kind, ThingId),
        before: Option<&StoredThing>,
    ) -> Result<(), StoreError> {
        let kind = place.0;
        let Some((thing, parts)) = self.things.get(&place) else { return Ok(()) };
        let mut problems = thing_body::problems(kind, &thing.body)?;
        if !(1..=NAME_CHARS_MAX).contains(&thing.name.trim().chars().count()) {
            let message = format!("expected 1 to {NAME_CHARS_MAX} characters");
            problems.push(Problem::new("name", message));
        }
        if !problems.is_empty() {
            return Err(StoreError::Invalid { kind, problems });
        }
        let known = match before {
            Some(before) if !before.archived => thing_body::parts(kind, &before.body)?.references,
            _ => Vec::new(),
        };
        if kind != Kind::Workspace {
            let is_new = before.is_none_or(|before| before.archived);
            self.check_reference(place, (Kind::Workspace, thing.workspace), is_new)?;
        }
        for reference in &parts.references {
            self.check_reference(place, *reference, !known.contains(reference))?;
        }
        Ok(())
    }

    fn check_reference(
        &self,
        place: (Kind, ThingId),
        (to, id): (Kind, ThingId),
        is_new: bool,
    ) -> Result<(), StoreError> {
        let from = &self.things[&place].0;
        let refused = |problem| {
            let at = reference_place::place(&from.body, to, id);
            Err(StoreError::Reference { kind: place.0, to, id, place: at, problem })
        };
        match self.things.get(&(to, id)) {
            Some((target, _)) if target.workspace == from.workspace => {
                if target.archived && is_new && !from.archived {
                    return refused(ReferenceProblem::Archived);
                }
                Ok(())
            }
            _ => refused(ReferenceProblem::Missing),
        }
    }

    fn check_names(&self, touched: &BTreeSet<(Kind, ThingId)>) -> Result<(), StoreError> {
        let mut names: HashMap<(Kind, ThingId, &str), ThingId> = HashMap::new();
        let live = self.things.iter().filter(|(_, (thing, _))| !thing.archived);
        // Things that stand come first, so that the error names who had the name before.
        let (new, old): (Vec<_>, Vec<_>) = live.partition(|(place, _)| touched.contains(place));
        for ((kind, id), (thing, _)) in old.into_iter().chain(new) {
            let scope = if *kind == Kind::Workspace { 0 } else { thing.workspace };
            if let Some(by) = names.insert((*kind, scope, thing.name.as_str()), *id) {
                return Err(StoreError::NameTaken { kind: *kind, name: thing.name.clone(), by });
            }
        }
        Ok(())
    }

    fn check_keys(&self, touched: &BTreeSet<(Kind, ThingId)>) -> Result<(), StoreError> {
        let mut owners: HashMap<&str, ThingId> = HashMap::new();
        let campaigns = self.things.iter().filter(|((kind, _), _)| *kind == Kind::Campaign);
        let (new, old): (Vec<_>, Vec<_>) =
            campaigns.partition(|(place, _)| touched.contains(place));
        for ((_, id), (_, parts)) in old.into_iter().chain(new) {
            for key in &parts.keys {
                match owners.insert(key, *id) {
                    Some(by) if by != *id => {
                        return Err(StoreError::KeyTaken { key: key.clone(), by });
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn check_hosts(&self, touched: &BTreeSet<(Kind, ThingId)>) -> Result<(), StoreError> {
        let mut owners: HashMap<&str, ThingId> = HashMap::new();
        let live = self.things.iter().filter(|(_, (thing, _))| !thing.archived);
        let hosts =
            live.filter_map(|(place, (_, parts))| Some((place, parts.host.as_ref()?.as_str())));
        let (new, old): (Vec<_>, Vec<_>) = hosts.partition(|(place, _)| touched.contains(place));
        for ((_, id), host) in old.into_iter().chain(new) {
            if let Some(by) = owners.insert(host, *id) {
                return Err(StoreError::HostTaken { host: host.to_owned(), by });
            }
        }
        Ok(())
    }

    fn check_archived(&self, touched: &BTreeSet<(Kind, ThingId)>) -> Result<(), StoreError> {
        let archived = touched.iter().filter(|place| self.things[place].0.archived);
        let mut users: BTreeMap<(Kind, ThingId), Vec<User>> =
            archived.map(|place| (*place, Vec::new())).collect();
        if users.is_empty() {
            return Ok(());
        }
        for (place, (thing, parts)) in self.things.iter().filter(|(_, (thing, _))| !thing.archived)
        {
            let owner = (Kind::Workspace, thing.workspace);
            let owner = Some(&owner).filter(|owner| *owner != place);
            let used: BTreeSet<_> = parts.references.iter().chain(owner).collect();
            for used in used {
                if let Some(users) = users.get_mut(used) {
                    users.push(User { kind: place.0, id: place.1, name: thing.name.clone() });
                }
            }
        }
        match users.into_iter().find(|(_, users)| !users.is_empty()) {
            Some(((kind, id), by)) => Err(StoreError::InUse { kind, id, by }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(id: Option<ThingId>, name: &str) -> Change {
        Change {
            workspace: 1,
            kind: Kind::Network,
            id,
            name: name.to_owned(),
            archived: false,
            body: "{}".to_owned(),
            expected: None,
        }
    }

    fn standing() -> Standing {
        let workspace = StoredThing {
            workspace: 1,
            name: "main".to_owned(),
            revision: 1,
            archived: false,
            body: thing_body::default_workspace(),
        };
        Standing::from([((Kind::Workspace, 1), workspace)])
    }

    #[test]
    fn names_may_be_exchanged_in_one_save() {
        let mut standing = standing();
        let made = check_changes(&standing, vec![network(None, "A"), network(None, "B")]).unwrap();
        standing.extend(made);
        assert!(check_changes(&standing, vec![network(Some(1), "B")]).is_err());
        let swap = vec![network(Some(1), "B"), network(Some(2), "A")];
        assert_eq!(check_changes(&standing, swap).unwrap().len(), 2);
    }

    #[test]
    fn a_number_far_ahead_of_the_last_one_is_refused() {
        let asked = |id| Change { expected: Some(0), ..network(Some(id), "ahead") };
        assert!(check_changes(&standing(), vec![asked(NUMBERS_AHEAD_MAX)]).is_ok());
        let error = check_changes(&standing(), vec![asked(NUMBERS_AHEAD_MAX + 1)]).unwrap_err();
        assert!(matches!(error, StoreError::Invalid { .. }), "{error}");
    }

    #[test]
    fn numbers_that_are_used_up_are_said_so() {
        let mut standing = standing();
        let last = StoredThing {
            workspace: 1,
            name: "last".to_owned(),
            revision: 2,
            archived: false,
            body: "{}".to_owned(),
        };
        standing.insert((Kind::Network, ThingId::MAX), last);
        let error = check_changes(&standing, vec![network(None, "one more")]).unwrap_err();
        assert!(matches!(error, StoreError::Full { kind: Kind::Network }), "{error}");
    }
}
