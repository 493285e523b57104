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
