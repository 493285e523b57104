//! What can go wrong where data rests.

use model::thing::{Kind, Problem, Revision, ThingId};
use std::error::Error;
use std::path::PathBuf;

/// The error of a database library, whichever it is.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A thing that refers to another, for [`StoreError::InUse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What it is.
    pub kind: Kind,
    /// Its number.
    pub id: ThingId,
    /// Its name.
    pub name: String,
}

/// Why a reference is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceProblem {
    /// There is no such thing in the workspace.
    Missing,
    /// It is archived; only things that referred to it before may keep doing so.
    Archived,
}

/// Why a store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or set up.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Cause,
    },
    /// Another process has the file open.
    #[error("{} is in use by another process: stop it, or talk to it through its API", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: Cause,
    },
    /// The data was written by a newer version of the program; nothing was touched.
    #[error("{} has format {found}, this program knows up to {known}: use the newer program", path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The newest format this program knows.
        known: u32,
    },
    /// The SQLite library in the program has a known corruption bug.
    #[error(
        "SQLite {found} can corrupt a database in WAL mode: build with the bundled library, 3.51.3 or newer"
    )]
    OldSqlite {
        /// The library's version.
        found: String,
    },
    /// A batch does not continue where the store stands; committing it would lose or double records.
    #[error("the batch continues position {after}, but the store is at {position}")]
    OutOfStep {
        /// The position the batch was made for.
        after: u64,
        /// The store's position.
        position: u64,
    },
    /// A statement failed; nothing of it was kept.
    #[error("cannot {operation}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// What the database says.
        #[source]
        source: Cause,
    },
    /// Stored data cannot be read back.
    #[error("cannot read stored {what}: run `clicktrail check`")]
    Unreadable {
        /// What it was.
        what: String,
    },
    /// The store was closed, or its thread has ended after a fatal error.
    #[error("the store is closed")]
    Closed,
    /// The body of a change is not what its kind expects.
    #[error("the body is no {kind}")]
    Body {
        /// The kind it should be.
        kind: Kind,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// The body of a change is refused for what it says.
    #[error("the {kind} is not valid: {}", Problem::list(problems))]
    Invalid {
        /// The kind.
        kind: Kind,
        /// Every problem found.
        problems: Vec<Problem>,
    },
    /// There is no such thing in the workspace.
    #[error("there is no {kind} {id}")]
    NotFound {
        /// The kind.
        kind: Kind,
        /// The number.
        id: ThingId,
    },
    /// The thing was saved by somebody else since it was read.
    #[error(
        "{kind} {id} is at revision {found}, not {expected}: read it again and repeat the change"
    )]
    Conflict {
        /// The kind.
        kind: Kind,
        /// The number.
        id: ThingId,
        /// The revision the change was made for; 0 when the thing should not exist yet.
        expected: Revision,
        /// The newest revision; 0 when there is none.
        found: Revision,
    },
    /// Another thing of the kind that is not archived has this name.
    #[error("the name `{name}` is taken by {kind} {by}: choose another, or archive that one")]
    NameTaken {
        /// The kind.
        kind: Kind,
        /// The name.
        name: String,
        /// Who has it.
        by: ThingId,
    },
    /// Another campaign has this key or had it before.
    #[error("the key `{key}` belongs to campaign {by}, now or formerly: choose another")]
    KeyTaken {
        /// The key.
        key: String,
        /// Who has it.
        by: ThingId,
    },
    /// Another domain of the installation that is not archived has this host.
    #[error(
        "the host `{host}` belongs to domain {by} of this installation: archive that one first"
    )]
    HostTaken {
        /// The host.
        host: String,
        /// Who has it.
        by: ThingId,
    },
    /// A thing refers to something it cannot refer to.
    #[error("`{place}`: the {kind} refers to {to} {id}, which {}", match problem {
        ReferenceProblem::Missing => "does not exist in its workspace",
        ReferenceProblem::Archived => "is archived: restore it or choose another",
    })]
    Reference {
        /// The kind of the thing that refers.
        kind: Kind,
        /// The kind it refers to.
        to: Kind,
        /// The number it refers to.
        id: ThingId,
        /// Where in the body, such as `default[0].offers[1].offer`.
        place: String,
        /// What is wrong.
        problem: ReferenceProblem,
    },
    /// A thing cannot be archived while others that are not archived refer to it.
    #[error("{kind} {id} is used by {}: change or archive these first", list(by))]
    InUse {
        /// The kind.
        kind: Kind,
        /// The number.
        id: ThingId,
        /// Who refers to it.
        by: Vec<User>,
    },
    /// All numbers of a kind are used up (a campaign's must fit a click id).
    #[error("no number is left for another {kind}")]
    Full {
        /// The kind.
        kind: Kind,
    },
}

impl StoreError {
    /// A failed operation, for `map_err`.
    pub(crate) fn during<E: Into<Cause>>(operation: &'static str) -> impl Fn(E) -> Self {
        move |source| Self::Database { operation, source: source.into() }
    }

    pub(crate) fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }
}

fn list(users: &[User]) -> String {
    let names: Vec<_> =
        users.iter().map(|user| format!("{} {} `{}`", user.kind, user.id, user.name)).collect();
    names.join(", ")
}
