//! What happens to one thing, in words and field by field: in a plan, and in the log of what was saved.

use super::difference::{FieldChange, Version, difference};
use super::words::{Names, named};
use model::thing::{Kind, ThingId};
use serde::Serialize;

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
