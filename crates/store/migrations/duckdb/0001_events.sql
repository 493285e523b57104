-- Events: four tables of one shape. The columns of the fields follow from the field table and are
-- added when the database is opened (src/duck/migrate.rs); these are the ones every row has.
-- Texts that hardly ever repeat are kept from DuckDB's dictionaries, which would have to be read whole
-- for one of them.

CREATE TABLE clicks (
    key BIGINT,
    row_kind BIGINT,
    event_ms BIGINT,
    sequence BIGINT,
    count BIGINT,
    cost BIGINT,
    revenue BIGINT,
    flags BIGINT,
    cost_amount BIGINT,
    cost_currency VARCHAR,
    cost_source BIGINT,
    cost_base BIGINT,
    cost_entry BIGINT,
    amount BIGINT,
    rate VARCHAR,
    visitor BIGINT,
    platform_id VARCHAR USING COMPRESSION zstd,
    raw_query VARCHAR USING COMPRESSION zstd,
    ip_net VARCHAR,
    rest MAP(VARCHAR, VARCHAR)
);

CREATE TABLE hops AS FROM clicks;
CREATE TABLE ledger AS FROM clicks;
CREATE TABLE spend AS FROM clicks;

-- Ids that platforms gave clicks, by hash.
CREATE TABLE platform_ids (
    hash BIGINT,
    key BIGINT
);

-- Postbacks and pixel calls. `facts` is a record of the journal's format (docs/formats/record.md).
CREATE TABLE inbox (
    sequence BIGINT,
    workspace BIGINT,
    received_ms BIGINT,
    key BIGINT,
    verdict VARCHAR,
    reason VARCHAR,
    message VARCHAR,
    facts BLOB,
    search VARCHAR
);

-- New figures of a recompute, kept aside until one transaction puts all of them in place. `row_table`: 0 clicks, 1 hops,
-- 2 ledger. `figure`: 0 a cost (without an entry a row costs again what it was written down with), 1 a verdict, 2 all
-- amounts.
CREATE TABLE staged (
    job BIGINT,
    piece BIGINT,
    row_table BIGINT,
    figure BIGINT,
    key BIGINT,
    sequence BIGINT,
    count BIGINT,
    entry BIGINT,
    cost BIGINT,
    revenue BIGINT,
    cost_base BIGINT,
    cost_amount BIGINT,
    cost_currency VARCHAR,
    amount BIGINT,
    rate VARCHAR,
    is_bot BIGINT,
    reason VARCHAR
);

CREATE TABLE staged_pieces (
    job BIGINT,
    piece BIGINT,
    through BIGINT,
    basis BIGINT
);

-- Numbers about the whole: `format`, `position`, `generation` (how often figures were switched), `newest_ms`, and
-- `largest_key:NODE` for every node.
CREATE TABLE meta (
    name VARCHAR,
    value BIGINT
);
