//! What the operator decided: the trait every catalog implements, and the words of its methods.

use crate::error::StoreError;
use crate::rates::{RateQuery, RateRow};
use async_trait::async_trait;
use model::rate::{DayRate, RateTable};
use model::table::Things;
use model::thing::{Kind, Revision, ThingId};

/// Things as a log of revisions, API tokens, and answers to repeated requests.
///
/// A workspace belongs to itself. [`model::thing::DEFAULT_WORKSPACE`] exists from the first open.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The newest revision of everything, archived things included, each kind by number.
    async fn things(&self) -> Result<Things, StoreError>;

    /// Everything as it stood right after the save of `revision`.
    async fn things_at(&self, revision: Revision) -> Result<Things, StoreError>;

    /// Saves all changes or none, in their order; later ones may refer to earlier ones. What must hold
    /// afterwards is described at [`crate::check_changes`].
    async fn save(
        &self,
        changes: Vec<Change>,
        author: &str,
        at_ms: i64,
    ) -> Result<Vec<Saved>, StoreError>;

    /// Every revision of one thing, newest first.
    async fn revisions(
        &self,
        workspace: ThingId,
        kind: Kind,
        id: ThingId,
    ) -> Result<Vec<RevisionRow>, StoreError>;

    /// The newest saves of a workspace, those before revision `before` where it is given, newest first.
    async fn log(
        &self,
        workspace: ThingId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<LogRow>, StoreError>;

    /// Every name that a thing of the workspace has or had, each once.
    async fn names(&self, workspace: ThingId) -> Result<Vec<(Kind, ThingId, String)>, StoreError>;

    /// Keeps rates, all or none, and says how many of them say something new: those of the ECB that
    /// stand already are left out. Of several for the same key the last one counts.
    async fn add_rates(
        &self,
        workspace: ThingId,
        rates: &[DayRate],
        author: &str,
        at_ms: i64,
    ) -> Result<usize, StoreError>;

    /// The rates that stand, in the order of their keys.
    async fn rates(&self, workspace: ThingId, query: RateQuery)
    -> Result<Vec<RateRow>, StoreError>;

    /// Every rate of every workspace.
    async fn rate_table(&self) -> Result<RateTable, StoreError>;

    /// Keeps an API token, of which the catalog knows the SHA-256 only.
    async fn create_token(
        &self,
        workspace: ThingId,
        name: &str,
        sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<TokenRow, StoreError>;

    /// The token with this hash, unless it was revoked.
    async fn token(&self, sha256: [u8; 32]) -> Result<Option<TokenRow>, StoreError>;

    /// All tokens of a workspace, revoked ones included, by number.
    async fn tokens(&self, workspace: ThingId) -> Result<Vec<TokenRow>, StoreError>;

    /// Makes a token worthless; false when the workspace has no such token that was not revoked yet.
    async fn revoke_token(
        &self,
        workspace: ThingId,
        id: u32,
        at_ms: i64,
    ) -> Result<bool, StoreError>;

    /// Claims an Idempotency-Key for a request, or says what became of the one that claimed it. Keys
    /// are forgotten after [`IDEMPOTENCY_MS`]; an unfinished claim also when the catalog is reopened.
    async fn claim(
        &self,
        workspace: ThingId,
        key: &str,
        request_sha256: [u8; 32],
        at_ms: i64,
    ) -> Result<Claim, StoreError>;

    /// Keeps the answer to the request that claimed `key`; without one, gives the key back.
    async fn settle(
        &self,
        workspace: ThingId,
        key: &str,
        answer: Option<KeptAnswer>,
    ) -> Result<(), StoreError>;

    /// Lets go of the files; later calls answer [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}

/// How long an Idempotency-Key is remembered: 24 h.
pub const IDEMPOTENCY_MS: i64 = 86_400_000;

/// One thing to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Whose it is; for a new workspace of no meaning.
    pub workspace: ThingId,
    /// What it is.
    pub kind: Kind,
    /// Which one. None creates one with the next free number. A number nobody has had, together with
    /// `expected: Some(0)`, creates the thing with that number, so that several things which refer to
    /// each other can be made in one save.
    pub id: Option<ThingId>,
    /// Its name.
    pub name: String,
    /// Whether it is archived from now on.
    pub archived: bool,
    /// JSON of the kind's own fields.
    pub body: String,
    /// The revision this change was made for; absent for "whatever stands", 0 for "not there yet".
    pub expected: Option<Revision>,
}

/// What a [`Change`] became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What it is.
    pub kind: Kind,
    /// Its number.
    pub id: ThingId,
    /// The revision that was made.
    pub revision: Revision,
}

/// One saved version of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionRow {
    /// Its number.
    pub revision: Revision,
    /// Who saved it.
    pub author: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// The name it had.
    pub name: String,
    /// Whether it was archived.
    pub archived: bool,
    /// JSON of its own fields.
    pub body: String,
}

/// A save, with what it replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// What was saved.
    pub kind: Kind,
    /// Which one.
    pub id: ThingId,
    /// The version that was made.
    pub row: RevisionRow,
    /// The version before; none when the thing was new.
    pub before: Option<Replaced>,
}

/// A version that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The name the thing had.
    pub name: String,
    /// Whether it was archived.
    pub archived: bool,
    /// JSON of its own fields.
    pub body: String,
}

/// An API token, without what opens anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// Its number.
    pub id: u32,
    /// What it gives access to.
    pub workspace: ThingId,
    /// What it is for.
    pub name: String,
    /// When it was made, Unix milliseconds.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// What became of a claim on an Idempotency-Key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key is new: carry the request out, then settle.
    New,
    /// The same request is being carried out.
    Running,
    /// The same request was answered.
    Answered(KeptAnswer),
    /// The key was used for another request.
    OtherRequest,
}

/// The answer to a request, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}
