-- What the operator decided: every save is a revision, and revisions are never changed. A thing as it
-- stands is its newest revision.
CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    workspace INTEGER NOT NULL,
    name TEXT NOT NULL,
    archived INTEGER NOT NULL,
    author TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE INDEX revisions_of_thing ON revisions (kind, id, revision);

CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END;

CREATE TRIGGER revisions_remain BEFORE DELETE ON revisions
BEGIN SELECT RAISE(ABORT, 'a revision is never removed'); END;

-- API tokens, by the SHA-256 of their secret.
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 BLOB NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    revoked_ms INTEGER
) STRICT;

-- Requests with an Idempotency-Key, and their answers; without a status while they are carried out.
CREATE TABLE claims (
    workspace INTEGER NOT NULL,
    key TEXT NOT NULL,
    request_sha256 BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    status INTEGER,
    body BLOB,
    PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;

-- What was spent on which traffic, append-only: of several entries for the same traffic the newest stands
-- that was not undone. `slice` is a JSON object, its keys in the order of the field table's tags.
CREATE TABLE costs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace INTEGER NOT NULL,
    campaign INTEGER NOT NULL,
    slice TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    author TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    batch TEXT
) STRICT;

CREATE INDEX costs_of_traffic ON costs (workspace, campaign, from_ms, to_ms, slice);

CREATE TRIGGER costs_stay BEFORE UPDATE ON costs
BEGIN SELECT RAISE(ABORT, 'a cost entry is never changed'); END;

CREATE TRIGGER costs_remain BEFORE DELETE ON costs
BEGIN SELECT RAISE(ABORT, 'a cost entry is never removed'); END;

CREATE TABLE cost_undos (
    cost INTEGER PRIMARY KEY REFERENCES costs (id),
    author TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

-- Projections that are to be computed again, and how far that is.
CREATE TABLE recomputes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace INTEGER NOT NULL,
    what TEXT NOT NULL,
    campaign INTEGER,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    author TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    batch TEXT,
    is_done INTEGER NOT NULL DEFAULT 0,
    rows_done INTEGER NOT NULL DEFAULT 0,
    rows_total INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;

CREATE INDEX recomputes_unfinished ON recomputes (id) WHERE NOT is_done;

-- What one unit of `base` costs in `quote` from `day` on, as decimal text. Rows are only added: of those
-- with the same key the newest stands. No price ends a manual rate.
CREATE TABLE rates (
    id INTEGER PRIMARY KEY,
    workspace INTEGER NOT NULL,
    day TEXT NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    source TEXT NOT NULL,
    rate TEXT,
    author TEXT NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX rates_of_day ON rates (workspace, day DESC, base, quote, source, id);

CREATE TRIGGER rates_stay BEFORE UPDATE ON rates
BEGIN SELECT RAISE(ABORT, 'a rate is never changed'); END;

CREATE TRIGGER rates_remain BEFORE DELETE ON rates
BEGIN SELECT RAISE(ABORT, 'a rate is never removed'); END;
